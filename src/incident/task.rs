//! A task: one person, one timebox. What people may do with it is decided in `decide::tasks`.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::state::{Climb, Incident, Person};
use crate::mail::Address;
use crate::mail::command::span_seconds;

/// Something that one person was asked to do by a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number among the entries, tasks and proposals of the incident.
    pub seq: i64,
    pub what: String,
    pub owner: Person,
    pub given_by: Person,
    /// The owner's time runs from here: since it was given to them, or since they asked for more.
    pub given_at: DateTime<Utc>,
    pub due_at: DateTime<Utc>,
    /// How much time was given, for whoever takes it over.
    #[serde(with = "span_seconds")]
    pub timebox: TimeDelta,
    /// `None` until the owner answers.
    pub accepted_at: Option<DateTime<Utc>>,
    pub ended: Option<Ended>,
    /// How far its ladder has been climbed.
    pub climb: Climb,
}

/// How a task came to its end, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub how: Ending,
    pub at: DateTime<Utc>,
}

/// How a task came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Done,
    /// Its owner cannot do it; somebody else may be given it.
    Declined,
    /// The incident ended before it did.
    Overtaken,
}

impl Ending {
    /// `done`, as it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Overtaken => "overtaken",
        }
    }
}

impl Task {
    /// Still to be done, by its owner.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// The owner was asked at the end of its time and has not answered.
    pub fn is_chased(&self) -> bool {
        self.is_open() && self.climb.done > 0
    }
}

impl Incident {
    /// The task with this number, ended or not.
    pub fn task(&self, seq: i64) -> Option<&Task> {
        self.tasks.iter().find(|task| task.seq == seq)
    }

    /// The tasks that are still to be done.
    pub fn open_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.is_open())
    }

    /// Those of one person.
    pub fn open_tasks_of<'a>(&'a self, owner: &'a Address) -> impl Iterator<Item = &'a Task> {
        self.open_tasks().filter(|task| task.owner.address == *owner)
    }
}

/// A question that would take people off the incident: kept until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub seq: i64,
    pub by: Person,
    pub text: String,
    pub at: DateTime<Utc>,
}
