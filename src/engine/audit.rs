//! What is kept of each decision on trust: whom a message claimed to be from, by what they were
//! believed or why not, and what became of it.
//!
//! Nothing is decided here. Start with [`Batch::audit_mail`].

use super::batch::Batch;
use crate::incident::decision::{Mailing, NewEntry, Says};
use crate::incident::event::{Event, Outcome, Speaker};
use crate::interpret::without_judgement;
use crate::mail::authentication::{Authentication, read_results};
use crate::mail::{Address, InboundMail};
use crate::roster::membership::ChangedBy;
use crate::store::StoreError;
use crate::store::rows::{AuditRow, Inbound, NewInbound};

/// Of what became of a mail so much is kept, in characters; the timeline has all of it.
const OUTCOME_CHARS_MAX: usize = 1_000;

impl Batch {
    /// What is known of a message's origin: what DNS said, or what a server before us wrote down. One
    /// that a stranger's host handed to us may hold what that stranger wrote.
    pub(super) fn authentication(&self, inbound: &Inbound, mail: &InboundMail) -> Authentication {
        let asked = inbound.authentication.clone().unwrap_or_default();
        let from = mail.from.as_ref().filter(|_| inbound.message.client.outside.is_none());
        let ids = &self.policy.authserv_ids;
        asked.or(from.and_then(|from| read_results(&inbound.message.octets, &from.address, ids)))
    }

    /// Remembers what follows from a decision, in a few words: entries, and lines that were refused.
    pub(super) fn note_outcome(&mut self, entries: &[NewEntry], mailings: &[Mailing]) {
        let entries = entries.iter().map(|entry| format!("#{} {}", entry.seq, entry.kind.name()));
        self.became.extend(entries);
        for mailing in mailings {
            match &mailing.says {
                Says::Receipt { results, .. } => {
                    self.became.extend(results.iter().filter_map(|result| match &result.outcome {
                        Outcome::Refused { why, .. } => {
                            Some(format!("refused `{}`: {why}", result.line.typed))
                        }
                        Outcome::Done(_) => None,
                    }));
                }
                Says::Confirmation { .. } => self.became.push("asked to confirm".to_owned()),
                _ => {}
            }
        }
    }

    /// Keeps what became of a message.
    pub(super) async fn audit_mail(
        &mut self,
        message: &NewInbound,
        mail: &InboundMail,
        by: Option<&Speaker>,
        incident: Option<i64>,
    ) -> Result<(), StoreError> {
        let who = mail.from.as_ref().map(|from| &from.address);
        let judged = by.filter(|_| !mail.origin.is_automatic());
        let proof = judged.map_or(without_judgement(mail), |speaker| &speaker.proof).to_owned();
        self.audit(Some(message.id), who, proof, incident).await
    }

    /// Keeps what was done on the page or by the operator. Deadlines and the like are nobody's.
    pub(super) async fn audit_event(&mut self, number: i64, event: &Event) -> Result<(), StoreError> {
        match event {
            Event::Said(said) => {
                let (who, proof) = (said.by.person.address.clone(), said.by.proof.clone());
                self.audit(None, Some(&who), proof, Some(number)).await
            }
            Event::TokensVoided { of } => {
                let proof = "the command line".to_owned();
                self.audit(None, Some(&of.address), proof, Some(number)).await
            }
            _ => Ok(()),
        }
    }

    /// Keeps who changed who is on a list, where no message asked for it.
    pub(super) async fn audit_list(&mut self, who: &Address, by: ChangedBy) -> Result<(), StoreError> {
        let proof = match by {
            ChangedBy::Mail => "token",
            ChangedBy::Page => "the unsubscribe link",
            ChangedBy::Operator => "the command line",
        };
        self.audit(None, Some(who), proof.to_owned(), None).await
    }

    async fn audit(
        &mut self,
        inbound: Option<i64>,
        who: Option<&Address>,
        proof: String,
        incident: Option<i64>,
    ) -> Result<(), StoreError> {
        let became = std::mem::take(&mut self.became);
        let outcome = if became.is_empty() { "no effect".to_owned() } else { became.join("; ") };
        let row = AuditRow {
            id: self.engine.ids.next(self.now),
            at: self.now,
            incident,
            inbound,
            who: who.map(Address::key).unwrap_or_default(),
            proof,
            outcome: outcome.chars().take(OUTCOME_CHARS_MAX).collect(),
        };
        self.write.save_audit(row).await
    }
}
