//! Random histories of an incident: who may write what when, and which deadlines ring.

#[path = "lines.rs"]
mod lines;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use firebell::alerts::{Alert, Signal};
use firebell::config::read_config;
use firebell::incident::alerts::Alerted;
use firebell::incident::deadlines::DeadlineKind;
use firebell::incident::decision::Purpose;
use firebell::incident::event::{Declared, Event, Fate, Filed, Said, Source, Speaker, Trust};
use firebell::incident::state::Person;
use firebell::incident::{Policy, Severity};
use firebell::mail::Address;
use firebell::mail::command::{Grammar, Written, read_commands};
pub use lines::LINES;
use proptest::prelude::*;

/// For pages: one service has a rotation of its own, the other is the commanders'.
const SERVICES: &str = r#"
[[rotation]]
name = "payments"
members = ["carol", "alice", "erin"]
hands_over = "Mon 09:00"
from = "2026-11-16"
notice = "none"

[[service]]
name = "payments"
on_call = "payments"

[[service]]
name = "checkout"
on_call = "commanders"
"#;

pub fn policy() -> Policy {
    let text = include_str!("../conversations/firebell.toml");
    let customers = "[[list]]\nname = \"customers\"\naddress = \"status@customers.example\"\n\
                     [customers]\nnotify = [\"customers\"]\nreply_to = \"support@example.org\"\n";
    read_config(&format!("{text}{SERVICES}\n{customers}"), "firebell.toml")
        .expect("the scripts' configuration")
        .policy()
}

pub fn start() -> DateTime<Utc> {
    "2026-11-18T08:00:00Z".parse().expect("an instant")
}

const PEOPLE: [(&str, bool); 6] = [
    ("alice@example.org", true),
    ("bob@example.org", true),
    ("carol@example.org", true),
    ("dana@example.org", true),
    ("x@vendor.example", false),
    ("stranger@elsewhere.example", false),
];
/// The entries about which numbered deadlines are rung: most histories are no longer.
const NUMBERS: usize = 12;
pub const KINDS: usize = DeadlineKind::SINGLE.len() + NUMBERS;

pub fn deadline_kind(index: usize) -> DeadlineKind {
    match DeadlineKind::SINGLE.get(index) {
        Some(kind) => *kind,
        None => {
            let number = index as i64 - DeadlineKind::SINGLE.len() as i64 + 1;
            // Even numbers for the ones, odd ones for the others: each entry is rung somewhere.
            if number % 2 == 0 { DeadlineKind::Task(number) } else { DeadlineKind::Proposal(number) }
        }
    }
}

const PURPOSES: [Option<Purpose>; 14] = [
    None,
    Some(Purpose::TakeCommand),
    Some(Purpose::ReminderUpdate),
    Some(Purpose::RoleOffer),
    Some(Purpose::PageResponder),
    Some(Purpose::FollowUp),
    Some(Purpose::Confirmation),
    Some(Purpose::Task(2)),
    Some(Purpose::Proposal(3)),
    Some(Purpose::ProposalOutcome(2)),
    Some(Purpose::ReminderTask(3)),
    Some(Purpose::Approval(3)),
    Some(Purpose::StatementDraft),
    Some(Purpose::Inject(3)),
];

const SIGNALS: [Signal; 3] = [Signal::Firing, Signal::Recovered, Signal::Remark];

#[derive(Debug, Clone)]
pub enum Act {
    Say { who: usize, lines: Vec<usize>, prose: bool, trust: u8, answering: usize },
    File,
    Alert { thing: u8, signal: Signal },
    Pass(usize),
    Undeliverable { who: usize },
    Wait(i64),
}

