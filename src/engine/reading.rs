//! From a stored message to what it does: what it points at is loaded, what it asks for is done.
//!
//! Who is believed and what belongs where is said by `interpret`, what follows by `decide`. Start
//! with [`Batch::read_all`].

use std::collections::{BTreeMap, BTreeSet};

use tracing::info;

use super::alerts::seen;
use super::attachments::{settle_attachments, without_tokens};
use super::batch::Batch;
use super::caps::is_changed;
use crate::incident::decision::Purpose;
use crate::incident::event::{Declared, Event, Filed, Said, Source, Speaker, Trust, Waits};
use crate::incident::related::Others;
use crate::incident::state::WideMail;
use crate::interpret::{Clues, Meaning, Pointed, Proof, clues, filed, interpret, speaker};
use crate::mail::authentication::{Authentication, is_signed};
use crate::mail::command::{Command, Line, Written};
use crate::mail::key::key_for;
use crate::mail::message::{InboundMail, read_mail};
use crate::mail::{MESSAGE_OCTETS_MAX, Origin, Tag};
use crate::store::StoreError;
use crate::store::rows::{Claim, Inbound, InboundState, KnownId, NewInbound, Route};

/// Declarations an hour: of one sender, and of all together (design: mail bombs end here).
const DECLARATIONS_A_SENDER: i64 = 5;
const DECLARATIONS_IN_ALL: i64 = 30;

impl Batch {
    /// A stored message as a value. Its words go into a timeline that many read, so the tokens that
    /// a quoted header holds stay behind.
    pub(super) fn read_stored(&self, message: &NewInbound) -> InboundMail {
        let mut mail = read_mail(&message.octets, message.reverse_path.is_none());
        let reason = mail.report.as_mut().map(|report| &mut report.reason);
        let name = mail.from.as_mut().map(|from| &mut from.name);
        let files = mail.attachments.iter_mut().map(|attachment| &mut attachment.name);
        let texts = [&mut mail.subject, &mut mail.new_text, &mut mail.elided].into_iter();
        for text in texts.chain(reason).chain(name).chain(files) {
            *text = self.policy.address.without_tokens(text);
        }
        without_tokens(&mut mail.attachments, &self.policy.address);
        mail
    }

    /// Whether DNS has something to say of a message that nothing surer proves.
    fn must_ask(&self, inbound: &Inbound) -> bool {
        let message = &inbound.message;
        let client = &message.client;
        let is_proven = client.network_trusted || client.login.is_some();
        self.engine.unproven.is_some()
            && inbound.authentication.is_none()
            && !is_proven
            && (client.outside.is_some() || is_signed(&message.octets))
    }

    /// Reads stored messages, one after the other. What they point at is loaded before, for all at
    /// once.
    pub(super) async fn read_all(&mut self, messages: &[Inbound]) -> Result<(), StoreError> {
        let mut readings = Vec::with_capacity(messages.len());
        for inbound in messages {
            let message = &inbound.message;
            if self.must_ask(inbound) {
                self.unproven = true;
                self.write
                    .mark_inbound(message.id, InboundState::Unproven, None, None, self.now)
                    .await?;
                continue;
            }
            let mail = self.read_stored(message);
            let clues = clues(&mail, &message.recipients, &self.policy);
            readings.push(Reading { inbound, mail, clues });
        }
        let pointed = readings.iter().flat_map(|reading| reading.clues.number());
        self.expect(&pointed.collect()).await?;
        let ancestors = readings.iter().flat_map(|reading| &reading.mail.ancestors);
        self.write.expect_known_ids(ancestors).await?;
        let keys =
            readings.iter().map(|reading| (reading.inbound.message.id, &reading.mail.content_key));
        let claimed = self.write.claim_content_keys(&keys.collect::<Vec<_>>()).await?;
        for reading in readings {
            let claim = claimed.contains(&reading.inbound.message.id).then_some(Claim::First);
            self.read(reading, claim).await?;
        }
        Ok(())
    }

