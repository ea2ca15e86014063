//! One incident turns out to be another: it ends, and its people, its words, its alerts and what customers
//! were told go over.
//!
//! Whoever may know the one is not let into the other for that. Start with [`Step::become_duplicate`], what
//! ends, and [`Step::hear_duplicate`], what goes over.

use std::collections::BTreeSet;

use super::lines::Applied;
use super::related::{RELATED_AT_MOST, listed};
use super::{Step, kept};
use crate::incident::Phase;
use crate::incident::decision::{Change, Entry, EntryKind, Recipient, Says};
use crate::incident::event::{Event, Said, Source};
use crate::incident::related::{Duplicate, Duplicated, Outline, Related, key_of};
use crate::incident::state::{Command as InCommand, Incident, Person, WideMail};
use crate::incident::statement::{PublicState, Published};
use crate::mail::Address;

/// Groups of alerts, and parked questions, that go over.
const TAKEN_OVER_AT_MOST: usize = 100;

impl Step<'_> {
    /// `Duplicate of: INC-41`.
    pub(super) fn become_duplicate(&mut self, number: i64, said: &Said) -> Applied {
        let (own, key) = (self.incident.key(), key_of(number));
        let line = format!("Duplicate of: {key}");
        if self.was.is_none() {
            let why = format!("{own} is declared now; the line counts in an answer to a mail of {own}");
            return Err((why, Some(line)));
        }
        let other = self.other("Duplicate of", number, said)?;
        if !self.incident.phase.is_active() {
            let owes = self.incident.postmortem.as_ref().is_some_and(|postmortem| postmortem.is_owed());
            let instead = owes.then(|| format!("Waive postmortem: duplicate of {key}"));
            return Err((format!("{own} is {} already", self.incident.phase), instead));
        }
        if let Some(part) = self.incident.open_parts().next() {
            let why = format!(
                "{own} has parts that are open, such as {}: each can first be made a part of {key}, with the \
                 line `Part of: {key}` in an answer to its own mail",
                part.outline.key()
            );
            return Err((why, None));
        }
        if other.duplicates.len() >= RELATED_AT_MOST {
            return Err((format!("{RELATED_AT_MOST} incidents are duplicates of {key} already"), None));
        }
        if other.private && customers_wait(&self.incident) {
            let why =
                format!("Customers read of {own}, and nothing of a private incident is told to them");
            return Err((why, None));
        }
        let told = Duplicated {
            incident: self.incident.clone(),
            by: said.by.clone(),
            why: said.written.prose.trim().to_owned(),
            timeline: Vec::new(),
        };
        self.to_others.push((number, Event::Related(Related::Duplicate(Box::new(told)))));
        self.overtake_tasks();
        self.overtake_proposals();
        let incident = &mut self.incident;
        incident.duplicate_of = Some(number);
        incident.part_of = incident.part_of.filter(|whole| *whole != number);
        incident.phase = Phase::Merged;
        incident.phase_assumed = false;
        incident.closed_at = Some(self.now);
        incident.outcome = Some(format!("duplicate of {key}"));
        incident.statements.waiting = None;
        if let InCommand::Held { offered_on, .. } = &mut incident.command {
            *offered_on = None;
        }
        self.facts.push(format!("Duplicate of {key}."));
        self.changes.push(Change::DuplicateOf(Outline::of(other)));
        self.follow_up = true;
        Ok(format!("{own} is a duplicate of {key}"))
    }

    /// It is open again and stands for itself.
    pub(super) fn stand_alone(&mut self, why: &str) {
        let Some(number) = self.incident.duplicate_of.take() else { return };
        self.facts.push(format!("No duplicate of {} any more.", key_of(number)));
        let outline = Outline::of(&self.incident);
        let news = Related::DuplicateNoMore { outline, why: why.to_owned() };
        self.to_others.push((number, Event::Related(news)));
    }

    /// Another incident turned out to be this one.
    pub(super) fn hear_duplicate(&mut self, told: &Duplicated) {
        let other = &told.incident;
        let known: BTreeSet<Address> =
            self.incident.at_work().map(|person| person.address.clone()).collect();
        let (joining, outside): (Vec<Person>, Vec<Person>) =
            workers(other).into_iter().partition(|person| self.lets_join(person));
        for person in &joining {
            if !self.takes_part(&person.address) {
                self.count_in(person);
            }
        }
        let told_of_it = other.wide_mail == WideMail::Sent;
        let reporter = Some(&other.reporter).filter(|person| told_of_it && self.lets_join(person));
        self.incident.parts.retain(|part| part.outline.number != other.number);
        self.incident.duplicates.retain(|duplicate| duplicate.number != other.number);
        self.incident.duplicates.push(Duplicate { number: other.number, reporter: reporter.cloned() });
        self.incident.untold.push(Change::HasDuplicate(other.number));
        let seq = self.record(EntryKind::State, Some(&told.by), account(told, self), Source::default());
        self.take_over(other, seq);
        self.tell_of_duplicate(told, &known, &joining, &outside, seq);
        self.hint_to_split();
        self.ask_for_statement();
    }

    /// Alerts, questions for afterwards, and what customers were told.
    fn take_over(&mut self, other: &Incident, seq: i64) {
        for alerts in other.alerts.iter().take(TAKEN_OVER_AT_MOST) {
            if self.incident.alerts.iter().all(|own| own.group != alerts.group) {
                self.incident.alerts.push(alerts.clone());
            }
        }
        for parked in other.parked.iter().take(TAKEN_OVER_AT_MOST) {
            let mut parked = parked.clone();
            parked.seq = seq;
            self.incident.parked.push(parked);
        }
        if other.customers_affected == Some(true) && self.incident.customers_affected != Some(true) {
            self.incident.customers_affected = Some(true);
            self.incident.untold.push(Change::CustomersAffected(true));
        }
        for statement in &other.statements.published {
            let text = format!("Customers were told in {}:\n\n{}", other.key(), statement.text);
            let seq = self.record_own(EntryKind::Statement, text);
            self.incident.statements.published.push(Published { seq, ..statement.clone() });
        }
        self.incident.statements.published.sort_by_key(|statement| statement.at);
    }

    /// Those who work on this one already; the others have it from the last mail of the other one.
    fn tell_of_duplicate(
        &mut self,
        told: &Duplicated,
        known: &BTreeSet<Address>,
        joining: &[Person],
        outside: &[Person],
        seq: i64,
    ) {
        let other = &told.incident;
        let (own, key) = (self.incident.key(), other.key());
        let what = format!("{key} is a duplicate of {own}");
        let mut more = format!(
            "{} says so. {key} is {}, {}, {}; what was written of it is entry #{seq} here, and answers to it \
             come here from now on.",
            told.by.person.shown(),
            quoted(&other.title),
            other.severity,
            reported(other),
        );
        let new: Vec<&str> = joining
            .iter()
            .filter(|person| !known.contains(&person.address))
            .map(Person::shown)
            .collect();
        if !new.is_empty() {
            let names = listed(&new);
            more.push_str(&format!(" Who comes with it, and works on this one from now on: {names}."));
        }
        if let Some(first) = outside.first() {
            let names: Vec<&str> = outside.iter().map(|person| person.address.as_str()).collect();
            more.push_str(&format!(
                " Who worked on it and gets no mail of this one: {}. To let somebody in, reply `Responder: {}`.",
                listed(&names),
                first.address
            ));
        }
        let is_worse = other.severity < self.incident.severity;
        if is_worse {
            more.push_str(&format!(
                " If this one is as bad, reply `Severity: {}`: until then the lists of {} hear no more.",
                other.severity, other.severity
            ));
        }
        // Whoever says so and commands both knows all of it.
        let by = &told.by.person.address;
        let knows = |address: &Address| address == by && outside.is_empty() && !is_worse;
        let commands = |address: &Address| {
            self.incident.commander().is_none_or(|commander| commander.address == *address)
        };
        let theirs: BTreeSet<Address> =
            workers(other).into_iter().map(|person| person.address).collect();
        let to: Vec<Recipient> = known
            .iter()
            .filter(|address| commands(address) || !theirs.contains(address))
            .filter(|address| !knows(address))
            .cloned()
            .map(Recipient::Person)
            .collect();
        self.mail(to, Says::Notice { what, more });
    }

    /// It was a mistake: the other one stands for itself again. Whoever came with it stays until they go.
    pub(super) fn hear_duplicate_no_more(&mut self, outline: &Outline, why: &str) {
        let before = self.incident.duplicates.len();
        self.incident.duplicates.retain(|duplicate| duplicate.number != outline.number);
        if self.incident.duplicates.len() == before {
            return;
        }
        self.incident.untold.retain(|change| *change != Change::HasDuplicate(outline.number));
        let (own, key) = (self.incident.key(), outline.key());
        self.record_own(EntryKind::State, format!("{key} is no duplicate any more: {why}"));
        let what = format!("{key} is no duplicate of {own} any more");
        let more = format!(
            "It was opened again, because: {why}. Answers to it go there from now on; what came with it stays \
             here, and whoever came with it can leave."
        );
        self.tell_whoever_commands(None, what, more);
    }
}

