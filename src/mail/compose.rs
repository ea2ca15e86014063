//! From a letter's words to finished octets, and the marks in them that each copy fills.

use chrono::{DateTime, Utc};

use super::{Address, OwnAddress};
use crate::incident::decision::Purpose;

/// Stands where a person's token goes; as long as a token, so that filling moves no octet.
pub const TOKEN_MARK: &str = "tokentokentokent";

/// A mail in words, before it is octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub purpose: Purpose,
    /// ASCII: `INC-42 SEV-1 investigating`.
    pub display_name: String,
    pub subject: String,
    /// Part of the incident's thread, or of a thread of its own so that muting the first mutes no
    /// duty: `None`, or a name that is the same for all mail of that duty.
    pub duty: Option<String>,
    /// Complete by itself, 72 columns, `\n` line ends.
    pub text: String,
    /// ASCII only, so that it needs no encoding; has [`TOKEN_MARK`] in its
    /// `mailto:` links when `to_persons`.
    pub html: String,
    /// Sent to persons, each with their token; otherwise to lists.
    pub to_persons: bool,
}

/// What the header needs beside the letter.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    pub own: &'a OwnAddress,
    /// The incident it is about, which its Reply-To names.
    pub incident: Option<i64>,
    /// The To field: a person with their name, a list, or the incident's own address when the same
    /// octets go to many.
    pub to: (&'a str, &'a Address),
    /// Without brackets.
    pub message_id: &'a str,
    /// Synthetic root, then what is being answered; without brackets.
    pub references: &'a [String],
    pub list_name: &'a str,
    pub now: DateTime<Utc>,
}

/// Makes the octets of a letter, ready to be stored.
pub fn compose(letter: &Letter, frame: &Frame<'_>) -> Vec<u8> {
    let _ = (letter, frame);
    unreachable!("replaced before use")
}

/// The octets of one person's copy.
pub fn fill_token(octets: &[u8], token: &str) -> Vec<u8> {
    let _ = (octets, token);
    unreachable!("replaced before use")
}
