//! Numbers for rows, made by the application so that both databases and all machines agree.
//!
//! An id is (milliseconds since 2026) · (number of this process) · (counter), most significant
//! first: rows sort by age, and two processes on one database never meet. Never a secret: what must
//! not be guessed has a MAC beside it. Start with [`Ids::next`].

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// 2026-01-01T00:00:00Z in milliseconds since the Unix epoch. 41 bits from here last until 2095.
const EPOCH_MILLIS: i64 = 1_767_225_600_000;
const COUNTER_BITS: u32 = 12;
const INSTANCE_BITS: u32 = 10;
const COUNTER_MASK: i64 = (1 << COUNTER_BITS) - 1;

/// A source of ids. Clones share it.
#[derive(Debug, Clone)]
pub struct Ids {
    instance: i64,
    /// The last id without its instance: (milliseconds << 12) | counter.
    last: Arc<AtomicI64>,
}

impl Ids {
    /// `instance` tells processes on one database apart; its lower ten bits count.
    pub fn new(instance: u16) -> Self {
        Self { instance: i64::from(instance) & ((1 << INSTANCE_BITS) - 1), last: Arc::default() }
    }

    /// An id that no earlier call returned, and larger than all of them, even when `now` stands
    /// still or steps back: then the counter runs on, into the milliseconds if it must.
    pub fn next(&self, now: DateTime<Utc>) -> i64 {
        let earliest = (now.timestamp_millis() - EPOCH_MILLIS).max(0) << COUNTER_BITS;
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            let next = earliest.max(last + 1);
            match self.last.compare_exchange_weak(last, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return self.with_instance(next),
                Err(other) => last = other,
            }
        }
    }

    /// An id smaller than any that was made at `at` or later.
    pub fn before(at: DateTime<Utc>) -> i64 {
        (at.timestamp_millis() - EPOCH_MILLIS).max(0) << (COUNTER_BITS + INSTANCE_BITS)
    }

    fn with_instance(&self, tick: i64) -> i64 {
        let millis = tick >> COUNTER_BITS;
        (((millis << INSTANCE_BITS) | self.instance) << COUNTER_BITS) | (tick & COUNTER_MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(EPOCH_MILLIS + millis).unwrap()
    }

    #[test]
    fn ids_rise_when_the_clock_stands_or_steps_back() {
        let ids = Ids::new(7);
        let mut last = 0;
        for millis in [1_000, 1_000, 5, 1_001, 0] {
            for _ in 0..5_000 {
                let id = ids.next(at(millis));
                assert!(id > last);
                last = id;
            }
        }
    }

    #[test]
    fn the_same_instants_give_the_same_ids() {
        let run = || {
            let ids = Ids::new(3);
            [0, 0, 9, 9, 12].map(|millis| ids.next(at(millis)))
        };
        assert_eq!(run(), run());
        assert_eq!(Ids::new(3).next(at(9)), (9 << 22) | (3 << 12));
    }

    #[test]
    fn two_processes_never_make_the_same_id() {
        let (one, other) = (Ids::new(1), Ids::new(2));
        let made: std::collections::HashSet<i64> =
            (0..10_000).flat_map(|_| [one.next(at(5)), other.next(at(5))]).collect();
        assert_eq!(made.len(), 20_000);
    }
}
