//! Servers that are killed (`kill -9`), or stopped as they should be, and started again in turn, under
//! load from real SMTP: alone on SQLite, and three on one PostgreSQL, with one clock and with clocks
//! that differ.
//!
//! Every mail that got its 250 is kept once, every deadline rings once, and what leaves is sent once
//! but for the few whose relay said 250 to a server that could not write it down any more. A table
//! of figures is printed; `FIREBELL_KILLS=300` runs it for longer and `FIREBELL_SEED` again as it
//! was, and `FIREBELL_NEXT` names a binary with a newer schema, which is what several servers are
//! started with from the middle on. Start with [`run`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use firebell::store::Store;
use firebell::store::rows::OutboxState;

use crate::support::ports::free_port;
use crate::support::server::{Relay, Server};
use crate::support::sink::{Delivery, Sink, Taken};
use crate::support::smtp::Smtp;
use crate::support::wait;

const SENDERS: usize = 3;
/// Mails between two kills; the kill is somewhere among them.
const MAILS_PER_KILL: usize = 100;
/// So many of the mails declare, and the others are replies: 30 declarations an hour are believed.
const INCIDENTS: usize = 25;
/// In the suite; more by hand.
const KILLS: usize = 9;
/// Between the relay's 250 and its mark in the database, on a busy machine.
const MARKED_WITHIN: Duration = Duration::from_secs(2);
/// How long all that is under way may take in the end.
const SETTLED_WITHIN: Duration = Duration::from_secs(120);
/// Later than any lease of a killed server, and than every ring but the hourly.
const NEXT_CLOCK: i64 = 150;

/// What nobody answers, so that it rings while servers are killed.
const RULES: &str = r#"
[[severity]]
name = "SEV-2"
take_command_within = "1h"
leadership_within = "2s"
[ladder]
missing = [{ at = "1s", to = ["reporter"] }]
"#;
/// What each incident says by itself, once: when it is declared, and when a deadline rings.
const RINGS: [&str; 3] = [
    "Asked to take command: Alice Ng.",
    "Asked for what is missing: phase, commander, involved.",
    "Leadership was told that nobody commands.",
];

/// What one run is to show.
struct Plan {
    name: &'static str,
    /// How each server's clock differs from the machine's, in seconds.
    clocks: &'static [i64],
    /// The database that they share; `None` is a SQLite of its own.
    url: Option<String>,
}

#[test]
fn one_server_on_sqlite_loses_nothing_and_doubles_nothing_but_what_it_cannot_know() {
    run(&Plan { name: "one on SQLite", clocks: &[0], url: None });
}

#[test]
fn three_servers_on_postgresql_do_each_thing_once_while_they_are_killed_in_turn() {
    run(&Plan { name: "three on PostgreSQL", clocks: &[0, 0, 0], url: Some(postgresql()) });
}

#[test]
fn three_servers_whose_clocks_differ_by_ten_seconds_do_each_thing_once() {
    run(&Plan { name: "three, clocks 10 s apart", clocks: &[-5, 0, 5], url: Some(postgresql()) });
}

/// `fast` ends what is under way, `immediate` is a crash of the database.
#[test]
fn a_restart_of_postgresql_under_load_loses_nothing_and_the_server_goes_on_by_itself() {
    const HOWS: [&str; 4] = ["fast", "immediate", "fast", "immediate"];
    let postgresql = crate::postgres::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let url = runtime.block_on(postgresql.fresh_database());
    let sink = Sink::default();
    let more = format!("{RULES}[database]\nurl = \"{url}\"\n");
    let mut server = Server::start(free_port(), &Relay::Smtp(sink.open_door(0)), &more);
    let mails = HOWS.len() * MAILS_PER_KILL;
    let load = Arc::new(Load::new(std::slice::from_ref(&server), mails / INCIDENTS));
    load.send(0);
    server.wait_for_incident("INC-1", "the first incident", |_| true);
    let senders = load.start();
    for (restart, how) in HOWS.iter().enumerate() {
        load.allow((restart + 1) * MAILS_PER_KILL);
        load.wait_for(restart * MAILS_PER_KILL + MAILS_PER_KILL / 4);
        restart_postgresql(&postgresql, how);
        load.wait_for((restart + 1) * MAILS_PER_KILL);
        Base::open(&url).wait_until_read();
    }
    load.stop(senders);
    Base::open(&url).wait_until_marked(&sink);
    // What was leased when the database forgot to say so is taken up when that lease has ended.
    let killed = [(0, Instant::now())];
    server.set_clock(&offset(NEXT_CLOCK));
    let kept = Base::open(&url).settled();
    let again = sent_again(&sink.taken(), &killed);
    println!(
        "PostgreSQL restarted {} times: {} mails accepted, {} attempts without a 250, {again} out twice",
        HOWS.len(),
        load.accepted().len(),
        load.again.load(Ordering::SeqCst),
    );
    kept.check(&load.accepted());
}

