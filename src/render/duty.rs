//! Mail that asks a person to take something on: command, a role; and the news that mail of ours
//! does not reach somebody.

use chrono::{DateTime, Utc};

use super::context::{Context, first_name, shown};
use super::handover::brief;
use super::news::{asked_full, asked_names};
use super::paper::{Paper, fact, facts};
use super::proposal::open_proposals;
use super::statement::customers_told;
use super::task::open_tasks;
use super::wrap::{clipped, one_line};
use crate::incident::decision::{OfferedBy, Purpose};
use crate::incident::event::Fate;
use crate::incident::state::Person;
use crate::incident::{Entry, Role};
use crate::mail::Address;
use crate::mail::compose::Letter;

/// An offer of command.
#[derive(Clone, Copy)]
pub struct Offer<'a> {
    pub asked: &'a [Person],
    pub by: &'a OfferedBy,
    pub answer_by: Option<DateTime<Utc>>,
    /// What happens without an answer, as a clause.
    pub then: &'a str,
}

/// "Will you command?" `timeline` is what was said so far, for whoever takes over.
pub fn render_take_command(context: &Context<'_>, offer: &Offer<'_>, timeline: &[Entry]) -> Letter {
    let Offer { asked, by, answer_by, then } = *offer;
    if *by == OfferedBy::ToldLeadership {
        return nobody_commands(context, asked, then);
    }
    let subject = context.duty_subject(&format!("{}: take command?", asked_names(asked)));
    let when = answer_by.map_or_else(String::new, |at| format!(" Answer by {}", context.brief(at)));
    let lead = format!("Take command of this {}?{when}", context.incident.severity);
    let mut paper = Paper::new(lead, context.about());
    paper.prose(&why_asked(context, asked, by));
    let answer = match answer_by {
        Some(at) => format!("Please answer by {}.", context.full(at)),
        None => "Please answer as soon as you can.".to_owned(),
    };
    paper.prose(&format!("{answer}{}", otherwise(then, answer_by.is_some())));
    paper.actions(vec![context.action("To take command", "I have command", &subject)]);
    if asked.len() > 1 {
        paper.prose(&format!("{} are asked; the first to answer has it.", asked_full(asked)));
    }
    paper.prose(
        "To command is to coordinate, not to fix: name who does what, keep the severity right, and \
         see that an update goes out on time. You can hand over at any moment.",
    );
    for_commander(context, subject, paper, timeline)
}

/// With what whoever commands has to know.
fn for_commander(
    context: &Context<'_>,
    subject: String,
    mut paper: Paper,
    timeline: &[Entry],
) -> Letter {
    let takes_over = context.incident.commander().is_some();
    let mut rows = context.summary_facts();
    if !takes_over {
        rows.push(facts("Involved", context.involved_lines()));
    }
    rows.push(facts("Customer impact", context.impact_lines()));
    rows.extend(customers_told(context));
    rows.extend(open_tasks(context));
    rows.extend(open_proposals(context));
    rows.extend(context.times());
    paper.facts(rows);
    if takes_over {
        brief(&mut paper, context, timeline);
    }
    context.on_duty(Purpose::TakeCommand, subject, "command", &paper)
}

/// To leadership: everybody who should command was asked, and none answered.
fn nobody_commands(context: &Context<'_>, asked: &[Person], then: &str) -> Letter {
    let severity = context.incident.severity;
    let subject = context.duty_subject(&format!("Nobody commands this {severity}"));
    let declared = context.brief(context.incident.declared_at);
    let lead = format!("Nobody commands this {severity}, declared {declared}");
    let mut paper = Paper::new(lead, context.about());
    let asked = if asked.is_empty() {
        "nobody could be asked".to_owned()
    } else {
        format!("{} did not answer when asked", asked_full(asked))
    };
    paper.prose(&format!(
        "Please reach somebody who can command, now, or offer it to somebody else: {asked}. Without \
         that, {}.",
        one_line(then),
    ));
    paper.prose("To offer command to somebody, reply with  IC: name  and their name or address.");
    paper.actions(vec![context.action("To take command yourself", "I have command", &subject)]);
    for_commander(context, subject, paper, &[])
}

