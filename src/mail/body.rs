//! What a message says: the parts that hold the text, and which of them.
//!
//! Never separates new from quoted; that is [`super::quote`]. Start with [`read_body`].

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::quote::html::{self, Page};
use super::quote::{Line, push_line, text};
use super::{charset, enriched, pictures};

/// A plain part shorter than this that the HTML outweighs twenty times stands for "see HTML".
const STUB_OCTETS_MAX: usize = 200;

/// What plain parts say that say nothing but where to look: in lower case, any part of the sentence.
const STUBS: &[&str] = &[
    "see html",
    "this message is in html",
    "this is an html message",
    "this is an html-formatted",
    "html message",
    "html version of this",
    "in html format",
    "does not support html",
    "doesn't support html",
    "cannot display html",
    "can't display html",
    "view this email in a browser",
    "view this email in your browser",
    "this email requires an html",
    "please use an html compatible",
    "unterstützt kein html",
    "kann kein html",
    "html-format",
    "html-nachricht",
    "html-version",
    "html-ansicht",
    "au format html",
    "version html",
    "pas le html",
    "pas en charge le html",
    "en formato html",
    "versión html",
    "no soporta html",
    "no admite html",
    "in formato html",
    "versione html",
    "non supporta html",
    "geen html",
    "html-versie",
    "html-indeling",
    "em formato html",
    "versão html",
    "não suporta html",
    "stöder inte html",
    "understøtter ikke html",
    "støtter ikke html",
    "ei tue html",
    "html-muodossa",
    "nie obsługuje html",
    "w formacie html",
    "nepodporuje html",
    "ve formátu html",
    "не поддерживает html",
    "в формате html",
    "не підтримує html",
    "у форматі html",
    "html desteklem",
    "html biçiminde",
    "html形式",
    "html 格式",
    "html格式",
    "html을 지원하지",
    "html 형식",
    "nem támogatja a html",
    "html formátumú",
    "nu acceptă html",
    "în format html",
    "δεν υποστηρίζει html",
];

/// Other texts than `text/plain` that are one to read.
const READABLE: &[&str] = &["enriched", "richtext", "markdown", "x-markdown"];

/// What a message says.
#[derive(Default)]
pub(super) struct Body {
    /// The lines that people see, with their depth of quotation.
    pub lines: Vec<Line>,
    /// The HTML that shows pictures of the message, whether its lines are the text or not.
    pub pages: Vec<Page>,
}

/// Reads the body as people see it. No part is read twice.
pub(super) fn read_body(message: &Message<'_>) -> Body {
    let mut pages = Vec::new();
    let plain = read_parts(message, &read_text_ids(message), &mut pages);
    let has_html = message.html_body.iter().any(|id| is_html(message, *id));
    let plain_is_html = message.text_body.iter().any(|id| is_html(message, *id));
    if !has_html || plain_is_html {
        return Body { lines: plain, pages };
    }
    let html = read_parts(message, &message.html_body, &mut pages);
    let lines = if is_stub(&plain, &html) { html } else { plain };
    Body { lines, pages }
}

/// The parts that are the text of the message, in their order: those that the parser takes for it,
/// and texts of a kind that it does not know, unless they came as files.
pub(super) fn read_text_ids(message: &Message<'_>) -> Vec<u32> {
    let mut ids = message.text_body.clone();
    let has_plain = ids.iter().any(|id| {
        message
            .part(*id)
            .and_then(MessagePart::text_contents)
            .is_some_and(|text| !text.trim().is_empty())
    });
    let is_alternative = message.parts.iter().any(|part| has_subtype(part, &["alternative"]));
    for id in &message.attachments {
        let Some(part) = message.part(*id) else { continue };
        let is_readable = has_subtype(part, READABLE);
        let is_file = part.attachment_name().is_some()
            || part.content_disposition().is_some_and(|disposition| disposition.is_attachment());
        // Beside a plain form it says the same once more.
        if is_readable && part.is_text() && !is_file && !(is_alternative && has_plain) {
            ids.push(*id);
        }
    }
    ids.sort_unstable();
    ids
}

/// Whether the text is for reading only, because it is in a charset that hides what it says.
pub(super) fn is_for_reading_only(message: &Message<'_>) -> bool {
    let ids = read_text_ids(message).into_iter().chain(message.html_body.iter().copied());
    ids.filter_map(|id| message.part(id)).any(charset::is_utf_7)
}

fn is_html(message: &Message<'_>, id: u32) -> bool {
    message.part(id).is_some_and(|part| matches!(part.body, PartType::Html(_)))
}

/// The lines of parts; such of HTML with pictures go to `pages` as well.
fn read_parts(message: &Message<'_>, ids: &[u32], pages: &mut Vec<Page>) -> Vec<Line> {
    let mut lines = Vec::new();
    let marks_pictures = pictures::may_be_shown(message);
    for part in ids.iter().filter_map(|id| message.part(*id)) {
        let read = match &part.body {
            PartType::Html(html) => {
                let page = html::read_page(&charset::read_text(message, part, html), marks_pictures);
                if page.pictures.is_empty() {
                    page.lines
                } else {
                    let lines = page.unmarked_lines();
                    pages.push(page);
                    lines
                }
            }
            PartType::Text(plain) if has_subtype(part, &["enriched", "richtext"]) => {
                let plain = charset::read_text(message, part, plain);
                text::read_lines(&enriched::read_text(&plain), None)
            }
            PartType::Text(plain) => {
                let plain = charset::read_text(message, part, plain);
                let is = |name: &str, value: &str| {
                    part.content_type()
                        .and_then(|kind| kind.attribute(name))
                        .is_some_and(|found| found.eq_ignore_ascii_case(value))
                };
                let flowed = is("format", "flowed").then(|| text::Flowed { del_sp: is("delsp", "yes") });
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

fn has_subtype(part: &MessagePart<'_>, subtypes: &[&str]) -> bool {
    let subtype = part.content_type().and_then(|kind| kind.subtype()).unwrap_or_default();
    subtypes.iter().any(|known| subtype.eq_ignore_ascii_case(known))
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
