//! Hostile senders: what somebody who proves nothing, or writes more than anybody means, can bring
//! about. Every test plays the whole engine on a database of its own.
//!
//! Start with [`Server`]; `hear` is a mail whose sender is proven, `hear_unproven` one whose is not.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::decision::{Entry, EntryKind, Purpose};
use firebell::incident::state::{Incident, WideMail};
use firebell::incident::{Phase, Severity};
use firebell::mail::Address;
use firebell::mail::compose::fill_token;
use firebell::mail::ids::Secret;
use firebell::mail::message::text_of;
use firebell::store::Store;
use firebell::store::rows::{Client, InboundState, NewInbound, Route, Undelivered};

#[path = "hostile/alerts.rs"]
mod alerts;
#[path = "hostile/flood.rs"]
mod flood;
#[path = "hostile/injection.rs"]
mod injection;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "hostile/room.rs"]
mod room;
#[path = "hostile/sending.rs"]
mod sending;
#[path = "hostile/several.rs"]
mod several;
#[path = "hostile/twice.rs"]
mod twice;

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
const DANA: &str = "dana@example.org";
const PLAIN: &str = "incidents@example.org";
const FIRST: &str = "incidents+1@example.org";
const EVERYONE: &str = "everyone@lists.example.org";
const OPERATOR: &str = "operator@example.org";

/// Alice and Bob take turns.
const ON_CALL: &str = "[[rotation]]\nname = \"commanders\"\nmembers = [\"alice\", \"bob\"]\n\
    hands_over = \"Mon 09:00\"\nfrom = \"2026-11-16\"\n\
    [command]\nrotation = \"commanders\"\ntrained = [\"alice\", \"bob\"]\n";

struct Server {
    engine: Engine,
    arrivals: i64,
    folder: tempfile::TempDir,
}

/// A mail as it went out.
struct Sent {
    to: String,
    purpose: Purpose,
    octets: String,
    text: String,
    message_id: String,
    reply_to: String,
}

fn nine() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 23).unwrap().and_hms_opt(9, 0, 0).unwrap().and_utc()
}

