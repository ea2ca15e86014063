//! Alerts in words: what a rule makes of one, for terminals, and the letters about those that no
//! incident has.
//!
//! Machines wrote them: nothing of an alert does anything to a terminal, and none of its lines stands at
//! the margin of a letter.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::answer::letter;
use super::context::{Context, first_name};
use super::paper::{Paper, fact, facts};
use super::quick::action;
use super::when;
use super::wrap::{clipped, one_line};
use crate::alerts::group::{Group, State};
use crate::alerts::{Alert, Signal, Threshold};
use crate::incident::decision::Purpose;
use crate::incident::state::Person;
use crate::incident::{Incident, Policy};
use crate::mail::Address;
use crate::mail::compose::{Letter, TOKEN_MARK};

/// Of a title in a line to send, which stands on one line of the mail.
const REPLY_TITLE_CHARS: usize = 24;
/// Groups of alerts that a mail names.
const LINES_MAX: usize = 10;

/// An alert as a rule reads it.
#[derive(Debug)]
pub struct AlertShown<'a> {
    pub alert: &'a Alert,
    /// What it would do.
    pub then: String,
    /// Who is believed to send it.
    pub believed: String,
}

/// What the rule makes of an alert, a line a fact.
pub fn render_dry_run(shown: &AlertShown<'_>) -> String {
    let AlertShown { alert, then, believed } = shown;
    let absent = || "not stated".to_owned();
    let severity = alert
        .severity
        .map_or_else(|| "not stated, the default is assumed".to_owned(), |s| s.to_string());
    let mut text = String::new();
    for (label, value) in [
        ("Rule", alert.rule.clone()),
        ("Alert", format!("{}, {}", alert.title, alert.signal.name())),
        ("Thing", if alert.thing == alert.title { String::new() } else { alert.thing.clone() }),
        ("Group", alert.group.clone()),
        ("Severity", severity),
        ("Service", alert.service.clone().unwrap_or_else(absent)),
        ("Link", alert.link.clone().unwrap_or_else(absent)),
        ("Then", then.clone()),
        ("Believed", believed.clone()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:<10}{}", one_line(&value));
        }
    }
    text
}

/// What becomes of an alert that no incident has.
pub fn threshold_words(threshold: Threshold, signal: Signal) -> String {
    match (signal, threshold) {
        (Signal::Remark, _) => "is filed, for the record".to_owned(),
        (Signal::Recovered, _) => {
            "proposes to resolve the incident of its group, or ends the waiting".to_owned()
        }
        (Signal::Firing, Threshold::AtOnce) => "declares an incident at once".to_owned(),
        (Signal::Firing, Threshold::FileOnly) => "is filed".to_owned(),
        (Signal::Firing, Threshold::Unacknowledged(within)) => {
            format!(
                "asks who is on call, and declares itself when nobody answers for {}",
                when::span(within)
            )
        }
    }
}

/// Asks whoever commands, or is asked to, whether it is over. Nothing is resolved without them.
pub fn render_recovered(
    context: &Context<'_>,
    reader: Option<&Person>,
    recovered_at: DateTime<Utc>,
) -> Letter {
    let name = reader.map(first_name);
    let words = name.map_or_else(|| "Is it over?".to_owned(), |name| format!("{name}: is it over?"));
    let subject = context.duty_subject(&words);
    let mut paper = Paper::new("Every alert has recovered; is it over?", context.about());
    paper.prose(&format!(
        "Please look, and resolve {} if it is. Nothing is resolved by itself: without your answer it \
         stays open, and you are asked again when it fires and recovers once more.",
        context.key(),
    ));
    let reply = match context.incident.alerts.as_slice() {
        [only] => {
            format!("Resolved: the alert {} has recovered", clipped(&only.title, REPLY_TITLE_CHARS))
        }
        _ => "Resolved: every alert has recovered".to_owned(),
    };
    paper.actions(vec![context.action("To resolve it", &reply, &subject)]);
    paper.facts(vec![
        fact("Recovered", context.full(recovered_at)),
        facts("Alerts", alert_lines(context.incident, context.policy)),
        fact("Severity", context.severity_line()),
        fact("Phase", context.phase_line()),
        fact("Commander", context.commander_line()),
        facts("Coordination", context.coordination_lines()),
    ]);
    context.on_duty(Purpose::Recovery, subject, "recovery", &paper)
}

/// Tells the commander of an incident that has ended that an alert of it fires.
pub fn render_fires_again(context: &Context<'_>, title: &str) -> Letter {
    let title = clipped(title, REPLY_TITLE_CHARS);
    let subject = context.duty_subject("it fires again");
    let mut paper = Paper::new(format!("{title} fires again"), context.about());
    paper.prose(&format!(
        "Please look, and reopen {} if it is not over. You are told once: without your answer it stays \
         as it is. What fires more than an hour after its end is an alert of its own.",
        context.key(),
    ));
    let reply = format!("Reopen: the alert {title} fires again");
    paper.actions(vec![context.action("To reopen it", &reply, &subject)]);
    paper.facts(vec![
        facts("Alerts", alert_lines(context.incident, context.policy)),
        fact("Phase", context.incident.phase.to_string()),
        facts("Coordination", context.coordination_lines()),
    ]);
    context.on_duty(Purpose::Recovery, subject, "recovery", &paper)
}

