//! How the server is, for machines that ask: figures, and no word of what the mail is about.
//!
//! Start with [`show_health`].

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{StatusCode, header};
use chrono::{DateTime, Utc};

use super::asked::{Answer, Asked, plain, unavailable};
use crate::engine::Engine;
use crate::meters::{Meters, begin};
use crate::store::rows::{InboundState, OutboxState};
use crate::store::{COUNTED_MAX, Store, StoreError};

/// What the relay has not taken, or not kept.
const UNSENT: [OutboxState; 8] = [
    OutboxState::Queued,
    OutboxState::Deferred,
    OutboxState::Uncertain,
    OutboxState::Held,
    OutboxState::Refused,
    OutboxState::Expired,
    OutboxState::Superseded,
    OutboxState::Cancelled,
];

/// What lies in the inbox for somebody to look at.
const TO_LOOK_AT: [InboundState; 3] = [InboundState::Held, InboundState::SetAside, InboundState::Filed];

/// Ready means that mail can be stored. A relay or a mailbox that is away, or mail that waits for too
/// long, is shown and does not count: another server would have the same ones.
pub(super) async fn show_health(State(asked): State<Asked>) -> Answer {
    asked.or(ask_health(&asked.engine)).await
}

async fn ask_health(engine: &Engine) -> Answer {
    let stuck = match engine.store.probe(engine.clock.now()).await {
        Ok(()) => engine.stuck_mail().await,
        Err(error) => return unavailable(&error),
    };
    match stuck {
        Ok(stuck) => {
            let troubles = troubles(&engine.meters, stuck.map(|(_, count)| count));
            plain(StatusCode::OK, said(&troubles))
        }
        Err(error) => unavailable(&error),
    }
}

/// What is not well although mail can be stored. One trouble hides no other: each has somebody else to
/// look after it.
fn troubles(meters: &Meters, stuck: Option<i64>) -> Vec<String> {
    let (away, there) = (meters.relays_away().join(", "), meters.relays_there().join(", "));
    let relays = match (away.is_empty(), there.is_empty()) {
        (true, _) => None,
        (false, true) => Some(format!("no relay is there, and mail waits: {away}")),
        (false, false) => Some(format!("the relay {away} is not there, and mail goes through {there}")),
    };
    let stuck = stuck.map(|count| format!("mail does not move: {count} wait for the relay"));
    let mailbox_fails = meters.mailbox().is_some_and(|mailbox| mailbox.failing.is_some());
    let mailbox = mailbox_fails.then(|| "the mailbox cannot be read, and mail waits in it".to_owned());
    [relays, stuck, mailbox].into_iter().flatten().collect()
}

/// In one line, as monitoring shows it.
fn said(troubles: &[String]) -> String {
    if troubles.is_empty() { "ok\n".to_owned() } else { format!("ok, but {}\n", troubles.join("; ")) }
}

/// Prometheus' text format.
pub(super) async fn show_metrics(State(asked): State<Asked>) -> Answer {
    asked.or(ask_metrics(&asked.engine)).await
}

async fn ask_metrics(engine: &Engine) -> Answer {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    match waiting(engine).await {
        Ok(waiting) => (StatusCode::OK, content_type, engine.meters.shown() + &waiting),
        Err(error) => unavailable(&error),
    }
}

/// What waits in the database, for all servers on it.
async fn waiting(engine: &Engine) -> Result<String, StoreError> {
    let store: &Store = &engine.store;
    let mut text = String::new();
    let inbound = store.count_waiting_inbound().await?;
    begin(&mut text, "messages_waiting", "gauge", "Messages stored and not read yet.");
    let _ = writeln!(text, "firebell_messages_waiting {inbound}");
    let inbox = store.count_inbox().await?;
    let of = |state: InboundState| inbox.iter().find(|counted| counted.0 == state);
    begin(&mut text, "inbox_messages", "gauge", "Messages that somebody may have to look at.");
    for state in TO_LOOK_AT {
        let count = of(state).map_or(0, |(_, count, _)| *count);
        let _ = writeln!(text, "firebell_inbox_messages{{state=\"{}\"}} {count}", state.name());
    }
    begin(&mut text, "inbox_oldest_seconds", "gauge", "Age of the message that has lain there longest.");
    for state in TO_LOOK_AT {
        let age = of(state).map_or(0, |(_, _, since)| seconds_since(*since, engine));
        let _ = writeln!(text, "firebell_inbox_oldest_seconds{{state=\"{}\"}} {age}", state.name());
    }
    let counts = store.count_unsent_outbox().await?;
    let help =
        format!("Mails that wait, or that the relay does not have; {COUNTED_MAX} or more as so many.");
    begin(&mut text, "outbox_mails", "gauge", &help);
    for state in UNSENT {
        let count = counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
        let _ = writeln!(text, "firebell_outbox_mails{{state=\"{}\"}} {count}", state.name());
    }
    let oldest = store.waiting_outbox(engine.clock.now()).await?;
    let age = oldest.map_or(0, |(since, _)| seconds_since(since, engine));
    begin(&mut text, "outbox_oldest_seconds", "gauge", "Age of the mail that has waited longest.");
    let _ = writeln!(text, "firebell_outbox_oldest_seconds {age}");
    Ok(text)
}

/// A clock that was set back makes none below zero.
fn seconds_since(at: DateTime<Utc>, engine: &Engine) -> i64 {
    (engine.clock.now() - at).num_seconds().max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_is_named_whatever_else_is_wrong() {
        let none_there = "no relay is there, and mail waits: a, b";
        let one_there = "the relay b is not there, and mail goes through a";
        let (stuck, mailbox) = (
            "mail does not move: 3 wait for the relay",
            "the mailbox cannot be read, and mail waits in it",
        );
        for (relays, expected) in [
            (&[][..] as &[(&str, bool)], None),
            (&[("a", true), ("b", true)], None),
            (&[("a", true), ("b", false)], Some(one_there)),
            (&[("a", false), ("b", false)], Some(none_there)),
        ] {
            for waits in [None, Some(3)] {
                for fails in [false, true] {
                    let meters = Meters::default();
                    relays.iter().for_each(|(name, is_there)| meters.relay(name, *is_there));
                    meters.mailbox_read(Utc::now());
                    if fails {
                        meters.mailbox_failed(Utc::now(), "it does not answer");
                    }
                    let all = [expected, waits.map(|_| stuck), fails.then_some(mailbox)];
                    let all: Vec<&str> = all.into_iter().flatten().collect();
                    assert_eq!(troubles(&meters, waits), all);
                }
            }
        }
    }

    #[test]
    fn health_is_one_line_that_begins_with_ok() {
        assert_eq!(said(&[]), "ok\n");
        assert_eq!(said(&["A".to_owned(), "B".to_owned()]), "ok, but A; B\n");
    }
}
