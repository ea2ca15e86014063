//! How the server is, for machines that ask: figures, and no word of what the mail is about.
//!
//! Start with [`show_health`].

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::engine::Engine;
use crate::meters::{Meters, begin};
use crate::store::rows::OutboxState;
use crate::store::{Store, StoreError};

/// What waits to be sent may be in.
const WAITING: [OutboxState; 3] = [OutboxState::Queued, OutboxState::Deferred, OutboxState::Uncertain];

/// Ready means that mail can be stored. A relay that is away is shown and does not count: mail waits for
/// it, and another server would have the same one.
pub async fn show_health(State(engine): State<Engine>) -> Response {
    match engine.store.probe(engine.clock.now()).await {
        Ok(()) => relays(&engine.meters).into_response(),
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
    let counts = store.count_waiting_outbox().await?;
    begin(&mut text, "outbox_mails", "gauge", "Mails that wait to be sent.");
    for state in WAITING {
        let count = counts.iter().find(|(counted, _)| *counted == state).map_or(0, |(_, count)| *count);
        let _ = writeln!(text, "firebell_outbox_mails{{state=\"{}\"}} {count}", state.name());
    }
    let oldest = store.waiting_outbox(engine.clock.now()).await?;
    let age = oldest.map_or(0, |(since, _)| (engine.clock.now() - since).num_seconds().max(0));
    begin(&mut text, "outbox_oldest_seconds", "gauge", "Age of the mail that has waited longest.");
    let _ = writeln!(text, "firebell_outbox_oldest_seconds {age}");
    Ok(text)
}

/// The database is not to be had.
pub(super) fn unavailable(error: &StoreError) -> Response {
    error!(error = error as &dyn std::error::Error, "the store cannot be used");
    (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be written to\n").into_response()
}
