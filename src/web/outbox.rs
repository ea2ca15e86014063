//! The outbox as a page shows it: what waits, failed or is held back, and whether mail moves.
//!
//! Who is written to, and what about, is for operators alone: a server without sign-in shows figures
//! only ([`show_figures`]). Start with [`OutboxView::load`].

use askama::Template;
use axum::extract::State;

use super::asked::{Answer, Asked, unavailable};
use crate::engine::Engine;
use crate::render::when;
use crate::store::StoreError;
use crate::store::rows::{OutboxRow, OutboxState};

/// Mails of each state that are shown, the newest.
const SHOWN_MAX: i64 = 100;

/// Whether mail moves, in sentences; nothing when it does.
#[derive(Debug)]
pub struct Movement {
    /// The oldest has waited for longer than the configured limit.
    pub stuck: Option<String>,
    pub away: Vec<String>,
    /// How many wait, failed or are held, by state.
    pub waiting: Vec<(&'static str, i64)>,
}

/// What somebody may have to do something about.
#[derive(Debug)]
pub struct OutboxView {
    pub movement: Movement,
    pub mails: Vec<OutboxLine>,
}

/// A mail to one recipient.
#[derive(Debug)]
pub struct OutboxLine {
    pub id: i64,
    pub state: &'static str,
    /// Nobody tries it any more by itself.
    pub stands: bool,
    pub recipient: String,
    pub subject: String,
    /// `INC-1`, where it is about one.
    pub incident: Option<String>,
    pub message_id: String,
    pub written: String,
    pub next: String,
    pub last_answer: String,
    pub may_retry: bool,
    pub may_hold: bool,
}

impl Movement {
    async fn load(engine: &Engine) -> Result<Self, StoreError> {
        let (policy, now) = (engine.policy(), engine.clock.now());
        let stuck = engine.stuck_mail().await?.map(|(since, count)| {
            let since = when::brief(since, &policy, now);
            let limit = when::span(policy.stuck_after);
            let mails =
                if count == 1 { "1 mail waits".to_owned() } else { format!("{count} mails wait") };
            format!("Mail does not move: {mails}, since {since}, longer than {limit}.")
        });
        let waiting = engine.store.count_unsent_outbox().await?.into_iter();
        let unsettled = waiting.filter(|(state, _)| OutboxState::UNSETTLED.contains(state));
        let waiting = unsettled.map(|(state, count)| (state.name(), count)).collect();
        Ok(Self { stuck, away: engine.meters.relays_away(), waiting })
    }
}

impl OutboxView {
    /// # Errors
    ///
    /// The store's.
    pub async fn load(engine: &Engine) -> Result<Self, StoreError> {
        let mut mails = Vec::new();
        for state in OutboxState::UNSETTLED {
            let rows = engine.store.load_outbox(Some(state), SHOWN_MAX).await?;
            mails.extend(rows.iter().map(|row| OutboxLine::new(row, engine)));
        }
        Ok(Self { movement: Movement::load(engine).await?, mails })
    }
}

impl OutboxLine {
    pub fn new(row: &OutboxRow, engine: &Engine) -> Self {
        use OutboxState::{Accepted, Cancelled, Deferred, Held, Queued, Refused, Uncertain};
        let (policy, now) = (engine.policy(), engine.clock.now());
        let may_hold = matches!(row.state, Queued | Deferred | Uncertain);
        let tried = match row.attempts {
            0 => "not tried yet".to_owned(),
            1 => "tried once".to_owned(),
            times => format!("tried {times} times"),
        };
        let due_at = row.due_at.filter(|_| may_hold);
        let next = match (row.accepted_at, due_at) {
            (Some(at), _) => format!("accepted {}", when::brief(at, &policy, now)),
            (None, Some(at)) => format!("{tried}; next {}", when::brief(at, &policy, now)),
            (None, None) => tried,
        };
        Self {
            id: row.id,
            state: row.state.name(),
            stands: matches!(row.state, Refused | Held) || (row.state == Uncertain && due_at.is_none()),
            recipient: row.recipient.to_string(),
            subject: row.subject.clone(),
            incident: row.incident.map(|number| format!("INC-{number}")),
            message_id: row.message_id.clone(),
            written: when::full(row.created_at, &policy),
            next,
            last_answer: row.last_answer.clone(),
            may_retry: !matches!(row.state, Accepted | Cancelled),
            may_hold,
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "web/outbox_figures.html")]
struct FiguresPage {
    movement: Movement,
}

/// What a server shows while it has no sign-in: whether mail moves, and nobody's address.
pub(super) async fn show_figures(State(asked): State<Asked>) -> Answer {
    asked.or(ask_figures(&asked.engine)).await
}

async fn ask_figures(engine: &Engine) -> Answer {
    match Movement::load(engine).await {
        Ok(movement) => super::written(&FiguresPage { movement }),
        Err(error) => unavailable(&error),
    }
}
