//! What stands still: a server whose machine does, while another takes its mail over, and a relay
//! that does when the server is to stop.
//!
//! Start with [`a_server_that_stood_still_sends_nothing_that_another_took_over`].

use std::fs;
use std::time::{Duration, Instant};

use crate::support::lab::{Lab, PASSWORD};
use crate::support::ports::free_port;
use crate::support::server::{ADDRESS, Relay, Server};
use crate::support::sink::Sink;
use crate::support::smtp::{self, Smtp};
use crate::support::wait;

const WITHIN: Duration = Duration::from_secs(60);
/// What is promised to whoever stops it, and a moment for the process itself.
const STOPS_WITHIN: Duration = Duration::from_secs(11);
/// Longer than a lease.
const LATER: &str = "+150s";
/// Connections of one server to its relay.
const CONNECTIONS: usize = 4;
const REPORT: &str = "From: dana@people.test\nTo: incidents@example.test\nSubject: SEV-2 rack burns\n\
                      Message-ID: <report@people.test>\n\nIt burns.\n";

/// Its clocks go on while it stands still, so the one on the wall is moved: the real lease is two
/// minutes.
#[test]
fn a_server_that_stood_still_sends_nothing_that_another_took_over() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let url = runtime.block_on(crate::postgres::fresh_database());
    let database = format!("[database]\nurl = \"{url}\"\n");
    let sink = Sink::default();
    let mut stalls = Server::start(free_port(), &Relay::Smtp(sink.open_door(0)), &database);
    let clock = stalls.path("clock");
    fs::write(&clock, "+0s").expect("a clock");
    stalls.set_clock_from(&clock);
    sink.stall(0);
    smtp::send(stalls.smtp_port, "dana@people.test", &[ADDRESS], REPORT).expect("accepted");
    wait::until("every connection to be in the middle of a mail", WITHIN, || {
        (sink.waiting() == CONNECTIONS).then_some(())
    });
    stalls.signal("STOP");

    fs::write(&clock, LATER).expect("a clock");
    let mut takes_over = Server::start(free_port(), &Relay::Smtp(sink.open_door(1)), &database);
    takes_over.set_clock_from(&clock);
    wait_until_sent(&takes_over);
    let taken = sink.taken();
    assert!(taken.len() > CONNECTIONS && taken.values().all(|copies| copies[0].door == 1), "{taken:?}");

    // The relay answers what it was asked before, and a note shows that the server goes on.
    sink.release(0);
    stalls.signal("CONT");
    takes_over.kill9();
    let note = "From: bob@people.test\nTo: incidents+1@example.test\nSubject: Re: [INC-1]\n\
                Message-ID: <note@people.test>\n\nUpdate: the rack is out\n";
    smtp::send(stalls.smtp_port, "bob@people.test", &["incidents+1@example.test"], note)
        .expect("accepted");
    stalls.wait_for_incident("INC-1", "the note", |incident| {
        incident["timeline"].as_array().is_some_and(|entries| entries.len() > 1)
    });
    wait_until_sent(&stalls);
    let after = sink.taken();
    for (delivery, copies) in &after {
        assert_eq!(copies.len(), 1, "{delivery:?} went out twice");
    }
    assert!(after.len() > taken.len(), "the server that stood still sends what is new");
}

fn wait_until_sent(server: &Server) {
    wait::until("everything to be sent", WITHIN, || {
        let rows = server.run(&["outbox", "list", "--all", "--json"]);
        let rows = rows.as_array().expect("an array");
        let is_sent = !rows.is_empty() && rows.iter().all(|row| row["state"] == "accepted");
        is_sent.then_some(())
    });
}

#[test]
fn a_stop_waits_neither_for_a_relay_nor_a_mailbox_nor_a_client_that_stands_still() {
    let lab = Lab::start(free_port());
    let sink = Sink::default();
    let mut server = Server::start(free_port(), &Relay::Smtp(sink.open_door(0)), "");
    fs::write(server.path("password"), PASSWORD).expect("a password");
    let mailbox = format!(
        "[receive.imap]\nurl = \"imap://box%40people.test@127.0.0.1:{}/INBOX\"\npassword_file = \"{}\"\n[send]",
        lab.imap_port,
        server.path("password").display()
    );
    server.configure(|text| text.replace("[send]", &mailbox));
    wait::until("the mailbox to be open", WITHIN, || {
        server.log().contains("the mailbox is open").then_some(())
    });
    sink.stall(0);
    smtp::send(server.smtp_port, "dana@people.test", &[ADDRESS], REPORT).expect("accepted");
    wait::until("every connection to be in the middle of a mail", WITHIN, || {
        (sink.waiting() == CONNECTIONS).then_some(())
    });
    let mut held: Vec<Smtp> =
        (0..20).map(|_| Smtp::connect(server.smtp_port).expect("it listens")).collect();
    for client in held.iter_mut().skip(10) {
        client.command("MAIL FROM:<dana@people.test>", "250").expect("accepted");
        client.command("RCPT TO:<incidents@example.test>", "250").expect("accepted");
        client.command("DATA", "354").expect("accepted");
        client.say_half("From: dana@people.test").expect("sent");
    }
    let began = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(began.elapsed() < STOPS_WITHIN, "it took {:?}", began.elapsed());
    for client in &mut held {
        client.expect("421").expect("each client is told");
    }

    assert!(sink.taken().is_empty(), "nothing was handed over");
    sink.release(0);
    server.restart();
    wait_until_sent(&server);
    assert!(sink.taken().values().all(|copies| copies.len() == 1), "what was under way is sent once");
}
