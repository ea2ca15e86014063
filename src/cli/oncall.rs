//! `firebell oncall`: who is on call, now or at another time, as text, as a page, or as shifts for a
//! calendar programme.
//!
//! Overrides that people agreed on by mail are in the database. Where there is none yet, or it cannot
//! be opened, the configuration alone is printed: whoever asks in an emergency gets what there is.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::Failure;
use super::failure::{NOINPUT, UNAVAILABLE, USAGE, print};
use super::open::{Found, open_store, sqlite_file};
use crate::clock::Clock;
use crate::config::Database;
use crate::incident::Policy;
use crate::render::calendar::{Calendar, render_calendar};
use crate::render::{render_on_call_page, render_on_call_text};
use crate::roster::Named;
use crate::roster::zone::Zone;

/// How far ahead shifts are written where nobody says.
const AHEAD: TimeDelta = TimeDelta::days(90);
/// Farther ahead nobody knows who is there.
const AHEAD_MAX: TimeDelta = TimeDelta::days(732);

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// "2026-12-24 18:00" in the configured time zone, or 2026-12-24T18:00:00Z; now otherwise
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A page of every service, complete in itself, with names and no addresses
    #[arg(long, conflicts_with = "ical")]
    html: bool,
    /// The shifts as a file for calendar programmes (iCalendar)
    #[arg(long)]
    ical: bool,
    /// Only this person's shifts
    #[arg(long, value_name = "PERSON", requires = "ical", conflicts_with = "rotation")]
    person: Option<String>,
    /// Only this rotation's shifts
    #[arg(long, value_name = "NAME", requires = "ical")]
    rotation: Option<String>,
    /// The last day of the shifts; 90 days from now otherwise
    #[arg(long, value_name = "DAY", requires = "ical")]
    until: Option<String>,
}

/// Prints who is on call.
pub async fn oncall(found: Found, given: Arguments) -> Result<(), Failure> {
    let mut policy = found.config.policy();
    let zone = policy.calendar.zone.clone();
    let wrong = |key: &str, text: &str, form: &str| {
        Failure::new(USAGE, format!("{key}: `{text}` is no time; write it as {form}"))
    };
    let at = match &given.at {
        Some(text) => {
            read_time(text, &zone).ok_or_else(|| wrong("--at", text, "\"2026-12-24 18:00\""))?
        }
        None => Clock::system().now(),
    };
    let overrides = lay_overrides(&found, &mut policy, at).await;
    if given.ical {
        let until = match &given.until {
            Some(text) => read_day(text, &zone).ok_or_else(|| wrong("--until", text, "2026-12-24"))?,
            None => at + AHEAD,
        };
        print(&calendar(&policy, &given, at, until.min(at + AHEAD_MAX))?)?;
    } else if given.html {
        print(&render_on_call_page(&policy, at))?;
    } else {
        print(&render_on_call_text(&policy, at))?;
    }
    overrides
}

/// Lays the overrides of the database over the rotations. Its failure is told when all else is printed.
async fn lay_overrides(found: &Found, policy: &mut Policy, at: DateTime<Utc>) -> Result<(), Failure> {
    let config = &found.config;
    if config.database == Database::Sqlite && !sqlite_file(config).exists() {
        return Ok(());
    }
    let loaded = async { Ok(open_store(config).await?.load_overrides(at).await?) };
    match loaded.await {
        Ok(overrides) => {
            policy.roster.lay_over(overrides);
            Ok(())
        }
        Err(failure) => {
            let failure: Failure = failure;
            let mut lines = vec!["overrides that were agreed on by mail are missing above".to_owned()];
            lines.extend(failure.lines);
            Err(Failure { code: UNAVAILABLE, lines })
        }
    }
}

fn calendar(
    policy: &Policy,
    given: &Arguments,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<String, Failure> {
    let roster = &policy.roster;
    let missing = |what: String| Failure::new(NOINPUT, what);
    let mut calendar = Calendar::of_all(policy, from, until);
    if let Some(text) = &given.person {
        let Named::One(person) = roster.named(text) else {
            return Err(missing(format!("`{text}` is not one person; write an address")));
        };
        let Some(member) = roster.member(&person.address) else {
            return Err(missing(format!("{} is not in the roster", person.address)));
        };
        calendar = Calendar::of_person(policy, member, from, until);
    } else if let Some(name) = &given.rotation {
        let Some(rotation) = roster.rotation(name) else {
            let names: Vec<&str> = roster.rotations.iter().map(|one| one.name.as_str()).collect();
            return Err(missing(format!(
                "there is no rotation `{name}`; there are: {}",
                names.join(", ")
            )));
        };
        calendar = Calendar::of_rotation(policy, rotation, from, until);
    }
    Ok(render_calendar(&calendar, Clock::system().now()))
}

fn read_time(text: &str, zone: &Zone) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let local = ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(zone.instant(local))
}

/// The end of a day.
fn read_day(text: &str, zone: &Zone) -> Option<DateTime<Utc>> {
    let day = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
    Some(zone.instant(day.succ_opt()?.and_time(NaiveTime::MIN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_local_unless_it_says_its_zone() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let utc = |text| read_time(text, &zone).map(|at| at.to_rfc3339());
        assert_eq!(utc("2026-12-24 18:00").as_deref(), Some("2026-12-24T17:00:00+00:00"));
        assert_eq!(utc("2026-12-24T18:00:00Z").as_deref(), Some("2026-12-24T18:00:00+00:00"));
        assert_eq!(utc("tomorrow"), None);
    }
}
