//! `firebell demo`: everything in one process on loopback, with nothing to configure. Mail comes in
//! by SMTP, goes out into the mailboxes of six made-up people, and a page plays their mail programs.
//!
//! Nothing leaves the machine, and the data is gone at the end. The page has no door of its own into
//! the engine: what is written there is a mail like any other. Start with [`run`].

mod folder;
mod letters;
mod mailboxes;
mod moving;
mod organisation;
mod pages;
mod views;

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::error;

use crate::app::{App, Parts};
use crate::clock::Clock;
use crate::config::{Network, read_config};
use crate::delivery::{self, Relay};
use crate::engine::Engine;
use crate::ids::Ids;
use crate::incident::Policy;
use crate::intake::smtp::{self, Listener, Protocol};
use crate::mail::ids::Secret;
use crate::roster::zone::Zone;
use crate::store::{Store, StoreError};
use folder::Folder;
use mailboxes::Mailboxes;
use organisation::ADDRESS;

/// The loopback interface, and nothing else.
const HOST: &str = "127.0.0.1";
/// Whose mail is believed to be from whom it says: everybody on this machine.
const TRUSTED: Network = Network { address: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 };

/// What `firebell demo` was asked for.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// Where mail is received; 0 is any free port.
    pub smtp_port: u16,
    /// Where the page is; 0 is any free port.
    pub web_port: u16,
    /// An empty folder for the data, which then stays.
    pub keep: Option<PathBuf>,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self { smtp_port: 2525, web_port: 8025, keep: None }
    }
}

/// Why there is no demo. All are the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(
        "port {port} on this machine is taken, perhaps by another demo: free it, or choose another \
         with {flag} (0 takes any that is free)"
    )]
    PortTaken { port: u16, flag: &'static str },
    #[error("port {port} cannot be opened; choose another with {flag}")]
    Port { port: u16, flag: &'static str, source: io::Error },
    #[error("{} is not empty: --keep needs a new or an empty folder", .0.display())]
    NotEmpty(PathBuf),
    #[error("nothing can be written to {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the database of the demo cannot be opened")]
    Store(#[from] StoreError),
    #[error("a part of the demo ended: {0}")]
    Ended(String),
}

/// Plays until Ctrl-C.
///
/// # Errors
///
/// See [`DemoError`].
pub async fn run(options: DemoOptions) -> Result<(), DemoError> {
    // Before anything is written: unheard, the signal would end it on the spot and leave the folder.
    let asked_to_stop = asked_to_stop();
    let folder = Folder::make(options.keep.as_deref())?;
    let smtp = bind(options.smtp_port, "--smtp-port").await?;
    let web = bind(options.web_port, "--web-port").await?;
    let ports = Ports { smtp: port_of(&smtp), web: port_of(&web) };
    let mut app = start(&folder, Listener::Tcp(smtp)).await?;
    let mailboxes = Mailboxes::new(folder.path().join("mail"));
    let pages = pages::router(app.engine.clone(), mailboxes, ports);
    let mut stopping = app.stopping();
    app.spawn(async move {
        let stopped = async move {
            // A sender that is gone means that the demo is, too.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        // Dropping the server ends it: a browser keeps its connections open for as long as it likes.
        tokio::select! {
            served = async { axum::serve(web, pages).await } => if let Err(error) = served {
                error!("the page ended: {error}");
            },
            () = stopped => {}
        }
    });
    print!("{}", welcome(ports, &folder, swaks_is_installed()));
    let outcome = tokio::select! {
        () = asked_to_stop => Ok(()),
        ended = app.ended() => Err(DemoError::Ended(ended.unwrap_or_default())),
    };
    app.stop().await;
    outcome
}

/// Where the demo listens.
#[derive(Debug, Clone, Copy)]
struct Ports {
    smtp: u16,
    web: u16,
}

/// The server of the demo, receiving at `listener` and delivering below `folder`.
async fn start(folder: &Folder, listener: Listener) -> Result<App, DemoError> {
    let store = Store::open(&format!("sqlite:{}", folder.path().join("firebell.db").display())).await?;
    let clock = Clock::system();
    let secret = Secret::new(&store.secret(fresh_secret()).await?);
    let policy = policy(clock.now());
    let own = policy.address.clone();
    let engine = Engine::new(store, clock.clone(), Ids::new(0), secret.clone(), policy);
    let trusted = vec![TRUSTED];
    let smtp = smtp::Settings::new("demo.firebell.invalid".into(), own.clone(), trusted, clock.clone());
    let relay = Relay::Maildir(folder.path().join("mail"));
    let mut delivery =
        delivery::Settings::new(vec![relay], "demo.firebell.invalid".into(), own, secret, clock);
    delivery.taken = engine.changed.clone();
    let listeners = vec![(listener, Protocol::Smtp)];
    Ok(App::start(Parts { engine, listeners, smtp: Arc::new(smtp), delivery: Arc::new(delivery) }))
}

/// The rules of the made-up organisation, in the time zone of this machine.
fn policy(now: DateTime<Utc>) -> Policy {
    let name = zone_name().unwrap_or_else(|| "UTC".to_owned());
    let zone = Zone::named(&name).unwrap_or_else(Zone::utc);
    let text = organisation::configuration(&name, zone.local(now));
    read_config(&text, "demo").expect("a configuration that a test has read").policy()
}

/// The IANA name of this machine's zone: what `TZ` says, else where /etc/localtime leads.
fn zone_name() -> Option<String> {
    let link = std::fs::read_link("/etc/localtime").ok();
    let linked = link.as_deref().and_then(Path::to_str).and_then(|path| path.split_once("zoneinfo/"));
    let named = std::env::var("TZ").ok().or(linked.map(|(_, name)| name.to_owned()));
    named.filter(|name| Zone::named(name).is_some())
}

/// Mail addresses of the demo mean nothing elsewhere, but a token should not be guessed here either.
fn fresh_secret() -> [u8; 32] {
    let mut octets = [0; 32];
    getrandom::fill(&mut octets).expect("a machine that has chance");
    octets
}

async fn bind(port: u16, flag: &'static str) -> Result<TcpListener, DemoError> {
    TcpListener::bind((HOST, port)).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => DemoError::PortTaken { port, flag },
        _ => DemoError::Port { port, flag, source },
    })
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().map_or(0, |address| address.port())
}

/// Ends at Ctrl-C, or at the end of the session; listens for both from the call on.
fn asked_to_stop() -> impl Future<Output = ()> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok());
    async move {
        let [interrupt, terminate] = &mut signals;
        tokio::select! {
            () = received(interrupt) => {}
            () = received(terminate) => {}
        }
    }
}

