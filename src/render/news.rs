//! How an incident stands, for everybody: declaration, follow-up, resolution, status, note copies.
//!
//! The declaration has its six fields and the follow-up its four, always in the same order; what
//! nobody said is shown as not stated and never left out.

use super::context::{Context, NOT_STATED, listed, shown};
use super::paper::{Paper, fact, facts};
use super::proposal::open_proposals;
use super::statement::customers_told;
use super::task::open_tasks;
use super::when;
use super::wrap::{clipped, one_line, own_sentence};
use crate::incident::decision::{Change, Entry, EntryKind, Purpose};
use crate::incident::state::Person;
use crate::incident::{Phase, Severity};
use crate::mail::compose::Letter;

/// Lines of the timeline that a status answer shows.
const STATUS_ENTRIES: usize = 10;
/// Notes or updates that one mail shows beside its own: what a person reads of one evening.
const UNTOLD_SHOWN: usize = 10;

/// Somebody's words, and those that their readers should have had before.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    pub text: &'a str,
    pub untold: &'a [Entry],
}

/// The six fields, in their present state.
pub fn render_declaration(context: &Context<'_>) -> Letter {
    let incident = context.incident;
    let fresh = incident.updates.first_at.is_none() && incident.phase <= Phase::Investigating;
    let state = if fresh { "declared".to_owned() } else { incident.phase.to_string() };
    let lead = format!("{} {state}, {}", incident.severity, context.next_update_brief());
    let mut paper = Paper::new(lead, context.about());
    let subject = context.thread_subject();
    if incident.commander().is_none() && incident.phase.is_active() {
        paper.prose(
            "Nobody commands this incident yet. If you can, take command now: the first to answer \
             has it.",
        );
        paper.actions(vec![context.action("To take command", "I have command", &subject)]);
    }
    paper.prose(
        "If you know something, reply in plain words: it goes into the timeline. If you come to \
         help, join. Otherwise you need do nothing; the updates come to you.",
    );
    paper.actions(vec![context.action("To join", "join", &subject)]);
    paper.facts(vec![
        facts("1 What is wrong", context.what_lines()),
        fact("2 Severity", context.severity_line()),
        fact("3 Phase", context.phase_line()),
        fact("4 Commander", context.commander_line()),
        facts("5 Coordination", context.coordination_lines()),
        facts("6 Involved", context.involved_lines()),
    ]);
    let mut more = vec![facts("Customer impact", context.impact_lines())];
    more.extend(context.times());
    more.push(fact("Next update", context.next_update_line()));
    if !incident.links.is_empty() {
        more.push(facts("Links", incident.links.iter().take(10).map(|link| one_line(link)).collect()));
    }
    paper.facts(more);
    add_raise(&mut paper, context, &subject);
    paper
        .foot(&format!("What counts as an incident here  {}", one_line(&context.policy.incident_means)));
    paper.foot("Every command on one page? Reply with the one word `help`.");
    context.in_thread(Purpose::Declaration, &paper)
}

/// That there is a private incident, and how bad: all that its lists learn.
pub fn render_restricted(context: &Context<'_>) -> Letter {
    let incident = context.incident;
    let (key, severity) = (context.key(), incident.severity);
    let drill = if incident.drill { "DRILL " } else { "" };
    let lead = match incident.phase {
        phase if phase.is_active() => format!("{drill}Restricted incident {key}, {severity}"),
        Phase::Cancelled => format!("{drill}Restricted incident {key}, {severity}, is cancelled"),
        _ => format!("{drill}Restricted incident {key}, {severity}, is resolved"),
    };
    let mut paper = Paper::new(lead, one_line(&context.policy.name));
    paper.prose(
        "For your information; nothing is asked of you. What it is about is told to those alone who work \
         on it. If you know something, reply in plain words: they read it.",
    );
    paper.prose(&if incident.phase.is_active() {
        format!("You hear of {key} once more, when it is over.")
    } else {
        format!("You get no more mail of {key}.")
    });
    let mut letter = context.in_thread(Purpose::Declaration, &paper);
    letter.display_name = format!("{drill}{key} {severity}");
    letter
}

/// Anyone may raise the severity; nobody has to know how.
fn add_raise(paper: &mut Paper, context: &Context<'_>, subject: &str) {
    let worse = Severity::ALL.into_iter().rev().find(|severity| *severity < context.incident.severity);
    if let (Some(worse), true) = (worse, context.incident.phase.is_active()) {
        paper.prose("Is it worse than stated here? Anybody may raise the severity.");
        paper.actions(vec![context.action(
            &format!("To raise it to {worse}"),
            &format!("Severity: {worse}"),
            subject,
        )]);
    }
}

