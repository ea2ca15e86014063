//! The files that came with a message: which parts are files, what they are called, and how much of
//! them is kept.
//!
//! A name here leads out of no folder and hides no ending. Nothing here looks into a file. Start with
//! [`read_attachments`]; [`Attachment`] is what becomes of a part.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};
use ring::digest::{SHA256, digest};

use super::header::{self, one_line};
use super::pictures::Pictures;
use super::{body, charset, meeting};

/// More files than this nobody sends in one mail; of further ones only the names are kept.
const KEPT_MAX: usize = 100;
/// The largest file that is kept, in octets: the largest message that is taken by SMTP.
const KEPT_OCTETS_MAX: usize = 10_240_000;
/// Octets that are kept of all files of one message: what a transaction holds in memory at once.
const KEPT_OCTETS_IN_ALL: usize = 16 * 1024 * 1024;
/// The longest name in octets. File systems take 255 (ext4, APFS, NTFS); who saves it may put a
/// number before it.
const NAME_OCTETS_MAX: usize = 200;
/// An ending longer than this is part of the name.
const ENDING_OCTETS_MAX: usize = 16;
/// What a part is called that has no name.
const UNNAMED: &str = "attachment";

/// Names that Windows takes for a device, whatever ending follows.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];
/// Endings for parts without a name, by media type; all others have none.
const ENDINGS: &[(&str, &str)] = &[
    ("application/json", "json"),
    ("application/pdf", "pdf"),
    ("application/zip", "zip"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("text/calendar", "ics"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/vcard", "vcf"),
    ("text/x-diff", "diff"),
    ("text/x-patch", "patch"),
];
/// Parts by which programmes prove who wrote a message, and the keys they add to each mail. They say
/// nothing to people.
const PROOFS: &[&str] =
    &["pgp-signature", "pkcs7-signature", "x-pkcs7-signature", "pgp-keys", "pgp-encrypted"];
/// How these are called where their type does not say what they are.
const PROOF_NAMES: &[&str] = &["smime.p7s", "signature.asc"];
/// Parts by which machines tell machines what became of a message.
const REPORTS: &[&str] =
    &["delivery-status", "global-delivery-status", "disposition-notification", "feedback-report"];

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// A name safe to show and to save under.
    pub name: String,
    /// Its size after decoding, in octets.
    pub size_octets: usize,
    /// `None` when only its name is kept.
    pub content: Option<Content>,
    /// A picture that the message's own HTML shows among the words.
    pub is_inline: bool,
}

/// The octets of a file and their SHA-256, by which they are stored once. Clones share them.
#[derive(Clone)]
pub struct Content {
    hash: [u8; 32],
    octets: Arc<[u8]>,
}

impl Content {
    /// The octets of a file.
    pub fn new(octets: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.iter_mut().zip(digest(&SHA256, octets).as_ref()).for_each(|(to, from)| *to = *from);
        Self { hash, octets: octets.into() }
    }

    /// The SHA-256 in lower-case hexadecimal digits.
    pub fn hash(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.hash)
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} octets {}", self.octets.len(), self.hash())
    }
}

/// The files that came with a message; `pictures` are those that its HTML shows. What only dresses the
/// text is none: its other forms, calendars that its words speak of, pictures of a signature or a
/// quotation, and what proves who wrote it.
pub(super) fn read_attachments(message: &Message<'_>, pictures: &Pictures) -> Vec<Attachment> {
    let mut attachments: Vec<Attachment> = Vec::new();
    let mut room = KEPT_OCTETS_IN_ALL;
    let texts = body::read_text_ids(message);
    let forms = alternatives(message);
    let is_meeting = meeting::is_meeting(message);
    for id in &message.attachments {
        let Some(part) = message.part(*id) else { continue };
        if part.is_text() && texts.contains(id) {
            continue;
        }
        let picture = pictures.place_of(part);
        let octets: Cow<'_, [u8]> = match &part.body {
            PartType::Message(_) => Cow::Borrowed(octets_of_message(message, part)),
            // In its own charset: whoever opens the file knows it, or its own first lines do.
            PartType::Text(text) | PartType::Html(text) => {
                charset::transfer_decoded(message, part).unwrap_or(Cow::Borrowed(text.as_bytes()))
            }
            PartType::Binary(octets) | PartType::InlineBinary(octets) => {
                let whole =
                    charset::is_cut(message, part).then(|| charset::transfer_decoded(message, part));
                whole.flatten().unwrap_or(Cow::Borrowed(octets))
            }
            PartType::Multipart(_) => continue,
        };
        let dresses = forms.contains(id)
            || is_proof(part)
            || is_for_machines(part)
            || (is_meeting && meeting::is_calendar(part))
            || picture.is_some_and(|place| place.dresses(octets.len()));
        if dresses {
            continue;
        }
        let fits = attachments.len() < KEPT_MAX && octets.len() <= KEPT_OCTETS_MAX.min(room);
        room -= if fits { octets.len() } else { 0 };
        attachments.push(Attachment {
            name: safe_name(&given_name(part)),
            size_octets: octets.len(),
            content: fits.then(|| Content::new(&octets)),
            is_inline: picture.is_some(),
        });
    }
    attachments
}

