//! Rows of a transaction that wait, so that a batch of messages takes one statement a table and
//! not several a message.
//!
//! Nothing waits beyond its transaction: [`Write`] stores what waits before it reads or changes
//! what that could touch, and before it commits. Start with [`Write::flush`].

use std::collections::BTreeMap;

use super::budgets::{self, Budget, Uses};
use super::columns::{plain, rows};
use super::engines::{Statement, Value, statements};
use super::octets::Packer;
use super::rows::KnownId;
use super::{Stored, Write};
use crate::mail::attachment::{Attachment, Content};

/// Packed octets that wait at most: bounds the memory of a transaction.
const OCTETS_MAX: usize = 16 * 1024 * 1024;
/// Rows that wait at most, for the same reason.
const ROWS_MAX: usize = 10_000;

statements! {
    SAVE_ENTRIES = "
        insert into entry (incident, seq, at, recorded_at, author, author_name, verified, kind, text,
                           elided, message_id, proof)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), cast(value->>2 as bigint),
               cast(value->>3 as bigint), value->>4, value->>5, cast(value->>6 as boolean), value->>7,
               value->>8, value->>9, value->>10, value->>11
        from json_each($1)";
    SAVE_AUDIT = "
        insert into audit (id, at, incident, inbound, who, proof, outcome)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), cast(value->>2 as bigint),
               cast(value->>3 as bigint), value->>4, value->>5, value->>6
        from json_each($1)";
    SAVE_FILE = "insert into file (hash, octets) values ($1, $2) on conflict (hash) do nothing";
    SAVE_ATTACHMENTS = "
        insert into attachment (incident, seq, position, name, size_octets, hash)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), cast(value->>2 as bigint),
               value->>3, cast(value->>4 as bigint), value->>5
        from json_each($1)";
    /// $1 holds the rows and $2 the packed octets of all, one behind the other.
    SAVE_LETTERS = "
        insert into letter (id, message_id, incident, purpose, created_at, subject, octets)
        select cast(value->>0 as bigint), value->>1, cast(value->>2 as bigint), value->>3,
               cast(value->>4 as bigint), value->>5,
               substr($2, cast(value->>6 as integer), cast(value->>7 as integer))
        from json_each($1)",
        // `substr` is one of text when the parameter's type is not said.
        pg: "
        insert into letter (id, message_id, incident, purpose, created_at, subject, octets)
        select cast(value->>0 as bigint), value->>1, cast(value->>2 as bigint), value->>3,
               cast(value->>4 as bigint), value->>5,
               substr(cast($2 as bytea), cast(value->>6 as integer), cast(value->>7 as integer))
        from json_each($1)";
    SAVE_OUTBOX = "
        insert into outbox (id, letter, recipient, recipient_key, token, state, due_at, expires_at,
                            tells_from, awaited, incident)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), value->>2, value->>3, value->>4,
               'queued', cast(value->>5 as bigint), cast(value->>6 as bigint),
               cast(value->>7 as bigint), cast(value->>8 as bigint),
               (select l.incident from letter l where l.id = cast(value->>1 as bigint))
        from json_each($1)";
    SAVE_KNOWN_IDS = "
        insert into known_id (message_id, incident, letter, purpose, seen_at)
        select value->>0, cast(value->>1 as bigint), cast(value->>2 as bigint), value->>3,
               cast(value->>4 as bigint)
        from json_each($1) where true
        on conflict (message_id) do nothing";
    DELETE_DEADLINES = "
        delete from deadline
        where incident in (select cast(value->>0 as bigint) from json_each($1))";
    SAVE_DEADLINES = "
        insert into deadline (incident, kind, wake_at)
        select cast(value->>0 as bigint), value->>1, cast(value->>2 as bigint) from json_each($1)";
    MARK_INBOUND = "
        update inbound set state = value->>1, incident = cast(value->>2 as bigint),
               read_at = cast(value->>3 as bigint), reason = value->>4
        from json_each($1) where inbound.id = cast(value->>0 as bigint)";
}

