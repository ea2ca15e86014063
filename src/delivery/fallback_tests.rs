//! Two relays: what makes mail go through the second, and what does not.

use tokio::net::TcpListener;

use super::deliver_tests::House;
use super::relay::tests::{Line, STALL, Told, serve};
use super::*;
use crate::store::rows::OutboxState;

const GO_AHEAD: Line = Line { to: "DATA", say: "354 go", of: None };

fn smtp(port: u16) -> Relay {
    Relay::Smtp { host: "127.0.0.1".into(), port, tls: RelayTls::Plain, login: None }
}

async fn bind() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A house that sends to the relay at the first port, else to the one at the second.
async fn house(first: u16, second: u16) -> (House, Meters) {
    let meters = Meters::default();
    let house = House::set_up(|_, settings| {
        settings.relays = vec![smtp(first), smtp(second)];
        settings.limits.greeting = Duration::from_millis(300);
        settings.limits.commands = Duration::from_millis(300);
        settings.meters = meters.clone();
    });
    (house.await, meters)
}

fn mails(told: &Told) -> usize {
    told.lock().unwrap().matches("\nbody\r\n.\r\n").count()
}

/// How many of three mails went through a first relay with this script, and through the second.
async fn ways(script: Option<Line>) -> (usize, usize) {
    let ((first, one), (second, two)) = (bind().await, bind().await);
    let first = script.map(|line| serve(first, vec![line, GO_AHEAD]));
    let second = serve(second, vec![GO_AHEAD]);
    let (mut house, meters) = house(one, two).await;
    house.mark_failures();
    house.post(&["a@example.org", "b@example.org", "c@example.org"]).await;
    house.settled(&[OutboxState::Accepted, OutboxState::Deferred, OutboxState::Refused]).await;
    house.close().await;
    let away = meters.relays_away();
    let ways = (first.as_ref().map_or(0, mails), mails(&second));
    assert_eq!(away.len(), usize::from(ways.1 > 0), "{away:?} {ways:?}");
    ways
}

#[tokio::test]
async fn a_relay_that_does_not_answer_is_no_reason_for_any_mail_to_wait() {
    // Not there at all; silent; closing; not able now; and in the middle of a mail.
    let says = |to, say| Some(Line { to, say, of: None });
    for script in [
        None,
        says("", STALL),
        says("", ""),
        says("", "421 4.3.2 not now"),
        says("", "554 5.3.2 not you"),
        says("EHLO", "421 4.3.2 not now"),
        says("MAIL", "421 4.3.2 shutting down"),
        says("RCPT", STALL),
        says("DATA", ""),
    ] {
        assert_eq!(ways(script).await, (0, 3), "{script:?}");
    }
    // It heard the mail and says that it has not taken it.
    assert_eq!(ways(says(".\r\n", "421 4.3.2 shutting down")).await, (1, 3));
}

#[tokio::test]
async fn what_the_first_relay_says_of_one_recipient_does_not_send_mail_through_the_second() {
    for say in ["450 4.2.0 later", "550 5.1.1 no such person"] {
        let script = Line { to: "RCPT TO:<b@", say, of: None };
        assert_eq!(ways(Some(script)).await, (2, 0), "{say}");
    }
}

#[tokio::test]
async fn mail_goes_through_the_first_relay_again_when_it_is_back() {
    let ((first, one), (second, two)) = (bind().await, bind().await);
    drop(first);
    let second = serve(second, vec![GO_AHEAD]);
    let (house, meters) = house(one, two).await;
    house.post(&["a@example.org"]).await;
    house.settled(&[OutboxState::Accepted]).await;
    assert_eq!(meters.relays_away(), [format!("127.0.0.1:{one}")]);
    let first = serve(TcpListener::bind(("127.0.0.1", one)).await.unwrap(), vec![GO_AHEAD]);
    let back = async {
        // It is asked after within a second; until then mail goes the other way.
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while mails(&first) == 0 {
            looks.tick().await;
            house.post(&["b@example.org"]).await;
            house.settled(&[OutboxState::Accepted]).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), back).await.expect("the first relay is used again");
    assert!(meters.relays_away().is_empty());
    let by_second = mails(&second);
    house.post(&["c@example.org"]).await;
    house.settled(&[OutboxState::Accepted]).await;
    assert_eq!(mails(&second), by_second, "nothing more goes through the second");
    house.close().await;
}

#[tokio::test]
async fn a_mail_says_what_each_relay_said() {
    let ((first, one), (second, two)) = (bind().await, bind().await);
    let busy = Line { to: "", say: "421 4.3.2 not now", of: None };
    let greylists = Line { to: "RCPT", say: "450 4.2.0 later", of: None };
    serve(first, vec![busy]);
    serve(second, vec![greylists]);
    let (house, _) = house(one, two).await;
    let ids = house.post(&["a@example.org"]).await;
    house.settled(&[OutboxState::Deferred]).await;
    let (row, dialogue) = house.store.load_outbox_row(ids[0]).await.unwrap().unwrap();
    assert_eq!(row.last_answer, "450 4.2.0 later");
    let begin = format!("to 127.0.0.1:{one}\n< 421 4.3.2 not now\nto 127.0.0.1:{two}\n> MAIL FROM:<");
    assert!(dialogue.starts_with(&begin) && dialogue.ends_with("\n< 450 4.2.0 later"), "{dialogue}");
    house.close().await;
}
