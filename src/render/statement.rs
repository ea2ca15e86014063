//! What customers read, and the mail in which it is written, approved and chased.
//!
//! [`render_statement`] is the one mail that goes outside: it has its statement, its time and its state,
//! and nothing of the incident. The public page says the same by [`paragraphs`].

use chrono::{DateTime, Utc};

use super::context::{Context, first_name, listed, shown};
use super::paper::{Fact, Paper, fact, facts};
use super::reminder::consequences;
use super::wrap::{ascii, clipped, is_unsafe, one_line};
use crate::incident::Role;
use crate::incident::deadlines::statement_ladder;
use crate::incident::decision::{Purpose, Reminder};
use crate::incident::policy::Party;
use crate::incident::state::Person;
use crate::incident::statement::{
    PublicState, Published, Statement, Statements, Wanted, concerns_leadership, statement_due,
    statement_owner, wanted,
};
use crate::mail::command::Promise;
use crate::mail::compose::Letter;

/// Titles and names in a subject.
const TITLE_CHARS_MAX: usize = 100;
/// Lines of a statement; its characters are limited when it is written.
const PARAGRAPHS_MAX: usize = 200;

/// A piece of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paragraph {
    /// Lines that a mail programme broke are one again.
    Prose(String),
    Items(Vec<String>),
}

/// A statement as it is read: what its author separated by empty lines, each as one line, and lists as
/// lists.
pub fn paragraphs(text: &str) -> Vec<Paragraph> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines
        .split(|line| line.is_empty())
        .filter(|lines| !lines.is_empty())
        .take(PARAGRAPHS_MAX)
        .flat_map(|lines| {
            let begins = lines.iter().position(|line| item(line).is_some()).unwrap_or(lines.len());
            let (prose, items) = lines.split_at(begins);
            let prose = (!prose.is_empty()).then(|| Paragraph::Prose(one_line(&prose.join(" "))));
            let items = (!items.is_empty()).then(|| Paragraph::Items(items_of(items)));
            prose.into_iter().chain(items)
        })
        .collect()
}

/// The same as text: what whoever approves it reads is what customers will.
fn as_read(text: &str) -> String {
    let shown = paragraphs(text).into_iter().map(|paragraph| match paragraph {
        Paragraph::Prose(line) => line,
        Paragraph::Items(items) => {
            items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n")
        }
    });
    shown.collect::<Vec<_>>().join("\n\n")
}

fn item(line: &str) -> Option<&str> {
    ["- ", "* ", "• "].iter().find_map(|mark| line.strip_prefix(mark))
}

/// A line without a mark goes on with the item above it.
fn items_of(lines: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in lines {
        match (item(line), items.last_mut()) {
            (None, Some(last)) => *last = one_line(&format!("{last} {line}")),
            (text, _) => items.push(one_line(text.unwrap_or(line))),
        }
    }
    items
}

/// What a disruption is called in public.
pub fn public_title(statements: &Statements, usual: &str) -> String {
    one_line(statements.title().unwrap_or(usual))
}

