//! How mail goes out: rows of the outbox, handed to the relay or to mailboxes on this machine.
//!
//! Never composes a mail and never decides what a failure means: a refusal goes to whoever gave us
//! the channel. A row is leased, handed over, then marked; a process that dies in between lets the
//! lease lapse, and the mail goes out again with the same octets and Message-ID. A process that
//! stalls for longer than its leases sends nothing on them. A mail goes to the first relay that is there
//! (`breaker`), signed when there is a key ([`dkim`]). Start with [`deliver`].

pub mod backoff;
mod breaker;
pub mod dkim;
mod leases;
pub mod maildir;
pub mod relay;
mod socket;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, mpsc, watch};
use tracing::{error, info, warn};

use crate::clock::Clock;
pub use crate::config::{Login, Relay, RelayTls};
use crate::mail::OwnAddress;
use crate::mail::ids::Secret;
use crate::mail::relay::ids_in_answer;
use crate::meters::Meters;
use crate::store::Store;
use crate::store::rows::{Job, Undelivered};
use breaker::{Room, Standing};
use leases::{LEASE, Leases, RENEW_EVERY};
use relay::Limits;
use worker::{Outcome, Settled, Workers};

/// Rows leased at once: enough that no connection waits for the database between two mails.
const LEASE_ROWS_MAX: i64 = 256;
/// Acceptances that share a commit wait this long for each other at most.
const MARK_WITHIN: Duration = Duration::from_millis(3);
/// With nothing to do, look again: another process, or an operator, may have added rows.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Between two attempts at a database that does not answer.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// The first pause before a mark is tried again; each is twice the one before, up to [`DATABASE_PAUSE`].
const MARK_PAUSE_MIN: Duration = Duration::from_millis(10);
/// A mail on trial that nobody hears of is given up.
const TRIAL_WITHIN: Duration = Duration::from_secs(90);
/// Whoever marks refusals gets so long; a row that nobody marks is tried again.
const FAILURE_WITHIN: Duration = Duration::from_secs(5);
/// A relay that broke the connection behind the final dot may still be at work on the mail.
const UNCERTAIN_PAUSE: TimeDelta = TimeDelta::minutes(10);
/// Outcomes that wait to be marked; beyond them nothing more is handed over.
const OUTCOMES_MAX: usize = 1_024;

/// A mail that will not arrive. Its row stays leased until somebody marks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub outbox: i64,
    pub why: Undelivered,
}

/// What delivery needs to know beside the rows.
#[derive(Clone)]
pub struct Settings {
    /// The first one that is there gets the mail.
    pub relays: Vec<Relay>,
    pub connections: usize,
    pub limits: Limits,
    /// What we call ourselves to the relay.
    pub host: String,
    pub own: OwnAddress,
    pub secret: Secret,
    pub clock: Clock,
    /// They sign every mail.
    pub signers: dkim::Signers,
    /// Is told which relays are there.
    pub meters: Meters,
    /// Is woken when a relay took mail from which a clock runs.
    pub taken: Arc<Notify>,
}

impl Settings {
    pub fn new(relays: Vec<Relay>, host: String, own: OwnAddress, secret: Secret, clock: Clock) -> Self {
        let (limits, signers, meters) = (Limits::default(), dkim::Signers::default(), Meters::default());
        let taken = Arc::default();
        Self { relays, connections: 4, limits, host, own, secret, clock, signers, meters, taken }
    }
}

/// Hands over what is due, until `shutdown` becomes true and what is being sent has been sent.
///
/// `waiting` wakes it when rows were committed. Mail that was refused, or is of no use any more, goes
/// to `failures`; should nobody take it any more, the row's lease lapses and the relay is asked again.
pub async fn deliver(
    store: Store,
    settings: Arc<Settings>,
    waiting: Arc<Notify>,
    failures: mpsc::Sender<Failure>,
    mut shutdown: watch::Receiver<bool>,
) {
    let (outcomes, marking) = mpsc::channel(OUTCOMES_MAX);
    let leases = Arc::new(Leases::default());
    let marker = Marker {
        store: store.clone(),
        settings: settings.clone(),
        failures: failures.clone(),
        leases: leases.clone(),
        waiting: waiting.clone(),
    };
    let renewing = tokio::spawn(renew(store.clone(), settings.clock.clone(), leases.clone()));
    let marks = tokio::spawn(marker.run(marking));
    let workers = Workers::start(settings.clone(), leases, outcomes, shutdown.clone());
    let mut relays = workers.breakers.subscribe();
    while !*shutdown.borrow() {
        let room = breaker::room(&relays.borrow_and_update());
        // Only the rest is cut short by a stop: what was leased is always handed on.
        let rest = match room {
            Room::Any => lease_round(&store, &settings, &workers, LEASE_ROWS_MAX).await,
            Room::One => lease_round(&store, &settings, &workers, 1).await,
            Room::None => expire(&store, &settings.clock, &failures).await,
        };
        tokio::select! {
            // A sender that is gone means that the server is, too.
            _ = shutdown.wait_for(|stop| *stop) => break,
            () = take_rest(rest, &mut relays, &waiting) => {}
        }
    }
    drop(failures);
    workers.finish().await;
    if let Err(error) = marks.await {
        error!("marking delivered mail ended early: {error}");
    }
    renewing.abort();
}

