//! What follows from an event: the incident as it is now, what its timeline records, and the mails
//! to write. A mail is described here and worded elsewhere.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::{Event, Fate, LineResult, Source};
use super::numbered::kinds;
use super::page::{Page, Wanted};
use super::related::Outline;
use super::state::{Incident, Person};
use super::statement::Published;
use super::{Phase, Role, Severity};
use crate::mail::Address;

/// What [`decide`](super::decide::decide) returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// `None` when nothing changed.
    pub incident: Option<Incident>,
    /// In the order of their numbers, which they have already.
    pub entries: Vec<NewEntry>,
    pub mailings: Vec<Mailing>,
    /// What other incidents are told, by their numbers: it happens to them in the same transaction.
    pub to_others: Vec<(i64, Event)>,
}

/// A line of the timeline to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    pub seq: i64,
    /// When it happened; corrections and facts may lie in the past.
    pub at: DateTime<Utc>,
    /// `None` is Firebell itself.
    pub author: Option<Person>,
    pub verified: bool,
    /// By what, as in [`Speaker::proof`](super::event::Speaker::proof); empty for our own.
    pub proof: String,
    pub kind: EntryKind,
    pub text: String,
    pub source: Source,
}

/// A line of the timeline, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub seq: i64,
    pub at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    /// `None` is Firebell.
    pub author: Option<Address>,
    pub author_name: String,
    pub verified: bool,
    /// By what its author was believed, or why not; empty for our own.
    pub proof: String,
    pub kind: EntryKind,
    pub text: String,
    /// What was cut off the message.
    pub elided: String,
    pub attachments: Vec<Attached>,
    pub message_id: Option<String>,
}

/// A file of a timeline entry, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// Safe to show and to save under.
    pub name: String,
    /// 0 where nobody counted.
    pub size_octets: i64,
    /// The SHA-256 of what it holds in lower-case hexadecimal digits; `None` when only its name is
    /// kept.
    #[serde(rename = "sha256")]
    pub hash: Option<String>,
}

/// What a timeline entry is. The names are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    Declaration,
    FollowUp,
    Note,
    State,
    Task,
    Proposal,
    Reminder,
    Page,
    Statement,
    Postmortem,
    Filed,
}

impl EntryKind {
    /// `follow-up`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declaration => "declaration",
            Self::FollowUp => "follow-up",
            Self::Note => "note",
            Self::State => "state",
            Self::Task => "task",
            Self::Proposal => "proposal",
            Self::Reminder => "reminder",
            Self::Page => "page",
            Self::Statement => "statement",
            Self::Postmortem => "postmortem",
            Self::Filed => "filed",
        }
    }
}

/// A mail to write.
#[derive(Debug, Clone, PartialEq)]
pub struct Mailing {
    /// Never empty; each address once.
    pub to: Vec<Recipient>,
    pub says: Says,
}

/// Who gets a mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// One person: gets their own token.
    Person(Address),
    /// One person who hears of it by a list of ours that they may leave: gets a token for that, too.
    Member { list: String, address: Address },
    /// The address of somebody else's list: one copy, no token, `Cc:` to the incident.
    List(Address),
}

impl Recipient {
    /// Where it goes.
    pub fn address(&self) -> &Address {
        match self {
            Self::Person(address) | Self::Member { address, .. } | Self::List(address) => address,
        }
    }
}

