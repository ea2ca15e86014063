//! The rules of finished mails: leased by one worker, ended in time, superseded, held.

use chrono::TimeDelta;
use firebell::incident::decision::Purpose;
use firebell::store::Store;
use firebell::store::rows::{KnownId, NewLetter, NewOutbox, OperatorAction, OutboxState, Undelivered};
use sqlx::{Connection, Executor, PgConnection};

use crate::{address, at, bases, message};

fn letter(id: i64) -> NewLetter {
    NewLetter {
        id,
        message_id: format!("{id}@example.org"),
        incident: Some(7),
        purpose: Purpose::FollowUp,
        created_at: at(0),
        subject: "[INC-7] Checkout \"fails\"".into(),
        octets: format!("letter {id}\r\n").repeat(100).into_bytes(),
    }
}

fn outbox(id: i64, letter: i64) -> NewOutbox {
    NewOutbox {
        id,
        letter,
        recipient: address(&format!("Person{id}@ops.example")),
        token: (id % 2 == 0).then(|| "abcdefghijklmnop".to_owned()),
        due_at: at(0),
        expires_at: at(1_000),
        tells_from: None,
        awaited: false,
    }
}

/// A little of everything, and what PostgreSQL then believes: that there is never more.
pub async fn fill(store: &Store, url: &str) {
    store.save_inbound(&[1, 2, 3].map(message)).await.unwrap();
    let rows = [1, 2, 3].map(|id| outbox(id, 1));
    queue(store, &rows).await;
    let mut write = store.begin_write().await.unwrap();
    for id in 1..=3 {
        write.count_use(&format!("sent:{id}@ops.example"), at(0)).await.unwrap();
        write.claim_content_key(&[u8::try_from(id).unwrap(); 32], id).await.unwrap();
        let message_id = format!("{id}@ops.example");
        let known = KnownId { message_id, incident: None, letter: None, purpose: None };
        write.save_known_id(&known, at(0)).await.unwrap();
    }
    write.save_letter(&letter(2)).await.unwrap();
    write.save_letter(&letter(3)).await.unwrap();
    write.commit().await.unwrap();
    store.mark_accepted(&rows.map(|row| (row.id, "250 ok".to_owned())), at(1)).await.unwrap();
    if let Ok(mut connection) = PgConnection::connect(url).await {
        let analyze = "analyze inbound, outbox, letter, budget, content_key, known_id";
        connection.execute(analyze).await.unwrap();
    }
}

/// Queues `rows` of a first letter.
async fn queue(store: &Store, rows: &[NewOutbox]) {
    let mut write = store.begin_write().await.unwrap();
    write.save_letter(&letter(1)).await.unwrap();
    write.save_outbox(rows).await.unwrap();
    write.commit().await.unwrap();
}

async fn state_of(store: &Store, outbox: i64) -> OutboxState {
    store.begin_write().await.unwrap().load_outbox_row(outbox).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_leased_mail_has_its_letter_and_waits_for_nobody_else() {
    for base in bases().await {
        let store = base.store();
        let later = NewOutbox { due_at: at(20), ..outbox(12, 1) };
        queue(store, &[outbox(11, 1), NewOutbox { due_at: at(-1), ..outbox(10, 1) }, later]).await;
        assert_eq!(store.earliest_outbox().await.unwrap(), Some(at(-1)));
        let jobs = store.lease_outbox(10, at(5), at(1)).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.outbox).collect::<Vec<_>>(), [10, 11]);
        let job = &jobs[0];
        assert_eq!((job.letter, job.incident, job.purpose), (1, Some(7), Purpose::FollowUp));
        assert_eq!((job.attempts, job.expires_at), (1, at(1_000)));
        assert_eq!(job.recipient.as_str(), "Person10@ops.example");
        assert_eq!(job.token.as_deref(), Some("abcdefghijklmnop"));
        assert_eq!(jobs[1].token, None);
        assert_eq!(*job.octets, letter(1).octets);
        assert!(std::sync::Arc::ptr_eq(&job.octets, &jobs[1].octets));
        assert_eq!(store.lease_outbox(10, at(5), at(2)).await.unwrap(), []);
        assert_eq!(store.earliest_outbox().await.unwrap(), Some(at(5)));
        let lapsed = store.lease_outbox(1, at(9), at(5)).await.unwrap();
        assert_eq!((lapsed[0].outbox, lapsed[0].attempts), (10, 2));
        assert_eq!(store.load_letter(1).await.unwrap(), Some(letter(1)));
        let mut write = store.begin_write().await.unwrap();
        assert_eq!(write.load_letter(1).await.unwrap(), Some(letter(1)));
        assert_eq!(write.load_letter(2).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_workers_never_lease_the_same_mail() {
    for base in bases().await {
        let rows: Vec<_> = (1..=10_000).map(|id| outbox(id, 1)).collect();
        queue(base.store(), &rows).await;
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let store = base.store().clone();
                tokio::spawn(async move {
                    let mut leased = Vec::new();
                    loop {
                        let jobs = store.lease_outbox(300, at(5), at(1)).await.unwrap();
                        if jobs.is_empty() {
                            return leased;
                        }
                        leased.extend(jobs.iter().map(|job| job.outbox));
                    }
                })
            })
            .collect();
        let mut leased = Vec::new();
        for worker in workers {
            leased.extend(worker.await.unwrap());
        }
        leased.sort_unstable();
        assert!(leased == (1..=10_000).collect::<Vec<_>>(), "{} leases", leased.len());
    }
}

