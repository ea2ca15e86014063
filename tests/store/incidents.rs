//! Incidents with their timelines and deadlines.

use std::collections::BTreeSet;

use firebell::incident::Phase;
use firebell::incident::deadlines::{Deadline, DeadlineKind};
use firebell::incident::decision::{Attached, EntryKind, NewEntry};
use firebell::incident::event::Source;
use firebell::incident::state::{Incident, Person};
use firebell::mail::attachment::{Attachment, Content};
use firebell::store::StoreError;

use super::{at, bases, dana, incident};

fn file(name: &str, octets: &[u8]) -> Attachment {
    Attachment {
        name: name.to_owned(),
        size_octets: octets.len(),
        content: Some(Content::new(octets)),
        is_inline: false,
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
