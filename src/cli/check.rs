//! `firebell check`: the configuration, and what it points at.
//!
//! Makes nothing that is not there, because the account of the server may be another; a database that
//! is there is brought up to date.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::timeout;

use super::failure::{UNAVAILABLE, print};
use super::surroundings::{check_clock, check_disk, check_dns};
use super::{Failure, account, open};
use crate::authentication;
use crate::config::{Config, Database, Listen, Mailbox, Relay, load_word};
use crate::delivery::relay::{Connection, Limits};
use crate::intake::{Listener, Protocol, imap};
use crate::web::alerts::read_token;

/// A server on this machine greets sooner.
const GREETING_WITHIN: Duration = Duration::from_secs(5);

/// What was looked at: what it is, and a problem with the next step.
pub(super) type Finding = (String, Result<(), String>);

/// Prints a line for everything it looked at.
///
/// # Errors
///
/// The operator's: 78 for mistakes in the configuration, 69 when something is not to be had.
pub async fn check(named: Option<&Path>) -> Result<(), Failure> {
    let found = open::read(named)?;
    let config = &found.config;
    account::agree(config)?;
    print(&format!("ok   {}: no mistakes\n", found.path.display()))?;
    for warning in config.warnings() {
        print(&format!("warn {warning}\n"))?;
    }
    let mut findings = check_folder(config);
    findings.extend(check_disk(config));
    findings.extend(check_database(config).await);
    match check_dns(config).await {
        Ok(answers) => findings.extend(answers),
        Err(why) => print(&format!("warn {why}\n"))?,
    }
    for (at, relay) in config.relays.iter().enumerate() {
        findings.push(check_relay(relay, open::relay_table(at), config).await);
    }
    if let Some(mailbox) = &config.imap {
        findings.push(check_mailbox(mailbox).await);
        findings.extend(check_unfetched(config, mailbox).await);
    }
    for (place, protocol) in open::listen_places(config) {
        findings.push(check_place(&place, protocol).await);
    }
    if let Some(address) = config.web_listen {
        findings.push(check_page(address).await);
    }
    findings.extend(check_secrets(config));
    findings.extend(check_alerts_token(config).await);
    findings.extend(check_signing(config).await);
    let mut problems = 0;
    for (what, outcome) in findings {
        match outcome {
            Ok(()) => print(&format!("ok   {what}\n"))?,
            Err(why) => {
                problems += 1;
                print(&format!("not  {what}: {why}\n"))?;
            }
        }
    }
    match problems {
        0 => Ok(()),
        1 => Err(Failure::new(UNAVAILABLE, "one thing is to be mended")),
        _ => Err(Failure::new(UNAVAILABLE, format!("{problems} things are to be mended"))),
    }
}

fn check_folder(config: &Config) -> Vec<Finding> {
    if config.database != Database::Sqlite {
        return Vec::new();
    }
    vec![check_writable("data_dir", &config.data_dir)]
}

/// A folder that is not there is made by the server, for the account that it runs as.
fn check_writable(name: &str, folder: &Path) -> Finding {
    let shown = folder.display();
    if folder.exists() {
        (format!("{name} {shown} can be written"), can_write(folder))
    } else {
        (format!("{name} {shown} is not there yet; the server makes it"), Ok(()))
    }
}

fn can_write(folder: &Path) -> Result<(), String> {
    let probe = folder.join(format!(".check-{}", std::process::id()));
    let written = fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe));
    written.map_err(|error| format!("{error}; let the account that runs Firebell own it"))
}

/// The database, and the clock beside it.
async fn check_database(config: &Config) -> Vec<Finding> {
    let what = format!("database {}", open::database_name(config));
    if !is_database_there(config) {
        return vec![(format!("{what} is not there yet; the server makes it"), Ok(()))];
    }
    let mut clock = None;
    let outcome = match open::try_store(config).await {
        Ok(store) => {
            let misfits = store.check_statements().await;
            clock = check_clock(&store).await;
            store.close().await;
            if misfits.is_empty() { Ok(()) } else { Err(misfits.join("; ")) }
        }
        Err(failure) => Err(format!("{}; {}", why(failure), database_next(config))),
    };
    std::iter::once((what, outcome)).chain(clock).collect()
}

