//! Several processes on one PostgreSQL database, and what it cannot keep.

use firebell::incident::Policy;
use firebell::incident::drill::{Inject, InjectTo, Script};

use super::*;

#[tokio::test]
async fn what_postgres_cannot_keep_stops_no_mail() {
    let [mut server, _] = two_on_postgres().await;
    let odd = "a\u{0}b\u{1}\u{7f}\u{85}\u{fffe}\\u0000\\";
    let more = format!(
        "Subject: SEV-1 {odd}\r\nReferences: <a\u{0}@b> <{odd}@x>\r\nIn-Reply-To: <\u{0}>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b"
    );
    let text = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nTitle: {odd}\r\nService: {odd}\r\nLink: {odd}\r\n\r\n{odd}\r\n\
         --b\r\nContent-Type: text/x; name=\"{odd}\"\r\nContent-Disposition: attachment\r\n\r\n{odd}\r\n--b--"
    );
    for from in [format!("{odd} <{ALICE}>"), format!("\"{odd}\" <dan{odd}@example.org>")] {
        let id = server.hear(&from, PLAIN, &more, &text).await;
        assert_ne!(server.state_of(id).await, InboundState::SetAside, "{from:?}");
        let id = server.hear_unproven(&from, FIRST, &more, &text).await;
        assert_ne!(server.state_of(id).await, InboundState::SetAside, "{from:?}");
    }
    let id = server.hear("eve@away.example", FIRST, "Subject: x", odd).await;
    assert_ne!(server.state_of(id).await, InboundState::SetAside);
    server.engine.clock.advance(TimeDelta::hours(1));
    while server.engine.pass_deadlines().await.unwrap() > 0 {}
    assert!(server.incident(1).await.title.contains("b"));
}

#[tokio::test]
async fn two_processes_on_one_database_lose_and_double_nothing() {
    const MAILS: usize = 120;
    let [mut one, other] = two_on_postgres().await;
    one.hear(ALICE, PLAIN, "Subject: SEV-2 one", "I have command").await;
    for count in 0..MAILS {
        let octets = format!(
            "From: {BOB}\r\nTo: {FIRST}\r\nMessage-ID: <n{count}@away.example>\r\nSubject: Re\r\n\r\n\
             Note number {count}.\r\n"
        );
        one.arrive(true, FIRST, octets.into_bytes()).await;
    }
    let work = |engine: Engine| async move {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while engine.store.count_waiting_inbound().await.unwrap() > 0 {
            assert!(std::time::Instant::now() < until, "they stand in each other's way");
            // Another writer was faster, and both try again.
            let _ = engine.read_waiting().await;
            let _ = engine.renew_deadlines().await;
        }
    };
    let (first, second) =
        tokio::join!(tokio::spawn(work(one.engine.clone())), tokio::spawn(work(other.engine.clone())));
    first.and(second).unwrap();
    let timeline = one.timeline(1).await;
    for count in 0..MAILS {
        let note = format!("Note number {count}.");
        assert_eq!(timeline.iter().filter(|entry| entry.text == note).count(), 1, "{note}");
    }
    let incident = one.incident(1).await;
    let mut expected = firebell::incident::deadlines::deadlines(&incident, &one.engine.policy());
    let mut stored = one.engine.store.load_deadlines(1).await.unwrap();
    expected.sort_by_key(|deadline| deadline.kind);
    stored.sort_by_key(|deadline| deadline.kind);
    assert_eq!(stored, expected);
    one.engine.clock.advance(TimeDelta::minutes(31));
    let (first, second) = tokio::join!(one.engine.pass_deadlines(), other.engine.pass_deadlines());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let sent = one.sent().await;
    let reminders = sent.iter().filter(|mail| {
        mail.to == ALICE && matches!(mail.purpose, Purpose::ReminderUpdate | Purpose::Reminders)
    });
    assert_eq!(reminders.count(), 1, "each deadline once");
}

#[tokio::test]
async fn each_part_of_a_drills_script_is_played_once_also_by_a_server_that_knows_no_script() {
    let [mut one, other] = two_on_postgres().await;
    let inject = |minutes| Inject {
        after: TimeDelta::minutes(minutes),
        from: "Support".to_owned(),
        to: InjectTo::Commander,
        text: "They call.".to_owned(),
        sent: None,
    };
    let injects = vec![inject(2), inject(4)];
    let script = Script { name: "calls".to_owned(), file: "/x".into(), injects };
    let policy = Policy::clone(&one.engine.policy());
    one.engine.enforce(Policy { drill_scripts: vec![script], ..policy }).await.unwrap();
    one.hear(ALICE, PLAIN, "Subject: SEV-2 a drill", "Drill: calls\r\nI have command").await;
    let played =
        |sent: &[Sent]| sent.iter().filter(|mail| matches!(mail.purpose, Purpose::Inject(_))).count();
    assert_eq!(played(&one.sent().await), 0);
    one.engine.clock.advance(TimeDelta::minutes(2));
    other.engine.pass_deadlines().await.unwrap();
    assert_eq!(played(&one.sent().await), 1);
    one.engine.clock.advance(TimeDelta::minutes(2));
    let (first, second) = tokio::join!(one.engine.pass_deadlines(), other.engine.pass_deadlines());
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert_eq!(played(&one.sent().await), 1);
    one.engine.clock.advance(TimeDelta::minutes(2));
    other.engine.pass_deadlines().await.unwrap();
    assert_eq!(played(&one.sent().await), 0);
}

#[tokio::test]
async fn whoever_accepts_a_report_too_late_is_told() {
    let mut server = Server::on_call().await;
    server.hear_unproven("eve@away.example", PLAIN, "Subject: your site is down", "x").await;
    let first = server.sent().await.remove(0);
    server.hear_unproven("eve@away.example", PLAIN, "Subject: your shop is down", "y").await;
    let second = server.sent().await.remove(0);
    for (asked, said) in [(&first, ""), (&first, "the report is INC-1 already")] {
        server.hear_unproven(&asked.to, &asked.reply_to, "Subject: Re", "I have command").await;
        let sent = server.sent().await;
        let told = sent.iter().any(|mail| mail.to == asked.to && mail.text.contains(said));
        assert!(told, "{said:?} is told to nobody");
    }
    server.engine.store.forget_raw(nine() + TimeDelta::days(1)).await.unwrap();
    server.hear_unproven(&second.to, &second.reply_to, "Subject: Re", "I have command").await;
    let sent = server.sent().await;
    assert!(sent.iter().any(|mail| mail.to == second.to && mail.text.contains("waits no more")));
}
