//! What an operator's machines ask of a server, and the copies that are kept of its database.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use sqlx::Connection;

use super::{BINARY, Place, REPORT, STATE_WITHIN, Server, behind};

#[test]
fn health_means_that_mail_can_be_stored_and_shows_a_relay_that_is_away() {
    let place = Place::configured();
    let relay = format!("relay = \"maildir:{}/mail\"", place.folder.path().display());
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    let text = text.replace("[send]", "[web]\nlisten = \"127.0.0.1:0\"\n[send]");
    // Nobody may listen on that port.
    place.write("firebell.toml", &text.replace(&relay, "relay = \"smtp://127.0.0.1:1\""));
    let server = Server::start(&place, 2);
    let health = server.page("/healthz");
    assert!(health.ends_with("\r\n\r\nok\n"), "{health}");

    assert_eq!(place.run_with(&["ingest"], REPORT).code, 0);
    server.log_once("the relay 127.0.0.1:1 is not there");
    let away = server.page_once("/healthz", |health| {
        health.contains("no relay is there, and mail waits: 127.0.0.1:1\n")
    });
    assert!(away.contains(" 200 OK\r\n"), "{away}");
    assert!(server.page("/metrics").contains("\nfirebell_relay_up{relay=\"127.0.0.1:1\"} 0\n"));

    let figures = server.page("/outbox");
    assert!(figures.contains("The relay 127.0.0.1:1 is not there."), "{figures}");
    assert!(figures.contains("shows figures only") && !figures.contains('@'), "{figures}");
    let nothing = server.page("/incident/INC-1");
    assert!(nothing.contains(" 404 ") && nothing.contains("href=\"/outbox\""), "{nothing}");

    // Somebody else writes for longer than the server waits.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let other = runtime.block_on(async {
        let url = format!("sqlite:{}", place.path("state/firebell.db").display());
        let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
        sqlx::query("begin immediate").execute(&mut other).await.unwrap();
        other
    });
    let locked = server.page_once("/healthz", |health| health.contains(" 503 "));
    assert!(locked.ends_with("cannot be written to\n"), "{locked}");
    runtime.block_on(other.close()).unwrap();
    server.page_once("/healthz", |health| health.contains(" 200 OK\r\n"));
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn metrics_count_what_goes_through_and_name_nobody() {
    let place = Place::configured();
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    // Whoever was asked and does not answer makes the next deadline pass within the test.
    let severity = "[[severity]]\nname = \"SEV-1\"\ntake_command_within = \"1s\"\n[web]\nlisten = \"127.0.0.1:0\"\n";
    place.write("firebell.toml", &text.replace("[send]", &format!("{severity}[send]")));
    let server = Server::start(&place, 2);
    deliver(&place.path("lmtp"), "bob@example.org", REPORT);
    // A machine's mail is kept without effect.
    let away = "From: bob@example.org\nTo: incidents@example.org\nSubject: Away\n\
                Message-ID: <away@example.org>\nAuto-Submitted: auto-replied\n\nI am away.\n";
    deliver(&place.path("lmtp"), "bob@example.org", away);
    let strangers = "From: eve@elsewhere.example\nTo: incidents@example.org\nSubject: Down?\n\
                     Message-ID: <eve@elsewhere.example>\n\nNobody can pay.\n";
    deliver(&place.path("lmtp"), "eve@elsewhere.example", strangers);
    let end = Instant::now() + STATE_WITHIN;
    let metrics = loop {
        let metrics = server.page("/metrics");
        let passed = !metrics.contains("firebell_deadline_late_seconds_count 0\n");
        if passed
            && metrics.contains("{outcome=\"filed\"} 1\n")
            && metrics.contains("{outcome=\"held\"} 1\n")
            && !metrics.contains("firebell_mails_accepted_total 0\n")
            && metrics.contains("firebell_outbox_oldest_seconds 0\n")
        {
            break metrics;
        }
        assert!(Instant::now() < end, "waited in vain; last came\n{metrics}");
    };
    for line in [
        "firebell_messages_accepted_total 3",
        "firebell_messages_read_total{outcome=\"read\"} 1",
        "firebell_messages_waiting 0",
        "firebell_relay_up{relay=\"maildir\"} 1",
        "firebell_timeline_seconds_count 1",
        "firebell_inbox_messages{state=\"held\"} 1",
        "firebell_inbox_messages{state=\"set-aside\"} 0",
        "firebell_inbox_messages{state=\"filed\"} 1",
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{line} is not in\n{metrics}");
    }
    for secret in ["example.org", "elsewhere", "checkout", "Bob"] {
        assert!(!metrics.contains(secret), "{metrics}");
    }
    // As when delivery reports say that they do not arrive.
    behind(&place, "update outbox set state = 'refused' where state = 'accepted'");
    let metrics = server.page_once("/metrics", |metrics| {
        !metrics.contains("\nfirebell_outbox_mails{state=\"refused\"} 0\n")
    });
    let figure = |name: &str| -> u64 {
        let mut figures = metrics.lines().filter_map(|line| line.strip_prefix(name));
        let figure = figures.next().unwrap_or_else(|| panic!("{name} is not in\n{metrics}"));
        figure.trim().parse().unwrap()
    };
    assert!(figure("firebell_mails_accepted_total") > 0, "{metrics}");
    assert!(figure("firebell_outbox_mails{state=\"refused\"}") > 0, "{metrics}");
    for state in ["queued", "deferred", "uncertain", "held", "expired", "superseded", "cancelled"] {
        figure(&format!("firebell_outbox_mails{{state=\"{state}\"}}"));
    }
}

