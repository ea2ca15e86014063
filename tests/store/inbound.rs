//! Messages: stored before they are accepted, read once, forgotten at an age.

use std::collections::BTreeSet;

use firebell::store::StoreError;
use firebell::store::rows::{Claim, InboundState, NewInbound};

use super::{at, bases, message};

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
        write.mark_inbound(1, InboundState::Read, Some(7), None, at(9)).await.unwrap();
        write.mark_inbound(2, InboundState::Held, None, None, at(9)).await.unwrap();
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
        write.mark_inbound(1, InboundState::Filed, None, None, at(9)).await.unwrap();
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
    one.mark_inbound(1, InboundState::Read, None, None, at(9)).await.unwrap();
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
async fn of_many_messages_each_new_content_key_belongs_to_the_first() {
    for base in bases().await {
        let mut write = base.store().begin_write().await.unwrap();
        assert_eq!(write.claim_content_key(&[1; 32], 1).await.unwrap(), Claim::First);
        let keys = [(2, &[1; 32]), (3, &[2; 32]), (4, &[2; 32]), (5, &[0; 32])];
        let claimed = write.claim_content_keys(&keys).await.unwrap();
        assert_eq!(claimed, BTreeSet::from([3, 5]));
        for (key, first) in [(&[1; 32], 1), (&[2; 32], 3), (&[0; 32], 5)] {
            let claim = write.claim_content_key(key, 6).await.unwrap();
            assert_eq!(claim, Claim::Settled { first });
        }
        assert!(write.claim_content_keys(&[]).await.unwrap().is_empty());
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
            write.mark_inbound(id, InboundState::Read, Some(7), None, at(9)).await.unwrap();
        }
        write.commit().await.unwrap();
        assert_eq!(store.forget_raw(at(1_050)).await.unwrap(), 1_049);
        assert_eq!(store.forget_raw(at(1_050)).await.unwrap(), 0);
        assert_eq!(store.load_messages(7).await.unwrap().len(), 51);
        assert_eq!(store.count_forgotten(7).await.unwrap(), 1_049);
        assert_eq!(store.forget_raw(at(5_000)).await.unwrap(), 51);
        assert_eq!(store.count_waiting_inbound().await.unwrap(), 100);
        let mut write = store.begin_write().await.unwrap();
        assert_eq!(write.load_inbound(1).await.unwrap(), None);
        assert_eq!(write.load_waiting(1_000).await.unwrap().messages.len(), 100);
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

#[tokio::test]
async fn of_what_did_nothing_only_so_much_is_kept_and_the_oldest_goes_first() {
    for base in bases().await {
        let store = base.store();
        let messages: Vec<_> = (1..=9).map(message).collect();
        let size = u64::try_from(messages[0].octets.len()).unwrap();
        store.save_inbound(&messages).await.unwrap();
        let mut write = store.begin_write().await.unwrap();
        let states = [
            InboundState::Read,
            InboundState::Filed,
            InboundState::Held,
            InboundState::SetAside,
            InboundState::Unproven,
            InboundState::Filed,
        ];
        for (state, message) in states.into_iter().zip(&messages) {
            write.mark_inbound(message.id, state, None, Some("kept"), at(9)).await.unwrap();
        }
        write.commit().await.unwrap();
        let kept = async || {
            let mut kept = Vec::new();
            for id in 1..=9 {
                kept.extend(store.load_message(id).await.unwrap().map(|one| one.message.id));
            }
            kept
        };
        assert_eq!(store.forget_ineffective(4 * size).await.unwrap(), 0);
        assert_eq!(store.forget_ineffective(3 * size - 1).await.unwrap(), 2, "whole messages");
        assert_eq!(kept().await, [1, 4, 5, 6, 7, 8, 9]);
        assert_eq!(store.forget_ineffective(0).await.unwrap(), 2);
        assert_eq!(kept().await, [1, 5, 7, 8, 9], "what did something, and what waits");
    }
}
