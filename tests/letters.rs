//! Every mail that Firebell sends, in words, for one sample incident: `tests/letters/*.txt`.
//!
//! Read them as their recipients would. `FIREBELL_REWRITE=1 cargo test --test letters` writes them
//! anew; `FIREBELL_HTML=DIR` also writes the HTML parts there, to be looked at.

#[path = "sample/actions.rs"]
mod actions;
#[path = "sample/afterwards.rs"]
mod afterwards;
#[path = "sample/drill.rs"]
mod drill;
#[path = "sample/hostile.rs"]
mod hostile;
#[path = "sample/related.rs"]
mod related;
mod sample;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

use actions::about_actions;
use afterwards::{afterwards, alerted, for_operator, group, looked_after};
use drill::{drills, playing};
use firebell::alerts::group::{Group, State, Things};
use firebell::alerts::{Alert, Signal};
use firebell::incident::alerts::Alerts;
use firebell::incident::decision::{
    Change, Entry, EntryKind, Objected, OfferedBy, Owed, Purpose, Recipient, Reminder, Urge, Wording,
};
use firebell::incident::event::{Fate, LineResult, Outcome, Waits};
use firebell::incident::page::{Page, Standing, Wanted};
use firebell::incident::related::{Outline, Part};
use firebell::incident::state::Climb;
use firebell::incident::statement::{PublicState, Published, Statement, Statements};
use firebell::incident::task::{Ended, Ending};
use firebell::incident::{Incident, Mailing, Phase, Role, Says, Severity};
use firebell::learning::digest::{Figures, OpenIncident, Overdue, Pace, Postmortems};
use firebell::mail::OwnAddress;
use firebell::mail::command::{Line, Misread};
use firebell::mail::compose::{
    Frame, Letter, TOKEN_MARK, compose, fill_mark, fill_token, token_mark_of,
};
use firebell::render::alert::{AlertIgnored, render_alert_ignored, render_alert_settled, render_ask};
use firebell::render::{
    Damaged, HeldReport, Unreadable, render_crowded, render_damaged, render_digest, render_guide,
    render_held, render_mailing, render_on_call, render_reminders, render_review, render_stuck,
    render_unread, render_unread_mailbox, render_unreadable, render_waits_no_more,
};
use related::{outline, parts};
use sample::{address, at, commanded, declared, person, policy, resolved, task, timeline};

fn said(says: Says, incident: &Incident, now: DateTime<Utc>) -> Letter {
    said_to("alice@example.org", says, incident, now)
}

fn said_to(to: &str, says: Says, incident: &Incident, now: DateTime<Utc>) -> Letter {
    let mailing = Mailing { to: vec![Recipient::Person(address(to))], says };
    let timeline = if mailing.says.shows_timeline() { timeline() } else { Vec::new() };
    render_mailing(&mailing, true, incident, &policy(), &timeline, now)
}

/// Its readers were not sent what was written before.
fn after_outage(says: Says) -> Letter {
    let mailing = Mailing { to: vec![Recipient::Person(address("alice@example.org"))], says };
    let written = |entry: &Entry| matches!(entry.kind, EntryKind::FollowUp);
    let untold: Vec<Entry> = timeline().into_iter().filter(written).collect();
    render_mailing(&mailing, true, &commanded(), &policy(), &untold, at(14, 0))
}

fn reminder(owed: Owed, due_at: Option<DateTime<Utc>>, escalated: bool) -> Reminder {
    Reminder { owed, owed_by: person("Alice Ng"), due_at, escalated, can_act: true, missing: Vec::new() }
}

fn update_owed(missing: Vec<&'static str>, escalated: bool) -> Reminder {
    let due_at = at(14, 0);
    Reminder { missing, ..reminder(Owed::Update { due_at }, Some(due_at), escalated) }
}

fn line(typed: &str, outcome: Outcome) -> LineResult {
    let misread = Misread { why: String::new(), instead: None, field: None };
    LineResult { line: Line { typed: typed.to_owned(), meaning: Err(misread) }, outcome }
}

