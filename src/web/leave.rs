//! The page by which a member leaves a list of ours, and to which mail programs post (RFC 8058).
//!
//! Whoever knows the address may leave, and do nothing else: it holds a token that was mailed to the
//! member. A GET shows a button and asks nobody anything, so that what follows links takes nobody off a
//! list. No answer is a redirect, and none needs a cookie. Start with [`post_leave`].

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::Mutex;
use tracing::error;

use super::page;
use crate::engine::{Engine, Leaving};

/// A form of one field, in either of the two ways in which it may be posted.
pub(super) const FORM_OCTETS_MAX: usize = 4 * 1024;
/// The key and the value of that field (RFC 8058 section 3.1).
const FIELD: &str = "List-Unsubscribe";
const VALUE: &str = "One-Click";

/// Whom to ask: one visitor at a time, because a token is looked for among all members of a list.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    engine: Engine,
    turn: Arc<Mutex<()>>,
}

impl Lists {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, turn: Arc::default() }
    }
}

#[derive(Debug, Template)]
#[template(path = "web/leave.html")]
struct LeavePage<'a> {
    heading: String,
    words: &'static str,
    list: &'a str,
    asks: bool,
}

/// The button. Whether the token is anybody's is not looked up.
pub(super) async fn show_leave(
    State(lists): State<Lists>,
    Path((list, _)): Path<(String, String)>,
) -> Response {
    let policy = lists.engine.policy();
    let Some(list) = policy.roster.list(&list).filter(|list| list.is_open()) else {
        return unknown(&list);
    };
    page(&LeavePage {
        heading: format!("Leave the list {}?", list.name),
        words: "You would get no declarations and no updates by it any more, but the end of what is under \
                way. A mail says so, and how to join again.",
        list: &list.name,
        asks: true,
    })
}

/// Takes whoever the token was mailed to off the list.
pub(super) async fn post_leave(
    State(lists): State<Lists>,
    Path((list, token)): Path<(String, String)>,
    form: Bytes,
) -> Response {
    if !is_one_click(&form) {
        let words = "Nothing changed: the form has no field List-Unsubscribe with the value One-Click.";
        let heading = "Nothing changed".to_owned();
        let nothing = page(&LeavePage { heading, words, list: &list, asks: false });
        return (StatusCode::BAD_REQUEST, nothing).into_response();
    }
    let turn = lists.turn.lock().await;
    let left = lists.engine.leave_list(&list, &token).await;
    drop(turn);
    let (heading, words) = match left {
        Ok(Leaving::Left) => (format!("You left the list {list}"), "A mail says what that means."),
        Ok(Leaving::WasGone) => (format!("You are not on the list {list}"), "Nothing changed."),
        Ok(Leaving::Unknown) => return unknown(&list),
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "the store cannot be used");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    page(&LeavePage { heading, words, list: &list, asks: false })
}

fn unknown(list: &str) -> Response {
    let heading = "Nobody can leave a list here".to_owned();
    let words = "There is no such list, or the address of this page is not complete. Nothing changed.";
    (StatusCode::NOT_FOUND, page(&LeavePage { heading, words, list, asks: false })).into_response()
}

/// `List-Unsubscribe=One-Click`, as one of the two types that a form may have.
fn is_one_click(form: &[u8]) -> bool {
    let form = String::from_utf8_lossy(form);
    let encoded = form.split('&').any(|field| field.trim() == format!("{FIELD}={VALUE}"));
    let name = format!("name=\"{FIELD}\"");
    let part = form.split_once("\r\n\r\n").filter(|(head, _)| head.contains(&name));
    let value = part.and_then(|(_, body)| body.lines().next()).unwrap_or_default();
    encoded || value.trim() == VALUE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_in_both_types_and_nothing_else_is_one() {
        let multipart = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n")
        };
        for (form, is) in [
            ("List-Unsubscribe=One-Click".to_owned(), true),
            ("a=b&List-Unsubscribe=One-Click\r\n".to_owned(), true),
            (multipart("List-Unsubscribe", "One-Click"), true),
            (multipart("Other", "One-Click"), false),
            (multipart("List-Unsubscribe", "Later"), false),
            ("List-Unsubscribe=Later".to_owned(), false),
            ("XList-Unsubscribe=One-Click".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_one_click(form.as_bytes()), is, "{form}");
        }
    }
}