/// Incident, number, at, recorded at, author, their name, verified, kind, text, elided, Message-ID,
/// proof.
pub(super) type EntryColumns =
    (i64, i64, i64, i64, Option<String>, String, bool, String, String, String, Option<String>, String);
/// Id, at, incident, message, who, proof, outcome.
pub(super) type AuditColumns = (i64, i64, Option<i64>, Option<i64>, String, String, String);
/// Incident, entry's number, position, name, size in octets, hash.
type AttachmentColumns = (i64, i64, usize, String, usize, Option<String>);
/// Id, Message-ID, incident, purpose, created at, subject; then where its octets are.
type LetterColumns = (i64, String, Option<i64>, String, i64, String, usize, usize);
/// Id, letter, recipient, their key, token, due at, expires at, tells from.
pub(super) type OutboxColumns = (i64, i64, String, String, Option<String>, i64, i64, Option<i64>, i64);
/// Message-ID, incident, letter, purpose, seen at.
pub(super) type KnownColumns = (String, Option<i64>, Option<i64>, Option<String>, i64);
/// Kind, when to wake.
type DeadlineColumns = (String, i64);
/// State, incident, read at, reason.
pub(super) type MarkColumns = (&'static str, Option<i64>, i64, Option<String>);

/// What waits.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) entries: Vec<EntryColumns>,
    pub(super) audit: Vec<AuditColumns>,
    attachments: Vec<AttachmentColumns>,
    /// By hash: what several entries have waits once.
    files: BTreeMap<String, Content>,
    file_octets: usize,
    letters: Vec<LetterColumns>,
    letter_octets: Vec<u8>,
    pub(super) packer: Packer,
    pub(super) outbox: Vec<OutboxColumns>,
    pub(super) known: Vec<KnownColumns>,
    /// What the table has of Message-IDs that were asked for; `None` where it has nothing.
    pub(super) found: BTreeMap<String, Option<KnownId>>,
    /// Those that an incident has from now on.
    pub(super) deadlines: BTreeMap<i64, Vec<DeadlineColumns>>,
    /// By message, because the last word on one counts.
    pub(super) marks: BTreeMap<i64, MarkColumns>,
    /// Of the budgets that this transaction looked at.
    pub(super) uses: BTreeMap<Budget, Uses>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pending({} rows)", self.count())
    }
}

impl Pending {
    pub(super) fn new(packer: Packer) -> Self {
        Self { packer, ..Self::default() }
    }

    pub(super) fn add_letter(
        &mut self,
        columns: (i64, String, Option<i64>, String, i64, String),
        octets: &[u8],
    ) {
        // `substr` counts from one.
        let start = self.letter_octets.len() + 1;
        let size = self.packer.pack(octets, &mut self.letter_octets);
        let (id, message_id, incident, purpose, created_at, subject) = columns;
        self.letters.push((id, message_id, incident, purpose, created_at, subject, start, size));
    }

    pub(super) fn has_letter(&self, id: i64) -> bool {
        self.letters.iter().any(|letter| letter.0 == id)
    }

    /// Files of an entry, behind the `before` that it has.
    pub(super) fn add_attachments(
        &mut self,
        incident: i64,
        seq: i64,
        before: usize,
        attachments: &[Attachment],
    ) {
        for (position, attachment) in (before..).zip(attachments) {
            let hash = attachment.content.as_ref().map(Content::hash);
            let name = plain(&attachment.name);
            let size_octets = attachment.size_octets;
            self.attachments.push((incident, seq, position, name, size_octets, hash.clone()));
            if let (Some(hash), Some(content)) = (hash, &attachment.content)
                && self.files.insert(hash, content.clone()).is_none()
            {
                self.file_octets += content.octets().len();
            }
        }
    }

