//! What every mail of an incident says alike: its key, its subject, its facts and its people.
//!
//! Start with [`Context`].

use chrono::{DateTime, Utc};

use super::lists::membership_foot;
use super::paper::{Fact, Paper, fact, facts};
use super::quick::{Action, action, reply_address};
use super::wrap::{ascii, clipped, one_line};
use super::{when, wrap};
use crate::incident::decision::Purpose;
use crate::incident::page::{Standing, Wanted};
use crate::incident::policy::Span;
use crate::incident::state::{Command, Person, RoleHeld};
use crate::incident::{Incident, Policy, Role, deadlines};
use crate::mail::compose::Letter;

/// What nobody said yet; the same words in every field and every mail.
pub const NOT_STATED: &str = "not stated yet";
/// A title in a subject; RFC 2047 and narrow screens both suffer from longer ones.
const TITLE_CHARS_MAX: usize = 120;

/// An incident as a mail sees it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub incident: &'a Incident,
    pub policy: &'a Policy,
    pub to_persons: bool,
    /// The list of ours by which its readers hear of it, where they may leave that.
    pub list: Option<&'a str>,
    pub now: DateTime<Utc>,
}

impl Context<'_> {
    /// `INC-42`.
    pub fn key(&self) -> String {
        self.incident.key()
    }

    /// The one subject of the incident's thread. Mail clients split a thread whose subject changes.
    pub fn thread_subject(&self) -> String {
        let drill = if self.incident.drill { "DRILL " } else { "" };
        if self.incident.private {
            format!("[{}] {drill}Restricted incident", self.key())
        } else {
            format!("[{}] {drill}{}", self.key(), clipped(&self.incident.thread_title, TITLE_CHARS_MAX))
        }
    }

    /// The subject of mail that asks somebody for something.
    pub fn duty_subject(&self, words: &str) -> String {
        let drill = if self.incident.drill { "DRILL " } else { "" };
        format!("[{}] {drill}{words}", self.key())
    }

    /// `INC-42 Checkout is failing`, for the second line.
    pub fn about(&self) -> String {
        let drill = if self.incident.drill { "DRILL " } else { "" };
        format!("{drill}{} {}", self.key(), clipped(&self.incident.title, TITLE_CHARS_MAX))
    }

    /// `INC-42 SEV-1 investigating`, as the sender.
    pub fn display_name(&self) -> String {
        let drill = if self.incident.drill { "DRILL " } else { "" };
        format!("{drill}{} {} {}", self.key(), self.incident.severity, self.incident.phase)
    }

    pub fn clock(&self, at: DateTime<Utc>) -> String {
        when::clock(at, self.policy)
    }

    pub fn full(&self, at: DateTime<Utc>) -> String {
        when::full(at, self.policy)
    }

    pub fn brief(&self, at: DateTime<Utc>) -> String {
        when::brief(at, self.policy, self.now)
    }

    /// When the next official update is owed.
    pub fn update_due(&self) -> Option<DateTime<Utc>> {
        deadlines::update_due(self.incident, self.policy)
    }

    /// `next update 14:30 CET`, for headlines.
    pub fn next_update_brief(&self) -> String {
        match self.update_due() {
            Some(at) if at <= self.now => format!("update overdue since {}", self.brief(at)),
            Some(at) => format!("next update {}", self.brief(at)),
            None if self.incident.phase.is_active() => "nobody commands yet".to_owned(),
            None => "no update owed".to_owned(),
        }
    }

    /// A quick action on this incident in the thread of `subject`.
    pub fn action(&self, label: &str, reply: &str, subject: &str) -> Action {
        let to = reply_address(self.incident.number, self.to_persons, self.policy);
        action(label, reply, &to, subject)
    }

    /// A letter in the incident's own thread.
    pub fn in_thread(&self, purpose: Purpose, paper: &Paper) -> Letter {
        self.letter(purpose, self.thread_subject(), None, paper)
    }

    /// A letter in a thread of its own, which muting the incident's does not mute.
    pub fn on_duty(&self, purpose: Purpose, subject: String, duty: &str, paper: &Paper) -> Letter {
        self.letter(purpose, subject, Some(duty.to_owned()), paper)
    }

    fn letter(&self, purpose: Purpose, subject: String, duty: Option<String>, paper: &Paper) -> Letter {
        let with_foot;
        let paper = match self.list {
            Some(list) => {
                with_foot = paper.clone().with_foot(&membership_foot(self.policy, list));
                &with_foot
            }
            None => paper,
        };
        Letter {
            purpose,
            display_name: self.display_name(),
            text: paper.text(),
            html: paper.html(&subject),
            subject,
            duty,
            to_persons: self.to_persons,
        }
    }

    /// `SEV-1  Most customers cannot …`, and that nobody stated it.
    pub fn severity_line(&self) -> String {
        let meaning = one_line(&self.policy.severity(self.incident.severity).meaning);
        let assumed = if self.incident.severity_assumed { " (assumed, nobody stated it)" } else { "" };
        format!("{}{assumed}  {meaning}", self.incident.severity)
    }

    pub fn phase_line(&self) -> String {
        let assumed = if self.incident.phase_assumed { " (assumed, nobody stated it)" } else { "" };
        format!("{}{assumed}", self.incident.phase)
    }

    /// What is wrong: the title, and more where somebody said more.
    pub fn what_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.incident.title == crate::mail::command::UNTITLED {
            lines.push(NOT_STATED.to_owned());
        } else {
            lines.push(one_line(&self.incident.title));
        }
        if let Some(summary) = &self.incident.summary {
            lines.extend(wrap::foreign_lines(summary, 20, 2_000).iter().map(|line| one_line(line)));
        }
        lines
    }

    /// Who commands, or who was asked and when.
    pub fn commander_line(&self) -> String {
        match &self.incident.command {
            Command::Held { by, since, offered_on } => {
                let offered = match offered_on {
                    Some(handover) => format!(
                        "; offered to {} at {}",
                        shown(&handover.to),
                        self.clock(handover.offered_at)
                    ),
                    None => String::new(),
                };
                format!("{}, since {}{offered}", shown(by), self.brief(*since))
            }
            Command::Offered { to, .. } if to.is_empty() => format!("nobody yet, {NOT_STATED}"),
            Command::Offered { to, offered_at, climb, .. } => match climb.last_at {
                Some(last) => format!("nobody yet; {} asked, last at {}", were(to), self.brief(last)),
                None => format!("nobody yet; {} asked at {}", were(to), self.brief(*offered_at)),
            },
        }
    }

    /// Where the team coordinates.
    pub fn coordination_lines(&self) -> Vec<String> {
        let place = &self.incident.coordination;
        let places = [
            ("bridge", place.bridge.as_ref().or(self.policy.bridge.as_ref())),
            ("chat", place.chat.as_ref().or(self.policy.chat.as_ref())),
            ("document", place.doc.as_ref()),
        ];
        let mut lines: Vec<String> = places
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| format!("{name}  {}", one_line(value))))
            .collect();
        if lines.is_empty() {
            lines.push(NOT_STATED.to_owned());
        }
        lines
    }

    /// The same as a row, for mail that says little else: whoever reads it must know where to go. None
    /// when it is over.
    pub fn coordination(&self) -> Option<Fact> {
        let lines = || facts("Coordination", self.coordination_lines());
        self.incident.phase.is_active().then(lines)
    }

    /// Everybody with a role beside the commander's.
    pub fn role_lines(&self) -> Vec<String> {
        let roles = &self.incident.roles;
        // Whoever commands or has another role works on it, which need not be said.
        let has_more = |person: &Person| {
            let is_theirs = |held: &RoleHeld| held.accepted_at.is_some() && held.person == *person;
            self.incident.commander() == Some(person)
                || roles.iter().any(|held| held.role != Role::Responder && is_theirs(held))
        };
        let is_said = |held: &&RoleHeld| held.role != Role::Responder || !has_more(&held.person);
        roles.iter().filter(is_said).map(role_line).collect()
    }

    /// Who is involved and in what capacity, the reporter included.
    pub fn involved_lines(&self) -> Vec<String> {
        let mut lines = self.role_lines();
        lines.extend(self.page_lines());
        lines.push(match &self.incident.declared_by_rule {
            Some(rule) => format!("declared by  alert rule {}", clipped(rule, 60)),
            None => format!("reporter  {}", shown(&self.incident.reporter)),
        });
        if !self.incident.services.is_empty() {
            lines.push(format!("service  {}", self.services()));
        }
        if self.incident.roles.is_empty() && self.incident.pages.is_empty() {
            lines.push(format!("others  {NOT_STATED}"));
        }
        lines
    }

    /// Who was paged and has not answered.
    pub fn page_lines(&self) -> Vec<String> {
        let ringing = self.incident.pages.iter().filter(|page| page.stands == Standing::Ringing);
        ringing
            .map(|page| {
                let names: Vec<String> = page.waiting().take(6).map(shown).collect();
                let what = match &page.wanted {
                    Wanted::Service(name) => format!("paged for {}", one_line(name)),
                    Wanted::Person(_) => "paged".to_owned(),
                };
                format!("{what}  {}, no answer yet", listed(&names))
            })
            .collect()
    }

    pub fn services(&self) -> String {
        self.incident.services.iter().map(|name| one_line(name)).collect::<Vec<_>>().join(", ")
    }

    /// How customers are affected.
    pub fn impact_lines(&self) -> Vec<String> {
        let stated: Option<Vec<String>> = self.incident.impact.as_ref().map(|impact| {
            wrap::foreign_lines(impact, 20, 2_000).iter().map(|line| one_line(line)).collect()
        });
        let affected = self.incident.customers_affected.map(|affected| match (affected, &stated) {
            (true, Some(_)) => "customers are affected".to_owned(),
            (true, None) => "customers are affected; how is not stated yet".to_owned(),
            (false, _) => "no customers are affected".to_owned(),
        });
        match (affected, stated) {
            (None, None) => vec![NOT_STATED.to_owned()],
            (affected, stated) => affected.into_iter().chain(stated.unwrap_or_default()).collect(),
        }
    }

    pub fn next_update_line(&self) -> String {
        match self.update_due() {
            Some(at) if at <= self.now => format!("overdue since {}", self.full(at)),
            Some(at) => self.full(at),
            None if self.incident.phase.is_active() => self.first_update_line(),
            None => format!("none owed, the incident is {}", self.incident.phase),
        }
    }

    /// Nobody commands, so nobody can promise; the policy can.
    fn first_update_line(&self) -> String {
        match deadlines::update_every(self.incident, self.policy) {
            Span::Clock(delta) => format!("within {} of somebody taking command", when::span(delta)),
            Span::BusinessDays(days) => {
                format!("within {days} business days of somebody taking command")
            }
            Span::NextWorkingHour => "as soon as somebody commands".to_owned(),
        }
    }

    /// When it began, was noticed, was declared.
    pub fn times(&self) -> Vec<Fact> {
        let incident = self.incident;
        let stated = [("Started", incident.started_at), ("Detected", incident.detected_at)];
        let mut rows: Vec<Fact> = stated
            .into_iter()
            .filter_map(|(label, at)| at.map(|at| fact(label, self.full(at))))
            .collect();
        rows.push(fact("Declared", self.full(incident.declared_at)));
        rows
    }

    /// The short version of the facts, for mail that asks one person for something.
    pub fn summary_facts(&self) -> Vec<Fact> {
        vec![
            facts("What is wrong", self.what_lines()),
            fact("Severity", self.severity_line()),
            fact("Phase", self.phase_line()),
            fact("Commander", self.commander_line()),
            facts("Coordination", self.coordination_lines()),
        ]
    }

    /// How somebody signs mail passed on: `Bob Okafor via INC-42`.
    pub fn via(&self, by: &Person) -> String {
        format!("{} via {}", clipped(&ascii(by.shown()), 40), self.key())
    }
}

fn role_line(held: &RoleHeld) -> String {
    let remark =
        held.remark.as_ref().map_or_else(String::new, |remark| format!(" ({})", one_line(remark)));
    let asked = if held.accepted_at.is_none() { ", asked, not accepted yet" } else { "" };
    format!("{}  {}{remark}{asked}", held.role, shown(&held.person))
}

/// A person's name, safe inside our words.
pub fn shown(person: &Person) -> String {
    clipped(person.shown(), 80)
}

/// The name that a colleague would call: the first of several words, or the address's left side.
pub fn first_name(person: &Person) -> String {
    let name = one_line(&person.name);
    match name.split_whitespace().next() {
        Some(first) => first.trim_end_matches(',').to_owned(),
        None => person.address.local_part().to_owned(),
    }
}

/// `Alice Ng, Bob Okafor and Carol Diaz`.
pub fn listed(people: &[String]) -> String {
    match people {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [several @ .., last] => format!("{} and {last}", several.join(", ")),
    }
}

fn were(people: &[Person]) -> String {
    let names: Vec<String> = people.iter().take(6).map(shown).collect();
    format!("{} {}", listed(&names), if people.len() == 1 { "was" } else { "were" })
}
