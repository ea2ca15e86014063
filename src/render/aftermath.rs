//! After the incident: the postmortem's skeleton, its gaps, and the published text.

use super::action::action_lines;
use super::context::{Context, NOT_STATED, first_name, shown};
use super::news::entry_fact;
use super::paper::{Fact, Paper, fact, facts};
use super::when;
use super::wrap::{clipped, one_line, spans};
use crate::incident::decision::{Entry, EntryKind, Purpose, Wording};
use crate::incident::state::{Person, Postmortem};
use crate::learning::postmortem::Section;
use crate::mail::compose::Letter;

/// Entries of the timeline in a mail, and characters of each; the page and the export have all.
const ENTRIES_MAX: usize = 150;
const ENTRY_CHARS: usize = 240;
/// Suggestions in one mail.
const WORDINGS_MAX: usize = 20;

/// The sections with what each asks; durations, roles and the timeline are filled in.
pub fn render_skeleton(context: &Context<'_>, timeline: &[Entry]) -> Letter {
    let name = name(context);
    let owner = owner(context);
    let subject = duty_subject(context);
    let due = due(context);
    let lead = match due {
        Some(at) => format!("{} due {}", capital(&name), context.full(at)),
        None => format!("{} wanted", capital(&name)),
    };
    let mut paper = Paper::new(lead, context.about());
    let by = match due {
        Some(at) => format!("It is due {}.", context.full(at)),
        None => "It has no date.".to_owned(),
    };
    let named = context.incident.postmortem.as_ref().is_none_or(|postmortem| postmortem.owner_named);
    let until = if named { "" } else { " until somebody else is named" };
    paper.prose(&format!(
        "{}, you write the {name}{until}. {by} Reply with one heading or several, each followed by a colon \
         and its text, such as `What happened: at 14:05 the disk was full`. Send them one by one, in \
         any order; any responder may. A heading sent again replaces its text.",
        first_name(owner),
    ));
    let otherwise = match due {
        Some(_) if context.tells_leadership() => {
            "Without it you are reminded until it is late, then leadership is told."
        }
        Some(_) => "Without it you are reminded until it is late.",
        None => "You are not reminded of it.",
    };
    paper.prose(&format!(
        "When all is there, submit: you get back only what is missing. {otherwise} To give it to \
         somebody else, reply with `Postmortem owner: name`.",
    ));
    for section in context.policy.postmortem.sections.iter().take(30) {
        let optional = if section.required { "" } else { " (optional)" };
        paper.heading(&format!("{}{optional}", one_line(&section.heading)));
        paper.prose(&one_line(&section.asks));
        if let Some(written) = written(context, &section.heading) {
            paper.words(written);
        }
        if section.lists_actions() {
            let day = context.now + chrono::TimeDelta::weeks(2);
            paper.prose(&format!(
                "`Action: Add an alert on lag. Owner: bob. Due: {}` is a line of its own for each that \
                 somebody is to do: they are asked until it is done. What has to wait until there is time \
                 for it is `Action (later): what`.",
                context.policy.calendar.zone.local(day).date(),
            ));
            add_actions(&mut paper, context);
        }
    }
    paper.actions(vec![context.action("To submit, when all is there", "Submit", &subject)]);
    paper.heading("Filled in already");
    paper.facts(durations(context));
    paper.facts(people(context));
    add_parked(&mut paper, context);
    add_timeline(&mut paper, context, timeline);
    paper.foot(
        "Blameless: write what people knew and why it made sense to them. Write \"the deploy\", not \
         who deployed.",
    );
    context.on_duty(Purpose::PostmortemSkeleton, subject, "postmortem", &paper)
}

fn add_actions(paper: &mut Paper, context: &Context<'_>) {
    let lines = action_lines(context);
    if !lines.is_empty() {
        paper.items(&lines);
    }
}

/// What was asked while nobody had the time.
fn add_parked(paper: &mut Paper, context: &Context<'_>) {
    let parked = &context.incident.parked;
    if parked.is_empty() {
        return;
    }
    paper.heading("Asked during the incident, for later");
    let asked = parked.iter().take(ENTRIES_MAX);
    let lines = asked
        .map(|parked| format!("{} (#{}, {})", one_line(&parked.text), parked.seq, shown(&parked.by)));
    paper.items(&lines.collect::<Vec<_>>());
}

/// Only what is missing, and what could be worded better.
pub fn render_gaps(context: &Context<'_>, missing: &[String], wording: &[Wording]) -> Letter {
    let subject = duty_subject(context);
    let lead = match missing.len() {
        0 => "Nothing is missing; publish it".to_owned(),
        1 => format!("1 section is missing: {}", clipped(&missing[0], 40)),
        several => format!("{several} sections are missing"),
    };
    let mut paper = Paper::new(lead, context.about());
    let by = due(context).map_or_else(String::new, |at| format!(" by {}", context.full(at)));
    if missing.is_empty() {
        paper.prose(&format!(
            "Every required section is written. Publish it{by}, and it goes to everybody who got the \
             declaration. Until you do, nobody else sees it and the reminders go on.",
        ));
        paper.actions(vec![context.action("To publish", "Publish", &subject)]);
    } else {
        paper.prose(&format!(
            "Reply{by} with these headings, each followed by a colon and its text; then submit again. \
             Until then it counts as not written, and the reminders go on.",
        ));
        let items: Vec<String> = missing.iter().map(|heading| asked(context, heading)).collect();
        paper.items(&items);
        paper.actions(vec![context.action("To submit, when all is there", "Submit", &subject)]);
    }
    if !wording.is_empty() {
        paper.heading("Better worded");
        paper.prose(
            "These passages name a person or a fault where a cause would help more. They are \
             suggestions: nothing waits for them.",
        );
        let steps = wording.iter().take(WORDINGS_MAX).map(|wording| {
            let typed =
                vec![format!("{}  {}", one_line(&wording.heading), clipped(&wording.passage, 300))];
            (typed, spans(&one_line(&wording.suggestion)))
        });
        paper.transcript(steps.collect());
    }
    context.on_duty(Purpose::PostmortemGaps, subject, "postmortem", &paper)
}

