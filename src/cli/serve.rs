//! `firebell serve`: the server, until it is told to stop.
//!
//! SIGTERM and SIGINT stop it after what it is doing; SIGHUP reads the configuration again.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use chrono::TimeDelta;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::failure::{SOFTWARE, UNAVAILABLE, print};
use super::notify::Supervisor;
use super::open::{Found, open_engine, open_store, read_file};
use super::{Failure, account, alone, open};
use crate::app::{App, Parts, local_address};
use crate::authentication;
use crate::config::{Config, Listen};
use crate::delivery::{self, dkim::Signers};
use crate::engine::Engine;
use crate::ids::Ids;
use crate::intake::imap;
use crate::intake::smtp::{self, Listener, Protocol};
use crate::store::KNOWN_WITHIN;
use crate::web;
use crate::web::alerts;
use crate::web::places::Places;

/// What is kept for a time is looked through for what is too old so often.
const FORGET_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// And for what is too much.
const MAKE_ROOM_EVERY: Duration = Duration::from_secs(60 * 60);

/// Runs until a signal.
///
/// # Errors
///
/// The operator's, when it cannot start; ours, when a part of it ended.
pub async fn serve(found: Found) -> Result<(), Failure> {
    // Before anything else: a signal that comes while it starts must not be lost.
    let mut signals = Signals::new()?;
    let supervisor = Supervisor::found().map(Arc::new);
    let config = &found.config;
    account::agree(config)?;
    open::login_files(config)?;
    let certificates = open::certificates(config)?;
    let passwords = open::passwords(config)?;
    let signers = Signers::new(open::signers(config)?);
    let listeners = bind(config).await?;
    let page = bind_page(config).await?;
    let store = open_store(config).await?;
    let alone = alone::claim(config)?;
    if alone.is_some() {
        store.return_leases().await?;
    }
    let mut engine = open_engine(&found, store).await?;
    let authenticator = open::authenticator(config)?;
    let unproven = Arc::new(Notify::new());
    engine.unproven = authenticator.as_ref().map(|_| unproven.clone());
    engine.renew_deadlines().await?;
    engine.check_rotations().await?;
    let host = config.address.domain().to_owned();
    let own = engine.policy().address.clone();
    let trusted = config.trusted_networks.clone();
    let mut settings = smtp::Settings::new(host.clone(), own.clone(), trusted, engine.clock.clone());
    settings.is_mx = config.is_mx;
    settings.proxies.clone_from(&config.proxies);
    settings.certificates = certificates;
    settings.passwords = passwords;
    let (secret, clock) = (engine.secret.clone(), engine.clock.clone());
    let mut delivery = delivery::Settings::new(config.relays.clone(), host, own, secret, clock);
    delivery.signers = signers.clone();
    delivery.meters = engine.meters.clone();
    delivery.taken = engine.changed.clone();
    let mut ready: String = listeners
        .iter()
        .map(|(listener, protocol, place)| ready_line(listener, *protocol, place))
        .collect();
    if let Some(address) = page.as_ref().and_then(|listener| listener.local_addr().ok()) {
        ready.push_str(&format!("listening for HTTP on {address}\n"));
    }
    for warning in config.warnings() {
        warn!("{warning}");
    }
    let mut app = App::start(Parts {
        engine: engine.clone(),
        listeners: listeners.into_iter().map(|(listener, protocol, _)| (listener, protocol)).collect(),
        smtp: Arc::new(settings),
        delivery: Arc::new(delivery),
    });
    if let Some(authenticator) = authenticator {
        let (store, clock) = (engine.store.clone(), engine.clock.clone());
        let (arrivals, stopping) = (app.inbox.arrivals(), app.stopping());
        let authenticator = Arc::new(authenticator);
        app.spawn(authentication::run(store, clock, authenticator, unproven, arrivals, stopping));
    }
    if let Some(folder) = &config.publish {
        let folder = Arc::from(folder.as_path());
        app.spawn(web::status::publish(engine.clone(), folder, app.stopping()));
    }
    if let Some(page) = page {
        let token_file = config.alerts_token_file.clone();
        let arrivals = app.inbox.arrivals();
        let door = token_file.map(|path| alerts::Door::new(engine.clone(), path, arrivals));
        let router = web::serve_router(engine.clone(), door);
        app.spawn(serve_page(page, router, app.stopping()));
    }
    if let Some(mailbox) = &config.imap {
        let settings = imap::Settings {
            mailbox: mailbox.clone(),
            own: engine.policy().address.clone(),
            store: engine.store.clone(),
            ids: engine.ids.clone(),
            clock: engine.clock.clone(),
            patience: imap::Patience::default(),
            meters: engine.meters.clone(),
            arrivals: app.inbox.arrivals(),
        };
        app.spawn(imap::run(settings, app.stopping()));
        ready.push_str(&format!("reading the mailbox {}\n", mailbox.name()));
    }
    app.spawn(forget_old(engine.clone(), config.keep_raw, app.stopping()));
    app.spawn(make_room(engine.clone(), app.stopping()));
    print(&ready)?;
    info!("started");
    if let Some(supervisor) = supervisor.clone() {
        supervisor.tell("READY=1");
        let stopping = app.stopping();
        app.spawn(async move { supervisor.keep_alive(stopping).await });
    }
    let ended = wait(&mut app, &mut signals, &engine, &signers, &found).await;
    if let Some(supervisor) = supervisor {
        supervisor.tell("STOPPING=1");
    }
    app.stop().await;
    match ended {
        None => Ok(()),
        Some(why) => Err(Failure::new(SOFTWARE, format!("the server ended by itself: {why}"))),
    }
}

