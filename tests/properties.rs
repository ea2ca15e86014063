//! Rules that hold for every history: random people write random things, and deadlines ring when
//! they like.

#[path = "support/histories.rs"]
mod histories;

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::deadlines::{DeadlineKind, deadlines, obligations};
use firebell::incident::decide::decide;
use firebell::incident::decision::{Decision, Purpose, Says};
use firebell::incident::event::Event;
use firebell::incident::page::{Page, Standing};
use firebell::incident::related::{Others, Part};
use firebell::incident::state::{Command, Incident};
use firebell::incident::{Phase, Policy};
use firebell::mail::Address;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, NewInbound, Route};
use histories::{
    Act, KINDS, LINES, act, acts, deadline_kind, declared, declared_as, event, policy, start,
};
use proptest::prelude::*;

/// An incident after all this, and when.
fn played(acts: &[Act], policy: &Policy) -> (Incident, DateTime<Utc>) {
    let mut now = start();
    let declared = decide(None, &declared(&[0], 2, policy), policy, now);
    let mut incident = declared.incident.expect("an incident");
    for act in acts {
        if let Act::Wait(minutes) = act {
            now += TimeDelta::minutes(*minutes);
        }
        let Some(event) = event(act, policy, now) else { continue };
        incident = decide(Some(&incident), &event, policy, now).incident.unwrap_or(incident);
    }
    (incident, now)
}

fn check(incident: &Incident, policy: &Policy) {
    if incident.phase.is_active() {
        assert!(!obligations(incident, policy).is_empty(), "an active incident owes something");
        if let Command::Offered { to, .. } = &incident.command {
            assert!(!to.is_empty(), "an offer of command is open to somebody");
        }
    }
    for task in incident.open_tasks() {
        let owed = obligations(incident, policy)
            .into_iter()
            .filter(|owed| owed.kind == DeadlineKind::Task(task.seq))
            .collect::<Vec<_>>();
        assert!(incident.phase.is_active(), "what is over asks for nothing");
        assert_eq!(owed.len(), 1, "an open task has one deadline");
        assert_eq!(owed[0].owed_by, std::slice::from_ref(&task.owner), "an open task has one owner");
        assert!(owed[0].due_at.is_some());
    }
    let kinds: BTreeSet<_> = deadlines(incident, policy).iter().map(|deadline| deadline.kind).collect();
    assert_eq!(kinds.len(), deadlines(incident, policy).len(), "one deadline of a kind");
}

/// Customers get statements alone, and only what the commander or the deputy approved.
fn check_told(decision: &Decision, before: Option<&Incident>) {
    let customers = Address::read("status@customers.example").expect("an address");
    for mailing in &decision.mailings {
        let told = mailing.to.iter().any(|to| *to.address() == customers);
        let Says::Statement(statement) = &mailing.says else {
            assert!(!told, "{:?} is not for customers", mailing.says.purpose());
            continue;
        };
        let after = decision.incident.as_ref().expect("it changed");
        assert!(!after.private && !after.drill, "nobody outside hears of it");
        let commands = |incident: &Incident| incident.is_commanding(&statement.approved_by.address);
        let ended = !after.phase.is_active() && after.commander().is_none();
        assert!(ended || commands(after) || before.is_some_and(commands), "somebody approved it");
        assert_eq!(after.statements.last(), Some(statement), "what is sent is what is kept");
    }
}

fn check_decision(decision: &Decision, before: i64, policy: &Policy) {
    for (index, entry) in decision.entries.iter().enumerate() {
        assert_eq!(entry.seq, before + i64::try_from(index).expect("few"), "numbers without a gap");
    }
    for mailing in &decision.mailings {
        let once: BTreeSet<_> = mailing.to.iter().map(|to| to.address().key()).collect();
        assert!(!once.is_empty(), "a mail goes to somebody");
        assert_eq!(once.len(), mailing.to.len(), "a mail goes to an address once");
        assert!(
            mailing.to.iter().all(|to| policy.address.tag_of(to.address()).is_none()),
            "never to ourselves"
        );
    }
    let pages = decision
        .mailings
        .iter()
        .filter(|mailing| matches!(mailing.says.purpose(), Purpose::Page | Purpose::PageResponder));
    let rung: Vec<String> = pages.flat_map(|mailing| &mailing.to).map(|to| to.address().key()).collect();
    let once: BTreeSet<&String> = rung.iter().collect();
    assert_eq!(once.len(), rung.len(), "nobody's pager rings twice at one time: {rung:?}");
}

