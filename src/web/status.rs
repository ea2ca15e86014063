//! The public page: what customers were told, as HTML, Atom (RFC 4287) and JSON.
//!
//! Shows approved statements, when they were published and how far the response is, and nothing else of
//! an incident: no name of ours, no severity, no key. Private incidents and drills are never on it.
//! Start with [`StatusPage::new`]; the same files are written by [`write_files`] for another host.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::routing::get;
use chrono::{DateTime, SecondsFormat, Utc};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use tokio::sync::watch;
use tracing::{error, info};

use super::asked::{Answer, Asked, unavailable};
use crate::engine::Engine;
use crate::incident::statement::{PublicState, Published};
use crate::incident::{Incident, Phase, Policy};
use crate::render::statement::{Paragraph, paragraphs, public_text, public_title, state_shown};
use crate::render::when;
use crate::store::StoreError;

/// The style sheet of the page, which stands alone on another host.
const STYLE: &str = include_str!("status.css");
/// Entries of the feed: whoever reads it comes more often than there are so many.
const FEED_ENTRIES_MAX: usize = 50;
/// The files are looked at anew so often, even where nothing changed: what is over leaves the page.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
/// Many changes at once are one new page.
const GATHER_FOR: std::time::Duration = std::time::Duration::from_secs(1);

/// Everything that the public may know, the newest first.
#[derive(Debug, Serialize)]
pub struct StatusPage {
    /// The organisation, as its customers know it.
    pub name: String,
    /// When anything was last said; `None` while nothing is shown.
    pub updated_at: Option<String>,
    pub disruptions: Vec<Disruption>,
    #[serde(skip)]
    updated_shown: String,
    #[serde(skip)]
    feed: Feed,
}

/// What customers were told of one incident.
#[derive(Debug, Serialize)]
pub struct Disruption {
    /// The same as long as it is shown; says nothing of the incident.
    pub id: String,
    pub title: String,
    /// `investigating`, `identified`, `monitoring` or `resolved`.
    pub state: &'static str,
    pub next_statement_at: Option<String>,
    /// The newest first.
    pub statements: Vec<PublicStatement>,
    #[serde(skip)]
    state_shown: String,
    #[serde(skip)]
    next_shown: Option<String>,
    #[serde(skip)]
    last_at: DateTime<Utc>,
}

/// One statement.
#[derive(Debug, Serialize)]
pub struct PublicStatement {
    pub id: String,
    pub state: &'static str,
    pub published_at: String,
    pub text: String,
    #[serde(skip)]
    state_shown: String,
    #[serde(skip)]
    at_shown: String,
    #[serde(skip)]
    paragraphs: Vec<Paragraph>,
    #[serde(skip)]
    at: DateTime<Utc>,
}

/// What the feed says of itself.
#[derive(Debug, Default)]
struct Feed {
    /// `tag:example.org,2026:status` (RFC 4151).
    id: String,
    /// Never empty (RFC 4287 section 4.2.15).
    updated_at: String,
    /// Where the page is reached.
    url: Option<String>,
}

impl StatusPage {
    /// What the public may know of these incidents.
    pub fn new(incidents: &[Incident], policy: &Policy, now: DateTime<Utc>) -> Self {
        let mut disruptions: Vec<Disruption> =
            incidents.iter().filter_map(|incident| Disruption::new(incident, policy, now)).collect();
        // What goes on stands first, each part the newest first.
        disruptions.sort_by_key(|shown| {
            (shown.state == PublicState::Resolved.name(), std::cmp::Reverse(shown.last_at))
        });
        let updated = disruptions.iter().map(|shown| shown.last_at).max();
        let feed = Feed {
            id: tag(policy, "status"),
            // Nothing was ever said: any instant is true, as long as it is always the same.
            updated_at: rfc3339(updated.unwrap_or(DateTime::UNIX_EPOCH)),
            url: policy.customers.url.clone(),
        };
        Self {
            name: public_text(&policy.customers.name),
            updated_at: updated.map(rfc3339),
            updated_shown: updated.map(|at| when::full(at, policy)).unwrap_or_default(),
            disruptions,
            feed,
        }
    }

    /// # Errors
    ///
    /// The store's.
    pub async fn load(engine: &Engine) -> Result<Self, StoreError> {
        let (policy, now) = (engine.policy(), engine.clock.now());
        let since = now - policy.customers.shown_for;
        let incidents: Vec<Incident> = engine
            .store
            .load_recent_incidents(since)
            .await?
            .readable
            .into_iter()
            .map(|stored| stored.incident)
            .collect();
        Ok(Self::new(&incidents, &policy, now))
    }

    /// # Errors
    ///
    /// A template's, which has no fallible part.
    pub fn html(&self) -> askama::Result<String> {
        HtmlPage { page: self, going_on: self.going_on() }.render()
    }

    /// # Errors
    ///
    /// A template's, which has no fallible part.
    pub fn atom(&self) -> askama::Result<String> {
        let mut entries: Vec<(&Disruption, &PublicStatement)> = self
            .disruptions
            .iter()
            .flat_map(|shown| shown.statements.iter().map(move |statement| (shown, statement)))
            .collect();
        entries.sort_by_key(|(_, statement)| std::cmp::Reverse(statement.at));
        entries.truncate(FEED_ENTRIES_MAX);
        AtomFeed { page: self, entries }.render()
    }

    /// As an object whose keys are stable.
    pub fn json(&self) -> String {
        // Strings and lists of them always make JSON.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    fn going_on(&self) -> usize {
        let is_over = |shown: &&Disruption| shown.state == PublicState::Resolved.name();
        self.disruptions.len() - self.disruptions.iter().filter(is_over).count()
    }
}

