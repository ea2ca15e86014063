//! What follows from an event: the one function that changes an incident.
//!
//! Pure and total: every event has an answer in every state, and a stale one changes nothing. Start
//! with [`decide`]; a mail's lines are applied in `lines`, a ladder's rungs in `passed`.

mod actions;
mod alerts;
mod answered;
mod audience;
mod declare;
mod drill;
mod duplicates;
mod handover;
mod lines;
mod lists;
mod offer;
mod page;
mod parts;
mod passed;
mod proposals;
mod prose;
mod related;
mod restricted;
mod roles;
mod settle;
mod statements;
mod tasks;
mod templates;
mod tokens;

pub use actions::plan;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::decision::{Change, Decision, EntryKind, Mailing, NewEntry, Purpose, Recipient, Says};
use super::event::{Event, Filed, LineResult, Said, Source, Speaker, Trust};
use super::policy::Policy;
use super::proposal::{Proposal, Sent};
use super::state::{Command as InCommand, Incident, Person, Postmortem, Unconfirmed, WideMail};
use crate::mail::Address;
use crate::mail::command::{Command, Line};

/// At most so many mails of one sender wait for a `confirm`; their oldest gives way.
const UNCONFIRMED_A_SENDER: usize = 5;
/// At most so many of all senders: whoever comes then is filed, and pushes out nobody.
const UNCONFIRMED_AT_MOST: usize = 50;
/// Lines of one mail that wait: the request shows as many, and nothing is confirmed unseen.
const UNCONFIRMED_LINES: usize = 50;
/// Of a mail that waits, its words are kept so far; the timeline has all of them.
const UNCONFIRMED_CHARS_MAX: usize = 10_000;
/// The longest text in an incident's state, in characters: as much as a mail of ours shows. The
/// timeline has all of it.
const STATE_CHARS_MAX: usize = 20_000;

/// What follows from `event` for an incident, or for none yet.
///
/// Only [`Event::Declared`] makes an incident, and only where there is none; whatever does not fit
/// changes nothing.
pub fn decide(
    incident: Option<&Incident>,
    event: &Event,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Decision {
    match (incident, event) {
        (None, Event::Declared(declared)) => declare::declare(declared, policy, now),
        (None, _) | (Some(_), Event::Declared(_)) => Decision::nothing(),
        (Some(incident), event) => {
            let mut step = Step::new(incident.clone(), policy, now);
            match event {
                Event::Said(said) => step.hear(said),
                Event::Filed(filed) => step.file(filed),
                Event::Alerted(alerted) => step.hear_alert(alerted),
                Event::Related(related) => step.hear_related(related),
                Event::Passed(kind) => step.pass(*kind),
                Event::Taken { to, purpose: Purpose::Proposal(seq), at, .. } => {
                    step.note_copy(*seq, to, Sent::Taken(*at));
                }
                Event::Taken { to, purpose, at, answer } => {
                    step.note_taken_page(to, *purpose, *at, answer);
                }
                Event::TokensVoided { of } => step.void_tokens(of),
                Event::LeftList { who, list } => step.hear_left_list(who, list),
                Event::Undeliverable { to, purpose, fate, reason } => {
                    step.undeliverable(to, *purpose, *fate, reason);
                }
                Event::Declared(_) => {}
            }
            step.into_decision()
        }
    }
}

impl Decision {
    /// Nothing follows.
    pub fn nothing() -> Self {
        Self { incident: None, entries: Vec::new(), mailings: Vec::new(), to_others: Vec::new() }
    }
}

/// A decision in the making.
struct Step<'a> {
    was: Option<Incident>,
    incident: Incident,
    policy: &'a Policy,
    now: DateTime<Utc>,
    entries: Vec<NewEntry>,
    mailings: Vec<Mailing>,
    to_others: Vec<(i64, Event)>,
    /// What changed that stakeholders should hear of.
    changes: Vec<Change>,
    /// What the timeline records of changes, in the order they were made.
    facts: Vec<String>,
    /// What became of each line, for the receipt.
    results: Vec<LineResult>,
    /// A follow-up must go out, whatever the prose is.
    follow_up: bool,
    /// Words of `Update:`, which are official whatever else is written.
    official: Vec<String>,
    /// Words of `Note:`.
    notes: Vec<String>,
    /// Lists that join by a change of severity: they get the declaration first.
    joining: Vec<Recipient>,
    /// Lists that leave by it: they get this follow-up and no more.
    leaving: Vec<Recipient>,
    /// The next update was promised by this very mail, so sending one does not use it up.
    promised: Option<DateTime<Utc>>,
    /// What fixed it, when this mail resolves the incident.
    resolved: Option<String>,
    /// The follow-up that goes out after declarations to lists that join.
    outgoing_follow_up: Option<Says>,
    follow_up_to: Vec<Recipient>,
    /// What the sender should know though nothing was refused.
    hints: Vec<String>,
    /// The declaration goes to everybody again: held mail was let go.
    announce: bool,
    /// The places of the pages that this mail asked for, to ring together.
    to_ring: Vec<usize>,
    /// Who has the words of this mail in another one.
    told: Vec<Address>,
    /// What this mail proposes.
    proposed: Option<i64>,
    /// The words of this mail are told to one person, and stand in no entry of its writer's.
    kept_back: bool,
}

