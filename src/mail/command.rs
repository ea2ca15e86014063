//! What people write to Firebell: the lines of a mail's new text that change something.
//!
//! A line is a field (`Severity: SEV-2`), a sentence of its own (`I have command`), or prose. This
//! file knows how each is written; who may write it and what it does, it does not know. Start with
//! [`Command`], the closed list, and [`read_commands`], which fills it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::incident::{Phase, Role, Severity};

mod courtesies;
mod cover;
mod fields;
mod reading;
mod sentences;
mod subject;
mod text;
mod times;
mod values;

pub use cover::Cover;
pub use reading::read_commands;
pub use subject::{TITLE_CHARS_MAX, is_forwarded, read_subject, read_tag};
pub use values::is_script_name;

/// One thing a person may ask for, as typed. Persons are not looked up yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    Severity(Severity),
    Phase(Phase),
    Title(String),
    Summary(String),
    Impact(String),
    /// One or more service names, as typed.
    Service(Vec<String>),
    /// When it began, in the nearest past.
    Started(DateTime<Utc>),
    /// When it was noticed, in the nearest past.
    Detected(DateTime<Utc>),
    Link(String),
    Bridge(String),
    Chat(String),
    Doc(String),
    CustomersAffected(bool),
    /// `IC: bob`, `Handover: bob`: offers command to a person named in any way.
    OfferCommand(String),
    /// `I have command`.
    TakeCommand,
    /// `Deputy: bob`, `Expert: carol (database)`: the person, and what stood in brackets.
    Role {
        role: Role,
        person: String,
        remark: Option<String>,
    },
    /// `Release: bob`.
    Release(String),
    /// `Page: payments`, `Page: bob`: services or persons, as typed.
    Page(Vec<String>),
    /// `New token: bob`: whatever was sent to them so far proves nothing any more.
    NewToken(String),
    Join,
    Leave,
    /// `Update: …`: an official follow-up.
    Update(String),
    /// `Note: …`: an entry that is none.
    Note(String),
    NextUpdate(Promise),
    /// `Statement: …`: what customers are to be told, with its title where its first line is one.
    Statement {
        title: Option<String>,
        text: String,
    },
    /// `Next statement: 30m`: when customers hear again, announced with the statement of the same mail.
    NextStatement(Promise),
    /// `approve`, `Approve #7`.
    Approve(Option<i64>),
    Resolved(String),
    Reopen(String),
    Cancel(String),
    Private(bool),
    Drill(bool),
    /// `Drill: database`: a drill that goes by this script.
    DrillScript(String),
    /// `Correct #12: …`.
    Correct {
        seq: i64,
        text: String,
    },
    PostmortemOwner(String),
    WaivePostmortem(String),
    /// A section of the postmortem, by its heading in the policy. Never empty.
    Section {
        heading: String,
        text: String,
    },
    /// `Override: alice 2026-11-22 to 2026-11-24`: takes a shift, when those concerned agree.
    Override(Cover),
    Submit,
    Publish,
    /// `ack`, `ok`, `yes`, `on it`, `got it`: whatever the mail that is answered asked for.
    Ack,
    /// `confirm`: I did write that.
    Confirm,
    Status,
    Help,
    /// `Task: bob check replica lag by 10m`: whom and what, as typed, and by when.
    Task {
        text: String,
        within: Option<Promise>,
    },
    /// `ack #3`.
    TakeOn(i64),
    /// `Reassign #3: carol`.
    Reassign {
        seq: Option<i64>,
        person: String,
    },
    /// `Done #3`, `done`: the task of the mail that is answered where no number stands there.
    Done {
        seq: Option<i64>,
        result: String,
    },
    /// `More time #3: 20m`.
    MoreTime {
        seq: Option<i64>,
        by: Promise,
    },
    /// `Decline #3: why`.
    Decline {
        seq: Option<i64>,
        why: String,
    },
    /// `Propose: roll back to 2.3 (10m)`.
    Propose {
        text: String,
        within: Option<Promise>,
    },
    /// `Risk: …`: of what is proposed beside it, or alone.
    Risk {
        text: String,
        within: Option<Promise>,
    },
    /// `Object #7: why`.
    Object {
        seq: Option<i64>,
        why: String,
    },
    /// `Decision: …`, `Decision #7: …`.
    Decision {
        seq: Option<i64>,
        text: String,
    },
    /// `Later: …`: what is asked again when the incident is over.
    Later(String),
    /// `Duplicate of: INC-41`.
    DuplicateOf(i64),
    /// `Part of: INC-40`; `Part of: none`.
    PartOf(Option<i64>),
    /// `Template: database`: what was prepared for such an incident.
    Template(String),
    /// `Action: Add an alert on lag. Owner: bob. Due: 2026-12-04`; `later` is for when there is time.
    Action {
        what: String,
        owner: Option<String>,
        due: Option<Promise>,
        later: bool,
    },
    /// `Fund 3`: there is time now for what was parked.
    Fund(Option<i64>),
    /// `Drop 7: why`: it will not be done.
    Drop {
        seq: Option<i64>,
        why: String,
    },
    /// `Ask 9: question`, to whoever owns it.
    Ask {
        seq: Option<i64>,
        question: String,
    },
}

