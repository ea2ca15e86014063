//! The digest in words: how things stand, and how the period went beside the one before.
//!
//! Never ranks people or teams and never counts incidents as a score. A quiet period says so in
//! two lines. Start with [`render_digest`].

use chrono::{DateTime, TimeDelta, Utc};

use super::context::shown;
use super::paper::{Fact, Paper, fact, facts};
use super::when;
use super::wrap::{ascii, clipped, one_line};
use crate::incident::decision::Purpose;
use crate::incident::state::Person;
use crate::incident::{Policy, Severity};
use crate::learning::digest::{Figures, OpenIncident, Overdue, Pace};
use crate::mail::compose::Letter;

/// Rows of one list in a digest; more than these are counted.
const ROWS_MAX: usize = 40;

/// The digest `name` over the period from `from` until `until`, to persons.
pub fn render_digest(
    figures: &Figures,
    name: &str,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    policy: &Policy,
) -> Letter {
    let subject = format!("{}: {}", clipped(&policy.name, 60), clipped(name, 60));
    let period = format!("{} to {}", when::full(from, policy), when::full(until, policy));
    let paper = if figures.is_quiet() { quiet(&period) } else { busy(figures, &period, until, policy) };
    Letter {
        purpose: Purpose::Digest,
        display_name: ascii(&clipped(&policy.name, 60)),
        text: paper.text(),
        html: paper.html(&subject),
        subject,
        duty: None,
        to_persons: true,
    }
}

fn quiet(period: &str) -> Paper {
    Paper::new("A quiet period, nothing open and nothing owed.", period)
}

fn busy(figures: &Figures, period: &str, until: DateTime<Utc>, policy: &Policy) -> Paper {
    let name = one_line(&policy.postmortem.name);
    let overdue: Vec<&Overdue> = figures.open.iter().filter_map(|open| open.overdue.as_ref()).collect();
    let late = &figures.postmortems.late;
    let lead = format!(
        "{} open, {} late, {} late",
        figures.open.len(),
        counted(overdue.len(), "update"),
        counted(late.len(), &name)
    );
    let mut paper = Paper::new(lead, period);
    paper.prose(if overdue.is_empty() && late.is_empty() {
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
