//! The rules of who is on our lists, each on SQLite and on PostgreSQL.

use firebell::roster::membership::Membership;

use super::{address, at, bases};

fn membership(who: &str, joined: bool, minute: i64) -> Membership {
    Membership { list: "Staff".into(), address: address(who), joined, since: at(minute) }
}

#[tokio::test]
async fn what_somebody_did_last_counts_and_is_loaded_only_after_a_change() {
    for base in bases().await {
        let store = base.store();
        let nobody = store.load_members(None).await.unwrap().unwrap();
        assert!(nobody.all.is_empty());
        assert_eq!(store.load_members(Some(nobody.change)).await.unwrap(), None);
        let mut write = store.begin_write().await.unwrap();
        for (who, joined, minute) in
            [("Ann@x.example", true, 1), ("bo@x.example", false, 2), ("ann@X.example", false, 3)]
        {
            write.save_member(&membership(who, joined, minute)).await.unwrap();
        }
        let here = write.load_members(Some(nobody.change)).await.unwrap().unwrap();
        write.commit().await.unwrap();
        assert_eq!(store.load_members(Some(here.change)).await.unwrap(), None);
        let there = store.load_members(Some(nobody.change)).await.unwrap();
        assert_eq!(there.as_ref(), Some(&here));
        let kept: Vec<_> = here.all.iter().map(|one| (one.address.as_str(), one.since)).collect();
        assert_eq!(kept, [("ann@X.example", at(3)), ("bo@x.example", at(2))]);
        assert!(here.all.iter().all(|one| one.list == "staff" && !one.joined));
    }
}

#[tokio::test]
async fn nobody_is_asked_twice_within_a_day() {
    for base in bases().await {
        let who = address("ann@x.example");
        let mut claimed = Vec::new();
        for (minute, wish, spelled) in [
            (0, "join", "ann@x.example"),
            (1, "join", "Ann@X.example"),
            (1, "leave", "ann@x.example"),
            (24 * 60 - 1, "join", "ann@x.example"),
            (24 * 60, "join", "ann@x.example"),
            (24 * 60 + 1, "join", "ann@x.example"),
        ] {
            let mut write = base.store().begin_write().await.unwrap();
            let since = at(minute - 24 * 60);
            let spelled = address(spelled);
            assert_eq!(spelled, who);
            let may = write.claim_list_request("Staff", &spelled, wish, since, at(minute)).await;
            claimed.push(may.unwrap());
            write.commit().await.unwrap();
        }
        assert_eq!(claimed, [true, false, true, false, true, false]);
    }
}
