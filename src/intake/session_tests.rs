//! The session's rules, spoken over a stream in memory.

use std::sync::Arc;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::{Notify, Semaphore, watch};

use super::*;
use crate::clock::Clock;
use crate::intake::Inbox;
use crate::intake::dialogue::{Ended, serve};
use crate::intake::passwords;
use crate::mail::OwnAddress;
use crate::store::rows::NewInbound;

#[path = "session_login_tests.rs"]
mod login;

const BEGIN: &str = "EHLO client.example\r\nMAIL FROM:<dana@ops.example>\r\n\
                     RCPT TO:<incidents@example.org>\r\nDATA\r\n";

fn settings() -> Settings {
    let own = OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+');
    let clock = Clock::manual(chrono::DateTime::from_timestamp_micros(1_795_000_000_000_000).unwrap());
    Settings::new("mx.example.org".into(), own, Vec::new(), clock)
}

struct Talk {
    answers: Vec<String>,
    messages: Vec<NewInbound>,
}

impl Talk {
    /// The codes of all answers, greeting included, continuation lines left out.
    fn codes(&self) -> String {
        let last_lines = self.answers.iter().filter(|line| line.as_bytes().get(3) == Some(&b' '));
        last_lines.map(|line| line.get(..3).unwrap_or_default()).collect::<Vec<_>>().join(" ")
    }
}

async fn talk_with(settings: Settings, protocol: Protocol, segments: &[&[u8]]) -> Talk {
    talk_to(settings, protocol, segments, Ok(())).await
}

async fn talk_to(
    settings: Settings,
    protocol: Protocol,
    segments: &[&[u8]],
    outcome: Result<(), NotStored>,
) -> Talk {
    talk_over(settings, Tls::Unavailable, protocol, segments, outcome).await.0
}

async fn talk_over(
    settings: Settings,
    tls: Tls,
    protocol: Protocol,
    segments: &[&[u8]],
    outcome: Result<(), NotStored>,
) -> (Talk, Ended) {
    let (mut server, mut client) = tokio::io::duplex(1 << 20);
    let (inbox, mut arrived) = Inbox::in_memory(outcome, settings.clock.clone());
    let (_stop, shutdown) = watch::channel(false);
    let peer = Peer { address: Some([192, 0, 2, 9].into()), network_trusted: true, tls };
    let serving = async {
        let ended = serve(&mut server, peer, protocol, &settings, inbox, shutdown, &Notify::new())
            .await
            .unwrap();
        drop(server);
        ended
    };
    let speaking = async {
        for segment in segments {
            // The server may have closed already.
            let _ = client.write_all(segment).await;
        }
        let _ = client.shutdown().await;
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        answers
    };
    let (ended, answers) = tokio::join!(serving, speaking);
    let mut messages = Vec::new();
    while let Some(message) = arrived.recv().await {
        messages.push(message);
    }
    (Talk { answers: answers.lines().map(str::to_owned).collect(), messages }, ended)
}

async fn smtp(wire: &str) -> Talk {
    talk_with(settings(), Protocol::Smtp, &[wire.as_bytes()]).await
}

fn without_trace(message: &NewInbound) -> String {
    let text = String::from_utf8(message.octets.clone()).unwrap();
    let trace_lines = 3;
    text.split_inclusive("\r\n").skip(trace_lines).collect()
}

#[tokio::test]
async fn a_pipelined_session_stores_its_messages_each() {
    let wire = format!(
        "{BEGIN}Subject: one\r\n\r\nbody\r\n.\r\nMAIL FROM:<> SIZE=20\r\n\
         RCPT TO:<incidents+42@example.org>\r\nDATA\r\nSubject: two\r\n\r\n.\r\nQUIT\r\n"
    );
    let talk = smtp(&wire).await;
    assert_eq!(talk.codes(), "220 250 250 250 354 250 250 250 354 250 221");
    assert_eq!(talk.messages.len(), 2);
    assert_eq!(talk.messages[0].reverse_path.as_deref(), Some("dana@ops.example"));
    assert_eq!(without_trace(&talk.messages[0]), "Subject: one\r\n\r\nbody\r\n");
    assert!(talk.messages[0].client.network_trusted);
    assert_eq!(talk.messages[1].reverse_path, None);
    assert_eq!(talk.messages[1].recipients[0].as_str(), "incidents+42@example.org");
}

