//! A database of the first release, opened by this one: its incidents are as they were.
//!
//! `first_release.sql` holds what that program wrote; its schema is the oldest migrations alone.

use std::path::Path;

use chrono::{TimeDelta, Utc};
use firebell::incident::Phase;
use firebell::incident::decision::EntryKind;
use firebell::store::Store;
use firebell::store::rows::OutboxState;
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use super::postgres;

/// The number of the last migration of the first release.
const LAST: i64 = 3;
const ROWS: &str = include_str!("first_release.sql");

#[tokio::test]
async fn incidents_of_the_first_release_are_intact_on_both_engines() {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("firebell.db").display());
    let mut old = SqliteConnection::connect(&format!("{sqlite}?mode=rwc")).await.unwrap();
    first_migrations("sqlite").await.run_direct(None, &mut old, false).await.unwrap();
    sqlx::raw_sql(ROWS).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    let postgresql = postgres::fresh_database().await;
    let mut old = PgConnection::connect(&postgresql).await.unwrap();
    first_migrations("postgres").await.run_direct(None, &mut old, false).await.unwrap();
    // Octets are the one thing that the engines write differently.
    let rows = ROWS.replace("x'", r"'\x");
    sqlx::raw_sql(AssertSqlSafe(rows)).execute(&mut old).await.unwrap();
    old.close().await.unwrap();

    for url in [sqlite, postgresql] {
        println!("on {url}");
        check(&Store::open(&url).await.unwrap()).await;
    }
}

/// The migrations that the first release had.
async fn first_migrations(engine: &str) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine);
    let mut migrator = Migrator::new(folder).await.unwrap();
    migrator.migrations.to_mut().retain(|migration| migration.version <= LAST);
    assert_eq!(migrator.migrations.len(), 3);
    migrator
}

async fn check(store: &Store) {
    let incidents = store.load_incidents(false, 10).await.unwrap();
    assert!(incidents.damaged.is_empty(), "cannot be read: {:?}", incidents.damaged);
    let [stored] = &incidents.readable[..] else { panic!("{} incidents", incidents.readable.len()) };
    let incident = &stored.incident;
    assert_eq!((incident.number, stored.version), (1, 4));
    assert_eq!((incident.title.as_str(), incident.phase), ("checkout is slow", Phase::Triage));
    assert_eq!(incident.commander().unwrap().address.to_string(), "alice@ops.example");

    let timeline = store.load_timeline(1).await.unwrap();
    let told: Vec<_> = timeline.iter().map(|entry| (entry.kind, entry.text.as_str())).collect();
    assert_eq!(
        told,
        [
            (EntryKind::Declaration, "checkout is slow\n\nEvery third order fails."),
            (EntryKind::Page, "Asked to take command: Alice Ng."),
            (EntryKind::State, "Alice Ng took command."),
            (EntryKind::FollowUp, "we are moving to the second data centre\nPhase: identified"),
            (EntryKind::Note, "The graphs are attached; see also Ünïcode."),
        ]
    );
    assert!(timeline.iter().all(|entry| entry.verified));
    let [graph] = &timeline[4].attachments[..] else { panic!("{:?}", timeline[4].attachments) };
    assert_eq!(graph.name, "graph.png");
    assert_eq!(store.load_deadlines(1).await.unwrap().len(), 2);

    let messages = store.load_messages(1).await.unwrap();
    assert_eq!(messages.len(), 4);
    assert!(messages.iter().all(|message| message.octets.ends_with(b"\r\n")));
    let accepted = store.load_outbox(Some(OutboxState::Accepted), 100).await.unwrap();
    assert_eq!(accepted.len(), 5);
    let now = Utc::now();
    let jobs = store.lease_outbox(100, now + TimeDelta::minutes(2), now).await.unwrap();
    let [job] = &jobs[..] else { panic!("{} mails wait", jobs.len()) };
    assert_eq!(job.recipient.to_string(), "alice@ops.example");
    assert!(String::from_utf8_lossy(&job.octets).contains("The graphs are attached"));
}
