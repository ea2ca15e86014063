//! What monitoring has said of an incident: which alerts belong to it, whether they fire, and when
//! somebody is asked whether it is over.
//!
//! That every alert has recovered never resolves anything: people decide that. Start with
//! [`ask_whether_over_at`].

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::event::Source;
use super::state::Incident;
use crate::alerts::Alert;
use crate::alerts::group::Things;

/// After the first time, what has recovered must stay so for this long before somebody is asked again.
const STAYS_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// Between two such questions: what fires and recovers all the time asks no more than twice an hour.
const ASK_EVERY: TimeDelta = TimeDelta::minutes(30);
/// Such questions of one incident in all.
const ASKED_AT_MOST: u32 = 10;

/// An alert that belongs to an incident, as it comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerted {
    pub alert: Alert,
    /// Those that came before, where they were counted while no incident had them: this is one of them.
    pub counted: Option<Counted>,
    /// By what its sender was believed.
    pub proof: String,
    pub source: Source,
}

/// Alerts of a group before it had an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Counted {
    pub count: u32,
    pub things: Things,
    pub last_at: DateTime<Utc>,
}

/// The alerts of one group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alerts {
    pub group: String,
    pub rule: String,
    /// What the first of them was called.
    pub title: String,
    pub things: Things,
    pub count: u32,
    pub last_at: DateTime<Utc>,
    /// Since when nothing of it fires.
    pub recovered_at: Option<DateTime<Utc>>,
    /// Entries of the timeline that say that something of it fires again or has recovered.
    pub turns: u32,
    /// The last entry about it.
    pub told_at: DateTime<Utc>,
    /// When the commander was last told that it fires though the incident has ended.
    pub fires_again_at: Option<DateTime<Utc>>,
}

/// When somebody is asked whether an incident is over, because all its alerts have recovered.
pub fn ask_whether_over_at(incident: &Incident) -> Option<DateTime<Utc>> {
    if !incident.phase.is_active() || incident.recovery.done >= ASKED_AT_MOST {
        return None;
    }
    let recovered_at = all_recovered_at(incident)?;
    match incident.recovery.last_at {
        None => Some(recovered_at),
        Some(asked_at) if asked_at >= recovered_at => None,
        Some(asked_at) => Some((recovered_at + STAYS_WITHIN).max(asked_at + ASK_EVERY)),
    }
}

/// Since when no alert of an incident fires; `None` where one does, or where there was none.
pub fn all_recovered_at(incident: &Incident) -> Option<DateTime<Utc>> {
    let each: Option<Vec<DateTime<Utc>>> =
        incident.alerts.iter().map(|alerts| alerts.recovered_at).collect();
    each?.into_iter().max()
}

/// What the alerts of an incident are called, for a sentence.
pub fn alerts_named(incident: &Incident) -> String {
    match incident.alerts.as_slice() {
        [] => "the alert".to_owned(),
        [only] => format!("the alert {}", only.title),
        [first, rest @ ..] => format!("the alert {} and {} more", first.title, rest.len()),
    }
}