#[tokio::test]
async fn a_broken_command_takes_nothing_of_the_next_however_it_comes() {
    let wire = b"EHLO x\r\nRCPT TO\r\nNOOP\r\nMAIL FROM\r\nRSET\r\nMAIL\r\nVRFY x\r\n\r\nQUIT\r\n";
    for size in 1..wire.len() {
        let talk = talk_with(settings(), Protocol::Smtp, &wire.chunks(size).collect::<Vec<_>>()).await;
        assert_eq!(talk.codes(), "220 250 501 250 501 250 501 252 500 221", "segments of {size} octets");
    }
}

#[tokio::test]
async fn octets_may_come_one_by_one() {
    let wire = format!("{BEGIN}Subject: slow\r\n\r\n..\r\n.\r\nQUIT\r\n");
    let segments: Vec<&[u8]> = wire.as_bytes().chunks(1).collect();
    let (mut server, mut client) = tokio::io::duplex(1);
    let settings = settings();
    let (inbox, mut arrived) = Inbox::in_memory(Ok(()), settings.clock.clone());
    let (_stop, shutdown) = watch::channel(false);
    let peer = Peer { address: None, network_trusted: false, tls: Tls::Unavailable };
    let speaking = async {
        let (mut reader, mut writer) = tokio::io::split(&mut client);
        let write = async {
            for segment in segments {
                writer.write_all(segment).await.unwrap();
            }
        };
        let mut answers = Vec::new();
        tokio::join!(write, reader.read_to_end(&mut answers)).1.unwrap();
    };
    let serving = async {
        serve(&mut server, peer, Protocol::Smtp, &settings, inbox, shutdown, &Notify::new())
            .await
            .unwrap();
        server.shutdown().await.unwrap();
    };
    tokio::join!(serving, speaking);
    assert_eq!(without_trace(&arrived.recv().await.unwrap()), "Subject: slow\r\n\r\n.\r\n");
}

#[tokio::test]
async fn nothing_smuggled_becomes_a_second_message() {
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n.\r\r\n"] {
        let wire = format!(
            "{BEGIN}Subject: x\r\n\r\nbody{end}MAIL FROM:<ceo@example.org>\r\n\
             RCPT TO:<incidents@example.org>\r\nDATA\r\nforged\r\n.\r\nQUIT\r\n"
        );
        for cut in 0..wire.len() {
            let (first, second) = wire.as_bytes().split_at(cut);
            let talk = talk_with(settings(), Protocol::Smtp, &[first, second]).await;
            assert_eq!(talk.codes(), "220 250 250 250 354 550 221", "{end:?} cut at {cut}");
            assert!(talk.messages.is_empty());
        }
    }
}

#[tokio::test]
async fn a_dot_beside_a_nul_ends_nothing() {
    for end in ["\r\n\0.\r\n", "\r\n.\0\r\n", "\0\r\n..\r\n"] {
        let forged = "MAIL FROM:<ceo@example.org>\r\nRCPT TO:<incidents@example.org>\r\nDATA\r\nforged";
        let wire = format!("{BEGIN}Subject: x\r\n\r\nbody{end}{forged}\r\n.\r\nQUIT\r\n");
        for cut in 0..wire.len() {
            let (first, second) = wire.as_bytes().split_at(cut);
            let talk = talk_with(settings(), Protocol::Smtp, &[first, second]).await;
            assert_eq!(talk.codes(), "220 250 250 250 354 250 221", "{end:?} cut at {cut}");
            assert_eq!(talk.messages.len(), 1, "{end:?} cut at {cut}");
        }
    }
}

#[tokio::test]
async fn a_message_may_have_as_many_octets_as_the_limit_and_no_more() {
    for (octets, code) in [(99, "250"), (100, "250"), (101, "552")] {
        let mut small = settings();
        small.limits.message_octets = 100;
        let wire = format!("{BEGIN}{}\r\n.\r\nQUIT\r\n", "x".repeat(octets - "\r\n".len()));
        let talk = talk_with(small, Protocol::Smtp, &[wire.as_bytes()]).await;
        assert_eq!(talk.codes(), format!("220 250 250 250 354 {code} 221"), "{octets} octets");
        let announced = format!("EHLO c.example\r\nMAIL FROM:<a@b.example> SIZE={octets}\r\nQUIT\r\n");
        let mut small = settings();
        small.limits.message_octets = 100;
        let talk = talk_with(small, Protocol::Smtp, &[announced.as_bytes()]).await;
        assert_eq!(talk.codes(), format!("220 250 {code} 221"), "{octets} octets announced");
    }
}

