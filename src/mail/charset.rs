//! Text in the charset it is really in, where a message says none or the wrong one.
//!
//! The parser believes the label; mail in use is labelled wrongly in a few known ways, and only
//! those are mended. Never guesses between two charsets that could both be meant. Start with
//! [`read_text`], or for octets without a part, [`read_octets`].

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, Message, MessagePart, MimeHeaders};

use super::words;

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
/// Names that are in no register and mean a charset nevertheless.
const ALIASES: &[(&str, &str)] = &[
    ("ansi", "windows-1252"),
    ("cp-850", "cp850"),
    ("cp437", "cp850"),
    ("ibm437", "cp850"),
    ("cp932", "shift_jis"),
    ("ms932", "shift_jis"),
    ("windows-31j", "shift_jis"),
    ("sjis", "shift_jis"),
    ("utf-7", UTF_7),
    ("utf7", UTF_7),
    ("csutf7", UTF_7),
    ("unicode-1-1-utf-7", UTF_7),
    ("unicode-2-0-utf-7", UTF_7),
];
/// What the names of charsets have in which an octet of a line end may be part of a character.
const WIDE: &[&str] = &["16", "2022", "ucs", "unicode", "utf-7", "utf7", "utf-32", "utf32"];
/// RFC 2152. The parser's own reading of it loses characters, see [`with_ends_of_shifts`].
const UTF_7: &str = "utf-7";
/// What Windows sends under the name of an ISO charset, which has no signs at 0x80 to 0x9f.
const WINDOWS: &[(&str, &str)] = &[
    ("iso-8859-2", "windows-1250"),
    ("iso-8859-7", "windows-1253"),
    ("iso-8859-8", "windows-1255"),
    ("iso-8859-8-i", "windows-1255"),
    ("iso-8859-9", "windows-1254"),
    ("iso-8859-15", "windows-1252"),
];
/// Where in an HTML part its own label stands, if anywhere (HTML 13.2.3.2 looks at 1,024 octets).
const LABEL_WITHIN: usize = 1_024;
/// Where the first charset of a message stands, behind a header of an ordinary length.
const DECLARED_WITHIN: usize = 32 * 1024;
/// Base64 in mail has 76 columns; shorter than this, a line of letters may be a word of a footer.
const BASE64_LINE_MIN: usize = 40;

/// The text of a part; `decoded` is what the parser made of it.
pub(super) fn read_text<'a>(
    message: &Message<'_>,
    part: &MessagePart<'_>,
    decoded: &'a str,
) -> Cow<'a, str> {
    let label = part.content_type().and_then(|kind| kind.attribute("charset")).unwrap_or_default();
    let is_alias = find(ALIASES, &label.to_ascii_lowercase()).is_some();
    let is_plain = decoded.is_ascii() && !decoded.contains(['\u{1b}', '\0']);
    let is_plain = is_plain && !is_alias && !is_wide(label);
    if is_plain && !part.is_encoding_problem && !is_cut(message, part) {
        return Cow::Borrowed(decoded);
    }
    match transfer_decoded(message, part) {
        // Base64 holds the line ends of its author.
        Some(octets) if matches!(part.encoding, Encoding::Base64) => {
            Cow::Owned(read_octets(label, &octets))
        }
        Some(octets) => Cow::Owned(read_octets(label, &with_bare_line_ends(&octets))),
        None => Cow::Borrowed(decoded),
    }
}

/// Whether an octet of a line end may be part of a character: in 16 bits, in the two octets of
/// ISO 2022, in the Base64 of UTF-7.
fn is_wide(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    WIDE.iter().any(|part| label.contains(part))
}

/// As the message was before a server gave it the line ends of its own (RFC 5321 section 2.3.8), so
/// that a charset which reads a line end as part of a character reads the same whichever they are.
fn with_bare_line_ends(octets: &[u8]) -> Vec<u8> {
    let mut bare = Vec::with_capacity(octets.len());
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                bare.extend_from_slice(line);
                bare.push(b'\n');
            }
            None => bare.extend_from_slice(line),
        }
    }
    bare
}

