//! From a mailing to rows of the outbox: words, octets, one row a recipient, all in the transaction
//! that decided it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::batch::Batch;
use super::bundles::Bundle;
use super::ends::useful_within;
use super::reports::NotSent;
use crate::incident::decision::{Mailing, Purpose, Recipient, Says};
use crate::incident::state::Person;
use crate::mail::Address;
use crate::mail::compose::{Frame, Letter, MembersOf, compose, fill_token, member_token};
use crate::render::{self, HeldReport};
use crate::store::StoreError;
use crate::store::rows::{AskedFor, KnownId, NewLetter, NewOutbox, Undelivered};

/// The thread of an incident, for the synthetic root of its mails.
const MAIN_THREAD: &str = "";

/// Who gets the octets of one letter, and with which token.
pub(super) type Copies = Vec<(Address, Option<String>)>;

/// Persons who get the same words.
struct Persons<'a> {
    /// The list of ours by which they hear of it, where they may leave that.
    members_of: Option<&'a str>,
    all: Vec<&'a Recipient>,
}

/// A letter on its way into the store.
pub(super) struct Outgoing<'a> {
    pub(super) letter: &'a Letter,
    pub(super) incident: Option<i64>,
    /// Without brackets; made from the letter's id when there is none yet.
    pub(super) message_id: Option<String>,
    /// The tag of the Reply-To where it is not the incident's, such as `held.7`.
    pub(super) reply_tag: Option<String>,
    /// Where answers go instead. Then nothing in the header tells of the incident, and no answer is
    /// found to be about it.
    pub(super) answers_to: Option<Address>,
    pub(super) to: (String, Address),
    pub(super) copies: Copies,
    /// Of a reminder, what it asks for.
    pub(super) asks: Vec<AskedFor>,
    /// The list of ours by which its readers hear of it, where they may leave that.
    pub(super) members_of: Option<&'a str>,
    /// The first timeline entry of what it tells, where a newer mail may take its place.
    pub(super) tells_from: Option<i64>,
    /// When it is of no use any more, where that is not its purpose's.
    pub(super) ends_at: Option<DateTime<Utc>>,
}

impl<'a> Outgoing<'a> {
    /// About no incident, and asking for nothing.
    pub(super) fn new(letter: &'a Letter, to: (String, Address), copies: Copies) -> Self {
        Self {
            letter,
            incident: None,
            message_id: None,
            reply_tag: None,
            answers_to: None,
            to,
            copies,
            asks: Vec::new(),
            members_of: None,
            tells_from: None,
            ends_at: None,
        }
    }
}

impl Batch {
    /// Stores what a mailing says for all who get it.
    pub(super) async fn send(&mut self, number: i64, mailing: &Mailing) -> Result<(), StoreError> {
        if let Says::Reminder(reminder) = &mailing.says {
            self.remind(number, &mailing.to, reminder);
            return Ok(());
        }
        let replaced = replaced_by(&mailing.says);
        if !replaced.is_empty() {
            for recipient in &mailing.to {
                self.write.supersede(number, recipient.address(), replaced).await?;
            }
        }
        if let Says::Statement(_) = &mailing.says {
            return self.send_to_customers(number, mailing).await;
        }
        let mut message_id = None;
        for mut bundle in self.bundle(number, mailing).await? {
            if mailing.says.shows_timeline() {
                bundle.timeline = self.write.load_timeline(number).await?;
            }
            let mut persons: BTreeMap<Option<&str>, Vec<&Recipient>> = BTreeMap::new();
            let mut lists = Vec::new();
            for recipient in &bundle.to {
                match recipient {
                    Recipient::Person(_) => persons.entry(None).or_default().push(recipient),
                    Recipient::Member { list, .. } => {
                        persons.entry(Some(list)).or_default().push(recipient);
                    }
                    Recipient::List(_) => lists.push(*recipient),
                }
            }
            for (list, persons) in persons {
                let to = Persons { members_of: list, all: persons };
                let sent =
                    self.send_to_persons(number, mailing, &bundle, &to, message_id.clone()).await?;
                message_id = sent.or(message_id);
            }
            for list in lists {
                let given = message_id.clone();
                let sent = self.send_to_list(number, mailing, &bundle, list, given).await?;
                message_id = sent.or(message_id);
            }
        }
        Ok(())
    }