    /// Does what one message asks for, in every incident that it was sent to.
    async fn read(&mut self, reading: Reading<'_>, claim: Option<Claim>) -> Result<(), StoreError> {
        let Reading { inbound, mail, clues } = reading;
        let message = &inbound.message;
        let said = self.authentication(inbound, &mail);
        self.answered.clone_from(&mail.message_id);
        let claim = match claim {
            Some(claim) => claim,
            None => self.write.claim_content_key(&mail.content_key, message.id).await?,
        };
        let mut done = self.read_as(message, &said, &mail, &mail.content_key, claim, &clues).await?;
        let mut also = clues.also.clone();
        if let Done::Copy { of } = done {
            // The copy before may have come by a way that did not tell where it belongs.
            also.extend(clues.number());
            also.retain(|number| of != Some(*number));
        }
        let done_first = match done {
            Done::Copy { of } => of,
            Done::So(..) => clues.number(),
        };
        let mut done_in = BTreeSet::new();
        if let Some(number) = done_first {
            done_in.insert(self.led_to(number).await?);
        }
        for number in also {
            // Of an incident and its duplicates one has it.
            if self.load(number).await? && done_in.insert(self.led_to(number).await?) {
                let key = key_for(&mail.content_key, number);
                let claim = self.write.claim_content_key(&key, message.id).await?;
                let clues = clues.of_incident(number);
                let there = self.read_as(message, &said, &mail, &key, claim, &clues).await?;
                done = done.or(there);
            }
        }
        let (state, incident) = done.fate();
        self.fates.push((state, message.received_at));
        let look = self.look.take().filter(|_| incident.is_none());
        let unread = mail.unreadable.map(|why| format!("could not be read, because {why}"));
        let reason: Vec<String> = unread.into_iter().chain(look).collect();
        let reason = (!reason.is_empty()).then(|| reason.join("; "));
        self.write.mark_inbound(message.id, state, incident, reason.as_deref(), self.now).await?;
        if let (Done::So(..), Some(message_id)) = (done, &mail.message_id) {
            let known =
                KnownId { message_id: message_id.clone(), incident, letter: None, purpose: None };
            self.write.save_known_id(&known, self.now).await?;
        }
        info!(inbound.id = message.id, incident, "mail {} read as {state:?}", message.id);
        Ok(())
    }

    /// What became of a message, which lies in the inbox for somebody to look at.
    pub(super) fn leave_to_look(&mut self, became: String) {
        self.became.push(became.clone());
        self.look = Some(became);
    }