kinds! {
    /// What a mail is for: stored with it, and told by it when somebody answers.
    pub enum Purpose {
        Declaration = "declaration",
        FollowUp = "follow-up",
        Resolution = "resolution",
        Note = "note",
        Page = "page",
        TakeCommand = "take-command",
        RoleOffer = "role-offer",
        /// One line to the pager of somebody who is wanted beside the commander.
        PageResponder = "page-responder",
        /// The same to their mailbox, with what they need to know.
        PageLetter = "page-letter",
        /// Nobody answers a page.
        PageUnanswered = "page-unanswered",
        /// Somebody who may command asks the commander for it.
        CommandWanted = "command-wanted",
        ReminderUpdate = "reminder-update",
        ReminderHandover = "reminder-handover",
        ReminderRest = "reminder-rest",
        ReminderMissing = "reminder-missing",
        ReminderPostmortemOwner = "reminder-postmortem-owner",
        ReminderPostmortem = "reminder-postmortem",
        Reminders = "reminders",
        Receipt = "receipt",
        Confirmation = "confirmation",
        Held = "held",
        Status = "status",
        Guide = "guide",
        PostmortemSkeleton = "postmortem-skeleton",
        /// To customers.
        Statement = "statement",
        /// "Please say something to customers", with a draft.
        StatementDraft = "statement-draft",
        ReminderStatement = "reminder-statement",
        PostmortemGaps = "postmortem-gaps",
        PostmortemPublished = "postmortem-published",
        /// What a drill showed.
        Debrief = "debrief",
        Undeliverable = "undeliverable",
        Digest = "digest",
        /// A shift begins, or changed hands.
        Shift = "shift",
        /// Whether a shift may change hands.
        ShiftRequest = "shift-request",
        /// Whether somebody wants to join or leave a list.
        ListRequest = "list-request",
        /// That they did, or why not.
        ListNews = "list-news",
        Operator = "operator",
        /// "Is it over?", because every alert has recovered, or "it is not", because one fires again.
        Recovery = "recovery",
        /// An alert of no incident: somebody is asked to look at it.
        Alert = "alert",
        /// Mail does not move: to the operator, and of no use once it moves.
        Stuck = "stuck",
        ;
        /// "Will you do this by then?"
        Task = "task",
        /// "Any strong objections?"
        Proposal = "proposal",
        /// Who objects to it and why.
        Objection = "objection",
        /// What became of it.
        ProposalOutcome = "proposal-outcome",
        /// "Is it done, or how long?"
        ReminderTask = "reminder-task",
        /// "May customers be told this?"
        Approval = "approval",
        /// A part of a drill's script.
        Inject = "inject",
        /// "Please do this by that day."
        Action = "action",
        /// "How far is it?"
        ReminderAction = "reminder-action",
        /// What somebody wants to know of an action; the number is the question's own.
        Question = "question",
    }
}

impl Purpose {
    /// Whether an incident waits to hear that a relay took such a mail: a clock runs from there, or the
    /// timeline says so.
    pub fn is_awaited(self) -> bool {
        matches!(self, Self::Proposal(_) | Self::PageResponder | Self::PageLetter)
    }

    /// Whether it is an answer that goes out because somebody wrote, and for no other reason.
    pub fn is_answer(self) -> bool {
        // A held report goes to the commander on call and has a limit of its own: strangers must not use
        // up the answers that the commander gets.
        matches!(
            self,
            Self::Receipt
                | Self::Confirmation
                | Self::Status
                | Self::Guide
                | Self::ListRequest
                | Self::ListNews
        )
    }
}

/// What an objection met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objected {
    /// A proposal that was open, and is stopped by it.
    InTime,
    /// One that another objection has stopped.
    Again,
    /// One that was settled, so long ago.
    Late(String),
}

