//! The rules of the store, each on SQLite and on PostgreSQL.
//!
//! Start with [`bases`], which every test walks.

#[path = "store/inbound.rs"]
mod inbound;
#[path = "store/inbox.rs"]
mod inbox;
#[path = "store/incidents.rs"]
mod incidents;
#[path = "store/ledgers.rs"]
mod ledgers;
#[path = "store/lists.rs"]
mod lists;
#[path = "store/mailboxes.rs"]
mod mailboxes;
#[path = "store/outbox.rs"]
mod outbox;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "store/shifts.rs"]
mod shifts;
#[path = "store/upgrade.rs"]
mod upgrade;

use chrono::{DateTime, TimeDelta, Utc};
use firebell::incident::Severity;
use firebell::incident::state::{Climb, Command, Incident, Person};
use firebell::mail::Address;
use firebell::store::rows::{Client, NewInbound, Outside, Route};
use firebell::store::{Store, StoreError};

/// A database of its own, on one of the engines.
struct Base {
    store: Store,
    url: String,
    _dir: Option<tempfile::TempDir>,
}

/// One of each engine. A failing test shows the last engine it printed.
async fn bases() -> Vec<Base> {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("firebell.db").display());
    let postgres = postgres::fresh_database().await;
    let mut bases = Vec::new();
    for (url, dir) in [(sqlite, Some(dir)), (postgres, None)] {
        let store = Store::open(&url).await.unwrap();
        bases.push(Base { store, url, _dir: dir });
    }
    bases
}

impl Base {
    fn store(&self) -> &Store {
        println!("on {}", self.url);
        &self.store
    }
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_795_000_000_000_001).unwrap() + TimeDelta::minutes(minute)
}

fn address(text: &str) -> Address {
    Address::read(text).unwrap()
}

fn dana() -> Person {
    Person { address: address("Dana@ops.example"), name: "Dana \u{0}Ó".into() }
}

fn message(id: i64) -> NewInbound {
    NewInbound {
        id,
        received_at: at(id),
        reverse_path: (id % 2 == 0).then(|| "dana@ops.example".to_owned()),
        recipients: vec![address("incidents+42@example.org"), address("incidents@example.org")],
        client: Client {
            network_trusted: id % 3 == 0,
            login: (id % 5 == 0).then(|| address("alice@example.org")),
            outside: (id % 7 == 0).then(|| Outside {
                address: "2001:db8::7".parse().unwrap(),
                hello: "mx.c.example".into(),
            }),
        },
        route: [Route::Smtp, Route::Lmtp, Route::Ingest, Route::Imap][usize::try_from(id % 4).unwrap()],
        octets: format!("Subject: {id}\r\n\r\n\0\u{ff}\r\n").repeat(50).into_bytes(),
    }
}

fn incident(number: i64) -> Incident {
    Incident {
        summary: Some("it is\u{0} down".into()),
        severity_assumed: true,
        detected_at: Some(at(-5)),
        command: Command::Offered {
            to: vec![dana()],
            offered_at: at(0),
            climb: Climb::default(),
            leadership_told: false,
        },
        services: vec!["payments".into()],
        ..Incident::new(number, "Checkout is \0 failing", Severity::Sev2, dana(), at(0))
    }
}

#[tokio::test]
async fn every_statement_is_planned_by_both_engines() {
    for base in bases().await {
        assert_eq!(base.store().check_statements().await, Vec::<String>::new());
    }
}

