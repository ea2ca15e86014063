//! Every mail that Firebell sends, in words, for one sample incident: `tests/letters/*.txt`.
//!
//! Read them as their recipients would. `FIREBELL_REWRITE=1 cargo test --test letters` writes them
//! anew; `FIREBELL_HTML=DIR` also writes the HTML parts there, to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use firebell::incident::decision::{
    Change, EntryKind, OfferedBy, Owed, Purpose, Recipient, Reminder, Wording,
};
use firebell::incident::event::{LineResult, Outcome};
use firebell::incident::policy::{
    DeclareFrom, Ladder, Party, PostmortemDuty, PostmortemPolicy, Rung, RungAt, SeverityPolicy, Span,
};
use firebell::incident::state::{
    Climb, Command, Coordination, Person, Postmortem, RoleHeld, Updates, WideMail,
};
use firebell::incident::{Entry, Incident, Mailing, Phase, Policy, Role, Says, Severity};
use firebell::learning::postmortem::Section;
use firebell::mail::command::{Line, Misread};
use firebell::mail::compose::{Frame, Letter, TOKEN_MARK, compose, fill_token};
use firebell::mail::{Address, OwnAddress};
use firebell::render::digest::{DigestView, Measure, OpenIncident, Overdue, WrittenUp};
use firebell::render::{
    render_digest, render_guide, render_held, render_mailing, render_on_call, render_reminders,
    render_unreadable,
};
use firebell::roster::calendar::Calendar;
use firebell::roster::rotation::Rotation;
use firebell::roster::zone::Zone;
use firebell::roster::{List, ListKind, Member, Roster};

fn address(text: &str) -> Address {
    Address::read(text).unwrap()
}

fn person(name: &str) -> Person {
    let first = name.split(' ').next().unwrap().to_lowercase();
    Person { address: address(&format!("{first}@example.org")), name: name.to_owned() }
}

/// A minute of Saturday, 21 November 2026, in UTC; local time is an hour later.
fn at(hour: u32, minute: u32) -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 21).unwrap().and_hms_opt(hour, minute, 0).unwrap().and_utc()
}

fn member(name: &str, pager: Option<&str>) -> Member {
    Member {
        name: name.to_owned(),
        alias: None,
        address: person(name).address,
        also: Vec::new(),
        pager: pager.map(address),
    }
}

fn rung(minutes: i64, to: &[Party]) -> Rung {
    Rung { at: RungAt::Offset(TimeDelta::minutes(minutes)), to: to.to_vec() }
}

fn ladder(rungs: Vec<Rung>) -> Ladder {
    Ladder { rungs, then: None }
}

fn section(heading: &str, asks: &str, required: bool) -> Section {
    Section { heading: heading.to_owned(), aliases: Vec::new(), asks: asks.to_owned(), required }
}

fn severity(meaning: &str) -> SeverityPolicy {
    let half = Span::Clock(TimeDelta::minutes(30));
    SeverityPolicy {
        meaning: meaning.to_owned(),
        notify: vec!["everyone".to_owned()],
        take_command_within: Span::Clock(TimeDelta::minutes(5)),
        leadership_within: Some(TimeDelta::minutes(20)),
        update_every: [half, half, Span::Clock(TimeDelta::minutes(60))],
        postmortem: PostmortemDuty::Within(Span::BusinessDays(3)),
    }
}