    async fn send_to_persons(
        &mut self,
        number: i64,
        mailing: &Mailing,
        bundle: &Bundle<'_>,
        persons: &Persons<'_>,
        message_id: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        let Some(incident) = self.incident(number) else { return Ok(None) };
        let (policy, timeline, now) = (&self.policy, &bundle.timeline, self.now);
        let letter = match persons.members_of {
            Some(list) => render::render_for_members(mailing, list, incident, policy, timeline, now),
            None => render::render_mailing(mailing, true, incident, policy, timeline, now),
        };
        let secret = &self.engine.secret;
        let copies = persons
            .all
            .iter()
            .map(|recipient| {
                let address = recipient.address();
                let epoch = incident.token_epoch_of(address);
                let token = secret.incident_token(number, address, epoch);
                let filled = match persons.members_of {
                    Some(list) => member_token(&token, &secret.leave_token(list, address)),
                    None => token,
                };
                (address.clone(), Some(filled))
            })
            .collect();
        let to = match mailing.to.as_slice() {
            [only] => {
                let person = self.policy.roster.person(only.address(), "");
                (person.name, only.address().clone())
            }
            // One text for many: it is addressed to the incident that they follow.
            _ => (self.key(number), self.policy.address.of_incident(number, None)),
        };
        self.store(Outgoing {
            incident: Some(number),
            message_id,
            tells_from: bundle.tells_from,
            members_of: persons.members_of,
            ..Outgoing::new(&letter, to, copies)
        })
        .await
    }

    async fn send_to_list(
        &mut self,
        number: i64,
        mailing: &Mailing,
        bundle: &Bundle<'_>,
        list: &Recipient,
        message_id: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        let Some(incident) = self.incident(number) else { return Ok(None) };
        let timeline = &bundle.timeline;
        let letter = render::render_mailing(mailing, false, incident, &self.policy, timeline, self.now);
        let to = (String::new(), list.address().clone());
        let copies = vec![(list.address().clone(), None)];
        self.store(Outgoing {
            incident: Some(number),
            message_id,
            tells_from: bundle.tells_from,
            ..Outgoing::new(&letter, to, copies)
        })
        .await
    }

    /// One copy each, with the same octets for all: nobody is named in another's.
    async fn send_to_customers(&mut self, number: i64, mailing: &Mailing) -> Result<(), StoreError> {
        let Some(incident) = self.incident(number) else { return Ok(()) };
        let letter = render::render_mailing(mailing, false, incident, &self.policy, &[], self.now);
        let own = self.policy.address.address().clone();
        let answers_to = self.policy.customers.reply_to.clone().unwrap_or_else(|| own.clone());
        let copies = mailing.to.iter().map(|recipient| (recipient.address().clone(), None)).collect();
        let to = match mailing.to.as_slice() {
            [only] => (String::new(), only.address().clone()),
            _ => (self.policy.customers.name.clone(), own),
        };
        let outgoing = Outgoing {
            incident: Some(number),
            answers_to: Some(answers_to),
            ..Outgoing::new(&letter, to, copies)
        };
        self.store(outgoing).await?;
        Ok(())
    }

    /// The thread root is known from the first mail on, so that an answer is found even when a relay
    /// rewrote every other identifier.
    pub(super) async fn save_thread_root(&mut self, number: i64) -> Result<(), StoreError> {
        let message_id = self.engine.secret.thread_root(number, MAIN_THREAD, self.domain());
        let known = KnownId { message_id, incident: Some(number), letter: None, purpose: None };
        self.write.save_known_id(&known, self.now).await
    }

    /// Asks one person whether a held report is an incident.
    pub(super) async fn send_held(
        &mut self,
        to: &Address,
        held: &HeldReport<'_>,
    ) -> Result<(), StoreError> {
        let letter = render::render_held(&self.policy, held);
        let token = self.engine.secret.held_token(held.id, to);
        self.store_single(&letter, to, Some(format!("held.{}", held.id)), Some(token)).await?;
        Ok(())
    }

    pub(super) async fn send_guide(&mut self, to: &Person) -> Result<(), StoreError> {
        let letter = render::render_guide(&self.policy, self.now);
        self.store_single(&letter, &to.address, None, None).await?;
        Ok(())
    }

    /// Asks the sender of a message that belongs to no incident to send it again; whether they will
    /// hear of it, or were sent so many answers that they will not.
    pub(super) async fn send_unread(&mut self, to: &Person, why: &str) -> Result<bool, StoreError> {
        let letter = render::render_unread(&self.policy, why, self.now);
        let sent = self.store_single(&letter, &to.address, None, None).await?;
        Ok(sent.is_some())
    }

    /// To one person; as [`Self::store`].
    pub(super) async fn store_single(
        &mut self,
        letter: &Letter,
        to: &Address,
        reply_tag: Option<String>,
        token: Option<String>,
    ) -> Result<Option<String>, StoreError> {
        let name = self.policy.roster.person(to, "").name;
        let copies = vec![(to.clone(), token)];
        let to = (name, to.clone());
        self.store(Outgoing { reply_tag, ..Outgoing::new(letter, to, copies) }).await
    }