impl Command {
    /// Whether it means something of one incident alone: what the answered mail asks for, or a number of its
    /// timeline.
    pub fn refers_to_an_incident(&self) -> bool {
        match self {
            Self::Ack
            | Self::Confirm
            | Self::TakeOn(_)
            | Self::Approve(_)
            | Self::Correct { .. }
            | Self::Reassign { .. }
            | Self::Done { .. }
            | Self::MoreTime { .. }
            | Self::Decline { .. }
            | Self::Object { .. } => true,
            Self::Decision { seq, .. } => seq.is_some(),
            _ => false,
        }
    }
}

/// When somebody promised something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Promise {
    /// So long after the server received the promise.
    Within(#[serde(with = "span_seconds")] TimeDelta),
    /// At that instant.
    At(DateTime<Utc>),
}

/// A line that was meant for Firebell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// As typed, trimmed; with its further lines where the field runs on.
    pub typed: String,
    /// What it asks for, or why it is not understood.
    pub meaning: Result<Command, Misread>,
}

/// Why a line is not understood, and the line to send instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Misread {
    /// A sentence for the person who wrote it, without the line itself.
    pub why: String,
    /// A line that would work, where one can be told.
    pub instead: Option<String>,
    /// The name of the field that was meant, where one can be told: a near miss of `Private` or
    /// `Drill` in a declaration counts as yes.
    #[serde(default)]
    pub field: Option<String>,
}

/// The new text of a mail, split.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Written {
    /// In the order typed. After five unknown lines reading stops.
    pub lines: Vec<Line>,
    /// The rest, paragraphs kept.
    pub prose: String,
    /// More than five lines looked like fields and were none: the guide is the better answer.
    pub gave_up: bool,
}

/// What reading needs to know beside the text.
#[derive(Debug, Clone)]
pub struct Grammar<'a> {
    /// The organisation's zone, for times without one.
    pub zone: &'a crate::roster::zone::Zone,
    /// The headings of the postmortem's sections, each with its aliases.
    pub sections: &'a [crate::learning::postmortem::Section],
    /// The text of the mail that is being answered; a line that stands in it verbatim is no command.
    pub answered_text: Option<&'a str>,
}

/// The title of a report whose subject says nothing.
pub const UNTITLED: &str = "(no subject)";

/// A span as whole seconds, for storage.
pub mod span_seconds {
    use chrono::TimeDelta;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the span.
    ///
    /// # Errors
    ///
    /// The serializer's own.
    pub fn serialize<S: Serializer>(span: &TimeDelta, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(span.num_seconds())
    }

    /// Reads the span.
    ///
    /// # Errors
    ///
    /// The deserializer's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeDelta, D::Error> {
        Ok(TimeDelta::seconds(i64::deserialize(deserializer)?))
    }
}