#[tokio::test]
async fn a_first_line_of_dots_and_an_empty_message_end_where_they_should() {
    let talk = smtp(&format!("{BEGIN}..\r\n.\r\nQUIT\r\n")).await;
    assert_eq!(without_trace(&talk.messages[0]), ".\r\n");
    let talk = smtp(&format!("{BEGIN}.\r\nQUIT\r\n")).await;
    assert_eq!(talk.codes(), "220 250 250 250 354 250 221");
    assert_eq!(without_trace(&talk.messages[0]), "");
}

#[tokio::test]
async fn nul_octets_are_stored_as_they_came() {
    let talk = smtp(&format!("{BEGIN}a\0b\r\n.\r\nQUIT\r\n")).await;
    assert_eq!(without_trace(&talk.messages[0]), "a\0b\r\n");
}

#[tokio::test]
async fn a_bare_line_end_is_refused() {
    for body in ["a\nb", "a\rb", "a\r\rb"] {
        let talk = smtp(&format!("{BEGIN}{body}\r\n.\r\nQUIT\r\n")).await;
        assert!(talk.answers.iter().any(|line| line.starts_with("550 5.6.11")), "{body:?}");
        assert!(talk.messages.is_empty());
    }
}

#[tokio::test]
async fn mail_for_others_is_never_relayed() {
    let wire = "EHLO c.example\r\nMAIL FROM:<dana@ops.example>\r\n\
                RCPT TO:<dana@elsewhere.example>\r\nRCPT TO:<incidentsx@example.org>\r\n\
                RCPT TO:<incidents%elsewhere.example@example.org>\r\n\
                RCPT TO:<@example.org:dana@elsewhere.example>\r\n\
                RCPT TO:<@example.org,@other.example:dana@elsewhere.example>\r\n\
                RCPT TO:<elsewhere.example!dana@example.org>\r\n\
                RCPT TO:<elsewhere.example!dana>\r\n\
                RCPT TO:<\"dana@elsewhere.example\"@example.org>\r\n\
                RCPT TO:<\"dana%elsewhere.example\"@example.org>\r\n\
                RCPT TO:<dana@elsewhere.example@example.org>\r\n\
                RCPT TO:<dana%elsewhere.example@[127.0.0.1]>\r\n\
                RCPT TO:<\"incidents@example.org\"@elsewhere.example>\r\n\
                DATA\r\nQUIT\r\n";
    let talk = smtp(wire).await;
    let refused = talk.answers.iter().filter(|line| line.starts_with("550 5.7.1")).count();
    assert!(refused >= 3, "{:?}", talk.answers);
    assert!(!talk.answers.iter().any(|line| line.starts_with("250 2.1.5")), "{:?}", talk.answers);
    assert!(talk.answers.iter().any(|line| line.starts_with("554 5.5.1")));
    assert!(!talk.answers.iter().any(|line| line.starts_with("354")));
}

#[tokio::test]
async fn an_unknown_tag_of_ours_is_taken() {
    let wire = "EHLO c.example\r\nMAIL FROM:<dana@ops.example>\r\n\
                RCPT TO:<Incidents+whatever@Example.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    assert_eq!(smtp(wire).await.codes(), "220 250 250 250 354 250 221");
}

#[tokio::test]
async fn lmtp_answers_each_recipient_after_the_commit() {
    let wire = "LHLO mta.example\r\nMAIL FROM:<dana@ops.example>\r\n\
                RCPT TO:<incidents@example.org>\r\nRCPT TO:<x@elsewhere.example>\r\n\
                RCPT TO:<incidents+42@example.org>\r\nRCPT TO:<incidents@example.org>\r\n\
                DATA\r\nx\r\n.\r\nQUIT\r\n";
    let talk = talk_with(settings(), Protocol::Lmtp, &[wire.as_bytes()]).await;
    assert_eq!(talk.codes(), "220 250 250 250 550 250 250 354 250 250 250 221");
    assert_eq!(talk.messages[0].recipients.len(), 2);
    assert_eq!(talk.messages[0].route, Route::Lmtp);
    let outcome = Err(NotStored::Failed);
    let talk = talk_to(settings(), Protocol::Lmtp, &[wire.as_bytes()], outcome).await;
    assert_eq!(talk.codes(), "220 250 250 250 550 250 250 354 451 451 451 221");
}

