//! A transaction in the making: the incidents it loaded, what was decided of them, and the mails
//! that go out with it. Nothing of it has happened before [`Batch::commit`].

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tracing::info;

use super::caps::is_changed;
use super::reminders::{Reminding, settled};
use super::{Engine, Work};
use crate::incident::Policy;
use crate::incident::deadlines::deadlines;
use crate::incident::decide::decide;
use crate::incident::decision::{Decision, Purpose};
use crate::incident::event::{Declared, Event, Filed, Said, Source, Speaker, Trust};
use crate::incident::state::{Incident, Person};
use crate::interpret::{Clues, Meaning, Pointed, Proof, clues, declaration, filed, interpret, speaker};
use crate::mail::Address;
use crate::mail::command::Command;
use crate::mail::message::{InboundMail, read_mail, text_of};
use crate::store::rows::{Claim, InboundState, KnownId, NewInbound, Undelivered};
use crate::store::{StoreError, Write};

/// Declarations an hour: of one sender, and of all together (design: mail bombs end here).
const DECLARATIONS_A_SENDER: i64 = 5;
const DECLARATIONS_IN_ALL: i64 = 30;
/// Held reports an hour that the on-call commander is told of one by one.
const HELD_TOLD: i64 = 5;

/// A transaction.
pub(super) struct Batch {
    pub(super) engine: Engine,
    pub(super) write: Write,
    pub(super) policy: Arc<Policy>,
    pub(super) now: DateTime<Utc>,
    loaded: BTreeMap<i64, Loaded>,
    /// Reminders of this transaction by the person they go to, so that each gets one mail.
    pub(super) reminders: BTreeMap<String, Reminding>,
    /// Rows were added to the outbox.
    pub(super) sent: bool,
}

/// An incident as this transaction sees it.
struct Loaded {
    incident: Incident,
    /// The version of the stored row; 0 when there is none yet.
    was: i64,
    version: i64,
}

impl Batch {
    pub(super) async fn begin(engine: &Engine) -> Result<Self, StoreError> {
        let write = engine.store.begin_write().await?;
        Ok(Self {
            engine: engine.clone(),
            write,
            policy: engine.policy(),
            now: engine.clock.now(),
            loaded: BTreeMap::new(),
            reminders: BTreeMap::new(),
            sent: false,
        })
    }

