//! The connections that hand mail over, and the breaker that spares an absent relay.
//!
//! Knows rows only as jobs, and never touches the database. Start with `Workers`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Shared, Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::leases::Leases;
use super::relay::{Connection, HandoverError, Server};
use super::{Relay, Settings, maildir};
use crate::mail::Address;
use crate::mail::compose::fill_token;
use crate::store::rows::Job;

/// Jobs that wait for a connection.
const QUEUE_MAX: usize = 256;
/// A connection without work is given back to the relay, which has few.
const IDLE_WITHIN: Duration = Duration::from_secs(10);
/// Pauses between two attempts at a relay that is away; a relay on this machine costs nothing to
/// ask, and mail of an emergency waits behind it.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(30),
];

/// What became of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Accepted(String),
    Deferred(String),
    /// The connection broke behind the final dot.
    Uncertain(String),
    Refused(String),
    /// Not tried: it is of no use any more.
    Expired,
    /// Not tried, or the relay was not there: due again after this pause, whoever tries then.
    Returned {
        pause: Duration,
        answer: String,
    },
}

/// A job, what became of it, and what was said about it when the relay did not take it.
pub struct Settled {
    pub job: Job,
    pub outcome: Outcome,
    pub dialogue: String,
}

struct Leased {
    job: Job,
    /// The one job that finds out whether the relay is back.
    probe: bool,
}

/// Several workers on one queue.
pub struct Workers {
    queue: mpsc::Sender<Leased>,
    tasks: JoinSet<()>,
    pub breaker: Arc<Breaker>,
    pub leases: Arc<Leases>,
}

impl Workers {
    pub fn start(
        settings: Arc<Settings>,
        leases: Arc<Leases>,
        outcomes: mpsc::Sender<Settled>,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let jobs = Arc::new(Shared::new(jobs));
        let breaker = Arc::new(Breaker::default());
        let mut tasks = JoinSet::new();
        for _ in 0..settings.connections.max(1) {
            let worker = Worker {
                settings: settings.clone(),
                breaker: breaker.clone(),
                leases: leases.clone(),
                shutdown: shutdown.clone(),
                connection: None,
                dialogue: String::new(),
            };
            tasks.spawn(worker.run(jobs.clone(), outcomes.clone()));
        }
        Self { queue, tasks, breaker, leases }
    }

    pub async fn send(&self, jobs: Vec<Job>, probe: bool) {
        for job in jobs {
            // Fails only when every worker is gone; the leases lapse then.
            let _ = self.queue.send(Leased { job, probe }).await;
        }
    }

