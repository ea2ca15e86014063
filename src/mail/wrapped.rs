//! Wrappings that are no MIME, as the MIME parts that they stand for: S/MIME that holds its text
//! within the signature, Outlook's `winmail.dat`, files written into the text.
//!
//! Signatures are looked through and never verified; what is encrypted stays so. All else reads the
//! message that comes out of here, and knows nothing of wrappings. Start with [`open`].

mod cms;
mod rtf;
mod tnef;
mod uuencode;

use std::fmt::Write as _;

use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::{charset, limits};
use cms::Cms;

/// Wrappings within each other: a gateway's signature around a person's, with a file inside.
const WITHIN_MAX: usize = 4;
/// How a text begins that its sender encrypted themselves (RFC 9580 section 6.2).
const ARMOUR: &str = "-----BEGIN PGP MESSAGE-----";

/// What a `winmail.dat` is called that was read as far as it goes. By its own name it would be opened
/// again.
const DAMAGED_TNEF: &str = "winmail, damaged.dat";

/// A file that was within a wrapping.
struct Unpacked {
    name: String,
    /// The Content-ID by which the HTML shows it.
    content_id: Option<String>,
    octets: Vec<u8>,
}

/// The message without its wrappings; `None` when it has none.
pub(super) fn open(message: &Message<'_>) -> Option<Vec<u8>> {
    let mut octets = open_once(message)?;
    for _ in 1..WITHIN_MAX {
        if limits::check(&octets).is_err() {
            break;
        }
        match MessageParser::default().parse(&octets).as_ref().and_then(open_once) {
            Some(opened) => octets = opened,
            None => break,
        }
    }
    Some(octets)
}

/// Whether what the message holds is encrypted; `text` is what can be read of it.
pub(super) fn is_sealed(message: &Message<'_>, text: &str) -> bool {
    let text = text.trim();
    text.starts_with(ARMOUR) || (text.is_empty() && message.parts.iter().any(is_sealed_part))
}

fn is_sealed_part(part: &MessagePart<'_>) -> bool {
    is_kind(part, "multipart", &["encrypted"])
        || is_kind(part, "application", &["pgp-encrypted"])
        || is_smime(part) && matches!(cms::read(part.contents()), Cms::Encrypted)
}

/// The message in which each wrapped part gave way to what it holds.
fn open_once(message: &Message<'_>) -> Option<Vec<u8>> {
    let has_text = message
        .text_body
        .iter()
        .filter_map(|id| message.part(*id))
        .any(|part| part.text_contents().is_some_and(|text| !text.trim().is_empty()));
    let mut opened = Vec::new();
    // Behind the last part that was replaced.
    let mut end = 0;
    for (id, part) in message.parts.iter().enumerate() {
        let is_shown = u32::try_from(id).is_ok_and(|id| message.text_body.contains(&id));
        let Some(entity) = read_entity(message, part, is_shown, has_text) else { continue };
        let (start, behind) = (offset(part.offset_header), offset(part.offset_end));
        if start < end {
            continue;
        }
        opened.extend_from_slice(message.raw_message.get(end..start)?);
        if id == 0 {
            opened.extend_from_slice(&header_without_content(message, part));
        }
        opened.extend_from_slice(&entity);
        end = behind;
    }
    if opened.is_empty() {
        return None;
    }
    opened.extend_from_slice(message.raw_message.get(end..).unwrap_or_default());
    Some(opened)
}