fn policy() -> Policy {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let (owner, commander, deputy) = (Party::Owner, Party::Commander, Party::Deputy);
    Policy {
        address: OwnAddress::new(address("incidents@example.org"), '+'),
        name: "Example incidents".to_owned(),
        incident_means: "Anything unexpected that harms or may harm our customers. When in doubt, \
                         declare."
            .to_owned(),
        calendar: Calendar {
            zone: zone.clone(),
            working_days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            opens: time(9),
            closes: time(18),
            holidays: BTreeSet::new(),
        },
        roster: Roster {
            people: vec![
                member("Alice Ng", Some("49151555@sms.example.org")),
                member("Bob Okafor", None),
                member("Carol Diaz", None),
                member("Dana Reyes", None),
            ],
            lists: vec![List {
                name: "leadership".to_owned(),
                kind: ListKind::Own(vec![address("vp@example.org")]),
            }],
            domains: vec!["example.org".to_owned()],
            command_rotation: Some(Rotation {
                name: "commanders".to_owned(),
                members: vec![address("alice@example.org"), address("bob@example.org")],
                zone,
                weekday: Some(Weekday::Mon),
                time: time(9),
                from: NaiveDate::from_ymd_opt(2026, 11, 16).unwrap(),
            }),
            trained: vec![address("alice@example.org"), address("bob@example.org")],
        },
        default_severity: Severity::Sev2,
        severities: [
            severity("Most customers cannot use the product, or the company is at stake."),
            severity("Many customers cannot do something important."),
            severity("Some customers are hampered, or a safeguard is gone."),
            severity("A fault that hardly anybody notices."),
            severity("A question or a weakness to look at."),
        ],
        bridge: Some("tel:+49-30-1234567".to_owned()),
        chat: Some("#incident".to_owned()),
        update_ladder: ladder(vec![
            rung(-5, &[commander]),
            rung(0, &[commander]),
            rung(5, &[commander, deputy]),
            rung(10, &[commander, deputy]),
            rung(20, &[commander, deputy, Party::Leadership]),
        ]),
        update_ladder_minor: ladder(vec![rung(0, &[commander])]),
        missing_ladder: ladder(vec![rung(5, &[Party::Reporter]), rung(15, &[Party::Reporter])]),
        postmortem: PostmortemPolicy {
            name: "postmortem".to_owned(),
            sections: vec![
                section(
                    "What happened",
                    "In two or three sentences, for somebody who was not there.",
                    true,
                ),
                section("Contributing factors", "What made it possible, and what made it worse?", true),
                section("What went well", "What helped?", false),
                section("Actions", "What keeps it from happening again? Begin each with a verb.", true),
            ],
            owner_within: TimeDelta::hours(1),
            owner_ladder: ladder(vec![rung(0, &[owner])]),
            ladder: ladder(vec![rung(0, &[owner])]),
        },
        digests: Vec::new(),
        operator: None,
        declare_from: DeclareFrom::Known,
        close_within: TimeDelta::hours(24),
    }
}

fn declared() -> Incident {
    Incident {
        number: 42,
        title: "Checkout is failing for cards".to_owned(),
        thread_title: "Checkout is failing for cards".to_owned(),
        summary: None,
        impact: None,
        severity: Severity::Sev1,
        severity_assumed: false,
        severity_highest: Severity::Sev1,
        phase: Phase::Triage,
        phase_assumed: true,
        private: false,
        drill: false,
        wide_mail: WideMail::Sent,
        reporter: person("Dana Reyes"),
        declared_at: at(13, 5),
        started_at: None,
        detected_at: None,
        resolved_at: None,
        closed_at: None,
        outcome: None,
        command: Command::Offered {
            to: vec![person("Alice Ng")],
            offered_at: at(13, 5),
            climb: Climb::default(),
            leadership_told: false,
        },
        first_commanded_at: None,
        roles: Vec::new(),
        services: vec!["payments".to_owned()],
        links: Vec::new(),
        coordination: Coordination::default(),
        customers_affected: None,
        updates: Updates::default(),
        missing_chase: Climb::default(),
        postmortem: None,
        unconfirmed: Vec::new(),
        token_epoch: 0,
        last_entry_at: at(13, 5),
        next_seq: 2,
    }
}

