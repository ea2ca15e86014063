//! Incidents, their timelines and their deadline rows.
//!
//! Never judges what it stores. Start with [`Write::save_incident`].

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::attachments::{AttachedRow, attach};
use super::columns::{
    json, micros, name, plain, read_address, read_instant, read_json, read_name, rows,
};
use super::engines::statements;
use super::rows::{DueDeadline, Incidents, StoredIncident};
use super::{Store, StoreError, Stored, Write};
use crate::incident::Incident;
use crate::incident::deadlines::{Deadline, DeadlineKind};
use crate::incident::decision::{Entry, EntryKind, NewEntry};
use crate::mail::Address;

/// Entries of a timeline are counted from one.
const FIRST_SEQ: i64 = 1;
/// More incidents than anybody works on in a week.
const RECENT_MAX: i64 = 1_000;

statements! {
    NEXT_NUMBER = "
        insert into counter (name, n) values ('incident', 1)
        on conflict (name) do update set n = counter.n + 1
        returning n";
    INSERT = "
        insert into incident (number, version, is_open, phase, severity, title, private, drill,
                              declared_at, resolved_at, closed_at, state)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), cast(value->>2 as boolean),
               value->>3, value->>4, value->>5, cast(value->>6 as boolean),
               cast(value->>7 as boolean), cast(value->>8 as bigint), cast(value->>9 as bigint),
               cast(value->>10 as bigint), value->>11
        from json_each($1)";
    /// Each version replaces the one named beside it, and no other.
    REPLACE = "
        update incident set version = cast(value->>1 as bigint), is_open = cast(value->>2 as boolean),
               phase = value->>3, severity = value->>4, title = value->>5,
               private = cast(value->>6 as boolean), drill = cast(value->>7 as boolean),
               declared_at = cast(value->>8 as bigint), resolved_at = cast(value->>9 as bigint),
               closed_at = cast(value->>10 as bigint), state = value->>11
        from json_each($1)
        where number = cast(value->>0 as bigint) and version = cast(value->>12 as bigint)";
    LOAD = "select number, version, state from incident where number = $1";
    LOAD_MANY = "
        select number, version, state from incident
        where number in (select cast(value->>0 as bigint) from json_each($1))";
    LOAD_NEWEST = "select number, version, state from incident order by number desc limit $1";
    LOAD_OPEN = "
        select number, version, state from incident where is_open order by number desc limit $1";
    LOAD_RECENT = "
        select number, version, state from incident
        where is_open or resolved_at >= $1 or closed_at >= $1 order by number desc limit $2";
    LOAD_ALL = "select number, version, state from incident order by number";
    /// For whoever replaces what belongs to incidents without a new version of them.
    LOCK_ALL = "select number, version, state from incident order by number",
        // Whoever changes one meanwhile waits, or has committed before it is read.
        pg: "select number, version, state from incident order by number for update";
    LOAD_TIMELINE = "
        select seq, at, recorded_at, author, author_name, verified, proof, kind, text, elided, message_id
        from entry where incident = $1 order by seq";
    /// `lower` finds what somebody wrote under another spelling of their address.
    HAS_WRITTEN = "
        select seq from entry where incident = $1 and lower(author) = $2 and verified limit 1";
    LOAD_ATTACHMENTS = "
        select seq, name, size_octets, hash from attachment where incident = $1 and seq >= $2
        order by seq, position";
    LOAD_ENTRIES = "
        select seq, at, recorded_at, author, author_name, verified, proof, kind, text, elided, message_id
        from entry where incident = $1 and seq >= $2 and seq < $3 and kind = $4 order by seq";
    LOAD_DEADLINES = "
        select incident, kind, wake_at from deadline where incident = $1 order by wake_at, kind";
    LOAD_DUE_DEADLINES = "
        select incident, kind, wake_at from deadline where wake_at <= $1
        order by wake_at, incident, kind limit $2";
    /// Read by a pager's answer that lost its thread, and nothing else: few rows are of these kinds.
    LOAD_OWING = "
        select incident from deadline where kind in (select value->>0 from json_each($1))
        group by incident order by incident desc limit $2";
    EARLIEST_DEADLINE = "select min(wake_at) from deadline";
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    seq: i64,
    at: i64,
    recorded_at: i64,
    author: Option<String>,
    author_name: String,
    verified: bool,
    proof: String,
    kind: String,
    text: String,
    elided: String,
    message_id: Option<String>,
}

impl EntryRow {
    fn read(self) -> Stored<Entry> {
        Ok(Entry {
            seq: self.seq,
            at: read_instant(self.at)?,
            recorded_at: read_instant(self.recorded_at)?,
            author: self.author.as_deref().map(read_address).transpose()?,
            author_name: self.author_name,
            verified: self.verified,
            proof: self.proof,
            kind: read_name(self.kind, "timeline entry's kind")?,
            text: self.text,
            elided: self.elided,
            attachments: Vec::new(),
            message_id: self.message_id,
        })
    }
}

