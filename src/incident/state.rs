//! What is true of an incident now: the row that is the truth.
//!
//! Serialised as JSON into the incident's row; every field added later needs a default. The
//! timeline, which is for people, lies beside it and is never read back to decide anything.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::alerts::Alerts;
use super::decision::Change;
use super::drill::Playing;
use super::page::Page;
use super::proposal::Proposal;
use super::related::{Duplicate, Part};
use super::statement::Statements;
use super::task::{Parked, Question, Task};
use super::{Phase, Role, Severity};
use crate::mail::Address;
use crate::mail::command::Line;

/// An incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// `42` of `INC-42`.
    pub number: i64,
    pub title: String,
    /// The title it was declared with: the subject of its whole mail thread, which never changes,
    /// because mail clients split a thread whose subject does.
    pub thread_title: String,
    pub summary: Option<String>,
    pub impact: Option<String>,
    pub severity: Severity,
    /// Nobody stated it: the configured default is assumed.
    pub severity_assumed: bool,
    /// The worst that somebody stated; decides the postmortem.
    pub severity_highest: Severity,
    pub phase: Phase,
    /// Nobody has stated the phase yet.
    pub phase_assumed: bool,
    pub private: bool,
    pub drill: bool,
    /// What is played to those who take part in the drill.
    #[serde(default)]
    pub script: Option<Playing>,
    /// Why the wide lists do not get this incident's mail yet.
    pub wide_mail: WideMail,
    pub reporter: Person,
    pub declared_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub detected_at: Option<DateTime<Utc>>,
    pub resolved_at: Option<DateTime<Utc>>,
    pub closed_at: Option<DateTime<Utc>>,
    /// What fixed it, or why it was cancelled.
    pub outcome: Option<String>,
    pub command: Command,
    /// Since when the incident has had a commander, the first time. For the figures.
    pub first_commanded_at: Option<DateTime<Utc>>,
    /// Deputy, scribe, liaison, experts, responders; the reporter and followers are none of them.
    pub roles: Vec<RoleHeld>,
    pub services: Vec<String>,
    pub links: Vec<String>,
    pub coordination: Coordination,
    /// Ended ones included, in the order in which they were given.
    #[serde(default)]
    pub tasks: Vec<Task>,
    /// Ended ones included, in the order in which they were made.
    #[serde(default)]
    pub proposals: Vec<Proposal>,
    /// Questions that wait until it is over.
    #[serde(default)]
    pub parked: Vec<Parked>,
    /// Questions to owners of actions, so that the answer finds whoever asked.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// Names of the templates that were used: each gives its first tasks once.
    #[serde(default)]
    pub templates: Vec<String>,
    pub customers_affected: Option<bool>,
    /// What customers were told.
    #[serde(default)]
    pub statements: Statements,
    /// Official updates.
    pub updates: Updates,
    /// Changes that the next follow-up names.
    pub untold: Vec<Change>,
    /// How far the chase for missing fields has come.
    pub missing_chase: Climb,
    /// Exists from the first resolve on.
    pub postmortem: Option<Postmortem>,
    /// What monitoring said of it, by group.
    #[serde(default)]
    pub alerts: Vec<Alerts>,
    /// How often somebody was asked whether it is over, because every alert has recovered.
    #[serde(default)]
    pub recovery: Climb,
    /// The rule whose alert declared it: its reporter is who answers for it.
    #[serde(default)]
    pub declared_by_rule: Option<String>,
    /// Changes asked for by an unverified sender, waiting for one `confirm`.
    pub unconfirmed: Vec<Unconfirmed>,
    /// Whose mail did not arrive: others heard of it, and need not hear of every mail.
    #[serde(default)]
    pub unreachable: BTreeSet<Address>,
    /// Who missed a mail because it was late, or may have: told of once, too.
    #[serde(default)]
    pub missed: BTreeSet<Address>,
    /// Raised to void every token handed out before.
    pub token_epoch: u32,
    /// The same for the tokens of one address, beyond those of all.
    #[serde(default)]
    pub token_epochs: BTreeMap<Address, u32>,
    /// Who was paged beside the commander, and for what.
    #[serde(default)]
    pub pages: Vec<Page>,
    /// How far the present commander was asked to hand over.
    #[serde(default)]
    pub handover_climb: Climb,
    /// Responders who were reminded to rest, once each.
    #[serde(default)]
    pub told_to_rest: BTreeSet<Address>,
    /// The commander heard that too many report to them.
    #[serde(default)]
    pub told_to_split: bool,
    /// The incident of which this one is a duplicate, while its phase is `merged`.
    #[serde(default)]
    pub duplicate_of: Option<i64>,
    /// Those that are duplicates of this one.
    #[serde(default)]
    pub duplicates: Vec<Duplicate>,
    /// The incident of which this one is a part.
    #[serde(default)]
    pub part_of: Option<i64>,
    /// The parts of this one, in the order in which they came.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// When anybody last wrote.
    pub last_entry_at: DateTime<Utc>,
    /// The `#n` that the next timeline entry, task or proposal gets.
    pub next_seq: i64,
}

