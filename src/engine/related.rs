//! Incidents that belong together: those that a message names are loaded before it is decided what follows,
//! and mail to a duplicate is led to the incident that it is one of.
//!
//! Start with [`Batch::with_others`], and for mail with [`Batch::lead`].

use std::borrow::Cow;

use super::batch::Batch;
use crate::incident::event::{Event, Said, Trust};
use crate::incident::related::{Others, Related};
use crate::mail::InboundMail;
use crate::mail::command::{Command, Grammar, Line, read_commands};
use crate::store::StoreError;

/// Incidents that the lines of one message may name, and those whose duplicates they are. What is beyond is
/// unknown to it.
const OTHERS_AT_MOST: usize = 20;

impl Batch {
    /// An event with the incidents that its lines name.
    pub(super) async fn with_others<'e>(
        &mut self,
        number: i64,
        event: &'e Event,
    ) -> Result<Cow<'e, Event>, StoreError> {
        let lines = match event {
            Event::Said(said) => &said.written.lines,
            Event::Declared(declared) => &declared.written.lines,
            _ => return Ok(Cow::Borrowed(event)),
        };
        let waiting = self.incident(number).into_iter().flat_map(|incident| &incident.unconfirmed);
        let waiting = waiting.flat_map(|unconfirmed| &unconfirmed.lines);
        let named: Vec<i64> = lines.iter().chain(waiting).filter_map(names_another).collect();
        if named.is_empty() {
            return Ok(Cow::Borrowed(event));
        }
        let mut others = Others::new();
        for number in named {
            let mut next = Some(number);
            while let Some(number) = next.take()
                && !others.contains_key(&number)
                && others.len() < OTHERS_AT_MOST
                && self.load(number).await?
                && let Some(other) = self.incident(number).cloned()
            {
                next = other.duplicate_of;
                others.insert(number, other);
            }
        }
        let mut event = event.clone();
        match &mut event {
            Event::Said(said) => said.others = others,
            Event::Declared(declared) => declared.others = others,
            _ => {}
        }
        Ok(Cow::Owned(event))
    }

    /// What an incident tells of itself, with its timeline where that goes over.
    pub(super) async fn with_timeline(
        &mut self,
        number: i64,
        mut event: Event,
    ) -> Result<Event, StoreError> {
        if let Event::Related(Related::Duplicate(told)) = &mut event {
            let mut timeline = self.write.load_timeline(number).await?;
            // What says that it is one is said there in its own words.
            timeline.retain(|entry| entry.seq < told.incident.next_seq);
            told.timeline = timeline;
        }
        Ok(event)
    }

    /// The incident to which mail to this one goes: this one, or the one of which it is a duplicate.
    pub(super) async fn led_to(&mut self, number: i64) -> Result<i64, StoreError> {
        let mut led = number;
        for _ in 0..OTHERS_AT_MOST {
            self.load(led).await?;
            match self.incident(led).and_then(|incident| incident.duplicate_of) {
                Some(next) => led = next,
                None => break,
            }
        }
        Ok(led)
    }

    /// The same for one mail: a duplicate is opened again by mail to itself. Where the other one has ended,
    /// it is that one which is meant.
    pub(super) async fn lead(&mut self, number: i64, mail: &InboundMail) -> Result<i64, StoreError> {
        let led = self.led_to(number).await?;
        let is_active = self.incident(led).is_some_and(|incident| incident.phase.is_active());
        Ok(if led != number && is_active && self.asks_to_reopen(mail) { number } else { led })
    }

    fn asks_to_reopen(&self, mail: &InboundMail) -> bool {
        let (zone, sections) = (&self.policy.calendar.zone, &self.policy.postmortem.sections);
        let grammar = Grammar { zone, sections, answered_text: None };
        let written = read_commands(&mail.new_text, &grammar, self.now);
        written.lines.iter().any(|line| matches!(line.meaning, Ok(Command::Reopen(_))))
    }

    /// Whether somebody is to be told that they wrote to a duplicate: once a day, where they may be answered.
    pub(super) async fn tells_led(&mut self, from: i64, said: &Said) -> Result<bool, StoreError> {
        if said.by.trust != Trust::Verified || said.source.no_receipt {
            return Ok(false);
        }
        let told = format!("led:{from}:{}", said.by.person.address.key());
        Ok(self.write.count_use_of_day(&told, self.now).await? <= 1)
    }
}

/// The incident that a line names.
fn names_another(line: &Line) -> Option<i64> {
    match &line.meaning {
        Ok(Command::DuplicateOf(number)) => Some(*number),
        Ok(Command::PartOf(number)) => *number,
        _ => None,
    }
}
