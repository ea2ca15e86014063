//! Every phase of a transaction meets every fault: what becomes of the mail, and of the one behind it.
//!
//! The table that is expected is [`EXPECTED`]; the one that was executed is printed.

use std::fmt::Write as _;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::deliver_tests::House;
use super::relay::tests::{Line, STALL, Script, login_with, serve};
use super::*;
use crate::store::rows::OutboxState;

/// Nothing closes the connection.
const FAULTS: [&str; 9] = [
    "421 4.3.2 shutting down",
    "450 4.2.0 later",
    "451 4.3.0 failed",
    "452 4.3.1 no room",
    "550 5.1.1 no",
    "552 5.2.2 full",
    "554 5.7.1 no",
    STALL,
    "",
];

/// What a relay answers, the state of the mail that meets the fault there, one letter a fault: put off
/// (d), refused (r) or uncertain (u); and the state of the mail behind it, which is put off or accepted
/// (a). Who cannot begin to speak with a relay says nothing about any mail: all wait.
const EXPECTED: [(&str, &str, char); 8] = [
    ("greeting", "ddddddddd", 'd'),
    ("EHLO", "ddddddddd", 'd'),
    ("STARTTLS", "ddddddddd", 'd'),
    ("AUTH", "ddddddddd", 'd'),
    ("MAIL", "ddddrrrdd", 'a'),
    ("RCPT", "ddddrrrdd", 'a'),
    ("DATA", "ddddrrrdd", 'a'),
    ("dot", "ddddrrruu", 'a'),
];

fn state_of(letter: char) -> OutboxState {
    match letter {
        'd' => OutboxState::Deferred,
        'r' => OutboxState::Refused,
        'u' => OutboxState::Uncertain,
        _ => OutboxState::Accepted,
    }
}

fn script(phase: &str, fault: &'static str) -> Script {
    let line = |to, say| Line { to, say, of: None };
    let of_bad = |to| Line { to, say: fault, of: Some("bad@example.org") };
    let go_ahead = line("DATA", "354 go");
    match phase {
        "greeting" => vec![line("", fault)],
        "EHLO" => vec![line("EHLO", fault)],
        "STARTTLS" => vec![line("EHLO", "250-relay.test\r\n250 STARTTLS"), line("STARTTLS", fault)],
        "AUTH" => vec![line("EHLO", "250-relay.test\r\n250 AUTH PLAIN"), line("AUTH", fault)],
        "MAIL" => vec![Line { to: "MAIL", say: fault, of: Some("+bounce.1.") }, go_ahead],
        "RCPT" => vec![of_bad("RCPT"), go_ahead],
        "DATA" => vec![of_bad("DATA"), go_ahead],
        _ => vec![of_bad(".\r\n"), go_ahead],
    }
}

/// What became of the mail that met the fault, and of the one behind it.
async fn cell(phase: &'static str, fault: &'static str, wanted: [char; 2]) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = serve(listener, script(phase, fault));
    let mut house = House::set_up(|folder, settings| {
        let tls = if phase == "STARTTLS" { RelayTls::StartTls } else { RelayTls::Plain };
        let login = (phase == "AUTH").then(|| login_with(folder, "secret"));
        settings.relays = vec![Relay::Smtp { host: "127.0.0.1".into(), port, tls, login }];
        if fault == STALL {
            let limit = Duration::from_secs(2);
            settings.limits = Limits { greeting: limit, commands: limit, content: limit };
        }
    })
    .await;
    house.mark_failures();
    let ids = [1, 2];
    house.post_as(TimeDelta::hours(1), &[(1, "bad@example.org"), (2, "good@example.org")]).await;
    let wanted = wanted.map(state_of);
    let settled = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let mut states = Vec::new();
            for id in ids {
                let (row, _) = house.store.load_outbox_row(id).await.unwrap().unwrap();
                states.push(row.state);
            }
            if states == wanted {
                return;
            }
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(60), settled).await;
    let (row, dialogue) = house.store.load_outbox_row(ids[0]).await.unwrap().unwrap();
    let (behind, _) = house.store.load_outbox_row(ids[1]).await.unwrap().unwrap();
    let heard = told.lock().unwrap().clone();
    house.close().await;
    if outcome.is_err() {
        return Err(format!(
            "{phase} {fault:?}: {:?}, behind it {:?}\n{dialogue}",
            row.state, behind.state
        ));
    }
    if fault.contains(' ') && !row.last_answer.starts_with(fault) {
        return Err(format!("{phase} {fault:?}: the row says {:?}", row.last_answer));
    }
    if ["STARTTLS", "AUTH"].contains(&phase) && heard.contains("MAIL") {
        return Err(format!("{phase} {fault:?}: mail went out unprotected\n{heard}"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_of_a_relay_loses_a_mail_or_stops_the_one_behind_it() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    let mut table = format!("{:<10}", "");
    for fault in FAULTS {
        let name = if fault.is_empty() { "close" } else { fault.split(' ').next().unwrap_or_default() };
        let _ = write!(table, "{name:<11}");
    }
    table.push_str("behind it\n");
    for (phase, letters, behind) in EXPECTED {
        let mut cells = JoinSet::new();
        let _ = write!(table, "{phase:<10}");
        assert_eq!(letters.len(), FAULTS.len());
        for (fault, letter) in FAULTS.into_iter().zip(letters.chars()) {
            let _ = write!(table, "{:<11}", state_of(letter).name());
            cells.spawn(cell(phase, fault, [letter, behind]));
            count += 1;
        }
        let _ = writeln!(table, "{}", state_of(behind).name());
        while let Some(done) = cells.join_next().await {
            wrong.extend(done.unwrap().err());
        }
    }
    println!("{table}{count} cells, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