    /// Waits for what is being handed over; what is queued is given back.
    pub async fn finish(mut self) {
        drop(self.queue);
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Worker {
    settings: Arc<Settings>,
    breaker: Arc<Breaker>,
    leases: Arc<Leases>,
    shutdown: watch::Receiver<bool>,
    connection: Option<Connection>,
    /// With the relay, of a mail that it did not take.
    dialogue: String,
}

impl Worker {
    async fn run(mut self, jobs: Arc<Shared<mpsc::Receiver<Leased>>>, outcomes: mpsc::Sender<Settled>) {
        loop {
            let next = async { jobs.lock().await.recv().await };
            let leased = match timeout(IDLE_WITHIN, next).await {
                Ok(Some(leased)) => leased,
                Ok(None) => break,
                Err(_) => {
                    self.hang_up().await;
                    continue;
                }
            };
            self.dialogue.clear();
            let outcome = self.settle(&leased).await;
            let dialogue = std::mem::take(&mut self.dialogue);
            if outcomes.send(Settled { job: leased.job, outcome, dialogue }).await.is_err() {
                break;
            }
        }
        self.hang_up().await;
    }

    async fn hang_up(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.quit().await;
        }
    }

    async fn settle(&mut self, leased: &Leased) -> Outcome {
        // Stopping, or the row may be somebody else's by now.
        let may_send = self.leases.may_send(&leased.job, self.settings.clock.machine_now());
        if !may_send || *self.shutdown.borrow() {
            return given_back();
        }
        if leased.job.is_expired(self.settings.clock.now()) {
            return Outcome::Expired;
        }
        if let Some(pause) = self.breaker.pause().filter(|_| !leased.probe) {
            return Outcome::Returned { pause, answer: "the relay is not there".to_owned() };
        }
        self.hand_over(&leased.job).await
    }

    async fn hand_over(&mut self, job: &Job) -> Outcome {
        let settings = self.settings.clone();
        let mac = settings.secret.bounce_mac(job.outbox);
        let reverse_path = settings.own.tagged(&format!("bounce.{}.{mac}", job.outbox));
        let filled = job.token.as_deref().map(|token| fill_token(&job.octets, token));
        match &settings.relay {
            Relay::Smtp { host, port, tls, login } => {
                let login = login.as_deref().zip(settings.password.as_deref());
                let server = Server { host, port: *port, tls: *tls, login };
                let octets = filled.as_deref().unwrap_or(&job.octets);
                self.hand_to_relay(&server, &reverse_path, job, octets).await
            }
            Relay::Maildir(root) => {
                let (root, job) = (root.clone(), job.clone());
                let written = tokio::task::spawn_blocking(move || {
                    let octets = filled.as_deref().unwrap_or(&job.octets);
                    maildir::write(&root, job.outbox, &reverse_path, &job.recipient, octets)
                });
                match written.await {
                    Ok(Ok(())) => Outcome::Accepted("delivered to maildir".to_owned()),
                    Ok(Err(error)) => Outcome::Deferred(error.to_string()),
                    Err(error) => Outcome::Deferred(error.to_string()),
                }
            }
        }
    }

    /// A new connection; a stop does not wait for a relay that does not greet.
    async fn open(&mut self, server: &Server<'_>) -> Result<Connection, Outcome> {
        tokio::select! {
            opened = Connection::open(server, &self.settings.host) => opened.map_err(|answer| {
                Outcome::Returned { pause: self.breaker.failed(), answer }
            }),
            _ = self.shutdown.wait_for(|stop| *stop) => Err(given_back()),
        }
    }

    async fn hand_to_relay(
        &mut self,
        server: &Server<'_>,
        reverse_path: &Address,
        job: &Job,
        octets: &[u8],
    ) -> Outcome {
        loop {
            let used_before = self.connection.is_some();
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => match self.open(server).await {
                    Ok(connection) => connection,
                    Err(outcome) => return outcome,
                },
            };
            let handed = connection.hand_over(reverse_path, &job.recipient, octets).await;
            if handed.is_err() {
                self.dialogue = connection.dialogue();
            }
            match handed {
                // The relay hung up while nobody spoke, as it may: only a new one tells.
                Err(HandoverError::Broken(_)) if used_before => continue,
                Err(HandoverError::Broken(answer)) => {
                    self.breaker.failed();
                    return Outcome::Deferred(answer);
                }
                Err(HandoverError::Uncertain(answer)) => {
                    self.breaker.failed();
                    return Outcome::Uncertain(answer);
                }
                _ => {}
            }
            self.breaker.succeeded();
            self.connection = Some(connection);
            return match handed {
                Ok(answer) => Outcome::Accepted(answer),
                Err(HandoverError::Refused(answer)) => Outcome::Refused(answer),
                Err(error) => Outcome::Deferred(answer_in(error)),
            };
        }
    }
}

fn given_back() -> Outcome {
    Outcome::Returned { pause: Duration::ZERO, answer: String::new() }
}

fn answer_in(error: HandoverError) -> String {
    match error {
        HandoverError::Deferred(answer)
        | HandoverError::Refused(answer)
        | HandoverError::Broken(answer)
        | HandoverError::Uncertain(answer) => answer,
    }
}

/// Remembers that the relay is away, so that one mail asks for it and not a thousand.
#[derive(Debug, Default)]
pub struct Breaker {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Connections that failed one after the other; zero is closed, mail flows.
    failures: usize,
    until: Option<Instant>,
}

impl Breaker {
    /// How long until the relay may be asked again; `None` when it was there last.
    pub fn pause(&self) -> Option<Duration> {
        let state = self.state();
        let until = state.until?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    /// Waits until something is known, or `at_most`.
    pub async fn changed(&self, at_most: Duration) {
        let _ = timeout(at_most, self.changed.notified()).await;
    }

    /// A connection could not be made; returns the pause.
    fn failed(&self) -> Duration {
        let mut state = self.state();
        let pause = PAUSES.get(state.failures).or(PAUSES.last()).copied().unwrap_or_default();
        if state.failures == 0 {
            warn!("the relay is not there; mail waits");
        }
        state.failures += 1;
        state.until = Some(Instant::now() + pause);
        drop(state);
        self.changed.notify_one();
        pause
    }

    fn succeeded(&self) {
        let mut state = self.state();
        if state.until.take().is_some() {
            info!(attempts = state.failures, "the relay is back");
            state.failures = 0;
            drop(state);
            self.changed.notify_one();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