fn restart_postgresql(server: &crate::postgres::Server, how: &str) {
    let done = crate::postgres::shell()
        .args(["-c", "cd \"$2\" && \"$1/pg_ctl\" -D data -l log -w -m \"$3\" restart", "restart"])
        .arg(crate::postgres::programs())
        .args([&server.socket_dir, how])
        .stdout(std::process::Stdio::null())
        .status()
        .expect("sh runs");
    assert!(done.success(), "pg_ctl restart ended with {done}");
}

fn postgresql() -> String {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(crate::postgres::fresh_database())
}

fn run(plan: &Plan) {
    let kills = number_of("FIREBELL_KILLS").map_or(KILLS, |kills| kills as usize);
    let seed = number_of("FIREBELL_SEED").unwrap_or_else(|| u64::from(free_port()));
    println!("{}: FIREBELL_SEED={seed} FIREBELL_KILLS={kills}", plan.name);
    let began = Instant::now();
    let sink = Sink::default();
    let mut servers: Vec<Server> = (0..plan.clocks.len())
        .map(|door| {
            let database = plan.url.as_ref().map(|url| format!("[database]\nurl = \"{url}\"\n"));
            let rules = format!("{RULES}{}", database.unwrap_or_default());
            let mut server = Server::start(free_port(), &Relay::Smtp(sink.open_door(door)), &rules);
            server.set_clock(&offset(plan.clocks[door]));
            server
        })
        .collect();
    let url = plan
        .url
        .clone()
        .unwrap_or_else(|| format!("sqlite:{}", servers[0].path("state/firebell.db").display()));
    let base = Base::open(&url);
    let load = Arc::new(Load::new(&servers, kills * MAILS_PER_KILL / INCIDENTS));
    load.send(0);
    servers[0].wait_for_incident("INC-1", "the first incident", |_| true);
    let senders = load.start();

    let (mut killed, mut stops, mut last) = (Vec::new(), 0, None);
    let next = std::env::var_os("FIREBELL_NEXT").filter(|_| servers.len() > 1);
    let mut chance = seed;
    for kill in 0..kills {
        let victim = kill % servers.len();
        let mails = (kill + 1) * MAILS_PER_KILL;
        load.allow(mails);
        if below(&mut chance, 3) == 0 {
            load.wait_for(mails);
            base.wait_for_ring();
        } else {
            load.wait_for(mails - below(&mut chance, MAILS_PER_KILL));
        }
        if below(&mut chance, 3) == 0 {
            assert_eq!(servers[victim].terminate(), Some(0));
            stops += 1;
        } else {
            servers[victim].kill9();
            killed.push((victim, Instant::now()));
        }
        if let Some(binary) = next.as_ref().filter(|_| kill >= kills / 2) {
            servers[victim].binary = binary.into();
        }
        last = (servers.len() > 1).then_some(victim);
        if servers.len() == 1 {
            servers[victim].restart();
        }
        // The others go on without it.
        load.wait_for(mails);
        base.wait_until_read();
        if servers.len() > 1 && kill + 1 < kills {
            servers[victim].restart();
        }
    }
    load.stop(senders);
    // Who was killed last never comes back. By the clocks of the others its leases have ended.
    for (door, server) in servers.iter_mut().enumerate() {
        if last != Some(door) {
            killed.push((door, Instant::now()));
            server.set_clock(&offset(plan.clocks[door] + NEXT_CLOCK));
        }
    }
    let kept = base.settled();
    let accepted = load.accepted();
    let lost = accepted.iter().filter(|number| !kept.marks.contains_key(number)).count();
    let twice = kept.marks.values().filter(|count| **count > 1).count();
    let rings = kept.said.values().sum::<usize>();
    let rung_twice = kept.said.values().filter(|count| **count > 1).count();
    let taken = sink.taken();
    let again = sent_again(&taken, &killed);
    println!(
        "| servers                   | kills | stops | accepted | tried again | lost | twice | rings | rung twice | mails out | out twice | seconds |\n\
         | {:<25} | {:>5} | {stops:>5} | {:>8} | {:>11} | {lost:>4} | {twice:>5} | {rings:>5} | {rung_twice:>10} | {:>9} | {again:>9} | {:>7} |",
        plan.name,
        kills - stops,
        accepted.len(),
        load.again.load(Ordering::SeqCst),
        taken.len(),
        began.elapsed().as_secs(),
    );
    kept.check(&accepted);
}

