//! What is said on one SMTP or LMTP connection (RFC 5321, RFC 2033).
//!
//! Takes mail for our own addresses only, so it is never a relay, and says 250 to a message only
//! when it is stored. Runs over any stream of octets, so that TLS can come between. Start with
//! [`serve`], then `Session::obey` for the commands.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use smtp_proto::{Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom, RcptTo, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use super::content::{ContentReader, Flaw};
use super::smtp::{Protocol, Settings};
use super::{Arrival, Inbox};
use crate::mail::Address;
use crate::mail::address::ADDRESS_OCTETS_MAX;
use crate::store::rows::Route;

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// `None` on a Unix socket.
    pub address: Option<IpAddr>,
    pub network_trusted: bool,
}

/// Octets of a command, its line end included: eight times what RFC 5321 section 4.5.3.1.4 asks for.
const LINE_OCTETS_MAX: usize = 4_096;
/// Octets read at once.
const INPUT_OCTETS: usize = 16 * 1024;

/// Speaks with one client until it leaves, errs too often, or the server stops.
///
/// # Errors
///
/// The connection broke; nobody's move.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    peer: Peer,
    protocol: Protocol,
    settings: &Settings,
    inbox: Inbox,
    shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut session = Session {
        stream,
        peer,
        protocol,
        settings,
        inbox,
        shutdown,
        stop_at: None,
        command_due_at: Instant::now() + settings.limits.command_within,
        out: Vec::with_capacity(512),
        line: Vec::new(),
        mode: Mode::Commands,
        hello: None,
        transaction: None,
        errors: 0,
        idle_commands: 0,
        ended: false,
    };
    session.run().await
}

struct Session<'a, S> {
    stream: &'a mut S,
    peer: Peer,
    protocol: Protocol,
    settings: &'a Settings,
    inbox: Inbox,
    shutdown: watch::Receiver<bool>,
    /// When the message in progress is cut off, once the server stops.
    stop_at: Option<Instant>,
    command_due_at: Instant,
    /// Answers not yet written: all of a pipelined group go out at once (RFC 2920 section 3.2).
    out: Vec<u8>,
    /// What came of the next command; of one that is too long, enough to see that.
    line: Vec<u8>,
    mode: Mode,
    /// What the client calls itself.
    hello: Option<Hello>,
    transaction: Option<Transaction>,
    errors: u32,
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
    Content(Box<Incoming>),
}

struct Incoming {
    reader: ContentReader,
    room: Option<OwnedSemaphorePermit>,
    started_at: Instant,
}

enum Input {
    Octets(usize),
    Closed,
    TooSlow,
    ServerStops,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    async fn run(&mut self) -> io::Result<()> {
        let kind = if self.protocol == Protocol::Lmtp { "LMTP" } else { "ESMTP" };
        self.reply(&format!("220 {} {kind} Firebell", self.settings.host));
        let mut buffer = vec![0; INPUT_OCTETS];
        while !self.ended {
            self.flush().await?;
            match self.read(&mut buffer).await? {
                Input::Octets(count) => {
                    let input = buffer.get(..count).unwrap_or_default();
                    self.take(input).await;
                }
                Input::Closed => return Ok(()),
                Input::TooSlow => self.end("421 4.4.2 Too slow, closing the connection"),
                Input::ServerStops => self.end("421 4.3.2 The server is stopping, try again later"),
            }
        }
        self.flush().await
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<Input> {
        let idle = matches!(self.mode, Mode::Commands) && self.transaction.is_none();
        loop {
            if idle && (self.stop_at.is_some() || *self.shutdown.borrow()) {
                return Ok(Input::ServerStops);
            }
            let due_at = self.due_at();
            tokio::select! {
                read = timeout_at(due_at, self.stream.read(buffer)) => return Ok(match read {
                    Ok(Ok(0)) => Input::Closed,
                    Ok(read) => Input::Octets(read?),
                    Err(_) if self.stop_at.is_some() => Input::ServerStops,
                    Err(_) => Input::TooSlow,
                }),
                _ = self.shutdown.wait_for(|stop| *stop), if self.stop_at.is_none() => {
                    self.stop_at = Some(Instant::now() + self.settings.limits.stop_within);
                }
            }
        }
    }

    /// By when the next octets must have come.
    fn due_at(&self) -> Instant {
        let limits = &self.settings.limits;
        let due_at = match &self.mode {
            Mode::Content(incoming) => {
                let earned = incoming.reader.seen() / limits.octets_per_second.max(1);
                let span = limits.slow_start + Duration::from_secs(earned);
                incoming.started_at + span.min(limits.content_within)
            }
            Mode::Commands => self.command_due_at,
        };
        self.stop_at.map_or(due_at, |stop_at| due_at.min(stop_at))
    }

    /// Works through all that was read: part of a command, several commands, part of a message.
    async fn take(&mut self, mut input: &[u8]) {
        while !input.is_empty() && !self.ended {
            if let Mode::Content(incoming) = &mut self.mode {
                match incoming.reader.take(input) {
                    Some(taken) => {
                        input = input.get(taken..).unwrap_or_default();
                        self.finish_content().await;
                    }
                    None => {
                        self.reserve_room();
                        return;
                    }
                }
            } else {
                input = self.take_line(input);
            }
        }
    }

    /// Takes one line, or the part of it that is there; returns what stands behind it.
    ///
    /// The parser is given whole lines only: of a broken one it would go on into the next, and how
    /// far depends on how the octets came.
    fn take_line<'i>(&mut self, input: &'i [u8]) -> &'i [u8] {
        let end = input.iter().position(|octet| *octet == b'\n').map_or(input.len(), |at| at + 1);
        let (part, rest) = input.split_at(end);
        let room = (LINE_OCTETS_MAX + 1).saturating_sub(self.line.len());
        self.line.extend(part.iter().take(room));
        if !part.ends_with(b"\n") {
            return rest;
        }
        let line = std::mem::take(&mut self.line);
        let request = match line.len() {
            0..=LINE_OCTETS_MAX => Request::parse(&mut line.iter()).map(Request::into_owned),
            _ => Err(Error::ResponseTooLong),
        };
        self.command_due_at = Instant::now() + self.settings.limits.command_within;
        match request {
            Ok(request) => self.obey(request),
            Err(error) => self.refuse_syntax(&error),
        }
        if self.errors >= self.settings.limits.errors && !self.ended {
            self.end("421 4.7.0 Too many errors, closing the connection");
        }
        rest
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

