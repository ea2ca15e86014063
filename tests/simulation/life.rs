//! A life of the program, from its start to a crash: one or two servers on one database, each with
//! a clock of its own.
//!
//! What happens in it is the program's own code; nothing here decides anything. Start with
//! [`Life::start`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::deadlines::Gate;
use firebell::delivery::{Settings, deliver};
use firebell::digests;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::Policy;
use firebell::intake::inbox::{Arrival, Inbox};
use firebell::mail::ids::Secret;
use firebell::store::Store;
use sqlx::SqlitePool;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

use super::invariants::Seen;
use super::relay::{Relay, serve};

/// A delivery that ends later than this has lost its way.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);
/// Wake-ups at one instant: a ladder that never ends is a mistake.
const WAKE_UPS_MAX: usize = 1_000;
const FAILURES_MAX: usize = 1_000;

pub struct Server {
    pub engine: Engine,
    inbox: Inbox,
    gate: Gate,
    delivery: Arc<Settings>,
}

pub struct Life {
    pub database: PathBuf,
    pub servers: Vec<Server>,
    store: Store,
    behind: SqlitePool,
    runtime: Runtime,
}

impl Life {
    /// Starts servers on a database that may exist, their clocks so many seconds from `now`.
    pub fn start(
        database: &Path,
        (number, offsets): (u16, &[i64]),
        (policy, secret): (&Policy, &Secret),
        relay: &Relay,
        now: DateTime<Utc>,
    ) -> Self {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (store, behind, port) = runtime.block_on(async {
            let url = format!("sqlite:{}", database.display());
            let store = Store::open(&url).await.expect("the database opens");
            let behind = SqlitePool::connect(&url).await.expect("and once more");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("its number").port();
            tokio::spawn(serve(relay.clone(), listener));
            (store, behind, port)
        });
        let within = runtime.enter();
        let servers = offsets
            .iter()
            .enumerate()
            .map(|(place, seconds)| {
                let clock = Clock::manual(now + TimeDelta::seconds(*seconds));
                // No two processes have the same number.
                let ids = Ids::new(number * 2 + place as u16);
                let inbox = Inbox::new(store.clone(), ids.clone(), clock.clone());
                let engine =
                    Engine::new(store.clone(), clock.clone(), ids, secret.clone(), policy.clone());
                let to = firebell::delivery::Relay::Smtp {
                    host: "127.0.0.1".to_owned(),
                    port,
                    tls: firebell::delivery::RelayTls::Plain,
                    login: None,
                };
                let own = policy.address.clone();
                let mut delivery = Settings::new(
                    vec![to],
                    "firebell.test".to_owned(),
                    own,
                    secret.clone(),
                    clock.clone(),
                );
                // One after the other, so that a history goes the same again.
                delivery.connections = 1;
                Server { gate: Gate::new(clock.now()), engine, inbox, delivery: Arc::new(delivery) }
            })
            .collect();
        drop(within);
        Self { database: database.to_owned(), servers, store, behind, runtime }
    }

    /// Moves every clock; backward, too.
    pub fn move_clocks(&self, by: TimeDelta) {
        for server in &self.servers {
            if let Clock::Manual(at) = &server.engine.clock {
                let micros = by.num_microseconds().expect("a short span");
                at.fetch_add(micros, std::sync::atomic::Ordering::SeqCst);
            }
        }
    }

    pub fn look(&self, policy: &Policy) -> Seen {
        self.runtime.block_on(Seen::look(&self.store, &self.behind, policy))
    }

    /// Whether it got its 250.
    pub fn accept(&self, server: usize, arrival: Arrival) -> bool {
        self.runtime.block_on(self.servers[server].inbox.accept(arrival)).is_ok()
    }

    /// Reads what waits; returns how much it was.
    pub fn read(&self, server: usize) -> usize {
        self.runtime.block_on(read_all(&self.servers[server].engine))
    }

    /// Handles the deadlines that are due, whatever waits; returns how many.
    pub fn pass_deadlines(&self, server: usize) -> usize {
        self.runtime.block_on(pass_all(&self.servers[server].engine))
    }

    /// Everything that wakes up by itself, as the loops do it.
    pub fn wake(&mut self, server: usize) -> usize {
        let Server { engine, gate, .. } = &mut self.servers[server];
        self.runtime.block_on(async {
            let mut inputs = read_all(engine).await;
            if gate.look(engine.clock.now()) {
                inputs += pass_all(engine).await;
            }
            digests::send_due(engine).await.expect("digests");
            inputs
        })
    }