#[tokio::test]
async fn mail_that_is_of_no_use_any_more_is_leased_to_be_told_and_is_no_attempt() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[NewOutbox { expires_at: at(2), ..outbox(1, 1) }, outbox(2, 1)]).await;
        let jobs = store.lease_outbox(9, at(9), at(2)).await.unwrap();
        let leased = jobs.iter().map(|job| (job.outbox, job.is_expired(at(2)), job.attempts));
        assert_eq!(leased.collect::<Vec<_>>(), [(1, true, 0), (2, false, 1)]);
        let mut write = store.begin_write().await.unwrap();
        assert!(write.mark_undelivered(1, &Undelivered::Expired).await.unwrap());
        assert!(!write.mark_undelivered(1, &Undelivered::Expired).await.unwrap(), "told once");
        write.commit().await.unwrap();
        assert_eq!(state_of(store, 1).await, OutboxState::Expired);
        assert_eq!(store.earliest_outbox().await.unwrap(), Some(at(9)));
    }
}

#[tokio::test]
async fn what_the_relay_said_is_kept() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[outbox(1, 1), outbox(2, 1), outbox(3, 1)]).await;
        let jobs = store.lease_outbox(9, at(5), at(1)).await.unwrap();
        store.mark_accepted(&[(1, "250 \"ok\"".into()), (3, "250".into())], at(2)).await.unwrap();
        store.mark_accepted(&[], at(2)).await.unwrap();
        store.mark_deferred(&jobs[1], at(4_000), "451 later").await.unwrap();
        store.mark_deferred(&jobs[0], at(3), "451 too late").await.unwrap();
        let rows = store.load_outbox(None, 2).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [3, 2]);
        assert_eq!((rows[1].state, rows[1].last_answer.as_str()), (OutboxState::Deferred, "451 later"));
        assert_eq!(rows[1].due_at, Some(at(1_000)), "never later than its use ends");
        let accepted = store.load_outbox(Some(OutboxState::Accepted), 9).await.unwrap();
        assert_eq!(accepted[1].accepted_at, Some(at(2)));
        assert_eq!(accepted[1].last_answer, "250 \"ok\"");
        assert_eq!((accepted[1].message_id.as_str(), accepted[1].incident), ("1@example.org", Some(7)));
        assert_eq!(accepted[1].subject, letter(1).subject);
        let mut write = store.begin_write().await.unwrap();
        let why = Undelivered::Refused("5.1.1 by report".into());
        assert!(write.mark_undelivered(1, &why).await.unwrap());
        assert!(!write.mark_undelivered(1, &why).await.unwrap(), "told once");
        let refused = write.load_outbox_row(1).await.unwrap().unwrap();
        assert_eq!(
            (refused.state, refused.last_answer.as_str()),
            (OutboxState::Refused, "5.1.1 by report")
        );
        assert_eq!(write.load_outbox_row(9).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_newer_mail_supersedes_what_waits_for_the_same_person_alone() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[outbox(1, 1), outbox(2, 1)]).await;
        let mut write = store.begin_write().await.unwrap();
        write.save_letter(&NewLetter { purpose: Purpose::Page, ..letter(2) }).await.unwrap();
        write.save_letter(&NewLetter { incident: Some(8), ..letter(3) }).await.unwrap();
        let same = |id, letter| NewOutbox { recipient: outbox(1, 1).recipient, ..outbox(id, letter) };
        write.save_outbox(&[same(3, 2), same(4, 3)]).await.unwrap();
        let person = address("PERSON1@ops.example");
        let purposes = [Purpose::FollowUp, Purpose::Reminders];
        assert_eq!(write.supersede(7, &person, &purposes).await.unwrap(), 1);
        assert_eq!(write.supersede(7, &person, &purposes).await.unwrap(), 0);
        assert_eq!(write.supersede(7, &person, &[]).await.unwrap(), 0);
        write.commit().await.unwrap();
        assert_eq!(state_of(store, 1).await, OutboxState::Superseded);
        let jobs = store.lease_outbox(9, at(5), at(1)).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.outbox).collect::<Vec<_>>(), [2, 3, 4]);
    }
}