/// Walks through what never grows for long: what waits, what is forgotten within days, and so many rows of
/// others.
const SHORT: [&str; 16] = [
    "json_each",
    "counted",
    "CONSTANT ROW",
    "dead_address",
    "budget",
    "held_report",
    "configuration",
    "inbound_waiting",
    "inbound_unproven",
    "inbound_reason",
    "incident_open",
    "outbox_recipient",
    "outbox_due",
    "outbox_unsent",
    "outbox_awaited",
    "digest_run",
];
/// Walks through all there is, and comparisons of many with many, with the reason.
const LONG: [(&str, &str); 30] = [
    ("LOAD_REMINDED: Join Filter", "a few purposes, with what waits"),
    ("MARK_HEARD: Join Filter", "one mail, with those that are awaited"),
    ("TAKE_BACK: Join Filter", "one person's reminders, with what waits"),
    ("LINK: Join Filter", "one mail, with those that are held with it"),
    ("FORGET_CONTENT_KEYS: Join Filter", "once a day"),
    ("FORGET_MESSAGE_IDS: Join Filter", "once a day"),
    ("FORGET_OCTETS: Join Filter", "once an hour"),
    ("SUPERSEDE: Join Filter", "a few purposes, with what waits for one reader"),
    ("SETTLE: Join Filter", "a few purposes, with what waits about one incident"),
    ("TAKE_PLACE: Join Filter", "a few purposes, with what waits for one reader"),
    ("FORGET_CONTENT_KEYS: SCAN content_key", "once a day; an index would cost every message"),
    ("FORGET_CONTENT_KEYS: Seq Scan on content_key content_key_1", "once a day"),
    ("FORGET_MESSAGE_IDS: SCAN known_id", "once a day; an index would cost every message"),
    ("FORGET_MESSAGE_IDS: Seq Scan on known_id known_id_1", "once a day"),
    ("LOAD: SCAN inbound", "the newest of the inbox, for a person"),
    ("LOAD_ALL: SCAN inbound", "the newest messages, for a person"),
    ("LOAD_NEWEST: SCAN incident", "so many, for a person"),
    ("LOAD_ALL: SCAN incident", "for a digest, which is about all"),
    ("LOAD_ALL: SCAN list_member", "after somebody joined or left"),
    ("LOCK_ALL: SCAN incident", "when a configuration comes into force"),
    ("LOAD_IN_FORCE: SCAN near", "the shifts that changed hands, a few a month"),
    ("FORGET_ALERT_GROUPS: SCAN alert_group", "once a day"),
    ("FORGET_ALERT_GROUPS: Seq Scan on alert_group", "once a day"),
    ("LOAD_RECENT: SCAN incident", "so many, for the public page, which is kept a while"),
    ("LOAD_OWING: SCAN deadline", "what is owed now, and only for a pager's answer without a thread"),
    (
        "LOAD_ALL: SCAN list_member USING INDEX sqlite_autoindex_list_member_1",
        "who joined or left, for the present members",
    ),
    ("LOAD: SCAN audit", "the newest, for a person"),
    ("LOAD_NEWEST: SCAN o", "the newest mails, for a person"),
    ("LOAD_NEWEST_OF: SCAN o", "the newest mails of a state, for a person"),
    ("SAVE_FILE: SCAN attachment", "for a foreign key, and only after a file that is missing"),
];

#[tokio::test]
async fn no_statement_of_a_mail_or_a_tick_walks_through_a_table_that_grows() {
    for base in bases().await {
        let mut scans = base.store().scans().await.unwrap();
        assert!(!scans.is_empty(), "what is looked for is found");
        outbox::fill(base.store(), &base.url).await;
        scans.extend(base.store().scans().await.unwrap());
        let allowed = |scan: &String| {
            SHORT.iter().any(|short| scan.contains(short)) || LONG.iter().any(|(long, _)| scan == long)
        };
        let scans: Vec<_> = scans.into_iter().filter(|scan| !allowed(scan)).collect();
        assert_eq!(scans, Vec::<String>::new());
    }
}

#[tokio::test]
async fn opening_again_keeps_everything_and_migrates_nothing_twice() {
    for base in bases().await {
        base.store().save_inbound(&[message(1)]).await.unwrap();
        base.store().close().await;
        let store = Store::open(&base.url).await.unwrap();
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 1);
        let beside = Store::open(&base.url).await.unwrap();
        assert_eq!(beside.count_waiting_inbound().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn several_processes_may_start_at_once_on_an_empty_database() {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("firebell.db").display());
    for url in [sqlite, postgres::fresh_database().await] {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Store::open(&url).await.map(drop) })
            })
            .collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for base in bases().await {
        base.store().close().await;
        let newer = "insert into _sqlx_migrations
            (version, description, success, checksum, execution_time) values (9999, 'later', true, ";
        if base.url.starts_with("sqlite") {
            let mut connection =
                <sqlx::SqliteConnection as sqlx::Connection>::connect(&base.url).await.unwrap();
            let newer = sqlx::AssertSqlSafe(format!("{newer} x'00', 0)"));
            sqlx::raw_sql(newer).execute(&mut connection).await.unwrap();
        } else {
            let mut connection =
                <sqlx::PgConnection as sqlx::Connection>::connect(&base.url).await.unwrap();
            let newer = sqlx::AssertSqlSafe(format!("{newer} '\\x00'::bytea, 0)"));
            sqlx::raw_sql(newer).execute(&mut connection).await.unwrap();
        }
        assert!(matches!(Store::open(&base.url).await, Err(StoreError::Newer)));
    }
}

#[tokio::test]
async fn the_secret_is_made_once() {
    for base in bases().await {
        assert_eq!(base.store().secret([1; 32]).await.unwrap(), [1; 32]);
        assert_eq!(base.store().secret([2; 32]).await.unwrap(), [1; 32]);
    }
}
