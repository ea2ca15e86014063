//! Actions: what somebody is asked to do so that it does not happen again, how far it is, what somebody
//! wants to know of it, and the list that stands in the postmortem.

use chrono::TimeDelta;

use super::context::{Context, first_name, shown};
use super::paper::{Paper, fact};
use super::task::subject_of;
use super::wrap::{clipped, one_line};
use crate::incident::decision::{Purpose, Reminder};
use crate::incident::state::Person;
use crate::incident::task::{Ending, Task, TaskKind};
use crate::mail::compose::Letter;

const WHAT_CHARS: usize = 300;

/// "Please do this by that day."
pub fn render_action(context: &Context<'_>, action: &Task) -> Letter {
    let what = one_line(&action.what);
    let subject = subject_of(context, action, "an action");
    let seq = action.seq;
    let lead = format!("By {}: {}", context.brief(action.due_at), clipped(&what, 42));
    let mut paper = Paper::new(lead, context.about());
    let chased = if context.incident.drill {
        "This is a drill: nobody reminds you of it."
    } else {
        "You are asked two days before, on that day, and after it until it is done."
    };
    paper.prose(&format!(
        "{} asks you to do this by {}, so that what happened does not happen again. It is yours alone. \
         {chased}",
        shown(&action.given_by),
        context.full(action.due_at),
    ));
    paper.words(&action.what);
    add_answers(&mut paper, context, action, &subject);
    let mut rows = vec![fact("Action", format!("#{seq}"))];
    rows.extend(context.summary_facts());
    paper.facts(rows);
    context.on_duty(Purpose::Action(seq), subject, &format!("action-{seq}"), &paper)
}

fn add_answers(paper: &mut Paper, context: &Context<'_>, action: &Task, subject: &str) {
    let seq = action.seq;
    let later = action.due_at.max(context.now) + TimeDelta::weeks(2);
    paper.actions(vec![
        context.action("When it is done", &format!("Done #{seq}"), subject),
        context.action("If it takes two weeks from now", &format!("More time #{seq}: 2 weeks"), subject),
        context.action("If you cannot", &format!("Decline #{seq}: I cannot do this."), subject),
    ]);
    paper.prose(&format!(
        "A day works, too, such as `More time #{seq}: {}`. If it is somebody else's, name them: `Reassign \
         #{seq}: name`. If nobody should do it, decline and say why; {} decides then.",
        context.policy.calendar.zone.local(later).date(),
        shown(context.incident.action_decider()),
    ));
}

/// How far an action is, for its owner or for others who are told.
pub fn add_action(
    paper: &mut Paper,
    context: &Context<'_>,
    reminder: &Reminder,
    seq: i64,
    what: &str,
    subject: &str,
) {
    let due = reminder.due_at.map(|at| context.full(at)).unwrap_or_default();
    let late = reminder.due_at.is_some_and(|at| at < context.now);
    let verb = if late { "was due" } else { "is due" };
    if reminder.escalated {
        paper.prose(&format!(
            "Please ask {} what is in the way: action #{seq} {verb} {due}.",
            shown(&reminder.owed_by)
        ));
        paper.words(what);
        return;
    }
    let day = |at| context.policy.calendar.zone.local(at).date();
    let then = match reminder.due_at {
        Some(at) if at < context.now => "each week until it is settled",
        Some(at) if day(at) == day(context.now) => "in the days after it",
        _ => "on that day and after it",
    };
    // What is private stands in no digest.
    let told = if context.incident.private { "" } else { ", and leadership reads of what is late" };
    paper.prose(&format!(
        "Action #{seq} {verb} {due}. Is it done, or how long does it take? One line is enough; without \
         it you are asked again {then}{told}.",
    ));
    paper.words(what);
    if let Some(action) = context.incident.task(seq) {
        add_answers(paper, context, action, subject);
    }
}

/// The first line of a reminder.
pub fn action_headline(context: &Context<'_>, reminder: &Reminder, seq: i64, what: &str) -> String {
    let what = clipped(&one_line(what), 38);
    match reminder.due_at {
        Some(at) if at < context.now => format!("#{seq} is late: {what}"),
        Some(at) => format!("#{seq} due {}: {what}", context.brief(at)),
        None => format!("#{seq} is to be done: {what}"),
    }
}

/// What somebody wants to know of an action.
pub fn render_question(context: &Context<'_>, about: i64, by: &Person, text: &str, seq: i64) -> Letter {
    let action = context.incident.task(about);
    let name = action.map(|action| first_name(&action.owner)).unwrap_or_default();
    let subject = context.duty_subject(&format!("{name}: a question about #{about}"));
    let lead = format!("{} asks about #{about}", first_name(by));
    let mut paper = Paper::new(lead, context.about());
    paper.prose(&format!(
        "Please answer in plain words, by a reply to this mail: {} gets them, and they are in the timeline.",
        shown(by),
    ));
    paper.words(text);
    let what = |action: &Task| format!("#{about} {}", clipped(&one_line(&action.what), WHAT_CHARS));
    let action = action.map(|action| fact("Action", what(action)));
    paper.facts(action.into_iter().chain(context.coordination()).collect());
    let mut letter =
        context.on_duty(Purpose::Question(seq), subject, &format!("action-{about}"), &paper);
    letter.display_name = context.via(by);
    letter
}

/// The actions of an incident, for its postmortem; empty where there are none.
pub fn action_lines(context: &Context<'_>) -> Vec<String> {
    context.incident.actions().map(|action| action_line(context, action)).collect()
}

fn action_line(context: &Context<'_>, action: &Task) -> String {
    let what = clipped(&one_line(&action.what), WHAT_CHARS);
    let how = action.ended.as_ref().map(|ended| (ended.how, ended.by.as_ref()));
    let state = match (how, action.kind) {
        (Some((Ending::Dropped, Some(by))), _) => format!("dropped, {} accepts the risk", shown(by)),
        (Some((Ending::Declined, Some(by))), _) => format!("declined by {}, not decided yet", shown(by)),
        (Some((how, _)), _) => how.name().to_owned(),
        (None, TaskKind::Parked) => format!("{}, later", shown(&action.owner)),
        (None, _) => format!("{}, by {}", shown(&action.owner), context.full(action.due_at)),
    };
    format!("{what} (#{}, {state})", action.seq)
}