/// Until it is told to stop (`None`), or a part of it ended.
async fn wait(
    app: &mut App,
    signals: &mut Signals,
    engine: &Engine,
    signers: &Signers,
    found: &Found,
) -> Option<String> {
    let mut in_force = found.config.clone();
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return None,
            _ = signals.interrupt.recv() => return None,
            _ = signals.hangup.recv() => {
                if let Some(config) = read_again(engine, signers, found, &in_force).await {
                    in_force = config;
                }
            }
            why = app.ended() => {
                let why = why.unwrap_or_else(|| "nothing runs".to_owned());
                error!("the server stops: {why}");
                return Some(why);
            }
        }
    }
}

/// Puts the configuration in force as it is now; one with mistakes changes nothing.
async fn read_again(
    engine: &Engine,
    signers: &Signers,
    found: &Found,
    in_force: &Config,
) -> Option<Config> {
    // Keys are read again also where only their files changed.
    let read = read_file(found.path.clone()).and_then(|read| {
        let signing = open::signers(&read.config)?;
        let policy = open::policy(&read.config)?;
        Ok((read, signing, policy))
    });
    let (read, signing, policy) = match read {
        Ok(read) => read,
        Err(failure) => {
            for line in &failure.lines {
                error!("the configuration stays as it was: {line}");
            }
            if let Err(error) = engine.tell_mistakes(failure.lines).await {
                error!(error = &error as &dyn std::error::Error, "the operator is not told of it");
            }
            return None;
        }
    };
    let stored = engine.store.save_configuration(&read.text, engine.clock.now()).await;
    let enforced = match stored {
        Ok(_) => match engine.enforce(policy).await {
            Ok(()) => engine.check_rotations().await,
            failed => failed,
        },
        Err(error) => Err(error),
    };
    if let Err(error) = enforced {
        error!(
            error = &error as &dyn std::error::Error,
            "the configuration was read again, and the database did not follow; send SIGHUP once more"
        );
        return None;
    }
    signers.replace(signing);
    info!("the configuration was read again and is in force");
    if needs_restart(in_force, &read.config) {
        warn!("address, database, listeners, mailbox, networks and relays change with the next start");
    }
    Some(read.config)
}

