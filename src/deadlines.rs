//! The loop that wakes up when a promise is due, and the gate that keeps it from shouting at people
//! about what they answered while the server was away.
//!
//! A passed deadline is an event like any other; what it means is decided in `incident`. Start with
//! [`run`].

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};
use tracing::error;

use crate::engine::Engine;
use crate::store::StoreError;

/// A gap in looking at the clock that was no ordinary pause: the machine slept, or the server did
/// not run.
const GAP: TimeDelta = TimeDelta::minutes(5);
/// After a gap deadlines wait this long at least, and until the mail that piled up is read.
const WAIT_AFTER_GAP: TimeDelta = TimeDelta::minutes(2);
/// Mail that people wrote before is read first, but not for longer than this: where mail comes
/// without end there is no instant at which none waits.
const MAIL_FIRST_WITHIN: TimeDelta = TimeDelta::minutes(2);
/// Transactions between two looks at the mail that waits.
const ROUNDS_AT_ONCE: usize = 100;
/// The loop looks at the clock at least this often, so that a clock that was moved is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The pause while a due deadline may not be handled yet.
const SHORT_PAUSE: Duration = Duration::from_millis(200);
/// The pause after the database did not answer.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(5);

/// Keeps deadlines waiting after a gap.
#[derive(Debug, Clone, Copy)]
pub struct Gate {
    looked_at: DateTime<Utc>,
    closed_until: Option<DateTime<Utc>>,
    /// Since when there was mail to be read at every look.
    mail_since: Option<DateTime<Utc>>,
}

impl Gate {
    /// A gate that is open; `looked_at` is when the server was last seen alive.
    pub fn new(looked_at: DateTime<Utc>) -> Self {
        Self { looked_at, closed_until: None, mail_since: None }
    }

    /// The server was awake all the time until `now`.
    pub fn alive(&mut self, now: DateTime<Utc>) {
        self.looked_at = self.looked_at.max(now);
    }

    /// Whether deadlines may be handled at `now`.
    pub fn look(&mut self, now: DateTime<Utc>) -> bool {
        if now - self.looked_at >= GAP {
            self.closed_until = Some(now + WAIT_AFTER_GAP);
        }
        if now < self.looked_at {
            // The clock was set back; what it said before must not close the gate until then.
            self.closed_until = self.closed_until.map(|until| until.min(now + WAIT_AFTER_GAP));
            self.mail_since = self.mail_since.map(|since| since.min(now));
        }
        self.looked_at = now;
        if self.closed_until.is_some_and(|until| now >= until) {
            self.closed_until = None;
        }
        self.closed_until.is_none()
    }

    /// Whether deadlines wait for `waiting` messages that are to be read.
    fn lets_mail_first(&mut self, waiting: i64, now: DateTime<Utc>) -> bool {
        if waiting == 0 {
            self.mail_since = None;
            return false;
        }
        now - *self.mail_since.get_or_insert(now) < MAIL_FIRST_WITHIN
    }

    /// When a deadline of `at` is handled at the earliest.
    pub fn opens_at(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.closed_until.map_or(at, |until| at.max(until))
    }
}

/// Handles deadlines as they pass, until `shutdown` becomes true. `changed` wakes it when an
/// incident changed or the clock was moved.
pub async fn run(engine: Engine, changed: Arc<Notify>, mut shutdown: watch::Receiver<bool>) {
    let mut gate = first_gate(&engine).await;
    while !*shutdown.borrow() {
        let pause = match look(&engine, &mut gate).await {
            Ok(pause) => pause,
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "deadlines wait for the database");
                PAUSE_AFTER_ERROR
            }
        };
        tokio::select! {
            () = changed.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = shutdown.changed() => return,
        }
    }
}

/// A server that starts with promises long past was away.
async fn first_gate(engine: &Engine) -> Gate {
    let now = engine.clock.machine_now();
    let earliest = engine.earliest_deadline().await.ok().flatten();
    Gate::new(earliest.map_or(now, |earliest| earliest.min(now)))
}

/// Handles what is due; returns how long to wait.
async fn look(engine: &Engine, gate: &mut Gate) -> Result<Duration, StoreError> {
    let now = engine.clock.machine_now();
    let open = gate.look(now);
    // What people wrote while we were away may have settled what is due.
    let waiting = engine.store.count_waiting_inbound().await?;
    if !gate.lets_mail_first(waiting, now) && open {
        for _ in 0..ROUNDS_AT_ONCE {
            if engine.pass_deadlines().await? == 0 {
                break;
            }
        }
    }
    let Some(next) = engine.earliest_deadline().await? else { return Ok(LOOK_EVERY) };
    let wait = (next - engine.clock.now()).to_std().unwrap_or(SHORT_PAUSE);
    Ok(wait.clamp(SHORT_PAUSE, LOOK_EVERY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn after_a_gap_deadlines_wait_two_minutes_and_then_no_longer() {
        let mut gate = Gate::new(at(0));
        assert!(gate.look(at(1)));
        assert!(!gate.look(at(361)));
        assert_eq!(gate.opens_at(at(30)), at(363));
        assert!(!gate.look(at(362)));
        assert!(gate.look(at(363)));
        assert!(gate.look(at(364)));
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_no_deadline_for_longer_than_a_gap_does() {
        let mut gate = Gate::new(at(0));
        assert!(!gate.look(at(600_000)));
        assert!(!gate.look(at(1)));
        assert!(!gate.look(at(2)));
        assert!(gate.look(at(3)));
        assert!(!gate.look(at(30)), "a gap is seen after it as before it");
    }

    #[test]
    fn mail_without_end_keeps_deadlines_for_two_minutes_at_most() {
        let mut gate = Gate::new(at(0));
        assert!(gate.lets_mail_first(3, at(0)));
        assert!(gate.lets_mail_first(1, at(1)));
        assert!(!gate.lets_mail_first(9, at(2)));
        assert!(!gate.lets_mail_first(0, at(3)));
        assert!(gate.lets_mail_first(1, at(4)));
        assert!(gate.lets_mail_first(1, at(0)), "nor does a clock that is set back");
    }

    #[test]
    fn a_long_wait_for_a_deadline_is_no_gap() {
        let mut gate = Gate::new(at(0));
        gate.alive(at(600));
        assert!(gate.look(at(600)));
    }
}
