//! What the whole does a second, how long a mail waits, and what it weighs: each figure beside a reference
//! of the same run, on SQLite and on PostgreSQL.
//!
//! `cargo bench`, as root for the private Postfix, or `cargo bench -- waits fan-out` for some of
//! `reading`, `accept`, `waits`, `fan-out` and `stored`. Server, generator and references share the
//! machine's processors, as in any such figure here.

mod accept;
mod asked;
mod ceiling;
mod deadlines;
mod disk;
mod fan_out;
mod generator;
mod memory;
mod mta;
mod reading;
mod receiver;
mod server;
mod sink;
mod table;
mod times;
mod waits;

#[path = "../../tests/e2e/support/daemons.rs"]
mod daemons;
#[path = "../../tests/e2e/support/ports.rs"]
mod ports;
#[path = "../../tests/e2e/support/postfix.rs"]
mod postfix;
#[path = "../../tests/support/postgres.rs"]
mod postgres;
#[path = "../../tests/e2e/support/process.rs"]
mod process;
#[path = "../../tests/e2e/support/wait.rs"]
mod wait;

use std::path::Path;
use std::time::Duration;

use generator::Numbers;
use mta::Mta;
use server::Server;
use table::{Figure, Wanted, head, row};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// MiB, at rest and at most.
const RESTING_WANTED: f64 = 64.0;
const PEAK_WANTED: f64 = 256.0;

#[tokio::main]
async fn main() -> Outcome<()> {
    if reading::read_worst_if_asked()? {
        return Ok(());
    }
    let chosen: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    // On the disk that the build is on; a folder in memory would know no `fdatasync`.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path();
    print_machine(folder)?;
    if is_chosen("reading") {
        reading::measure();
        reading::measure_worst()?;
    }
    if ["accept", "waits", "fan-out"].into_iter().any(is_chosen) {
        serve(folder, is_chosen).await?;
    }
    if is_chosen("stored") {
        head("much stored");
        let sqlite = |name: &str| format!("sqlite:{}", folder.join(name).display());
        let (little, much) = (sqlite("little.db"), sqlite("much.db"));
        let engine = deadlines::measure("SQLite", &little, &much).await?;
        asked::measure("SQLite", &engine).await?;
        let (little, much) = (postgres::fresh_database().await, postgres::fresh_database().await);
        let engine = deadlines::measure("PostgreSQL", &little, &much).await?;
        asked::measure("PostgreSQL", &engine).await?;
    }
    print_machine(folder)
}

/// What whole servers do, with their relays beside them.
async fn serve(folder: &Path, is_chosen: impl Fn(&str) -> bool) -> Outcome<()> {
    let home = folder.join("sqlite");
    let sqlite = format!("sqlite:{}", home.join("firebell.db").display());
    let mut servers = [
        Server::start("SQLite", &home, &sqlite).await?,
        Server::start("PostgreSQL", &folder.join("postgres"), &postgres::fresh_database().await).await?,
    ];
    let (mut mta, numbers) = (Mta::start()?, Numbers::default());
    let mut resting = Vec::new();
    for server in &mut servers {
        resting.push(server.memory()?.0);
        server.declare().await?;
        server.sink.drain().await;
    }
    if is_chosen("waits") {
        waits::measure(folder, &mut servers, &mut mta, &numbers).await?;
    }
    if is_chosen("accept") {
        accept::measure(folder, &mut servers, &mut mta, &numbers).await?;
    }
    if is_chosen("fan-out") {
        fan_out::measure(&mut servers).await?;
    }
    head("memory");
    let mib = |figure| Figure(figure, "MiB");
    for (server, resting) in servers.iter().zip(resting) {
        let what = |of: &str| format!("{}: {of}", server.name);
        let (peak, wanted) = (mib(server.memory()?.1), Wanted::AtMost(1.0));
        row(&what("resident at rest"), mib(resting), "sixty-four", RESTING_WANTED, wanted);
        row(&what("resident at the peak"), peak, "two hundred and fifty-six", PEAK_WANTED, wanted);
        row(&what("resident at the peak"), peak, "Postfix, now", mta.memory()?, Wanted::Known);
    }
    Ok(())
}

/// How busy it is, and what its disk does: at the begin and at the end of a run.
fn print_machine(folder: &Path) -> Outcome<()> {
    let commits = disk::probe(folder, Duration::from_secs(1))?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    println!(
        "\nthe machine: {:.0} appends of 4 KB with fdatasync a second (p50 {:.2} ms, p99 {:.2} ms), load {}",
        commits.a_second(),
        commits.within(50),
        commits.within(99),
        load.split(' ').next().unwrap_or_default()
    );
    Ok(())
}
