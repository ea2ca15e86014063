//! A copy of the embedded database, made while a server writes to it; and whether a file is one.
//!
//! SQLite only, and never through the pools of an opened store: what is copied keeps the schema that it
//! has, however old. PostgreSQL brings tools of its own. Start with [`copy_sqlite`].

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use super::{StoreError, Stored};

/// What a database holds, for people who want to see that it is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    pub incidents: i64,
    pub messages: i64,
    /// Mails that are still to be sent.
    pub waiting: i64,
}

/// Copies the database at `from` into `into`, a file that is empty or not there, as it stands at one
/// instant. Whoever reads or writes it meanwhile is not kept waiting.
///
/// # Errors
///
/// [`StoreError::Unavailable`]: the database is not to be had, or the disk is full.
pub async fn copy_sqlite(from: &Path, into: &Path) -> Stored<()> {
    let mut connection = connect(from).await?;
    let into = into.to_string_lossy().into_owned();
    sqlx::query("vacuum into $1").bind(into).execute(&mut connection).await?;
    Ok(connection.close().await?)
}

/// Looks at every page of a database, and counts what it holds.
///
/// # Errors
///
/// [`StoreError::Damaged`] when it is none of ours or not whole.
pub async fn check_sqlite(path: &Path) -> Stored<Holdings> {
    let mut connection = connect(path).await?;
    let faults = async {
        let faults: Vec<(String,)> =
            sqlx::query_as("pragma integrity_check(1)").fetch_all(&mut connection).await?;
        let (incidents, messages, waiting) = sqlx::query_as(
            "select (select count(*) from incident), (select count(*) from inbound),
                    (select count(*) from outbox where state in ('queued', 'deferred', 'uncertain'))",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok::<_, sqlx::Error>((faults, Holdings { incidents, messages, waiting }))
    };
    // No such table, not a database, cut off: each means that there is nothing to be had from it.
    let (faults, holdings) = faults.await.map_err(|_| StoreError::Damaged("database"))?;
    connection.close().await?;
    match faults.as_slice() {
        [(fault,)] if fault == "ok" => Ok(holdings),
        _ => Err(StoreError::Damaged("database")),
    }
}

async fn connect(path: &Path) -> Stored<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    SqliteConnection::connect_with(&options).await.map_err(StoreError::Unavailable)
}
