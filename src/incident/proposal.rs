//! A proposal: silence is consent, an objection stops it. What people may do with it is decided in
//! `decide::proposals`.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::state::{Incident, Person};
use crate::mail::Address;
use crate::mail::command::span_seconds;

/// Mail of which nothing is heard for so long counts as not arrived: an operator held it, or put it
/// somewhere else.
const UNHEARD_AFTER: TimeDelta = TimeDelta::hours(2);

/// Nobody can answer in less.
const WINDOW_MIN: TimeDelta = TimeDelta::minutes(1);
/// Silence for longer is no answer to anything.
const WINDOW_MAX: TimeDelta = TimeDelta::hours(24);

/// Whether people can be given so long to object: from a minute to a day.
pub fn is_a_window(span: TimeDelta) -> bool {
    (WINDOW_MIN..=WINDOW_MAX).contains(&span)
}

/// "Any strong objections?"
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its number among the entries, tasks and proposals of the incident.
    pub seq: i64,
    pub what: String,
    /// What its author says may go wrong.
    pub risks: Vec<String>,
    pub by: Person,
    pub proposed_at: DateTime<Utc>,
    /// How long those who are asked may think.
    #[serde(with = "span_seconds")]
    pub window: TimeDelta,
    pub asked: Vec<Asked>,
    pub ended: Option<Closed>,
}

/// Somebody who was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub person: Person,
    pub copy: Sent,
    /// They wrote that they agree; who did is nobody's business, only that all have.
    pub agreed: bool,
}

/// What became of the mail to somebody who was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    OnItsWay,
    /// A relay has taken it, at that time.
    Taken(DateTime<Utc>),
    /// It did not arrive, and why.
    Failed(String),
}

/// How a proposal ended, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub how: Outcome,
    pub at: DateTime<Utc>,
}

/// How a proposal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nobody objected in time.
    Agreed,
    /// Somebody objected: whoever commands decides.
    Stopped,
    /// Nobody could be reached.
    Undecided,
    /// Whoever commands decided.
    Decided,
    /// The incident ended before it did.
    Overtaken,
}

impl Outcome {
    /// `agreed`, as it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Stopped => "stopped by an objection",
            Self::Undecided => "undecided",
            Self::Decided => "decided",
            Self::Overtaken => "overtaken",
        }
    }
}

impl Proposal {
    /// Nobody has decided it, and nothing has stopped it.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// Until when somebody may object: the window runs from when the last copy was taken by a relay.
    /// `None` while one is on its way.
    pub fn due_at(&self) -> Option<DateTime<Utc>> {
        let mut last = None;
        for asked in &self.asked {
            match &asked.copy {
                Sent::OnItsWay => return None,
                Sent::Taken(at) => last = last.max(Some(*at)),
                Sent::Failed(_) => {}
            }
        }
        Some(last.unwrap_or(self.proposed_at) + self.window)
    }

    /// When it must be looked at.
    pub fn wake_at(&self) -> DateTime<Utc> {
        self.due_at().unwrap_or(self.proposed_at + UNHEARD_AFTER)
    }

    /// Nobody who was asked got it, and nobody will.
    pub fn reached_nobody(&self) -> bool {
        self.asked.iter().all(|asked| matches!(asked.copy, Sent::Failed(_)))
    }
}

impl Incident {
    /// The proposal with this number, ended or not.
    pub fn proposal(&self, seq: i64) -> Option<&Proposal> {
        self.proposals.iter().find(|proposal| proposal.seq == seq)
    }

    /// Those that are neither decided nor stopped.
    pub fn open_proposals(&self) -> impl Iterator<Item = &Proposal> {
        self.proposals.iter().filter(|proposal| proposal.is_open())
    }

    /// Whether somebody was asked for their objection to a proposal.
    pub fn asked_about(&self, seq: i64, address: &Address) -> bool {
        let asked = self.proposal(seq).into_iter().flat_map(|proposal| &proposal.asked);
        asked.into_iter().any(|asked| asked.person.address == *address)
    }
}
