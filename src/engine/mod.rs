//! The one door: every input of every kind comes through here, and nothing else changes an
//! incident.
//!
//! A message, a deadline, a failure of the relay or a form becomes an event; [`decide`] says what
//! follows; one transaction stores all of it, together with the finished octets of every mail to
//! send. Several events share a transaction. Start with [`Engine::read_waiting`].
//!
//! [`decide`]: crate::incident::decide::decide

mod alerts;
mod attachments;
mod audit;
mod batch;
mod bundles;
mod caps;
mod damage;
mod digests;
mod ends;
mod finding;
mod held;
mod lists;
mod outgoing;
mod reading;
mod related;
mod reminders;
mod reports;
mod shifts;

use std::sync::{Arc, RwLock};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::ids::Ids;
use crate::incident::Policy;
use crate::incident::event::{Event, Said};
use crate::incident::state::Incident;
use crate::mail::ids::Secret;
use crate::mail::{Address, ListWish};
use crate::meters::Meters;
use crate::render::Damaged;
use crate::roster::membership::{ChangedBy, Memberships};
use crate::roster::rotation::Shift;
use crate::store::rows::{Taken, Undelivered};
use crate::store::{Overrides, Store, StoreError};
use batch::Batch;
pub use lists::Leaving;

/// Messages that share a transaction: enough that the commit costs little, few enough that a
/// failure redoes little.
const MESSAGES_A_BATCH: i64 = 100;
/// Deadlines that share a transaction, so that one person's reminders are one mail.
const DEADLINES_A_BATCH: i64 = 500;
/// After so many failures of our own a message is set aside, and the operator told.
const ATTEMPTS_MAX: i64 = 3;
/// Damaged mails that the operator is told of by name.
const DAMAGED_AT_ONCE: i64 = 10;
/// A transaction that met a faster writer is run again this often.
const CONFLICTS_MAX: usize = 20;

/// Everything that a step needs. Clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    pub store: Store,
    pub clock: Clock,
    pub ids: Ids,
    pub secret: Secret,
    pub meters: Meters,
    /// Wakes delivery when rows were added to the outbox.
    pub outgoing: Arc<Notify>,
    /// Wakes the deadline loop when incidents changed.
    pub changed: Arc<Notify>,
    /// Wakes whoever writes the public page when incidents changed.
    pub published: Arc<Notify>,
    /// Wakes whoever asks DNS about messages. `None` where nobody does: they are read unasked.
    pub unproven: Option<Arc<Notify>>,
    policy: Arc<RwLock<Arc<Policy>>>,
}

impl Engine {
    /// An engine over an opened store.
    pub fn new(store: Store, clock: Clock, ids: Ids, secret: Secret, policy: Policy) -> Self {
        let (outgoing, changed) = (Arc::default(), Arc::default());
        Self {
            store,
            clock,
            ids,
            secret,
            meters: Meters::default(),
            outgoing,
            changed,
            published: Arc::default(),
            unproven: None,
            policy: Arc::new(RwLock::new(Arc::new(policy))),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The policy in force, with these overrides laid over its rotations, and these members over its
    /// lists where they changed.
    fn policy_with(&self, overrides: Overrides, members: Option<Memberships>) -> Arc<Policy> {
        let mut held = self.policy.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if held.roster.agreed != overrides || members.is_some() {
            let mut policy = Policy::clone(&held);
            policy.roster.lay_over(overrides);
            if let Some(members) = members {
                policy.roster.lay_members(members);
            }
            *held = Arc::new(policy);
        }
        held.clone()
    }

    /// The policy in force, with the overrides and the members of lists that are stored now: another
    /// server may have stored some.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn present_policy(&self) -> Result<Arc<Policy>, StoreError> {
        let overrides = self.store.load_overrides(self.clock.now()).await?;
        let members = self.store.load_members(self.policy().roster.members_as_of).await?;
        Ok(self.policy_with(overrides, members))
    }

    /// Puts another policy in force, and gives every open incident its deadlines anew.
    ///
    /// # Errors
    ///
    /// The store's, when the deadlines could not be saved; the policy is in force all the same.
    pub async fn enforce(&self, policy: Policy) -> Result<(), StoreError> {
        *self.policy.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(policy);
        self.renew_deadlines().await
    }

    /// Makes the deadline rows of every incident what the policy in force says. An incident that
    /// cannot be read keeps none, and is told of.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn renew_deadlines(&self) -> Result<(), StoreError> {
        let mut batch = Batch::begin(self).await?;
        let incidents = batch.write.lock_all_incidents().await?;
        for stored in incidents.readable {
            let rows = crate::incident::deadlines::deadlines(&stored.incident, &batch.policy);
            batch.write.replace_deadlines(stored.incident.number, &rows).await?;
        }
        for number in incidents.damaged {
            batch.set_incident_aside(number).await?;
        }
        batch.commit().await
    }