    /// Finishes the octets and stores them with a row for each copy. Returns the Message-ID; `None` when
    /// its readers have had so many answers that nobody gets it.
    pub(super) async fn store(&mut self, outgoing: Outgoing<'_>) -> Result<Option<String>, StoreError> {
        let id = self.engine.ids.next(self.now);
        let domain = self.domain().to_owned();
        let mut copies = Vec::with_capacity(outgoing.copies.len());
        for (address, token) in outgoing.copies {
            if self.may_answer(&address, outgoing.letter.purpose, outgoing.incident).await? {
                copies.push((address, token));
            }
        }
        if copies.is_empty() {
            return Ok(None);
        }
        let message_id =
            outgoing.message_id.unwrap_or_else(|| self.engine.secret.message_id(id, &domain));
        let late = self.beyond_limit(&copies, outgoing.letter.purpose, outgoing.tells_from).await?;
        if let Some(number) = outgoing.incident.filter(|_| !late.is_empty()) {
            self.nothing_waits.remove(&number);
        }
        let references = self.references(outgoing.incident, outgoing.letter);
        let outside = outgoing.answers_to.is_some();
        let named = outgoing.incident.filter(|_| !outside);
        let list_name = if outside { &self.policy.customers.name } else { &self.policy.name };
        let one_click_url = self.policy.web_url.as_deref().filter(|_| self.policy.one_click);
        let frame = Frame {
            members_of: outgoing.members_of.map(|name| MembersOf { name, one_click_url }),
            own: &self.policy.address,
            incident: named,
            reply_tag: outgoing.reply_tag.as_deref(),
            reply_to: outgoing.answers_to.as_ref(),
            to: (&outgoing.to.0, &outgoing.to.1),
            message_id: &message_id,
            references: &references,
            list_name,
            now: self.now,
        };
        let mut octets = compose(outgoing.letter, &frame);
        if let [(_, token @ Some(_))] = copies.as_mut_slice() {
            // One copy only: nothing is shared, so nothing needs filling later.
            octets = fill_token(&octets, &token.take().unwrap_or_default());
        }
        let purpose = outgoing.letter.purpose;
        self.write
            .save_letter(&NewLetter {
                id,
                message_id: message_id.clone(),
                incident: outgoing.incident,
                purpose,
                created_at: self.now,
                subject: outgoing.letter.subject.clone(),
                octets,
            })
            .await?;
        let expires_at = outgoing.ends_at.unwrap_or(self.now + useful_within(purpose));
        let rows: Vec<NewOutbox> = copies
            .into_iter()
            .map(|(recipient, token)| NewOutbox {
                id: self.engine.ids.next(self.now),
                letter: id,
                token,
                due_at: late.get(&recipient.key()).copied().unwrap_or(self.now),
                recipient,
                expires_at,
                tells_from: outgoing.tells_from,
                awaited: purpose.is_awaited(),
            })
            .collect();
        self.write.save_outbox(&rows).await?;
        for row in rows {
            self.withhold(row, outgoing.incident, purpose).await?;
        }
        if !outgoing.asks.is_empty() {
            self.write.save_reminders(id, &outgoing.asks).await?;
        }
        self.sent = true;
        let known = KnownId {
            message_id: message_id.clone(),
            incident: named,
            letter: Some(id),
            purpose: Some(purpose),
        };
        self.write.save_known_id(&known, self.now).await?;
        Ok(Some(message_id))
    }

    /// Marks a row as refused whose recipient is no mailbox, so that it is shown and not sent.
    async fn withhold(
        &mut self,
        row: NewOutbox,
        incident: Option<i64>,
        purpose: Purpose,
    ) -> Result<(), StoreError> {
        let Some(reason) = self.why_dead(&row.recipient).await? else { return Ok(()) };
        self.write
            .mark_undelivered(row.id, &Undelivered::Refused(format!("not sent: {reason}")))
            .await?;
        if let Some(incident) = incident {
            self.not_sent.push_back(NotSent { incident, to: row.recipient, purpose, reason });
        }
        Ok(())
    }

    /// The root of the thread, or of the duty's own thread, so that muting the first mutes no duty;
    /// then the mail that an automatic answer answers (RFC 3834 section 3.1.6).
    fn references(&self, incident: Option<i64>, letter: &Letter) -> Vec<String> {
        let thread = letter.duty.as_deref().unwrap_or(MAIN_THREAD);
        let root = |number| self.engine.secret.thread_root(number, thread, self.domain());
        let answered = self.answered.clone().filter(|_| letter.purpose.is_answer());
        incident.map(root).into_iter().chain(answered).collect()
    }

    fn domain(&self) -> &str {
        self.policy.address.address().domain()
    }

    fn key(&self, number: i64) -> String {
        self.incident(number).map(crate::incident::Incident::key).unwrap_or_default()
    }
}

/// What need not be sent any more, where it still waits, because this says it better.
fn replaced_by(says: &Says) -> &'static [Purpose] {
    match says {
        Says::TakeCommand { .. } => &[Purpose::TakeCommand],
        Says::Page => &[Purpose::Page],
        Says::PageResponder { to_pager: true, .. } => &[Purpose::PageResponder],
        Says::PageResponder { .. } => &[Purpose::PageLetter],
        Says::CommandWanted { .. } => &[Purpose::CommandWanted],
        // Customers should not read what is not true any more.
        Says::Statement(_) => &[Purpose::Statement],
        _ => &[],
    }
}
