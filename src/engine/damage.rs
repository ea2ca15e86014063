//! What the server cannot mend by itself. What cannot be read, however often it is tried, is set
//! aside, so that nothing else waits for it, and told; so is mail that does not move. Start with
//! [`Batch::set_aside`].

use chrono::{DateTime, Utc};
use tracing::error;

use super::batch::Batch;
use crate::mail::Address;
use crate::render::{self, Damaged, Unreadable};
use crate::store::StoreError;
use crate::store::rows::InboundState;

impl Batch {
    /// Whom the server asks to look after it: the operator, else the commander on call.
    pub(super) fn caretaker(&self) -> Option<Address> {
        let on_call = || self.policy.roster.commander_on_call(self.now).map(|person| person.address);
        self.policy.operator.clone().or_else(on_call)
    }

    /// Keeps a message that we cannot read, and tells its sender where we know the address that it came
    /// from, and the caretaker.
    pub(super) async fn set_aside(
        &mut self,
        inbound: i64,
        reverse_path: Option<&str>,
    ) -> Result<(), StoreError> {
        let why = "the server failed each time while reading it; its log says how";
        self.write.mark_inbound(inbound, InboundState::SetAside, None, Some(why), self.now).await?;
        self.fates.push((InboundState::SetAside, self.now));
        // Nothing but the envelope can be believed of it, and a machine sends with an empty one.
        let sender = reverse_path.and_then(|path| Address::read(path).ok());
        let sender_told = match sender.filter(|sender| self.policy.roster.knows(sender)) {
            Some(sender) => {
                let sender = self.policy.roster.person(&sender, "");
                self.send_unread(&sender, "the server failed at it each time").await?
            }
            None => false,
        };
        let Some(to) = self.caretaker() else { return Ok(()) };
        let message =
            Unreadable { id: inbound, from: reverse_path.unwrap_or_default(), sender_told, why };
        let letter = render::render_unreadable(&self.policy, &message, self.now);
        self.store_single(&letter, &to, None, None).await?;
        Ok(())
    }

    /// Takes an incident that cannot be read out of the way of the others, and tells the caretaker.
    pub(super) async fn set_incident_aside(&mut self, number: i64) -> Result<(), StoreError> {
        error!(incident = number, "the stored incident {number} cannot be read");
        self.write.replace_deadlines(number, &[]).await?;
        self.tell_damaged(Damaged::Incident(number)).await
    }

    /// Tells the caretaker, once a day, of something stored that cannot be read.
    pub(super) async fn tell_damaged(&mut self, what: Damaged) -> Result<(), StoreError> {
        if self.write.count_use_of_day(&format!("damaged:{what}"), self.now).await? > 1 {
            return Ok(());
        }
        let Some(to) = self.caretaker() else { return Ok(()) };
        let letter = render::render_damaged(&self.policy, what, self.now);
        self.store_single(&letter, &to, None, None).await?;
        Ok(())
    }

    /// Tells the caretaker that the configuration was read again and has mistakes.
    pub(super) async fn tell_mistakes(&mut self, mistakes: &[String]) -> Result<(), StoreError> {
        let Some(to) = self.caretaker() else { return Ok(()) };
        let letter = render::render_mistakes(&self.policy, mistakes, self.now);
        self.store_single(&letter, &to, None, None).await?;
        Ok(())
    }

    /// Tells the caretaker, once a day, that mail does not move; whether that was news.
    pub(super) async fn tell_stuck(
        &mut self,
        since: DateTime<Utc>,
        count: i64,
    ) -> Result<bool, StoreError> {
        let Some(to) = self.caretaker() else { return Ok(false) };
        if self.write.count_use_of_day("stuck", self.now).await? > 1 {
            return Ok(false);
        }
        // One notice is enough, however many days it waits.
        self.write.settle_stuck().await?;
        let letter = render::render_stuck(&self.policy, since, count, self.now);
        self.store_single(&letter, &to, None, None).await?;
        Ok(true)
    }

    /// Tells the caretaker, once a day, that mail which proves nothing is refused.
    pub(super) async fn tell_crowded(&mut self, refused: u64) -> Result<(), StoreError> {
        let Some(to) = self.caretaker() else { return Ok(()) };
        if self.write.count_use_of_day("crowded", self.now).await? > 1 {
            return Ok(());
        }
        let letter = render::render_crowded(&self.policy, refused, self.now);
        self.store_single(&letter, &to, None, None).await?;
        Ok(())
    }

    /// Tells the caretaker, once a day, that the mailbox cannot be read.
    pub(super) async fn tell_unread_mailbox(
        &mut self,
        since: DateTime<Utc>,
        why: &str,
    ) -> Result<(), StoreError> {
        let Some(to) = self.caretaker() else { return Ok(()) };
        if self.write.count_use_of_day("mailbox", self.now).await? > 1 {
            return Ok(());
        }
        let letter = render::render_unread_mailbox(&self.policy, since, why, self.now);
        self.store_single(&letter, &to, None, None).await?;
        Ok(())
    }
}
