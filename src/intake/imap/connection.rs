//! One connection to an IMAP server: TLS, login, and commands that all have an end (RFC 9051).
//!
//! The crate reads and writes the wire; what a command means to us is read here, because its own
//! readers take a refused or broken-off FETCH for a finished one. Knows nothing of cursors or of the
//! store. Start with [`Connection::open`].

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use async_imap::imap_proto::{
    AttributeValue, Capability, MailboxDatum, RequestId, Response, ResponseCode, Status,
};
use async_imap::{Client, Session};
use tokio::io::{AsyncRead, AsyncWrite, BufWriter, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore, crypto};

use super::names::quote_folder;
use super::xoauth2::XOAuth2;
use crate::config::Mailbox;
use crate::credential::{self, Secret};

/// A host that is there answers sooner.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// Servers let those wait who gave a wrong password: Dovecot for up to 15 s, others for longer.
const LOGIN_WITHIN: Duration = Duration::from_secs(60);
/// Every command that carries no message. A server that needs longer is not there.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Untagged answers to one command: two for each of the messages that a mailbox can sensibly hold.
const RESPONSES_MAX: usize = 1_000_000;

/// How long a batch of messages may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without a single octet: a slow disk needs minutes, a dead connection says nothing for ever.
    pub silence: Duration,
    /// In all, over a bad line.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { silence: Duration::from_secs(150), whole: Duration::from_secs(3600) }
    }
}

