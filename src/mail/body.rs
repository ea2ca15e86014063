//! What a message says and what it carries: the part that holds the text, and the files.
//!
//! Never separates new from quoted; that is [`super::quote`]. Start with [`read_body`].

use mail_parser::{Encoding, Message, MessagePart, MimeHeaders, PartType};

use super::charset;
use super::header::one_line;
use super::message::Attachment;
use super::quote::{Line, html, push_line, text};

/// More files than this nobody sends; further ones stay in the raw message unlisted.
const ATTACHMENTS_MAX: usize = 1_000;
/// The longest name in octets that file systems take (ext4, APFS, NTFS).
const NAME_OCTETS_MAX: usize = 255;
/// A plain part shorter than this that the HTML outweighs twenty times stands for "see HTML".
const STUB_OCTETS_MAX: usize = 200;

/// Plain parts that say nothing but where to look.
const STUBS: &[&str] = &[
    "see html",
    "this message is in html",
    "this is an html message",
    "html message",
    "your mail client does not support html",
    "your email client does not support html",
    "please view this email in a browser",
    "this email requires an html",
    "to view the message, please use an html compatible",
];

/// The lines of the body that people see, with their depth of quotation.
pub(super) fn read_body(message: &Message<'_>) -> Vec<Line> {
    let plain = read_parts(message, &message.text_body);
    let has_html = message.html_body.iter().any(|id| is_html(message, *id));
    let plain_is_html = message.text_body.iter().any(|id| is_html(message, *id));
    if !has_html || plain_is_html {
        return plain;
    }
    let html = read_parts(message, &message.html_body);
    if is_stub(&plain, &html) { html } else { plain }
}

fn is_html(message: &Message<'_>, id: u32) -> bool {
    message.part(id).is_some_and(|part| matches!(part.body, PartType::Html(_)))
}

fn read_parts(message: &Message<'_>, ids: &[u32]) -> Vec<Line> {
    let mut lines = Vec::new();
    for part in ids.iter().filter_map(|id| message.part(*id)) {
        let read = match &part.body {
            PartType::Html(html) => html::read_lines(&charset::read_text(message, part, html)),
            PartType::Text(plain) if shows_text(part) => {
                let is = |name: &str, value: &str| {
                    part.content_type()
                        .and_then(|kind| kind.attribute(name))
                        .is_some_and(|found| found.eq_ignore_ascii_case(value))
                };
                let flowed = is("format", "flowed").then(|| text::Flowed { del_sp: is("delsp", "yes") });
                let plain = charset::read_text(message, part, plain);
                text::read_lines(&text::without_armour(&plain), flowed)
            }
            _ => continue,
        };
        if lines.is_empty() {
            lines = read;
        } else {
            read.into_iter().for_each(|line| push_line(&mut lines, line));
        }
    }
    for line in &mut lines {
        // A terminal would obey them, and no person typed them. Line ends are in the rest of too many.
        line.text.retain(|c| matches!(c, '\t' | '\n') || !c.is_control());
    }
    lines
}

/// A patch or a calendar is a file even when it came inline.
fn shows_text(part: &MessagePart<'_>) -> bool {
    part.content_type().is_none_or(|kind| {
        !kind.ctype().eq_ignore_ascii_case("text")
            || kind.subtype().is_none_or(|sub| {
                ["plain", "html", "enriched", "markdown"]
                    .iter()
                    .any(|known| sub.eq_ignore_ascii_case(known))
            })
    })
}

fn is_stub(plain: &[Line], html: &[Line]) -> bool {
    let length = |lines: &[Line]| lines.iter().map(|line| line.text.trim().len()).sum::<usize>();
    let (plain_octets, html_octets) = (length(plain), length(html));
    if html_octets == 0 {
        return false;
    }
    let start = plain.iter().map(|line| line.text.trim()).find(|text| !text.is_empty());
    let start = start.unwrap_or_default().to_lowercase();
    plain_octets == 0
        || (plain_octets < STUB_OCTETS_MAX
            && (STUBS.iter().any(|stub| start.contains(stub)) || plain_octets * 20 < html_octets))
}

/// The files that came with a message. Pictures that the HTML itself shows and signatures of the
/// message are none.
pub(super) fn read_attachments(message: &Message<'_>) -> Vec<Attachment> {
    let mut attachments = Vec::new();
    for id in message.attachments.iter().take(ATTACHMENTS_MAX) {
        let Some(part) = message.part(*id) else { continue };
        let kind = part.content_type();
        let subtype = kind.and_then(|kind| kind.subtype()).unwrap_or_default().to_ascii_lowercase();
        let is_image = kind.is_some_and(|kind| kind.ctype().eq_ignore_ascii_case("image"));
        let is_shown = is_image
            && part.content_id().is_some()
            && !part.content_disposition().is_some_and(|disposition| disposition.is_attachment());
        if is_shown
            || matches!(subtype.as_str(), "pgp-signature" | "pkcs7-signature" | "x-pkcs7-signature")
        {
            continue;
        }
        let (given, size_octets) = match &part.body {
            PartType::Message(inner) => {
                (inner.subject().map(|subject| format!("{subject}.eml")), message_octets(part, inner))
            }
            PartType::Text(text) | PartType::Html(text) => (None, text.len()),
            PartType::Binary(octets) | PartType::InlineBinary(octets) => (None, octets.len()),
            PartType::Multipart(_) => continue,
        };
        let given = part.attachment_name().map(str::to_owned).or(given).unwrap_or_default();
        attachments.push(Attachment { name: safe_name(&given), size_octets });
    }
    attachments
}

/// The parser keeps of a message in a message the octets around it, too, unless it was encoded.
fn message_octets(part: &MessagePart<'_>, inner: &Message<'_>) -> usize {
    match part.encoding {
        Encoding::None => part.offset_end.saturating_sub(part.offset_body) as usize,
        Encoding::Base64 | Encoding::QuotedPrintable => inner.raw_message.len(),
    }
}

/// A name without path, control characters, or a change of the writing's direction.
fn safe_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = one_line(last);
    let name = name.trim_matches(['.', ' ']);
    let name: String =
        name.chars().filter(|c| !matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')).collect();
    let mut end = name.len().min(NAME_OCTETS_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let name = name.get(..end).unwrap_or_default();
    if name.is_empty() { "attachment".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_mail_within_is_its_own() {
        let inner = "Subject: inner\r\n\r\nbody\r\n";
        let of = |encoding: &str, octets: &str| {
            let mail = format!(
                "Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n\
                 Content-Type: message/rfc822\r\n{encoding}\r\n{octets}\r\n--b--\r\n"
            );
            let message = mail_parser::MessageParser::default().parse(mail.as_bytes()).unwrap();
            read_attachments(&message)
        };
        let own = Attachment { name: "inner.eml".into(), size_octets: inner.len() };
        assert_eq!(of("", inner), std::slice::from_ref(&own));
        let encoded = data_encoding::BASE64.encode(inner.as_bytes());
        assert_eq!(of("Content-Transfer-Encoding: base64\r\n", &encoded), [own]);
    }

    #[test]
    fn a_name_leads_out_of_no_folder() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name("C:\\x\\log.txt"), "log.txt");
        assert_eq!(safe_name("a\u{202e}gpj.exe\r\n"), "a gpj.exe");
        assert_eq!(safe_name(".."), "attachment");
        assert_eq!(safe_name(&"é".repeat(200)).len(), 254);
    }
}
