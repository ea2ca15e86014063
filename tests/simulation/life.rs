//! A life of the program, from its start to a crash: one or two servers on one database, each with
//! a clock of its own.
//!
//! What happens in it is the program's own code; nothing here decides anything. Start with
//! [`Life::start`]; what is sent out is in [`Life::deliver`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::deadlines::Gate;
use firebell::delivery::{Failure, Settings, deliver};
use firebell::digests;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::Policy;
use firebell::incident::event::Event;
use firebell::intake::inbox::{Arrival, Inbox};
use firebell::mail::authentication::{Authentication, Verdict};
use firebell::mail::ids::Secret;
use firebell::store::rows::{MailboxCursor, NewInbound, OperatorAction, Undelivered};
use firebell::store::{KNOWN_WITHIN, Store};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use super::behind::Behind;
use super::invariants::Seen;
use super::relay::{Relay, serve};
use super::wal::Log;

/// A delivery that ends later than this has lost its way.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);
/// Whoever takes over from a server that stands still is given so long before that one goes on.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(1);
/// Wake-ups at one instant: a ladder that never ends is a mistake.
const WAKE_UPS_MAX: usize = 1_000;
/// Messages that a server finds waiting at one instant: one that waits for ever is a mistake.
const READINGS_MAX: usize = 1_000;
const FAILURES_MAX: usize = 1_000;
/// Longer than a row is leased, and than a server may act on its lease.
pub const STALLED_FOR: TimeDelta = TimeDelta::minutes(3);
/// A message is leased for so long to whoever asks DNS about it.
pub const ASKED_WITHIN: TimeDelta = TimeDelta::seconds(30);
const MAILBOX: &str = "incidents@imap.example";

/// What a history is played under.
pub struct Rules {
    pub secret: Secret,
    /// The configuration, and what it says.
    pub text: String,
    pub policy: Policy,
    /// The clocks of the servers, so many seconds from the right time.
    pub offsets: Vec<i64>,
    pub asks_dns: bool,
}

impl Rules {
    pub fn new(text: String, secret: Secret, offsets: Vec<i64>, asks_dns: bool) -> Self {
        Self { policy: policy(&text), secret, text, offsets, asks_dns }
    }

    pub fn put_in_force(&mut self, text: String) {
        self.policy = policy(&text);
        self.text = text;
    }
}

fn policy(text: &str) -> Policy {
    read_config(text, "firebell.toml").expect("a configuration").policy()
}

pub struct Server {
    pub engine: Engine,
    inbox: Inbox,
    gate: Gate,
    delivery: Arc<Settings>,
}

pub struct Life {
    pub database: PathBuf,
    pub log: Log,
    pub servers: Vec<Server>,
    store: Store,
    behind: Behind,
    runtime: Runtime,
}

