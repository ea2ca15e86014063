//! When the notice of a shift is due: once for each shift, however many servers run.
//!
//! A notice that was due while nobody was awake is sent at the next look, until its shift begins. Start
//! with [`send_due`], which the loop of the digests calls.

use chrono::{DateTime, TimeDelta, Utc};

use crate::engine::Engine;
use crate::incident::Policy;
use crate::incident::policy::Span;
use crate::roster::rotation::{Rotation, Shift};
use crate::store::StoreError;

/// Shifts that begin later are not looked at yet: more than the longest rotation and its notice.
const AHEAD: TimeDelta = TimeDelta::days(60);

/// The next notice after `now`.
pub fn next(policy: &Policy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let notices = policy.roster.rotations.iter().flat_map(|rotation| notices(policy, rotation, now));
    notices.map(|(_, at)| at).filter(|at| *at > now).min()
}

/// Sends the notices whose time has come; whether there were any.
///
/// # Errors
///
/// The store's.
pub async fn send_due(engine: &Engine) -> Result<bool, StoreError> {
    let (policy, now) = (engine.present_policy().await?, engine.clock.now());
    let mut sent = false;
    for rotation in &policy.roster.rotations {
        for (shift, at) in notices(&policy, rotation, now) {
            if at <= now {
                sent |= engine.send_shift_notice(&rotation.name, &shift).await?;
            }
        }
    }
    Ok(sent)
}

/// The shifts that begin after `now` with somebody who is not on call before, and when they are told.
/// Whoever has just agreed to take one knows of it.
fn notices(policy: &Policy, rotation: &Rotation, now: DateTime<Utc>) -> Vec<(Shift, DateTime<Utc>)> {
    let Some(span) = rotation.notice else { return Vec::new() };
    let shifts = rotation.shifts(now, now + AHEAD);
    let begins = shifts.windows(2).filter_map(|pair| match pair {
        [before, shift] if before.person != shift.person => Some(shift),
        _ => None,
    });
    let with_time = begins.map(|shift| (shift.clone(), notice_at(policy, span, shift.starts_at)));
    let is_news = |(shift, at): &(Shift, DateTime<Utc>)| {
        let change = shift.by_override.and_then(|place| rotation.overrides.get(place));
        change.and_then(|change| change.agreed_at).is_none_or(|agreed_at| agreed_at < *at)
    };
    with_time.filter(is_news).collect()
}

fn notice_at(policy: &Policy, span: Span, starts_at: DateTime<Utc>) -> DateTime<Utc> {
    match span {
        Span::Clock(before) => starts_at - before,
        Span::BusinessDays(days) => policy.calendar.opening_before(starts_at, days),
        Span::NextWorkingHour => starts_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_config;

    fn policy(notice: &str) -> Policy {
        let text = format!(
            "address = \"incidents@example.org\"\ntime_zone = \"Europe/Berlin\"\n\
             [calendar]\nholidays = [\"2026-11-20\"]\n\
             [[rotation]]\nname = \"commanders\"\nmembers = [\"a@x.example\", \"b@x.example\"]\n\
             hands_over = \"Mon 09:00\"\nfrom = \"2026-11-16\"\n{notice}"
        );
        read_config(&text, "test").unwrap().policy()
    }
    fn next_of(notice: &str, now: &str) -> Option<String> {
        let at = next(&policy(notice), now.parse().unwrap())?;
        Some(at.format("%a %m-%dT%H:%M").to_string())
    }

    #[test]
    fn a_notice_is_there_on_the_working_day_before_the_shift() {
        // The Friday is a holiday.
        assert_eq!(next_of("", "2026-11-17T12:00:00Z").as_deref(), Some("Thu 11-19T08:00"));
        assert_eq!(next_of("", "2026-11-19T08:00:00Z").as_deref(), Some("Fri 11-27T08:00"));
        let day = "notice = \"24h\"";
        assert_eq!(next_of(day, "2026-11-17T12:00:00Z").as_deref(), Some("Sun 11-22T08:00"));
        assert_eq!(next_of("notice = \"none\"", "2026-11-17T12:00:00Z"), None);
    }

    #[test]
    fn nobody_is_told_of_a_shift_that_goes_on() {
        let mut alone = policy("");
        alone.roster.rotations[0].members.truncate(1);
        assert_eq!(next(&alone, "2026-11-17T12:00:00Z".parse().unwrap()), None);
    }
}
