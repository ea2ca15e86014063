//! What can happen to an incident. Every input becomes one of these, whoever it came from.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::alerts::Alerted;
use super::deadlines::DeadlineKind;
use super::decision::Purpose;
use super::related::{Others, Related};
use super::state::Person;
use crate::mail::command::{Line, Written};
use crate::mail::{Address, Attachment};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Somebody reports that something is wrong. Only for an incident that does not exist yet.
    Declared(Declared),
    /// Somebody wrote, by mail or on the page.
    Said(Said),
    /// A message belongs here and may do nothing: a machine's, an unverified note, a repeated answer.
    Filed(Filed),
    /// Monitoring says something of it.
    Alerted(Alerted),
    /// Another incident tells something that concerns this one.
    Related(Related),
    /// A deadline's instant passed. It may ring late or twice.
    Passed(DeadlineKind),
    /// The operator makes all tokens void that somebody was given.
    TokensVoided { of: Person },
    /// Somebody who has something to do in it left a list that hears of it.
    LeftList { who: Person, list: String },
    /// A relay took a mail of ours of which the incident waits to hear that.
    Taken { to: Address, purpose: Purpose, at: DateTime<Utc>, answer: String },
    /// A mail of ours did not reach somebody, or perhaps did not; the reason is what is known of it.
    Undeliverable { to: Address, purpose: Purpose, fate: Fate, reason: String },
}

/// What became of a mail that was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The relay, or a delivery report, says that it never arrives.
    Refused,
    /// It was not sent, because its address is known to be no mailbox.
    Withheld,
    /// The relay did not take it while it was of use; of the address that says nothing.
    Late,
    /// The relay did not say whether it took it.
    Unknown,
}

/// How far we believe that somebody is who they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Proven, by what `interpret::belief` lists.
    Verified,
    /// An address that we know, and no proof.
    Unverified,
    /// Neither.
    Stranger,
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Speaker {
    pub person: Person,
    pub trust: Trust,
    /// In the roster, of a configured domain, or named in this incident by its commander.
    pub known: bool,
    /// By what they are believed, or why not: `token`, `login`, `nothing; dmarc=fail …`. For people;
    /// nothing is decided by it.
    pub proof: String,
}

/// A report.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    pub by: Speaker,
    /// Who accepted it, when a stranger reported.
    pub accepted_by: Option<Person>,
    /// The number that the new incident gets.
    pub number: i64,
    pub title: String,
    /// Stated by the subject or the address.
    pub severity: Option<super::Severity>,
    pub private: bool,
    pub drill: bool,
    pub written: Written,
    /// The incidents that its lines name.
    pub others: Others,
    pub source: Source,
    /// The alert that declares it; `by` then is who answers for it, and whose words it are not.
    pub alert: Option<Box<Alerted>>,
}

/// A message to an incident that exists.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub by: Speaker,
    pub written: Written,
    /// What the mail asked for that is being answered, where we know it.
    pub answering: Option<Purpose>,
    /// When that mail was written: which of several requests a `confirm` answers.
    pub answered_at: Option<DateTime<Utc>>,
    /// Who wrote the entries that the lines mean to correct.
    pub entry_authors: BTreeMap<i64, Address>,
    /// A duplicate of the incident, to which they wrote; where they are to be told that it is one.
    pub led_from: Option<i64>,
    /// The incidents that the lines name, those that wait for a confirmation included.
    pub others: Others,
    pub source: Source,
}

/// What a timeline entry keeps of the message it came from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    /// Without brackets.
    pub message_id: Option<String>,
    /// Quotation and signature that were cut off.
    pub elided: String,
    /// The files that came with it.
    pub attachments: Vec<Attachment>,
    /// The address that it came from, where that is not its author's: it carried the author's token.
    pub written_from: Option<Address>,
    /// No answer to the sender may go out: the message came through a list.
    pub no_receipt: bool,
}

/// A message that is kept without effect.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filed {
    pub from: Option<Person>,
    /// Why it did nothing: `automatic reply`, `unverified sender`.
    pub why: String,
    /// By what its sender was believed, or why not, as in [`Speaker::proof`]; empty for our own.
    pub proof: String,
    pub text: String,
    pub source: Source,
}

/// Why a report waits for somebody known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Nobody knows its sender.
    Stranger,
    /// It has not exactly one author (RFC 5322 section 3.6.2 allows several).
    Unsigned,
    /// Somebody known sent more than people declare in an hour.
    TooMany,
    /// Monitoring declares more than can be looked at one by one.
    TooManyAlerts,
    /// Somebody known answers a mail that belongs to no incident, or names an incident that does not
    /// exist, and nothing proves who they are: they cannot be asked what they meant.
    Nowhere,
    /// Somebody who takes no part in an incident names it in the subject, where anybody could.
    Names(i64),
}

/// What became of one line of a mail, for its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineResult {
    pub line: Line,
    pub outcome: Outcome,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Done; what it was understood as, with full dates.
    Done(String),
    /// Not done: why, and the line to send instead where there is one.
    Refused { why: String, instead: Option<String> },
}