fn database_next(config: &Config) -> &'static str {
    match config.database {
        Database::Sqlite => {
            "where the disk is well and the file is not, move it away and `firebell restore` a copy"
        }
        Database::Postgres(_) | Database::PostgresFile(_) => {
            "start PostgreSQL there, or mend [database]"
        }
    }
}

fn is_database_there(config: &Config) -> bool {
    config.database != Database::Sqlite || open::sqlite_file(config).exists()
}

async fn check_relay(relay: &Relay, table: &str, config: &Config) -> Finding {
    if let Relay::Maildir(root) = relay {
        return check_writable("folder of maildirs", root);
    }
    let what = format!("relay {}", relay.name());
    if let Err(failure) = open::relay_files(relay, table) {
        return (what, Err(why(failure)));
    }
    let outcome = match Connection::open(relay, config.address.domain(), Limits::default()).await {
        Ok(connection) => {
            connection.quit().await;
            Ok(())
        }
        Err(why) => Err(format!("{why}; start the mail server there, or mend {table} relay")),
    };
    (what, outcome)
}

fn why(failure: Failure) -> String {
    failure.lines.join("; ")
}

/// The files of STARTTLS and of logins.
fn check_secrets(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(tls) = &config.tls {
        let what = format!("certificate {}", tls.certificate_file.display());
        findings.push((what, open::certificates(config).map(|_| ()).map_err(why)));
    }
    if let Some(path) = &config.passwords_file {
        let what = format!("passwords {}", path.display());
        findings.push((what, open::passwords(config).map(|_| ()).map_err(why)));
    }
    for rule in &config.policy().alerts {
        if let Some(path) = &rule.token_file {
            let what = format!("token {} of the alert rule {}", path.display(), rule.name);
            findings.push((what, load_word(path).map(|_| ()).map_err(|mistake| mistake.what)));
        }
    }
    findings
}

/// The token with which alerts are posted.
async fn check_alerts_token(config: &Config) -> Option<Finding> {
    let path = config.alerts_token_file.as_ref()?;
    let what = format!("token of the alerts that are posted {}", path.display());
    Some((what, read_token(path).await.map(|_| ())))
}

/// The keys that sign, and whether DNS has their other halves.
async fn check_signing(config: &Config) -> Vec<Finding> {
    let signers = match open::signers(config) {
        Ok(signers) => signers,
        Err(failure) => return vec![("DKIM".to_owned(), Err(why(failure)))],
    };
    let mut findings = Vec::new();
    for signer in signers {
        let publish = format!("publish there the TXT record \"{}\"", signer.record());
        let outcome = match authentication::ask_text(config.resolver, signer.name()).await {
            Ok(Some(text)) if signer.is_in(&text) => Ok(()),
            Ok(Some(_)) => Err(format!("DNS has another key; {publish}")),
            Ok(None) => Err(format!("there is no key in DNS; {publish}")),
            Err(why) => Err(format!("DNS was not asked ({why}); {publish}")),
        };
        findings.push((format!("DKIM key {}", signer.name()), outcome));
    }
    findings
}

async fn check_mailbox(mailbox: &Mailbox) -> Finding {
    let what = format!("mailbox {}", mailbox.name());
    if let Err(failure) = open::mailbox_files(mailbox) {
        return (what, Err(why(failure)));
    }
    match imap::check(mailbox).await {
        Ok(abilities) if abilities.idle => (format!("{what} announces its mail"), Ok(())),
        Ok(_) => {
            let every = mailbox.poll_every.as_secs();
            (format!("{what} announces nothing; it is looked into every {every} s"), Ok(()))
        }
        Err(error) => (what, Err(error.to_string())),
    }
}

