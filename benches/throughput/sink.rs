//! An SMTP server that answers what it is told and keeps nothing but a count: what it takes a
//! second is what this machine's sockets allow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;

/// A running sink.
pub struct Sink {
    pub port: u16,
    taken: Arc<AtomicU64>,
}

impl Sink {
    pub async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let taken = Arc::<AtomicU64>::default();
        tokio::spawn(run(listener, taken.clone()));
        Ok(Self { port, taken })
    }

    /// Messages that got their 250 so far.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::SeqCst)
    }
}

async fn run(listener: TcpListener, taken: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(swallow(stream, taken.clone()));
    }
}

async fn swallow(mut stream: TcpStream, taken: Arc<AtomicU64>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink\r\n").await?;
    let (mut heard, mut in_content) = (Vec::with_capacity(16 * 1024), false);
    while stream.read_buf(&mut heard).await? > 0 {
        if in_content && heard.ends_with(b"\r\n.\r\n") {
            heard.clear();
            in_content = false;
            taken.fetch_add(1, Ordering::SeqCst);
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
