//! The leases that this process holds, and until when it may act on them.
//!
//! A lease is short, so that a killed process delays mail for no longer than that, and is renewed
//! while its mail waits or is handed over. A process that stood still, or lost the database, finds
//! its leases run out by both of its clocks, and sends nothing on them. Start with
//! [`Leases::may_send`].

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::store::rows::Job;

/// How long a row is leased. Another process takes it over at the earliest then.
pub const LEASE: TimeDelta = TimeDelta::minutes(2);
/// How often leases are renewed: one renewal may fail.
pub const RENEW_EVERY: Duration = Duration::from_secs(40);
/// A mail is begun only while its lease has so long to go: more than the machines' clocks differ.
const MARGIN: TimeDelta = TimeDelta::seconds(20);

/// By outbox row.
#[derive(Debug, Default)]
pub struct Leases(Mutex<HashMap<i64, Held>>);

#[derive(Debug, Clone, Copy)]
struct Held {
    epoch: i64,
    /// Stands still while the machine sleeps, and does not jump.
    since: Instant,
    /// Goes on while the machine sleeps, and may jump.
    since_at: DateTime<Utc>,
}

impl Held {
    fn now(epoch: i64, machine_now: DateTime<Utc>) -> Self {
        Self { epoch, since: Instant::now(), since_at: machine_now }
    }

    fn is_fresh(&self, machine_now: DateTime<Utc>) -> bool {
        let good_for = LEASE - MARGIN;
        let by_wall = machine_now - self.since_at;
        by_wall < good_for && good_for.to_std().is_ok_and(|good| self.since.elapsed() < good)
    }
}

impl Leases {
    pub fn take(&self, jobs: &[Job], machine_now: DateTime<Utc>) {
        let mut held = self.held();
        held.extend(jobs.iter().map(|job| (job.outbox, Held::now(job.epoch, machine_now))));
    }

    /// Whether the row is ours for long enough to begin with it.
    pub fn may_send(&self, job: &Job, machine_now: DateTime<Utc>) -> bool {
        let held = self.held();
        let lease = held.get(&job.outbox).filter(|lease| lease.epoch == job.epoch);
        lease.is_some_and(|lease| lease.is_fresh(machine_now))
    }

    /// Row and epoch of each, for whoever renews them.
    pub fn all(&self) -> Vec<(i64, i64)> {
        self.held().iter().map(|(outbox, lease)| (*outbox, lease.epoch)).collect()
    }

    /// These were renewed at `machine_now` at the earliest; what else was to be is lost.
    pub fn renewed(&self, asked: &[(i64, i64)], kept: &[i64], machine_now: DateTime<Utc>) {
        let mut held = self.held();
        for (outbox, epoch) in asked {
            if held.get(outbox).is_none_or(|lease| lease.epoch != *epoch) {
                continue;
            }
            if kept.contains(outbox) {
                held.insert(*outbox, Held::now(*epoch, machine_now));
            } else {
                held.remove(outbox);
            }
        }
    }

    /// Something became of it.
    pub fn release(&self, outbox: i64) {
        self.held().remove(&outbox);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<i64, Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::decision::Purpose;
    use crate::mail::Address;

    fn job(outbox: i64, epoch: i64) -> Job {
        Job {
            outbox,
            letter: 1,
            incident: None,
            purpose: Purpose::Note,
            recipient: Address::read("alice@example.org").unwrap(),
            token: None,
            attempts: 1,
            ambiguous: 0,
            epoch,
            expires_at: DateTime::UNIX_EPOCH,
            octets: std::sync::Arc::default(),
        }
    }

    #[test]
    fn a_process_that_stood_still_sends_nothing_on_its_leases() {
        let (leases, begun) = (Leases::default(), DateTime::UNIX_EPOCH);
        leases.take(&[job(1, 4)], begun);
        assert!(leases.may_send(&job(1, 4), begun));
        assert!(!leases.may_send(&job(1, 5), begun), "another lease");
        assert!(!leases.may_send(&job(2, 4), begun), "no lease");
        assert!(!leases.may_send(&job(1, 4), begun + LEASE), "by the clock on the wall");
        leases.renewed(&[(1, 4)], &[1], begun + LEASE);
        assert!(leases.may_send(&job(1, 4), begun + LEASE));
        leases.renewed(&[(1, 4)], &[], begun + LEASE);
        assert!(!leases.may_send(&job(1, 4), begun + LEASE), "somebody else has it");
    }
}
