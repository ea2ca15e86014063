//! Reminders: what is owed, by whom, since when, the reply that settles it, and what happens
//! without one. Several to one person at one time are one mail.

use chrono::{DateTime, Utc};

use super::action::{action_headline, add_action};
use super::context::{Context, first_name, shown};
use super::handover::{add_handover, add_rest, handover_headline, rest_headline};
use super::paper::{Paper, fact, facts};
use super::statement::{add_statement_owed, customers_told};
use super::task::add_task;
use super::when;
use super::wrap::{clipped, one_line};
use crate::incident::decision::{Owed, Purpose, Reminder};
use crate::incident::policy::{Ladder, Party, RungAt};
use crate::incident::state::Person;
use crate::incident::{Incident, Phase, Policy, Role, Severity, deadlines};
use crate::learning::postmortem::missing_sections;
use crate::mail::compose::{Letter, token_mark_of};

/// One consolidated mail: more than this waits in the digest.
const SECTIONS_MAX: usize = 20;

/// A reminder of one thing.
pub fn render_reminder(context: &Context<'_>, reminder: &Reminder) -> Letter {
    let subject = context.duty_subject(&subject_words(context, reminder));
    let mut paper = Paper::new(headline(context, reminder), context.about());
    add_reminder(&mut paper, context, reminder, &subject);
    let mut rows = context.summary_facts();
    rows.push(facts("Customer impact", context.impact_lines()));
    rows.extend(customers_told(context));
    paper.facts(rows);
    let duty = match reminder.owed {
        Owed::Update { .. } => "update".to_owned(),
        Owed::Missing { .. } => "missing".to_owned(),
        // The thread in which it was given.
        Owed::Task { seq, .. } => format!("task-{seq}"),
        Owed::Action { seq, .. } => format!("action-{seq}"),
        Owed::Handover { .. } => "handover".to_owned(),
        Owed::Rest { .. } => "rest".to_owned(),
        Owed::Statement { .. } => "statement".to_owned(),
        Owed::PostmortemOwner => "postmortem-owner".to_owned(),
        Owed::Postmortem { .. } => "postmortem".to_owned(),
    };
    context.on_duty(reminder.owed.purpose(), subject, &duty, &paper)
}

