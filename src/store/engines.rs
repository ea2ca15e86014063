//! The two engines, behind one small surface: the only file that knows which one runs.
//!
//! sqlx's native drivers, not `sqlx::Any`, which is wrong on booleans and NULL. A statement is
//! written once with `$n` placeholders; it has a second text only where the engines truly differ.
//! Nothing here knows a table. Start with [`Engine::open`] and [`statements!`].

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::error::ErrorKind;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{
    Arguments, AssertSqlSafe, Connection, Executor, FromRow, PgConnection, PgPool, Postgres, SqlSafeStr,
    Sqlite, SqlitePool,
};

use super::{StoreError, Stored};

static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How long a SQLite writer waits for another process before the caller is told to try again.
const BUSY_WITHIN: Duration = Duration::from_secs(5);
/// How long a server is waited for that this machine starts at the same time.
const STARTING_WITHIN: Duration = Duration::from_secs(30);
/// A connection that PostgreSQL answered on so lately is taken to be well: to ask would be a round trip
/// more before every statement. Whoever is mistaken fails, and is tried again as after any break.
const UNTESTED_WITHIN: Duration = Duration::from_secs(1);
/// Between two tries to connect.
const RECONNECT_PAUSE: Duration = Duration::from_millis(20);
/// Readers beside SQLite's one writer. Each holds a page cache of up to 2 MB.
const SQLITE_READERS: u32 = 4;
/// Enough for intake, engine, deliveries and pages at once; a small server allows 100 in all.
const POSTGRES_CONNECTIONS: u32 = 16;

/// A machine that vanishes in the middle of a transaction must not keep its locks for the hours that
/// TCP waits: its session ends after a minute without a sign of life, or when a transaction stands
/// still for five.
///
/// And every statement has an index, by which it is planned once: what statistics say of a table that
/// was nearly empty when they were made holds no more when ten thousand rows have come, and PostgreSQL
/// would read them all for each of them. A page costs it little more than a row, so that it never takes
/// three rows for as good as one.
const POSTGRES_SESSION: &str = "
    set plan_cache_mode = force_generic_plan; set jit = off; set max_parallel_workers_per_gather = 0;
    set enable_seqscan = off; set enable_bitmapscan = off; set enable_material = off;
    set enable_hashjoin = off; set enable_mergejoin = off; set random_page_cost = 0.01;
    set idle_in_transaction_session_timeout = '5min';
    set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3";

/// One statement, with the text of each engine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement {
    pub(super) name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl Statement {
    pub(super) const fn new(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Self {
        Self { name, sqlite, postgres }
    }
}

/// Declares statements, and the list `ALL` that a test has both engines plan.
macro_rules! statements {
    ($( $(#[$doc:meta])* $name:ident = $both:literal $(, pg: $postgres:literal)? ; )*) => {
        $( $(#[$doc])*
        const $name: $crate::store::engines::Statement =
            statements!(@one stringify!($name), $both $(, $postgres)?); )*
        pub(super) const ALL: &[$crate::store::engines::Statement] = &[$($name),*];
    };
    (@one $name:expr, $both:literal) => {
        $crate::store::engines::Statement::new($name, $both, $both)
    };
    (@one $name:expr, $sqlite:literal, $postgres:literal) => {
        $crate::store::engines::Statement::new($name, $sqlite, $postgres)
    };
}
pub(super) use statements;

/// A bound value. NULL keeps its type, because PostgreSQL needs one.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
    Octets(Option<Vec<u8>>),
    Boolean(bool),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}
impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}
impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}
impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Octets(Some(value))
    }
}
impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

