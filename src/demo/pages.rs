//! The page of the demo: six mailboxes, the incidents, and a clock to be moved.
//!
//! A GET shows and changes nothing; a POST sends a mail, moves the clock or opens a mail, waits until
//! all that follows has happened, and leads back to a page. Works without scripts. Start with
//! [`router`].

mod declare;
mod outbox;
mod search;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use chrono::TimeDelta;
use serde::Deserialize;
use tracing::error;

use super::letters::{Letter, SendError};
use super::mailboxes::Mailboxes;
use super::moving::{Moving, Next, NextIs};
use super::organisation::{ADDRESS, PEOPLE, Player};
use super::views::{
    ActionLine, Frame, HomePage, IncidentPage, MailLine, MailPage, MailboxPage, PersonLine, ProblemPage,
    Tab, WritePage,
};
use super::{Ports, declare_line, swaks_is_installed};
use crate::engine::Engine;
use crate::mail::address::Tag;
use crate::mail::mailto::replace_links;
use crate::render::when;
use crate::store::StoreError;
use crate::web;
use crate::web::incident::{IncidentLine, IncidentView, deadline_words};

/// Longer than any form of the page, with its fields at their limits in any script.
const FORM_OCTETS_MAX: usize = 256 * 1024;
/// Incidents on the first page, the newest.
const INCIDENTS_SHOWN_MAX: i64 = 100;
/// One press of the first button.
const STEP: TimeDelta = TimeDelta::minutes(10);
/// Our mail's own styles, and its links to the page around it; nothing else, and no scripts.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation";

/// What the pages need.
#[derive(Clone)]
struct House {
    engine: Engine,
    mailboxes: Mailboxes,
    moving: Arc<Moving>,
    ports: Ports,
}

/// All pages, for this machine's browsers only.
pub(super) fn router(engine: Engine, mailboxes: Mailboxes, ports: Ports) -> Router {
    let health = web::health(engine.clone());
    let public = web::status::routes(&engine);
    let moving = Arc::new(Moving::new(engine.clone()));
    let house = House { engine, mailboxes, moving, ports };
    Router::new()
        .route("/", get(show_home))
        .route("/declare", post(declare::declare))
        .route("/clock", post(move_clock))
        .route("/incident/{key}", get(show_incident))
        .route("/incident/{key}/entry/{seq}/attachment/{position}", get(hand_out_file))
        .route("/search", get(search::show_search))
        .route("/outbox", get(outbox::show_outbox))
        .route("/outbox/{id}", get(outbox::show_mail))
        .route("/outbox/{id}/{action}", post(outbox::operate))
        .route("/mailbox/{name}", get(show_mailbox))
        .route("/mailbox/{name}/{id}", get(show_mail))
        .route("/mailbox/{name}/{id}/html", get(show_html))
        .route("/mailbox/{name}/{id}/open", post(open_mail))
        .route("/mailbox/{name}/{id}/write", get(show_writing))
        .route("/mailbox/{name}/{id}/send", post(send_written))
        .route("/mailbox/{name}/{id}/reply", post(send_reply))
        .with_state(house)
        .merge(web::files())
        .merge(health)
        .merge(public)
        .fallback(async || Problem::NotHere.into_response())
        .layer(DefaultBodyLimit::max(FORM_OCTETS_MAX))
        .layer(middleware::from_fn_with_state(ports.web, web::guard::protect_loopback))
}

/// Why there is no page.
#[derive(Debug)]
enum Problem {
    NotHere,
    Send(SendError),
    Store(StoreError),
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::NotHere => (
                StatusCode::NOT_FOUND,
                "There is nothing here",
                "It may have been another demo's.".to_owned(),
            ),
            Self::Send(error) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "The mail was not sent",
                format!("{error}. Go back: what you wrote is still there."),
            ),
            Self::Store(error) => {
                error!(error = &error as &dyn std::error::Error, "a page waits for the database");
                (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer", format!("{error}."))
            }
        };
        (status, web::page(&ProblemPage { title, text })).into_response()
    }
}