/// What is in the mailbox and could not be read: nobody else would ever tell.
async fn check_unfetched(config: &Config, mailbox: &Mailbox) -> Option<Finding> {
    if !is_database_there(config) {
        return None;
    }
    let store = open::try_store(config).await.ok()?;
    let missing = async {
        let cursor = store.load_mailbox_cursor(&mailbox.name()).await.ok()??;
        store.load_unfetched(&cursor.mailbox, cursor.uid_validity).await.ok()
    };
    let missing = missing.await.unwrap_or_default();
    store.close().await;
    let first = missing.first()?;
    let problem = format!(
        "the server did not hand out {} of its messages (UID {}: {}); read them with a mail program \
         and forward what matters",
        missing.len(),
        first.uid,
        first.reason
    );
    Some((format!("messages of {}", mailbox.folder), Err(problem)))
}

async fn check_place(place: &Listen, protocol: Protocol) -> Finding {
    let name = open::protocol_name(protocol);
    let error = match Listener::bind(place).await {
        Ok(listener) => {
            drop(listener);
            if let Listen::Unix(path) = place {
                // What was made for the test goes again.
                let _ = fs::remove_file(path);
            }
            return (format!("{name} can listen on {place}"), Ok(()));
        }
        Err(error) => error,
    };
    let greeting = greeting(place).await;
    if greeting.is_none()
        && let Some(what) = left_to_service(place, name, &error)
    {
        return (what, Ok(()));
    }
    let is_ours =
        greeting.as_deref().is_some_and(|text| text.trim_end().ends_with(&format!("{name} Firebell")));
    if is_ours {
        return (format!("{name} on {place}: a Firebell server listens there"), Ok(()));
    }
    let next = match (greeting, error.kind()) {
        (Some(_), _) => "another program listens there; stop it, or change `listen`",
        (None, ErrorKind::NotFound) => "make its folder, or change `listen`",
        (None, _) => "change `listen`, or let Firebell use that address",
    };
    (format!("{name} on {place}"), Err(format!("{error}; {next}")))
}

/// What the account of the server may not do by itself, and the unit for systemd makes possible.
fn left_to_service(place: &Listen, name: &str, error: &io::Error) -> Option<String> {
    /// As `RuntimeDirectory` makes it.
    const RUNTIME_DIR: &str = "/run/firebell";
    match (place, error.kind()) {
        (Listen::Tcp(_), ErrorKind::PermissionDenied) => Some(format!(
            "{name} on {place} is for root; the unit for systemd lets the server listen there"
        )),
        (Listen::Unix(path), ErrorKind::NotFound | ErrorKind::PermissionDenied)
            if path.starts_with(RUNTIME_DIR) =>
        {
            Some(format!("{name} on {place}: the unit for systemd makes {RUNTIME_DIR}"))
        }
        _ => None,
    }
}

async fn check_page(address: SocketAddr) -> Finding {
    let Err(error) = TcpListener::bind(address).await else {
        return (format!("HTTP can listen on {address}"), Ok(()));
    };
    let asking = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET /healthz HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        first_line(stream).await
    };
    match timeout(GREETING_WITHIN, asking).await.ok().flatten() {
        Some(line) if line.ends_with("200 OK") => {
            (format!("HTTP on {address}: a healthy server answers /healthz there"), Ok(()))
        }
        _ => {
            let next = "change [web] listen, or stop what listens there";
            (format!("HTTP on {address}"), Err(format!("{error}; {next}")))
        }
    }
}

/// What a server that listens already says first.
async fn greeting(place: &Listen) -> Option<String> {
    let asking = async {
        match place {
            Listen::Tcp(address) => first_line(TcpStream::connect(address).await.ok()?).await,
            Listen::Unix(path) => first_line(UnixStream::connect(path).await.ok()?).await,
        }
    };
    timeout(GREETING_WITHIN, asking).await.ok().flatten()
}

async fn first_line(mut stream: impl AsyncRead + Unpin) -> Option<String> {
    const OCTETS_MAX: usize = 512;
    let mut octets = vec![0; OCTETS_MAX];
    let count = stream.read(&mut octets).await.ok()?;
    octets.truncate(count);
    String::from_utf8_lossy(&octets).lines().next().map(str::to_owned)
}
