//! Incidents, their timelines and their deadline rows.
//!
//! Never judges what it stores. Start with [`Write::save_incident`].

use chrono::{DateTime, Utc};

use super::attachments::{AttachedRow, attach};
use super::columns::{json, micros, name, plain, read_address, read_instant, read_json, read_name};
use super::engines::statements;
use super::rows::{DueDeadline, Incidents, StoredIncident};
use super::{Store, StoreError, Stored, Write};
use crate::incident::Incident;
use crate::incident::deadlines::Deadline;
use crate::incident::decision::{Entry, NewEntry};
use crate::mail::Address;

statements! {
    NEXT_NUMBER = "
        insert into counter (name, n) values ('incident', 1)
        on conflict (name) do update set n = counter.n + 1
        returning n";
    INSERT = "
        insert into incident (number, version, is_open, phase, severity, title, private, drill,
                              declared_at, resolved_at, closed_at, state)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    REPLACE = "
        update incident set version = $2, is_open = $3, phase = $4, severity = $5, title = $6,
               private = $7, drill = $8, declared_at = $9, resolved_at = $10, closed_at = $11, state = $12
        where number = $1 and version = $13";
    LOAD = "select number, version, state from incident where number = $1";
    LOAD_NEWEST = "select number, version, state from incident order by number desc limit $1";
    LOAD_OPEN = "
        select number, version, state from incident where is_open order by number desc limit $1";
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
        select seq, name, size_octets, hash from attachment where incident = $1 order by seq, position";
    LOAD_DEADLINES = "
        select incident, kind, wake_at from deadline where incident = $1 order by wake_at, kind";
    LOAD_DUE_DEADLINES = "
        select incident, kind, wake_at from deadline where wake_at <= $1
        order by wake_at, incident, kind limit $2";
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

    /// In the order of its numbers.
    pub async fn load_timeline(&self, number: i64) -> Stored<Vec<Entry>> {
        let rows: Vec<EntryRow> = self.engine.load(LOAD_TIMELINE, vec![number.into()]).await?;
        let files = self.engine.load(LOAD_ATTACHMENTS, vec![number.into()]).await?;
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

    pub async fn load_incident(&mut self, number: i64) -> Stored<Option<StoredIncident>> {
        let rows: Vec<IncidentRow> = self.transaction.load(LOAD, vec![number.into()]).await?;
        rows.into_iter().next().map(read_incident).transpose()
    }

    /// Oldest first.
    pub async fn load_all_incidents(&mut self) -> Stored<Incidents> {
        Ok(read_incidents(self.transaction.load(LOAD_ALL, vec![]).await?))
    }

    /// The same, unchanged until this commits.
    pub async fn lock_all_incidents(&mut self) -> Stored<Incidents> {
        Ok(read_incidents(self.transaction.load(LOCK_ALL, vec![]).await?))
    }

    /// Inserts it when `was` is 0; else replaces version `was`. [`StoreError::Conflict`] when that is
    /// not the stored version.
    pub async fn save_incident(&mut self, incident: &Incident, was: i64, version: i64) -> Stored<()> {
        let mut values = vec![
            incident.number.into(),
            version.into(),
            incident.phase.is_open().into(),
            incident.phase.name().into(),
            incident.severity.name().into(),
            plain(&incident.title).into(),
            incident.private.into(),
            incident.drill.into(),
            micros(incident.declared_at).into(),
            incident.resolved_at.map(micros).into(),
            incident.closed_at.map(micros).into(),
            json(incident).into(),
        ];
        let saved = if was == 0 {
            self.transaction.execute(INSERT, values).await?
        } else {
            values.push(was.into());
            self.transaction.execute(REPLACE, values).await?
        };
        if saved == 1 { Ok(()) } else { Err(StoreError::Conflict) }
    }

    /// In the order of its numbers.
    pub async fn load_timeline(&mut self, number: i64) -> Stored<Vec<Entry>> {
        self.flush().await?;
        let rows: Vec<EntryRow> = self.transaction.load(LOAD_TIMELINE, vec![number.into()]).await?;
        let files = self.transaction.load(LOAD_ATTACHMENTS, vec![number.into()]).await?;
        read_timeline(rows, files)
    }

    /// Whether somebody who was believed to be this address wrote to an incident before.
    pub async fn has_written(&mut self, number: i64, author: &Address) -> Stored<bool> {
        self.flush().await?;
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
