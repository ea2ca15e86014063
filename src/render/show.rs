//! An incident as programs and terminals see it: the object of `incident show --json`, whose keys
//! are stable, the same with all that was kept for an export, and the same as text.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::alert::alert_lines;
use super::related::outline_line;
use super::size;
use crate::incident::alerts::Alerts;
use crate::incident::deadlines::{missing_fields, obligations, update_due};
use crate::incident::decision::Attached;
use crate::incident::drill::Playing;
use crate::incident::proposal::Proposal;
use crate::incident::related::{Part, key_of};
use crate::incident::state::Person;
use crate::incident::statement::Statements;
use crate::incident::task::{Task, TaskKind};
use crate::incident::{Entry, Incident, Policy, Role};

/// The head of an incident, for lists.
#[derive(Debug, Serialize)]
pub struct IncidentHead {
    pub key: String,
    pub title: String,
    pub severity: String,
    pub severity_assumed: bool,
    pub phase: String,
    pub drill: bool,
    pub private: bool,
    pub declared_at: String,
    pub resolved_at: Option<String>,
    pub roles: Roles,
    pub missing: Vec<&'static str>,
    pub next_update_due: Option<String>,
    /// The key of the incident of which it is a duplicate.
    pub duplicate_of: Option<String>,
    /// The key of the incident of which it is a part.
    pub part_of: Option<String>,
}

/// Who has which role: addresses.
#[derive(Debug, Serialize)]
pub struct Roles {
    pub commander: Option<String>,
    pub deputy: Option<String>,
    pub scribe: Option<String>,
    pub liaison: Option<String>,
}

/// All of an incident.
#[derive(Debug, Serialize)]
pub struct IncidentShown {
    #[serde(flatten)]
    pub head: IncidentHead,
    /// As they last told of themselves.
    pub parts: Vec<PartShown>,
    /// Left out where monitoring said nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertsShown>,
    pub timeline: Vec<EntryShown>,
    pub obligations: Vec<ObligationShown>,
    pub tasks: Vec<TaskShown>,
    pub proposals: Vec<ProposalShown>,
    /// What customers were told, and what waits to be.
    pub statements: Vec<StatementShown>,
    pub postmortem: Option<PostmortemShown>,
    pub actions: Vec<ActionShown>,
    /// Of an export alone.
    #[serde(flatten)]
    pub facts: Option<Facts>,
}

/// What an export says beyond the object of `incident show --json`.
#[derive(Debug, Serialize)]
pub struct Facts {
    pub summary: Option<String>,
    pub impact: Option<String>,
    pub bridge: Option<String>,
    pub chat: Option<String>,
    pub doc: Option<String>,
}

/// A part of an incident.
#[derive(Debug, Serialize)]
pub struct PartShown {
    pub key: String,
    /// With no value where it is private.
    pub title: Option<String>,
    pub severity: String,
    pub phase: String,
    /// An address; with no value while nobody commands it, and where it is private.
    pub commander: Option<String>,
}

fn part_shown(part: &Part) -> PartShown {
    let outline = &part.outline;
    PartShown {
        key: outline.key(),
        title: outline.title.clone(),
        severity: outline.severity.to_string(),
        phase: outline.phase.to_string(),
        commander: outline.commander.as_ref().map(|commander| commander.address.to_string()),
    }
}

/// The alerts of one group.
#[derive(Debug, Serialize)]
pub struct AlertsShown {
    pub rule: String,
    pub group: String,
    pub title: String,
    pub count: u32,
    pub last_at: String,
    /// `None` while something of it fires.
    pub recovered_at: Option<String>,
}

/// A line of the timeline.
#[derive(Debug, Serialize)]
pub struct EntryShown {
    pub seq: i64,
    pub at: String,
    pub recorded_at: String,
    pub author: String,
    pub verified: bool,
    /// By what its author was believed, or why not; empty for firebell's own.
    pub proof: String,
    pub kind: &'static str,
    pub text: String,
    pub message_id: Option<String>,
    /// Left out where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attached>,
    /// The quotation and signature that were cut off. Of an export alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elided: Option<String>,
}

/// Something owed.
#[derive(Debug, Serialize)]
pub struct ObligationShown {
    pub kind: &'static str,
    /// An address; several, separated by commas, while command is offered to several.
    pub owed_by: String,
    pub due_at: Option<String>,
    pub stage: u32,
}

/// A task.
#[derive(Debug, Serialize)]
pub struct TaskShown {
    pub seq: i64,
    pub what: String,
    /// An address.
    pub owner: String,
    pub given_by: String,
    pub due_at: String,
    pub accepted_at: Option<String>,
    /// `open`, `done`, `declined`, `overtaken`.
    pub state: &'static str,
    pub ended_at: Option<String>,
}

