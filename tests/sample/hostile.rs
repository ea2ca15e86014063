//! Words that are meant to do harm, in every field of every mail.

use super::sample::proposal;
use firebell::incident::task::{Task, TaskKind};

use super::*;

#[test]
fn hostile_words_in_every_field_stay_words() {
    let evil =
        format!("a\r\nBcc: x@y.example\0 \u{202e}`b` <img src=x> {TOKEN_MARK} {}", "é".repeat(3_000));
    let mallory = firebell::incident::state::Person { name: evil.clone(), ..person("Mallory M") };
    let mut incident = Incident {
        title: evil.clone(),
        thread_title: evil.clone(),
        summary: Some(evil.clone()),
        impact: Some(evil.clone()),
        outcome: Some(evil.clone()),
        reporter: mallory.clone(),
        services: vec![evil.clone()],
        links: vec![evil.clone()],
        alerts: vec![Alerts { title: evil.clone(), ..alerted(None).alerts[0].clone() }],
        tasks: [TaskKind::Task, TaskKind::Action, TaskKind::Parked]
            .into_iter()
            .zip(7..)
            .map(|(kind, seq)| Task { kind, ..task(seq, mallory.clone(), &evil) })
            .collect(),
        proposals: vec![proposal(8, mallory.clone(), &evil)],
        parts: vec![Part {
            outline: Outline {
                title: Some(evil.clone()),
                commander: Some(mallory.clone()),
                ..outline(43, Phase::Triage)
            },
            people: Default::default(),
        }],
        script: Some(playing(&evil, &evil)),
        ..resolved()
    };
    incident.statements.waiting = Some(Statement {
        title: Some(evil.clone()),
        text: evil.clone(),
        by: mallory.clone(),
        ..statement()
    });
    incident.coordination.bridge = Some(evil.clone());
    for held in &mut incident.roles {
        held.person = mallory.clone();
        held.remark = Some(evil.clone());
    }
    if let Some(postmortem) = &mut incident.postmortem {
        postmortem.owner = mallory.clone();
        postmortem.sections.insert("Actions".to_owned(), evil.clone());
    }
    for says in hostile_says(&evil, &mallory) {
        let letter = said(says, &incident, at(16, 0));
        let name = format!("{:?}", letter.purpose);
        assert!(
            letter.subject.chars().count() < 200 && !letter.subject.contains(['\r', '\n', '\0']),
            "{name}"
        );
        assert!(letter.display_name.is_ascii(), "{name}: {}", letter.display_name);
        assert!(
            !letter.text.contains(['\r', '\0', '\u{202e}']) && !letter.text.contains(TOKEN_MARK),
            "{name}"
        );
        // A page is one line, and a line to send instead is not broken.
        let is_long = is_page(&letter) || letter.purpose == Purpose::Receipt;
        assert!(is_long || letter.text.lines().all(|line| line.chars().count() <= 72), "{name}");
        assert!(letter.html.is_ascii() && letter.html.len() < 80_000, "{name} {}", letter.html.len());
        assert!(!letter.html.contains("<img"), "{name}");
        for mark in letter.html.match_indices(TOKEN_MARK) {
            let before = letter.html.get(..mark.0).unwrap_or_default();
            assert!(before.ends_with("mailto:incidents+42."), "{name}: a mark that is not in a link");
        }
    }
}

fn hostile_says(evil: &str, mallory: &firebell::incident::state::Person) -> Vec<Says> {
    let text = || evil.to_owned();
    let by = || mallory.clone();
    let refused = Outcome::Refused { why: text(), instead: Some(text()) };
    let owed = |owed| Reminder { owed_by: by(), ..reminder(owed, Some(at(15, 0)), true) };
    vec![
        Says::Declaration,
        Says::FollowUp {
            by: Some(by()),
            changes: vec![
                Change::Cancelled { why: text() },
                Change::Reopened { why: text() },
                Change::DuplicateOf(Outline { title: Some(text()), ..outline(41, Phase::Triage) }),
            ],
            text: text(),
            update_overdue: false,
        },
        Says::Resolution { by: by(), text: text() },
        Says::Note { seq: 1, by: by(), text: text(), attachments: vec![text()] },
        Says::Page,
        Says::TakeCommand {
            asked: vec![by()],
            by: OfferedBy::Commander(by()),
            answer_by: None,
            then: text(),
        },
        Says::RoleOffer { role: Role::Expert, by: by(), remark: Some(text()) },
        Says::PageResponder {
            wanted: vec![Wanted::Service(text()), Wanted::Person(by())],
            by: Some(by()),
            before: vec![by()],
            to_pager: false,
            again: false,
        },
        Says::PageResponder {
            wanted: vec![Wanted::Service(text())],
            by: None,
            before: Vec::new(),
            to_pager: true,
            again: false,
        },
        Says::PageUnanswered {
            page: Page { wanted: Wanted::Person(by()), by: Some(by()), asked: vec![by()], ..rung() },
        },
        Says::CommandWanted { by: by() },
        Says::Reminder(owed(Owed::Handover { since: at(13, 0), urge: Urge::Asked })),
        Says::Reminder(owed(Owed::Rest { people: vec![(by(), at(13, 0))] })),
        Says::Reminder(owed(Owed::Update { due_at: at(15, 0) })),
        Says::Task { seq: 7 },
        Says::Proposal { seq: 8 },
        Says::Objection {
            seq: 8,
            by: by(),
            why: text(),
            files: vec![text()],
            when: Objected::Late("1 second".to_owned()),
        },
        Says::ProposalOutcome { seq: 8 },
        Says::Decision { seq: 9, by: by(), what: text(), answers: Some(8) },
        Says::TaskNews { seq: 7, by: by(), became: text(), words: text() },
        Says::Reminder(owed(Owed::Task { seq: 7, what: text(), due_at: at(15, 0) })),
        Says::Action { seq: 8 },
        Says::Question { seq: 10, about: 8, by: by(), text: text() },
        Says::Reminder(owed(Owed::Action { seq: 8, what: text(), due_at: at(15, 0) })),
        Says::Reminder(owed(Owed::PostmortemOwner)),
        Says::Reminder(owed(Owed::Postmortem { due_at: None })),
        Says::Receipt { results: vec![line(evil, refused)], hint: Some(text()) },
        Says::Confirmation { lines: vec![text()] },
        Says::Statement(Published {
            title: Some(text()),
            text: format!("{evil}\n\n- {evil}"),
            ..published(PublicState::Monitoring)
        }),
        Says::StatementDraft { due_at: None },
        Says::Approval { seq: 9, hints: vec![text()] },
        Says::Reminder(owed(Owed::Statement { due_at: at(15, 0), waits: Some(9) })),
        Says::Status,
        Says::Guide,
        Says::PostmortemSkeleton,
        Says::PostmortemGaps {
            missing: vec![text()],
            wording: vec![Wording { heading: text(), passage: text(), suggestion: text() }],
        },
        Says::PostmortemPublished,
        Says::Inject { seq: 10 },
        Says::Debrief,
        Says::Recovered { recovered_at: at(15, 0) },
        Says::FiresAgain { title: text() },
        Says::Undeliverable {
            to: address("mallory@example.org"),
            purpose: Purpose::Note,
            fate: Fate::Refused,
            reason: text(),
        },
    ]
}