#[tokio::test]
async fn an_operator_holds_and_retries_what_was_not_accepted() {
    for base in bases().await {
        let store = base.store();
        let short = NewOutbox { expires_at: at(3), ..outbox(2, 1) };
        queue(store, &[outbox(1, 1), short, outbox(3, 1)]).await;
        store.mark_accepted(&[(3, String::new())], at(1)).await.unwrap();
        assert!(store.operate_outbox(1, OperatorAction::Hold, at(1)).await.unwrap());
        let ended = store.lease_outbox(9, at(5), at(4)).await.unwrap();
        assert_eq!(ended.iter().map(|job| job.outbox).collect::<Vec<_>>(), [2]);
        let mut write = store.begin_write().await.unwrap();
        assert!(write.mark_undelivered(2, &Undelivered::Expired).await.unwrap());
        write.commit().await.unwrap();
        assert_eq!(state_of(store, 1).await, OutboxState::Held);
        for id in [1, 2] {
            assert!(store.operate_outbox(id, OperatorAction::Retry, at(5)).await.unwrap());
        }
        for (id, action) in
            [(3, OperatorAction::Retry), (3, OperatorAction::Hold), (9, OperatorAction::Retry)]
        {
            assert!(!store.operate_outbox(id, action, at(5)).await.unwrap());
        }
        let jobs = store.lease_outbox(9, at(9), at(5)).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.outbox).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(jobs[1].expires_at, at(5) + TimeDelta::days(1));
    }
}

#[tokio::test]
async fn whoever_lost_a_lease_can_put_nothing_off_and_renew_nothing() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[outbox(1, 1), outbox(2, 1)]).await;
        let stalled = store.lease_outbox(1, at(2), at(1)).await.unwrap().remove(0);
        assert_eq!(store.renew_leases(&[(1, stalled.epoch), (2, 9)], at(3)).await.unwrap(), [1]);
        let other = store.lease_outbox(9, at(9), at(4)).await.unwrap().remove(0);
        assert_eq!((other.outbox, other.attempts, other.epoch), (1, 2, stalled.epoch + 1));
        store.mark_deferred(&stalled, at(100), "451 stale").await.unwrap();
        assert_eq!(store.mark_uncertain(&stalled, at(100), "stale").await.unwrap(), 0);
        assert!(store.renew_leases(&[(1, stalled.epoch)], at(100)).await.unwrap().is_empty());
        assert_eq!(state_of(store, 1).await, OutboxState::Queued);
        assert_eq!(store.earliest_outbox().await.unwrap(), Some(at(9)), "the other's lease stands");
        store.mark_deferred(&other, at(50), "451 later").await.unwrap();
        assert_eq!(state_of(store, 1).await, OutboxState::Deferred);
    }
}

