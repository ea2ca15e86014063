//! Answers to one person: receipt, confirmation, guide; and the notices about mail that nobody has
//! taken on yet.

use chrono::{DateTime, Utc};

use super::context::{Context, first_name, listed};
use super::paper::{Paper, fact};
use super::quick::action;
use super::when;
use super::wrap::{Span, clipped, foreign_lines, one_line, own_sentence, spans};
use crate::incident::decision::Purpose;
use crate::incident::event::{LineResult, Outcome, Waits};
use crate::incident::state::{Person, WideMail};
use crate::incident::{Policy, Severity};
use crate::mail::Address;
use crate::mail::compose::{Letter, TOKEN_MARK};

/// A line to send instead, which is printed unbroken.
const LINE_CHARS_MAX: usize = 200;
/// Lines of one answer; a mail has five unknown lines at most, and not many known ones.
const LINES_MAX: usize = 60;

/// What became of each line.
pub fn render_receipt(context: &Context<'_>, results: &[LineResult], hint: Option<&str>) -> Letter {
    let refused =
        results.iter().filter(|result| matches!(result.outcome, Outcome::Refused { .. })).count();
    let lead = match refused {
        0 if results.is_empty() => first_sentence(hint.unwrap_or("Your mail is filed")),
        0 => "What you wrote is done".to_owned(),
        _ if refused == results.len() => format!("{} not done", counted(refused)),
        _ => format!("{refused} of {} not done", counted(results.len())),
    };
    let subject = context.duty_subject(&match refused {
        0 => "Receipt".to_owned(),
        _ => format!("Receipt: {} not done", counted(refused)),
    });
    let mut paper = Paper::new(lead.clone(), context.about());
    if refused > 0 {
        let others = if refused < results.len() { "The other lines are done. " } else { "" };
        paper.prose(&format!(
            "Please send what was not done once more, in a reply to this mail, mended as shown \
             below. {others}Whatever you wrote is in the timeline; without a reply it stays at that.",
        ));
    }
    if !results.is_empty() {
        paper.transcript(results.iter().take(LINES_MAX).map(step).collect());
    }
    if let Some(hint) = hint {
        // What the first line says is not said again.
        let hint = hint.strip_prefix(&format!("{lead}.")).unwrap_or(hint);
        for paragraph in hint.split("\n\n").map(str::trim).filter(|it| !it.is_empty()).take(LINES_MAX) {
            paper.prose(&own_sentence(paragraph));
        }
    }
    paper.foot("Only you get this. Every command on one page? Reply with the one word `help`.");
    context.on_duty(Purpose::Receipt, subject, "receipt", &paper)
}

/// For the headline of a receipt that has no lines to show.
fn first_sentence(words: &str) -> String {
    clipped(words.split_inclusive(". ").next().unwrap_or(words), 64).trim_end_matches('.').to_owned()
}

pub(super) fn step(result: &LineResult) -> (Vec<String>, Vec<Span>) {
    let typed = foreign_lines(&result.line.typed, 6, 600);
    let words = match &result.outcome {
        Outcome::Done(what) if what.is_empty() => spans("Done."),
        Outcome::Done(what) => spans(&format!("Done. {}", ended(what))),
        Outcome::Refused { why, instead: None } => spans(&format!("Not done. {}", ended(why))),
        Outcome::Refused { why, instead: Some(instead) } => spans(&format!(
            "Not done. {} Send instead `{}`",
            ended(why),
            clipped(instead, LINE_CHARS_MAX)
        )),
    };
    (typed, words)
}

fn ended(words: &str) -> String {
    let words = own_sentence(words);
    let mut chars = words.chars();
    let mut words: String =
        chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect());
    if !words.ends_with(['.', '!', '?']) {
        words.push('.');
    }
    words
}

fn counted(lines: usize) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}

/// "Did you write this?", with the lines and never the prose.
pub fn render_confirmation(context: &Context<'_>, asked: Option<&Person>, lines: &[String]) -> Letter {
    let name = asked.map_or_else(|| "You".to_owned(), first_name);
    let subject = context.duty_subject(&format!("{name}: did you write this?"));
    let reporter = &context.incident.reporter.address;
    let declares = context.incident.wide_mail == WideMail::HeldForConfirmation
        && asked.is_some_and(|asked| asked.address == *reporter);
    let lead = if declares {
        "Did you report this? The lists hear of it when you confirm"
    } else {
        "Did you write this? Nothing is done until you confirm"
    };
    let mut paper = Paper::new(lead, context.about());
    if declares {
        paper.prose(
            "A mail with your address as its sender declared this incident, and nothing proves that it \
             is yours. A commander is asked already; the lists are told when you confirm or when \
             somebody takes command. If you did not write it, say so in plain words.",
        );
    } else {
        paper.prose(
            "A mail in your name, or in answer to one that was sent to you, asks for what stands below, \
             and nothing proves that it is yours. If you wrote it, confirm. If you did not, do nothing: \
             none of it happens.",
        );
    }
    let shown_lines: Vec<String> =
        lines.iter().take(LINES_MAX).flat_map(|line| foreign_lines(line, 6, 600)).collect();
    let nothing = shown_lines.is_empty();
    if nothing {
        paper.prose("It asks for nothing else.");
    } else {
        paper.transcript(vec![(shown_lines, spans("Not done yet."))]);
    }
    paper.actions(vec![context.action("To confirm", "confirm", &subject)]);
    paper.facts(context.summary_facts());
    context.on_duty(Purpose::Confirmation, subject, "confirmation", &paper)
}

