//! What must be true after every step (the invariants), and what a step may do to what was before.
//!
//! Never changes anything. Start with [`Seen::look`].

use std::collections::{BTreeMap, BTreeSet};

use firebell::incident::deadlines::{deadlines, obligations};
use firebell::incident::state::Command;
use firebell::incident::{Entry, Incident, Policy};
use firebell::store::Store;
use sqlx::SqlitePool;

use super::relay::Taken;

/// More than a history declares.
const INCIDENTS_MAX: i64 = 1_000;

/// An outbox row, of a letter with this Message-ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub message_id: String,
    pub recipient: String,
    pub state: String,
}

/// The whole database, as far as anything is promised of it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub incidents: BTreeMap<i64, (i64, Incident, Vec<Entry>)>,
    pub outbox: BTreeMap<i64, Row>,
    /// State by id.
    pub inbound: BTreeMap<i64, String>,
}

impl Seen {
    /// Reads all of it, and checks what must be true at any time.
    pub async fn look(store: &Store, behind: &SqlitePool, policy: &Policy) -> Self {
        let mut incidents = BTreeMap::new();
        let stored = store.load_incidents(false, INCIDENTS_MAX).await.expect("incidents");
        assert!(stored.damaged.is_empty(), "damaged: {:?}", stored.damaged);
        for stored in stored.readable {
            let number = stored.incident.number;
            let timeline = store.load_timeline(number).await.expect("a timeline");
            check_incident(&stored.incident, &timeline, policy);
            let mut rows = store.load_deadlines(number).await.expect("deadlines");
            let mut computed = deadlines(&stored.incident, policy);
            rows.sort_by_key(|deadline| deadline.kind);
            computed.sort_by_key(|deadline| deadline.kind);
            assert_eq!(rows, computed, "the deadline rows of INC-{number} are what is computed");
            incidents.insert(number, (stored.version, stored.incident, timeline));
        }
        let rows: Vec<(i64, String, String, String)> = sqlx::query_as(
            "select o.id, l.message_id, o.recipient, o.state from outbox o join letter l on l.id = o.letter",
        )
        .fetch_all(behind)
        .await
        .expect("the outbox");
        let outbox: BTreeMap<_, _> = rows
            .into_iter()
            .map(|(id, message_id, recipient, state)| (id, Row { message_id, recipient, state }))
            .collect();
        let deliveries: BTreeSet<_> =
            outbox.values().map(|row| (&row.message_id, &row.recipient)).collect();
        assert_eq!(deliveries.len(), outbox.len(), "a mail goes to a recipient in one row");
        let inbound: Vec<(i64, String)> =
            sqlx::query_as("select id, state from inbound").fetch_all(behind).await.expect("inbound");
        assert!(inbound.iter().all(|(_, state)| state != "set-aside"), "every message can be read");
        Self { incidents, outbox, inbound: inbound.into_iter().collect() }
    }

    /// What may never happen between `before` and now, whatever was done; `inputs` is how much came
    /// through the door meanwhile.
    pub fn check_since(&self, before: &Self, inputs: usize) {
        for (number, (version, incident, timeline)) in &before.incidents {
            let Some((version_now, incident_now, timeline_now)) = self.incidents.get(number) else {
                panic!("INC-{number} is gone");
            };
            assert!(
                timeline_now.starts_with(timeline),
                "the timeline of INC-{number} is only appended to"
            );
            if version == version_now {
                assert_eq!(incident, incident_now, "INC-{number} changed without a step of its version");
                assert_eq!(timeline, timeline_now, "INC-{number} grew without a step of its version");
            }
            let steps = version_now - version;
            assert!(
                (0..=inputs as i64).contains(&steps),
                "INC-{number} made {steps} steps over {inputs} inputs"
            );
        }
        for (id, row) in &before.outbox {
            let now = self.outbox.get(id).unwrap_or_else(|| panic!("mail {id} is gone"));
            assert_eq!(
                (&row.message_id, &row.recipient),
                (&now.message_id, &now.recipient),
                "mail {id}"
            );
            let stays = row.state != "accepted" || matches!(now.state.as_str(), "accepted" | "refused");
            assert!(stays, "mail {id} was accepted and is {} now", now.state);
        }
        for (id, state) in &before.inbound {
            let now = self.inbound.get(id).unwrap_or_else(|| panic!("message {id} is gone"));
            assert!(state == "waiting" || now != "waiting", "message {id} was {state} and waits again");
        }
    }

    /// Nothing happened but that a message was kept.
    pub fn check_only_kept_since(&self, before: &Self, what: &str) {
        assert_eq!(
            before.outbox.keys().collect::<Vec<_>>(),
            self.outbox.keys().collect::<Vec<_>>(),
            "{what} sent something"
        );
        let numbers = |seen: &Self| seen.incidents.keys().copied().collect::<Vec<_>>();
        assert_eq!(numbers(before), numbers(self), "{what} declared something");
        for (number, (_, incident, _)) in &before.incidents {
            let mut now = self.incidents[number].1.clone();
            // What is filed has a number, too.
            now.next_seq = incident.next_seq;
            assert_eq!(*incident, now, "{what} changed INC-{number}");
        }
    }

    /// How often a mark stands in the entries of an incident.
    pub fn count(&self, number: i64, mark: &str) -> usize {
        let timeline = self.incidents.get(&number).map(|(_, _, timeline)| timeline.as_slice());
        timeline.unwrap_or_default().iter().filter(|entry| entry.text.contains(mark)).count()
    }
}

fn check_incident(incident: &Incident, timeline: &[Entry], policy: &Policy) {
    let key = incident.key();
    if incident.phase.is_active() {
        assert!(!obligations(incident, policy).is_empty(), "{key} is active and owes nothing");
        if let Command::Offered { to, .. } = &incident.command {
            assert!(!to.is_empty(), "the command of {key} is offered to nobody");
        }
    }
    let numbers = timeline.iter().map(|entry| entry.seq);
    assert!(numbers.eq(1..incident.next_seq), "the entries of {key} are numbered without a gap");
}

/// Every row was handed over once, but for what its server could not know: `excused` are rows by how
/// often a crash came between the relay's 250 and the mark of it.
pub fn check_taken(taken: &[Taken], excused: &BTreeMap<i64, usize>, seen: &Seen) {
    let mut by_row: BTreeMap<i64, Vec<&Taken>> = BTreeMap::new();
    for mail in taken {
        by_row.entry(mail.row).or_default().push(mail);
    }
    for (row, copies) in &by_row {
        let stored = seen.outbox.get(row).unwrap_or_else(|| panic!("mail {row} left and is not stored"));
        let untold = copies.iter().filter(|copy| !copy.told).count();
        let allowed = 1 + untold + excused.get(row).copied().unwrap_or_default();
        assert!(copies.len() <= allowed, "mail {row} went out {} times, not {allowed}", copies.len());
        for copy in copies {
            assert_eq!(copy.octets, copies[0].octets, "mail {row} is the same each time");
            assert_eq!(copy.recipient.as_str(), stored.recipient, "mail {row} goes to its recipient");
        }
    }
    for (id, row) in &seen.outbox {
        let left = row.state != "accepted" || by_row.contains_key(id);
        assert!(left, "mail {id} is marked as accepted, and the relay does not have it");
    }
}