    /// All servers at once do what is due.
    pub fn wake_together(&self) -> usize {
        let all: Vec<_> = self.servers.iter().map(|server| server.engine.clone()).collect();
        self.runtime.block_on(async {
            let working: Vec<_> = all
                .into_iter()
                .map(|engine| {
                    tokio::spawn(async move { pass_all(&engine).await + read_all(&engine).await })
                })
                .collect();
            let mut inputs = 0;
            for one in working {
                inputs += one.await.expect("no server panics");
            }
            inputs
        })
    }

    /// Hands over what is due, until nothing is that this server may take, or the relay is not asked
    /// for a while because it hung up; returns
    /// how many could not be delivered, and were told to somebody.
    pub fn deliver(&self, server: usize, relay: &Relay) -> usize {
        let Server { engine, delivery, .. } = &self.servers[server];
        self.runtime.block_on(async {
            let now = engine.clock.now().timestamp_micros();
            let others: Vec<(i64, i64)> =
                sqlx::query_as("select id, epoch from outbox where leased_until > $1")
                    .bind(now)
                    .fetch_all(&self.behind)
                    .await
                    .expect("leases");
            let hung_up = relay.hung_up();
            let (stop, stopping) = watch::channel(false);
            let (failures, failed) = mpsc::channel(FAILURES_MAX);
            let telling = tokio::spawn(tell(engine.clone(), failed));
            let outgoing = engine.outgoing.clone();
            let delivering = tokio::spawn(deliver(
                self.store.clone(),
                delivery.clone(),
                outgoing,
                failures,
                stopping,
            ));
            let settled = async {
                let mut looks = tokio::time::interval(Duration::from_millis(1));
                while !self.is_settled(now, &others, relay.hung_up() > hung_up).await {
                    looks.tick().await;
                }
            };
            tokio::time::timeout(DELIVERED_WITHIN, settled).await.expect("delivery comes to rest");
            stop.send(true).expect("it delivers still");
            delivering.await.expect("delivery ends");
            telling.await.expect("so does this")
        })
    }

    /// Whether nothing is due, and nothing is being handed over, but what `others` had leased.
    async fn is_settled(&self, now: i64, others: &[(i64, i64)], waits_for_relay: bool) -> bool {
        let open: Vec<(i64, i64)> = sqlx::query_as(
            "select id, epoch from outbox where state in ('queued', 'deferred', 'uncertain')
             and (leased_until > $1 or (due_at <= $1 and not $2))",
        )
        .bind(now)
        .bind(waits_for_relay)
        .fetch_all(&self.behind)
        .await
        .expect("the outbox");
        open.iter().all(|row| others.contains(row))
    }

    /// As the operator does by hand.
    pub fn retry_outbox(&self, server: usize) {
        let now = self.servers[server].engine.clock.now();
        self.runtime.block_on(self.store.retry_outbox(now)).expect("the outbox");
    }

    /// As the server does every minute.
    pub fn watch_outbox(&self, server: usize) {
        self.runtime.block_on(self.servers[server].engine.watch_outbox()).expect("the outbox");
    }

    /// As the server does when it starts.
    pub fn renew_deadlines(&self, server: usize) {
        self.runtime.block_on(self.servers[server].engine.renew_deadlines()).expect("deadlines");
    }

    /// When the outbox must be looked at again.
    pub fn next_delivery(&self) -> Option<DateTime<Utc>> {
        self.runtime.block_on(self.store.earliest_outbox()).expect("the outbox")
    }

    /// As a server does that is alone on its database.
    pub fn return_leases(&self) {
        self.runtime.block_on(self.store.return_leases()).expect("the outbox");
    }

    pub fn end(self) {
        self.runtime.block_on(async {
            self.behind.close().await;
            self.store.close().await;
        });
    }
}

async fn read_all(engine: &Engine) -> usize {
    let mut read = 0;
    loop {
        match engine.read_waiting().await.expect("the database is there") {
            0 => return read,
            some => read += some,
        }
    }
}

async fn pass_all(engine: &Engine) -> usize {
    let mut passed = 0;
    for _ in 0..WAKE_UPS_MAX {
        match engine.pass_deadlines().await.expect("the database is there") {
            0 => return passed,
            some => passed += some,
        }
    }
    panic!("deadlines ring without end");
}

async fn tell(engine: Engine, mut failed: mpsc::Receiver<firebell::delivery::Failure>) -> usize {
    let mut told = 0;
    while let Some(failure) = failed.recv().await {
        engine.undelivered(failure.outbox, failure.why).await.expect("the database is there");
        told += 1;
    }
    told
}
