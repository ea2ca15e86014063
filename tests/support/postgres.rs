//! A private PostgreSQL for tests: started once a test process, stopped when that process ends,
//! however it ends.
//!
//! It listens on a Unix socket in a directory of its own, so no port is taken and nobody else can
//! reach it. Start with [`fresh_database`].

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Runs until its input closes, which the kernel does for us when the test process dies.
const SCRIPT: &str = r#"
trap '' INT HUP
dir=$(mktemp -d /tmp/fbpg.XXXXXX) && cd "$dir" || exit 1
"$1/initdb" -D data -U firebell -A trust -E UTF8 --locale=C --no-sync >log 2>&1 &&
"$1/pg_ctl" -D data -l log -w -o "-k $dir -c listen_addresses= -c max_connections=300" start >>log 2>&1 ||
    { cat log >&2; cd /; rm -rf "$dir"; exit 1; }
echo "$dir"
cat >/dev/null
"$1/pg_ctl" -D data -m immediate -w stop >>log 2>&1
cd / && rm -rf "$dir"
"#;

/// A running server: its directory, and the process that stops it once this one is gone.
pub struct Server {
    pub socket_dir: String,
    _keeper: Child,
}

static SERVER: OnceLock<Server> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new, empty database on the server that the tests of this process share.
pub async fn fresh_database() -> String {
    SERVER.get_or_init(start).fresh_database().await
}

impl Server {
    /// The URL of a new, empty database.
    pub async fn fresh_database(&self) -> String {
        let url = |name: &str| format!("postgres://firebell@localhost/{name}?host={}", self.socket_dir);
        let name = format!("test{}", DATABASES.fetch_add(1, Ordering::SeqCst));
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url("postgres"))
            .await
            .expect("a connection");
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}")))
            .execute(&mut connection)
            .await
            .expect("a new database");
        url(&name)
    }
}

/// A server of its own, for a test that does something to it.
pub fn start() -> Server {
    let programs = programs();
    let mut keeper = shell()
        .args(["-c", SCRIPT, "postgres"])
        .arg(programs)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sh (and, for root, setpriv of the package util-linux) can be started");
    let mut socket_dir = String::new();
    let output = keeper.stdout.take().expect("a piped output");
    BufReader::new(output).read_line(&mut socket_dir).expect("a line");
    if socket_dir.is_empty() {
        let mut log = String::new();
        let _ = keeper.stderr.take().expect("a piped output").read_to_string(&mut log);
        panic!("PostgreSQL did not start:\n{log}");
    }
    Server { socket_dir: socket_dir.trim_end().to_owned(), _keeper: keeper }
}

/// PostgreSQL refuses to run as root, under which containers run tests.
pub fn shell() -> Command {
    if !is_root() {
        return Command::new("sh");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups", "sh"]);
    command
}

/// Where `initdb` is: Debian keeps it out of the path, one directory a version.
pub fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL under /usr/lib/postgresql: install the package `postgresql`")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|process| process.uid() == 0)
}
