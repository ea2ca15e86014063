//! What customers are told: statements, which one person writes and the commander approves, and when
//! the next is owed. What people may do with them is decided in `decide::statements`.
//!
//! Nothing that was not approved ever counts as published. Start with [`Statements`] and
//! [`statement_due`].

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::state::{Climb, Incident, Person};
use super::{Phase, Policy, Role};
use crate::mail::Address;
use crate::mail::command::Promise;

/// What customers were told of an incident, and what waits to be told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Statements {
    /// Waits for approval; a newer one takes its place.
    pub waiting: Option<Statement>,
    /// In the order in which they were published.
    pub published: Vec<Published>,
    /// When somebody was last asked for one, with a draft.
    pub asked_at: Option<DateTime<Utc>>,
    /// Who was asked.
    pub asked: Option<Address>,
    /// How far the ladder of the one that is owed has been climbed.
    pub climb: Climb,
}

/// A statement that nobody has approved yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Its number among the entries, tasks and proposals of the incident.
    pub seq: i64,
    /// What it is called in public, where its author said so.
    pub title: Option<String>,
    pub text: String,
    pub by: Person,
    pub state: PublicState,
    /// When it says that the next one comes.
    pub next: Option<Promise>,
    /// Since when it waits for its approval.
    #[serde(default)]
    pub asked_at: DateTime<Utc>,
    /// It took the place of another, so that an approval must say which of them it means.
    pub is_revised: bool,
}

/// A statement that was approved: customers have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub seq: i64,
    pub title: Option<String>,
    pub text: String,
    pub by: Person,
    pub approved_by: Person,
    pub state: PublicState,
    pub at: DateTime<Utc>,
    /// When customers were promised the next.
    pub next_at: Option<DateTime<Utc>>,
}

/// How far the response is, as customers are told. Never anything that an incident's phase says
/// beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PublicState {
    Investigating,
    Identified,
    Monitoring,
    Resolved,
}

impl PublicState {
    /// In the order in which an incident goes through them.
    pub const ALL: [Self; 4] = [Self::Investigating, Self::Identified, Self::Monitoring, Self::Resolved];

    /// What an incident in this phase is called in public.
    pub fn of(phase: Phase) -> Self {
        match phase {
            Phase::Triage | Phase::Investigating => Self::Investigating,
            Phase::Identified => Self::Identified,
            Phase::Monitoring => Self::Monitoring,
            Phase::Resolved | Phase::Closed | Phase::Cancelled | Phase::Merged => Self::Resolved,
        }
    }

    /// `investigating`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }

    /// Where it stands in an array with one value for each.
    pub fn index(self) -> usize {
        match self {
            Self::Investigating => 0,
            Self::Identified => 1,
            Self::Monitoring => 2,
            Self::Resolved => 3,
        }
    }
}

/// Why a statement is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Customers are affected and have been told nothing.
    First,
    /// They were told something, and it goes on.
    Next,
    /// It is over, and they were not told so.
    Closing,
}

impl Statements {
    /// The last that customers have.
    pub fn last(&self) -> Option<&Published> {
        self.published.last()
    }

    /// What it is called in public now: the last title that somebody gave.
    pub fn title(&self) -> Option<&str> {
        self.published.iter().rev().find_map(|statement| statement.title.as_deref())
    }

    /// What it was first called: the subject of its mails, which never changes.
    pub fn first_title(&self) -> Option<&str> {
        self.published.first().and_then(|statement| statement.title.as_deref())
    }
}

/// Whether customers are owed a statement, and of which kind. Never for a private incident: whoever
/// learned that it exists would learn too much.
pub fn wanted(incident: &Incident) -> Option<Wanted> {
    let active = incident.phase.is_active();
    match incident.statements.last() {
        _ if incident.private || incident.phase == Phase::Merged => None,
        None => {
            let affected = incident.customers_affected == Some(true);
            let is_written = incident.statements.waiting.is_some();
            (active && (affected || is_written)).then_some(Wanted::First)
        }
        Some(_) if active => Some(Wanted::Next),
        Some(last) => (last.state != PublicState::Resolved).then_some(Wanted::Closing),
    }
}

/// Who has to see to it: whoever approves while one waits, else the liaison, else whoever commands.
pub fn statement_owner(incident: &Incident) -> Option<&Person> {
    let (commander, liaison) = (incident.commander(), incident.holder(Role::Liaison));
    if incident.statements.waiting.is_some() { commander.or(liaison) } else { liaison.or(commander) }
}

/// When the next statement is due; `None` while none is owed or nobody could be asked.
pub fn statement_due(incident: &Incident, policy: &Policy) -> Option<DateTime<Utc>> {
    wanted(incident)?;
    let statements = &incident.statements;
    let last = statements.last();
    let promised = last.filter(|last| last.state != PublicState::Resolved).map(|last| {
        let usual = || last.at + policy.customers.every(statements, last.at);
        last.next_at.unwrap_or_else(usual)
    });
    let since = statements.asked_at.filter(|asked_at| last.is_none_or(|last| *asked_at > last.at));
    let asked = since.map(|asked_at| asked_at + policy.customers.first_within);
    // Who is asked to say that it is over gets the time to, also where customers had waited before.
    let promised = promised.filter(|at| since.is_none_or(|asked_at| *at > asked_at));
    [promised, asked].into_iter().flatten().min()
}

/// Since when it is owed: the last one was published, or somebody was asked.
pub fn owed_since(incident: &Incident) -> Option<DateTime<Utc>> {
    let statements = &incident.statements;
    statements.last().map(|last| last.at).max(statements.asked_at)
}

/// Whether leadership hears of a late statement: what customers were promised concerns them, however
/// small the incident.
pub fn concerns_leadership(incident: &Incident) -> bool {
    incident.severity.is_major() || !incident.statements.published.is_empty()
}

/// Whether somebody must be asked anew: nobody has been for what is wanted now.
pub fn must_ask(incident: &Incident) -> bool {
    let statements = &incident.statements;
    let asked_since = |at: Option<DateTime<Utc>>| statements.asked_at >= at;
    match wanted(incident) {
        None => false,
        Some(Wanted::First) => statements.asked_at.is_none(),
        // After a reopening customers believe that it is over.
        Some(Wanted::Next) => statements.last().is_some_and(|last| {
            last.state == PublicState::Resolved && statements.asked_at.is_none_or(|at| at <= last.at)
        }),
        Some(Wanted::Closing) => !asked_since(incident.resolved_at.or(incident.closed_at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_public_state_stands_where_it_says() {
        for (index, state) in PublicState::ALL.into_iter().enumerate() {
            assert_eq!(state.index(), index);
        }
    }
}