/// An event happens to an incident, and then to others what they are told of it.
fn step(incidents: &mut Others, number: i64, event: Event, policy: &Policy, now: DateTime<Utc>) {
    let mut told = VecDeque::from([(number, event)]);
    let mut steps = 0;
    while let Some((number, event)) = told.pop_front() {
        let before = incidents.get(&number).expect("what is told is there");
        let decision = decide(Some(before), &event, policy, now);
        check_decision(&decision, before.next_seq, policy);
        told.extend(decision.to_others);
        if let Some(after) = decision.incident {
            incidents.insert(number, after);
        }
        steps += 1;
        assert!(steps < 10, "incidents tell each other without end");
    }
}

/// What incidents keep of each other is what the others are.
fn check_related(incidents: &Others) {
    for incident in incidents.values() {
        assert_eq!(incident.duplicate_of.is_some(), incident.phase == Phase::Merged);
        let mut led = incident;
        for _ in 0..incidents.len() {
            let Some(next) = led.duplicate_of else { break };
            led = &incidents[&next];
        }
        assert_eq!(led.duplicate_of, None, "no duplicate is one of itself");
        if let Some(one) = incident.duplicate_of {
            let known = &incidents[&one].duplicates;
            assert!(known.iter().any(|duplicate| duplicate.number == incident.number));
        }
        for duplicate in &incident.duplicates {
            assert_eq!(incidents[&duplicate.number].duplicate_of, Some(incident.number));
        }
        let own: Vec<Part> = incidents
            .values()
            .filter(|part| part.part_of == Some(incident.number))
            .map(Part::of)
            .collect();
        let mut kept = incident.parts.clone();
        kept.sort_by_key(|part| part.outline.number);
        assert_eq!(kept, own, "the whole knows its parts as they are");
        assert!(incident.part_of.is_none() || incident.parts.is_empty(), "parts have no parts");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_history_has_an_answer_and_an_active_incident_an_obligation(
        first in prop::collection::vec(0..LINES.len(), 0..3), trust in 0..3_u8, acts in acts(),
    ) {
        let policy = policy();
        let mut now = start();
        let decision = decide(None, &declared(&first, trust, &policy), &policy, now);
        check_decision(&decision, 1, &policy);
        check_told(&decision, None);
        let mut incident = decision.incident.expect("a report is an incident");
        check(&incident, &policy);
        for act in &acts {
            if let Act::Wait(minutes) = act {
                now += TimeDelta::minutes(*minutes);
            }
            let Some(event) = event(act, &policy, now) else { continue };
            let decision = decide(Some(&incident), &event, &policy, now);
            check_decision(&decision, incident.next_seq, &policy);
            check_told(&decision, Some(&incident));
            let automatic = matches!(event, Event::Filed(_));
            let alerted = matches!(event, Event::Alerted(_));
            if let Some(next) = decision.incident {
                prop_assert!(!alerted || next.phase == incident.phase, "no alert resolves or reopens");
                if automatic {
                    let mut same = next.clone();
                    same.next_seq = incident.next_seq;
                    prop_assert_eq!(&same, &incident, "what a machine wrote changes nothing");
                }
                incident = next;
            }
            check(&incident, &policy);
        }
    }

    /// Whatever people did, in an incident that nobody touches any more every ladder comes to its end.
    #[test]
    fn every_ladder_ends_when_nobody_answers(acts in acts()) {
        let policy = policy();
        let (mut incident, mut now) = played(&acts, &policy);
        let mut rings = 0;
        while let Some(next) = deadlines(&incident, &policy).into_iter().min_by_key(|due| due.wake_at) {
            now = now.max(next.wake_at);
            let decision = decide(Some(&incident), &Event::Passed(next.kind), &policy, now);
            check_decision(&decision, incident.next_seq, &policy);
            incident = decision.incident.expect("what is due does something");
            rings += 1;
            prop_assert!(rings < 1_000, "something rings without end: {next:?}");
        }
        let ringing = |page: &&Page| page.stands == Standing::Ringing;
        prop_assert!(!incident.phase.is_active() || incident.pages.iter().filter(ringing).count() == 0);
    }

    #[test]
    fn a_deadline_that_rings_twice_reminds_once(acts in acts(), kind in 0..KINDS) {
        let policy = policy();
        let (incident, now) = played(&acts, &policy);
        let event = Event::Passed(deadline_kind(kind));
        let due = deadlines(&incident, &policy).iter().any(|deadline| {
            deadline.kind == deadline_kind(kind) && deadline.wake_at <= now
        });
        let once = decide(Some(&incident), &event, &policy, now);
        prop_assert_eq!(due, once.incident.is_some(), "it does something exactly when it is due");
        if let Some(after) = once.incident {
            let twice = decide(Some(&after), &event, &policy, now);
            let again_due = deadlines(&after, &policy).iter().any(|deadline| {
                deadline.kind == deadline_kind(kind) && deadline.wake_at <= now
            });
            prop_assert_eq!(again_due, twice.incident.is_some());
        }
    }

    /// Whatever people write in three incidents, what they keep of each other is true.
    #[test]
    fn incidents_that_belong_together_know_each_other(
        acts in prop::collection::vec((1..4_i64, act()), 1..90),
    ) {
        let policy = policy();
        let mut now = start();
        let mut incidents = Others::new();
        for number in 1..4 {
            let declared = decide(None, &declared_as(number, &[], 2, &policy), &policy, now);
            incidents.insert(number, declared.incident.expect("an incident"));
        }
        for (number, act) in &acts {
            if let Act::Wait(minutes) = act {
                now += TimeDelta::minutes(*minutes);
            }
            let Some(mut event) = event(act, &policy, now) else { continue };
            if let Event::Said(said) = &mut event {
                said.others = incidents.clone();
            }
            step(&mut incidents, *number, event, &policy, now);
            incidents.values().for_each(|incident| check(incident, &policy));
            check_related(&incidents);
        }
    }
}

async fn engine(folder: &std::path::Path) -> Engine {
    let url = format!("sqlite:{}", folder.join("firebell.db").display());
    let store = Store::open(&url).await.expect("a database");
    Engine::new(store, Clock::manual(start()), Ids::new(0), Secret::new(&[1; 32]), policy())
}

fn message(id: i64, octets: &str) -> NewInbound {
    NewInbound {
        id,
        received_at: start(),
        reverse_path: Some("dana@example.org".to_owned()),
        recipients: vec![Address::read("incidents@example.org").expect("an address")],
        client: Client::of_trusted_network(),
        route: Route::Smtp,
        octets: octets.replace('\n', "\r\n").into_bytes(),
    }
}

#[tokio::test]
async fn the_same_message_again_changes_nothing_whatever_a_route_added_to_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    let mail = "From: dana@example.org\nTo: incidents@example.org\nSubject: SEV1 down\n\
                Message-ID: <1@x.example>\n\nI have command\n\nWe look.\n";
    engine.store.save_inbound(&[message(1, mail)]).await.expect("stored");
    assert_eq!(engine.read_waiting().await.expect("read"), 1);
    let before = engine.store.load_incident(1).await.expect("loaded").expect("an incident");
    let timeline = engine.store.load_timeline(1).await.expect("a timeline");
    let rows = engine.store.load_outbox(None, 100).await.expect("the outbox").len();
    let routed = format!("Received: from x by y; Wed, 18 Nov 2026 09:00:00 +0100\n{mail}");
    engine.store.save_inbound(&[message(2, mail), message(3, &routed)]).await.expect("stored");
    while engine.read_waiting().await.expect("read") > 0 {}
    assert_eq!(engine.store.load_incident(1).await.expect("loaded").expect("an incident"), before);
    assert_eq!(engine.store.load_timeline(1).await.expect("a timeline"), timeline);
    assert_eq!(engine.store.load_outbox(None, 100).await.expect("the outbox").len(), rows);
    assert!(engine.store.load_incident(2).await.expect("loaded").is_none());
}

