//! A mailbox of a real Dovecot, read by IMAP into the timeline: with people who read along, servers
//! that renumber, lines that break, and a second reader.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::postgres::fresh_database;
use crate::support::imap::Imap;
use crate::support::lab::{Lab, PASSWORD};
use crate::support::ports::free_port;
use crate::support::process::{program, run};
use crate::support::proxy::Proxy;
use crate::support::server::{Relay, Server};
use crate::support::wait;

/// The person whose mailbox the incident address ends in.
const BOX: &str = "box";
/// Longer than any answer is waited for, and a new connection after it.
const NOTICED_WITHIN: Duration = Duration::from_secs(120);
const OPEN: &str = "the mailbox is open";

/// A Dovecot, and a line to it.
struct Place {
    lab: Lab,
    proxy: Proxy,
    folder: tempfile::TempDir,
}

impl Place {
    fn start() -> Self {
        let lab = Lab::start(free_port());
        let proxy = Proxy::start(lab.imap_port);
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("password"), format!("{PASSWORD}\n")).expect("a password");
        Self { lab, proxy, folder }
    }

    /// What a server is configured with; `more` keys of the mailbox.
    fn configuration(&self, more: &str) -> String {
        format!(
            "[receive.imap]\nurl = \"imap://{BOX}%40people.test@127.0.0.1:{}/INBOX\"\n\
             password_file = \"{}\"\n{more}\n",
            self.proxy.port,
            self.folder.path().join("password").display()
        )
    }

    /// A server that has the mailbox open.
    fn server(&self, more: &str) -> Server {
        let server = Server::start(free_port(), &Relay::Maildir, &self.configuration(more));
        wait_for_log(&server, OPEN, 1);
        server
    }

    /// Dana writes to the incident address, which is somebody's mailbox.
    fn write(&self, to: &str, subject: &str, number: usize) {
        let message = format!(
            "From: Dana Silva <dana@people.test>\nTo: {to}@example.test\nSubject: {subject}\n\
             Message-ID: <box{number}@people.test>\n\nmark={number}; seen on another machine\n"
        );
        self.lab.drop_into(BOX, "dana@people.test", &message);
    }

    fn declare(&self) {
        self.write("incidents", "SEV-2 Checkout is failing", 0);
    }

    fn note(&self, number: usize) {
        self.write("incidents+1", "Re: [INC-1] Checkout is failing", number);
    }

    fn mailbox(&self) -> Imap {
        Imap::open(self.lab.imap_port, &format!("{BOX}@people.test"), PASSWORD)
    }
}

fn wait_for_log(server: &Server, words: &str, times: usize) {
    wait::until(&format!("{words:?} in the log, {times} times"), NOTICED_WITHIN, || {
        (server.log().matches(words).count() >= times).then_some(())
    });
}

/// Waits until the notes with these marks are in the timeline, each once and no others.
fn wait_for_notes(server: &Server, wanted: &[usize]) {
    let incident = server.wait_for_incident("INC-1", &format!("the notes {wanted:?}"), |incident| {
        let there = notes(incident);
        wanted.iter().all(|number| there.contains(number))
    });
    assert_eq!(notes(&incident), wanted, "{incident:#}");
}

fn notes(incident: &Value) -> Vec<usize> {
    let entries = incident["timeline"].as_array().expect("a timeline");
    let mark = |entry: &Value| {
        let text = entry["text"].as_str()?.split("mark=").nth(1)?;
        text.split(';').next()?.parse().ok()
    };
    let mut marks: Vec<usize> = entries.iter().filter_map(mark).filter(|mark| *mark > 0).collect();
    marks.sort_unstable();
    marks
}

fn incidents(server: &Server) -> usize {
    server.run(&["incident", "list", "--json"]).as_array().expect("an array").len()
}

