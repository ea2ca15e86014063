//! The connections that hand mail over, each mail to the first relay that is there.
//!
//! Knows rows only as jobs, and never touches the database. Start with `Workers`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex as Shared, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::breaker::Breakers;
use super::leases::Leases;
use super::relay::{Connection, HandoverError};
use super::{Relay, Settings, maildir};
use crate::mail::Address;
use crate::mail::compose::fill_token;
use crate::store::rows::Job;

/// Jobs that wait for a connection.
const QUEUE_MAX: usize = 256;
/// A connection without work is given back to the relay, which has few.
const IDLE_WITHIN: Duration = Duration::from_secs(10);
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
    /// Not tried: the relay twice did not say whether it has it, and nobody was told yet.
    Untold,
    /// Not tried, or no relay was there: due again after this pause, whoever tries then.
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

/// Several workers on one queue.
pub struct Workers {
    queue: mpsc::Sender<Job>,
    tasks: JoinSet<()>,
    pub breakers: Arc<Breakers>,
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
        let names = settings.relays.iter().map(Relay::name).collect();
        let breakers = Arc::new(Breakers::new(names, settings.meters.clone()));
        let mut tasks = JoinSet::new();
        for relay in 0..settings.relays.len() {
            tasks.spawn(ask_after(relay, settings.clone(), breakers.clone(), shutdown.clone()));
        }
        for _ in 0..settings.connections.max(1) {
            let worker = Worker {
                settings: settings.clone(),
                breakers: breakers.clone(),
                leases: leases.clone(),
                shutdown: shutdown.clone(),
                connection: None,
                dialogue: String::new(),
            };
            tasks.spawn(worker.run(jobs.clone(), outcomes.clone()));
        }
        Self { queue, tasks, breakers, leases }
    }

    pub async fn send(&self, jobs: Vec<Job>) {
        for job in jobs {
            // Fails only when every worker is gone; the leases lapse then.
            let _ = self.queue.send(job).await;
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
    breakers: Arc<Breakers>,
    leases: Arc<Leases>,
    shutdown: watch::Receiver<bool>,
    /// To which relay it is.
    connection: Option<(usize, Connection)>,
    /// With the relays, of a mail that they did not take.
    dialogue: String,
}

impl Worker {
    async fn run(mut self, jobs: Arc<Shared<mpsc::Receiver<Job>>>, outcomes: mpsc::Sender<Settled>) {
        loop {
            let next = async { jobs.lock().await.recv().await };
            let job = match timeout(IDLE_WITHIN, next).await {
                Ok(Some(job)) => job,
                Ok(None) => break,
                Err(_) => {
                    self.hang_up().await;
                    continue;
                }
            };
            self.dialogue.clear();
            let outcome = self.settle(&job).await;
            let dialogue = std::mem::take(&mut self.dialogue);
            if outcomes.send(Settled { job, outcome, dialogue }).await.is_err() {
                break;
            }
        }
        self.hang_up().await;
    }

    async fn hang_up(&mut self) {
        if let Some((_, connection)) = self.connection.take() {
            connection.quit().await;
        }
    }

    async fn settle(&mut self, job: &Job) -> Outcome {
        // Stopping, or the row may be somebody else's by now.
        if !self.is_ours(job) || *self.shutdown.borrow() {
            return given_back();
        }
        if job.is_untold() {
            return Outcome::Untold;
        }
        if job.is_expired(self.settings.clock.now()) {
            return Outcome::Expired;
        }
        self.hand_over(job).await
    }

    fn is_ours(&self, job: &Job) -> bool {
        self.leases.may_send(job, self.settings.clock.machine_now())
    }

    /// To the first relay that is there, then to the next.
    async fn hand_over(&mut self, job: &Job) -> Outcome {
        let settings = self.settings.clone();
        let mac = settings.secret.bounce_mac(job.outbox);
        let reverse_path = settings.own.tagged(&format!("bounce.{}.{mac}", job.outbox));
        let filled = match &job.token {
            Some(token) => Arc::new(fill_token(&job.octets, token)),
            None => Arc::clone(&job.octets),
        };
        let octets = &*settings.signers.sign(filled).await;
        let (mut from, mut failure) = (0, None);
        while let Some(relay) = self.breakers.take(from) {
            let handed = match settings.relays.get(relay) {
                Some(Relay::Maildir(root)) => {
                    Ok(write_to_folder(root, job, &reverse_path, octets).await)
                }
                Some(smtp) => self.hand_to_relay(relay, smtp, &reverse_path, job, octets).await,
                None => break,
            };
            match handed {
                Ok(outcome) => {
                    if !matches!(outcome, Outcome::Uncertain(_) | Outcome::Returned { .. }) {
                        self.breakers.answered(relay);
                    }
                    return outcome;
                }
                Err(not_there) => failure = Some(not_there),
            }
            from = relay + 1;
        }
        match failure {
            // Perhaps this very mail is what broke it: it comes back less and less often.
            Some(NotThere::Broken(answer)) => Outcome::Deferred(answer),
            Some(NotThere::Away(answer)) => Outcome::Returned { pause: self.breakers.pause(), answer },
            None => {
                let answer = "no relay is there".to_owned();
                Outcome::Returned { pause: self.breakers.pause(), answer }
            }
        }
    }

    /// A connection that is open already, or a new one; whether it is an old one. A stop does not
    /// wait for a relay that does not greet.
    async fn connection_to(
        &mut self,
        relay: usize,
        smtp: &Relay,
    ) -> Result<(Connection, bool), Opening> {
        match self.connection.take() {
            Some((to, connection)) if to == relay => return Ok((connection, true)),
            Some((_, connection)) => connection.quit().await,
            None => {}
        }
        let settings = self.settings.clone();
        tokio::select! {
            opened = Connection::open(smtp, &settings.host, settings.limits) => {
                opened.map(|connection| (connection, false)).map_err(Opening::Failed)
            }
            _ = self.shutdown.wait_for(|stop| *stop) => Err(Opening::Stopped),
        }
    }

    async fn hand_to_relay(
        &mut self,
        relay: usize,
        smtp: &Relay,
        reverse_path: &Address,
        job: &Job,
        octets: &[u8],
    ) -> Result<Outcome, NotThere> {
        loop {
            let (mut connection, used_before) = match self.connection_to(relay, smtp).await {
                Ok(opened) => opened,
                Err(Opening::Stopped) => return Ok(given_back()),
                Err(Opening::Failed(answer)) => {
                    self.note(relay, &format!("< {answer}"));
                    self.breakers.failed(relay);
                    return Err(NotThere::Away(answer));
                }
            };
            let is_ours = || self.is_ours(job);
            let handed = connection.hand_over(reverse_path, &job.recipient, octets, is_ours).await;
            let error = match handed {
                Ok(answer) => {
                    self.connection = Some((relay, connection));
                    return Ok(Outcome::Accepted(answer));
                }
                Err(error) => error,
            };
            match error {
                // The relay hung up while nobody spoke, as it may: only a new one tells.
                HandoverError::Broken(_) if used_before => continue,
                HandoverError::Lapsed => {}
                _ => self.note(relay, &connection.dialogue()),
            }
            return match error {
                // What was begun ends with this connection.
                HandoverError::Lapsed => Ok(given_back()),
                HandoverError::Broken(answer) => {
                    self.breakers.failed(relay);
                    Err(NotThere::Broken(answer))
                }
                HandoverError::Uncertain(answer) => {
                    self.breakers.failed(relay);
                    Ok(Outcome::Uncertain(answer))
                }
                HandoverError::Refused(answer) => {
                    self.connection = Some((relay, connection));
                    Ok(Outcome::Refused(answer))
                }
                HandoverError::Deferred(answer) => {
                    self.connection = Some((relay, connection));
                    Ok(Outcome::Deferred(answer))
                }
            };
        }
    }

    /// Adds what was said to a relay.
    fn note(&mut self, relay: usize, lines: &str) {
        if !self.dialogue.is_empty() {
            self.dialogue.push('\n');
        }
        self.dialogue.push_str(&format!("to {}\n{lines}", self.breakers.name(relay)));
    }
}

/// Why a relay was of no use to a mail, in its own words; another one may be.
enum NotThere {
    /// It has not even greeted.
    Away(String),
    /// In the middle of a transaction.
    Broken(String),
}

/// Why there is no connection.
enum Opening {
    Stopped,
    Failed(String),
}

/// Asks after a relay while it is away, until the server stops.
async fn ask_after(
    relay: usize,
    settings: Arc<Settings>,
    breakers: Arc<Breakers>,
    mut shutdown: watch::Receiver<bool>,
) {
    let Some(smtp) = settings.relays.get(relay) else { return };
    let asking = async {
        loop {
            breakers.until_asked_after(relay).await;
            match Connection::open(smtp, &settings.host, settings.limits).await {
                Ok(connection) => {
                    connection.quit().await;
                    breakers.greeted(relay);
                }
                Err(_) => breakers.failed(relay),
            }
        }
    };
    tokio::select! {
        () = asking => {}
        // A sender that is gone means that the server is, too.
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
}

async fn write_to_folder(root: &Path, job: &Job, reverse_path: &Address, octets: &[u8]) -> Outcome {
    let (root, outbox) = (root.to_owned(), job.outbox);
    let (reverse_path, recipient) = (reverse_path.clone(), job.recipient.clone());
    let octets = octets.to_vec();
    let written = tokio::task::spawn_blocking(move || {
        maildir::write(&root, outbox, &reverse_path, &recipient, &octets)
    });
    match written.await {
        Ok(Ok(())) => Outcome::Accepted("delivered to maildir".to_owned()),
        Ok(Err(error)) => Outcome::Deferred(error.to_string()),
        Err(error) => Outcome::Deferred(error.to_string()),
    }
}

fn given_back() -> Outcome {
    Outcome::Returned { pause: Duration::ZERO, answer: String::new() }
}
