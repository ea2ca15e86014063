//! From a configuration file to an opened store and an engine.
//!
//! Start with [`read`], which every command but `init` and `new-text` begins with.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Failure;
use super::account;
use super::failure::{CANTCREAT, CONFIG, UNAVAILABLE, chain};
use crate::authentication::Authenticator;
use crate::clock::Clock;
use crate::config::{Config, Credential, Database, Listen, Mailbox, Relay, read_config};
use crate::delivery::dkim::Signer;
use crate::engine::Engine;
use crate::ids::Ids;
use crate::incident::Policy;
use crate::intake::Protocol;
use crate::intake::passwords::{self, Passwords};
use crate::intake::tls::{self, Certificates};
use crate::intake::watched::Watched;
use crate::mail::ids::Secret;
use crate::store::Store;

/// Where the configuration is looked for when nobody names it.
const USUAL_PLACES: [&str; 2] = ["firebell.toml", "/etc/firebell/firebell.toml"];

/// A configuration that was read.
pub struct Found {
    pub path: PathBuf,
    pub text: String,
    pub config: Config,
}

/// Finds and reads the configuration.
///
/// # Errors
///
/// The operator's: every mistake in a line of its own.
pub fn read(named: Option<&Path>) -> Result<Found, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => {
            // One that may not be looked for is there: who may, is told below.
            let is_there = |path: &PathBuf| path.try_exists().unwrap_or(true);
            USUAL_PLACES.map(PathBuf::from).into_iter().find(is_there).ok_or_else(|| {
                let [here, system] = USUAL_PLACES;
                Failure::new(
                    CONFIG,
                    format!(
                        "there is no configuration: neither {here} in this folder nor {system}; \
                         write one with `firebell init`, or name yours with -c FILE"
                    ),
                )
            })?
        }
    };
    read_file(path)
}

/// Reads the configuration at `path`.
pub fn read_file(path: PathBuf) -> Result<Found, Failure> {
    let name = path.display().to_string();
    let text = fs::read_to_string(&path).map_err(|error| {
        let next = match error.kind() {
            ErrorKind::PermissionDenied => "run this as the account of the server: sudo -u firebell …",
            _ => "write it with `firebell init`, or name another with -c FILE",
        };
        Failure::new(CONFIG, format!("{name}: the configuration cannot be read ({error}); {next}"))
    })?;
    match read_config(&text, &name) {
        Ok(config) => Ok(Found { path, text, config }),
        Err(mistakes) => {
            Err(Failure { code: CONFIG, lines: mistakes.iter().map(ToString::to_string).collect() })
        }
    }
}

/// Makes the folder of the database where there is none, for us alone.
pub fn make_data_dir(config: &Config) -> Result<(), Failure> {
    let folder = &config.data_dir;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        Failure::new(
            CANTCREAT,
            format!("data_dir {} cannot be made ({error}); make it, or name another", folder.display()),
        )
    })
}

/// Where the embedded database is.
pub fn sqlite_file(config: &Config) -> PathBuf {
    config.data_dir.join("firebell.db")
}

/// The URL of the database.
pub fn database_url(config: &Config) -> Result<String, Failure> {
    match &config.database {
        Database::Sqlite => Ok(format!("sqlite:{}", sqlite_file(config).display())),
        Database::Postgres(url) => Ok(url.clone()),
        Database::PostgresFile(path) => {
            let text = fs::read_to_string(path).map_err(|error| {
                let name = path.display();
                Failure::new(CONFIG, format!("url_file {name} cannot be read ({error})"))
            })?;
            Ok(text.trim().to_owned())
        }
    }
}

/// What people call the database; never its password.
pub fn database_name(config: &Config) -> String {
    match &config.database {
        Database::Sqlite => sqlite_file(config).display().to_string(),
        Database::Postgres(url) => url.clone(),
        Database::PostgresFile(path) => format!("the PostgreSQL database named in {}", path.display()),
    }
}

/// Opens the database and brings its schema up to date, for the account that owns it.
pub async fn open_store(config: &Config) -> Result<Store, Failure> {
    try_store(config).await.map_err(|mut failure| {
        if failure.code == UNAVAILABLE {
            failure.lines.push("`firebell check` looks at each part of the way to it".to_owned());
        }
        failure
    })
}

/// The same, for whoever looks at the parts.
pub async fn try_store(config: &Config) -> Result<Store, Failure> {
    account::agree(config)?;
    if config.database == Database::Sqlite {
        make_data_dir(config)?;
    }
    Store::open(&database_url(config)?).await.map_err(|error| {
        let name = database_name(config);
        Failure::new(UNAVAILABLE, format!("{name} cannot be opened: {}", chain(&error)))
    })
}

