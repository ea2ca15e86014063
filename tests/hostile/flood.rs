//! Somebody who is believed and writes without end, as a script of theirs does.

use super::*;

/// What one person's notes may cause within an hour: notes to each of the others, each bundle a mail of
/// its own, and what tells of the limit.
const MAILS_A_READER: usize = 60 + 2;

#[tokio::test]
async fn ten_thousand_notes_of_one_responder_are_all_kept_and_few_are_sent() {
    const NOTES: usize = 10_000;
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-2 the queue grows", "I have command").await;
    for person in [BOB, DANA] {
        server.hear(person, FIRST, "Subject: Re", "join").await;
    }
    server.sent().await;
    let now = server.engine.clock.now();
    let note = |count: usize| NewInbound {
        id: server.engine.ids.next(now),
        received_at: now,
        reverse_path: Some(BOB.to_owned()),
        recipients: vec![Address::read(FIRST).unwrap()],
        client: Client::of_trusted_network(),
        route: Route::Smtp,
        octets: format!(
            "From: {BOB}\r\nTo: {FIRST}\r\nSubject: Re\r\nMessage-ID: <n{count}@away.example>\r\n\r\n\
             The queue has {count} messages.\r\n"
        )
        .into_bytes(),
    };
    let notes: Vec<NewInbound> = (0..NOTES).map(note).collect();
    for batch in notes.chunks(1_000) {
        server.engine.store.save_inbound(batch).await.unwrap();
    }
    let mut sent = Vec::new();
    while server.engine.read_waiting().await.unwrap() > 0 {
        sent.extend(server.sent().await);
    }
    server.engine.clock.advance(TimeDelta::hours(1));
    sent.extend(server.sent().await);
    let to = |address: &str| sent.iter().filter(|mail| mail.to == address).collect::<Vec<_>>();
    let counts = [ALICE, BOB, DANA].map(|address| to(address).len());
    assert!(counts.iter().all(|count| *count <= MAILS_A_READER), "{counts:?}");
    assert!(counts[2] > 0);
    let told = |mails: &[&Sent], words: &str| {
        mails.iter().filter(|mail| mail.text.replace('\n', " ").contains(words)).count()
    };
    assert_eq!(told(&to(ALICE), "60 notes of bob@example.org within an hour"), 1);
    assert_eq!(told(&to(BOB), "nobody gets them by mail"), 1);
    assert_eq!(told(&to(DANA), "within an hour"), 0);
    let kept = server.timeline(1).await;
    let kept =
        kept.iter().filter(|entry| entry.kind == EntryKind::Note && entry.text.contains("The queue"));
    assert_eq!(kept.count(), NOTES);
    // When the hour is over, the next one goes out.
    server.hear(BOB, FIRST, "Subject: Re", "It is empty again.").await;
    let sent = server.sent().await;
    assert!(sent.iter().any(|mail| mail.to == DANA && mail.text.contains("It is empty again.")));
}
