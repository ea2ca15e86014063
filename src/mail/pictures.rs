//! Which pictures of a message its author shows, and which only dress a signature or a quotation.
//!
//! The place decides where the HTML shows a picture; in doubt it is something that the author sent.
//! Start with [`read_pictures`].

use mail_parser::{Message, MessagePart, MimeHeaders};

use super::quote;
use super::quote::html::{self, Page};

/// Logos, icons and photographs of signatures are smaller; a screenshot below a signature is larger.
const LOGO_OCTETS_MAX: usize = 32 * 1024;

/// Where the HTML of a message shows a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among the words that the author wrote now.
    Words,
    /// In a signature or a quotation.
    Elsewhere,
}

impl Place {
    /// Whether a picture of this size only dresses the message.
    pub(super) fn dresses(self, size_octets: usize) -> bool {
        self == Self::Elsewhere && size_octets <= LOGO_OCTETS_MAX
    }
}

/// The pictures that the HTML of a message shows, by their Content-IDs.
#[derive(Default)]
pub(super) struct Pictures(Vec<(String, Place)>);

/// Whether the HTML of a message can show a picture that came with it (RFC 2392).
pub(super) fn may_be_shown(message: &Message<'_>) -> bool {
    let mut parts = message.attachments.iter().filter_map(|id| message.part(*id));
    parts.any(|part| part.content_id().is_some())
}

/// Finds where the pictures of a message stand; `author` is its author's display name.
pub(super) fn read_pictures(pages: Vec<Page>, author: &str) -> Pictures {
    let mut places = Vec::new();
    for Page { lines, pictures } in pages {
        let new_text = quote::split(lines, author).new_text;
        places.extend(pictures.into_iter().enumerate().map(|(number, id)| {
            let is_new = new_text.contains(&html::picture_mark(number));
            (id, if is_new { Place::Words } else { Place::Elsewhere })
        }));
    }
    Pictures(places)
}

impl Pictures {
    /// Where a part is shown; `None` when it is no picture, or nowhere in the text.
    pub(super) fn place_of(&self, part: &MessagePart<'_>) -> Option<Place> {
        if !part.content_type().is_some_and(|kind| kind.ctype().eq_ignore_ascii_case("image")) {
            return None;
        }
        let id = part.content_id()?.trim_matches(['<', '>']);
        let mut places = self.0.iter().filter(|(known, _)| known == id).map(|(_, place)| *place);
        let first = places.next()?;
        Some(if places.any(|place| place == Place::Words) { Place::Words } else { first })
    }
}