impl Life {
    /// Starts servers on a database that may exist.
    pub fn start(
        database: &Path,
        number: u16,
        rules: &Rules,
        relay: &Relay,
        now: DateTime<Utc>,
    ) -> Self {
        let log = Log::of(database);
        relay.watch(log.clone());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (store, port) = runtime.block_on(async {
            let url = format!("sqlite:{}", database.display());
            let store = Store::open(&url).await.expect("the database opens");
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("its number").port();
            tokio::spawn(serve(relay.clone(), listener));
            (store, port)
        });
        let behind = Behind::open(database);
        let within = runtime.enter();
        let to = firebell::delivery::Relay::Smtp {
            host: "127.0.0.1".to_owned(),
            port,
            tls: firebell::delivery::RelayTls::Plain,
            login: None,
        };
        let start = |(place, seconds): (usize, &i64)| {
            let clock = Clock::manual(now + TimeDelta::seconds(*seconds));
            // No two processes have the same number.
            let ids = Ids::new(number * 2 + place as u16);
            let inbox = Inbox::new(store.clone(), ids.clone(), clock.clone());
            let (secret, own) = (rules.secret.clone(), rules.policy.address.clone());
            let policy = rules.policy.clone();
            let mut engine = Engine::new(store.clone(), clock.clone(), ids, secret.clone(), policy);
            engine.unproven = rules.asks_dns.then(|| Arc::new(Notify::new()));
            let gate = Gate::new(clock.now());
            let host = "firebell.test".to_owned();
            let mut delivery = Settings::new(vec![to.clone()], host, own, secret, clock);
            // One after the other, so that a history goes the same again.
            delivery.connections = 1;
            Server { gate, engine, inbox, delivery: Arc::new(delivery) }
        };
        let servers = rules.offsets.iter().enumerate().map(start).collect();
        drop(within);
        Self { database: database.to_owned(), log, servers, store, behind, runtime }
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

    pub fn look(&self, policy: &Policy, before: &Seen, operated: &BTreeSet<i64>) -> Seen {
        self.runtime.block_on(Seen::look(&self.store, &self.behind, policy, before, operated))
    }

    /// How often it happened, as far as the database tells, by what it was.
    pub fn count_outcomes(&self) -> Vec<(String, i64)> {
        self.behind.all(
            "select 'mail written: ' || purpose, count(*) from letter group by 1
             union all select 'mail that is ' || state || ' in the end', count(*) from outbox group by 1
             union all select 'message that is ' || state || ' in the end', count(*) from inbound group by 1
             union all select 'entry: ' || kind, count(*) from entry group by 1",
            (),
        )
    }

    /// Every message that is stored, as it came.
    pub fn stored_messages(&self) -> Vec<NewInbound> {
        let kept = "select id from inbound where octets is not null";
        let ids: Vec<(i64,)> = self.behind.all(kept, ());
        self.runtime.block_on(async {
            let mut messages = Vec::with_capacity(ids.len());
            for (id,) in ids {
                let message = self.store.load_message(id).await.expect("a message").expect("there");
                messages.push(message.message);
            }
            messages
        })
    }

    /// How many messages only their rows are left of.
    pub fn count_forgotten(&self) -> usize {
        let forgotten = "select count(*) from inbound where octets is null";
        let (count,): (i64,) = self.behind.one(forgotten, ());
        count as usize
    }

    /// The mails that are marked as accepted by the relay.
    pub fn accepted_mails(&self) -> BTreeSet<i64> {
        let marked: Vec<(i64,)> = self.behind.all("select id from outbox where state = 'accepted'", ());
        marked.into_iter().map(|(id,)| id).collect()
    }

    /// Whether it got its 250.
    pub fn accept(&self, server: usize, arrival: Arrival) -> bool {
        self.runtime.block_on(self.servers[server].inbox.accept(arrival)).is_ok()
    }

    /// All servers at once fetch the next messages of the mailbox, of which `posted` is all there
    /// ever was.
    pub fn fetch(&self, posted: &[&Arrival], at_most: usize) {
        let fetching = self.servers.iter().map(|server| {
            let (store, engine) = (self.store.clone(), server.engine.clone());
            let posted: Vec<Arrival> = posted.iter().map(|arrival| (*arrival).clone()).collect();
            self.runtime.spawn(async move { fetch(&store, &engine, &posted, at_most).await })
        });
        let fetching: Vec<_> = fetching.collect();
        self.runtime.block_on(async {
            for one in fetching {
                one.await.expect("no reader panics");
            }
        });
    }

    /// Asks about messages, as a server does that DNS answers so; `drops` forgets what it was told of
    /// the last.
    pub fn prove(&self, server: usize, verdict: Verdict, at_most: i64, drops: bool) {
        let now = self.servers[server].engine.clock.now();
        self.runtime.block_on(async {
            let leased =
                self.store.lease_unproven(now, now + ASKED_WITHIN, at_most).await.expect("leases");
            let asked = leased.len() - usize::from(drops && !leased.is_empty());
            for message in &leased[..asked] {
                let said = Authentication { verdict, findings: "as it pleases".to_owned() };
                self.store.save_authentication(message.id, &said).await.expect("it is kept");
            }
        });
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
                    tokio::spawn(async move {
                        let inputs = pass_all(&engine).await + read_all(&engine).await;
                        digests::send_due(&engine).await.expect("digests");
                        inputs
                    })
                })
                .collect();
            let mut inputs = 0;
            for one in working {
                inputs += one.await.expect("no server panics");
            }
            inputs
        })
    }

    /// Events come in by another door than that of mail.
    pub fn act(&self, server: usize, events: Vec<(i64, Event)>) {
        self.runtime.block_on(self.servers[server].engine.act(events)).expect("the database is there");
    }

    /// Another configuration, as every server reads it again.
    pub fn reload(&self, rules: &Rules) {
        self.runtime.block_on(async {
            for server in &self.servers {
                let now = server.engine.clock.now();
                self.store.save_configuration(&rules.text, now).await.expect("it is kept");
                server.engine.enforce(rules.policy.clone()).await.expect("deadlines");
            }
        });
    }

    /// Hands over what is due, until nothing is that this server may take, or the relay is not asked
    /// for a while because it let nobody in; returns how many could not be delivered, and were told to
    /// somebody.
    pub fn deliver(&self, server: usize, relay: &Relay) -> usize {
        self.runtime.block_on(async {
            let delivery = Delivery::start(self, server, relay).await;
            delivery.finish(self, relay).await
        })
    }

    /// As [`Self::deliver`], by a server that stands still in the middle, for so long that another
    /// takes over what it had leased; whether it did.
    pub fn deliver_stalled(&self, server: usize, relay: &Relay) -> (usize, bool) {
        let other = (server + 1) % self.servers.len();
        self.runtime.block_on(async {
            relay.stall(true);
            let stalled = Delivery::start_alone(self, server, relay).await;
            let stands = tokio::select! {
                () = relay.until_stalled() => true,
                () = stalled.settled(self, relay) => false,
            };
            relay.stall(false);
            if !stands {
                return (stalled.finish(self, relay).await, false);
            }
            self.move_clocks(STALLED_FOR);
            let another = Delivery::start(self, other, relay).await;
            // Where the first had not yet gone to rest, it leases once more what nobody can send then.
            let _ = tokio::time::timeout(TAKEN_OVER_WITHIN, another.settled(self, relay)).await;
            relay.resume();
            let told = another.finish(self, relay).await;
            (told + stalled.finish(self, relay).await, true)
        })
    }

    /// As the operator does by hand.
    pub fn retry_outbox(&self, server: usize) {
        let now = self.servers[server].engine.clock.now();
        self.runtime.block_on(self.store.retry_outbox(now)).expect("the outbox");
    }

    /// As the operator does by hand, to one mail.
    pub fn operate(&self, server: usize, outbox: i64, action: OperatorAction) {
        let now = self.servers[server].engine.clock.now();
        self.runtime.block_on(self.store.operate_outbox(outbox, action, now)).expect("the outbox");
    }

    /// As the operator does by hand, to one message.
    pub fn read_again(&self, inbound: i64) -> bool {
        self.runtime.block_on(self.store.read_again(inbound)).expect("the inbox")
    }

    /// Tells once more that a mail did not arrive.
    pub fn tell_again(&self, server: usize, outbox: i64) {
        let why = Undelivered::Refused("told again".to_owned());
        let told = self.servers[server].engine.undelivered(outbox, why);
        self.runtime.block_on(told).expect("the database is there");
    }

    /// As the server does every minute.
    pub fn watch_outbox(&self, server: usize) {
        self.runtime.block_on(self.servers[server].engine.watch_outbox()).expect("the outbox");
    }

    /// As the server does when it starts.
    pub fn renew_deadlines(&self, server: usize) {
        self.runtime.block_on(self.servers[server].engine.renew_deadlines()).expect("deadlines");
    }

    /// As the server does every day, where messages are kept for so long.
    pub fn forget(&self, server: usize, keep: TimeDelta) {
        let now = self.servers[server].engine.clock.now();
        self.runtime.block_on(async {
            self.store.forget_audit(now - keep).await.expect("the audit");
            self.store.forget_raw(now - keep).await.expect("the messages");
            self.store.forget_known(Ids::before(now - KNOWN_WITHIN), now).await.expect("old rows");
        });
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
        self.runtime.block_on(self.store.close());
    }
}

