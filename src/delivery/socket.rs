//! A connection that sends what was written when an answer is waited for, and not before.
//!
//! lettre writes a message and its final dot apart, and flushes after each. Here both leave in one
//! write, so that with `TCP_NODELAY` a mail is as few segments as it can be.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Beyond this it sends at once, so that a large mail is not in memory twice.
const HELD_OCTETS_MAX: usize = 64 * 1024;

/// First octet of a record that carries a TLS handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// Longer than any line of an answer (RFC 5321 section 4.5.3.1.5).
const ANSWER_LINE_OCTETS_MAX: usize = 4096;

#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    held: Vec<u8>,
    /// How many of `held` are sent.
    sent: usize,
    /// Until TLS begins: the last octets that came since we spoke.
    guard: Option<Heard>,
}

/// What was heard since we spoke. Whatever stands behind the answer to STARTTLS came unprotected,
/// perhaps from somebody on the way, and must not be taken for an answer given under TLS.
#[derive(Debug, Default)]
struct Heard {
    line: Vec<u8>,
    /// The last line of an answer has ended.
    whole: bool,
}

impl Heard {
    /// Whether `octets` belong to one answer, of which the last line has a space behind its code
    /// (RFC 5321 section 4.2.1).
    fn take(&mut self, octets: &[u8]) -> bool {
        for &octet in octets {
            if self.whole || self.line.len() > ANSWER_LINE_OCTETS_MAX {
                return false;
            }
            if octet == b'\n' {
                self.whole = self.line.get(3) != Some(&b'-');
                self.line.clear();
            } else {
                self.line.push(octet);
            }
        }
        true
    }
}

impl Socket {
    pub async fn connect(host: &str, port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, held: Vec::new(), sent: 0, guard: None })
    }

    /// The same, for STARTTLS: until TLS begins each answer must end where the next word of ours
    /// begins.
    pub async fn connect_guarded(host: &str, port: u16) -> io::Result<Self> {
        let socket = Self::connect(host, port).await?;
        Ok(Self { guard: Some(Heard::default()), ..socket })
    }

    /// What we say begins a new answer; a TLS record of a handshake ends the guard.
    fn note_sending(&mut self) {
        if self.guard.is_some() {
            let is_tls = self.held.first() == Some(&TLS_HANDSHAKE);
            self.guard = (!is_tls).then(Heard::default);
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() && self.sent == 0 {
            self.note_sending();
        }
        while let Some(rest) = self.held.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        self.held.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncTokioStream for Socket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        let is_fine = self.guard.as_mut().is_none_or(|heard| heard.take(came));
        if is_fine {
            Poll::Ready(Ok(()))
        } else {
            let why = "the relay said more than an answer before TLS";
            Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)))
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.held.len() >= HELD_OCTETS_MAX {
            ready!(self.poll_send(cx))?;
        }
        self.held.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    /// Held back on purpose: reading the answer sends it.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