/// An action.
#[derive(Debug, Serialize)]
pub struct ActionShown {
    pub seq: i64,
    pub what: String,
    /// An address.
    pub owner: String,
    pub given_by: String,
    /// With no value while it is parked.
    pub due_at: Option<String>,
    /// `open`, `parked`, `done`, `declined`, `dropped`.
    pub state: &'static str,
    pub ended_at: Option<String>,
    /// Whose word that was; of one that is dropped, who accepted the risk.
    pub ended_by: Option<String>,
    pub why: Option<String>,
}

fn action_shown(action: &Task) -> ActionShown {
    let ended = action.ended.as_ref();
    let is_parked = action.kind == TaskKind::Parked;
    let state = ended.map_or(if is_parked { "parked" } else { "open" }, |ended| ended.how.name());
    ActionShown {
        seq: action.seq,
        what: action.what.clone(),
        owner: action.owner.address.to_string(),
        given_by: action.given_by.address.to_string(),
        due_at: (!is_parked).then(|| rfc3339(action.due_at)),
        state,
        ended_at: ended.map(|ended| rfc3339(ended.at)),
        ended_by: ended.and_then(|ended| ended.by.as_ref()).map(|by| by.address.to_string()),
        why: ended.map(|ended| ended.why.clone()).filter(|why| !why.is_empty()),
    }
}

/// A proposal.
#[derive(Debug, Serialize)]
pub struct ProposalShown {
    pub seq: i64,
    pub what: String,
    /// An address.
    pub by: String,
    /// Addresses.
    pub asked: Vec<String>,
    pub due_at: Option<String>,
    /// `open`, `agreed`, `stopped`, `undecided`, `decided`, `overtaken`.
    pub state: String,
    pub ended_at: Option<String>,
}

fn proposal_shown(proposal: &Proposal) -> ProposalShown {
    let ended = proposal.ended.as_ref();
    let state = ended.map_or("open", |closed| closed.how.name());
    ProposalShown {
        seq: proposal.seq,
        what: proposal.what.clone(),
        by: proposal.by.address.to_string(),
        asked: proposal.asked.iter().map(|asked| asked.person.address.to_string()).collect(),
        due_at: proposal.due_at().map(rfc3339),
        state: state.split(' ').next().unwrap_or_default().to_owned(),
        ended_at: ended.map(|closed| rfc3339(closed.at)),
    }
}

fn task_shown(task: &Task) -> TaskShown {
    let ended = task.ended.as_ref();
    TaskShown {
        seq: task.seq,
        what: task.what.clone(),
        owner: task.owner.address.to_string(),
        given_by: task.given_by.address.to_string(),
        due_at: rfc3339(task.due_at),
        accepted_at: task.accepted_at.map(rfc3339),
        state: ended.map_or("open", |ended| ended.how.name()),
        ended_at: ended.map(|ended| rfc3339(ended.at)),
    }
}

/// A statement for customers.
#[derive(Debug, Serialize)]
pub struct StatementShown {
    pub seq: i64,
    /// `investigating`, `identified`, `monitoring`, `resolved`, as customers read it.
    pub state: &'static str,
    pub title: Option<String>,
    pub text: String,
    /// An address.
    pub by: String,
    /// An address; with no value while it waits for approval.
    pub approved_by: Option<String>,
    pub published_at: Option<String>,
    /// When customers were promised the next.
    pub next_at: Option<String>,
}

fn statements_shown(statements: &Statements) -> Vec<StatementShown> {
    let published = statements.published.iter().map(|statement| StatementShown {
        seq: statement.seq,
        state: statement.state.name(),
        title: statement.title.clone(),
        text: statement.text.clone(),
        by: statement.by.address.to_string(),
        approved_by: Some(statement.approved_by.address.to_string()),
        published_at: Some(rfc3339(statement.at)),
        next_at: statement.next_at.map(rfc3339),
    });
    let waiting = statements.waiting.as_ref().map(|statement| StatementShown {
        seq: statement.seq,
        state: statement.state.name(),
        title: statement.title.clone(),
        text: statement.text.clone(),
        by: statement.by.address.to_string(),
        approved_by: None,
        published_at: None,
        next_at: None,
    });
    published.chain(waiting).collect()
}

/// The postmortem.
#[derive(Debug, Serialize)]
pub struct PostmortemShown {
    pub owner: String,
    pub due_at: Option<String>,
    pub submitted_at: Option<String>,
    pub published_at: Option<String>,
    pub waived: Option<String>,
    pub sections: std::collections::BTreeMap<String, String>,
}