fn commanded() -> Incident {
    let held = |role, name: &str, remark: Option<&str>, accepted: Option<DateTime<Utc>>| RoleHeld {
        role,
        person: person(name),
        remark: remark.map(str::to_owned),
        asked_at: at(13, 8),
        accepted_at: accepted,
    };
    Incident {
        phase: Phase::Identified,
        phase_assumed: false,
        summary: Some("Card payments time out since the 13:55 deploy.".to_owned()),
        impact: Some("About 60 % of card payments fail; invoices work.".to_owned()),
        customers_affected: Some(true),
        started_at: Some(at(12, 55)),
        command: Command::Held { by: person("Alice Ng"), since: at(13, 7), offered_on: None },
        first_commanded_at: Some(at(13, 7)),
        roles: vec![
            held(Role::Deputy, "Bob Okafor", None, Some(at(13, 9))),
            held(Role::Expert, "Carol Diaz", Some("database"), None),
        ],
        updates: Updates {
            counted_from: Some(at(13, 30)),
            first_at: Some(at(13, 30)),
            on_time: 1,
            ..Updates::default()
        },
        ..declared()
    }
}

fn resolved() -> Incident {
    Incident {
        phase: Phase::Resolved,
        resolved_at: Some(at(15, 15)),
        outcome: Some("Rolled back to 2.3; the pool had been cut to ten connections.".to_owned()),
        postmortem: Some(Postmortem {
            owner: person("Alice Ng"),
            owner_named: false,
            due_at: Some(at(15, 15) + TimeDelta::days(4) + TimeDelta::minutes(105)),
            owed_since: at(15, 15),
            sections: BTreeMap::from([(
                "What happened".to_owned(),
                "The 2.4 deploy cut the connection pool.\nCard payments timed out for two hours."
                    .to_owned(),
            )]),
            submitted_at: None,
            published_at: None,
            waived: None,
            owner_climb: Climb::default(),
            climb: Climb::default(),
        }),
        ..commanded()
    }
}

fn entry(seq: i64, at: DateTime<Utc>, author: &str, kind: EntryKind, text: &str) -> Entry {
    Entry {
        seq,
        at,
        recorded_at: at,
        author: (!author.is_empty()).then(|| person(author).address),
        author_name: author.to_owned(),
        verified: true,
        kind,
        text: text.to_owned(),
        elided: String::new(),
        attachments: Vec::new(),
        message_id: None,
    }
}

fn timeline() -> Vec<Entry> {
    vec![
        entry(1, at(13, 5), "Dana Reyes", EntryKind::Declaration, "Checkout is failing for cards"),
        entry(2, at(13, 7), "Alice Ng", EntryKind::State, "Alice Ng commands"),
        entry(3, at(13, 20), "Bob Okafor", EntryKind::Note, "Replica lag is 40 minutes and growing."),
        entry(
            4,
            at(13, 30),
            "Alice Ng",
            EntryKind::FollowUp,
            "Cause known: connection pool cut by 2.4.",
        ),
        entry(5, at(15, 15), "Alice Ng", EntryKind::State, "Resolved: rolled back to 2.3"),
    ]
}

fn said(says: Says, incident: &Incident, now: DateTime<Utc>) -> Letter {
    said_to("alice@example.org", says, incident, now)
}

fn said_to(to: &str, says: Says, incident: &Incident, now: DateTime<Utc>) -> Letter {
    let mailing = Mailing { to: vec![Recipient::Person(address(to))], says };
    render_mailing(&mailing, true, incident, &policy(), &timeline(), now)
}

fn reminder(owed: Owed, due_at: Option<DateTime<Utc>>, escalated: bool) -> Reminder {
    Reminder { owed, owed_by: person("Alice Ng"), due_at, escalated, missing: Vec::new() }
}

fn update_owed(missing: Vec<&'static str>, escalated: bool) -> Reminder {
    let due_at = at(14, 0);
    Reminder { missing, ..reminder(Owed::Update { due_at }, Some(due_at), escalated) }
}

