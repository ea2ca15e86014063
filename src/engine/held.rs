//! Reports that wait for somebody known to accept them.

use super::batch::Batch;
use crate::incident::event::{Event, Speaker, Trust};
use crate::incident::state::Person;
use crate::interpret::{clues, declaration};
use crate::mail::InboundMail;
use crate::store::StoreError;
use crate::store::rows::{InboundState, KnownId, NewInbound};

/// Held reports an hour that the on-call commander is told of one by one.
const HELD_TOLD: i64 = 5;

impl Batch {
    /// Keeps a report for somebody known to accept, and tells the commander on call.
    pub(super) async fn hold(
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
    pub(super) async fn ask_again(&mut self, id: i64, by: &Person) -> Result<(), StoreError> {
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

    pub(super) async fn accept_held(&mut self, id: i64, by: Person) -> Result<Option<i64>, StoreError> {
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
}