/// Customers were told of it, and not that it is over.
fn customers_wait(incident: &Incident) -> bool {
    incident.statements.last().is_some_and(|last| last.state != PublicState::Resolved)
}

/// Whoever commands an incident, or has a role in it; each once.
fn workers(incident: &Incident) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    let held = incident.accepted().map(|held| &held.person);
    for person in incident.commander().into_iter().chain(held) {
        if people.iter().all(|known| known.address != person.address) {
            people.push(person.clone());
        }
    }
    people
}

/// By whom it was reported; who answers for an alert did not.
fn reported(incident: &Incident) -> String {
    match &incident.declared_by_rule {
        Some(rule) => format!("declared by the alert rule {rule}"),
        None => format!("reported by {}", incident.reporter.shown()),
    }
}

fn quoted(title: &str) -> String {
    format!("\"{}\"", title.replace('`', "'"))
}

/// What was written of a duplicate, as one entry: names and times are those of its timeline.
fn account(told: &Duplicated, step: &Step<'_>) -> String {
    let other = &told.incident;
    let mut text = format!(
        "{}, {}, {}, {}, is a duplicate of this incident.",
        other.key(),
        other.title,
        other.severity,
        reported(other)
    );
    if !told.why.is_empty() {
        text.push_str(&format!("\n\n{}", told.why));
    }
    text.push_str("\n\nWhat was written of it:");
    for entry in &told.timeline {
        text.push_str(&format!("\n\n#{} {} {}", entry.seq, step.shown(entry.at), author_of(entry)));
        for line in entry.text.lines() {
            text.push_str(&format!("\n  {line}"));
        }
        for file in &entry.attachments {
            text.push_str(&format!("\n  [{}, kept with {}]", file.name, other.key()));
        }
    }
    kept(&text)
}

fn author_of(entry: &Entry) -> String {
    let author = match &entry.author {
        None => "firebell",
        Some(_) if !entry.author_name.is_empty() => &entry.author_name,
        Some(address) => address.as_str(),
    };
    let doubt = if entry.verified { "" } else { ", unverified" };
    format!("{author} ({}{doubt})", entry.kind.name())
}
