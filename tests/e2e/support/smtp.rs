//! A small blocking SMTP client (RFC 5321): enough to hand over one message after another.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any server here needs, shorter than a test may hang.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Why a message was not taken.
#[derive(Debug)]
pub enum Refusal {
    /// The connection broke: the message may or may not be there.
    Broken(io::Error),
    /// The server said no.
    Answered(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the connection broke: {error}"),
            Self::Answered(answer) => write!(f, "the server answered {answer}"),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Sends one message over a connection of its own.
///
/// # Errors
///
/// The server's first answer that is not the expected one.
pub fn send(port: u16, from: &str, to: &[&str], message: &str) -> Result<(), Refusal> {
    Smtp::connect(port)?.send(from, to, message)
}

/// Puts one message into one mailbox, by LMTP (RFC 2033).
///
/// # Errors
///
/// As [`send`].
pub fn send_lmtp(port: u16, from: &str, to: &str, message: &str) -> Result<(), Refusal> {
    Smtp::greet(port, "LHLO")?.send(from, &[to], message)
}

/// A greeted connection.
pub struct Smtp(BufReader<TcpStream>);

impl Smtp {
    /// Connects and says EHLO.
    ///
    /// # Errors
    ///
    /// As [`send`].
    pub fn connect(port: u16) -> Result<Self, Refusal> {
        Self::greet(port, "EHLO")
    }

    fn greet(port: u16, hello: &str) -> Result<Self, Refusal> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let mut connection = Self(BufReader::new(stream));
        connection.expect("220")?;
        connection.command(&format!("{hello} client.people.test"), "250")?;
        Ok(connection)
    }

    /// Hands over one message; `Ok` is the 250 behind the final dot.
    ///
    /// # Errors
    ///
    /// As [`send`].
    pub fn send(&mut self, from: &str, to: &[&str], message: &str) -> Result<(), Refusal> {
        self.command(&format!("MAIL FROM:<{from}>"), "250")?;
        for recipient in to {
            self.command(&format!("RCPT TO:<{recipient}>"), "250")?;
        }
        self.command("DATA", "354")?;
        let mut octets = String::new();
        for line in message.lines() {
            // A leading dot is doubled (RFC 5321 section 4.5.2).
            let dot = if line.starts_with('.') { "." } else { "" };
            octets.extend([dot, line, "\r\n"]);
        }
        self.command(&format!("{octets}."), "250")
    }

    /// Says one line, which is answered with `code`.
    ///
    /// # Errors
    ///
    /// As [`send`].
    pub fn command(&mut self, line: &str, code: &str) -> Result<(), Refusal> {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.expect(code)
    }

    /// Begins the content of a message and does not end it.
    ///
    /// # Errors
    ///
    /// The connection broke.
    pub fn say_half(&mut self, line: &str) -> Result<(), Refusal> {
        Ok(self.0.get_mut().write_all(format!("{line}\r\n").as_bytes())?)
    }

    /// Waits for an answer with `code`.
    ///
    /// # Errors
    ///
    /// As [`send`].
    pub fn expect(&mut self, code: &str) -> Result<(), Refusal> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            match line.as_bytes().get(3) {
                Some(b'-') => {}
                _ if line.starts_with(code) => return Ok(()),
                _ => return Err(Refusal::Answered(line)),
            }
        }
    }
}
