//! What the organisation configured, as the rules read it. Read from the configuration once;
//! immutable afterwards.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use super::customers::CustomersPolicy;
use super::drill::Script;
use super::template::Template;
use super::{Incident, Severity};
use crate::alerts::Rule;
use crate::learning::digest::DigestPolicy;
use crate::learning::postmortem::Section;
use crate::mail::{Address, OwnAddress};
use crate::roster::calendar::Calendar;
use crate::roster::{List, ListKind, Roster};

/// Everything a rule may depend on beside the incident, the event and the time.
#[derive(Debug, Clone)]
pub struct Policy {
    pub address: OwnAddress,
    /// The organisation's name for this service, such as `Example incidents`.
    pub name: String,
    /// What counts as an incident here, for every declaration.
    pub incident_means: String,
    /// Zone, working hours and holidays.
    pub calendar: Calendar,
    pub roster: Roster,
    pub default_severity: Severity,
    /// By [`Severity::index`].
    pub severities: [SeverityPolicy; 5],
    /// Where the team coordinates when nobody said otherwise.
    pub bridge: Option<String>,
    pub chat: Option<String>,
    /// The ladder of a late update, for SEV-1, SEV-2 and SEV-3.
    pub update_ladder: Ladder,
    /// The same for SEV-4 and SEV-5.
    pub update_ladder_minor: Ladder,
    /// How long a task takes where nobody said.
    pub task_within: TimeDelta,
    /// How long silence must last to be consent, where nobody said.
    pub proposal_within: TimeDelta,
    /// When a task's time is up.
    pub task_ladder: Ladder,
    /// When the owner of an action is asked, counted from the beginning of the day it is due; each is
    /// sent when that day's work begins.
    pub action_ladder: Ladder,
    /// When missing fields are asked for, after the declaration.
    pub missing_ladder: Ladder,
    /// When the commander of a SEV-1 or SEV-2 is asked to hand over, from taking command.
    pub handover_ladder: Ladder,
    /// After so long a responder of a SEV-1 or SEV-2 is reminded to rest.
    pub rest_after: TimeDelta,
    pub paging: PagingPolicy,
    /// From [`PostmortemPolicy::owner_within`] on.
    pub postmortem: PostmortemPolicy,
    /// What customers are told, how often and in which words.
    pub customers: CustomersPolicy,
    /// Names of the lists that get the mail of drills.
    pub drill_notify: Vec<String>,
    /// What may be played in drills.
    pub drill_scripts: Vec<Script>,
    /// Declarations that were prepared.
    pub templates: Vec<Template>,
    pub digests: Vec<DigestPolicy>,
    /// What monitoring systems send; the first that matches counts.
    pub alerts: Vec<Rule>,
    /// Where people reach the pages; `None` where there are none.
    pub web_url: Option<String>,
    /// Lists are left with one click, too: the pages are reached over TLS, and what says so is signed
    /// (RFC 8058 section 4).
    pub one_click: bool,
    /// Told what nobody else can mend.
    pub operator: Option<Address>,
    /// The operator is told when mail waits for the relay for longer.
    pub stuck_after: TimeDelta,
    /// Mails to one person within an hour of the clock; notes and updates beyond it wait for its end.
    pub per_person_per_hour: u32,
    /// Octets that are kept of messages without effect, in all.
    pub unproven_octets_max: u64,
    pub declare_from: DeclareFrom,
    /// Whose `Authentication-Results` are believed (RFC 8601).
    pub authserv_ids: Vec<String>,
    /// Open to closed, where no postmortem is owed.
    pub close_within: TimeDelta,
}

/// How those are paged who are wanted beside the commander.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagingPolicy {
    /// Without an answer for so long, the next level is paged.
    pub level_within: TimeDelta,
    /// So long after an acknowledgement of which nothing came, in a SEV-1 or SEV-2, the same person is
    /// asked once more; `None` is never.
    pub ack_lapses_after: Option<TimeDelta>,
}

/// Who may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclareFrom {
    /// A stranger's report waits until somebody known accepts it.
    Known,
    /// A stranger's report is treated as that of a known person who proved nothing.
    Anyone,
}