impl<'a> Step<'a> {
    fn new(incident: Incident, policy: &'a Policy, now: DateTime<Utc>) -> Self {
        Self {
            was: Some(incident.clone()),
            incident,
            policy,
            now,
            entries: Vec::new(),
            mailings: Vec::new(),
            to_others: Vec::new(),
            changes: Vec::new(),
            facts: Vec::new(),
            results: Vec::new(),
            follow_up: false,
            official: Vec::new(),
            notes: Vec::new(),
            joining: Vec::new(),
            leaving: Vec::new(),
            promised: None,
            resolved: None,
            outgoing_follow_up: None,
            follow_up_to: Vec::new(),
            hints: Vec::new(),
            announce: false,
            to_ring: Vec::new(),
            told: Vec::new(),
            proposed: None,
            kept_back: false,
        }
    }

    fn into_decision(mut self) -> Decision {
        self.tell_restricted();
        self.tell_whole();
        // A mail may ask for something in one line and settle it in the next.
        let mut mailings = std::mem::take(&mut self.mailings);
        mailings.retain(|one| self.is_still_asked(one));
        self.mailings = mailings;
        page::ring_once(&mut self.mailings);
        let changed = self.was.as_ref() != Some(&self.incident);
        if !changed && self.entries.is_empty() && self.mailings.is_empty() {
            return Decision::nothing();
        }
        Decision {
            incident: Some(self.incident),
            entries: self.entries,
            mailings: self.mailings,
            to_others: self.to_others,
        }
    }

    /// Whether what a mail asks for is wanted as the incident is now.
    fn is_still_asked(&self, mailing: &Mailing) -> bool {
        let incident = &self.incident;
        match &mailing.says {
            Says::TakeCommand { .. } | Says::Page => {
                let is_settled = matches!(incident.command, InCommand::Held { offered_on: None, .. });
                incident.phase.is_active() && !is_settled
            }
            Says::Task { seq } | Says::Action { seq } => incident.task(*seq).is_some_and(|task| {
                let is_owner = |to: &Recipient| *to.address() == task.owner.address;
                task.is_open() && mailing.to.iter().any(is_owner)
            }),
            Says::PostmortemSkeleton => incident.postmortem.as_ref().is_some_and(Postmortem::is_owed),
            Says::Proposal { seq } => incident.proposal(*seq).is_some_and(Proposal::is_open),
            _ => true,
        }
    }

