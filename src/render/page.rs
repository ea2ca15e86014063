//! Pages: one line to a pager, the letter beside it, and the news that nobody answers.
//!
//! Whoever reads one has perhaps just woken up: it says what is wrong, where to go, and that joining
//! comes before fixing. Start with [`render_page_responder`].

use super::context::{Context, first_name, listed, shown};
use super::news::asked_full;
use super::paper::{Paper, fact, facts};
use super::wrap::{ascii, clipped, one_line};
use crate::incident::decision::{Purpose, Recipient};
use crate::incident::page::{Page, Wanted};
use crate::incident::state::{Command, Person};
use crate::mail::compose::Letter;

/// A text message of the usual length.
const PAGE_CHARS_MAX: usize = 160;

/// To the pager of whoever is asked to take command: one line of at most 160 characters.
pub fn render_page(context: &Context<'_>, to: &[Recipient]) -> Letter {
    let reply = if asks_for_command(context, to) { "I have command" } else { "ack" };
    one_line_page(context, Purpose::Page, "", reply)
}

fn asks_for_command(context: &Context<'_>, to: &[Recipient]) -> bool {
    let asked: Vec<&Person> = match &context.incident.command {
        Command::Offered { to, .. } => to.iter().collect(),
        Command::Held { offered_on, .. } => offered_on.iter().map(|offer| &offer.to).collect(),
    };
    to.iter().any(|recipient| {
        let member = context.policy.roster.member(recipient.address());
        let address = member.map_or(recipient.address(), |member| &member.address);
        asked.iter().any(|person| person.address == *address)
    })
}

/// The line: what it is, where to go, what not to do, what to reply.
fn one_line_page(context: &Context<'_>, purpose: Purpose, wanted: &str, reply: &str) -> Letter {
    let incident = context.incident;
    let drill = if incident.drill { "DRILL " } else { "" };
    let head = format!("{drill}{} {} ", context.key(), incident.severity);
    let bridge = incident.coordination.bridge.as_ref().or(context.policy.bridge.as_ref());
    let join = match bridge {
        Some(bridge) => format!("Join {}, report", clipped(&ascii(bridge), 40)),
        None => "Report".to_owned(),
    };
    let tail = format!(" {wanted}{join} to IC, do not start fixing. Reply: {reply}");
    let title = if incident.private { "Restricted incident" } else { incident.title.as_str() };
    let room = PAGE_CHARS_MAX.saturating_sub(head.len() + tail.len() + 1);
    let line = format!("{head}{}.{tail}", clipped(&ascii(title), room).trim_end_matches('.'));
    let paper = Paper::new(line.clone(), "");
    let subject = format!("{drill}{} {}", context.key(), incident.severity);
    let mut letter = context.on_duty(purpose, subject, "page", &paper);
    // A gateway to pagers sends what it gets: one line, not one of 72 columns, and no page beside it.
    letter.text = format!("{line}\n");
    letter.html.clear();
    letter
}

/// What somebody is paged for, and why it is they.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub wanted: &'a [Wanted],
    pub by: Option<&'a Person>,
    /// Who was paged for it before, and has not answered.
    pub before: &'a [Person],
    /// They acknowledged, and nothing was heard of them.
    pub again: bool,
}

