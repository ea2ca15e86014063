//! Time as people read it: always with the zone, and with the full date wherever somebody is
//! asked for something.
//!
//! Mail may be read long after it was written, so it says when, and never how far off that is.

use chrono::{DateTime, TimeDelta, Utc};

use crate::incident::Policy;

/// `14:30 CET`.
pub fn clock(at: DateTime<Utc>, policy: &Policy) -> String {
    let zone = &policy.calendar.zone;
    format!("{} {}", zone.local(at).format("%H:%M"), zone.abbreviation(at))
}

/// `Sat 2026-11-21 14:30 CET`.
pub fn full(at: DateTime<Utc>, policy: &Policy) -> String {
    let zone = &policy.calendar.zone;
    format!("{} {}", zone.local(at).format("%a %Y-%m-%d %H:%M"), zone.abbreviation(at))
}

/// The clock where `at` is on the same local day as `now`, else the full date: for headlines.
pub fn brief(at: DateTime<Utc>, policy: &Policy, now: DateTime<Utc>) -> String {
    let zone = &policy.calendar.zone;
    if zone.local(at).date() == zone.local(now).date() { clock(at, policy) } else { full(at, policy) }
}

/// `45 s`, `25 min`, `2 h 10 min`, `3 days 4 h`; a negative span counts as its amount.
pub fn span(delta: TimeDelta) -> String {
    let seconds = delta.num_seconds().unsigned_abs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |big: u64, unit: &str, small: u64, rest: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {rest}") }
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => two(hours, "h", minutes % 60, "min"),
        (1, _, _) => two(1, "day", hours % 24, "h"),
        (_, _, _) => two(days, "days", hours % 24, "h"),
    }
}

/// `in 5 min`, `now`, `25 min ago`: for a page, which is read when it is written.
pub fn distance(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let delta = at - now;
    if delta.num_seconds().abs() < 60 {
        "now".to_owned()
    } else if delta > TimeDelta::zero() {
        format!("in {}", span(delta))
    } else {
        format!("{} ago", span(delta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_its_two_largest_units() {
        for (seconds, told) in [
            (0, "0 s"),
            (59, "59 s"),
            (-300, "5 min"),
            (3_600, "1 h"),
            (7_800, "2 h 10 min"),
            (90_000, "1 day 1 h"),
            (259_200, "3 days"),
        ] {
            assert_eq!(span(TimeDelta::seconds(seconds)), told);
        }
    }
}
