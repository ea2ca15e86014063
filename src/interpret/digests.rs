//! What an answer to a digest asks for.
//!
//! Never asks what the digest listed; `engine` knows. Start with [`answer_digest`].

use chrono::{DateTime, Utc};

use super::{Meaning, Pointed, grammar, read_written, source};
use crate::incident::Policy;
use crate::incident::event::{Said, Speaker};
use crate::mail::{InboundMail, Tag};

/// An answer to a digest.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestAnswer {
    /// The digest that it was sent to, or whose mail it answers; `None` where neither is known.
    pub digest: Option<i64>,
    /// Its lines have the numbers of the digest.
    pub said: Said,
}

/// The answer that a mail is, where it was sent to a digest or answers one.
pub(super) fn answer_digest(
    mail: &InboundMail,
    tag: &Tag,
    by: Speaker,
    pointed: &Pointed<'_>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Meaning {
    if mail.through_list {
        return Meaning::Keep("an answer to a digest through a list");
    }
    let written = read_written(mail, &grammar(policy, pointed.answered_text), by.trust, now);
    let digest = match tag {
        Tag::Digest { id, .. } => Some(*id),
        _ => pointed.digest,
    };
    let said = Said {
        by,
        written,
        answering: None,
        answered_at: None,
        entry_authors: Default::default(),
        led_from: None,
        others: Default::default(),
        source: source(mail),
    };
    Meaning::AnswerDigest(Box::new(DigestAnswer { digest, said }))
}
