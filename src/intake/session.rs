//! What is said on one SMTP or LMTP connection (RFC 5321, RFC 2033), as a state machine: octets go
//! in, answers come out, and what it cannot do by itself it asks for.
//!
//! Takes mail for our own addresses only, so it is never a relay, and says 250 to a message only
//! when it is stored. Never reads, writes or waits: [`dialogue`](super::dialogue) does. Start with
//! [`Session::take`], then `Session::obey` for the commands.

mod trace;

use std::net::IpAddr;
use std::time::Duration;

use smtp_proto::{Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom, RcptTo, Request};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::content::{ContentReader, Flaw};
use super::login::{Exchange, Login, Next};
use super::smtp::{Protocol, Settings};
use super::{Arrival, NotStored};
use crate::mail::Address;
use crate::mail::address::ADDRESS_OCTETS_MAX;
use crate::store::rows::{Client, Outside, Route};

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// `None` on a Unix socket.
    pub address: Option<IpAddr>,
    pub network_trusted: bool,
    pub tls: Tls,
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// We have no certificate.
    Unavailable,
    /// STARTTLS is offered (RFC 3207).
    Offered,
    Active,
}

/// Octets of a command, its line end included: eight times what RFC 5321 section 4.5.3.1.4 asks for.
const LINE_OCTETS_MAX: usize = 4_096;

/// What a session cannot do by itself; it takes nothing more until it has its answer.
#[derive(Debug)]
pub enum Wanted {
    /// Store a message, and tell [`Session::stored`].
    Store(Arrival),
    /// Check a password, and tell [`Session::checked`].
    Check(Login),
    /// A TLS handshake. This session is over: what was said before it could be anybody's, so that a
    /// new one begins behind it (RFC 3207 section 4.2).
    Handshake,
}

/// One client's session.
pub struct Session<'a> {
    peer: Peer,
    protocol: Protocol,
    settings: &'a Settings,
    command_due_at: Instant,
    /// Answers not yet written: all of a pipelined group go out at once (RFC 2920 section 3.2).
    out: Vec<u8>,
    /// What came of the next line; of one that is too long, enough to see that.
    line: Vec<u8>,
    mode: Mode,
    /// What the client calls itself.
    hello: Option<Hello>,
    /// Who logged in.
    login: Option<Address>,
    logins_failed: u32,
    transaction: Option<Transaction>,
    /// Memory of the message that is being stored.
    room: Option<OwnedSemaphorePermit>,
    /// Answers that the message which has ended gets.
    answers_due: usize,
    errors: u32,
    relays_refused: u32,
    idle_commands: u32,
    ended: bool,
}

struct Hello {
    name: String,
    extended: bool,
}

#[derive(Default)]
struct Transaction {
    reverse_path: Option<String>,
    utf8: bool,
    recipients: Vec<Address>,
    /// RCPT commands answered with 250, the same recipient again included: LMTP answers each.
    accepted: usize,
}

/// How the next octets are understood.
enum Mode {
    Commands,
    /// The lines of a login (RFC 4954 section 4).
    Login(Exchange),
    Content(Box<Incoming>),
}

struct Incoming {
    reader: ContentReader,
    room: Option<OwnedSemaphorePermit>,
    started_at: Instant,
}

impl<'a> Session<'a> {
    /// A session with whoever connected. Behind a handshake nobody is greeted again.
    pub fn new(peer: Peer, protocol: Protocol, settings: &'a Settings, now: Instant) -> Self {
        let mut session = Self {
            peer,
            protocol,
            settings,
            command_due_at: now + settings.limits.command_within,
            out: Vec::with_capacity(512),
            line: Vec::new(),
            mode: Mode::Commands,
            hello: None,
            login: None,
            logins_failed: 0,
            transaction: None,
            room: None,
            answers_due: 0,
            errors: 0,
            relays_refused: 0,
            idle_commands: 0,
            ended: false,
        };
        if peer.tls != Tls::Active {
            let kind = if protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
            session.reply(&format!("220 {} {kind} Firebell", settings.host));
        }
        session
    }