    /// Does what a message asks for at one of the places that it was sent to, unless another copy of
    /// it did: `key` is that of the message there, and `claim` what came of claiming it.
    async fn read_as(
        &mut self,
        message: &NewInbound,
        authentication: &Authentication,
        mail: &InboundMail,
        key: &[u8; 32],
        claim: Claim,
        clues: &Clues,
    ) -> Result<Done, StoreError> {
        self.became.clear();
        let settled = match claim {
            Claim::Settled { first } => Some(self.write.load_fate(first).await?),
            _ => None,
        };
        let of = settled.flatten().and_then(|(_, incident)| incident);
        if settled.is_some() && (of.is_none() || mail.attachments.is_empty()) {
            self.became.push("a second copy, without effect".to_owned());
            self.audit_mail(message, mail, None, of).await?;
            return Ok(Done::Copy { of });
        }
        let policy = self.policy.clone();
        let found = self.find(mail, clues).await?;
        let kept = self.kept_files(mail, found.number).await?;
        let answered_text = found.answered_text.clone();
        let answered_letter = found.answered_letter.clone();
        let other = found.answers_another.map(|number| format!("INC-{number}"));
        let seen = matches!(clues.tag, Tag::Alert { .. }).then(|| seen(message, mail, &policy.address));
        let pointed = Pointed {
            seen: seen.as_ref(),
            incident: found.number.and_then(|number| self.incident(number)),
            led_from: found.led_from.and_then(|number| self.incident(number)),
            merely_named: found.merely_named,
            answering: found.answering,
            answers_ours: found.answers_ours,
            digest: found.digest,
            answers_another: other.as_deref(),
            answered_text: answered_text.as_deref(),
            answered_letter: answered_letter.as_deref(),
            answered_at: found.answered_at,
            entry_authors: found.entry_authors,
        };
        let proof = Proof {
            by_api: message.route == Route::Api,
            network_trusted: message.client.network_trusted,
            login: message.client.login.as_ref(),
            authentication,
            secret: &self.engine.secret,
            now: self.now,
        };
        let by = speaker(mail, clues, &pointed, proof, &policy);
        let proven = by.as_ref().is_some_and(|speaker| speaker.trust == Trust::Verified);
        let mail = &*settle_attachments(mail, kept, proven);
        if let (Some(_), Some(number)) = (settled, of) {
            self.became.push("a second copy".to_owned());
            self.add_files_of_copy(mail, number, proven).await?;
            self.audit_mail(message, mail, by.as_ref(), of).await?;
            return Ok(Done::Copy { of });
        }
        let mut meaning = interpret(mail, clues, &pointed, proof, &policy, self.now);
        // A rule has its own proof, and its mails are a machine's.
        let is_alert = matches!(meaning, Meaning::Alert { .. });
        let proven = proven || is_alert;
        if let (Some(from), Origin::Person) = (&mail.from, mail.origin) {
            self.revive(&from.address, proven).await?;
        }
        let (number, led_from) = (found.number, found.led_from);
        if let Claim::Unproven { first } = claim {
            let fate = self.write.load_fate(first).await?;
            if !proven || (mail.origin.is_automatic() && !is_alert) {
                let of = fate.and_then(|(_, incident)| incident);
                let which = if proven { "of a machine" } else { "without proof" };
                self.became.push(format!("a second copy {which}, without effect"));
                self.audit_mail(message, mail, by.as_ref(), of).await?;
                return Ok(Done::Copy { of });
            }
            if let (Some((InboundState::Read, Some(declared))), Some(by), false) = (fate, &by, is_alert)
            {
                self.write.save_content_key(key, message.id, false).await?;
                self.confirm_report(declared, by.clone()).await?;
                self.add_files_of_copy(mail, declared, proven).await?;
                self.audit_mail(message, mail, Some(by), Some(declared)).await?;
                return Ok(Done::So(InboundState::Read, Some(declared)));
            }
        }
        if let (Meaning::Say(said), Some(from)) = (&mut meaning, led_from) {
            said.led_from = self.tells_led(from, said).await?.then_some(from);
        }
        let declares = matches!(meaning, Meaning::Declare(_));
        let (state, incident) = self.act(message, mail, meaning, number).await?;
        self.audit_mail(message, mail, by.as_ref(), incident).await?;
        if let Some(by) = by.filter(|by| by.known)
            && !mail.through_list
            && mail.origin == Origin::Person
            && seen.is_none()
        {
            match mail.unreadable {
                Some(why) if !declares => self.tell_unread(incident, &by.person, why).await?,
                None if is_cut(message) => self.tell_cut(incident, &by.person).await?,
                _ => {}
            }
        }
        let may_do_more = !proven && (declares || state != InboundState::Read);
        self.settle_copies(claim, message.id, key, may_do_more).await?;
        Ok(Done::So(state, incident))
    }

    /// Remembers whether a later copy with better proof may still do what this one could not. Whether a
    /// machine wrote it and whether it can be read does not count: whoever forges a copy can have both.
    async fn settle_copies(
        &mut self,
        claim: Claim,
        id: i64,
        key: &[u8; 32],
        may_do_more: bool,
    ) -> Result<(), StoreError> {
        if let Claim::Unproven { first } = claim {
            // A report that was held is not accepted a second time.
            if let Some((InboundState::Held, _)) = self.write.load_fate(first).await? {
                self.write.mark_inbound(first, InboundState::Filed, None, None, self.now).await?;
            }
            return self.write.save_content_key(key, id, false).await;
        }
        if may_do_more {
            self.write.save_content_key(key, id, true).await?;
        }
        Ok(())
    }