/// A server's delivery, under way.
struct Delivery {
    /// When it began, by its clock.
    now: i64,
    /// What others had leased then, by row and epoch.
    others: Vec<(i64, i64)>,
    turned_away: usize,
    stop: watch::Sender<bool>,
    /// Wakes it, where nobody else does.
    waiting: Option<Arc<Notify>>,
    delivering: JoinHandle<()>,
    telling: JoinHandle<usize>,
}

impl Delivery {
    async fn start(life: &Life, server: usize, relay: &Relay) -> Self {
        Self::start_woken(life, server, relay, None).await
    }

    /// One that is not woken by what others do.
    async fn start_alone(life: &Life, server: usize, relay: &Relay) -> Self {
        Self::start_woken(life, server, relay, Some(Arc::default())).await
    }

    async fn start_woken(
        life: &Life,
        server: usize,
        relay: &Relay,
        waiting: Option<Arc<Notify>>,
    ) -> Self {
        let Server { engine, delivery, .. } = &life.servers[server];
        let now = engine.clock.now().timestamp_micros();
        let others = life.behind.all("select id, epoch from outbox where leased_until > $1", (now,));
        let turned_away = relay.turned_away();
        let (stop, stopping) = watch::channel(false);
        let (failures, failed) = mpsc::channel(FAILURES_MAX);
        let telling = tokio::spawn(tell(engine.clone(), failed));
        let outgoing = waiting.clone().unwrap_or_else(|| engine.outgoing.clone());
        let store = life.store.clone();
        let delivering = tokio::spawn(deliver(store, delivery.clone(), outgoing, failures, stopping));
        Self { now, others, turned_away, stop, waiting, delivering, telling }
    }