    /// What the client is to be told by now.
    pub fn answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Whether the connection is to be closed once the answers are written.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the client is in the middle of nothing: the server may stop without cutting it off.
    pub fn is_idle(&self) -> bool {
        matches!(self.mode, Mode::Commands) && self.transaction.is_none()
    }

    /// Recipients that only a relay would have taken.
    pub fn relays_refused(&self) -> u32 {
        self.relays_refused
    }

    /// By when the next octets must have come.
    pub fn due_at(&self) -> Instant {
        let limits = &self.settings.limits;
        match &self.mode {
            Mode::Content(incoming) => {
                let earned = incoming.reader.seen() / limits.octets_per_second.max(1);
                let span = limits.slow_start + Duration::from_secs(earned);
                incoming.started_at + span.min(limits.content_within)
            }
            Mode::Commands | Mode::Login(_) => self.command_due_at,
        }
    }

    /// The client let its time pass.
    pub fn give_up_on_client(&mut self) {
        self.end("421 4.4.2 Too slow, closing the connection");
    }

    /// The server stops, and the client is to come again.
    pub fn send_away(&mut self) {
        self.end("421 4.3.2 The server is stopping, try again later");
    }

    /// Others need the connection more than a client that says nothing.
    pub fn make_room(&mut self) {
        self.end("421 4.7.0 Too many connections, try again later");
    }

    /// Works through what was read: part of a command, several commands, part of a message. Returns
    /// when all of it is taken, or when something is wanted before it can go on.
    pub fn take(&mut self, input: &mut &[u8], now: Instant) -> Option<Wanted> {
        while !input.is_empty() && !self.ended {
            if let Mode::Content(incoming) = &mut self.mode {
                let taken = incoming.reader.take(input);
                let Some(taken) = taken else {
                    self.reserve_room();
                    *input = &[];
                    return None;
                };
                *input = input.get(taken..).unwrap_or_default();
                if let Some(arrival) = self.finish_content(now) {
                    return Some(Wanted::Store(arrival));
                }
            } else if let Some(wanted) = self.take_line(input, now) {
                return Some(wanted);
            }
            self.lose_patience();
        }
        None
    }

    /// What became of the message that was to be stored.
    pub fn stored(&mut self, outcome: Result<(), NotStored>, now: Instant) {
        self.answer_content(
            match outcome {
                Ok(()) => "250 2.0.0 Stored",
                Err(NotStored::Failed) => "451 4.3.0 Could not be stored, try again later",
                Err(NotStored::NoRoom) => {
                    "452 4.3.1 No room for more mail that proves nothing, try again later"
                }
            },
            now,
        );
        self.lose_patience();
    }

    /// Whose the password was that was to be checked.
    pub fn checked(&mut self, login: Option<Address>) {
        if login.is_some() {
            self.login = login;
            return self.reply("235 2.7.0 Welcome");
        }
        self.logins_failed += 1;
        self.refuse("535 5.7.8 Not the name and the password");
        if self.logins_failed >= self.settings.limits.logins_failed {
            self.end("421 4.7.0 Too many failed logins, closing the connection");
        }
        self.lose_patience();
    }