/// A row that both engines can fill.
pub(super) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A database.
#[derive(Debug, Clone)]
pub(super) enum Engine {
    /// One writer, readers beside it.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction that writes; rolled back when dropped.
#[derive(Debug)]
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Engine {
    /// Connects to `sqlite:PATH` or `postgres://…` and runs the migrations.
    pub(super) async fn open(url: &str) -> Stored<Self> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url).map_err(StoreError::Unavailable)?;
            reach_postgres(&options, STARTING_WITHIN).await?;
            let pool = PgPoolOptions::new()
                .max_connections(POSTGRES_CONNECTIONS)
                .test_before_acquire(false)
                .before_acquire(|connection, metadata| {
                    Box::pin(async move {
                        if metadata.idle_for >= UNTESTED_WITHIN {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                .after_connect(|connection, _| {
                    Box::pin(async move { connection.execute(POSTGRES_SESSION).await.map(drop) })
                })
                .connect_with(options)
                .await
                .map_err(StoreError::Unavailable)?;
            POSTGRES_MIGRATIONS.run(&pool).await.map_err(failed_migration)?;
            return Ok(Self::Postgres(pool));
        }
        let options = SqliteConnectOptions::from_str(url)
            .map_err(StoreError::Unavailable)?
            .busy_timeout(BUSY_WITHIN)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let writer = writing_once_more().max_connections(1).min_connections(1);
        let created = options.clone().create_if_missing(true);
        let connect = || writer.clone().connect_with(created.clone());
        let writer = patiently(BUSY_WITHIN, connect).await?;
        migrate_sqlite(&writer).await?;
        // A reader that set the journal mode would have to write.
        let readers = sqlite_pool().max_connections(SQLITE_READERS);
        let options = options.read_only(true);
        let connect = || readers.clone().connect_with(options.clone());
        let readers = patiently(BUSY_WITHIN, connect).await?;
        Ok(Self::Sqlite { writer, readers })
    }

    /// Begins a transaction that writes: `begin immediate` on SQLite, so that it never reads what
    /// it cannot then write.
    ///
    /// READ COMMITTED on PostgreSQL is enough: every write is guarded or has a unique key. Its
    /// `begin` runs in a task of its own, because one that is cancelled half-way leaves its
    /// connection inside a transaction (sqlx 0.9.0).
    pub(super) async fn begin(&self) -> Stored<Transaction> {
        match self {
            Self::Sqlite { writer, .. } => {
                Ok(Transaction::Sqlite(writer.begin_with("begin immediate").await?))
            }
            Self::Postgres(pool) => {
                let pool = pool.clone();
                let begun = tokio::spawn(async move { pool.begin().await });
                let begun =
                    begun.await.map_err(|_| StoreError::Unavailable(sqlx::Error::WorkerCrashed))?;
                Ok(Transaction::Postgres(begun?))
            }
        }
    }

    /// Runs one writing statement as a transaction of its own; returns how many rows it changed.
    pub(super) async fn execute(&self, statement: Statement, values: Vec<Value>) -> Stored<u64> {
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                let query = sqlx::query_with(statement.sqlite, bind_sqlite(values)?);
                query.execute(writer).await?.rows_affected()
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_with(statement.postgres, bind_postgres(values)?);
                query.execute(pool).await?.rows_affected()
            }
        })
    }

    /// Runs one writing statement that returns rows, as a transaction of its own.
    pub(super) async fn change<T: Row>(
        &self,
        statement: Statement,
        values: Vec<Value>,
    ) -> Stored<Vec<T>> {
        Ok(match self {
            Self::Sqlite { writer, .. } => {
                let query = sqlx::query_as_with(statement.sqlite, bind_sqlite(values)?);
                query.fetch_all(writer).await?
            }
            Self::Postgres(_) => self.load(statement, values).await?,
        })
    }

