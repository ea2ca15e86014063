//! Who may do what: the right-hand column of the command table, in one place.
//!
//! A refusal names who can and is never silent. While nobody commands, any verified known person
//! may do what the commander may: emergency first.

use super::state::{Incident, Person};
use super::task::TaskKind;
use super::{Role, Severity};
use crate::mail::Address;
use crate::mail::command::Command;

/// Who may give a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Everybody who proved who they are.
    Anybody,
    /// In the roster, of a configured domain, or named in this incident by its commander.
    Known,
    /// Known, or has to do with it: who reported it, was asked to command, or owes something.
    Concerned,
    /// Works on it.
    Responder,
    /// Commander or deputy.
    Commander,
    /// Commander, deputy or liaison.
    Speaker,
    /// Commander or deputy; the reporter too while declaring.
    CommanderOrReporter,
    /// Who wrote the entry, the scribe, commander or deputy.
    AuthorOrScribe,
    /// Whoever owns the task or the action with this number, commander or deputy; of an action the owner
    /// of the postmortem, too.
    TaskOwner(i64),
    /// Who decides what becomes of actions: the postmortem's owner, commander or deputy.
    ActionDecider,
    /// The postmortem's owner.
    PostmortemOwner,
    /// The postmortem's owner, commander or deputy.
    PostmortemOwnerOrCommander,
}

/// The right that a command needs in the present state.
pub fn right_for(command: &Command, incident: &Incident) -> Right {
    match command {
        Command::Severity(to) if raises(*to, incident) => Right::Known,
        Command::Severity(_)
        | Command::Phase(_)
        | Command::OfferCommand(_)
        | Command::Role { .. }
        | Command::Release(_)
        | Command::NewToken(_)
        | Command::Task { .. }
        | Command::Decision { .. }
        | Command::Reassign { .. }
        | Command::Resolved(_)
        | Command::Reopen(_)
        | Command::Cancel(_)
        | Command::DuplicateOf(_)
        | Command::PartOf(_)
        | Command::PostmortemOwner(_)
        | Command::Approve(_)
        | Command::WaivePostmortem(_) => Right::Commander,
        Command::Private(_) | Command::Drill(_) | Command::DrillScript(_) => Right::CommanderOrReporter,
        Command::Fund(_) | Command::Drop { .. } => Right::ActionDecider,
        Command::Title(_)
        | Command::Summary(_)
        | Command::Impact(_)
        | Command::Service(_)
        | Command::Started(_)
        | Command::Detected(_)
        | Command::Link(_)
        | Command::Bridge(_)
        | Command::Chat(_)
        | Command::Doc(_)
        | Command::CustomersAffected(_)
        | Command::Page(_)
        | Command::Propose { .. }
        | Command::Risk { .. }
        | Command::Action { .. }
        | Command::Section { .. } => Right::Responder,
        Command::Update(_)
        | Command::NextUpdate(_)
        | Command::Statement { .. }
        | Command::NextStatement(_) => Right::Speaker,
        Command::TakeCommand
        | Command::Join
        | Command::Leave
        | Command::Note(_)
        | Command::Later(_)
        | Command::Template(_)
        | Command::Ask { .. }
        | Command::Object { .. } => Right::Known,
        Command::Done { seq, .. } | Command::MoreTime { seq, .. } | Command::Decline { seq, .. } => {
            seq.map_or(Right::Responder, Right::TaskOwner)
        }
        Command::Correct { .. } => Right::AuthorOrScribe,
        Command::Status => Right::Concerned,
        Command::Submit => Right::PostmortemOwner,
        Command::Publish => Right::PostmortemOwnerOrCommander,
        // Those of the rotation decide it, and no incident.
        Command::Override(_) => Right::Anybody,
        Command::Ack | Command::TakeOn(_) | Command::Confirm | Command::Help => Right::Anybody,
    }
}

/// What a report may say of itself, whoever makes it and before anybody proved who they are.
pub fn states_fact(command: &Command) -> bool {
    matches!(
        command,
        Command::Severity(_)
            | Command::Title(_)
            | Command::Summary(_)
            | Command::Impact(_)
            | Command::Service(_)
            | Command::Started(_)
            | Command::Detected(_)
            | Command::Link(_)
            | Command::CustomersAffected(_)
            | Command::Private(_)
            | Command::Drill(_)
    )
}

/// Whether this is a raise, or the first statement of what was only assumed.
pub fn raises(to: Severity, incident: &Incident) -> bool {
    incident.severity_assumed || to <= incident.severity
}

