//! What members of our own lists get, as their mail programs read it, and the page that takes them off.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use firebell::clock::Clock;
use firebell::config::{DkimKey, read_config};
use firebell::delivery::dkim::{Signer, Signers};
use firebell::engine::Engine;
use firebell::ids::Ids;
use firebell::mail::Address;
use firebell::mail::compose::fill_token;
use firebell::mail::ids::Secret;
use firebell::store::Store;
use firebell::store::rows::{Client, NewInbound, Route};
use mail_parser::MessageParser;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LISTS: &str = "address = \"incidents@example.org\"\n\
    [[list]]\nname = \"everyone\"\nmembers = [\"carol@example.org\"]\nopen = true\n\
    [[list]]\nname = \"leadership\"\nmembers = [\"vp@example.org\"]\n";
const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\nurl = \"https://incidents.example.org\"\n";
const DKIM: &str = "[send]\ndkim = [{ selector = \"s1\", key_file = \"/etc/firebell/s1.pem\" }]\n";
/// Python's own parser of mail, which shares nothing with ours.
const PYTHON: &str = "import email, email.policy, sys\n\
    mail = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
    for name in sys.argv[1:]: print(mail[name])\n";

async fn engine(configuration: &str, folder: &tempfile::TempDir) -> Engine {
    let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
    let policy = read_config(configuration, "test").unwrap().policy();
    let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).unwrap());
    let store = Store::open(&url).await.unwrap();
    Engine::new(store, clock, Ids::new(1), Secret::new(&[1; 32]), policy)
}

fn address(text: &str) -> Address {
    Address::read(text).unwrap()
}

/// Has a mail read, and returns what goes out to an address because of it.
async fn told(engine: &Engine, mail: &str, to: &str) -> Vec<Vec<u8>> {
    let now = engine.clock.now();
    let message = NewInbound {
        id: engine.ids.next(now),
        received_at: now,
        reverse_path: Some("alice@example.org".to_owned()),
        recipients: vec![address("incidents@example.org")],
        client: Client { network_trusted: true, ..Client::default() },
        route: Route::Smtp,
        octets: format!("From: alice@example.org\r\n{mail}").into_bytes(),
    };
    engine.store.save_inbound(&[message]).await.unwrap();
    assert_eq!(engine.read_waiting().await.unwrap(), 1);
    sent(engine, to).await
}

async fn sent(engine: &Engine, to: &str) -> Vec<Vec<u8>> {
    let now = engine.clock.now();
    let jobs = engine.store.lease_outbox(100, now + TimeDelta::minutes(1), now).await.unwrap();
    let theirs = jobs.iter().filter(|job| job.recipient == address(to));
    let filled = theirs.map(|job| match &job.token {
        Some(token) => fill_token(&job.octets, token),
        None => job.octets.to_vec(),
    });
    filled.collect()
}

/// Fields as Python reads them.
fn python(octets: &[u8], fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("python3");
    command.arg("-c").arg(PYTHON).args(fields).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = command.spawn().expect("install the Debian package python3");
    python.stdin.take().unwrap().write_all(octets).unwrap();
    let said = String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

const REPORT: &str = "Subject: SEV1 checkout is down\r\n\r\nI have command\r\n";
const FIELDS: [&str; 3] = ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"];

#[tokio::test]
async fn two_parsers_read_how_a_member_leaves_and_a_signature_covers_it() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&format!("{LISTS}{WEB}{DKIM}"), &folder).await;
    let mail = told(&engine, REPORT, "carol@example.org").await.pop().unwrap();
    let token = engine.secret.leave_token("everyone", &address("carol@example.org"));
    let ways = format!(
        "<mailto:incidents+leave.everyone.{token}@example.org?subject=leave>, \
         <https://incidents.example.org/leave/everyone/{token}>"
    );
    let parsed = MessageParser::default().parse(&mail).unwrap();
    let ours = FIELDS.map(|name| parsed.header_raw(name).unwrap().replace("\r\n", "").trim().to_owned());
    let pythons = python(&mail, &FIELDS);
    for read in [ours.to_vec(), pythons] {
        assert!(read[0].ends_with("<everyone.incidents.example.org>"), "{read:?}");
        assert_eq!(read[1..], [ways.as_str(), "List-Unsubscribe=One-Click"]);
    }
    // The token to leave stands where it is needed, and the mark nowhere.
    let text = String::from_utf8_lossy(&mail).into_owned();
    assert_eq!(text.matches(&token).count(), 2);
    assert!(!text.contains("leave-token-mark"));

    let key_file = folder.path().join("s1.pem");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ED25519", "-out"])
        .arg(&key_file)
        .output()
        .expect("openssl is there: install the Debian package openssl");
    assert!(made.status.success());
    let key = DkimKey { selector: "s1".to_owned(), key_file };
    let signers = Signers::new(vec![Signer::open(&key, "example.org").unwrap()]);
    let covered = async |octets: Vec<u8>| {
        let signed = signers.sign(Arc::new(octets)).await;
        let head = String::from_utf8_lossy(&signed).replace("\r\n", "").replace(['\t', ' '], "");
        let fields = head.split_once("h=").unwrap().1.split(';').next().unwrap().to_lowercase();
        FIELDS.map(|name| fields.split(':').filter(|field| *field == name.to_lowercase()).count())
    };
    assert_eq!(covered(mail).await, [2, 2, 2], "each twice, so that no other can be added");
    let plain = sent_to_vp(&folder).await;
    assert_eq!(covered(plain).await, [0, 0, 0], "another list may write its own");
}

