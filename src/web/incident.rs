//! An incident as a page shows it: its facts, what is missing, what is owed, and its timeline.
//!
//! Only puts values into words; deciding and storing happen elsewhere. Start with
//! [`IncidentView::new`].

use chrono::{DateTime, Utc};

use crate::incident::deadlines::{DeadlineKind, Obligation, missing_fields, obligations, update_due};
use crate::incident::decision::EntryKind;
use crate::incident::related::key_of;
use crate::incident::state::{Command, Person, Postmortem, WideMail};
use crate::incident::{Entry, Incident, Policy};
use crate::render::related::outline_line;
use crate::render::{size, when};

/// What nobody said yet.
const NOT_STATED: &str = "not stated yet";

/// One line of a list of incidents.
#[derive(Debug)]
pub struct IncidentLine {
    pub key: String,
    pub title: String,
    pub severity: String,
    /// 1 to 5, for its colour.
    pub severity_number: usize,
    pub phase: String,
    pub open: bool,
    pub drill: bool,
    pub commander: String,
    /// What is owed next, when, and whether that has passed.
    pub next: Option<OwedView>,
}

/// A whole incident.
#[derive(Debug)]
pub struct IncidentView {
    pub line: IncidentLine,
    pub facts: Vec<Fact>,
    /// Why lists do not hear of it, when they do not.
    pub held_back: Option<&'static str>,
    pub missing: Vec<&'static str>,
    pub owed: Vec<OwedView>,
    pub timeline: Vec<EntryView>,
}

/// A fact and what is known of it.
#[derive(Debug)]
pub struct Fact {
    pub label: &'static str,
    pub lines: Vec<String>,
}

/// Something that somebody owes.
#[derive(Debug)]
pub struct OwedView {
    pub what: &'static str,
    pub by: String,
    /// `14:30 CET (in 5 min)`; empty when there is no time.
    pub due: String,
    pub overdue: bool,
    /// When somebody is reminded next; empty at the end of the ladder.
    pub reminder: String,
}

/// An entry of the timeline.
#[derive(Debug)]
pub struct EntryView {
    pub seq: i64,
    pub at: String,
    pub author: String,
    pub by_firebell: bool,
    pub verified: bool,
    pub proof: String,
    pub kind: &'static str,
    pub text: String,
    pub elided: String,
    pub attachments: Vec<FileView>,
}

/// A file of an entry.
#[derive(Debug)]
pub struct FileView {
    /// Name and size, and whether it is kept.
    pub words: String,
    pub kept: bool,
}

impl IncidentLine {
    /// The line of `incident` at `now`.
    pub fn new(incident: &Incident, policy: &Policy, now: DateTime<Utc>) -> Self {
        let owed = obligations(incident, policy);
        let next = owed.iter().filter(|owed| owed.due_at.is_some()).min_by_key(|owed| owed.due_at);
        Self {
            key: incident.key(),
            title: incident.title.clone(),
            severity: incident.severity.to_string(),
            severity_number: incident.severity.index() + 1,
            phase: incident.phase.to_string(),
            open: incident.phase.is_open(),
            drill: incident.drill,
            commander: commander(incident, policy, now),
            next: next.map(|owed| OwedView::new(owed, policy, now)),
        }
    }
}

impl IncidentView {
    /// `incident` and its timeline, as they are at `now`.
    pub fn new(incident: &Incident, timeline: &[Entry], policy: &Policy, now: DateTime<Utc>) -> Self {
        Self {
            line: IncidentLine::new(incident, policy, now),
            facts: facts(incident, policy, now),
            held_back: match incident.wide_mail {
                WideMail::Sent if incident.private => {
                    Some("Private: the lists know its key and severity, and no more.")
                }
                WideMail::Sent if incident.drill => Some("A drill: the lists of drills hear of it."),
                WideMail::Sent => None,
                WideMail::HeldForConfirmation => Some(
                    "The lists hear of it when its reporter confirms, or when somebody takes command.",
                ),
            },
            missing: missing_fields(incident, policy).into_iter().map(missing_words).collect(),
            owed: obligations(incident, policy)
                .iter()
                .map(|owed| OwedView::new(owed, policy, now))
                .collect(),
            timeline: timeline.iter().map(|entry| EntryView::new(entry, policy, now)).collect(),
        }
    }
}

impl OwedView {
    fn new(owed: &Obligation, policy: &Policy, now: DateTime<Utc>) -> Self {
        let told = |at: DateTime<Utc>| {
            format!("{} ({})", when::brief(at, policy, now), when::distance(at, now))
        };
        Self {
            what: owed_words(owed.kind),
            by: names(&owed.owed_by),
            due: owed.due_at.map(told).unwrap_or_default(),
            overdue: owed.due_at.is_some_and(|due_at| due_at <= now),
            reminder: owed.wake_at.map(told).unwrap_or_default(),
        }
    }
}

