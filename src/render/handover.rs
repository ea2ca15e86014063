//! What is said of long command and long work, and what whoever takes over command must know.
//!
//! Start with [`brief`], which every offer of command that somebody has carries.

use chrono::{DateTime, Utc};

use super::context::{Context, first_name, listed, shown};
use super::paper::{Paper, fact, facts};
use super::proposal::open_proposals;
use super::quick::Action;
use super::related::parts;
use super::task::open_tasks;
use super::when;
use crate::incident::decision::{Purpose, Urge};
use crate::incident::state::{Command, Person};
use crate::incident::{Entry, Role};
use crate::mail::compose::Letter;
use crate::render::news::entry_fact;

/// Entries of the timeline in a brief: what was said in the last quarter of an hour or so.
const ENTRIES: usize = 5;

/// What the next commander takes over: promises and their times, open tasks and proposals and
/// theirs, who is on since when, and what was said last. Stands beside the state, which every offer of command shows.
pub fn brief(paper: &mut Paper, context: &Context<'_>, timeline: &[Entry]) {
    paper.heading("What you take over");
    let mut rows = vec![facts("Promises", promises(context))];
    rows.extend(parts(context));
    rows.extend(open_tasks(context));
    rows.extend(open_proposals(context));
    rows.push(facts("Who is on", who_is_on(context)));
    paper.facts(rows);
    let recent = timeline.iter().rev().take(ENTRIES).rev();
    let lines: Vec<_> = recent.map(|entry| entry_fact(context, entry, 200)).collect();
    if !lines.is_empty() {
        paper.heading("The last entries of the timeline").facts(lines);
    }
}

/// What was promised to others, and when it is due.
fn promises(context: &Context<'_>) -> Vec<String> {
    let Some(at) = context.update_due() else { return vec!["none".to_owned()] };
    let incident = context.incident;
    let words = match (incident.updates.promised_at, at <= context.now) {
        (_, true) => format!("update to everybody, overdue since {}", context.full(at)),
        (Some(_), false) => format!("update to everybody, promised for {}", context.full(at)),
        (None, false) => format!("update to everybody, by {}", context.full(at)),
    };
    vec![words]
}

/// Everybody who works on it, and since when.
fn who_is_on(context: &Context<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Command::Held { by, since, .. } = &context.incident.command {
        lines.push(format!("commander  {}, since {}", shown(by), context.brief(*since)));
    }
    for held in context.incident.accepted() {
        let since =
            held.accepted_at.map_or_else(String::new, |at| format!(", since {}", context.brief(at)));
        lines.push(format!("{}  {}{since}", held.role, shown(&held.person)));
    }
    lines.extend(context.page_lines());
    lines
}

/// Somebody has commanded for long: the words of the reminder, without its facts.
pub fn add_handover(
    paper: &mut Paper,
    context: &Context<'_>,
    owner: &Person,
    since: DateTime<Utc>,
    urge: Urge,
    escalated: bool,
    subject: &str,
) {
    let long = when::span(context.now - since);
    if escalated {
        paper.prose(&format!(
            "Please agree with {} on who takes over: they have commanded {} for {long}, and you are the \
             deputy. Command passes when {} writes `Handover:` and a name, and that person accepts.",
            shown(owner),
            context.key(),
            first_name(owner),
        ));
        return;
    }
    let ask = match urge {
        Urge::Suggested => "Who could take over from you? A fresh commander sees more.",
        Urge::Asked => "Please hand over command now, or as soon as somebody can take it.",
        Urge::Insisted => "Hand over command now. Nobody commands well for so long.",
    };
    let offered = match &context.incident.command {
        Command::Held { offered_on: Some(handover), .. } => format!(
            " You offered it to {} at {}, without an answer yet.",
            shown(&handover.to),
            context.brief(handover.offered_at)
        ),
        _ => String::new(),
    };
    paper.prose(&format!("{ask} You have commanded {} for {long}.{offered}", context.key()));
    paper.prose(
        "Whoever you name gets a brief of how it stands and what was promised. You keep command until \
         they accept.",
    );
    let actions = handover_actions(context, owner, subject);
    if actions.is_empty() {
        paper.prose("Reply with `Handover: name` and a name or an address.");
    } else {
        paper.actions(actions);
        paper.prose("To offer it to somebody else, reply with `Handover: name`.");
    }
}

