//! How many questions a message makes us ask of DNS: whoever writes a mail chooses the names, so that
//! without a bound each mail could have us ask a thousand of somebody else's server.
//!
//! Start with [`Asking`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::DateTime;
use firebell::authentication::Authenticator;
use firebell::clock::Clock;
use firebell::config::{Resolver, read_config};
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::mail::Address;
use firebell::mail::authentication::{Authentication, Verdict};
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, NewInbound, Outside, Route};
use tokio::net::UdpSocket;

use dns::{Answer, NameServer};

#[path = "support/dns.rs"]
mod dns;

/// RFC 7208 section 4.6.4: ten mechanisms that ask, beside the record itself. One that asks whether a
/// name exists asks for addresses of both kinds.
const SPF_QUESTIONS_MAX: usize = 1 + 2 * 10;
/// The policy of the domain in From, and of the organisation above it (RFC 7489 section 6.6.3).
const DMARC_QUESTIONS_MAX: usize = 2;
const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// Asks a name server of its own, which is counted.
struct Asking {
    asked: Arc<AtomicUsize>,
    authenticator: Authenticator,
}

impl Asking {
    async fn start(table: &[(&str, Answer)]) -> Self {
        let table: HashMap<String, Answer> =
            table.iter().map(|(name, answer)| ((*name).to_owned(), answer.clone())).collect();
        let server = NameServer::start(table).await;
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let resolver = Resolver::At(front.local_addr().unwrap());
        let authenticator = Authenticator::new(resolver, "example.org", &[]).unwrap().unwrap();
        let asked = Arc::default();
        tokio::spawn(count(front, server, Arc::clone(&asked)));
        Self { asked, authenticator }
    }

    /// What is said of a mail of this domain, and how many questions that took.
    async fn about(&self, domain: &str) -> (Authentication, usize) {
        let said = self.authenticator.ask(&mail(domain, outside())).await;
        let questions = self.asked.swap(0, Ordering::SeqCst);
        println!("{questions:>2} questions about {domain:.60}: {}", said.findings);
        (said, questions)
    }
}

/// Passes each question on, and what is answered back.
async fn count(front: Arc<UdpSocket>, server: NameServer, asked: Arc<AtomicUsize>) {
    let mut octets = [0; 4_096];
    loop {
        let (size, client) = front.recv_from(&mut octets).await.expect("a question");
        asked.fetch_add(1, Ordering::SeqCst);
        let (question, front) = (octets[..size].to_vec(), Arc::clone(&front));
        tokio::spawn(async move {
            let back = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
            back.send_to(&question, server.address).await.expect("the question is sent");
            let mut octets = [0; 4_096];
            let size = back.recv(&mut octets).await.expect("an answer");
            front.send_to(&octets[..size], client).await.expect("the answer is sent");
        });
    }
}

fn outside() -> Client {
    let outside = Outside { address: HOST, hello: "mx.away.example".to_owned() };
    Client { outside: Some(outside), ..Client::default() }
}

fn mail(domain: &str, client: Client) -> NewInbound {
    NewInbound {
        id: 1,
        received_at: DateTime::UNIX_EPOCH,
        reverse_path: Some(format!("eve@{domain}")),
        recipients: vec![Address::read("incidents@example.org").unwrap()],
        client,
        route: Route::Smtp,
        octets: format!("From: eve@{domain}\r\nSubject: SEV-2 slow\r\n\r\nIt is slow.\r\n").into_bytes(),
    }
}

fn text(text: impl Into<String>) -> Answer {
    Answer::Text(text.into())
}