#[tokio::test]
async fn lmtp_without_a_valid_recipient_has_no_content() {
    let wire = "EHLO x.example\r\nLHLO mta.example\r\nMAIL FROM:<>\r\nDATA\r\nQUIT\r\n";
    let talk = talk_with(settings(), Protocol::Lmtp, &[wire.as_bytes()]).await;
    assert_eq!(talk.codes(), "220 500 250 250 503 221");
}

#[tokio::test]
async fn nothing_is_said_to_be_stored_that_is_not() {
    let wire = format!("{BEGIN}x\r\n.\r\nQUIT\r\n");
    let outcome = Err(NotStored::Failed);
    let talk = talk_to(settings(), Protocol::Smtp, &[wire.as_bytes()], outcome).await;
    assert_eq!(talk.codes(), "220 250 250 250 354 451 221");
    let outcome = Err(NotStored::NoRoom);
    let talk = talk_to(settings(), Protocol::Smtp, &[wire.as_bytes()], outcome).await;
    assert_eq!(talk.codes(), "220 250 250 250 354 452 221");
}

#[tokio::test]
async fn an_oversize_message_is_refused_when_announced_and_when_sent() {
    let wire = "EHLO c.example\r\nMAIL FROM:<dana@ops.example> SIZE=10240001\r\nQUIT\r\n";
    assert!(smtp(wire).await.answers.iter().any(|line| line.starts_with("552 5.3.4")));
    let mut small = settings();
    small.limits.message_octets = 100;
    let wire = format!("{BEGIN}{}\r\n.\r\nNOOP\r\nQUIT\r\n", "x".repeat(40_000));
    let talk = talk_with(small, Protocol::Smtp, &[wire.as_bytes()]).await;
    assert_eq!(talk.codes(), "220 250 250 250 354 552 250 221");
    assert!(talk.messages.is_empty());
}

#[tokio::test]
async fn a_message_beyond_the_memory_of_all_is_to_be_tried_again() {
    let mut crowded = settings();
    crowded.room = Arc::new(Semaphore::new(20));
    let wire = format!("{BEGIN}{}\r\n.\r\nQUIT\r\n", "x".repeat(40_000));
    let talk = talk_with(crowded, Protocol::Smtp, &[wire.as_bytes()]).await;
    assert_eq!(talk.codes(), "220 250 250 250 354 452 221");
}

#[tokio::test]
async fn a_message_that_runs_in_a_circle_is_stopped() {
    let hops = "Received: from a by b; x\r\n".repeat(51);
    let talk = smtp(&format!("{BEGIN}{hops}\r\nbody\r\n.\r\nQUIT\r\n")).await;
    assert!(talk.answers.iter().any(|line| line.starts_with("554 5.4.6")));
    let hops = "Received: from a by b; x\r\n".repeat(50);
    let talk = smtp(&format!("{BEGIN}{hops}\r\nReceived: quoted\r\n.\r\nQUIT\r\n")).await;
    assert_eq!(talk.messages.len(), 1);
}

#[tokio::test]
async fn a_header_larger_than_anybody_reads_is_stored_all_the_same() {
    let header = "X-Long: y\r\n".repeat(20_000);
    let talk = smtp(&format!("{BEGIN}{header}\r\nbody\r\n.\r\nQUIT\r\n")).await;
    assert_eq!(talk.messages.len(), 1);
}

#[tokio::test]
async fn no_transaction_begins_before_hello() {
    let wire = "MAIL FROM:<a@b.example>\r\nRCPT TO:<incidents@example.org>\r\nDATA\r\nQUIT\r\n";
    assert_eq!(smtp(wire).await.codes(), "220 503 503 503 221");
}

#[tokio::test]
async fn hello_and_reset_forget_the_transaction() {
    for forget in ["RSET", "EHLO again.example"] {
        let wire = format!(
            "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<incidents@example.org>\r\n\
             {forget}\r\nDATA\r\nQUIT\r\n"
        );
        assert_eq!(smtp(&wire).await.codes(), "220 250 250 250 250 503 221");
    }
}