    /// Reads, beside whoever writes.
    pub(super) async fn load<T: Row>(&self, statement: Statement, values: Vec<Value>) -> Stored<Vec<T>> {
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                let query = sqlx::query_as_with(statement.sqlite, bind_sqlite(values)?);
                query.fetch_all(readers).await?
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as_with(statement.postgres, bind_postgres(values)?);
                query.fetch_all(pool).await?
            }
        })
    }

    /// Has the engine plan every statement; returns those that it cannot, and why.
    pub(super) async fn prepare(&self, statements: &[Statement]) -> Vec<String> {
        let mut misfits = Vec::new();
        for statement in statements {
            let planned = match self {
                Self::Sqlite { writer, .. } => {
                    writer.prepare(AssertSqlSafe(statement.sqlite).into_sql_str()).await.err()
                }
                Self::Postgres(pool) => {
                    pool.prepare(AssertSqlSafe(statement.postgres).into_sql_str()).await.err()
                }
            };
            misfits.extend(planned.map(|error| format!("{}: {error}", statement.name)));
        }
        misfits
    }

    /// Has the engine plan every statement as it does for the server; returns each walk through a whole
    /// table or index, such as `LOAD_ALL: SCAN incident`, and each comparison of all rows with all others.
    pub(super) async fn scans(&self, statements: &[Statement]) -> Stored<Vec<String>> {
        let mut scans = Vec::new();
        for statement in statements {
            let steps: Vec<String> = match self {
                Self::Sqlite { readers, .. } => {
                    let asked = AssertSqlSafe(format!("explain query plan {}", statement.sqlite));
                    let steps: Vec<(i64, i64, i64, String)> =
                        sqlx::query_as(asked).fetch_all(readers).await?;
                    steps.into_iter().map(|(_, _, _, step)| step).collect()
                }
                Self::Postgres(pool) => {
                    // Of its own: what is prepared here is for nobody else.
                    let mut connection = pool.acquire().await?.detach();
                    let sql = statement.postgres;
                    let most = (1..10).rev().find(|n| sql.contains(&format!("${n}"))).unwrap_or(0);
                    let nulls = vec!["null"; most].join(", ");
                    let values = if most == 0 { String::new() } else { format!("({nulls})") };
                    let planned = format!("prepare one as {sql}");
                    sqlx::raw_sql(AssertSqlSafe(planned)).execute(&mut connection).await?;
                    let asked = AssertSqlSafe(format!("explain execute one{values}"));
                    let steps: Vec<(String,)> = sqlx::query_as(asked).fetch_all(&mut connection).await?;
                    steps.into_iter().map(|(step,)| step).collect()
                }
            };
            for step in steps {
                let step = step.trim_start_matches([' ', '-', '>']);
                let step = step.split("  (cost").next().unwrap_or_default();
                let is_found = |begin: &&str| step.starts_with(*begin);
                if ["SCAN ", "Seq Scan ", "Join Filter"].iter().any(is_found) {
                    // What is compared does not matter.
                    let step = step.split(": (").next().unwrap_or_default();
                    scans.push(format!("{}: {step}", statement.name));
                }
            }
        }
        Ok(scans)
    }

    /// Ends every connection, after the transactions under way.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    pub(super) async fn commit(self) -> Stored<()> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await?,
            Self::Postgres(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    /// Waits for its turn among the transactions that ask for this lock, until each ends, however it
    /// ends. SQLite has one writer anyway.
    pub(super) async fn lock(&mut self, number: i64) -> Stored<()> {
        if let Self::Postgres(transaction) = self {
            sqlx::query("select pg_advisory_xact_lock($1)")
                .bind(number)
                .execute(&mut **transaction)
                .await?;
        }
        Ok(())
    }

    /// Returns how many rows were changed.
    pub(super) async fn execute(&mut self, statement: Statement, values: Vec<Value>) -> Stored<u64> {
        Ok(match self {
            Self::Sqlite(transaction) => {
                let query = sqlx::query_with(statement.sqlite, bind_sqlite(values)?);
                query.execute(&mut **transaction).await?.rows_affected()
            }
            Self::Postgres(transaction) => {
                let query = sqlx::query_with(statement.postgres, bind_postgres(values)?);
                query.execute(&mut **transaction).await?.rows_affected()
            }
        })
    }

    pub(super) async fn load<T: Row>(
        &mut self,
        statement: Statement,
        values: Vec<Value>,
    ) -> Stored<Vec<T>> {
        Ok(match self {
            Self::Sqlite(transaction) => {
                let query = sqlx::query_as_with(statement.sqlite, bind_sqlite(values)?);
                query.fetch_all(&mut **transaction).await?
            }
            Self::Postgres(transaction) => {
                let query = sqlx::query_as_with(statement.postgres, bind_postgres(values)?);
                query.fetch_all(&mut **transaction).await?
            }
        })
    }
}

