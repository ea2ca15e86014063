//! Decisions on trust, kept for whoever asks later: whom a message claimed to be from, what proved
//! it, what became of it.
//!
//! Never read back to decide anything. Start with [`Write::save_audit`].

use chrono::{DateTime, Utc};

use super::columns::{micros, plain, read_instant, rows};
use super::engines::statements;
use super::rows::AuditRow;
use super::{Store, Stored, Write};

statements! {
    LOAD = "
        select id, at, incident, inbound, who, proof, outcome from audit order by id desc limit $1";
    LOAD_OF_INCIDENT = "
        select id, at, incident, inbound, who, proof, outcome from audit
        where incident = $1 order by id desc limit $2";
    LOAD_OF_PERSON = "
        select id, at, incident, inbound, who, proof, outcome from audit
        where who = $1 order by id desc limit $2";
    LOAD_OF_BOTH = "
        select id, at, incident, inbound, who, proof, outcome from audit
        where incident = $1 and who = $2 order by id desc limit $3";
    LOAD_OF_INBOUND = "
        select id, at, incident, inbound, who, proof, outcome from audit
        where inbound = $1 order by id";
    /// $1 holds rows; one that was stored before differs in how often it happened since.
    SAVE_REFUSALS = "
        insert into audit (id, at, incident, inbound, who, proof, outcome)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), null, null, value->>2, value->>3,
               value->>4
        from json_each($1) where true
        on conflict (id) do update set outcome = excluded.outcome";
    /// What became of no incident goes with the message itself.
    FORGET = "delete from audit where incident is null and at < $1";
}

type Columns = (i64, i64, Option<i64>, Option<i64>, String, String, String);

fn read((id, at, incident, inbound, who, proof, outcome): Columns) -> Stored<AuditRow> {
    Ok(AuditRow { id, at: read_instant(at)?, incident, inbound, who, proof, outcome })
}

impl Store {
    /// The newest first: of one incident, of one person (by the key of an address), of both, or all.
    pub async fn load_audit(
        &self,
        incident: Option<i64>,
        who: Option<&str>,
        limit: i64,
    ) -> Stored<Vec<AuditRow>> {
        let (statement, mut values) = match (incident, who) {
            (None, None) => (LOAD, vec![]),
            (Some(incident), None) => (LOAD_OF_INCIDENT, vec![incident.into()]),
            (None, Some(who)) => (LOAD_OF_PERSON, vec![who.into()]),
            (Some(incident), Some(who)) => (LOAD_OF_BOTH, vec![incident.into(), who.into()]),
        };
        values.push(limit.into());
        let found: Vec<Columns> = self.engine.load(statement, values).await?;
        found.into_iter().map(read).collect()
    }

    /// What was decided of one message, the oldest first.
    pub async fn load_audit_of(&self, inbound: i64) -> Stored<Vec<AuditRow>> {
        let found: Vec<Columns> = self.engine.load(LOAD_OF_INBOUND, vec![inbound.into()]).await?;
        found.into_iter().map(read).collect()
    }

    /// Keeps what clients were refused, or how often by now.
    pub async fn save_refusals(&self, refusals: &[AuditRow]) -> Stored<()> {
        if refusals.is_empty() {
            return Ok(());
        }
        let columns: Vec<_> = refusals
            .iter()
            .map(|row| (row.id, micros(row.at), plain(&row.who), plain(&row.proof), plain(&row.outcome)))
            .collect();
        self.engine.execute(SAVE_REFUSALS, vec![rows(&columns)]).await.map(drop)
    }

    /// Deletes what is older and belongs to no incident.
    pub async fn forget_audit(&self, before: DateTime<Utc>) -> Stored<u64> {
        self.engine.execute(FORGET, vec![micros(before).into()]).await
    }
}

impl Write {
    /// Keeps a decision together with what it did.
    pub async fn save_audit(&mut self, row: AuditRow) -> Stored<()> {
        self.pending.audit.push((
            row.id,
            micros(row.at),
            row.incident,
            row.inbound,
            plain(&row.who),
            plain(&row.proof),
            plain(&row.outcome),
        ));
        self.flush_much().await
    }
}