impl Server {
    async fn start(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("firebell.db").display());
        let clock = Clock::manual(nine());
        Self::on(&url, dir, clock, 0, more).await
    }

    async fn on(url: &str, folder: tempfile::TempDir, clock: Clock, process: u16, more: &str) -> Self {
        Self::configured(url, folder, clock, process, ("", more)).await
    }

    /// With keys of the top level, which stand first.
    async fn start_above(top: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("firebell.db").display());
        Self::configured(&url, dir, Clock::manual(nine()), 0, (top, more)).await
    }

    async fn configured(
        url: &str,
        folder: tempfile::TempDir,
        clock: Clock,
        process: u16,
        (top, more): (&str, &str),
    ) -> Self {
        let text = format!(
            "{top}address = \"{PLAIN}\"\nname = \"Incidents\"\ndomains = [\"example.org\"]\n\
             [send]\noperator = \"{OPERATOR}\"\n\
             [[person]]\nname = \"Alice Ng\"\nalias = \"alice\"\nemail = \"{ALICE}\"\n\
             [[person]]\nname = \"Bob Okafor\"\nalias = \"bob\"\nemail = \"{BOB}\"\n\
             [[person]]\nname = \"Dana Fox\"\nalias = \"dana\"\nemail = \"{DANA}\"\n\
             [[list]]\nname = \"everyone\"\naddress = \"{EVERYONE}\"\n{more}"
        );
        let policy = read_config(&text, "test").unwrap().policy();
        let store = Store::open(url).await.unwrap();
        let engine = Engine::new(store, clock, Ids::new(process), Secret::new(&[7; 32]), policy);
        Self { engine, arrivals: 0, folder }
    }

    /// With Alice and Bob on call.
    async fn on_call() -> Self {
        Self::start(ON_CALL).await
    }

    async fn arrive(&mut self, proven: bool, to: &str, octets: Vec<u8>) -> i64 {
        self.arrivals += 1;
        let received_at = self.engine.clock.now();
        let id = self.engine.ids.next(received_at);
        let message = NewInbound {
            id,
            received_at,
            reverse_path: Some("somebody@away.example".to_owned()),
            recipients: vec![Address::read(to).unwrap()],
            client: Client { network_trusted: proven, ..Client::default() },
            route: Route::Smtp,
            octets,
        };
        self.engine.store.save_inbound(&[message]).await.unwrap();
        id
    }

    async fn read(&self) {
        while self.engine.read_waiting().await.unwrap() > 0 {}
    }

    async fn mail(&mut self, proven: bool, from: &str, to: &str, more: &str, text: &str) -> i64 {
        let octets = format!(
            "From: {from}\r\nTo: {to}\r\nMessage-ID: <{}@away.example>\r\n{more}\r\n\r\n{text}\r\n",
            self.arrivals
        );
        let id = self.arrive(proven, to, octets.into_bytes()).await;
        self.read().await;
        id
    }

    async fn hear(&mut self, from: &str, to: &str, more: &str, text: &str) -> i64 {
        self.mail(true, from, to, more, text).await
    }

    async fn hear_unproven(&mut self, from: &str, to: &str, more: &str, text: &str) -> i64 {
        self.mail(false, from, to, more, text).await
    }

    /// What waits to be sent, by recipient.
    async fn sent(&self) -> Vec<Sent> {
        let now = self.engine.clock.now();
        let jobs =
            self.engine.store.lease_outbox(1_000, now + TimeDelta::minutes(5), now).await.unwrap();
        let mut sent = Vec::new();
        for job in jobs {
            self.engine.store.mark_accepted(&[(job.outbox, "250".to_owned())], now).await.unwrap();
            let octets = match &job.token {
                Some(token) => fill_token(&job.octets, token),
                None => job.octets.to_vec(),
            };
            let head = String::from_utf8_lossy(&octets).into_owned();
            let field = |name: &str| {
                let line = head.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().trim().trim_matches(['<', '>']).to_owned()
            };
            sent.push(Sent {
                to: job.recipient.as_str().to_owned(),
                purpose: job.purpose,
                text: text_of(&octets),
                message_id: field("Message-ID:"),
                reply_to: field("Reply-To:"),
                octets: head,
            });
        }
        sent
    }

    async fn incident(&self, number: i64) -> Incident {
        self.engine.store.load_incident(number).await.unwrap().expect("the incident").incident
    }

    async fn timeline(&self, number: i64) -> Vec<Entry> {
        self.engine.store.load_timeline(number).await.unwrap()
    }

    async fn state_of(&self, inbound: i64) -> InboundState {
        let mut write = self.engine.store.begin_write().await.unwrap();
        write.load_inbound(inbound).await.unwrap().expect("the message").1
    }
}

fn of_kind(sent: &[Sent], purpose: Purpose) -> Vec<&Sent> {
    sent.iter().filter(|mail| mail.purpose == purpose).collect()
}

#[tokio::test]
async fn an_unproven_report_cannot_let_go_of_the_wide_mail_by_taking_back_that_it_is_private() {
    for (to, text) in [
        ("incidents+private@example.org", "Private: no"),
        ("incidents+drill@example.org", "Drill: no"),
        (PLAIN, "Private: yes\r\nPrivate: no"),
    ] {
        let mut server = Server::on_call().await;
        server.hear_unproven(DANA, to, "Subject: SEV-1 forged", text).await;
        let sent = server.sent().await;
        assert!(sent.iter().all(|mail| mail.to != EVERYONE), "{to} {text}");
        assert_eq!(server.incident(1).await.wide_mail, WideMail::HeldForConfirmation);
    }
}

#[tokio::test]
async fn unproven_mail_does_not_use_up_the_changes_of_those_who_are_proven() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: checkout is down", "I have command").await;
    for count in 0..70 {
        let text = format!("Impact: {count} forged");
        server.hear_unproven(BOB, FIRST, "Subject: Re", &text).await;
    }
    server.hear(ALICE, FIRST, "Subject: Re", "Phase: identified").await;
    assert_eq!(server.incident(1).await.phase, Phase::Identified);
}