/// What a mail says. The incident it speaks of is the one the decision returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// The six fields. `to_late_list`: a list that joins later gets it in its present state.
    Declaration,
    /// Key and severity of a private incident, and nothing else, for its lists.
    Restricted,
    /// The four fields, what changed, and the author's words.
    FollowUp {
        by: Option<Person>,
        changes: Vec<Change>,
        text: String,
        update_overdue: bool,
    },
    /// Duration, impact, what fixed it, who owes the postmortem by when.
    Resolution {
        by: Person,
        text: String,
    },
    /// Somebody's note, for responders.
    Note {
        seq: i64,
        by: Person,
        text: String,
        attachments: Vec<String>,
    },
    /// What a person should know though nothing is asked: who commands now, that they may go. In
    /// our words, so it is nobody's note.
    Notice {
        what: String,
        more: String,
    },
    /// One line to a pager: take command.
    Page,
    /// Somebody is wanted: one line to their pager, or a letter.
    PageResponder {
        /// In one page whatever they are wanted for.
        wanted: Vec<Wanted>,
        by: Option<Person>,
        /// Who was paged for it before, and has not answered.
        before: Vec<Person>,
        to_pager: bool,
        /// They acknowledged, and nothing was heard of them.
        again: bool,
    },
    /// Nobody answered a page, at any level.
    PageUnanswered {
        page: Page,
    },
    /// To the commander: somebody who may command asks for it.
    CommandWanted {
        by: Person,
    },
    /// "Will you command?", to one or several.
    TakeCommand {
        asked: Vec<Person>,
        by: OfferedBy,
        answer_by: Option<DateTime<Utc>>,
        then: String,
    },
    /// "Will you be the deputy?"
    RoleOffer {
        role: Role,
        by: Person,
        remark: Option<String>,
    },
    /// "Will you do this by then?"
    Task {
        seq: i64,
    },
    /// "Please do this by that day."
    Action {
        seq: i64,
    },
    /// What somebody wants to know of an action, for its owner.
    Question {
        seq: i64,
        about: i64,
        by: Person,
        text: String,
    },
    /// What became of a task or an action, for whoever gave it and whoever decides about it.
    TaskNews {
        seq: i64,
        by: Person,
        /// `is done`, `takes until …`.
        became: String,
        words: String,
    },
    /// "Please say something to customers", with a draft.
    StatementDraft {
        due_at: Option<DateTime<Utc>>,
    },
    /// "May customers be told this?" The hints are what to look at first.
    Approval {
        seq: i64,
        hints: Vec<String>,
    },
    /// To customers, and with nothing in it that is not theirs to know.
    Statement(Published),
    /// "Any strong objections?"
    Proposal {
        seq: i64,
    },
    /// Who objects and why, with the names of the files that came with it, for whoever commands alone.
    Objection {
        seq: i64,
        by: Person,
        why: String,
        files: Vec<String>,
        when: Objected,
    },
    /// How a proposal ended.
    ProposalOutcome {
        seq: i64,
    },
    /// What whoever commands decided; `answers` is the proposal that it is about.
    Decision {
        seq: i64,
        by: Person,
        what: String,
        answers: Option<i64>,
    },
    /// Something is owed.
    Reminder(Reminder),
    /// What became of each line, because something was not done.
    Receipt {
        results: Vec<LineResult>,
        hint: Option<String>,
    },
    /// "Did you write this?", with the lines and never the prose.
    Confirmation {
        lines: Vec<String>,
    },
    Status,
    Guide,
    PostmortemSkeleton,
    PostmortemGaps {
        missing: Vec<String>,
        wording: Vec<Wording>,
    },
    PostmortemPublished,
    /// A part of the drill's script.
    Inject {
        seq: i64,
    },
    /// What the drill showed, for those who took part.
    Debrief,
    /// Every alert has recovered: is it over?
    Recovered {
        recovered_at: DateTime<Utc>,
    },
    /// It has ended, and an alert of it fires.
    FiresAgain {
        title: String,
    },
    /// A mail of ours did not reach somebody with a role.
    Undeliverable {
        to: Address,
        purpose: Purpose,
        fate: Fate,
        reason: String,
    },
}

impl Says {
    /// What the mail is for.
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::Declaration | Self::Restricted => Purpose::Declaration,
            Self::FollowUp { .. } => Purpose::FollowUp,
            Self::Resolution { .. } => Purpose::Resolution,
            Self::Note { .. } | Self::Notice { .. } | Self::TaskNews { .. } | Self::Decision { .. } => {
                Purpose::Note
            }
            Self::Proposal { seq } => Purpose::Proposal(*seq),
            Self::Objection { seq, .. } => Purpose::Objection(*seq),
            Self::ProposalOutcome { seq } => Purpose::ProposalOutcome(*seq),
            Self::Task { seq } => Purpose::Task(*seq),
            Self::Action { seq } => Purpose::Action(*seq),
            Self::Question { seq, .. } => Purpose::Question(*seq),
            Self::Page => Purpose::Page,
            Self::PageResponder { to_pager: true, .. } => Purpose::PageResponder,
            Self::PageResponder { .. } => Purpose::PageLetter,
            Self::PageUnanswered { .. } => Purpose::PageUnanswered,
            Self::CommandWanted { .. } => Purpose::CommandWanted,
            Self::TakeCommand { .. } => Purpose::TakeCommand,
            Self::RoleOffer { .. } => Purpose::RoleOffer,
            Self::StatementDraft { .. } => Purpose::StatementDraft,
            Self::Approval { seq, .. } => Purpose::Approval(*seq),
            Self::Statement(_) => Purpose::Statement,
            Self::Reminder(reminder) => reminder.owed.purpose(),
            Self::Receipt { .. } => Purpose::Receipt,
            Self::Confirmation { .. } => Purpose::Confirmation,
            Self::Status => Purpose::Status,
            Self::Guide => Purpose::Guide,
            Self::PostmortemSkeleton => Purpose::PostmortemSkeleton,
            Self::PostmortemGaps { .. } => Purpose::PostmortemGaps,
            Self::PostmortemPublished => Purpose::PostmortemPublished,
            Self::Inject { seq } => Purpose::Inject(*seq),
            Self::Debrief => Purpose::Debrief,
            Self::Recovered { .. } | Self::FiresAgain { .. } => Purpose::Recovery,
            Self::Undeliverable { .. } => Purpose::Undeliverable,
        }
    }

    /// Whether its text shows the timeline, which must then be loaded.
    pub fn shows_timeline(&self) -> bool {
        match self {
            Self::PostmortemSkeleton | Self::PostmortemPublished | Self::Status => true,
            // Who takes over reads what was said last.
            Self::TakeCommand { by, .. } => {
                matches!(by, OfferedBy::Commander(_) | OfferedBy::CommanderSilent(_))
            }
            _ => false,
        }
    }
}