    /// The statements that store entries and their files.
    fn take_entries(&mut self) -> Vec<(Statement, Vec<Value>)> {
        let mut due = Vec::new();
        if !self.entries.is_empty() {
            due.push((SAVE_ENTRIES, vec![rows(&std::mem::take(&mut self.entries))]));
        }
        for (hash, content) in std::mem::take(&mut self.files) {
            let mut packed = Vec::new();
            self.packer.pack(content.octets(), &mut packed);
            due.push((SAVE_FILE, vec![Value::Text(Some(hash)), packed.into()]));
        }
        self.file_octets = 0;
        if !self.attachments.is_empty() {
            due.push((SAVE_ATTACHMENTS, vec![rows(&std::mem::take(&mut self.attachments))]));
        }
        due
    }

    /// Letters before their rows.
    fn take_mail(&mut self) -> Vec<(Statement, Vec<Value>)> {
        let mut due = Vec::new();
        if !self.letters.is_empty() {
            let octets = Value::from(std::mem::take(&mut self.letter_octets));
            due.push((SAVE_LETTERS, vec![rows(&std::mem::take(&mut self.letters)), octets]));
        }
        if !self.outbox.is_empty() {
            due.push((SAVE_OUTBOX, vec![rows(&std::mem::take(&mut self.outbox))]));
        }
        due
    }

    fn count(&self) -> usize {
        self.entries.len()
            + self.audit.len()
            + self.attachments.len()
            + self.letters.len()
            + self.outbox.len()
            + self.known.len()
            + self.deadlines.len()
            + self.marks.len()
            + self.uses.len()
    }
}

impl Write {
    /// Stores what waits.
    pub(super) async fn flush(&mut self) -> Stored<()> {
        let mut due = self.pending.take_entries();
        let pending = &mut self.pending;
        if !pending.audit.is_empty() {
            due.push((SAVE_AUDIT, vec![rows(&std::mem::take(&mut pending.audit))]));
        }
        due.extend(pending.take_mail());
        if !pending.known.is_empty() {
            pending.found.clear();
            due.push((SAVE_KNOWN_IDS, vec![rows(&std::mem::take(&mut pending.known))]));
        }
        if !pending.deadlines.is_empty() {
            let deadlines = std::mem::take(&mut pending.deadlines);
            let of: Vec<_> = deadlines.keys().map(|incident| (incident,)).collect();
            let all: Vec<_> = deadlines
                .iter()
                .flat_map(|(incident, rows)| rows.iter().map(move |(kind, at)| (incident, kind, at)))
                .collect();
            due.push((DELETE_DEADLINES, vec![rows(&of)]));
            due.push((SAVE_DEADLINES, vec![rows(&all)]));
        }
        if !pending.marks.is_empty() {
            let marks: Vec<_> = std::mem::take(&mut pending.marks)
                .into_iter()
                .map(|(id, (state, incident, read_at, reason))| (id, state, incident, read_at, reason))
                .collect();
            due.push((MARK_INBOUND, vec![rows(&marks)]));
        }
        due.extend(budgets::save(std::mem::take(&mut pending.uses)));
        for (statement, values) in due {
            self.transaction.execute(statement, values).await?;
        }
        Ok(())
    }

    /// Stores the timeline entries that wait, for whoever reads no more than those.
    pub(super) async fn flush_entries(&mut self) -> Stored<()> {
        for (statement, values) in self.pending.take_entries() {
            self.transaction.execute(statement, values).await?;
        }
        Ok(())
    }

    /// Stores the letters and the rows of the outbox that wait: whoever looks for mail to take the place
    /// of needs no more.
    pub(super) async fn flush_mail(&mut self) -> Stored<()> {
        for (statement, values) in self.pending.take_mail() {
            self.transaction.execute(statement, values).await?;
        }
        Ok(())
    }

    /// Stores what waits when it has become much.
    pub(super) async fn flush_much(&mut self) -> Stored<()> {
        let octets = self.pending.letter_octets.len() + self.pending.file_octets;
        if octets >= OCTETS_MAX || self.pending.count() >= ROWS_MAX {
            self.flush().await?;
        }
        Ok(())
    }
}