    fn obey(&mut self, request: Request<String>) {
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
            Request::Data => self.begin_content(),
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
            Request::StartTls
            | Request::Auth { .. }
            | Request::Expn { .. }
            | Request::Etrn { .. }
            | Request::Atrn { .. } => self.refuse("502 5.5.1 Not implemented"),
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
        self.reply_idle(&format!(
            "250-{host}\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
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
            return self.refuse("550 5.7.1 Not an address of ours, and this is no relay");
        }
        transaction.accepted += 1;
        if !transaction.recipients.contains(&address) {
            transaction.recipients.push(address);
        }
        self.reply("250 2.1.5 Recipient ok");
    }

    fn begin_content(&mut self) {
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
                    started_at: Instant::now(),
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

    async fn finish_content(&mut self) {
        let Mode::Content(incoming) = std::mem::replace(&mut self.mode, Mode::Commands) else {
            return;
        };
        let Some(transaction) = self.transaction.take() else { return };
        let Incoming { reader, room, .. } = *incoming;
        let answers = if self.protocol == Protocol::Lmtp { transaction.accepted } else { 1 };
        let answer = match reader.finish() {
            Ok(octets) => self.store(octets, transaction).await,
            Err(Flaw::Oversize) => "552 5.3.4 Message too large",
            Err(Flaw::NoRoom) => "452 4.3.1 Too many messages at once, try again later",
            Err(Flaw::BareLineEnd) => "550 5.6.11 Bare CR or LF in the message",
        };
        drop(room);
        self.idle_commands = 0;
        self.command_due_at = Instant::now() + self.settings.limits.command_within;
        self.errors += u32::from(answer.starts_with('5'));
        for _ in 0..answers {
            self.reply(answer);
        }
    }

    async fn store(&self, mut octets: Vec<u8>, transaction: Transaction) -> &'static str {
        if count_received(&octets) > self.settings.limits.received_fields {
            return "554 5.4.6 Too many hops, the message runs in a circle";
        }
        let trace = self.trace_field(transaction.utf8);
        octets.splice(0..0, trace.into_bytes());
        let size_octets = octets.len();
        let arrival = Arrival {
            reverse_path: transaction.reverse_path,
            recipients: transaction.recipients,
            network_trusted: self.peer.network_trusted,
            route: if self.protocol == Protocol::Lmtp { Route::Lmtp } else { Route::Smtp },
            octets,
        };
        match self.inbox.accept(arrival).await {
            Ok(()) => {
                debug!(size_octets, "accepted a message");
                "250 2.0.0 Stored"
            }
            Err(_) => "451 4.3.0 Could not be stored, try again later",
        }
    }

    /// Our own line of the message's trace (RFC 5321 section 4.4). The reverse-path stays in the
    /// row: Return-Path is for whoever delivers the message to a person.
    fn trace_field(&self, utf8: bool) -> String {
        let name = self.hello.as_ref().map_or("unknown", |hello| hello.name.as_str());
        let name: String = name
            .chars()
            .take(255)
            .map(|c| if c.is_ascii_alphanumeric() || "-._:[]".contains(c) { c } else { '?' })
            .collect();
        let extended = self.hello.as_ref().is_some_and(|hello| hello.extended);
        let with = match (self.protocol, utf8, extended) {
            (Protocol::Lmtp, true, _) => "UTF8LMTP",
            (Protocol::Lmtp, false, _) => "LMTP",
            (Protocol::Smtp, true, _) => "UTF8SMTP",
            (Protocol::Smtp, false, true) => "ESMTP",
            (Protocol::Smtp, false, false) => "SMTP",
        };
        let client = match self.peer.address {
            Some(IpAddr::V4(address)) => format!("[{address}]"),
            Some(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
            None => "local socket".to_owned(),
        };
        let date = self.settings.clock.now().to_rfc2822();
        let host = &self.settings.host;
        format!(
            "Received: from {name} ({client})\r\n\tby {host} (Firebell) with {with};\r\n\t{date}\r\n"
        )
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

    fn end(&mut self, line: &str) {
        self.reply(line);
        self.ended = true;
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = async {
            self.stream.write_all(&self.out).await?;
            self.stream.flush().await
        };
        // A client that never reads its answers must not hold a connection for ever.
        timeout(self.settings.limits.command_within, written)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        self.out.clear();
        Ok(())
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
