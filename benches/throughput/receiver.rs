//! The least that a receiver of mail does: SMTP on loopback, one thread for all clients. What becomes
//! of a message, and when it is answered, says who starts it: [`start`].

use std::future::Future;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::Outcome;

const OFFER: &str = "250-receiver.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n";

/// Takes a message; `None` where it is answered at once.
pub type Take = std::sync::Arc<dyn Fn(Vec<u8>) -> Option<oneshot::Receiver<()>> + Send + Sync>;

/// Starts one that gives each message to `take`, and runs `beside` on its thread; returns its port.
pub fn start(take: Take, beside: impl Future<Output = ()> + Send + 'static) -> Outcome<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::spawn(beside);
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(stream, take.clone()));
            }
        });
    });
    Ok(port)
}

async fn converse(mut stream: TcpStream, take: Take) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 receiver.example ESMTP\r\n").await?;
    let (mut heard, mut in_content) = (Vec::with_capacity(16 * 1024), false);
    while stream.read_buf(&mut heard).await? > 0 {
        let mut answers = String::new();
        while let Some(said) = cut(&mut heard, if in_content { b"\r\n.\r\n" } else { b"\r\n" }) {
            let verb = said.get(..4).unwrap_or_default().to_ascii_uppercase();
            if in_content {
                in_content = false;
                if let Some(stored) = take(said)
                    && stored.await.is_err()
                {
                    return Ok(());
                }
                answers.push_str("250 ok\r\n");
            } else if verb == b"EHLO" {
                answers.push_str(OFFER);
            } else if verb == b"DATA" {
                in_content = true;
                answers.push_str("354 go\r\n");
            } else if verb == b"QUIT" {
                return stream.write_all(b"221 bye\r\n").await;
            } else {
                answers.push_str("250 ok\r\n");
            }
        }
        stream.write_all(answers.as_bytes()).await?;
    }
    Ok(())
}

/// Takes what stands before the first `ending`, if that has come; the ending is gone, too.
fn cut(heard: &mut Vec<u8>, ending: &[u8]) -> Option<Vec<u8>> {
    let at = heard.windows(ending.len()).position(|octets| octets == ending)?;
    let mut said: Vec<u8> = heard.drain(..at + ending.len()).collect();
    said.truncate(at);
    Some(said)
}
