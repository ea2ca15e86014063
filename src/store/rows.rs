//! What the tables hold, as values: the only shapes in which the rest of the program meets the
//! database.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::alerts::group::Group;
use crate::incident::decision::Purpose;
use crate::incident::{Incident, deadlines::DeadlineKind};
use crate::mail::Address;
use crate::mail::authentication::Authentication;

/// How a message came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    Smtp,
    Lmtp,
    /// An MTA's pipe, a file, a folder, an mbox.
    Ingest,
    /// A mailbox, which hands over no envelope.
    Imap,
    /// An alert that was posted to the pages, with their token; as a mail.
    Api,
}

/// Who handed a message over, as far as the wire tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The client's network authenticates its own submitters.
    pub network_trusted: bool,
    /// Who logged in (RFC 4954).
    pub login: Option<Address>,
    /// A stranger's host, where Firebell is the MX.
    pub outside: Option<Outside>,
}

/// Whom SPF is asked about (RFC 7208).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    pub address: IpAddr,
    /// What it calls itself.
    pub hello: String,
}

impl Client {
    /// A client whose network authenticates its own submitters.
    pub fn of_trusted_network() -> Self {
        Self { network_trusted: true, ..Self::default() }
    }
}

/// A message as it was accepted. Final once stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInbound {
    pub id: i64,
    pub received_at: DateTime<Utc>,
    /// `None` is the null reverse-path `<>`.
    pub reverse_path: Option<String>,
    /// The envelope's recipients, ours all.
    pub recipients: Vec<Address>,
    pub client: Client,
    pub route: Route,
    pub octets: Vec<u8>,
}

/// A decision on trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub incident: Option<i64>,
    /// The message that it is about.
    pub inbound: Option<i64>,
    /// The key of the address that the message claimed to be from; empty where it named none.
    pub who: String,
    /// By what they were believed, or why not.
    pub proof: String,
    pub outcome: String,
}

/// How far a mailbox was read: the guard of its row, as a version is of an incident's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxCursor {
    /// Who reads which folder of which host.
    pub mailbox: String,
    /// While it stays the same, a UID names the same message (RFC 9051 section 2.3.1.1).
    pub uid_validity: u32,
    /// The last message that was dealt with.
    pub uid: u32,
    /// When the mailbox was first looked at. What is older is history.
    pub since_at: DateTime<Utc>,
}

/// A message of a mailbox that the server did not hand out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfetched {
    pub uid: u32,
    pub attempts: i64,
    /// What the server said.
    pub reason: String,
}

/// A stored message that waits to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    pub message: NewInbound,
    /// What SPF, DKIM, DMARC and ARC say of it; `None` while nobody has asked.
    pub authentication: Option<Authentication>,
    /// How often reading it failed for our own reasons.
    pub attempts: i64,
}

/// A group of alerts, with the guard of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredGroup {
    pub key: String,
    pub id: i64,
    /// 0 where there is no row yet.
    pub version: i64,
    /// The incident that it declared last.
    pub incident: Option<i64>,
    pub group: Group,
}

/// What is known of a message's content when a copy of it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// No other copy was read.
    First,
    /// Another copy was read, and only filed because nothing proved its sender.
    Unproven { first: i64 },
    /// Another copy was read; this one can do nothing more.
    Settled { first: i64 },
}

/// Messages that wait to be read.
#[derive(Debug, Default)]
pub struct Waiting {
    pub messages: Vec<Inbound>,
    /// Those whose rows cannot be read back.
    pub damaged: Vec<i64>,
}

/// What became of a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InboundState {
    /// Not read yet.
    Waiting,
    /// Not read before SPF, DKIM and the like were asked about it.
    Unproven,
    /// It did what it asked for.
    Read,
    /// Kept without effect: a machine's, a second copy.
    Filed,
    /// A stranger's report that waits for somebody known to accept it.
    Held,
    /// Reading it failed three times.
    SetAside,
}

/// A received message, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    pub id: i64,
    pub received_at: DateTime<Utc>,
    /// Whom it claims to be from, else its reverse-path; empty where it names nobody.
    pub from: String,
    pub state: InboundState,
    pub incident: Option<i64>,
    /// Why it lies in the inbox; empty where it does not.
    pub reason: String,
}

/// An incident with the guard of its row.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredIncident {
    pub incident: Incident,
    /// Rises by one with every event.
    pub version: i64,
}

/// Several incidents.
#[derive(Debug, Default)]
pub struct Incidents {
    pub readable: Vec<StoredIncident>,
    /// Those whose rows cannot be read back, by number.
    pub damaged: Vec<i64>,
}

/// A deadline whose instant has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueDeadline {
    pub incident: i64,
    /// `None` when this program knows no such kind.
    pub kind: Option<DeadlineKind>,
    pub wake_at: DateTime<Utc>,
}

