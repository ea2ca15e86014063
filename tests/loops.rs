//! No loop, whoever is at the other end: servers that answer each other for a day, responders that
//! hide what they are, and the limits that stand behind the signs of a machine.
//!
//! Every field by which a machine says that it is one is taken off each mail on its way. Start with
//! [`Side`], a Firebell with a clock of its own.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::decision::{EntryKind, Purpose};
use firebell::mail::Address;
use firebell::mail::compose::fill_token;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, Job, NewInbound, OutboxState, Route};

/// What a day may bring about between two servers that believe each other and know no signs.
const BETWEEN_A_DAY: usize = 30;
/// Answers of a responder in a day: those of one domain, and what began it.
const ANSWERS_A_DAY: usize = 60;
/// Rounds within one minute, after which a loop has shown itself.
const ROUNDS_MAX: usize = 200;

/// A Firebell.
struct Side {
    engine: Engine,
    domain: String,
    arrivals: i64,
    _dir: tempfile::TempDir,
}

fn nine() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(9, 0, 0).unwrap().and_utc()
}

impl Side {
    async fn start(domain: &str, more: &str) -> Self {
        let text = format!(
            "address = \"incidents@{domain}\"\nname = \"Incidents of {domain}\"\n\
             domains = [\"{domain}\", \"away.example\"]\n\
             [send]\noperator = \"operator@{domain}\"\n\
             [[person]]\nname = \"Alice Ng\"\nalias = \"alice\"\nemail = \"alice@{domain}\"\n\
             [[person]]\nname = \"Bob Okafor\"\nalias = \"bob\"\nemail = \"bob@{domain}\"\n\
             [[rotation]]\nname = \"commanders\"\nmembers = [\"alice\", \"bob\"]\n\
             hands_over = \"Mon 09:00\"\nfrom = \"2026-11-16\"\n\
             [command]\nrotation = \"commanders\"\ntrained = [\"alice\", \"bob\"]\n{more}"
        );
        let config = read_config(&text, "test").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("firebell.db").display());
        let store = Store::open(&url);
        let engine = Engine::new(
            store.await.unwrap(),
            Clock::manual(nine()),
            Ids::new(0),
            Secret::new(&[7; 32]),
            config.policy(),
        );
        Self { engine, domain: domain.to_owned(), arrivals: 0, _dir: dir }
    }

    /// A mail arrives over a network whose senders are believed.
    async fn arrive(&mut self, to: &Address, octets: Vec<u8>) {
        self.arrivals += 1;
        let received_at = self.engine.clock.now();
        let message = NewInbound {
            id: self.engine.ids.next(received_at),
            received_at,
            reverse_path: Some("somebody@away.example".to_owned()),
            recipients: vec![to.clone()],
            client: Client::of_trusted_network(),
            route: Route::Smtp,
            octets,
        };
        self.engine.store.save_inbound(&[message]).await.unwrap();
    }

    async fn hear(&mut self, from: &str, to: &str, more: &str, text: &str) {
        let octets = format!(
            "From: {from}\r\nTo: {to}\r\nMessage-ID: <{}@away.example>\r\n{more}\r\n\r\n{text}\r\n",
            self.arrivals
        );
        self.arrive(&Address::read(to).unwrap(), octets.into_bytes()).await;
        while self.engine.read_waiting().await.unwrap() > 0 {}
    }

    /// Does what is due and takes what waits to be sent.
    async fn work(&mut self) -> Vec<(Job, Vec<u8>)> {
        let now = self.engine.clock.now();
        if self.engine.store.count_waiting_inbound().await.unwrap() > 0 {
            self.engine.read_waiting().await.unwrap();
        }
        self.engine.pass_deadlines().await.unwrap();
        let jobs =
            self.engine.store.lease_outbox(1_000, now + TimeDelta::minutes(5), now).await.unwrap();
        let mut sent = Vec::with_capacity(jobs.len());
        for job in jobs {
            self.engine.store.mark_accepted(&[(job.outbox, "250".to_owned())], now).await.unwrap();
            let octets = match &job.token {
                Some(token) => fill_token(&job.octets, token),
                None => job.octets.to_vec(),
            };
            sent.push((job, octets));
        }
        sent
    }

    /// A delivery report comes to one of our addresses.
    async fn report(&mut self, to: &str, fields: &str) {
        let more = "Subject: Undelivered Mail\r\nMIME-Version: 1.0\r\n\
                    Content-Type: multipart/report; report-type=delivery-status; boundary=r";
        let text = format!(
            "--r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
             Final-Recipient: rfc822; bob@one.example\r\n{fields}\r\n--r--"
        );
        self.hear("MAILER-DAEMON@away.example", to, more, &text).await;
    }

    /// The lines of a timeline that speak of somebody's mail.
    async fn lines(&self, number: i64, address: &str) -> Vec<String> {
        let timeline = self.engine.store.load_timeline(number).await.unwrap();
        let speaks = format!("Mail to {address}");
        timeline.into_iter().map(|entry| entry.text).filter(|text| text.starts_with(&speaks)).collect()
    }

    async fn filed(&self, number: i64) -> Vec<String> {
        let timeline = self.engine.store.load_timeline(number).await.unwrap();
        timeline
            .into_iter()
            .filter(|entry| entry.kind == EntryKind::Filed)
            .map(|entry| entry.text)
            .collect()
    }
}