impl EntryView {
    fn new(entry: &Entry, policy: &Policy, now: DateTime<Utc>) -> Self {
        let author = match &entry.author {
            None => "Firebell".to_owned(),
            Some(address) if entry.author_name.is_empty() => address.to_string(),
            Some(_) => entry.author_name.clone(),
        };
        Self {
            seq: entry.seq,
            at: when::brief(entry.at, policy, now),
            author,
            by_firebell: entry.author.is_none(),
            verified: entry.verified,
            proof: entry.proof.clone(),
            kind: kind_words(entry.kind),
            text: entry.text.clone(),
            elided: entry.elided.trim().to_owned(),
            attachments: entry
                .attachments
                .iter()
                .map(|file| FileView { words: size::attached(file), kept: file.hash.is_some() })
                .collect(),
        }
    }
}

fn facts(incident: &Incident, policy: &Policy, now: DateTime<Utc>) -> Vec<Fact> {
    let at = |at: DateTime<Utc>| format!("{} ({})", when::full(at, policy), when::distance(at, now));
    let assumed = |yes: bool| if yes { " (assumed, nobody stated it)" } else { "" };
    let mut facts = Vec::new();
    let mut add = |label, lines: Vec<String>| facts.push(Fact { label, lines });
    let what: Vec<String> =
        std::iter::once(incident.title.clone()).chain(incident.summary.clone()).collect();
    add("What is wrong", what);
    add(
        "Severity",
        vec![
            format!("{}{}", incident.severity, assumed(incident.severity_assumed)),
            policy.severity(incident.severity).meaning.clone(),
        ],
    );
    add("Phase", vec![format!("{}{}", incident.phase, assumed(incident.phase_assumed))]);
    add("Commander", vec![commander(incident, policy, now)]);
    add("Coordination", coordination(incident, policy));
    add("Involved", involved(incident));
    if let Some(number) = incident.duplicate_of {
        add("Duplicate of", vec![key_of(number)]);
    }
    if !incident.duplicates.is_empty() {
        let keys = incident.duplicates.iter().map(|duplicate| key_of(duplicate.number));
        add("Duplicates", keys.collect());
    }
    if let Some(number) = incident.part_of {
        add("Part of", vec![key_of(number)]);
    }
    if !incident.parts.is_empty() {
        add("Parts", incident.parts.iter().map(|part| outline_line(&part.outline)).collect());
    }
    add("Customer impact", vec![incident.impact.clone().unwrap_or_else(|| NOT_STATED.to_owned())]);
    if let Some(affected) = incident.customers_affected {
        add("Customers affected", vec![if affected { "yes" } else { "no" }.to_owned()]);
    }
    if !incident.links.is_empty() {
        add("Links", incident.links.clone());
    }
    let moments = [
        ("Started", incident.started_at),
        ("Detected", incident.detected_at),
        ("Declared", Some(incident.declared_at)),
        ("Next update", update_due(incident, policy)),
        ("Resolved", incident.resolved_at),
        ("Closed", incident.closed_at),
    ];
    for (label, instant) in moments {
        if let Some(instant) = instant {
            add(label, vec![at(instant)]);
        }
    }
    if let Some(outcome) = &incident.outcome {
        add("Outcome", vec![outcome.clone()]);
    }
    if let Some(postmortem) = &incident.postmortem {
        add("Postmortem", postmortem_lines(postmortem, policy));
    }
    facts
}

fn commander(incident: &Incident, policy: &Policy, now: DateTime<Utc>) -> String {
    let brief = |at| when::brief(at, policy, now);
    match &incident.command {
        Command::Held { by, since, offered_on: None } => {
            format!("{}, since {}", by.shown(), brief(*since))
        }
        Command::Held { by, since, offered_on: Some(offer) } => format!(
            "{}, since {}; offered to {} at {}",
            by.shown(),
            brief(*since),
            offer.to.shown(),
            brief(offer.offered_at)
        ),
        Command::Offered { to, .. } if to.is_empty() => "nobody yet".to_owned(),
        Command::Offered { to, offered_at, climb, .. } => {
            let asked_at = climb.last_at.unwrap_or(*offered_at);
            let were = if to.len() == 1 { "was" } else { "were" };
            format!("nobody yet; {} {were} asked at {}", names(to), brief(asked_at))
        }
    }
}