/// Why a mailbox cannot be read, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImapError {
    /// The operator's, or the network's.
    #[error("{0} cannot be reached ({1}); mend the host or port in 'url', or start the server there")]
    Unreachable(String, String),
    /// The operator's: never spoken to without proof of who it is.
    #[error("TLS with {0} failed ({1}); {2}")]
    Tls(String, String, &'static str),
    /// The operator's.
    #[error("{0}")]
    Credential(String),
    /// The operator's.
    #[error("the login is refused ({0}); mend the name in 'url' or its password or token")]
    Refused(String),
    /// The operator's.
    #[error("there is no folder `{0}` ({1}); make it, or name another")]
    NoFolder(String, String),
    /// Nobody's: it is tried again.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The server's: it lacks what a cursor needs.
    #[error("the server cannot be used: {0}")]
    Unusable(&'static str),
    /// The database's: it is tried again.
    #[error("the database did not take the messages: {0}")]
    NotStored(String),
}

/// The socket, with TLS or without.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

/// The socket, and how much was heard on it: a message that comes slowly comes nevertheless.
#[derive(Debug)]
struct Line {
    wire: Box<dyn Wire>,
    heard: Arc<AtomicU64>,
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = room.filled().len();
        let read = Pin::new(&mut self.wire).poll_read(context, room);
        self.heard.fetch_add((room.filled().len() - before) as u64, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(context, octets)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

/// What the server said to a command.
pub(super) struct Answer {
    responses: Vec<Said>,
    /// What it said in place of OK.
    pub(super) refusal: Option<String>,
}

/// One thing that a server says, as far as it concerns us.
enum Said {
    GoOn,
    /// The command is done; with what was said in place of OK.
    Done(RequestId, Option<String>),
    Goodbye(String),
    /// There are so many messages now.
    Exists(u32),
    /// There is one message less.
    Expunged,
    Able(Abilities),
    UidValidity(u32),
    UidNext(u32),
    Found(Vec<u32>),
    Fetched(FetchedItems),
    Else,
}

/// A folder as it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) uid_validity: u32,
    pub(super) uid_next: u32,
}

/// What the server can do that not every server can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// RFC 2177.
    pub idle: bool,
    /// RFC 6851.
    pub moves: bool,
    /// RFC 4315.
    pub uid_plus: bool,
}

/// A connection on which we are logged in.
pub(super) struct Connection {
    session: Session<Line>,
    heard: Arc<AtomicU64>,
    patience: Patience,
    pub(super) abilities: Abilities,
    /// How many messages there are. Servers repeat it, so that only another number is news.
    exists: u32,
    /// Messages have come since the last search began.
    pub(super) news: bool,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    ///
    /// [`ImapError`]: which step failed, and what to do.
    pub(super) async fn open(mailbox: &Mailbox, patience: Patience) -> Result<Self, ImapError> {
        let secret = credential::read(&mailbox.credential).await.map_err(ImapError::Credential)?;
        let heard = Arc::<AtomicU64>::default();
        let line = Line { wire: connect(mailbox).await?, heard: heard.clone() };
        let place = place(mailbox);
        let client = timeout(CONNECT_WITHIN, greet(Client::new(line)))
            .await
            .unwrap_or_else(|_| Err("it did not greet us in time".to_owned()))
            .map_err(|why| ImapError::Unreachable(place, why))?;
        let session = timeout(LOGIN_WITHIN, log_in(client, &mailbox.login, secret))
            .await
            .unwrap_or_else(|_| Err(ImapError::Broken("no answer to the login".to_owned())))?;
        let abilities = Abilities::default();
        let mut connection = Self { session, heard, patience, abilities, exists: 0, news: false };
        connection.abilities = connection.ask_abilities().await?;
        Ok(connection)
    }

    async fn ask_abilities(&mut self) -> Result<Abilities, ImapError> {
        let answer = self.exchange("CAPABILITY").await?;
        let mut abilities = Abilities::default();
        for said in &answer.responses {
            if let Said::Able(found) = said {
                abilities.idle |= found.idle;
                abilities.moves |= found.moves;
                abilities.uid_plus |= found.uid_plus;
            }
        }
        Ok(abilities)
    }

    /// Opens a folder: read-only unless messages are to be moved out of it, so that nothing a
    /// person sees in it ever changes.
    pub(super) async fn open_folder(&mut self, folder: &str, writes: bool) -> Result<Opened, ImapError> {
        let command = if writes { "SELECT" } else { "EXAMINE" };
        let answer = self.exchange(&format!("{command} {}", quote_folder(folder))).await?;
        if let Some(refusal) = answer.refusal {
            return Err(ImapError::NoFolder(folder.to_owned(), refusal));
        }
        let (mut uid_validity, mut uid_next) = (None, None);
        for said in &answer.responses {
            match said {
                Said::UidValidity(number) => uid_validity = Some(*number),
                Said::UidNext(number) => uid_next = Some(*number),
                _ => {}
            }
        }
        let uid_validity = uid_validity.ok_or(ImapError::Unusable("it names no UIDVALIDITY"))?;
        let uid_next = uid_next.ok_or(ImapError::Unusable("it names no UIDNEXT"))?;
        Ok(Opened { uid_validity, uid_next })
    }

    /// Whether a folder is there that is not the open one.
    pub(super) async fn find_folder(&mut self, folder: &str) -> Result<(), ImapError> {
        let answer = self.exchange(&format!("STATUS {} (MESSAGES)", quote_folder(folder))).await?;
        match answer.refusal {
            None => Ok(()),
            Some(refusal) => Err(ImapError::NoFolder(folder.to_owned(), refusal)),
        }
    }

    /// The UIDs that `criteria` finds (RFC 9051 section 6.4.4), in their order.
    pub(super) async fn search(&mut self, criteria: &str) -> Result<BTreeSet<u32>, ImapError> {
        self.news = false;
        let answer = self.exchange(&format!("UID SEARCH {criteria}")).await?;
        if let Some(refusal) = answer.refusal {
            return Err(ImapError::Broken(format!("a search was refused: {refusal}")));
        }
        let mut found = BTreeSet::new();
        for said in answer.responses {
            if let Said::Found(uids) = said {
                found.extend(uids);
            }
        }
        Ok(found)
    }

    /// Fetches `items` of messages. What the server says of others comes along, too.
    pub(super) async fn fetch(&mut self, uids: &[u32], items: &str) -> Result<Answer, ImapError> {
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        self.exchange_patiently(&format!("UID FETCH {set} (UID {items})")).await
    }

    /// Moves messages to another folder.
    ///
    /// # Errors
    ///
    /// What the server said, within `Ok`, when it cannot or will not: the messages stay.
    pub(super) async fn move_to(
        &mut self,
        uids: &[u32],
        folder: &str,
    ) -> Result<Result<(), String>, ImapError> {
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let folder = quote_folder(folder);
        let commands = if self.abilities.moves {
            vec![format!("UID MOVE {set} {folder}")]
        } else if self.abilities.uid_plus {
            // RFC 4315 expunges these alone; a plain EXPUNGE would take what somebody else deleted.
            vec![
                format!("UID COPY {set} {folder}"),
                format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"),
                format!("UID EXPUNGE {set}"),
            ]
        } else {
            return Ok(Err("it offers neither MOVE nor UIDPLUS".to_owned()));
        };
        for command in commands {
            if let Some(refusal) = self.exchange(&command).await?.refusal {
                return Ok(Err(refusal));
            }
        }
        Ok(Ok(()))
    }

    /// Has the server tell what changed in the open folder.
    pub(super) async fn refresh(&mut self) -> Result<(), ImapError> {
        self.exchange("NOOP").await.map(|_| ())
    }

    /// Waits until the server announces messages, or until `end`.
    pub(super) async fn wait_for_news(&mut self, end: Instant) -> Result<(), ImapError> {
        if self.news {
            return Ok(());
        }
        if !self.abilities.idle {
            tokio::time::sleep_until(end).await;
            return Ok(());
        }
        let id = self.send("IDLE", ANSWER_WITHIN).await?;
        loop {
            match self.next_within(ANSWER_WITHIN).await? {
                Said::GoOn => break,
                Said::Done(tag, _) if tag == id => {
                    // It offered what it does not do; looking now and then works everywhere.
                    self.abilities.idle = false;
                    return Ok(());
                }
                _ => {}
            }
        }
        while !self.news {
            match timeout_at(end, self.next()).await {
                Ok(said) => drop(said?),
                Err(_) => break,
            }
        }
        let stopped = timeout(ANSWER_WITHIN, self.session.run_command_untagged("DONE")).await;
        stopped.map_err(|_| silent())?.map_err(|error| broken(&error))?;
        loop {
            if matches!(self.next_within(ANSWER_WITHIN).await?, Said::Done(tag, _) if tag == id) {
                return Ok(());
            }
        }
    }

    /// Says goodbye; a server that does not answer is left without.
    pub(super) async fn log_out(mut self) {
        let _ = timeout(Duration::from_secs(1), self.exchange("LOGOUT")).await;
    }

    async fn exchange(&mut self, command: &str) -> Result<Answer, ImapError> {
        timeout(ANSWER_WITHIN, self.exchange_whole(command)).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Waits as long as something comes.
    async fn exchange_patiently(&mut self, command: &str) -> Result<Answer, ImapError> {
        let (heard, patience) = (self.heard.clone(), self.patience);
        let end = Instant::now() + patience.whole;
        let mut exchange = std::pin::pin!(self.exchange_whole(command));
        loop {
            let before = heard.load(Ordering::Relaxed);
            let look_at = end.min(Instant::now() + patience.silence);
            match timeout_at(look_at, &mut exchange).await {
                Ok(answer) => return answer,
                Err(_) if look_at < end && heard.load(Ordering::Relaxed) != before => {}
                Err(_) => return Err(silent()),
            }
        }
    }

    async fn exchange_whole(&mut self, command: &str) -> Result<Answer, ImapError> {
        let id = self.session.run_command(command).await.map_err(|error| broken(&error))?;
        let mut responses = Vec::new();
        while responses.len() < RESPONSES_MAX {
            match self.next().await? {
                Said::Done(tag, refusal) if tag == id => return Ok(Answer { responses, refusal }),
                said => responses.push(said),
            }
        }
        Err(ImapError::Broken("the server said too much".to_owned()))
    }

    async fn send(&mut self, command: &str, within: Duration) -> Result<RequestId, ImapError> {
        let sent = timeout(within, self.session.run_command(command)).await;
        sent.map_err(|_| silent())?.map_err(|error| broken(&error))
    }

    async fn next_within(&mut self, within: Duration) -> Result<Said, ImapError> {
        timeout(within, self.next()).await.unwrap_or_else(|_| Err(silent()))
    }

    /// The next thing the server says. May be given up at any moment without losing a part.
    async fn next(&mut self) -> Result<Said, ImapError> {
        let said = match self.session.read_response().await {
            Ok(Some(response)) => read_said(response.parsed()),
            Ok(None) => return Err(ImapError::Broken("the server closed it".to_owned())),
            Err(error) => return Err(ImapError::Broken(shorten(&error.to_string()))),
        };
        match said {
            Said::Goodbye(words) => Err(ImapError::Broken(format!("the server said goodbye: {words}"))),
            Said::Exists(count) => {
                self.news |= count != self.exists;
                self.exists = count;
                Ok(said)
            }
            Said::Expunged => {
                self.exists = self.exists.saturating_sub(1);
                Ok(said)
            }
            said => Ok(said),
        }
    }
}

fn read_said(response: &Response<'_>) -> Said {
    match response {
        Response::Continue(_) => Said::GoOn,
        Response::Done { tag, status, outcome } => {
            let words = outcome.information.as_deref().unwrap_or("it did not say why");
            Said::Done(tag.clone(), (*status != Status::Ok).then(|| shorten(words)))
        }
        Response::Data { status: Status::Bye, outcome } => {
            Said::Goodbye(shorten(outcome.information.as_deref().unwrap_or_default()))
        }
        Response::Data { status: Status::Ok, outcome } => match &outcome.code {
            Some(ResponseCode::UidValidity(number)) => Said::UidValidity(*number),
            Some(ResponseCode::UidNext(number)) => Said::UidNext(*number),
            _ => Said::Else,
        },
        Response::MailboxData(MailboxDatum::Exists(count)) => Said::Exists(*count),
        Response::Expunge(_) => Said::Expunged,
        Response::MailboxData(MailboxDatum::Search(uids)) => Said::Found(uids.clone()),
        Response::Capabilities(all) => Said::Able(read_abilities(all)),
        Response::Fetch(_, attributes) => Said::Fetched(read_items(attributes)),
        _ => Said::Else,
    }
}

fn read_abilities(all: &[Capability<'_>]) -> Abilities {
    let has = |name: &str| {
        all.iter().any(|one| matches!(one, Capability::Atom(atom) if atom.eq_ignore_ascii_case(name)))
    };
    Abilities { idle: has("IDLE"), moves: has("MOVE"), uid_plus: has("UIDPLUS") }
}

fn read_items(attributes: &[AttributeValue<'_>]) -> FetchedItems {
    let mut items = FetchedItems::default();
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(uid) => items.uid = *uid,
            AttributeValue::Rfc822Size(size) => items.size_octets = Some(*size),
            AttributeValue::InternalDate(date) => items.internal_date = Some(date.to_string()),
            AttributeValue::BodySection { section: None, data: Some(octets), .. } => {
                items.octets = Some(octets.to_vec());
            }
            _ => {}
        }
    }
    items
}

/// What a FETCH told of one message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FetchedItems {
    pub(super) uid: u32,
    pub(super) size_octets: Option<u32>,
    pub(super) internal_date: Option<String>,
    pub(super) octets: Option<Vec<u8>>,
}

impl Answer {
    /// What it tells of messages; of some only a flag that somebody changed meanwhile.
    pub(super) fn fetched(self) -> impl Iterator<Item = FetchedItems> {
        self.responses.into_iter().filter_map(|said| match said {
            Said::Fetched(items) if items.uid != 0 => Some(items),
            _ => None,
        })
    }
}

fn place(mailbox: &Mailbox) -> String {
    format!("{} port {}", mailbox.host, mailbox.port)
}

async fn connect(mailbox: &Mailbox) -> Result<Box<dyn Wire>, ImapError> {
    let address = (mailbox.host.as_str(), mailbox.port);
    let unreachable = |why: String| ImapError::Unreachable(place(mailbox), why);
    let stream = timeout(CONNECT_WITHIN, TcpStream::connect(address))
        .await
        .map_err(|_| unreachable("no answer in time".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?;
    stream.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
    if !mailbox.tls {
        return Ok(Box::new(BufWriter::new(stream)));
    }
    let failed = |why: String, next| ImapError::Tls(place(mailbox), shorten(&why), next);
    let connector = TlsConnector::from(Arc::new(tls_config(mailbox)?));
    let name = ServerName::try_from(mailbox.host.clone())
        .map_err(|error| failed(error.to_string(), "mend the host in 'url'"))?;
    match timeout(CONNECT_WITHIN, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(BufWriter::new(stream))),
        Ok(Err(error)) => Err(failed(error.to_string(), next_step(&error))),
        Err(_) => Err(failed("no answer in time".to_owned(), NO_TLS)),
    }
}

const NO_TLS: &str = "does TLS begin at once on that port? 993 is the usual one";

fn next_step(error: &std::io::Error) -> &'static str {
    let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::InvalidCertificate(why)) => match why {
            CertificateError::UnknownIssuer => {
                "name the certificate authority of your own servers as 'ca_file'"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "write the host in 'url' as its certificate names it"
            }
            _ => "have the server's certificate renewed",
        },
        _ => NO_TLS,
    }
}