/// The four fields, what changed, and the author's words.
pub fn render_follow_up(
    context: &Context<'_>,
    by: Option<&Person>,
    changes: &[Change],
    words: Words<'_>,
    update_overdue: bool,
) -> Letter {
    let (incident, text) = (context.incident, words.text);
    let mut paper = Paper::new(follow_up_lead(context, changes, update_overdue), context.about());
    if update_overdue {
        paper.prose(&overdue_words(context));
    } else {
        paper.prose("For your information; nothing is asked of you.");
    }
    let mut members = vec![context.commander_line()];
    members.extend(context.role_lines());
    paper.facts(vec![
        fact("1 Severity", context.severity_line()),
        fact("2 Phase", context.phase_line()),
        facts("3 Commander", members),
        facts("4 What changed", changed_lines(context, by, changes, text, update_overdue)),
    ]);
    paper.words(text);
    paper.facts(vec![
        facts("Customer impact", context.impact_lines()),
        fact("Next update", context.next_update_line()),
        facts("Coordination", context.coordination_lines()),
    ]);
    let mut more: Vec<_> = customers_told(context).into_iter().collect();
    more.extend(open_tasks(context).into_iter().chain(open_proposals(context)));
    if !more.is_empty() {
        paper.facts(more);
    }
    add_untold(&mut paper, context, words);
    paper.foot("Something to add or to ask? Reply in plain words; it goes into the timeline.");
    let mut letter = context.in_thread(Purpose::FollowUp, &paper);
    if incident.phase == Phase::Cancelled {
        letter.display_name = format!("{} cancelled", context.key());
    }
    letter
}

fn follow_up_lead(context: &Context<'_>, changes: &[Change], update_overdue: bool) -> String {
    let incident = context.incident;
    let cancelled = changes.iter().find_map(|change| match change {
        Change::Cancelled { why } => Some(format!("Cancelled: {}", clipped(why, 50))),
        _ => None,
    });
    if let Some(lead) = cancelled {
        return lead;
    }
    if changes.contains(&Change::Drill(true)) {
        return format!("This is a drill; {} is no real incident", context.key());
    }
    let reopened = changes.iter().any(|change| matches!(change, Change::Reopened { .. }));
    let state = if reopened { "reopened".to_owned() } else { incident.phase.to_string() };
    match context.update_due() {
        Some(at) if update_overdue => {
            format!("{} {state}, update overdue since {}", incident.severity, context.brief(at))
        }
        _ => format!("{} {state}, {}", incident.severity, context.next_update_brief()),
    }
}

fn overdue_words(context: &Context<'_>) -> String {
    let since = match context.update_due() {
        Some(at) => format!("The update that was due {} has not come.", context.full(at)),
        None => "No update has come.".to_owned(),
    };
    let chased = match context.incident.commander() {
        Some(commander) => {
            format!("Firebell has reminded {} and goes on reminding.", shown(commander))
        }
        None => "Nobody commands; Firebell goes on asking.".to_owned(),
    };
    format!(
        "{since} {chased} What stands below is the last that was stated. If you know more, reply \
         in plain words."
    )
}

fn changed_lines(
    context: &Context<'_>,
    by: Option<&Person>,
    changes: &[Change],
    text: &str,
    update_overdue: bool,
) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().map(|change| change_line(context, change)).collect();
    if !text.trim().is_empty() {
        lines.push(match by {
            Some(by) => format!("{} writes, below", shown(by)),
            None => "see below".to_owned(),
        });
    }
    if update_overdue {
        lines.push("nothing was stated since the last update".to_owned());
    }
    if lines.is_empty() {
        lines.push("nothing was stated".to_owned());
    }
    lines
}

/// The lists that a lower severity does not notify get this mail as their last: it says so.
fn told_no_more(context: &Context<'_>, from: Severity, to: Severity) -> String {
    let policy = context.policy;
    let after = policy.notified(context.incident, to);
    let leaving: Vec<String> = policy
        .notified(context.incident, from)
        .iter()
        .filter(|name| !after.contains(name) && policy.roster.list(name).is_some())
        .map(|name| one_line(name))
        .collect();
    if leaving.is_empty() {
        return String::new();
    }
    format!("; the list {} gets no further updates", leaving.join(", "))
}