/// A connection is asked whether it is well when it is given back: a second time, when it is taken, would
/// be a switch of threads more before every statement.
fn sqlite_pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().test_before_acquire(false)
}

/// Opens a connection anew that can never write again, although the disk may be well by now.
///
/// On a full disk, and after other errors, SQLite ends a transaction by itself: sqlx 0.9.0 takes it for
/// open ever after, and begins no other. A file that could not be written when it was opened stays
/// open for reading only.
fn writing_once_more() -> SqlitePoolOptions {
    let reads_only = Arc::new(AtomicBool::new(false));
    let found = reads_only.clone();
    sqlite_pool()
        .after_connect(move |connection, _| {
            let found = found.clone();
            Box::pin(async move {
                let writes = connection.execute("begin immediate; rollback").await.is_ok();
                found.store(!writes, Ordering::Relaxed);
                Ok(())
            })
        })
        .before_acquire(move |connection, _| {
            let is_usable = !reads_only.load(Ordering::Relaxed) && !connection.is_in_transaction();
            Box::pin(async move { Ok(is_usable) })
        })
}

/// Connects once, because the pool of sqlx 0.9.0 says of a server that is away only that its own time is
/// over.
async fn reach_postgres(options: &PgConnectOptions, within: Duration) -> Stored<()> {
    let connect = || async {
        match tokio::time::timeout(within, PgConnection::connect_with(options)).await {
            Ok(connection) => connection?.close().await,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    };
    patiently(within, connect).await
}

/// Tries again while the database is only just starting. Where several processes start on a new one,
/// one of them turns its log on, for which SQLite lets the others wait by no busy timeout.
async fn patiently<T, F>(within: Duration, connect: impl Fn() -> F) -> Stored<T>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let until = Instant::now() + within;
    loop {
        match connect().await {
            Ok(connected) => return Ok(connected),
            Err(error) if is_passing(&error) && Instant::now() < until => {
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
            // The reason as it is: whoever starts the server reads it.
            Err(error) => return Err(StoreError::Unavailable(error)),
        }
    }
}

/// Whether the same may go well in a moment.
fn is_passing(error: &sqlx::Error) -> bool {
    /// PostgreSQL: too_many_connections, cannot_connect_now.
    const STARTING: [&str; 2] = ["53300", "57P03"];
    match error {
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        sqlx::Error::Database(database) => {
            database.code().is_some_and(|code| is_conflict(&code) || STARTING.contains(&code.as_ref()))
        }
        _ => false,
    }
}

/// All in one transaction, because sqlx knows no lock for SQLite and two processes may start at once.
async fn migrate_sqlite(writer: &SqlitePool) -> Stored<()> {
    let begun = writer.begin_with("begin immediate").await;
    let mut transaction = begun.map_err(StoreError::Unavailable)?;
    SQLITE_MIGRATIONS.run_direct(None, &mut *transaction, false).await.map_err(failed_migration)?;
    transaction.commit().await.map_err(StoreError::Unavailable)
}

fn failed_migration(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_) => StoreError::Newer,
        error => StoreError::Migration(error),
    }
}

