//! What goes out: nothing to a dead address by any way, nothing of what a mail's route wrote into it,
//! few mails for however many forged ones, and one thread for each incident.

use std::collections::BTreeSet;

use firebell::store::rows::OutboxState;

use super::*;

const ERIN: &str = "erin@example.org";
const ERIN_AT_HOME: &str = "erin@home.example";
const VP: &str = "vp@example.org";

/// Erin, with another address, our own list, and a digest.
const MORE: &str = "[[person]]\nname = \"Erin Holm\"\nalias = \"erin\"\nemail = \"erin@example.org\"\n\
    also = [\"erin@home.example\"]\n\
    [[list]]\nname = \"leadership\"\nmembers = [\"vp@example.org\"]\n\
    [[digest]]\nname = \"weekly\"\nto = [\"leadership\"]\nschedule = \"0 9 * * Mon\"\n";

#[tokio::test]
async fn nothing_goes_to_a_dead_address_by_any_way() {
    let mut server = Server::start(&format!("{ON_CALL}{MORE}")).await;
    let mut write = server.engine.store.begin_write().await.unwrap();
    for dead in [ALICE, BOB, DANA, ERIN, VP, EVERYONE, OPERATOR] {
        let dead = Address::read(dead).unwrap();
        write.save_dead_address(&dead, "5.1.1 no such mailbox", nine(), nine()).await.unwrap();
    }
    write.commit().await.unwrap();
    // Whoever writes is alive: Erin does so from home, and is answered at her address on file.
    let wrong = "I have command\r\nSeverty: 1";
    server.hear(ERIN_AT_HOME, PLAIN, "Subject: SEV-1 checkout is down", wrong).await;
    server.hear(ERIN_AT_HOME, PLAIN, "Subject: SEV-1 search is down", "Nobody commands.").await;
    for line in ["Status", "Help", "Update: We look.", "Note: a note", "Deputy: bob"] {
        server.hear(ERIN_AT_HOME, FIRST, "Subject: Re", line).await;
    }
    server.hear(ERIN_AT_HOME, "incidents+help@example.org", "Subject: x", "x").await;
    server.hear(ERIN_AT_HOME, "incidents+oncall@example.org", "Subject: x", "x").await;
    server.hear_unproven(ERIN_AT_HOME, FIRST, "Subject: Re", "Title: forged").await;
    server.hear_unproven("eve@away.example", PLAIN, "Subject: a stranger's", "x").await;
    server.engine.send_digest("weekly", nine()).await.unwrap();
    server.engine.meters.mailbox_failed(nine(), "no route");
    for _ in 0..36 {
        server.engine.clock.advance(TimeDelta::minutes(5));
        server.engine.pass_deadlines().await.unwrap();
    }
    server.engine.watch_mailbox().await.unwrap();
    server.hear(ERIN_AT_HOME, FIRST, "Subject: Re", "Resolved: rolled back").await;
    let sent = server.sent().await;
    let sent: Vec<_> = sent.iter().map(|mail| (&mail.to, mail.purpose)).collect();
    assert!(sent.is_empty(), "{sent:?}");
    let refused = server.engine.store.load_outbox(Some(OutboxState::Refused), 10_000).await.unwrap();
    assert!(refused.iter().all(|row| row.last_answer.starts_with("not sent: 5.1.1")), "{refused:?}");
    let tried: BTreeSet<String> = refused.iter().map(|row| format!("{:?}", row.purpose)).collect();
    for purpose in [
        "Declaration",
        "FollowUp",
        "Resolution",
        "TakeCommand",
        "RoleOffer",
        "Reminders",
        "Receipt",
        "Confirmation",
        "Held",
        "Status",
        "Guide",
        "Digest",
        "Operator",
    ] {
        assert!(tried.contains(purpose), "nothing of the kind {purpose} was tried: {tried:?}");
    }
}

/// What a route, a client or a list writes into a header, each with a word that is found again.
const OF_OTHERS: [&str; 16] = [
    "Received: from leak-received by mx",
    "Return-Path: <leak-path@away.example>",
    "Authentication-Results: leak-results; dmarc=pass",
    "ARC-Seal: i=1; a=leak-seal",
    "Received-SPF: pass leak-spf",
    "DKIM-Signature: v=1; d=leak-dkim",
    "X-Originating-IP: [leak-address]",
    "X-Mailer: leak-mailer",
    "User-Agent: leak-agent",
    "Return-Receipt-To: leak-receipt@away.example",
    "Disposition-Notification-To: leak-mdn@away.example",
    "X-Confirm-Reading-To: leak-reading@away.example",
    "Errors-To: leak-errors@away.example",
    "Approved: leak-approved",
    "X-Loop: leak-loop",
    "Sender: leak-sender@away.example",
];

