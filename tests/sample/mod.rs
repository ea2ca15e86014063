//! A small organisation and one incident of it, at several moments of its life.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use firebell::incident::customers::{Avoid, CustomersPolicy};
use firebell::incident::decision::EntryKind;
use firebell::incident::policy::{
    DeclareFrom, Ladder, PagingPolicy, Party, PostmortemDuty, PostmortemPolicy, Rung, RungAt,
    SeverityPolicy, Span,
};
use firebell::incident::proposal::{Asked, Proposal, Sent};
use firebell::incident::state::{Climb, Command, Person, Postmortem, RoleHeld, Updates};
use firebell::incident::task::{Task, TaskKind};
use firebell::incident::{Entry, Incident, Phase, Policy, Role, Severity};
use firebell::learning::postmortem::Section;
use firebell::mail::{Address, OwnAddress};
use firebell::roster::calendar::Calendar;
use firebell::roster::rotation::Rotation;
use firebell::roster::zone::Zone;
use firebell::roster::{List, ListKind, Member, Roster};

pub fn address(text: &str) -> Address {
    Address::read(text).unwrap()
}

pub fn person(name: &str) -> Person {
    let first = name.split(' ').next().unwrap().to_lowercase();
    Person { address: address(&format!("{first}@example.org")), name: name.to_owned() }
}

/// A minute of Saturday, 21 November 2026, in UTC; local time is an hour later.
pub fn at(hour: u32, minute: u32) -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 21).unwrap().and_hms_opt(hour, minute, 0).unwrap().and_utc()
}

pub fn member(name: &str, pager: Option<&str>) -> Member {
    Member {
        name: name.to_owned(),
        alias: None,
        address: person(name).address,
        also: Vec::new(),
        pager: pager.map(address),
        zone: None,
    }
}

pub fn rung(minutes: i64, to: &[Party]) -> Rung {
    Rung { at: RungAt::Offset(TimeDelta::minutes(minutes)), to: to.to_vec() }
}

pub fn ladder(rungs: Vec<Rung>) -> Ladder {
    Ladder { rungs, then: None }
}

pub fn section(heading: &str, asks: &str, required: bool) -> Section {
    Section { heading: heading.to_owned(), aliases: Vec::new(), asks: asks.to_owned(), required }
}

pub fn severity(meaning: &str) -> SeverityPolicy {
    let half = Span::Clock(TimeDelta::minutes(30));
    SeverityPolicy {
        meaning: meaning.to_owned(),
        notify: vec!["everyone".to_owned()],
        take_command_within: Span::Clock(TimeDelta::minutes(5)),
        leadership_within: Some(TimeDelta::minutes(20)),
        update_every: [half, half, Span::Clock(TimeDelta::minutes(60))],
        postmortem: PostmortemDuty::Within(Span::BusinessDays(3)),
        actions_within: TimeDelta::days(15),
    }
}

pub fn policy() -> Policy {
    let zone = Zone::named("Europe/Berlin").unwrap();
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    let (owner, commander, deputy) = (Party::Owner, Party::Commander, Party::Deputy);
    Policy {
        authserv_ids: Vec::new(),
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
            lists: vec![List::new("leadership", ListKind::Own(vec![address("vp@example.org")]))],
            domains: vec!["example.org".to_owned()],
            teams: Vec::new(),
            services: Vec::new(),
            agreed: Vec::new(),
            members_as_of: None,
            commanding: Some("commanders".to_owned()),
            rotations: vec![Rotation {
                name: "commanders".to_owned(),
                members: vec![address("alice@example.org"), address("bob@example.org")],
                zone,
                weekday: Some(Weekday::Mon),
                time: time(9),
                from: NaiveDate::from_ymd_opt(2026, 11, 16).unwrap(),
                backup: None,
                notice: None,
                overrides: Vec::new(),
            }],
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
        templates: Vec::new(),
        drill_notify: Vec::new(),
        drill_scripts: Vec::new(),
        update_ladder_minor: ladder(vec![rung(0, &[commander])]),
        task_within: TimeDelta::minutes(10),
        proposal_within: TimeDelta::minutes(10),
        task_ladder: ladder(vec![rung(0, &[owner, commander]), rung(5, &[deputy])]),
        action_ladder: ladder(vec![rung(0, &[owner])]),
        missing_ladder: ladder(vec![rung(5, &[Party::Reporter]), rung(15, &[Party::Reporter])]),
        handover_ladder: ladder(vec![
            rung(60, &[commander]),
            rung(90, &[commander, deputy]),
            rung(180, &[commander, deputy]),
        ]),
        rest_after: TimeDelta::minutes(90),
        paging: PagingPolicy {
            level_within: TimeDelta::minutes(5),
            ack_lapses_after: Some(TimeDelta::minutes(30)),
        },
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
        customers: customers(),
        digests: Vec::new(),
        alerts: Vec::new(),
        operator: None,
        web_url: None,
        one_click: false,
        stuck_after: TimeDelta::minutes(15),
        per_person_per_hour: 60,
        unproven_octets_max: 1_000_000_000,
        declare_from: DeclareFrom::Known,
        close_within: TimeDelta::hours(24),
    }
}