pub fn act() -> impl Strategy<Value = Act> {
    let say = (
        0..PEOPLE.len(),
        prop::collection::vec(0..LINES.len(), 0..4),
        any::<bool>(),
        0..6_u8,
        0..PURPOSES.len(),
    )
        .prop_map(|(who, lines, prose, trust, answering)| Act::Say {
            who,
            lines,
            prose,
            trust,
            answering,
        });
    prop_oneof![
        6 => say,
        1 => Just(Act::File),
        2 => (0..3_u8, prop::sample::select(SIGNALS.to_vec()))
            .prop_map(|(thing, signal)| Act::Alert { thing, signal }),
        6 => (0..KINDS).prop_map(Act::Pass),
        1 => (0..PEOPLE.len()).prop_map(|who| Act::Undeliverable { who }),
        6 => prop_oneof![0..90_i64, 0..100_000_i64].prop_map(Act::Wait),
    ]
}

pub fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec(act(), 1..60)
}

pub fn person(who: usize) -> Person {
    let (address, _) = PEOPLE[who];
    Person { address: Address::read(address).expect("an address"), name: String::new() }
}

pub fn speaker(who: usize, trust: u8) -> Speaker {
    let trust = match trust {
        0 => Trust::Unverified,
        1 => Trust::Stranger,
        _ => Trust::Verified,
    };
    Speaker { person: person(who), trust, known: PEOPLE[who].1, proof: String::new() }
}

pub fn written(lines: &[usize], prose: bool, policy: &Policy, now: DateTime<Utc>) -> Written {
    let mut text: String = lines.iter().map(|line| format!("{}\n", LINES[*line])).collect();
    if prose {
        text.push_str("\nThis is what we see and why.\n");
    }
    let zone = &policy.calendar.zone;
    let grammar = Grammar { zone, sections: &policy.postmortem.sections, answered_text: None };
    read_commands(&text, &grammar, now)
}

pub fn event(act: &Act, policy: &Policy, now: DateTime<Utc>) -> Option<Event> {
    Some(match act {
        Act::Say { who, lines, prose, trust, answering } => Event::Said(Said {
            by: speaker(*who, *trust),
            written: written(lines, *prose, policy, now),
            answering: PURPOSES[*answering],
            answered_at: None,
            entry_authors: BTreeMap::new(),
            led_from: None,
            others: Default::default(),
            source: Source::default(),
        }),
        Act::File => Event::Filed(Filed {
            from: None,
            proof: String::new(),
            why: "Automatic reply".to_owned(),
            text: "away".to_owned(),
            source: Source::default(),
        }),
        Act::Alert { thing, signal } => Event::Alerted(alerted(*thing, *signal)),
        Act::Pass(kind) => Event::Passed(deadline_kind(*kind)),
        Act::Undeliverable { who } => Event::Undeliverable {
            to: person(*who).address,
            purpose: Purpose::FollowUp,
            reason: "550".to_owned(),
            fate: [Fate::Refused, Fate::Withheld, Fate::Late, Fate::Unknown][who % 4],
        },
        Act::Wait(_) => return None,
    })
}

pub fn alerted(thing: u8, signal: Signal) -> Alerted {
    let alert = Alert {
        rule: "monitor".to_owned(),
        group: format!("group {}", thing / 2),
        title: "latency".to_owned(),
        thing: thing.to_string(),
        signal,
        severity: None,
        service: None,
        link: None,
        text: "It is slow.".to_owned(),
    };
    Alerted { alert, counted: None, proof: "login".to_owned(), source: Source::default() }
}

pub fn declared(lines: &[usize], trust: u8, policy: &Policy) -> Event {
    declared_as(1, lines, trust, policy)
}

pub fn declared_as(number: i64, lines: &[usize], trust: u8, policy: &Policy) -> Event {
    Event::Declared(Declared {
        by: speaker(3, trust),
        accepted_by: None,
        number,
        title: "checkout is down".to_owned(),
        severity: Some(Severity::Sev1),
        private: false,
        drill: false,
        written: written(lines, true, policy, start()),
        others: Default::default(),
        source: Source::default(),
        alert: None,
    })
}
