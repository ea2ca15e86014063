//! What is kept of the files that come with a message: what an incident has room for, once, and
//! without the tokens of our addresses.
//!
//! Nothing here looks into a file beyond that. Start with [`Batch::settle_attachments`].

use super::batch::Batch;
use crate::mail::attachment::Content;
use crate::mail::{Attachment, InboundMail, OwnAddress};
use crate::store::StoreError;

/// Octets of files that one incident keeps: a hundred large screenshots a day for a week, and too
/// little for anybody to fill a disk with.
const INCIDENT_OCTETS_MAX: i64 = 1_000_000_000;

impl Batch {
    /// Leaves out pictures that every mail of a thread brings along again, such as a logo in a
    /// signature; and keeps only the names of what the incident has no room for.
    pub(super) async fn settle_attachments(
        &mut self,
        mail: &mut InboundMail,
        number: Option<i64>,
    ) -> Result<(), StoreError> {
        let Some(number) = number.filter(|_| !mail.attachments.is_empty()) else { return Ok(()) };
        let mut kept = self.write.load_file_sizes(number).await?;
        mail.attachments.retain(|attachment| {
            let hash = attachment.content.as_ref().map(Content::hash);
            !attachment.is_inline || hash.is_none_or(|hash| !kept.contains_key(&hash))
        });
        let mut total: i64 = kept.values().sum();
        for attachment in &mut mail.attachments {
            let Some(content) = &attachment.content else { continue };
            let size = i64::try_from(attachment.size_octets).unwrap_or(i64::MAX);
            if kept.contains_key(&content.hash()) {
                continue;
            }
            if total.saturating_add(size) > INCIDENT_OCTETS_MAX {
                attachment.content = None;
            } else {
                kept.insert(content.hash(), size);
                total += size;
            }
        }
        Ok(())
    }
}

/// Takes the tokens out of files that hold text, such as a letter of ours that was passed on. What
/// has a NUL in it is no text and stays as it came, octet by octet.
pub(super) fn without_tokens(attachments: &mut [Attachment], own: &OwnAddress) {
    for attachment in attachments {
        attachment.name = own.without_tokens(&attachment.name);
        let octets = attachment.content.as_ref().map(Content::octets).unwrap_or_default();
        if octets.is_empty() || octets.contains(&0) {
            continue;
        }
        let stripped = own.octets_without_tokens(octets);
        if stripped != octets {
            attachment.size_octets = stripped.len();
            attachment.content = Some(Content::new(&stripped));
        }
    }
}
