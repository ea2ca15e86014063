//! What a message says: the parts that hold the text, and which of them.
//!
//! Never separates new from quoted; that is [`super::quote`]. Start with [`read_body`].

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::charset;
use super::quote::{Line, html, text};

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

/// The text of every part that shows text, decoded and as it came: what identifies the content.
pub(super) fn decoded_texts<'a>(message: &'a Message<'_>) -> impl Iterator<Item = &'a str> {
    message.parts.iter().filter_map(|part| match &part.body {
        PartType::Text(text) | PartType::Html(text) => Some(text.as_ref()),
        _ => None,
    })
}

fn is_html(message: &Message<'_>, id: u32) -> bool {
    message.part(id).is_some_and(|part| matches!(part.body, PartType::Html(_)))
}

fn read_parts(message: &Message<'_>, ids: &[u32]) -> Vec<Line> {
    let mut lines = Vec::new();
    for part in ids.iter().filter_map(|id| message.part(*id)) {
        match &part.body {
            PartType::Html(html) => {
                lines.extend(html::read_lines(&charset::read_text(message, part, html)))
            }
            PartType::Text(plain) if shows_text(part) => {
                let is = |name: &str, value: &str| {
                    part.content_type()
                        .and_then(|kind| kind.attribute(name))
                        .is_some_and(|found| found.eq_ignore_ascii_case(value))
                };
                let flowed = is("format", "flowed").then(|| text::Flowed { del_sp: is("delsp", "yes") });
                let plain = charset::read_text(message, part, plain);
                lines.extend(text::read_lines(&text::without_armour(&plain), flowed));
            }
            _ => {}
        }
    }
    for line in &mut lines {
        // A terminal would obey them, and no person typed them.
        line.text.retain(|c| c == '\t' || !c.is_control());
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
