//! The file as a whole: the server's own keys. How mail comes in is in `receive`, how it leaves in
//! `send`; people are in `roster`, rules in `rules`.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::TimeDelta;
use toml::de::DeTable;

use super::alerts::read_alerts;
use super::places::check_places;
use super::receive::read_receive;
use super::send::read_send;
use super::source::{Source, Table};
use super::values::{read_positive, read_socket, read_web_url};
use super::{Config, ConfigError, Database, customers, roster, rules};
use crate::mail::{Address, OwnAddress};

const KEYS: &[&str] = &[
    "address",
    "separator",
    "name",
    "domains",
    "incident_means",
    "time_zone",
    "data_dir",
    "keep_raw",
    "keep_unproven",
    "close_within",
    "database",
    "receive",
    "send",
    "web",
    "defaults",
    "severity",
    "ladder",
    "paging",
    "rest_after",
    "postmortem",
    "person",
    "team",
    "list",
    "rotation",
    "override",
    "command",
    "service",
    "calendar",
    "digest",
    "customers",
    "template",
    "drill",
    "alert",
];

/// Reads a configuration.
///
/// # Errors
///
/// Every mistake that was found, in the order of its line; the operator's to mend.
pub fn read_config(text: &str, file_name: &str) -> Result<Config, Vec<ConfigError>> {
    let mut source = Source::new(text, file_name);
    let (document, broken) = DeTable::parse_recoverable(text);
    for error in broken {
        let line = source.line_at(error.span().map_or(0, |span| span.start));
        source.mistake(line, format!("this is not TOML: {}", error.message()));
    }
    let config = read_document(&mut source, Table { entries: document.get_ref(), line: 1 });
    let mut errors = source.errors;
    errors.sort_by_key(|error| error.line);
    match config {
        Some(config) if errors.is_empty() => Ok(config),
        _ => Err(errors),
    }
}

fn read_document<'t>(source: &mut Source<'t>, top: Table<'t>) -> Option<Config> {
    source.check_keys(top, "the top level", KEYS);
    let own = read_own(source, top);
    let receive = read_receive(source, top);
    let send = read_send(source, top, own.as_ref());
    let web = read_web(source, top);
    check_places(source, top, &receive, &send.relays, web.listen);
    let data_dir = read_path(source, top, "data_dir");
    let publish = customers::read_publish(source, top);
    let keep_raw = source.parsed(top, "keep_raw", read_positive);
    let database = read_database(source, top);
    let people = roster::read_people(source, top, own.as_ref());
    // Without an address there is no configuration, but its other mistakes are told all the same.
    let stand_in = || Address::read("incidents@example.org").ok().map(|address| (address, '+'));
    let mut policy = rules::read_policy(source, top, people, own.clone().or_else(stand_in)?);
    policy.operator = send.operator;
    policy.web_url.clone_from(&web.url);
    let is_https = web.url.as_ref().is_some_and(|url| url.starts_with("https://"));
    policy.one_click = is_https && !send.dkim.is_empty();
    policy.stuck_after = send.stuck_after;
    policy.per_person_per_hour = send.per_person_per_hour;
    policy.declare_from = receive.declare_from;
    policy.authserv_ids = receive.authserv_ids;
    policy.alerts = read_alerts(source, top, &policy.roster, web.alerts_token_file.is_some());
    let own = own?;
    Some(Config {
        address: own.0,
        separator: own.1,
        data_dir: data_dir.unwrap_or_else(|| PathBuf::from("/var/lib/firebell")),
        database,
        smtp_listen: receive.smtp,
        is_mx: receive.is_mx,
        passwords_file: receive.passwords_file,
        proxies: receive.proxies,
        tls: receive.tls,
        lmtp_listen: receive.lmtp,
        imap: receive.imap,
        trusted_networks: receive.networks,
        arc_sealers: receive.arc_sealers,
        resolver: receive.resolver,
        relays: send.relays,
        dkim: send.dkim,
        web_listen: web.listen,
        alerts_token_file: web.alerts_token_file,
        web_url: web.url,
        publish,
        keep_raw: keep_raw.unwrap_or(TimeDelta::days(90)),
        policy,
    })
}

