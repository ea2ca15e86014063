//! One connection to the relay, and one transaction on it for each recipient.
//!
//! lettre speaks the protocol, over a socket of ours; its own transport drops all recipients when
//! one is refused, and waits for a silent server for ever. Start with [`Connection::hand_over`].

use std::time::Duration;

use data_encoding::BASE64;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::time::timeout;

use super::socket::Socket;
use crate::config::{Login, Relay, RelayTls};
use crate::credential::{self, Secret, xoauth2};
use crate::mail::Address;

/// How long a relay may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connecting, greeting and logging in; a relay that needs longer is not well.
    pub greeting: Duration,
    /// From MAIL to the go-ahead for the content.
    pub commands: Duration,
    /// From the final dot to the answer: giving up earlier sends the mail twice (RFC 5321
    /// section 4.5.3.2.6).
    pub content: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let [greeting, commands, content] = [30, 60, 600].map(Duration::from_secs);
        Self { greeting, commands, content }
    }
}

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
    /// Nobody's: the mail is another process's by now, and the relay has nothing of it from us.
    #[error("somebody else hands the mail over")]
    Lapsed,
}

/// A connection on which the relay has greeted us.
pub struct Connection {
    smtp: AsyncSmtpConnection,
    /// The relay takes several commands in one go (RFC 2920).
    pipelining: bool,
    limits: Limits,
    /// What was said of the last mail, line by line.
    dialogue: Vec<String>,
}

impl Connection {
    /// # Errors
    ///
    /// What went wrong, for people: the relay is away, or does not want us now.
    pub async fn open(relay: &Relay, hello: &str, limits: Limits) -> Result<Self, String> {
        match timeout(limits.greeting, connect(relay, hello)).await {
            Ok(opened) => {
                opened.map(|(smtp, pipelining)| Self { smtp, pipelining, limits, dialogue: Vec::new() })
            }
            Err(_) => Err("the relay did not greet us in time".to_owned()),
        }
    }