/// A part as MIME (RFC 2045 section 2.4), if it is a wrapping that we can open.
fn read_entity(
    message: &Message<'_>,
    part: &MessagePart<'_>,
    is_shown: bool,
    has_text: bool,
) -> Option<Vec<u8>> {
    if is_smime(part) {
        return match cms::read(part.contents()) {
            Cms::Signed(entity) => Some(entity),
            Cms::Encrypted | Cms::Unknown => None,
        };
    }
    if is_tnef(part) {
        let mut tnef = tnef::read(part.contents())?;
        if !tnef.is_whole {
            let octets = part.contents().to_vec();
            tnef.files.push(Unpacked { name: DAMAGED_TNEF.to_owned(), content_id: None, octets });
        }
        // Beside a text of its own, what Outlook wraps is the same once more.
        let body = tnef.body.filter(|_| !has_text);
        return Some(write_entity(
            body.as_ref().map(|body| (body.kind, body.text.as_bytes())),
            tnef.files,
        ));
    }
    // The first word of every such file; few other texts have it.
    if is_shown && matches!(&part.body, PartType::Text(text) if text.contains("begin")) {
        let octets = charset::transfer_decoded(message, part)?;
        let (text, files) = uuencode::take_out(&octets)?;
        return Some(write_entity(Some((&text_kind(part), &text)), files));
    }
    None
}

fn is_kind(part: &MessagePart<'_>, kind: &str, subtypes: &[&str]) -> bool {
    part.content_type().is_some_and(|found| {
        let subtype = found.subtype().unwrap_or_default();
        found.ctype().eq_ignore_ascii_case(kind)
            && subtypes.iter().any(|known| subtype.eq_ignore_ascii_case(known))
    })
}

fn has_name(part: &MessagePart<'_>, names: &[&str]) -> bool {
    part.attachment_name().is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
}

/// RFC 8551 section 3.2; the name alone where a gateway knows no such type (section 3.2.1).
fn is_smime(part: &MessagePart<'_>) -> bool {
    is_kind(part, "application", &["pkcs7-mime", "x-pkcs7-mime"]) || has_name(part, &["smime.p7m"])
}

fn is_tnef(part: &MessagePart<'_>) -> bool {
    is_kind(part, "application", &["ms-tnef", "vnd.ms-tnef"]) || has_name(part, &["winmail.dat"])
}

/// The type of a text with the parameters by which it is read.
fn text_kind(part: &MessagePart<'_>) -> String {
    let mut kind = "text/plain".to_owned();
    for name in ["charset", "format", "delsp"] {
        let value = part.content_type().and_then(|kind| kind.attribute(name)).unwrap_or_default();
        if !value.is_empty() && value.bytes().all(|o| o.is_ascii_alphanumeric() || b"-_.".contains(&o)) {
            let _ = write!(kind, "; {name}={value}");
        }
    }
    kind
}

/// A text and files as `multipart/mixed`. All is in base64, in which the boundary cannot stand.
fn write_entity(text: Option<(&str, &[u8])>, files: Vec<Unpacked>) -> Vec<u8> {
    const BOUNDARY: &str = "=_unwrapped";
    let mut entity = format!("Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\r\n\r\n");
    let mut add = |header: &str, octets: &[u8]| {
        let _ = write!(
            entity,
            "--{BOUNDARY}\r\n{header}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            data_encoding::BASE64.encode(octets)
        );
    };
    if let Some((kind, text)) = text {
        add(&format!("Content-Type: {kind}"), text);
    }
    for file in files {
        let name: String = file.name.bytes().fold(String::new(), |mut name, octet| {
            let _ = write!(name, "%{octet:02X}");
            name
        });
        let mut header = format!(
            "Content-Type: application/octet-stream\r\n\
             Content-Disposition: attachment; filename*=UTF-8''{name}"
        );
        if let Some(id) = file.content_id {
            let _ = write!(header, "\r\nContent-ID: <{id}>");
        }
        add(&header, &file.octets);
    }
    let _ = write!(entity, "--{BOUNDARY}--\r\n");
    entity.into_bytes()
}

/// The fields of the message but those that describe its body, without the empty line.
fn header_without_content(message: &Message<'_>, part: &MessagePart<'_>) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut keeps = true;
    let header = message.raw_message.get(..offset(part.offset_body)).unwrap_or_default();
    for line in header.split_inclusive(|octet| *octet == b'\n') {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            keeps = !line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
        }
        if keeps {
            kept.extend_from_slice(line);
        }
    }
    kept
}

fn offset(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "wrapped_tests.rs"]
mod tests;
