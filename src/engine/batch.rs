//! A transaction in the making: the incidents it loaded, what was decided of them, and the mails
//! that go out with it. Nothing of it has happened before [`Batch::commit`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::bundles::sent_to;
use super::reminders::{Reminding, settled};
use super::reports::NotSent;
use super::{Engine, Work};
use crate::incident::Policy;
use crate::incident::deadlines::{Deadline, deadlines};
use crate::incident::decide::decide;
use crate::incident::decision::Decision;
use crate::incident::event::Event;
use crate::incident::state::Incident;
use crate::store::rows::{InboundState, StoredIncident};
use crate::store::{StoreError, Write};

/// What incidents tell each other because of one event: a part tells its whole, a duplicate the other, and
/// that one its own whole.
const TOLD_AT_MOST: usize = 20;

/// A transaction.
pub(super) struct Batch {
    pub(super) engine: Engine,
    pub(super) write: Write,
    pub(super) policy: Arc<Policy>,
    pub(super) now: DateTime<Utc>,
    loaded: BTreeMap<i64, Loaded>,
    /// Reminders of this transaction by the person they go to, so that each gets one mail.
    pub(super) reminders: BTreeMap<String, Reminding>,
    /// Incidents about which no mail waits that a newer one could take the place of.
    pub(super) nothing_waits: BTreeSet<i64>,
    /// Addresses to which nothing is sent, by their key, with the reason; loaded when first asked for.
    pub(super) dead: Option<BTreeMap<String, String>>,
    /// What was not sent for that reason, and is to be told.
    pub(super) not_sent: VecDeque<NotSent>,
    /// The Message-ID of the mail that is being read: what an answer to its sender answers.
    pub(super) answered: Option<String>,
    /// Rows were added to the outbox.
    pub(super) sent: bool,
    /// Somebody must look again at groups of alerts, or need not.
    pub(super) alerts_changed: bool,
    /// Messages were set aside, to be asked about.
    pub(super) unproven: bool,
    /// The messages of this transaction: what became of each, and when it was received.
    pub(super) fates: Vec<(InboundState, DateTime<Utc>)>,
    /// What became of the message at hand, for the audit.
    pub(super) became: Vec<String>,
    /// Why somebody may have to look at it.
    pub(super) look: Option<String>,
}

/// An incident as this transaction sees it.
struct Loaded {
    incident: Incident,
    /// The version of the stored row; 0 when there is none yet.
    was: i64,
    version: i64,
    /// The first timeline entry of the last step, or the one that comes next.
    told_from: i64,
    /// The deadlines that are stored of it; `None` where they are made anew whatever they are.
    owed: Option<Vec<Deadline>>,
}

impl Batch {
    pub(super) async fn begin(engine: &Engine) -> Result<Self, StoreError> {
        let mut write = engine.store.begin_write().await?;
        let now = engine.clock.now();
        let overrides = write.load_overrides(now).await?;
        let members = write.load_members(engine.policy().roster.members_as_of).await?;
        let policy = engine.policy_with(overrides, members);
        Ok(Self {
            engine: engine.clone(),
            write,
            policy,
            now,
            loaded: BTreeMap::new(),
            reminders: BTreeMap::new(),
            nothing_waits: BTreeSet::new(),
            dead: None,
            not_sent: VecDeque::new(),
            answered: None,
            sent: false,
            unproven: false,
            alerts_changed: false,
            fates: Vec::new(),
            became: Vec::new(),
            look: None,
        })
    }

