//! Moving the clock forward, with everything that happens on the way.
//!
//! Each deadline on the way is handled at its own time, as if somebody had waited for it. Start with
//! [`Moving::forward`].

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::digests::{self, shifts};
use crate::engine::Engine;
use crate::incident::deadlines::DeadlineKind;
use crate::store::StoreError;

/// Deadlines of one instant that are named.
const NAMED_MAX: i64 = 5;
/// At most so many wake-ups in one move: a ladder that never ends shows itself by a short move.
const WAKE_UPS_MAX: usize = 2_000;
/// Mail is read and delivered in milliseconds; beyond this a page is shown as things are.
const SETTLE_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks at whether everything is done.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What happens next if nobody writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub at: DateTime<Utc>,
    pub what: NextIs,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextIs {
    /// Never empty: what falls due at that instant.
    Deadlines(Vec<(i64, DeadlineKind)>),
    Digest(String),
    /// Somebody is told that their shift begins.
    Shift,
}

/// The hand that moves the clock; one at a time.
#[derive(Debug)]
pub(super) struct Moving {
    engine: Engine,
    busy: tokio::sync::Mutex<()>,
}

impl Moving {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, busy: tokio::sync::Mutex::default() }
    }

    /// Moves the clock by `by`.
    ///
    /// # Errors
    ///
    /// The store's; the clock stands where it came to.
    pub(super) async fn forward(&self, by: TimeDelta) -> Result<(), StoreError> {
        let _only = self.busy.lock().await;
        let until = self.engine.clock.now() + by;
        self.to(until).await
    }

    /// Moves the clock to what happens next, and lets it happen.
    ///
    /// # Errors
    ///
    /// The store's.
    pub(super) async fn to_next(&self) -> Result<(), StoreError> {
        let _only = self.busy.lock().await;
        match self.next().await? {
            Some(next) => self.to(next.at).await,
            None => Ok(()),
        }
    }

    /// What happens next if nobody writes; `None` when nothing does.
    ///
    /// # Errors
    ///
    /// The store's.
    pub(super) async fn next(&self) -> Result<Option<Next>, StoreError> {
        let (store, policy) = (&self.engine.store, self.engine.policy());
        let now = self.engine.clock.now();
        let digest = digests::next(&policy, now)
            .map(|(name, at)| Next { at, what: NextIs::Digest(name.to_owned()) });
        let shift = shifts::next(&policy, now).map(|at| Next { at, what: NextIs::Shift });
        let mut deadlines = None;
        if let Some(at) = store.earliest_deadline().await? {
            let due = store.load_due_deadlines(at, NAMED_MAX).await?;
            let mut named: Vec<_> =
                due.iter().filter_map(|due| Some((due.incident, due.kind?))).collect();
            named.sort_unstable();
            deadlines = Some(Next { at, what: NextIs::Deadlines(named) });
        }
        Ok([deadlines, digest, shift].into_iter().flatten().min_by_key(|next| next.at))
    }

    /// Waits until every mail that came in is read and every mail that goes out is delivered.
    ///
    /// # Errors
    ///
    /// The store's.
    pub(super) async fn settled(&self) -> Result<(), StoreError> {
        let end = Instant::now() + SETTLE_WITHIN;
        while Instant::now() < end {
            let store = &self.engine.store;
            let read = store.count_waiting_inbound().await? == 0;
            let now = self.engine.clock.now();
            // A row that is leased is due when its lease lapses: within minutes, not now.
            let soon = now + TimeDelta::minutes(2);
            if read && store.earliest_outbox().await?.is_none_or(|at| at > soon) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn to(&self, until: DateTime<Utc>) -> Result<(), StoreError> {
        let clock = &self.engine.clock;
        for _ in 0..WAKE_UPS_MAX {
            self.settled().await?;
            let next = self.next().await?.filter(|next| next.at <= until);
            let to = next.as_ref().map_or(until, |next| next.at);
            clock.advance(to - clock.now());
            while self.engine.pass_deadlines().await? > 0 {}
            digests::send_due(&self.engine).await?;
            shifts::send_due(&self.engine).await?;
            self.engine.changed.notify_one();
            self.engine.outgoing.notify_one();
            if next.is_none() {
                break;
            }
        }
        self.settled().await
    }
}
