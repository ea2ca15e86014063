//! A bound on what the disk holds of mail that proves nothing, and on whom it keeps out.

use firebell::intake::strangers::Strangers;
use firebell::intake::{Arrival, Inbox, NotStored};

use super::*;

/// A tenth of it is two large messages.
const SMALL: &str = "keep_unproven = \"200 MB\"\n";
const EVE: &str = "eve@away.example";

impl Server {
    /// The door that strangers' mail comes in by.
    fn door(&self) -> Inbox {
        let engine = self.engine.clone();
        let mut inbox = Inbox::new(engine.store.clone(), engine.ids.clone(), engine.clock.clone());
        inbox.strangers = Some(Strangers::new(engine));
        inbox
    }
}

fn large(from: &str, to: &str) -> Arrival {
    let text = "Nothing but words. ".repeat(500_000);
    Arrival {
        reverse_path: Some("somebody@away.example".to_owned()),
        recipients: vec![Address::read(to).unwrap()],
        client: Client::default(),
        route: Route::Smtp,
        octets: format!("From: Somebody <{from}>\r\nSubject: x\r\n\r\n{text}\r\n").into_bytes(),
    }
}

#[tokio::test]
async fn what_proves_nothing_has_so_much_room_a_day_and_keeps_out_nobody_who_is_proven() {
    let mut server = Server::start_above(SMALL, ON_CALL).await;
    server.hear(BOB, PLAIN, "Subject: SEV-1 down", "I have command").await;
    let sent = server.sent().await;
    let for_bob = sent.iter().find(|mail| mail.to == BOB).expect("a mail to Bob").reply_to.clone();
    let door = server.door();
    let full = Err(NotStored::NoRoom);
    for (name, from, to, outcomes) in [
        ("strangers share it", EVE, PLAIN, [Ok(()), Ok(()), full]),
        ("a second stranger", "mallory@away.example", PLAIN, [full, full, full]),
        ("one of the roster has their own", ALICE, PLAIN, [Ok(()), Ok(()), full]),
        ("a colleague", BOB, PLAIN, [Ok(()), Ok(()), full]),
        ("those of our domain share it", "zoe@example.org", PLAIN, [Ok(()), Ok(()), full]),
        ("another of our domain", "yan@example.org", FIRST, [full, full, full]),
        ("with the address made for him", BOB, &for_bob, [Ok(()), Ok(()), Ok(())]),
        ("with the address made for another", ALICE, &for_bob, [full, full, full]),
        ("a stranger with it", EVE, &for_bob, [full, full, full]),
        ("a report with a wrong MAC", EVE, "incidents+bounce.7.aaaaaaaaaaaaaaaa@example.org", [full; 3]),
    ] {
        for outcome in outcomes {
            assert_eq!(door.accept(large(from, to)).await, outcome, "{name}");
        }
    }
    let mac = server.engine.secret.bounce_mac(7);
    let report = format!("incidents+bounce.7.{mac}@example.org");
    assert_eq!(door.accept(large("mailer-daemon@away.example", &report)).await, Ok(()));
    for client in [
        Client { login: Some(Address::read(ALICE).unwrap()), ..Client::default() },
        Client::of_trusted_network(),
    ] {
        assert_eq!(door.accept(Arrival { client, ..large(ALICE, PLAIN) }).await, Ok(()));
    }
    // It is told once, and never again for the same.
    for _ in 0..3 {
        server.engine.watch_room().await.unwrap();
    }
    server.engine.clock.advance(TimeDelta::days(1));
    server.engine.watch_room().await.unwrap();
    let sent = server.sent().await;
    let told: Vec<_> = sent.iter().filter(|mail| mail.to == OPERATOR).collect();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].text.contains("keep_unproven") && told[0].text.contains("20 MB a day"),
        "{}",
        told[0].text
    );
    assert_eq!(door.accept(large(EVE, PLAIN)).await, Ok(()), "a day later there is room again");
}
