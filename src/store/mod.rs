//! Everything that is kept, and all SQL.
//!
//! One text of SQL for SQLite and PostgreSQL; `engines` is the only file that knows which runs.
//! Reading methods are on [`Store`]; whatever must happen together is on [`Write`], a transaction.
//! Correctness rests on guarded updates and unique keys, never on a read before a write. Each
//! subject has a file with its statements and the methods that use them: `inbound`, `mailboxes`,
//! `incidents`, `alerts`, `attachments`, `audit`, `outbox`, `bundles`, `reminders`, `dead` addresses, `budgets`, `shifts`, `digests`, members of
//! `lists`, and `ledgers` for the small tables; what a transaction saves waits in `pending`; what nobody needs any more, `forgetting`
//! deletes; `backup` copies the file of SQLite.

mod alerts;
mod attachments;
mod audit;
pub mod backup;
mod budgets;
mod bundles;
mod columns;
mod dead;
mod digests;
mod engines;
mod forgetting;
mod inbound;
mod inbox;
mod incidents;
mod instants;
mod ledgers;
mod lists;
mod mailboxes;
mod octets;
mod outbox;
mod pending;
mod reminders;
pub mod rows;
pub mod search;
mod shifts;

pub use forgetting::KNOWN_WITHIN;
pub use outbox::COUNTED_MAX;
pub use shifts::Overrides;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer was faster: run the whole transaction again.
    #[error("another writer was faster")]
    Conflict,
    /// The operator's: disk, connection, file rights.
    #[error("the database did not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The operator's: it is not for this program to write what it does not know.
    #[error("a newer version of Firebell has migrated it; this machine needs that version, too")]
    Newer,
    /// The operator's: a migration failed.
    #[error("the database schema does not fit this program")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database will not take such a value: our own mistake, and the same next time.
    #[error("the database refused a value")]
    Rejected(#[source] sqlx::Error),
    /// What was stored cannot be read back: our own mistake or a damaged file.
    #[error("a stored {0} cannot be read")]
    Damaged(&'static str),
}

impl StoreError {
    /// Whether the same again would fail again; otherwise the database is busy or away.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Rejected(_) | Self::Damaged(_))
    }
}

/// A database, opened and migrated. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    engine: engines::Engine,
    packer: octets::Packer,
}

/// A transaction that writes. Dropped without [`Write::commit`] it never happened.
#[derive(Debug)]
pub struct Write {
    transaction: engines::Transaction,
    pending: pending::Pending,
}

type Stored<T> = Result<T, StoreError>;

/// Every statement there is.
const ALL: [&[engines::Statement]; 20] = [
    alerts::ALL,
    attachments::ALL,
    dead::ALL,
    forgetting::ALL,
    inbound::ALL,
    instants::ALL,
    inbox::ALL,
    mailboxes::ALL,
    incidents::ALL,
    audit::ALL,
    outbox::ALL,
    bundles::ALL,
    budgets::ALL,
    reminders::ALL,
    shifts::ALL,
    digests::ALL,
    lists::ALL,
    ledgers::ALL,
    pending::ALL,
    search::ALL,
];

impl Store {
    /// Opens `sqlite:PATH` or `postgres://…` and migrates it.
    pub async fn open(url: &str) -> Stored<Self> {
        Ok(Self { engine: engines::Engine::open(url).await?, packer: octets::Packer::default() })
    }

    /// Begins a transaction that writes. On SQLite there is one at a time; others wait here.
    pub async fn begin_write(&self) -> Stored<Write> {
        let pending = pending::Pending::new(self.packer.clone());
        Ok(Write { transaction: self.engine.begin().await?, pending })
    }

    /// Ends every connection, after the transactions under way. Whatever is asked afterwards fails.
    pub async fn close(&self) {
        self.engine.close().await;
    }

    /// Has the database plan every statement; returns those that it cannot, and why.
    pub async fn check_statements(&self) -> Vec<String> {
        let mut misfits = Vec::new();
        for statements in ALL {
            misfits.extend(self.engine.prepare(statements).await);
        }
        misfits
    }

    /// The walks through whole tables and indexes that the database plans for any statement.
    ///
    /// # Errors
    ///
    /// The database's, for a statement that it cannot plan.
    pub async fn scans(&self) -> Stored<Vec<String>> {
        let mut scans = Vec::new();
        for statements in ALL {
            scans.extend(self.engine.scans(statements).await?);
        }
        Ok(scans)
    }
}

impl Write {
    /// Makes it happen.
    pub async fn commit(mut self) -> Stored<()> {
        self.flush().await?;
        self.transaction.commit().await
    }
}
