//! A tick of the deadline loop: what it costs when much is stored and little is due, beside the same with
//! little stored.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::Incident;
use firebell::incident::deadlines::{Deadline, DeadlineKind, deadlines};
use firebell::mail::Address;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, NewInbound, Route};

use crate::Outcome;
use crate::table::{Figure, Wanted, row};
use crate::times::Times;

/// Incidents with something due at each tick.
const DUE: i64 = 10;
/// Incidents that are stored.
const LITTLE: i64 = 100;
const MUCH: i64 = 100_000;
/// Ticks of which the middle one counts.
const TICKS: usize = 15;
/// Small transactions, so that no tick pays for what the last of them left to be written.
const STORED_AT_ONCE: usize = 1_000;
const CONFIGURATION: &str = "address = \"incidents@example.org\"\n";

/// Prints the row of a database, and leaves it in `much` with so many incidents.
pub async fn measure(name: &str, little: &str, much: &str) -> Outcome<Engine> {
    let (few, _) = tick(little, LITTLE).await?;
    let (many, engine) = tick(much, MUCH).await?;
    let what = format!("{name}: {DUE} of 100,000 incidents due, p50");
    // Within noise of what no tick can do without: a commit and some statements.
    row(&what, Figure(many.within(50), "ms"), "of 100 stored", few.within(50), Wanted::AtMost(1.2));
    Ok(engine)
}

/// How long ticks over `stored` incidents take, of which [`DUE`] are due.
async fn tick(url: &str, stored: i64) -> Outcome<(Times, Engine)> {
    let policy = read_config(CONFIGURATION, "bench").map_err(|errors| format!("{errors:?}"))?.policy();
    let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).ok_or("no instant")?);
    let store = Store::open(url).await?;
    let engine = Engine::new(store, clock, Ids::new(1), Secret::new(&[1; 32]), policy);
    fill(&engine, stored).await?;
    // What the disk still has to write of it is not the tick's.
    if let Some(file) = url.strip_prefix("sqlite:") {
        std::fs::File::open(file)?.sync_all()?;
    }
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
    Ok((Times::new(times), engine))
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
        let copies: Vec<Incident> =
            chunk.iter().map(|&number| Incident { number, ..first.clone() }).collect();
        let new: Vec<(&Incident, i64, i64)> = copies.iter().map(|incident| (incident, 0, 1)).collect();
        let mut write = engine.store.begin_write().await?;
        write.save_incidents(&new).await?;
        for &number in chunk {
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
