//! The rules of mailbox cursors, each on SQLite and on PostgreSQL.

use firebell::store::rows::{MailboxCursor, Unfetched};

use super::{at, bases, message};

fn cursor(uid: u32) -> MailboxCursor {
    MailboxCursor {
        mailbox: "incidents@imap.example/INBOX".into(),
        uid_validity: 7,
        uid,
        since_at: at(0),
    }
}

#[tokio::test]
async fn the_first_reader_of_a_mailbox_says_where_reading_begins() {
    for base in bases().await {
        let store = base.store();
        let first = cursor(4_000_000_000);
        assert_eq!(store.load_mailbox_cursor(&first.mailbox).await.unwrap(), None);
        store.start_mailbox_cursor(&first).await.unwrap();
        store.start_mailbox_cursor(&cursor(9)).await.unwrap();
        assert_eq!(store.load_mailbox_cursor(&first.mailbox).await.unwrap(), Some(first));
    }
}

#[tokio::test]
async fn of_two_readers_at_one_cursor_one_stores() {
    for base in bases().await {
        let store = base.store();
        store.start_mailbox_cursor(&cursor(10)).await.unwrap();
        let (one, other) = ([message(1), message(2)], [message(3), message(4)]);
        let (from, to) = (cursor(10), cursor(12));
        let (one, other) = tokio::join!(
            store.save_inbound_from_mailbox(&one, &[], &from, &to),
            store.save_inbound_from_mailbox(&other, &[], &from, &to),
        );
        assert_ne!(one.unwrap(), other.unwrap());
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 2);
        assert_eq!(store.load_mailbox_cursor(&from.mailbox).await.unwrap(), Some(to));
    }
}

#[tokio::test]
async fn messages_are_not_stored_when_their_cursor_does_not_move() {
    for base in bases().await {
        let store = base.store();
        store.start_mailbox_cursor(&cursor(10)).await.unwrap();
        let renumbered = MailboxCursor { uid_validity: 8, ..cursor(1) };
        let missing = [Unfetched { uid: 11, attempts: 1, reason: "NO\0".into() }];
        for (from, moved) in [(cursor(9), false), (renumbered.clone(), false), (cursor(10), true)] {
            let messages = [message(1)];
            let stored = store.save_inbound_from_mailbox(&messages, &missing, &from, &renumbered).await;
            assert_eq!(stored.unwrap(), moved);
        }
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 1);
        assert_eq!(store.load_unfetched(&renumbered.mailbox, 8).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_missing_message_is_missed_until_it_is_stored_once() {
    for base in bases().await {
        let store = base.store();
        store.start_mailbox_cursor(&cursor(10)).await.unwrap();
        let missing = |uid, attempts| Unfetched { uid, attempts, reason: "not now".into() };
        let (first, second) = (missing(11, 1), missing(12, 1));
        let both = [first, second.clone()];
        assert!(store.save_inbound_from_mailbox(&[], &both, &cursor(10), &cursor(12)).await.unwrap());
        let mailbox = cursor(0).mailbox;
        store.save_unfetched(&mailbox, 7, &missing(11, 2)).await.unwrap();
        assert_eq!(store.load_unfetched(&mailbox, 7).await.unwrap(), [second, missing(11, 2)]);
        assert!(store.settle_unfetched(&mailbox, 7, 11, Some(message(1))).await.unwrap());
        assert!(!store.settle_unfetched(&mailbox, 7, 11, Some(message(2))).await.unwrap());
        assert!(store.settle_unfetched(&mailbox, 7, 12, None).await.unwrap());
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 1);
        assert_eq!(store.load_unfetched(&mailbox, 7).await.unwrap(), []);
    }
}