fn why_asked(context: &Context<'_>, asked: &[Person], by: &OfferedBy) -> String {
    let you = if asked.len() == 1 { "you" } else { "one of you" };
    match by {
        OfferedBy::Declaration => format!(
            "{} declared this incident at {} and nobody commands it. Will {you}?",
            match &context.incident.declared_by_rule {
                Some(rule) => format!("The alert rule {}", clipped(rule, 60)),
                None => shown(&context.incident.reporter),
            },
            context.brief(context.incident.declared_at),
        ),
        OfferedBy::Silence => format!(
            "Nobody commands this incident, declared at {}. Whoever was asked before you did not \
             answer. Will {you}?",
            context.brief(context.incident.declared_at),
        ),
        OfferedBy::ToldLeadership => String::new(),
        OfferedBy::Commander(by) if context.incident.commander() != Some(by) => format!(
            "Nobody commands this incident, declared at {}. {} asks you to take command.",
            context.brief(context.incident.declared_at),
            shown(by),
        ),
        OfferedBy::Commander(commander) => format!(
            "{} commands this incident and asks you to take over. Until you answer, {} stays in \
             command.",
            shown(commander),
            first_name(commander),
        ),
        OfferedBy::CommanderSilent(commander) => format!(
            "{} commands this incident and has not answered the reminders for an update. Will {you} \
             take over? Until then {} stays in command.",
            shown(commander),
            first_name(commander),
        ),
    }
}

/// `then` is a clause, such as "it is offered to Bob Okafor".
fn otherwise(then: &str, by_a_time: bool) -> String {
    let by = if by_a_time { " by then" } else { "" };
    let then = one_line(then);
    let then = then.trim_end_matches('.');
    if then.is_empty() {
        " If you cannot, you need not answer.".to_owned()
    } else {
        format!(" If you cannot, you need not answer: without an answer{by}, {then}.")
    }
}

/// "Will you be the deputy?"
pub fn render_role_offer(
    context: &Context<'_>,
    role: Role,
    by: &Person,
    remark: Option<&str>,
    asked: Option<&str>,
) -> Letter {
    let name = asked.map_or_else(|| "You".to_owned(), one_line);
    let subject = context.duty_subject(&format!("{name}: {}", question(role)));
    let of = remark.map_or_else(String::new, |remark| format!(" ({})", clipped(remark, 100)));
    let mut paper =
        Paper::new(format!("{} asks you to be {}", shown(by), article(role)), context.about());
    paper.prose(&format!(
        "{} asks you to be {}{of}. {} Please answer now: until you do, the role counts as open.",
        shown(by),
        article(role),
        what_it_means(role),
    ));
    paper.actions(vec![context.action("To accept", "ack", &subject)]);
    paper.prose(&format!("If you cannot, say so in plain words; {} sees it.", first_name(by)));
    let mut rows = context.summary_facts();
    rows.push(fact("Next update", context.next_update_line()));
    paper.facts(rows);
    context.on_duty(Purpose::RoleOffer, subject, &format!("role-{role}"), &paper)
}

fn question(role: Role) -> &'static str {
    match role {
        Role::Deputy => "be the deputy?",
        Role::Scribe => "be the scribe?",
        Role::Liaison => "be the liaison?",
        Role::Expert => "help as an expert?",
        Role::Responder => "help with this?",
    }
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Deputy => "the deputy",
        Role::Scribe => "the scribe",
        Role::Liaison => "the liaison",
        Role::Expert => "an expert",
        Role::Responder => "a responder",
    }
}

fn what_it_means(role: Role) -> &'static str {
    match role {
        Role::Deputy => "The deputy keeps the commander's back free and takes command when they cannot.",
        Role::Scribe => "The scribe writes down what happens; every reply of yours is an entry.",
        Role::Liaison => "The liaison speaks for the incident to customers and stakeholders.",
        Role::Expert => "Join where the team coordinates and report to the commander.",
        Role::Responder => {
            "Join where the team coordinates, report to the commander, and do not start fixing \
             before that."
        }
    }
}