/// The whole text, to everybody.
pub fn render_published(context: &Context<'_>, timeline: &[Entry]) -> Letter {
    let name = capital(&name(context));
    let mut paper = Paper::new(
        format!("{name} of {} published", clipped(&context.incident.title, 40)),
        context.about(),
    );
    paper.prose(&format!(
        "For your information; nothing is asked of you. {} wrote it with the responders. A reply \
         goes into the timeline.",
        shown(owner(context)),
    ));
    let mut rows = vec![fact("Severity", context.severity_line())];
    rows.extend(durations(context));
    rows.push(facts("Customer impact", context.impact_lines()));
    paper.facts(rows);
    for section in context.policy.postmortem.sections.iter().take(30) {
        let text = written(context, &section.heading);
        let listed = section.lists_actions() && context.incident.has_actions();
        if text.is_none() && !section.required && !listed {
            continue;
        }
        paper.heading(&one_line(&section.heading));
        match text {
            Some(text) => drop(paper.words(text)),
            None if listed => {}
            None => drop(paper.prose(NOT_STATED)),
        }
        if listed {
            add_actions(&mut paper, context);
        }
    }
    if !context.policy.postmortem.sections.iter().any(Section::lists_actions) {
        if context.incident.has_actions() {
            paper.heading("Actions");
        }
        add_actions(&mut paper, context);
    }
    paper.heading("Who took part").facts(people(context));
    add_timeline(&mut paper, context, timeline);
    context.in_thread(Purpose::PostmortemPublished, &paper)
}

fn name(context: &Context<'_>) -> String {
    one_line(&context.policy.postmortem.name)
}

/// One subject for skeleton and gaps: they are one thread of work.
fn duty_subject(context: &Context<'_>) -> String {
    context.duty_subject(&format!("{}: {} due", first_name(owner(context)), name(context)))
}

fn owner<'a>(context: &Context<'a>) -> &'a Person {
    let incident = context.incident;
    match &incident.postmortem {
        Some(postmortem) => &postmortem.owner,
        None => incident.commander().unwrap_or(&incident.reporter),
    }
}

fn due(context: &Context<'_>) -> Option<chrono::DateTime<chrono::Utc>> {
    context.incident.postmortem.as_ref().and_then(|postmortem| postmortem.due_at)
}

fn written<'a>(context: &Context<'a>, heading: &str) -> Option<&'a str> {
    let postmortem: &Postmortem = context.incident.postmortem.as_ref()?;
    postmortem.sections.get(heading).map(String::as_str).filter(|text| !text.trim().is_empty())
}

fn asked(context: &Context<'_>, heading: &str) -> String {
    let sections = &context.policy.postmortem.sections;
    let asks = sections.iter().find(|section| section.heading == heading).map(|section| &section.asks);
    match asks {
        Some(asks) => format!("{}  {}", one_line(heading), one_line(asks)),
        None => one_line(heading),
    }
}

fn durations(context: &Context<'_>) -> Vec<Fact> {
    let incident = context.incident;
    let mut rows = context.times();
    let since = |at: Option<chrono::DateTime<chrono::Utc>>| match at {
        Some(at) => format!("{} after the declaration", when::span(at - incident.declared_at)),
        None => "never".to_owned(),
    };
    rows.push(fact("Commanded", since(incident.first_commanded_at)));
    rows.push(fact("First update", since(incident.updates.first_at)));
    rows.push(fact("Resolved", since(incident.resolved_at)));
    let updates = incident.updates.on_time + incident.updates.late;
    if updates > 0 {
        rows.push(fact("Updates", format!("{} of {updates} on time", incident.updates.on_time)));
    }
    if let Some(outcome) = &incident.outcome {
        rows.push(fact("What fixed it", one_line(outcome)));
    }
    rows
}

fn people(context: &Context<'_>) -> Vec<Fact> {
    vec![fact("Commander", context.commander_line()), facts("Involved", context.involved_lines())]
}

fn add_timeline(paper: &mut Paper, context: &Context<'_>, timeline: &[Entry]) {
    // Drafts of sections are not what happened, and an earlier wording may blame.
    let left_out = |kind| matches!(kind, EntryKind::Filed | EntryKind::Reminder | EntryKind::Postmortem);
    let not_applied = |text: &str| text.lines().all(|line| line.starts_with("Not applied:"));
    let told: Vec<&Entry> = timeline
        .iter()
        .filter(|entry| !left_out(entry.kind))
        .filter(|entry| !(entry.kind == EntryKind::State && not_applied(&entry.text)))
        .collect();
    if told.is_empty() {
        return;
    }
    let zone = context.policy.calendar.zone.abbreviation(context.incident.declared_at);
    paper.heading(&format!("Timeline ({zone})"));
    paper.facts(
        told.iter().take(ENTRIES_MAX).map(|entry| entry_fact(context, entry, ENTRY_CHARS)).collect(),
    );
    if told.len() > ENTRIES_MAX {
        paper.prose(&format!("And {} more entries.", told.len() - ENTRIES_MAX));
    }
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