fn read_timeline(rows: Vec<EntryRow>, files: Vec<AttachedRow>) -> Stored<Vec<Entry>> {
    let mut timeline = rows.into_iter().map(EntryRow::read).collect::<Stored<Vec<_>>>()?;
    attach(&mut timeline, files);
    Ok(timeline)
}

type IncidentRow = (i64, i64, String);

fn read_incident((_, version, state): IncidentRow) -> Stored<StoredIncident> {
    Ok(StoredIncident { incident: read_json(&state, "incident")?, version })
}

/// One that is damaged keeps nobody from the others.
fn read_incidents(rows: Vec<IncidentRow>) -> Incidents {
    let mut incidents = Incidents::default();
    for row in rows {
        let number = row.0;
        match read_incident(row) {
            Ok(stored) => incidents.readable.push(stored),
            Err(_) => incidents.damaged.push(number),
        }
    }
    incidents
}

type DeadlineRow = (i64, String, i64);

fn read_deadline((incident, kind, wake_at): DeadlineRow) -> Stored<DueDeadline> {
    let kind = read_name(kind, "deadline's kind").ok();
    Ok(DueDeadline { incident, kind, wake_at: read_instant(wake_at)? })
}

impl Store {
    pub async fn load_incident(&self, number: i64) -> Stored<Option<StoredIncident>> {
        let rows: Vec<IncidentRow> = self.engine.load(LOAD, vec![number.into()]).await?;
        rows.into_iter().next().map(read_incident).transpose()
    }

    /// Newest first.
    pub async fn load_incidents(&self, only_open: bool, limit: i64) -> Stored<Incidents> {
        let statement = if only_open { LOAD_OPEN } else { LOAD_NEWEST };
        Ok(read_incidents(self.engine.load(statement, vec![limit.into()]).await?))
    }

    /// Those that are open, and those that ended since; the newest.
    pub async fn load_recent_incidents(&self, since: DateTime<Utc>) -> Stored<Incidents> {
        let values = vec![micros(since).into(), RECENT_MAX.into()];
        Ok(read_incidents(self.engine.load(LOAD_RECENT, values).await?))
    }

    /// In the order of its numbers.
    pub async fn load_timeline(&self, number: i64) -> Stored<Vec<Entry>> {
        let rows: Vec<EntryRow> = self.engine.load(LOAD_TIMELINE, vec![number.into()]).await?;
        let files = self.engine.load(LOAD_ATTACHMENTS, vec![number.into(), FIRST_SEQ.into()]).await?;
        read_timeline(rows, files)
    }

    /// When the loop of deadlines must look again; `None` while nothing is owed.
    pub async fn earliest_deadline(&self) -> Stored<Option<DateTime<Utc>>> {
        let rows: Vec<(Option<i64>,)> = self.engine.load(EARLIEST_DEADLINE, vec![]).await?;
        rows.first().and_then(|(at,)| *at).map(read_instant).transpose()
    }

    /// The longest overdue first.
    pub async fn load_due_deadlines(&self, now: DateTime<Utc>, limit: i64) -> Stored<Vec<DueDeadline>> {
        let values = vec![micros(now).into(), limit.into()];
        let rows: Vec<DeadlineRow> = self.engine.load(LOAD_DUE_DEADLINES, values).await?;
        rows.into_iter().map(read_deadline).collect()
    }

    /// All deadline rows of an incident: for tests and `show`.
    pub async fn load_deadlines(&self, number: i64) -> Stored<Vec<Deadline>> {
        let rows: Vec<DeadlineRow> = self.engine.load(LOAD_DEADLINES, vec![number.into()]).await?;
        rows.into_iter()
            .map(|row| {
                let due = read_deadline(row)?;
                let kind = due.kind.ok_or(StoreError::Damaged("deadline's kind"))?;
                Ok(Deadline { kind, wake_at: due.wake_at })
            })
            .collect()
    }
}

impl Write {
    /// A number that no incident has, and none gets later unless this is rolled back.
    pub async fn next_incident_number(&mut self) -> Stored<i64> {
        let rows: Vec<(i64,)> = self.transaction.load(NEXT_NUMBER, vec![]).await?;
        rows.first().map(|(number,)| *number).ok_or(StoreError::Damaged("counter"))
    }

    /// The newest incidents in which something of these kinds falls due.
    pub async fn load_owing(&mut self, kinds: &[DeadlineKind], limit: i64) -> Stored<Vec<i64>> {
        let kinds: Vec<_> = kinds.iter().map(|kind| (name(*kind),)).collect();
        let found: Vec<(i64,)> =
            self.transaction.load(LOAD_OWING, vec![rows(&kinds), limit.into()]).await?;
        Ok(found.into_iter().map(|(number,)| number).collect())
    }

    pub async fn load_incident(&mut self, number: i64) -> Stored<Option<StoredIncident>> {
        let rows: Vec<IncidentRow> = self.transaction.load(LOAD, vec![number.into()]).await?;
        rows.into_iter().next().map(read_incident).transpose()
    }

    /// The incidents that are open, the newest, so many at most.
    pub async fn load_open_incidents(&mut self, limit: i64) -> Stored<Incidents> {
        Ok(read_incidents(self.transaction.load(LOAD_OPEN, vec![limit.into()]).await?))
    }

