//! What is asked of the server often and by many: answered once for all who ask within a second.
//!
//! Start with [`Asked`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::{HeaderName, StatusCode, header};
use tokio::sync::Mutex;
use tracing::error;

use crate::engine::Engine;
use crate::store::StoreError;

/// Answers are repeated within this span: however many ask, the database works once for all of them.
const REPEATED_WITHIN: Duration = Duration::from_secs(1);

/// A whole answer: its status, of what type it is, and its text.
pub(super) type Answer = (StatusCode, [(HeaderName, &'static str); 1], String);

/// Whom to ask, and what was answered last. Each page has its own.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) engine: Engine,
    last: LastAnswer,
}

/// Whoever asks meanwhile waits for the answer that is being made.
#[derive(Debug, Clone, Default)]
struct LastAnswer(Arc<Mutex<Option<(Instant, Answer)>>>);

impl Asked {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, last: LastAnswer::default() }
    }

    /// What was answered a moment ago, or else what `ask` brings.
    pub(super) async fn or(&self, ask: impl Future<Output = Answer>) -> Answer {
        self.last.or(ask).await
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

/// A text, or figures.
pub(super) fn plain(status: StatusCode, text: String) -> Answer {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text)
}

/// The database is not to be had.
pub(super) fn unavailable(error: &StoreError) -> Answer {
    error!(error = error as &dyn std::error::Error, "the store cannot be used");
    plain(StatusCode::SERVICE_UNAVAILABLE, "the database cannot be written to\n".to_owned())
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
            plain(StatusCode::OK, "ok".to_owned())
        };
        let (one, other) = tokio::join!(last.or(ask()), last.or(ask()));
        assert_eq!((one.2.as_str(), other.2.as_str()), ("ok", "ok"));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let long_ago = Instant::now() - REPEATED_WITHIN;
        let failed = plain(StatusCode::SERVICE_UNAVAILABLE, String::new());
        *last.0.lock().await = Some((long_ago, failed));
        assert_eq!(last.or(ask()).await.0, StatusCode::OK);
    }
}