/// Everything that waits for one person, in one mail.
///
/// Each incident has its own address for the reply, with a token of its own: the mark of incident
/// `n` is [`token_mark_of`]`(n)`, to be filled before the mail is stored.
pub fn render_reminders(
    person: &Person,
    items: &[(&Incident, &Reminder)],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Letter {
    let context = |incident| Context { incident, policy, to_persons: true, list: None, now };
    if let [(incident, reminder)] = items {
        return render_reminder(&context(incident), reminder);
    }
    let subject = format!("{}: {} things are waiting for you", first_name(person), items.len());
    let name = one_line(&policy.name);
    let mut paper = Paper::new(format!("{} things are waiting for you", items.len()), name);
    paper.prose(&format!(
        "These are all the reminders for you as of {}, the most urgent first. Each can be settled \
         by a reply of its own: write to the address that stands with it. A plain reply to this \
         mail goes to the first, {}.",
        when::full(now, policy),
        items.first().map(|(incident, _)| incident.key()).unwrap_or_default(),
    ));
    for (incident, reminder) in items.iter().take(SECTIONS_MAX) {
        let context = context(incident);
        let own = context.duty_subject(&subject_words(&context, reminder));
        let mark = token_mark_of(incident.number);
        paper.heading(&headline(&context, reminder));
        paper.prose(&context.about());
        let mut section = Paper::default();
        add_reminder(&mut section, &context, reminder, &own);
        paper.append_marked(section, &mark);
        let address = policy.address.of_incident(incident.number, Some(&mark));
        let mut rows = vec![
            fact("Reply to", address.as_str()),
            fact("Severity", incident.severity.to_string()),
            fact("Phase", incident.phase.to_string()),
        ];
        rows.extend(context.coordination());
        paper.facts(rows);
    }
    if items.len() > SECTIONS_MAX {
        paper.prose(&format!("And {} more, which come again.", items.len() - SECTIONS_MAX));
    }
    Letter {
        purpose: Purpose::Reminders,
        display_name: format!("{} reminders", items.len()),
        text: paper.text(),
        html: paper.html(&subject),
        subject,
        duty: Some("reminders".to_owned()),
        to_persons: true,
    }
}

fn subject_words(context: &Context<'_>, reminder: &Reminder) -> String {
    let name = first_name(&reminder.owed_by);
    match reminder.owed {
        Owed::Update { .. } => format!("{name}: update due"),
        Owed::Missing { .. } => format!("{name}: a few facts are missing"),
        Owed::Handover { .. } => format!("{name}: hand over command?"),
        Owed::Rest { .. } if reminder.escalated => format!("{name}: responders should rest"),
        Owed::Rest { .. } => format!("{name}: time to rest"),
        Owed::Task { seq, .. } => format!("{name}: is #{seq} done?"),
        Owed::Action { seq, .. } => format!("{name}: is action #{seq} done?"),
        Owed::Statement { waits: Some(seq), .. } => format!("{name}: approve statement #{seq}?"),
        Owed::Statement { waits: None, .. } => format!("{name}: tell customers"),
        Owed::PostmortemOwner => format!("{name}: who writes the {}?", postmortem_name(context)),
        Owed::Postmortem { .. } => format!("{name}: {} due", postmortem_name(context)),
    }
}

fn postmortem_name(context: &Context<'_>) -> String {
    one_line(&context.policy.postmortem.name)
}

fn headline(context: &Context<'_>, reminder: &Reminder) -> String {
    let name = postmortem_name(context);
    let (what, due_at) = match &reminder.owed {
        Owed::Update { due_at } => ("update".to_owned(), Some(*due_at)),
        Owed::Missing { fields } => return missing_headline(fields),
        Owed::Handover { since, urge } => {
            return handover_headline(context, &reminder.owed_by, *since, *urge, reminder.escalated);
        }
        Owed::Rest { people } => return rest_headline(context, people, reminder.escalated),
        Owed::Task { seq, what, .. } => {
            let what = clipped(&one_line(what), 50);
            return if reminder.escalated {
                format!("#{seq} is late: {what}")
            } else {
                format!("#{seq} done, or how long? {what}")
            };
        }
        Owed::Action { seq, what, .. } => return action_headline(context, reminder, *seq, what),
        Owed::Statement { due_at, .. } => ("statement for customers".to_owned(), Some(*due_at)),
        Owed::PostmortemOwner if reminder.escalated => {
            return format!("Nobody is named to write the {name}");
        }
        Owed::PostmortemOwner => {
            return match reminder.due_at {
                Some(at) if (context.now - at).num_seconds() >= 60 => {
                    format!("Who writes the {name}? Wanted since {}", context.brief(at))
                }
                _ => format!("Who writes the {name}? Please name somebody"),
            };
        }
        Owed::Postmortem { due_at } => (name, *due_at),
    };
    let whose = if reminder.escalated {
        format!("{}'s {what}", first_name(&reminder.owed_by))
    } else {
        capital(&what)
    };
    due_words(context, &whose, due_at)
}

fn missing_headline(fields: &[&'static str]) -> String {
    match fields.len() {
        0..=3 => format!("Still missing {}", field_names(fields)),
        several => format!("{several} facts are still missing"),
    }
}

fn due_words(context: &Context<'_>, what: &str, due_at: Option<DateTime<Utc>>) -> String {
    match due_at {
        None => format!("{what} wanted"),
        Some(at) if (context.now - at).num_seconds() < 60 => format!("{what} due {}", context.brief(at)),
        Some(at) => format!("{what} overdue since {}", context.brief(at)),
    }
}

fn add_reminder(paper: &mut Paper, context: &Context<'_>, reminder: &Reminder, subject: &str) {
    match &reminder.owed {
        Owed::Update { due_at } => add_update(paper, context, reminder, *due_at, subject),
        Owed::Missing { fields } => add_missing(paper, context, fields, subject),
        Owed::Handover { since, urge } => {
            let (owner, escalated) = (&reminder.owed_by, reminder.escalated);
            add_handover(paper, context, owner, *since, *urge, escalated, subject);
        }
        Owed::Rest { people } => add_rest(paper, context, people, reminder.escalated, subject),
        Owed::Task { seq, what, .. } => add_task(paper, context, reminder, *seq, what, subject),
        Owed::Action { seq, what, .. } => add_action(paper, context, reminder, *seq, what, subject),
        Owed::Statement { due_at, .. } => {
            add_statement_owed(paper, context, reminder, *due_at, subject);
        }
        Owed::PostmortemOwner => add_owner(paper, context, reminder, subject),
        Owed::Postmortem { due_at } => add_postmortem(paper, context, reminder, *due_at),
    }
    let is_asked = reminder.can_act && !matches!(reminder.owed, Owed::Missing { .. });
    if is_asked && !reminder.missing.is_empty() {
        paper.prose("These facts nobody has stated yet; a line each in the same reply settles them.");
        paper.items(&questions(context, &reminder.missing));
    }
}

fn add_update(
    paper: &mut Paper,
    context: &Context<'_>,
    reminder: &Reminder,
    due_at: DateTime<Utc>,
    subject: &str,
) {
    let owner = shown(&reminder.owed_by);
    let late = (context.now - due_at).num_seconds() >= 60;
    let due = if late { "was due" } else { "is due" };
    if reminder.escalated {
        paper.prose(&format!(
            "Please reach {owner}, who commands {} and owes everybody an update: it {due} {}, and the \
             reminders were not answered.{}",
            context.key(),
            context.full(due_at),
            if reminder.can_act {
                " The deputy and the liaison can also send the update themselves, by a reply to this mail."
            } else {
                ""
            },
        ));
    } else {
        paper.prose(&format!(
            "An update {due} {}. Reply with two or three sentences: what changed, \
             what you do next, how customers are affected. Your words go to everybody as they are. \
             \"We do not know yet\" is an update too.",
            context.full(due_at),
        ));
    }
    let ladder = deadlines::update_ladder(context.incident, context.policy);
    let mut left_out = vec![Party::Owner, Party::Commander, Party::Reporter];
    if !context.incident.severity.is_major() {
        left_out.push(Party::Leadership);
    }
    let consequences = consequences(context, due_at, ladder, &left_out);
    if !consequences.is_empty() {
        paper.prose(&format!("Without an update, {consequences}."));
    }
    if !reminder.can_act {
        return;
    }
    let every = when_again(context);
    paper.actions(vec![
        context.action(
            "To say that nothing has changed",
            "Update: No change. We are still working on it.",
            subject,
        ),
        context.action("To promise it in 30 minutes instead", "Next update: 30m", subject),
    ]);
    let further = match context.incident.phase {
        Phase::Triage | Phase::Investigating => {
            "Is the cause known, or is it over? Reply with \
            `Phase: identified` or with"
        }
        Phase::Identified => {
            "Is it mended and watched now, or over? Reply with `Phase: monitoring` or with"
        }
        _ => "Is it over? Reply with",
    };
    paper.prose(&format!("{further} `Resolved:` and what fixed it, in one line.{every}"));
}

fn when_again(context: &Context<'_>) -> String {
    match deadlines::update_every(context.incident, context.policy) {
        crate::incident::policy::Span::Clock(delta) => format!(
            " While it is {} and {}, an update is due every {}.",
            context.incident.severity,
            context.incident.phase,
            when::span(delta)
        ),
        _ => String::new(),
    }
}

/// What the ladder does next, as far as it reaches anybody but those who are left out.
pub fn consequences(
    context: &Context<'_>,
    due_at: DateTime<Utc>,
    ladder: &Ladder,
    left_out: &[Party],
) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut named: Vec<Party> = left_out.to_vec();
    for rung in &ladder.rungs {
        let RungAt::Offset(offset) = rung.at else { continue };
        let at = due_at + offset;
        let fresh: Vec<Party> = rung.to.iter().copied().filter(|party| !named.contains(party)).collect();
        named.extend(&fresh);
        if at <= context.now {
            continue;
        }
        let who: Vec<String> =
            fresh.into_iter().filter_map(|party| party_words(context, party)).collect();
        if !who.is_empty() {
            told.push(format!("{} at {}", super::context::listed(&who), context.brief(at)));
        }
    }
    if told.is_empty() {
        String::new()
    } else {
        format!("Firebell tells {}", super::context::listed(&told))
    }
}

fn party_words(context: &Context<'_>, party: Party) -> Option<String> {
    match party {
        Party::Deputy => context.incident.holder(Role::Deputy).map(shown),
        Party::Liaison => context.incident.holder(Role::Liaison).map(shown),
        Party::Leadership => context.tells_leadership().then(|| "leadership".to_owned()),
        Party::Commander => context.incident.commander().map(shown),
        Party::Owner | Party::Reporter => None,
    }
}

fn add_missing(paper: &mut Paper, context: &Context<'_>, fields: &[&'static str], subject: &str) {
    let declared = match context.incident.declared_by_rule {
        Some(_) => "An alert declared this incident, and you answer for it",
        None => "You declared or command this incident",
    };
    paper.prose(&format!(
        "Please reply with what you know, one line each; a guess can be corrected. {declared}, and \
         everybody reads its facts. What you leave out stays marked as not stated and is asked for again \
         with the next reminder of an update.",
    ));
    paper.items(&questions(context, fields));
    if fields.contains(&"severity") {
        let meaning = |severity: &Severity| {
            fact(severity.name(), one_line(&context.policy.severity(*severity).meaning))
        };
        paper.facts(Severity::ALL.iter().map(meaning).collect());
    }
    let mut actions = Vec::new();
    if fields.contains(&"severity") {
        let stated = context.incident.severity;
        actions.push(context.action(
            &format!("To confirm {stated}"),
            &format!("Severity: {stated}"),
            subject,
        ));
    }
    if fields.contains(&"phase") {
        actions.push(context.action("To say that you are on it", "Phase: investigating", subject));
    }
    if fields.contains(&"commander") {
        actions.push(context.action("To take command", "I have command", subject));
    }
    paper.actions(actions);
}

