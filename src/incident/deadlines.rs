//! When Firebell must speak unasked: every obligation of an incident, with the instant at which
//! somebody must next be reminded of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a deadline is about. An incident has at most one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadlineKind {
    TakeCommand,
    MissingFields,
    Update,
    PostmortemOwner,
    Postmortem,
    /// Nobody owes it: the incident closes by itself.
    Close,
}

/// The next instant at which an obligation needs somebody's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    pub kind: DeadlineKind,
    pub wake_at: DateTime<Utc>,
}