    /// Writes a line of the timeline and returns its number.
    fn record(
        &mut self,
        kind: EntryKind,
        author: Option<&Speaker>,
        text: impl Into<String>,
        source: Source,
    ) -> i64 {
        let seq = self.incident.next_seq;
        self.incident.next_seq += 1;
        if author.is_some() && kind != EntryKind::Filed {
            self.incident.last_entry_at = self.now;
        }
        self.entries.push(NewEntry {
            seq,
            at: self.now,
            author: author.map(|speaker| speaker.person.clone()),
            verified: author.is_none_or(|speaker| speaker.trust == Trust::Verified),
            proof: author.map(|speaker| speaker.proof.clone()).unwrap_or_default(),
            kind,
            text: text.into(),
            source,
        });
        seq
    }

    fn record_own(&mut self, kind: EntryKind, text: impl Into<String>) -> i64 {
        self.record(kind, None, text, Source::default())
    }

    /// Adds a mail, unless nobody would get it.
    fn mail(&mut self, to: Vec<Recipient>, says: Says) {
        let to: Vec<Recipient> = to
            .into_iter()
            .filter(|recipient| self.policy.address.tag_of(recipient.address()).is_none())
            .filter(|recipient| !self.is_unproven_stranger(recipient.address()))
            .filter(|recipient| self.may_know(recipient, &says))
            .collect();
        // Whoever has to do with it gets what those get, although a list tells them, too.
        let concerned: BTreeSet<String> = to
            .iter()
            .filter(|recipient| matches!(recipient, Recipient::Person(_)))
            .map(|recipient| recipient.address().key())
            .collect();
        let is_by_list = |recipient: &Recipient| {
            matches!(recipient, Recipient::Member { .. })
                && concerned.contains(&recipient.address().key())
        };
        let mut once = BTreeSet::new();
        let to: Vec<Recipient> = to
            .into_iter()
            .filter(|recipient| !is_by_list(recipient))
            .filter(|recipient| once.insert(recipient.address().key()))
            .collect();
        if !to.is_empty() {
            self.mailings.push(Mailing { to, says });
        }
    }

    /// Where anyone may declare, anybody's address may stand in a report that proves nothing: its owner
    /// has asked for no mail.
    fn is_unproven_stranger(&self, address: &Address) -> bool {
        self.incident.wide_mail == WideMail::HeldForConfirmation
            && self.incident.reporter.address == *address
            && !self.policy.roster.knows(address)
    }

    fn mail_person(&mut self, person: &Person, says: Says) {
        self.mail(vec![Recipient::Person(person.address.clone())], says);
    }

    fn hear(&mut self, said: &Said) {
        match said.by.trust {
            Trust::Verified => self.hear_verified(said),
            Trust::Unverified if said.by.known => self.hear_unverified(said),
            Trust::Unverified | Trust::Stranger => {
                let text = whole_text(&said.written.lines, &said.written.prose);
                self.record(
                    EntryKind::Filed,
                    Some(&said.by),
                    format!("From an unknown sender, without effect.\n\n{text}"),
                    said.source.clone(),
                );
            }
        }
    }

    fn hear_verified(&mut self, said: &Said) {
        if said.written.gave_up {
            let text = whole_text(&said.written.lines, &said.written.prose);
            self.record(EntryKind::Note, Some(&said.by), text, said.source.clone());
            if !said.source.no_receipt {
                self.mail_person(&said.by.person, Says::Guide);
            }
            return;
        }
        // Who writes can be reached again, as far as we know.
        self.incident.unreachable.remove(&said.by.person.address);
        self.incident.missed.remove(&said.by.person.address);
        // A copy of it that proved nothing may wait for a confirmation, which this one is.
        let typed = |lines: &[Line]| lines.iter().map(|line| line.typed.clone()).collect::<Vec<_>>();
        self.incident.unconfirmed.retain(|waiting| {
            waiting.by.address != said.by.person.address
                || waiting.lines.is_empty()
                || waiting.prose != said.written.prose
                || typed(&waiting.lines) != typed(&waiting_lines(&said.written.lines))
        });
        let before = self.incident.clone();
        self.hear_of(&said.by.person);
        self.note_inject_answered(said);
        self.apply_lines(said);
        if !said.written.prose.trim().is_empty() {
            self.hear_of(&said.by.person);
        }
        self.settle_prose(said, &before);
        self.page_services();
        self.hint_to_split();
        self.ask_for_statement();
        self.hint_where_it_went(said);
        self.debrief(&before);
        self.answer(said);
    }