/// The guide for somebody who asked within an incident.
pub fn render_incident_guide(context: &Context<'_>) -> Letter {
    let mut paper = guide_paper(context.policy);
    paper.about = context.about();
    let subject = context.duty_subject("Guide: what you can write");
    context.on_duty(Purpose::Guide, subject, "guide", &paper)
}

/// The one-page guide of the commands that this version has.
pub fn render_guide(policy: &Policy, now: DateTime<Utc>) -> Letter {
    let mut paper = guide_paper(policy);
    paper.foot(&format!("As of {}.", when::full(now, policy)));
    letter(Purpose::Guide, &one_line(&policy.name), "Guide: how to declare and what to write", &paper)
}

fn guide_paper(policy: &Policy) -> Paper {
    let own = policy.address.address();
    let mut paper = Paper::new(format!("To declare an incident, mail {own}"), one_line(&policy.name));
    paper.prose(
        "A subject is enough. Add the severity if you know it, such as SEV-1 at the beginning of \
         the subject. Everything else can come later, by replying.",
    );
    paper.prose(&format!("What counts as an incident here  {}", one_line(&policy.incident_means)));
    paper.facts(
        Severity::ALL
            .iter()
            .map(|severity| fact(severity.name(), one_line(&policy.severity(*severity).meaning)))
            .collect(),
    );
    paper.heading("Reply in plain words");
    paper.prose(
        "Your words go into the timeline. Lines at the top of your reply can change things; each \
         stands alone, and quotations below it are ignored.",
    );
    paper.heading("Words that work alone");
    paper.facts(vec![
        fact("I have command", "you are the incident commander"),
        fact("ack", "yes, to what the mail asked"),
        fact("join, leave", "you work on it; you do not any more"),
        fact("status", "how it stands"),
        fact("confirm", "I did write that"),
        fact("help", "this page"),
    ]);
    paper.heading("Lines with a field");
    paper.prose(
        "Write the name, a colon and the value, such as `Severity: SEV-2`. In the table the colon \
         is left out.",
    );
    paper.facts(field_rows());
    let templates = template_rows(policy);
    if !templates.is_empty() {
        paper.facts(templates);
    }
    paper.heading("After the incident");
    paper.facts(after_rows(policy));
    paper.prose(
        "Times such as 14:30, tomorrow 09:00 or 2026-12-04 10:00 UTC, and spans such as 20m or 1h30 \
         are understood; without a zone, the organisation's.",
    );
    let on_call = policy.address.tagged("oncall");
    paper.heading("Who is on call");
    paper.prose(&format!("Ask {on_call}. To take a shift or to give one away, send it this line."));
    paper.facts(vec![fact("Override", "who takes it, and when: alice 2026-11-22 to 2026-11-24")]);
    paper
}