fn news() -> Vec<(&'static str, Letter)> {
    let follow_up = |changes, text: &str, update_overdue| Says::FollowUp {
        by: Some(person("Alice Ng")),
        changes,
        text: text.to_owned(),
        update_overdue,
    };
    let assumed = Incident { severity: Severity::Sev2, severity_assumed: true, ..declared() };
    let list = Mailing {
        to: vec![Recipient::List(address("incident-announce@lists.example.org"))],
        says: Says::Declaration,
    };
    let phase = Change::Phase { from: Phase::Investigating, to: Phase::Identified };
    let cancelled = Incident { phase: Phase::Cancelled, ..commanded() };
    let why = "false alarm: a test ran against production".to_owned();
    vec![
        ("declaration", said(Says::Declaration, &declared(), at(13, 5))),
        ("declaration-assumed", said(Says::Declaration, &assumed, at(13, 5))),
        ("declaration-later", said(Says::Declaration, &commanded(), at(13, 40))),
        ("declaration-list", render_mailing(&list, false, &declared(), &policy(), &[], at(13, 5))),
        (
            "follow-up",
            said(
                follow_up(
                    vec![phase],
                    "The 2.4 deploy cut the connection pool to ten.\n\nWe roll back to 2.3 now; \
                     that takes about twenty minutes.",
                    false,
                ),
                &commanded(),
                at(13, 30),
            ),
        ),
        ("follow-up-overdue", said(follow_up(Vec::new(), "", true), &commanded(), at(14, 20))),
        (
            "follow-up-cancelled",
            said(follow_up(vec![Change::Cancelled { why }], "", false), &cancelled, at(13, 40)),
        ),
        (
            "follow-up-duplicate",
            said(
                follow_up(vec![Change::DuplicateOf(outline(41, Phase::Identified))], "", false),
                &Incident { phase: Phase::Merged, duplicate_of: Some(41), ..commanded() },
                at(13, 40),
            ),
        ),
        (
            "follow-up-parts",
            said(
                follow_up(Vec::new(), "Row 3 has power again.", false),
                &Incident { parts: parts(), part_of: Some(40), ..commanded() },
                at(13, 40),
            ),
        ),
        (
            "resolution",
            said(
                Says::Resolution { by: person("Alice Ng"), text: String::new() },
                &resolved(),
                at(15, 15),
            ),
        ),
        (
            "note",
            said(
                Says::Note {
                    seq: 3,
                    by: person("Bob Okafor"),
                    text: "Replica lag is 40 minutes and growing.\nSeverity: SEV-1".to_owned(),
                    attachments: vec!["lag.png".to_owned()],
                },
                &commanded(),
                at(13, 20),
            ),
        ),
        ("follow-up-after-outage", after_outage(follow_up(Vec::new(), "All cards work again.", false))),
        ("page", said_to("49151555@sms.example.org", Says::Page, &declared(), at(13, 5))),
        ("page-expert", said_to("carol@example.org", Says::Page, &commanded(), at(13, 15))),
        ("status", said(Says::Status, &commanded(), at(13, 45))),
    ]
}