/// A mail without any field by which a machine says that it is one.
fn stripped(octets: &[u8]) -> Vec<u8> {
    const TAKEN: [&str; 7] = [
        "x-firebell",
        "auto-submitted",
        "precedence",
        "list-",
        "x-auto-response-suppress",
        "feedback-id",
        "return-path",
    ];
    let text = String::from_utf8_lossy(octets);
    let (head, body) = text.split_once("\r\n\r\n").expect("a header and a body");
    let mut kept = String::new();
    let mut keep = true;
    for line in head.lines() {
        if !line.starts_with([' ', '\t']) {
            let name = line.to_lowercase();
            keep = !TAKEN.iter().any(|taken| name.starts_with(taken));
        }
        if keep {
            kept.push_str(line);
            kept.push_str("\r\n");
        }
    }
    format!("{kept}\r\n{body}").into_bytes()
}

fn field<'a>(octets: &'a str, name: &str) -> &'a str {
    octets.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
}

#[tokio::test]
async fn two_firebells_that_hide_what_they_are_fall_silent() {
    let list = |of: &str| format!("[[list]]\nname = \"everyone\"\naddress = \"incidents@{of}\"\n");
    let mut sides = [
        Side::start("one.example", &list("two.example")).await,
        Side::start("two.example", &list("one.example")).await,
    ];
    for side in &sides {
        let mut policy = (*side.engine.policy()).clone();
        policy.roster.domains.extend(["one.example".to_owned(), "two.example".to_owned()]);
        side.engine.enforce(policy).await.unwrap();
    }
    let text = "Severity: SEV-1\r\n\r\nCheckout answers 503 since ten.";
    sides[0].hear("alice@one.example", "incidents@one.example", "Subject: checkout is down", text).await;
    let mut between = 0;
    let mut all = 0;
    for minute in 0..24 * 60 {
        for round in 0.. {
            assert!(round < ROUNDS_MAX, "they answer each other without end within minute {minute}");
            let mut passed_on = 0;
            for from in 0..2 {
                let sent = sides[from].work().await;
                all += sent.len();
                for (job, octets) in sent {
                    let to = &mut sides[1 - from];
                    if job.recipient.domain() == to.domain
                        && job.recipient.local_part().starts_with("inc")
                    {
                        between += 1;
                        passed_on += 1;
                        to.arrive(&job.recipient, stripped(&octets)).await;
                    }
                }
            }
            if passed_on == 0 {
                break;
            }
        }
        sides.iter().for_each(|side| side.engine.clock.advance(TimeDelta::minutes(1)));
    }
    println!("{between} mails between them in a day, {all} in all");
    assert!(between > 0, "they never spoke");
    assert!(between <= BETWEEN_A_DAY, "{between} mails between them in a day");
}