/// How many mails went out more than once, each because a server was killed between the relay's
/// 250 and the mark of it.
fn sent_again(taken: &BTreeMap<Delivery, Vec<Taken>>, killed: &[(usize, Instant)]) -> usize {
    let mut again = 0;
    for (delivery, copies) in taken {
        // All but the last copy are of servers that could not tell.
        for copy in &copies[..copies.len() - 1] {
            let told = killed
                .iter()
                .filter(|(door, at)| *door == copy.door && *at >= copy.at)
                .map(|(_, at)| *at - copy.at)
                .min();
            let excused = told.is_some_and(|before| before < MARKED_WITHIN);
            assert!(
                excused,
                "{delivery:?} went out {} times, and nobody was killed over it",
                copies.len()
            );
        }
        again += usize::from(copies.len() > 1);
    }
    again
}

/// Mails by number, each sent until it got its 250, to whoever listens.
struct Load {
    ports: Vec<u16>,
    declares_every: usize,
    next: AtomicUsize,
    /// Mails that may be sent so far.
    allowed: AtomicUsize,
    stop: AtomicBool,
    accepted: Mutex<BTreeSet<usize>>,
    /// Attempts that ended without a 250.
    again: AtomicU64,
}

impl Load {
    fn new(servers: &[Server], declares_every: usize) -> Self {
        Self {
            ports: servers.iter().map(|server| server.smtp_port).collect(),
            declares_every,
            next: AtomicUsize::new(1),
            allowed: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            accepted: Mutex::default(),
            again: AtomicU64::new(0),
        }
    }

    fn run(&self) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let goes_on = wait::until("more mails to be allowed", SETTLED_WITHIN, || {
                let allowed = number < self.allowed.load(Ordering::SeqCst);
                (allowed || self.stop.load(Ordering::SeqCst)).then_some(allowed)
            });
            if !goes_on {
                return;
            }
            self.send(number);
        }
    }

    fn allow(&self, mails: usize) {
        self.allowed.store(mails, Ordering::SeqCst);
    }

    fn send(&self, number: usize) {
        let (to, message) = mail(number, number.is_multiple_of(self.declares_every));
        let mut tries = number;
        wait::until(&format!("mail {number} to be accepted"), SETTLED_WITHIN, || {
            let port = self.ports[tries % self.ports.len()];
            tries += 1;
            let sent = Smtp::connect(port)
                .and_then(|mut connection| connection.send("dana@people.test", &[to], &message));
            if sent.is_err() {
                self.again.fetch_add(1, Ordering::SeqCst);
            }
            sent.ok()
        });
        self.accepted.lock().expect("no sender failed").insert(number);
    }

    fn accepted(&self) -> BTreeSet<usize> {
        self.accepted.lock().expect("no sender failed").clone()
    }

    fn wait_for(&self, count: usize) {
        wait::until(&format!("{count} mails to be accepted"), SETTLED_WITHIN, || {
            (self.accepted.lock().expect("no sender failed").len() >= count).then_some(())
        });
    }

    fn start(self: &Arc<Self>) -> Vec<thread::JoinHandle<()>> {
        (0..SENDERS)
            .map(|_| {
                let load = self.clone();
                thread::spawn(move || load.run())
            })
            .collect()
    }

    fn stop(&self, senders: Vec<thread::JoinHandle<()>>) {
        self.stop.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().expect("a sender ends");
        }
    }
}

/// A declaration, or a reply to INC-1, which number 0 declares.
fn mail(number: usize, declares: bool) -> (&'static str, String) {
    let (to, subject) = match declares {
        true => ("incidents@example.test", format!("SEV-2 rack {number} burns")),
        false => ("incidents+1@example.test", "Re: [INC-1] rack 0 burns".to_owned()),
    };
    // Each from somebody else: few may declare often.
    let message = format!(
        "From: engineer{number}@people.test\nTo: {to}\nSubject: {subject}\n\
         Message-ID: <load{number}@people.test>\n\nmark={number}; seen on another machine\n"
    );
    (to, message)
}

/// What the database holds in the end.
#[derive(Debug, Default)]
struct Kept {
    incidents: BTreeSet<i64>,
    /// How often each mail is in a timeline.
    marks: BTreeMap<usize, usize>,
    /// How often each incident said the same thing by itself.
    said: BTreeMap<(i64, String), usize>,
}

