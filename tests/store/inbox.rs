//! What lies in the inbox for somebody to look at, and is read again.

use firebell::store::Store;
use firebell::store::rows::{AuditRow, InboundState};

use super::{at, bases, message};

/// Messages 1 to 4: read, held, set aside, filed in an incident although it could not be read.
async fn fill(store: &Store) {
    store.save_inbound(&[1, 2, 3, 4].map(message)).await.unwrap();
    let mut write = store.begin_write().await.unwrap();
    for (id, state, incident, reason) in [
        (1, InboundState::Read, Some(7), None),
        (2, InboundState::Held, None, Some("a stranger's")),
        (3, InboundState::SetAside, None, Some("it \0 broke")),
        (4, InboundState::Filed, Some(7), Some("could not be read")),
    ] {
        write.mark_inbound(id, state, incident, reason, at(9)).await.unwrap();
    }
    let who = "dana@ops.example".to_owned();
    let (proof, outcome) = ("a token".to_owned(), "filed".to_owned());
    for (id, who) in [(1, String::new()), (2, who)] {
        let (proof, outcome) = (proof.clone(), outcome.clone());
        let row = AuditRow { id, at: at(9), incident: None, inbound: Some(4), who, proof, outcome };
        write.save_audit(row).await.unwrap();
    }
    write.commit().await.unwrap();
}

async fn listed(store: &Store, all: bool) -> Vec<i64> {
    store.load_inbox(all, 10).await.unwrap().iter().map(|row| row.id).collect()
}

#[tokio::test]
async fn what_somebody_may_have_to_look_at_lies_in_the_inbox_the_newest_first() {
    for base in bases().await {
        let store = base.store();
        assert_eq!(store.load_inbox(true, 10).await.unwrap(), []);
        fill(store).await;
        assert_eq!(listed(store, false).await, [4, 3, 2]);
        assert_eq!(listed(store, true).await, [4, 3, 2, 1]);
        let rows = store.load_inbox(false, 2).await.unwrap();
        assert_eq!((rows.len(), rows[0].received_at, rows[0].incident), (2, at(4), Some(7)));
        assert_eq!(rows[0].from, "dana@ops.example", "as the last decision has it");
        assert_eq!((rows[1].from.as_str(), rows[1].reason.as_str()), ("", "it \u{fffd} broke"));
        assert_eq!(store.load_inbox_row(2).await.unwrap().unwrap().from, "dana@ops.example");
        assert_eq!(store.load_inbox_row(9).await.unwrap(), None);
        assert_eq!(store.load_audit_of(4).await.unwrap().len(), 2);
        let mut counted = store.count_inbox().await.unwrap();
        counted.sort_by_key(|counted| counted.2);
        let states = [InboundState::Held, InboundState::SetAside, InboundState::Filed];
        assert_eq!(counted, [(states[0], 1, at(2)), (states[1], 1, at(3)), (states[2], 1, at(4))]);
    }
}

#[tokio::test]
async fn a_message_of_the_inbox_is_read_again_and_no_other() {
    for base in bases().await {
        let store = base.store();
        fill(store).await;
        let mut write = store.begin_write().await.unwrap();
        for _ in 0..3 {
            write.count_attempt(3).await.unwrap();
        }
        assert_eq!(write.claim_held_report("held", 2, at(9)).await.unwrap(), 2);
        write.commit().await.unwrap();
        assert!(!store.read_again(1).await.unwrap(), "it would do again what it did");
        assert!(!store.read_again(9).await.unwrap(), "it is not there");
        for id in [2, 3, 4] {
            assert!(store.read_again(id).await.unwrap());
            assert!(!store.read_again(id).await.unwrap(), "it waits already");
        }
        assert_eq!(listed(store, false).await, Vec::<i64>::new());
        let mut write = store.begin_write().await.unwrap();
        let waiting = write.load_waiting(10).await.unwrap().messages;
        let waiting: Vec<_> =
            waiting.into_iter().map(|inbound| (inbound.message, inbound.attempts)).collect();
        assert_eq!(waiting, [(message(2), 0), (message(3), 0), (message(4), 0)]);
        let first = write.claim_held_report("held", 5, at(9)).await.unwrap();
        assert_eq!(first, 5, "what comes later does not wait for it");
    }
}

#[tokio::test]
async fn what_did_what_it_asks_for_or_is_forgotten_leaves_the_inbox() {
    for base in bases().await {
        let store = base.store();
        fill(store).await;
        let mut write = store.begin_write().await.unwrap();
        write.mark_inbound(2, InboundState::Read, Some(8), None, at(10)).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(listed(store, false).await, [4, 3]);
        store.forget_raw(at(4)).await.unwrap();
        assert_eq!(listed(store, false).await, [4]);
        assert!(!store.read_again(3).await.unwrap());
        assert_eq!(store.load_message(3).await.unwrap(), None);
        assert_eq!(store.load_message(4).await.unwrap().unwrap().message, message(4));
        assert_eq!(store.load_inbox_row(3).await.unwrap().unwrap().reason, "");
    }
}
