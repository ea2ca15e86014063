//! `POST /api/alerts`: monitoring posts what Alertmanager's webhook says, or the array of its API.
//!
//! Each alert is stored as a message before the answer, and read by whoever reads mail: nothing is decided
//! here. What was posted is in no log. Start with [`alerts`].

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ring::digest::{SHA256, digest};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::alerts::webhook::{WebhookError, read_webhook};
use crate::engine::Engine;
use crate::mail::Address;
use crate::store::rows::{Client, NewInbound, Route};

/// The body of a request: five hundred alerts have a tenth of it.
const BODY_OCTETS_MAX: usize = 4 * 1024 * 1024;
/// Requests a minute with the right token; Alertmanager sends one a group and interval, and tries again
/// what was put off.
const POSTS_A_MINUTE: u32 = 300;
/// Requests a minute with a wrong one: whoever guesses waits, and whoever knows it does not.
const GUESSES_A_MINUTE: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);
/// The least that nobody guesses.
const TOKEN_CHARS_MIN: usize = 16;

/// Where alerts are posted.
#[derive(Debug, Clone)]
pub struct Door {
    engine: Engine,
    /// Read at each request, so that a changed token is found by itself.
    token_file: PathBuf,
    /// Wakes whoever reads messages.
    arrivals: Arc<Notify>,
    posts: Arc<Limit>,
    guesses: Arc<Limit>,
}

impl Door {
    pub fn new(engine: Engine, token_file: PathBuf, arrivals: Arc<Notify>) -> Self {
        let limit = |most| Arc::new(Limit { most, counted: Mutex::new((Instant::now(), 0)) });
        let (posts, guesses) = (limit(POSTS_A_MINUTE), limit(GUESSES_A_MINUTE));
        Self { engine, token_file, arrivals, posts, guesses }
    }
}

/// So many a minute.
#[derive(Debug)]
struct Limit {
    most: u32,
    counted: Mutex<(Instant, u32)>,
}

impl Limit {
    /// Which one of this minute it is; `None` beyond the limit.
    fn count(&self) -> Option<u32> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.0.elapsed() >= MINUTE {
            *counted = (Instant::now(), 0);
        }
        counted.1 = counted.1.saturating_add(1);
        (counted.1 <= self.most).then_some(counted.1)
    }
}

/// The route. Nothing but a right token gets beyond it.
pub fn alerts(door: Door) -> Router {
    Router::new().route("/api/alerts", post(take)).with_state(door)
}

async fn take(State(door): State<Door>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let token = match read_token(&door.token_file).await {
        Ok(token) => token,
        Err(why) => {
            error!("alerts cannot be posted: {why}");
            let said = "the token of this server cannot be read; its log says why\n";
            return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
        }
    };
    if !is_known(&parts.headers, &token) {
        return refuse_guess(&door);
    }
    if door.posts.count().is_none() {
        return too_many("more than 300 requests in a minute; send them again later\n");
    }
    let octets = match to_bytes(body, BODY_OCTETS_MAX).await {
        Ok(octets) => octets,
        Err(_) => {
            let said =
                "the request is larger than 4 MiB, or ended too early; send fewer alerts at once\n";
            return (StatusCode::PAYLOAD_TOO_LARGE, said).into_response();
        }
    };
    let own = &door.engine.policy().address;
    match read_webhook(&octets, own, door.engine.clock.now()) {
        Ok(messages) => store(&door, messages, own.tagged("alert")).await,
        Err(why) => {
            let status = match why {
                WebhookError::Json(_) => StatusCode::BAD_REQUEST,
                WebhookError::TooMany(_) => StatusCode::PAYLOAD_TOO_LARGE,
            };
            (status, format!("{why}\n")).into_response()
        }
    }
}

/// All alerts of a request are stored in one transaction, or none is.
async fn store(door: &Door, messages: Vec<Vec<u8>>, to: Address) -> Response {
    let count = messages.len();
    let received_at = door.engine.clock.now();
    let messages: Vec<NewInbound> = messages
        .into_iter()
        .map(|octets| NewInbound {
            id: door.engine.ids.next(received_at),
            received_at,
            reverse_path: None,
            recipients: vec![to.clone()],
            client: Client::default(),
            route: Route::Api,
            octets,
        })
        .collect();
    if let Err(error) = door.engine.store.save_inbound(&messages).await {
        error!(
            error = &error as &dyn std::error::Error,
            "{count} alerts that were posted are not stored"
        );
        let said = "the database cannot be written to; send them again\n";
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    }
    door.arrivals.notify_one();
    info!(count, "{count} alerts that were posted are stored");
    (StatusCode::OK, format!("{count} stored\n")).into_response()
}

/// The token of a file, which holds nothing else.
///
/// # Errors
///
/// The operator's: what is wrong with the file.
pub async fn read_token(path: &Path) -> Result<String, String> {
    let name = path.display();
    let text = tokio::fs::read_to_string(path).await;
    let text = text.map_err(|error| format!("alerts_token_file {name} cannot be read: {error}"))?;
    let token = text.trim();
    if token.len() < TOKEN_CHARS_MIN || !token.bytes().all(|octet| octet.is_ascii_graphic()) {
        return Err(format!(
            "alerts_token_file {name} must hold a token of {TOKEN_CHARS_MIN} characters at least, in one line"
        ));
    }
    Ok(token.to_owned())
}

/// Compares digests, in a time that tells nothing of where they differ.
fn is_known(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
    let scheme = given.get(..7).unwrap_or_default();
    let given = given.get(7..).unwrap_or_default();
    let (given, own) = (digest(&SHA256, given), digest(&SHA256, token.as_bytes()));
    let differ = given.as_ref().iter().zip(own.as_ref()).fold(0, |differ, (a, b)| differ | (a ^ b));
    scheme.eq_ignore_ascii_case(b"bearer ") && differ == 0
}

fn refuse_guess(door: &Door) -> Response {
    match door.guesses.count() {
        Some(1) => warn!("alerts are posted without the token of [web] alerts_token_file, and refused"),
        Some(_) => {}
        None => return too_many("too many requests without the right token\n"),
    }
    let said = "send the token of this server: `Authorization: Bearer …`\n";
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")], said).into_response()
}

fn too_many(said: &'static str) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")], said).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_known() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            is_known(&headers, "0123456789abcdef")
        };
        assert!(with("Bearer 0123456789abcdef") && with("bearer 0123456789abcdef"));
        for wrong in [
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdeF",
            "Basic x",
            "0123456789abcdef",
            "Bearer 0123456789abcdef ",
        ] {
            assert!(!with(wrong), "{wrong}");
        }
        assert!(!is_known(&HeaderMap::new(), "0123456789abcdef"));
    }

    #[test]
    fn a_limit_counts_the_requests_of_a_minute() {
        let limit = Limit { most: 2, counted: Mutex::new((Instant::now(), 0)) };
        assert_eq!([limit.count(), limit.count(), limit.count()], [Some(1), Some(2), None]);
        limit.counted.lock().unwrap().0 = Instant::now() - MINUTE;
        assert_eq!(limit.count(), Some(1));
    }
}