/// Ids that no other process on the database makes at the same moment.
pub fn ids() -> Result<Ids, Failure> {
    Ok(Ids::new(u16::from_ne_bytes(random()?)))
}

/// Octets that nobody can guess.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|error| {
        Failure::new(UNAVAILABLE, format!("this machine has no randomness: {error}"))
    })?;
    Ok(octets)
}

/// Keeps the configuration in the database, and puts it in force.
pub async fn open_engine(found: &Found, store: Store) -> Result<Engine, Failure> {
    let policy = policy(&found.config)?;
    let clock = Clock::system();
    let secret = Secret::new(&store.secret(random()?).await?);
    store.save_configuration(&found.text, clock.now()).await?;
    Ok(Engine::new(store, clock, ids()?, secret, policy))
}

/// The rules in force, with what is in the files that they name.
pub fn policy(config: &Config) -> Result<Policy, Failure> {
    config.load_policy().map_err(|mistakes| Failure {
        code: CONFIG,
        lines: mistakes.iter().map(ToString::to_string).collect(),
    })
}

/// Where the server listens, and for what.
pub fn listen_places(config: &Config) -> Vec<(Listen, Protocol)> {
    let smtp = config.smtp_listen.map(|address| (Listen::Tcp(address), Protocol::Smtp));
    let lmtp = config.lmtp_listen.clone().map(|place| (place, Protocol::Lmtp));
    smtp.into_iter().chain(lmtp).collect()
}

/// As people write it.
pub fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "SMTP",
        Protocol::Lmtp => "LMTP",
    }
}

/// Who asks DNS about messages; `None` when nobody does.
pub fn authenticator(config: &Config) -> Result<Option<Authenticator>, Failure> {
    let host = config.address.domain();
    Authenticator::new(config.resolver, host, &config.arc_sealers).map_err(|why| {
        let line = format!("[receive.trust] resolver: {why}; write an address, or off");
        Failure::new(CONFIG, line)
    })
}

/// What signs the mail that is sent.
pub fn signers(config: &Config) -> Result<Vec<Signer>, Failure> {
    let domain = config.address.domain();
    let opened = config.dkim.iter().map(|key| Signer::open(key, domain));
    opened.collect::<Result<_, _>>().map_err(|why| Failure::new(CONFIG, format!("[[send.dkim]] {why}")))
}

/// What clients are shown after STARTTLS; `None` when there is none.
pub fn certificates(config: &Config) -> Result<Option<Certificates>, Failure> {
    let opened = config.tls.as_ref().map(tls::open).transpose();
    opened.map_err(|why| Failure::new(CONFIG, format!("[receive.tls] {why}")))
}

/// Who may log in to hand mail in; `None` when nobody may.
pub fn passwords(config: &Config) -> Result<Option<Arc<Watched<Passwords>>>, Failure> {
    let opened = config.passwords_file.as_deref().map(passwords::open).transpose();
    let opened = opened.map_err(|why| Failure::new(CONFIG, format!("passwords_file {why}")))?;
    Ok(opened.map(Arc::new))
}

/// Whether the files that relays and the mailbox name are there: they are read again at each login,
/// but a mistake is better told at the start.
pub fn login_files(config: &Config) -> Result<(), Failure> {
    for (at, relay) in config.relays.iter().enumerate() {
        relay_files(relay, relay_table(at))?;
    }
    config.imap.as_ref().map_or(Ok(()), mailbox_files)
}

/// The table of the configuration that names a relay.
pub fn relay_table(at: usize) -> &'static str {
    if at == 0 { "[send]" } else { "[send.fallback]" }
}

/// Whether the file is there that a login to the relay of this table needs.
pub fn relay_files(relay: &Relay, table: &str) -> Result<(), Failure> {
    match relay {
        Relay::Smtp { login: Some(login), .. } => {
            can_read(table, "password_file", password_file(&login.credential))
        }
        _ => Ok(()),
    }
}

/// Whether the files are there that a login to the mailbox needs.
pub fn mailbox_files(mailbox: &Mailbox) -> Result<(), Failure> {
    let table = "[receive.imap]";
    can_read(table, "password_file", password_file(&mailbox.credential))?;
    can_read(table, "ca_file", mailbox.ca_file.as_deref())
}

fn can_read(table: &str, key: &str, path: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    let opened = fs::File::open(path).map_err(|error| {
        let name = path.display();
        let next = match error.kind() {
            ErrorKind::PermissionDenied => "; let the account of the server read it",
            _ => "",
        };
        Failure::new(CONFIG, format!("{table} {key} {name} cannot be read: {error}{next}"))
    });
    opened.map(drop)
}

fn password_file(credential: &Credential) -> Option<&Path> {
    match credential {
        Credential::PasswordFile(path) => Some(path),
        Credential::TokenCommand(_) => None,
    }
}
