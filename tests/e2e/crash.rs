//! `kill -9` of the real binary in a burst of mail: what got its 250 is there, once.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use crate::support::ports::free_port;
use crate::support::server::{Relay, Server};
use crate::support::smtp::{self, Refusal, Smtp};

const MAILS: usize = 200;
const CONNECTIONS: usize = 4;
/// In the middle of the burst: some are accepted, some on their way, some not sent.
const KILL_AFTER: usize = 70;

#[test]
fn every_mail_that_got_its_250_is_in_the_timeline_exactly_once_after_kill_9() {
    kill_in_a_burst("");
}

#[test]
fn the_same_holds_on_postgresql() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let url = runtime.block_on(crate::postgres::fresh_database());
    kill_in_a_burst(&format!("[database]\nurl = \"{url}\"\n"));
}

/// With `more` configuration, such as another database.
fn kill_in_a_burst(more: &str) {
    let mut server = Server::start(free_port(), &Relay::Maildir, more);
    let port = server.smtp_port;
    let report = "From: dana@people.test\nTo: incidents@example.test\nSubject: SEV-2 burst\n\
                  Message-ID: <report@people.test>\n\nit burns\n";
    smtp::send(port, "dana@people.test", &["incidents@example.test"], report)
        .expect("the report is accepted");
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);

    let (accepted, acceptances) = mpsc::channel();
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|first| {
            let accepted = accepted.clone();
            thread::spawn(move || send_share(port, first, &accepted))
        })
        .collect();
    drop(accepted);
    let mut got_250: Vec<usize> = acceptances.iter().take(KILL_AFTER).collect();
    server.kill9();
    for sender in senders {
        sender.join().expect("a sender stops when the connection breaks");
    }
    got_250.extend(acceptances.try_iter());
    assert!(got_250.len() >= KILL_AFTER && got_250.len() < MAILS, "{} were accepted", got_250.len());

    server.restart();
    let incident = server.wait_for_incident("INC-1", "the accepted mails in the timeline", |incident| {
        let counts = marks(incident);
        got_250.iter().all(|number| counts.contains_key(number))
    });
    assert_once(&marks(&incident));

    // A relay that saw no 250 sends the same octets again; some of them were stored all the same.
    for number in (0..MAILS).filter(|number| !got_250.contains(number)) {
        send_one(&mut Smtp::connect(port).expect("it listens"), number)
            .expect("accepted after the restart");
    }
    let incident = server.wait_for_incident("INC-1", "all mails in the timeline", |incident| {
        marks(incident).len() == MAILS
    });
    assert_once(&marks(&incident));
    let incidents = server.run(&["incident", "list", "--json"]);
    assert_eq!(incidents.as_array().expect("an array").len(), 1, "no reply declares: {incidents:#}");
    println!(
        "{} of {MAILS} mails had their 250 when the server was killed; each is in the timeline once, and so \
         are the rest, sent again",
        got_250.len()
    );
}

/// Sends every [`CONNECTIONS`]th mail until the connection breaks; reports each 250.
fn send_share(port: u16, first: usize, accepted: &mpsc::Sender<usize>) {
    let Ok(mut connection) = Smtp::connect(port) else { return };
    for number in (first..MAILS).step_by(CONNECTIONS) {
        match send_one(&mut connection, number) {
            Ok(()) => accepted.send(number).expect("the test counts to the end"),
            Err(Refusal::Broken(_)) => return,
            Err(Refusal::Answered(answer)) => panic!("mail {number} was refused: {answer}"),
        }
    }
}

fn send_one(connection: &mut Smtp, number: usize) -> Result<(), Refusal> {
    let message = format!(
        "From: dana@people.test\nTo: incidents+1@example.test\nSubject: Re: [INC-1] burst\n\
         Message-ID: <burst{number}@people.test>\n\nmark={number}; seen on another machine\n"
    );
    connection.send("dana@people.test", &["incidents+1@example.test"], &message)
}

/// How often each mail of the burst is in the timeline.
fn marks(incident: &Value) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for entry in incident["timeline"].as_array().expect("a timeline") {
        let text = entry["text"].as_str().unwrap_or_default();
        let mark = text.strip_prefix("mark=").and_then(|rest| rest.split(';').next());
        if let Some(number) = mark.and_then(|number| number.parse().ok()) {
            *counts.entry(number).or_insert(0) += 1;
        }
    }
    counts
}

fn assert_once(counts: &BTreeMap<usize, usize>) {
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "in the timeline more than once: {twice:?}");
}