#[tokio::test]
async fn a_responder_with_a_new_address_each_time_is_not_answered_without_end() {
    let mut side = Side::start("one.example", "").await;
    let mut waiting = vec![("incidents@one.example".to_owned(), "Subject: I am away".to_owned())];
    let mut heard = 0_usize;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..24 * 60 {
        for (to, more) in std::mem::take(&mut waiting) {
            heard += 1;
            let text = "Status\r\n\r\nI am away until Monday and shall read your message then.";
            side.hear(&format!("desk{heard}@away.example"), &to, &more, text).await;
        }
        for (job, octets) in side.work().await {
            *kinds.entry(format!("{:?}", job.purpose)).or_default() += 1;
            if job.recipient.domain() != "away.example" {
                continue;
            }
            let text = String::from_utf8_lossy(&stripped(&octets)).into_owned();
            let reply_to = field(&text, "Reply-To:").trim_matches(['<', '>']).to_owned();
            let id = field(&text, "Message-ID:");
            let subject = field(&text, "Subject:");
            waiting.push((reply_to, format!("Subject: Re: {subject}\r\nIn-Reply-To: {id}")));
        }
        side.engine.clock.advance(TimeDelta::minutes(1));
    }
    println!("{heard} answers of the responder in a day, we sent {kinds:?}");
    assert!(heard > 1, "it was never answered");
    assert!(heard <= ANSWERS_A_DAY, "{heard} answers of the responder in a day");
}

#[tokio::test]
async fn the_same_words_again_are_filed_as_a_suspected_loop() {
    let mut side = Side::start("one.example", "").await;
    let (alice, incident) = ("alice@one.example", "incidents+1@one.example");
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    side.hear(alice, incident, "Subject: Re", "Nothing new.").await;
    side.hear(alice, incident, "Subject: Re", "Nothing  new.").await;
    assert!(side.filed(1).await.is_empty(), "people repeat short words");
    let away = "I am out of the office until Monday and shall read this then.";
    side.hear(alice, incident, "Subject: Re", away).await;
    assert!(side.filed(1).await.is_empty());
    side.hear(alice, incident, "Subject: Re: Re", &away.to_uppercase().replace(' ', "  ")).await;
    let filed = side.filed(1).await;
    assert_eq!(filed.len(), 1, "{filed:?}");
    assert!(filed[0].starts_with("Suspected loop"), "{filed:?}");
    side.engine.clock.advance(TimeDelta::hours(1));
    side.hear(alice, incident, "Subject: Re", away).await;
    assert_eq!(side.filed(1).await.len(), 1, "an hour later they are words again");
}

#[tokio::test]
async fn more_changes_than_people_make_are_filed_and_the_commander_is_told_once() {
    let mut side = Side::start("one.example", "").await;
    let (alice, incident) = ("alice@one.example", "incidents+1@one.example");
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    side.hear(alice, incident, "Subject: Re", "I have command").await;
    side.work().await;
    for count in 0..65 {
        side.hear(alice, incident, "Subject: Re", &format!("Impact: {count} customers")).await;
    }
    let filed = side.filed(1).await;
    assert_eq!(filed.len(), 6, "{filed:?}");
    assert!(filed[0].starts_with("More changes within the hour"), "{filed:?}");
    let told = side.work().await;
    let told: Vec<_> = told
        .iter()
        .filter(|(_, octets)| String::from_utf8_lossy(octets).contains("60 changes by mail"))
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0.recipient.as_str(), alice);
    side.engine.clock.advance(TimeDelta::hours(1));
    side.hear(alice, incident, "Subject: Re", "Impact: 7 customers").await;
    assert_eq!(side.filed(1).await.len(), 6, "an hour later mail changes it again");
}

