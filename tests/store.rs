//! The rules of the store, each on SQLite and on PostgreSQL.
//!
//! Start with [`bases`], which every test walks.

#[path = "store/mailboxes.rs"]
mod mailboxes;
#[path = "store/outbox.rs"]
mod outbox;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "store/upgrade.rs"]
mod upgrade;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use firebell::ids::Ids;
use firebell::incident::deadlines::{Deadline, DeadlineKind};
use firebell::incident::decision::{Attached, EntryKind, NewEntry, Purpose};
use firebell::incident::event::Source;
use firebell::incident::state::{Climb, Command, Coordination, Incident, Person, Updates, WideMail};
use firebell::incident::{Phase, Severity};
use firebell::mail::Address;
use firebell::mail::attachment::{Attachment, Content};
use firebell::store::rows::{Claim, Client, InboundState, KnownId, NewInbound, Outside, Route};
use firebell::store::{Store, StoreError};

/// A database of its own, on one of the engines.
struct Base {
    store: Store,
    url: String,
    _dir: Option<tempfile::TempDir>,
}

/// One of each engine. A failing test shows the last engine it printed.
async fn bases() -> Vec<Base> {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("firebell.db").display());
    let postgres = postgres::fresh_database().await;
    let mut bases = Vec::new();
    for (url, dir) in [(sqlite, Some(dir)), (postgres, None)] {
        let store = Store::open(&url).await.unwrap();
        bases.push(Base { store, url, _dir: dir });
    }
    bases
}

impl Base {
    fn store(&self) -> &Store {
        println!("on {}", self.url);
        &self.store
    }
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_795_000_000_000_001).unwrap() + TimeDelta::minutes(minute)
}

fn address(text: &str) -> Address {
    Address::read(text).unwrap()
}

fn dana() -> Person {
    Person { address: address("Dana@ops.example"), name: "Dana \u{0}Ó".into() }
}

fn file(name: &str, octets: &[u8]) -> Attachment {
    Attachment {
        name: name.to_owned(),
        size_octets: octets.len(),
        content: Some(Content::new(octets)),
        is_inline: false,
    }
}

fn message(id: i64) -> NewInbound {
    NewInbound {
        id,
        received_at: at(id),
        reverse_path: (id % 2 == 0).then(|| "dana@ops.example".to_owned()),
        recipients: vec![address("incidents+42@example.org"), address("incidents@example.org")],
        client: Client {
            network_trusted: id % 3 == 0,
            login: (id % 5 == 0).then(|| address("alice@example.org")),
            outside: (id % 7 == 0).then(|| Outside {
                address: "2001:db8::7".parse().unwrap(),
                hello: "mx.c.example".into(),
            }),
        },
        route: [Route::Smtp, Route::Lmtp, Route::Ingest, Route::Imap][usize::try_from(id % 4).unwrap()],
        octets: format!("Subject: {id}\r\n\r\n\0\u{ff}\r\n").repeat(50).into_bytes(),
    }
}

fn incident(number: i64) -> Incident {
    Incident {
        number,
        title: "Checkout is \0 failing".into(),
        thread_title: "Checkout is \0 failing".into(),
        summary: Some("it is\u{0} down".into()),
        impact: None,
        severity: Severity::Sev2,
        severity_assumed: true,
        severity_highest: Severity::Sev2,
        phase: Phase::Triage,
        phase_assumed: true,
        private: false,
        drill: false,
        wide_mail: WideMail::Sent,
        reporter: dana(),
        declared_at: at(0),
        started_at: None,
        detected_at: Some(at(-5)),
        resolved_at: None,
        closed_at: None,
        outcome: None,
        command: Command::Offered {
            to: vec![dana()],
            offered_at: at(0),
            climb: Climb::default(),
            leadership_told: false,
        },
        first_commanded_at: None,
        roles: vec![],
        services: vec!["payments".into()],
        links: vec![],
        coordination: Coordination::default(),
        customers_affected: None,
        updates: Updates::default(),
        untold: Vec::new(),
        missing_chase: Climb::default(),
        unreachable: Default::default(),
        missed: Default::default(),
        postmortem: None,
        unconfirmed: vec![],
        token_epoch: 0,
        token_epochs: std::collections::BTreeMap::new(),
        last_entry_at: at(0),
        next_seq: 1,
    }
}