/// Text as it may stand in public, in XML 1.0 as well: without controls, and nothing that turns a line
/// around.
pub fn public_text(text: &str) -> String {
    let is_kept = |c: &char| *c == '\n' || !(is_unsafe(*c) || matches!(*c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(is_kept).collect()
}

/// A state at the beginning of a line: `Investigating`.
pub fn state_shown(state: PublicState) -> String {
    let name = state.name();
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// To customers.
pub fn render_statement(context: &Context<'_>, statement: &Published) -> Letter {
    let (policy, statements) = (context.policy, &context.incident.statements);
    let customers = &policy.customers;
    // Not that of the incident: nobody outside may read it.
    let subject_title = statements.first_title().unwrap_or(&customers.title);
    let name = clipped(&customers.name, TITLE_CHARS_MAX);
    let subject = format!("[{name}] {}", clipped(subject_title, TITLE_CHARS_MAX));
    let lead = format!("{}, as of {}", state_shown(statement.state), context.full(statement.at));
    let mut paper = Paper::new(lead, public_title(statements, &customers.title));
    for paragraph in paragraphs(&statement.text) {
        match paragraph {
            Paragraph::Prose(text) => paper.prose(&text),
            Paragraph::Items(items) => paper.items(&items),
        };
    }
    if let Some(at) = statement.next_at {
        paper.prose(&format!("You hear from us again by {}.", context.full(at)));
    }
    if let Some(url) = &customers.url {
        paper.foot(&format!("All that we have said of it  {}", one_line(url)));
    }
    if let Some(reply_to) = &customers.reply_to {
        paper.foot(&format!("Questions? Your reply reaches {reply_to}"));
    }
    Letter {
        purpose: Purpose::Statement,
        display_name: ascii(&name),
        text: paper.text(),
        html: paper.html(&subject),
        subject,
        duty: Some("customers".to_owned()),
        to_persons: false,
    }
}

/// "Please say something to customers", with a draft.
pub fn render_draft(
    context: &Context<'_>,
    asked: Option<&Person>,
    due_at: Option<DateTime<Utc>>,
) -> Letter {
    let name = asked.map_or_else(|| "You".to_owned(), first_name);
    let subject = context.duty_subject(&format!("{name}: tell customers"));
    let by = due_at.map_or_else(String::new, |at| format!(" by {}", context.brief(at)));
    let lead = match wanted(context.incident) {
        Some(Wanted::Closing) => format!("It is over: tell customers{by}"),
        Some(Wanted::Next) => format!("Customers hear again{by}"),
        _ => format!("Customers are affected: tell them{by}"),
    };
    let mut paper = Paper::new(lead, context.about());
    paper.prose(&wish(context, due_at));
    add_draft(&mut paper, context, asked, &subject);
    let mut rows = context.summary_facts();
    rows.push(facts("Customer impact", context.impact_lines()));
    rows.extend(customers_told(context));
    paper.facts(rows);
    context.on_duty(Purpose::StatementDraft, subject, "statement", &paper)
}

/// What is wanted, and by when.
fn wish(context: &Context<'_>, due_at: Option<DateTime<Utc>>) -> String {
    let wanted = wanted(context.incident);
    if let Some(at) = due_at.filter(|at| (context.now - *at).num_seconds() >= 60) {
        let at = context.full(at);
        return match wanted {
            Some(Wanted::Closing) => format!(
                "Customers should have heard by {at} that it is over. Please tell them now: what they read \
                 last says that it goes on.",
            ),
            Some(Wanted::Next) => format!(
                "Customers were told to hear from us by {at}, and have not. Please say now how it stands.",
            ),
            _ => format!(
                "Customers should have heard from us by {at}. Please say something now, also when there is \
                 no plan yet.",
            ),
        };
    }
    let by = due_at.map_or_else(String::new, |at| format!(" by {}", context.full(at)));
    match wanted {
        Some(Wanted::Closing) => format!(
            "Please tell customers{by} that it is over: what they read last says that it goes on.",
        ),
        Some(Wanted::Next) => {
            format!("Please say to customers{by} how it stands: they were told to wait until then.")
        }
        _ => format!(
            "Please say something to customers{by}, also when there is no plan yet: they should hear of it \
             from us."
        ),
    }
}

/// The draft, how it is sent, and what to mind.
fn add_draft(paper: &mut Paper, context: &Context<'_>, asked: Option<&Person>, subject: &str) {
    let incident = context.incident;
    let commander = incident.commander();
    let own = asked.zip(commander).is_some_and(|(asked, by)| asked.address == by.address);
    let draft = context.policy.customers.draft(PublicState::of(incident.phase));
    let then = if incident.drill {
        "and, because this is a drill, to nobody else"
    } else {
        "and then to customers"
    };
    paper.prose(&match commander {
        _ if own && incident.drill => {
            "What you write is approved by that, and because this is a drill it goes to nobody. A draft, \
             which you may change:"
                .to_owned()
        }
        _ if own => {
            "What you write goes to customers as it is. A draft, which you may change:".to_owned()
        }
        Some(commander) => format!(
            "What you write goes to {} to be approved, {then}. A draft, which you may change:",
            shown(commander)
        ),
        None => "What you write waits until somebody commands and approves it. A draft, which you may \
                 change:"
            .to_owned(),
    });
    paper.words(draft);
    paper.actions(vec![context.action("To take the draft", &format!("Statement: {draft}"), subject)]);
    paper.prose(
        "Say how customers are affected; that matters most to them. Name no time for the repair, no \
         colleague and nothing that only we call so. For a title, write it in the first line and leave an \
         empty line below it. To say when they hear again, write `Next statement: 15m` in a line above.",
    );
    if own && incident.holder(Role::Liaison).is_none() {
        let asked = incident.roles.iter().find(|held| held.role == Role::Liaison);
        paper.prose(&match asked.map(|held| shown(&held.person)) {
            Some(name) => format!(
                "{name} was asked to be liaison and has not answered. Once they accept, they are asked \
                 for it in your place.",
            ),
            None => "Nobody is liaison, so you are asked. To give it to somebody, reply with \
                     `Liaison: name`."
                .to_owned(),
        });
    }
}

/// "May customers be told this?"
pub fn render_approval(context: &Context<'_>, statement: &Statement, hints: &[String]) -> Letter {
    let seq = statement.seq;
    let incident = context.incident;
    let name = incident.commander().map_or_else(|| "You".to_owned(), first_name);
    let subject = context.duty_subject(&format!("{name}: approve statement #{seq}?"));
    let due_at = statement_due(incident, context.policy);
    let by = due_at.map_or_else(String::new, |at| {
        let since = if at <= context.now { "since" } else { "until" };
        format!(" Customers wait {since} {}", context.brief(at))
    });
    let mut paper = Paper::new(format!("Approve statement #{seq}?{by}"), context.about());
    let own = incident.commander().is_some_and(|commander| commander.address == statement.by.address);
    paper.prose(&if own {
        "You wrote this for customers. It waits because of what stands below it: please look at that, \
         and approve it as it is or write it again. Without an answer nothing goes out."
            .to_owned()
    } else {
        format!(
            "{} wrote this for customers. Please approve it, or say in plain words what is wrong with it. \
             Without an answer nothing goes out.",
            shown(&statement.by)
        )
    });
    add_statement(&mut paper, context, statement, hints, &subject);
    paper.facts(reach(context, statement));
    let mut rows = context.summary_facts();
    rows.push(facts("Customer impact", context.impact_lines()));
    rows.extend(customers_told(context));
    paper.facts(rows);
    context.on_duty(Purpose::Approval(seq), subject, &format!("statement-{seq}"), &paper)
}

fn add_statement(
    paper: &mut Paper,
    context: &Context<'_>,
    statement: &Statement,
    hints: &[String],
    subject: &str,
) {
    let seq = statement.seq;
    paper.words(&as_read(&statement.whole()));
    if !hints.is_empty() {
        paper.prose("To look at first.");
        paper.items(&hints.iter().map(|hint| one_line(hint)).collect::<Vec<_>>());
    }
    paper.actions(vec![context.action("To approve it", &format!("Approve #{seq}"), subject)]);
    paper.prose(
        "To change it, reply with `Statement:` and its words as they should be; what the commander \
         writes needs nobody else's approval.",
    );
}

/// Who gets it, and how it is marked.
fn reach(context: &Context<'_>, statement: &Statement) -> Vec<Fact> {
    let customers = &context.policy.customers;
    let lists: Vec<String> = customers
        .notify
        .iter()
        .filter(|name| context.policy.roster.list(name).is_some())
        .map(|name| format!("the list {}", one_line(name)))
        .collect();
    let page = "the public page".to_owned();
    let to = match (context.incident.drill, lists.is_empty()) {
        (true, _) => "nobody, because this is a drill".to_owned(),
        (false, true) => page,
        (false, false) => listed(&lists.into_iter().chain([page]).collect::<Vec<_>>()),
    };
    let title = statement.title.as_deref().or(context.incident.statements.title());
    let mut rows = vec![
        fact("Goes to", to),
        fact("Title", clipped(title.unwrap_or(&customers.title), TITLE_CHARS_MAX)),
        fact("State", PublicState::of(context.incident.phase).name()),
    ];
    if let Some(Promise::At(at)) = statement.next {
        rows.push(fact("Next", format!("by {}, as it says", context.full(at))));
    }
    rows
}

/// A statement that is due, for whoever owes it or for the others who are told.
pub fn add_statement_owed(
    paper: &mut Paper,
    context: &Context<'_>,
    reminder: &Reminder,
    due_at: DateTime<Utc>,
    subject: &str,
) {
    let owner = &reminder.owed_by;
    let incident = context.incident;
    let waiting = incident.statements.waiting.as_ref();
    if reminder.escalated {
        let was = if (context.now - due_at).num_seconds() >= 60 { "was due" } else { "is due" };
        let promise = match wanted(incident) {
            Some(Wanted::Next) => " It is the time that customers were told.",
            _ => "",
        };
        let what = match waiting {
            Some(_) => "has it and only has to approve it",
            None => "is asked for it and has not written it",
        };
        paper.prose(&format!(
            "Please reach {}, who {what}: the statement for customers {was} {}.{promise} The commander and \
             the deputy can also write it themselves, with `Statement:` and its words.",
            shown(owner),
            context.full(due_at),
        ));
        return;
    }
    match waiting {
        Some(statement) if incident.phase.is_active() && incident.commander().is_none() => {
            paper.prose(&format!(
                "What {} wrote waits until somebody commands and approves it, and customers wait, too: they \
                 are to have it by {}. Please take command, or find somebody who does.",
                shown(&statement.by),
                context.full(due_at)
            ));
            paper.words(&as_read(&statement.whole()));
            paper.actions(vec![context.action("To take command", "I have command", subject)]);
        }
        Some(statement) => {
            let wait = if due_at <= context.now { "were to have it by" } else { "wait for it until" };
            paper.prose(&format!(
                "Please approve what {} wrote, or say in plain words what is wrong with it: customers {wait} \
                 {}, and it waits for you alone.",
                shown(&statement.by),
                context.full(due_at)
            ));
            add_statement(paper, context, statement, &[], subject);
        }
        None => {
            paper.prose(&wish(context, Some(due_at)));
            add_draft(paper, context, Some(owner), subject);
        }
    }
    let ladder = statement_ladder(incident, context.policy);
    let told = consequences(context, due_at, ladder, &told_anyway(context));
    if !told.is_empty() {
        paper.prose(&format!("Without it, {told}."));
    }
}

/// Who has this mail already, or gets none: what happens otherwise names the others.
fn told_anyway(context: &Context<'_>) -> Vec<Party> {
    let incident = context.incident;
    let owner = statement_owner(incident);
    let people = [
        (Party::Commander, incident.commander()),
        (Party::Liaison, incident.holder(Role::Liaison)),
        (Party::Deputy, incident.holder(Role::Deputy)),
    ];
    let owners = people.into_iter().filter(|(_, person)| *person == owner).map(|(party, _)| party);
    let leadership = (!concerns_leadership(incident)).then_some(Party::Leadership);
    [Party::Owner].into_iter().chain(owners).chain(leadership).collect()
}

/// What customers know, for everybody inside.
pub fn customers_told(context: &Context<'_>) -> Option<Fact> {
    let incident = context.incident;
    let statements = &incident.statements;
    let mut lines: Vec<String> = Vec::new();
    if let Some(last) = statements.last() {
        let drill = if incident.drill { ", for the drill" } else { "" };
        lines.push(format!("{} at {}{drill}", last.state.name(), context.brief(last.at)));
    }
    if let Some(waiting) = &statements.waiting {
        lines.push(format!("#{} by {} waits for approval", waiting.seq, shown(&waiting.by)));
    }
    let next = match (lines.is_empty(), statements.last()) {
        (true, _) => "nothing yet; the first statement",
        (false, None) => "the first statement",
        (false, Some(_)) => "next statement",
    };
    match statement_due(incident, context.policy) {
        Some(at) if at <= context.now => {
            lines.push(format!("{next} overdue since {}", context.brief(at)));
        }
        Some(at) => lines.push(format!("{next} by {}", context.brief(at))),
        None => {}
    }
    (!lines.is_empty()).then(|| facts("Customers told", lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_a_mail_programme_broke_are_one_paragraph_and_lists_stay_lists() {
        let text = "Card payments\nfail.\n\nAffected are:\n- cards\n  of all kinds\n- vouchers\n";
        assert_eq!(
            paragraphs(text),
            [
                Paragraph::Prose("Card payments fail.".to_owned()),
                Paragraph::Prose("Affected are:".to_owned()),
                Paragraph::Items(vec!["cards of all kinds".to_owned(), "vouchers".to_owned()]),
            ]
        );
        assert_eq!(paragraphs("\n \n"), []);
    }
}
