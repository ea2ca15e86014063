//! The program as an operator meets it: files, exit codes, and what stands on the screen.
//!
//! Every test has a folder of its own; servers listen on Unix sockets in it, so that no port is
//! ever taken. Start with [`Place`].

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::Connection;

#[path = "cli/check.rs"]
mod check;
#[path = "cli/inbox.rs"]
mod inbox;
#[path = "cli/list.rs"]
mod list;
#[path = "cli/operations.rs"]
mod operations;
#[path = "cli/retention.rs"]
mod retention;
#[path = "cli/search.rs"]
mod search;

const BINARY: &str = env!("CARGO_BIN_EXE_firebell");
/// How long a mail may take to become a state on a busy machine.
const STATE_WITHIN: Duration = Duration::from_secs(60);

const PEOPLE: &str = r#"
[[person]]
name = "Alice Ng"
alias = "alice"
email = "alice@example.org"
[[person]]
name = "Bob Okafor"
alias = "bob"
email = "bob@example.org"
[[rotation]]
name = "commanders"
members = ["alice", "bob"]
hands_over = "Mon 09:00"
from = "2026-11-16"
[command]
rotation = "commanders"
trained = ["alice", "bob"]
"#;

const REPORT: &str = "From: Bob <bob@example.org>\nTo: incidents@example.org\n\
    Subject: SEV1 checkout is down\nMessage-ID: <report@example.org>\n\
    Date: Fri, 20 Nov 2026 09:00:00 +0100\n\nAll payments fail.\nFrom here on nothing works.\n\
    Like incidents+1.abcdefghijklmnop@example.org\n-- \nBob, payments\n";

