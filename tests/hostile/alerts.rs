//! Alerts: storms, forgeries, secrets in addresses, requests that come twice, and several servers.

use std::fs;

use chrono::TimeDelta;
use firebell::alerts::Word;
use firebell::web::alerts::Door;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const ALERTS: &str = "incidents+alert@example.org";
const MONITOR: &str = "alertmanager@example.org";
const SECRET: &str = "abcdef012345";
const TOKEN: &str = "a-token-of-the-api";

fn rule(threshold: &str) -> String {
    format!(
        "{ON_CALL}[[alert]]\nuse = \"alertmanager\"\nfrom = [\"{MONITOR}\"]\nthreshold = \"{threshold}\"\n"
    )
}

impl Server {
    /// An alert of `title` in which `status` is `FIRING:1` or `RESOLVED`.
    async fn alert(&mut self, status: &str, title: &str) {
        let subject = format!("Subject: [{status}] {title}");
        self.hear(MONITOR, ALERTS, &subject, "Sent by Alertmanager\r\nseverity = critical").await;
    }

    async fn minutes(&self, minutes: i64) {
        for _ in 0..minutes {
            self.engine.clock.advance(TimeDelta::minutes(1));
            while self.engine.pass_deadlines().await.unwrap() > 0 {}
        }
    }

    async fn count_incidents(&self) -> i64 {
        let mut count = 0;
        while self.engine.store.load_incident(count + 1).await.unwrap().is_some() {
            count += 1;
        }
        count
    }
}

#[tokio::test]
async fn a_storm_of_two_hundred_alerts_is_one_incident_and_a_handful_of_mails() {
    let mut server = Server::start(&rule("declare at once")).await;
    for _ in 0..200 {
        server.alert("FIRING:1", "HighLatency").await;
    }
    assert_eq!(server.count_incidents().await, 1);
    assert_eq!(server.incident(1).await.alerts[0].count, 200);
    let sent = server.sent().await;
    // The declaration to Alice and to the list, and the question whether Alice commands.
    assert_eq!(
        sent.len(),
        3,
        "{:?}",
        sent.iter().map(|mail| (&mail.to, mail.purpose)).collect::<Vec<_>>()
    );
    assert!(server.timeline(1).await.len() <= 3);
    assert_eq!(
        server.engine.store.load_messages(1).await.unwrap().len(),
        200,
        "every mail is kept with it"
    );
}

#[tokio::test]
async fn two_hundred_different_alerts_are_five_incidents_and_one_held_report() {
    let mut server = Server::start(&rule("declare at once")).await;
    for number in 0..200 {
        server.alert("FIRING:1", &format!("Check{number}")).await;
    }
    assert_eq!(server.count_incidents().await, 5);
    assert_eq!(of_kind(&server.sent().await, Purpose::Held).len(), 1);
    // People may still declare: monitoring has limits of its own.
    server.hear(DANA, PLAIN, "Subject: SEV-1 checkout is down", "").await;
    assert_eq!(server.count_incidents().await, 6);
}

#[tokio::test]
async fn two_hundred_alerts_that_wait_ask_thirty_times_and_declare_five() {
    let mut server = Server::start(&rule("declare when unacknowledged for 10m")).await;
    for number in 0..200 {
        server.alert("FIRING:1", &format!("Check{number}")).await;
    }
    assert_eq!(of_kind(&server.sent().await, Purpose::Alert).len(), 30);
    server.minutes(10).await;
    assert_eq!(server.count_incidents().await, 5);
    assert_eq!(of_kind(&server.sent().await, Purpose::Held).len(), 1);
}

#[tokio::test]
async fn forged_alerts_do_nothing_and_tell_the_operator_once() {
    let mut server = Server::start(&rule("declare at once")).await;
    for number in 0..50 {
        let subject = format!("Subject: [FIRING:1] Check{number}");
        server.hear_unproven(MONITOR, ALERTS, &subject, "Sent by Alertmanager").await;
        server.hear_unproven("mallory@away.example", ALERTS, &subject, "Sent by Alertmanager").await;
    }
    assert_eq!(server.count_incidents().await, 0);
    let sent = server.sent().await;
    let told: Vec<_> = sent.iter().map(|mail| (mail.to.as_str(), mail.purpose)).collect();
    assert_eq!(told, [(OPERATOR, Purpose::Operator), (OPERATOR, Purpose::Operator)]);
    let inbox = server.engine.store.load_inbox(false, 1_000).await.unwrap();
    assert_eq!(inbox.len(), 100, "all of them are shown");
}