/// Verifies by the authorities that browsers know, and by the organisation's own.
fn tls_config(mailbox: &Mailbox) -> Result<ClientConfig, ImapError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = &mailbox.ca_file {
        let wrong = |why: String| {
            ImapError::Credential(format!("ca_file {} cannot be read ({why})", path.display()))
        };
        let file = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
        let before = roots.len();
        for certificate in file {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(wrong("it holds no certificate in PEM form".to_owned()));
        }
    }
    let versions = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring offers TLS 1.2 and 1.3");
    Ok(versions.with_root_certificates(roots).with_no_client_auth())
}

/// Reads the greeting (RFC 9051 section 7.1).
async fn greet(mut client: Client<Line>) -> Result<Client<Line>, String> {
    let greeting = client.read_response().await.map_err(|error| shorten(&error.to_string()))?;
    let Some(greeting) = greeting else { return Err("it closed the connection".to_owned()) };
    match greeting.parsed() {
        Response::Data { status: Status::Ok, .. } => Ok(client),
        Response::Data { status: Status::Bye, outcome } => {
            Err(shorten(outcome.information.as_deref().unwrap_or("it does not want us")))
        }
        // Whoever it takes us for, it is not who was configured.
        Response::Data { status: Status::PreAuth, .. } => {
            Err("it took us for somebody already".to_owned())
        }
        _ => Err("what it says is no IMAP".to_owned()),
    }
}

async fn log_in(client: Client<Line>, login: &str, secret: Secret) -> Result<Session<Line>, ImapError> {
    let outcome = match secret {
        Secret::Password(password) => client.login(login, &password).await,
        Secret::Token(token) => client.authenticate("XOAUTH2", XOAuth2::new(login, &token)).await,
    };
    outcome.map_err(|(error, _)| match error {
        async_imap::error::Error::No(said) | async_imap::error::Error::Bad(said) => {
            ImapError::Refused(information_of(&said))
        }
        error => broken(&error),
    })
}

/// The words of the server within `code: None, info: Some("…")`, as the crate has it.
fn information_of(said: &str) -> String {
    let words = said.split_once("info: Some(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
    shorten(words.unwrap_or(said))
}

fn silent() -> ImapError {
    ImapError::Broken("the server did not answer in time".to_owned())
}

fn broken(error: &async_imap::error::Error) -> ImapError {
    ImapError::Broken(shorten(&error.to_string()))
}

/// What a server says is logged and shown: one line, of a length that a person reads.
fn shorten(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARS_MAX).collect()
}