/// What a severity means and what it demands.
#[derive(Debug, Clone, PartialEq)]
pub struct SeverityPolicy {
    pub meaning: String,
    /// Names of lists that get the declaration; those that do not exist are left out.
    pub notify: Vec<String>,
    /// How long an offer of command stands before the next is asked.
    pub take_command_within: Span,
    /// From the declaration to leadership hearing that nobody commands; `None` is never.
    pub leadership_within: Option<TimeDelta>,
    /// At most so long between official updates: triage and investigating, identified, monitoring.
    pub update_every: [Span; 3],
    pub postmortem: PostmortemDuty,
    /// How long an action takes where nobody said.
    pub actions_within: TimeDelta,
}

/// What a severity asks for after the incident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PostmortemDuty {
    /// Due so long after resolve, at the end of that working day.
    Within(Span),
    /// Asked for once, without a date.
    AskedOnce,
    None,
}

/// A span of real or of working time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    Clock(TimeDelta),
    /// Whole business days; for a deadline, to the end of the last of them.
    BusinessDays(u32),
    /// One working hour from now, or from the next opening.
    NextWorkingHour,
}

/// Reminders before and after something is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Ladder {
    /// In the order of their time.
    pub rungs: Vec<Rung>,
    /// After the last rung.
    pub then: Option<Repeat>,
}

/// One reminder.
#[derive(Debug, Clone, PartialEq)]
pub struct Rung {
    pub at: RungAt,
    pub to: Vec<Party>,
}

/// When a rung is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RungAt {
    /// From the due time; negative is before.
    Offset(TimeDelta),
    /// So many per cent of the business time between the start of the obligation and its due time.
    BusinessPercent(u8),
    /// At this local time on the day it is due.
    DueDayAt(NaiveTime),
    /// At the start of the n-th business day after the day it is due.
    BusinessDaysAfter(u32),
}

/// What goes on after the last rung.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    pub every: Span,
    pub to: Vec<Party>,
    /// So that a ladder always ends.
    pub at_most: u32,
}

/// Whom a rung reminds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// Who owes it.
    Owner,
    Reporter,
    Commander,
    Deputy,
    Liaison,
    /// The list `leadership`, where it exists.
    Leadership,
}

/// The postmortem's own rules.
#[derive(Debug, Clone, PartialEq)]
pub struct PostmortemPolicy {
    /// What the organisation calls it.
    pub name: String,
    /// In the order of the skeleton.
    pub sections: Vec<Section>,
    /// After resolve, until an owner must be named.
    pub owner_within: TimeDelta,
    /// Chases the naming of an owner; counted from the due time.
    pub owner_ladder: Ladder,
    pub ladder: Ladder,
}

impl Policy {
    /// The rules of one severity.
    pub fn severity(&self, severity: Severity) -> &SeverityPolicy {
        &self.severities[severity.index()]
    }

    /// The template of this name, in any case.
    pub fn template(&self, name: &str) -> Option<&Template> {
        self.templates.iter().find(|template| template.name.eq_ignore_ascii_case(name))
    }

    /// The script of drills of this name, in any case.
    pub fn drill_script(&self, name: &str) -> Option<&Script> {
        self.drill_scripts.iter().find(|script| script.name.eq_ignore_ascii_case(name))
    }

    /// Names of the lists that an incident is told to at a severity: a drill has its own.
    pub fn notified(&self, incident: &Incident, severity: Severity) -> &[String] {
        if incident.drill { &self.drill_notify } else { &self.severity(severity).notify }
    }

    /// Whether an incident is told to an address as a member of a list of ours. Who is on a list of
    /// somebody else's nobody knows, and what is private is told to no list.
    pub fn tells_by_list(&self, address: &Address, incident: &Incident) -> bool {
        let names = self.notified(incident, incident.severity_highest);
        let is_member =
            |list: &List| matches!(&list.kind, ListKind::Own(members) if members.contains(address));
        !incident.private && names.iter().filter_map(|name| self.roster.list(name)).any(is_member)
    }

    /// `span` after `from`, in the organisation's calendar.
    pub fn after(&self, from: DateTime<Utc>, span: Span) -> DateTime<Utc> {
        match span {
            Span::Clock(delta) => from + delta,
            Span::BusinessDays(days) => self.calendar.business_days_after(from, days),
            // An hour of somebody's working time, wherever it begins.
            Span::NextWorkingHour => {
                self.calendar.next_working(self.calendar.next_working(from) + TimeDelta::hours(1))
            }
        }
    }
}
