//! Mails a second that the SMTP listener accepts and commits, beside the same generator into a
//! sink that stores nothing, in the same run: the sink says what this machine's sockets allow.
//!
//! `cargo bench`. Prints a table, and the memory of the whole process, generator included.

use std::sync::Arc;
use std::time::{Duration, Instant};

use firebell::clock::Clock;
use firebell::ids::Ids;
use firebell::intake::{Inbox, Listener, Protocol, Settings, listen};
use firebell::mail::{Address, OwnAddress};
use firebell::store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
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

/// Answers what the generator says, and keeps nothing.
async fn swallow(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink\r\n").await?;
    let mut heard = Vec::with_capacity(16 * 1024);
    while stream.read_buf(&mut heard).await? > 0 {
        let answer: &[u8] = if heard.starts_with(b"EHLO") {
            b"250 sink\r\n"
        } else if heard.ends_with(b"DATA\r\n") && heard.starts_with(b"MAIL") {
            b"250 ok\r\n250 ok\r\n354 go\r\n"
        } else if heard.ends_with(b"\r\n.\r\n") {
            b"250 ok\r\n"
        } else {
            continue;
        };
        heard.clear();
        stream.write_all(answer).await?;
    }
    Ok(())
}

fn memory() -> Outcome<String> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    Ok(format!("{} resident, {} at most", line("VmRSS:"), line("VmHWM:")))
}