/// What a member of a list that is not open gets.
async fn sent_to_vp(folder: &tempfile::TempDir) -> Vec<u8> {
    let other = tempfile::tempdir_in(folder.path()).unwrap();
    let engine = engine(&format!("{LISTS}{WEB}{DKIM}"), &other).await;
    told(&engine, REPORT, "vp@example.org").await.pop().unwrap()
}

#[tokio::test]
async fn one_click_is_offered_only_where_it_is_signed_and_over_tls() {
    let plain = WEB.replace("https", "http");
    for (keys, offers) in
        [(String::new(), false), (WEB.to_owned(), false), (format!("{plain}{DKIM}"), false)]
            .into_iter()
            .chain([(format!("{WEB}{DKIM}"), true)])
    {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(&format!("{LISTS}{keys}"), &folder).await;
        let mail = told(&engine, REPORT, "carol@example.org").await.pop().unwrap();
        let text = String::from_utf8_lossy(&mail).into_owned();
        assert!(text.contains("List-Unsubscribe: <mailto:incidents+leave.everyone."), "{keys}");
        assert_eq!(text.contains("List-Unsubscribe-Post:"), offers, "{keys}");
        assert_eq!(text.contains("/leave/everyone/"), offers, "{keys}");
    }
}

#[tokio::test]
async fn only_the_one_click_post_takes_a_member_off_and_they_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&format!("{LISTS}{WEB}{DKIM}"), &folder).await;
    let served = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pages = firebell::web::serve_router(engine.clone(), None);
    let place = served.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(served, pages).await });
    let ask = async |method: &str, path: &str, form: &str| {
        let mut stream = TcpStream::connect(place).await.unwrap();
        let ask = format!(
            "{method} {path} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        stream.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let mail = told(&engine, REPORT, "carol@example.org").await.pop().unwrap();
    let text = String::from_utf8_lossy(&mail).into_owned();
    let url = text.split("https://incidents.example.org").nth(1).unwrap();
    let path = url.split('>').next().unwrap().to_owned();
    let is_member = async || {
        let policy = engine.present_policy().await.unwrap();
        policy.roster.list("everyone").unwrap().members().contains(&address("carol@example.org"))
    };
    const CLICK: &str = "List-Unsubscribe=One-Click";
    let shown = ask("GET", &path, "").await;
    assert!(shown.contains(" 200 OK") && shown.contains("<button>"), "{shown}");
    assert!(ask("HEAD", &path, "").await.contains(" 200 OK"));
    assert!(ask("OPTIONS", &path, "").await.contains(" 405 "));
    assert!(ask("POST", &path, "a=b").await.contains(" 400 "));
    let long = format!("{CLICK}&{}", "a".repeat(5_000));
    assert!(ask("POST", &path, &long).await.contains(" 413 "));
    let vp = engine.secret.leave_token("leadership", &address("vp@example.org"));
    for wrong in [
        path.replace("everyone/", "everyone/a"),
        path.replace("everyone", "leadership"),
        path.replace("everyone", "nothing"),
        format!("/leave/leadership/{vp}"),
    ] {
        assert!(ask("POST", &wrong, CLICK).await.contains(" 404 "), "{wrong}");
    }
    assert!(is_member().await);
    assert!(sent(&engine, "carol@example.org").await.is_empty());

    let left = ask("POST", &path, CLICK).await;
    assert!(left.contains(" 200 OK") && left.contains("You left the list everyone"), "{left}");
    assert!(!is_member().await);
    let news = String::from_utf8(sent(&engine, "carol@example.org").await.pop().unwrap()).unwrap();
    assert!(news.contains("Subject: You left the list everyone\r\n"), "{news}");
    assert!(news.contains("INC-1 is not over"), "{news}");
    let again = ask("POST", &path, CLICK).await;
    assert!(again.contains(" 200 OK") && again.contains("You are not on the list"), "{again}");
    assert!(sent(&engine, "carol@example.org").await.is_empty());
}

#[tokio::test]
async fn a_member_of_an_open_list_may_leave_it_by_its_digest() {
    let digest = "[[digest]]\nname = \"weekly\"\nto = [\"everyone\", \"leadership\"]\nschedule = \"0 9 * * Mon\"\n";
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(&format!("{LISTS}{WEB}{digest}"), &folder).await;
    let now = engine.clock.now();
    assert!(engine.send_digest("weekly", now).await.unwrap());
    assert!(!engine.send_digest("weekly", now).await.unwrap(), "once a period");
    let jobs = engine.store.lease_outbox(9, now + TimeDelta::minutes(1), now).await.unwrap();
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        let octets = match &job.token {
            Some(token) => fill_token(&job.octets, token),
            None => job.octets.to_vec(),
        };
        let read = python(&octets, &["List-Unsubscribe", "Reply-To", "Message-ID"]);
        let is_member = job.recipient == address("carol@example.org");
        let token = engine.secret.leave_token("everyone", &job.recipient);
        let way = format!("<mailto:incidents+leave.everyone.{token}@example.org?subject=leave>");
        assert_eq!(read[0], if is_member { way } else { "None".to_owned() });
        let (tag, _) = read[1].split_once('@').unwrap();
        let parts: Vec<&str> = tag.split('.').collect();
        let id = parts[1].parse().unwrap();
        let token = engine.secret.digest_token(id, &job.recipient);
        assert_eq!((parts[0], parts[2]), ("incidents+digest", token.as_str()));
    }
}