fn bind_sqlite(values: Vec<Value>) -> Stored<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        let bound = match value {
            Value::Integer(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Octets(value) => arguments.add(value),
            Value::Boolean(value) => arguments.add(value),
        };
        bound.map_err(|error| StoreError::Rejected(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

fn bind_postgres(values: Vec<Value>) -> Stored<PgArguments> {
    let mut arguments = PgArguments::default();
    for value in values {
        let bound = match value {
            Value::Integer(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Octets(value) => arguments.add(value),
            Value::Boolean(value) => arguments.add(value),
        };
        bound.map_err(|error| StoreError::Rejected(sqlx::Error::Encode(error)))?;
    }
    Ok(arguments)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // A unique key that is taken was taken by another writer.
            sqlx::Error::Database(database) if database.kind() == ErrorKind::UniqueViolation => {
                Self::Conflict
            }
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some(code) if is_conflict(code) => Self::Conflict,
                Some(code) if is_rejected(code) => Self::Rejected(error),
                _ => Self::Unavailable(error),
            },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged("row"),
            _ => Self::Unavailable(error),
        }
    }
}

/// Whether a code says that another writer is in the way. PostgreSQL: serialization_failure,
/// deadlock_detected. SQLite: BUSY, LOCKED, BUSY_RECOVERY, BUSY_SNAPSHOT.
fn is_conflict(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "5" | "6" | "261" | "517")
}

/// Whether a code says that a value is to blame and not the database.
fn is_rejected(code: &str) -> bool {
    /// PostgreSQL's classes of a SQLSTATE: data exception, integrity constraint violation, program
    /// limit exceeded.
    const CLASSES: [&str; 3] = ["22", "23", "54"];
    const SQLSTATE_CHARS: usize = 5;
    /// SQLite's primary result codes, the low octet of any: TOOBIG, CONSTRAINT, MISMATCH.
    const PRIMARY: [u32; 3] = [18, 19, 20];
    match code.parse::<u32>() {
        Ok(number) if code.len() < SQLSTATE_CHARS => PRIMARY.contains(&(number & 0xff)),
        _ => CLASSES.iter().any(|class| code.starts_with(class)),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::io::ErrorKind as IoErrorKind;
    use std::sync::atomic::AtomicU32;

    use sqlx::SqliteConnection;

    use super::*;

    fn reason<T: std::fmt::Debug>(opened: Stored<T>) -> String {
        let error = opened.expect_err("it cannot be opened");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        error.source().map(ToString::to_string).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_locked_database_is_called_locked() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("firebell.db"))
            .create_if_missing(true)
            .busy_timeout(Duration::ZERO);
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        other.execute("begin exclusive").await.unwrap();

        let pool = SqlitePoolOptions::new();
        let logged = options.clone().journal_mode(SqliteJournalMode::Wal);
        let connected = patiently(Duration::ZERO, || pool.clone().connect_with(logged.clone())).await;
        assert!(reason(connected).contains("database is locked"));
        let pool = pool.connect_with(options).await.unwrap();
        assert!(reason(migrate_sqlite(&pool).await).contains("database is locked"));
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_waited_for_and_then_called_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let options = PgConnectOptions::new().host("127.0.0.1").port(port);
        let reached = reach_postgres(&options, RECONNECT_PAUSE * 2).await;
        assert!(reason(reached).contains("Connection refused"));

        let tries = AtomicU32::new(0);
        let connect = async || match tries.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(std::io::Error::from(IoErrorKind::ConnectionRefused).into()),
            other => Ok(other),
        };
        assert_eq!(patiently(STARTING_WITHIN, connect).await.unwrap(), 2);
    }

    #[test]
    fn a_value_is_to_blame_or_the_database() {
        for rejected in ["22021", "23503", "54000", "18", "1811", "787"] {
            assert!(is_rejected(rejected), "{rejected}");
        }
        // Disk full, no connection, shut down, no such table, I/O error, read-only, out of memory.
        for away in ["53100", "08006", "57P01", "42P01", "13", "10", "8", "1", "7", "4618"] {
            assert!(!is_rejected(away), "{away}");
        }
    }
}