/// A machine that has no such signal never sends it.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

fn swaks_is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join("swaks").is_file())
}

/// What to do now, for the terminal.
fn welcome(ports: Ports, folder: &Folder, swaks: bool) -> String {
    let declare = declare_line(ports.smtp, swaks);
    let without = if swaks { "" } else { " (bash alone; with swaks installed it would be simpler)" };
    let fate = if folder.stays() { "stays" } else { "is removed at the end" };
    format!(
        "Firebell's demo: an organisation of six people, on this machine only.\n\n\
         Open      http://{HOST}:{}\n\
         Declare   on that page, or by mail to {ADDRESS} at {HOST}:{}{without}:\n\n\
         {declare}\n\n\
         The data {fate}: {}\nStop with Ctrl-C.\n",
        ports.web,
        ports.smtp,
        folder.path().display()
    )
}

/// A line for a shell that declares an incident as Carol.
fn declare_line(smtp_port: u16, swaks: bool) -> String {
    let (from, subject) = ("carol@example.org", "SEV-1 Checkout is failing");
    let body = "Card payments time out since the last deploy.";
    if swaks {
        return format!(
            "swaks --server {HOST}:{smtp_port} --from {from} --to {ADDRESS} --header \"Subject: {subject}\" --body \"{body}\""
        );
    }
    format!(
        "(printf 'HELO demo\\r\\nMAIL FROM:<{from}>\\r\\nRCPT TO:<{ADDRESS}>\\r\\nDATA\\r\\n'; sleep 1; \
         printf 'From: {from}\\r\\nTo: {ADDRESS}\\r\\nSubject: {subject}\\r\\n\\r\\n{body}\\r\\n.\\r\\nQUIT\\r\\n'; \
         sleep 1) | bash -c 'exec 3<>/dev/tcp/{HOST}/{smtp_port}; cat >&3; cat <&3'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_the_flag_that_helps() {
        let taken = TcpListener::bind((HOST, 0)).await.unwrap();
        let port = port_of(&taken);
        let options = DemoOptions { smtp_port: 0, web_port: port, keep: None };
        let said = run(options).await.unwrap_err().to_string();
        assert!(said.contains(&port.to_string()) && said.contains("--web-port"), "{said}");
    }

    #[test]
    fn the_terminal_says_what_to_open_and_one_line_that_declares() {
        let folder = Folder::make(None).unwrap();
        let said = welcome(Ports { smtp: 2525, web: 8025 }, &folder, true);
        assert!(said.contains("http://127.0.0.1:8025\n"));
        let line = said.lines().find(|line| line.starts_with("swaks ")).unwrap();
        assert!(line.contains("--server 127.0.0.1:2525") && line.contains("--to incidents@example.org"));
        assert!(
            welcome(Ports { smtp: 2525, web: 8025 }, &folder, false).contains("/dev/tcp/127.0.0.1/2525")
        );
    }
}
