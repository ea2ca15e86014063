//! The words of every mail: filled from an incident, never deciding anything.
//!
//! Pure: what it shows of time it is given. A mail is written once, as blocks ([`paper`]), and
//! printed as text and as HTML, so its two parts cannot differ. Start with [`render_mailing`].

mod action;
mod aftermath;
pub mod alert;
mod answer;
pub mod calendar;
mod context;
mod digest;
mod drill;
mod duty;
mod handover;
pub mod inbox;
mod lists;
mod news;
mod on_call;
mod operator;
mod page;
mod paper;
mod proposal;
mod quick;
pub mod related;
mod reminder;
mod shifts;
pub mod show;
pub mod size;
pub mod statement;
mod task;
pub mod when;
mod wrap;

use chrono::{DateTime, Utc};

pub use answer::{
    HeldReport, render_guide, render_held, render_review, render_unread, render_waits_no_more,
};
pub use digest::{render_digest, render_digest_answered};
pub use lists::{
    ListRefusal, Loose, render_list_asked, render_list_joined, render_list_left, render_list_refused,
};
pub use on_call::{render_on_call_page, render_on_call_text};
pub use operator::{
    Damaged, Unreadable, render_crowded, render_damaged, render_mistakes, render_stuck,
    render_unread_mailbox, render_unreadable,
};
pub use reminder::render_reminders;
pub use shifts::{
    render_on_call, render_shift_notice, render_short, render_swap_asked, render_swap_declined,
    render_swap_late, render_swap_refused, render_swap_settled, render_swap_waits,
};

use crate::incident::state::Person;
use crate::incident::{Entry, Incident, Mailing, Policy, Role, Says};
use crate::mail::compose::Letter;
use context::{Context, first_name};
use news::Words;

/// Words a mailing for persons, or for lists. `timeline` is what it shows of it: of a note or an
/// update, what its readers should have been told before, and were not.
pub fn render_mailing(
    mailing: &Mailing,
    to_persons: bool,
    incident: &Incident,
    policy: &Policy,
    timeline: &[Entry],
    now: DateTime<Utc>,
) -> Letter {
    render_in(&Context { incident, policy, to_persons, list: None, now }, mailing, timeline)
}

/// Words a mailing for the members of a list of ours that they may leave, as [`render_mailing`] does.
pub fn render_for_members(
    mailing: &Mailing,
    list: &str,
    incident: &Incident,
    policy: &Policy,
    timeline: &[Entry],
    now: DateTime<Utc>,
) -> Letter {
    let context = Context { incident, policy, to_persons: true, list: Some(list), now };
    render_in(&context, mailing, timeline)
}