fn change_line(context: &Context<'_>, change: &Change) -> String {
    match change {
        Change::Severity { from, to } if to < from => format!("severity raised from {from} to {to}"),
        Change::Severity { from, to } if to > from => {
            format!("severity lowered from {from} to {to}{}", told_no_more(context, *from, *to))
        }
        Change::Severity { to, .. } => format!("severity stated, {to}"),
        Change::Phase { from, to } => format!("phase from {from} to {to}"),
        Change::Commander { from: Some(from), to } => {
            format!("{} commands, after {}", shown(to), shown(from))
        }
        Change::Commander { from: None, to } => format!("{} commands", shown(to)),
        Change::RoleTaken { role, person } => format!("{} is {role}", shown(person)),
        Change::Impact => "customer impact, below".to_owned(),
        Change::CustomersAffected(true) => "customers are affected".to_owned(),
        Change::CustomersAffected(false) => "no customers are affected".to_owned(),
        Change::NextUpdate(at) => format!("next update promised for {}", context.full(*at)),
        Change::Decided { what } => format!("decided: {}", clipped(what, 300)),
        Change::Reopened { why } => format!("reopened: {}", clipped(why, 300)),
        Change::Drill(true) => "it is a drill; whoever gets no drills hears no more of it".to_owned(),
        Change::Drill(false) => "it is real, and no drill any more".to_owned(),
        Change::Cancelled { why } => format!("cancelled: {}", clipped(why, 300)),
    }
}

/// Duration, impact, what fixed it, who owes the postmortem by when.
pub fn render_resolution(context: &Context<'_>, by: &Person, words: Words<'_>) -> Letter {
    let incident = context.incident;
    let began = incident.started_at.unwrap_or(incident.declared_at);
    let ended = incident.resolved_at.unwrap_or(context.now);
    let lead = format!("{} resolved after {}", incident.severity, when::span(ended - began));
    let mut paper = Paper::new(lead, context.about());
    paper.prose(
        "It is over; nothing is asked of you. If you see that it is not over, reply in plain \
         words at once: the commander can reopen it.",
    );
    let fixed = incident.outcome.as_deref().map_or_else(|| NOT_STATED.to_owned(), one_line);
    let told = customers_told(context);
    let mut rows = vec![
        fact("What fixed it", fixed),
        fact("Severity", context.severity_line()),
        facts("Customer impact", context.impact_lines()),
    ];
    rows.extend(told);
    rows.extend(context.times());
    rows.push(fact("Resolved", format!("{} by {}", context.full(ended), shown(by))));
    rows.push(fact("Duration", when::span(ended - began)));
    rows.push(fact("Commander", context.commander_line()));
    rows.push(facts("Afterwards", afterwards_lines(context)));
    paper.facts(rows);
    let outcome = incident.outcome.as_deref().unwrap_or_default().trim();
    if words.text.trim() != outcome {
        paper.words(words.text);
    }
    add_untold(&mut paper, context, words);
    context.in_thread(Purpose::Resolution, &paper)
}

fn afterwards_lines(context: &Context<'_>) -> Vec<String> {
    let name = one_line(&context.policy.postmortem.name);
    match &context.incident.postmortem {
        Some(postmortem) if postmortem.is_owed() => {
            let owner = if postmortem.owner_named { "" } else { " until somebody else is named" };
            let due = match postmortem.due_at {
                Some(at) => format!("due {}", context.full(at)),
                None => "without a date".to_owned(),
            };
            let mut lines =
                vec![format!("{name} {due}"), format!("{} writes it{owner}", shown(&postmortem.owner))];
            let worst = context.incident.severity_highest;
            if worst != context.incident.severity {
                lines.push(format!("it is owed because this was {worst} at its worst"));
            }
            lines
        }
        Some(_) => vec![format!("{name} done or waived")],
        None => vec![format!("no {name} is owed for {}", context.incident.severity_highest)],
    }
}

/// Somebody's note, for responders.
pub fn render_note(
    context: &Context<'_>,
    seq: i64,
    by: &Person,
    words: Words<'_>,
    attachments: &[String],
) -> Letter {
    let text = words.text;
    let by_whom = clipped(by.shown(), 20);
    let has_words = |line: &&str| line.chars().any(char::is_alphanumeric);
    let lead = match (text.lines().find(has_words), attachments) {
        (Some(first), _) => format!("{by_whom} wrote \"{}\"", clipped(first, 40)),
        (None, [only]) => format!("{by_whom} sent {}", clipped(only, 40)),
        (None, []) => format!("{by_whom} sent a note without words"),
        (None, files) => format!("{by_whom} sent {} files", files.len()),
    };
    let mut paper = Paper::new(lead, context.about());
    paper.words(text);
    let mut rows = vec![fact("Note", format!("#{seq} by {}", shown(by)))];
    if !attachments.is_empty() {
        let names = attachments.iter().take(20).map(|name| clipped(name, 100)).collect();
        rows.push(facts("Attached", names));
    }
    rows.push(fact("Severity", context.incident.severity.to_string()));
    rows.push(fact("Phase", context.phase_line()));
    rows.push(fact("Commander", context.commander_line()));
    rows.extend(context.coordination());
    paper.facts(rows);
    add_untold(&mut paper, context, words);
    paper.foot(if context.incident.commander().is_some() {
        "You get this because you work on the incident. Nothing is asked of you; a reply goes into \
         the timeline and to the other responders. No more of these? Reply with the one word \
         `leave`."
    } else {
        "You get this because you work on the incident, or are asked to take command of it. A reply \
         goes into the timeline and to the others."
    });
    let mut letter = context.in_thread(Purpose::Note, &paper);
    letter.display_name = context.via(by);
    letter
}