    /// Oldest first.
    pub async fn load_all_incidents(&mut self) -> Stored<Incidents> {
        Ok(read_incidents(self.transaction.load(LOAD_ALL, vec![]).await?))
    }

    /// The same, unchanged until this commits.
    pub async fn lock_all_incidents(&mut self) -> Stored<Incidents> {
        Ok(read_incidents(self.transaction.load(LOCK_ALL, vec![]).await?))
    }

    /// Those of these numbers that there are.
    pub async fn load_incidents(&mut self, numbers: &[i64]) -> Stored<Incidents> {
        let numbers: Vec<_> = numbers.iter().map(|number| (number,)).collect();
        Ok(read_incidents(self.transaction.load(LOAD_MANY, vec![rows(&numbers)]).await?))
    }

    /// Inserts it when `was` is 0; else replaces version `was`. [`StoreError::Conflict`] when that is
    /// not the stored version.
    pub async fn save_incident(&mut self, incident: &Incident, was: i64, version: i64) -> Stored<()> {
        self.save_incidents(&[(incident, was, version)]).await
    }

    /// The same for several, each with the version that it was and the one that it is now.
    pub async fn save_incidents(&mut self, incidents: &[(&Incident, i64, i64)]) -> Stored<()> {
        let (new, old): (Vec<_>, Vec<_>) = incidents.iter().partition(|(_, was, _)| *was == 0);
        let mut saved = 0;
        for (statement, incidents) in [(INSERT, new), (REPLACE, old)] {
            if incidents.is_empty() {
                continue;
            }
            let columns: Vec<_> = incidents
                .into_iter()
                .map(|(incident, was, version)| {
                    (
                        incident.number,
                        version,
                        incident.phase.is_open(),
                        incident.phase.name(),
                        incident.severity.name(),
                        plain(&incident.title),
                        incident.private,
                        incident.drill,
                        micros(incident.declared_at),
                        incident.resolved_at.map(micros),
                        incident.closed_at.map(micros),
                        json(incident),
                        was,
                    )
                })
                .collect();
            saved += self.transaction.execute(statement, vec![rows(&columns)]).await?;
        }
        if usize::try_from(saved) == Ok(incidents.len()) { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// In the order of its numbers.
    pub async fn load_timeline(&mut self, number: i64) -> Stored<Vec<Entry>> {
        self.flush().await?;
        let rows: Vec<EntryRow> = self.transaction.load(LOAD_TIMELINE, vec![number.into()]).await?;
        let values = vec![number.into(), FIRST_SEQ.into()];
        let files = self.transaction.load(LOAD_ATTACHMENTS, values).await?;
        read_timeline(rows, files)
    }

    /// The entries of one kind with these numbers, in their order.
    pub async fn load_entries(
        &mut self,
        number: i64,
        numbers: Range<i64>,
        kind: EntryKind,
    ) -> Stored<Vec<Entry>> {
        self.flush_entries().await?;
        let values = vec![number.into(), numbers.start.into(), numbers.end.into(), kind.name().into()];
        let rows: Vec<EntryRow> = self.transaction.load(LOAD_ENTRIES, values).await?;
        let values = vec![number.into(), numbers.start.into()];
        let files = self.transaction.load(LOAD_ATTACHMENTS, values).await?;
        read_timeline(rows, files)
    }

    /// Whether somebody who was believed to be this address wrote to an incident before.
    pub async fn has_written(&mut self, number: i64, author: &Address) -> Stored<bool> {
        self.flush_entries().await?;
        let values = vec![number.into(), author.key().into()];
        let found: Vec<(i64,)> = self.transaction.load(HAS_WRITTEN, values).await?;
        Ok(!found.is_empty())
    }

    /// Appends to the timeline. [`StoreError::Conflict`] when a number is taken, at the commit at the
    /// latest.
    pub async fn save_entries(
        &mut self,
        number: i64,
        entries: &[NewEntry],
        recorded_at: DateTime<Utc>,
    ) -> Stored<()> {
        let recorded_at = micros(recorded_at);
        for entry in entries {
            self.pending.add_attachments(number, entry.seq, 0, &entry.source.attachments);
        }
        self.pending.entries.extend(entries.iter().map(|entry| {
            let author = entry.author.as_ref();
            (
                number,
                entry.seq,
                micros(entry.at),
                recorded_at,
                author.map(|person| person.address.as_str().to_owned()),
                author.map_or_else(String::new, |person| plain(&person.name)),
                entry.verified,
                entry.kind.name().to_owned(),
                plain(&entry.text),
                plain(&entry.source.elided),
                entry.source.message_id.as_deref().map(plain),
                plain(&entry.proof),
            )
        }));
        self.flush_much().await
    }

    /// Makes the incident's deadline rows equal to these.
    pub async fn replace_deadlines(&mut self, number: i64, deadlines: &[Deadline]) -> Stored<()> {
        let columns = deadlines.iter().map(|deadline| (name(deadline.kind), micros(deadline.wake_at)));
        self.pending.deadlines.insert(number, columns.collect());
        self.flush_much().await
    }
}