/// What happened before the page that is shown: the numbers that a redirect carries.
#[derive(Debug, Default, Deserialize)]
struct Told {
    /// Mails that went out after something was written.
    sent: Option<usize>,
    /// Mails that went out while the clock was moved.
    moved: Option<usize>,
    /// To whom: aliases, with `-` between.
    to: Option<String>,
    /// `html`: a mail's other part.
    show: Option<String>,
    /// What was done with a mail of the outbox.
    done: Option<String>,
}

impl Told {
    fn notice(&self) -> String {
        let mails = |count| match count {
            0 => "no mail".to_owned(),
            1 => format!("1 mail{}", self.to_whom()),
            count => format!("{count} mails{}", self.to_whom()),
        };
        match (self.sent, self.moved) {
            (Some(0), _) => {
                "Sent. Firebell read it and mails nobody; the timeline says what it did.".to_owned()
            }
            (Some(count), _) => format!("Sent. Firebell read it and answered with {}.", mails(count)),
            (None, Some(count)) => {
                format!("The clock was moved. Firebell sent {} meanwhile.", mails(count))
            }
            (None, None) => outbox::done_words(self.done.as_deref().unwrap_or_default()).to_owned(),
        }
    }

    fn to_whom(&self) -> String {
        let aliases = self.to.as_deref().unwrap_or_default().split('-');
        let names: Vec<_> = aliases.filter_map(Player::named).map(Player::first_name).collect();
        match names.as_slice() {
            [] => String::new(),
            [only] => format!(" to {only}"),
            [all @ .., last] => format!(" to {} and {last}", all.join(", ")),
        }
    }
}

// ---- what is shown ----

async fn show_home(State(house): State<House>, Query(told): Query<Told>) -> Result<Response, Problem> {
    let frame = house.frame("Start", "/", None, &told).await?;
    let (policy, now) = (house.engine.policy(), house.engine.clock.now());
    let stored = house.engine.store.load_incidents(false, INCIDENTS_SHOWN_MAX).await?;
    let mut incidents: Vec<_> = stored.readable.iter().map(|stored| &stored.incident).collect();
    incidents.sort_by_key(|incident| std::cmp::Reverse(incident.number));
    let lines = incidents.into_iter().map(|incident| IncidentLine::new(incident, &policy, now));
    let people = house
        .on_disk(|mailboxes| {
            PEOPLE.each_ref().map(|player| PersonLine {
                alias: player.alias,
                name: player.name,
                part: player.part,
                about: player.about,
                count: mailboxes.count_of(player),
                unopened: mailboxes.count_unopened(player),
            })
        })
        .await;
    Ok(web::page(&HomePage {
        frame,
        incidents: lines.collect(),
        people: people.into_iter().flatten().collect(),
        templates: declare::template_lines(&policy),
        address: ADDRESS,
        // On several lines, which a shell reads as one.
        declare_line: declare_line(house.ports.smtp, swaks_is_installed()).replace(" --", " \\\n  --"),
        smtp_port: house.ports.smtp,
    }))
}

async fn show_incident(
    State(house): State<House>,
    Path(key): Path<String>,
    Query(told): Query<Told>,
) -> Result<Response, Problem> {
    let number = read_key(&key)?;
    let store = &house.engine.store;
    let stored = store.load_incident(number).await?.ok_or(Problem::NotHere)?;
    let timeline = store.load_timeline(number).await?;
    let (policy, now) = (house.engine.policy(), house.engine.clock.now());
    let incident = IncidentView::new(&stored.incident, &timeline, &policy, now);
    let title = stored.incident.key();
    let frame = house.frame(&title, &format!("/incident/{title}"), None, &told).await?;
    Ok(web::page(&IncidentPage { frame, incident }))
}