/// The head of an incident.
pub fn incident_head(incident: &Incident, policy: &Policy) -> IncidentHead {
    let address = |person: Option<&Person>| person.map(|person| person.address.to_string());
    IncidentHead {
        key: incident.key(),
        title: incident.title.clone(),
        severity: incident.severity.to_string(),
        severity_assumed: incident.severity_assumed,
        phase: incident.phase.to_string(),
        drill: incident.drill,
        private: incident.private,
        declared_at: rfc3339(incident.declared_at),
        resolved_at: incident.resolved_at.map(rfc3339),
        roles: Roles {
            commander: address(incident.commander()),
            deputy: address(incident.holder(Role::Deputy)),
            scribe: address(incident.holder(Role::Scribe)),
            liaison: address(incident.holder(Role::Liaison)),
        },
        missing: missing_fields(incident, policy),
        next_update_due: update_due(incident, policy).map(rfc3339),
        duplicate_of: incident.duplicate_of.map(key_of),
        part_of: incident.part_of.map(key_of),
    }
}

fn alerts_shown(alerts: &Alerts) -> AlertsShown {
    AlertsShown {
        rule: alerts.rule.clone(),
        group: alerts.group.clone(),
        title: alerts.title.clone(),
        count: alerts.count,
        last_at: rfc3339(alerts.last_at),
        recovered_at: alerts.recovered_at.map(rfc3339),
    }
}

/// All of an incident.
pub fn incident_shown(incident: &Incident, timeline: &[Entry], policy: &Policy) -> IncidentShown {
    IncidentShown {
        head: incident_head(incident, policy),
        parts: incident.parts.iter().map(part_shown).collect(),
        alerts: incident.alerts.iter().map(alerts_shown).collect(),
        timeline: timeline.iter().map(entry_shown).collect(),
        obligations: obligations(incident, policy)
            .into_iter()
            .map(|owed| ObligationShown {
                kind: owed.kind.name(),
                owed_by: joined(&owed.owed_by),
                due_at: owed.due_at.map(rfc3339),
                stage: owed.stage,
            })
            .collect(),
        tasks: incident
            .tasks
            .iter()
            .filter(|task| task.kind == TaskKind::Task)
            .map(task_shown)
            .collect(),
        proposals: incident.proposals.iter().map(proposal_shown).collect(),
        statements: statements_shown(&incident.statements),
        postmortem: incident.postmortem.as_ref().map(|postmortem| PostmortemShown {
            owner: postmortem.owner.address.to_string(),
            due_at: postmortem.due_at.map(rfc3339),
            submitted_at: postmortem.submitted_at.map(rfc3339),
            published_at: postmortem.published_at.map(rfc3339),
            waived: postmortem.waived.clone(),
            sections: postmortem.sections.clone(),
        }),
        actions: incident.actions().map(action_shown).collect(),
        facts: None,
    }
}

/// All of an incident, with what `incident show --json` leaves out.
pub fn incident_exported(incident: &Incident, timeline: &[Entry], policy: &Policy) -> IncidentShown {
    let mut shown = incident_shown(incident, timeline, policy);
    for (entry, kept) in shown.timeline.iter_mut().zip(timeline) {
        entry.elided = Some(kept.elided.clone());
    }
    shown.facts = Some(Facts {
        summary: incident.summary.clone(),
        impact: incident.impact.clone(),
        bridge: incident.coordination.bridge.clone(),
        chat: incident.coordination.chat.clone(),
        doc: incident.coordination.doc.clone(),
    });
    shown
}

/// Puts what was cut off of an entry's mail below its text, each line behind a bar.
pub fn put_back_elided(entry: &mut Entry) {
    for line in entry.elided.trim_matches('\n').lines() {
        entry.text.push_str("\n| ");
        entry.text.push_str(line);
    }
}

fn entry_shown(entry: &Entry) -> EntryShown {
    EntryShown {
        seq: entry.seq,
        at: rfc3339(entry.at),
        recorded_at: rfc3339(entry.recorded_at),
        author: entry.author.as_ref().map_or_else(|| "firebell".to_owned(), ToString::to_string),
        verified: entry.verified,
        proof: entry.proof.clone(),
        kind: entry.kind.name(),
        text: entry.text.clone(),
        message_id: entry.message_id.clone(),
        attachments: entry.attachments.clone(),
        elided: None,
    }
}

