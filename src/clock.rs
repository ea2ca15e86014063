//! What time it is: the machine's, or one that is moved by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// A source of time. Clones share it.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's, moved forward by a number of microseconds (zero outside the demo).
    System { ahead_micros: Arc<AtomicI64> },
    /// Stands still until moved: microseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's.
    pub fn system() -> Self {
        Self::System { ahead_micros: Arc::default() }
    }

    /// Stands at `at`.
    pub fn manual(at: DateTime<Utc>) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.timestamp_micros())))
    }

    /// The present instant, in whole microseconds: what the database can hold.
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match self {
            Self::System { ahead_micros } => {
                Utc::now().timestamp_micros() + ahead_micros.load(Ordering::SeqCst)
            }
            Self::Manual(micros) => micros.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(micros).expect("a clock within the range of chrono")
    }

    /// The machine's own time, however far this clock was moved ahead of it: tells a machine that
    /// slept from a clock that somebody moved.
    pub fn machine_now(&self) -> DateTime<Utc> {
        match self {
            Self::System { .. } => Utc::now(),
            Self::Manual(_) => self.now(),
        }
    }

    /// Moves the clock forward; backward spans are refused by doing nothing.
    pub fn advance(&self, by: TimeDelta) {
        let micros = by.num_microseconds().unwrap_or(0).max(0);
        match self {
            Self::System { ahead_micros } => ahead_micros.fetch_add(micros, Ordering::SeqCst),
            Self::Manual(at) => at.fetch_add(micros, Ordering::SeqCst),
        };
    }
}
