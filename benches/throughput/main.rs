//! What the whole does a second, what it weighs, and how long a mail waits, each figure beside a
//! reference of the same run: a sink that stores nothing says what this machine's sockets allow,
//! a loop of appends what its disk does.
//!
//! `cargo bench`, or `cargo bench -- pipeline postgres` for some of `reading`, `pipeline`, `postgres`
//! (the same on PostgreSQL), `handover` and `deadlines`. Server and generator share the machine's
//! processors, as in any such figure here.

mod deadlines;
mod disk;
mod generator;
mod handover;
mod pipeline;
mod reading;
mod server;
mod sink;

#[path = "../../tests/support/postgres.rs"]
mod postgres;

use std::time::Duration;

use firebell::store::Store;
use sink::Sink;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    if reading::read_worst_if_asked()? {
        return Ok(());
    }
    let chosen: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    if is_chosen("reading") {
        reading::measure();
        reading::measure_worst()?;
    }
    // On the disk that the build is on; a folder in memory would know no `fdatasync`.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path();
    let sink = Sink::start().await?;
    let appends = disk::probe(folder, Duration::from_secs(1))?;
    println!("the disk: {appends:.0} appends of 4 KB with fdatasync a second");
    if is_chosen("pipeline") {
        let url = format!("sqlite:{}", folder.join("firebell.db").display());
        pipeline::measure(folder, &url, &sink).await?;
    }
    if is_chosen("postgres") {
        println!("on PostgreSQL:");
        pipeline::measure(folder, &postgres::fresh_database().await, &sink).await?;
    }
    if is_chosen("handover") {
        let url = format!("sqlite:{}", folder.join("handover.db").display());
        let rate = handover::deliver_all(&Store::open(&url).await?, sink.port, 10_000).await?;
        println!("one follow-up to 10,000 recipients: {rate:.0} a second into the sink");
    }
    if is_chosen("deadlines") {
        for stored in [100, 100_000] {
            let time = deadlines::tick(folder, stored).await?.as_secs_f64() * 1_000.0;
            println!("a tick with {} of {stored} incidents due: {time:.2} ms", deadlines::DUE);
        }
    }
    Ok(())
}