/// Whether `address` has a right; `known` is what the roster says of it, `wrote` whether they
/// wrote the entry that is spoken of.
///
/// # Errors
///
/// Who has it, as a clause for the answer: "the incident commander (Alice Ng) can".
pub fn check(
    right: Right,
    address: &Address,
    known: bool,
    wrote: bool,
    incident: &Incident,
) -> Result<(), String> {
    // Also after its end: what was closed without a commander could never be opened again.
    let nobody_commands = incident.commander().is_none();
    // A private incident is not everybody's whom we know, but theirs who have to do with it.
    let known = (known && incident.lets_know(address)) || incident.names(address);
    let commanding = incident.is_commanding(address);
    let owns =
        incident.postmortem.as_ref().is_some_and(|postmortem| postmortem.owner.address == *address);
    let has = |role| incident.holder(role).is_some_and(|holder| holder.address == *address);
    let may = match right {
        Right::Anybody => incident.lets_know(address),
        Right::Known => known,
        Right::Concerned => known || incident.concerns(address),
        Right::Responder => incident.is_responder(address) || owns || (nobody_commands && known),
        Right::Commander => {
            commanding || (nobody_commands && known) || (owns && !incident.phase.is_active())
        }
        Right::Speaker => {
            commanding
                || has(Role::Liaison)
                || (nobody_commands && (known || incident.is_responder(address)))
        }
        Right::CommanderOrReporter => {
            commanding || incident.reporter.address == *address || (nobody_commands && known)
        }
        Right::AuthorOrScribe => wrote || commanding || has(Role::Scribe) || (nobody_commands && known),
        Right::TaskOwner(seq) => {
            let task = incident.task(seq);
            commanding
                || task.is_some_and(|task| task.owner.address == *address)
                || (owns && task.is_some_and(|task| task.kind != TaskKind::Task))
                || (nobody_commands && known)
        }
        Right::ActionDecider => owns || commanding || (nobody_commands && known),
        Right::PostmortemOwner => owns,
        Right::PostmortemOwnerOrCommander => owns || commanding,
    };
    if may { Ok(()) } else { Err(who_can(right, incident)) }
}

fn who_can(right: Right, incident: &Incident) -> String {
    let commander = match incident.commander() {
        Some(commander) => format!("the incident commander ({})", commander.shown()),
        None => "the incident commander".to_owned(),
    };
    let owner = incident.postmortem.as_ref().map_or_else(
        || "the postmortem's owner".to_owned(),
        |postmortem| named_owner(&postmortem.owner),
    );
    match right {
        Right::Anybody | Right::Known | Right::Concerned if incident.private => {
            format!("{commander} can name you as responder")
        }
        Right::Anybody | Right::Known | Right::Concerned => {
            "people of the organisation can, and whom the incident commander names".to_owned()
        }
        Right::Responder => "responders can; reply  join  to become one".to_owned(),
        Right::Commander => format!("{commander}{} can", deputy(incident)),
        Right::CommanderOrReporter => format!("{commander}{} or the reporter can", deputy(incident)),
        Right::Speaker => match incident.holder(Role::Liaison) {
            Some(liaison) => format!("{commander} or the liaison ({}) can", liaison.shown()),
            None => format!("{commander}{} can", deputy(incident)),
        },
        Right::AuthorOrScribe => format!("whoever wrote the entry, the scribe or {commander} can"),
        Right::TaskOwner(seq) => match incident.task(seq) {
            Some(task) => {
                let (owner, noun) = (task.owner.shown(), task.kind.noun());
                format!("{owner}, whose {noun} #{seq} is, or {commander} can")
            }
            None => format!("{commander}{} can", deputy(incident)),
        },
        Right::PostmortemOwner => format!("{owner} can"),
        Right::ActionDecider if incident.postmortem.is_none() => {
            format!("{commander}{} can", deputy(incident))
        }
        Right::ActionDecider | Right::PostmortemOwnerOrCommander => {
            format!("{owner} or {commander} can")
        }
    }
}

/// Named only where there is one: nobody should be sent to somebody who does not exist.
fn deputy(incident: &Incident) -> String {
    incident
        .holder(Role::Deputy)
        .map_or_else(String::new, |deputy| format!(" or the deputy ({})", deputy.shown()))
}

fn named_owner(owner: &Person) -> String {
    format!("the postmortem's owner ({})", owner.shown())
}
