//! The script of a drill: what is played to those who take part, when, and who answered it. When the next
//! part of it comes is computed in [`next_inject_at`]; sending it is decided in `decide::drill`.

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Role;
use super::state::{Incident, Person};
use crate::mail::command::span_seconds;

/// Something that is played to those who take part in a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inject {
    /// From the start of the drill.
    #[serde(with = "span_seconds")]
    pub after: TimeDelta,
    /// Whom it pretends to be from.
    pub from: String,
    pub to: InjectTo,
    pub text: String,
    /// `None` until it was sent.
    #[serde(default)]
    pub sent: Option<Sent>,
}

/// Whom an inject is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InjectTo {
    /// Whoever commands, or is asked to.
    Commander,
    /// Who has the role, or the commander where nobody has it.
    Role(Role),
    /// Everybody who works on it.
    Responders,
    /// A list of drills, by its name.
    List(String),
}

impl InjectTo {
    /// `the commander`, `the list drills`.
    pub fn shown(&self) -> String {
        match self {
            Self::Commander => "the commander".to_owned(),
            Self::Role(role) => format!("the {role}"),
            Self::Responders => "the responders".to_owned(),
            Self::List(name) => format!("the list {name}"),
        }
    }
}

/// When an inject was sent, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its number in the timeline.
    pub seq: i64,
    pub at: DateTime<Utc>,
    /// The first who answered it, and when.
    pub answered: Option<(Person, DateTime<Utc>)>,
}

/// A script that may be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// As `Drill: database` names it, in any case.
    pub name: String,
    pub file: PathBuf,
    /// In the order of their time; none until the file is read.
    pub injects: Vec<Inject>,
}

/// A script that is played.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playing {
    /// As `Drill: database` named it.
    pub name: String,
    pub started_at: DateTime<Utc>,
    /// The drill has ended once: what had not come by then does not come.
    pub stopped: bool,
    /// In the order of their time.
    pub injects: Vec<Inject>,
}

impl Playing {
    /// Those that were sent.
    pub fn played(&self) -> impl Iterator<Item = (&Inject, &Sent)> {
        self.injects.iter().filter_map(|inject| Some((inject, inject.sent.as_ref()?)))
    }

    /// The inject with this number in the timeline.
    pub fn inject(&self, seq: i64) -> Option<(&Inject, &Sent)> {
        self.played().find(|(_, sent)| sent.seq == seq)
    }

    /// The place of the inject that comes next, and when it does.
    pub fn next(&self) -> Option<(usize, DateTime<Utc>)> {
        let place = self.injects.iter().position(|inject| inject.sent.is_none())?;
        let inject = self.injects.get(place)?;
        let planned = self.started_at + inject.after;
        let before = place.checked_sub(1).and_then(|before| self.injects.get(before));
        let at = match before.and_then(|before| Some((before, before.sent.as_ref()?))) {
            // After an outage they come one by one, as far apart as the script has them.
            Some((before, sent)) => planned.max(sent.at + (inject.after - before.after)),
            None => planned,
        };
        (!self.stopped).then_some((place, at))
    }
}

/// When the next inject is sent; `None` when nothing of the script is left, or the drill has ended.
pub fn next_inject_at(incident: &Incident) -> Option<DateTime<Utc>> {
    let goes_on = incident.drill && incident.phase.is_active();
    let playing = incident.script.as_ref().filter(|_| goes_on)?;
    playing.next().map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn inject(after: i64, sent_at: Option<i64>) -> Inject {
        Inject {
            after: TimeDelta::minutes(after),
            from: "Support".to_owned(),
            to: InjectTo::Commander,
            text: "They call.".to_owned(),
            sent: sent_at.map(|minutes| Sent { seq: 1, at: at(minutes), answered: None }),
        }
    }

    fn playing(injects: Vec<Inject>) -> Playing {
        Playing { name: "x".to_owned(), started_at: at(0), stopped: false, injects }
    }

    #[test]
    fn injects_that_were_slept_through_come_as_far_apart_as_the_script_has_them() {
        let next = |injects| playing(injects).next();
        assert_eq!(next(vec![inject(5, None), inject(15, None)]), Some((0, at(5))));
        assert_eq!(next(vec![inject(5, Some(5)), inject(15, None)]), Some((1, at(15))));
        assert_eq!(next(vec![inject(5, Some(60)), inject(15, None)]), Some((1, at(70))));
        assert_eq!(next(vec![inject(5, Some(60))]), None);
    }

    #[test]
    fn a_script_that_was_stopped_goes_on_never() {
        let stopped = Playing { stopped: true, ..playing(vec![inject(5, None)]) };
        assert_eq!(stopped.next(), None);
    }
}