/// Whether a part says that it is in UTF-7, in which a plain line can be written so that nobody who
/// looks at the octets sees it.
pub(super) fn is_utf_7(part: &MessagePart<'_>) -> bool {
    let label = part.content_type().and_then(|kind| kind.attribute("charset")).unwrap_or_default();
    find(ALIASES, &label.trim().to_ascii_lowercase()) == Some(UTF_7)
}

/// The octets of a part without their transfer encoding.
pub(super) fn transfer_decoded<'a>(
    message: &'a Message<'_>,
    part: &MessagePart<'_>,
) -> Option<Cow<'a, [u8]>> {
    let raw = raw(message, part)?;
    let says_base64 =
        || part.content_transfer_encoding().is_some_and(|name| name.eq_ignore_ascii_case("base64"));
    match part.encoding {
        Encoding::None if part.is_encoding_problem && says_base64() => {
            Some(Cow::Owned(read_base64_with_text(raw)))
        }
        Encoding::None => Some(Cow::Borrowed(raw)),
        Encoding::Base64 => base64_decode(raw).map(Cow::Owned),
        Encoding::QuotedPrintable => {
            Some(Cow::Owned(quoted_printable_decode(raw).unwrap_or_else(|| read_broken_quoted(raw))))
        }
    }
}

fn raw<'a>(message: &'a Message<'_>, part: &MessagePart<'_>) -> Option<&'a [u8]> {
    let (start, end) = (usize::try_from(part.offset_body).ok()?, usize::try_from(part.offset_end).ok()?);
    message.raw_message.get(start..end)
}

/// Whether the parser took the last characters of a part for the line end before its boundary: it
/// does where quoted-printable ends in a soft line break (RFC 2045 section 6.7), as it does by many a
/// programme.
pub(super) fn is_cut(message: &Message<'_>, part: &MessagePart<'_>) -> bool {
    part.encoding == Encoding::QuotedPrintable
        && raw(message, part).is_some_and(|raw| raw.trim_ascii_end().ends_with(b"="))
}

/// Quoted-printable in which an `=` that begins no octet stands for itself (RFC 2045 section 6.7).
fn read_broken_quoted(raw: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|octet| *octet == b'\n') {
        let text = line.trim_ascii_end();
        match text.strip_suffix(b"=") {
            // A line end of the transport only.
            Some(text) => octets.extend(words::read_q(text, b'_')),
            None => {
                octets.extend(words::read_q(text, b'_'));
                octets.extend_from_slice(if line.ends_with(b"\n") { b"\n" } else { b"" });
            }
        }
    }
    octets
}

/// Base64 to which a gateway or a list has added lines of plain text, which stay as they are.
fn read_base64_with_text(raw: &[u8]) -> Vec<u8> {
    let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
    let (mut octets, mut encoded) = (Vec::new(), Vec::new());
    for line in raw.split_inclusive(|octet| *octet == b'\n') {
        let digits = line.trim_ascii();
        let is_long = digits.len() >= BASE64_LINE_MIN || !encoded.is_empty();
        if !digits.is_empty() && is_long && digits.iter().all(is_digit) {
            encoded.extend_from_slice(line);
            continue;
        }
        octets.extend(decoded_or_as_it_is(std::mem::take(&mut encoded)));
        if octets.last().is_some_and(|octet| *octet != b'\n') {
            octets.push(b'\n');
        }
        octets.extend_from_slice(line);
    }
    octets.extend(decoded_or_as_it_is(encoded));
    octets
}

fn decoded_or_as_it_is(encoded: Vec<u8>) -> Vec<u8> {
    base64_decode(&encoded).unwrap_or(encoded)
}