/// What to write for each missing field.
fn questions(context: &Context<'_>, fields: &[&'static str]) -> Vec<String> {
    let question = |field: &&'static str| match *field {
        "what" => "What is wrong? Reply with `Summary: one sentence`.".to_owned(),
        "severity" => format!(
            "How bad is it? {} is assumed. Reply with `Severity: SEV-2` or what fits.",
            context.incident.severity,
        ),
        "phase" => "How far are you? Reply with `Phase: investigating` or `Phase: identified`, or \
                    `Phase: monitoring`."
            .to_owned(),
        "commander" => {
            "Who commands? Reply with `I have command` or offer it to somebody with `IC: name`."
                .to_owned()
        }
        "coordination" => {
            "Where do you meet? Reply with `Bridge: number or link` or `Chat: channel`.".to_owned()
        }
        "involved" => {
            "Who else works on it? Reply with `Expert: name (what of)` or `Responder: name`.".to_owned()
        }
        other => format!("Please state {}.", one_line(other)),
    };
    fields.iter().map(question).collect()
}

fn field_names(fields: &[&'static str]) -> String {
    let names: Vec<String> = fields
        .iter()
        .map(|field| match *field {
            "what" => "what is wrong".to_owned(),
            "involved" => "who is involved".to_owned(),
            "coordination" => "where you meet".to_owned(),
            other => other.to_owned(),
        })
        .collect();
    super::context::listed(&names)
}

fn add_owner(paper: &mut Paper, context: &Context<'_>, reminder: &Reminder, subject: &str) {
    let name = postmortem_name(context);
    let owner = &reminder.owed_by;
    let by = match reminder.due_at {
        None => String::new(),
        Some(at) if at > context.now => format!(" by {}", context.full(at)),
        Some(at) if (context.now - at).num_seconds() < 60 => " now".to_owned(),
        Some(at) => format!(" now; it was wanted {}", context.full(at)),
    };
    if reminder.escalated {
        paper.prose(&format!(
            "Please agree on somebody who writes the {name} of {}{}. {} commanded it and has not answered \
             the reminders.",
            context.key(),
            match context.incident.commander() {
                Some(commander) => format!(
                    ", and ask {} to reply with `Postmortem owner: name`: the line counts from the \
                     incident commander alone",
                    shown(commander)
                ),
                None => ", and reply with `Postmortem owner: name`".to_owned(),
            },
            shown(owner),
        ));
    } else {
        paper.prose(&format!(
            "{} is over; somebody must write the {name}. Please name them{by}. Reply with \
             `Postmortem owner: name` and a name or an address.",
            context.key(),
        ));
    }
    paper.prose(&format!(
        "Until somebody is named, {} owes it, and is asked each business morning.",
        shown(owner)
    ));
    if reminder.escalated && context.incident.commander().is_some() {
        return;
    }
    paper.actions(vec![context.action(
        &format!("To name {}", shown(owner)),
        &format!("Postmortem owner: {}", owner.address),
        subject,
    )]);
}

fn add_postmortem(
    paper: &mut Paper,
    context: &Context<'_>,
    reminder: &Reminder,
    due_at: Option<DateTime<Utc>>,
) {
    let name = postmortem_name(context);
    let due = match due_at {
        Some(at) if at > context.now => format!("is due {}", context.full(at)),
        Some(at) => format!("was due {}", context.full(at)),
        None => "has no date; this is the only reminder".to_owned(),
    };
    if reminder.escalated {
        paper.prose(&format!(
            "Please ask {} what is in the way: the {name} of {} {due}.{}",
            shown(&reminder.owed_by),
            context.key(),
            match context.incident.commander() {
                Some(commander) => format!(
                    " {}, who commanded, can give it to somebody else or waive it.",
                    shown(commander)
                ),
                None => " Or give it to somebody else with `Postmortem owner: name`.".to_owned(),
            },
        ));
    } else {
        paper.prose(&format!(
            "The {name} of {} {due}. Reply with one heading or several, each followed by a colon \
             and its text. When all is there, reply with `Submit` alone.",
            context.key(),
        ));
    }
    if let Some(postmortem) = &context.incident.postmortem {
        let sections = &context.policy.postmortem.sections;
        let missing = missing_sections(postmortem, context.incident.has_actions(), sections);
        if missing.is_empty() {
            paper.prose(
                "Every required section is written. What is left is to reply with `Submit` alone.",
            );
        } else {
            paper.prose("These required sections nobody has written yet.");
            paper.items(&missing.iter().map(|heading| one_line(heading)).collect::<Vec<_>>());
        }
    }
    let next = match due_at {
        Some(_) if reminder.escalated => "",
        Some(_) if context.tells_leadership() => {
            "Without it you are reminded again, and leadership is told when it is late. "
        }
        Some(_) => "Without it you are reminded again. ",
        None => "Without it, the incident stays open. ",
    };
    if !(reminder.escalated && context.incident.commander().is_some()) {
        paper.prose(&format!("{next}If no {name} is needed, reply with `Waive postmortem: why`."));
    }
}

fn capital(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