#[test]
fn an_audit_shows_who_wanted_a_relay_in_one_row() {
    let place = Place::configured();
    let server = Server::start(&place, 1);
    for _ in 0..3 {
        let mut stream = BufReader::new(UnixStream::connect(place.path("lmtp")).unwrap());
        let wire = "LHLO c.example\r\nMAIL FROM:<eve@elsewhere.example>\r\n\
                    RCPT TO:<a@elsewhere.example>\r\nRCPT TO:<incidents%a@elsewhere.example>\r\nQUIT\r\n";
        stream.get_mut().write_all(wire.as_bytes()).unwrap();
        let answers: Vec<String> = stream.lines().map(Result::unwrap).collect();
        assert_eq!(
            answers.iter().filter(|line| line.starts_with("550 5.7.1")).count(),
            2,
            "{answers:?}"
        );
    }
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
    let shown = place.run(&["audit"]).out;
    assert_eq!(shown.matches("a local socket").count(), 1, "{shown}");
    assert!(shown.contains("became  refused recipients, no relay: 6\n"), "{shown}");
}

/// Hands one message over by LMTP (RFC 2033).
fn deliver(socket: &Path, from: &str, message: &str) {
    let mut stream = BufReader::new(UnixStream::connect(socket).unwrap());
    let mut say = |line: String, code: &str| {
        stream.get_mut().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        while answer.get(3..4) != Some(" ") {
            answer.clear();
            assert_ne!(stream.read_line(&mut answer).unwrap(), 0, "it hung up after {line}");
        }
        assert!(answer.starts_with(code), "{line}: {answer}");
    };
    say(String::new(), "220");
    say("LHLO client.example.org\r\n".to_owned(), "250");
    say(format!("MAIL FROM:<{from}>\r\n"), "250");
    say("RCPT TO:<incidents@example.org>\r\n".to_owned(), "250");
    say("DATA\r\n".to_owned(), "354");
    say(message.replace('\n', "\r\n") + ".\r\n", "250");
}

#[test]
fn a_backup_of_a_running_server_becomes_its_database_again_and_replaces_nothing() {
    let place = Place::configured();
    let server = Server::start(&place, 1);
    assert_eq!(place.run_with(&["ingest"], REPORT).code, 0);
    let list: &[&str] = &["incident", "list", "--json"];
    let before = place.json_once(list, |found| found.get(0).is_some());
    let ran = place.run(&["backup", "copy"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.starts_with("copy holds 1 incidents, 1 messages received, and "), "{ran:?}");
    let mode = fs::metadata(place.path("copy")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds the secret key");
    let copy = fs::read(place.path("copy")).unwrap();
    let again = place.run(&["backup", "copy"]);
    assert_eq!((again.code, again.out.as_str()), (73, ""), "{again:?}");
    assert_eq!(fs::read(place.path("copy")).unwrap(), copy);

    let running = place.run(&["restore", "copy"]);
    assert_eq!(running.code, 69, "a server runs: {running:?}");
    server.signal("TERM");
    assert_eq!(server.end(), Some(0));
    let there = place.run(&["restore", "copy"]);
    assert_eq!(there.code, 73, "a database is there: {there:?}");

    fs::rename(place.path("state"), place.path("lost")).unwrap();
    let mut bent = copy.clone();
    bent.truncate(copy.len() / 2);
    for (name, octets) in [("cut", bent.as_slice()), ("empty", b""), ("text", b"Dear Firebell,")] {
        fs::write(place.path(name), octets).unwrap();
        let ran = place.run(&["restore", name]);
        assert_eq!((ran.code, ran.out.as_str()), (65, ""), "{name}: {ran:?}");
        assert!(ran.err.contains("damaged, or no database"), "{ran:?}");
    }
    let left: Vec<_> = fs::read_dir(place.path("state")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "only the lock stays of what failed: {left:?}");
    let ran = place.run(&["restore", "copy"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(place.json_once(list, |_| true), before);
    let _server = Server::start(&place, 1);
}

#[test]
fn root_is_told_the_account_that_is_to_do_it_and_touches_nothing() {
    let place = Place::configured();
    fs::create_dir(place.path("state")).unwrap();
    // nobody and nogroup, who own nothing else.
    chown(place.path("state"), Some(65534), Some(65534)).unwrap();
    let before = fs::read_dir(place.path(".")).unwrap().count();
    for (arguments, code) in [
        (&["check"] as &[&str], 77),
        (&["serve"], 77),
        (&["incident", "list"], 77),
        (&["outbox", "list"], 77),
        (&["backup", "a copy"], 77),
        (&["restore", "firebell.toml"], 77),
        (&["ingest"], 75),
    ] {
        let ran = place.run_with(arguments, REPORT);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{arguments:?} {ran:?}");
        let line = format!("run  runuser -u nobody -- {BINARY} {}", arguments[0]);
        assert!(ran.err.contains(&line), "{ran:?}");
    }
    assert!(place.run(&["backup", "a copy"]).err.ends_with("backup 'a copy'\n"));
    assert_eq!(fs::read_dir(place.path("state")).unwrap().count(), 0);
    assert_eq!(fs::read_dir(place.path(".")).unwrap().count(), before);
}

#[test]
fn a_backup_of_postgresql_is_made_with_its_own_tool() {
    let place = Place::configured();
    let text = fs::read_to_string(place.path("firebell.toml")).unwrap();
    let database = "[database]\nurl = \"postgres://127.0.0.1:9/none\"\n[send]";
    place.write("firebell.toml", &text.replace("[send]", database));
    for (command, tool) in [("backup", "`pg_dump`"), ("restore", "`pg_restore`")] {
        let ran = place.run(&[command, "copy"]);
        assert_eq!((ran.code, ran.err.contains(tool)), (64, true), "{ran:?}");
    }
}