/// A finished mail, stored once for all who get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLetter {
    pub id: i64,
    /// Without brackets. Several letters may share one: the copies for persons and for lists.
    pub message_id: String,
    pub incident: Option<i64>,
    pub purpose: Purpose,
    pub created_at: DateTime<Utc>,
    pub subject: String,
    /// With marks where a person's token goes.
    pub octets: Vec<u8>,
}

/// A digest as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentDigest {
    pub id: i64,
    /// As the configuration names it.
    pub name: String,
    /// The incident and the number there of each action that it listed; the first has the number 1.
    pub actions: Vec<(i64, i64)>,
    /// Who got it and may answer it. Who is on somebody else's list nobody knows.
    pub readers: Vec<Address>,
}

/// A letter to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutbox {
    pub id: i64,
    pub letter: i64,
    pub recipient: Address,
    /// Fills the marks; `None` for list copies, whose letter has none.
    pub token: Option<String>,
    pub due_at: DateTime<Utc>,
    /// After which it is of no use to anybody.
    pub expires_at: DateTime<Utc>,
    /// The first timeline entry of what it tells; `None` when no newer mail takes its place.
    pub tells_from: Option<i64>,
    /// The incident waits to hear that a relay took it.
    pub awaited: bool,
}

/// A mail that a relay took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub outbox: i64,
    pub incident: Option<i64>,
    pub purpose: Purpose,
    pub recipient: Address,
    /// When the relay took it.
    pub at: DateTime<Utc>,
    /// What it said then: which relay, and what it calls the mail.
    pub answer: String,
}

/// One thing that a reminder asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedFor {
    pub incident: i64,
    /// The kind of thing owed.
    pub purpose: Purpose,
    /// It goes to somebody beyond who owes it.
    pub escalated: bool,
}

/// One thing that a reminder in the outbox asks for; a mail may hold several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingReminder {
    pub outbox: i64,
    pub asked: AskedFor,
}

/// Where an outbox row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxState {
    Queued,
    /// The relay, or the maildir, has it.
    Accepted,
    /// Tried, and to be tried again.
    Deferred,
    /// The connection broke behind the final dot (RFC 5321 section 4.5.3.2.6): the relay may have it.
    /// Tried once more, later.
    Uncertain,
    /// The relay will not take it.
    Refused,
    /// Its use ended before the relay took it.
    Expired,
    /// A newer mail says it better.
    Superseded,
    /// An operator stopped it.
    Held,
    /// An operator took it out for good.
    Cancelled,
}

impl OutboxState {
    /// What somebody may have to do something about.
    pub const UNSETTLED: [Self; 5] =
        [Self::Queued, Self::Deferred, Self::Uncertain, Self::Refused, Self::Held];
}

/// A leased letter to one recipient, ready to be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub outbox: i64,
    pub letter: i64,
    pub incident: Option<i64>,
    pub purpose: Purpose,
    pub recipient: Address,
    pub token: Option<String>,
    pub attempts: i64,
    /// How often the relay did not say whether it took it.
    pub ambiguous: i64,
    /// Of the lease: what somebody with an earlier one says is not heard.
    pub epoch: i64,
    pub expires_at: DateTime<Utc>,
    /// Shared by the jobs of one letter.
    pub octets: std::sync::Arc<Vec<u8>>,
}

impl Job {
    /// The relay twice did not say whether it took it: it is not sent again, and somebody is to be
    /// told.
    pub fn is_untold(&self) -> bool {
        self.ambiguous > 1
    }

    /// It is of no use to anybody any more.
    pub fn is_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at <= now
    }
}

/// Why a mail will not reach its recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// The relay, or a delivery report, said so in these words.
    Refused(String),
    /// Its use ended before the relay took it.
    Expired,
    /// The relay twice did not say whether it took it.
    Uncertain,
}

/// An outbox row, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: i64,
    pub message_id: String,
    pub incident: Option<i64>,
    pub purpose: Purpose,
    pub recipient: Address,
    pub subject: String,
    pub state: OutboxState,
    pub created_at: DateTime<Utc>,
    /// When it is tried next; never, where it may have arrived already and nobody can know.
    pub due_at: Option<DateTime<Utc>>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub attempts: i64,
    /// What the relay said last.
    pub last_answer: String,
}

/// An address to which nothing is sent, because a delivery report said that it is no mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadAddress {
    /// In the spelling under which all spellings are found.
    pub address: String,
    pub since_at: DateTime<Utc>,
    /// What the report said.
    pub reason: String,
}

/// A Message-ID that we sent or received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownId {
    pub message_id: String,
    pub incident: Option<i64>,
    /// The letter of ours that has it; `None` for a received message.
    pub letter: Option<i64>,
    pub purpose: Option<Purpose>,
}

/// A change to the outbox by the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorAction {
    /// Try now, whatever its state, unless it was accepted or cancelled.
    Retry,
    Hold,
    /// Never send it.
    Cancel,
    /// Send it to another address of the same person: it proves them to us.
    Readdress(Address),
}