#[tokio::test]
async fn ten_answers_a_day_go_to_one_address() {
    let mut side = Side::start("one.example", "").await;
    let (alice, incident) = ("alice@one.example", "incidents+1@one.example");
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    let mut answers = Vec::new();
    for _ in 0..6 {
        side.hear(alice, incident, "Subject: Re", "Status").await;
        side.hear(alice, incident, "Subject: Re", "Status").await;
        side.hear(alice, incident, "Subject: Re", "Status").await;
        answers.push(answers_to(alice, &side.work().await));
        side.engine.clock.advance(TimeDelta::hours(1));
    }
    assert_eq!(answers, [3, 3, 3, 1, 0, 0]);
    for _ in 0..9 {
        side.hear("bob@one.example", incident, "Subject: Re", "Status").await;
    }
    assert_eq!(answers_to("bob@one.example", &side.work().await), 5, "five in an hour");
}

fn answers_to(address: &str, sent: &[(Job, Vec<u8>)]) -> usize {
    let answers = sent.iter().filter(|(job, _)| job.purpose == Purpose::Status);
    answers.filter(|(job, _)| job.recipient.as_str() == address).count()
}

#[tokio::test]
async fn mail_that_runs_in_a_circle_is_filed_by_any_route() {
    let mut side = Side::start("one.example", "").await;
    let (alice, incident) = ("alice@one.example", "incidents+1@one.example");
    let hops = |count| format!("{}Subject: x", "Received: from a by b; x\r\n".repeat(count));
    side.hear(alice, "incidents@one.example", &hops(51), "It answers 503.").await;
    side.hear(alice, incident, &hops(52), "Severity: SEV-1").await;
    let filed = side.filed(1).await;
    assert_eq!(filed.len(), 1, "{filed:?}");
    assert!(filed[0].contains("runs in a circle"), "{filed:?}");
    side.hear(alice, "incidents@one.example", &hops(52), "Another thing.").await;
    assert!(side.engine.store.load_incident(2).await.unwrap().is_none(), "it declares nothing");
}

#[tokio::test]
async fn a_report_on_our_reverse_path_is_told_when_final_and_a_line_when_not() {
    let mut side = Side::start("one.example", "").await;
    let alice = "alice@one.example";
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    side.hear(alice, "incidents+1@one.example", "Subject: Re", "I have command\nDeputy: bob").await;
    let sent = side.work().await;
    let row = sent.iter().find(|(job, _)| job.recipient.as_str() == "bob@one.example").unwrap().0.outbox;
    let mac = Secret::new(&[7; 32]).bounce_mac(row);
    let path = format!("incidents+bounce.{row}.{mac}@one.example");
    let forged = format!("incidents+bounce.{row}.{}@one.example", "a".repeat(mac.len()));
    side.report(&forged, "Action: failed\r\nStatus: 5.1.1").await;
    side.report(&path, "Action: delivered\r\nStatus: 2.0.0").await;
    assert!(side.lines(1, "bob@one.example").await.is_empty());
    side.report(&path, "Action: delayed\r\nStatus: 4.4.1").await;
    let lines = side.lines(1, "bob@one.example").await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("is delayed and is tried again: 4.4.1 the host does not answer"));
    assert!(side.work().await.is_empty(), "nobody is told of a delay");
    side.report(&path, "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no Bob")
        .await;
    let lines = side.lines(1, "bob@one.example").await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("could not be delivered: 550 5.1.1 no Bob"), "{lines:?}");
    let told = side.work().await;
    assert_eq!(told.len(), 1, "the commander hears of it");
    assert_eq!(told[0].0.purpose, Purpose::Undeliverable);
}

#[tokio::test]
async fn an_answer_by_the_relays_name_of_a_mail_finds_its_incident() {
    let mut side = Side::start("one.example", "").await;
    let alice = "alice@one.example";
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    let sent = side.work().await;
    let names = [(sent[0].0.outbox, "0102-000000@email.amazonses.com".to_owned())];
    side.engine.store.save_ids_of_relay(&names, side.engine.clock.now()).await.unwrap();
    let answer = "Subject: Re: checkout\r\nIn-Reply-To: <0102-000000@eu-west-1.amazonses.com>";
    side.hear(alice, "incidents@one.example", answer, "The database is back.").await;
    let timeline = side.engine.store.load_timeline(1).await.unwrap();
    assert!(timeline.iter().any(|entry| entry.text == "The database is back."), "{timeline:?}");
    // Ours by its form, though it was forgotten.
    let answer = "Subject: Re: checkout\r\nIn-Reply-To: <abcdefghijklmnopqrstuvwxyz@one.example>";
    side.hear(alice, "incidents@one.example", answer, "What is this about?").await;
    assert!(side.engine.store.load_incident(2).await.unwrap().is_none(), "an answer declares nothing");
}

