//! The whole way out: rows of a real store, through the loop, to a relay or a mailbox.

use tokio::task::JoinHandle;

use super::relay::tests::{Line, relay, serve};
use super::*;
use crate::ids::Ids;
use crate::incident::decision::Purpose;
use crate::mail::Address;
use crate::store::rows::{NewLetter, NewOutbox, OutboxState};

pub(super) struct House {
    pub(super) store: Store,
    clock: Clock,
    ids: Ids,
    waiting: Arc<Notify>,
    stop: watch::Sender<bool>,
    pub(super) failures: mpsc::Receiver<Failure>,
    delivering: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl House {
    async fn new(relay: impl FnOnce(&std::path::Path) -> Relay) -> Self {
        Self::set_up(|folder, settings| settings.relays = vec![relay(folder)]).await
    }

    pub(super) async fn set_up(set: impl FnOnce(&std::path::Path, &mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
        let store = Store::open(&url).await.unwrap();
        let clock = Clock::system();
        let own = OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+');
        let secret = Secret::new(&[7; 32]);
        let mut settings = Settings::new(Vec::new(), "us.test".into(), own, secret, clock.clone());
        settings.connections = 1;
        set(folder.path(), &mut settings);
        let waiting = Arc::new(Notify::new());
        let (stop, shutdown) = watch::channel(false);
        let (failed, failures) = mpsc::channel(10);
        let delivering =
            tokio::spawn(deliver(store.clone(), Arc::new(settings), waiting.clone(), failed, shutdown));
        let ids = Ids::new(1);
        Self { store, clock, ids, waiting, stop, failures, delivering, folder }
    }

    pub(super) async fn post(&self, recipients: &[&str]) -> Vec<i64> {
        self.post_for(TimeDelta::hours(1), recipients).await
    }

    pub(super) async fn post_for(&self, useful_within: TimeDelta, recipients: &[&str]) -> Vec<i64> {
        let rows: Vec<_> = recipients.iter().map(|to| (self.ids.next(self.clock.now()), *to)).collect();
        self.post_as(useful_within, &rows).await;
        rows.into_iter().map(|(id, _)| id).collect()
    }

    /// Rows with these numbers.
    pub(super) async fn post_as(&self, useful_within: TimeDelta, rows: &[(i64, &str)]) {
        let now = self.clock.now();
        let letter = NewLetter {
            id: self.ids.next(now),
            message_id: "x@example.org".into(),
            incident: None,
            purpose: Purpose::Note,
            created_at: now,
            subject: "x".into(),
            octets: b"Subject: x\r\n\r\nbody\r\n".to_vec(),
        };
        let row = |(id, recipient): &(i64, &str)| NewOutbox {
            id: *id,
            letter: letter.id,
            recipient: Address::read(recipient).unwrap(),
            token: None,
            due_at: now,
            expires_at: now + useful_within,
            tells_from: None,
            awaited: false,
        };
        let rows: Vec<NewOutbox> = rows.iter().map(row).collect();
        let mut write = self.store.begin_write().await.unwrap();
        write.save_letter(&letter).await.unwrap();
        write.save_outbox(&rows).await.unwrap();
        write.commit().await.unwrap();
        self.waiting.notify_one();
    }

    /// Waits until every row is in one of these states.
    pub(super) async fn settled(&self, states: &[OutboxState]) {
        // Between two looks the delivery under test needs the database, too.
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        let settled = async {
            loop {
                looks.tick().await;
                let rows = self.store.load_outbox(None, 1_000).await.unwrap();
                if rows.iter().all(|row| states.contains(&row.state)) {
                    return;
                }
            }
        };
        // A mail that met an absent relay waits ten seconds and more before it is tried again.
        tokio::time::timeout(Duration::from_secs(60), settled).await.expect("all rows settled");
    }

    /// Marks what fails, as the engine would.
    pub(super) fn mark_failures(&mut self) {
        let (_, none) = mpsc::channel(1);
        let mut failures = std::mem::replace(&mut self.failures, none);
        let store = self.store.clone();
        tokio::spawn(async move {
            while let Some(failure) = failures.recv().await {
                let mut write = store.begin_write().await.unwrap();
                write.mark_undelivered(failure.outbox, &failure.why).await.unwrap();
                write.commit().await.unwrap();
            }
        });
    }

    /// Ends the delivery behind what it has begun; what it stored is there as long as the folder is.
    pub(super) async fn close(self) -> (Store, tempfile::TempDir) {
        self.stop.send(true).unwrap();
        self.delivering.await.unwrap();
        (self.store, self.folder)
    }
}

fn smtp(port: u16) -> impl FnOnce(&std::path::Path) -> Relay {
    move |_| Relay::Smtp { host: "127.0.0.1".into(), port, tls: RelayTls::Plain, login: None }
}

#[tokio::test]
async fn the_relays_own_name_of_a_mail_is_known_and_finds_it() {
    const NAME: &str = "0102018f2c1b7d3e-5a1b2c3d-1111-2222-3333-444455556666-000000";
    let answer = "250 Ok 0102018f2c1b7d3e-5a1b2c3d-1111-2222-3333-444455556666-000000";
    let (port, _told) = relay(&[("DATA", "354 go"), (".\r\n", answer)]).await;
    let house = House::new(smtp(port)).await;
    house.post(&["alice@example.org"]).await;
    house.settled(&[OutboxState::Accepted]).await;
    let asked = [format!("{NAME}@eu-west-1.amazonses.com")];
    // The name is committed behind the mark; what stops has done both.
    let (store, _folder) = house.close().await;
    let mut write = store.begin_write().await.unwrap();
    let known = write.load_known_ids(&asked).await.unwrap();
    assert_eq!(known.first().and_then(|known| known.purpose), Some(Purpose::Note), "{known:?}");
}

#[tokio::test]
async fn mail_is_accepted_on_one_connection_and_marked_with_the_answer() {
    let (port, told) = relay(&[("DATA", "354 go"), (".\r\n", "250 2.0.0 queued")]).await;
    let house = House::new(smtp(port)).await;
    house.post(&["alice@example.org", "bob@example.org", "carol@example.org"]).await;
    house.settled(&[OutboxState::Accepted]).await;
    let rows = house.store.load_outbox(None, 10).await.unwrap();
    assert!(rows.iter().all(|row| row.last_answer == "250 2.0.0 queued"), "{rows:?}");
    house.close().await;
    let told = told.await.unwrap();
    assert_eq!((told.matches("QUIT").count(), told.matches("\nbody\r\n.\r\n").count()), (1, 3));
    assert!(told.ends_with("QUIT\r\n"));
}

#[tokio::test]
async fn each_copy_has_a_reverse_path_of_its_own() {
    let (port, told) = relay(&[("DATA", "354 go")]).await;
    let house = House::new(smtp(port)).await;
    let ids = house.post(&["alice@example.org", "bob@example.org"]).await;
    house.settled(&[OutboxState::Accepted]).await;
    house.close().await;
    let told = told.await.unwrap();
    for id in ids {
        let mac = Secret::new(&[7; 32]).bounce_mac(id);
        assert!(told.contains(&format!("MAIL FROM:<incidents+bounce.{id}.{mac}@example.org>")));
    }
}

#[tokio::test]
async fn a_refusal_is_passed_on_and_a_deferral_waits_and_neither_stops_the_rest() {
    let (port, _told) = relay(&[
        ("DATA", "354 go"),
        ("RCPT TO:<bad@", "550 5.1.1 no such person"),
        ("RCPT TO:<slow@", "450 4.2.0 later"),
    ])
    .await;
    let mut house = House::new(smtp(port)).await;
    let ids = house.post(&["bad@example.org", "slow@example.org", "good@example.org"]).await;
    let failure = house.failures.recv().await.unwrap();
    assert_eq!(
        failure,
        Failure { outbox: ids[0], why: Undelivered::Refused("550 5.1.1 no such person".into()) }
    );
    let mut write = house.store.begin_write().await.unwrap();
    assert!(write.mark_undelivered(failure.outbox, &failure.why).await.unwrap());
    write.commit().await.unwrap();
    house.settled(&[OutboxState::Refused, OutboxState::Deferred, OutboxState::Accepted]).await;
    let states: Vec<OutboxState> = ids_in_order(&house, &ids).await;
    assert_eq!(states, [OutboxState::Refused, OutboxState::Deferred, OutboxState::Accepted]);
    let (_, dialogue) = house.store.load_outbox_row(ids[1]).await.unwrap().unwrap();
    let mac = Secret::new(&[7; 32]).bounce_mac(ids[1]);
    assert_eq!(
        dialogue,
        format!(
            "to 127.0.0.1:{port}\n> MAIL FROM:<incidents+bounce.{}.{mac}@example.org>\n< 250 2.0.0 ok\n\
             > RCPT TO:<slow@example.org>\n< 450 4.2.0 later",
            ids[1]
        )
    );
    let (_, nothing) = house.store.load_outbox_row(ids[2]).await.unwrap().unwrap();
    assert_eq!(nothing, "");
    house.close().await;
}

async fn ids_in_order(house: &House, ids: &[i64]) -> Vec<OutboxState> {
    let rows = house.store.load_outbox(None, 100).await.unwrap();
    let state = |id: &i64| rows.iter().find(|row| row.id == *id).map(|row| row.state);
    ids.iter().filter_map(state).collect()
}

#[tokio::test]
async fn an_absent_relay_is_not_asked_once_per_mail_and_mail_goes_when_it_is_back() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let hung_up = tokio::spawn(async move {
        // Longer than it takes, shorter than the first pause: one mail asked, and none after it.
        drop(listener.accept().await);
        let asked_again = tokio::time::timeout(Duration::from_millis(500), listener.accept()).await;
        assert!(asked_again.is_err(), "a second mail asked the absent relay");
        listener
    });
    let house = House::new(smtp(port)).await;
    let names: Vec<String> = (0..100).map(|number| format!("p{number}@example.org")).collect();
    house.post(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let go_ahead = Line { to: "DATA", say: "354 go", of: None };
    let told = serve(hung_up.await.unwrap(), vec![go_ahead]);
    house.settled(&[OutboxState::Accepted]).await;
    house.close().await;
    assert_eq!(told.lock().unwrap().matches("\nbody\r\n.\r\n").count(), 100);
}

#[tokio::test]
async fn a_maildir_gets_each_row_once() {
    let house = House::new(|folder| Relay::Maildir(folder.join("mail"))).await;
    house.post(&["alice@example.org", "bob@example.org"]).await;
    house.post(&["alice@example.org"]).await;
    house.settled(&[OutboxState::Accepted]).await;
    let root = house.folder.path().join("mail");
    let count = |name: &str| {
        let mailbox = maildir::mailbox(&root, &Address::read(name).unwrap());
        std::fs::read_dir(mailbox.join("new")).unwrap().count()
    };
    assert_eq!((count("alice@example.org"), count("bob@example.org")), (2, 1));
    house.close().await;
}

#[tokio::test]
async fn a_stop_gives_back_what_was_not_handed_over() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let house = House::new(smtp(silent.local_addr().unwrap().port())).await;
    house.post(&["alice@example.org", "bob@example.org", "carol@example.org"]).await;
    let _never_greeted = silent.accept().await.unwrap();
    let store = house.store.clone();
    house.close().await;
    let now = Clock::system().now();
    let jobs = store.lease_outbox(10, now + TimeDelta::minutes(1), now).await.unwrap();
    assert_eq!(jobs.len(), 3, "another process has them at once");
}

#[tokio::test]
async fn what_is_of_no_use_any_more_is_told_and_not_sent() {
    let (port, told) = relay(&[]).await;
    let mut house = House::new(smtp(port)).await;
    let late = house.post_for(TimeDelta::zero(), &["pager@example.org"]).await;
    let failure = house.failures.recv().await.unwrap();
    assert_eq!(failure, Failure { outbox: late[0], why: Undelivered::Expired });
    let mut write = house.store.begin_write().await.unwrap();
    assert!(write.mark_undelivered(failure.outbox, &failure.why).await.unwrap());
    write.commit().await.unwrap();
    house.post(&["alice@example.org"]).await;
    house.settled(&[OutboxState::Expired, OutboxState::Accepted]).await;
    house.close().await;
    let told = told.await.unwrap();
    assert!(told.contains("alice@example.org") && !told.contains("pager@example.org"), "{told}");
}

#[tokio::test]
async fn what_is_of_no_use_any_more_is_told_while_no_relay_is_there() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let mut house = House::new(smtp(port)).await;
    house.post(&["alice@example.org"]).await;
    house.settled(&[OutboxState::Deferred]).await;
    let late = house.post_for(TimeDelta::zero(), &["pager@example.org"]).await;
    assert_eq!(
        house.failures.recv().await,
        Some(Failure { outbox: late[0], why: Undelivered::Expired })
    );
    house.close().await;
}

#[tokio::test]
async fn a_mail_whose_fate_the_relay_did_not_tell_is_uncertain_and_not_sent_again_at_once() {
    let (port, told) = relay(&[("DATA", "354 go"), (".\r\n", "")]).await;
    let house = House::new(smtp(port)).await;
    house.post(&["alice@example.org"]).await;
    house.settled(&[OutboxState::Uncertain]).await;
    let row = house.store.load_outbox(None, 1).await.unwrap().remove(0);
    assert!(row.due_at > Some(house.clock.now() + TimeDelta::minutes(9)), "{row:?}");
    assert_eq!(told.await.unwrap().matches("\nbody\r\n.\r\n").count(), 1);
    house.close().await;
}