/// Who or what offers command.
#[derive(Debug, Clone, PartialEq)]
pub enum OfferedBy {
    /// The declaration: nobody commands yet.
    Declaration,
    /// Nobody answered the offer before.
    Silence,
    /// The commander hands over.
    Commander(Person),
    /// The commander did not answer the reminders.
    CommanderSilent(Person),
    /// Nobody offers it to the reader: leadership hears that nobody commands.
    ToldLeadership,
}

/// What changed, for the first lines of a follow-up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    Severity {
        from: Severity,
        to: Severity,
    },
    Phase {
        from: Phase,
        to: Phase,
    },
    Commander {
        from: Option<Person>,
        to: Person,
    },
    RoleTaken {
        role: Role,
        person: Person,
    },
    Impact,
    CustomersAffected(bool),
    NextUpdate(DateTime<Utc>),
    /// It is a drill from now on, or none any more.
    Drill(bool),
    /// By consent, or by whoever commands.
    Decided {
        what: String,
    },
    Reopened {
        why: String,
    },
    Cancelled {
        why: String,
    },
    /// It turned out to be another one.
    DuplicateOf(Outline),
    /// Another one turned out to be this.
    HasDuplicate(i64),
}

/// A reminder to one or several people of one thing owed.
#[derive(Debug, Clone, PartialEq)]
pub struct Reminder {
    pub owed: Owed,
    pub owed_by: Person,
    /// Not yet due, due now, or since when overdue.
    pub due_at: Option<DateTime<Utc>>,
    /// The ones this goes to beyond who owes it are told why they get it.
    pub escalated: bool,
    /// Its readers may do themselves what is owed.
    pub can_act: bool,
    /// Missing fields, which are chased with every update reminder.
    pub missing: Vec<&'static str>,
}

/// What can be owed.
#[derive(Debug, Clone, PartialEq)]
pub enum Owed {
    Update {
        due_at: DateTime<Utc>,
    },
    /// `what`, `severity`, `phase`, `commander`, `coordination`, `involved`.
    Missing {
        fields: Vec<&'static str>,
    },
    /// Somebody has commanded for long.
    Handover {
        since: DateTime<Utc>,
        urge: Urge,
    },
    /// Somebody has worked on it for long: each with since when.
    Rest {
        people: Vec<(Person, DateTime<Utc>)>,
    },
    Task {
        seq: i64,
        what: String,
        due_at: DateTime<Utc>,
    },
    Action {
        seq: i64,
        what: String,
        due_at: DateTime<Utc>,
    },
    /// A statement for customers; `waits` is the number of one that only has to be approved.
    Statement {
        due_at: DateTime<Utc>,
        waits: Option<i64>,
    },
    PostmortemOwner,
    Postmortem {
        due_at: Option<DateTime<Utc>>,
    },
}

/// How strongly a handover is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urge {
    Suggested,
    Asked,
    Insisted,
}

impl Owed {
    /// What a reminder of this alone is for.
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::Update { .. } => Purpose::ReminderUpdate,
            Self::Missing { .. } => Purpose::ReminderMissing,
            Self::Handover { .. } => Purpose::ReminderHandover,
            Self::Rest { .. } => Purpose::ReminderRest,
            Self::Task { seq, .. } => Purpose::ReminderTask(*seq),
            Self::Action { seq, .. } => Purpose::ReminderAction(*seq),
            Self::Statement { .. } => Purpose::ReminderStatement,
            Self::PostmortemOwner => Purpose::ReminderPostmortemOwner,
            Self::Postmortem { .. } => Purpose::ReminderPostmortem,
        }
    }
}

/// A passage of a postmortem that blames or is vague, and a better wording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    pub heading: String,
    pub passage: String,
    pub suggestion: String,
}