fn needs_restart(before: &Config, after: &Config) -> bool {
    let fixed = |config: &Config| {
        (
            (config.address.clone(), config.separator, config.data_dir.clone()),
            (config.database.clone(), config.smtp_listen, config.lmtp_listen.clone()),
            (config.imap.clone(), config.trusted_networks.clone(), config.relays.clone()),
            (config.keep_raw, config.web_listen, config.alerts_token_file.clone()),
            (config.resolver, config.arc_sealers.clone()),
            (config.is_mx, config.passwords_file.clone(), config.tls.clone(), config.proxies.clone()),
        )
    };
    fixed(before) != fixed(after)
}

type Bound = (Listener, Protocol, Listen);

async fn bind(config: &Config) -> Result<Vec<Bound>, Failure> {
    let mut bound = Vec::new();
    for (place, protocol) in open::listen_places(config) {
        let listener = Listener::bind(&place).await.map_err(|error| {
            let protocol = open::protocol_name(protocol);
            Failure::new(
                UNAVAILABLE,
                format!(
                    "{protocol} cannot listen on {place}: {error}; is a server running already? \
                     `firebell check` says what listens there"
                ),
            )
        })?;
        bound.push((listener, protocol, place));
    }
    Ok(bound)
}

async fn bind_page(config: &Config) -> Result<Option<TcpListener>, Failure> {
    let Some(address) = config.web_listen else { return Ok(None) };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) => Err(Failure::new(
            UNAVAILABLE,
            format!("[web] cannot listen on {address}: {error}; stop what listens there, or change it"),
        )),
    }
}

/// Pages, until the server stops; browsers keep connections open for as long as they like, so
/// nobody is waited for.
async fn serve_page(listener: TcpListener, router: Router, mut stopping: watch::Receiver<bool>) {
    let serving = axum::serve(Places::new(listener), router);
    tokio::select! {
        _ = stopping.wait_for(|stop| *stop) => {}
        served = async { serving.await } => if let Err(error) = served {
            error!("the pages ended: {error}");
        }
    }
}

fn ready_line(listener: &Listener, protocol: Protocol, place: &Listen) -> String {
    let name = open::protocol_name(protocol);
    match local_address(listener) {
        Some(address) => format!("listening for {name} on {address}\n"),
        None => format!("listening for {name} on {place}\n"),
    }
}

/// Once a day deletes what was kept long enough: octets of messages, and what is known of them.
async fn forget_old(engine: Engine, keep: TimeDelta, mut stopping: watch::Receiver<bool>) {
    let mut days = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = days.tick() => {}
        }
        let before = engine.clock.now() - keep;
        if let Err(error) = engine.store.forget_audit(before).await {
            warn!(error = &error as &dyn std::error::Error, "old decisions are kept for another day");
        }
        match engine.store.forget_raw(before).await {
            Ok(0) => {}
            Ok(count) => info!(count, "the octets of {count} old messages were deleted"),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "old messages are kept for another day")
            }
        }
        let now = engine.clock.now();
        match engine.store.forget_known(Ids::before(now - KNOWN_WITHIN), now).await {
            Ok(0) => {}
            Ok(count) => info!(count, "{count} rows that are of no use any more were deleted"),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "old rows are kept for another day")
            }
        }
    }
}

/// Deletes the octets of messages without effect, where there are more than are kept.
async fn make_room(engine: Engine, mut stopping: watch::Receiver<bool>) {
    let mut hours = tokio::time::interval(MAKE_ROOM_EVERY);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            _ = hours.tick() => {}
        }
        match engine.forget_unproven().await {
            Ok(0) => {}
            Ok(count) => {
                info!(count, "the octets of {count} messages without effect were deleted, to make room");
            }
            Err(error) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "messages without effect are kept for now"
                )
            }
        }
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}
