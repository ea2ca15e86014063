//! The digest in words: how things stand, and how the period went beside the one before.
//!
//! Never ranks people or teams and never counts incidents as a score. A quiet period says so in
//! two lines. Start with [`render_digest`].

use chrono::{DateTime, TimeDelta, Utc};

use super::answer::{letter, step};
use super::context::shown;
use super::paper::{Fact, Paper, fact, facts};
use super::when;
use super::wrap::{ascii, clipped, one_line};
use crate::incident::decision::Purpose;
use crate::incident::event::{LineResult, Outcome};
use crate::incident::state::Person;
use crate::incident::{Policy, Severity};
use crate::learning::digest::{
    ACTIONS_MAX, DigestPolicy, Figures, ListedAction, OpenIncident, Overdue, Pace, Shows,
};
use crate::mail::compose::Letter;

/// Rows of one list in a digest; more than these are counted.
const ROWS_MAX: usize = 40;
/// Lines of an answer in its receipt.
const LINES_MAX: usize = 60;

/// The digest `name` over the period from `from` until `until`, to persons.
pub fn render_digest(
    figures: &Figures,
    digest: &DigestPolicy,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
    policy: &Policy,
    to_persons: bool,
) -> Letter {
    let subject = format!("{}: {}", clipped(&policy.name, 60), clipped(&digest.name, 60));
    let period = format!("{} to {}", when::full(from, policy), when::full(until, policy));
    let paper = match digest.shows {
        Shows::Parked => parked(figures, until, policy, to_persons),
        Shows::Everything if figures.is_quiet() => quiet(&period),
        Shows::Everything => busy(figures, &period, until, policy, to_persons),
    };
    Letter {
        purpose: Purpose::Digest,
        display_name: ascii(&clipped(&policy.name, 60)),
        text: paper.text(),
        html: paper.html(&subject),
        subject,
        duty: None,
        to_persons,
    }
}

/// What waits until there is time, before the time is given to something else.
fn parked(figures: &Figures, until: DateTime<Utc>, policy: &Policy, to_persons: bool) -> Paper {
    let count = figures.parked.len();
    let lead = format!("{} for later to be planned", counted(count, "action"));
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(
        "Please say before the quarter begins which of them are to be done in it: nobody is asked to do \
         any of them until you do. Each would have kept something from happening again.",
    );
    add_actions(&mut paper, "Parked, the oldest first", &figures.parked, 0, until, policy);
    if to_persons {
        paper.prose(HOW_TO_ANSWER);
    }
    paper
}

/// One line, with which every number of a digest can be answered.
const HOW_TO_ANSWER: &str = "To have one done, to let it go and accept the risk, or to ask its owner, reply \
                             with its number: `Fund 3`, `Drop 7: why`, `Ask 9: question`.";

/// The numbers of a digest begin at 1 and go on from list to list.
fn add_actions(
    paper: &mut Paper,
    heading: &str,
    actions: &[ListedAction],
    before: usize,
    until: DateTime<Utc>,
    policy: &Policy,
) {
    if actions.is_empty() {
        return;
    }
    paper.heading(heading);
    let rows = actions.iter().take(ACTIONS_MAX).zip(before + 1..);
    paper.facts(rows.map(|(action, number)| action_row(action, number, until, policy)).collect());
    if actions.len() > ACTIONS_MAX {
        paper.prose(&format!("And {} more.", actions.len() - ACTIONS_MAX));
    }
}

fn action_row(action: &ListedAction, number: usize, until: DateTime<Utc>, policy: &Policy) -> Fact {
    let owner = shown(&action.owner);
    let stands = match action.due_at {
        _ if action.is_declined => format!("declined by {owner}, nobody has decided"),
        Some(at) if at < until => format!("{owner}, was due {}", when::full(at, policy)),
        Some(at) => format!("{owner}, due {}", when::full(at, policy)),
        None => format!("{owner}, parked"),
    };
    let age = when::span(action.age);
    let state = format!("INC-{} #{}, {stands}, {age} old", action.incident, action.seq);
    facts(&number.to_string(), vec![clipped(&one_line(&action.what), 100), state])
}

/// What of an answer was not done.
pub fn render_digest_answered(policy: &Policy, digest: &str, results: &[LineResult]) -> Letter {
    let refused = |result: &&LineResult| matches!(result.outcome, Outcome::Refused { .. });
    let refused = results.iter().filter(refused).count();
    let lead = match (refused, results.len()) {
        (0, _) => "No line of it could be read".to_owned(),
        (refused, all) => format!("{refused} of {} not done", counted(all, "line")),
    };
    let mut paper = Paper::new(lead, format!("{}: {}", one_line(&policy.name), one_line(digest)));
    paper.prose(
        "Please send what was not done once more, in a reply to this mail. A digest is answered by lines \
         such as `Fund 3`, `Drop 7: why` and `Ask 9: question`, with its own numbers.",
    );
    if !results.is_empty() {
        paper.transcript(results.iter().take(LINES_MAX).map(step).collect());
    }
    paper.foot("Only you get this. Lines that are not named here are done.");
    let subject = format!("{}: answer to {}", clipped(&policy.name, 60), clipped(digest, 60));
    letter(Purpose::Receipt, &policy.name, &subject, &paper)
}

