//! Groups of alerts: what each is waiting for, and the incident that it declared.
//!
//! Never reads an alert. Of several servers one changes a row, and the others try again: the guard is its
//! version. Start with [`Write::load_alert_group`].

use chrono::{DateTime, Utc};

use super::columns::{json, micros, plain, read_instant, read_json};
use super::engines::statements;
use super::rows::StoredGroup;
use super::{Store, StoreError, Stored, Write};

statements! {
    LOAD = "select key, id, version, incident, state from alert_group where key = $1";
    LOAD_BY_ID = "select key, id, version, incident, state from alert_group where id = $1";
    /// Changes one row when nobody else has changed it since it was read.
    SAVE = "
        insert into alert_group (key, id, version, incident, wake_at, last_at, state)
        values ($1, $2, $3 + 1, $4, $5, $6, $7)
        on conflict (key) do update
        set version = excluded.version, incident = excluded.incident, wake_at = excluded.wake_at,
            last_at = excluded.last_at, state = excluded.state
        where alert_group.version = $3 and alert_group.id = $2";
    DUE = "select id from alert_group where wake_at <= $1 order by wake_at, id limit $2";
    EARLIEST = "select min(wake_at) from alert_group where wake_at is not null";
    /// The mails that were counted while nobody had declared an incident are its, too.
    LINK = "
        update inbound set incident = $2
        where id in (select id from inbound where held_with = $1 union all select $1)
        and incident is null and state in ('filed', 'read')";
}

type Row = (String, i64, i64, Option<i64>, String);

fn read((key, id, version, incident, state): Row) -> Stored<StoredGroup> {
    Ok(StoredGroup { key, id, version, incident, group: read_json(&state, "group of alerts")? })
}

impl Store {
    /// The groups whose time has come, the longest overdue first.
    pub async fn load_due_alert_groups(&self, now: DateTime<Utc>, limit: i64) -> Stored<Vec<i64>> {
        let rows: Vec<(i64,)> = self.engine.load(DUE, vec![micros(now).into(), limit.into()]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// When the next group must be looked at; `None` while nobody was asked about any.
    pub async fn earliest_alert_group(&self) -> Stored<Option<DateTime<Utc>>> {
        let rows: Vec<(Option<i64>,)> = self.engine.load(EARLIEST, vec![]).await?;
        rows.first().and_then(|(at,)| *at).map(read_instant).transpose()
    }
}

impl Write {
    /// The group of this key; one that cannot be read is none.
    pub async fn load_alert_group(&mut self, key: &str) -> Stored<Option<StoredGroup>> {
        let rows: Vec<Row> = self.transaction.load(LOAD, vec![plain(key).into()]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    /// The group that an answer names.
    pub async fn load_alert_group_of(&mut self, id: i64) -> Stored<Option<StoredGroup>> {
        let rows: Vec<Row> = self.transaction.load(LOAD_BY_ID, vec![id.into()]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    /// Keeps a group as it is now. [`StoreError::Conflict`] when somebody else changed it meanwhile.
    pub async fn save_alert_group(&mut self, stored: &StoredGroup) -> Stored<()> {
        let group = &stored.group;
        let values = vec![
            plain(&stored.key).into(),
            stored.id.into(),
            stored.version.into(),
            stored.incident.into(),
            group.wake_at().map(micros).into(),
            micros(group.last_at).into(),
            plain(&json(group)).into(),
        ];
        match self.transaction.execute(SAVE, values).await? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict),
        }
    }

    /// The mails of a group are those of the incident that it declared. `first` is the one that it began
    /// with.
    pub async fn link_alerts(&mut self, first: i64, incident: i64) -> Stored<()> {
        self.flush().await?;
        self.transaction.execute(LINK, vec![first.into(), incident.into()]).await.map(|_| ())
    }
}