#[tokio::test]
async fn deadline_rows_are_what_is_computed_after_every_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    let mails = ["SEV1 down", "[INC-1] a", "[INC-1] b", "[INC-1] c", "[INC-1] d"];
    let bodies =
        ["", "I have command", "Severity: SEV-3\n\nnot so bad", "Next update: 3h", "Resolved: fixed"];
    for (number, (subject, body)) in mails.iter().zip(bodies).enumerate() {
        let id = i64::try_from(number).expect("few") + 1;
        let mail = format!(
            "From: alice@example.org\nTo: incidents@example.org\nSubject: {subject}\nMessage-ID: <{id}@x.example>\n\n{body}\n"
        );
        engine.store.save_inbound(&[message(id, &mail)]).await.expect("stored");
        assert_eq!(engine.read_waiting().await.expect("read"), 1);
        for _ in 0..3 {
            let stored = engine.store.load_incident(1).await.expect("loaded").expect("an incident");
            let mut rows = engine.store.load_deadlines(1).await.expect("rows");
            let mut computed = deadlines(&stored.incident, &engine.policy());
            rows.sort_by_key(|deadline| deadline.kind);
            computed.sort_by_key(|deadline| deadline.kind);
            assert_eq!(rows, computed, "after `{subject}`");
            engine.clock.advance(TimeDelta::minutes(20));
            engine.pass_deadlines().await.expect("passed");
        }
    }
}