#[tokio::test]
async fn an_uncertain_mail_is_tried_once_more_and_then_told_once_and_left_as_it_is() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[outbox(1, 1)]).await;
        let job = store.lease_outbox(1, at(3), at(1)).await.unwrap().remove(0);
        assert_eq!(store.mark_uncertain(&job, at(11), "broke").await.unwrap(), 1);
        assert_eq!(state_of(store, 1).await, OutboxState::Uncertain);
        assert_eq!(store.lease_outbox(1, at(12), at(10)).await.unwrap(), []);
        let again = store.lease_outbox(1, at(13), at(11)).await.unwrap().remove(0);
        store.mark_deferred(&again, at(14), "451 later").await.unwrap();
        assert_eq!(state_of(store, 1).await, OutboxState::Uncertain, "still visible as such");
        let again = store.lease_outbox(1, at(20), at(15)).await.unwrap().remove(0);
        assert_eq!(store.mark_uncertain(&again, at(25), "broke again").await.unwrap(), 2);
        assert_eq!(store.lease_outbox(1, at(20), at(19)).await.unwrap(), [], "whoever has it tells it");
        // That process died: another one is told by the row that it is not to be sent.
        let untold = store.lease_outbox(1, at(30), at(20)).await.unwrap().remove(0);
        assert!(untold.is_untold() && !again.is_untold());
        for is_news in [true, false] {
            let mut write = store.begin_write().await.unwrap();
            let told = write.mark_undelivered(1, &Undelivered::Uncertain).await.unwrap();
            assert_eq!(told, is_news);
            write.commit().await.unwrap();
        }
        assert_eq!(store.lease_outbox(1, at(500), at(400)).await.unwrap(), []);
        assert_eq!(store.earliest_outbox().await.unwrap(), None);
        let told = store.load_outbox(None, 1).await.unwrap().remove(0);
        assert_eq!((told.state, told.due_at), (OutboxState::Uncertain, None));
        assert!(store.operate_outbox(1, OperatorAction::Retry, at(401)).await.unwrap());
        assert_eq!(store.lease_outbox(1, at(500), at(401)).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_expired_is_found_without_a_lease_unless_somebody_has_it() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[outbox(1, 1), outbox(2, 1)]).await;
        let expires_at = outbox(1, 1).expires_at;
        let before = expires_at - TimeDelta::seconds(1);
        assert!(store.load_expired_outbox(before, 9).await.unwrap().is_empty());
        assert_eq!(store.load_expired_outbox(expires_at, 9).await.unwrap(), [1, 2]);
        let lease = expires_at + TimeDelta::minutes(1);
        assert_eq!(store.lease_outbox(1, lease, before).await.unwrap().len(), 1);
        assert_eq!(store.load_expired_outbox(expires_at, 9).await.unwrap(), [2]);
    }
}

#[tokio::test]
async fn an_operator_readdresses_and_cancels_what_is_not_out() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[outbox(1, 1), outbox(2, 1), outbox(3, 1)]).await;
        store.mark_accepted(&[(3, String::new())], at(1)).await.unwrap();
        let to = |text| OperatorAction::Readdress(address(text));
        assert!(!store.operate_outbox(3, to("new@ops.example"), at(1)).await.unwrap());
        assert_eq!(store.lease_outbox(1, at(5), at(1)).await.unwrap()[0].outbox, 1);
        assert!(!store.operate_outbox(1, to("new@ops.example"), at(2)).await.unwrap(), "under way");
        assert!(store.operate_outbox(1, to("New@ops.example"), at(5)).await.unwrap());
        for (id, done) in [(2, true), (2, false), (3, false), (9, false)] {
            assert_eq!(store.operate_outbox(id, OperatorAction::Cancel, at(5)).await.unwrap(), done);
        }
        assert!(!store.operate_outbox(2, OperatorAction::Retry, at(5)).await.unwrap());
        let jobs = store.lease_outbox(9, at(9), at(5)).await.unwrap();
        let to: Vec<_> = jobs.iter().map(|job| (job.outbox, job.recipient.as_str())).collect();
        assert_eq!(to, [(1, "New@ops.example")]);
        store.save_dialogue(1, "> RCPT\n< 450 no").await.unwrap();
        let (row, dialogue) = store.load_outbox_row(1).await.unwrap().unwrap();
        assert_eq!((row.recipient.as_str(), dialogue.as_str()), ("New@ops.example", "> RCPT\n< 450 no"));
        assert_eq!(store.load_outbox_row(9).await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_operator_retries_all_that_waits_failed_or_is_held() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[1, 2, 3, 4, 5].map(|id| outbox(id, 1))).await;
        let jobs = store.lease_outbox(2, at(5), at(1)).await.unwrap();
        store.mark_accepted(&[(1, String::new())], at(1)).await.unwrap();
        store.mark_deferred(&jobs[1], at(500), "451 later").await.unwrap();
        assert!(store.operate_outbox(3, OperatorAction::Hold, at(1)).await.unwrap());
        let mut write = store.begin_write().await.unwrap();
        let refused = Undelivered::Refused("550 no".into());
        assert!(write.mark_undelivered(4, &refused).await.unwrap());
        assert!(write.mark_undelivered(5, &Undelivered::Expired).await.unwrap());
        write.commit().await.unwrap();
        assert_eq!(store.retry_outbox(at(2)).await.unwrap(), 3);
        let jobs = store.lease_outbox(9, at(9), at(2)).await.unwrap();
        assert_eq!(jobs.iter().map(|job| job.outbox).collect::<Vec<_>>(), [2, 3, 4]);
    }
}

