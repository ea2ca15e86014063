//! What is counted, claimed or known, and forgotten when it is of no use.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta};
use firebell::ids::Ids;
use firebell::incident::decision::Purpose;
use firebell::mail::Address;
use firebell::store::rows::{Claim, KnownId};

use super::{at, bases};

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
        let long_ago = now - TimeDelta::days(11);
        write.save_dead_address(&dead, "no such user", long_ago, long_ago).await.unwrap();
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
async fn uses_of_a_budget_that_two_servers_count_at_once_are_added_up() {
    let base = bases().await.pop().unwrap();
    let both: BTreeSet<String> = ["b".to_owned(), "a".to_owned()].into();
    let mut one = base.store().begin_write().await.unwrap();
    let mut other = base.store().begin_write().await.unwrap();
    one.expect_uses(&both, at(1)).await.unwrap();
    let (uses, ends_at) = one.count_uses(&both, at(1)).await.unwrap();
    assert_eq!((uses["a"], uses["b"], ends_at > at(1)), (1, 1, true));
    assert_eq!(other.count_use("b", at(2)).await.unwrap(), 1);
    assert_eq!(other.count_use("b", at(2)).await.unwrap(), 2);
    one.commit().await.unwrap();
    other.commit().await.unwrap();
    let mut last = base.store().begin_write().await.unwrap();
    let (uses, _) = last.count_uses(&both, at(3)).await.unwrap();
    assert_eq!((uses["a"], uses["b"]), (2, 4));
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
