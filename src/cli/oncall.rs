//! `firebell oncall`: who is asked to command, now or at another time.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDateTime, Utc};

use super::Failure;
use super::failure::{USAGE, print};
use super::open::Found;
use crate::clock::Clock;
use crate::incident::Policy;
use crate::mail::Address;
use crate::roster::zone::Zone;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// "2026-12-24 18:00" in the configured time zone, or 2026-12-24T18:00:00Z; now otherwise
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Prints the order in which people are asked.
pub fn oncall(found: &Found, given: &Arguments) -> Result<(), Failure> {
    let policy = found.config.policy();
    let zone = &policy.calendar.zone;
    let at = match &given.at {
        Some(text) => read_time(text, zone).ok_or_else(|| {
            let line = format!("--at: `{text}` is no time; write it as \"2026-12-24 18:00\"");
            Failure::new(USAGE, line)
        })?,
        None => Clock::system().now(),
    };
    print(&render_oncall(&policy, at))
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

fn render_oncall(policy: &Policy, at: DateTime<Utc>) -> String {
    let (roster, zone) = (&policy.roster, &policy.calendar.zone);
    let name = |address: &Address| {
        let person = roster.person(address, "");
        if person.name.is_empty() { address.to_string() } else { format!("{} <{address}>", person.name) }
    };
    let mut text = format!("{}\n", zone.format_full(at));
    match roster.command_rotation() {
        Some(rotation) => {
            for (index, address) in rotation.order(at).into_iter().enumerate() {
                let role = if index == 0 { "commands" } else { "then" };
                let _ = writeln!(text, "{role:<9} {}", name(address));
            }
            let next = zone.format_full(rotation.next_handover(at));
            let _ = writeln!(text, "The rotation {} hands over {next}.", rotation.name);
        }
        None if roster.trained.is_empty() => {
            text.push_str("Nobody is on call: the configuration has no [command] with a rotation.\n");
        }
        None => {
            for (index, address) in roster.trained.iter().enumerate() {
                let role = if index == 0 { "commands" } else { "then" };
                let _ = writeln!(text, "{role:<9} {}", name(address));
            }
        }
    }
    text
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