fn duties() -> Vec<(&'static str, Letter)> {
    let offer = |asked: &[&str], by, then: &str| Says::TakeCommand {
        asked: asked.iter().map(|name| person(name)).collect(),
        by,
        answer_by: Some(at(13, 10)),
        then: then.to_owned(),
    };
    let first = offer(&["Alice Ng"], OfferedBy::Declaration, "it is offered to Bob Okafor");
    let several = offer(&["Bob Okafor", "Carol Diaz"], OfferedBy::Silence, "leadership is told");
    let wanted = Says::CommandWanted { by: person("Erin Holm") };
    let handover = Says::TakeCommand {
        asked: vec![person("Bob Okafor")],
        by: OfferedBy::Commander(person("Alice Ng")),
        answer_by: None,
        then: String::new(),
    };
    let silent = Says::TakeCommand {
        asked: vec![person("Bob Okafor")],
        by: OfferedBy::CommanderSilent(person("Alice Ng")),
        answer_by: Some(at(14, 20)),
        then: "leadership is told".to_owned(),
    };
    let role = Says::RoleOffer {
        role: Role::Expert,
        by: person("Alice Ng"),
        remark: Some("database".to_owned()),
    };
    let declined = Says::TaskNews {
        seq: 8,
        by: person("Carol Diaz"),
        became: "is declined".to_owned(),
        words: "I have no access to the queue.".to_owned(),
    };
    let undelivered = |fate, reason: &str| Says::Undeliverable {
        to: address("carol@example.org"),
        purpose: Purpose::RoleOffer,
        fate,
        reason: reason.to_owned(),
    };
    let refused = undelivered(Fate::Refused, "550 5.1.1 mailbox unknown");
    let late = undelivered(Fate::Late, "the relay did not take it while it was of use");
    let unknown = undelivered(Fate::Unknown, "the relay twice did not say whether it took it");
    vec![
        ("take-command", said(first, &declared(), at(13, 5))),
        ("take-command-several", said(several, &declared(), at(13, 5))),
        ("take-command-handover", said(handover, &commanded(), at(13, 45))),
        ("take-command-silent", said(silent, &commanded(), at(14, 10))),
        ("role-offer", said_to("carol@example.org", role, &commanded(), at(13, 8))),
        (
            "page-service",
            said_to("49151555@sms.example.org", paged(true, false), &commanded(), at(13, 15)),
        ),
        ("page-letter", said_to("carol@example.org", paged(false, false), &commanded(), at(13, 15))),
        ("page-again", said_to("carol@example.org", paged(false, true), &commanded(), at(13, 50))),
        ("page-unanswered", said(Says::PageUnanswered { page: rung() }, &commanded(), at(13, 30))),
        ("command-wanted", said(wanted, &commanded(), at(13, 45))),
        ("task", said_to("bob@example.org", Says::Task { seq: 7 }, &tasked(), at(13, 40))),
        ("task-declined", said(declined, &tasked(), at(13, 45))),
        ("undeliverable", said(refused, &commanded(), at(13, 9))),
        ("undeliverable-late", said(late, &commanded(), at(13, 9))),
        ("undeliverable-unknown", said(unknown, &commanded(), at(13, 9))),
        (
            "alert-recovered",
            said(Says::Recovered { recovered_at: at(13, 38) }, &alerted(Some(at(13, 36))), at(13, 40)),
        ),
        (
            "alert-fires-again",
            said(Says::FiresAgain { title: "Disk full".to_owned() }, &alerted(None), at(13, 40)),
        ),
    ]
}

fn paged(to_pager: bool, again: bool) -> Says {
    Says::PageResponder {
        wanted: vec![Wanted::Service("payments".to_owned())],
        by: None,
        before: Vec::new(),
        to_pager,
        again,
    }
}

/// A page that rang at every level.
fn rung() -> Page {
    Page {
        wanted: Wanted::Service("payments".to_owned()),
        by: None,
        asked: vec![person("Carol Diaz"), person("Bob Okafor")],
        let_go: Vec::new(),
        taken: Vec::new(),
        climb: Climb { done: 3, last_at: Some(at(13, 25)) },
        stands: Standing::Ended,
        asked_again: false,
    }
}

/// Two tasks, one of which nobody has any more.
fn tasked() -> Incident {
    let mut declined = task(8, person("Carol Diaz"), "restart the queue of card payments");
    let (by, why) = (Some(person("Carol Diaz")), String::new());
    declined.ended = Some(Ended { how: Ending::Declined, at: at(13, 45), by, why });
    let open = task(7, person("Bob Okafor"), "check the lag of the replica");
    Incident { tasks: vec![open, declined], ..commanded() }
}

fn task_owed(escalated: bool) -> Reminder {
    let what = "check the lag of the replica".to_owned();
    let owed_by = person("Bob Okafor");
    let owed = Owed::Task { seq: 7, what, due_at: at(13, 50) };
    Reminder { owed_by, ..reminder(owed, Some(at(13, 50)), escalated) }
}

fn statement() -> Statement {
    Statement {
        seq: 9,
        title: Some("Card payments fail".to_owned()),
        text: "We are investigating a service disruption.\nCard payments fail for many customers.\n\n\
               What you can do:\n- pay by invoice\n- try again later"
            .to_owned(),
        by: person("Dana Reyes"),
        state: PublicState::Identified,
        next: None,
        asked_at: "2026-11-18T09:20:00Z".parse().unwrap(),
        is_revised: false,
    }
}

fn published(state: PublicState) -> Published {
    let Statement { seq, title, text, by, .. } = statement();
    let next_at = (state != PublicState::Resolved).then(|| at(14, 5));
    let approved_by = person("Alice Ng");
    Published { seq, title, text, by, approved_by, state, at: at(13, 45), next_at }
}

