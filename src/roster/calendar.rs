//! The organisation's working days, hours and holidays.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc, Weekday};

use super::zone::Zone;

/// When people work.
#[derive(Debug, Clone)]
pub struct Calendar {
    pub zone: Zone,
    pub working_days: Vec<Weekday>,
    pub opens: NaiveTime,
    pub closes: NaiveTime,
    pub holidays: BTreeSet<NaiveDate>,
}

impl Calendar {
    /// Whether `at` is within working hours.
    pub fn is_working(&self, at: DateTime<Utc>) -> bool {
        let _ = at;
        unreachable!("replaced before use")
    }

    /// `at` itself within working hours, else the next opening.
    pub fn next_working(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let _ = at;
        unreachable!("replaced before use")
    }

    /// The close of the `days`-th business day after the day of `from`. Never on the day itself
    /// for `days >= 1`.
    pub fn business_days_after(&self, from: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        let _ = (from, days);
        unreachable!("replaced before use")
    }

    /// The opening of the `days`-th business day after the day of `from`.
    pub fn opening_after(&self, from: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        let _ = (from, days);
        unreachable!("replaced before use")
    }

    /// The instant at which `percent` of the working time between two instants has passed.
    pub fn at_percent(&self, from: DateTime<Utc>, until: DateTime<Utc>, percent: u8) -> DateTime<Utc> {
        let _ = (from, until, percent);
        unreachable!("replaced before use")
    }
}