#[tokio::test]
async fn every_statement_is_planned_by_both_engines() {
    for base in bases().await {
        assert_eq!(base.store().check_statements().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn opening_again_keeps_everything_and_migrates_nothing_twice() {
    for base in bases().await {
        base.store().save_inbound(&[message(1)]).await.unwrap();
        base.store().close().await;
        let store = Store::open(&base.url).await.unwrap();
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 1);
        let beside = Store::open(&base.url).await.unwrap();
        assert_eq!(beside.count_waiting_inbound().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn several_processes_may_start_at_once_on_an_empty_database() {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite:{}", dir.path().join("firebell.db").display());
    for url in [sqlite, postgres::fresh_database().await] {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { Store::open(&url).await.map(drop) })
            })
            .collect();
        for start in starts {
            start.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for base in bases().await {
        base.store().close().await;
        let newer = "insert into _sqlx_migrations
            (version, description, success, checksum, execution_time) values (9999, 'later', true, ";
        if base.url.starts_with("sqlite") {
            let mut connection =
                <sqlx::SqliteConnection as sqlx::Connection>::connect(&base.url).await.unwrap();
            let newer = sqlx::AssertSqlSafe(format!("{newer} x'00', 0)"));
            sqlx::raw_sql(newer).execute(&mut connection).await.unwrap();
        } else {
            let mut connection =
                <sqlx::PgConnection as sqlx::Connection>::connect(&base.url).await.unwrap();
            let newer = sqlx::AssertSqlSafe(format!("{newer} '\\x00'::bytea, 0)"));
            sqlx::raw_sql(newer).execute(&mut connection).await.unwrap();
        }
        assert!(matches!(Store::open(&base.url).await, Err(StoreError::Migration(_))));
    }
}

#[tokio::test]
async fn the_secret_is_made_once() {
    for base in bases().await {
        assert_eq!(base.store().secret([1; 32]).await.unwrap(), [1; 32]);
        assert_eq!(base.store().secret([2; 32]).await.unwrap(), [1; 32]);
    }
}

#[tokio::test]
async fn a_stored_message_comes_back_octet_for_octet_the_oldest_first() {
    for base in bases().await {
        let store = base.store();
        let mut messages: Vec<_> = (1..=300).map(message).collect();
        messages[7].octets = Vec::new();
        messages[8].octets = (0..=255).collect();
        let mut shuffled = messages.clone();
        shuffled.reverse();
        store.save_inbound(&shuffled).await.unwrap();
        store.save_inbound(&[]).await.unwrap();
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 300);
        let mut write = store.begin_write().await.unwrap();
        let waiting = write.load_waiting(1_000).await.unwrap().messages;
        assert!(waiting.iter().all(|inbound| inbound.attempts == 0));
        let waiting: Vec<_> = waiting.into_iter().map(|inbound| inbound.message).collect();
        assert_eq!(waiting, messages);
        assert_eq!(write.load_waiting(3).await.unwrap().messages.len(), 3);
    }
}

#[tokio::test]
async fn a_batch_of_large_messages_is_stored_whole() {
    for base in bases().await {
        let mut messages: Vec<_> = (1..=5).map(message).collect();
        let mut seed = 1_u64;
        for message in &mut messages {
            message.octets = std::iter::repeat_with(|| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                seed.to_be_bytes()[0]
            })
            .take(7_000_000)
            .collect();
        }
        base.store().save_inbound(&messages).await.unwrap();
        let mut write = base.store().begin_write().await.unwrap();
        for message in &messages {
            let (stored, _) = write.load_inbound(message.id).await.unwrap().unwrap();
            assert!(stored == *message, "message {}", message.id);
        }
    }
}

#[tokio::test]
async fn an_id_that_is_taken_never_replaces_a_message() {
    for base in bases().await {
        base.store().save_inbound(&[message(1)]).await.unwrap();
        let again = base.store().save_inbound(&[message(2), message(1)]).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
        assert_eq!(base.store().count_waiting_inbound().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn concurrent_batches_are_all_stored() {
    for base in bases().await {
        let batches: Vec<_> = (0..5)
            .map(|batch| {
                let store = base.store().clone();
                tokio::spawn(async move {
                    let messages: Vec<_> = (1..=20).map(|id| message(batch * 100 + id)).collect();
                    store.save_inbound(&messages).await
                })
            })
            .collect();
        for batch in batches {
            batch.await.unwrap().unwrap();
        }
        assert_eq!(base.store().count_waiting_inbound().await.unwrap(), 100);
    }
}

#[tokio::test]
async fn a_message_is_marked_with_what_became_of_it() {
    for base in bases().await {
        let store = base.store();
        store.save_inbound(&[message(1), message(2), message(3)]).await.unwrap();
        let mut write = store.begin_write().await.unwrap();
        assert_eq!(write.count_attempt(3).await.unwrap(), 1);
        assert_eq!(write.count_attempt(3).await.unwrap(), 2);
        write.mark_inbound(1, InboundState::Read, Some(7), at(9)).await.unwrap();
        write.mark_inbound(2, InboundState::Held, None, at(9)).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(store.load_messages(7).await.unwrap(), [message(1)]);
        let mut write = store.begin_write().await.unwrap();
        let waiting = write.load_waiting(10).await.unwrap().messages;
        assert_eq!(waiting.len(), 1);
        assert_eq!((waiting[0].message.id, waiting[0].attempts), (3, 2));
        let held = write.load_inbound(2).await.unwrap();
        assert_eq!(held, Some((message(2), InboundState::Held)));
        assert_eq!(write.load_inbound(4).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_write_that_is_dropped_never_happened() {
    for base in bases().await {
        base.store().save_inbound(&[message(1)]).await.unwrap();
        let mut write = base.store().begin_write().await.unwrap();
        write.mark_inbound(1, InboundState::Filed, None, at(9)).await.unwrap();
        drop(write);
        assert_eq!(base.store().count_waiting_inbound().await.unwrap(), 1);
    }
}

#[tokio::test]
async fn two_readers_on_postgres_take_turns_so_that_the_first_received_is_read_first() {
    let base = bases().await.remove(1);
    base.store().save_inbound(&[message(1), message(2), message(3)]).await.unwrap();
    let mut one = base.store().begin_write().await.unwrap();
    assert_eq!(one.load_waiting(1).await.unwrap().messages[0].message.id, 1);
    let store = base.store().clone();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let other = tokio::spawn(async move {
        let mut other = store.begin_write().await.unwrap();
        begun.send(()).unwrap();
        let waiting = other.load_waiting(9).await.unwrap().messages;
        waiting.iter().map(|inbound| inbound.message.id).collect::<Vec<_>>()
    });
    begins.await.unwrap();
    one.mark_inbound(1, InboundState::Read, None, at(9)).await.unwrap();
    one.commit().await.unwrap();
    assert_eq!(other.await.unwrap(), [2, 3], "neither before the first nor beside it");
}

#[tokio::test]
async fn a_content_key_belongs_to_the_first_message_with_it() {
    for base in bases().await {
        let mut write = base.store().begin_write().await.unwrap();
        assert_eq!(write.claim_content_key(&[1; 32], 1).await.unwrap(), Claim::First);
        assert_eq!(write.claim_content_key(&[1; 32], 2).await.unwrap(), Claim::Settled { first: 1 });
        let again = write.claim_content_key(&[1; 32], 1).await.unwrap();
        assert_eq!(again, Claim::First, "it has it already");
        assert_eq!(write.claim_content_key(&[2; 32], 2).await.unwrap(), Claim::First);
        write.save_content_key(&[2; 32], 2, true).await.unwrap();
        let claim = write.claim_content_key(&[2; 32], 3).await.unwrap();
        assert_eq!(claim, Claim::Unproven { first: 2 });
        write.save_content_key(&[2; 32], 3, false).await.unwrap();
        assert_eq!(write.claim_content_key(&[2; 32], 4).await.unwrap(), Claim::Settled { first: 3 });
    }
}

#[tokio::test]
async fn raw_octets_are_forgotten_at_their_age_but_not_unread() {
    for base in bases().await {
        let store = base.store();
        let messages: Vec<_> = (1..=1_200).map(message).collect();
        store.save_inbound(&messages).await.unwrap();
        let mut write = store.begin_write().await.unwrap();
        for id in 1..=1_100 {
            write.mark_inbound(id, InboundState::Read, Some(7), at(9)).await.unwrap();
        }
        write.commit().await.unwrap();
        assert_eq!(store.forget_raw(at(1_050)).await.unwrap(), 1_049);
        assert_eq!(store.forget_raw(at(1_050)).await.unwrap(), 0);
        assert_eq!(store.load_messages(7).await.unwrap().len(), 51);
        assert_eq!(store.forget_raw(at(5_000)).await.unwrap(), 51);
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 100);
        let mut write = store.begin_write().await.unwrap();
        assert_eq!(write.load_inbound(1).await.unwrap(), None);
        assert_eq!(write.load_waiting(1_000).await.unwrap().messages.len(), 100);
    }
}

#[tokio::test]
async fn what_is_known_is_forgotten_when_it_is_of_no_use() {
    for base in bases().await {
        let store = base.store();
        // Two years on: ids begin with 2026.
        let now = at(2 * 366 * 24 * 60);
        let old = now - firebell::store::KNOWN_WITHIN - TimeDelta::hours(1);
        let known =
            |id: &str| KnownId { message_id: id.into(), incident: Some(1), letter: None, purpose: None };
        let mut write = store.begin_write().await.unwrap();
        for count in 0..1_100 {
            write.save_known_id(&known(&format!("{count}@old")), old).await.unwrap();
        }
        write.save_known_id(&known("1@new"), now).await.unwrap();
        let ids = Ids::new(3);
        let (before, after) = (ids.next(old), ids.next(now));
        write.claim_content_key(&[1; 32], before).await.unwrap();
        write.claim_content_key(&[2; 32], after).await.unwrap();
        write.count_use("declare:somebody@x.example", now - TimeDelta::days(3)).await.unwrap();
        write.count_use("declare", now).await.unwrap();
        write.claim_held_report("held", 7, now - TimeDelta::days(3)).await.unwrap();
        let dead = Address::read("bob@x.example").unwrap();
        write.save_dead_address(&dead, "no such user", now - TimeDelta::days(3)).await.unwrap();
        write.commit().await.unwrap();
        let first = Ids::before(now - firebell::store::KNOWN_WITHIN);
        assert_eq!(store.forget_known(first, now).await.unwrap(), 1_100 + 4);
        assert_eq!(store.forget_known(first, now).await.unwrap(), 0);
        let mut write = store.begin_write().await.unwrap();
        let asked = ["7@old".to_owned(), "1@new".to_owned()];
        assert_eq!(write.load_known_ids(&asked).await.unwrap(), [known("1@new")]);
        assert_eq!(write.claim_content_key(&[1; 32], 9).await.unwrap(), Claim::First);
        let settled = Claim::Settled { first: after };
        assert_eq!(write.claim_content_key(&[2; 32], 9).await.unwrap(), settled);
        assert_eq!(write.count_use("declare", now).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn incident_numbers_are_given_once() {
    for base in bases().await {
        let mut write = base.store().begin_write().await.unwrap();
        assert_eq!(write.next_incident_number().await.unwrap(), 1);
        drop(write);
        let takers: Vec<_> = (0..10)
            .map(|_| {
                let store = base.store().clone();
                tokio::spawn(async move {
                    let mut write = store.begin_write().await.unwrap();
                    let number = write.next_incident_number().await.unwrap();
                    write.commit().await.unwrap();
                    number
                })
            })
            .collect();
        let mut numbers = BTreeSet::new();
        for taker in takers {
            numbers.insert(taker.await.unwrap());
        }
        assert_eq!(numbers, (1..=10).collect());
    }
}

#[tokio::test]
async fn a_stale_version_of_an_incident_is_a_conflict() {
    for base in bases().await {
        let store = base.store();
        let mut changed = incident(7);
        let mut write = store.begin_write().await.unwrap();
        write.save_incident(&changed, 0, 1).await.unwrap();
        write.commit().await.unwrap();
        let mut write = store.begin_write().await.unwrap();
        let twice = write.save_incident(&changed, 0, 1).await;
        assert!(matches!(twice, Err(StoreError::Conflict)), "{twice:?}");
        drop(write);
        changed.phase = Phase::Closed;
        changed.closed_at = Some(at(3));
        let mut write = store.begin_write().await.unwrap();
        write.save_incident(&changed, 1, 2).await.unwrap();
        let stale = write.save_incident(&changed, 1, 2).await;
        assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
        let stored = write.load_incident(7).await.unwrap().unwrap();
        assert_eq!((stored.incident, stored.version), (changed, 2));
        assert_eq!(write.load_incident(8).await.unwrap(), None);
    }
}

#[tokio::test]
async fn incidents_are_listed_newest_first_and_open_ones_alone() {
    for base in bases().await {
        let mut write = base.store().begin_write().await.unwrap();
        for number in 1..=4 {
            let phase = if number % 2 == 0 { Phase::Closed } else { Phase::Resolved };
            write.save_incident(&Incident { phase, ..incident(number) }, 0, 1).await.unwrap();
        }
        let all = write.load_all_incidents().await.unwrap().readable;
        assert_eq!(all.len(), 4);
        write.commit().await.unwrap();
        let mut listed = Vec::new();
        for (only_open, limit) in [(false, 3), (true, 10)] {
            let incidents = base.store().load_incidents(only_open, limit).await.unwrap().readable;
            listed.push(incidents.iter().map(|stored| stored.incident.number).collect::<Vec<_>>());
        }
        assert_eq!(listed, [vec![4, 3, 2], vec![3, 1]]);
        assert_eq!(base.store().load_incident(4).await.unwrap().unwrap().version, 1);
    }
}

#[tokio::test]
async fn a_damaged_incident_is_said_to_be_damaged() {
    let base = bases().await.remove(0);
    let mut write = base.store().begin_write().await.unwrap();
    write.save_incident(&incident(1), 0, 1).await.unwrap();
    write.commit().await.unwrap();
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&base.url).await.unwrap();
    sqlx::raw_sql("update incident set state = '{}'").execute(&mut connection).await.unwrap();
    let damaged = base.store().load_incident(1).await;
    assert!(matches!(damaged, Err(StoreError::Damaged("incident"))), "{damaged:?}");
}

#[tokio::test]
async fn the_timeline_keeps_what_was_said_in_the_order_of_its_numbers() {
    for base in bases().await {
        let entry = |seq: i64, author: Option<Person>| NewEntry {
            seq,
            at: at(-seq),
            author,
            verified: seq == 1,
            proof: "token; dmarc=pass".into(),
            kind: EntryKind::FollowUp,
            text: "line\n\"quoted\" \\ \u{0} 🔥".into(),
            source: Source {
                message_id: (seq == 1).then(|| "a@b".to_owned()),
                elided: "> cut".into(),
                attachments: vec![
                    file("a \"b\".png", b"one"),
                    Attachment { content: None, ..file("b.png", b"two") },
                ],
                written_from: None,
                no_receipt: false,
            },
        };
        let mut write = base.store().begin_write().await.unwrap();
        write.save_incident(&incident(7), 0, 1).await.unwrap();
        write.save_entries(7, &[entry(2, None), entry(1, Some(dana()))], at(5)).await.unwrap();
        write.save_entries(7, &[], at(5)).await.unwrap();
        assert_eq!(write.load_timeline(7).await.unwrap().len(), 2);
        write.commit().await.unwrap();
        let timeline = base.store().load_timeline(7).await.unwrap();
        let first = &timeline[0];
        assert_eq!((first.seq, first.at, first.recorded_at), (1, at(-1), at(5)));
        assert_eq!(first.author, Some(dana().address));
        // PostgreSQL keeps no NUL, so neither engine does.
        assert_eq!(first.author_name, "Dana \u{fffd}Ó");
        assert_eq!(first.text, "line\n\"quoted\" \\ \u{fffd} 🔥");
        assert_eq!((first.verified, first.kind), (true, EntryKind::FollowUp));
        assert_eq!((first.elided.as_str(), first.message_id.as_deref()), ("> cut", Some("a@b")));
        let one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
        let attached = |name: &str, hash: Option<&str>| Attached {
            name: name.to_owned(),
            size_octets: 3,
            hash: hash.map(str::to_owned),
        };
        let files = [attached("a \"b\".png", Some(one)), attached("b.png", None)];
        assert_eq!(first.attachments, files);
        assert_eq!(timeline[1].attachments, files);
        let file = |position| base.store().load_file(7, 1, position);
        assert_eq!(file(0).await.unwrap(), Some(("a \"b\".png".to_owned(), b"one".to_vec())));
        // Of the second only the name is kept, and there is no third.
        assert_eq!((file(1).await.unwrap(), file(2).await.unwrap()), (None, None));
        assert_eq!((timeline[1].seq, &timeline[1].author, timeline[1].verified), (2, &None, false));
        let mut write = base.store().begin_write().await.unwrap();
        write.save_entries(7, &[entry(2, None)], at(6)).await.unwrap();
        let taken = write.commit().await;
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
    }
}

#[tokio::test]
async fn deadline_rows_are_replaced_as_a_whole() {
    for base in bases().await {
        let store = base.store();
        let deadline = |kind, minute| Deadline { kind, wake_at: at(minute) };
        let mut write = store.begin_write().await.unwrap();
        for number in [7, 8] {
            write.save_incident(&incident(number), 0, 1).await.unwrap();
        }
        let old = [deadline(DeadlineKind::TakeCommand, 5), deadline(DeadlineKind::MissingFields, 1)];
        write.replace_deadlines(7, &old).await.unwrap();
        write.replace_deadlines(8, &[deadline(DeadlineKind::Close, 2)]).await.unwrap();
        let new = [deadline(DeadlineKind::Update, 3), deadline(DeadlineKind::TakeCommand, 6)];
        write.replace_deadlines(7, &new).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(store.load_deadlines(7).await.unwrap(), new);
        assert_eq!(store.earliest_deadline().await.unwrap(), Some(at(2)));
        let due = store.load_due_deadlines(at(3), 10).await.unwrap();
        assert_eq!(due.iter().map(|due| due.incident).collect::<Vec<_>>(), [8, 7]);
        assert_eq!((due[1].kind, due[1].wake_at), (Some(DeadlineKind::Update), at(3)));
        assert_eq!(store.load_due_deadlines(at(9), 1).await.unwrap().len(), 1);
        let mut write = store.begin_write().await.unwrap();
        write.replace_deadlines(7, &[]).await.unwrap();
        write.replace_deadlines(8, &[]).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(store.earliest_deadline().await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_message_id_stays_with_whom_it_was_first_known() {
    for base in bases().await {
        let known = |id: &str, incident| KnownId {
            message_id: id.into(),
            incident: Some(incident),
            letter: (incident == 1).then_some(5),
            purpose: (incident == 1).then_some(Purpose::TakeCommand),
        };
        let endless = "x".repeat(50_000);
        let mut write = base.store().begin_write().await.unwrap();
        for known in [known("a@x", 1), known("b@x", 2), known("a@x", 3), known(&endless, 4)] {
            write.save_known_id(&known, at(1)).await.unwrap();
        }
        let asked = ["b@x".to_owned(), endless, "c@x".to_owned(), "a@x".to_owned()];
        assert_eq!(write.load_known_ids(&asked).await.unwrap(), [known("b@x", 2), known("a@x", 1)]);
        assert_eq!(write.load_known_ids(&[]).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_period_of_a_digest_is_claimed_once() {
    for base in bases().await {
        let mut write = base.store().begin_write().await.unwrap();
        assert_eq!(write.last_digest("weekly").await.unwrap(), None);
        assert!(write.claim_digest("weekly", at(1)).await.unwrap());
        assert!(!write.claim_digest("weekly", at(1)).await.unwrap());
        assert!(write.claim_digest("daily", at(9)).await.unwrap());
        assert!(write.claim_digest("weekly", at(2)).await.unwrap());
        assert_eq!(write.last_digest("weekly").await.unwrap(), Some(at(2)));
    }
}

#[tokio::test]
async fn a_budget_counts_within_the_hour() {
    for base in bases().await {
        let hour = DateTime::from_timestamp(1_795_000_000 / 3_600 * 3_600, 0).unwrap();
        let mut write = base.store().begin_write().await.unwrap();
        let mut counts = Vec::new();
        let uses = [("a", 0), ("a", 59), ("b", 59), ("a", 60), ("a", 0), ("a", 90_000), ("a", 60)];
        for (budget, minute) in uses {
            counts.push(write.count_use(budget, hour + TimeDelta::minutes(minute)).await.unwrap());
        }
        assert_eq!(counts, [1, 2, 1, 1, 3, 1, 1], "hours long gone are forgotten");
    }
}

#[tokio::test]
async fn a_configuration_gets_a_number_when_it_differs_from_the_last() {
    for base in bases().await {
        let mut numbers = Vec::new();
        for text in ["one", "one", "two", "one"] {
            numbers.push(base.store().save_configuration(text, at(1)).await.unwrap());
        }
        assert_eq!(numbers, [1, 1, 2, 3]);
        let savers: Vec<_> = (0..4)
            .map(|_| {
                let store = base.store().clone();
                tokio::spawn(async move { store.save_configuration("three", at(2)).await })
            })
            .collect();
        for saver in savers {
            assert_eq!(saver.await.unwrap().unwrap(), 4);
        }
    }
}

#[tokio::test]
async fn large_messages_are_read_a_few_at_a_time() {
    for base in bases().await {
        let store = base.store();
        let large: Vec<NewInbound> =
            (1..=4).map(|id| NewInbound { octets: vec![b'x'; 7_000_000], ..message(id) }).collect();
        store.save_inbound(&large).await.unwrap();
        let mut write = store.begin_write().await.unwrap();
        assert_eq!(write.load_waiting(100).await.unwrap().messages.len(), 2);
    }
}
