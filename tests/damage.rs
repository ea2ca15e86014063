//! What is damaged or away: nothing else waits for it, nothing good is given up for it, and somebody
//! is told. Start with [`Server`].

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::deadlines::DeadlineKind;
use firebell::incident::decision::Purpose;
use firebell::mail::Address;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, InboundState, NewInbound, OutboxState, Route};

const ALICE: &str = "alice@example.org";
const OPERATOR: &str = "operator@example.org";

/// A Firebell, and a way to its database behind its back.
struct Server {
    engine: Engine,
    behind: sqlx::SqlitePool,
    arrivals: i64,
    _folder: tempfile::TempDir,
}

fn nine() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(9, 0, 0).unwrap().and_utc()
}

impl Server {
    async fn start(send: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
        let text = format!(
            "address = \"incidents@example.org\"\ndomains = [\"example.org\"]\n[send]\n{send}\n\
             [[person]]\nname = \"Alice Ng\"\nalias = \"alice\"\nemail = \"{ALICE}\"\n\
             [command]\ntrained = [\"alice\"]\n"
        );
        let policy = read_config(&text, "test").unwrap().policy();
        let store = Store::open(&url).await.unwrap();
        let engine =
            Engine::new(store, Clock::manual(nine()), Ids::new(0), Secret::new(&[7; 32]), policy);
        let behind = sqlx::SqlitePool::connect(&url).await.unwrap();
        Self { engine, behind, arrivals: 0, _folder: folder }
    }

    async fn with_operator() -> Self {
        Self::start(&format!("operator = \"{OPERATOR}\"")).await
    }

    async fn arrive(&mut self, to: &str, text: &str) -> i64 {
        self.arrivals += 1;
        let received_at = self.engine.clock.now();
        let id = self.engine.ids.next(received_at);
        let octets = format!(
            "From: {ALICE}\r\nTo: {to}\r\nMessage-ID: <{id}@example.org>\r\nSubject: SEV-1 down {id}\r\n\r\n\
             {text}\r\n"
        );
        let message = NewInbound {
            id,
            received_at,
            reverse_path: Some(ALICE.to_owned()),
            recipients: vec![Address::read(to).unwrap()],
            client: Client::of_trusted_network(),
            route: Route::Smtp,
            octets: octets.into_bytes(),
        };
        self.engine.store.save_inbound(&[message]).await.unwrap();
        id
    }

    async fn read_all(&self) {
        while self.engine.read_waiting().await.unwrap() > 0 {}
    }

    async fn sql(&self, statement: &'static str) {
        sqlx::query(statement).execute(&self.behind).await.unwrap();
    }

    async fn state_of(&self, inbound: i64) -> String {
        let row: (String,) = sqlx::query_as("select state from inbound where id = $1")
            .bind(inbound)
            .fetch_one(&self.behind)
            .await
            .unwrap();
        row.0
    }

    /// Who was told what by mail that waits to be sent.
    async fn told(&self) -> Vec<(String, Purpose, String)> {
        let rows = self.engine.store.load_outbox(None, 1_000).await.unwrap();
        rows.into_iter().map(|row| (row.recipient.to_string(), row.purpose, row.subject)).collect()
    }

