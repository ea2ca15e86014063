//! One connection to the relay, and one transaction on it for each recipient.
//!
//! lettre speaks the protocol, over a socket of ours; its own transport drops all recipients when
//! one is refused, and waits for a silent server for ever. Start with [`Connection::hand_over`].

use std::fmt::Display;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::socket::Socket;
use crate::config::RelayTls;
use crate::mail::Address;

/// Connecting and greeting; a relay on this machine that needs longer is not well.
const GREETING_WITHIN: Duration = Duration::from_secs(30);
/// From MAIL to the go-ahead for the content.
const COMMANDS_WITHIN: Duration = Duration::from_secs(60);
/// From the final dot to the answer: giving up earlier sends the mail twice (RFC 5321
/// section 4.5.3.2.6).
const CONTENT_WITHIN: Duration = Duration::from_secs(600);

/// Why the relay did not take a mail, and what may be done with the connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// Ours, later: the relay answered 4yz (RFC 5321 section 4.2.1).
    #[error("the relay put the mail off: {0}")]
    Deferred(String),
    /// The relay answered 5yz and will not change its mind.
    #[error("the relay refused the mail: {0}")]
    Refused(String),
    /// The connection is of no use any more, and the relay has nothing of this mail.
    #[error("the connection to the relay broke: {0}")]
    Broken(String),
    /// The connection broke behind the final dot: the relay may have the mail or not.
    #[error("the relay did not say whether it took the mail: {0}")]
    Uncertain(String),
}

/// The relay, and how it is spoken to.
#[derive(Clone, Copy)]
pub struct Server<'a> {
    pub host: &'a str,
    pub port: u16,
    pub tls: RelayTls,
    /// Name and password.
    pub login: Option<(&'a str, &'a str)>,
}

/// A connection on which the relay has greeted us.
pub struct Connection {
    smtp: AsyncSmtpConnection,
    /// What was said of the last mail, line by line.
    dialogue: Vec<String>,
}

impl Connection {
    /// # Errors
    ///
    /// What went wrong, for people: the relay is away, or does not want us now.
    pub async fn open(server: &Server<'_>, hello: &str) -> Result<Self, String> {
        match timeout(GREETING_WITHIN, connect(server, hello)).await {
            Ok(opened) => opened.map(|smtp| Self { smtp, dialogue: Vec::new() }),
            Err(_) => Err("the relay did not greet us in time".to_owned()),
        }
    }

    /// Hands one mail over for one recipient; returns what the relay answered to it.
    ///
    /// # Errors
    ///
    /// [`HandoverError`]; after its last two kinds this connection is not to be used again.
    pub async fn hand_over(
        &mut self,
        reverse_path: &Address,
        recipient: &Address,
        octets: &[u8],
    ) -> Result<String, HandoverError> {
        self.dialogue.clear();
        let begun = timeout(COMMANDS_WITHIN, self.begin(reverse_path, recipient, octets)).await;
        begun.unwrap_or_else(|_| Err(HandoverError::Broken("no answer in time".to_owned())))?;
        // The final dot brings its own line end.
        let content = octets.strip_suffix(b"\r\n").unwrap_or(octets);
        self.dialogue.push(format!("> {} octets and the final dot", content.len()));
        match timeout(CONTENT_WITHIN, self.smtp.message(content)).await {
            Ok(Ok(response)) => Ok(text_of(&response)),
            Ok(Err(error)) => {
                self.dialogue.push(format!("< {}", answer_of(&error)));
                Err(judge(&error, HandoverError::Uncertain))
            }
            Err(_) => Err(HandoverError::Uncertain("no answer in time".to_owned())),
        }
    }

    async fn begin(
        &mut self,
        reverse_path: &Address,
        recipient: &Address,
        octets: &[u8],
    ) -> Result<(), HandoverError> {
        let from = to_lettre(reverse_path)?;
        let to = to_lettre(recipient)?;
        let parameters = self.parameters(reverse_path, recipient, octets)?;
        let broken = |error| judge(&error, HandoverError::Broken);
        self.say(Mail::new(Some(from), parameters)).await.map_err(broken)?;
        let named = self.say(Rcpt::new(to, Vec::new())).await;
        let ready = match named {
            Ok(_) => self.say(Data).await,
            Err(error) => Err(error),
        };
        let Err(error) = ready else { return Ok(()) };
        let verdict = broken(error);
        if matches!(verdict, HandoverError::Deferred(_) | HandoverError::Refused(_)) {
            // The next mail on this connection needs a clean beginning. Should this fail, its MAIL
            // fails too, and finds a new connection.
            let _ = self.smtp.command(Rset).await;
        }
        Err(verdict)
    }

