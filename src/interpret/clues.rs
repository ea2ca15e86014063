//! What a message points at, before anything is loaded: which of our addresses it was sent to.
//!
//! Never asks whether what it points at exists. Start with [`clues`].

use crate::incident::Policy;
use crate::mail::{Address, InboundMail, Tag};

/// What a message points at, before anything is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clues {
    /// The most telling of our addresses that it was sent to.
    pub tag: Tag,
    /// A reverse-path of ours: a delivery report.
    pub bounce: Option<(i64, String)>,
    /// `42` of `[INC-42]` in the subject.
    pub subject_number: Option<i64>,
}

/// Reads where a message was sent to. The envelope's recipients count before the header's.
pub fn clues(mail: &InboundMail, envelope: &[Address], policy: &Policy) -> Clues {
    let tags = |addresses: &[Address]| -> Vec<Tag> {
        addresses.iter().filter_map(|address| policy.address.tag_of(address)).collect()
    };
    // Only the envelope says that a report came back: a person's header may repeat any address.
    let sent_to = tags(envelope);
    let mut all = sent_to.clone();
    all.extend(tags(&mail.recipients));
    let bounce = sent_to.iter().find_map(|tag| match tag {
        Tag::Bounce { outbox, mac } => Some((*outbox, mac.clone())),
        _ => None,
    });
    let tag = all.into_iter().min_by_key(telling).unwrap_or(Tag::Plain);
    Clues { tag, bounce, subject_number: subject_number(&mail.subject) }
}

/// The smaller the more it says of what the sender wants.
fn telling(tag: &Tag) -> u8 {
    match tag {
        Tag::Incident { token: Some(_), .. } => 0,
        Tag::Held { .. } | Tag::Digest { .. } => 1,
        Tag::Incident { token: None, .. } => 2,
        Tag::Private => 3,
        Tag::Drill => 4,
        Tag::Alert => 5,
        Tag::OnCall | Tag::Help => 6,
        Tag::Plain => 7,
        Tag::Bounce { .. } => 8,
        Tag::Unknown(_) => 9,
    }
}

/// `42` of the first `[INC-42]`.
fn subject_number(subject: &str) -> Option<i64> {
    let upper = subject.to_ascii_uppercase();
    let rest = upper.split("[INC-").nth(1)?;
    let (digits, _) = rest.split_once(']')?;
    digits.parse().ok().filter(|number| *number > 0)
}
