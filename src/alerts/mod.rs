//! Alerts of monitoring systems: which configured rule one matches, what it says then, and what the
//! rule's threshold makes of it while there is no incident.
//!
//! Pure: who may send alerts is said by `interpret`, what an alert does to an incident by
//! `incident::decide`. Start with [`Rule::read`], then [`group`].

pub mod group;
pub mod ready;
mod rule;
pub mod template;
pub mod webhook;

use serde::{Deserialize, Serialize};

pub use rule::{Mismatch, Pattern, Place, Rule, Seen, Sender, Threshold, Word};

use crate::incident::Severity;

/// A group's key and a title are this long at most, in characters: they are kept with every incident.
pub const NAME_CHARS_MAX: usize = 200;
/// Of the text of an alert so much is kept in a timeline, in characters; the raw mail has all of it.
pub const TEXT_CHARS_MAX: usize = 2_000;

/// What a monitoring system says, as a rule reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The name of the rule.
    pub rule: String,
    /// Alerts of one group are one incident.
    pub group: String,
    pub title: String,
    /// What fires and recovers, where a group has several; else the title.
    pub thing: String,
    pub signal: Signal,
    /// `None` where the rule and the alert say nothing.
    pub severity: Option<Severity>,
    pub service: Option<String>,
    pub link: Option<String>,
    /// The beginning of its text.
    pub text: String,
}

/// What an alert says of its thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    Firing,
    Recovered,
    /// Neither: an acknowledgement or a downtime there, for the record only.
    Remark,
}

impl Signal {
    /// `firing`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Recovered => "recovered",
            Self::Remark => "remark",
        }
    }
}

/// `text` on one line, without controls, and not longer than `chars`.
fn one_line(text: &str, chars: usize) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(chars).collect()
}
