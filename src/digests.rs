//! Sends each digest once a period, however often the server starts and however many of them run.
//!
//! A digest whose time passed while nobody was awake is sent at the next look, once, for the latest
//! period only. Start with [`run`].

pub mod shifts;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tracing::error;

use crate::engine::Engine;
use crate::incident::Policy;
use crate::learning::digest::{DigestPolicy, Shows};
use crate::store::StoreError;

/// How often the loop looks at the clock: a digest may be half a minute late.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// A digest whose time lies farther back than this is not sent any more: its readers have moved on.
const LATE_AT_MOST: TimeDelta = TimeDelta::days(1);
/// The same for what is to be planned, which is worth something until the quarter begins.
const PLANNING_LATE_AT_MOST: TimeDelta = TimeDelta::days(14);

/// The next digest after `now`, and when.
pub fn next(policy: &Policy, now: DateTime<Utc>) -> Option<(&str, DateTime<Utc>)> {
    let zone = &policy.calendar.zone;
    policy
        .digests
        .iter()
        .filter_map(|digest| Some((digest.name.as_str(), zone.next_cron(&digest.schedule, now)?)))
        .min_by_key(|(_, at)| *at)
}

/// Sends the digests whose time has come; whether there were any.
///
/// # Errors
///
/// The store's.
pub async fn send_due(engine: &Engine) -> Result<bool, StoreError> {
    let (policy, now) = (engine.policy(), engine.clock.now());
    let mut sent = false;
    for digest in &policy.digests {
        if let Some(period_at) = latest(&policy, digest, now) {
            sent |= engine.send_digest(&digest.name, period_at).await?;
        }
    }
    Ok(sent)
}

/// The last time of a digest's schedule that is not after `now` and not too long ago.
fn latest(policy: &Policy, digest: &DigestPolicy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let zone = &policy.calendar.zone;
    let schedule = digest.schedule.as_str();
    let late_at_most = match digest.shows {
        Shows::Everything => LATE_AT_MOST,
        Shows::Parked => PLANNING_LATE_AT_MOST,
    };
    let mut at = zone.next_cron(schedule, now - late_at_most)?;
    if at > now {
        return None;
    }
    // A schedule of every minute has 1,440 times a day.
    for _ in 0..1_440 {
        match zone.next_cron(schedule, at) {
            Some(next) if next <= now => at = next,
            _ => break,
        }
    }
    Some(at)
}

/// Sends digests, and notices of shifts, until `shutdown` becomes true.
pub async fn run(engine: Engine, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        if let Err(error) = send_due(&engine).await {
            error!(error = &error as &dyn std::error::Error, "digests wait for the database");
        }
        if let Err(error) = shifts::send_due(&engine).await {
            error!(error = &error as &dyn std::error::Error, "notices of shifts wait for the database");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = shutdown.changed() => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use crate::clock::Clock;
    use crate::config::read_config;
    use crate::engine::Engine;
    use crate::ids::Ids;
    use crate::mail::ids::Secret;
    use crate::store::Store;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_digest_is_of_use_until_the_next_one() {
        let text = "address = \"incidents@example.org\"\n[[list]]\nname = \"leadership\"\n\
                    members = [\"vp@example.org\"]\n[[digest]]\nname = \"daily\"\n\
                    to = [\"leadership\"]\nschedule = \"0 9 * * Mon-Fri\"\n";
        let config = read_config(text, "test").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
        let store = Store::open(&url).await.unwrap();
        // A server that was down on Thursday morning sends on Thursday at noon.
        let now = at("2026-11-26T12:00:00Z");
        let secret = Secret::new(&[7; 32]);
        let engine =
            Engine::new(store.clone(), Clock::manual(now), Ids::new(0), secret, config.policy());
        assert!(engine.send_digest("daily", at("2026-11-26T09:00:00Z")).await.unwrap());
        let jobs = store.lease_outbox(9, at("2026-11-26T12:01:00Z"), now).await.unwrap();
        let ends: Vec<_> = jobs.iter().map(|job| (job.recipient.as_str(), job.expires_at)).collect();
        assert_eq!(ends, [("vp@example.org", at("2026-11-27T09:00:00Z"))]);
    }
}
