//! What one person was asked to do by a time: a task of the incident, which takes minutes, or an action
//! that keeps it from happening again, which takes days. What people may do with a task is decided in
//! `decide::tasks`, what with an action in `decide::actions`.

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
    #[serde(default)]
    pub kind: TaskKind,
    pub what: String,
    pub owner: Person,
    pub given_by: Person,
    /// Of an action, when it was written down, whoever has had it since.
    #[serde(default)]
    pub written_at: Option<DateTime<Utc>>,
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

/// Which clocks run for a task, and whether the end of the incident is its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Part of the incident: minutes, and over with it.
    #[default]
    Task,
    /// So that it does not happen again: days, and not over before it is done.
    Action,
    /// An action for which there is no time now: waits to be planned.
    Parked,
}

impl TaskKind {
    /// `task` or `action`, as a sentence says it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Action | Self::Parked => "action",
        }
    }
}

/// How a task came to its end, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub how: Ending,
    pub at: DateTime<Utc>,
    /// Whose word it was; `None` where nobody said so.
    #[serde(default)]
    pub by: Option<Person>,
    /// What they said of it.
    #[serde(default)]
    pub why: String,
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
    /// It will not be done: somebody who may accepts the risk.
    Dropped,
}

impl Ending {
    /// `done`, as it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Overtaken => "overtaken",
            Self::Dropped => "dropped",
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
    /// The task or the action with this number, ended or not.
    pub fn task(&self, seq: i64) -> Option<&Task> {
        self.tasks.iter().find(|task| task.seq == seq)
    }

    /// The tasks that are still to be done.
    pub fn open_tasks(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.kind == TaskKind::Task && task.is_open())
    }

    /// Every action, in the order in which they were written down; ended and parked ones too.
    pub fn actions(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.kind != TaskKind::Task)
    }

    /// Whether any action was written down, whatever became of it.
    pub fn has_actions(&self) -> bool {
        self.actions().next().is_some()
    }

    /// The actions that somebody is asked to do, and has not done yet.
    pub fn open_actions(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.kind == TaskKind::Action && task.is_open())
    }

    /// Who decides about actions that nobody wants to do, and answers for what is dropped: the owner of
    /// the postmortem, who commanded, or who reported it where there is neither.
    pub fn action_decider(&self) -> &Person {
        let owner = self.postmortem.as_ref().map(|postmortem| &postmortem.owner);
        owner.or(self.commander()).unwrap_or(&self.reporter)
    }

    /// Those of one person.
    pub fn open_tasks_of<'a>(&'a self, owner: &'a Address) -> impl Iterator<Item = &'a Task> {
        self.open_tasks().filter(|task| task.owner.address == *owner)
    }
}

/// What somebody wants to know of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub seq: i64,
    pub by: Person,
}

/// A question that would take people off the incident: kept until it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub seq: i64,
    pub by: Person,
    pub text: String,
    pub at: DateTime<Utc>,
}
