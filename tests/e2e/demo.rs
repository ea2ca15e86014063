//! `firebell demo` as a visitor uses it: a page in a real browser, real clicks, and a clock that is
//! moved.
//!
//! The binary chooses free ports and prints where it is. Start with [`Demo::start`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sqlx::Connection as _;

use crate::support::chrome::Chrome;
use crate::support::wait;

/// A busy machine takes its time to end a process.
const ENDED_WITHIN: Duration = Duration::from_secs(30);

/// A running demo.
struct Demo {
    process: Child,
    /// `http://127.0.0.1:8025`.
    page: String,
    /// What it printed before it said how to stop it.
    said: String,
    /// Where its temporary folder is; gone with it, however it ends.
    _around: tempfile::TempDir,
}

impl Demo {
    fn start() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firebell"));
        command.args(["demo", "--smtp-port", "0", "--web-port", "0"]);
        let around = tempfile::tempdir().expect("a temporary folder");
        command.env_clear().env("TMPDIR", around.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the binary runs");
        let stdout = BufReader::new(process.stdout.take().expect("its output is piped"));
        let mut said = String::new();
        for line in stdout.lines() {
            let line = line.expect("it prints text");
            let last = line.contains("Ctrl-C");
            said.push_str(&line);
            said.push('\n');
            if last {
                break;
            }
        }
        let page = said.split_whitespace().find(|word| word.starts_with("http://"));
        let page = page.unwrap_or_else(|| panic!("it says what to open: {said}")).to_owned();
        Self { process, page, said, _around: around }
    }

    /// Where it keeps its data.
    fn folder(&self) -> PathBuf {
        let line = self.said.lines().find(|line| line.starts_with("The data"));
        let (_, path) = line.and_then(|line| line.split_once(": ")).expect("it says where its data is");
        PathBuf::from(path)
    }