fn quiet(period: &str) -> Paper {
    Paper::new("A quiet period, nothing open and nothing owed.", period)
}

fn busy(
    figures: &Figures,
    period: &str,
    until: DateTime<Utc>,
    policy: &Policy,
    to_persons: bool,
) -> Paper {
    let name = one_line(&policy.postmortem.name);
    let overdue: Vec<&Overdue> = figures.open.iter().filter_map(|open| open.overdue.as_ref()).collect();
    let late = &figures.postmortems.late;
    let is_late = |action: &&ListedAction| {
        action.is_declined || action.due_at.is_some_and(|due_at| due_at < until)
    };
    let actions_late = figures.actions.iter().filter(is_late).count();
    let mut lead = format!(
        "{} open, {} late, {} late",
        figures.open.len(),
        counted(overdue.len(), "update"),
        counted(late.len(), &name)
    );
    if actions_late > 0 {
        lead.push_str(&format!(", {} late", counted(actions_late, "action")));
    }
    let mut paper = Paper::new(lead, period);
    paper.prose(if overdue.is_empty() && late.is_empty() && actions_late == 0 {
        "For your information; nothing is asked of you."
    } else {
        "Please ask the people named beside what is late what is in the way."
    });
    paper.heading("Open incidents");
    if figures.open.is_empty() {
        paper.prose("None.");
    }
    add_rows(&mut paper, &figures.open, |open| open_row(open, until, policy));
    for (heading, list) in
        [(format!("Late, {name}"), late), (format!("Due, {name}"), &figures.postmortems.due)]
    {
        if !list.is_empty() {
            paper.heading(&heading);
            add_rows(&mut paper, list, |owed| owed_row(owed, until, policy));
        }
    }
    if !figures.postmortems.published.is_empty() {
        paper.heading(&format!("Published, {name}"));
        add_rows(&mut paper, &figures.postmortems.published, |(number, title)| {
            fact(&format!("INC-{number}"), clipped(title, 100))
        });
    }
    add_actions(&mut paper, "Actions, the oldest first", &figures.actions, 0, until, policy);
    let numbered = figures.actions.len().min(ACTIONS_MAX);
    add_actions(&mut paper, "For later, the oldest first", &figures.parked, numbered, until, policy);
    if to_persons && !(figures.actions.is_empty() && figures.parked.is_empty()) {
        paper.prose(HOW_TO_ANSWER);
    }
    add_pace(&mut paper, &figures.period, &figures.before);
    paper
}

fn add_rows<T>(paper: &mut Paper, list: &[T], row: impl Fn(&T) -> Fact) {
    if !list.is_empty() {
        paper.facts(list.iter().take(ROWS_MAX).map(row).collect());
    }
    if list.len() > ROWS_MAX {
        paper.prose(&format!("And {} more.", list.len() - ROWS_MAX));
    }
}

/// All that may be told of a private incident.
fn private_row(number: i64, title: &str, severity: Severity) -> Fact {
    fact(&format!("INC-{number}"), format!("{}, {severity}", one_line(title)))
}

fn open_row(open: &OpenIncident, until: DateTime<Utc>, policy: &Policy) -> Fact {
    if open.private {
        return private_row(open.number, &open.title, open.severity);
    }
    let mut state = format!("{} {}, open for {}", open.severity, open.phase, when::span(open.age));
    // Nobody owes an update of what is resolved.
    if open.phase.is_active() {
        state.push_str(&format!(", no update for {}", when::span(open.since_update)));
    }
    let mut lines = vec![clipped(&open.title, 100), state];
    if let Some(late) = &open.overdue {
        let since = when::brief(late.due_at, policy, until);
        lines.push(format!("update late since {since}, {}", with(late.with.as_ref())));
    }
    facts(&format!("INC-{}", open.number), lines)
}

fn owed_row(owed: &Overdue, until: DateTime<Utc>, policy: &Policy) -> Fact {
    if owed.private {
        return private_row(owed.number, &owed.title, owed.severity);
    }
    let verb = if owed.due_at < until { "was due" } else { "due" };
    let due = format!("{verb} {}, {}", when::full(owed.due_at, policy), with(owed.with.as_ref()));
    facts(&format!("INC-{}", owed.number), vec![clipped(&owed.title, 100), due])
}

fn with(person: Option<&Person>) -> String {
    person.map_or_else(|| "nobody commands".to_owned(), |person| format!("with {}", shown(person)))
}

fn add_pace(paper: &mut Paper, this: &Pace, before: &Pace) {
    let told = |span: Option<TimeDelta>| span.map_or_else(|| "-".to_owned(), when::span);
    let share = |share: Option<u8>| share.map_or_else(|| "-".to_owned(), |share| format!("{share} %"));
    let row = |name: &str, this: String, before: String| vec![name.to_owned(), this, before];
    paper.heading("How the period went");
    paper.table(
        &["Median", "this period", "the one before"],
        vec![
            row("To take command", told(this.to_acknowledge), told(before.to_acknowledge)),
            row("To the first update", told(this.to_first_update), told(before.to_first_update)),
            row("To resolve", told(this.to_resolve), told(before.to_resolve)),
            row(
                "Updates on time",
                share(this.updates_on_time_percent),
                share(before.updates_on_time_percent),
            ),
        ],
    );
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