/// Somebody, as far as an incident needs to know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Where their mail goes: the roster's first address where they are in it.
    pub address: Address,
    /// Empty when we know none.
    pub name: String,
}

impl Person {
    /// The name, or the address where there is none.
    pub fn shown(&self) -> &str {
        if self.name.is_empty() { self.address.as_str() } else { &self.name }
    }
}

/// Whether lists and stakeholders get this incident's mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WideMail {
    /// They do: those of a drill, and of a private incident no more than that there is one.
    #[serde(alias = "held_for_kind")]
    Sent,
    /// The reporter is not verified yet: until `confirm`, or until somebody takes command.
    HeldForConfirmation,
}

/// Exactly one commander, or exactly one open offer of command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Nobody commands; these were asked.
    Offered {
        to: Vec<Person>,
        offered_at: DateTime<Utc>,
        climb: Climb,
        /// Leadership heard that nobody commands.
        leadership_told: bool,
    },
    /// Somebody does; perhaps they offered it on.
    Held { by: Person, since: DateTime<Utc>, offered_on: Option<Handover> },
}

/// Command offered by somebody who holds it, or by the ladder on their silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    pub to: Person,
    pub offered_at: DateTime<Utc>,
    /// The commander asked for it; otherwise their silence did.
    pub by_commander: bool,
}

/// A role and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleHeld {
    pub role: Role,
    pub person: Person,
    /// What of, for an expert.
    pub remark: Option<String>,
    pub asked_at: DateTime<Utc>,
    /// `None` until they answer `ack`.
    pub accepted_at: Option<DateTime<Utc>>,
}

/// Where the team coordinates, where this incident says something else than the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coordination {
    pub bridge: Option<String>,
    pub chat: Option<String>,
    pub doc: Option<String>,
}

/// Official updates: the last, the next, and how far its ladder has been climbed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Updates {
    /// The clock of the next one runs from here: the last update, or taking command.
    pub counted_from: Option<DateTime<Utc>>,
    pub first_at: Option<DateTime<Utc>>,
    /// A promise that replaces the cadence once.
    pub promised_at: Option<DateTime<Utc>>,
    pub climb: Climb,
    /// Updates sent before and after they were due, for the digest.
    pub on_time: u32,
    pub late: u32,
}

/// How far a ladder of reminders has been climbed. A new obligation starts with a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Climb {
    /// Rungs done, repeats after the last rung included.
    pub done: u32,
    /// When the last of them was, as planned, or as it happened when it was late.
    pub last_at: Option<DateTime<Utc>>,
}

/// What is owed after the incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postmortem {
    /// Who writes it: the commander until somebody is named.
    pub owner: Person,
    /// Somebody was named, so the commander is not asked any more.
    pub owner_named: bool,
    /// `None` where the severity asks for no date.
    pub due_at: Option<DateTime<Utc>>,
    /// When the clock of the postmortem started.
    pub owed_since: DateTime<Utc>,
    /// By heading of the policy.
    pub sections: BTreeMap<String, String>,
    pub submitted_at: Option<DateTime<Utc>>,
    pub published_at: Option<DateTime<Utc>>,
    /// Why there will be none, and who said so.
    pub waived: Option<String>,
    pub owner_climb: Climb,
    pub climb: Climb,
}

impl Postmortem {
    /// Neither published nor waived.
    pub fn is_owed(&self) -> bool {
        self.published_at.is_none() && self.waived.is_none()
    }
}

/// Lines of somebody whose address is known and whose mail proved nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    pub by: Person,
    pub lines: Vec<Line>,
    pub prose: String,
    pub asked_at: DateTime<Utc>,
}