impl Disruption {
    fn new(incident: &Incident, policy: &Policy, now: DateTime<Utc>) -> Option<Self> {
        let last = incident.statements.last()?;
        let is_over = last.state == PublicState::Resolved;
        let is_old = is_over && last.at + policy.customers.shown_for <= now;
        // The incident of which it is a duplicate tells what was told of this one.
        if incident.private || incident.drill || is_old || incident.phase == Phase::Merged {
            return None;
        }
        let statements = incident.statements.published.iter().rev();
        Some(Self {
            id: tag(policy, &opaque(incident, None)),
            title: public_text(&public_title(&incident.statements, &policy.customers.title)),
            state: last.state.name(),
            next_statement_at: last.next_at.map(rfc3339),
            statements: statements.map(|said| PublicStatement::new(incident, said, policy)).collect(),
            state_shown: state_shown(last.state),
            next_shown: last.next_at.map(|at| when::full(at, policy)),
            last_at: last.at,
        })
    }
}

impl PublicStatement {
    fn new(incident: &Incident, said: &Published, policy: &Policy) -> Self {
        let text = public_text(&said.text);
        Self {
            id: tag(policy, &opaque(incident, Some(said.seq))),
            state: said.state.name(),
            published_at: rfc3339(said.at),
            state_shown: state_shown(said.state),
            at_shown: when::full(said.at, policy),
            paragraphs: paragraphs(&text),
            text,
            at: said.at,
        }
    }
}

/// A name that is the same for ever (RFC 4151).
fn tag(policy: &Policy, what: &str) -> String {
    format!("tag:{},2026:{what}", policy.address.address().domain())
}

/// A name from which nobody reads the number of an incident.
fn opaque(incident: &Incident, seq: Option<i64>) -> String {
    let seq = seq.map(|seq| seq.to_string()).unwrap_or_default();
    let declared_at = incident.declared_at.timestamp_micros();
    let text = format!("public\n{}\n{declared_at}\n{seq}", incident.number);
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().take(10).map(|octet| format!("{octet:02x}")).collect()
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[derive(Debug, Template)]
#[template(path = "web/status.html")]
struct HtmlPage<'a> {
    page: &'a StatusPage,
    /// How many are not over.
    going_on: usize,
}

#[derive(Debug, Template)]
#[template(path = "web/status.xml")]
struct AtomFeed<'a> {
    page: &'a StatusPage,
    entries: Vec<(&'a Disruption, &'a PublicStatement)>,
}

/// `/status`, `/status.atom`, `/status.json`: for everybody.
pub fn routes(engine: &Engine) -> Router {
    let asked = || Asked::new(engine.clone());
    Router::new()
        .route("/status", get(show_html).with_state(asked()))
        .route("/status.atom", get(show_atom).with_state(asked()))
        .route("/status.json", get(show_json).with_state(asked()))
        .route("/status.css", get(async || ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
}

async fn show_html(State(asked): State<Asked>) -> Answer {
    asked.or(answer(&asked.engine, "text/html; charset=utf-8", StatusPage::html)).await
}

async fn show_atom(State(asked): State<Asked>) -> Answer {
    asked.or(answer(&asked.engine, "application/atom+xml; charset=utf-8", StatusPage::atom)).await
}

async fn show_json(State(asked): State<Asked>) -> Answer {
    asked.or(answer(&asked.engine, "application/json", |page| Ok(page.json()))).await
}

async fn answer(
    engine: &Engine,
    content_type: &'static str,
    write: impl FnOnce(&StatusPage) -> askama::Result<String>,
) -> Answer {
    let page = match StatusPage::load(engine).await {
        Ok(page) => page,
        Err(error) => return unavailable(&error),
    };
    match write(&page) {
        Ok(text) => (StatusCode::OK, [(header::CONTENT_TYPE, content_type)], text),
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "the public page could not be written");
            (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, content_type)], String::new())
        }
    }
}

/// Writes the page as files into a folder: `index.html`, `status.atom`, `status.json`, `status.css`. Each
/// is there whole, as it was or as it is; one that says the same already is not touched.
///
/// # Errors
///
/// The operator's: the folder cannot be made or written to.
pub fn write_files(page: &StatusPage, folder: &Path) -> io::Result<usize> {
    if !folder.exists() {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    }
    let files = [
        ("status.css", STYLE.to_owned()),
        ("status.json", page.json()),
        ("status.atom", page.atom().map_err(io::Error::other)?),
        ("index.html", page.html().map_err(io::Error::other)?),
    ];
    let mut written = 0;
    for (name, text) in files {
        let path = folder.join(name);
        if std::fs::read(&path).is_ok_and(|before| before == text.as_bytes()) {
            continue;
        }
        let new = folder.join(format!(".{name}.new"));
        std::fs::write(&new, text)?;
        // Another account serves them, and the service's umask lets nobody read.
        std::fs::set_permissions(&new, Permissions::from_mode(0o644))?;
        std::fs::rename(&new, &path)?;
        written += 1;
    }
    Ok(written)
}

/// Keeps the files of a folder as the page is, until the server stops.
pub async fn publish(engine: Engine, folder: Arc<Path>, mut stopping: watch::Receiver<bool>) {
    loop {
        match StatusPage::load(&engine).await {
            Ok(page) => match write_files(&page, &folder) {
                Ok(0) => {}
                Ok(files) => info!(files, "the public page was written"),
                Err(error) => {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "the public page is not up to date"
                    );
                }
            },
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "the public page could not be loaded");
            }
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = engine.published.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(GATHER_FOR) => {}
        }
    }
}
