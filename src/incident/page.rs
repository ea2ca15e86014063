//! Pages to those who are wanted beside the commander: who is wanted for what, who was paged, and how
//! far its levels have been climbed.
//!
//! Values only: what follows from them is in `decide`. The page that asks somebody to command is the
//! offer of command itself, and none of these. Start with [`Page`].

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Policy;
use super::state::{Climb, Command, Incident, Person};
use crate::mail::Address;

/// A page rings so often before those who can act otherwise are told: whoever is on call, who stands
/// behind them, and everybody of the rotation. One person alone is paged as often.
pub const RINGS_MAX: u32 = 3;

/// Pages of one incident that are kept: beyond it is a mistake or an attack.
pub const PAGES_AT_MOST: usize = 50;

/// Somebody is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    pub wanted: Wanted,
    /// Who asked for it; `None` where naming the service did.
    pub by: Option<Person>,
    /// Everybody paged so far, in that order.
    pub asked: Vec<Person>,
    /// Those of them who cannot come, or need not.
    pub let_go: Vec<Address>,
    /// What relays took of the last ring.
    pub taken: Vec<TakenCopy>,
    /// Rings so far, and when the last was.
    pub climb: Climb,
    pub stands: Standing,
    /// Whoever acknowledged it was asked again, because nothing was heard of them; nobody is asked
    /// that twice.
    pub asked_again: bool,
}

/// A copy of a page that a relay took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenCopy {
    /// Of the pager, or of the mailbox beside it.
    pub to: Address,
    pub at: DateTime<Utc>,
    /// What the relay said, clipped.
    pub answer: String,
}

/// Who is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Whoever is on call for it, by the roster's name.
    Service(String),
    Person(Person),
}

/// How a page stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody has acknowledged it yet.
    Ringing,
    /// Somebody has, and nothing was heard of them since.
    Acknowledged { by: Person, at: DateTime<Utc> },
    /// Somebody who was paged takes part: it rings no more.
    Answered { by: Person },
    /// It rang at every level, or nobody is left to be paged. Whoever answers late is welcome.
    Ended,
}

impl Page {
    /// When somebody must be paged, or told that nobody answers; `None` where nothing is left to do.
    fn wake_at(&self, incident: &Incident, policy: &Policy) -> Option<DateTime<Utc>> {
        match &self.stands {
            Standing::Ringing => self.climb.last_at.map(|at| at + policy.paging.level_within),
            Standing::Acknowledged { at, .. } if incident.severity.is_major() => {
                policy.paging.ack_lapses_after.map(|after| *at + after)
            }
            Standing::Acknowledged { .. } | Standing::Answered { .. } | Standing::Ended => None,
        }
    }

    /// Whether somebody was paged, and nobody has answered.
    pub fn waits_for(&self, person: &Person) -> bool {
        self.is_unanswered() && self.was_asked(person)
    }

    fn is_unanswered(&self) -> bool {
        matches!(self.stands, Standing::Ringing | Standing::Ended)
    }

    /// Everybody who was paged, and not let go.
    pub fn waiting(&self) -> impl Iterator<Item = &Person> {
        self.asked.iter().filter(|person| !self.let_go.contains(&person.address))
    }

    /// Whether somebody was paged, whatever became of it, and not let go.
    pub fn was_asked(&self, person: &Person) -> bool {
        self.waiting().any(|asked| asked.address == person.address)
    }
}

impl Wanted {
    /// Whether it is this service, however it is spelled.
    pub fn is_service(&self, name: &str) -> bool {
        matches!(self, Self::Service(own) if own.eq_ignore_ascii_case(name))
    }
}

impl Incident {
    /// Everybody who was paged and is waited for.
    pub fn waited_for(&self) -> BTreeSet<Address> {
        let unanswered = self.pages.iter().filter(|_| self.phase.is_active());
        let asked = unanswered.flat_map(|page| {
            page.asked.iter().filter(|person| page.waits_for(person)).map(|person| &person.address)
        });
        asked.cloned().collect()
    }

    /// When somebody's pager rang last, whoever answered.
    pub fn rang_at(&self, person: &Person) -> Option<DateTime<Utc>> {
        let rung = self.pages.iter().filter(|page| page.was_asked(person));
        let rung = rung.filter_map(|page| page.climb.last_at).max();
        let asked = match &self.command {
            Command::Offered { to, offered_at, climb, .. } => {
                let is_asked = to.iter().any(|asked| asked.address == person.address);
                is_asked.then(|| climb.last_at.unwrap_or(*offered_at))
            }
            Command::Held { offered_on, .. } => {
                let handover = offered_on.as_ref().filter(|it| it.to.address == person.address);
                handover.map(|handover| handover.offered_at)
            }
        };
        rung.max(asked).filter(|_| self.phase.is_active())
    }

    /// The pages that must ring, or be told of, at `now`, by their place.
    pub fn pages_due(&self, policy: &Policy, now: DateTime<Utc>) -> Vec<usize> {
        let is_due = |page: &Page| page.wake_at(self, policy).is_some_and(|at| at <= now);
        self.pages.iter().enumerate().filter(|(_, page)| is_due(page)).map(|(at, _)| at).collect()
    }

    /// When the next page must ring; `None` for an incident that is over.
    pub fn next_page_at(&self, policy: &Policy) -> Option<DateTime<Utc>> {
        let waiting = self.pages.iter().filter_map(|page| page.wake_at(self, policy));
        waiting.min().filter(|_| self.phase.is_active())
    }
}
