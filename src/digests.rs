//! Sends each digest once a period, however often the server starts and however many of them run.
//!
//! A digest whose time passed while nobody was awake is sent at the next look, once, for the latest
//! period only. Start with [`run`].

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tracing::error;

use crate::engine::Engine;
use crate::incident::Policy;
use crate::store::StoreError;

/// How often the loop looks at the clock: a digest may be half a minute late.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// A digest whose time lies farther back than this is not sent any more: its readers have moved on.
const LATE_AT_MOST: TimeDelta = TimeDelta::days(1);

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
        if let Some(period_at) = latest(&policy, &digest.schedule, now) {
            sent |= engine.send_digest(&digest.name, period_at).await?;
        }
    }
    Ok(sent)
}

/// The last time of a schedule that is not after `now`, within [`LATE_AT_MOST`].
fn latest(policy: &Policy, schedule: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let zone = &policy.calendar.zone;
    let mut at = zone.next_cron(schedule, now - LATE_AT_MOST)?;
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

/// Sends digests until `shutdown` becomes true.
pub async fn run(engine: Engine, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow() {
        if let Err(error) = send_due(&engine).await {
            error!(error = &error as &dyn std::error::Error, "digests wait for the database");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = shutdown.changed() => return,
        }
    }
}
