//! Pages: what all of them share, the check of who asks, and the health of the server.
//!
//! No GET changes anything. Nothing here changes an incident: what a form says becomes a mail or an
//! event elsewhere. Start with [`serve_router`], what a server offers, or with [`guard`].

pub mod alerts;
mod asked;
pub mod file;
pub mod guard;
mod health;
pub mod incident;
mod leave;
pub mod outbox;
pub mod places;
mod shifts;
pub mod status;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tracing::error;

use self::asked::{Answer, Asked};
use crate::engine::Engine;

/// The one style sheet of all pages.
const STYLE: &str = include_str!("style.css");
/// A bell, for the browser's tab.
const ICON: &str = include_str!("icon.svg");

#[derive(Debug, askama::Template)]
#[template(path = "web/nothing.html")]
struct NothingPage;

/// What a server offers while there is no sign-in: its health, what customers were told, shifts and the way
/// off a list for those who were told where they are, and nothing else of its incidents; and where alerts
/// are posted, if they are.
pub fn serve_router(engine: Engine, door: Option<alerts::Door>) -> Router {
    let figures = get(outbox::show_figures).with_state(Asked::new(engine.clone()));
    let outbox = Router::new().route("/outbox", figures);
    let shifts = Router::new()
        .route("/shifts/person/{key}/{file}", get(shifts::show_person))
        .route("/shifts/rotation/{key}/{file}", get(shifts::show_rotation))
        .with_state(engine.clone());
    let public = status::routes(&engine);
    let alerts = door.map_or_else(Router::new, alerts::alerts);
    let leave = get(leave::show_leave).post(leave::post_leave);
    let lists = Router::new()
        .route("/leave/{list}/{token}", leave)
        .layer(DefaultBodyLimit::max(leave::FORM_OCTETS_MAX))
        .with_state(leave::Lists::new(engine.clone()));
    let shown = health(engine).merge(outbox).merge(public).merge(shifts).merge(files());
    let pages = shown.merge(alerts).merge(lists).fallback(show_nothing);
    pages.layer(axum::middleware::from_fn(guard::protect_answer))
}

/// Whoever opens the server in a browser is told what there is.
async fn show_nothing() -> Response {
    let (_, content_type, text) = written(&NothingPage);
    (StatusCode::NOT_FOUND, content_type, text).into_response()
}

/// `/healthz`: 200 when the store can be written to, 503 when it cannot; `/metrics` for Prometheus.
pub fn health(engine: Engine) -> Router {
    Router::new()
        .route("/healthz", get(health::show_health).with_state(Asked::new(engine.clone())))
        .route("/metrics", get(health::show_metrics).with_state(Asked::new(engine)))
}

/// The files that pages refer to.
pub fn files() -> Router {
    Router::new()
        .route("/style.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
        .route("/icon.svg", get(async || ([(header::CONTENT_TYPE, "image/svg+xml")], ICON)))
}

/// A page from its template.
pub fn page(template: &impl askama::Template) -> Response {
    written(template).into_response()
}

fn written(template: &impl askama::Template) -> Answer {
    let content_type = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    match template.render() {
        Ok(text) => (StatusCode::OK, content_type, text),
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "a page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, content_type, String::new())
        }
    }
}