#[tokio::test]
async fn forged_reports_do_not_use_up_the_declarations_of_those_who_are_proven() {
    let mut server = Server::on_call().await;
    for count in 0..40 {
        let subject = format!("Subject: forged {count}");
        server.hear_unproven([ALICE, BOB, DANA][count % 3], PLAIN, &subject, "It is down.").await;
    }
    let before = server.engine.store.load_incidents(false, 100).await.unwrap().readable.len();
    assert_eq!(before, 15, "five of each");
    server.hear(DANA, PLAIN, "Subject: SEV-1 checkout is down", "Really.").await;
    assert_eq!(server.incident(16).await.title, "checkout is down");
}

#[tokio::test]
async fn strangers_do_not_use_up_the_answers_of_the_commander_on_call() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: checkout is down", "I have command").await;
    for count in 0..15 {
        let subject = format!("Subject: stranger {count}");
        server.hear_unproven(&format!("s{count}@away.example"), PLAIN, &subject, "x").await;
        server.engine.clock.advance(TimeDelta::minutes(20));
    }
    let held = of_kind(&server.sent().await, Purpose::Held).len();
    assert!(held >= 12, "{held} of 15 reports were told");
    server.hear(ALICE, FIRST, "Subject: Re", "Status").await;
    assert_eq!(of_kind(&server.sent().await, Purpose::Status).len(), 1);
}

#[tokio::test]
async fn whoever_says_the_same_again_is_told_that_it_was_filed() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: checkout is down", "I have command").await;
    let text = "Update: No change, we still wait for an answer of the vendor, more soon.";
    server.hear(ALICE, FIRST, "Subject: Re", &format!("{text}\r\n")).await;
    server
        .hear(ALICE, FIRST, "Subject: Re", "We still wait for an answer of the vendor about it.")
        .await;
    server.sent().await;
    server
        .hear(ALICE, FIRST, "Subject: Re", "We still wait for an answer of the vendor about it.")
        .await;
    let sent = server.sent().await;
    let told = of_kind(&sent, Purpose::Receipt);
    assert_eq!(told.len(), 1, "filed in silence");
    assert!(told[0].text.contains("without effect"), "{}", told[0].text);
}

#[tokio::test]
async fn a_confirmation_confirms_only_what_its_mail_lists() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-2 checkout is down", "It answers 503.").await;
    server.sent().await;
    server.hear_unproven(BOB, FIRST, "Subject: Re", "Impact: 20 % cannot pay").await;
    server.engine.clock.advance(TimeDelta::seconds(1));
    server.hear_unproven(BOB, FIRST, "Subject: Re", "Cancel: false alarm").await;
    let sent = server.sent().await;
    let asked = of_kind(&sent, Purpose::Confirmation);
    assert_eq!(asked.len(), 2);
    let own = asked.iter().find(|mail| mail.text.contains("20 % cannot pay")).unwrap();
    let more = format!("Subject: Re\r\nIn-Reply-To: <{}>", own.message_id);
    let reply_to = own.reply_to.clone();
    server.hear_unproven(BOB, &reply_to, &more, "confirm").await;
    let incident = server.incident(1).await;
    assert_eq!(incident.impact.as_deref(), Some("20 % cannot pay"));
    assert_eq!(incident.phase, Phase::Triage, "what another mail asked for was not confirmed");
    assert_eq!(incident.unconfirmed.len(), 1);
}

#[tokio::test]
async fn a_confirmation_without_its_thread_says_which_when_several_wait() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-2 checkout is down", "It answers 503.").await;
    server.sent().await;
    server.hear_unproven(BOB, FIRST, "Subject: Re", "Impact: 20 % cannot pay").await;
    let sent = server.sent().await;
    let reply_to = of_kind(&sent, Purpose::Confirmation)[0].reply_to.clone();
    server.hear_unproven(BOB, FIRST, "Subject: Re", "Cancel: false alarm").await;
    server.sent().await;
    server.hear_unproven(BOB, &reply_to, "Subject: x", "confirm").await;
    let incident = server.incident(1).await;
    assert_eq!(incident.phase, Phase::Triage);
    assert_eq!(incident.unconfirmed.len(), 2);
    assert_eq!(of_kind(&server.sent().await, Purpose::Receipt).len(), 1);
}