/// Octets as text: under their label where it can be right, and as what they are where it cannot.
pub(super) fn read_octets(label: &str, octets: &[u8]) -> String {
    let label = label.trim().to_ascii_lowercase();
    let label = find(ALIASES, &label).unwrap_or(&label);
    let decoder = charset_decoder(label.as_bytes()).filter(|_| !label.is_empty());
    let is_unreliable = UNRELIABLE.contains(&label) || decoder.is_none();
    let says_utf_8 = matches!(label, "utf-8" | "utf8");
    let may_be_utf_8 = is_unreliable || WESTERN.contains(&label) || says_utf_8;
    if octets.starts_with(b"\xff\xfe") || octets.starts_with(b"\xfe\xff") {
        return decode("utf-16", octets);
    }
    if label == "utf-16" && octets.first() == Some(&0) {
        // Without a mark the high octet is first (RFC 2781 section 4.3).
        return decode("utf-16be", octets);
    }
    if may_be_utf_8 && octets.windows(2).any(|pair| pair == b"\x1b$") {
        return decode("iso-2022-jp", octets);
    }
    if let Ok(text) = std::str::from_utf8(octets)
        && may_be_utf_8
    {
        return text.to_owned();
    }
    if let Some(label) = own_label(octets).filter(|_| is_unreliable)
        && label != "utf-8"
        && charset_decoder(label.as_bytes()).is_some()
    {
        return decode(&label, octets);
    }
    if may_be_utf_8 {
        // Cut in the middle it is UTF-8 nevertheless.
        let lossy = String::from_utf8_lossy(octets);
        if lossy.chars().any(|c| !c.is_ascii() && c != '\u{fffd}') {
            return lossy.into_owned();
        }
    }
    let beyond_iso = octets.iter().any(|octet| matches!(octet, 0x80..=0x9f));
    match (decoder, find(WINDOWS, label)) {
        (_, Some(windows)) if beyond_iso => decode(windows, octets),
        (Some(_), _) if !is_unreliable && !says_utf_8 => decode(label, octets),
        _ => decode("windows-1252", octets),
    }
}

