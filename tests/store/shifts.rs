//! The rules of shifts that change hands, each on SQLite and on PostgreSQL.

use firebell::roster::request::{Outcome, Request, Taken};
use firebell::store::StoreError;

use super::{address, at, bases};

/// Bob takes two hours of Alice's shift, and she asks for it.
fn request(from_minute: i64) -> Request {
    let taken = Taken {
        rotation: "commanders".into(),
        person: address("bob@x.example"),
        from_at: at(from_minute),
        until_at: at(from_minute + 120),
        from_whom: vec![address("alice@x.example")],
    };
    Request::new(vec![taken], address("alice@x.example"), true, at(0))
}

fn agreed(from_minute: i64, at_minute: i64) -> Request {
    Request { outcome: Outcome::InForce { at: at(at_minute) }, ..request(from_minute) }
}

#[tokio::test]
async fn what_is_agreed_holds_until_it_ends_in_the_order_of_the_agreements() {
    for base in bases().await {
        let mut write = base.store().begin_write().await.unwrap();
        // The one that ends first was agreed last.
        for (id, request) in [(1, request(60)), (2, agreed(70, 9)), (3, agreed(80, 3))] {
            write.save_shift_request(id, &request).await.unwrap();
        }
        write.commit().await.unwrap();
        let held = async |minute| {
            let overrides = base.store().load_overrides(at(minute)).await.unwrap();
            overrides.into_iter().map(|(_, change)| change.from_at).collect::<Vec<_>>()
        };
        assert_eq!(held(0).await, [at(80), at(70)]);
        assert_eq!(held(189).await, [at(80), at(70)]);
        assert_eq!(held(190).await, [at(80)]);
        assert!(held(200).await.is_empty());
    }
}

#[tokio::test]
async fn of_two_answers_at_once_the_later_is_looked_at_again() {
    for base in bases().await {
        let store = base.store();
        let mut write = store.begin_write().await.unwrap();
        write.save_shift_request(7, &request(60)).await.unwrap();
        assert_eq!(write.load_shift_request(8).await.unwrap(), None);
        write.commit().await.unwrap();
        let mut write = store.begin_write().await.unwrap();
        let (version, kept) = write.load_shift_request(7).await.unwrap().unwrap();
        assert_eq!(kept, request(60));
        write.update_shift_request(7, version, &agreed(60, 5)).await.unwrap();
        let late = write.update_shift_request(7, version, &request(60)).await;
        assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
        write.commit().await.unwrap();
        assert_eq!(store.load_overrides(at(0)).await.unwrap(), agreed(60, 5).overrides());
    }
}
