//! The mails that are sent: declarations, and replies of 1.5 KB with what they quote, one after the
//! other on each of some connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Outcome;

/// Incidents that the replies go to in turn.
pub const INCIDENTS: u64 = 20;
/// Members of a list of ours, each of whom is sent a copy.
pub const CROWD: usize = 10_000;

/// A mail with its envelope.
pub struct Mail {
    to: String,
    content: String,
}

/// The declaration of an incident whose reporter commands it. Each comes from somebody else,
/// because one person may declare five an hour.
pub fn declaration(number: u64) -> Mail {
    declaration_of(number, "SEV1")
}

/// The declaration of an incident, the next one after [`INCIDENTS`], of which a crowd is told.
pub fn declaration_to_crowd() -> Mail {
    declaration_of(INCIDENTS, "SEV5")
}

fn declaration_of(number: u64, severity: &str) -> Mail {
    let content = format!(
        "From: p{number}@example.org\r\nTo: incidents@example.org\r\n\
         Subject: {severity} thing {number} is down\r\nMessage-ID: <declared.{number}@ops.example>\r\n\r\n\
         I have command\r\n\r\nWe look into it.\r\n.\r\n"
    );
    Mail { to: "incidents@example.org".to_owned(), content }
}

/// What the crowd is told next.
pub fn follow_up_to_crowd() -> Mail {
    let to = format!("incidents+{}@example.org", INCIDENTS + 1);
    let content = format!(
        "From: p{INCIDENTS}@example.org\r\nTo: {to}\r\nSubject: Re: thing\r\n\
         Message-ID: <follow-up@ops.example>\r\n\r\n\
         Update: We moved all traffic to the other site, and watch the queues.\r\n.\r\n"
    );
    Mail { to, content }
}

/// A reply that says something and quotes what it answers.
pub fn reply(number: u64) -> Mail {
    let (to, incident) =
        (format!("incidents+{}@example.org", number % INCIDENTS + 1), number % INCIDENTS);
    let said = "We see that the replica is lagging by some minutes, on db-7 too.\r\n".repeat(4);
    let quoted = "> quoted line of the declaration that was sent before\r\n".repeat(18);
    let content = format!(
        "From: Alice Ng <alice@example.org>\r\nTo: {to}\r\n\
         Subject: Re: [INC-{}] thing\r\nMessage-ID: <reply.{number}@ops.example>\r\n\
         In-Reply-To: <declared.{incident}@ops.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         {said}Number {number}.\r\n\r\nOn Friday, Incidents wrote:\r\n{quoted}.\r\n",
        incident + 1
    );
    Mail { to, content }
}

/// A mail of so many octets for one of many.
fn copy(number: usize, octets: usize) -> Mail {
    let head = format!("Message-ID: <copy.{number}@ops.example>\r\nSubject: x\r\n\r\n");
    let line = "We moved all traffic to the other site, and watch the queues.\r\n";
    let body = line.repeat(octets.saturating_sub(head.len()) / line.len());
    Mail { to: format!("c{number}@example.org"), content: format!("{head}{body}.\r\n") }
}

/// Sends `count` mails of so many octets on `connections`.
pub async fn send_copies(port: u16, connections: usize, count: usize, octets: usize) -> Outcome<()> {
    let mut clients = JoinSet::new();
    for first in 0..connections {
        clients.spawn(async move {
            let mut client = Client::connect(port).await?;
            for number in (first..count).step_by(connections) {
                client.send(&copy(number, octets)).await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

/// Hands out the numbers of replies, so that no two are the same message.
#[derive(Clone, Default)]
pub struct Numbers(Arc<AtomicU64>);

impl Numbers {
    pub fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

/// Sends replies for `span` on each of `connections`; returns how many were accepted.
pub async fn send_replies(
    port: u16,
    connections: usize,
    span: Duration,
    numbers: &Numbers,
) -> Outcome<usize> {
    let until = Instant::now() + span;
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let numbers = numbers.clone();
        clients.spawn(async move {
            let mut client = Client::connect(port).await?;
            let mut sent = 0;
            while Instant::now() < until {
                client.send(&reply(numbers.next())).await?;
                sent += 1;
            }
            Outcome::Ok(sent)
        });
    }
    let mut sent = 0;
    while let Some(client) = clients.join_next().await {
        sent += client??;
    }
    Ok(sent)
}

/// A connection to an SMTP server.
pub struct Client {
    stream: TcpStream,
}

impl Client {
    pub async fn connect(port: u16) -> Outcome<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        expect(&mut stream, &["220"]).await?;
        stream.write_all(b"EHLO generator.example\r\n").await?;
        expect(&mut stream, &["250"]).await?;
        Ok(Self { stream })
    }

    /// Returns when the server has accepted the mail.
    pub async fn send(&mut self, mail: &Mail) -> Outcome<()> {
        let envelope = format!("MAIL FROM:<dana@ops.example>\r\nRCPT TO:<{}>\r\nDATA\r\n", mail.to);
        self.stream.write_all(envelope.as_bytes()).await?;
        expect(&mut self.stream, &["250", "250", "354"]).await?;
        self.stream.write_all(mail.content.as_bytes()).await?;
        expect(&mut self.stream, &["250"]).await
    }
}

/// Reads answers until each of `codes` has come, in order.
async fn expect(stream: &mut TcpStream, codes: &[&str]) -> Outcome<()> {
    let mut answers = Vec::new();
    loop {
        if stream.read_buf(&mut answers).await? == 0 {
            return Err("the server closed the connection".into());
        }
        let text = String::from_utf8_lossy(&answers);
        let last_lines = text.split_inclusive("\r\n").filter(|line| line.ends_with("\r\n"));
        let found: Vec<&str> = last_lines
            .filter(|line| line.as_bytes().get(3) == Some(&b' '))
            .map(|line| line.get(..3).unwrap_or_default())
            .collect();
        if found.len() >= codes.len() {
            return if found == codes { Ok(()) } else { Err(format!("answered {text:?}").into()) };
        }
    }
}