    /// A copy with proof of a report that had none: it is what the report waited for.
    async fn confirm_report(&mut self, number: i64, by: Speaker) -> Result<(), StoreError> {
        if !self.load(number).await? {
            return Ok(());
        }
        let Some(incident) = self.incident(number) else { return Ok(()) };
        let declared_at = incident.declared_at;
        let waits = incident.wide_mail == WideMail::HeldForConfirmation
            || incident.unconfirmed.iter().any(|waiting| waiting.asked_at == declared_at);
        if !waits || incident.reporter.address != by.person.address {
            return Ok(());
        }
        let confirm = Line { typed: "confirm".to_owned(), meaning: Ok(Command::Confirm) };
        let said = Said {
            by,
            written: Written { lines: vec![confirm], prose: String::new(), gave_up: false },
            answering: Some(Purpose::Confirmation),
            answered_at: Some(declared_at),
            entry_authors: BTreeMap::new(),
            led_from: None,
            others: Others::new(),
            source: Source { no_receipt: true, ..Source::default() },
        };
        self.step(number, &Event::Said(said)).await
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
                let state = match (number, self.take_shift_lines(*said).await?) {
                    (_, None) => InboundState::Read,
                    (Some(number), Some(said)) => self.say(number, said, mail).await?,
                    (None, Some(_)) => InboundState::Filed,
                };
                Ok((state, number))
            }
            Meaning::File(filed) => {
                if let Some(number) = number {
                    self.step(number, &Event::Filed(filed)).await?;
                }
                Ok((InboundState::Filed, number))
            }
            Meaning::Keep(why) => {
                self.leave_to_look(format!("kept without effect: {why}"));
                Ok((InboundState::Filed, None))
            }
            Meaning::Hold(waits) => {
                self.hold(message, mail, waits).await?;
                Ok((InboundState::Held, None))
            }
            Meaning::Review { incident, tell } => {
                self.hold(message, mail, Waits::Names(incident)).await?;
                if let Some(to) = tell {
                    self.tell_review(incident, &to).await?;
                }
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
                self.leave_to_look("sent the guide".to_owned());
                self.send_guide(&to).await?;
                Ok((InboundState::Filed, None))
            }
            Meaning::OnCall(asked) => {
                self.on_call(&asked).await?;
                Ok((InboundState::Read, None))
            }
            Meaning::List(asked) => {
                let state = self.about_list(&asked).await?;
                Ok((state, None))
            }
            Meaning::AnswerDigest(answer) => {
                let state = self.answer_digest(&answer).await?;
                Ok((state, None))
            }
            Meaning::AnswerSwap { id, by, answer } => {
                self.answer_swap(id, &by, answer).await?;
                Ok((InboundState::Read, None))
            }
            Meaning::Alert { alert, threshold, proof } => {
                self.take_alert(message, mail, *alert, threshold, proof).await
            }
            Meaning::AlertUnproven { rule, why } => {
                let why = format!("the alert rule {rule} knows it, and its sender proves {why}");
                self.ignore_alert(message, mail, Some(&rule), &why).await?;
                Ok((InboundState::Filed, None))
            }
            Meaning::AlertUnknown => {
                self.ignore_alert(message, mail, None, "no alert rule knows it").await?;
                Ok((InboundState::Filed, None))
            }
            Meaning::AnswerAlert { id, by, wanted } => {
                let number = self.answer_alert(id, by, wanted).await?;
                Ok((InboundState::Read, number))
            }
            Meaning::Bounced { outbox, reason, dead } => {
                let number = self.bounced(outbox, &reason, &dead).await?;
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
        let decision = self.decide(number, &event).await?;
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
            let filed = Filed { proof: said.by.proof.clone(), ..filed(mail, &self.policy, why) };
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
        // Forged reports must not use up what those may declare who can prove who they are.
        let counted = match declared.by.trust {
            Trust::Verified => "declare",
            _ => "declare-unproven",
        };
        let by_sender = self.write.count_use(&format!("{counted}:{sender}"), self.now).await?;
        let in_all = self.write.count_use(counted, self.now).await?;
        if by_sender > DECLARATIONS_A_SENDER || in_all > DECLARATIONS_IN_ALL {
            self.hold(message, mail, Waits::TooMany).await?;
            return Ok((InboundState::Held, None));
        }
        let number = self.write.next_incident_number().await?;
        declared.number = number;
        self.step(number, &Event::Declared(declared)).await?;
        self.save_thread_root(number).await?;
        Ok((InboundState::Read, Some(number)))
    }
}

/// Whether a message was larger than what is taken: a mailbox cannot refuse it, as SMTP does, so that as
/// much of it was fetched as may be.
fn is_cut(message: &NewInbound) -> bool {
    message.route == Route::Imap && message.octets.len() >= MESSAGE_OCTETS_MAX
}

/// A message that is being read.
struct Reading<'a> {
    inbound: &'a Inbound,
    mail: InboundMail,
    clues: Clues,
}

/// What was done with a message at one of the places that it was sent to.
#[derive(Debug, Clone, Copy)]
enum Done {
    So(InboundState, Option<i64>),
    /// Nothing: another copy of it did something, in this incident.
    Copy {
        of: Option<i64>,
    },
}

impl Done {
    /// The first place counts, where anything was done.
    fn or(self, other: Self) -> Self {
        if matches!(self, Self::Copy { .. }) { other } else { self }
    }

    fn fate(self) -> (InboundState, Option<i64>) {
        match self {
            Self::So(state, incident) => (state, incident),
            Self::Copy { .. } => (InboundState::Filed, None),
        }
    }
}
