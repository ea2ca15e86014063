//! `[send]`: through whom mail leaves, what signs it, and who is told when it does not.
//!
//! Opens nothing: neither a relay nor the file of a password or key. Start with [`read_send`].

use std::path::PathBuf;

use chrono::TimeDelta;

use super::defaults;
use super::mailbox::{names_credential, read_credential};
use super::reading::{Own, read_foreign, read_path};
use super::source::{Source, Table};
use super::values::{Login, Relay, RelayTls, read_positive, read_relay};
use crate::mail::Address;

const KEYS: &[&str] = &[
    "relay",
    "password_file",
    "token_command",
    "fallback",
    "dkim",
    "operator",
    "stuck_after",
    "per_person_per_hour",
];

/// A key that signs mail (RFC 6376), for the domain of the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimKey {
    /// Its public half is in DNS at this name below `_domainkey`.
    pub selector: String,
    /// RSA or Ed25519, as PEM.
    pub key_file: PathBuf,
}

pub(super) struct Send {
    /// The first is asked first.
    pub(super) relays: Vec<Relay>,
    pub(super) dkim: Vec<DkimKey>,
    pub(super) operator: Option<Address>,
    pub(super) stuck_after: TimeDelta,
    pub(super) per_person_per_hour: u32,
}

pub(super) fn read_send<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>) -> Send {
    let mut send = Send {
        relays: vec![usual()],
        dkim: Vec::new(),
        operator: None,
        stuck_after: defaults::STUCK_AFTER,
        per_person_per_hour: defaults::PER_PERSON_PER_HOUR,
    };
    let Some(table) = source.table(top, "send") else { return send };
    source.check_keys(table, "[send]", KEYS);
    send.relays = vec![read_one(source, table, "[send]").unwrap_or_else(usual)];
    if let Some(fallback) = source.table(table, "fallback") {
        send.relays.extend(read_fallback(source, fallback, &send.relays));
    }
    send.dkim = read_dkim(source, table);
    send.operator = source.parsed(table, "operator", |text| read_foreign(text, own));
    if let Some(span) = source.parsed(table, "stuck_after", read_positive) {
        send.stuck_after = span;
    }
    if let Some(count) = source.count(table, "per_person_per_hour") {
        send.per_person_per_hour = count;
    }
    send
}

/// The mail server of this machine.
fn usual() -> Relay {
    Relay::Smtp { host: "127.0.0.1".to_owned(), port: 25, tls: RelayTls::Plain, login: None }
}

/// A relay with what proves who logs in there.
fn read_one<'t>(source: &mut Source<'t>, table: Table<'t>, place: &str) -> Option<Relay> {
    let read = source.parsed(table, "relay", read_relay);
    let credential = read_credential(source, table);
    let line = source.line_of(table, "relay");
    let (mut relay, name) = read?;
    match (name, credential) {
        (Some(name), Some(credential)) => {
            if let Relay::Smtp { login, .. } = &mut relay {
                *login = Some(Login { name, credential });
            }
        }
        (Some(name), None) if !names_credential(source, table) => source.mistake(
            line,
            format!(
                "{place} relay logs in as {name}: name the file of its password as password_file, or \
                 as token_command what prints an access token"
            ),
        ),
        (None, Some(_)) => source.mistake(
            line,
            format!("{place} relay does not say who logs in; write NAME@ before its host"),
        ),
        _ => {}
    }
    Some(relay)
}

fn read_fallback<'t>(source: &mut Source<'t>, table: Table<'t>, others: &[Relay]) -> Option<Relay> {
    let place = "[send.fallback]";
    source.check_keys(table, place, &["relay", "password_file", "token_command"]);
    source.required(table, place, "relay", "smtps://NAME@relay.example.org")?;
    let relay = read_one(source, table, place)?;
    let why = if matches!(relay, Relay::Maildir(_)) {
        "mail in a folder has reached nobody; name a second mail server"
    } else if others.iter().any(|other| other.name() == relay.name()) {
        "this is the first relay again; name another, or leave [send.fallback] out"
    } else {
        return Some(relay);
    };
    let line = source.line_of(table, "relay");
    source.mistake(line, format!("'relay': {why}"));
    None
}