fn render_in(context: &Context<'_>, mailing: &Mailing, timeline: &[Entry]) -> Letter {
    let incident = context.incident;
    match &mailing.says {
        Says::Declaration => news::render_declaration(context),
        Says::Restricted => news::render_restricted(context),
        Says::FollowUp { by, changes, text, update_overdue } => {
            let words = Words { text, untold: timeline };
            news::render_follow_up(context, by.as_ref(), changes, words, *update_overdue)
        }
        Says::Resolution { by, text } => {
            news::render_resolution(context, by, Words { text, untold: timeline })
        }
        Says::Note { seq, by, text, attachments } => {
            let words = Words { text, untold: timeline };
            news::render_note(context, *seq, by, words, attachments)
        }
        Says::Notice { what, more } => news::render_notice(context, what, more),
        Says::Page => page::render_page(context, &mailing.to),
        Says::PageResponder { wanted, by, before, to_pager, again } => {
            let asked = only_reader(context, mailing);
            let call = page::Call { wanted, by: by.as_ref(), before, again: *again };
            page::render_page_responder(context, asked.as_ref(), &call, *to_pager)
        }
        Says::PageUnanswered { page } => page::render_page_unanswered(context, page),
        Says::CommandWanted { by } => handover::render_command_wanted(context, by),
        Says::TakeCommand { asked, by, answer_by, then } => {
            let words = duty::Offer { asked, by, answer_by: *answer_by, then };
            duty::render_take_command(context, &words, timeline)
        }
        Says::RoleOffer { role, by, remark } => {
            let asked = asked_for_role(context, mailing, *role).map(first_name);
            duty::render_role_offer(context, *role, by, remark.as_deref(), asked.as_deref())
        }
        Says::Task { seq } => match incident.task(*seq) {
            Some(task) => task::render_task(context, task),
            None => news::render_status(context, timeline),
        },
        Says::Action { seq } => match incident.task(*seq) {
            Some(asked) => action::render_action(context, asked),
            None => news::render_status(context, timeline),
        },
        Says::Question { seq, about, by, text } => {
            action::render_question(context, *about, by, text, *seq)
        }
        Says::TaskNews { seq, by, became, words } => match incident.task(*seq) {
            Some(task) => task::render_news(context, task, by, became, words),
            None => news::render_status(context, timeline),
        },
        Says::StatementDraft { due_at } => {
            statement::render_draft(context, only_reader(context, mailing).as_ref(), *due_at)
        }
        Says::Approval { seq, hints } => match &incident.statements.waiting {
            Some(waiting) if waiting.seq == *seq => statement::render_approval(context, waiting, hints),
            _ => news::render_status(context, timeline),
        },
        Says::Statement(published) => statement::render_statement(context, published),
        Says::Proposal { seq } => match incident.proposal(*seq) {
            Some(asked) => proposal::render_proposal(context, asked),
            None => news::render_status(context, timeline),
        },
        Says::Objection { seq, by, why, files, when } => match incident.proposal(*seq) {
            Some(asked) => proposal::render_objection(context, asked, by, (why, files), when),
            None => news::render_status(context, timeline),
        },
        Says::ProposalOutcome { seq } => match incident.proposal(*seq) {
            Some(asked) => proposal::render_outcome(context, asked),
            None => news::render_status(context, timeline),
        },
        Says::Decision { seq, by, what, answers } => {
            proposal::render_decision(context, *seq, by, what, *answers)
        }
        Says::Reminder(reminder) => reminder::render_reminder(context, reminder),
        Says::Receipt { results, hint } => answer::render_receipt(context, results, hint.as_deref()),
        Says::Confirmation { lines } => {
            answer::render_confirmation(context, only_reader(context, mailing).as_ref(), lines)
        }
        Says::Status => news::render_status(context, timeline),
        Says::Guide => answer::render_incident_guide(context),
        Says::PostmortemSkeleton => aftermath::render_skeleton(context, timeline),
        Says::PostmortemGaps { missing, wording } => aftermath::render_gaps(context, missing, wording),
        Says::PostmortemPublished => aftermath::render_published(context, timeline),
        Says::Inject { seq } => match incident.script.as_ref().and_then(|played| played.inject(*seq)) {
            Some((inject, sent)) => drill::render_inject(context, inject, sent),
            None => news::render_status(context, timeline),
        },
        Says::Debrief => drill::render_debrief(context),
        Says::Recovered { recovered_at } => {
            let reader = only_reader(context, mailing);
            alert::render_recovered(context, reader.as_ref(), *recovered_at)
        }
        Says::FiresAgain { title } => alert::render_fires_again(context, title),
        Says::Undeliverable { to, purpose, fate, reason } => {
            duty::render_undeliverable(context, to, *purpose, *fate, reason)
        }
    }
}

/// Who was asked to take a role, when the mail goes to them alone.
fn asked_for_role<'a>(context: &Context<'a>, mailing: &Mailing, role: Role) -> Option<&'a Person> {
    let [reader] = mailing.to.as_slice() else { return None };
    let mut held = context.incident.roles.iter().filter(|held| held.role == role);
    held.find(|held| held.person.address == *reader.address()).map(|held| &held.person)
}

/// The one person a mail goes to, where it is one.
fn only_reader(context: &Context<'_>, mailing: &Mailing) -> Option<Person> {
    let [reader] = mailing.to.as_slice() else { return None };
    Some(context.policy.roster.person(reader.address(), ""))
}