#[tokio::test]
async fn forged_mail_of_others_does_not_push_out_what_waits_for_somebody() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: checkout is down", "I have command").await;
    server.sent().await;
    server.hear_unproven(BOB, FIRST, "Subject: Re", "Impact: 20 % cannot pay").await;
    for count in 0..150 {
        let (from, text) = (format!("x{count}@example.org"), format!("Impact: {count} forged"));
        server.hear_unproven(&from, FIRST, "Subject: Re", &text).await;
    }
    let incident = server.incident(1).await;
    assert!(incident.unconfirmed.len() <= 100, "{}", incident.unconfirmed.len());
    assert!(incident.unconfirmed.iter().any(|waiting| waiting.by.address.as_str() == BOB));
}

#[tokio::test]
async fn nothing_is_confirmed_that_its_request_did_not_show() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-2 checkout is down", "It answers 503.").await;
    let text = format!("{}Cancel: hidden", "Join\r\n".repeat(100));
    server.hear_unproven(BOB, FIRST, "Subject: Re", &text).await;
    let sent = server.sent().await;
    let asked = of_kind(&sent, Purpose::Confirmation);
    let more = format!("Subject: Re\r\nIn-Reply-To: <{}>", asked[0].message_id);
    server.hear_unproven(BOB, &asked[0].reply_to.clone(), &more, "confirm").await;
    assert_eq!(server.incident(1).await.phase, Phase::Triage);
}

#[tokio::test]
async fn a_large_mail_does_not_make_every_later_step_large() {
    let mut server = Server::on_call().await;
    let large = "A line of an ordinary log, which somebody pasted whole.\r\n".repeat(60_000);
    server.hear(ALICE, PLAIN, "Subject: SEV-2 checkout is down", &large).await;
    for count in 0..5 {
        let text = format!("Impact: {count}\r\n\r\n{large}");
        server.hear_unproven(BOB, FIRST, "Subject: Re", &text).await;
    }
    let octets = serde_json::to_string(&server.incident(1).await).unwrap().len();
    assert!(octets < 500_000, "{octets} octets of state");
    let sent = server.sent().await;
    assert!(sent.iter().all(|mail| mail.text.len() < 100_000));
    let kept = server.timeline(1).await.iter().map(|entry| entry.text.len()).max().unwrap();
    assert!(kept > 3_000_000, "the timeline keeps all of it");
}

#[tokio::test]
async fn who_takes_no_part_in_a_private_incident_learns_nothing_of_it() {
    let mut server = Server::on_call().await;
    server
        .hear(ALICE, "incidents+private@example.org", "Subject: a stolen laptop", "I have command")
        .await;
    server.sent().await;
    for line in ["Status", "Join", "I have command", "Severity: SEV-1"] {
        server.hear(DANA, FIRST, "Subject: x", line).await;
        for mail in server.sent().await {
            assert!(mail.to != DANA || !mail.text.contains("laptop"), "{line}: {}", mail.text);
        }
    }
    let incident = server.incident(1).await;
    assert!(!incident.names(&Address::read(DANA).unwrap()));
    assert_ne!(incident.severity, Severity::Sev1);
    server.hear(ALICE, FIRST, "Subject: x", "Responder: dana").await;
    server.hear(DANA, FIRST, "Subject: x", "ack").await;
    server.hear(DANA, FIRST, "Subject: x", "Severity: SEV-1").await;
    assert_eq!(server.incident(1).await.severity, Severity::Sev1);
}

#[tokio::test]
async fn words_of_others_carry_no_mark_that_becomes_a_token() {
    let mut server = Server::on_call().await;
    let text = "It says tokentokentokent and m000000000000001 here.";
    let more = "Subject: SEV-2 down tokentokentokent m000000000000001";
    server.hear_unproven("\"tokentokentokent\" <dana@example.org>", PLAIN, more, text).await;
    for mail in server.sent().await {
        let token = mail.reply_to.split_once('.').and_then(|(_, rest)| rest.split_once('@'));
        let token = token.map(|(token, _)| token).unwrap_or_default();
        assert_eq!(token.len(), 16, "{}", mail.reply_to);
        assert!(!mail.text.contains(token), "{}", mail.text);
    }
}

