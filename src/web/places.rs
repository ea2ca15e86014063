//! How many may visit the pages at once, and for how long: whoever connects and says nothing, or says
//! it slowly, keeps nobody out for ever.
//!
//! Knows nothing of HTTP, whose header hyper bounds. Start with [`Places::new`].

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at once: browsers have six each, and each costs a file handle.
const VISITS: usize = 256;
/// A connection ends after so long; whoever wants more connects again.
const VISIT_WITHIN: Duration = Duration::from_secs(30);

/// A listener with so many places.
#[derive(Debug)]
pub struct Places {
    listener: TcpListener,
    free: Arc<Semaphore>,
    visit_within: Duration,
}

/// One connection, for as long as it may last.
#[derive(Debug)]
pub struct Visit {
    stream: TcpStream,
    ends: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub fn new(listener: TcpListener) -> Self {
        Self::with(listener, VISITS, VISIT_WITHIN)
    }

    fn with(listener: TcpListener, visits: usize, visit_within: Duration) -> Self {
        Self { listener, free: Arc::new(Semaphore::new(visits)), visit_within }
    }
}

impl Listener for Places {
    type Io = Visit;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Visit, SocketAddr) {
        // Nobody closes the semaphore.
        let place = self.free.clone().acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let ends = Box::pin(tokio::time::sleep(self.visit_within));
        (Visit { stream, ends, _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Visit {
    /// The stream, unless its time is over. Also has the task woken when it is.
    fn stream(&mut self, context: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        match self.ends.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(Pin::new(&mut self.stream)),
        }
    }
}

impl AsyncRead for Visit {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Visit {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream(context)?.poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_slow_visitor_keeps_nobody_out_for_longer_than_a_visit() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = Places::with(listener, 1, Duration::from_millis(300));
        tokio::spawn(async { axum::serve(places, super::super::files()).await });
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /style.css HTTP/1.1\r\nHost: ").await.unwrap();
        let mut next = TcpStream::connect(address).await.unwrap();
        next.write_all(b"GET /icon.svg HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        next.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
        assert!(!matches!(slow.read(&mut [0; 64]).await, Ok(1..)));
    }

    #[tokio::test]
    async fn a_header_without_end_is_refused() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(Places::new(listener), super::super::files()).await });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let endless = format!("GET /style.css HTTP/1.1\r\nX: {}", "x".repeat(2_000_000));
        // The rest is not even read.
        let _ = stream.write_all(endless.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"));
    }
}