    /// Stores what was decided. Deadline rows are replaced by what is computed now, wherever that
    /// differs from what was computed before, so that no decision can forget one.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.flush_reminders().await?;
        self.tell_not_sent().await?;
        let mut changed = Vec::new();
        for (number, loaded) in &self.loaded {
            if loaded.version != loaded.was {
                changed.push((&loaded.incident, loaded.was, loaded.version));
                let rows = deadlines(&loaded.incident, &self.policy);
                if loaded.owed.as_ref() != Some(&rows) {
                    self.write.replace_deadlines(*number, &rows).await?;
                }
            }
        }
        self.write.save_incidents(&changed).await?;
        let changed = !changed.is_empty() || self.alerts_changed;
        self.write.commit().await?;
        let now = self.engine.clock.now();
        for (state, received_at) in self.fates {
            self.engine.meters.read(state.name());
            if state == InboundState::Read {
                self.engine.meters.in_timeline(now - received_at);
            }
        }
        if self.sent {
            self.engine.outgoing.notify_one();
        }
        if let Some(unproven) = self.engine.unproven.as_ref().filter(|_| self.unproven) {
            unproven.notify_one();
        }
        if changed {
            self.engine.changed.notify_one();
            self.engine.published.notify_one();
        }
        Ok(())
    }

    /// Does what a transaction is for; whether there was anything to do.
    pub(super) async fn perform(&mut self, work: &Work) -> Result<bool, StoreError> {
        match work {
            Work::Events(events) => {
                for (number, event) in events {
                    self.became.clear();
                    self.step(*number, event).await?;
                    self.audit_event(*number, event).await?;
                }
                Ok(!events.is_empty())
            }
            Work::Undelivered { outbox, why } => self.undelivered(*outbox, why).await.map(|_| true),
            Work::Taken(taken) => self.hear_taken(taken).await.map(|()| true),
            Work::Digest { name, period_at } => self.digest(name, *period_at).await,
            Work::ShiftNotice { rotation, starts_at } => self.shift_notice(rotation, *starts_at).await,
            Work::ChangeList { list, who, wish, by } => self.change_list(list, who, *wish, *by).await,
            Work::CheckRotations => self.check_rotations().await.map(|()| true),
            Work::Misconfigured(mistakes) => self.tell_mistakes(mistakes).await.map(|()| true),
            Work::Damaged(what) => self.tell_damaged(*what).await.map(|()| true),
            Work::Stuck { since, count } => self.tell_stuck(*since, *count).await,
            Work::Crowded { refused } => self.tell_crowded(*refused).await.map(|()| true),
            Work::Unread { since, why } => self.tell_unread_mailbox(*since, why).await.map(|()| true),
            Work::Renew(number) => self.renew(*number).await,
            Work::WakeAlert(id) => self.wake_alert(*id).await,
            Work::SetAside(number) => self.set_incident_aside(*number).await.map(|()| true),
        }
    }

    pub(super) async fn load(&mut self, number: i64) -> Result<bool, StoreError> {
        if self.loaded.contains_key(&number) {
            return Ok(true);
        }
        let Some(stored) = self.write.load_incident(number).await? else { return Ok(false) };
        self.keep(stored);
        Ok(true)
    }

    /// Loads these incidents, and what is asked of each of them, at once. Those that there are not,
    /// and those that cannot be read, are left to whoever needs them.
    pub(super) async fn expect(&mut self, numbers: &BTreeSet<i64>) -> Result<(), StoreError> {
        let numbers: Vec<i64> = numbers.iter().copied().collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let telling = self.write.load_telling(&numbers).await?;
        let mut readers = BTreeSet::new();
        for stored in self.write.load_incidents(&numbers).await?.readable {
            if !telling.contains(&stored.incident.number) {
                self.nothing_waits.insert(stored.incident.number);
            }
            readers.extend(stored.incident.at_work().map(|person| sent_to(&person.address.key())));
            self.keep(stored);
        }
        self.write.expect_uses(&readers, self.now).await
    }

    fn keep(&mut self, stored: StoredIncident) {
        let (was, version) = (stored.version, stored.version);
        let (number, told_from) = (stored.incident.number, stored.incident.next_seq);
        let owed = Some(deadlines(&stored.incident, &self.policy));
        self.loaded.insert(number, Loaded { incident: stored.incident, was, version, told_from, owed });
    }

    /// Makes the deadline rows of an incident anew.
    async fn renew(&mut self, number: i64) -> Result<bool, StoreError> {
        if !self.load(number).await? {
            self.write.replace_deadlines(number, &[]).await?;
            return Ok(false);
        }
        if let Some(loaded) = self.loaded.get_mut(&number) {
            loaded.version += 1;
            loaded.owed = None;
        }
        Ok(true)
    }

    pub(super) fn incident(&self, number: i64) -> Option<&Incident> {
        self.loaded.get(&number).map(|loaded| &loaded.incident)
    }

    /// The first timeline entry of the last step of an incident.
    pub(super) fn told_from(&self, number: i64) -> i64 {
        self.loaded.get(&number).map_or(0, |loaded| loaded.told_from)
    }

    /// One event, one step of the version. Nothing for an incident that does not exist.
    pub(super) async fn step(&mut self, number: i64, event: &Event) -> Result<(), StoreError> {
        let exists = self.load(number).await?;
        if !exists && !matches!(event, Event::Declared(_)) {
            return Ok(());
        }
        let decision = self.decide(number, event).await?;
        if decision.incident.is_none()
            && matches!(event, Event::Passed(_))
            && let Some(loaded) = self.loaded.get_mut(&number)
        {
            // The row says that it is due and the incident does not, as after a change of policy: the
            // rows are made anew, or this would be asked again without end.
            loaded.version += 1;
            loaded.owed = None;
        }
        self.apply(number, decision).await
    }

    /// What follows from an event, with the incidents loaded that it names.
    pub(super) async fn decide(&mut self, number: i64, event: &Event) -> Result<Decision, StoreError> {
        let event = self.with_others(number, event).await?;
        Ok(decide(self.incident(number), &event, &self.policy, self.now))
    }

    /// Keeps what was decided of an incident, and what follows from it in others, which are loaded, stepped
    /// and stored as any: whoever changed one meanwhile has this transaction run again.
    pub(super) async fn apply(&mut self, number: i64, decision: Decision) -> Result<(), StoreError> {
        let mut told = VecDeque::new();
        let others = self.keep_decision(number, decision).await?;
        told.extend(others.into_iter().map(|(other, event)| (number, other, event)));
        for _ in 0..TOLD_AT_MOST {
            let Some((number, other, event)) = told.pop_front() else { break };
            if !self.load(other).await? {
                continue;
            }
            let event = self.with_timeline(number, event).await?;
            let decision = decide(self.incident(other), &event, &self.policy, self.now);
            let others = self.keep_decision(other, decision).await?;
            told.extend(others.into_iter().map(|(next, event)| (other, next, event)));
        }
        Ok(())
    }

    /// Keeps what was decided of an incident, and sends what follows; returns what others are told.
    async fn keep_decision(
        &mut self,
        number: i64,
        decision: Decision,
    ) -> Result<Vec<(i64, Event)>, StoreError> {
        let settled = match (self.incident(number), &decision.incident) {
            (Some(before), Some(after)) => settled(before, after, &self.policy),
            _ => Vec::new(),
        };
        let waited = self.incident(number).map(Incident::waited_for).unwrap_or_default();
        let Some(incident) = decision.incident else { return Ok(Vec::new()) };
        self.note_outcome(&decision.entries, &decision.mailings);
        self.settle(number, &settled).await?;
        self.settle_pages(number, &waited, &incident).await?;
        let entry = self.loaded.entry(number).or_insert(Loaded {
            incident: incident.clone(),
            was: 0,
            version: 0,
            told_from: 0,
            owed: None,
        });
        entry.told_from = decision.entries.first().map_or(incident.next_seq, |first| first.seq);
        entry.incident = incident;
        entry.version += 1;
        self.write.save_entries(number, &decision.entries, self.now).await?;
        for mailing in &decision.mailings {
            if self.may_send(number, mailing).await? {
                self.send(number, mailing).await?;
            }
        }
        Ok(decision.to_others)
    }
}