fn for_customers() -> Vec<(&'static str, Letter)> {
    let asked = |statements| Incident { statements, ..commanded() };
    let first = asked(Statements { asked_at: Some(at(13, 40)), ..Statements::default() });
    let told = |state| Statements { published: vec![published(state)], ..Statements::default() };
    let (next, over) = (
        asked(told(PublicState::Identified)),
        Statements { asked_at: Some(at(15, 15)), ..told(PublicState::Monitoring) },
    );
    let over = Incident { statements: over, ..resolved() };
    let waiting = asked(Statements {
        waiting: Some(statement()),
        asked_at: Some(at(13, 40)),
        ..Statements::default()
    });
    let to_customers = |state| {
        let says = Says::Statement(published(state));
        let mailing = Mailing { to: vec![Recipient::List(address("status@customers.example"))], says };
        render_mailing(&mailing, false, &asked(told(state)), &policy(), &[], at(13, 45))
    };
    let hints = vec!["Say \"service disruption\" rather than \"outage\"".to_owned()];
    let draft = |due_at| Says::StatementDraft { due_at: Some(due_at) };
    let owed = |waits, escalated| {
        reminder(Owed::Statement { due_at: at(13, 55), waits }, Some(at(13, 55)), escalated)
    };
    let remind = |owed: Reminder, incident: &Incident, now| {
        let reader = person("Alice Ng");
        render_reminders(&reader, &[(incident, &owed)], &policy(), now)
    };
    vec![
        ("statement", to_customers(PublicState::Identified)),
        ("statement-resolved", to_customers(PublicState::Resolved)),
        ("statement-draft", said(draft(at(13, 55)), &first, at(13, 40))),
        ("statement-draft-next", said_to("dana@example.org", draft(at(14, 5)), &next, at(13, 46))),
        ("statement-draft-closing", said(draft(at(15, 30)), &over, at(15, 15))),
        ("statement-approval", said(Says::Approval { seq: 9, hints }, &waiting, at(13, 46))),
        ("reminder-statement", remind(owed(None, false), &first, at(13, 50))),
        ("reminder-statement-waits", remind(owed(Some(9), false), &waiting, at(13, 55))),
        ("reminder-statement-escalated", remind(owed(None, true), &next, at(14, 10))),
    ]
}

fn reminders() -> Vec<(&'static str, Letter)> {
    let remind = |reminder, incident: &Incident, now| said(Says::Reminder(reminder), incident, now);
    let missing = |fields| reminder(Owed::Missing { fields }, None, false);
    let due_at = Some(at(17, 0) + TimeDelta::days(4));
    let late = at(8, 0) + TimeDelta::days(5);
    let fields = vec!["severity", "phase", "commander", "coordination", "involved"];
    let assumed = Incident { severity: Severity::Sev2, severity_assumed: true, ..declared() };
    let long = |urge, escalated| reminder(Owed::Handover { since: at(13, 10), urge }, None, escalated);
    let people = vec![(person("Bob Okafor"), at(13, 10)), (person("Carol Diaz"), at(13, 12))];
    let rest = |escalated| reminder(Owed::Rest { people: people.clone() }, None, escalated);
    let update = update_owed(Vec::new(), false);
    let postmortem = reminder(Owed::Postmortem { due_at }, due_at, false);
    let other = Incident { number: 43, title: "Mail is slow".to_owned(), ..resolved() };
    let both = [(&commanded(), &update), (&other, &postmortem)];
    let several = render_reminders(&person("Alice Ng"), &both, &policy(), at(14, 0));
    vec![
        ("reminder-update-before", remind(update.clone(), &commanded(), at(13, 55))),
        ("reminder-update-due", remind(update_owed(vec!["involved"], false), &commanded(), at(14, 0))),
        ("reminder-update-overdue", remind(update_owed(Vec::new(), false), &commanded(), at(14, 5))),
        ("reminder-update-escalated", remind(update_owed(Vec::new(), true), &commanded(), at(14, 5))),
        ("reminder-handover", remind(long(Urge::Suggested, false), &commanded(), at(14, 10))),
        ("reminder-handover-insisted", remind(long(Urge::Insisted, false), &commanded(), at(16, 10))),
        ("reminder-handover-escalated", remind(long(Urge::Asked, true), &commanded(), at(14, 40))),
        ("reminder-rest", remind(rest(false), &commanded(), at(14, 40))),
        ("reminder-rest-escalated", remind(rest(true), &commanded(), at(14, 40))),
        ("reminder-task", remind(task_owed(false), &tasked(), at(13, 50))),
        ("reminder-task-escalated", remind(task_owed(true), &tasked(), at(13, 55))),
        ("reminder-missing", remind(missing(fields), &assumed, at(13, 10))),
        (
            "reminder-postmortem-owner",
            remind(reminder(Owed::PostmortemOwner, Some(at(16, 15)), false), &resolved(), at(16, 15)),
        ),
        ("reminder-postmortem", remind(postmortem.clone(), &resolved(), at(17, 0) + TimeDelta::days(2))),
        (
            "reminder-postmortem-escalated",
            remind(reminder(Owed::Postmortem { due_at }, due_at, true), &resolved(), late),
        ),
        ("reminders", several),
    ]
}

