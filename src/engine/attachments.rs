//! What is kept of the files that come with a message: what an incident has room for, once, and
//! without the tokens of our addresses.
//!
//! Nothing here looks into a file beyond that. Start with
//! [`settle_attachments`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::batch::Batch;
use crate::mail::attachment::Content;
use crate::mail::{Attachment, InboundMail, OwnAddress};
use crate::store::StoreError;

/// Octets of files that one incident keeps: a hundred large screenshots a day for a week, and too
/// little for anybody to fill a disk with.
const INCIDENT_OCTETS_MAX: i64 = 1_000_000_000;
/// Files of those who prove nothing are kept while an incident has no more than this: whoever uses
/// another's name leaves room for those who can prove theirs.
const UNPROVEN_OCTETS_MAX: i64 = INCIDENT_OCTETS_MAX / 10;

impl Batch {
    /// The files that an incident keeps already, by hash and size in octets, where a mail brings some.
    pub(super) async fn kept_files(
        &mut self,
        mail: &InboundMail,
        number: Option<i64>,
    ) -> Result<Option<BTreeMap<String, i64>>, StoreError> {
        match number.filter(|_| !mail.attachments.is_empty()) {
            Some(number) => self.write.load_file_sizes(number).await.map(Some),
            None => Ok(None),
        }
    }

    /// Adds the files of a second copy to the entry that the first one made: lists take files off. Who
    /// is not `proven` adds nothing to the words of somebody who is.
    pub(super) async fn add_files_of_copy(
        &mut self,
        mail: &InboundMail,
        number: i64,
        proven: bool,
    ) -> Result<(), StoreError> {
        let timeline = self.write.load_timeline(number).await?;
        // The words stand in the last entry of a mail, and its files with them.
        let entry = timeline.iter().rev().find(|entry| {
            entry.message_id.is_some()
                && entry.message_id == mail.message_id
                && (proven || !entry.verified)
        });
        let Some(entry) = entry else { return Ok(()) };
        let kept = self.kept_files(mail, Some(number)).await?;
        let mut mail = settle_attachments(mail, kept, proven);
        let files = &mut mail.to_mut().attachments;
        files.retain(|file| !entry.attachments.iter().any(|known| known.name == file.name));
        if !files.is_empty() {
            self.write.add_files(number, entry.seq, entry.attachments.len(), files);
            self.became.push(format!("its files added to #{}", entry.seq));
        }
        Ok(())
    }
}

/// Leaves out pictures that every mail of a thread brings along again, such as a logo in a signature;
/// and keeps only the names of what the incident has no room for.
pub(super) fn settle_attachments(
    mail: &InboundMail,
    kept: Option<BTreeMap<String, i64>>,
    proven: bool,
) -> Cow<'_, InboundMail> {
    let mut mail = Cow::Borrowed(mail);
    if let Some(kept) = kept {
        let most = if proven { INCIDENT_OCTETS_MAX } else { UNPROVEN_OCTETS_MAX };
        settle(&mut mail.to_mut().attachments, kept, most);
    }
    mail
}

/// What `kept` already, by hash and size in octets, leaves of the files of one more mail.
fn settle(attachments: &mut Vec<Attachment>, mut kept: BTreeMap<String, i64>, octets_max: i64) {
    let hash = |attachment: &Attachment| attachment.content.as_ref().map(Content::hash);
    attachments.retain(|attachment| {
        !attachment.is_inline || hash(attachment).is_none_or(|hash| !kept.contains_key(&hash))
    });
    let mut total: i64 = kept.values().sum();
    for attachment in attachments {
        let Some(hash) = hash(attachment).filter(|hash| !kept.contains_key(hash)) else { continue };
        let size = i64::try_from(attachment.size_octets).unwrap_or(i64::MAX);
        if total.saturating_add(size) > octets_max {
            attachment.content = None;
        } else {
            kept.insert(hash, size);
            total += size;
        }
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
        let stripped = own.message_without_tokens(octets);
        if stripped != octets {
            attachment.size_octets = stripped.len();
            attachment.content = Some(Content::new(&stripped));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::read_mail;

    fn file(name: &str, octets: &[u8], is_inline: bool) -> Attachment {
        let content = Some(Content::new(octets));
        Attachment { name: name.to_owned(), size_octets: octets.len(), content, is_inline }
    }

    #[test]
    fn an_incident_keeps_what_it_has_room_for_and_each_content_once() {
        let kept = BTreeMap::from([(Content::new(b"logo").hash(), 4)]);
        let mut files = vec![
            file("logo.png", b"logo", true),
            file("the logo, attached.png", b"logo", false),
            file("a", b"123456", false),
            file("too much", b"12345", false),
            file("a again", b"123456", false),
        ];
        settle(&mut files, kept, 14);
        let kept: Vec<_> =
            files.iter().map(|file| (file.name.as_str(), file.content.is_some())).collect();
        let wanted =
            [("the logo, attached.png", true), ("a", true), ("too much", false), ("a again", true)];
        assert_eq!(kept, wanted);
    }

    #[test]
    fn who_proves_nothing_leaves_room_for_those_who_do() {
        let kept = BTreeMap::from([("other".to_owned(), UNPROVEN_OCTETS_MAX - 5)]);
        let mut mail = read_mail(b"From: eve@away.example\r\n\r\nx\r\n", false);
        mail.attachments = vec![file("fits", b"12345", false), file("too much", b"1", false)];
        for (proven, wanted) in [(false, [true, false]), (true, [true, true])] {
            let settled = settle_attachments(&mail, Some(kept.clone()), proven);
            let kept: Vec<_> = settled.attachments.iter().map(|file| file.content.is_some()).collect();
            assert_eq!(kept, wanted);
        }
    }
}