/// A mail of ours did not reach somebody with a role.
pub fn render_undeliverable(
    context: &Context<'_>,
    to: &Address,
    purpose: Purpose,
    fate: Fate,
    reason: &str,
) -> Letter {
    let person = context.policy.roster.person(to, "");
    let name = shown(&person);
    let first = first_name(&person);
    let what = purpose_words(purpose);
    let reach = "Please reach them another way now, or give what they have to do to somebody else.";
    let (subject, lead, prose) = match fate {
        Fate::Refused | Fate::Withheld => (
            format!("Mail to {name} does not arrive"),
            format!("{name} does not get our mail"),
            format!(
                "{reach} {name} did not get {what}: it could not be delivered. Until then {first} does \
                 not know of it."
            ),
        ),
        Fate::Late => (
            format!("{name} missed {what}"),
            format!("{name} missed {what}"),
            format!(
                "{reach} It waited for the relay until it was of no use, and is not sent any more. \
                 Other mail to {first} may arrive, late."
            ),
        ),
        Fate::Unknown => (
            format!("Did {name} get {what}?"),
            format!("Nobody knows whether {name} got {what}"),
            format!(
                "Please ask {first} now. The connection to the relay broke twice before it answered: the \
                 mail may have arrived twice, or not at all, and it is not sent again."
            ),
        ),
    };
    let subject = context.duty_subject(&subject);
    let mut paper = Paper::new(lead, context.about());
    paper.prose(&prose);
    let mut rows = vec![
        fact("Person", name),
        fact("Address", to.as_str()),
        fact("Mail", what),
        fact("Reason", clipped(reason, 400)),
    ];
    rows.extend(context.coordination());
    paper.facts(rows);
    context.on_duty(Purpose::Undeliverable, subject, "undeliverable", &paper)
}

fn purpose_words(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Declaration => "the declaration",
        Purpose::FollowUp => "a follow-up",
        Purpose::Resolution => "the resolution",
        Purpose::Note => "the copy of a note",
        Purpose::Page => "a page",
        Purpose::TakeCommand => "the question whether they take command",
        Purpose::RoleOffer => "the question whether they take a role",
        Purpose::Task(_) => "a task",
        Purpose::Proposal(_) => "a proposal",
        Purpose::Objection(_) => "an objection",
        Purpose::ProposalOutcome(_) => "what became of a proposal",
        Purpose::ReminderTask(_) => "the question whether a task is done",
        Purpose::Action(_) => "an action",
        Purpose::ReminderAction(_) => "the reminder of an action",
        Purpose::Question(_) => "a question about an action",
        Purpose::ReminderUpdate => "the reminder that an update is due",
        Purpose::PageResponder => "a page",
        Purpose::PageLetter => "the letter with a page",
        Purpose::PageUnanswered => "the news that nobody answers a page",
        Purpose::CommandWanted => "the question whether they hand over command",
        Purpose::ReminderHandover => "the question whether they hand over command",
        Purpose::ReminderRest => "the reminder to rest",
        Purpose::ReminderMissing => "the question for missing facts",
        Purpose::ReminderPostmortemOwner => "the question who writes the postmortem",
        Purpose::ReminderPostmortem => "the reminder of the postmortem",
        Purpose::Reminders => "several reminders",
        Purpose::Statement => "a statement for customers",
        Purpose::StatementDraft => "the question for a statement for customers",
        Purpose::ReminderStatement => "the reminder of a statement for customers",
        Purpose::Approval(_) => "the question whether customers may be told something",
        Purpose::Receipt => "the receipt for what they wrote",
        Purpose::Confirmation => "the question whether they wrote something",
        Purpose::Held => "a held report",
        Purpose::Status => "an answer about how it stands",
        Purpose::Guide => "the guide",
        Purpose::PostmortemSkeleton => "the skeleton of the postmortem",
        Purpose::PostmortemGaps => "the gaps of the postmortem",
        Purpose::PostmortemPublished => "the postmortem",
        Purpose::Inject(_) => "a part of the drill's script",
        Purpose::Debrief => "the debrief of the drill",
        Purpose::Undeliverable => "the news that a mail does not arrive",
        Purpose::Digest => "a digest",
        Purpose::Recovery => "the question whether it is over",
        Purpose::Alert => "an alert",
        Purpose::Shift => "a notice of shifts",
        Purpose::ShiftRequest => "a question about a shift",
        Purpose::ListRequest => "the question whether they join or leave a list",
        Purpose::ListNews => "the news that they joined or left a list",
        Purpose::Operator | Purpose::Stuck => "a notice to the operator",
    }
}
