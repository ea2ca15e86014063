//! The inbox: messages that somebody may have to look at, because they are held or set aside, could
//! not be read, or belong to no incident.
//!
//! Never looks into a message. Start with [`Store::load_inbox`].

use chrono::{DateTime, Utc};

use super::columns::{read_instant, read_variant};
use super::engines::statements;
use super::rows::{InboundState, InboxRow};
use super::{Store, Stored};

statements! {
    /// The cast is for a row whose instant is damaged, which must not hide the others.
    LOAD = "
        select id, cast(received_at as bigint) as received_at, reverse_path, state, incident, reason,
               (select who from audit where audit.inbound = inbound.id order by audit.id desc limit 1)
               as who
        from inbound where reason is not null order by id desc limit $1";
    LOAD_ALL = "
        select id, cast(received_at as bigint) as received_at, reverse_path, state, incident, reason,
               (select who from audit where audit.inbound = inbound.id order by audit.id desc limit 1)
               as who
        from inbound order by id desc limit $1";
    LOAD_ONE = "
        select id, cast(received_at as bigint) as received_at, reverse_path, state, incident, reason,
               (select who from audit where audit.inbound = inbound.id order by audit.id desc limit 1)
               as who
        from inbound where id = $1";
    COUNT = "
        select state, count(*), min(received_at) from inbound where reason is not null group by state";
    /// Never what declared an incident or changed one: it would do so again.
    READ_AGAIN = "
        update inbound set state = 'waiting', attempts = 0, reason = null, incident = null,
               held_with = null
        where id = $1 and reason is not null and state <> 'read' and octets is not null";
    /// What comes later in the hour is held for itself.
    FORGET_HELD = "delete from held_report where inbound = $1";
}

#[derive(sqlx::FromRow)]
struct Columns {
    id: i64,
    received_at: i64,
    reverse_path: Option<String>,
    state: String,
    incident: Option<i64>,
    reason: Option<String>,
    who: Option<String>,
}

impl Columns {
    fn read(self) -> Stored<InboxRow> {
        Ok(InboxRow {
            id: self.id,
            received_at: read_instant(self.received_at)?,
            from: self.who.filter(|who| !who.is_empty()).or(self.reverse_path).unwrap_or_default(),
            state: read_variant(&self.state, &InboundState::NAMES, "message's state")?,
            incident: self.incident,
            reason: self.reason.unwrap_or_default(),
        })
    }
}

impl Store {
    /// What lies in the inbox, the newest first; with `all`, everything that was received.
    pub async fn load_inbox(&self, all: bool, limit: i64) -> Stored<Vec<InboxRow>> {
        let statement = if all { LOAD_ALL } else { LOAD };
        let rows: Vec<Columns> = self.engine.load(statement, vec![limit.into()]).await?;
        // One that is damaged keeps nobody from the others.
        Ok(rows.into_iter().filter_map(|row| row.read().ok()).collect())
    }

    /// One received message, whatever became of it.
    pub async fn load_inbox_row(&self, id: i64) -> Stored<Option<InboxRow>> {
        let rows: Vec<Columns> = self.engine.load(LOAD_ONE, vec![id.into()]).await?;
        rows.into_iter().next().map(Columns::read).transpose()
    }

    /// How many messages of each state lie in the inbox, and since when the oldest does; none where
    /// none does.
    pub async fn count_inbox(&self) -> Stored<Vec<(InboundState, i64, DateTime<Utc>)>> {
        let rows: Vec<(String, i64, i64)> = self.engine.load(COUNT, vec![]).await?;
        let read = |(state, count, since): (String, i64, i64)| {
            let state = read_variant(&state, &InboundState::NAMES, "message's state")?;
            Ok((state, count, read_instant(since)?))
        };
        rows.into_iter().map(read).collect()
    }

    /// Has a message of the inbox read once more, as if it had just come; `false` when it does not lie
    /// there, or cannot be read again without doing a second time what it did.
    ///
    /// Safe while servers run: one that reads or accepts it at this moment has it to itself.
    pub async fn read_again(&self, id: i64) -> Stored<bool> {
        let mut write = self.begin_write().await?;
        let changed = write.transaction.execute(READ_AGAIN, vec![id.into()]).await?;
        write.transaction.execute(FORGET_HELD, vec![id.into()]).await?;
        write.commit().await?;
        Ok(changed == 1)
    }
}