#[tokio::test]
async fn a_report_whose_body_cannot_be_read_is_a_report_by_its_subject() {
    let mut server = Server::on_call().await;
    let more = "Subject: SEV-1 mail is down\r\nMIME-Version: 1.0\r\n\
                Content-Type: multipart/mixed; boundary*0=b";
    let text = "--b\r\nContent-Type: text/plain\r\n\r\nSee the attached.\r\n--b--";
    server.hear(ALICE, PLAIN, more, text).await;
    let incident = server.incident(1).await;
    assert_eq!(incident.severity, Severity::Sev1);
    assert!(incident.summary.unwrap_or_default().contains("could not be read"));
    let id = server.hear_unproven("eve@away.example", PLAIN, more, text).await;
    assert_eq!(server.state_of(id).await, InboundState::Held);
}

#[tokio::test]
async fn what_ended_without_a_commander_can_be_opened_again() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-4 slow", "It is slow.").await;
    server.hear(BOB, FIRST, "Subject: Re", "Cancel: false alarm").await;
    assert_eq!(server.incident(1).await.phase, Phase::Cancelled);
    server.hear(DANA, FIRST, "Subject: Re", "Reopen: it is slow again").await;
    assert_eq!(server.incident(1).await.phase, Phase::Investigating);
}

#[tokio::test]
async fn a_list_is_nobody_and_gets_no_token() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-2 down", "I have command").await;
    server.sent().await;
    server.hear(ALICE, FIRST, "Subject: Re", &format!("Deputy: {EVERYONE}")).await;
    assert!(server.sent().await.iter().all(|mail| mail.to != EVERYONE));
}

#[tokio::test]
async fn an_unproven_stranger_gets_no_mail_where_anyone_may_declare() {
    let mut server = Server::start("[receive.trust]\ndeclare_from = \"anyone\"\n").await;
    server.hear_unproven("victim@away.example", PLAIN, "Subject: SEV-1 forged", "x").await;
    for _ in 0..30 {
        server.engine.pass_deadlines().await.unwrap();
        for mail in server.sent().await {
            assert_ne!(mail.to, "victim@away.example", "{:?}: {}", mail.purpose, mail.text);
        }
        server.engine.clock.advance(TimeDelta::minutes(5));
    }
}

#[tokio::test]
async fn foreign_input_ends_in_no_panic() {
    let mut server = Server::on_call().await;
    let wide = "\u{1f525}\u{200d}\u{202e}e\u{301}".repeat(400);
    let bodies = [
        "x".repeat(1_000_000),
        "Join\r\n".repeat(10_000),
        "Severty: 1\r\n".repeat(10_000),
        format!("Title: {wide}"),
        format!("Update: {}", "> ".repeat(200_000)),
        format!("Expert: {wide} ({wide})"),
        "\u{0}\u{1}\u{7f}\u{85}\u{feff}\u{fffe}".repeat(1_000),
        format!("Correct #{}: x", u64::MAX),
        format!("Next update: {}m", u64::MAX),
        "Next update: 99999999999999999999h".to_owned(),
        "Started: 99999-12-31 99:99".to_owned(),
        "\r\n".repeat(200_000),
    ];
    server.hear(ALICE, PLAIN, &format!("Subject: {wide}"), &bodies[0]).await;
    for body in &bodies {
        let id = server.hear(ALICE, FIRST, &format!("Subject: {wide}"), body).await;
        assert_ne!(server.state_of(id).await, InboundState::SetAside);
        let id = server.hear_unproven(&format!("{wide} <{BOB}>"), FIRST, "Subject: x", body).await;
        assert_ne!(server.state_of(id).await, InboundState::SetAside);
        server.sent().await;
    }
    let to: Vec<String> = (0..5_000).map(|count| format!("x{count}@example.org")).collect();
    let more = format!("Subject: many\r\nCc: {}", to.join(",\r\n "));
    let id = server.hear(ALICE, PLAIN, &more, "many").await;
    assert_ne!(server.state_of(id).await, InboundState::SetAside);
    server.sent().await;
    let filed = server.timeline(1).await;
    assert!(filed.iter().any(|entry| entry.kind == EntryKind::Filed));
}

