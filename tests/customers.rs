//! What leaves the organisation: the statement as a mail, and the public page in each of its forms.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use chrono::{DateTime, TimeDelta, Utc};
use firebell::clock::Clock;
use firebell::config::read_config;
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::incident::Policy;
use firebell::incident::customers::hints;
use firebell::incident::statement::PublicState;
use firebell::mail::Address;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, Job, NewInbound, Route};
use firebell::web::status::{StatusPage, write_files};

const CUSTOMERS: &str = r#"
[[list]]
name = "customers"
members = ["a@customer.example", "b@customer.example"]
[customers]
name = "Example & Sons"
notify = ["customers"]
reply_to = "support@example.org"
url = "https://status.example.org"
"#;

fn policy() -> Policy {
    let text = include_str!("conversations/firebell.toml");
    read_config(&format!("{text}\n{CUSTOMERS}"), "firebell.toml").expect("a configuration").policy()
}

fn start() -> DateTime<Utc> {
    "2026-11-18T08:00:00Z".parse().expect("an instant")
}

/// A server, and what people wrote to it.
struct Place {
    _folder: tempfile::TempDir,
    engine: Engine,
    mails: i64,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
        let store = Store::open(&url).await.expect("a database");
        let clock = Clock::manual(start());
        let engine = Engine::new(store, clock, Ids::new(0), Secret::new(&[1; 32]), policy());
        Self { _folder: folder, engine, mails: 0 }
    }

    async fn hear(&mut self, to: &str, subject: &str, body: &str) {
        self.mails += 1;
        let octets = format!(
            "From: Alice Ng <alice@example.org>\r\nTo: {to}\r\nSubject: {subject}\r\n\
             Message-ID: <{}@x.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n",
            self.mails,
            body.replace('\n', "\r\n")
        );
        let message = NewInbound {
            id: self.mails,
            received_at: self.engine.clock.now(),
            reverse_path: Some("alice@example.org".to_owned()),
            recipients: vec![Address::read(to).expect("an address")],
            client: Client::of_trusted_network(),
            route: Route::Smtp,
            octets: octets.into_bytes(),
        };
        self.engine.store.save_inbound(&[message]).await.expect("stored");
        while self.engine.read_waiting().await.expect("read") > 0 {}
    }

    async fn page(&self) -> StatusPage {
        StatusPage::load(&self.engine).await.expect("a page")
    }
}

/// One incident that is told of, and one of each kind that never is.
async fn told() -> Place {
    let mut place = Place::new().await;
    let begin = "Phase: investigating\nI have command\nCustomers affected: yes";
    place.hear("incidents@example.org", "SEV-1 db-3 <rejects> connections", begin).await;
    let statement = "Statement: Card & voucher payments <fail>\n\nWe are \"investigating\" it.\n\n\
                     Affected are:\n- cards\n- vouchers ]]> \u{7}\u{202e}\n\n</content><script>alert(1)</script>";
    place.hear("incidents+1@example.org", "customers", statement).await;
    place.hear("incidents+private@example.org", "SEV-1 somebody reads our mail", begin).await;
    place
        .hear("incidents+2@example.org", "customers", "Statement: We look into a private matter.")
        .await;
    place.hear("incidents+drill@example.org", "SEV-1 exercise", begin).await;
    place.hear("incidents+3@example.org", "customers", "Statement: This is an exercise.").await;
    // Waits for approval, because its author commands and an outage is a service disruption.
    place.hear("incidents+1@example.org", "customers", "Statement: The outage goes on.").await;
    place
}

/// Nothing of ours, and nothing that was not approved.
fn check_public(text: &str) {
    for ours in [
        "INC-",
        "SEV",
        "db-3",
        "connections",
        "alice",
        "Alice",
        "private matter",
        "exercise",
        "outage",
        "incidents",
        "#",
    ] {
        assert!(!text.contains(ours), "`{ours}` in\n{text}");
    }
}

#[tokio::test]
async fn the_page_has_what_was_approved_and_nothing_of_the_incident() {
    let place = told().await;
    let page = place.page().await;
    let html = page.html().expect("a page");
    check_public(&html.replace("&#", ""));
    assert!(html.contains("investigating") && html.contains("<li>cards</li>"), "{html}");
    assert!(!html.contains("<script") && !html.contains("<fail>"), "{html}");
    let json: serde_json::Value = serde_json::from_str(&page.json()).expect("JSON");
    check_public(&page.json());
    assert_eq!(json["name"], "Example & Sons");
    assert_eq!(json["disruptions"].as_array().expect("a list").len(), 1);
    let shown = &json["disruptions"][0];
    assert_eq!(shown["title"], "Card & voucher payments <fail>");
    assert_eq!(shown["state"], "investigating");
    assert_eq!(shown["next_statement_at"], "2026-11-18T08:20:00Z");
    assert_eq!(shown["statements"][0]["published_at"], "2026-11-18T08:00:00Z");
}

