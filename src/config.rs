//! The configuration: one TOML file, read once, with all its mistakes told at once.
//!
//! Never opens a socket or a database, and the files that the rules name in [`files`] alone; what the
//! other values point at is looked at elsewhere.
//! Start with [`read_config`]; the rules that an incident follows come out of [`Config::policy`].

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::TimeDelta;

use crate::incident::Policy;
use crate::mail::Address;

mod alerts;
mod customers;
mod defaults;
mod drill;
mod duty;
mod files;
mod mailbox;
mod places;
mod reading;
mod receive;
mod roster;
mod rules;
mod send;
mod source;
mod templates;
mod values;

pub use files::load_word;
pub use mailbox::{Credential, Mailbox};
pub use reading::read_config;
pub use receive::Tls;
pub use send::DkimKey;
pub use values::{Listen, Login, Network, Relay, RelayTls, Resolver};

/// The configuration that `firebell init` writes: it works once two lines are changed.
pub const FIRST_CONFIGURATION: &str = include_str!("config/first.toml");

/// The configuration of a server.
#[derive(Debug, Clone)]
pub struct Config {
    pub address: Address,
    pub separator: char,
    pub data_dir: PathBuf,
    pub database: Database,
    /// Where SMTP is received; `None` is nowhere. Where nothing says how mail comes in it is
    /// 127.0.0.1:2525.
    pub smtp_listen: Option<SocketAddr>,
    /// Firebell is the MX of its address: whoever connects is a stranger's host, and SPF is asked.
    pub is_mx: bool,
    /// Who may log in to hand mail in.
    pub passwords_file: Option<PathBuf>,
    /// Peers that say by the PROXY protocol who is behind them.
    pub proxies: Vec<Network>,
    /// Shown to clients of SMTP and LMTP; without it there is no STARTTLS.
    pub tls: Option<Tls>,
    pub lmtp_listen: Option<Listen>,
    /// The mailbox that is read by IMAP.
    pub imap: Option<Mailbox>,
    /// SMTP clients that authenticate their own submitters: their mail is verified.
    pub trusted_networks: Vec<Network>,
    /// Domains whose ARC seals are believed (RFC 8617).
    pub arc_sealers: Vec<String>,
    /// Who is asked about SPF, DKIM, DMARC and ARC.
    pub resolver: Resolver,
    /// One at least. Mail goes through the first that is there.
    pub relays: Vec<Relay>,
    /// What signs every mail; several for receivers that know one kind of key only.
    pub dkim: Vec<DkimKey>,
    /// Where pages are served; without `[web]` there are none.
    pub web_listen: Option<SocketAddr>,
    /// Holds the token with which monitoring systems post alerts; without it there is nothing to post to.
    pub alerts_token_file: Option<PathBuf>,
    /// Where people reach the pages.
    pub web_url: Option<String>,
    /// The folder that the public page is written to.
    pub publish: Option<PathBuf>,
    /// How long received messages are kept as octets.
    pub keep_raw: TimeDelta,
    policy: Policy,
}

/// Where incidents are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A file in `data_dir`.
    Sqlite,
    /// A `postgres://` URL without a password.
    Postgres(String),
    /// A file that holds the URL, password included.
    PostgresFile(PathBuf),
}

/// A mistake in the configuration, with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub file: String,
    pub line: usize,
    pub what: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

impl Config {
    /// The rules that incidents follow, every default filled in.
    pub fn policy(&self) -> Policy {
        self.policy.clone()
    }

    /// What is allowed and yet leaves somebody untold, with what to do about it.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let roster = &self.policy.roster;
        if self.policy.operator.is_none()
            && roster.command_rotation().is_none()
            && roster.trained.is_empty()
        {
            let what = "nobody is told of a report that is held, or of a message that cannot be read: \
                        name the operator in [send], or who may command in [command]";
            warnings.push(what.to_owned());
        }
        for rotation in &roster.rotations {
            for why in roster.shortage(rotation) {
                warnings.push(format!("the rotation {} is short of people: {why}", rotation.name));
            }
        }
        warnings
    }
}