#[tokio::test]
async fn the_secret_of_the_address_proves_an_alert_and_is_shown_to_nobody() {
    let more = format!(
        "{ON_CALL}[[alert]]\nuse = \"alertmanager\"\ntoken_file = \"/x\"\nthreshold = \"declare at once\"\n"
    );
    let mut server = Server::start(&more).await;
    let mut policy = (*server.engine.policy()).clone();
    policy.alerts[0].secret = Word::read(SECRET);
    server.engine.enforce(policy).await.unwrap();
    let subject = "Subject: [FIRING:1] HighLatency";
    for wrong in ["incidents+alert.abcdef012346@example.org", "incidents+alert.x@example.org", ALERTS] {
        server.hear_unproven("anybody@away.example", wrong, subject, "Sent by Alertmanager").await;
    }
    assert_eq!(server.count_incidents().await, 0);
    let to = format!("incidents+alert.{SECRET}@example.org");
    let text = format!("Sent by Alertmanager to {to}");
    server.hear_unproven("anybody@away.example", &to.to_uppercase(), subject, &text).await;
    assert_eq!(server.count_incidents().await, 1);
    for mail in server.sent().await {
        assert!(!mail.octets.contains(SECRET), "{}", mail.text);
    }
    assert!(server.timeline(1).await.iter().all(|entry| !entry.text.contains(SECRET)));
}

#[tokio::test]
async fn a_copy_with_proof_of_an_alert_without_it_declares() {
    let mut server = Server::start(&rule("declare at once")).await;
    let octets = format!(
        "From: {MONITOR}\r\nTo: {ALERTS}\r\nMessage-ID: <1@mon.example>\r\n\
         Subject: [FIRING:1] HighLatency\r\n\r\nSent by Alertmanager\r\n"
    );
    for proven in [false, true, true] {
        server.arrive(proven, ALERTS, octets.clone().into_bytes()).await;
        server.read().await;
    }
    assert_eq!(server.count_incidents().await, 1);
    assert_eq!(server.incident(1).await.alerts[0].count, 1);
}

#[tokio::test]
async fn an_alert_that_nobody_acknowledges_is_declared_once_by_several_servers() {
    let folder = || tempfile::tempdir().unwrap();
    let own = folder();
    let sqlite = format!("sqlite:{}", own.path().join("firebell.db").display());
    for url in [sqlite, postgres::fresh_database().await] {
        let more = rule("declare when unacknowledged for 10m");
        let clock = Clock::manual(nine());
        let mut one = Server::on(&url, folder(), clock.clone(), 1, &more).await;
        let other = Server::on(&url, folder(), clock, 2, &more).await;
        one.alert("FIRING:1", "HighLatency").await;
        one.engine.clock.advance(TimeDelta::minutes(10));
        let (first, second) = tokio::join!(one.engine.pass_deadlines(), other.engine.pass_deadlines());
        first.unwrap();
        second.unwrap();
        one.engine.pass_deadlines().await.unwrap();
        assert_eq!(one.count_incidents().await, 1, "{url}");
        assert_eq!(of_kind(&one.sent().await, Purpose::TakeCommand).len(), 1);
    }
}

#[tokio::test]
async fn an_answer_to_an_alert_needs_the_token_of_whom_it_was_sent_to() {
    let mut server = Server::start(&rule("declare when unacknowledged for 10m")).await;
    server.alert("FIRING:1", "HighLatency").await;
    let sent = server.sent().await;
    let asked = of_kind(&sent, Purpose::Alert);
    assert_eq!((asked.len(), asked[0].to.as_str()), (1, BOB));
    let to = asked[0].reply_to.clone();
    server.hear(ALICE, &to, "Subject: Re: Alert", "ack").await;
    server.hear(BOB, &to.replace("@", "x@"), "Subject: Re: Alert", "ack").await;
    server.minutes(5).await;
    server.hear_unproven(BOB, &to, "Subject: Re: Alert\r\nAuto-Submitted: auto-replied", "ack").await;
    server.minutes(5).await;
    assert_eq!(server.count_incidents().await, 1, "none of these acknowledged it");
}

/// A server that alerts are posted to, and what it answers.
struct Api {
    server: Server,
    address: std::net::SocketAddr,
    folder: tempfile::TempDir,
}