/// Parts that are the text once more in another form (RFC 2046 section 5.1.4).
fn alternatives(message: &Message<'_>) -> Vec<u32> {
    let alternatives = message.parts.iter().filter(|part| {
        part.content_type().is_some_and(|kind| {
            kind.ctype().eq_ignore_ascii_case("multipart")
                && kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("alternative"))
        })
    });
    let parts = alternatives.flat_map(|part| match &part.body {
        PartType::Multipart(parts) => parts.as_slice(),
        _ => &[],
    });
    let is_form = |id: &u32| {
        message.part(*id).is_some_and(|part| {
            let disposition = part.content_disposition();
            part.is_text() && !disposition.is_some_and(|disposition| disposition.is_attachment())
        })
    };
    parts.copied().filter(is_form).collect()
}

fn is_proof(part: &MessagePart<'_>) -> bool {
    let subtype = part.content_type().and_then(|kind| kind.subtype()).unwrap_or_default();
    let is_one_of = |names: &[&str], name: &str| names.iter().any(|one| one.eq_ignore_ascii_case(name));
    is_one_of(PROOFS, subtype) || part.attachment_name().is_some_and(|name| is_one_of(PROOF_NAMES, name))
}

/// The fields of a report (RFC 6522), which its words say once more.
fn is_for_machines(part: &MessagePart<'_>) -> bool {
    part.content_type().is_some_and(|kind| {
        let subtype = kind.subtype().unwrap_or_default();
        kind.ctype().eq_ignore_ascii_case("message")
            && REPORTS.iter().any(|known| subtype.eq_ignore_ascii_case(known))
    })
}

/// A message within the message, as it stands there.
fn octets_of_message<'a>(message: &'a Message<'_>, part: &'a MessagePart<'_>) -> &'a [u8] {
    let offset = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
    match &part.body {
        // Encoded, it was decoded into octets of its own.
        PartType::Message(inner) if part.encoding != mail_parser::Encoding::None => &inner.raw_message,
        _ => message
            .raw_message
            .get(offset(part.offset_body)..offset(part.offset_end))
            .unwrap_or_default(),
    }
}

/// What its sender called it; else what its kind suggests.
fn given_name(part: &MessagePart<'_>) -> String {
    let given = part.attachment_name().map(|name| {
        // RFC 2231 wants parameters encoded in another way than RFC 2047, and many do not know.
        if name.contains("=?") { header::decode(name) } else { name.to_owned() }
    });
    let given = given.filter(|name| !name.trim().is_empty());
    let subject = || match &part.body {
        PartType::Message(inner) => {
            Some(format!("{}.eml", inner.subject().unwrap_or("message").replace(['/', '\\'], " ")))
        }
        _ => None,
    };
    let by_kind = || {
        let kind = part.content_type()?;
        let kind = format!("{}/{}", kind.ctype(), kind.subtype()?).to_ascii_lowercase();
        let (_, ending) = ENDINGS.iter().find(|(known, _)| *known == kind)?;
        Some(format!("{UNNAMED}.{ending}"))
    };
    given.or_else(subject).or_else(by_kind).unwrap_or_default()
}

/// A name without path, control characters, or a change of the writing's direction; not too long,
/// its ending still there; and no device.
fn safe_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible = |c: &char| {
        !matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\u{fffd}' | '\u{feff}' | '\u{61c}')
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}')
    };
    let seen: String = last.chars().filter(visible).collect();
    let name = one_line(&seen);
    let name = shortened(name.trim_matches(['.', ' ']));
    let name = name.trim_matches(['.', ' ']);
    let (stem, _) = name.split_once('.').unwrap_or((name, ""));
    let stem = stem.trim_end().to_ascii_lowercase();
    let is_port = ["com", "lpt"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|rest| {
            rest.chars().count() == 1 && rest.contains(|c: char| c.is_ascii_digit() || "¹²³".contains(c))
        })
    });
    match name {
        "" => UNNAMED.to_owned(),
        _ if is_port || DEVICES.contains(&stem.as_str()) => format!("_{name}"),
        _ => name.to_owned(),
    }
}

/// Cut before its ending, where it is too long.
fn shortened(name: &str) -> String {
    if name.len() <= NAME_OCTETS_MAX {
        return name.to_owned();
    }
    let ending = name.rfind('.').and_then(|at| name.get(at..)).unwrap_or_default();
    let ending = if ending.len() > ENDING_OCTETS_MAX { "" } else { ending };
    let mut end = NAME_OCTETS_MAX - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", name.get(..end).unwrap_or_default())
}

#[cfg(test)]
#[path = "attachment_tests.rs"]
mod tests;