#[tokio::test]
async fn too_many_errors_end_the_connection() {
    let talk = smtp(&"GET / HTTP/1.1\r\n".repeat(30)).await;
    assert_eq!(talk.answers.len(), 22);
    assert!(talk.answers[21].starts_with("421 4.7.0"));
    let talk = smtp(&"NOOP\r\n".repeat(300)).await;
    assert!(talk.answers.last().unwrap().starts_with("421 4.7.0"));
    assert_eq!(talk.answers.len(), 122);
}

#[tokio::test]
async fn what_we_do_not_do_is_said() {
    let wire = "EHLO c.example\r\nVRFY dana\r\nEXPN all\r\nETRN x\r\nSTARTTLS\r\n\
                MAIL FROM:<a@b.example> BODY=BINARYMIME\r\nHELP\r\nQUIT\r\n";
    let talk = smtp(wire).await;
    assert_eq!(talk.codes(), "220 250 252 502 502 502 555 214 221");
}

#[tokio::test]
async fn a_chunk_is_never_read_as_commands() {
    let wire = "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<incidents@example.org>\r\n\
                BDAT 6 LAST\r\nNOOP\r\nQUIT\r\n";
    assert_eq!(smtp(wire).await.codes(), "220 250 250 250 502");
}

#[tokio::test]
async fn a_line_too_long_is_one_error() {
    let long = "x".repeat(50_000);
    assert_eq!(smtp(&format!("NOOP {long}\r\nNOOP\r\nQUIT\r\n")).await.codes(), "220 500 250 221");
}

#[tokio::test]
async fn a_thousand_recipients_are_taken_and_no_more() {
    let mut wire = "EHLO c.example\r\nMAIL FROM:<a@b.example>\r\n".to_owned();
    for number in 1..=1_002 {
        wire += &format!("RCPT TO:<incidents+{number}@example.org>\r\n");
    }
    let talk = smtp(&(wire + "DATA\r\nx\r\n.\r\nQUIT\r\n")).await;
    assert_eq!(talk.messages[0].recipients.len(), 1_000);
    assert_eq!(talk.answers.iter().filter(|line| line.starts_with("452 4.5.3")).count(), 2);
}

#[tokio::test]
async fn the_trace_names_the_client_and_cannot_be_forged_by_it() {
    let wire = "EHLO ev(il;\u{e9}\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<incidents@example.org>\r\n\
                DATA\r\nx\r\n.\r\nQUIT\r\n";
    let talk = smtp(&wire.replace("ev(il;\u{e9}", "evil.example")).await;
    let text = String::from_utf8(talk.messages[0].octets.clone()).unwrap();
    assert!(text.starts_with(
        "Received: from evil.example ([192.0.2.9])\r\n\tby mx.example.org (Firebell) with ESMTP;\r\n\t"
    ));
    for message in smtp(wire).await.messages {
        let text = String::from_utf8(message.octets).unwrap();
        assert!(
            text.starts_with("Received: from ev?il??") || text.starts_with("Received: from ev?il? ")
        );
    }
}

#[tokio::test]
async fn the_client_of_an_mx_is_kept_for_spf_and_no_other() {
    for (is_mx, protocol, kept) in
        [(true, Protocol::Smtp, true), (false, Protocol::Smtp, false), (true, Protocol::Lmtp, false)]
    {
        let mut settings = settings();
        settings.is_mx = is_mx;
        let wire = format!("{BEGIN}x\r\n.\r\nQUIT\r\n");
        let wire = if protocol == Protocol::Lmtp { wire.replace("EHLO", "LHLO") } else { wire };
        let talk = talk_with(settings, protocol, &[wire.as_bytes()]).await;
        let outside = talk.messages[0].client.outside.clone();
        let client = Outside { address: [192, 0, 2, 9].into(), hello: "client.example".to_owned() };
        assert_eq!(outside, kept.then_some(client));
    }
}

/// A client that connects and waits for the server's move.
async fn silent(mut settings: Settings, said: &str, change: impl FnOnce(&mut Settings)) -> String {
    change(&mut settings);
    let (mut server, mut client) = tokio::io::duplex(1 << 16);
    let (inbox, _arrived) = Inbox::in_memory(Ok(()), settings.clock.clone());
    let (_stop, shutdown) = watch::channel(false);
    let peer = Peer { address: None, network_trusted: false, tls: Tls::Unavailable };
    client.write_all(said.as_bytes()).await.unwrap();
    serve(&mut server, peer, Protocol::Smtp, &settings, inbox, shutdown, &Notify::new()).await.unwrap();
    drop(server);
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    answers
}