impl Api {
    async fn start() -> Self {
        let server = Server::start(&rule("declare at once")).await;
        let folder = tempfile::tempdir().unwrap();
        let token_file = folder.path().join("token");
        fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
        let door = Door::new(server.engine.clone(), token_file, Default::default());
        let router = firebell::web::serve_router(server.engine.clone(), Some(door));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { server, address, folder }
    }

    async fn post(&self, authorization: &str, body: &str) -> String {
        let head = format!(
            "POST /api/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{authorization}\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // Whoever refuses does not read all of it.
        let _ = stream.write_all(body.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn post_known(&self, body: &str) -> String {
        self.post(&format!("Authorization: Bearer {TOKEN}\r\n"), body).await
    }
}

fn webhook(status: &str, instances: &[&str]) -> String {
    let alerts: Vec<String> = instances
        .iter()
        .map(|instance| {
            format!(
                "{{\"status\":\"{status}\",\"labels\":{{\"alertname\":\"HighLatency\",\"instance\":\"{instance}\",\
                 \"severity\":\"critical\"}},\"annotations\":{{}},\"startsAt\":\"2026-11-23T08:00:00Z\"}}"
            )
        })
        .collect();
    format!(
        "{{\"version\":\"4\",\"status\":\"{status}\",\"groupLabels\":{{\"alertname\":\"HighLatency\"}},\"alerts\":[{}]}}",
        alerts.join(",")
    )
}

#[tokio::test]
async fn alerts_that_are_posted_declare_once_however_often_they_are_repeated() {
    let api = Api::start().await;
    let firing = webhook("firing", &["web01", "web02", "web03"]);
    for _ in 0..3 {
        let answer = api.post_known(&firing).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("3 stored\n"), "{answer}");
        api.server.read().await;
    }
    assert_eq!(api.server.count_incidents().await, 1);
    assert_eq!(api.server.incident(1).await.alerts[0].count, 3);
    api.server.sent().await;
    api.post_known(&webhook("resolved", &["web01", "web02"])).await;
    api.server.read().await;
    assert!(of_kind(&api.server.sent().await, Purpose::Recovery).is_empty(), "one of them fires");
    api.post_known(&webhook("resolved", &["web03"])).await;
    api.server.read().await;
    assert_eq!(of_kind(&api.server.sent().await, Purpose::Recovery).len(), 1);
    assert!(api.server.incident(1).await.phase.is_active());
}

#[tokio::test]
async fn whoever_has_not_the_token_or_posts_something_else_is_refused_with_the_reason() {
    let api = Api::start().await;
    let firing = webhook("firing", &["web01"]);
    let many = format!("[{}]", vec!["{\"labels\":{}}"; 501].join(","));
    let large = "x".repeat(4 * 1024 * 1024 + 1);
    for (authorization, body, status, why) in [
        ("", firing.as_str(), "401", "Authorization: Bearer"),
        ("Authorization: Bearer wrong-wrong-wrong\r\n", &firing, "401", "Authorization: Bearer"),
        ("Authorization: Bearer a-token-of-the-api\r\n", "{}", "400", "neither"),
        ("Authorization: Bearer a-token-of-the-api\r\n", &many, "413", "max_alerts"),
        ("Authorization: Bearer a-token-of-the-api\r\n", &large, "413", "4 MiB"),
    ] {
        let answer = api.post(authorization, body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(why),
            "{status}: {answer}"
        );
    }
    let mut guesses = Vec::new();
    for _ in 0..40 {
        guesses.push(api.post("Authorization: Bearer guess\r\n", "").await);
    }
    assert!(guesses.iter().any(|answer| answer.starts_with("HTTP/1.1 429")), "{:?}", guesses.last());
    assert!(api.post_known(&firing).await.starts_with("HTTP/1.1 200"), "guessers keep nobody out");
    for _ in 0..310 {
        guesses.push(api.post_known("[]").await);
    }
    assert!(guesses.last().is_some_and(|answer| answer.starts_with("HTTP/1.1 429")));
    // A changed token is found by itself, and one that is none keeps everybody out.
    fs::write(api.folder.path().join("token"), "short").unwrap();
    assert!(api.post_known(&firing).await.starts_with("HTTP/1.1 503"));
    api.server.read().await;
    assert_eq!(api.server.count_incidents().await, 1);
}