fn read_dkim<'t>(source: &mut Source<'t>, send: Table<'t>) -> Vec<DkimKey> {
    let place = "[[send.dkim]]";
    let mut keys: Vec<DkimKey> = Vec::new();
    for table in source.tables(send, "dkim") {
        source.check_keys(table, place, &["selector", "key_file"]);
        source.required(table, place, "selector", "firebell");
        source.required(table, place, "key_file", "/etc/firebell/dkim.pem");
        let selector = source.parsed(table, "selector", read_selector);
        let key_file = read_path(source, table, "key_file");
        let (Some(selector), Some(key_file)) = (selector, key_file) else { continue };
        if keys.iter().any(|key| key.selector == selector) {
            let line = source.line_of(table, "selector");
            source.mistake(line, format!("'selector': `{selector}` is another key's already"));
        }
        keys.push(DkimKey { selector, key_file });
    }
    keys
}

/// Labels of a host name (RFC 6376 section 3.1).
fn read_selector(text: &str) -> Result<String, String> {
    const LABEL_OCTETS_MAX: usize = 63;
    let is_label = |label: &str| {
        (1..=LABEL_OCTETS_MAX).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let text = text.trim().to_ascii_lowercase();
    if text.split('.').all(is_label) && text.len() <= 2 * LABEL_OCTETS_MAX {
        Ok(text)
    } else {
        Err(format!("`{text}` is no name in DNS; write letters, digits and hyphens"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Credential, read_config};

    fn read(keys: &str) -> Result<Vec<Relay>, String> {
        let text = format!("address = \"incidents@example.org\"\n[send]\n{keys}");
        match read_config(&text, "firebell.toml") {
            Ok(config) => Ok(config.relays),
            Err(errors) => Err(errors.iter().map(|error| format!("{error}\n")).collect()),
        }
    }

    #[test]
    fn a_second_relay_is_asked_after_the_first_and_has_a_login_of_its_own() {
        let relays = read(
            "relay = \"smtp://127.0.0.1:2500\"\n[send.fallback]\n\
             relay = \"smtps://firebell%40example.org@relay.example.net\"\ntoken_command = \"token\"",
        )
        .unwrap();
        let names: Vec<String> = relays.iter().map(Relay::name).collect();
        assert_eq!(names, ["127.0.0.1:2500", "relay.example.net:465"]);
        let Some(Relay::Smtp { login: Some(login), .. }) = relays.last() else { panic!("{relays:?}") };
        assert_eq!(login.name, "firebell@example.org");
        assert_eq!(login.credential, Credential::TokenCommand("token".into()));
        assert_eq!(read("").unwrap(), [usual()]);
    }

    #[test]
    fn several_keys_may_sign() {
        let text = "address = \"incidents@example.org\"\n\
                    [[send.dkim]]\nselector = \"R1\"\nkey_file = \"r.pem\"\n\
                    [[send.dkim]]\nselector = \"e1.2026\"\nkey_file = \"e.pem\"";
        let keys = read_config(text, "firebell.toml").unwrap().dkim;
        let selectors: Vec<&str> = keys.iter().map(|key| key.selector.as_str()).collect();
        assert_eq!(selectors, ["r1", "e1.2026"]);
    }

    #[test]
    fn what_is_wrong_with_sending_is_told_with_its_line_and_the_next_step() {
        let fallback = "[send.fallback]\n";
        let dkim = "[[send.dkim]]\nselector = \"a\"\nkey_file = \"k\"\n";
        for (keys, part) in [
            (
                "relay = \"smtps://me@x.example\"".to_owned(),
                "3: [send] relay logs in as me: name the file",
            ),
            (
                "password_file = \"p\"\nrelay = \"smtps://x.example\"".to_owned(),
                "4: [send] relay does not say who",
            ),
            (
                "relay = \"smtps://me@x.example\"\npassword_file = \"p\"\ntoken_command = \"t\""
                    .to_owned(),
                "5: 'token_command' and 'password_file' exclude",
            ),
            (fallback.to_owned(), "3: [send.fallback] needs 'relay'"),
            (
                format!("{fallback}relay = \"maildir:x\""),
                "4: 'relay': mail in a folder has reached nobody",
            ),
            (
                format!("{fallback}relay = \"smtp://127.0.0.1\""),
                "4: 'relay': this is the first relay again",
            ),
            (
                format!("{fallback}relais = \"x\""),
                "4: unknown key 'relais' in [send.fallback]; did you mean 'relay'?",
            ),
            ("[[send.dkim]]\nselector = \"a\"".to_owned(), "3: [[send.dkim]] needs 'key_file'"),
            (dkim.replace("\"a\"", "\"a_b\""), "4: 'selector': `a_b` is no name in DNS"),
            (format!("{dkim}{dkim}"), "7: 'selector': `a` is another key's already"),
        ] {
            let said = read(&keys).unwrap_err();
            assert!(said.contains(part), "{keys}\n{said}");
        }
    }
}