/// What another program makes of the feed: the number of its entries, its title, the first entry's id,
/// title, instant and text, one a line.
fn read_feed(atom: &str) -> Vec<String> {
    const READ: &str = "import feedparser, sys\n\
        feed = feedparser.parse(sys.stdin.buffer.read())\n\
        assert not feed.bozo, feed.bozo_exception\n\
        assert feed.version == 'atom10', feed.version\n\
        assert feed.feed.id and feed.feed.updated and feed.feed.author\n\
        print(len(feed.entries), feed.feed.title, sep='\\n')\n\
        for e in feed.entries[:1]: print(e.id, e.title, e.updated, repr(e.content[0].value), sep='\\n')\n";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 with feedparser; tests/run installs it");
    python.stdin.take().expect("a pipe").write_all(atom.as_bytes()).expect("written");
    let read = python.wait_with_output().expect("an answer");
    assert!(read.status.success(), "{atom}");
    String::from_utf8(read.stdout).expect("text").lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn another_program_reads_the_feed() {
    let mut place = told().await;
    let page = place.page().await;
    let atom = page.atom().expect("a feed");
    check_public(&atom.replace("&#", ""));
    let read = read_feed(&atom);
    assert_eq!(read[..2], ["1", "Example & Sons status"]);
    assert!(read[2].starts_with("tag:example.org,2026:"), "{}", read[2]);
    assert_eq!(read[3..5], ["Investigating: Card & voucher payments <fail>", "2026-11-18T08:00:00Z"]);
    assert!(read[5].contains("]]>") && read[5].contains("We are"), "{}", read[5]);
    place.engine.clock.advance(TimeDelta::minutes(10));
    place.hear("incidents+1@example.org", "customers", "Statement: We still work on it.").await;
    let later = read_feed(&place.page().await.atom().expect("a feed"));
    assert_eq!(later[0], "2");
    assert_ne!(later[2], read[2], "each statement has a name of its own");
    let nothing = StatusPage::new(&[], &policy(), start()).atom().expect("a feed");
    assert_eq!(read_feed(&nothing)[0], "0");
}

#[tokio::test]
async fn what_is_over_leaves_the_page_after_a_week_and_files_change_only_with_it() {
    let mut place = told().await;
    place.hear("incidents+1@example.org", "over", "Resolved: restarted db-3").await;
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("public");
    let html = || std::fs::read_to_string(folder.join("index.html")).expect("the page");
    assert_eq!(write_files(&place.page().await, &folder).expect("written"), 4);
    assert!(html().contains("Investigating"), "what nobody told customers is not over for them");
    assert_eq!(write_files(&place.page().await, &folder).expect("written"), 0);
    place.hear("incidents+1@example.org", "over", "Statement: All payments work again.").await;
    assert_eq!(write_files(&place.page().await, &folder).expect("written"), 3);
    assert!(html().contains("Resolved") && !html().contains("Next statement"));
    let mode = std::fs::metadata(folder.join("index.html")).expect("the page").permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "another account serves it");
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 4, "nothing half written");
    place.engine.clock.advance(TimeDelta::days(6));
    assert_eq!(place.page().await.disruptions.len(), 1);
    place.engine.clock.advance(TimeDelta::days(1));
    write_files(&place.page().await, &folder).expect("written");
    assert!(html().contains("No service disruption is reported") && !html().contains("voucher"));
}

#[tokio::test]
async fn a_private_incident_leaves_the_page_at_once() {
    let mut place = told().await;
    place.hear("incidents+1@example.org", "kind", "Private: yes").await;
    assert!(place.page().await.disruptions.is_empty());
}

#[tokio::test]
async fn a_statement_in_the_mail_leads_nobody_into_the_incident() {
    let place = told().await;
    let (now, lease) = (place.engine.clock.now(), TimeDelta::minutes(5));
    let jobs = place.engine.store.lease_outbox(1_000, now + lease, now).await.expect("the outbox");
    let outside = |job: &&Job| job.recipient.domain() == "customer.example";
    let told: Vec<&Job> = jobs.iter().filter(outside).collect();
    assert_eq!(told.len(), 2, "one copy each, of the one that was approved");
    for job in told {
        let text = String::from_utf8(job.octets.to_vec()).expect("text");
        assert!(text.contains("\r\nReply-To: support@example.org\r\n"), "{text}");
        assert!(
            !text.contains("incidents+") && !text.contains("INC-") && !text.contains("Alice"),
            "{text}"
        );
        assert!(!text.contains("customer.example"), "nobody reads who else gets it\n{text}");
    }
}

#[test]
fn no_draft_of_ours_has_words_to_look_at() {
    let policy = policy();
    let incident = firebell_incident();
    for state in PublicState::ALL {
        let draft = policy.customers.draft(state);
        assert_eq!(
            hints(draft, None, incident.declared_at, &incident, &policy),
            Vec::<String>::new(),
            "{draft}"
        );
    }
}

fn firebell_incident() -> firebell::incident::Incident {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let place = told().await;
        place.engine.store.load_incident(1).await.expect("loaded").expect("an incident").incident
    })
}
