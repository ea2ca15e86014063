//! A tick of the deadline loop: what it costs when much is stored and little is due.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::deadlines::{Deadline, DeadlineKind, deadlines};
use firebell::mail::Address;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, NewInbound, Route};

use crate::Outcome;

/// Incidents with something due at each tick.
pub const DUE: i64 = 10;
/// Ticks of which the middle one counts.
const TICKS: usize = 15;
/// Small transactions, so that no tick pays for what the last of them left to be written.
const STORED_AT_ONCE: usize = 1_000;
const CONFIGURATION: &str = "address = \"incidents@example.org\"\n";

/// The middle time of a tick over `stored` incidents, of which [`DUE`] are due.
pub async fn tick(folder: &Path, stored: i64) -> Outcome<Duration> {
    let file = folder.join(format!("ticks-{stored}.db"));
    let url = format!("sqlite:{}", file.display());
    let policy = read_config(CONFIGURATION, "bench").map_err(|errors| format!("{errors:?}"))?.policy();
    let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).ok_or("no instant")?);
    let store = Store::open(&url).await?;
    let engine = Engine::new(store, clock, Ids::new(1), Secret::new(&[1; 32]), policy);
    fill(&engine, stored).await?;
    // What the disk still has to write of it is not the tick's.
    std::fs::File::open(&file)?.sync_all()?;
    let mut times = Vec::new();
    for _ in 0..TICKS {
        let next = engine.store.earliest_deadline().await?.ok_or("nothing is owed")?;
        engine.clock.advance(next - engine.clock.now());
        let begun = Instant::now();
        let passed = engine.pass_deadlines().await?;
        engine.store.earliest_deadline().await?;
        times.push(begun.elapsed());
        if passed != usize::try_from(DUE)? {
            return Err(format!("{passed} deadlines passed at once").into());
        }
    }
    times.sort_unstable();
    times.get(TICKS / 2).copied().ok_or_else(|| "no ticks".into())
}

/// Declares one incident, and stores copies of it: the first [`DUE`] owe what it owes, the others
/// nothing for years.
async fn fill(engine: &Engine, stored: i64) -> Outcome<()> {
    let now = engine.clock.now();
    engine.store.save_inbound(&[declaration(engine, now)?]).await?;
    engine.read_waiting().await?;
    let first = engine.store.load_incident(1).await?.ok_or("nothing was declared")?.incident;
    let years = Deadline { kind: DeadlineKind::Update, wake_at: now + TimeDelta::days(3_650) };
    let owed = deadlines(&first, &engine.policy());
    let numbers: Vec<i64> = (2..=stored).collect();
    for chunk in numbers.chunks(STORED_AT_ONCE) {
        let mut write = engine.store.begin_write().await?;
        for &number in chunk {
            let mut incident = first.clone();
            incident.number = number;
            write.save_incident(&incident, 0, 1).await?;
            let rows = if number <= DUE { &owed[..] } else { &[years][..] };
            write.replace_deadlines(number, rows).await?;
        }
        write.commit().await?;
    }
    Ok(())
}

fn declaration(engine: &Engine, now: DateTime<Utc>) -> Outcome<NewInbound> {
    let octets = b"From: dana@example.org\r\nSubject: SEV1 it is down\r\nMessage-ID: <d@x>\r\n\r\n\
                   I have command\r\nImpact: all\r\nSummary: it is down\r\n";
    Ok(NewInbound {
        id: engine.ids.next(now),
        received_at: now,
        reverse_path: Some("dana@example.org".into()),
        recipients: vec![Address::read("incidents@example.org")?],
        client: Client::of_trusted_network(),
        route: Route::Smtp,
        octets: octets.to_vec(),
    })
}