fn read_key(key: &str) -> Result<i64, Problem> {
    key.strip_prefix("INC-").and_then(|number| number.parse().ok()).ok_or(Problem::NotHere)
}

async fn hand_out_file(
    State(house): State<House>,
    Path((key, seq, position)): Path<(String, i64, i64)>,
) -> Result<Response, Problem> {
    let file = house.engine.store.load_file(read_key(&key)?, seq, position).await?;
    let (name, octets) = file.ok_or(Problem::NotHere)?;
    Ok(web::file::hand_out(&name, octets))
}

async fn show_mailbox(
    State(house): State<House>,
    Path(name): Path<String>,
    Query(told): Query<Told>,
) -> Result<Response, Problem> {
    let player = Player::named(&name).ok_or(Problem::NotHere)?;
    let path = format!("/mailbox/{}", player.alias);
    let frame = house.frame(player.name, &path, Some(player), &told).await?;
    let (listed, count) =
        house.on_disk(move |mailboxes| mailboxes.list(player)).await.unwrap_or_default();
    let (policy, now) = (house.engine.policy(), house.engine.clock.now());
    let mails = listed.into_iter().map(|one| MailLine {
        id: one.id,
        opened: one.opened,
        on_pager: one.mail.on_pager,
        from: one.mail.from,
        subject: one.mail.subject,
        preview: one.mail.preview,
        at: one.mail.at.map(|at| when::brief(at, &policy, now)).unwrap_or_default(),
    });
    Ok(web::page(&MailboxPage { frame, player, mails: mails.collect(), count }))
}

async fn show_mail(
    State(house): State<House>,
    Path((name, id)): Path<(String, i64)>,
    Query(told): Query<Told>,
) -> Result<Response, Problem> {
    let (player, mail) = house.mail(&name, id).await?;
    let policy = house.engine.policy();
    let path = format!("/mailbox/{}/{id}", player.alias);
    let frame = house.frame(&mail.subject, &path, Some(player), &told).await?;
    let tag = mail.reply_to.as_ref().and_then(|to| policy.address.tag_of(to));
    let incident = match tag {
        Some(Tag::Incident { number, .. }) => Some(format!("INC-{number}")),
        _ => None,
    };
    let actions = mail.actions.iter().enumerate().map(|(index, link)| ActionLine {
        index,
        label: link.label.clone(),
        reply: link.mailto.body.clone(),
    });
    Ok(web::page(&MailPage {
        frame,
        player,
        id,
        at: mail.at.map(|at| when::full(at, &policy)).unwrap_or_default(),
        show_html: told.show.as_deref() == Some("html") && mail.html.is_some(),
        actions: actions.collect(),
        incident,
        mail,
    }))
}

/// The mail's HTML as it came, but that its quick actions open the page's own mail form.
async fn show_html(
    State(house): State<House>,
    Path((name, id)): Path<(String, i64)>,
) -> Result<Response, Problem> {
    let (player, mail) = house.mail(&name, id).await?;
    let html = mail.html.ok_or(Problem::NotHere)?;
    let mut index = 0;
    let html = replace_links(&html, |_| {
        let href =
            format!("href=\"/mailbox/{}/{id}/write?action={index}\" target=\"_top\"", player.alias);
        index += 1;
        Some(href)
    });
    let mut answer = Html(html).into_response();
    let policy = HeaderValue::from_static(MAIL_POLICY);
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(answer)
}

#[derive(Debug, Deserialize)]
struct Chosen {
    action: usize,
}

async fn show_writing(
    State(house): State<House>,
    Path((name, id)): Path<(String, i64)>,
    Query(chosen): Query<Chosen>,
) -> Result<Response, Problem> {
    let (player, mail) = house.mail(&name, id).await?;
    let link = mail.actions.into_iter().nth(chosen.action).ok_or(Problem::NotHere)?;
    let path = format!("/mailbox/{}/{id}", player.alias);
    let frame = house.frame(&link.label, &path, Some(player), &Told::default()).await?;
    let (label, mailto) = (link.label, link.mailto);
    Ok(web::page(&WritePage { frame, player, id, from: mail.to, label, mailto }))
}

