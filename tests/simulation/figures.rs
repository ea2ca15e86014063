//! What histories amounted to, and what happened in them: a run in which something never happens
//! checks nothing of it.
//!
//! Start with [`Figures::count`].

use std::collections::BTreeMap;
use std::fmt;

/// Of one history, or of many.
#[derive(Debug, Default, Clone)]
pub struct Figures {
    histories: usize,
    counted: BTreeMap<String, Count>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    times: usize,
    histories: usize,
}

impl Figures {
    pub fn count(&mut self, what: &str, times: usize) {
        if times > 0 {
            self.counted.entry(what.to_owned()).or_default().times += times;
        }
    }

    /// Adds those of one history.
    pub fn add(&mut self, history: &Self) {
        self.histories += 1;
        for (what, count) in &history.counted {
            let all = self.counted.entry(what.clone()).or_default();
            all.times += count.times;
            all.histories += 1;
        }
    }

    pub fn histories(&self) -> usize {
        self.histories
    }
}

/// A line for each thing that happened: how often, and in how many of a hundred histories.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, Count { times, histories }) in &self.counted {
            let percent = 100.0 * *histories as f64 / self.histories as f64;
            writeln!(f, "{times:>12}  {percent:>5.1} %  {what}")?;
        }
        Ok(())
    }
}