    /// The words of the mails to somebody that wait to be sent, each on one line.
    async fn words_to(&self, who: &str) -> Vec<String> {
        let now = self.engine.clock.now();
        let jobs = self.engine.store.lease_outbox(1_000, now, now).await.unwrap();
        let to_them = jobs.into_iter().filter(|job| job.recipient.as_str() == who);
        let words = |octets: &[u8]| {
            let message = mail_parser::MessageParser::new().parse(octets).unwrap();
            let text = message.body_text(0).unwrap().into_owned();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        to_them.map(|job| words(&job.octets)).collect()
    }

    /// The subjects of what waits to be sent to somebody.
    async fn waiting_for(&self, who: &str) -> Vec<String> {
        let rows = self.engine.store.load_outbox(Some(OutboxState::Queued), 1_000).await.unwrap();
        let to_them = rows.into_iter().filter(|row| row.recipient.as_str() == who);
        to_them.map(|row| row.subject).collect()
    }

    async fn told_to(&self, who: &str, purpose: Purpose) -> Vec<String> {
        let told = self.told().await.into_iter();
        told.filter(|told| told.0 == who && told.1 == purpose).map(|told| told.2).collect()
    }
}

#[tokio::test]
async fn a_good_message_waits_while_the_database_is_away_and_is_read_after_it() {
    let mut server = Server::with_operator().await;
    let id = server.arrive("incidents@example.org", "It is down.").await;
    server.sql("alter table entry rename to gone").await;
    for _ in 0..5 {
        assert!(server.engine.read_waiting().await.is_err());
    }
    assert_eq!(server.state_of(id).await, "waiting");
    server.sql("alter table gone rename to entry").await;
    server.read_all().await;
    assert_eq!(server.state_of(id).await, "read");
}

#[tokio::test]
async fn a_message_that_the_database_will_not_take_is_set_aside_and_its_sender_told() {
    let mut server = Server::with_operator().await;
    server
        .sql(
            "create trigger picky before insert on entry when new.text like '%unlucky%' \
             begin select raise(abort, 'never'); end",
        )
        .await;
    let bad = server.arrive("incidents@example.org", "An unlucky word.").await;
    let good = server.arrive("incidents@example.org", "It is down.").await;
    server.read_all().await;
    assert_eq!(server.state_of(bad).await, "set-aside");
    assert_eq!(server.state_of(good).await, "read");
    assert_eq!(server.told_to(OPERATOR, Purpose::Operator).await, ["A message could not be read"]);
    assert_eq!(server.told_to(ALICE, Purpose::Receipt).await, ["Your mail could not be read"]);
    let words = server.words_to(OPERATOR).await;
    assert!(words[0].contains("Its sender was asked to send the text again"), "{words:?}");
    assert!(words[0].contains(&format!("firebell inbox read-again {bad} ")), "{words:?}");

    server.sql("drop trigger picky").await;
    assert!(server.engine.store.read_again(bad).await.unwrap());
    server.read_all().await;
    assert_eq!(server.state_of(bad).await, "read");
}

#[tokio::test]
async fn without_an_operator_the_commander_on_call_is_told() {
    let mut server = Server::start("").await;
    server.arrive("incidents@example.org", "It is down.").await;
    server.sql("update inbound set octets = x'09'").await;
    server.read_all().await;
    assert_eq!(server.told_to(ALICE, Purpose::Operator).await, ["A message could not be read"]);
}

#[tokio::test]
async fn damaged_messages_are_set_aside_and_the_others_are_read() {
    for damage in [
        "update inbound set octets = x'09' where id = (select min(id) from inbound)",
        "update inbound set octets = null where id = (select min(id) from inbound)",
        "update inbound set recipients = '{' where id = (select min(id) from inbound)",
        "update inbound set received_at = 'noon' where id = (select min(id) from inbound)",
    ] {
        let mut server = Server::with_operator().await;
        let bad = server.arrive("incidents@example.org", "It is down.").await;
        let good = server.arrive("incidents@example.org", "It is down, too.").await;
        server.sql(damage).await;
        server.read_all().await;
        assert_eq!(server.state_of(bad).await, "set-aside", "{damage}");
        assert_eq!(server.state_of(good).await, "read", "{damage}");
        let words = server.words_to(OPERATOR).await;
        assert_eq!(words.len(), 1, "{damage}");
        assert!(words[0].contains("Its sender has heard nothing"), "{words:?}");
    }
}

#[tokio::test]
async fn a_damaged_incident_stops_neither_the_start_nor_any_other() {
    let mut server = Server::with_operator().await;
    server.arrive("incidents@example.org", "One.").await;
    server.arrive("incidents@example.org", "Two.").await;
    server.read_all().await;
    server.sql("update incident set state = '{}' where number = 1").await;
    server.engine.renew_deadlines().await.unwrap();
    assert_eq!(server.engine.store.load_deadlines(1).await.unwrap(), []);
    assert!(!server.engine.store.load_deadlines(2).await.unwrap().is_empty());
    assert_eq!(server.told_to(OPERATOR, Purpose::Operator).await, ["INC-1 cannot be read"]);
    server.engine.renew_deadlines().await.unwrap();
    assert_eq!(server.told_to(OPERATOR, Purpose::Operator).await.len(), 1, "once a day");
    let listed = server.engine.store.load_incidents(true, 10).await.unwrap();
    assert_eq!((listed.readable.len(), listed.damaged), (1, vec![1]));
}

#[tokio::test]
async fn a_deadline_of_an_unknown_kind_is_made_anew() {
    let mut server = Server::with_operator().await;
    server.arrive("incidents@example.org", "One.").await;
    server.read_all().await;
    server.sql("update deadline set kind = 'of-tomorrow' where kind = 'take-command'").await;
    server.engine.clock.advance(TimeDelta::hours(1));
    while server.engine.pass_deadlines().await.unwrap() > 0 {}
    let deadlines = server.engine.store.load_deadlines(1).await.unwrap();
    assert!(deadlines.iter().any(|deadline| deadline.kind == DeadlineKind::TakeCommand));
}

#[tokio::test]
async fn a_set_aside_message_keeps_its_state_when_it_is_read_again() {
    let mut server = Server::with_operator().await;
    let id = server.arrive("incidents@example.org", "It is down.").await;
    server.sql("update inbound set octets = x'09'").await;
    server.read_all().await;
    server.read_all().await;
    assert_eq!(server.state_of(id).await, InboundState::SetAside.name());
    assert_eq!(server.told_to(OPERATOR, Purpose::Operator).await.len(), 1);
}

#[tokio::test]
async fn the_operator_is_told_once_a_day_that_mail_does_not_move() {
    let mut server = Server::with_operator().await;
    server.arrive("incidents@example.org", "It is down.").await;
    server.read_all().await;
    server.engine.clock.advance(TimeDelta::minutes(15));
    server.engine.watch_outbox().await.unwrap();
    assert!(server.told_to(OPERATOR, Purpose::Stuck).await.is_empty());
    server.engine.clock.advance(TimeDelta::minutes(1));
    let first = "Mail did not move at Mon 2026-11-23 09:16 UTC";
    for _ in 0..2 {
        server.engine.watch_outbox().await.unwrap();
        assert_eq!(server.told_to(OPERATOR, Purpose::Stuck).await, [first]);
    }
    server.engine.clock.advance(TimeDelta::days(1));
    server.engine.watch_outbox().await.unwrap();
    let second = first.replace("Mon 2026-11-23", "Tue 2026-11-24");
    assert_eq!(server.waiting_for(OPERATOR).await, [second], "one waits, however many days it were");

    let now = server.engine.clock.now();
    let store = &server.engine.store;
    for job in store.lease_outbox(100, now, now).await.unwrap() {
        if job.purpose != Purpose::Stuck {
            store.mark_accepted(&[(job.outbox, String::new())], now).await.unwrap();
        }
    }
    server.engine.watch_outbox().await.unwrap();
    assert!(server.waiting_for(OPERATOR).await.is_empty(), "mail moves again");
    server.engine.clock.advance(TimeDelta::days(1));
    server.engine.watch_outbox().await.unwrap();
    assert_eq!(server.told_to(OPERATOR, Purpose::Stuck).await.len(), 2, "nothing waits");
}

#[tokio::test]
async fn the_operator_is_told_once_a_day_that_the_mailbox_cannot_be_read() {
    let server = Server::with_operator().await;
    let (meters, clock) = (&server.engine.meters, &server.engine.clock);
    let told = async || {
        server.engine.watch_mailbox().await.unwrap();
        server.told_to(OPERATOR, Purpose::Operator).await.len()
    };
    meters.mailbox_read(clock.now());
    meters.mailbox_failed(clock.now(), "token_command failed: invalid_grant");
    clock.advance(TimeDelta::minutes(15));
    assert_eq!(told().await, 0, "connections end now and then");
    clock.advance(TimeDelta::minutes(1));
    // Every try fails; since when, the first has said.
    meters.mailbox_failed(clock.now(), "token_command failed: invalid_grant");
    for _ in 0..2 {
        assert_eq!(told().await, 1);
    }
    clock.advance(TimeDelta::days(1));
    assert_eq!(told().await, 2);
    clock.advance(TimeDelta::days(1));
    meters.mailbox_read(clock.now());
    assert_eq!(told().await, 2, "it is read again");
}

#[tokio::test]
async fn a_damaged_mail_is_held_back_and_told_and_the_others_go_out() {
    for damage in [
        "update letter set octets = x'09' where id = (select min(id) from letter)",
        "update letter set purpose = 'of-tomorrow' where id = (select min(id) from letter)",
        "delete from letter where id = (select min(id) from letter)",
        "update outbox set recipient = 'nobody' where id = (select min(id) from outbox)",
    ] {
        let mut server = Server::with_operator().await;
        server.arrive("incidents@example.org", "It is down.").await;
        server.read_all().await;
        server.arrive("incidents@example.org", "It is down, too.").await;
        server.read_all().await;
        let all: Vec<(i64, i64)> = sqlx::query_as("select id, letter from outbox order by id")
            .fetch_all(&server.behind)
            .await
            .unwrap();
        server.sql(damage).await;
        let now = server.engine.clock.now();
        let jobs =
            server.engine.store.lease_outbox(100, now + TimeDelta::minutes(1), now).await.unwrap();
        let held = server.engine.store.load_damaged_outbox(100).await.unwrap();
        assert!(!held.is_empty() && held.len() + jobs.len() == all.len(), "{damage} {held:?}");
        assert!(!jobs.is_empty(), "{damage}");
        server.engine.watch_outbox().await.unwrap();
        server.engine.watch_outbox().await.unwrap();
        let told = server.told_to(OPERATOR, Purpose::Operator).await;
        assert_eq!(told.len(), held.len().min(10), "{damage} {told:?}");
        assert!(told[0].ends_with("of the outbox cannot be read"), "{told:?}");
    }
}