    /// Stores what was decided. Deadline rows are replaced by what is computed now, so that no
    /// decision can forget one.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.flush_reminders().await?;
        let mut changed = false;
        for (number, loaded) in &self.loaded {
            if loaded.version == loaded.was {
                continue;
            }
            changed = true;
            self.write.save_incident(&loaded.incident, loaded.was, loaded.version).await?;
            let rows = deadlines(&loaded.incident, &self.policy);
            self.write.replace_deadlines(*number, &rows).await?;
        }
        self.write.commit().await?;
        if self.sent {
            self.engine.outgoing.notify_one();
        }
        if changed {
            self.engine.changed.notify_one();
        }
        Ok(())
    }

    /// Does what a transaction is for; whether there was anything to do.
    pub(super) async fn perform(&mut self, work: &Work) -> Result<bool, StoreError> {
        match work {
            Work::Events(events) => {
                for (number, event) in events {
                    self.step(*number, event).await?;
                }
                Ok(!events.is_empty())
            }
            Work::Undelivered { outbox, why } => self.undelivered(*outbox, why).await.map(|_| true),
            Work::Digest { name, period_at } => self.digest(name, *period_at).await,
            Work::Stuck { since, count } => self.tell_stuck(*since, *count).await,
            Work::Renew(number) => self.renew(*number).await,
            Work::SetAside(number) => self.set_incident_aside(*number).await.map(|()| true),
        }
    }

    pub(super) async fn load(&mut self, number: i64) -> Result<bool, StoreError> {
        if self.loaded.contains_key(&number) {
            return Ok(true);
        }
        let Some(stored) = self.write.load_incident(number).await? else { return Ok(false) };
        let (was, version) = (stored.version, stored.version);
        self.loaded.insert(number, Loaded { incident: stored.incident, was, version });
        Ok(true)
    }

    /// Makes the deadline rows of an incident anew.
    async fn renew(&mut self, number: i64) -> Result<bool, StoreError> {
        if !self.load(number).await? {
            self.write.replace_deadlines(number, &[]).await?;
            return Ok(false);
        }
        if let Some(loaded) = self.loaded.get_mut(&number) {
            loaded.version += 1;
        }
        Ok(true)
    }

    pub(super) fn incident(&self, number: i64) -> Option<&Incident> {
        self.loaded.get(&number).map(|loaded| &loaded.incident)
    }

    /// One event, one step of the version. Nothing for an incident that does not exist.
    pub(super) async fn step(&mut self, number: i64, event: &Event) -> Result<(), StoreError> {
        let exists = self.load(number).await?;
        if !exists && !matches!(event, Event::Declared(_)) {
            return Ok(());
        }
        let decision = decide(self.incident(number), event, &self.policy, self.now);
        if decision.incident.is_none()
            && matches!(event, Event::Passed(_))
            && let Some(loaded) = self.loaded.get_mut(&number)
        {
            // The row says that it is due and the incident does not, as after a change of policy: the
            // rows are made anew, or this would be asked again without end.
            loaded.version += 1;
        }
        self.apply(number, decision).await
    }

    /// Keeps what was decided of an incident, and sends what follows.
    async fn apply(&mut self, number: i64, decision: Decision) -> Result<(), StoreError> {
        let settled = match (self.incident(number), &decision.incident) {
            (Some(before), Some(after)) => settled(before, after, &self.policy),
            _ => Vec::new(),
        };
        let Some(incident) = decision.incident else { return Ok(()) };
        self.settle(number, &settled).await?;
        let entry = self.loaded.entry(number).or_insert(Loaded {
            incident: incident.clone(),
            was: 0,
            version: 0,
        });
        entry.incident = incident;
        entry.version += 1;
        self.write.save_entries(number, &decision.entries, self.now).await?;
        for mailing in &decision.mailings {
            self.send(number, mailing).await?;
        }
        Ok(())
    }

    /// A stored message as a value. Its words go into a timeline that many read, so the tokens that
    /// a quoted header holds stay behind.
    fn read_stored(&self, message: &NewInbound) -> InboundMail {
        let mut mail = read_mail(&message.octets, message.reverse_path.is_none());
        let reason = mail.report.as_mut().map(|report| &mut report.reason);
        for text in [&mut mail.subject, &mut mail.new_text, &mut mail.elided].into_iter().chain(reason) {
            *text = self.policy.address.without_tokens(text);
        }
        mail
    }

    /// Reads one stored message, and does what it asks for.
    pub(super) async fn read(&mut self, message: &NewInbound) -> Result<(), StoreError> {
        let mail = self.read_stored(message);
        let claim = self.write.claim_content_key(&mail.content_key, message.id).await?;
        if claim == Claim::Settled {
            return self.write.mark_inbound(message.id, InboundState::Filed, None, self.now).await;
        }
        let policy = self.policy.clone();
        let clues = clues(&mail, &message.recipients, &policy);
        let found = self.find(&mail, &clues).await?;
        let answered_text = found.answered_text.clone();
        let pointed = Pointed {
            incident: found.number.and_then(|number| self.incident(number)),
            by_subject_only: found.by_subject_only,
            answering: found.answering,
            answers_ours: found.answers_ours,
            answered_text: answered_text.as_deref(),
            answered_at: found.answered_at,
            entry_authors: found.entry_authors,
        };
        let proof = Proof { network_trusted: message.network_trusted, secret: &self.engine.secret };
        let by = speaker(&mail, &clues, &pointed, proof, &policy);
        let proven = by.is_some_and(|speaker| speaker.trust == Trust::Verified);
        if claim != Claim::First && !proven {
            return self.write.mark_inbound(message.id, InboundState::Filed, None, self.now).await;
        }
        let meaning = interpret(&mail, &clues, &pointed, proof, &policy, self.now);
        let number = found.number;
        let (state, incident) = self.act(message, &mail, meaning, number).await?;
        self.write.mark_inbound(message.id, state, incident, self.now).await?;
        self.settle_copies(claim, message.id, &mail, proven, state).await?;
        if let Some(message_id) = &mail.message_id {
            let known =
                KnownId { message_id: message_id.clone(), incident, letter: None, purpose: None };
            self.write.save_known_id(&known).await?;
        }
        info!(inbound.id = message.id, incident, "mail {} read as {state:?}", message.id);
        Ok(())
    }

    /// Remembers whether a later copy with better proof may still do what this one could not. What a
    /// machine wrote stays a machine's by whatever route it comes again.
    async fn settle_copies(
        &mut self,
        claim: Claim,
        id: i64,
        mail: &InboundMail,
        proven: bool,
        state: InboundState,
    ) -> Result<(), StoreError> {
        if let Claim::Unproven { first } = claim {
            // A report that was held is not accepted a second time.
            if let Some((_, InboundState::Held)) = self.write.load_inbound(first).await? {
                self.write.mark_inbound(first, InboundState::Filed, None, self.now).await?;
            }
            return self.write.save_content_key(&mail.content_key, id, false).await;
        }
        let waits = matches!(state, InboundState::Filed | InboundState::Held);
        if waits && !proven && !mail.origin.is_automatic() && mail.unreadable.is_none() {
            self.write.save_content_key(&mail.content_key, id, true).await?;
        }
        Ok(())
    }

    async fn act(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        meaning: Meaning,
        number: Option<i64>,
    ) -> Result<(InboundState, Option<i64>), StoreError> {
        match meaning {
            Meaning::Declare(declared) => self.declare(*declared, message, mail).await,
            Meaning::Say(said) => {
                let state = match number {
                    Some(number) => self.say(number, *said, mail).await?,
                    None => InboundState::Filed,
                };
                Ok((state, number))
            }
            Meaning::File(filed) => {
                if let Some(number) = number {
                    self.step(number, &Event::Filed(filed)).await?;
                }
                Ok((InboundState::Filed, number))
            }
            Meaning::Keep(_) => Ok((InboundState::Filed, None)),
            Meaning::Hold(from) => {
                self.hold(message, mail, &from).await?;
                Ok((InboundState::Held, None))
            }
            Meaning::AcceptHeld { id, by } => {
                let number = self.accept_held(id, by).await?;
                Ok((InboundState::Read, number))
            }
            Meaning::AskAgain { id, by } => {
                self.ask_again(id, &by).await?;
                Ok((InboundState::Filed, None))
            }
            Meaning::Guide(to) => {
                self.send_guide(&to).await?;
                Ok((InboundState::Filed, None))
            }
            Meaning::OnCall(to) => {
                self.send_on_call(&to).await?;
                Ok((InboundState::Read, None))
            }
            Meaning::Bounced { outbox, reason } => {
                let number = self.undelivered(outbox, &Undelivered::Refused(reason)).await?;
                Ok((InboundState::Filed, number))
            }
            Meaning::Delayed { outbox, reason } => {
                let number = self.delayed(outbox, &reason).await?;
                Ok((InboundState::Filed, number))
            }
        }
    }

    /// What somebody wrote to an incident, unless it is more than people write.
    async fn say(
        &mut self,
        number: i64,
        said: Said,
        mail: &InboundMail,
    ) -> Result<InboundState, StoreError> {
        let verified = said.by.trust == Trust::Verified;
        let event = Event::Said(said);
        let decision = decide(self.incident(number), &event, &self.policy, self.now);
        let changes = match (self.incident(number), &decision.incident) {
            (Some(before), Some(after)) => is_changed(before, after),
            _ => false,
        };
        let Event::Said(said) = event else { return Ok(InboundState::Filed) };
        // What proves nothing changes nothing yet, and must not use up what others may change.
        let changes = changes && verified;
        let why = if self.is_repeated(number, &said).await? {
            Some("Suspected loop, the same words again")
        } else if changes && !self.may_change(number).await? {
            Some("More changes within the hour than people make")
        } else {
            None
        };
        if let Some(why) = why {
            let filed = filed(mail, &self.policy, why);
            self.step(number, &Event::Filed(filed)).await?;
            if verified && !mail.through_list {
                self.tell_filed(number, &said.by.person, why).await?;
            }
            return Ok(InboundState::Filed);
        }
        self.apply(number, decision).await?;
        Ok(if verified { InboundState::Read } else { InboundState::Filed })
    }

    async fn declare(
        &mut self,
        mut declared: Declared,
        message: &NewInbound,
        mail: &InboundMail,
    ) -> Result<(InboundState, Option<i64>), StoreError> {
        let sender = declared.by.person.address.key();
        let by_sender = self.write.count_use(&format!("declare:{sender}"), self.now).await?;
        let in_all = self.write.count_use("declare", self.now).await?;
        if by_sender > DECLARATIONS_A_SENDER || in_all > DECLARATIONS_IN_ALL {
            let from = declared.by.person.clone();
            // One report stands for all that a sender sends beyond the limit.
            if self.write.count_use(&format!("held:{sender}"), self.now).await? == 1 {
                self.hold(message, mail, &from).await?;
            }
            return Ok((InboundState::Held, None));
        }
        let number = self.write.next_incident_number().await?;
        declared.number = number;
        self.step(number, &Event::Declared(declared)).await?;
        self.save_thread_root(number).await?;
        Ok((InboundState::Read, Some(number)))
    }

    /// Keeps a report for somebody known to accept, and tells the commander on call.
    async fn hold(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        from: &Person,
    ) -> Result<(), StoreError> {
        let told = self.write.count_use("held", self.now).await?;
        if told <= HELD_TOLD {
            self.send_held(message.id, mail, from).await?;
        }
        Ok(())
    }

    /// Shows a held report again to whoever answered it without accepting it, within the limits of
    /// held reports and no more than once for each answer.
    async fn ask_again(&mut self, id: i64, by: &Person) -> Result<(), StoreError> {
        let Some((message, InboundState::Held)) = self.write.load_inbound(id).await? else {
            return Ok(());
        };
        if self.write.count_use(&format!("held-again:{id}"), self.now).await? > HELD_TOLD {
            return Ok(());
        }
        let mail = self.read_stored(&message);
        let Some(from) = &mail.from else { return Ok(()) };
        let from = self.policy.roster.person(&from.address, &from.name);
        self.send_held_to(&by.address, id, &mail, &from).await
    }

    async fn accept_held(&mut self, id: i64, by: Person) -> Result<Option<i64>, StoreError> {
        let Some((message, InboundState::Held)) = self.write.load_inbound(id).await? else {
            return Ok(None);
        };
        let mail = self.read_stored(&message);
        let Some(from) = &mail.from else { return Ok(None) };
        let speaker = Speaker {
            person: self.policy.roster.person(&from.address, &from.name),
            trust: Trust::Stranger,
            known: self.policy.roster.knows(&from.address),
        };
        let policy = self.policy.clone();
        let tag = clues(&mail, &message.recipients, &policy).tag;
        let mut declared = declaration(&mail, &tag, speaker, Some(by), &policy, self.now);
        let number = self.write.next_incident_number().await?;
        declared.number = number;
        self.step(number, &Event::Declared(declared)).await?;
        self.save_thread_root(number).await?;
        self.write.mark_inbound(id, InboundState::Read, Some(number), self.now).await?;
        if let Some(message_id) = mail.message_id {
            let known = KnownId { message_id, incident: Some(number), letter: None, purpose: None };
            self.write.save_known_id(&known).await?;
        }
        Ok(Some(number))
    }

    /// A mail did not reach its recipient, and never will. Returns the incident that it was about.
    pub(super) async fn undelivered(
        &mut self,
        outbox: i64,
        why: &Undelivered,
    ) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.write.load_outbox_row(outbox).await? else { return Ok(None) };
        if !self.write.mark_undelivered(outbox, why).await? {
            return Ok(row.incident);
        }
        let Some(number) = row.incident else { return Ok(None) };
        let reason = match why {
            Undelivered::Refused(answer) => answer.clone(),
            Undelivered::Uncertain => format!(
                "the relay twice did not say whether it took it, so it may have arrived: {}",
                row.last_answer
            ),
            Undelivered::Expired if row.last_answer.is_empty() => {
                "the relay did not take it while it was of use".to_owned()
            }
            Undelivered::Expired => {
                format!("the relay did not take it while it was of use; it said: {}", row.last_answer)
            }
        };
        let event = Event::Undeliverable { to: row.recipient, purpose: row.purpose, reason };
        self.step(number, &event).await?;
        Ok(Some(number))
    }

    /// A delivery report says that a mail is late: a line for people to read, and nothing else.
    async fn delayed(&mut self, outbox: i64, reason: &str) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.write.load_outbox_row(outbox).await? else { return Ok(None) };
        let Some(number) = row.incident else { return Ok(None) };
        let why = format!("Mail to {} is delayed and is tried again: {reason}", row.recipient);
        let filed = Filed { from: None, why, text: String::new(), source: Source::default() };
        self.step(number, &Event::Filed(filed)).await?;
        Ok(Some(number))
    }

    /// What a message points at: by address, then by thread, then by subject.
    async fn find(&mut self, mail: &InboundMail, clues: &Clues) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let known = if mail.ancestors.is_empty() {
            Vec::new()
        } else {
            self.write.load_known_ids(&mail.ancestors).await?
        };
        found.answers_ours = known.iter().any(|id| id.letter.is_some());
        if let Some(answered) = known.iter().find(|id| id.letter.is_some()) {
            found.answering = answered.purpose;
            if let Some(letter) = answered.letter {
                let letter = self.write.load_letter(letter).await?;
                found.answered_at = letter.as_ref().map(|letter| letter.created_at);
                found.answered_text = letter.map(|letter| text_of(&letter.octets));
            }
        }
        let by_address = match &clues.tag {
            crate::mail::Tag::Incident { number, .. } => Some(*number),
            _ => None,
        };
        let by_thread = known.iter().find_map(|id| id.incident);
        for (number, by_subject_only) in
            [(by_address, false), (by_thread, false), (clues.subject_number, true)]
        {
            let Some(number) = number else { continue };
            if self.load(number).await? {
                found.number = Some(number);
                found.by_subject_only = by_subject_only;
                break;
            }
        }
        if by_thread != found.number {
            // It answers a mail about another incident: what that asked for is not asked here.
            (found.answering, found.answered_at) = (None, None);
        }
        found.entry_authors = self.authors_to_correct(&found, mail).await?;
        Ok(found)
    }

    /// Who wrote the entries that a mail may mean to correct; nothing is loaded for others.
    async fn authors_to_correct(
        &mut self,
        found: &Found,
        mail: &InboundMail,
    ) -> Result<BTreeMap<i64, Address>, StoreError> {
        let Some(number) = found.number else { return Ok(BTreeMap::new()) };
        let mentions = mail.new_text.to_ascii_lowercase().contains("correct");
        let waits = self.incident(number).is_some_and(|incident| {
            incident
                .unconfirmed
                .iter()
                .flat_map(|waiting| &waiting.lines)
                .any(|line| matches!(line.meaning, Ok(Command::Correct { .. })))
        });
        if !mentions && !waits {
            return Ok(BTreeMap::new());
        }
        let timeline = self.write.load_timeline(number).await?;
        Ok(timeline.into_iter().filter_map(|entry| Some((entry.seq, entry.author?))).collect())
    }
}

/// What a message was found to point at.
#[derive(Debug, Default)]
struct Found {
    number: Option<i64>,
    by_subject_only: bool,
    answering: Option<Purpose>,
    answers_ours: bool,
    answered_text: Option<String>,
    answered_at: Option<DateTime<Utc>>,
    entry_authors: BTreeMap<i64, Address>,
}
