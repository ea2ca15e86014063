//! How the server is, for machines that ask: figures, and no word of what the mail is about.
//!
//! Start with [`show_health`].

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use tracing::error;

use crate::engine::Engine;
use crate::meters::{Meters, begin};
use crate::store::rows::{InboundState, OutboxState};
use crate::store::{Store, StoreError};

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
pub async fn show_health(State(engine): State<Engine>) -> Response {
    let stuck = match engine.store.probe(engine.clock.now()).await {
        Ok(()) => engine.stuck_mail().await,
        Err(error) => return unavailable(&error),
    };
    match stuck {
        Ok(_) if !engine.meters.relays_away().is_empty() => relays(&engine.meters).into_response(),
        Ok(Some((_, count))) => {
            format!("ok, but mail does not move: {count} wait for the relay\n").into_response()
        }
        Ok(None) if engine.meters.mailbox().is_some_and(|mailbox| mailbox.failing.is_some()) => {
            "ok, but the mailbox cannot be read, and mail waits in it\n".into_response()
        }
        Ok(None) => "ok\n".into_response(),
        Err(error) => unavailable(&error),
    }
}

fn relays(meters: &Meters) -> String {
    match (meters.relays_away().as_slice(), meters.relays_there().as_slice()) {
        ([], _) => "ok\n".to_owned(),
        (away, []) => format!("ok, but no relay is there, and mail waits: {}\n", away.join(", ")),
        (away, there) => {
            let (away, there) = (away.join(", "), there.join(", "));
            format!("ok, but the relay {away} is not there; mail goes through {there}\n")
        }
    }
}

/// Prometheus' text format.
pub async fn show_metrics(State(engine): State<Engine>) -> Response {
    match waiting(&engine).await {
        Ok(waiting) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, engine.meters.shown() + &waiting).into_response()
        }
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
    begin(&mut text, "outbox_mails", "gauge", "Mails that wait, or that the relay does not have.");
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

/// The database is not to be had.
pub(super) fn unavailable(error: &StoreError) -> Response {
    error!(error = error as &dyn std::error::Error, "the store cannot be used");
    (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be written to\n").into_response()
}