fn find(table: &'static [(&str, &str)], label: &str) -> Option<&'static str> {
    table.iter().find(|row| row.0 == label).map(|row| row.1)
}

fn decode(charset: &str, octets: &[u8]) -> String {
    let ended;
    let octets = if charset == UTF_7 {
        ended = with_ends_of_shifts(octets);
        &ended
    } else {
        octets
    };
    let decoder = charset_decoder(charset.as_bytes());
    decoder.map_or_else(|| String::from_utf8_lossy(octets).into_owned(), |decoder| decoder(octets))
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

/// What `<meta charset=…>` says.
fn own_label(octets: &[u8]) -> Option<String> {
    const META: &[u8] = b"<meta";
    // Line ends must not decide what is near enough to the start.
    let start = octets.iter().copied().filter(|octet| *octet != b'\r').take(LABEL_WITHIN);
    let start = start.map(|octet| octet.to_ascii_lowercase()).collect::<Vec<_>>();
    let at = start.windows(META.len()).position(|window| window == META)?;
    first_label(start.get(at..)?).map(str::to_owned)
}

/// The first charset that a message declares, in its header or that of its first part with one: what
/// its programme writes in, also where it encodes nothing. `None` where that tells nothing.
pub(super) fn declared_label(message: &[u8]) -> Option<&str> {
    let label = first_label(message.get(..DECLARED_WITHIN.min(message.len()))?)?;
    let lower = label.to_ascii_lowercase();
    let is_known = charset_decoder(find(ALIASES, &lower).unwrap_or(&lower).as_bytes()).is_some();
    (is_known && !UNRELIABLE.contains(&lower.as_str()) && !is_wide(&lower)).then_some(label)
}

/// The value behind the first `charset=`.
fn first_label(start: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"charset=";
    let at = start.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
    let value = start.get(at + NAME.len()..)?;
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let end = value.iter().position(|octet| !octet.is_ascii_alphanumeric() && !b"-_".contains(octet));
    let label = value.get(..end.unwrap_or(value.len())).filter(|label| !label.is_empty())?;
    std::str::from_utf8(label).ok()
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;
    fn text(header: &str, octets: &[u8]) -> String {
        let mail = [header.as_bytes(), b"\r\n\r\n", octets].concat();
        let message = MessageParser::default().parse(&mail).expect("a message");
        let part = message.part(0).expect("a part");
        read_text(&message, part, part.text_contents().unwrap_or_default()).into_owned()
    }

    #[test]
    fn a_soft_line_break_at_the_end_takes_nothing_with_it() {
        for end in ["\n", "\r\n"] {
            let mail = "Content-Type: multipart/mixed; boundary=m\n\n--m\nContent-Type: text/plain\n\
                        Content-Transfer-Encoding: quoted-printable\n\nIt is over=\n--m--\n";
            let mail = mail.replace('\n', end);
            let message = MessageParser::default().parse(mail.as_bytes()).expect("a message");
            let part = message.part(1).expect("a part");
            assert_eq!(read_text(&message, part, part.text_contents().expect("text")), "It is over");
            let broken = mail.replace("is", "=is");
            let message = MessageParser::default().parse(broken.as_bytes()).expect("a message");
            let part = message.part(1).expect("a part");
            assert_eq!(read_text(&message, part, part.text_contents().expect("text")), "It =is over");
        }
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
            ("+AOk-+AOk.\r\n", "éé.\n"),
        ] {
            assert_eq!(text("Content-Type: text/plain; charset=UTF-7", octets.as_bytes()), shown);
        }
    }

    #[test]
    fn line_ends_change_no_character_in_any_charset() {
        for (label, octets) in [
            ("utf-7", &b"caf+AOk\r\nis +A\r\nOk-"[..]),
            ("utf-16le", b"c\0a\0\r\n\0b\0"),
            ("utf-16", b"\0c\0a\0\r\n\0b"),
            ("iso-2022-jp", b"\x1b$B7h:\r\nQ\x1b(B a\r\n"),
            ("utf-8", b"\x1b$B7h\r\n:Q\r\n"),
            ("us-ascii", b"\xff\xfec\0\r\n\0a\0"),
        ] {
            let bare: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
            for encoding in ["8bit", "quoted-printable"] {
                let header = format!(
                    "Content-Type: text/plain; charset={label}\r\nContent-Transfer-Encoding: {encoding}"
                );
                assert_eq!(text(&header, octets), text(&header, &bare), "{label} in {encoding}");
            }
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

    #[test]
    fn a_charset_is_known_by_its_nicknames_and_by_what_it_is_mistaken_for() {
        for (label, octets, meant) in [
            ("cp-850", &b"caf\x82"[..], "café"),
            ("ansi", b"caf\xe9", "café"),
            ("no-such-thing", b"caf\xe9", "café"),
            ("cp932", b"\x8c\x88\x8d\xcf", "決済"),
            ("iso-8859-15", b"5 \xa4", "5 €"),
            ("iso-8859-15", b"5 \x80", "5 €"),
            ("iso-8859-2", b"\x84\x9e\x94", "„ž”"),
            ("iso-8859-2", b"\xbelu\xbb", "žluť"),
            ("utf-8", b"\xff\xfec\0a\0f\0\xe9\0", "café"),
            ("utf-16", b"\0c\0a\0f\0\xe9", "café"),
            ("utf-8", b"\x1b$B7h:Q\x1b(B", "決済"),
            ("iso-8859-1", b"\x1b$B7h:Q\x1b(B", "決済"),
            ("unicode-1-1-utf-7", b"caf+AOk-", "café"),
        ] {
            assert_eq!(read_octets(label, octets), meant, "{label}");
        }
    }

    #[test]
    fn lines_that_were_added_to_base64_leave_it_readable() {
        let header = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64";
        let encoded = "VGhlIGNhZsOpIGlzIGNsb3NlZCB0b2RheSwgc2F5cyB0aGUgcGFnZS4NClNlY29uZCBsaW5lLg0K";
        let added = format!("CAUTION: from outside.\r\n\r\n{encoded}\r\n\r\n____\r\nlist footer\r\n");
        let text = text(header, added.as_bytes());
        assert!(text.contains("The café is closed today, says the page.\nSecond line."), "{text}");
        assert!(text.starts_with("CAUTION") && text.trim_end().ends_with("list footer"), "{text}");
    }
}