fn joined(people: &[Person]) -> String {
    let addresses: Vec<String> = people.iter().map(|person| person.address.to_string()).collect();
    addresses.join(", ")
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// What proves most of the mail; nothing for our own.
const USUAL_PROOFS: [&str; 4] = ["", "token", "login", "trusted network"];

/// `checkout, 3 of 4 parts sent`.
fn script_line(playing: &Playing) -> String {
    let (sent, all) = (playing.played().count(), playing.injects.len());
    let stopped = if playing.stopped && sent < all { ", stopped" } else { "" };
    format!("script {}, {sent} of {all} parts sent{stopped}", playing.name)
}

/// An incident for a terminal.
pub fn render_incident(incident: &Incident, timeline: &[Entry], policy: &Policy) -> String {
    let zone = &policy.calendar.zone;
    let mut text = format!("{}  {}\n", incident.key(), incident.title);
    let mut fact = |name: &str, value: String| {
        for (at, line) in value.lines().enumerate() {
            let name = if at == 0 { name } else { "" };
            let _ = writeln!(text, "{}", format!("{name:<14}{line}").trim_end());
        }
    };
    if incident.drill {
        fact("Drill", incident.script.as_ref().map_or("yes".to_owned(), script_line));
    }
    let assumed = if incident.severity_assumed { "  (assumed)" } else { "" };
    fact("Severity", format!("{}{assumed}", incident.severity));
    fact("Phase", incident.phase.to_string());
    fact(
        "Commander",
        incident.commander().map_or_else(|| "nobody yet".to_owned(), |by| by.shown().to_owned()),
    );
    for held in &incident.roles {
        let asked = if held.accepted_at.is_none() { "  (asked)" } else { "" };
        fact(held.role.name(), format!("{}{asked}", held.person.shown()));
    }
    fact("Duplicate of", incident.duplicate_of.map(key_of).unwrap_or_default());
    for duplicate in &incident.duplicates {
        fact("Duplicate", key_of(duplicate.number));
    }
    fact("Part of", incident.part_of.map(key_of).unwrap_or_default());
    for part in &incident.parts {
        fact("Part", outline_line(&part.outline));
    }
    fact("Services", incident.services.join(", "));
    let place = &incident.coordination;
    fact("Bridge", place.bridge.clone().unwrap_or_default());
    fact("Chat", place.chat.clone().unwrap_or_default());
    fact("Doc", place.doc.clone().unwrap_or_default());
    for link in &incident.links {
        fact("Link", link.clone());
    }
    fact("Summary", incident.summary.clone().unwrap_or_default());
    fact("Impact", incident.impact.clone().unwrap_or_default());
    for told in &incident.statements.published {
        let at = zone.format_full(told.at);
        fact("Customers", format!("#{} {}, told {at}", told.seq, told.state.name()));
    }
    if let Some(waiting) = &incident.statements.waiting {
        fact("Customers", format!("#{} waits for approval", waiting.seq));
    }
    for line in alert_lines(incident, policy) {
        fact("Alert", line);
    }
    fact("Missing", missing_fields(incident, policy).join(", "));
    for owed in obligations(incident, policy) {
        let by: Vec<&str> = owed.owed_by.iter().map(Person::shown).collect();
        let due = owed.due_at.map(|at| format!(" by {}", zone.format_full(at))).unwrap_or_default();
        fact("Owed", format!("{} from {}{due}", owed.kind.name(), by.join(", ")));
    }
    for entry in timeline {
        let author = if entry.author_name.is_empty() {
            entry.author.as_ref().map_or_else(|| "firebell".to_owned(), ToString::to_string)
        } else {
            entry.author_name.clone()
        };
        let _ = write!(
            text,
            "\n#{} {} {} ({})",
            entry.seq,
            zone.format_full(entry.at),
            author,
            entry.kind.name()
        );
        // A token and the like prove most mail and are no news; the JSON names them, too.
        match (entry.verified, entry.proof.split_once("; ")) {
            (true, _) if USUAL_PROOFS.contains(&entry.proof.as_str()) => {}
            (true, Some((usual, _))) if USUAL_PROOFS.contains(&usual) => {}
            (true, _) => drop(write!(text, ", proven by {}", entry.proof)),
            (false, _) if entry.proof == "nothing" => text.push_str(", unverified"),
            (false, _) => drop(write!(text, ", unverified: {}", entry.proof)),
        }
        text.push('\n');
        for line in entry.text.lines() {
            let _ = writeln!(text, "    {line}");
        }
        for file in &entry.attachments {
            let _ = writeln!(text, "    [{}]", size::attached(file));
        }
    }
    text.trim_end().to_owned()
}