#[test]
fn what_comes_into_the_mailbox_is_in_the_timeline_and_stays_unread() {
    let place = Place::start();
    let server = place.server("poll_every = \"5m\"");
    place.declare();
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    place.note(1);
    wait_for_notes(&server, &[1]);
    // With five minutes between two looks only IDLE can have told.
    assert_eq!(place.mailbox().search("UNSEEN"), [1, 2]);
    assert_eq!(incidents(&server), 1);
}

#[test]
fn a_person_who_reads_first_takes_nothing_away() {
    let place = Place::start();
    let mut server = place.server("");
    place.declare();
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    server.kill9();
    place.note(1);
    place.note(2);
    place.lab.doveadm(&["flags", "add", "-u", "box@people.test", "\\Seen", "mailbox", "INBOX", "all"]);
    server.restart();
    wait_for_notes(&server, &[1, 2]);
}

#[test]
fn kill_9_in_a_burst_loses_nothing_and_doubles_nothing() {
    const MAILS: usize = 120;
    let place = Place::start();
    let mut server = place.server("");
    place.declare();
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    std::thread::scope(|scope| {
        scope.spawn(|| (1..=MAILS).for_each(|number| place.note(number)));
        for some in [1, MAILS / 3] {
            server.wait_for_incident("INC-1", "some notes", |incident| notes(incident).len() >= some);
            server.kill9();
            server.restart();
        }
    });
    let numbers: Vec<usize> = (1..=MAILS).collect();
    wait_for_notes(&server, &numbers);
}

#[test]
fn a_mailbox_that_is_renumbered_gives_each_message_once() {
    let place = Place::start();
    // Both lie in the mailbox before the server comes: they are history, then and later.
    place.note(7);
    place.note(8);
    for file in fs::read_dir(place.lab.maildir(BOX).join("new")).expect("a mailbox") {
        run(program("touch", "coreutils").args(["-d", "2 hours ago"]).arg(file.expect("a mail").path()));
    }
    let mut server = place.server("");
    place.declare();
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    place.note(1);
    wait_for_notes(&server, &[1]);
    server.kill9();
    // This one comes under the old numbers and is read under the new.
    place.note(2);
    let validity =
        ["mailbox", "update", "-u", "box@people.test", "--uid-validity", "4000000000", "INBOX"];
    place.lab.doveadm(&validity);
    server.restart();
    wait_for_log(&server, "the mailbox was renumbered", 1);
    place.note(3);
    wait_for_notes(&server, &[1, 2, 3]);
    assert_eq!(incidents(&server), 1);
}

#[test]
fn a_message_that_is_deleted_while_it_is_fetched_stops_no_other() {
    let place = Place::start();
    let mut server = place.server("");
    place.declare();
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    server.kill9();
    (1..=3).for_each(|number| place.note(number));
    place.proxy.hold("BODY.PEEK[]");
    server.restart();
    place.proxy.wait_until_held();
    let second =
        ["-u", "box@people.test", "mailbox", "INBOX", "header", "Message-ID", "box2@people.test"];
    place.lab.doveadm(&[&["expunge"], &second[..]].concat());
    place.proxy.release();
    wait_for_log(&server, OPEN, 2);
    place.note(4);
    wait_for_notes(&server, &[1, 3, 4]);
}

#[test]
fn five_thousand_old_mails_are_history_and_nothing_is_sent() {
    const OLD: usize = 5_000;
    let place = Place::start();
    place.declare();
    let folder: PathBuf = place.lab.maildir(BOX).join("cur");
    for number in 0..OLD {
        let message = format!(
            "Return-Path: <dana@people.test>\nFrom: dana@people.test\nTo: incidents@example.test\n\
             Subject: SEV-1 old report {number}\nMessage-ID: <old{number}@people.test>\n\nit burned\n"
        );
        fs::write(folder.join(format!("{}.M{number}P1.old:2,", 1_700_000_000 + number)), message)
            .expect("an old mail");
    }
    run(program("chown", "coreutils").args(["-R", "nobody:nogroup"]).arg(&folder));
    let server = place.server("");
    assert_eq!(incidents(&server), 0);
    place.write("incidents", "SEV-2 new report", 1);
    server.wait_for_incident("INC-1", "the new report to be an incident", |incident| {
        incident["title"].as_str().is_some_and(|title| title.contains("new report"))
    });
    assert_eq!(incidents(&server), 1);
    let outbox = server.run(&["outbox", "list", "--all", "--json"]);
    assert!(!outbox.to_string().contains("old report"), "{outbox:#}");
    assert_eq!(place.mailbox().search("UNSEEN").len(), OLD + 2);
}