fn field_rows() -> Vec<super::paper::Fact> {
    vec![
        fact("Severity", "SEV-1 to SEV-5; anybody may raise, the commander lowers with a reason"),
        fact("Phase", "triage, investigating, identified, monitoring"),
        fact("Title, Summary", "what is wrong"),
        fact("Impact", "how customers are affected"),
        fact("Customers affected", "yes or no"),
        fact("Service, Link", "what it is about, where to look"),
        fact("Started, Detected", "when, such as 14:05"),
        fact("Bridge, Chat, Doc", "where the team coordinates"),
        fact("IC, Handover", "offers command; it passes when they take it"),
        fact("Deputy, Scribe", "a person by name, alias or address; they accept by ack"),
        fact("Liaison, Responder", "the same"),
        fact("Expert", "the same, and of what in brackets, such as carol (database)"),
        fact("Release", "who need not stay"),
        fact("Private, Drill", "yes or no"),
        fact("Page", "a service, for whoever is on call for it, or a person"),
        fact("Update", "an official update to everybody"),
        fact("Note", "for the timeline and responders only"),
        fact("Next update", "45m or a time; a promise"),
        fact("Statement", "what customers are told, once the commander approves it"),
        fact("Next statement", "in a line above it: when they hear again"),
        fact("Approve #7", "customers may be told that"),
        fact("Task", "one person, what, and by when: bob check the lag by 10m"),
        fact("Done #3", "what came of it; More time #3 with 20m, Decline #3 with why"),
        fact("Reassign #3", "who does it instead"),
        fact("Action", "what keeps it from happening again. Owner: bob. Due: 2026-12-04"),
        fact("Action (later)", "the same, when there is time for it"),
        fact("Drop #7, Ask #9", "why nobody does that action; a question to its owner"),
        fact("Propose", "what is done unless somebody objects, such as roll back (10m)"),
        fact("Risk", "what may go wrong with it"),
        fact("Object", "why it must not be done; only the commander learns whose it is"),
        fact("Decision", "what the commander decided"),
        fact("Later", "a question that waits until it is over"),
        fact("Correct #12", "a correction beside entry 12"),
        fact("Resolved", "what fixed it"),
        fact("Reopen, Cancel", "why"),
        fact("Duplicate of", "the incident that goes on with all of this one, such as INC-41"),
        fact("Part of", "the larger incident whose commander this one's reports to, or none"),
    ]
}

fn template_rows(policy: &Policy) -> Vec<super::paper::Fact> {
    let names: Vec<String> = policy.templates.iter().map(|template| one_line(&template.name)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![fact("Template", format!("what was prepared for it: {}", listed(&names)))]
}

fn after_rows(policy: &Policy) -> Vec<super::paper::Fact> {
    let mut rows =
        vec![fact("Postmortem owner", "who writes it"), fact("Waive postmortem", "why none is needed")];
    let headings: Vec<String> =
        policy.postmortem.sections.iter().take(20).map(|section| one_line(&section.heading)).collect();
    if !headings.is_empty() {
        rows.push(fact("Its headings", headings.join(", ")));
    }
    rows.push(fact("Submit, Publish", "each alone; checks it, sends it to everybody"));
    rows
}

/// A report that waits for somebody known to accept it.
#[derive(Debug, Clone, Copy)]
pub struct HeldReport<'a> {
    pub id: i64,
    /// `None` where it has not exactly one author.
    pub from: Option<&'a Address>,
    pub subject: &'a str,
    pub text: &'a str,
    /// Why its text was not read.
    pub unread: Option<&'static str>,
    pub received_at: DateTime<Utc>,
    pub waits: Waits,
    /// It stands for all that come after it within the hour.
    pub together: bool,
}

/// Asks somebody known whether a report is an incident.
///
/// The reply goes to `incidents+held.ID.TOKEN@`, with the general mark for the token.
pub fn render_held(policy: &Policy, held: &HeldReport<'_>) -> Letter {
    let own_subject = format!("Held report: {}", clipped(held.subject, 100));
    let (lead, why) = match held.waits {
        Waits::Stranger => (
            "A stranger reports something; is it an incident?".to_owned(),
            "The sender is not known here and nothing proves who they are.".to_owned(),
        ),
        Waits::Unsigned => (
            "A mail without one sender reports something; is it an incident?".to_owned(),
            "It names none or several as its author, so nothing proves who wrote it; whoever accepts \
             it reports it."
                .to_owned(),
        ),
        Waits::TooMany => (
            "Too many reports from one sender; is this an incident?".to_owned(),
            "The sender declared so many incidents within an hour that this one waits, together with \
             whatever else they send in that hour; you are told once."
                .to_owned(),
        ),
        Waits::TooManyAlerts => (
            "Monitoring declares too much; is this an incident?".to_owned(),
            "Alerts declared so many incidents within an hour that this one waits, together with whatever \
             else they declare in that hour; you are told once."
                .to_owned(),
        ),
        Waits::Nowhere => (
            "A mail belongs to no incident; is it one?".to_owned(),
            "It answers a mail or names an incident that is not known here, and nothing proves that \
             it is from the person whom it names. If you know what they meant, ask them."
                .to_owned(),
        ),
        Waits::Names(number) => (
            format!("A mail names INC-{number}; shall it be in the timeline?"),
            "Its sender takes no part in that incident, and anybody can write a number into a subject."
                .to_owned(),
        ),
    };
    let mut paper = Paper::new(&lead, one_line(&policy.name));
    let others = match (held.waits, held.together) {
        (Waits::TooMany | Waits::TooManyAlerts, _) | (_, false) => "",
        (_, true) => {
            " This is one of many: what comes after it in this hour is kept with it, and you are told \
             once."
        }
    };
    let accepted = match held.waits {
        Waits::Names(number) => {
            format!("If it belongs there, accept it: it is filed in the timeline of INC-{number}.")
        }
        _ => "If it is an incident, accept it: it is declared in that moment, with your name beside it."
            .to_owned(),
    };
    let kept_with_it = match (held.waits, held.together) {
        (Waits::TooMany | Waits::TooManyAlerts, _) | (_, true) => {
            " What was kept with it is in its timeline then."
        }
        (_, false) => "",
    };
    let unheard = match held.waits {
        // Its sender knows that it waits, where they proved who they are.
        Waits::Names(_) => "it stays on file",
        _ => "it stays on file, and the sender hears nothing",
    };
    paper.prose(&format!(
        "{accepted}{kept_with_it} If not, do nothing: {unheard}. Nobody else has seen it.",
    ));
    paper.prose(&format!("{why}{others}"));
    if held.unread.is_some() {
        paper.prose(&format!(
            "Its text could not be read; whoever looks after the server prints it with \
             `firebell inbox show {}`.",
            held.id,
        ));
    }
    let to = policy.address.tagged(&format!("held.{}.{TOKEN_MARK}", held.id));
    paper.actions(vec![action("To accept it", "confirm", &to, &own_subject)]);
    let mut facts = vec![
        fact("From", held.from.map_or("not exactly one sender", Address::as_str)),
        fact("Their subject", clipped(held.subject, 200)),
        fact("Received", when::full(held.received_at, policy)),
    ];
    facts.extend(held.unread.map(|why| fact("Text", format!("could not be read: {why}"))));
    paper.facts(facts);
    paper.words(held.text);
    letter(Purpose::Held, "Held report", &own_subject, &paper)
}