impl Incident {
    /// An incident of which no more is known than what it is called, how bad it is, and who said so:
    /// nobody was asked to command it yet.
    pub fn new(
        number: i64,
        title: &str,
        severity: Severity,
        reporter: Person,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            number,
            title: title.to_owned(),
            thread_title: title.to_owned(),
            summary: None,
            impact: None,
            severity,
            severity_assumed: false,
            severity_highest: severity,
            phase: Phase::Triage,
            phase_assumed: true,
            private: false,
            drill: false,
            script: None,
            wide_mail: WideMail::Sent,
            reporter,
            declared_at: at,
            started_at: None,
            detected_at: None,
            resolved_at: None,
            closed_at: None,
            outcome: None,
            command: Command::Offered {
                to: Vec::new(),
                offered_at: at,
                climb: Climb::default(),
                leadership_told: false,
            },
            first_commanded_at: None,
            roles: Vec::new(),
            services: Vec::new(),
            links: Vec::new(),
            coordination: Coordination::default(),
            tasks: Vec::new(),
            proposals: Vec::new(),
            parked: Vec::new(),
            questions: Vec::new(),
            templates: Vec::new(),
            customers_affected: None,
            statements: Default::default(),
            updates: Updates::default(),
            untold: Vec::new(),
            missing_chase: Climb::default(),
            unreachable: Default::default(),
            missed: Default::default(),
            postmortem: None,
            alerts: Vec::new(),
            recovery: Climb::default(),
            declared_by_rule: None,
            unconfirmed: Vec::new(),
            token_epoch: 0,
            token_epochs: BTreeMap::new(),
            pages: Vec::new(),
            handover_climb: Default::default(),
            told_to_rest: Default::default(),
            told_to_split: false,
            duplicate_of: None,
            duplicates: Vec::new(),
            part_of: None,
            parts: Vec::new(),
            last_entry_at: at,
            next_seq: 1,
        }
    }

    /// `INC-42`.
    pub fn key(&self) -> String {
        format!("INC-{}", self.number)
    }

    /// The commander, where there is one.
    pub fn commander(&self) -> Option<&Person> {
        match &self.command {
            Command::Held { by, .. } => Some(by),
            Command::Offered { .. } => None,
        }
    }

    /// The epoch of the tokens that are given to an address: those of an earlier one are void.
    pub fn token_epoch_of(&self, address: &Address) -> u32 {
        self.token_epoch + self.token_epochs.get(address).copied().unwrap_or_default()
    }

    /// The roles that somebody has, not only was asked to take.
    pub fn accepted(&self) -> impl Iterator<Item = &RoleHeld> {
        self.roles.iter().filter(|held| held.accepted_at.is_some())
    }

    /// Whoever commands, or is asked to, and those with a role: everybody who gets a copy of each note.
    /// Somebody with several roles comes several times.
    pub fn at_work(&self) -> impl Iterator<Item = &Person> {
        let commanding: Vec<&Person> = match &self.command {
            Command::Offered { to, .. } => to.iter().collect(),
            Command::Held { by, .. } => vec![by],
        };
        commanding.into_iter().chain(self.accepted().map(|held| &held.person))
    }

    /// Whether somebody named this address in this incident, by a role or by having declared it.
    pub fn names(&self, address: &Address) -> bool {
        self.roles.iter().any(|held| held.person.address == *address)
            || self.commander().is_some_and(|commander| commander.address == *address)
    }

    /// Whether somebody has to do with this incident: named in it, who reported it, who was asked to
    /// command, who was given a task, who owes its postmortem.
    pub fn concerns(&self, address: &Address) -> bool {
        let is = |person: &Person| person.address == *address;
        let asked = match &self.command {
            Command::Offered { to, .. } => to.iter().any(is),
            Command::Held { offered_on, .. } => {
                offered_on.as_ref().is_some_and(|handover| is(&handover.to))
            }
        };
        asked
            || self.names(address)
            || self.pages.iter().any(|page| page.asked.iter().any(is))
            || is(&self.reporter)
            || self.duplicates.iter().any(|duplicate| duplicate.reporter.as_ref().is_some_and(is))
            || self.tasks.iter().any(|task| is(&task.owner))
            || self.postmortem.as_ref().is_some_and(|postmortem| is(&postmortem.owner))
    }

    /// Whether somebody may be told anything of it.
    pub fn lets_know(&self, address: &Address) -> bool {
        !self.private || self.concerns(address)
    }

    /// Accepted a role, acknowledged a page, wrote `join`, commands; the reporter too, who is asked
    /// for the facts that are missing.
    pub fn is_responder(&self, address: &Address) -> bool {
        self.reporter.address == *address
            || self.commander().is_some_and(|commander| commander.address == *address)
            || self.accepted().any(|held| held.person.address == *address)
    }

    /// What somebody has to do here, as a sentence names it: `commander`, `scribe`, `owner of task #7`.
    pub fn duties_of(&self, address: &Address) -> Vec<String> {
        let commands = self.commander().is_some_and(|commander| commander.address == *address);
        let theirs = self.accepted().filter(|held| held.person.address == *address);
        let tasks = self.open_tasks_of(address).map(|task| format!("owner of task #{}", task.seq));
        let commander = commands.then(|| "commander".to_owned());
        commander
            .into_iter()
            .chain(theirs.map(|held| held.role.name().to_owned()))
            .chain(tasks)
            .collect()
    }

    /// Commander or deputy.
    pub fn is_commanding(&self, address: &Address) -> bool {
        self.commander().is_some_and(|commander| commander.address == *address)
            || self.holder(Role::Deputy).is_some_and(|deputy| deputy.address == *address)
    }

    /// Commander, deputy or liaison: whose words may go to everybody.
    pub fn speaks_officially(&self, address: &Address) -> bool {
        self.is_commanding(address)
            || self.holder(Role::Liaison).is_some_and(|liaison| liaison.address == *address)
    }

    /// Who accepted a role that only one can have.
    pub fn holder(&self, role: Role) -> Option<&Person> {
        self.roles
            .iter()
            .find(|held| held.role == role && held.accepted_at.is_some())
            .map(|held| &held.person)
    }
}