#[tokio::test]
async fn silence_and_trickling_end_the_connection() {
    let soon = Duration::from_millis(5);
    let answers = silent(settings(), "", |settings| settings.limits.command_within = soon).await;
    assert!(answers.contains("421 4.4.2"));
    let said = format!("{BEGIN}half a li");
    let answers = silent(settings(), &said, |settings| settings.limits.slow_start = soon).await;
    assert!(answers.contains("354") && answers.contains("421 4.4.2"));
}

async fn next_line(client: &mut DuplexStream) -> String {
    let mut line = String::new();
    while !line.ends_with('\n') {
        line.push(char::from(client.read_u8().await.unwrap()));
    }
    line
}

async fn answer_of(client: &mut DuplexStream) -> String {
    loop {
        let line = next_line(client).await;
        if line.as_bytes().get(3) == Some(&b' ') {
            return line;
        }
    }
}

#[tokio::test]
async fn a_server_that_stops_finishes_the_message_in_progress() {
    let (mut server, mut client) = tokio::io::duplex(1 << 16);
    let settings = settings();
    let (inbox, _arrived) = Inbox::in_memory(Ok(()), settings.clock.clone());
    let (stop, shutdown) = watch::channel(false);
    let peer = Peer { address: None, network_trusted: false, tls: Tls::Unavailable };
    let crowd = Notify::new();
    let serving = serve(&mut server, peer, Protocol::Smtp, &settings, inbox, shutdown, &crowd);
    let speaking = async {
        client.write_all(BEGIN.as_bytes()).await.unwrap();
        for code in ["220", "250", "250", "250", "354"] {
            assert!(answer_of(&mut client).await.starts_with(code));
        }
        stop.send(true).unwrap();
        client.write_all(b"x\r\n.\r\n").await.unwrap();
        assert!(answer_of(&mut client).await.starts_with("250 2.0.0"));
        assert!(answer_of(&mut client).await.starts_with("421 4.3.2"));
    };
    let (served, ()) = tokio::join!(serving, speaking);
    served.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_sends_idle_clients_away() {
    let (mut server, mut client) = tokio::io::duplex(1 << 16);
    let settings = settings();
    let (inbox, _arrived) = Inbox::in_memory(Ok(()), settings.clock.clone());
    let (stop, shutdown) = watch::channel(false);
    let peer = Peer { address: None, network_trusted: false, tls: Tls::Unavailable };
    let crowd = Notify::new();
    let serving = serve(&mut server, peer, Protocol::Smtp, &settings, inbox, shutdown, &crowd);
    let speaking = async {
        assert!(answer_of(&mut client).await.starts_with("220"));
        stop.send(true).unwrap();
        assert!(answer_of(&mut client).await.starts_with("421 4.3.2"));
    };
    tokio::join!(serving, speaking).0.unwrap();
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// Whatever a client says: no panic, and as many messages as answers that say so.
    #[test]
    fn no_client_can_make_the_session_panic_or_lie(
        pieces in proptest::collection::vec((0_usize..24, proptest::collection::vec(0_u8.., 0..12)), 0..40),
        cut in 1_usize..50,
    ) {
        const SAID: [&str; 20] = [
            "EHLO c.example\r\n", "HELO c\r\n", "LHLO x\r\n", "MAIL FROM:<a@b.example>\r\n", "MAIL FROM:<>",
            " SIZE=999999999999999999999", "RCPT TO:<incidents@example.org>\r\n", "RCPT TO:<@>\r\n", "DATA\r\n",
            ".\r\n", "\r\n.\r\n", "\n", "\r", ".", "BDAT 5 LAST\r\n", "RSET\r\n", "NOOP\r\n",
            "RCPT TO:<incidents+1.\u{e9}@example.org> NOTIFY=NEVER\r\n", "STARTTLS\r\n", "AUTH PLAIN AAAA\r\n",
        ];
        let mut wire = b"EHLO c.example\r\n".to_vec();
        for (number, octets) in pieces {
            wire.extend(SAID.get(number).map_or(octets, |said| said.as_bytes().to_vec()));
        }
        let segments: Vec<&[u8]> = wire.chunks(cut).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let talk = runtime.block_on(talk_with(settings(), Protocol::Smtp, &segments));
        let stored = talk.answers.iter().filter(|line| line.as_str() == "250 2.0.0 Stored").count();
        proptest::prop_assert_eq!(stored, talk.messages.len());
    }
}
