//! Text in the charset it is really in, where a message says none or the wrong one.
//!
//! The parser believes the label; mail in use is labelled wrongly in a few known ways, and only
//! those are mended. Never guesses between two charsets that could both be meant. Start with
//! [`read_text`].

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessagePart, MimeHeaders};

/// Labels that programmes write without looking.
const UNRELIABLE: &[&str] = &[
    "",
    "us-ascii",
    "ascii",
    "ansi_x3.4-1968",
    "unknown-8bit",
    "x-unknown",
    "unknown",
    "default",
    "binary",
    "8bit",
    "none",
];
/// Single octets for every character: whatever reads as UTF-8 in them was meant so.
const WESTERN: &[&str] = &["iso-8859-1", "latin1", "iso8859-1", "windows-1252", "cp1252", "iso-8859-15"];
/// RFC 2152.
const UTF_7: &[&str] = &["utf-7", "utf7", "unicode-1-1-utf-7", "csutf7"];
/// Where in an HTML part its own label stands, if anywhere (HTML 13.2.3.2 looks at 1,024 octets).
const LABEL_WITHIN: usize = 1_024;

/// The text of a part; `decoded` is what the parser made of it.
pub(super) fn read_text<'a>(
    message: &Message<'_>,
    part: &MessagePart<'_>,
    decoded: &'a str,
) -> Cow<'a, str> {
    let label = part.content_type().and_then(|kind| kind.attribute("charset"));
    let label = label.unwrap_or_default().trim().to_ascii_lowercase();
    if UTF_7.contains(&label.as_str()) {
        let octets = transfer_decoded(message, part).map(|octets| with_ends_of_shifts(&octets));
        let text = octets.and_then(|octets| decode(b"utf-7", &octets));
        return text.map_or(Cow::Borrowed(decoded), Cow::Owned);
    }
    let is_unreliable = UNRELIABLE.contains(&label.as_str());
    let is_broken = decoded.contains('\u{fffd}');
    let may_be_wrong = is_unreliable && (!decoded.is_ascii() || decoded.contains('\u{1b}'))
        || (WESTERN.contains(&label.as_str()) && !decoded.is_ascii())
        || (label.starts_with("utf") && is_broken);
    if !may_be_wrong {
        return Cow::Borrowed(decoded);
    }
    match transfer_decoded(message, part).and_then(|octets| mend(&octets, is_unreliable)) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(decoded),
    }
}

/// UTF-7 with the hyphen that may end a shift wherever one ends: the parser drops whatever stands in
/// its place, keeps it behind a plus, and forgets a shift at the end of the text.
fn with_ends_of_shifts(octets: &[u8]) -> Vec<u8> {
    let mut ended = Vec::with_capacity(octets.len() + 16);
    let mut rest = octets;
    while let Some(at) = rest.iter().position(|octet| *octet == b'+') {
        let (before, shift) = rest.split_at(at + 1);
        let is_base64 = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
        let end = shift.iter().position(|octet| !is_base64(octet)).unwrap_or(shift.len());
        let (shifted, behind) = shift.split_at(end);
        let hyphen = behind.strip_prefix(b"-");
        ended.extend_from_slice(before);
        // What is no shift is a plus.
        ended.extend_from_slice(if shifted.is_empty() { b"ACs" } else { shifted });
        ended.push(b'-');
        rest = hyphen.unwrap_or(behind);
    }
    ended.extend_from_slice(rest);
    ended
}

/// The octets of a part without their transfer encoding.
pub(super) fn transfer_decoded<'a>(
    message: &'a Message<'_>,
    part: &MessagePart<'_>,
) -> Option<Cow<'a, [u8]>> {
    let (start, end) = (usize::try_from(part.offset_body).ok()?, usize::try_from(part.offset_end).ok()?);
    let raw = message.raw_message.get(start..end)?;
    match part.encoding {
        Encoding::None => Some(Cow::Borrowed(raw)),
        Encoding::Base64 => base64_decode(raw).map(Cow::Owned),
        Encoding::QuotedPrintable => quoted_printable_decode(raw).map(Cow::Owned),
    }
}

/// Octets in a charset that nobody named, or named without looking.
pub(super) fn mend(octets: &[u8], is_unreliable: bool) -> Option<String> {
    if is_unreliable && octets.windows(2).any(|pair| pair == b"\x1b$") {
        return decode(b"iso-2022-jp", octets);
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        return Some(text.to_owned());
    }
    if let Some(label) = own_label(octets).filter(|_| is_unreliable)
        && !label.eq_ignore_ascii_case(b"utf-8")
    {
        return decode(label, octets);
    }
    // Cut in the middle it is UTF-8 nevertheless.
    let lossy = String::from_utf8_lossy(octets);
    let is_utf_8 = lossy.chars().any(|c| !c.is_ascii() && c != '\u{fffd}');
    if is_utf_8 { Some(lossy.into_owned()) } else { decode(b"windows-1252", octets) }
}

fn decode(charset: &[u8], octets: &[u8]) -> Option<String> {
    charset_decoder(charset).map(|decoder| decoder(octets))
}

/// What `<meta charset=…>` says.
fn own_label(octets: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"charset=";
    let start = octets.get(..LABEL_WITHIN.min(octets.len()))?;
    let at = start.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let value = start.get(at + NAME.len()..)?;
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let end = value.iter().position(|octet| !octet.is_ascii_alphanumeric() && !b"-_".contains(octet));
    value.get(..end.unwrap_or(value.len())).filter(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::MessageParser;

    fn text(header: &str, octets: &[u8]) -> String {
        let mail = [header.as_bytes(), b"\r\n\r\n", octets].concat();
        let message = MessageParser::default().parse(&mail).expect("a message");
        let part = message.part(0).expect("a part");
        read_text(&message, part, part.text_contents().unwrap_or_default()).into_owned()
    }

    #[test]
    fn what_is_undeclared_is_utf_8_or_else_western() {
        assert_eq!(text("Content-Type: text/plain", b"caf\xc3\xa9"), "café");
        assert_eq!(text("Content-Type: text/plain", b"caf\xe9 \x93a\x94"), "café “a”");
        assert_eq!(text("Content-Type: text/plain; charset=us-ascii", b"caf\xc3\xa9"), "café");
        assert_eq!(text("Content-Type: text/plain; charset=utf-8", b"caf\xe9"), "café");
        assert_eq!(text("Content-Type: text/plain; charset=utf-8", b"\xc3\xa9 \xe5"), "é \u{fffd}");
    }

    #[test]
    fn a_shift_of_utf_7_ends_where_it_ends() {
        for (octets, shown) in [
            ("caf+AOk is", "café is"),
            ("caf+AOk-is", "caféis"),
            ("caf+AOk", "café"),
            ("1 +- 1 + 1", "1 + 1 + 1"),
            ("+AOk-+AOk.\r\n", "éé.\r\n"),
        ] {
            assert_eq!(text("Content-Type: text/plain; charset=UTF-7", octets.as_bytes()), shown);
        }
    }

    #[test]
    fn utf_8_under_a_western_label_is_utf_8() {
        let header = "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64";
        assert_eq!(text(header, b"Y2Fmw6k="), "café");
        assert_eq!(text(header, b"Y2Fm6Q=="), "café");
    }

    #[test]
    fn an_undeclared_html_part_has_a_label_of_its_own() {
        let html = b"<meta charset=\"koi8-r\"><p>\xeb\xc1\xce\xc1\xcc</p>";
        assert!(text("Content-Type: text/html", html).contains("Канал"));
    }
}