    /// Takes one line, or the part of it that is there.
    ///
    /// The parser is given whole lines only: of a broken one it would go on into the next, and how
    /// far depends on how the octets came.
    fn take_line(&mut self, input: &mut &[u8], now: Instant) -> Option<Wanted> {
        let end = input.iter().position(|octet| *octet == b'\n').map_or(input.len(), |at| at + 1);
        let (part, rest) = input.split_at(end);
        *input = rest;
        let octets_max = match self.mode {
            Mode::Login(_) => self.settings.limits.login_line_octets,
            _ => LINE_OCTETS_MAX,
        };
        let room = (octets_max + 1).saturating_sub(self.line.len());
        self.line.extend(part.iter().take(room));
        if !part.ends_with(b"\n") {
            return None;
        }
        let line = std::mem::take(&mut self.line);
        self.command_due_at = now + self.settings.limits.command_within;
        if let Mode::Login(_) = self.mode {
            return self.take_login_line(&line, octets_max);
        }
        let request = match line.len() {
            0..=LINE_OCTETS_MAX => Request::parse(&mut line.iter()).map(Request::into_owned),
            _ => Err(Error::ResponseTooLong),
        };
        match request {
            Ok(Request::StartTls) => return self.start_tls(input),
            Ok(Request::Auth { mechanism, initial_response }) => {
                return self.begin_login(mechanism, &initial_response);
            }
            Ok(request) => self.obey(request, now),
            Err(error) => self.refuse_syntax(&error),
        }
        None
    }

    /// Whoever can put octets on the wire before the handshake could have them obeyed behind it: a
    /// client that does not wait for our answer is sent away.
    fn start_tls(&mut self, behind: &[u8]) -> Option<Wanted> {
        if self.peer.tls != Tls::Offered {
            self.refuse("502 5.5.1 Not offered");
        } else if !behind.is_empty() {
            self.end("503 5.5.0 Nothing may follow STARTTLS, closing the connection");
        } else {
            self.reply("220 2.0.0 Go ahead");
            self.ended = true;
            return Some(Wanted::Handshake);
        }
        None
    }

    fn begin_login(&mut self, mechanism: u64, initial_response: &str) -> Option<Wanted> {
        if self.settings.passwords.is_none() || self.protocol == Protocol::Lmtp {
            self.refuse("502 5.5.1 Not implemented");
        } else if self.peer.tls != Tls::Active {
            self.refuse("538 5.7.11 Encrypt the connection first");
        } else if self.hello.is_none() || self.login.is_some() || self.transaction.is_some() {
            self.refuse("503 5.5.1 Once, after EHLO and before MAIL");
        } else {
            return self.go_on(Exchange::begin(mechanism, initial_response));
        }
        None
    }

