//! Random histories on the real engine, store and delivery, with SQLite on a disk that forgets:
//! whatever happens, and wherever a server crashes, what the architecture promises is true after
//! every step.
//!
//! `FIREBELL_HISTORIES=100000` plays so many, `FIREBELL_SEED=7` begins with that one: a failure names
//! its own, and what happened in it. Start with `simulation/history.rs`.

#[path = "simulation/acts.rs"]
mod acts;
#[path = "simulation/behind.rs"]
mod behind;
#[path = "simulation/chance.rs"]
mod chance;
#[path = "simulation/figures.rs"]
mod figures;
#[path = "simulation/history.rs"]
mod history;
#[path = "simulation/invariants.rs"]
mod invariants;
#[path = "simulation/life.rs"]
mod life;
#[path = "support/lines.rs"]
mod lines;
#[path = "simulation/machines.rs"]
mod machines;
#[path = "simulation/mails.rs"]
mod mails;
#[path = "simulation/relay.rs"]
mod relay;
#[path = "simulation/wal.rs"]
mod wal;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use behind::forbid;
use figures::Figures;
use firebell::store::Store;
use history::History;

/// In the suite: some twenty seconds. By hand many more, and faster with `--release`.
const HISTORIES: u64 = 80;
/// While some wait for their databases and relays others compute.
const PLAYERS: usize = 8;

#[test]
fn whatever_happens_and_wherever_a_server_crashes_every_promise_holds() {
    let first = number_of("FIREBELL_SEED").unwrap_or_else(|| u64::from(std::process::id()) << 32);
    let histories = number_of("FIREBELL_HISTORIES").unwrap_or(HISTORIES);
    println!("FIREBELL_SEED={first} FIREBELL_HISTORIES={histories}");
    let began = Instant::now();
    let folder = folder();
    let template = template(folder.path());
    let next = AtomicU64::new(first);
    let (figures, failed) = (Mutex::new(Figures::default()), Mutex::new(Vec::new()));
    thread::scope(|players| {
        for _ in 0..PLAYERS {
            players.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + histories {
                        return;
                    }
                    match play(seed, folder.path(), &template) {
                        Ok(played) => lock(&figures).add(&played),
                        Err(told) => {
                            eprintln!(
                                "{told}\nFIREBELL_SEED={seed} FIREBELL_HISTORIES=1 plays it again"
                            );
                            lock(&failed).push(seed);
                        }
                    }
                }
            });
        }
    });
    let figures = lock(&figures);
    let a_minute = figures.histories() as f64 * 60.0 / began.elapsed().as_secs_f64();
    println!("{figures}{} histories, {a_minute:.0} a minute", figures.histories());
    let failed = lock(&failed);
    assert!(failed.is_empty(), "the seeds {failed:?} failed");
}

/// Plays one history; the error is what happened in it.
fn play(seed: u64, folder: &Path, template: &Path) -> Result<Figures, String> {
    let own = tempfile::tempdir_in(folder).expect("a folder");
    let mut history = History::new(seed, own.path(), template);
    catch_unwind(AssertUnwindSafe(|| history.play())).map_err(|_| history.told.join("\n"))
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// In memory where there is such a place: a crash is a cut of the file, not of the power.
fn folder() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("firebell-").tempdir_in(place).expect("a folder")
}

/// A migrated, empty database, so that a history need not migrate its own.
fn template(folder: &Path) -> PathBuf {
    let path = folder.join("template.db");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = format!("sqlite:{}", path.display());
        let store = Store::open(&url).await.expect("a database");
        store.close().await;
    });
    forbid(&path);
    path
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().expect("a number"))
}