/// Somebody is wanted beside the commander: a line to their pager, or a letter.
pub fn render_page_responder(
    context: &Context<'_>,
    asked: Option<&Person>,
    call: &Call<'_>,
    to_pager: bool,
) -> Letter {
    let Call { wanted, again, .. } = *call;
    let services = services_of(wanted);
    if to_pager {
        let wanted = match (again, services.is_empty()) {
            (true, _) => "Still on it? ".to_owned(),
            (false, true) => "You are wanted. ".to_owned(),
            (false, false) => format!("On call {}. ", clipped(&ascii(&services.join(", ")), 24)),
        };
        return one_line_page(context, Purpose::PageResponder, &wanted, "ack");
    }
    let name = asked.map_or_else(|| "You".to_owned(), first_name);
    let what = if services.is_empty() { context.key() } else { listed(&services) };
    let of = if services.is_empty() { String::new() } else { format!(" for {}", clipped(&what, 60)) };
    let severity = context.incident.severity;
    let subject = context.duty_subject(&format!("{name}: you are paged{of}"));
    let lead = if again {
        format!("Are you still on this {severity}? Please answer now")
    } else {
        format!("You are paged for this {severity}, answer now")
    };
    let mut paper = Paper::new(lead, context.about());
    let level = super::when::span(context.policy.paging.level_within);
    if again {
        paper.prose(&format!(
            "You acknowledged the page for {what}, and nothing was heard of you since. If you are on it, \
             reply, and you are not asked again. Without an answer within {level}, others are paged."
        ));
    } else {
        paper.prose(&format!(
            "{} Please acknowledge at once: without an answer within {level}, {}.",
            why_paged(call, &services),
            if services.is_empty() { "you are paged again" } else { "the next one is paged, too" },
        ));
    }
    paper.actions(vec![context.action("To acknowledge", "ack", &subject)]);
    paper.prose(
        "Then join where the team coordinates and report to the commander. Do not start fixing before \
         that: somebody may be at it already.",
    );
    paper.prose(if services.is_empty() {
        "If you cannot come, reply with the one word `leave`: you are paged no more."
    } else {
        "If you cannot come, reply with the one word `leave`: you are paged no more, and the next one \
         is."
    });
    let mut rows = context.summary_facts();
    rows.push(facts("Involved", context.involved_lines()));
    rows.push(facts("Customer impact", context.impact_lines()));
    rows.extend(context.times());
    paper.facts(rows);
    context.on_duty(Purpose::PageLetter, subject, "page", &paper)
}

fn services_of(wanted: &[Wanted]) -> Vec<String> {
    let name = |wanted: &Wanted| match wanted {
        Wanted::Service(name) => Some(one_line(name)),
        Wanted::Person(_) => None,
    };
    wanted.iter().filter_map(name).collect()
}

fn why_paged(call: &Call<'_>, services: &[String]) -> String {
    let names = listed(services);
    match (services, call.by, call.before) {
        ([], Some(by), _) => format!("{} asks for you.", shown(by)),
        ([], None, _) => "You are wanted.".to_owned(),
        (_, _, before @ [_, ..]) => {
            format!(
                "{}, paged for {names} before you, did not answer. You are next.",
                asked_full(before)
            )
        }
        (_, Some(by), []) => {
            format!("{} asks for whoever is on call for {names}, which is you.", shown(by))
        }
        (_, None, []) => format!("You are on call for {names}, which this is about."),
    }
}

/// It rang at every level, and nobody acknowledged.
pub fn render_page_unanswered(context: &Context<'_>, page: &Page) -> Letter {
    let (of, instead) = match &page.wanted {
        Wanted::Service(name) => {
            (format!("for {}", one_line(name)), "somebody who knows it, with  Page: name".to_owned())
        }
        Wanted::Person(person) => (
            format!("to {}", shown(person)),
            format!("somebody else, with  Page: name  in place of {}", first_name(person)),
        ),
    };
    let subject = context.duty_subject(&format!("Nobody answers the page {of}"));
    let mut paper = Paper::new(format!("Nobody answers the page {of}"), context.about());
    let commander = match context.incident.commander() {
        Some(commander) => format!("{} or any other responder", shown(commander)),
        None => "Any responder".to_owned(),
    };
    paper.prose(&format!(
        "Please reach somebody another way, now. {} can page {instead}. Firebell pages nobody else by \
         itself.",
        commander,
    ));
    paper.facts(vec![
        fact("Paged", asked_full(&page.asked)),
        fact("Paged last", last_ring(context, page)),
    ]);
    paper.facts(context.summary_facts());
    context.on_duty(Purpose::PageUnanswered, subject, "page-unanswered", &paper)
}

fn last_ring(context: &Context<'_>, page: &Page) -> String {
    page.climb.last_at.map_or_else(String::new, |at| context.brief(at))
}
