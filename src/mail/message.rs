//! A received message as a value: who says they wrote it, what is new in it, and the clues by
//! which it may belong to an incident.
//!
//! Reading never fails and never panics: what cannot be understood is absent from the value, and
//! the octets are kept elsewhere. Nothing here decides what a message does.

use chrono::{DateTime, Utc};

use super::{Address, Origin};

/// A mailbox of a header field: display name, if any, and address (RFC 5322 section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Decoded and freed of control characters; empty when there was none.
    pub name: String,
    /// The addr-spec.
    pub address: Address,
}

/// A file that came with a message. Its octets stay in the raw message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// A name safe to show and to save under: no path, no control characters.
    pub name: String,
    /// Its size after decoding, in octets.
    pub size_octets: usize,
}

/// What was read from the octets of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundMail {
    /// The Message-ID without brackets; `None` when absent or not usable as an identifier.
    pub message_id: Option<String>,
    /// `In-Reply-To`, then `References` from last to first: the nearest ancestor first, each once,
    /// without brackets.
    pub ancestors: Vec<String>,
    /// The only mailbox of the only `From`; `None` when there is none or more than one, and then
    /// the message verifies nobody.
    pub from: Option<Mailbox>,
    /// Every address found where a recipient can stand: To, Cc, Delivered-To, X-Original-To,
    /// Envelope-To, X-Envelope-To, X-Forwarded-To. The envelope's own are not among them.
    pub recipients: Vec<Address>,
    /// Decoded, on one line, as written; `Re:` and tags included.
    pub subject: String,
    /// The author's clock. For people to read; no rule ever uses it.
    pub date: Option<DateTime<Utc>>,
    /// Person or which kind of machine.
    pub origin: Origin,
    /// Came through a mailing list: a person's mail still, but no automatic answer goes out.
    pub through_list: bool,
    /// What the sender wrote now: lines ended by `\n`, no quotation, no signature.
    pub new_text: String,
    /// What was cut off, in the order it stood; empty when nothing was.
    pub elided: String,
    /// The files that came with it.
    pub attachments: Vec<Attachment>,
    /// SHA-256 by which a second copy of the same message is known: over Message-ID and content,
    /// not over what a route adds.
    pub content_key: [u8; 32],
}

/// Reads the octets of a message (RFC 5322, MIME).
///
/// `null_reverse_path` says that the envelope's reverse-path was `<>`, which only machines use
/// (RFC 5321 section 4.5.5).
pub fn read_mail(octets: &[u8], null_reverse_path: bool) -> InboundMail {
    let _ = (octets, null_reverse_path);
    unreachable!("replaced before use")
}
