//! `[send]`: through whom mail leaves, and who is told when it does not.
//!
//! Opens nothing: neither a relay nor the file of a password. Start with [`read_send`].

use chrono::TimeDelta;

use super::defaults;
use super::mailbox::{names_credential, read_credential};
use super::reading::{Own, read_foreign};
use super::source::{Source, Table};
use super::values::{Login, Relay, RelayTls, read_positive, read_relay};
use crate::mail::Address;

const KEYS: &[&str] = &[
    "relay",
    "password_file",
    "token_command",
    "fallback",
    "operator",
    "stuck_after",
    "per_person_per_hour",
];

pub(super) struct Send {
    /// The first is asked first.
    pub(super) relays: Vec<Relay>,
    pub(super) operator: Option<Address>,
    pub(super) stuck_after: TimeDelta,
    pub(super) per_person_per_hour: u32,
}

pub(super) fn read_send<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>) -> Send {
    let mut send = Send {
        relays: vec![usual()],
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
    fn what_is_wrong_with_sending_is_told_with_its_line_and_the_next_step() {
        let fallback = "[send.fallback]\n";
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
        ] {
            let said = read(&keys).unwrap_err();
            assert!(said.contains(part), "{keys}\n{said}");
        }
    }
}