/// For somebody whose mail names an incident that they take no part in, and waits. Tells nothing of
/// that incident, which may be private.
pub fn render_review(policy: &Policy, number: i64, now: DateTime<Utc>) -> Letter {
    let key = format!("INC-{number}");
    let lead = format!("Your mail waits: you take no part in {key}");
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(&format!(
        "To put your words into the timeline of {key} now, send them in a reply to this mail. You need \
         not: the commander on call is asked whether they belong there. Nothing but the subject of your \
         mail names {key}, and anybody can write a number into a subject. If it is something else, \
         declare it: mail {}, without the number in the subject.",
        policy.address.address()
    ));
    paper.facts(vec![fact("Received", when::full(now, policy))]);
    letter(Purpose::Receipt, &policy.name, &format!("[{key}] Your mail waits"), &paper)
}

/// For the sender of a message that belongs to no incident and could not be read: nothing of it is
/// repeated.
pub fn render_unread(policy: &Policy, why: &str, now: DateTime<Utc>) -> Letter {
    let mut paper = Paper::new("Your mail could not be read", one_line(&policy.name));
    paper.prose(&format!(
        "Please send its text again, as plain text and without what is attached. It could not be read, \
         because {why}. It is kept as it came, nothing was done with it, and nobody who works on an \
         incident has it. To declare an incident, mail {}: a subject is enough.",
        policy.address.address()
    ));
    paper.facts(vec![fact("Received", when::full(now, policy))]);
    letter(Purpose::Receipt, &policy.name, "Your mail could not be read", &paper)
}

/// For whoever accepts a report that was accepted before, or that nobody has any more.
pub fn render_waits_no_more(policy: &Policy, became: Option<i64>, now: DateTime<Utc>) -> Letter {
    let (lead, words) = match became {
        Some(number) => (
            format!("You need not do anything: the report is INC-{number} already"),
            format!(
                "It was accepted before your answer came, and your answer did nothing. To write to \
                 INC-{number}, mail {}.",
                policy.address.of_incident(number, None)
            ),
        ),
        None => (
            "Your answer did nothing: the report waits no more".to_owned(),
            format!(
                "It was settled in another way, or its text was deleted because it is old. If something is \
                 still wrong, declare it: mail {}, a subject is enough.",
                policy.address.address()
            ),
        ),
    };
    let mut paper = Paper::new(lead, one_line(&policy.name));
    paper.prose(&words);
    paper.facts(vec![fact("Received", when::full(now, policy))]);
    letter(Purpose::Receipt, &policy.name, "The report waits no more", &paper)
}

/// A letter about no incident.
pub(super) fn letter(purpose: Purpose, display_name: &str, subject: &str, paper: &Paper) -> Letter {
    Letter {
        purpose,
        display_name: super::wrap::ascii(&clipped(display_name, 60)),
        text: paper.text(),
        html: paper.html(subject),
        subject: subject.to_owned(),
        duty: None,
        to_persons: true,
    }
}
