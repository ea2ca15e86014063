//! Shifts for calendar programmes, which cannot sign in: whoever knows the address has them.
//!
//! The address holds a token under the server's secret, and is handed out by mail. Shows names and
//! times, and no addresses. Start with [`show_person`].

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use tracing::error;

use crate::engine::Engine;
use crate::incident::Policy;
use crate::mail::ids::same;
use crate::render::calendar::{Calendar, person_token, render_calendar, rotation_token};

/// What was, for whoever counts hours; and what comes.
const BEHIND: TimeDelta = TimeDelta::days(30);
const AHEAD: TimeDelta = TimeDelta::days(180);

/// The shifts of one person.
pub async fn show_person(
    State(engine): State<Engine>,
    Path((key, file)): Path<(String, String)>,
) -> Response {
    let policy = engine.policy();
    let member =
        policy.roster.people.iter().find(|member| {
            member.alias.as_ref().map_or_else(|| member.address.key(), Clone::clone) == key
        });
    let Some(member) = member.filter(|member| is_token(&file, &person_token(&engine.secret, member)))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    show(&engine, |policy| {
        let now = engine.clock.now();
        Some(render_calendar(&Calendar::of_person(policy, member, now - BEHIND, now + AHEAD), now))
    })
    .await
}

/// The shifts of one rotation.
pub async fn show_rotation(
    State(engine): State<Engine>,
    Path((name, file)): Path<(String, String)>,
) -> Response {
    let policy = engine.policy();
    let rotation = policy.roster.rotation(&name);
    let Some(rotation) =
        rotation.filter(|rotation| is_token(&file, &rotation_token(&engine.secret, rotation)))
    else {
        return StatusCode::NOT_FOUND.into_response();
    };
    show(&engine, |policy| {
        let now = engine.clock.now();
        let rotation = policy.roster.rotation(&rotation.name)?;
        Some(render_calendar(&Calendar::of_rotation(policy, rotation, now - BEHIND, now + AHEAD), now))
    })
    .await
}

fn is_token(file: &str, token: &str) -> bool {
    file.strip_suffix(".ics").is_some_and(|given| same(given, token))
}

/// What is written of the policy with all overrides of the time that is shown.
async fn show(engine: &Engine, write: impl Fn(&Policy) -> Option<String>) -> Response {
    let overrides = match engine.store.load_overrides(engine.clock.now() - BEHIND).await {
        Ok(overrides) => overrides,
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "the store cannot be used");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    let mut policy = Policy::clone(&engine.policy());
    policy.roster.lay_over(overrides);
    match write(&policy) {
        Some(text) => ([(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
