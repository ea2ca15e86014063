//! What a message points at, loaded: the incident that it belongs to and the mail of ours that it
//! answers.
//!
//! Who is believed is said by `interpret`. Start with [`Batch::find`].

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::batch::Batch;
use crate::incident::deadlines::DeadlineKind;
use crate::incident::decision::Purpose;
use crate::incident::state::WideMail;
use crate::interpret::Clues;
use crate::mail::command::{Command, Grammar, Line, Written, read_commands};
use crate::mail::ids::looks_ours;
use crate::mail::message::{InboundMail, shown_by, text_of};
use crate::mail::relay::known_form;
use crate::mail::{Address, Tag};
use crate::roster::Member;
use crate::store::StoreError;

/// Active incidents, the newest first; an answer that lost its thread means one of them.
const PAGING_AT_MOST: i64 = 50;

impl Batch {
    /// What a message points at: by address, then by thread, then by subject.
    pub(super) async fn find(&mut self, mail: &InboundMail, clues: &Clues) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let known = if mail.ancestors.is_empty() {
            Vec::new()
        } else {
            self.write.load_known_ids(&mail.ancestors).await?
        };
        let domain = self.policy.address.address().domain();
        found.answers_ours = known.iter().any(|id| id.letter.is_some())
            || mail.ancestors.iter().any(|id| looks_ours(id, domain));
        if let Some(answered) = known.iter().find(|id| id.letter.is_some()) {
            found.answering = answered.purpose;
            if let Some(letter) = answered.letter {
                let letter = self.write.load_letter(letter).await?;
                if let (Some(Purpose::Digest), Some(letter)) = (answered.purpose, &letter) {
                    found.digest = self.write.load_digest_id(&letter.message_id).await?;
                }
                found.answered_at = letter.as_ref().map(|letter| letter.created_at);
                found.answered_text = letter.as_ref().map(|letter| text_of(&letter.octets));
                let first = mail.ancestors.first().map(|id| known_form(id));
                let may_hold_words =
                    first.is_some_and(|id| id == answered.message_id) && !mail.elided.is_empty();
                if let (Some(letter), Some(text), true) = (&letter, &found.answered_text, may_hold_words)
                {
                    found.answered_letter = Some(shown_by(text, &letter.octets));
                }
            }
        }
        let by_address = clues.number();
        let by_thread = known.iter().find_map(|id| id.incident);
        // People's mails may be about several; ours are about one.
        let ours = known.iter().find(|id| id.letter.is_some()).and_then(|id| id.incident);
        found.answers_another = ours
            .filter(|number| clues.number().is_some_and(|here| here != *number))
            .filter(|number| clues.was_sent_to(*number));
        for (number, by_subject) in
            [(by_address, false), (by_thread, false), (clues.subject_number, true)]
        {
            let Some(number) = number else { continue };
            if self.load(number).await? {
                found.merely_named = by_subject && !self.takes_part(number, mail).await?;
                let led = self.lead(number, mail).await?;
                (found.number, found.led_from) = (Some(led), (led != number).then_some(number));
                break;
            }
        }
        if found.number.is_none()
            && clues.tag == Tag::Plain
            && let Some(written) = self.answer_of_a_pager(mail)
        {
            found.number = self.paging_incident(mail).await?;
            // It answers a mail of ours, whatever became of its thread, and declares nothing.
            found.answers_ours = found.number.is_some() || written.prose.is_empty();
        }
        // Of two that are one, an answer to the other is no answer to another.
        found.answers_another = found.answers_another.filter(|other| found.number != Some(*other));
        if by_thread != found.number {
            // It answers a mail about another incident: what that asked for is not asked here.
            (found.answering, found.answered_at) = (None, None);
        }
        found.entry_authors = self.authors_to_correct(&found, mail).await?;
        Ok(found)
    }

    /// What comes back from a pager: sent by somebody's, and beginning with an answer. The gateways
    /// behind pagers keep no thread, some answer the plain address, and some write below what they pass
    /// on.
    fn answer_of_a_pager(&self, mail: &InboundMail) -> Option<Written> {
        let from = mail.from.as_ref()?;
        let is_pager = |member: &Member| member.pager.as_ref() == Some(&from.address);
        if !self.policy.roster.people.iter().any(is_pager) {
            return None;
        }
        let (zone, sections) = (&self.policy.calendar.zone, &self.policy.postmortem.sections);
        let grammar = Grammar { zone, sections, answered_text: None };
        let written = read_commands(&mail.new_text, &grammar, self.now);
        let answers = |line: &Line| {
            matches!(line.meaning, Ok(Command::Ack | Command::TakeCommand | Command::Leave))
        };
        let is_answer = !written.lines.is_empty() && written.lines.iter().all(answers);
        is_answer.then_some(written)
    }

    /// The active incident whose page rang last at the sender of a mail, whoever answered meanwhile.
    async fn paging_incident(&mut self, mail: &InboundMail) -> Result<Option<i64>, StoreError> {
        let Some(from) = &mail.from else { return Ok(None) };
        let person = self.policy.roster.person(&from.address, "");
        // Each active incident has one of these.
        let kinds = [DeadlineKind::TakeCommand, DeadlineKind::Page, DeadlineKind::Update];
        let mut last = None;
        for number in self.write.load_owing(&kinds, PAGING_AT_MOST).await? {
            if !self.load(number).await? {
                continue;
            }
            let rang_at = self.incident(number).and_then(|incident| incident.rang_at(&person));
            last = last.max(rang_at.map(|at| (at, number)));
        }
        Ok(last.map(|(_, number)| number))
    }

    /// Whether the sender of a mail takes part in an incident: has to do with it, hears of it as a
    /// member of a list of ours, or wrote to it before.
    async fn takes_part(&mut self, number: i64, mail: &InboundMail) -> Result<bool, StoreError> {
        let (Some(from), Some(incident)) = (&mail.from, self.incident(number)) else { return Ok(false) };
        let own = self.policy.roster.person(&from.address, "").address;
        let hears = incident.wide_mail == WideMail::Sent && self.policy.tells_by_list(&own, incident);
        if hears || incident.concerns(&own) {
            return Ok(true);
        }
        self.write.has_written(number, &own).await
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
pub(super) struct Found {
    pub(super) number: Option<i64>,
    /// A duplicate of that one, to which the message came.
    pub(super) led_from: Option<i64>,
    pub(super) merely_named: bool,
    pub(super) answering: Option<Purpose>,
    pub(super) answers_ours: bool,
    /// The digest that it answers.
    pub(super) digest: Option<i64>,
    pub(super) answers_another: Option<i64>,
    pub(super) answered_text: Option<String>,
    pub(super) answered_letter: Option<String>,
    pub(super) answered_at: Option<DateTime<Utc>>,
    pub(super) entry_authors: BTreeMap<i64, Address>,
}
