//! The wiring: which tasks run, what wakes them, and how they stop.
//!
//! Nothing here decides anything. `serve` and the demo start the same parts; start reading with
//! [`App::start`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::delivery::{self, Failure};
use crate::engine::Engine;
use crate::intake::inbox::Inbox;
use crate::intake::smtp::{self, Listener, Protocol};
use crate::intake::strangers::Strangers;
use crate::intake::{reader, refusals};
use crate::{deadlines, digests};

/// What is being done may go on so long when the server stops: with [`CLOSE_WITHIN`] ten seconds in
/// all. Clients in the middle of a message are told to leave before.
const STOP_WITHIN: Duration = Duration::from_secs(9);
/// The database gets so long to end what still runs in it.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How often somebody looks whether mail moves.
const WATCH_EVERY: Duration = Duration::from_secs(60);
/// Mails that do not arrive and wait to be told to somebody; delivery waits beyond.
const FAILURES_MAX: usize = 1_000;

/// What the parts need.
pub struct Parts {
    pub engine: Engine,
    pub listeners: Vec<(Listener, Protocol)>,
    pub smtp: Arc<smtp::Settings>,
    pub delivery: Arc<delivery::Settings>,
}

/// A running server.
pub struct App {
    pub engine: Engine,
    pub inbox: Inbox,
    shutdown: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl App {
    /// Starts every part.
    pub fn start(parts: Parts) -> Self {
        let Parts { engine, listeners, smtp: settings, delivery } = parts;
        let (shutdown, stopping) = watch::channel(false);
        let mut inbox = Inbox::new(engine.store.clone(), engine.ids.clone(), engine.clock.clone());
        inbox.meters = engine.meters.clone();
        inbox.strangers = Some(Strangers::new(engine.clone()));
        let mut tasks = JoinSet::new();
        let (store, ids) = (engine.store.clone(), engine.ids.clone());
        tasks.spawn(refusals::keep(settings.clone(), store, ids, stopping.clone()));
        for (listener, protocol) in listeners {
            let (settings, inbox, stopping) = (settings.clone(), inbox.clone(), stopping.clone());
            tasks.spawn(smtp::listen(listener, protocol, settings, inbox, stopping));
        }
        tasks.spawn(reader::run(engine.clone(), inbox.arrivals(), stopping.clone()));
        tasks.spawn(deadlines::run(engine.clone(), engine.changed.clone(), stopping.clone()));
        tasks.spawn(digests::run(engine.clone(), stopping.clone()));
        let (failures, refused) = mpsc::channel(FAILURES_MAX);
        let (store, outgoing) = (engine.store.clone(), engine.outgoing.clone());
        tasks.spawn(delivery::deliver(store, delivery, outgoing, failures, stopping));
        tasks.spawn(tell_failures(engine.clone(), refused));
        tasks.spawn(watch_mail(engine.clone(), shutdown.subscribe()));
        Self { engine, inbox, shutdown, tasks }
    }

    /// Runs `task` beside the others until the server stops.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Becomes true when the server stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.shutdown.subscribe()
    }

    /// Stops every part, and returns when they have ended or [`STOP_WITHIN`] has passed: what was
    /// accepted is stored, and what was leased is sent again later.
    pub async fn stop(mut self) {
        self.shutdown.send_replace(true);
        drop(self.inbox);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(failed) = ended {
                    error!("a part of the server failed: {failed}");
                }
            }
        };
        if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
            warn!("stopped without waiting for everything; nothing accepted is lost");
        }
        // A step of the engine runs in a task of its own and may still hold a connection; whatever it
        // has not committed never happens.
        self.tasks.shutdown().await;
        if tokio::time::timeout(CLOSE_WITHIN, self.engine.store.close()).await.is_err() {
            warn!("stopped without waiting for the database; nothing accepted is lost");
        }
        info!("stopped");
    }

    /// Whether a part has ended that should not have.
    pub async fn ended(&mut self) -> Option<String> {
        match self.tasks.join_next().await {
            Some(Err(failed)) => Some(failed.to_string()),
            Some(Ok(())) => Some("a part of the server ended".to_owned()),
            None => None,
        }
    }
}

/// A mail that does not arrive concerns somebody: the engine knows whom.
async fn tell_failures(engine: Engine, mut refused: mpsc::Receiver<Failure>) {
    while let Some(failure) = refused.recv().await {
        let outbox = failure.outbox;
        if let Err(error) = engine.undelivered(outbox, failure.why).await {
            error!(
                outbox.id = outbox,
                error = &error as &dyn std::error::Error,
                "a mail that was refused or expired is looked at again when its lease ends"
            );
        }
    }
}

/// Mail that does not move concerns the operator, on its way out and on its way in.
async fn watch_mail(engine: Engine, mut stopping: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(WATCH_EVERY);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = looks.tick() => {}
        }
        if let Err(error) = engine.watch_outbox().await {
            error!(error = &error as &dyn std::error::Error, "the outbox could not be looked at");
        }
        if let Err(error) = engine.watch_mailbox().await {
            error!(error = &error as &dyn std::error::Error, "nobody is told of the mailbox yet");
        }
        if let Err(error) = engine.watch_room().await {
            error!(error = &error as &dyn std::error::Error, "nobody is told of refused mail yet");
        }
    }
}

/// The address that a TCP listener got, for those who asked for any free port.
pub fn local_address(listener: &Listener) -> Option<SocketAddr> {
    match listener {
        Listener::Tcp(listener) => listener.local_addr().ok(),
        Listener::Unix(_) => None,
    }
}