    /// A known address that proved nothing: its words are filed, its commands wait for one
    /// `confirm` from the address on file.
    fn hear_unverified(&mut self, said: &Said) {
        let commands = waiting_lines(&said.written.lines);
        let text = whole_text(&said.written.lines, &said.written.prose);
        let mut why = match &said.source.written_from {
            Some(address) => {
                format!("From {address}, on the address that was given to {}", said.by.person.shown())
            }
            None => "Unverified sender".to_owned(),
        };
        why.push_str(if commands.is_empty() { "." } else { "; the commands wait for a confirmation." });
        self.record(EntryKind::Filed, Some(&said.by), format!("{why}\n\n{text}"), said.source.clone());
        if commands.is_empty() {
            return;
        }
        self.ask_to_confirm(&said.by.person, commands, said.written.prose.clone());
    }

    fn ask_to_confirm(&mut self, by: &Person, lines: Vec<Line>, prose: String) {
        let lines: Vec<Line> = lines.into_iter().take(UNCONFIRMED_LINES).collect();
        let typed = lines.iter().map(|line| line.typed.clone()).collect();
        let waiting = &mut self.incident.unconfirmed;
        let is_theirs = |waiting: &Unconfirmed| waiting.by.address == by.address;
        if waiting.iter().filter(|waiting| is_theirs(waiting)).count() >= UNCONFIRMED_A_SENDER
            && let Some(oldest) = waiting.iter().position(is_theirs)
        {
            waiting.remove(oldest);
        }
        if waiting.len() >= UNCONFIRMED_AT_MOST {
            return;
        }
        let prose = prose.chars().take(UNCONFIRMED_CHARS_MAX).collect();
        self.incident.unconfirmed.push(Unconfirmed { by: by.clone(), lines, prose, asked_at: self.now });
        self.mail_person(by, Says::Confirmation { lines: typed });
    }

    fn file(&mut self, filed: &Filed) {
        let speaker = filed.from.as_ref().map(|person| Speaker {
            person: person.clone(),
            trust: Trust::Stranger,
            known: false,
            proof: filed.proof.clone(),
        });
        let text = format!("{}, without effect.\n\n{}", filed.why, filed.text).trim_end().to_owned();
        self.record(EntryKind::Filed, speaker.as_ref(), text, filed.source.clone());
        if let Some(entry) = self.entries.last_mut() {
            // What names no sender is not ours for that.
            entry.verified = filed.proof.is_empty();
            entry.proof.clone_from(&filed.proof);
        }
    }
}

/// A text as the incident's state keeps it: whatever is loaded with every step stays small.
fn kept(text: &str) -> String {
    match text.char_indices().nth(STATE_CHARS_MAX) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Lines and prose as one text, for entries that keep everything.
fn whole_text(lines: &[Line], prose: &str) -> String {
    let mut text: Vec<&str> = lines.iter().map(|line| line.typed.as_str()).collect();
    if !prose.is_empty() {
        if !text.is_empty() {
            text.push("");
        }
        text.push(prose);
    }
    text.join("\n")
}

/// The lines that do nothing without proof.
fn waiting_lines(lines: &[Line]) -> Vec<Line> {
    let waits = |line: &&Line| matches!(&line.meaning, Ok(command) if waits_for_confirmation(command));
    let short = |line: &&Line| line.typed.chars().count() <= UNCONFIRMED_CHARS_MAX;
    lines.iter().filter(waits).filter(short).take(UNCONFIRMED_LINES).cloned().collect()
}

/// What asks for nothing but an answer needs no proof, and gets none without it.
fn waits_for_confirmation(command: &Command) -> bool {
    !matches!(command, Command::Status | Command::Help | Command::Confirm)
}