/// The groups of alerts of an incident, a line each; those beyond ten are counted.
pub fn alert_lines(incident: &Incident, policy: &Policy) -> Vec<String> {
    let mut lines: Vec<String> = incident
        .alerts
        .iter()
        .take(LINES_MAX)
        .map(|alerts| {
            let count = match alerts.count {
                1 => "1 alert".to_owned(),
                count => format!("{count} alerts"),
            };
            let state = match alerts.recovered_at {
                Some(at) => format!("recovered {}", when::full(at, policy)),
                None => format!("fires, last {}", when::full(alerts.last_at, policy)),
            };
            format!("{}  {count}, {state}", clipped(&alerts.title, 80))
        })
        .collect();
    let rest = incident.alerts.len().saturating_sub(LINES_MAX);
    if rest > 0 {
        lines.push(format!("{rest} more"));
    }
    lines
}

/// Asks somebody to look at an alert before it declares itself.
///
/// The reply goes to `incidents+ack.ID.TOKEN@`, with the general mark for the token.
pub fn render_ask(policy: &Policy, id: i64, group: &Group, until: DateTime<Utc>) -> Letter {
    let alert = &group.alert;
    let title = clipped(&alert.title, 100);
    let subject = format!("Alert: {title}");
    let lead = format!("Alert, ack by {}: {}", when::clock(until, policy), clipped(&title, 40));
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(&format!(
        "Please look at it. If you look after it, acknowledge it: then nothing is declared. If it is an \
         incident, declare it. Without your answer by {} it declares itself, unless it has recovered by \
         then.",
        when::full(until, policy),
    ));
    let to = policy.address.tagged(&format!("ack.{id}.{TOKEN_MARK}"));
    paper.actions(vec![
        action("To acknowledge it", "ack", &to, &subject),
        action("To declare it now", "declare", &to, &subject),
    ]);
    let severity = match alert.severity {
        Some(severity) => severity.to_string(),
        None => format!("{} (assumed, nobody stated it)", policy.default_severity),
    };
    let mut rows = vec![
        fact("Alert", title),
        fact("Rule", clipped(&alert.rule, 80)),
        fact("Would be", severity),
        fact("Fires since", when::full(group.first_at, policy)),
    ];
    rows.extend(alert.service.as_ref().map(|service| fact("Service", clipped(service, 80))));
    rows.extend(alert.link.as_ref().map(|link| fact("Link", one_line(link))));
    paper.facts(rows);
    paper.words(&alert.text);
    letter(Purpose::Alert, "Alert", &subject, &paper)
}

/// For somebody whose answer to the question about an alert came too late to do anything.
pub fn render_alert_settled(
    policy: &Policy,
    group: Option<&Group>,
    incident: Option<i64>,
    now: DateTime<Utc>,
) -> Letter {
    let state = group.map(|group| &group.state);
    let lead = match (state, incident) {
        (Some(State::Acknowledged { by, .. }), _) => {
            format!("You need not do anything: {} looks after the alert", clipped(by.shown(), 40))
        }
        (_, Some(number)) => format!("You need not do anything: the alert is INC-{number} already"),
        (_, None) => "You need not do anything: the alert waits no more".to_owned(),
    };
    let mut paper = Paper::new(lead, one_line(&policy.name));
    let next = match (state, incident) {
        (Some(State::Acknowledged { .. }), _) => {
            "If it is an incident, reply  declare  to the mail that asked you.".to_owned()
        }
        (_, Some(number)) => {
            let to = policy.address.of_incident(number, None);
            format!("To write to INC-{number}, mail {to}.")
        }
        (_, None) => format!(
            "It has recovered, or it is held with others. If something is wrong, declare it: mail {}, a \
             subject is enough.",
            policy.address.address()
        ),
    };
    paper.prose(&format!("It was settled before your answer came, and your answer did nothing. {next}"));
    paper.facts(vec![fact("Received", when::full(now, policy))]);
    letter(Purpose::Receipt, &policy.name, "The alert waits no more", &paper)
}

/// An alert with which nothing was done.
#[derive(Debug, Clone, Copy)]
pub struct AlertIgnored<'a> {
    /// Its number in the inbox.
    pub id: i64,
    pub from: Option<&'a Address>,
    pub subject: &'a str,
    /// The rule that knows it; `None` where none does.
    pub rule: Option<&'a str>,
    pub why: &'a str,
}

/// Tells the operator of an alert with which nothing was done, and how that can be mended.
pub fn render_alert_ignored(policy: &Policy, ignored: &AlertIgnored<'_>, now: DateTime<Utc>) -> Letter {
    let id = ignored.id;
    let look =
        format!("`firebell inbox show {id}` prints it, `firebell inbox list` names all that lie there");
    let (lead, mend) = match ignored.rule {
        Some(rule) => (
            "An alert did nothing: its sender proves nothing",
            format!(
                "Please see to it that monitoring proves who it is. The rule {} knows the alert, but \
                 anybody could have written it: a rule believes the senders in its `from` by DMARC, by a \
                 login or from a network of [receive.trust], and whoever mails the address with the token \
                 of its `token_file`.",
                one_line(rule)
            ),
        ),
        None => (
            "An alert did nothing: no rule knows it",
            "Please add an [[alert]] to the configuration that knows it, or have monitoring send it \
             elsewhere. `firebell alert FILE` says of a mail which rule knows it, and why the others do \
             not."
                .to_owned(),
        ),
    };
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(&mend);
    paper.prose(&format!(
        "If it reports an incident, declare it yourself. It is kept: {look}. You are told once a day, \
         however many come.",
    ));
    paper.facts(vec![
        fact("From", ignored.from.map_or("not exactly one sender", Address::as_str)),
        fact("Subject", clipped(ignored.subject, 200)),
        fact("Noticed", when::full(now, policy)),
        fact("Why", clipped(ignored.why, 400)),
    ]);
    letter(Purpose::Operator, "Firebell", "An alert did nothing", &paper)
}