/// What was written before, in mail that is not sent any more because this one is.
fn add_untold(paper: &mut Paper, context: &Context<'_>, words: Words<'_>) {
    let left_out = words.untold.len().saturating_sub(UNTOLD_SHOWN);
    if words.untold.is_empty() {
        return;
    }
    paper.heading("Written before this, and not sent until now");
    if left_out > 0 {
        paper.prose(&format!("{left_out} more, from before these, are in the timeline."));
    }
    for entry in words.untold.iter().skip(left_out) {
        let author = clipped(&entry.author_name, 60);
        let mut line = format!("#{} by {author}, {}", entry.seq, context.full(entry.at));
        if !entry.attachments.is_empty() {
            let files = entry.attachments.iter().take(10).map(|file| clipped(&file.name, 100));
            line.push_str(&format!(", with {}", listed(&files.collect::<Vec<_>>())));
        }
        paper.prose(&line);
        paper.words(&entry.text);
    }
}

/// A sentence of ours to those whom it concerns.
pub fn render_notice(context: &Context<'_>, what: &str, more: &str) -> Letter {
    let mut paper = Paper::new(clipped(what, 72), context.about());
    paper.prose(&own_sentence(more));
    let mut rows = vec![
        fact("Severity", context.incident.severity.to_string()),
        fact("Phase", context.phase_line()),
        fact("Commander", context.commander_line()),
        fact("Next update", context.next_update_line()),
    ];
    rows.extend(context.coordination());
    paper.facts(rows);
    context.in_thread(Purpose::Note, &paper)
}

/// How it stands, for somebody who asked.
pub fn render_status(context: &Context<'_>, timeline: &[Entry]) -> Letter {
    let incident = context.incident;
    let lead = format!("{} {}, {}", incident.severity, incident.phase, context.next_update_brief());
    let mut paper = Paper::new(lead, context.about());
    paper.prose(&format!("You asked how it stands. This is true of {}.", context.full(context.now)));
    let mut rows = context.summary_facts();
    rows.push(facts("Involved", context.involved_lines()));
    rows.push(facts("Customer impact", context.impact_lines()));
    rows.extend(context.times());
    rows.push(fact("Next update", context.next_update_line()));
    rows.extend(customers_told(context));
    rows.extend(open_tasks(context));
    rows.extend(open_proposals(context));
    if incident.postmortem.is_some() || !incident.phase.is_active() {
        rows.push(facts("Afterwards", afterwards_lines(context)));
    }
    paper.facts(rows);
    let recent = timeline.iter().rev().take(STATUS_ENTRIES).rev();
    let lines: Vec<_> = recent.map(|entry| entry_fact(context, entry, 200)).collect();
    if !lines.is_empty() {
        paper.heading("The last entries of the timeline").facts(lines);
    }
    context.in_thread(Purpose::Status, &paper)
}

/// An entry as a row: when, who, what.
pub fn entry_fact(context: &Context<'_>, entry: &Entry, chars: usize) -> super::paper::Fact {
    let zone = &context.policy.calendar.zone;
    let label = zone.local(entry.at).format("%m-%d %H:%M").to_string();
    let author = match (&entry.author, entry.author_name.is_empty()) {
        (None, _) => String::new(),
        (Some(_), false) => format!("{}  ", clipped(&entry.author_name, 60)),
        (Some(address), true) => format!("{}  ", clipped(address.as_str(), 60)),
    };
    let doubt = if entry.verified { "" } else { " (unverified sender)" };
    let text = match entry.kind {
        // Whose server took what when is evidence, and stands below what happened.
        EntryKind::Page | EntryKind::Proposal => entry.text.lines().next().unwrap_or_default(),
        _ => &entry.text,
    };
    fact(&label, format!("{author}{}{doubt}  #{}", clipped(text, chars), entry.seq))
}

/// Names for a subject: `Alice`, `Alice, Bob`, `everybody trained`.
pub fn asked_names(people: &[Person]) -> String {
    let names: Vec<String> = people.iter().map(super::context::first_name).collect();
    match names.len() {
        0 => "Anybody".to_owned(),
        1..=3 => names.join(", "),
        _ => "All commanders".to_owned(),
    }
}

/// The full names in a sentence.
pub fn asked_full(people: &[Person]) -> String {
    let names: Vec<String> = people.iter().take(10).map(shown).collect();
    listed(&names)
}