    /// Hands one mail over for one recipient; returns what the relay answered to it.
    ///
    /// `is_ours` is asked when the relay is ready for the content: this process may have stood still
    /// since it began, and a transaction without its final dot is nothing (RFC 5321 section 4.1.1.4).
    ///
    /// # Errors
    ///
    /// [`HandoverError`]; after its last three kinds this connection is not to be used again.
    pub async fn hand_over(
        &mut self,
        reverse_path: &Address,
        recipient: &Address,
        octets: &[u8],
        is_ours: impl Fn() -> bool,
    ) -> Result<String, HandoverError> {
        self.dialogue.clear();
        let within = self.limits.commands;
        let begun = timeout(within, self.begin(reverse_path, recipient, octets)).await;
        begun.unwrap_or_else(|_| Err(HandoverError::Broken("no answer in time".to_owned())))?;
        if !is_ours() {
            return Err(HandoverError::Lapsed);
        }
        // The final dot brings its own line end.
        let content = octets.strip_suffix(b"\r\n").unwrap_or(octets);
        self.dialogue.push(format!("> {} octets and the final dot", content.len()));
        match timeout(self.limits.content, self.smtp.message(content)).await {
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
        let commands = [
            Mail::new(Some(from), parameters).to_string(),
            Rcpt::new(to, Vec::new()).to_string(),
            Data.to_string(),
        ];
        let ready =
            if self.pipelining { self.say_at_once(&commands).await } else { self.say(&commands).await };
        let Err(error) = ready else { return Ok(()) };
        let verdict = judge(&error, HandoverError::Broken);
        if matches!(verdict, HandoverError::Deferred(_) | HandoverError::Refused(_)) {
            // The next mail on this connection needs a clean beginning. Should this fail, its MAIL
            // fails too, and finds a new connection.
            let _ = self.smtp.command(Rset).await;
        }
        Err(verdict)
    }

    /// Says one after the other, until one is refused.
    async fn say(&mut self, commands: &[String]) -> Result<(), Error> {
        for command in commands {
            self.note_said(command);
            let answered = self.smtp.command(command).await;
            self.note_answer(&answered);
            answered?;
        }
        Ok(())
    }

    /// Says all of them, of which the last is DATA, in one go: a mail needs two answers of the relay
    /// one after the other, and not four. The first refusal counts; what it says to the others is
    /// heard out.
    async fn say_at_once(&mut self, commands: &[String]) -> Result<(), Error> {
        let (mut refused, mut wants_content) = (None, false);
        for (place, command) in commands.iter().enumerate() {
            self.note_said(command);
            let answered = match place {
                0 => self.smtp.command(commands.concat()).await,
                _ => self.smtp.read_response().await,
            };
            self.note_answer(&answered);
            wants_content = answered.is_ok();
            if let Err(error) = answered {
                let is_last = matches!(judge(&error, HandoverError::Broken), HandoverError::Broken(_));
                refused.get_or_insert(error);
                if is_last {
                    break;
                }
            }
        }
        if refused.is_some() && wants_content {
            // A relay that wants content nonetheless gets none (RFC 2920 section 3.1).
            let _ = self.smtp.command(".\r\n").await;
        }
        refused.map_or(Ok(()), Err)
    }

    fn note_said(&mut self, command: &str) {
        self.dialogue.push(format!("> {}", command.trim_end()));
    }

    fn note_answer(&mut self, answered: &Result<Response, Error>) {
        self.dialogue.push(match answered {
            Ok(response) => format!("< {}", text_of(response)),
            Err(error) => format!("< {}", answer_of(error)),
        });
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
/// asked for there is no connection. Also whether several commands may be said in one go.
async fn connect(relay: &Relay, hello: &str) -> Result<(AsyncSmtpConnection, bool), String> {
    let Relay::Smtp { host, port, tls, login } = relay else {
        return Err("a folder is no mail server".to_owned());
    };
    let hello = ClientId::Domain(hello.to_owned());
    let answer = |error: Error| answer_of(&error);
    let verified = || TlsParameters::new(host.clone()).map_err(answer);
    let mut smtp = if *tls == RelayTls::Implicit {
        let place = (host.as_str(), *port);
        AsyncSmtpConnection::connect_tokio1(place, None, &hello, Some(verified()?), None)
            .await
            .map_err(answer)?
    } else {
        let socket = match tls {
            RelayTls::StartTls => Socket::connect_guarded(host, *port).await,
            _ => Socket::connect(host, *port).await,
        };
        let socket = Box::new(socket.map_err(|error| error.to_string())?);
        AsyncSmtpConnection::connect_with_transport(socket, &hello).await.map_err(answer)?
    };
    if *tls == RelayTls::StartTls {
        smtp.starttls(verified()?, &hello).await.map_err(answer)?;
    }
    if let Some(login) = login {
        log_in(&mut smtp, login).await?;
    }
    let pipelining = offers_pipelining(&mut smtp, hello).await.map_err(answer)?;
    Ok((smtp, pipelining))
}

/// Asks once more what the relay offers (RFC 5321 section 4.1.4), because lettre keeps of the first
/// answer only what it uses itself. A relay that does not like to be asked again offers nothing.
async fn offers_pipelining(smtp: &mut AsyncSmtpConnection, hello: ClientId) -> Result<bool, Error> {
    match smtp.command(Ehlo::new(hello)).await {
        Ok(offer) => Ok(offer.message().skip(1).any(|line| line.eq_ignore_ascii_case("PIPELINING"))),
        Err(error) if error.status().is_some() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads what proves who we are each time, so that a changed one is found by itself.
async fn log_in(smtp: &mut AsyncSmtpConnection, login: &Login) -> Result<(), String> {
    let answer = |error: Error| answer_of(&error);
    match credential::read(&login.credential).await? {
        Secret::Password(password) => {
            let credentials = Credentials::new(login.name.clone(), password);
            smtp.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await.map_err(answer)?;
        }
        Secret::Token(token) => {
            if !smtp.server_info().supports_auth_mechanism(Mechanism::Xoauth2) {
                return Err("the relay offers no login by token (AUTH XOAUTH2)".to_owned());
            }
            let token = BASE64.encode(xoauth2(&login.name, &token).as_bytes());
            let said = smtp.command(format!("AUTH XOAUTH2 {token}\r\n")).await.map_err(answer)?;
            // This says in base64 what is wrong with the token, and wants an empty line; only then
            // the relay refuses the login.
            if said.has_code(334) {
                smtp.command("\r\n").await.map_err(answer)?;
                return Err("the relay does not want the token".to_owned());
            }
        }
    }
    Ok(())
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