fn line(typed: &str, outcome: Outcome) -> LineResult {
    let misread = Misread { why: String::new(), instead: None };
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
    let handover = Says::TakeCommand {
        asked: vec![person("Bob Okafor")],
        by: OfferedBy::Commander(person("Alice Ng")),
        answer_by: None,
        then: String::new(),
    };
    let silent =
        offer(&["Bob Okafor"], OfferedBy::CommanderSilent(person("Alice Ng")), "it stays as it is");
    let role = Says::RoleOffer {
        role: Role::Expert,
        by: person("Alice Ng"),
        remark: Some("database".to_owned()),
    };
    let undeliverable = Says::Undeliverable {
        to: address("carol@example.org"),
        purpose: Purpose::RoleOffer,
        reason: "550 5.1.1 mailbox unknown".to_owned(),
    };
    vec![
        ("take-command", said(first, &declared(), at(13, 5))),
        ("take-command-several", said(several, &declared(), at(13, 5))),
        ("take-command-handover", said(handover, &commanded(), at(13, 45))),
        ("take-command-silent", said(silent, &commanded(), at(14, 10))),
        ("role-offer", said_to("carol@example.org", role, &commanded(), at(13, 8))),
        ("undeliverable", said(undeliverable, &commanded(), at(13, 9))),
    ]
}

fn reminders() -> Vec<(&'static str, Letter)> {
    let remind = |reminder, incident: &Incident, now| said(Says::Reminder(reminder), incident, now);
    let missing = |fields| reminder(Owed::Missing { fields }, None, false);
    let due_at = Some(at(17, 0) + TimeDelta::days(4));
    let late = at(8, 0) + TimeDelta::days(5);
    let fields = vec!["severity", "phase", "commander", "coordination", "involved"];
    let assumed = Incident { severity: Severity::Sev2, severity_assumed: true, ..declared() };
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
    let lines = vec!["Severity: SEV-1".to_owned(), "Phase: identified".to_owned()];
    let stranger = address("someone@elsewhere.example");
    let text = "Your checkout rejects all our cards.\nPlease look at it.";
    vec![
        ("receipt", said(receipt, &commanded(), at(13, 40))),
        ("confirmation", said(Says::Confirmation { lines }, &commanded(), at(13, 40))),
        ("guide-incident", said(Says::Guide, &commanded(), at(13, 40))),
        ("guide", render_guide(&policy(), at(13, 40))),
        ("held", render_held(&policy(), 7, "Checkout down?", &stranger, text, at(13, 40))),
        ("on-call", render_on_call(&policy(), at(13, 40))),
        (
            "operator",
            render_unreadable(&policy(), 9, "x@y.example", "more than 100 parts deep", at(13, 40)),
        ),
    ]
}

fn afterwards() -> Vec<(&'static str, Letter)> {
    let wording = vec![Wording {
        heading: "What happened".to_owned(),
        passage: "Bob deployed without testing".to_owned(),
        suggestion: "Say what the deploy changed and why no check caught it.".to_owned(),
    }];
    let missing = vec!["Contributing factors".to_owned(), "Actions".to_owned()];
    let gaps = Says::PostmortemGaps { missing, wording };
    let complete = Says::PostmortemGaps { missing: Vec::new(), wording: Vec::new() };
    vec![
        ("postmortem-skeleton", said(Says::PostmortemSkeleton, &resolved(), at(15, 15))),
        ("postmortem-gaps", said(gaps, &resolved(), at(16, 0))),
        ("postmortem-complete", said(complete, &resolved(), at(16, 0))),
        ("postmortem-published", said(Says::PostmortemPublished, &resolved(), at(16, 0))),
        ("digest", render_digest(&digest(), &policy(), at(8, 0))),
        ("digest-quiet", render_digest(&quiet_digest(), &policy(), at(8, 0))),
    ]
}

fn quiet_digest() -> DigestView {
    DigestView {
        name: "leadership-weekly".to_owned(),
        from: at(8, 0) - TimeDelta::days(7),
        until: at(8, 0),
        open: Vec::new(),
        overdue: Vec::new(),
        published: Vec::new(),
        due: Vec::new(),
        late: Vec::new(),
        times: Vec::new(),
        updates_on_time: (None, None),
    }
}

