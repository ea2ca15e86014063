//! Pages: what all of them share, the check of who asks, and the health of the server.
//!
//! No GET changes anything. Nothing here changes an incident: what a form says becomes a mail or an
//! event elsewhere. Start with [`serve_router`], what a server offers, or with [`guard`].

pub mod file;
pub mod guard;
pub mod incident;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tracing::error;

use crate::store::Store;

/// The one style sheet of all pages.
const STYLE: &str = include_str!("style.css");
/// A bell, for the browser's tab.
const ICON: &str = include_str!("icon.svg");

/// What a server offers while there is no sign-in: its health, and nothing of its incidents.
pub fn serve_router(store: Store) -> Router {
    health(store).layer(axum::middleware::from_fn(guard::protect_answer))
}

/// `/healthz`: 200 when the store answers, 503 when it does not.
pub fn health(store: Store) -> Router {
    Router::new().route("/healthz", get(show_health)).with_state(store)
}

/// The files that pages refer to.
pub fn files() -> Router {
    Router::new()
        .route("/style.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
        .route("/icon.svg", get(async || ([(header::CONTENT_TYPE, "image/svg+xml")], ICON)))
}

/// A page from its template.
pub fn page(template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn show_health(State(store): State<Store>) -> Response {
    match store.count_waiting_inbound().await {
        Ok(_) => "ok\n".into_response(),
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response()
        }
    }
}