    /// Reads the messages that have waited longest; returns how many there were.
    ///
    /// What one of them breaks, it breaks alone: the others are read again without it, and after its
    /// third failure it is set aside. One that cannot even be loaded is set aside at once. While the
    /// database is away nothing is counted, and the messages wait.
    ///
    /// # Errors
    ///
    /// The store's, when not even one message could be read for it.
    pub async fn read_waiting(&self) -> Result<usize, StoreError> {
        // Whoever only looks must not keep arriving mail from the one writer of SQLite.
        if !self.store.is_inbound_waiting().await? {
            return Ok(0);
        }
        self.read_arrived().await
    }

    /// The same, where something is known to wait.
    ///
    /// # Errors
    ///
    /// As [`Self::read_waiting`].
    pub async fn read_arrived(&self) -> Result<usize, StoreError> {
        match self.read_guarded(MESSAGES_A_BATCH).await {
            Ok(count) => Ok(count),
            Err(failure) => {
                warn!(
                    error = &failure as &dyn std::error::Error,
                    "a batch of mail is read again one by one"
                );
                self.read_one().await
            }
        }
    }

    /// Reads in a task of its own, so that a mistake of ours that panics over one message ends
    /// that transaction and nothing else.
    async fn read_guarded(&self, limit: i64) -> Result<usize, StepError> {
        let engine = self.clone();
        match tokio::spawn(async move { engine.read_batch(limit).await }).await {
            Ok(read) => read.map_err(StepError::Store),
            Err(_) => Err(StepError::Panicked),
        }
    }

    async fn read_batch(&self, limit: i64) -> Result<usize, StoreError> {
        let mut batch = Batch::begin(self).await?;
        let waiting = batch.write.load_waiting(limit).await?;
        batch.read_all(&waiting.messages).await?;
        for id in &waiting.damaged {
            error!(inbound.id = id, "the stored mail {id} cannot be loaded");
            batch.set_aside(*id, None).await?;
        }
        batch.commit().await?;
        Ok(waiting.messages.len() + waiting.damaged.len())
    }

    async fn read_one(&self) -> Result<usize, StoreError> {
        let failure = match self.read_guarded(1).await {
            Ok(count) => return Ok(count),
            Err(StepError::Store(error)) if !error.is_lasting() => return Err(error),
            Err(failure) => failure,
        };
        let mut batch = Batch::begin(self).await?;
        let waiting = batch.write.load_waiting(1).await?;
        let Some(inbound) = waiting.messages.first() else { return Ok(0) };
        let id = inbound.message.id;
        let attempts = batch.write.count_attempt(id).await?;
        error!(
            inbound.id = id,
            attempts,
            error = &failure as &dyn std::error::Error,
            "mail {id} could not be read"
        );
        if attempts >= ATTEMPTS_MAX {
            batch.set_aside(id, inbound.message.reverse_path.as_deref()).await?;
        }
        batch.commit().await?;
        Ok(1)
    }

    /// Handles the deadlines that have passed, after the news that relays took mail from which clocks run;
    /// returns how many there were of both.
    ///
    /// What one incident breaks, it breaks alone: the others are handled without it, and one that
    /// cannot be read is set aside.
    ///
    /// # Errors
    ///
    /// The store's, after all that could be handled was.
    pub async fn pass_deadlines(&self) -> Result<usize, StoreError> {
        let taken = self.store.load_taken(DEADLINES_A_BATCH).await?;
        let mut heard = taken.len();
        if heard > 0 {
            self.perform(Work::Taken(taken)).await?;
        }
        heard += self.wake_alerts().await?;
        let due = self.store.load_due_deadlines(self.clock.now(), DEADLINES_A_BATCH).await?;
        if due.is_empty() {
            return Ok(heard);
        }
        let mut events = Vec::with_capacity(due.len());
        for deadline in &due {
            match deadline.kind {
                Some(kind) => events.push((deadline.incident, Event::Passed(kind))),
                // Written by a newer version of this program, perhaps; this one has its own.
                None => self.perform(Work::Renew(deadline.incident)).await.map(drop)?,
            }
        }
        if self.pass_guarded(events.clone()).await.is_err() {
            self.pass_one_by_one(events).await?;
        }
        for deadline in &due {
            self.meters.deadline_passed(self.clock.now() - deadline.wake_at);
        }
        info!(count = due.len(), "{} deadlines passed", due.len());
        Ok(heard + due.len())
    }