// ---- what is done ----

#[derive(Debug, Deserialize)]
struct Moved {
    to: String,
    back: String,
}

async fn move_clock(State(house): State<House>, Form(form): Form<Moved>) -> Result<Redirect, Problem> {
    let before = house.counts().await;
    match form.to.as_str() {
        "ten" => house.moving.forward(STEP).await?,
        "next" => house.moving.to_next().await?,
        _ => return Err(Problem::NotHere),
    }
    let arrived = house.arrived_since(before).await;
    Ok(Redirect::to(&format!("{}?moved={arrived}", own_path(&form.back))))
}

async fn open_mail(
    State(house): State<House>,
    Path((name, id)): Path<(String, i64)>,
) -> Result<Redirect, Problem> {
    let (player, _) = house.mail(&name, id).await?;
    house.mailboxes.open(id);
    Ok(Redirect::to(&format!("/mailbox/{}/{id}", player.alias)))
}

#[derive(Debug, Deserialize)]
struct Written {
    to: String,
    subject: String,
    text: String,
}

/// Mail programs forget the thread when they follow a `mailto:` link, and so does this.
async fn send_written(
    State(house): State<House>,
    Path((name, id)): Path<(String, i64)>,
    Form(form): Form<Written>,
) -> Result<Redirect, Problem> {
    let (player, mail) = house.mail(&name, id).await?;
    let sent = house
        .send(Letter {
            from: player,
            from_address: mail.to,
            to: form.to,
            subject: form.subject,
            text: form.text,
            references: Vec::new(),
        })
        .await?;
    Ok(Redirect::to(&format!("/mailbox/{}/{id}?sent={sent}", player.alias)))
}

#[derive(Debug, Deserialize)]
struct Replied {
    text: String,
}

async fn send_reply(
    State(house): State<House>,
    Path((name, id)): Path<(String, i64)>,
    Form(form): Form<Replied>,
) -> Result<Redirect, Problem> {
    let (player, mail) = house.mail(&name, id).await?;
    let policy = house.engine.policy();
    let sent_at = mail.at.map(|at| when::full(at, &policy)).unwrap_or_default();
    let letter = Letter::reply(player, &mail, &form.text, &sent_at).ok_or(Problem::NotHere)?;
    let sent = house.send(letter).await?;
    Ok(Redirect::to(&format!("/mailbox/{}/{id}?sent={sent}", player.alias)))
}

/// A path of this site, or the first page: never another site's.
fn own_path(path: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '/' || c == '-';
    if path.starts_with('/') && !path.starts_with("//") && path.chars().all(plain) { path } else { "/" }
}

impl House {
    async fn frame(
        &self,
        title: &str,
        path: &str,
        current: Option<&'static Player>,
        told: &Told,
    ) -> Result<Frame, Problem> {
        let (policy, clock) = (self.engine.policy(), &self.engine.clock);
        let now = clock.now();
        let ahead = now - clock.machine_now();
        let next = self.moving.next().await?.map(|next| self.next_words(&next));
        let tabs = self.on_disk(move |mailboxes| {
            PEOPLE.each_ref().map(|player| Tab {
                alias: player.alias,
                name: player.first_name(),
                part: player.part,
                unopened: mailboxes.count_unopened(player),
                current: current.is_some_and(|current| current.alias == player.alias),
            })
        });
        Ok(Frame {
            title: title.to_owned(),
            path: path.to_owned(),
            clock: when::full(now, &policy),
            ahead: if ahead < TimeDelta::minutes(1) { String::new() } else { when::span(ahead) },
            next,
            people: tabs.await.into_iter().flatten().collect(),
            notice: told.notice(),
        })
    }

