//! The value of `Override:`: who takes a shift, from when to when, and of which rotation.
//!
//! `alice 2026-11-22 to 2026-11-24 (payments)`. Dates are shifts of the rotation, whichever that is;
//! who alice is, it does not ask. Start with [`read_cover`].

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::times::{TimeError, Toward, read_time};
use super::values::split_remark;
use crate::roster::period::{Moment, Period, read_clock};
use crate::roster::zone::Zone;

/// A shift that somebody is to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// As typed.
    pub person: String,
    pub period: Period,
    /// A rotation or a service, as typed.
    pub rotation: Option<String>,
}

/// Words between the two moments.
const UNTIL: [&str; 7] = ["to", "until", "till", "through", "-", "–", "—"];

/// Reads the value of the field.
pub(super) fn read_cover(word: &str, zone: &Zone, now: DateTime<Utc>) -> Option<Cover> {
    let (text, rotation) = split_remark(word);
    let words: Vec<&str> = text.split_whitespace().collect();
    let begins = words.iter().position(|word| is_dated(word))?;
    let (person, when) = words.split_at(begins);
    let person = person.strip_suffix(&["from"]).unwrap_or(person).join(" ");
    let person = person.trim_end_matches([',', ':']).trim().to_owned();
    let (from, until) = match when.iter().position(|word| UNTIL.contains(word)) {
        Some(at) => (when.get(..at)?.join(" "), Some(when.get(at + 1..)?.join(" "))),
        None => (when.join(" "), None),
    };
    let from = read_moment(&from, zone, now)?;
    let until = match (until, from) {
        // A day alone is that day.
        (None, Moment::Day(day)) => Moment::Day(day),
        (None, _) => return None,
        (Some(until), Moment::Local(begins)) if read_clock(&until).is_some() => {
            let ends = begins.date().and_time(read_clock(&until)?);
            Moment::Local(if ends > begins { ends } else { ends + TimeDelta::days(1) })
        }
        (Some(until), _) => read_moment(&until, zone, now)?,
    };
    let is_named = !person.is_empty() && !person.split(' ').any(|word| UNTIL.contains(&word));
    is_named.then_some(Cover { person, period: Period { from, until }, rotation })
}

fn is_dated(word: &str) -> bool {
    word.get(..10).is_some_and(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok())
}

/// A day, a local time, or a time with a zone of its own.
fn read_moment(text: &str, zone: &Zone, now: DateTime<Utc>) -> Option<Moment> {
    if let Some(moment) = Moment::read(text) {
        return Some(moment);
    }
    let is_known = text.split_whitespace().next().is_some_and(is_dated);
    match read_time(text, zone, Toward::Future, now) {
        Ok(at) | Err(TimeError::WrongSide(at)) if is_known => Some(Moment::At(at)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, String, Option<String>)> {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let cover = read_cover(text, &zone, "2026-11-20T12:00:00Z".parse().unwrap())?;
        let utc = |at: DateTime<Utc>| at.format("%m-%dT%H:%M").to_string();
        let (from, until) = cover.period.instants(&zone, chrono::NaiveTime::MIN)?;
        Some((cover.person, format!("{} {}", utc(from), utc(until)), cover.rotation))
    }

    #[test]
    fn a_shift_is_read_as_people_write_it() {
        for (text, person, period, rotation) in [
            ("alice 2026-11-22 to 2026-11-24", "alice", "11-21T23:00 11-24T23:00", None),
            ("Alice Ng from 2026-11-22 until 2026-11-24", "Alice Ng", "11-21T23:00 11-24T23:00", None),
            ("alice 2026-11-22", "alice", "11-21T23:00 11-22T23:00", None),
            (
                "alice, 2026-11-22 – 2026-11-24 (payments)",
                "alice",
                "11-21T23:00 11-24T23:00",
                Some("payments"),
            ),
            ("alice 2026-11-22 18:00 to 2026-11-23 09:00", "alice", "11-22T17:00 11-23T08:00", None),
            ("alice 2026-11-22T18:00 to 2026-11-23T09:00", "alice", "11-22T17:00 11-23T08:00", None),
            ("alice 2026-11-22 18:00 to 22:00", "alice", "11-22T17:00 11-22T21:00", None),
            ("alice 2026-11-22 18:00 to 09:00", "alice", "11-22T17:00 11-23T08:00", None),
            ("alice 2026-11-22 18:00 UTC to 2026-11-23", "alice", "11-22T18:00 11-23T23:00", None),
            ("alice@example.org 2026-11-22", "alice@example.org", "11-21T23:00 11-22T23:00", None),
        ] {
            let expected = (person.to_owned(), period.to_owned(), rotation.map(str::to_owned));
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_shift_is_refused() {
        for text in [
            "",
            "alice",
            "2026-11-22 to 2026-11-24",
            "alice tomorrow",
            "alice 2026-11-22 to",
            "alice 2026-11-24 to 2026-11-22",
            "alice 2026-11-22 18:00",
            "alice 2026-11-22 to Tuesday",
            "alice 2026-11-22 to 2026-11-24 please",
            "alice to 2026-11-24",
            "alice \u{e9}2026-11-22",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