/// To the deputy, and to whoever is next in the rotation.
fn handover_actions(context: &Context<'_>, owner: &Person, subject: &str) -> Vec<Action> {
    let roster = &context.policy.roster;
    let deputy = context.incident.holder(Role::Deputy).cloned();
    let order =
        roster.command_rotation().map(|rotation| rotation.order(context.now)).unwrap_or_default();
    let next = order.into_iter().map(|address| roster.person(address, ""));
    let rest_after = context.policy.rest_after;
    let is_tired = |person: &Person| {
        context.incident.accepted().any(|held| {
            let is_long = held.accepted_at.is_some_and(|since| context.now - since >= rest_after);
            held.person.address == person.address && is_long
        })
    };
    let mut people: Vec<Person> = Vec::new();
    for person in deputy.into_iter().chain(next) {
        if person.address != owner.address && people.iter().all(|it| it.address != person.address) {
            people.push(person);
        }
    }
    // The deputy knows how it stands, and may have been on for as long.
    people.sort_by_key(is_tired);
    people
        .iter()
        .take(2)
        .map(|person| {
            let label = format!("To offer it to {}", shown(person));
            context.action(&label, &format!("Handover: {}", person.address), subject)
        })
        .collect()
}

/// The first line of a reminder to hand over.
pub fn handover_headline(
    context: &Context<'_>,
    owner: &Person,
    since: DateTime<Utc>,
    urge: Urge,
    escalated: bool,
) -> String {
    let long = when::span(context.now - since);
    match (escalated, urge) {
        (true, _) => format!("{} has commanded for {long}", first_name(owner)),
        (false, Urge::Suggested) => format!("{long} in command: who could take over?"),
        (false, Urge::Asked) => format!("{long} in command: please hand over"),
        (false, Urge::Insisted) => format!("{long} in command: hand over now"),
    }
}

/// Somebody has worked on it for long: to themselves, or of several to the commander.
pub fn add_rest(
    paper: &mut Paper,
    context: &Context<'_>,
    people: &[(Person, DateTime<Utc>)],
    escalated: bool,
    subject: &str,
) {
    if !escalated {
        let since = people.first().map_or_else(String::new, |(_, since)| context.brief(*since));
        paper.prose(&format!(
            "Take a break, or go: you have been on {} since {since}. Tell the commander first, so that \
             somebody can take on what you do. You are told this once.",
            context.key(),
        ));
        paper.actions(vec![context.action("To go", "leave", subject)]);
        return;
    }
    paper.prose(
        "Please see to it that they rest: let them go, or have others take their place. They were told, \
         too.",
    );
    let lines = people
        .iter()
        .map(|(person, since)| format!("{}, since {}", shown(person), context.brief(*since)));
    paper.facts(vec![facts("Who", lines.collect())]);
    let actions = people.iter().take(3).map(|(person, _)| {
        let label = format!("To let {} go", first_name(person));
        context.action(&label, &format!("Release: {}", person.address), subject)
    });
    paper.actions(actions.collect());
}

/// The first line of a reminder to rest.
pub fn rest_headline(
    context: &Context<'_>,
    people: &[(Person, DateTime<Utc>)],
    escalated: bool,
) -> String {
    let longest = people.iter().map(|(_, since)| context.now - *since).max().unwrap_or_default();
    let long = when::span(longest);
    if !escalated {
        return format!("{long} on this incident: time to rest");
    }
    let names: Vec<String> = people.iter().map(|(person, _)| first_name(person)).collect();
    match names.len() {
        1..=3 => format!("{} should rest after {long}", listed(&names)),
        count => format!("{count} responders should rest after {long}"),
    }
}

/// To the commander: somebody who may command asks for it.
pub fn render_command_wanted(context: &Context<'_>, by: &Person) -> Letter {
    let name = shown(by);
    let subject = context.duty_subject(&format!("{name} asks for command"));
    let mut paper = Paper::new(format!("{name} asks you for command"), context.about());
    paper.prose(&format!(
        "Will you hand over? If so, offer it: {name} gets a brief, and has command on accepting. If not, \
         tell them why, on the bridge; you keep command until then.",
    ));
    let line = format!("Handover: {}", by.address);
    paper.actions(vec![context.action("To hand over", &line, &subject)]);
    let mut rows = context.summary_facts();
    if !by.name.is_empty() {
        rows.insert(0, fact("Asks", format!("{name}  {}", by.address)));
    }
    paper.facts(rows);
    context.on_duty(Purpose::CommandWanted, subject, "command-wanted", &paper)
}