#[tokio::test]
async fn a_record_of_spf_has_ten_questions_however_it_is_written() {
    let names: Vec<String> = (0..40).map(|count| format!("n{count}.away.example")).collect();
    let every = |mechanism: &str| -> String {
        names.iter().map(|name| format!(" {mechanism}:{name}")).collect()
    };
    let ends = format!("ip4:{HOST} -all");
    let mut table = vec![
        ("wide.example", text(format!("v=spf1{} {ends}", every("include")))),
        ("hosts.example", text(format!("v=spf1{} {ends}", every("a")))),
        ("exchangers.example", text(format!("v=spf1{} {ends}", every("mx")))),
        ("existing.example", text(format!("v=spf1{} {ends}", every("exists")))),
        ("reversed.example", text(format!("v=spf1{} {ends}", every("ptr")))),
        ("loop.example", text("v=spf1 redirect=loop.example")),
        ("itself.example", text(format!("v=spf1 include:itself.example include:itself.example {ends}"))),
        ("deep.example", text("v=spf1 include:n0.away.example -all")),
    ];
    // Each includes the next; and none of them ends with a pass.
    for (name, next) in names.iter().zip(names.iter().skip(1)) {
        table.push((name, text(format!("v=spf1 include:{next} -all"))));
    }
    let asking = Asking::start(&table).await;
    for (domain, _) in table.iter().filter(|(name, _)| !name.contains("away")) {
        let (said, questions) = asking.about(domain).await;
        assert_ne!(said.verdict, Verdict::Pass, "{domain}");
        assert!(said.findings.contains("spf=permerror"), "{domain}: {}", said.findings);
        assert!(questions >= 2, "{domain}: {questions} questions");
        assert!(questions <= SPF_QUESTIONS_MAX + DMARC_QUESTIONS_MAX, "{domain}: {questions} questions");
    }
}

#[tokio::test]
async fn a_record_within_the_limit_is_asked_about_once_for_many_mails() {
    let spf = format!("v=spf1 include:a.away.example ip4:{HOST} -all");
    let asking = Asking::start(&[
        ("away.example", text(spf)),
        ("a.away.example", text("v=spf1 -all")),
        ("_dmarc.away.example", text("v=DMARC1; p=reject")),
    ])
    .await;
    let (said, questions) = asking.about("away.example").await;
    assert_eq!((said.verdict, questions), (Verdict::Pass, 2 + DMARC_QUESTIONS_MAX), "{}", said.findings);
    for _ in 0..10 {
        let (said, questions) = asking.about("away.example").await;
        assert_eq!(said.verdict, Verdict::Pass);
        // What is not there is asked for again: this server does not say how long that holds.
        assert!(questions <= 1, "{questions} questions");
    }
}

#[tokio::test]
async fn a_name_of_many_labels_is_not_asked_about_label_by_label() {
    let asking = Asking::start(&[]).await;
    let (_, questions) = asking.about(&format!("{}example.com", "a.".repeat(100))).await;
    // As many as a walk up to the organisation may ask (draft-ietf-dmarc-dmarcbis section 4.10).
    assert!(questions <= 1 + 8, "{questions} questions");
}

#[tokio::test]
async fn a_domain_that_never_answers_is_asked_for_five_seconds() {
    let names: Vec<String> = (0..10).map(|count| format!("n{count}.slow.example")).collect();
    let every: String = names.iter().map(|name| format!(" a:{name}")).collect();
    let mut table = vec![
        ("slow.example", text(format!("v=spf1{every} ip4:{HOST} -all"))),
        ("broken.example", Answer::Fails),
    ];
    table.extend(names.iter().map(|name| (name.as_str(), Answer::Silence)));
    let asking = Asking::start(&table).await;
    let begun = Instant::now();
    let (said, questions) = asking.about("slow.example").await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(said.verdict, Verdict::Unknown);
    assert!(said.findings.contains("did not answer in time"), "{}", said.findings);
    assert!(questions <= 10, "{questions} questions");
    let (said, questions) = asking.about("broken.example").await;
    assert!(said.findings.contains("spf=temperror"), "{}", said.findings);
    assert!(questions <= 4 + DMARC_QUESTIONS_MAX, "{questions} questions");
}

#[tokio::test]
async fn nobody_is_asked_about_a_mail_whose_sender_is_proven_on_the_wire() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
    let text = "address = \"incidents@example.org\"\n";
    let (store, clock) = (Store::open(&url).await.unwrap(), Clock::system());
    let policy = read_config(text, "test").unwrap().policy();
    let mut engine = Engine::new(store, clock, Ids::new(1), Secret::new(&[7; 32]), policy);
    // Whoever asks is told of each mail; here nobody does, so that such a mail would wait.
    engine.unproven = Some(Default::default());
    let eve = Address::read("eve@example.org").unwrap();
    for (id, client, waits) in [
        (1, Client { login: Some(eve), ..outside() }, 0),
        (2, Client { network_trusted: true, ..outside() }, 0),
        (3, outside(), 1),
    ] {
        let message = NewInbound { id, ..mail("example.org", client) };
        engine.store.save_inbound(&[message]).await.unwrap();
        while engine.read_waiting().await.unwrap() > 0 {}
        assert_eq!(engine.store.count_waiting_inbound().await.unwrap(), waits, "mail {id}");
    }
}
