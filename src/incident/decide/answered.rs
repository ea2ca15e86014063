//! What becomes of a page: a relay took it, somebody acknowledged it, cannot come, or takes part without
//! a word about it.
//!
//! Never pages anybody; the next ring is in `page`. Start with [`Step::acknowledge_page`].

use chrono::{DateTime, Utc};

use super::Step;
use super::lines::Applied;
use super::page::for_what;
use super::roles::too_many;
use crate::incident::decision::{EntryKind, Purpose, Says};
use crate::incident::event::{Fate, Said, Source};
use crate::incident::page::{RINGS_MAX, Standing, TakenCopy, Wanted};
use crate::incident::state::Person;
use crate::mail::Address;

/// What a relay says when it takes a mail, in characters: its name and what it calls the mail.
const ANSWER_CHARS_MAX: usize = 120;
/// Copies of one ring that are kept: a rotation with pagers is smaller.
const COPIES_AT_MOST: usize = 50;

impl Step<'_> {
    /// `ack` of somebody who was paged; `None` where they were not.
    pub(super) fn acknowledge_page(&mut self, said: &Said) -> Option<Applied> {
        let person = &said.by.person;
        let mut tell: Vec<(Person, Wanted)> = Vec::new();
        let commander = self.incident.commander().cloned();
        let mut known = false;
        let (mut answered, mut taken) = (Vec::new(), Vec::new());
        for page in &mut self.incident.pages {
            known |= page.was_asked(person);
            if !page.waits_for(person) {
                continue;
            }
            // Those who were told that nobody answers need not look any more.
            let told = commander.clone().filter(|_| page.stands == Standing::Ended);
            tell.extend(told.map(|told| (told, page.wanted.clone())));
            page.stands = if page.asked_again {
                Standing::Answered { by: person.clone() }
            } else {
                Standing::Acknowledged { by: person.clone(), at: self.now }
            };
            tell.extend(page.by.clone().map(|by| (by, page.wanted.clone())));
            answered.push(for_what(&page.wanted));
            taken.append(&mut page.taken);
        }
        if !known {
            return None;
        }
        tell.dedup_by(|one, other| one == other);
        taken.retain(|copy: &TakenCopy| {
            self.policy.roster.person(&copy.to, "").address == person.address
        });
        taken.dedup();
        let what = format!("{}.{}", answered.join(","), self.taken_words(&taken));
        Some(self.add_responder(said, &what).map(|()| {
            for (by, wanted) in tell.into_iter().filter(|(by, _)| by.address != person.address) {
                let what = format!("{} acknowledged the page{}", person.shown(), for_what(&wanted));
                let more = "They are a responder now and were asked to report to the commander.";
                self.mail_person(&by, Says::Notice { what, more: more.to_owned() });
            }
            let to = match self.incident.commander() {
                Some(commander) => commander.shown().to_owned(),
                None => "whoever takes command".to_owned(),
            };
            format!("you are a responder; join and report to {to}")
        }))
    }

    fn add_responder(&mut self, said: &Said, what: &str) -> Result<(), (String, Option<String>)> {
        let text = format!("{} acknowledged the page{what}", said.by.person.shown());
        let source = Source { message_id: said.source.message_id.clone(), ..Source::default() };
        self.record(EntryKind::Page, Some(&said.by), text, source);
        let person = &said.by.person;
        let is_here = self.takes_part(&person.address) || self.count_in(person);
        if is_here { Ok(()) } else { Err(too_many()) }
    }

    /// A relay took a copy of a page: kept for the entry that says what came of it, so that each page is
    /// told in one.
    pub(super) fn note_taken_page(
        &mut self,
        to: &Address,
        purpose: Purpose,
        at: DateTime<Utc>,
        answer: &str,
    ) {
        if !matches!(purpose, Purpose::PageResponder | Purpose::PageLetter) {
            return;
        }
        let person = self.policy.roster.person(to, "");
        let answer: String = answer.chars().take(ANSWER_CHARS_MAX).collect();
        for page in &mut self.incident.pages {
            let is_known = page.taken.iter().any(|copy| copy.to == *to && copy.at == at);
            if page.waits_for(&person) && !is_known && page.taken.len() < COPIES_AT_MOST {
                page.taken.push(TakenCopy { to: to.clone(), at, answer: answer.clone() });
            }
        }
    }

    /// Which copies a relay took and when, as a line of its own; empty where none.
    pub(super) fn taken_words(&self, taken: &[TakenCopy]) -> String {
        let words =
            |copy: &TakenCopy| format!("{} at {} ({})", copy.to, self.shown(copy.at), copy.answer);
        let copies: Vec<String> = taken.iter().map(words).collect();
        if copies.is_empty() {
            String::new()
        } else {
            format!("\nTaken by the relay: {}.", copies.join(", "))
        }
    }

    /// Somebody takes part now: they are paged no more.
    pub(super) fn answer_pages(&mut self, person: &Person) {
        for page in &mut self.incident.pages {
            let is_theirs = matches!(&page.stands, Standing::Acknowledged { by, .. } if by.address == person.address);
            if is_theirs || page.waits_for(person) {
                page.stands = Standing::Answered { by: person.clone() };
            }
        }
    }

    /// Somebody who was paged for a service commands now, and one page was enough for both.
    pub(super) fn answer_pages_by_commanding(&mut self, person: &Person) {
        let waited: Vec<String> = self
            .incident
            .pages
            .iter()
            .filter(|page| page.waits_for(person))
            .filter_map(|page| match &page.wanted {
                Wanted::Service(name) => Some(name.clone()),
                Wanted::Person(_) => None,
            })
            .collect();
        self.answer_pages(person);
        if !waited.is_empty() {
            let names = waited.join(", ");
            self.hints.push(format!(
                "You command now, and were paged for {names}, too. To command is enough for one: to page \
                 who is next, reply  Page: {names}"
            ));
        }
    }

    /// Something was heard of somebody: whatever they acknowledged before, they are at it.
    pub(super) fn hear_of(&mut self, person: &Person) {
        let takes_part = self.takes_part(&person.address);
        for page in &mut self.incident.pages {
            let is_theirs = matches!(&page.stands, Standing::Acknowledged { by, .. } if by.address == person.address);
            let was_missed = page.asked_again && takes_part && page.waits_for(person);
            if is_theirs || was_missed {
                page.stands = Standing::Answered { by: person.clone() };
            }
        }
    }

    /// Somebody cannot come, or need not: they are paged no more, and where they were the only one who
    /// was paged the next level is, at once. Whether they were paged.
    pub(super) fn let_go_of_pages(&mut self, person: &Person, by: &Person) -> bool {
        let long_ago = self.now - self.policy.paging.level_within;
        let mut was_paged = false;
        let mut tell = Vec::new();
        for page in &mut self.incident.pages {
            if !page.waits_for(person) {
                continue;
            }
            was_paged = true;
            page.let_go.push(person.address.clone());
            let is_alone = page.asked.iter().all(|asked| page.let_go.contains(&asked.address));
            if matches!(page.wanted, Wanted::Person(_)) {
                page.stands = Standing::Ended;
                tell.extend(page.by.clone());
            } else if is_alone && page.stands == Standing::Ringing {
                page.climb.last_at = Some(long_ago);
            }
        }
        for asked_by in tell.into_iter().filter(|asked_by| asked_by.address != by.address) {
            let what = format!("{} is paged no more", person.shown());
            let more = "They cannot come, or need not. If you need somebody else, reply  Page: name";
            self.mail_person(&asked_by, Says::Notice { what, more: more.to_owned() });
        }
        was_paged
    }

    /// A page that will never arrive is no reason to wait: the next level is paged at once.
    pub(super) fn page_was_lost(&mut self, person: &Address, fate: Fate) {
        if !matches!(fate, Fate::Refused | Fate::Withheld) {
            return;
        }
        let person = self.policy.roster.person(person, "");
        let long_ago = self.now - self.policy.paging.level_within;
        let waits: Vec<usize> = self
            .incident
            .pages
            .iter()
            .enumerate()
            .filter(|(_, page)| page.waits_for(&person) && page.climb.done < RINGS_MAX)
            // Others who were asked may still answer in their time.
            .filter(|(_, page)| page.asked.len() == 1)
            .filter(|(_, page)| self.people_of(page).len() > 1)
            .map(|(place, _)| place)
            .collect();
        for place in waits {
            if let Some(page) = self.incident.pages.get_mut(place) {
                page.climb.last_at = Some(long_ago);
            }
        }
    }
}
