//! The key by which a second copy of the same message is known, whichever way it came.
//!
//! A route adds fields, changes line ends and wraps lines; a list puts its name into the subject, its
//! footer below the text and its address into From, and takes files off. None of that makes another
//! message. The same Message-ID with other words does: senders use one for several mails. Start with
//! [`content_key`].

use ring::digest::{Context, SHA256};

use super::Attachment;
use super::header::{self, Fields};

/// The fields by which a message without Message-ID is told from others of the same words.
const ENVELOPE_FIELDS: [&str; 4] = ["to", "cc", "in-reply-to", "references"];
/// The longest word before a colon that stands for an answer or a forward, in characters.
const REPLY_MARK_CHARS_MAX: usize = 4;

/// What of a message is its author's.
pub(super) struct Content<'a> {
    pub fields: &'a Fields,
    pub message_id: Option<&'a str>,
    /// The author's address, where there is one author.
    pub author: Option<&'a str>,
    pub subject: &'a str,
    pub text: Text<'a>,
    pub attachments: &'a [Attachment],
}

/// What a message says.
pub(super) enum Text<'a> {
    /// Its new text, so that neither a list's footer nor another wrapping counts; or the quotation,
    /// where there is nothing else.
    Read(&'a str),
    /// The body as it came, of a message that was kept from the parser.
    Raw(&'a [u8]),
}

/// SHA-256 over what the author made.
pub(super) fn content_key(content: &Content<'_>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    // Each piece with its length, so that no two messages run together to the same octets.
    let mut add = |piece: &str| {
        context.update(&(piece.len() as u64).to_be_bytes());
        context.update(piece.as_bytes());
    };
    let fields = content.fields;
    add(content.message_id.unwrap_or_default());
    match content.author {
        Some(author) => add(&author.to_lowercase()),
        None => fields.all("from").for_each(|value| add(&single_spaced(value))),
    }
    add(&fields.all("date").map(single_spaced).collect::<Vec<_>>().join("\n"));
    add(&bare_subject(content.subject));
    if content.message_id.is_none() {
        for name in ENVELOPE_FIELDS {
            add(&fields.all(name).map(single_spaced).collect::<Vec<_>>().join("\n"));
        }
        for attachment in content.attachments {
            // Its size depends on the line ends of the route.
            add(&attachment.name);
        }
    }
    match content.text {
        Text::Read(text) => add(&single_spaced(text)),
        Text::Raw(octets) => add(&single_spaced(&String::from_utf8_lossy(octets))),
    }
    let digest = context.finish();
    let mut key = [0; 32];
    key.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    key
}

/// The key of what a message is for one more incident that it is addressed to.
pub fn key_for(content_key: &[u8; 32], incident: i64) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(content_key);
    context.update(&incident.to_be_bytes());
    let mut key = [0; 32];
    key.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    key
}

/// The octets behind the header.
pub(super) fn raw_body(octets: &[u8]) -> &[u8] {
    octets.get(header::header_end(octets)..).unwrap_or_default()
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The subject without what stands before it: tags in square brackets, which lists put there, and
/// `Re:` in any language, which they move or write anew.
fn bare_subject(subject: &str) -> String {
    let mut rest = subject.trim();
    loop {
        let tag = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(_, rest)| rest);
        let mark = || {
            let (word, rest) = rest.split_once([':', '\u{ff1a}'])?;
            let is_mark = word.trim().chars().count() <= REPLY_MARK_CHARS_MAX
                && word.trim().chars().all(char::is_alphabetic);
            is_mark.then_some(rest)
        };
        match tag.or_else(mark) {
            Some(behind) => rest = behind.trim_start(),
            None => return single_spaced(rest).to_lowercase(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lists_write_before_a_subject_is_no_part_of_it() {
        for subject in
            ["Checkout is down", "Re: Checkout is down", "[ops] Re: [INC-1] checkout  is down"]
        {
            assert_eq!(bare_subject(subject), "checkout is down", "{subject}");
        }
        assert_eq!(bare_subject("AW: Re: SV: x"), "x");
        assert_eq!(bare_subject("database: slow"), "database: slow");
        assert_eq!(bare_subject("[unfinished"), "[unfinished");
    }
}
