//! How the server is, for machines that ask: figures, and no word of what the mail is about.
//!
//! Start with [`show_health`].

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
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

/// Answers are repeated within this span: however many ask, the database works once for all of them.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);

/// Whom to ask, and what was answered last.
#[derive(Debug, Clone)]
pub struct Asked {
    engine: Engine,
    health: LastAnswer,
    metrics: LastAnswer,
}

type Answer = (StatusCode, String);

/// Whoever asks meanwhile waits for the answer that is being made.
#[derive(Debug, Clone, Default)]
struct LastAnswer(Arc<Mutex<Option<(Instant, Answer)>>>);

impl Asked {
    pub fn new(engine: Engine) -> Self {
        Self { engine, health: LastAnswer::default(), metrics: LastAnswer::default() }
    }
}

impl LastAnswer {
    async fn or(&self, ask: impl Future<Output = Answer>) -> Answer {
        let mut last = self.0.lock().await;
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < REPEATED_WITHIN) {
            return answer.clone();
        }
        let answer = ask.await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

/// Ready means that mail can be stored. A relay or a mailbox that is away, or mail that waits for too
/// long, is shown and does not count: another server would have the same ones.
pub async fn show_health(State(Asked { engine, health, .. }): State<Asked>) -> Response {
    health.or(ask_health(&engine)).await.into_response()
}

async fn ask_health(engine: &Engine) -> Answer {
    let stuck = match engine.store.probe(engine.clock.now()).await {
        Ok(()) => engine.stuck_mail().await,
        Err(error) => return unavailable(&error),
    };
    let mailbox_fails = || engine.meters.mailbox().is_some_and(|mailbox| mailbox.failing.is_some());
    let said = match stuck {
        Ok(_) if !engine.meters.relays_away().is_empty() => relays(&engine.meters),
        Ok(Some((_, count))) => format!("ok, but mail does not move: {count} wait for the relay\n"),
        Ok(None) if mailbox_fails() => {
            "ok, but the mailbox cannot be read, and mail waits in it\n".to_owned()
        }
        Ok(None) => "ok\n".to_owned(),
        Err(error) => return unavailable(&error),
    };
    (StatusCode::OK, said)
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
pub async fn show_metrics(State(Asked { engine, metrics, .. }): State<Asked>) -> Response {
    let (status, text) = metrics.or(ask_metrics(&engine)).await;
    (status, [(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn ask_metrics(engine: &Engine) -> Answer {
    match waiting(engine).await {
        Ok(waiting) => (StatusCode::OK, engine.meters.shown() + &waiting),
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
pub(super) fn unavailable(error: &StoreError) -> Answer {
    error!(error = error as &dyn std::error::Error, "the store cannot be used");
    (StatusCode::SERVICE_UNAVAILABLE, "the database cannot be written to\n".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn however_many_ask_the_database_works_once() {
        let (last, asked) = (LastAnswer::default(), AtomicU32::new(0));
        let ask = async || {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            (StatusCode::OK, "ok".to_owned())
        };
        let (one, other) = tokio::join!(last.or(ask()), last.or(ask()));
        assert_eq!((one.1.as_str(), other.1.as_str()), ("ok", "ok"));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let long_ago = Instant::now() - REPEATED_WITHIN;
        *last.0.lock().await = Some((long_ago, (StatusCode::SERVICE_UNAVAILABLE, String::new())));
        assert_eq!(last.or(ask()).await.0, StatusCode::OK);
    }
}