#[tokio::test]
async fn what_a_killed_server_was_sending_is_due_again_at_once() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[outbox(10, 1), outbox(11, 1)]).await;
        assert_eq!(store.lease_outbox(1, at(500), at(1)).await.unwrap().len(), 1);
        assert_eq!(store.return_leases().await.unwrap(), 1);
        let again = store.lease_outbox(10, at(500), at(2)).await.unwrap();
        assert_eq!(again.iter().map(|job| job.outbox).collect::<Vec<_>>(), [10, 11]);
    }
}

#[tokio::test]
async fn a_transaction_reads_what_it_saved_before_it_commits() {
    for base in bases().await {
        let store = base.store();
        let mut write = store.begin_write().await.unwrap();
        for id in [1, 2] {
            write.save_letter(&letter(id)).await.unwrap();
            write.save_outbox(&[outbox(id + 10, id)]).await.unwrap();
        }
        assert_eq!(write.load_letter(2).await.unwrap(), Some(letter(2)));
        assert_eq!(write.load_outbox_row(11).await.unwrap().unwrap().message_id, "1@example.org");
        write.save_letter(&letter(3)).await.unwrap();
        write.commit().await.unwrap();
        assert_eq!(store.load_letter(1).await.unwrap(), Some(letter(1)));
        assert_eq!(store.load_letter(3).await.unwrap(), Some(letter(3)));
    }
}

#[tokio::test]
async fn sqlite_remembers_no_plan_for_the_few_rows_of_a_young_database() {
    let base = bases().await.remove(0);
    queue(base.store(), &[outbox(1, 1), outbox(2, 1)]).await;
    assert_eq!(base.store().lease_outbox(1, at(5), at(1)).await.unwrap().len(), 1);
    base.store().close().await;
    let behind = sqlx::SqlitePool::connect(&base.url).await.unwrap();
    let statistics: (i64,) =
        sqlx::query_as("select count(*) from sqlite_master where name = 'sqlite_stat1'")
            .fetch_one(&behind)
            .await
            .unwrap();
    assert_eq!(statistics.0, 0);
}

#[tokio::test]
async fn a_newer_mail_takes_the_place_of_what_waits_and_tells_from_its_first_entry() {
    for base in bases().await {
        let store = base.store();
        let to_one = |id| NewOutbox { recipient: address("One@ops.example"), ..outbox(id, 1) };
        let telling = |id, from| NewOutbox { tells_from: Some(from), ..to_one(id) };
        let other = NewOutbox { tells_from: Some(2), ..outbox(5, 1) };
        queue(store, &[telling(1, 7), telling(2, 4), to_one(3), telling(4, 3), other]).await;
        store.mark_accepted(&[(4, String::new())], at(1)).await.unwrap();
        let (to, purposes) = (address("one@ops.example"), [Purpose::FollowUp]);
        let mut write = store.begin_write().await.unwrap();
        let untold = write.take_place(7, [&to].into_iter(), &purposes).await.unwrap();
        assert_eq!(untold.into_iter().collect::<Vec<_>>(), [(to.key(), 4)]);
        assert!(write.take_place(8, [&to].into_iter(), &purposes).await.unwrap().is_empty());
        write.commit().await.unwrap();
        for id in [1, 2] {
            assert_eq!(state_of(store, id).await, OutboxState::Superseded);
        }
        for id in [3, 5] {
            assert_eq!(state_of(store, id).await, OutboxState::Queued);
        }
    }
}

#[tokio::test]
async fn what_waits_for_the_end_of_an_hour_is_not_late() {
    for base in bases().await {
        let store = base.store();
        queue(store, &[NewOutbox { due_at: at(50), ..outbox(1, 1) }]).await;
        assert_eq!(store.waiting_outbox(at(49)).await.unwrap(), None);
        assert_eq!(store.waiting_outbox(at(60)).await.unwrap(), Some((at(50), 1)));
    }
}