#[tokio::test]
async fn an_incident_that_cannot_be_read_stops_the_reminders_of_no_other() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-1 one", "x").await;
    server.hear(BOB, PLAIN, "Subject: SEV-1 two", "x").await;
    server.sent().await;
    let url = format!("sqlite:{}", server.folder.path().join("firebell.db").display());
    let database = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("update incident set state = '{}' where number = 1").execute(&database).await.unwrap();
    server.engine.clock.advance(TimeDelta::minutes(6));
    server.engine.pass_deadlines().await.unwrap();
    let sent = server.sent().await;
    assert!(sent.iter().any(|mail| mail.to == OPERATOR && mail.text.contains("INC-1 cannot be read")));
    assert!(sent.iter().any(|mail| mail.text.contains("INC-2")));
}

#[tokio::test]
async fn deadlines_of_another_policy_are_made_anew_and_not_asked_for_without_end() {
    let mut server = Server::on_call().await;
    server.hear(ALICE, PLAIN, "Subject: SEV-1 one", "I have command").await;
    let mut policy = (*server.engine.policy()).clone();
    for severity in &mut policy.severities {
        severity.update_every = [firebell::incident::policy::Span::Clock(TimeDelta::hours(9)); 3];
    }
    policy.missing_ladder.rungs.clear();
    let (store, clock) = (server.engine.store.clone(), server.engine.clock.clone());
    let other = Engine::new(store, clock, Ids::new(1), Secret::new(&[7; 32]), policy);
    other.clock.advance(TimeDelta::hours(1));
    let mut rounds = 0;
    while other.pass_deadlines().await.unwrap() > 0 {
        rounds += 1;
        assert!(rounds < 5, "the same deadlines again and again");
    }
}

#[tokio::test]
async fn whoever_answers_a_held_report_without_accepting_it_is_asked_again() {
    let mut server = Server::on_call().await;
    server.hear_unproven("eve@away.example", PLAIN, "Subject: your site is down", "x").await;
    let sent = server.sent().await;
    let (on_call, reply_to) = (sent[0].to.clone(), sent[0].reply_to.clone());
    server.hear_unproven(&on_call, &reply_to, "Subject: Re", "Please open it, it is real.").await;
    let sent = server.sent().await;
    assert_eq!(of_kind(&sent, Purpose::Held).len(), 1, "silence");
    assert_eq!(sent[0].to, on_call);
    server.hear_unproven(&on_call, &sent[0].reply_to, "Subject: Re", "I have command").await;
    assert_eq!(server.incident(1).await.reporter.address.as_str(), "eve@away.example");
}

#[tokio::test]
async fn an_asked_commander_who_cannot_be_reached_is_told_to_the_next() {
    let mut server = Server::on_call().await;
    server.hear(DANA, PLAIN, "Subject: SEV-1 down", "x").await;
    let now = server.engine.clock.now();
    let jobs = server.engine.store.lease_outbox(100, now + TimeDelta::minutes(5), now).await.unwrap();
    let offer = jobs.iter().find(|job| job.purpose == Purpose::TakeCommand).expect("an offer");
    let why = Undelivered::Refused("550 5.1.1 no such mailbox".into());
    server.engine.undelivered(offer.outbox, why).await.unwrap();
    let sent = server.sent().await;
    let told = of_kind(&sent, Purpose::Undeliverable);
    assert_eq!(told.len(), 1);
    assert_ne!(told[0].to, offer.recipient.as_str());
}

/// Two processes on one database that stands anew.
async fn two_on_postgres() -> [Server; 2] {
    let url = postgres::fresh_database().await;
    let clock = Clock::manual(nine());
    let folder = || tempfile::tempdir().unwrap();
    let one = Server::on(&url, folder(), clock.clone(), 1, ON_CALL).await;
    [one, Server::on(&url, folder(), clock, 2, ON_CALL).await]
}
