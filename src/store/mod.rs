//! Everything that is kept, and all SQL.
//!
//! One text of SQL for SQLite and PostgreSQL; `engines` is the only file that knows which runs.
//! Reading methods are on [`Store`]; whatever must happen together is on [`Write`], a transaction.
//! Correctness rests on guarded updates and unique keys, never on a read before a write.

pub mod rows;

use chrono::{DateTime, Utc};

use crate::incident::Incident;
use crate::incident::deadlines::Deadline;
use crate::incident::decision::{Entry, NewEntry, Purpose};
use crate::mail::Address;
use rows::*;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer was faster: run the whole transaction again.
    #[error("another writer was faster")]
    Conflict,
    /// The operator's: disk, connection, file rights.
    #[error("the database did not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The operator's: the schema is newer than this program, or a migration failed.
    #[error("the database schema does not fit this program")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// What was stored cannot be read back: our own mistake or a damaged file.
    #[error("a stored {0} cannot be read")]
    Damaged(&'static str),
}

/// A database, opened and migrated. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store;

/// A transaction that writes. Dropped without [`Write::commit`] it never happened.
#[derive(Debug)]
pub struct Write;

type Stored<T> = Result<T, StoreError>;

#[allow(unused_variables, clippy::unused_async)]
impl Store {
    /// Opens `sqlite:PATH` or `postgres://…` and migrates it.
    pub async fn open(url: &str) -> Stored<Self> {
        unreachable!()
    }
    pub async fn begin_write(&self) -> Stored<Write> {
        unreachable!()
    }
    /// The server's secret, made on the first call (`fresh` is used then).
    pub async fn secret(&self, fresh: [u8; 32]) -> Stored<Vec<u8>> {
        unreachable!()
    }
    /// Stores messages in one transaction: when this returns, they may be acknowledged.
    pub async fn save_inbound(&self, messages: &[NewInbound]) -> Stored<()> {
        unreachable!()
    }
    pub async fn load_incident(&self, number: i64) -> Stored<Option<StoredIncident>> {
        unreachable!()
    }
    /// Newest first.
    pub async fn load_incidents(&self, only_open: bool, limit: i64) -> Stored<Vec<StoredIncident>> {
        unreachable!()
    }
    pub async fn load_timeline(&self, number: i64) -> Stored<Vec<Entry>> {
        unreachable!()
    }
    /// The raw messages of an incident, oldest first: for the mbox export.
    pub async fn load_messages(&self, number: i64) -> Stored<Vec<NewInbound>> {
        unreachable!()
    }
    pub async fn earliest_deadline(&self) -> Stored<Option<DateTime<Utc>>> {
        unreachable!()
    }
    pub async fn load_due_deadlines(&self, now: DateTime<Utc>, limit: i64) -> Stored<Vec<DueDeadline>> {
        unreachable!()
    }
    /// All deadline rows of an incident: for tests and `show`.
    pub async fn load_deadlines(&self, number: i64) -> Stored<Vec<Deadline>> {
        unreachable!()
    }
    pub async fn count_waiting_inbound(&self) -> Stored<i64> {
        unreachable!()
    }
    /// Octets of a letter: what the recipient of an answer was told.
    pub async fn load_letter(&self, letter: i64) -> Stored<Option<NewLetter>> {
        unreachable!()
    }
    /// Leases what has waited longest and is due; marks expired rows first.
    pub async fn lease_outbox(
        &self,
        limit: i64,
        leased_until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Stored<Vec<Job>> {
        unreachable!()
    }
    pub async fn earliest_outbox(&self) -> Stored<Option<DateTime<Utc>>> {
        unreachable!()
    }
    pub async fn mark_accepted(&self, outbox: &[(i64, String)], now: DateTime<Utc>) -> Stored<()> {
        unreachable!()
    }
    pub async fn mark_deferred(&self, outbox: i64, due_at: DateTime<Utc>, answer: &str) -> Stored<()> {
        unreachable!()
    }
    pub async fn load_outbox(&self, state: Option<OutboxState>, limit: i64) -> Stored<Vec<OutboxRow>> {
        unreachable!()
    }
    /// Whether there was such a row to change.
    pub async fn operate_outbox(
        &self,
        outbox: i64,
        action: OperatorAction,
        now: DateTime<Utc>,
    ) -> Stored<bool> {
        unreachable!()
    }
    /// Keeps a configuration, and returns its number: a new one only when the text is new.
    pub async fn save_configuration(&self, text: &str, now: DateTime<Utc>) -> Stored<i64> {
        unreachable!()
    }
    /// Deletes raw octets of messages received before `before`, keeping their rows.
    pub async fn forget_raw(&self, before: DateTime<Utc>) -> Stored<u64> {
        unreachable!()
    }
}

#[allow(unused_variables, clippy::unused_async)]
impl Write {
    pub async fn commit(self) -> Stored<()> {
        unreachable!()
    }
    /// The messages that have waited longest. On PostgreSQL others skip them until this commits.
    pub async fn load_waiting(&mut self, limit: i64) -> Stored<Vec<Inbound>> {
        unreachable!()
    }
    pub async fn load_inbound(&mut self, id: i64) -> Stored<Option<(NewInbound, InboundState)>> {
        unreachable!()
    }
    pub async fn mark_inbound(
        &mut self,
        id: i64,
        state: InboundState,
        incident: Option<i64>,
        now: DateTime<Utc>,
    ) -> Stored<()> {
        unreachable!()
    }
    /// Counts a failed reading; returns how many there were.
    pub async fn count_attempt(&mut self, id: i64) -> Stored<i64> {
        unreachable!()
    }
    /// Claims a content key; `false` when another message has it already.
    pub async fn claim_content_key(&mut self, key: &[u8; 32], inbound: i64) -> Stored<bool> {
        unreachable!()
    }
    pub async fn next_incident_number(&mut self) -> Stored<i64> {
        unreachable!()
    }
    pub async fn load_incident(&mut self, number: i64) -> Stored<Option<StoredIncident>> {
        unreachable!()
    }
    /// Inserts it when `was` is 0; else replaces version `was`. [`StoreError::Conflict`] when that is
    /// not the stored version.
    pub async fn save_incident(&mut self, incident: &Incident, was: i64, version: i64) -> Stored<()> {
        unreachable!()
    }
    pub async fn load_timeline(&mut self, number: i64) -> Stored<Vec<Entry>> {
        unreachable!()
    }
    pub async fn save_entries(
        &mut self,
        number: i64,
        entries: &[NewEntry],
        recorded_at: DateTime<Utc>,
    ) -> Stored<()> {
        unreachable!()
    }
    /// Makes the incident's deadline rows equal to these.
    pub async fn replace_deadlines(&mut self, number: i64, deadlines: &[Deadline]) -> Stored<()> {
        unreachable!()
    }
    pub async fn save_letter(&mut self, letter: &NewLetter) -> Stored<()> {
        unreachable!()
    }
    pub async fn save_outbox(&mut self, rows: &[NewOutbox]) -> Stored<()> {
        unreachable!()
    }
    /// Takes unsent mail of these purposes about an incident to a person out of the queue.
    pub async fn supersede(
        &mut self,
        incident: i64,
        recipient: &Address,
        purposes: &[Purpose],
    ) -> Stored<u64> {
        unreachable!()
    }
    /// In the order of `message_ids`; unknown ones are left out.
    pub async fn load_known_ids(&mut self, message_ids: &[String]) -> Stored<Vec<KnownId>> {
        unreachable!()
    }
    /// Does nothing when it is known already.
    pub async fn save_known_id(&mut self, known: &KnownId) -> Stored<()> {
        unreachable!()
    }
    pub async fn load_letter(&mut self, letter: i64) -> Stored<Option<NewLetter>> {
        unreachable!()
    }
    /// The outbox row with its letter: for delivery reports.
    pub async fn load_outbox_row(&mut self, outbox: i64) -> Stored<Option<OutboxRow>> {
        unreachable!()
    }
    /// The relay will not take it, or its report says so.
    pub async fn mark_refused(&mut self, outbox: i64, answer: &str) -> Stored<bool> {
        unreachable!()
    }
    pub async fn load_all_incidents(&mut self) -> Stored<Vec<StoredIncident>> {
        unreachable!()
    }
    /// Claims a digest's period; `false` when it was claimed before.
    pub async fn claim_digest(&mut self, name: &str, period_at: DateTime<Utc>) -> Stored<bool> {
        unreachable!()
    }
    pub async fn last_digest(&mut self, name: &str) -> Stored<Option<DateTime<Utc>>> {
        unreachable!()
    }
    /// Counts one use of a budget, such as `declare:dana@ops.example`, within the hour that `now`
    /// lies in; returns how many there were in it.
    pub async fn count_use(&mut self, budget: &str, now: DateTime<Utc>) -> Stored<i64> {
        unreachable!()
    }
}
