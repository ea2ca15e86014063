//! What only drills have: a part of the script, and the debrief. Every mail of a drill says that it is
//! one; these say besides from whom a part of the script only pretends to be.

use chrono::{DateTime, TimeDelta, Utc};

use super::context::{Context, listed, shown};
use super::paper::{Fact, Paper, fact, facts};
use super::when;
use super::wrap::{ascii, clipped, one_line};
use crate::incident::decision::Purpose;
use crate::incident::drill::{Inject, InjectTo, Playing, Sent};
use crate::incident::task::{Ending, Task};
use crate::mail::compose::Letter;

/// A part of the script, as if somebody had written it.
pub fn render_inject(context: &Context<'_>, inject: &Inject, sent: &Sent) -> Letter {
    let from = clipped(&one_line(&inject.from), 60);
    let subject = if context.incident.private {
        context.duty_subject("A part of the script")
    } else {
        let first = inject.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        context.duty_subject(&format!("{from}: {}", clipped(first, 60)))
    };
    let mut paper = Paper::new(format!("{}{from} writes", context.mark()), context.about());
    let instead = match &inject.to {
        InjectTo::Role(role) if context.incident.holder(*role).is_none() => {
            format!(" Nobody is {role}, so it comes to you.")
        }
        _ => String::new(),
    };
    paper.prose(&format!(
        "Please act on it and answer it now, in a reply, as if it were real: how soon it got an answer \
         stands in the debrief. Your reply goes into the timeline and to the others, and not to whom this \
         pretends to be from.{instead}",
    ));
    paper.words(&inject.text);
    let mut rows =
        vec![fact("Script", format!("#{} from {from} to {}", sent.seq, shown_to(&inject.to)))];
    rows.extend(context.summary_facts());
    paper.facts(rows);
    let duty = format!("inject-{}", sent.seq);
    let mut letter = context.on_duty(Purpose::Inject(sent.seq), subject, &duty, &paper);
    letter.display_name = format!(
        "{}{} via {}",
        context.mark(),
        clipped(&ascii(&one_line(&inject.from)), 40),
        context.key()
    );
    letter
}

/// What the drill showed, for those who took part.
pub fn render_debrief(context: &Context<'_>) -> Letter {
    let incident = context.incident;
    let began = incident.declared_at;
    let ended = incident.resolved_at.or(incident.closed_at).unwrap_or(context.now);
    let after = |at: Option<DateTime<Utc>>| at.map(|at| when::span(at - began));
    let commanded = after(incident.first_commanded_at);
    let command =
        commanded.as_ref().map_or("no commander".to_owned(), |it| format!("command after {it}"));
    let mut paper = Paper::new(format!("The drill is over, {command}"), context.about());
    paper.prose(
        "What would you do differently next time? Please say it in a reply today, while you remember it: it \
         goes into the timeline. No figure of incidents counts a drill.",
    );
    let updates = &incident.updates;
    let mut rows = vec![
        fact("Lasted", when::span(ended - began)),
        fact("Time to commander", commanded.unwrap_or_else(|| "nobody took command".to_owned())),
        fact("Time to first update", after(updates.first_at).unwrap_or_else(|| "no update".to_owned())),
        fact("Promised updates", format!("{} on time, {} late", updates.on_time, updates.late)),
        fact("Tasks", tasks_line(&incident.tasks)),
    ];
    rows.push(fact("Commander", context.commander_line()));
    rows.push(facts("Involved", context.involved_lines()));
    paper.facts(rows);
    if let Some(playing) = &incident.script {
        add_script(&mut paper, context, playing);
    }
    let subject = context.duty_subject("Debrief");
    context.on_duty(Purpose::Debrief, subject, "debrief", &paper)
}

/// `3 given: 2 done (1 late), 1 declined`.
fn tasks_line(tasks: &[Task]) -> String {
    if tasks.is_empty() {
        return "none".to_owned();
    }
    let count = |how: Ending| {
        let ended = |task: &&Task| task.ended.as_ref().is_some_and(|ended| ended.how == how);
        let late = |task: &&Task| task.ended.as_ref().is_some_and(|ended| ended.at > task.due_at);
        let all: Vec<&Task> = tasks.iter().filter(ended).collect();
        (all.len(), all.iter().filter(|task| late(task)).count())
    };
    let became = [
        ("done", Ending::Done),
        ("declined", Ending::Declined),
        ("not done when it ended", Ending::Overtaken),
    ];
    let words = became.into_iter().filter_map(|(words, how)| match count(how) {
        (0, _) => None,
        (count, 0) => Some(format!("{count} {words}")),
        (count, late) => Some(format!("{count} {words} ({late} late)")),
    });
    format!("{} given, {}", tasks.len(), listed(&words.collect::<Vec<_>>()))
}

/// What was played, when, and how fast it got an answer.
fn add_script(paper: &mut Paper, context: &Context<'_>, playing: &Playing) {
    let name = one_line(&playing.name);
    let rows: Vec<Fact> =
        playing.played().map(|(inject, sent)| inject_row(context, inject, sent)).collect();
    let answered = playing.played().filter(|(_, sent)| sent.answered.is_some()).count();
    let left = playing.injects.len() - rows.len();
    let more = if left == 0 { String::new() } else { format!(", and {left} had not come yet") };
    paper.heading(&format!("The script {name}"));
    paper.prose(&format!("{answered} of {} parts got an answer{more}.", rows.len()));
    if !rows.is_empty() {
        paper.facts(rows);
    }
}

fn inject_row(context: &Context<'_>, inject: &Inject, sent: &Sent) -> Fact {
    let what = format!("#{} {} to {}", sent.seq, one_line(&inject.from), shown_to(&inject.to));
    let answer = match &sent.answered {
        Some((by, at)) => format!("answered by {} after {}", shown(by), soon(*at - sent.at)),
        None => "no answer".to_owned(),
    };
    facts(&context.clock(sent.at), vec![what, answer])
}

fn soon(span: TimeDelta) -> String {
    if span < TimeDelta::minutes(1) { "less than a minute".to_owned() } else { when::span(span) }
}

fn shown_to(to: &InjectTo) -> String {
    one_line(&to.shown())
}