fn answers() -> Vec<(&'static str, Letter)> {
    let results = vec![
        line("Severity: SEV-1", Outcome::Done("severity raised from SEV-2 to SEV-1".to_owned())),
        line(
            "Phase: done",
            Outcome::Refused {
                why: "`done` is no phase".to_owned(),
                instead: Some("Resolved: what fixed it".to_owned()),
            },
        ),
        line(
            "Deputy: jo",
            Outcome::Refused { why: "nobody here is called jo".to_owned(), instead: None },
        ),
    ];
    let receipt = Says::Receipt { results, hint: Some("Your words are filed as a note.".to_owned()) };
    let hint = Says::Receipt {
        results: Vec::new(),
        hint: Some(
            "Your mail is note #12 in the timeline of INC-42. To send it to everybody, reply with a \
             line that begins  Update:  and goes on with your words."
                .to_owned(),
        ),
    };
    let lines = vec!["Severity: SEV-1".to_owned(), "Phase: identified".to_owned()];
    let stranger = address("someone@elsewhere.example");
    let held = HeldReport {
        id: 7,
        from: Some(&stranger),
        subject: "Checkout down?",
        text: "Your checkout rejects all our cards.\nPlease look at it.",
        unread: None,
        received_at: at(13, 40),
        waits: Waits::Stranger,
        together: false,
    };
    let many = HeldReport { waits: Waits::TooMany, ..held };
    let nowhere = HeldReport {
        waits: Waits::Nowhere,
        unread: Some("it has more than 1,000 parts"),
        text: "",
        ..held
    };
    let named = HeldReport { waits: Waits::Names(42), together: true, ..held };
    let unsigned = HeldReport { waits: Waits::Unsigned, from: None, ..held };
    vec![
        ("receipt", said(receipt, &commanded(), at(13, 40))),
        ("receipt-hint", said(hint, &commanded(), at(13, 40))),
        ("confirmation", said(Says::Confirmation { lines }, &commanded(), at(13, 40))),
        ("guide-incident", said(Says::Guide, &commanded(), at(13, 40))),
        ("guide", render_guide(&policy(), at(13, 40))),
        ("held", render_held(&policy(), &held)),
        ("held-many", render_held(&policy(), &many)),
        ("held-nowhere", render_held(&policy(), &nowhere)),
        ("held-named", render_held(&policy(), &named)),
        ("held-unsigned", render_held(&policy(), &unsigned)),
        ("review", render_review(&policy(), 42, at(13, 40))),
        ("waits-no-more", render_waits_no_more(&policy(), None, at(13, 40))),
        ("waits-no-more-accepted", render_waits_no_more(&policy(), Some(42), at(13, 40))),
        ("unread", render_unread(&policy(), "its header is longer than 100 KiB", at(13, 40))),
        ("on-call", render_on_call(&policy(), "", &address("alice@example.org"), &[], at(13, 40))),
        ("alert-asked", render_ask(&policy(), 7, &group("High latency", State::Settled), at(13, 50))),
        ("alert-settled", render_alert_settled(&policy(), None, Some(42), at(13, 40))),
        ("alert-looked-after", render_alert_settled(&policy(), Some(&looked_after()), None, at(13, 40))),
        ("held-alerts", render_held(&policy(), &HeldReport { waits: Waits::TooManyAlerts, ..held })),
    ]
}