impl Kept {
    /// Every accepted mail once, and every ring of every incident once.
    fn check(&self, accepted: &BTreeSet<usize>) {
        let lost: Vec<_> = accepted.iter().filter(|number| !self.marks.contains_key(number)).collect();
        assert!(lost.is_empty(), "accepted and lost: {lost:?}");
        let twice: Vec<_> = self.marks.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "in a timeline more than once: {twice:?}");
        let rung_twice: Vec<_> = self.said.iter().filter(|(_, count)| **count > 1).collect();
        assert!(rung_twice.is_empty(), "rung more than once: {rung_twice:?}");
        let rings = |number: &i64| RINGS.map(|said| (*number, said.to_owned()));
        let expected: BTreeSet<_> = self.incidents.iter().flat_map(rings).collect();
        let rung: BTreeSet<_> = self.said.keys().cloned().collect();
        assert_eq!(rung, expected, "each incident rings for each of its deadlines");
    }
}

/// The database, as seen from beside the servers.
struct Base {
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Base {
    fn open(url: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let store = runtime.block_on(Store::open(url)).expect("the database opens");
        Self { runtime, store }
    }

    fn wait_until_read(&self) {
        wait::until("everything to be read", SETTLED_WITHIN, || {
            let waiting = self.runtime.block_on(self.store.count_waiting_inbound());
            (waiting.expect("a count") == 0).then_some(())
        });
    }

    /// Until the relay has nothing that is not known to be there: what is on its way when a clock jumps
    /// goes out once more.
    fn wait_until_marked(&self, sink: &Sink) {
        wait::until("what the relay took to be marked", SETTLED_WITHIN, || {
            let taken = sink.taken().len();
            let accepted = self.store.load_outbox(Some(OutboxState::Accepted), i64::MAX);
            (self.runtime.block_on(accepted).expect("the outbox").len() == taken).then_some(())
        });
    }

    /// Until a deadline is due, and some server is about to handle it; or none will be for long.
    fn wait_for_ring(&self) {
        wait::until("a deadline to be due", SETTLED_WITHIN, || {
            let waiting = self.runtime.block_on(self.store.count_waiting_inbound());
            let earliest = self.runtime.block_on(self.store.earliest_deadline()).expect("deadlines");
            let is_within = |span| earliest.is_some_and(|at| at <= Utc::now() + span);
            let none_comes = waiting.expect("a count") == 0 && !is_within(TimeDelta::minutes(1));
            (is_within(TimeDelta::zero()) || none_comes).then_some(())
        });
    }

    /// Waits until nothing is to be read, rung or sent, and reads everything.
    fn settled(&self) -> Kept {
        wait::until("everything to be read, rung and sent", SETTLED_WITHIN, || {
            self.runtime.block_on(is_settled(&self.store)).then_some(())
        });
        self.runtime.block_on(load_kept(&self.store))
    }
}

async fn is_settled(store: &Store) -> bool {
    let now = Utc::now() + TimeDelta::seconds(NEXT_CLOCK);
    let mut waiting = store.count_waiting_inbound().await.expect("a count");
    waiting += store.load_due_deadlines(now, 1).await.expect("deadlines").len() as i64;
    for state in [OutboxState::Queued, OutboxState::Deferred, OutboxState::Uncertain] {
        waiting += store.load_outbox(Some(state), 1).await.expect("the outbox").len() as i64;
    }
    waiting == 0
}

async fn load_kept(store: &Store) -> Kept {
    let mut kept = Kept::default();
    let incidents = store.load_incidents(false, i64::MAX).await.expect("incidents");
    for stored in incidents.readable {
        let number = stored.incident.number;
        kept.incidents.insert(number);
        for entry in store.load_timeline(number).await.expect("a timeline") {
            let mark = entry.text.split_once("mark=").and_then(|(_, rest)| rest.split_once(';'));
            match mark.and_then(|(number, _)| number.parse().ok()) {
                Some(mark) => *kept.marks.entry(mark).or_default() += 1,
                None => *kept.said.entry((number, entry.text)).or_default() += 1,
            }
        }
    }
    kept
}

fn offset(seconds: i64) -> String {
    format!("{seconds:+}s")
}

fn number_of(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|error| panic!("{variable}={value}: {error}")))
}

/// The next of a row of numbers that only the seed decides (Knuth's MMIX generator).
fn below(chance: &mut u64, limit: usize) -> usize {
    *chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*chance >> 33) as usize % limit
}
