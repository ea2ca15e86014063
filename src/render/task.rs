//! Tasks: what somebody is asked to do by when, what became of it, and the list of those that are open.

use super::context::{Context, first_name, shown};
use super::paper::{Fact, Paper, fact, facts};
use super::wrap::{clipped, one_line};
use crate::incident::decision::{Purpose, Reminder};
use crate::incident::state::Person;
use crate::incident::task::{Ending, Task, TaskKind};
use crate::mail::compose::Letter;

/// Lines of open tasks in one mail; the page has all.
const OPEN_SHOWN: usize = 20;
const WHAT_CHARS: usize = 120;

/// "Will you do this by then?"
pub fn render_task(context: &Context<'_>, task: &Task) -> Letter {
    let what = one_line(&task.what);
    let subject = subject_of(context, task, "a task");
    let lead = format!("By {}: {}", context.brief(task.due_at), clipped(&what, 60));
    let mut paper = Paper::new(lead, context.about());
    let given_by = match context.incident.commander() {
        Some(commander) if *commander == task.given_by => ", who commands this incident,",
        _ => "",
    };
    paper.prose(&format!(
        "{}{given_by} asks you to do this by {}. It is yours alone. Please answer now that you are on \
         it; otherwise you are asked at that time, and so is whoever commands.",
        shown(&task.given_by),
        context.full(task.due_at),
    ));
    paper.words(&task.what);
    let seq = task.seq;
    paper.actions(vec![
        context.action("To take it on", "ack", &subject),
        context.action("When it is done", &format!("Done #{seq}"), &subject),
        context.action("If you cannot", &format!("Decline #{seq}: I cannot do this now."), &subject),
    ]);
    paper.prose(&format!(
        "What you found goes behind a colon: `Done #{seq}: the lag is 40 s`. If it takes longer, say how \
         long: `More time #{seq}: 20m`.",
    ));
    let mut rows = vec![fact("Task", format!("#{seq}"))];
    rows.extend(context.summary_facts());
    paper.facts(rows);
    context.on_duty(Purpose::Task(seq), subject, &format!("task-{seq}"), &paper)
}

/// The subject of a mail that gives somebody something to do: what a locked telephone shows.
pub fn subject_of(context: &Context<'_>, task: &Task, unnamed: &str) -> String {
    let name = first_name(&task.owner);
    let what = if context.incident.private { unnamed.to_owned() } else { clipped(&task.what, 60) };
    context.duty_subject(&format!("{name}: {what}"))
}

/// What became of a task, for whoever gave it and whoever commands.
pub fn render_news(
    context: &Context<'_>,
    task: &Task,
    by: &Person,
    became: &str,
    words: &str,
) -> Letter {
    let seq = task.seq;
    let became = clipped(&one_line(became), 60);
    let lead = format!("#{seq} {became}: {}", clipped(&one_line(&task.what), 40));
    let mut paper = Paper::new(lead, context.about());
    let declined = task.ended.as_ref().is_some_and(|ended| ended.how == Ending::Declined);
    let subject = context.thread_subject();
    let is_action = task.kind != TaskKind::Task;
    if declined && is_action {
        paper.prose(&format!(
            "Please decide, because nobody has it now. Give it to somebody else by `Reassign #{seq}: name`; \
             or let it go and be written down as the one who accepts the risk, by `Drop #{seq}: why`.",
        ));
    } else if declined {
        paper.prose(&format!(
            "Please give it to somebody else, or let it go: nobody has it now. Reply with `Reassign \
             #{seq}: name` and a name or an address; they get as much time as {} had.",
            first_name(&task.owner),
        ));
    } else {
        paper.prose("For your information; nothing is asked of you.");
    }
    paper.words(words);
    let label = if is_action { "Action" } else { "Task" };
    paper.facts(vec![
        fact(label, format!("#{seq} {}", clipped(&one_line(&task.what), WHAT_CHARS))),
        fact("Owner", if declined { "nobody".to_owned() } else { shown(&task.owner) }),
        fact("Said by", shown(by)),
    ]);
    if declined {
        let own = if is_action { context.incident.action_decider() } else { &task.given_by };
        let line = format!("Reassign #{seq}: {}", own.address);
        paper.actions(vec![context.action("To do it yourself", &line, &subject)]);
    }
    let tasks = open_tasks(context).filter(|_| !is_action);
    paper.facts(tasks.into_iter().chain(context.coordination()).collect());
    let mut letter = context.in_thread(Purpose::Note, &paper);
    letter.display_name = context.via(by);
    letter
}

/// The end of a task's time, for its owner or for the others who are told.
pub fn add_task(
    paper: &mut Paper,
    context: &Context<'_>,
    reminder: &Reminder,
    seq: i64,
    what: &str,
    subject: &str,
) {
    let owner = &reminder.owed_by;
    let due = reminder.due_at.map(|at| context.full(at)).unwrap_or_default();
    if reminder.escalated {
        let silent = match context.incident.task(seq) {
            Some(task) if task.accepted_at.is_none() => {
                format!(" {} has never answered it.", first_name(owner))
            }
            _ => String::new(),
        };
        paper.prose(&format!(
            "The time of task #{seq} was up {due}, and {} was asked whether it is done.{silent} If it \
             cannot wait, give it to somebody else with `Reassign #{seq}: name`.",
            shown(owner),
        ));
        paper.words(what);
        return;
    }
    paper.prose(&format!(
        "Is it done, or how long does it take? Its time was up {due}, and whoever commands is told now. One \
         line is enough; without it, the deputy is told, too.",
    ));
    paper.words(what);
    paper.actions(vec![
        context.action("If it is done", &format!("Done #{seq}"), subject),
        context.action("For 10 more minutes", &format!("More time #{seq}: 10m"), subject),
        context.action(
            "If you cannot do it",
            &format!("Decline #{seq}: I cannot do this now."),
            subject,
        ),
    ]);
}

/// The tasks that are open, where there are any.
pub fn open_tasks(context: &Context<'_>) -> Option<Fact> {
    let mut lines: Vec<String> =
        context.incident.open_tasks().map(|task| task_line(context, task)).collect();
    let more = lines.len().saturating_sub(OPEN_SHOWN);
    lines.truncate(OPEN_SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    (!lines.is_empty()).then(|| facts("Open tasks", lines))
}

fn task_line(context: &Context<'_>, task: &Task) -> String {
    let due = if task.due_at <= context.now {
        format!("overdue since {}", context.brief(task.due_at))
    } else {
        format!("by {}", context.brief(task.due_at))
    };
    let answered = if task.accepted_at.is_none() { ", no answer yet" } else { "" };
    let what = clipped(&one_line(&task.what), WHAT_CHARS);
    format!("#{} {}, {due}{answered}  {what}", task.seq, shown(&task.owner))
}