#[tokio::test]
async fn a_report_that_comes_without_an_envelope_is_found_by_its_own_header() {
    let mut side = Side::start("one.example", "").await;
    let alice = "alice@one.example";
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    let row = side.work().await[0].0.outbox;
    let mac = Secret::new(&[7; 32]).bounce_mac(row);
    let octets = format!(
        "From: MAILER-DAEMON@away.example\r\nTo: incidents+bounce.{row}.{mac}@one.example\r\n\
         Subject: Undelivered Mail\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n\r\n\
         --r\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
         Final-Recipient: rfc822; {alice}\r\nAction: failed\r\nStatus: 5.2.2\r\n--r--\r\n"
    );
    side.arrive(&Address::read("incidents@one.example").unwrap(), octets.into_bytes()).await;
    while side.engine.read_waiting().await.unwrap() > 0 {}
    let refused = side.engine.store.load_outbox(Some(OutboxState::Refused), 10).await.unwrap();
    assert_eq!(refused.iter().map(|row| row.id).collect::<Vec<_>>(), [row]);
}

#[tokio::test]
async fn a_dead_member_of_an_alias_ends_no_mail_to_the_others() {
    let mut side = Side::start("one.example", "").await;
    let alice = "alice@one.example";
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    let sent = side.work().await;
    let row = sent.iter().find(|(job, _)| job.recipient.as_str() == alice).unwrap().0.outbox;
    let mac = Secret::new(&[7; 32]).bounce_mac(row);
    // The report is about bob@one.example, to whom the mail was passed on.
    let path = format!("incidents+bounce.{row}.{mac}@one.example");
    side.report(&path, "Action: failed\r\nStatus: 5.1.1").await;
    let now = side.engine.clock.now();
    assert!(side.engine.store.load_dead_addresses(now).await.unwrap().is_empty());
    side.engine.clock.advance(TimeDelta::minutes(1));
    let away = format!("{}\r\nOriginal-Recipient: rfc822; {alice}", "Action: failed\r\nStatus: 5.1.1");
    // Of one mail one report counts; this is another.
    side.hear(alice, "incidents+1@one.example", "Subject: Re", "status").await;
    let other = side.work().await[0].0.outbox;
    let mac = Secret::new(&[7; 32]).bounce_mac(other);
    side.report(&format!("incidents+bounce.{other}.{mac}@one.example"), &away).await;
    let dead = side.engine.store.load_dead_addresses(now).await.unwrap();
    assert_eq!(dead.len(), 1, "whom we wrote to is none: {dead:?}");
    let later = now + TimeDelta::days(2);
    assert!(side.engine.store.load_dead_addresses(later).await.unwrap().is_empty(), "for a day");
}