fn digest() -> DigestView {
    let written = |number, title: &str, hours| WrittenUp {
        number,
        title: title.to_owned(),
        private: false,
        owner: "Alice Ng".to_owned(),
        at: Some(at(17, 0) + TimeDelta::hours(hours)),
    };
    let measure = |name: &str, this, before| Measure {
        name: name.to_owned(),
        this: Some(TimeDelta::minutes(this)),
        before: Some(TimeDelta::minutes(before)),
    };
    DigestView {
        open: vec![OpenIncident {
            number: 42,
            title: "Checkout is failing for cards".to_owned(),
            private: false,
            severity: Severity::Sev1,
            phase: Phase::Identified,
            commander: "Alice Ng".to_owned(),
            last_entry_at: at(7, 20),
        }],
        overdue: vec![Overdue {
            number: 42,
            what: "update".to_owned(),
            with: "Alice Ng".to_owned(),
            since: at(7, 50),
        }],
        published: vec![written(38, "Search was slow", -50)],
        due: vec![written(41, "Exports were empty", 70)],
        late: vec![written(39, "Login loop on mobile", -120)],
        times: vec![
            measure("To take command", 4, 7),
            measure("To the first update", 24, 31),
            measure("To resolve", 130, 95),
        ],
        updates_on_time: (Some(92), Some(80)),
        ..quiet_digest()
    }
}

fn all() -> Vec<(&'static str, Letter)> {
    [news(), duties(), reminders(), answers(), afterwards()].into_iter().flatten().collect()
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

#[test]
fn the_first_line_says_what_changed_in_about_sixty_characters() {
    for (name, letter) in all() {
        if letter.purpose != Purpose::Page {
            let first = letter.text.lines().next().unwrap();
            assert!(first.chars().count() <= 72, "{name}: {first}");
        }
    }
}

#[test]
fn a_page_is_one_line_that_a_pager_can_show() {
    let long = Incident { title: "Zahlungsausfälle für alle Kunden ".repeat(20), ..declared() };
    for incident in [declared(), long, Incident { private: true, ..declared() }] {
        let page = said_to("49151555@sms.example.org", Says::Page, &incident, at(13, 5));
        let line = page.text.strip_suffix('\n').unwrap();
        assert!(line.len() <= 160 && line.is_ascii() && !line.contains('\n'), "{line}");
        assert!(line.ends_with("Reply: I have command"), "{line}");
    }
}

#[test]
fn text_fits_72_columns_and_no_printed_line_of_it_is_a_bare_field() {
    let fields =
        ["severity:", "phase:", "next update:", "update:", "resolved:", "impact:", "ic:", "bridge:"];
    for (name, letter) in all() {
        for line in letter.text.lines().filter(|_| letter.purpose != Purpose::Page) {
            assert!(line.chars().count() <= 72, "{name}: {line}");
            let start = line.trim_start().to_lowercase();
            assert!(!fields.iter().any(|field| start.starts_with(field)), "{name}: {line}");
        }
    }
}

#[test]
fn html_is_small_ascii_and_says_what_the_text_says() {
    for (name, letter) in all() {
        assert!(letter.html.is_ascii(), "{name}");
        assert!(letter.html.len() < 80_000, "{name}");
        assert!(letter.html.lines().all(|line| line.len() < 990), "{name}");
        let shown = words(&mail_parser::decoders::html::html_to_text(&letter.html));
        let missing: Vec<String> = words(&letter.text)
            .into_iter()
            .filter(|word| word.chars().any(|c| c.is_ascii_digit()) && !shown.contains(word))
            .collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
    }
}

fn words(text: &str) -> BTreeSet<String> {
    let trim = |word: &str| word.trim_matches(|c: char| ".,;:()|>-#".contains(c)).to_owned();
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
            to: ("", &to),
            message_id: "abcdefghijklmnopqrstuvwxyz@example.org",
            references: &[],
            list_name: "Example incidents",
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