/// Keeps the leases of what waits or is handed over, which may take ten minutes, from running out.
async fn renew(store: Store, clock: Clock, leases: Arc<Leases>) {
    let mut rounds = tokio::time::interval(RENEW_EVERY);
    loop {
        rounds.tick().await;
        let held = leases.all();
        if held.is_empty() {
            continue;
        }
        let asked_at = clock.machine_now();
        match store.renew_leases(&held, clock.now() + LEASE).await {
            Ok(kept) => leases.renewed(&held, &kept, asked_at),
            Err(error) => warn!("leases could not be renewed: {error}"),
        }
    }
}

/// What to wait for before the next round.
enum Rest {
    None,
    /// New rows, news of the relays, or so long.
    Work(Duration),
    /// News of the relays, or so long.
    Relay(Duration),
    /// The database.
    Database,
}

/// Leases what is due and queues it: one row only while it is to try a relay that was away.
async fn lease_round(store: &Store, settings: &Settings, workers: &Workers, rows: i64) -> Rest {
    let now = settings.clock.now();
    let asked_at = settings.clock.machine_now();
    match store.lease_outbox(rows, now + LEASE, now).await {
        Ok(jobs) if jobs.is_empty() => Rest::Work(until_due(store, &settings.clock).await),
        Ok(jobs) => {
            // What is not to be sent asks the relay nothing.
            let tries = rows == 1 && jobs.iter().any(|job| !job.is_untold() && !job.is_expired(now));
            let is_full = i64::try_from(jobs.len()).is_ok_and(|count| count >= rows);
            workers.leases.take(&jobs, asked_at);
            workers.send(jobs).await;
            match (tries, is_full) {
                (true, _) => Rest::Relay(TRIAL_WITHIN),
                (false, true) => Rest::None,
                // That was all: whoever writes more says so.
                (false, false) => Rest::Work(until_due(store, &settings.clock).await),
            }
        }
        Err(error) => {
            warn!("mail waits for the database: {error}");
            Rest::Database
        }
    }
}

/// While no relay is there nothing is leased, but what is of no use any more is told all the same.
async fn expire(store: &Store, clock: &Clock, failures: &mpsc::Sender<Failure>) -> Rest {
    match store.load_expired_outbox(clock.now(), LEASE_ROWS_MAX).await {
        Ok(expired) => {
            for outbox in expired {
                let failure = Failure { outbox, why: Undelivered::Expired };
                let _ = failures.send_timeout(failure, FAILURE_WITHIN).await;
            }
            Rest::Relay(LOOK_AGAIN)
        }
        Err(error) => {
            warn!("mail waits for the database: {error}");
            Rest::Database
        }
    }
}

async fn take_rest(rest: Rest, relays: &mut watch::Receiver<Vec<Standing>>, waiting: &Notify) {
    match rest {
        Rest::None => {}
        Rest::Work(at_most) => tokio::select! {
            _ = tokio::time::timeout(at_most, waiting.notified()) => {}
            _ = relays.changed() => {}
        },
        Rest::Relay(at_most) => drop(tokio::time::timeout(at_most, relays.changed()).await),
        Rest::Database => tokio::time::sleep(DATABASE_PAUSE).await,
    }
}

async fn until_due(store: &Store, clock: &Clock) -> Duration {
    let due_at = store.earliest_outbox().await.ok().flatten();
    due_at.map_or(LOOK_AGAIN, |due_at| span_until(due_at, clock.now()).min(LOOK_AGAIN))
}

/// A row that is due and yet was not leased belongs to another process; do not spin on it.
fn span_until(due_at: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (due_at - now).to_std().unwrap_or_default().max(Duration::from_millis(20))
}

/// Records what became of each row.
struct Marker {
    store: Store,
    settings: Arc<Settings>,
    failures: mpsc::Sender<Failure>,
    leases: Arc<Leases>,
    /// Is woken when rows are due at another time than they were.
    waiting: Arc<Notify>,
}

impl Marker {
    /// Acceptances that come together share a commit.
    async fn run(self, mut outcomes: mpsc::Receiver<Settled>) {
        let mut group = Vec::with_capacity(OUTCOMES_MAX);
        while outcomes.recv_many(&mut group, OUTCOMES_MAX).await > 0 {
            gather(&mut outcomes, &mut group).await;
            let done: Vec<i64> = group.iter().map(|settled| settled.job.outbox).collect();
            let mut accepted = Vec::new();
            let mut others = Vec::new();
            let mut awaited = false;
            for Settled { job, outcome, dialogue } in group.drain(..) {
                match outcome {
                    Outcome::Accepted(answer) => {
                        awaited |= job.purpose.is_awaited();
                        accepted.push((job.outbox, answer));
                    }
                    other => others.push((job, other, dialogue)),
                }
            }
            // First what would go out twice if the server ended now.
            mark_accepted(&self.store, &self.settings.clock, &accepted).await;
            if awaited {
                self.settings.taken.notify_one();
            }
            self.settings.meters.sent(accepted.len());
            for (job, outcome, dialogue) in others {
                self.keep(job.outbox, &dialogue).await;
                self.mark(&job, outcome).await;
            }
            if accepted.len() < done.len() {
                self.waiting.notify_one();
            }
            for outbox in done {
                self.leases.release(outbox);
            }
        }
    }

