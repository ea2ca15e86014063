//! Mail of ours that did not arrive: refused by the relay, or returned by a delivery report; and the
//! addresses to which nothing is sent for a while, because a report said that they are no mailboxes.
//!
//! Start with [`Batch::bounced`].

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::batch::Batch;
use crate::incident::decision::Purpose;
use crate::incident::event::{Event, Fate, Filed};
use crate::mail::Address;
use crate::store::StoreError;
use crate::store::rows::{OutboxRow, OutboxState, Taken, Undelivered};

/// How often mail without proof has mail sent to a dead address again.
const REVIVED_A_DAY: i64 = 1;
/// Relays give up after five days at most (RFC 5321 section 4.5.4.1), and the report has a way, too.
const REPORTED_WITHIN: TimeDelta = TimeDelta::days(7);

/// A mail that was not sent, because its recipient is no mailbox.
pub(super) struct NotSent {
    pub incident: i64,
    pub to: Address,
    pub purpose: Purpose,
    pub reason: String,
}

impl Batch {
    /// A delivery report says that a mail did not arrive, and perhaps that its recipient never will
    /// get one. Of an alias or a list one member may be dead, which says nothing of the others. Whoever
    /// holds a mail can send such a report: one counts for each mail, while there can be one.
    pub(super) async fn bounced(
        &mut self,
        outbox: i64,
        reason: &str,
        dead: &[Address],
    ) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.write.load_outbox_row(outbox).await? else { return Ok(None) };
        if !is_plausible(&row, self.now) {
            self.became.push("a report of no mail that is under way, without effect".to_owned());
            return Ok(row.incident);
        }
        let mut reason = reason.to_owned();
        if dead.contains(&row.recipient) {
            let sent_at = row.accepted_at.unwrap_or(self.now);
            if self.write.save_dead_address(&row.recipient, &reason, sent_at, self.now).await? {
                self.dead_addresses().await?.insert(row.recipient.key(), reason.clone());
                reason.push_str("; no more is sent there for a day, unless mail comes from it");
            }
        }
        self.undelivered(outbox, &Undelivered::Refused(reason)).await
    }

    /// Why nothing is sent to an address; `None` where it is.
    pub(super) async fn why_dead(&mut self, address: &Address) -> Result<Option<String>, StoreError> {
        Ok(self.dead_addresses().await?.get(&address.key()).cloned())
    }

    /// Somebody writes from there: it is a mailbox. Whoever does not prove it may be anybody, and is
    /// believed once a day: a page that bounces does less harm than one that is not sent.
    pub(super) async fn revive(&mut self, address: &Address, proven: bool) -> Result<(), StoreError> {
        let key = address.key();
        if !self.dead_addresses().await?.contains_key(&key) {
            return Ok(());
        }
        let may = proven
            || self.write.count_use_of_day(&format!("revived:{key}"), self.now).await? <= REVIVED_A_DAY;
        if may {
            self.dead_addresses().await?.remove(&key);
            if proven {
                self.write.prove_alive(address, self.now).await?;
            } else {
                self.write.forget_dead_address(address).await?;
            }
        }
        Ok(())
    }

    /// Loaded once a transaction: few or none, and asked for with every mail.
    async fn dead_addresses(&mut self) -> Result<&mut BTreeMap<String, String>, StoreError> {
        if self.dead.is_none() {
            let loaded = self.write.load_dead_addresses(self.now).await?;
            self.dead = Some(loaded.into_iter().map(|dead| (dead.address, dead.reason)).collect());
        }
        Ok(self.dead.get_or_insert_default())
    }

    /// Tells of mail that was not sent, where somebody with a role should have got it. Ends: what tells
    /// of it is not told of again.
    pub(super) async fn tell_not_sent(&mut self) -> Result<(), StoreError> {
        while let Some(NotSent { incident, to, purpose, reason }) = self.not_sent.pop_front() {
            let event = Event::Undeliverable { to, purpose, fate: Fate::Withheld, reason };
            self.step(incident, &event).await?;
        }
        Ok(())
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
        let (fate, reason) = match why {
            Undelivered::Refused(answer) => (Fate::Refused, answer.clone()),
            Undelivered::Uncertain => {
                let reason = "the relay twice did not say whether it took it";
                (Fate::Unknown, with_answer(reason, &row.last_answer))
            }
            Undelivered::Expired => {
                let reason = "the relay did not take it while it was of use";
                (Fate::Late, with_answer(reason, &row.last_answer))
            }
        };
        let Some(number) = row.incident else {
            if matches!(row.purpose, Purpose::Shift | Purpose::ShiftRequest) {
                self.tell_unreached(&row.recipient, &reason).await?;
            }
            return Ok(None);
        };
        let event = Event::Undeliverable { to: row.recipient, purpose: row.purpose, fate, reason };
        self.step(number, &event).await?;
        Ok(Some(number))
    }

    /// Relays took mails of which their incidents wait to hear that.
    pub(super) async fn hear_taken(&mut self, taken: &[Taken]) -> Result<(), StoreError> {
        for mail in taken {
            if !self.write.mark_heard(mail.outbox).await? {
                continue;
            }
            let (to, purpose, at) = (mail.recipient.clone(), mail.purpose, mail.at);
            if let Some(number) = mail.incident {
                let answer = mail.answer.clone();
                self.step(number, &Event::Taken { to, purpose, at, answer }).await?;
            }
        }
        Ok(())
    }

    /// A delivery report says that a mail is late: a line for people to read, and nothing else.
    pub(super) async fn delayed(
        &mut self,
        outbox: i64,
        reason: &str,
    ) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.write.load_outbox_row(outbox).await? else { return Ok(None) };
        let Some(number) = row.incident else { return Ok(None) };
        let why = format!("Mail to {} is delayed and is tried again: {reason}", row.recipient);
        let filed = Filed { why, ..Filed::default() };
        self.step(number, &Event::Filed(filed)).await?;
        Ok(Some(number))
    }
}

/// Whether a relay may have sent this mail back just now, and nobody has said so before.
fn is_plausible(row: &OutboxRow, now: DateTime<Utc>) -> bool {
    let was_tried = match row.state {
        OutboxState::Accepted | OutboxState::Uncertain => true,
        // A relay may be faster with its report than we are with noting that it took the mail.
        OutboxState::Queued | OutboxState::Deferred => row.attempts > 0,
        _ => false,
    };
    was_tried && row.accepted_at.is_none_or(|at| now - at <= REPORTED_WITHIN)
}

fn with_answer(reason: &str, last_answer: &str) -> String {
    if last_answer.is_empty() { reason.to_owned() } else { format!("{reason}; it said: {last_answer}") }
}
