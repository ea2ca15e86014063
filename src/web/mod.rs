//! Pages: what all of them share, the check of who asks, and the health of the server.
//!
//! No GET changes anything. Nothing here changes an incident: what a form says becomes a mail or an
//! event elsewhere. Start with [`serve_router`], what a server offers, or with [`guard`].

pub mod file;
pub mod guard;
mod health;
pub mod incident;
pub mod outbox;
pub mod places;
mod shifts;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tracing::error;

use crate::engine::Engine;

/// The one style sheet of all pages.
const STYLE: &str = include_str!("style.css");
/// A bell, for the browser's tab.
const ICON: &str = include_str!("icon.svg");

/// What a server offers while there is no sign-in: its health, shifts for those who were told where they
/// are, and nothing of its incidents.
pub fn serve_router(engine: Engine) -> Router {
    let outbox = Router::new().route("/outbox", get(outbox::show_figures)).with_state(engine.clone());
    let shifts = Router::new()
        .route("/shifts/person/{key}/{file}", get(shifts::show_person))
        .route("/shifts/rotation/{key}/{file}", get(shifts::show_rotation))
        .with_state(engine.clone());
    health(engine)
        .merge(outbox)
        .merge(shifts)
        .merge(files())
        .layer(axum::middleware::from_fn(guard::protect_answer))
}

/// `/healthz`: 200 when the store can be written to, 503 when it cannot; `/metrics` for Prometheus.
pub fn health(engine: Engine) -> Router {
    Router::new()
        .route("/healthz", get(health::show_health))
        .route("/metrics", get(health::show_metrics))
        .with_state(health::Asked::new(engine))
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