#[tokio::test]
async fn nobodys_token_is_kept_in_a_timeline() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    let report = "From: dana@example.org\nTo: incidents@example.org\nSubject: SEV1 down\n\
                  Message-ID: <1@x.example>\n\nWe look.\n";
    let alice = Address::read("alice@example.org").expect("an address");
    let token = Secret::new(&[1; 32]).incident_token(1, &alice, 0);
    let reply = format!(
        "From: bob@example.org\nTo: incidents+1@example.org\nSubject: Re: [INC-1] down\n\
         Message-ID: <2@x.example>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n\
         I wrote to incidents+1.{token}@example.org too.\n\n\
         On Wed, Alice wrote:\n> mail incidents+1.{token}@example.org\n--b\n\
         Content-Type: message/rfc822\n\nReply-To: incidents+1.{token}@example.org\n\
         Subject: caf\u{e9} incidents+1.{token}@example.org\n\nx\n--b--\n"
    );
    engine.store.save_inbound(&[message(1, report), message(2, &reply)]).await.expect("stored");
    while engine.read_waiting().await.expect("read") > 0 {}
    let timeline = engine.store.load_timeline(1).await.expect("a timeline");
    let note = timeline.iter().find(|entry| entry.text.contains("I wrote to")).expect("the note");
    assert!(note.text.contains("incidents+1@example.org"), "{}", note.text);
    assert!(note.elided.contains("incidents+1@example.org"), "{}", note.elided);
    // The file stays when the message is forgotten.
    let forgotten = engine.store.forget_raw(engine.clock.now() + TimeDelta::days(1)).await;
    assert_eq!(forgotten.expect("forgotten"), 2);
    let file = engine.store.load_file(1, note.seq, 0).await.expect("loaded");
    let (name, octets) = file.expect("a file");
    assert_eq!(name, "café incidents+1@example.org.eml");
    assert_eq!(
        String::from_utf8_lossy(&octets),
        "Reply-To: incidents+1@example.org\r\nSubject: café incidents+1@example.org\r\n\r\nx"
    );
    assert!(!format!("{timeline:?}").contains(&token));
}

#[tokio::test]
async fn a_return_address_of_ours_in_a_header_hides_nobodys_mail() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(folder.path()).await;
    let report = "From: dana@example.org\nTo: incidents@example.org\nSubject: SEV1 down\n\
                  Message-ID: <1@x.example>\n\nWe look.\n";
    let note = "From: bob@example.org\nTo: incidents+1@example.org\n\
                Cc: incidents+bounce.7.abcdefghij@example.org\nSubject: Re: [INC-1] down\n\
                Message-ID: <2@x.example>\n\nThe replica lags.\n";
    engine.store.save_inbound(&[message(1, report), message(2, note)]).await.expect("stored");
    while engine.read_waiting().await.expect("read") > 0 {}
    let timeline = engine.store.load_timeline(1).await.expect("a timeline");
    assert!(timeline.iter().any(|entry| entry.text.contains("The replica lags.")), "{timeline:?}");
}