    async fn mark(&self, job: &Job, outcome: Outcome) {
        let id = job.outbox;
        match outcome {
            // Marked with others, before this.
            Outcome::Accepted(_) => {}
            Outcome::Deferred(answer) => {
                let pause = backoff::pause_after(job.attempts, backoff::chance());
                self.put_off(job, pause, &answer).await;
            }
            Outcome::Returned { pause, answer } => {
                self.put_off(job, TimeDelta::from_std(pause).unwrap_or_default(), &answer).await;
            }
            Outcome::Uncertain(answer) => {
                warn!(outbox.id = id, "the relay did not say whether it took mail {id}");
                let due_at = self.settings.clock.now() + UNCERTAIN_PAUSE;
                match self.store.mark_uncertain(job, due_at, &answer).await {
                    Ok(0 | 1) => {}
                    Ok(_) => self.fail(id, Undelivered::Uncertain).await,
                    Err(error) => warn!(outbox.id = id, "an uncertain mail was not marked: {error}"),
                }
            }
            Outcome::Refused(answer) => {
                info!(outbox.id = id, "relay refused mail {id}");
                self.fail(id, Undelivered::Refused(answer)).await;
            }
            Outcome::Untold => self.fail(id, Undelivered::Uncertain).await,
            Outcome::Expired => {
                info!(outbox.id = id, "mail {id} is of no use any more");
                self.fail(id, Undelivered::Expired).await;
            }
        }
    }

    /// For people who look why a mail is not out yet; a mail goes its way without it.
    async fn keep(&self, outbox: i64, dialogue: &str) {
        if dialogue.is_empty() {
            return;
        }
        if let Err(error) = self.store.save_dialogue(outbox, dialogue).await {
            warn!(outbox.id = outbox, "what the relay said was not kept: {error}");
        }
    }

    async fn fail(&self, outbox: i64, why: Undelivered) {
        let _ = self.failures.send_timeout(Failure { outbox, why }, FAILURE_WITHIN).await;
    }

    async fn put_off(&self, job: &Job, pause: TimeDelta, answer: &str) {
        let id = job.outbox;
        info!(outbox.id = id, "mail {id} waits for the relay");
        let due_at = self.settings.clock.now() + pause;
        if let Err(error) = self.store.mark_deferred(job, due_at, answer).await {
            // Its lease lapses by itself; only the pause is longer then.
            warn!(outbox.id = id, "a deferred mail could not be marked: {error}");
        }
    }
}

/// Waits a moment for others, when some have come already.
async fn gather(outcomes: &mut mpsc::Receiver<Settled>, group: &mut Vec<Settled>) {
    let until = tokio::time::Instant::now() + MARK_WITHIN;
    while group.len() < OUTCOMES_MAX {
        match tokio::time::timeout_at(until, outcomes.recv()).await {
            Ok(Some(outcome)) => group.push(outcome),
            Ok(None) | Err(_) => return,
        }
    }
}

/// The relay has them: this must be recorded, or they go out twice. A database that is away gets
/// as long as the lease allows.
async fn mark_accepted(store: &Store, clock: &Clock, accepted: &[(i64, String)]) {
    const ATTEMPTS_MAX: u32 = 60;
    if accepted.is_empty() {
        return;
    }
    for attempt in 1..=ATTEMPTS_MAX {
        match store.mark_accepted(accepted, clock.now()).await {
            Ok(()) => {
                for (id, _) in accepted {
                    info!(outbox.id = id, "relay accepted mail {id}");
                }
                return keep_ids_of_relay(store, clock, accepted).await;
            }
            Err(error) => warn!(attempt, "accepted mail could not be marked: {error}"),
        }
        // A connection that broke with its server is replaced by the next attempt: whoever is killed
        // before the mark sends the mail again.
        let pause = MARK_PAUSE_MIN * 2_u32.saturating_pow(attempt - 1).min(1_000);
        tokio::time::sleep(pause.min(DATABASE_PAUSE)).await;
    }
    error!(rows = accepted.len(), "accepted mail was not marked and will go out again");
}

/// What the relay calls them. A commit of its own, behind the one that keeps a mail from going twice.
async fn keep_ids_of_relay(store: &Store, clock: &Clock, accepted: &[(i64, String)]) {
    let ids: Vec<(i64, String)> = accepted
        .iter()
        .flat_map(|(outbox, answer)| ids_in_answer(answer).into_iter().map(|id| (*outbox, id)))
        .collect();
    if let Err(error) = store.save_ids_of_relay(&ids, clock.now()).await {
        // Answers are found by their address; the names of a relay are the last resort.
        warn!("the relay's names for mail were not kept: {error}");
    }
}

#[cfg(test)]
mod deliver_tests;
#[cfg(test)]
mod fallback_tests;
#[cfg(test)]
mod fault_tests;