#[test]
fn a_connection_that_ends_or_falls_silent_is_made_again() {
    let place = Place::start();
    let server = place.server("poll_every = \"2s\"");
    place.declare();
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    place.lab.doveadm(&["kick", "box@people.test"]);
    place.note(1);
    wait_for_notes(&server, &[1]);
    wait_for_log(&server, OPEN, 2);
    let before = place.proxy.connections();
    place.proxy.fall_silent();
    place.note(2);
    wait::until("a new connection", NOTICED_WITHIN, || {
        (place.proxy.connections() > before).then_some(())
    });
    wait_for_notes(&server, &[1, 2]);
}

#[test]
fn two_servers_on_one_mailbox_take_each_message_once() {
    let place = Place::start();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let database = format!("[database]\nurl = \"{}\"\n", runtime.block_on(fresh_database()));
    let start = || {
        let more = place.configuration("poll_every = \"1s\"") + &database;
        Server::start(free_port(), &Relay::Maildir, &more)
    };
    let (one, other) = (start(), start());
    wait_for_log(&one, OPEN, 1);
    wait_for_log(&other, OPEN, 1);
    place.declare();
    one.wait_for_incident("INC-1", "the incident to exist", |_| true);
    let numbers: Vec<usize> = (1..=40).collect();
    numbers.iter().for_each(|number| place.note(*number));
    wait_for_notes(&one, &numbers);
    wait_for_notes(&other, &numbers);
    assert_eq!(incidents(&one), 1);
}

#[test]
fn what_is_stored_is_moved_when_that_is_asked_for() {
    let place = Place::start();
    place.note(9);
    place.lab.doveadm(&["mailbox", "create", "-u", "box@people.test", "Processed"]);
    let server = place.server("move_to = \"Processed\"");
    place.declare();
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    wait::until("the report to be moved", NOTICED_WITHIN, || {
        let moved =
            place.lab.doveadm(&["search", "-u", "box@people.test", "mailbox", "Processed", "unseen"]);
        (moved.lines().count() == 1).then_some(())
    });
    // History stays where it is.
    assert_eq!(place.mailbox().search("ALL"), [1]);
}

#[test]
fn check_says_what_is_wrong_with_the_mailbox() {
    let place = Place::start();
    let server = place.server("");
    let checked =
        |wrong: &str, right: &str| server.checked(|configuration| configuration.replace(right, wrong));
    assert!(
        checked("", "\u{0}").contains("ok   mailbox box@people.test@127.0.0.1/INBOX announces its mail")
    );
    let said = checked("/Nowhere\"", "/INBOX\"");
    assert!(said.contains("there is no folder `Nowhere`"), "{said}");
    let said = checked("move_to = \"Gone\"\npassword_file", "password_file");
    assert!(said.contains("there is no folder `Gone`"), "{said}");
    let unused = free_port();
    let said = checked(&format!(":{unused}/INBOX"), &format!(":{}/INBOX", place.proxy.port));
    assert!(said.contains("cannot be reached (Connection refused"), "{said}");
    fs::write(place.folder.path().join("password"), "wrong\n").expect("a wrong password");
    let said = checked("", "\u{0}");
    assert!(
        said.contains("the login is refused ([AUTHENTICATIONFAILED]")
            || said.contains("the login is refused (Authentication failed"),
        "{said}"
    );
}