    fn take_login_line(&mut self, line: &[u8], octets_max: usize) -> Option<Wanted> {
        let Mode::Login(exchange) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return None;
        };
        if line.len() > octets_max {
            self.refuse("500 5.5.6 Line too long");
            return None;
        }
        self.go_on(exchange.take(line.trim_ascii_end()))
    }

    fn go_on(&mut self, (exchange, next): (Option<Exchange>, Next)) -> Option<Wanted> {
        if let Some(exchange) = exchange {
            self.mode = Mode::Login(exchange);
        }
        match next {
            Next::Ask(line) => self.reply(line),
            Next::Check(login) => return Some(Wanted::Check(login)),
            Next::Refuse(line) => self.refuse(line),
        }
        None
    }

    fn refuse_syntax(&mut self, error: &Error) {
        self.refuse(match error {
            Error::ResponseTooLong => "500 5.5.6 Line too long",
            Error::UnknownCommand => "500 5.5.1 Unknown command",
            Error::InvalidSenderAddress => "501 5.1.7 Not a reverse-path",
            Error::InvalidRecipientAddress => "501 5.1.3 Not a forward-path",
            Error::UnsupportedParameter { .. } => "555 5.5.4 Unknown parameter",
            Error::InvalidParameter { .. } => "501 5.5.4 Invalid parameter",
            _ => "501 5.5.2 Syntax error",
        });
    }

    fn obey(&mut self, request: Request<String>, now: Instant) {
        match request {
            Request::Ehlo { host } if self.protocol == Protocol::Smtp => self.greet(host, true),
            Request::Helo { host } if self.protocol == Protocol::Smtp => self.greet(host, false),
            Request::Lhlo { host } if self.protocol == Protocol::Lmtp => self.greet(host, true),
            Request::Lhlo { .. } => self.refuse("500 5.5.1 This is SMTP, say EHLO"),
            Request::Ehlo { .. } | Request::Helo { .. } => {
                self.refuse("500 5.5.1 This is LMTP, say LHLO");
            }
            Request::Mail { from } => self.begin(from),
            Request::Rcpt { to } => self.add_recipient(&to),
            Request::Data => self.begin_content(now),
            Request::Rset => {
                self.transaction = None;
                self.reply_idle("250 2.0.0 Forgotten");
            }
            Request::Noop { .. } => self.reply_idle("250 2.0.0 Still here"),
            // Telling who exists would tell whom to guess (RFC 5321 section 7.3).
            Request::Vrfy { .. } => self.reply_idle("252 2.5.2 Send some mail and see"),
            Request::Help { .. } => self.reply_idle("214 2.0.0 RFC 5321"),
            Request::Quit => self.end("221 2.0.0 Goodbye"),
            // What follows these is no command, and must not be read as one.
            Request::Bdat { .. } | Request::Burl { .. } => {
                self.end("502 5.5.1 Not implemented, closing the connection");
            }
            _ => self.refuse("502 5.5.1 Not implemented"),
        }
    }

    /// Answers EHLO, HELO and LHLO, all of which end a transaction (RFC 5321 section 4.1.4).
    fn greet(&mut self, name: String, extended: bool) {
        self.transaction = None;
        self.hello = Some(Hello { name, extended });
        let host = &self.settings.host;
        if !extended {
            return self.reply_idle(&format!("250 {host}"));
        }
        let more = match self.peer.tls {
            Tls::Offered => "250-STARTTLS\r\n",
            Tls::Active if self.settings.passwords.is_some() && self.protocol == Protocol::Smtp => {
                "250-AUTH PLAIN LOGIN\r\n"
            }
            Tls::Active | Tls::Unavailable => "",
        };
        self.reply_idle(&format!(
            "250-{host}\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n{more}\
             250 ENHANCEDSTATUSCODES",
            self.settings.limits.message_octets
        ));
    }

    fn begin(&mut self, from: MailFrom<String>) {
        const KNOWN: u64 = MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_SMTPUTF8;
        if self.hello.is_none() {
            self.refuse("503 5.5.1 Say hello first");
        } else if self.transaction.is_some() {
            self.refuse("503 5.5.1 There is a sender already");
        } else if from.flags & !KNOWN != 0 {
            self.refuse("555 5.5.4 Unknown parameter");
        } else if from.size > self.settings.limits.message_octets {
            self.refuse("552 5.3.4 Message too large");
        } else if !is_path(&from.address) {
            self.refuse("501 5.1.7 Not a reverse-path");
        } else {
            self.transaction = Some(Transaction {
                reverse_path: Some(from.address).filter(|path| !path.is_empty()),
                utf8: from.flags & MAIL_SMTPUTF8 != 0,
                ..Transaction::default()
            });
            self.reply("250 2.1.0 Sender ok");
        }
    }

    fn add_recipient(&mut self, to: &RcptTo<String>) {
        let recipients_max = self.settings.limits.recipients;
        let Some(transaction) = &mut self.transaction else {
            return self.refuse("503 5.5.1 Name the sender first");
        };
        if to.flags != 0 || to.orcpt.is_some() {
            return self.refuse("555 5.5.4 Unknown parameter");
        }
        if transaction.accepted >= recipients_max {
            return self.refuse("452 4.5.3 Too many recipients");
        }
        let Ok(address) = Address::read(&to.address) else {
            return self.refuse("501 5.1.3 Not a forward-path");
        };
        if self.settings.own.tag_of(&address).is_none() {
            self.relays_refused += 1;
            return self.refuse("550 5.7.1 Not an address of ours, and this is no relay");
        }
        transaction.accepted += 1;
        if !transaction.recipients.contains(&address) {
            transaction.recipients.push(address);
        }
        self.reply("250 2.1.5 Recipient ok");
    }

    fn begin_content(&mut self, now: Instant) {
        match &self.transaction {
            None => self.refuse("503 5.5.1 Name the sender first"),
            // RFC 2033 section 4.2 wants this code.
            Some(begun) if begun.accepted == 0 && self.protocol == Protocol::Lmtp => {
                self.refuse("503 5.5.1 No valid recipients");
            }
            Some(begun) if begun.accepted == 0 => self.refuse("554 5.5.1 No valid recipients"),
            Some(_) => {
                self.mode = Mode::Content(Box::new(Incoming {
                    reader: ContentReader::new(self.settings.limits.message_octets),
                    room: None,
                    started_at: now,
                }));
                self.reply("354 End with a dot on a line of its own");
            }
        }
    }

    /// Reserves memory for what the message holds by now, or gives the message up.
    fn reserve_room(&mut self) {
        let Mode::Content(incoming) = &mut self.mode else { return };
        let wanted = incoming.reader.held() / 1_024 + 1;
        let has = incoming.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(missing) = u32::try_from(wanted.saturating_sub(has)) else { return };
        match self.settings.room.clone().try_acquire_many_owned(missing) {
            Ok(more) => match &mut incoming.room {
                Some(room) => room.merge(more),
                room => *room = Some(more),
            },
            Err(_) => {
                incoming.room = None;
                incoming.reader.give_up(Flaw::NoRoom);
            }
        }
    }

    /// Ends a message: returns it when it is to be stored, and answers it otherwise.
    fn finish_content(&mut self, now: Instant) -> Option<Arrival> {
        let Mode::Content(incoming) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return None;
        };
        let transaction = self.transaction.take()?;
        self.answers_due = if self.protocol == Protocol::Lmtp { transaction.accepted } else { 1 };
        let refusal = match incoming.reader.finish() {
            Ok(octets) if count_received(&octets) > self.settings.limits.received_fields => {
                "554 5.4.6 Too many hops, the message runs in a circle"
            }
            Ok(octets) => {
                self.room = incoming.room;
                return Some(self.arrival(octets, transaction));
            }
            Err(Flaw::Oversize) => "552 5.3.4 Message too large",
            Err(Flaw::NoRoom) => "452 4.3.1 Too many messages at once, try again later",
            Err(Flaw::BareLineEnd) => "550 5.6.11 Bare CR or LF in the message",
        };
        self.answer_content(refusal, now);
        None
    }

    fn answer_content(&mut self, answer: &str, now: Instant) {
        self.room = None;
        self.idle_commands = 0;
        self.command_due_at = now + self.settings.limits.command_within;
        self.errors += u32::from(answer.starts_with('5'));
        for _ in 0..std::mem::take(&mut self.answers_due) {
            self.reply(answer);
        }
    }

    fn reply(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Answers a command that brings no message nearer, and loses patience in the end.
    fn reply_idle(&mut self, line: &str) {
        self.idle_commands += 1;
        self.errors += u32::from(self.idle_commands > self.settings.limits.idle_commands);
        self.reply(line);
    }

    fn refuse(&mut self, line: &str) {
        self.errors += 1;
        self.reply(line);
    }

    /// After every answer, not before the next command: how a client cuts its octets changes nothing.
    fn lose_patience(&mut self) {
        if self.errors >= self.settings.limits.errors && !self.ended {
            self.end("421 4.7.0 Too many errors, closing the connection");
        }
    }

    fn end(&mut self, line: &str) {
        self.reply(line);
        self.ended = true;
    }
}

/// Whether a reverse-path can be kept: many spellings are in use, but none has these octets.
fn is_path(path: &str) -> bool {
    path.len() <= ADDRESS_OCTETS_MAX && !path.chars().any(|c| c.is_control() || "<>".contains(c))
}

/// How many hosts have passed the message on so far.
fn count_received(octets: &[u8]) -> usize {
    octets
        .split(|&octet| octet == b'\n')
        .take_while(|line| !matches!(line, [] | [b'\r']))
        .filter(|line| {
            line.split_at_checked(9).is_some_and(|(name, _)| name.eq_ignore_ascii_case(b"received:"))
        })
        .count()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