fn coordination(incident: &Incident, policy: &Policy) -> Vec<String> {
    let place = &incident.coordination;
    let places = [
        ("bridge", place.bridge.as_ref().or(policy.bridge.as_ref())),
        ("chat", place.chat.as_ref().or(policy.chat.as_ref())),
        ("document", place.doc.as_ref()),
    ];
    let lines: Vec<String> = places
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name} {value}")))
        .collect();
    if lines.is_empty() { vec![NOT_STATED.to_owned()] } else { lines }
}

fn involved(incident: &Incident) -> Vec<String> {
    let mut lines: Vec<String> = incident
        .roles
        .iter()
        .map(|held| {
            let remark = held.remark.as_ref().map(|remark| format!(" ({remark})")).unwrap_or_default();
            let asked = if held.accepted_at.is_some() { "" } else { ", asked" };
            format!("{} {}{remark}{asked}", held.role, held.person.shown())
        })
        .collect();
    lines.push(match &incident.declared_by_rule {
        Some(rule) => format!("declared by the alert rule {rule}"),
        None => format!("reporter {}", incident.reporter.shown()),
    });
    if !incident.services.is_empty() {
        lines.push(format!("service {}", incident.services.join(", ")));
    }
    lines
}

fn postmortem_lines(postmortem: &Postmortem, policy: &Policy) -> Vec<String> {
    let state = if let Some(at) = postmortem.published_at {
        format!("published {}", when::full(at, policy))
    } else if let Some(why) = &postmortem.waived {
        format!("waived: {why}")
    } else if let Some(at) = postmortem.submitted_at {
        format!("submitted {}", when::full(at, policy))
    } else if let Some(at) = postmortem.due_at {
        format!("due {}", when::full(at, policy))
    } else {
        "asked for, without a date".to_owned()
    };
    let mut lines = vec![state, format!("owner {}", postmortem.owner.shown())];
    if !postmortem.sections.is_empty() {
        let written: Vec<&str> = postmortem.sections.keys().map(String::as_str).collect();
        lines.push(format!("written: {}", written.join(", ")));
    }
    lines
}

fn names(people: &[Person]) -> String {
    let names: Vec<&str> = people.iter().map(Person::shown).collect();
    if names.is_empty() { "nobody yet".to_owned() } else { names.join(", ") }
}

fn missing_words(field: &str) -> &'static str {
    match field {
        "what" => "what is wrong",
        "severity" => "the severity",
        "phase" => "the phase",
        "commander" => "a commander",
        "coordination" => "where the team coordinates",
        "involved" => "who else is involved",
        _ => "a fact",
    }
}

fn owed_words(kind: DeadlineKind) -> &'static str {
    match kind {
        DeadlineKind::TakeCommand => "take command",
        DeadlineKind::MissingFields => "state what is missing",
        DeadlineKind::Page => "answer the page",
        DeadlineKind::Update => "send an update",
        DeadlineKind::Handover => "hand over command",
        DeadlineKind::Rest => "rest",
        DeadlineKind::Task(_) => "do a task",
        DeadlineKind::Action(_) => "do an action",
        DeadlineKind::Statement => "tell customers",
        DeadlineKind::Proposal(_) => "object, or consent by silence",
        DeadlineKind::PostmortemOwner => "name the postmortem's owner",
        DeadlineKind::Postmortem => "write the postmortem",
        DeadlineKind::Recovery => "whether it is over",
        DeadlineKind::Inject => "see how the drill goes on",
        DeadlineKind::Close => "close",
    }
}

/// What a deadline of this kind is, for a sentence about what happens next.
pub fn deadline_words(kind: DeadlineKind) -> &'static str {
    match kind {
        DeadlineKind::TakeCommand => "nobody took command",
        DeadlineKind::MissingFields => "facts are missing",
        DeadlineKind::Page => "nobody answered the page",
        DeadlineKind::Update => "an update is owed",
        DeadlineKind::Handover => "the commander has been on for long",
        DeadlineKind::Rest => "a responder has been on for long",
        DeadlineKind::Task(_) => "the time of a task is up",
        DeadlineKind::Action(_) => "an action is owed",
        DeadlineKind::Statement => "customers are owed a statement",
        DeadlineKind::Proposal(_) => "the time to object is up",
        DeadlineKind::PostmortemOwner => "the postmortem has no owner",
        DeadlineKind::Postmortem => "the postmortem is owed",
        DeadlineKind::Recovery => "somebody is asked whether it is over",
        DeadlineKind::Inject => "the drill goes on",
        DeadlineKind::Close => "it closes",
    }
}

fn kind_words(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::State => "change",
        other => other.name(),
    }
}