#[tokio::test]
async fn what_a_route_wrote_into_a_mail_goes_no_further() {
    let mut server = Server::on_call().await;
    let more = format!("{}\r\nSubject: SEV-2 checkout is slow", OF_OTHERS.join("\r\n"));
    server.hear(ALICE, PLAIN, &more, "I have command\r\n\r\nIt is slow.").await;
    server.hear(BOB, FIRST, &more.replace("SEV-2", "Re:"), "Join\r\n\r\nIt is the disk.").await;
    server.hear(ALICE, FIRST, &more.replace("SEV-2", "Re:"), "Update: We look.").await;
    server.hear(DANA, FIRST, "X-Mailer: leak-mailer\r\nSubject: Re", "Severty: 1\r\n\r\nMe, too.").await;
    server.hear_unproven("eve@away.example", PLAIN, &more, "A stranger's.").await;
    let sent = server.sent().await;
    for wanted in
        [Purpose::Declaration, Purpose::Note, Purpose::FollowUp, Purpose::Receipt, Purpose::Held]
    {
        assert!(!of_kind(&sent, wanted).is_empty(), "{wanted:?}");
    }
    let secret = Secret::new(&[7; 32]);
    for mail in &sent {
        assert!(!mail.octets.contains("leak-"), "{}", mail.octets);
        // Whoever's words it passes on: it is ours, so that their domain's DMARC has nothing to say.
        let head = mail.octets.split("\r\n\r\n").next().unwrap();
        let from = head.lines().find(|line| line.starts_with("From:")).unwrap();
        assert!(from.ends_with(&format!("<{PLAIN}>")), "{from}");
        assert!(
            mail.reply_to.is_empty() || mail.reply_to.starts_with("incidents+"),
            "{}",
            mail.reply_to
        );
        for person in [ALICE, BOB, DANA].iter().filter(|person| **person != mail.to) {
            let token = secret.incident_token(1, &Address::read(person).unwrap(), 0);
            assert!(!mail.octets.contains(&token), "{person}'s token goes to {}", mail.to);
        }
    }
    let kept: Vec<String> = server.timeline(1).await.into_iter().map(|entry| entry.text).collect();
    assert!(!kept.join("\n").contains("leak-"), "{kept:?}");
}

impl Server {
    /// So many reports at once, each from whom `from` says, without any proof.
    async fn forged(&mut self, count: usize, from: impl Fn(usize) -> String) {
        let to = Address::read(PLAIN).unwrap();
        let received_at = self.engine.clock.now();
        let messages: Vec<NewInbound> = (0..count)
            .map(|number| NewInbound {
                id: self.engine.ids.next(received_at),
                received_at,
                reverse_path: Some("somebody@away.example".to_owned()),
                recipients: vec![to.clone()],
                client: Client::default(),
                route: Route::Smtp,
                octets: format!(
                    "From: {}\r\nTo: {PLAIN}\r\nMessage-ID: <f{number}@away.example>\r\n\
                     Subject: SEV-1 burning {number}\r\n\r\nIt burns at {number}.\r\n",
                    from(number)
                )
                .into_bytes(),
            })
            .collect();
        for some in messages.chunks(500) {
            self.engine.store.save_inbound(some).await.unwrap();
        }
        self.read().await;
    }
}

#[tokio::test]
async fn ten_thousand_forged_reports_bring_about_few_mails() {
    const FORGED: usize = 10_000;
    let mut server = Server::on_call().await;
    server.forged(FORGED, |number| format!("s{number}@elsewhere{number}.example")).await;
    let sent = server.sent().await;
    println!("{} mails for {FORGED} strangers", sent.len());
    assert!(sent.len() <= 6, "five held reports, and one that stands for the rest: {}", sent.len());
    assert!(
        sent.iter()
            .all(|mail| mail.purpose == Purpose::Held && [ALICE, BOB].contains(&mail.to.as_str()))
    );
}

#[tokio::test]
async fn reports_forged_in_the_name_of_colleagues_bring_about_few_mails() {
    const FORGED: usize = 1_000;
    let mut server = Server::on_call().await;
    server.forged(FORGED, |number| format!("s{number}@example.org")).await;
    let sent = server.sent().await;
    let mut asked: Vec<&str> = sent
        .iter()
        .filter(|mail| ![ALICE, BOB, EVERYONE].contains(&mail.to.as_str()))
        .map(|mail| mail.to.as_str())
        .collect();
    println!(
        "{} mails for {FORGED} colleagues, {} of them to those in whose name it was",
        sent.len(),
        asked.len()
    );
    // Thirty declarations an hour in all, each with an offer of command, and one question whether it
    // was they who wrote it.
    assert!(!asked.is_empty() && asked.len() <= 30, "{}", asked.len());
    assert!(sent.len() <= 100, "{}", sent.len());
    asked.sort_unstable();
    assert!(asked.windows(2).all(|two| two[0] != two[1]), "one each");
    assert!(of_kind(&sent, Purpose::Declaration).iter().all(|mail| mail.to != EVERYONE));
}

