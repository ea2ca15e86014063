//! `firebell alert`: which rule knows an alert, and what it would do. Nothing is stored.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Failure;
use super::failure::{DATAERR, NOINPUT, print};
use super::open::Found;
use crate::alerts::webhook::read_webhook;
use crate::alerts::{Alert, Mismatch, Rule, Seen};
use crate::mail::MESSAGE_OCTETS_MAX;
use crate::mail::message::read_mail;
use crate::render::alert::{AlertShown, render_dry_run, threshold_words};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A mail as it came, or the JSON of Alertmanager; - is standard input
    #[arg(value_name = "FILE|-")]
    path: PathBuf,
}

/// Prints what every alert of a file would do.
///
/// # Errors
///
/// 66 when the file is not there, 65 when no rule knows one of its alerts.
pub fn alert(found: &Found, given: &Arguments) -> Result<(), Failure> {
    let octets = read(&given.path)?;
    let policy = found.config.policy();
    let now = chrono::Utc::now();
    let is_json = octets
        .iter()
        .find(|octet| !octet.is_ascii_whitespace())
        .is_some_and(|first| b"[{".contains(first));
    let messages = if is_json {
        let name = given.path.display();
        read_webhook(&octets, &policy.address, now)
            .map_err(|why| Failure::new(DATAERR, format!("{name}: {why}")))?
    } else {
        vec![octets]
    };
    let mut unknown = 0;
    let mut text = String::new();
    for octets in &messages {
        let mail = read_mail(octets, false);
        let seen = Seen::of(&mail, octets, None, is_json, &policy.address);
        let read = policy.alerts.iter().map(|rule| (rule, rule.read(&seen)));
        let read: Vec<(&Rule, Result<Alert, Mismatch>)> = read.collect();
        if !text.is_empty() {
            text.push('\n');
        }
        match read.iter().find_map(|(rule, read)| Some((rule, read.as_ref().ok()?))) {
            Some((rule, alert)) => {
                let then = threshold_words(rule.threshold, alert.signal);
                text.push_str(&render_dry_run(&AlertShown {
                    alert,
                    then,
                    believed: believed(rule, is_json),
                }));
            }
            None => {
                unknown += 1;
                let _ = writeln!(
                    text,
                    "No rule knows this alert: it would be filed, and the operator told."
                );
                for (rule, read) in &read {
                    if let Err(why) = read {
                        let _ = writeln!(text, "  {:<18}{why}", rule.name);
                    }
                }
            }
        }
    }
    print(&text)?;
    match (unknown, policy.alerts.is_empty()) {
        (0, _) => Ok(()),
        (_, true) => Err(Failure::new(DATAERR, "the configuration has no [[alert]]")),
        (_, false) => {
            Err(Failure::new(DATAERR, format!("no rule knows {unknown} of {}", messages.len())))
        }
    }
}

fn believed(rule: &Rule, is_json: bool) -> String {
    if is_json {
        return "with the token of [web] alerts_token_file".to_owned();
    }
    let mut ways = Vec::new();
    if !rule.senders.is_empty() {
        let senders: Vec<String> = rule.senders.iter().map(ToString::to_string).collect();
        ways.push(format!(
            "from {}, proven by DMARC, a login or a trusted network",
            senders.join(" or ")
        ));
    }
    if let Some(path) = &rule.token_file {
        ways.push(format!("to the address with the token of {}", path.display()));
    }
    ways.join("; or ")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error| Failure::new(NOINPUT, format!("{} cannot be read: {error}", path.display()));
    let limit = MESSAGE_OCTETS_MAX as u64;
    let mut octets = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut octets).map_err(unreadable)?;
    } else {
        File::open(path)
            .map_err(unreadable)?
            .take(limit)
            .read_to_end(&mut octets)
            .map_err(unreadable)?;
    }
    Ok(octets)
}
