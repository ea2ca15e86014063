//! How many statements a message takes of those that are read together: on SQLite each is a turn of
//! another thread, on PostgreSQL a way there and back, and most of what a busy server does.
//!
//! Counted is what the driver logs, so this is alone in its process.

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::DateTime;
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::mail::Address;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, NewInbound, Route};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Messages that are read together, to as many incidents in turn.
const MESSAGES: usize = 60;
const INCIDENTS: usize = 20;
/// Statements of a batch, however many messages it has.
const A_BATCH: usize = 30;
/// What a message asks alone: whether its words were said before, and, where notes wait to go out,
/// which of them its own takes the place of and what they told; it finds those of the same batch, which
/// are stored by three statements before that.
const A_MESSAGE: usize = 8;

static STATEMENTS: AtomicUsize = AtomicUsize::new(0);

struct Counter;

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            STATEMENTS.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn messages_that_are_read_together_share_their_statements() {
    tracing_subscriber::registry().with(Counter).init();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
    let policy = read_config("address = \"incidents@example.org\"\n", "test").unwrap().policy();
    let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    let store = Store::open(&url).await.unwrap();
    let engine = Engine::new(store, clock, Ids::new(1), Secret::new(&[1; 32]), policy);
    let declared = (1..=INCIDENTS).map(|number| {
        let text = format!("Subject: SEV1 thing {number} is down\r\n\r\nI have command\r\n");
        mail(&engine, "incidents@example.org", &format!("p{number}@example.org"), &text)
    });
    read(&engine, declared.collect()).await;
    assert!(engine.store.load_incident(INCIDENTS as i64).await.unwrap().is_some());
    let before = engine.store.load_timeline(1).await.unwrap().len();
    // What was written first waits in the outbox when the second batch is read.
    for batch in 0..2 {
        let replies = (0..MESSAGES).map(|number| {
            let to = format!("incidents+{}@example.org", number % INCIDENTS + 1);
            let text = format!("Subject: Re: thing\r\n\r\nThe queue grew to {number} {batch}.\r\n");
            mail(&engine, &to, "alice@example.org", &text)
        });
        let statements = read(&engine, replies.collect()).await;
        println!("{statements} statements for {MESSAGES} messages");
        assert!(statements > 0, "nothing was counted");
        assert!(statements <= A_BATCH + A_MESSAGE * MESSAGES, "{statements} statements");
        let entries = engine.store.load_timeline(1).await.unwrap().len();
        assert_eq!(entries, before + (batch + 1) * MESSAGES / INCIDENTS);
    }
}

/// Stores messages, and has them read; returns how many statements the reading took.
async fn read(engine: &Engine, messages: Vec<NewInbound>) -> usize {
    engine.store.save_inbound(&messages).await.unwrap();
    let before = STATEMENTS.load(Ordering::SeqCst);
    assert_eq!(engine.read_waiting().await.unwrap(), messages.len());
    STATEMENTS.load(Ordering::SeqCst) - before
}

fn mail(engine: &Engine, to: &str, from: &str, text: &str) -> NewInbound {
    let now = engine.clock.now();
    let id = engine.ids.next(now);
    NewInbound {
        id,
        received_at: now,
        reverse_path: Some(from.to_owned()),
        recipients: vec![Address::read(to).unwrap()],
        client: Client::of_trusted_network(),
        route: Route::Smtp,
        octets: format!("From: {from}\r\nTo: {to}\r\nMessage-ID: <{id}@x.example>\r\n{text}").into(),
    }
}
