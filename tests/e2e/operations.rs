//! A server that is started, watched, stopped and read about by machines.
//!
//! Start with [`a_stop_under_load_keeps_what_was_accepted_and_tells_clients_to_leave`].

use std::os::unix::net::UnixDatagram;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::ports::free_port;
use crate::support::server::{Relay, Server};
use crate::support::smtp::{self, Refusal, Smtp};

const CONNECTIONS: usize = 4;
/// In the middle of the burst.
const STOP_AFTER: usize = 50;
/// What is promised to whoever stops it, and a moment for the process itself.
const STOPS_WITHIN: Duration = Duration::from_secs(11);
const REPORT: &str = "From: dana@people.test\nTo: incidents@example.test\nSubject: SEV-2 burst\n\
                      Message-ID: <report@people.test>\n\nit burns\n";

#[test]
fn a_stop_under_load_keeps_what_was_accepted_and_tells_clients_to_leave() {
    let mut server = Server::start(free_port(), &Relay::Maildir, "");
    let port = server.smtp_port;
    smtp::send(port, "dana@people.test", &["incidents@example.test"], REPORT).expect("accepted");
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    let mut idle = Smtp::connect(port).expect("it listens");
    let mut slow = Smtp::connect(port).expect("it listens");
    slow.command("MAIL FROM:<dana@people.test>", "250").expect("accepted");
    slow.command("RCPT TO:<incidents+1@example.test>", "250").expect("accepted");
    slow.command("DATA", "354").expect("accepted");
    slow.say_half("From: dana@people.test").expect("sent");

    let (accepted, acceptances) = mpsc::channel();
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|first| {
            let accepted = accepted.clone();
            thread::spawn(move || send_until_sent_away(port, first, &accepted))
        })
        .collect();
    drop(accepted);
    let mut got_250: Vec<usize> = acceptances.iter().take(STOP_AFTER).collect();
    let began = Instant::now();
    assert_eq!(server.terminate(), Some(0));
    assert!(began.elapsed() < STOPS_WITHIN, "it took {:?}", began.elapsed());
    got_250.extend(acceptances.iter());
    for sender in senders {
        let last = sender.join().expect("a sender ends");
        assert!(matches!(&last, Refusal::Answered(line) if line.starts_with("421 ")), "{last}");
    }
    idle.expect("421").expect("an idle client is told");
    slow.expect("421").expect("a client in the middle of a message is told, too");

    server.restart();
    server.wait_for_incident("INC-1", "every accepted mail once", |incident| {
        let entries = incident["timeline"].as_array().expect("a timeline");
        let texts: Vec<_> = entries.iter().filter_map(|entry| entry["text"].as_str()).collect();
        got_250.iter().all(|number| {
            let mark = format!("mark={number};");
            texts.iter().filter(|text| text.starts_with(&mark)).count() == 1
        })
    });
    println!("stopped with {} mails accepted, and none lost", got_250.len());
}

/// Sends mail after mail; returns why it ended.
fn send_until_sent_away(port: u16, first: usize, accepted: &mpsc::Sender<usize>) -> Refusal {
    let mut connection = Smtp::connect(port).expect("it listens");
    for number in (first..).step_by(CONNECTIONS) {
        let message = format!(
            "From: dana@people.test\nTo: incidents+1@example.test\nSubject: Re: [INC-1] burst\n\
             Message-ID: <load{number}@people.test>\n\nmark={number}; seen on another machine\n"
        );
        match connection.send("dana@people.test", &["incidents+1@example.test"], &message) {
            Ok(()) => accepted.send(number).expect("the test counts to the end"),
            Err(why) => return why,
        }
    }
    unreachable!("numbers do not end")
}

#[test]
fn systemd_is_told_of_readiness_life_and_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let heard = || {
        let mut datagram = [0; 100];
        let size = socket.recv(&mut datagram).expect("the server says something");
        String::from_utf8_lossy(&datagram[..size]).into_owned()
    };
    let mut server = Server::start(free_port(), &Relay::Maildir, "");
    let place = path.display().to_string();
    server.restart_with(&[("NOTIFY_SOCKET", &place), ("WATCHDOG_USEC", "100000")]);
    assert_eq!(heard(), "READY=1");
    for _ in 0..3 {
        assert_eq!(heard(), "WATCHDOG=1");
    }
    assert_eq!(server.terminate(), Some(0));
    let last = std::iter::repeat_with(heard).find(|said| said != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}

#[test]
fn a_log_at_its_most_talkative_names_nobody_and_quotes_nothing() {
    // A relay that is not there, a stranger, a mail that cannot be read, a command that is refused.
    let mut server = Server::start(free_port(), &Relay::Smtp(free_port()), "");
    server.restart_with(&[("FIREBELL_LOG", "debug")]);
    let port = server.smtp_port;
    let to = "incidents@example.test";
    let stranger = "From: Zoe <zoe@stranger.test>\nTo: incidents@example.test\n\
                    Subject: Wombat parade\nMessage-ID: <zoe@stranger.test>\n\nplatypus\n";
    let parts = "--x\nContent-Type: text/plain\n\nplatypus\n".repeat(1_100);
    let unreadable = format!(
        "From: dana@people.test\nTo: {to}\nSubject: Wombat parade\nMessage-ID: <parts@people.test>\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n{parts}--x--\n"
    );
    let report = REPORT.replace("burst", "Wombat parade").replace("it burns", "platypus");
    for (from, message) in [
        ("dana@people.test", report.as_str()),
        ("zoe@stranger.test", stranger),
        ("dana@people.test", &unreadable),
    ] {
        smtp::send(port, from, &[to], message).expect("accepted");
    }
    let elsewhere = smtp::send(port, "zoe@stranger.test", &["yuri@elsewhere.test"], stranger);
    assert!(elsewhere.is_err(), "never a relay");
    server.wait_for_incident("INC-1", "the incident to exist", |_| true);
    let waits = |log: &str| log.contains("waits for the relay") || log.contains("the relay is not");
    crate::support::wait::until("a mail to wait", Duration::from_secs(60), || {
        waits(&server.log()).then_some(())
    });
    assert_eq!(server.terminate(), Some(0));
    let log = server.log();
    assert!(log.contains("DEBUG"), "it does talk:\n{log}");
    for secret in ["people.test", "stranger.test", "elsewhere.test", "Wombat", "platypus", "incidents+"]
    {
        assert!(!log.contains(secret), "the log has `{secret}`:\n{log}");
    }
}
