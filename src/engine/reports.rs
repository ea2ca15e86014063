//! Mail of ours that did not arrive: refused by the relay, or returned by a delivery report.

use super::batch::Batch;
use crate::incident::event::{Event, Filed, Source};
use crate::store::StoreError;
use crate::store::rows::{InboundState, NewInbound};

impl Batch {
    /// The relay, or a delivery report, says that a mail did not reach its recipient. Returns the
    /// incident that it was about.
    pub(super) async fn refused(
        &mut self,
        outbox: i64,
        answer: &str,
    ) -> Result<Option<i64>, StoreError> {
        let Some(row) = self.write.load_outbox_row(outbox).await? else { return Ok(None) };
        if !self.write.mark_refused(outbox, answer).await? {
            return Ok(row.incident);
        }
        let Some(number) = row.incident else { return Ok(None) };
        let reason = answer.to_owned();
        let event = Event::Undeliverable { to: row.recipient, purpose: row.purpose, reason };
        self.step(number, &event).await?;
        Ok(Some(number))
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
        let filed = Filed { from: None, why, text: String::new(), source: Source::default() };
        self.step(number, &Event::Filed(filed)).await?;
        Ok(Some(number))
    }

    /// Keeps a message that we could not read three times, and tells the operator.
    pub(super) async fn set_aside(&mut self, message: &NewInbound) -> Result<(), StoreError> {
        self.write.mark_inbound(message.id, InboundState::SetAside, None, self.now).await?;
        let from = message.reverse_path.clone().unwrap_or_default();
        self.send_set_aside(message.id, &from).await
    }
}
