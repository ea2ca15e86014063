//! The outbox of the demo: whoever sits at this machine is its operator. Start with [`show_outbox`].

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Redirect, Response};

use super::super::views::Frame;
use super::{House, Problem, Told};
use crate::store::rows::OperatorAction;
use crate::web;
use crate::web::outbox::{OutboxLine, OutboxView};

#[derive(Debug, Template)]
#[template(path = "web/outbox.html")]
struct OutboxPage {
    frame: Frame,
    outbox: OutboxView,
}

#[derive(Debug, Template)]
#[template(path = "web/outbox_mail.html")]
struct OutboxMailPage {
    frame: Frame,
    mail: OutboxLine,
    /// What was said when a relay last did not take it.
    dialogue: String,
}

pub(super) async fn show_outbox(
    State(house): State<House>,
    Query(told): Query<Told>,
) -> Result<Response, Problem> {
    let frame = house.frame("Outbox", "/outbox", None, &told).await?;
    let outbox = OutboxView::load(&house.engine).await?;
    Ok(web::page(&OutboxPage { frame, outbox }))
}

pub(super) async fn show_mail(
    State(house): State<House>,
    Path(id): Path<i64>,
    Query(told): Query<Told>,
) -> Result<Response, Problem> {
    let row = house.engine.store.load_outbox_row(id).await?;
    let (row, dialogue) = row.ok_or(Problem::NotHere)?;
    let frame = house.frame(&row.subject, &format!("/outbox/{id}"), None, &told).await?;
    let mail = OutboxLine::new(&row, &house.engine);
    Ok(web::page(&OutboxMailPage { frame, mail, dialogue }))
}

pub(super) async fn operate(
    State(house): State<House>,
    Path((id, action)): Path<(i64, String)>,
) -> Result<Redirect, Problem> {
    let does = match action.as_str() {
        "retry" => OperatorAction::Retry,
        "hold" => OperatorAction::Hold,
        "cancel" => OperatorAction::Cancel,
        _ => return Err(Problem::NotHere),
    };
    let (store, now) = (&house.engine.store, house.engine.clock.now());
    let done = if store.operate_outbox(id, does, now).await? { action.as_str() } else { "nothing" };
    house.engine.outgoing.notify_one();
    Ok(Redirect::to(&format!("/outbox/{id}?done={done}")))
}

/// What an operator's form did.
pub(super) fn done_words(done: &str) -> &'static str {
    match done {
        "retry" => "The mail is tried again now.",
        "hold" => "The mail is held back until somebody sends it.",
        "cancel" => "The mail is not sent any more.",
        "nothing" => "Nothing was changed: the mail is out, or somebody else was faster.",
        _ => "",
    }
}
