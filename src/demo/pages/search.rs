//! The search page: incidents by what was written of them, private ones left out.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::super::views::Frame;
use super::{House, Problem, Told};
use crate::learning::search::Words;
use crate::web;
use crate::web::incident::IncidentLine;

/// Incidents on the page, the newest.
const FOUND_MAX: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// Empty where nothing was asked yet.
    #[serde(default)]
    words: String,
}

#[derive(Debug, Template)]
#[template(path = "web/search.html")]
struct SearchPage {
    frame: Frame,
    words: String,
    found: Vec<FoundLine>,
}

/// An incident, and the entries that have the words.
#[derive(Debug)]
struct FoundLine {
    incident: IncidentLine,
    entries: Vec<EntryLine>,
}

#[derive(Debug)]
struct EntryLine {
    seq: i64,
    author: String,
    excerpt: String,
}

pub(super) async fn show_search(
    State(house): State<House>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let frame = house.frame("Search", "/search", None, &Told::default()).await?;
    let (policy, now) = (house.engine.policy(), house.engine.clock.now());
    let store = &house.engine.store;
    let mut found = Vec::new();
    if let Some(words) = Words::read(&asked.words) {
        for one in store.search_incidents(&words, false, FOUND_MAX).await? {
            let Some(stored) = store.load_incident(one.number).await? else { continue };
            let entries = one.entries.into_iter().map(|entry| EntryLine {
                seq: entry.seq,
                excerpt: words.excerpt(&entry.text),
                author: entry.author_name,
            });
            let incident = IncidentLine::new(&stored.incident, &policy, now);
            found.push(FoundLine { incident, entries: entries.collect() });
        }
    }
    Ok(web::page(&SearchPage { frame, words: asked.words, found }))
}