#[tokio::test]
async fn a_report_counts_once_and_while_it_can_be_true() {
    let mut side = Side::start("one.example", "").await;
    let (alice, bob) = ("alice@one.example", "bob@one.example");
    let incident = "incidents+1@one.example";
    side.hear(alice, "incidents@one.example", "Subject: SEV1 checkout is down", "I have command").await;
    side.hear(bob, incident, "Subject: Re", "join").await;
    let to_bob = |sent: &[(Job, Vec<u8>)]| -> Vec<i64> {
        let to_bob = sent.iter().filter(|(job, _)| job.recipient.as_str() == bob);
        to_bob.map(|(job, _)| job.outbox).collect()
    };
    let mut before = Vec::new();
    for note in ["It answers 503.", "It answers nothing.", "It answers 504."] {
        side.hear(alice, incident, "Subject: Re", &format!("Note: {note}")).await;
        before.extend(to_bob(&side.work().await));
    }
    let [first, second, third, ..] = before[..] else { panic!("{before:?}") };
    let path = |row: i64| {
        let mac = Secret::new(&[7; 32]).bounce_mac(row);
        format!("incidents+bounce.{row}.{mac}@one.example")
    };
    const NO_MAILBOX: &str = "Action: failed\r\nStatus: 5.1.1";
    let dead = async |side: &Side| {
        side.engine.store.load_dead_addresses(side.engine.clock.now()).await.unwrap().len()
    };
    side.engine.clock.advance(TimeDelta::minutes(1));
    side.report(&path(first), NO_MAILBOX).await;
    assert_eq!(dead(&side).await, 1);
    // Bob proves that he is there: whoever holds what he was sent before cannot silence him again.
    side.engine.clock.advance(TimeDelta::minutes(1));
    side.hear(bob, incident, "Subject: Re", "Note: I am there.").await;
    assert_eq!(dead(&side).await, 0);
    side.engine.clock.advance(TimeDelta::minutes(1));
    for row in [first, second, first] {
        side.report(&path(row), NO_MAILBOX).await;
        assert_eq!(dead(&side).await, 0, "a report of what was sent before");
    }
    assert_eq!(side.lines(1, bob).await.len(), 2, "each mail is told of once");
    // What is sent to him from now on may come back, and what a relay takes afterwards has arrived.
    side.hear(alice, incident, "Subject: Re", "Note: It answers again.").await;
    let [later] = to_bob(&side.work().await)[..] else { panic!("one note") };
    side.engine.clock.advance(TimeDelta::minutes(1));
    side.report(&path(later), NO_MAILBOX).await;
    assert_eq!(dead(&side).await, 1);
    side.engine.clock.advance(TimeDelta::minutes(1));
    let taken = [(second, "250".to_owned())];
    side.engine.store.mark_accepted(&taken, side.engine.clock.now()).await.unwrap();
    assert_eq!(dead(&side).await, 0);
    // No relay sends a mail back after a week.
    side.engine.clock.advance(TimeDelta::days(8));
    side.report(&path(third), NO_MAILBOX).await;
    assert_eq!(dead(&side).await, 0);
    assert_eq!(side.lines(1, bob).await.len(), 3);
}

#[tokio::test]
async fn our_own_addresses_are_nobodys_however_they_are_written() {
    let mut side = Side::start("one.example", "").await;
    let (alice, incident) = ("alice@one.example", "incidents+1@one.example");
    side.hear(alice, "incidents@one.example", "Subject: checkout is down", "It answers 503.").await;
    side.hear(alice, incident, "Subject: Re", "I have command").await;
    side.work().await;
    for own in [
        "incidents@one.example",
        "incidents+1@one.example",
        "incidents+7.abcdefghijklmnop@one.example",
        "INCIDENTS+1@One.Example",
        "incidents@one.example.",
        "incidents+anything@ONE.EXAMPLE.",
    ] {
        side.hear(own, "incidents@one.example", "Subject: another", "It is down.").await;
        side.hear(own, incident, "Subject: Re", "Severity: SEV-1").await;
        for line in ["IC", "Handover", "Deputy", "Expert", "Responder", "Page"] {
            side.hear(alice, incident, "Subject: Re", &format!("{line}: {own}")).await;
        }
        side.hear(alice, incident, "Subject: Re", &format!("Task: {own} look at it by 10m")).await;
    }
    let stored = side.engine.store.load_incident(1).await.unwrap().unwrap().incident;
    assert!(side.engine.store.load_incident(2).await.unwrap().is_none(), "it declares nothing");
    assert_eq!(stored.commander().unwrap().address.as_str(), alice);
    let held: Vec<_> = stored.roles.iter().map(|held| held.person.address.as_str()).collect();
    assert!(held.is_empty(), "{held:?}");
    assert_eq!(stored.severity, firebell::incident::Severity::Sev2);
    for (job, _) in side.work().await {
        assert!(!job.recipient.as_str().to_lowercase().starts_with("incidents"), "{job:?}");
    }
}