    /// One request as a program sends it; the answer with its header.
    fn ask(&self, head: &str, body: &str) -> String {
        let address = self.page.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the page listens");
        let request = format!(
            "{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(&mut self) {
        let sent = Command::new("kill").arg("-INT").arg(self.process.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
        let ended = wait::until("the demo to end", ENDED_WITHIN, || {
            self.process.try_wait().expect("a child of ours")
        });
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_visitor_declares_takes_command_by_a_click_and_is_reminded_when_the_clock_moves() {
    let demo = Demo::start();
    let chrome = Chrome::start();
    chrome.goto(&demo.page);
    chrome.click(&chrome.find("form[action='/declare'] button"));
    chrome.wait_for_text("Asked to take command: Alice Ng.");
    let incident = chrome.url();
    assert!(incident.contains("/incident/INC-1"), "{incident}");

    chrome.click(&chrome.find("nav a[href='/mailbox/alice']"));
    chrome.wait_for_text("Take command of this SEV-1?");
    chrome.click(&chrome.find("button.mail"));
    chrome.wait_for_text("Reply as Alice");
    chrome.click(&chrome.find_link("Take command"));
    chrome.wait_for_text("Send it unchanged");
    assert_eq!(chrome.text(&chrome.find("textarea[name=text]")), "I have command");
    chrome.click(&chrome.find("form[action$='/send'] button"));
    chrome.wait_for_text("Sent.");
    chrome.click(&chrome.find_link("INC-1"));
    chrome.wait_for_text("Alice Ng took command.");
    chrome.wait_for_text("Alice Ng, since");

    chrome.click(&chrome.find("nav a[href='/mailbox/carol']"));
    chrome.click(&chrome.find("button.mail"));
    let reply = chrome.find("form[action$='/reply'] textarea");
    chrome.write(&reply, "Replica lag is 40 s.\n\n-- \nCarol, on a small screen");
    chrome.click(&chrome.find("form[action$='/reply'] button"));
    chrome.wait_for_text("Sent. Firebell read it and answered with 1 mail to Alice.");
    chrome.click(&chrome.find_link("INC-1"));
    chrome.wait_for_text("Replica lag is 40 s.");
    chrome.wait_for_text("cut off: quotation, signature");

    // The facts that are missing are the commander's to state.
    chrome.click(&chrome.find("button[value=next]"));
    chrome.wait_for_text("The clock was moved. Firebell sent 1 mail to Alice meanwhile.");
    chrome.click(&chrome.find("nav a[href='/mailbox/alice']"));
    chrome.wait_for_text("[INC-1] Alice: a few facts are missing");
    // The update of a SEV-1 is due after half an hour, and asked for five minutes before.
    for _ in 0..3 {
        chrome.goto(&format!("{}/mailbox/alice", demo.page));
        chrome.click(&chrome.find("button[value=ten]"));
        chrome.wait_for_text("The clock was moved.");
    }
    chrome.wait_for_text("[INC-1] Alice: update due");
}

#[test]
fn whoever_sits_at_the_machine_sees_what_waits_and_sends_it_or_not() {
    let demo = Demo::start();
    let chrome = Chrome::start();
    chrome.goto(&demo.page);
    chrome.click(&chrome.find("form[action='/declare'] button"));
    chrome.wait_for_text("Asked to take command: Alice Ng.");
    chrome.goto(&format!("{}/outbox", demo.page));
    chrome.wait_for_text("Nothing waits, failed or is held.");
    // A relay put one off yesterday.
    let database = format!("sqlite:{}", demo.folder().join("firebell.db").display());
    let waiting = "update outbox set state = 'deferred', accepted_at = null, attempts = 3,
        due_at = due_at + 40 * 24 * 3600 * 1000000, dialogue = '> RCPT TO:<alice@example.org>',
        last_answer = '450 4.2.0 later' where recipient = 'alice@example.org'";
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let mut database = sqlx::SqliteConnection::connect(&database).await.expect("its database");
        sqlx::query(waiting).execute(&mut database).await.expect("a mail that waits");
    });
    chrome.goto(&format!("{}/outbox", demo.page));
    chrome.wait_for_text("450 4.2.0 later");
    chrome.click(&chrome.find("a.card[href^='/outbox/']"));
    chrome.wait_for_text("> RCPT TO:<alice@example.org>");
    chrome.click(&chrome.find("form[action$='/hold'] button"));
    chrome.wait_for_text("The mail is held back until somebody sends it.");
    chrome.click(&chrome.find("form[action$='/retry'] button"));
    chrome.wait_for_text("The mail is tried again now.");
    let mail = chrome.url();
    let mail = mail.split('?').next().unwrap_or_default();
    wait::until("the mail to go out", ENDED_WITHIN, || {
        chrome.goto(mail);
        (chrome.text(&chrome.find("b.tag")) == "accepted").then_some(())
    });
}

#[test]
fn a_mail_is_read_in_a_frame_that_runs_nothing_and_its_button_opens_the_reply() {
    let demo = Demo::start();
    let chrome = Chrome::start();
    chrome.goto(&demo.page);
    chrome.click(&chrome.find("form[action='/declare'] button"));
    chrome.wait_for_text("Asked to take command");
    chrome.click(&chrome.find("nav a[href='/mailbox/alice']"));
    chrome.click(&chrome.find("button.mail"));
    chrome.click(&chrome.find_link("HTML"));
    chrome.enter_frame(&chrome.find("iframe.letter"));
    chrome.click(&chrome.find_link("Take command"));
    chrome.leave_frame();
    chrome.wait_for_text("Send it unchanged");
    let mail = chrome.url();
    let path =
        mail.strip_prefix(&demo.page).expect("a page of the demo").replace("/write?action=0", "/html");
    let host = demo.page.trim_start_matches("http://");
    let answer = demo.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"), "").to_lowercase();
    assert!(
        answer.contains("content-security-policy: default-src 'none'") && answer.contains("sandbox"),
        "{answer}"
    );
    assert!(!answer.contains("mailto:"), "{answer}");
}

#[test]
fn no_other_site_can_act_through_the_browser() {
    let demo = Demo::start();
    let host = demo.page.trim_start_matches("http://").to_owned();
    let form = "from=carol&subject=SEV-1+x&text=";
    let declare = |fields: &str| demo.ask(&format!("POST /declare HTTP/1.1\r\n{fields}"), form);
    let own = format!("Host: {host}\r\n");
    let origin = |origin: &str| format!("{own}Origin: {origin}\r\n");
    for fields in [
        own.clone(),
        origin("https://evil.example"),
        origin("null"),
        format!("{}Sec-Fetch-Site: cross-site\r\n", origin(&demo.page)),
        format!("Host: evil.example\r\nOrigin: {}\r\n", demo.page),
    ] {
        let answer = declare(&fields);
        assert!(answer.starts_with("HTTP/1.1 403"), "{fields:?}: {answer}");
    }
    let get = |path: &str, host: &str| demo.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"), "");
    assert!(get("/incident/INC-1", "evil.example").starts_with("HTTP/1.1 403"));
    assert!(get("/incident/INC-1", &host).starts_with("HTTP/1.1 404"), "nothing was declared");
    assert!(get("/healthz", &host).ends_with("ok\n"));
    let page = get("/", &host).to_lowercase();
    for field in ["content-security-policy: default-src 'none'", "nosniff", "no-store"] {
        assert!(page.contains(field), "{field} is missing: {page}");
    }
    let answer = declare(&origin(&demo.page));
    assert!(answer.starts_with("HTTP/1.1 303") && answer.contains("/incident/INC-1?"), "{answer}");
}

#[test]
fn nothing_is_left_when_the_demo_is_stopped() {
    let mut demo = Demo::start();
    let folder = demo.folder();
    assert!(folder.join("firebell.db").exists(), "{}", demo.said);
    demo.interrupt();
    assert!(!folder.exists(), "{} is still there", folder.display());
}

#[test]
fn a_template_that_is_chosen_on_the_page_states_what_the_report_left_open_and_is_found() {
    let demo = Demo::start();
    let host = demo.page.trim_start_matches("http://").to_owned();
    let get = |path: &str| demo.ask(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n"), "");
    assert!(get("/").contains("<option value=\"database\">"), "it can be chosen");
    let declare = |template: &str, fields: &str| {
        let head = format!("POST /declare HTTP/1.1\r\nHost: {host}\r\nOrigin: {}\r\n", demo.page);
        demo.ask(&head, &format!("from=carol&template={template}&{fields}"))
    };
    let answer = declare("database", "subject=&text=Severity:+SEV-3");
    assert!(answer.contains("/incident/INC-1?"), "{answer}");
    let incident = get("/incident/INC-1");
    for stated in ["The database is slow", "SEV-3", "look at what changed today", "payments"] {
        assert!(incident.contains(stated), "{stated}");
    }
    let found = get("/search?words=what+CHANGED");
    assert!(found.contains("/incident/INC-1"), "{found}");
    assert!(!get("/search?words=unheard+of").contains("/incident/INC-1"));
    let answer = declare("nothing", "subject=x&text=");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}
