//! The digest in words: how things stand, and how the period went beside the one before.
//!
//! Never ranks people or teams and never counts incidents as a score. A quiet period says so in
//! two lines. Start with [`render_digest`].

use chrono::{DateTime, TimeDelta, Utc};

use super::paper::{Paper, fact, facts};
use super::when;
use super::wrap::{ascii, clipped, one_line};
use crate::incident::decision::Purpose;
use crate::incident::{Phase, Policy, Severity};
use crate::mail::compose::Letter;

/// Rows of one list in a digest; more than these are counted.
const ROWS_MAX: usize = 40;

/// What a digest shows.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestView {
    /// The digest's name in the configuration.
    pub name: String,
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// The most severe first.
    pub open: Vec<OpenIncident>,
    pub overdue: Vec<Overdue>,
    pub published: Vec<WrittenUp>,
    /// Owed, and not late.
    pub due: Vec<WrittenUp>,
    pub late: Vec<WrittenUp>,
    /// Medians, such as "to take command".
    pub times: Vec<Measure>,
    /// Per cent of updates that were on time: in this period, in the one before.
    pub updates_on_time: (Option<u8>, Option<u8>),
}

/// An incident that is not closed.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIncident {
    pub number: i64,
    pub title: String,
    /// Its title is not for everybody.
    pub private: bool,
    pub severity: Severity,
    pub phase: Phase,
    /// Empty when nobody commands.
    pub commander: String,
    /// When anybody last wrote.
    pub last_entry_at: DateTime<Utc>,
}

/// Something that is owed and late.
#[derive(Debug, Clone, PartialEq)]
pub struct Overdue {
    pub number: i64,
    /// `update`.
    pub what: String,
    /// Who can tell more.
    pub with: String,
    pub since: DateTime<Utc>,
}

/// A postmortem.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenUp {
    pub number: i64,
    pub title: String,
    pub private: bool,
    pub owner: String,
    /// When it was published, or is due.
    pub at: Option<DateTime<Utc>>,
}

/// A time and the same of the period before.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// `To take command`.
    pub name: String,
    pub this: Option<TimeDelta>,
    pub before: Option<TimeDelta>,
}

impl DigestView {
    /// Nothing is open, owed, late or measured.
    pub fn is_quiet(&self) -> bool {
        self.open.is_empty()
            && self.overdue.is_empty()
            && self.published.is_empty()
            && self.due.is_empty()
            && self.late.is_empty()
            && self.times.iter().all(|measure| measure.this.is_none())
    }
}

/// The digest, to persons.
pub fn render_digest(view: &DigestView, policy: &Policy, now: DateTime<Utc>) -> Letter {
    let subject = format!("{}: {}", clipped(&policy.name, 60), clipped(&view.name, 60));
    let period = format!("{} to {}", when::full(view.from, policy), when::full(view.until, policy));
    let paper = if view.is_quiet() { quiet(&period) } else { busy(view, policy, &period, now) };
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

fn busy(view: &DigestView, policy: &Policy, period: &str, now: DateTime<Utc>) -> Paper {
    let lead = format!(
        "{} open, {} overdue, {} late",
        view.open.len(),
        view.overdue.len(),
        written_ups(view.late.len(), policy)
    );
    let mut paper = Paper::new(lead, period);
    paper.prose(if view.overdue.is_empty() && view.late.is_empty() {
        "For your information; nothing is asked of you."
    } else {
        "Please ask the people named under Overdue and Late what is in the way; they are reminded, \
         and have not answered."
    });
    paper.heading("Open incidents");
    if view.open.is_empty() {
        paper.prose("None.");
    } else {
        paper.facts(view.open.iter().take(ROWS_MAX).map(|open| open_row(open, now)).collect());
        more(&mut paper, view.open.len());
    }
    if !view.overdue.is_empty() {
        paper.heading("Overdue");
        let row = |late: &Overdue| {
            let since = when::brief(late.since, policy, now);
            fact(
                &format!("INC-{}", late.number),
                format!("{} since {since}, with {}", one_line(&late.what), one_line(&late.with)),
            )
        };
        paper.facts(view.overdue.iter().take(ROWS_MAX).map(row).collect());
        more(&mut paper, view.overdue.len());
    }
    let name = one_line(&policy.postmortem.name);
    for (heading, list, verb) in [
        (format!("Late: {name}"), &view.late, "was due"),
        (format!("Due: {name}"), &view.due, "due"),
        (format!("Published: {name}"), &view.published, "published"),
    ] {
        if !list.is_empty() {
            paper.heading(&heading.replace(": ", ", "));
            paper.facts(list.iter().take(ROWS_MAX).map(|one| written_row(one, verb, policy)).collect());
            more(&mut paper, list.len());
        }
    }
    add_times(&mut paper, view);
    paper
}

fn open_row(open: &OpenIncident, now: DateTime<Utc>) -> super::paper::Fact {
    let title = if open.private { "Restricted incident".to_owned() } else { clipped(&open.title, 100) };
    let commander = match open.commander.trim() {
        "" => "nobody commands".to_owned(),
        name => format!("commander {}", one_line(name)),
    };
    let key = format!("INC-{}", open.number);
    facts(
        &key,
        vec![
            title,
            format!(
                "{} {}, {commander}, last entry {}",
                open.severity,
                open.phase,
                when::distance(open.last_entry_at, now)
            ),
        ],
    )
}

fn written_row(one: &WrittenUp, verb: &str, policy: &Policy) -> super::paper::Fact {
    let title = if one.private { "Restricted incident".to_owned() } else { clipped(&one.title, 80) };
    let at = one
        .at
        .map_or_else(|| "without a date".to_owned(), |at| format!("{verb} {}", when::full(at, policy)));
    facts(&format!("INC-{}", one.number), vec![title, format!("{at}, {}", one_line(&one.owner))])
}

fn add_times(paper: &mut Paper, view: &DigestView) {
    let told = |at: Option<TimeDelta>| at.map_or_else(|| "-".to_owned(), when::span);
    let share = |share: Option<u8>| share.map_or_else(|| "-".to_owned(), |share| format!("{share} %"));
    let mut rows: Vec<Vec<String>> = view
        .times
        .iter()
        .take(12)
        .map(|measure| vec![clipped(&measure.name, 30), told(measure.this), told(measure.before)])
        .collect();
    let (this, before) = view.updates_on_time;
    rows.push(vec!["Updates on time".to_owned(), share(this), share(before)]);
    paper.heading("How the period went");
    paper.table(&["Median", "this period", "the one before"], rows);
}

fn written_ups(count: usize, policy: &Policy) -> String {
    let name = one_line(&policy.postmortem.name);
    if count == 1 { format!("1 {name}") } else { format!("{count} {name}s") }
}

fn more(paper: &mut Paper, count: usize) {
    if count > ROWS_MAX {
        paper.prose(&format!("And {} more.", count - ROWS_MAX));
    }
}
