//! The words of every mail and page: one askama struct for each, filled from an incident.
//!
//! Pure: what it shows of time it is given. Start with [`render_mailing`].

use chrono::{DateTime, Utc};

use crate::incident::{Entry, Incident, Mailing, Policy};
use crate::mail::compose::Letter;

/// Words a mailing for persons, or for lists.
pub fn render_mailing(
    mailing: &Mailing,
    to_persons: bool,
    incident: &Incident,
    policy: &Policy,
    timeline: &[Entry],
    now: DateTime<Utc>,
) -> Letter {
    let _ = (mailing, to_persons, incident, policy, timeline, now);
    unreachable!("replaced before use")
}
