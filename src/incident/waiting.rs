//! A reminder that waits to be sent, as it stands now: after an outage it is written anew with what
//! else waits, or not at all when it was settled meanwhile.

use super::deadlines::{missing_fields, told_to_rest, update_due, urge};
use super::decision::{Owed, Purpose, Reminder};
use super::state::{Command, Incident, Person};
use super::statement::{statement_due, statement_owner};
use super::{Phase, Policy};

/// What one person is still to be reminded of; `None` when it is owed no longer.
pub fn reminder_now(
    incident: &Incident,
    purpose: Purpose,
    escalated: bool,
    to: &Person,
    policy: &Policy,
) -> Option<Reminder> {
    let (owed, owed_by, due_at) = match purpose {
        Purpose::ReminderUpdate => {
            let reminded = incident.updates.climb.done > 0;
            let due_at = update_due(incident, policy).filter(|_| reminded)?;
            (Owed::Update { due_at }, incident.commander()?, Some(due_at))
        }
        Purpose::ReminderMissing => {
            let fields = fields_to_ask(incident, to, policy);
            if fields.is_empty() || !incident.phase.is_active() {
                return None;
            }
            (Owed::Missing { fields }, to, None)
        }
        Purpose::ReminderHandover => {
            let Command::Held { by, since, .. } = &incident.command else { return None };
            let climb = incident.handover_climb;
            if climb.done == 0 || !incident.phase.is_active() {
                return None;
            }
            let urge = urge(climb, policy);
            (Owed::Handover { since: *since, urge }, by, None)
        }
        Purpose::ReminderRest => {
            let mut people = told_to_rest(incident);
            people.retain(|(person, _)| escalated || person.address == to.address);
            if people.is_empty() || !incident.phase.is_active() {
                return None;
            }
            (Owed::Rest { people }, to, None)
        }
        Purpose::ReminderTask(seq) => {
            let task = incident.task(seq).filter(|task| task.is_chased())?;
            if !incident.phase.is_active() {
                return None;
            }
            let due_at = task.due_at;
            let owed = Owed::Task { seq, what: task.what.clone(), due_at };
            (owed, &task.owner, Some(due_at))
        }
        Purpose::ReminderAction(seq) => {
            let action = incident.open_actions().find(|action| action.seq == seq)?;
            if action.climb.done == 0 || incident.drill {
                return None;
            }
            let due_at = action.due_at;
            let owed = Owed::Action { seq, what: action.what.clone(), due_at };
            (owed, &action.owner, Some(due_at))
        }
        Purpose::ReminderStatement => {
            let reminded = incident.statements.climb.done > 0;
            let due_at = statement_due(incident, policy).filter(|_| reminded)?;
            let waits = incident.statements.waiting.as_ref().map(|waiting| waiting.seq);
            (Owed::Statement { due_at, waits }, statement_owner(incident)?, Some(due_at))
        }
        Purpose::ReminderPostmortemOwner | Purpose::ReminderPostmortem => {
            let postmortem = incident.postmortem.as_ref().filter(|postmortem| postmortem.is_owed())?;
            if incident.phase != Phase::Resolved {
                return None;
            }
            if purpose == Purpose::ReminderPostmortem {
                let due_at = postmortem.due_at;
                (Owed::Postmortem { due_at }, &postmortem.owner, due_at)
            } else if postmortem.owner_named {
                return None;
            } else {
                let due_at = postmortem.owed_since + policy.postmortem.owner_within;
                (Owed::PostmortemOwner, &postmortem.owner, Some(due_at))
            }
        }
        _ => return None,
    };
    let missing = match owed {
        Owed::Update { .. } => missing_fields(incident, policy),
        _ => Vec::new(),
    };
    let can_act = !escalated || incident.speaks_officially(&to.address);
    Some(Reminder { owed, owed_by: owed_by.clone(), due_at, escalated, can_act, missing })
}

/// The missing fields that one person is asked for: who is asked to take command has that question
/// in a mail of its own.
pub fn fields_to_ask(incident: &Incident, to: &Person, policy: &Policy) -> Vec<&'static str> {
    let commands = match &incident.command {
        Command::Offered { to: asked, .. } => asked.iter().any(|asked| asked.address == to.address),
        Command::Held { .. } => false,
    };
    let mut fields = missing_fields(incident, policy);
    fields.retain(|field| *field != "commander" || !commands);
    // Once somebody commands, these are theirs to say.
    if incident.commander().is_some() && !incident.is_commanding(&to.address) {
        fields.retain(|field| !matches!(*field, "phase" | "involved"));
    }
    fields
}