    async fn settled(&self, life: &Life, relay: &Relay) {
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        while !self.is_settled(life, relay.turned_away() > self.turned_away) {
            self.waiting.iter().for_each(|waiting| waiting.notify_one());
            looks.tick().await;
        }
    }

    async fn finish(self, life: &Life, relay: &Relay) -> usize {
        let settled = tokio::time::timeout(DELIVERED_WITHIN, self.settled(life, relay));
        settled.await.expect("delivery comes to rest");
        self.stop.send(true).expect("it delivers still");
        self.delivering.await.expect("delivery ends");
        self.telling.await.expect("so does this")
    }

    /// Whether nothing is due, and nothing is being handed over, but what others had leased.
    fn is_settled(&self, life: &Life, waits_for_relay: bool) -> bool {
        let open: Vec<(i64, i64)> = life.behind.all(
            "select id, epoch from outbox where state in ('queued', 'deferred', 'uncertain')
             and (leased_until > $1 or (due_at <= $1 and not $2))",
            (self.now, waits_for_relay),
        );
        open.iter().all(|row| self.others.contains(row))
    }
}

async fn fetch(store: &Store, engine: &Engine, posted: &[Arrival], at_most: usize) {
    let now = engine.clock.now();
    let mailbox = MAILBOX.to_owned();
    let begin = MailboxCursor { mailbox, uid_validity: 1, uid: 0, since_at: now };
    store.start_mailbox_cursor(&begin).await.expect("the mailbox");
    let from = store.load_mailbox_cursor(MAILBOX).await.expect("the mailbox").expect("a cursor");
    let next = posted.iter().skip(from.uid as usize).take(at_most);
    let messages: Vec<_> = next
        .map(|arrival| NewInbound {
            id: engine.ids.next(now),
            received_at: now,
            reverse_path: arrival.reverse_path.clone(),
            recipients: arrival.recipients.clone(),
            client: arrival.client.clone(),
            route: arrival.route,
            octets: arrival.octets.clone(),
        })
        .collect();
    let to = MailboxCursor { uid: from.uid + messages.len() as u32, ..from.clone() };
    store.save_inbound_from_mailbox(&messages, &[], &from, &to).await.expect("the mailbox");
}

async fn read_all(engine: &Engine) -> usize {
    let mut read = 0;
    while read < READINGS_MAX {
        match engine.read_waiting().await.expect("the database is there") {
            0 => return read,
            some => read += some,
        }
    }
    panic!("messages are read without end");
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

async fn tell(engine: Engine, mut failed: mpsc::Receiver<Failure>) -> usize {
    let mut told = 0;
    while let Some(failure) = failed.recv().await {
        engine.undelivered(failure.outbox, failure.why).await.expect("the database is there");
        told += 1;
    }
    told
}