    /// Declares the alerts that nobody has acknowledged in time; returns how many there were. Of several
    /// servers one declares each: its row says so, in the transaction that does it.
    async fn wake_alerts(&self) -> Result<usize, StoreError> {
        let due = self.store.load_due_alert_groups(self.clock.now(), DEADLINES_A_BATCH).await?;
        for id in &due {
            self.perform(Work::WakeAlert(*id)).await?;
        }
        Ok(due.len())
    }

    /// When the loop of deadlines must look again: the next deadline of an incident, or the end of the
    /// wait for somebody to acknowledge an alert.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn earliest_deadline(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let deadline = self.store.earliest_deadline().await?;
        let alert = self.store.earliest_alert_group().await?;
        Ok([deadline, alert].into_iter().flatten().min())
    }

    /// Passes in a task of its own, as [`Self::read_guarded`] reads.
    async fn pass_guarded(&self, events: Vec<(i64, Event)>) -> Result<(), StepError> {
        let engine = self.clone();
        match tokio::spawn(async move { engine.perform(Work::Events(events)).await }).await {
            Ok(passed) => passed.map(|_| ()).map_err(StepError::Store),
            Err(_) => Err(StepError::Panicked),
        }
    }

    async fn pass_one_by_one(&self, events: Vec<(i64, Event)>) -> Result<(), StoreError> {
        let mut failed = Ok(());
        for (number, event) in events {
            let Err(failure) = self.pass_guarded(vec![(number, event)]).await else { continue };
            error!(
                incident = number,
                error = &failure as &dyn std::error::Error,
                "a deadline of incident {number} could not be handled"
            );
            match failure {
                StepError::Store(StoreError::Damaged(_)) => {
                    self.perform(Work::SetAside(number)).await?;
                }
                StepError::Store(error) => failed = Err(error),
                StepError::Panicked => failed = Err(StoreError::Damaged("incident")),
            }
        }
        failed
    }

    /// Somebody wrote on the page or on the command line; `None` when there is no such incident.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn say(&self, incident: i64, said: Said) -> Result<Option<Incident>, StoreError> {
        self.perform(Work::Events(vec![(incident, Event::Said(said))])).await?;
        Ok(self.store.load_incident(incident).await?.map(|stored| stored.incident))
    }

    /// The operator does something on the command line.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn act(&self, events: Vec<(i64, Event)>) -> Result<(), StoreError> {
        self.perform(Work::Events(events)).await.map(|_| ())
    }

    /// A mail will not reach its recipient: marks it, and tells whom it concerns.
    ///
    /// # Errors
    ///
    /// The store's; then the row's lease lapses and the mail is tried again.
    pub async fn undelivered(&self, outbox: i64, why: Undelivered) -> Result<(), StoreError> {
        self.perform(Work::Undelivered { outbox, why }).await.map(|_| ())
    }

    /// Sends a digest for the period that ends at `period_at`, unless somebody did.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn send_digest(&self, name: &str, period_at: DateTime<Utc>) -> Result<bool, StoreError> {
        self.perform(Work::Digest { name: name.to_owned(), period_at }).await
    }

    /// Tells somebody that their shift begins, unless they were told.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn send_shift_notice(&self, rotation: &str, shift: &Shift) -> Result<bool, StoreError> {
        // Whoever only looks must not keep arriving mail from the one writer of SQLite.
        let name = shifts::notice_name(rotation, &shift.person);
        if self.store.has_digest(&name, shift.starts_at).await? {
            return Ok(false);
        }
        let (rotation, starts_at) = (rotation.to_owned(), shift.starts_at);
        self.perform(Work::ShiftNotice { rotation, starts_at }).await
    }

    /// Tells of rotations that are short of people.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn check_rotations(&self) -> Result<(), StoreError> {
        self.perform(Work::CheckRotations).await.map(drop)
    }

    /// Tells the operator that the configuration was read again, has mistakes and changes nothing.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn tell_mistakes(&self, mistakes: Vec<String>) -> Result<(), StoreError> {
        self.perform(Work::Misconfigured(mistakes)).await.map(drop)
    }

    /// Tells the operator, once a day, when mail does not move: when the oldest that waits is older
    /// than the configured limit, or one cannot be read. Once it moves, what was not told yet is not.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn watch_outbox(&self) -> Result<(), StoreError> {
        for id in self.store.load_damaged_outbox(DAMAGED_AT_ONCE).await? {
            self.perform(Work::Damaged(Damaged::Mail(id))).await?;
        }
        let Some((since, count)) = self.stuck_mail().await? else {
            if self.store.settle_stuck().await? > 0 {
                info!("mail moves again");
            }
            return Ok(());
        };
        warn!(count, "{count} mails wait for the relay, the oldest longer than it should");
        self.perform(Work::Stuck { since, count }).await.map(drop)
    }

    /// Since when the oldest mail waits, and how many do, when that is longer than the configured limit.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn stuck_mail(&self) -> Result<Option<(DateTime<Utc>, i64)>, StoreError> {
        let now = self.clock.now();
        let waiting = self.store.waiting_outbox(now).await?;
        Ok(waiting.filter(|(since, _)| now - *since > self.policy().stuck_after))
    }

    /// Tells the operator, once a day, when the mailbox cannot be read for longer than the configured
    /// limit: nothing that is written to it is known, and nobody who writes learns of that.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn watch_mailbox(&self) -> Result<(), StoreError> {
        let failing = self.meters.mailbox().and_then(|mailbox| mailbox.failing);
        let Some((since, why)) = failing else { return Ok(()) };
        if self.clock.now() - since <= self.policy().stuck_after {
            return Ok(());
        }
        self.perform(Work::Unread { since, why }).await.map(drop)
    }

    /// Tells the operator, once a day, when mail was refused because much came that proves nothing.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn watch_room(&self) -> Result<(), StoreError> {
        let refused = self.meters.take_refused_for_room();
        if refused == 0 {
            return Ok(());
        }
        warn!(refused, "{refused} messages that prove nothing were refused, there are so many");
        self.perform(Work::Crowded { refused }).await.map(drop)
    }

    /// Deletes the octets of the oldest messages without effect, as far as there are more than are kept
    /// of such; returns how many messages that were.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn forget_unproven(&self) -> Result<u64, StoreError> {
        self.store.forget_ineffective(self.policy().unproven_octets_max).await
    }

    /// Runs a transaction, again when another writer was faster; whether it did anything.
    async fn perform(&self, work: Work) -> Result<bool, StoreError> {
        for _ in 0..CONFLICTS_MAX {
            let mut batch = Batch::begin(self).await?;
            let done = match batch.perform(&work).await {
                Ok(done) => batch.commit().await.map(|()| done),
                Err(error) => Err(error),
            };
            match done {
                Err(StoreError::Conflict) => {}
                other => return other,
            }
        }
        Err(StoreError::Conflict)
    }
}