fn all() -> Vec<(&'static str, Letter)> {
    let after = [about_actions(), afterwards(), drills()].concat();
    [news(), duties(), for_customers(), reminders(), answers(), for_operator(), after]
        .into_iter()
        .flatten()
        .collect()
}

fn printed(letter: &Letter) -> String {
    let duty = letter.duty.as_deref().unwrap_or("the incident's");
    format!(
        "From: {} <incidents@example.org>\nSubject: {}\nThread: {duty}\n\n{}",
        letter.display_name, letter.subject, letter.text
    )
}

#[test]
fn every_mail_reads_as_it_did_when_somebody_last_read_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/letters");
    let rewrite = std::env::var_os("FIREBELL_REWRITE").is_some();
    let html = std::env::var_os("FIREBELL_HTML");
    let mut changed = Vec::new();
    for (name, letter) in all() {
        let path = folder.join(format!("{name}.txt"));
        let now = printed(&letter);
        if let Some(folder) = &html {
            fs::write(Path::new(folder).join(format!("{name}.html")), &letter.html).unwrap();
        }
        if rewrite {
            fs::write(&path, &now).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != now {
            changed.push(format!("--- {name}\n{now}"));
        }
    }
    assert!(changed.is_empty(), "{}\n{} mails read differently", changed.join("\n"), changed.len());
}

#[test]
fn no_letter_of_the_folder_is_left_behind() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/letters");
    let known: BTreeSet<String> = all().iter().map(|(name, _)| format!("{name}.txt")).collect();
    let present: BTreeSet<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(present, known);
}

/// One line, however long: a gateway to pagers sends what it gets.
fn is_page(letter: &Letter) -> bool {
    matches!(letter.purpose, Purpose::Page | Purpose::PageResponder)
}

#[test]
fn the_first_line_says_what_changed_in_about_sixty_characters() {
    for (name, letter) in all() {
        if !is_page(&letter) {
            let first = letter.text.lines().next().unwrap();
            assert!(first.chars().count() <= 72, "{name}: {first}");
        }
    }
}

/// Whoever reads any of them may have to go there next. What speaks of the reader's own mail, or of what
/// is over, need not say it.
#[test]
fn every_mail_of_an_incident_that_goes_on_says_where_the_team_coordinates() {
    let mut spoke = 0;
    for (name, letter) in all() {
        let is_of_incident = letter.subject.starts_with("[INC-42]") || is_page(&letter);
        let is_over = letter.display_name.contains("resolved") || letter.display_name.contains("closed");
        let is_answer = matches!(letter.purpose, Purpose::Receipt | Purpose::Guide);
        if is_of_incident && !is_over && !is_answer {
            assert!(letter.text.contains("tel:+49-30-1234567"), "{name}:\n{}", letter.text);
            spoke += 1;
        }
    }
    assert!(spoke > 30, "only {spoke} mails were looked at");
}

#[test]
fn a_page_is_one_line_that_a_pager_can_show() {
    let long = Incident { title: "Zahlungsausfälle für alle Kunden ".repeat(20), ..declared() };
    for incident in [declared(), long, Incident { private: true, ..declared() }] {
        let page = said_to("49151555@sms.example.org", Says::Page, &incident, at(13, 5));
        let line = page.text.strip_suffix('\n').unwrap();
        assert!(line.len() <= 160 && line.is_ascii() && !line.contains('\n'), "{line}");
        assert!(line.ends_with("Reply: I have command"), "{line}");
        let page = said_to("49151555@sms.example.org", paged(true, false), &incident, at(13, 5));
        let line = page.text.strip_suffix('\n').unwrap();
        assert!(line.len() <= 160 && line.is_ascii() && !line.contains('\n'), "{line}");
        assert!(line.contains("On call payments.") && line.ends_with("Reply: ack"), "{line}");
    }
}

#[test]
fn text_fits_72_columns_and_no_printed_line_of_it_is_a_bare_field() {
    let fields =
        ["severity:", "phase:", "next update:", "update:", "resolved:", "impact:", "ic:", "bridge:"];
    for (name, letter) in all() {
        for line in letter.text.lines().filter(|_| !is_page(&letter)) {
            assert!(line.chars().count() <= 72, "{name}: {line}");
            let start = line.trim_start().to_lowercase();
            assert!(!fields.iter().any(|field| start.starts_with(field)), "{name}: {line}");
        }
    }
}