    async fn say(&mut self, command: impl Display) -> Result<Response, Error> {
        self.dialogue.push(format!("> {}", command.to_string().trim_end()));
        let answered = self.smtp.command(command).await;
        self.dialogue.push(match &answered {
            Ok(response) => format!("< {}", text_of(response)),
            Err(error) => format!("< {}", answer_of(error)),
        });
        answered
    }

    /// What was said of the last mail: `>` before our lines, `<` before the relay's.
    pub fn dialogue(&self) -> String {
        self.dialogue.join("\n")
    }

    fn parameters(
        &self,
        reverse_path: &Address,
        recipient: &Address,
        octets: &[u8],
    ) -> Result<Vec<MailParameter>, HandoverError> {
        let offers = |extension| self.smtp.server_info().supports_feature(extension);
        let mut parameters = Vec::new();
        if !reverse_path.as_str().is_ascii() || !recipient.as_str().is_ascii() {
            if !offers(Extension::SmtpUtfEight) {
                let answer = "553 5.6.7 The relay takes ASCII addresses only";
                return Err(HandoverError::Refused(answer.to_owned()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !octets.is_ascii() && offers(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        Ok(parameters)
    }

    /// Says goodbye; a relay that does not answer is left without.
    pub async fn quit(mut self) {
        let _ = timeout(Duration::from_secs(1), self.smtp.quit()).await;
    }
}

/// Connects, protects the connection as configured, and logs in. Without the protection that was
/// asked for there is no connection.
async fn connect(server: &Server<'_>, hello: &str) -> Result<AsyncSmtpConnection, String> {
    let hello = ClientId::Domain(hello.to_owned());
    let answer = |error: Error| answer_of(&error);
    let verified = || TlsParameters::new(server.host.to_owned()).map_err(answer);
    let mut smtp = if server.tls == RelayTls::Implicit {
        let place = (server.host, server.port);
        AsyncSmtpConnection::connect_tokio1(place, None, &hello, Some(verified()?), None)
            .await
            .map_err(answer)?
    } else {
        let socket = match server.tls {
            RelayTls::StartTls => Socket::connect_guarded(server.host, server.port).await,
            _ => Socket::connect(server.host, server.port).await,
        };
        let socket = Box::new(socket.map_err(|error| error.to_string())?);
        AsyncSmtpConnection::connect_with_transport(socket, &hello).await.map_err(answer)?
    };
    if server.tls == RelayTls::StartTls {
        smtp.starttls(verified()?, &hello).await.map_err(answer)?;
    }
    if let Some((name, password)) = server.login {
        let credentials = Credentials::new(name.to_owned(), password.to_owned());
        smtp.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(answer)?;
    }
    Ok(smtp)
}

fn to_lettre(address: &Address) -> Result<lettre::Address, HandoverError> {
    address.as_str().parse().map_err(|_| {
        HandoverError::Refused("553 5.1.3 Not an address that can be given to a relay".to_owned())
    })
}

/// Sorts an error into what is said about this mail and what is said about the connection.
fn judge(error: &Error, otherwise: fn(String) -> HandoverError) -> HandoverError {
    let answer = answer_of(error);
    match error.status() {
        // 421 closes the connection, whatever it was the answer to (RFC 5321 section 3.8).
        Some(_) if answer.starts_with("421") => HandoverError::Broken(answer),
        Some(_) if error.is_permanent() => HandoverError::Refused(answer),
        Some(_) => HandoverError::Deferred(answer),
        None => otherwise(answer),
    }
}

fn answer_of(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let text = match error.status() {
        Some(code) => format!("{code} {cause}"),
        None if cause.is_empty() => error.to_string(),
        None => cause,
    };
    shorten(&text)
}

fn text_of(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    shorten(&format!("{} {}", response.code(), lines.join(" ")))
}

/// An answer is kept and shown: one line, of a length that a person reads.
fn shorten(text: &str) -> String {
    const ANSWER_CHARS_MAX: usize = 500;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ANSWER_CHARS_MAX).collect()
}

#[cfg(test)]
#[path = "relay_tests.rs"]
pub(super) mod tests;