pub fn proposal(seq: i64, by: Person, what: &str) -> Proposal {
    Proposal {
        seq,
        what: what.to_owned(),
        risks: vec![what.to_owned()],
        by: by.clone(),
        proposed_at: at(13, 40),
        window: TimeDelta::minutes(10),
        asked: vec![Asked { person: by, copy: Sent::Failed(what.to_owned()), agreed: false }],
        ended: None,
    }
}

pub fn task(seq: i64, owner: Person, what: &str) -> Task {
    Task {
        seq,
        kind: TaskKind::Task,
        what: what.to_owned(),
        owner,
        given_by: person("Alice Ng"),
        written_at: None,
        given_at: at(13, 40),
        due_at: at(13, 50),
        timebox: TimeDelta::minutes(10),
        accepted_at: None,
        ended: None,
        climb: Climb::default(),
    }
}

pub fn declared() -> Incident {
    Incident {
        command: Command::Offered {
            to: vec![person("Alice Ng")],
            offered_at: at(13, 5),
            climb: Climb::default(),
            leadership_told: false,
        },
        services: vec!["payments".to_owned()],
        next_seq: 2,
        ..Incident::new(
            42,
            "Checkout is failing for cards",
            Severity::Sev1,
            person("Dana Reyes"),
            at(13, 5),
        )
    }
}

pub fn commanded() -> Incident {
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

pub fn resolved() -> Incident {
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

pub fn entry(seq: i64, at: DateTime<Utc>, author: &str, kind: EntryKind, text: &str) -> Entry {
    Entry {
        seq,
        at,
        recorded_at: at,
        author: (!author.is_empty()).then(|| person(author).address),
        author_name: author.to_owned(),
        verified: true,
        proof: "token".to_owned(),
        kind,
        text: text.to_owned(),
        elided: String::new(),
        attachments: Vec::new(),
        message_id: None,
    }
}

pub fn timeline() -> Vec<Entry> {
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

fn customers() -> CustomersPolicy {
    let draft = |words: &str| format!("{words} We will say more as soon as we know more.");
    CustomersPolicy {
        name: "Example".to_owned(),
        notify: vec!["customers".to_owned()],
        reply_to: Some(address("support@example.org")),
        url: Some("https://status.example.org".to_owned()),
        title: "Service disruption".to_owned(),
        drafts: [
            draft("We are investigating a service disruption."),
            draft("We know the cause of the service disruption and are working on it."),
            draft("We have made a change and are watching its effect."),
            "The service disruption is over.".to_owned(),
        ],
        first_within: TimeDelta::minutes(15),
        every: TimeDelta::minutes(20),
        every_for: TimeDelta::hours(2),
        every_later: TimeDelta::hours(1),
        shown_for: TimeDelta::days(7),
        avoid: vec![Avoid { word: "outage".to_owned(), say: Some("service disruption".to_owned()) }],
        first_ladder: ladder(vec![
            rung(-5, &[Party::Owner]),
            rung(0, &[Party::Owner, Party::Commander]),
        ]),
        next_ladder: ladder(vec![rung(0, &[Party::Owner, Party::Commander])]),
    }
}