#[test]
fn html_is_small_ascii_and_says_what_the_text_says() {
    for (name, letter) in all() {
        // A gateway to pagers may pass everything on that it gets.
        let to_pager = matches!(name, "page" | "page-service" | "page-expert");
        assert_eq!(letter.html.is_empty(), to_pager, "{name}");
        if to_pager {
            continue;
        }
        assert!(letter.html.is_ascii(), "{name}");
        assert!(letter.html.len() < 80_000, "{name}");
        assert!(letter.html.lines().all(|line| line.len() < 990), "{name}");
        let cells = letter.html.replace("</th>", " ; ").replace("</td>", " ; ");
        let shown = words(&mail_parser::decoders::html::html_to_text(&cells));
        let missing: Vec<String> = words(&letter.text)
            .into_iter()
            .filter(|word| word.chars().any(|c| c.is_ascii_digit()) && !shown.contains(word))
            .collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
}

fn words(text: &str) -> BTreeSet<String> {
    let trim = |word: &str| word.trim_matches(|c: char| ".,;:()|>-#\"".contains(c)).to_owned();
    text.split_whitespace().map(trim).filter(|word| !word.is_empty()).collect()
}

#[test]
fn a_list_copy_carries_no_token_and_a_private_incident_no_title_in_its_subject() {
    for (name, letter) in all() {
        if !letter.to_persons {
            assert!(!letter.html.contains(TOKEN_MARK) && !letter.text.contains(TOKEN_MARK), "{name}");
        }
    }
    let private = Incident { private: true, ..declared() };
    let letter = said(Says::Declaration, &private, at(13, 5));
    assert_eq!(letter.subject, "[INC-42] Restricted incident");
}

#[test]
fn every_link_fits_what_clients_take_and_every_mark_survives_composing() {
    let own = OwnAddress::new(address("incidents@example.org"), '+');
    let to = own.of_incident(42, None);
    for (name, letter) in all() {
        for link in letter.html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(link.starts_with("mailto:") && link.len() <= 1_500, "{name}: {link}");
        }
        let frame = Frame {
            own: &own,
            incident: Some(42),
            reply_tag: None,
            reply_to: None,
            to: ("", &to),
            message_id: "abcdefghijklmnopqrstuvwxyz@example.org",
            references: &[],
            list_name: "Example incidents",
            members_of: None,
            now: at(13, 5),
        };
        let octets = compose(&letter, &frame);
        let composed = String::from_utf8(octets.clone()).unwrap();
        let marks = letter.html.matches(TOKEN_MARK).count() + usize::from(letter.to_persons);
        assert_eq!(composed.matches(TOKEN_MARK).count(), marks, "{name}");
        let filled = fill_token(&octets, "abcdefghijklmnop");
        assert_eq!(filled.len(), octets.len());
        assert!(!String::from_utf8(filled).unwrap().contains(TOKEN_MARK), "{name}");
    }
}

#[test]
fn each_incident_of_a_consolidated_mail_has_a_mark_of_its_own() {
    let update = update_owed(Vec::new(), false);
    let first = Incident { title: "Ausfälle überall".repeat(5), ..commanded() };
    let second = Incident { number: 43, ..commanded() };
    let letter = render_reminders(
        &person("Alice Ng"),
        &[(&first, &update), (&second, &update)],
        &policy(),
        at(14, 0),
    );
    let own = policy().address;
    let to = person("Alice Ng").address;
    let frame = Frame {
        own: &own,
        incident: None,
        reply_tag: None,
        reply_to: None,
        to: ("Alice Ng", &to),
        message_id: "abcdefghijklmnopqrstuvwxyz@example.org",
        references: &[],
        list_name: "Example incidents",
        members_of: None,
        now: at(14, 0),
    };
    let octets = compose(&letter, &frame);
    let composed = String::from_utf8(octets.clone()).unwrap();
    assert!(!composed.contains(TOKEN_MARK));
    for number in [42, 43] {
        let mark = token_mark_of(number);
        // The address in the text and in the HTML, and two links.
        assert_eq!(composed.matches(&mark).count(), 4, "{composed}");
        let filled = fill_mark(&octets, &mark, "abcdefghijklmnop");
        assert!(!String::from_utf8(filled).unwrap().contains(&mark));
    }
}
