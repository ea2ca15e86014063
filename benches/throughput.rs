//! Mails a second that the SMTP listener accepts and commits, beside the same generator into a
//! sink that stores nothing, in the same run: the sink says what this machine's sockets allow.
//! Then one follow-up to many recipients, handed over to the same sink and marked.
//!
//! `cargo bench`. Prints a table, and the memory of the whole process, generator included.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firebell::clock::Clock;
use firebell::delivery::{self, Relay, RelayTls, deliver};
use firebell::ids::Ids;
use firebell::incident::decision::Purpose;
use firebell::intake::{Inbox, Listener, Protocol, Settings, listen};
use firebell::mail::ids::Secret;
use firebell::mail::{Address, OwnAddress};
use firebell::store::Store;
use firebell::store::rows::{NewLetter, NewOutbox};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

const RUN: Duration = Duration::from_secs(5);
const BODY_OCTETS: usize = 1_500;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
    let store = Store::open(&url).await?;
    let inbox = Inbox::new(store.clone(), Ids::new(0), Clock::system());
    println!("memory at rest: {}", memory()?);
    let (_stop, shutdown) = watch::channel(false);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let own = OwnAddress::new(Address::read("incidents@example.org")?, '+');
    let settings = Settings::new("mx.example.org".into(), own, Vec::new(), Clock::system());
    let listener = Listener::Tcp(listener);
    tokio::spawn(listen(listener, Protocol::Smtp, Arc::new(settings), inbox, shutdown));
    let sink = TcpListener::bind("127.0.0.1:0").await?;
    let sink_port = sink.local_addr()?.port();
    tokio::spawn(run_sink(sink));

    println!("{:>11} {:>16} {:>16}", "connections", "stored/s", "into the sink/s");
    for connections in [1, 16] {
        let before = store.count_waiting_inbound().await?;
        let (sent, rate) = send_all(port, connections).await?;
        let stored = store.count_waiting_inbound().await? - before;
        assert_eq!(stored, sent, "every message that got its 250 is stored, and no other");
        let (_, sink_rate) = send_all(sink_port, connections).await?;
        println!("{connections:>11} {rate:>16.0} {sink_rate:>16.0}");
    }
    let rate = deliver_all(&store, sink_port, 10_000).await?;
    println!("handed to the sink, one follow-up to 10,000 recipients: {rate:.0} a second");
    println!("memory afterwards: {}", memory()?);
    Ok(())
}

async fn send_all(port: u16, connections: usize) -> Outcome<(i64, f64)> {
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(send(port, begun + RUN));
    }
    let mut sent = 0;
    while let Some(client) = clients.join_next().await {
        sent += client??;
    }
    Ok((i64::from(sent), f64::from(sent) / begun.elapsed().as_secs_f64()))
}

/// Sends one mail after the other until `until`; returns how many were accepted.
async fn send(port: u16, until: Instant) -> Outcome<u32> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    expect(&mut stream, &["220"]).await?;
    stream.write_all(b"EHLO generator.example\r\n").await?;
    expect(&mut stream, &["250"]).await?;
    let line = "disk full on db-7, please look at it now. 0123456789\r\n";
    let body = line.repeat(BODY_OCTETS / line.len());
    let envelope = "MAIL FROM:<dana@ops.example>\r\nRCPT TO:<incidents+42@example.org>\r\nDATA\r\n";
    let mut sent = 0;
    while Instant::now() < until {
        stream.write_all(envelope.as_bytes()).await?;
        expect(&mut stream, &["250", "250", "354"]).await?;
        let id = format!("<{sent}.{port}@ops.example>");
        let content = format!("Message-ID: {id}\r\nSubject: Re: [INC-42] db\r\n\r\n{body}\r\n.\r\n");
        stream.write_all(content.as_bytes()).await?;
        expect(&mut stream, &["250"]).await?;
        sent += 1;
    }
    Ok(sent)
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

async fn run_sink(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(swallow(stream));
    }
}

/// Answers what it is told, and keeps nothing.
async fn swallow(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink\r\n").await?;
    let (mut heard, mut in_content) = (Vec::with_capacity(16 * 1024), false);
    while stream.read_buf(&mut heard).await? > 0 {
        if in_content && heard.ends_with(b"\r\n.\r\n") {
            heard.clear();
            in_content = false;
            stream.write_all(b"250 ok\r\n").await?;
        } else if !in_content && heard.ends_with(b"\r\n") {
            in_content = heard.ends_with(b"DATA\r\n");
            let lines = heard.iter().filter(|&&octet| octet == b'\n').count();
            let mut answers = "250 ok\r\n".repeat(lines - usize::from(in_content));
            answers.push_str(if in_content { "354 go\r\n" } else { "" });
            heard.clear();
            stream.write_all(answers.as_bytes()).await?;
        }
    }
    Ok(())
}

/// Posts one letter to many and waits until the relay has them all; returns mails a second, from
/// the commit of the rows to the mark of the last.
async fn deliver_all(store: &Store, port: u16, count: i64) -> Outcome<f64> {
    let (clock, ids) = (Clock::system(), Ids::new(2));
    let now = clock.now();
    let letter = ids.next(now);
    let mut write = store.begin_write().await?;
    write
        .save_letter(&NewLetter {
            id: letter,
            message_id: "fan-out@example.org".into(),
            incident: None,
            purpose: Purpose::FollowUp,
            created_at: now,
            subject: "x".into(),
            octets: format!("Subject: x\r\n\r\n{}\r\n", "x".repeat(70)).into_bytes(),
        })
        .await?;
    let mut rows = Vec::new();
    for number in 0..count {
        rows.push(NewOutbox {
            id: ids.next(now),
            letter,
            recipient: Address::read(&format!("p{number}@example.org"))?,
            token: None,
            due_at: now,
            expires_at: now + chrono::TimeDelta::hours(1),
        });
    }
    write.save_outbox(&rows).await?;
    let begun = Instant::now();
    write.commit().await?;
    let own = OwnAddress::new(Address::read("incidents@example.org")?, '+');
    let relay = Relay::Smtp { host: "127.0.0.1".into(), port, tls: RelayTls::Plain, login: None };
    let settings =
        delivery::Settings::new(relay, "mx.example.org".into(), own, Secret::new(&[7; 32]), clock);
    let (stop, shutdown) = watch::channel(false);
    let (failed, _failures) = mpsc::channel(1);
    let waiting = Arc::new(Notify::new());
    let delivering = deliver(store.clone(), Arc::new(settings), waiting, failed, shutdown);
    let delivering = tokio::spawn(delivering);
    while store.earliest_outbox().await?.is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = f64::from(i32::try_from(count)?) / begun.elapsed().as_secs_f64();
    stop.send(true)?;
    delivering.await?;
    Ok(rate)
}

fn memory() -> Outcome<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    Ok(format!("{} resident, {} at most", line("VmRSS:"), line("VmHWM:")))
}