    fn next_words(&self, next: &Next) -> String {
        let (policy, now) = (self.engine.policy(), self.engine.clock.now());
        let what = match &next.what {
            NextIs::Deadlines(due) => {
                let words =
                    due.iter().map(|(number, kind)| format!("INC-{number} {}", deadline_words(*kind)));
                words.collect::<Vec<_>>().join("; ")
            }
            NextIs::Digest(name) => format!("the digest {name}"),
            NextIs::Shift => "the notice of a shift".to_owned(),
        };
        format!("{} ({}), {what}", when::brief(next.at, &policy, now), when::distance(next.at, now))
    }

    /// The person and their mail; both must be there.
    async fn mail(
        &self,
        name: &str,
        id: i64,
    ) -> Result<(&'static Player, super::mailboxes::ShownMail), Problem> {
        let player = Player::named(name).ok_or(Problem::NotHere)?;
        let mail = self.on_disk(move |mailboxes| mailboxes.read(player, id)).await.flatten();
        Ok((player, mail.ok_or(Problem::NotHere)?))
    }

    /// Sends it and waits for what follows; what arrived then, for the page that comes next.
    async fn send(&self, letter: Letter) -> Result<String, Problem> {
        let before = self.counts().await;
        let now = self.engine.clock.now();
        letter.send(self.ports.smtp, self.engine.ids.next(now), now).await?;
        self.moving.settled().await?;
        Ok(self.arrived_since(before).await)
    }

    /// How many mails each of [`PEOPLE`] has.
    async fn counts(&self) -> [usize; PEOPLE.len()] {
        self.on_disk(Mailboxes::counts).await.unwrap_or_default()
    }

    /// How many mails arrived and with whom, as a redirect carries it: `3&to=alice-bob`.
    async fn arrived_since(&self, before: [usize; PEOPLE.len()]) -> String {
        let after = self.counts().await;
        let grown = before
            .iter()
            .zip(after)
            .zip(&PEOPLE)
            .map(|((before, after), player)| (after.saturating_sub(*before), player.alias));
        let grown: Vec<_> = grown.filter(|(count, _)| *count > 0).collect();
        let count: usize = grown.iter().map(|(count, _)| count).sum();
        let aliases: Vec<_> = grown.iter().map(|(_, alias)| *alias).collect();
        format!("{count}&to={}", aliases.join("-"))
    }

    async fn newest_incident(&self) -> Result<Option<i64>, StoreError> {
        let stored = self.engine.store.load_incidents(false, INCIDENTS_SHOWN_MAX).await?;
        Ok(stored.readable.iter().map(|stored| stored.incident.number).max())
    }

    /// Runs what reads files where it keeps nobody waiting; `None` when it failed.
    async fn on_disk<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Mailboxes) -> T + Send + 'static,
    ) -> Option<T> {
        let mailboxes = self.mailboxes.clone();
        tokio::task::spawn_blocking(move || read(&mailboxes)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_the_clock_leads_back_to_a_page_of_ours_only() {
        assert_eq!(own_path("/mailbox/alice/7"), "/mailbox/alice/7");
        assert_eq!(own_path("/incident/INC-1"), "/incident/INC-1");
        for path in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/x?y", "/x\r\ny"]
        {
            assert_eq!(own_path(path), "/", "{path:?}");
        }
    }

    #[test]
    fn the_notice_counts_the_mails_and_says_who_got_them() {
        let sent =
            |sent, to: &str| Told { sent: Some(sent), to: Some(to.into()), ..Told::default() }.notice();
        assert_eq!(sent(1, "alice"), "Sent. Firebell read it and answered with 1 mail to Alice.");
        assert_eq!(
            sent(0, ""),
            "Sent. Firebell read it and mails nobody; the timeline says what it did."
        );
        let several = "Sent. Firebell read it and answered with 3 mails to Alice, Bob and Erin.";
        assert_eq!(sent(3, "alice-bob-erin-mallory"), several);
        assert_eq!(Told::default().notice(), "");
    }
}
