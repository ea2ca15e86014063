//! How long things took, many times over.

use std::time::Duration;

/// Times, the shortest first.
pub struct Times(Vec<Duration>);

impl Times {
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Milliseconds that so many in a hundred were within.
    pub fn within(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(place).map_or(f64::NAN, |time| millis(*time))
    }

    /// How many a second, one after the other.
    pub fn a_second(&self) -> f64 {
        a_second(self.0.len(), self.0.iter().sum())
    }
}

pub fn a_second(count: usize, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64()
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
