//! What the database says of the time: its own clock, and the latest instant that it keeps.

use chrono::{DateTime, Utc};

use super::columns::read_instant;
use super::engines::statements;
use super::{Store, Stored};

statements! {
    /// SQLite has the clock of this machine.
    NOW = "select cast((julianday('now') - 2440587.5) * 86400000000 as bigint)",
        pg: "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";
    LATEST_RECEIVED = "select received_at from inbound where id > 0 order by id desc limit 1";
    LATEST_WRITTEN = "select created_at from letter where id > 0 order by id desc limit 1";
}

impl Store {
    /// The time by the clock of the database.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn clock(&self) -> Stored<DateTime<Utc>> {
        let rows: Vec<(i64,)> = self.engine.load(NOW, vec![]).await?;
        read_instant(rows.first().map_or(0, |(micros,)| *micros))
    }

    /// When the last message came or the last mail was written; `None` for a new database.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn latest_instant(&self) -> Stored<Option<DateTime<Utc>>> {
        let mut latest: Option<(i64,)> = None;
        for statement in [LATEST_RECEIVED, LATEST_WRITTEN] {
            let rows: Vec<(i64,)> = self.engine.load(statement, vec![]).await?;
            latest = latest.max(rows.first().copied());
        }
        latest.map(|(micros,)| read_instant(micros)).transpose()
    }
}