/// The longest tag is `+held.` with an id of 19 digits, a dot and a token of 16.
const OWN_LOCAL_PART_OCTETS_MAX: usize = 64 - 42;

/// Our address and its separator.
pub(super) type Own = (Address, char);

fn read_own<'t>(source: &mut Source<'t>, top: Table<'t>) -> Option<Own> {
    let separator = source.parsed(top, "separator", |text| match text {
        "+" => Ok('+'),
        "-" => Ok('-'),
        "=" => Ok('='),
        _ => Err(format!("`{text}` cannot separate subaddresses; write \"+\" or \"-\"")),
    });
    let text = source.required(top, "the configuration", "address", "incidents@example.org")?;
    match Address::read(&text.value) {
        Ok(address) if address.local_part().len() > OWN_LOCAL_PART_OCTETS_MAX => {
            let most = OWN_LOCAL_PART_OCTETS_MAX;
            source.mistake(
                text.line,
                format!(
                    "'address': what stands before the @ may have {most} octets, because tokens are \
                     added to it and no local part is longer than 64 (RFC 5321 section 4.5.3.1.1)"
                ),
            );
            None
        }
        // Everything that goes out has it in its header.
        Ok(address) if address.as_str().parse::<lettre::Address>().is_err() => {
            source.mistake(text.line, format!("'address': `{}` is no address for mail", text.value));
            None
        }
        Ok(address) => Some((address, separator.unwrap_or('+'))),
        Err(error) => {
            source.mistake(text.line, format!("'address': `{}` {error}", text.value));
            None
        }
    }
}

/// An address of somebody, which must not be one of ours: mail to it would come back to us.
pub(super) fn read_foreign(text: &str, own: Option<&Own>) -> Result<Address, String> {
    let address = Address::read(text).map_err(|error| format!("`{text}` {error}"))?;
    let is_ours = own.is_some_and(|(own, separator)| {
        OwnAddress::new(own.clone(), *separator).tag_of(&address).is_some()
    });
    if is_ours {
        Err(format!("`{text}` is Firebell's own address; write the address of a person or a list"))
    } else {
        Ok(address)
    }
}

pub(super) fn read_path<'t>(source: &mut Source<'t>, table: Table<'t>, key: &str) -> Option<PathBuf> {
    source.parsed(table, key, |text| {
        if text.trim().is_empty() {
            Err("a path must not be empty".to_owned())
        } else {
            Ok(PathBuf::from(text))
        }
    })
}

fn read_database<'t>(source: &mut Source<'t>, top: Table<'t>) -> Database {
    let Some(table) = source.table(top, "database") else { return Database::Sqlite };
    source.check_keys(table, "[database]", &["url", "url_file"]);
    if let Some(path) = read_path(source, table, "url_file") {
        return Database::PostgresFile(path);
    }
    let read = |text: &str| {
        let postgres = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let login = postgres.and_then(|rest| rest.split_once('@')).map(|(login, _)| login);
        match postgres {
            None if text == "sqlite" => Ok(Database::Sqlite),
            None => Err(format!("`{text}` is no database; write sqlite or postgres://host/name")),
            Some(_) if login.is_some_and(|login| login.contains(':')) => Err(
                "a password does not belong into this file; put the URL into a file and name it as url_file"
                    .to_owned(),
            ),
            Some(_) => Ok(Database::Postgres(text.to_owned())),
        }
    };
    source.parsed(table, "url", read).unwrap_or(Database::Sqlite)
}

#[derive(Default)]
struct Web {
    listen: Option<SocketAddr>,
    url: Option<String>,
    alerts_token_file: Option<PathBuf>,
}

fn read_web<'t>(source: &mut Source<'t>, top: Table<'t>) -> Web {
    let usual = SocketAddr::from(([127, 0, 0, 1], 8025));
    let Some(table) = source.table(top, "web") else { return Web::default() };
    source.check_keys(table, "[web]", &["listen", "url", "alerts_token_file"]);
    Web {
        listen: Some(source.parsed(table, "listen", read_socket).unwrap_or(usual)),
        url: source.parsed(table, "url", read_web_url),
        alerts_token_file: read_path(source, table, "alerts_token_file"),
    }
}

#[cfg(test)]
#[path = "manual_tests.rs"]
mod manual_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