/// A folder with a configuration in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn empty() -> Self {
        Self { folder: tempfile::Builder::new().prefix("fb-cli-").tempdir().unwrap() }
    }

    /// With a configuration that works: mail goes into maildirs, and comes by a Unix socket.
    fn configured() -> Self {
        let place = Self::empty();
        let folder = place.folder.path().display();
        place.write(
            "firebell.toml",
            &format!(
                "address = \"incidents@example.org\"\ntime_zone = \"Europe/Berlin\"\n\
                 data_dir = \"{folder}/state\"\n[receive.lmtp]\nlisten = \"unix:{folder}/lmtp\"\n\
                 [send]\nrelay = \"maildir:{folder}/mail\"\n{PEOPLE}"
            ),
        );
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        // Nothing of the account that runs the tests may change what is said.
        command.current_dir(self.folder.path()).env_clear().args(arguments);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    fn run_with(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read its input has its reasons; its exit code says them.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::from(child.wait_with_output().unwrap())
    }

    /// Runs a command until it prints JSON in which `wanted` holds.
    fn json_once(&self, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + STATE_WITHIN;
        loop {
            let ran = self.run(arguments);
            if let Ok(value) = serde_json::from_str(&ran.out)
                && wanted(&value)
            {
                return value;
            }
            assert!(Instant::now() < end, "waited in vain; last came {ran:?}");
            std::thread::yield_now();
        }
    }
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// `firebell serve`, which has said that it listens; killed at the end of the test.
struct Server {
    process: Child,
    said: Vec<String>,
    log: PathBuf,
}

impl Server {
    fn start(place: &Place, listeners: usize) -> Self {
        let log = place.path("log");
        let mut command = place.command(&["serve", "--log", "json"]);
        command.stdout(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
        let mut process = command.spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let said: Vec<String> = out.lines().take(listeners).map(Result::unwrap).collect();
        assert_eq!(said.len(), listeners, "{}", fs::read_to_string(&log).unwrap());
        Self { process, said, log }
    }

    /// What it answers to a GET, headers included; `[web]` is said second.
    fn page(&self, path: &str) -> String {
        let address = self.said[1].strip_prefix("listening for HTTP on ").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The same, once it is as it should be: answers are repeated for a second.
    fn page_once(&self, path: &str, is_so: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + STATE_WITHIN;
        loop {
            let answer = self.page(path);
            if is_so(&answer) {
                return answer;
            }
            assert!(Instant::now() < end, "{path} never was so; last came\n{answer}");
            std::thread::yield_now();
        }
    }

    fn signal(&self, name: &str) {
        let process = self.process.id().to_string();
        let kill = Command::new("kill").args([&format!("-{name}"), &process]).status();
        assert!(kill.unwrap().success());
    }

    fn log_once(&self, part: &str) {
        let end = Instant::now() + STATE_WITHIN;
        loop {
            let log = fs::read_to_string(&self.log).unwrap();
            if log.contains(part) {
                return;
            }
            assert!(Instant::now() < end, "`{part}` never stood in the log:\n{log}");
            std::thread::yield_now();
        }
    }

    /// Waits for its end, and returns the exit code.
    fn end(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Changes the database behind the server's back.
fn behind(place: &Place, statement: &'static str) {
    let database = format!("sqlite:{}", place.path("state/firebell.db").display());
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut behind = sqlx::SqliteConnection::connect(&database).await.unwrap();
        sqlx::query(statement).execute(&mut behind).await.unwrap();
    });
}

fn maildir_has(folder: &Path) -> bool {
    fs::read_dir(folder.join("new")).is_ok_and(|mut entries| entries.next().is_some())
}

/// The keys of an object, sorted, which programs rely on.
fn keys(object: &Value) -> String {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys.join(" ")
}

#[test]
fn a_mail_from_the_pipe_becomes_an_incident_that_every_command_shows() {
    let place = Place::configured();
    let folder = place.folder.path();
    let stored = place
        .run_with(&["ingest", "--from", "bob@example.org", "--to", "incidents@example.org"], REPORT);
    assert_eq!((stored.code, stored.out.as_str(), stored.err.as_str()), (0, "", ""));
    assert_eq!(place.run(&["incident", "list"]).out, "There are no incidents.\n");
    let server = Server::start(&place, 1);
    assert_eq!(server.said, [format!("listening for LMTP on unix:{}/lmtp", folder.display())]);

    let list = place.json_once(&["incident", "list", "--json"], |list| list[0]["key"] == "INC-1");
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["title"], "checkout is down");
    let shown = place.run(&["incident", "show", "inc-1", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["severity"], "SEV-1");
    assert_eq!(shown["timeline"][0]["kind"], "declaration");
    assert_eq!(shown["timeline"][0]["author"], "bob@example.org");
    assert_eq!(
        keys(&shown),
        "actions declared_at drill duplicate_of key missing next_update_due obligations part_of parts phase \
         postmortem private proposals resolved_at roles severity severity_assumed statements tasks timeline \
         title"
    );
    assert_eq!(
        keys(&shown["timeline"][0]),
        "at author kind message_id proof recorded_at seq text verified"
    );
    assert_eq!(keys(&shown["obligations"][0]), "due_at kind owed_by stage");
    let usual = place.run(&["incident", "show", "1"]).out;
    assert!(usual.starts_with("INC-1  checkout is down") && !usual.contains("Bob, payments"), "{usual}");
    let full = place.run(&["incident", "show", "1", "--full"]).out;
    assert!(full.contains("\n    | Bob, payments\n"), "{full}");
    assert!(place.run(&["incident", "list"]).out.starts_with("INC-1 "));

    let mbox = place.run(&["incident", "export", "INC-1", "--format", "mbox"]).out;
    assert!(!mbox.contains(".abcdefghijklmnop@") && mbox.contains("incidents+1@example.org"), "{mbox}");
    assert!(mbox.starts_with("From bob@example.org ") && mbox.contains("\n>From here on"), "{mbox}");
    let markdown = place.run(&["incident", "export", "INC-1"]).out;
    assert!(markdown.starts_with("# INC-1 checkout is down\n"), "{markdown}");
    let exported = place.run(&["incident", "export", "INC-1", "--json"]).out;
    let exported: Value = serde_json::from_str(&exported).unwrap();
    assert_eq!(exported["key"], "INC-1");
    assert_eq!(exported["timeline"][0]["elided"], "--\nBob, payments\n");

    let sent = place.json_once(&["outbox", "list", "--all", "--json"], |rows| {
        let rows = rows.as_array().unwrap();
        !rows.is_empty() && rows.iter().all(|row| row["state"] == "accepted")
    });
    assert!(maildir_has(&folder.join("mail").join("bob@example.org")), "{sent}");
    let id = sent[0]["id"].to_string();
    assert_eq!(place.run(&["outbox", "retry", &id]).code, 66);
    assert_eq!(place.run(&["outbox", "list"]).out, "Nothing waits, failed or is held.\n");
    assert_eq!(place.run(&["outbox", "dead"]).out, "Mail is sent to everybody.\n");
    assert_eq!(place.run(&["outbox", "revive", "bob@example.org"]).code, 66);
    assert_eq!(place.run(&["outbox", "revive", "bob"]).code, 65);
    let checked = place.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(checked.out.contains("a Firebell server listens there"), "{checked:?}");

    server.signal("TERM");
    let log = server.log.clone();
    assert_eq!(server.end(), Some(0));
    let log = fs::read_to_string(log).unwrap();
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
    }
    for secret in ["bob@example.org", "checkout is down", "All payments"] {
        assert!(!log.contains(secret), "the log has `{secret}`:\n{log}");
    }
}

#[test]
fn a_mistake_keeps_the_configuration_that_works_and_a_mended_one_is_put_in_force() {
    let place = Place::configured();
    let server = Server::start(&place, 1);
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    place.write("firebell.toml", &format!("severty = 1\n{text}"));
    server.signal("HUP");
    server.log_once("the configuration stays as it was: firebell.toml:1: unknown key 'severty'");
    // Where no operator is named the commander on call is told, whoever that is on the day of the test.
    let mailboxes = ["alice@example.org", "bob@example.org"].map(|who| place.path("mail").join(who));
    let end = Instant::now() + STATE_WITHIN;
    while !mailboxes.iter().any(|mailbox| maildir_has(mailbox)) {
        assert!(Instant::now() < end, "nobody was told of the mistake");
        std::thread::yield_now();
    }
    place.write("key.pem", "no key");
    let key = format!("[[send.dkim]]\nselector = \"new\"\nkey_file = {:?}\n", place.path("key.pem"));
    place.write("firebell.toml", &format!("{text}\n{key}"));
    server.signal("HUP");
    server.log_once("the configuration stays as it was: [[send.dkim]] ");
    place.write("firebell.toml", &text);
    server.signal("HUP");
    server.log_once("read again and is in force");
    server.signal("INT");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn a_second_server_on_one_sqlite_database_is_told_so() {
    let place = Place::configured();
    let _server = Server::start(&place, 1);
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    place.write("second.toml", &text.replace("/lmtp\"", "/lmtp2\""));
    let ran = place.run(&["-c", "second.toml", "serve"]);
    assert_eq!((ran.code, ran.out.as_str()), (69, ""), "{ran:?}");
    assert!(ran.err.contains("another `firebell serve`"), "{ran:?}");
}

#[test]
fn a_wrong_command_line_is_64() {
    let place = Place::configured();
    for arguments in [
        &["incidents"] as &[&str],
        &["incident", "show"],
        &["outbox", "retry", "x"],
        &["oncall", "--at", "soon"],
        &["ingest", "--to", "nobody"],
        &[],
    ] {
        let ran = place.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (64, ""), "{arguments:?} {ran:?}");
        assert!(!ran.err.is_empty());
    }
    assert_eq!(place.run(&["--help"]).code, 0);
    assert_eq!(place.run(&["--version"]).out, format!("firebell {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_not_there_is_66_and_named() {
    let place = Place::configured();
    for (arguments, named) in [
        (&["ingest", "gone.eml"] as &[&str], "gone.eml"),
        (&["incident", "show", "INC-7"], "INC-7"),
        (&["incident", "export", "x"], "`x`"),
        (&["outbox", "hold", "7"], "mail 7"),
        (&["rehearse", "gone.txt"], "gone.txt"),
        (&["new-text", "gone.eml"], "gone.eml"),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, 66, "{arguments:?} {ran:?}");
        assert!(ran.err.contains(named), "{ran:?}");
    }
}

#[test]
fn a_message_that_cannot_be_stored_is_75_so_that_the_mta_keeps_it() {
    let place = Place::configured();
    // The folder of the database is a file, which not even root can write into.
    place.write("state", "");
    let ran = place.run_with(&["ingest"], REPORT);
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(ran.err.contains("data_dir"), "{ran:?}");
    // The same for a mistake of ours: a report is worth more than a tidy configuration.
    place.write("firebell.toml", "adress = 1\n");
    let ran = place.run_with(&["ingest"], REPORT);
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(ran.err.contains("firebell.toml:1: "), "{ran:?}");
    let serve = place.run(&["serve"]);
    assert_eq!(serve.code, 78, "{serve:?}");
}

#[test]
fn no_configuration_is_78_and_says_how_to_get_one() {
    let place = Place::empty();
    let ran = place.run(&["-c", "mine.toml", "serve"]);
    assert_eq!(ran.code, 78);
    assert!(ran.err.contains("mine.toml") && ran.err.contains("firebell init"), "{ran:?}");
}

#[test]
fn the_commander_on_call_is_named_for_any_time() {
    let place = Place::configured();
    let ran = place.run(&["oncall", "--at", "2026-11-24 12:00"]);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "Tue 2026-11-24 12:00 CET");
    assert_eq!(lines[1], "commands  Bob Okafor <bob@example.org>");
    assert!(lines[3].contains("hands over Mon 2026-11-30 09:00 CET"), "{ran:?}");
}

#[test]
fn a_rehearsal_prints_the_conversation_and_leaves_nothing_behind() {
    let place = Place::configured();
    place.write(
        "talk.txt",
        "A report.\n\n2026-11-20 09:00 in\n    From: bob@example.org\n    Subject: SEV1 checkout is down\n",
    );
    let temporary = place.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let ran =
        Ran::from(place.command(&["rehearse", "talk.txt"]).env("TMPDIR", &temporary).output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("out to alice@example.org"), "{ran:?}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!place.path("state").exists() && !place.path("mail").exists());
    place.write("talk.txt", "2026-11-20 09:00 alice dances\n");
    assert_eq!(place.run(&["rehearse", "talk.txt"]).code, 65);
}

#[test]
fn files_that_came_by_mail_are_exported_and_overwrite_nothing() {
    let place = Place::configured();
    let report = "From: Bob <bob@example.org>\nTo: incidents@example.org\nSubject: SEV1 down\n\
        Message-ID: <files@example.org>\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\n\nSee the log.\n--b\n\
        Content-Disposition: attachment; filename=\"../proxy.log\"\n\n502\n--b--\n";
    let stored = place
        .run_with(&["ingest", "--from", "bob@example.org", "--to", "incidents@example.org"], report);
    assert_eq!((stored.code, stored.err.as_str()), (0, ""));
    let server = Server::start(&place, 1);
    place.json_once(&["incident", "list", "--json"], |list| list[0]["key"] == "INC-1");
    let shown = place.run(&["incident", "show", "INC-1", "--json"]);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let file = &shown["timeline"][0]["attachments"][0];
    assert_eq!((&file["name"], &file["size_octets"]), (&"proxy.log".into(), &3.into()));
    // `printf 502 | sha256sum`
    let hash = "5344c4110f483793dc352c388e67776724c36b4bea3ffda6cab7c75b9c65aceb";
    assert_eq!(file["sha256"], hash);
    let folder = place.folder.path().join("files");
    let export = ["incident", "export", "INC-1", "--files", folder.to_str().unwrap()];
    let exported = place.run(&export);
    assert_eq!(exported.code, 0, "{exported:?}");
    assert!(exported.out.contains("[proxy.log, 3 octets]"), "{exported:?}");
    assert_eq!(fs::read_to_string(folder.join("1-1 proxy.log")).unwrap(), "502");
    assert_eq!(place.run(&export).code, 73);
    server.signal("TERM");
}
