//! Whose turn it is: a rotation of people, handed over daily or weekly at a local time.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc, Weekday};

use super::zone::Zone;
use crate::mail::Address;

/// A rotation. Never empty.
#[derive(Debug, Clone)]
pub struct Rotation {
    pub name: String,
    /// In the order of their shifts; first addresses.
    pub members: Vec<Address>,
    pub zone: Zone,
    /// `None` is daily.
    pub weekday: Option<Weekday>,
    pub time: NaiveTime,
    /// The day on which the first member's first shift begins.
    pub from: NaiveDate,
}

impl Rotation {
    /// Who is on call. Before the first shift it is the first member.
    pub fn on_call(&self, now: DateTime<Utc>) -> Option<&Address> {
        let _ = now;
        unreachable!("replaced before use")
    }

    /// The members in the order in which they are asked: on call first, then the next shifts.
    pub fn order(&self, now: DateTime<Utc>) -> Vec<&Address> {
        let _ = now;
        unreachable!("replaced before use")
    }
}