#[tokio::test]
async fn a_victim_gets_no_more_than_a_person_could_ask_for() {
    const FORGED: usize = 200;
    for (more, victim, most) in [
        (ON_CALL.to_owned(), "victim@away.example", 0),
        (format!("[receive.trust]\ndeclare_from = \"anyone\"\n{ON_CALL}"), "victim@away.example", 0),
        // Each is about an incident of its own, and only the address on file can say whose it is.
        (ON_CALL.to_owned(), DANA, 5),
    ] {
        let mut server = Server::start(&more).await;
        server.forged(FORGED, |_| victim.to_owned()).await;
        let to_victim = server.sent().await.iter().filter(|mail| mail.to == victim).count();
        assert!(to_victim <= most, "{to_victim} mails to {victim}");
    }
}

#[tokio::test]
async fn an_incident_of_150_mails_is_one_thread() {
    const MAILS: usize = 150;
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-4 checkout is slow", "I have command").await;
    let mut sent = server.sent().await;
    for number in 1..MAILS {
        server.engine.clock.advance(TimeDelta::minutes(2));
        server.hear(ALICE, FIRST, "Subject: Re", &format!("Update: We try number {number}.")).await;
        sent.extend(server.sent().await);
    }
    sent.retain(|mail| mail.to == EVERYONE);
    assert_eq!(sent.len(), MAILS);
    let ids: BTreeSet<&str> = sent.iter().map(|mail| mail.message_id.as_str()).collect();
    assert_eq!(ids.len(), MAILS, "each has a Message-ID of its own");
    // A threader (JWZ's, of which clients have one) joins what names the same ancestor, and splits what
    // has another subject.
    let field = |mail: &Sent, name: &str| -> String {
        let head = mail.octets.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let found = head.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        found.unwrap_or_default().trim().to_owned()
    };
    for name in ["References:", "In-Reply-To:", "Subject:", "Thread-Topic:"] {
        let values: BTreeSet<String> = sent.iter().map(|mail| field(mail, name)).collect();
        assert_eq!(values.len(), 1, "{name} {values:?}");
        assert!(values.iter().all(|value| !value.is_empty()), "{name}");
    }
}

#[tokio::test]
async fn whoever_sends_more_than_is_taken_from_a_mailbox_is_told_once() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-2 checkout is slow", "I have command").await;
    server.sent().await;
    for number in 0..2 {
        let head = format!(
            "From: {BOB}\r\nTo: {FIRST}\r\nMessage-ID: <large{number}@x.example>\r\nSubject: Re\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\
             Number {number} of the dumps.\r\n--b\r\nContent-Disposition: attachment; filename=dump\r\n\r\n"
        );
        let mut octets = head.into_bytes();
        octets.resize(firebell::mail::MESSAGE_OCTETS_MAX, b'x');
        server.arrive_by(Route::Imap, &String::from_utf8(octets).unwrap()).await;
        server.read().await;
    }
    let kept = server.timeline(1).await;
    assert!(kept.iter().any(|entry| entry.text.contains("Number 1 of the dumps.")), "{kept:?}");
    let told = server.sent().await;
    let told: Vec<_> = told.iter().filter(|mail| mail.to == BOB).collect();
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("10.24 million"), "{}", told[0].text);
}

#[tokio::test]
async fn forged_mail_brings_a_dead_address_back_once_a_day() {
    let mut server = Server::start(&format!("{ON_CALL}{MORE}")).await;
    server.hear(BOB, PLAIN, "Subject: SEV-1 down", "I have command").await;
    let erin = Address::read(ERIN).unwrap();
    let away = "Subject: Away\r\nAuto-Submitted: auto-replied";
    for (proven, more, dead) in [
        (true, away, 1),
        (false, "Subject: Re", 0),
        (false, "Subject: Re", 1),
        (true, "Subject: Re", 0),
        (true, "Subject: Re", 0),
    ] {
        let mut write = server.engine.store.begin_write().await.unwrap();
        write.save_dead_address(&erin, "5.1.1 no such mailbox", nine(), nine()).await.unwrap();
        write.commit().await.unwrap();
        server.mail(proven, ERIN, FIRST, more, "I am there.").await;
        assert_eq!(server.engine.store.load_dead_addresses(nine()).await.unwrap().len(), dead, "{more}");
    }
}