/// Why what was decided is not stored.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("the store did not keep what was decided")]
    Store(#[source] StoreError),
    /// Our own mistake; the log has the place.
    #[error("it ended in a panic")]
    Panicked,
}

/// What a transaction is for, kept so that it can be run again.
enum Work {
    Events(Vec<(i64, Event)>),
    Undelivered {
        outbox: i64,
        why: Undelivered,
    },
    /// Relays took mails of which incidents wait to hear that.
    Taken(Vec<Taken>),
    Digest {
        name: String,
        period_at: DateTime<Utc>,
    },
    /// A shift begins.
    ShiftNotice {
        rotation: String,
        starts_at: DateTime<Utc>,
    },
    /// Somebody leaves a list by its page, or the operator changes who is on it.
    ChangeList {
        list: String,
        who: Address,
        wish: ListWish,
        by: ChangedBy,
    },
    /// The rotations are others, perhaps.
    CheckRotations,
    /// The configuration was read again and has these mistakes.
    Misconfigured(Vec<String>),
    /// Something stored that cannot be read.
    Damaged(Damaged),
    /// Mail does not move.
    Stuck {
        since: DateTime<Utc>,
        count: i64,
    },
    /// Mail that proves nothing was refused, because there is so much.
    Crowded {
        refused: u64,
    },
    /// The mailbox cannot be read.
    Unread {
        since: DateTime<Utc>,
        why: String,
    },
    /// The deadline rows of an incident are made anew.
    Renew(i64),
    /// Nobody acknowledged an alert in time.
    WakeAlert(i64),
    /// An incident that cannot be read.
    SetAside(i64),
}
