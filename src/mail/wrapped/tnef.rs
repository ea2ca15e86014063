//! `winmail.dat`: the files and the text that Outlook wraps for Outlook (MS-OXTNEF).
//!
//! Attributes one behind the other, two of which hold lists of MAPI properties. What does not fit
//! ends the reading; what was read until then counts, and the whole is kept beside it. Start with [`read`].

use mail_parser::decoders::charsets::map::charset_decoder;

use super::{Unpacked, rtf};

const SIGNATURE: u32 = 0x223e_9f78;
/// Files of one message, and messages within each other.
const FILES_MAX: usize = 200;
const WITHIN_MAX: usize = 4;
/// Properties of one list, and values of one property; Outlook writes about a hundred.
const PROPERTIES_MAX: u32 = 10_000;

// MS-OXTNEF section 2.1.3.2.
const BODY: u32 = 0x0002_800c;
const OEM_CODEPAGE: u32 = 0x0006_9007;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const ATTACHMENT_BEGINS: u32 = 0x0006_9002;
const ATTACHMENT_TITLE: u32 = 0x0001_8010;
const ATTACHMENT_DATA: u32 = 0x0006_800f;
const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;

// MS-OXPROPS.
const TAG_BODY: u16 = 0x1000;
const TAG_RTF: u16 = 0x1009;
const TAG_HTML: u16 = 0x1013;
const TAG_SUBJECT: u16 = 0x0037;
const TAG_DISPLAY_NAME: u16 = 0x3001;
const TAG_DATA: u16 = 0x3701;
const TAG_FILE_NAME: u16 = 0x3704;
const TAG_LONG_FILE_NAME: u16 = 0x3707;
const TAG_CONTENT_ID: u16 = 0x3712;

/// What was wrapped.
#[derive(Default)]
pub(super) struct Tnef {
    pub body: Option<Body>,
    pub files: Vec<Unpacked>,
    /// It ends where an attribute ends, and every checksum is right.
    pub is_whole: bool,
    subject: String,
}

/// A text and its media type with charset, which is always UTF-8.
pub(super) struct Body {
    pub kind: &'static str,
    pub text: String,
}

const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// Reads a `winmail.dat`; `None` when it is none.
pub(super) fn read(octets: &[u8]) -> Option<Tnef> {
    read_within(octets, 0)
}

/// An attachment in the making.
#[derive(Default)]
struct Draft {
    title: String,
    long_name: String,
    content_id: Option<String>,
    octets: Option<Vec<u8>>,
    /// A message within, of which this is the TNEF.
    message: Option<Vec<u8>>,
}

fn read_within(octets: &[u8], depth: usize) -> Option<Tnef> {
    let mut cursor = Cursor(octets);
    if cursor.u32()? != SIGNATURE {
        return None;
    }
    cursor.u16()?;
    let mut found = Found { depth, codepage: 1252, ..Found::default() };
    // Ends with the first attribute that is not whole.
    let mut rest = cursor.0;
    while found.files.len() < FILES_MAX && read_attribute(&mut cursor, &mut found).is_some() {
        rest = cursor.0;
    }
    found.finish_file();
    // Gateways add line ends behind it.
    found.is_damaged |= !rest.iter().all(|octet| matches!(octet, b'\r' | b'\n'));
    Some(found.into_tnef())
}

#[derive(Default)]
struct Found {
    depth: usize,
    codepage: u32,
    plain: String,
    html: String,
    rtf: String,
    subject: String,
    draft: Option<Draft>,
    files: Vec<Unpacked>,
    is_damaged: bool,
}

fn read_attribute(cursor: &mut Cursor<'_>, found: &mut Found) -> Option<()> {
    let _level = cursor.take(1)?;
    let id = cursor.u32()?;
    let length = cursor.u32()?;
    let value = cursor.take(length)?;
    let sum = value.iter().fold(0_u16, |sum, octet| sum.wrapping_add(u16::from(*octet)));
    found.is_damaged |= cursor.u16()? != sum;
    let codepage = found.codepage;
    match id {
        OEM_CODEPAGE => found.codepage = Cursor(value).u32()?,
        BODY => found.plain = decode(value, codepage),
        MESSAGE_PROPERTIES => found.read_message(value),
        ATTACHMENT_BEGINS => {
            found.finish_file();
            found.draft = Some(Draft::default());
        }
        ATTACHMENT_TITLE => found.draft.get_or_insert_default().title = decode(value, codepage),
        ATTACHMENT_DATA => found.draft.get_or_insert_default().octets = Some(value.to_vec()),
        ATTACHMENT_PROPERTIES => found.read_file(value),
        _ => {}
    }
    Some(())
}

impl Found {
    fn read_message(&mut self, octets: &[u8]) {
        let codepage = self.codepage;
        each_property(octets, &mut |tag, value| match tag {
            TAG_BODY => self.plain = value.text(codepage),
            TAG_HTML => self.html = value.text(codepage),
            TAG_RTF => {
                self.rtf = rtf::decompress(value.octets).map(|rtf| rtf::text(&rtf)).unwrap_or_default()
            }
            TAG_SUBJECT => self.subject = value.text(codepage),
            _ => {}
        });
    }

    fn read_file(&mut self, octets: &[u8]) {
        let codepage = self.codepage;
        let draft = self.draft.get_or_insert_default();
        each_property(octets, &mut |tag, value| match tag {
            TAG_LONG_FILE_NAME => draft.long_name = value.text(codepage),
            TAG_FILE_NAME | TAG_DISPLAY_NAME if draft.title.is_empty() => {
                draft.title = value.text(codepage);
            }
            TAG_CONTENT_ID => {
                let id = value.text(codepage);
                let is_plain = |c: char| c.is_ascii_graphic() && !"<>".contains(c);
                draft.content_id = Some(id).filter(|id| !id.is_empty() && id.chars().all(is_plain));
            }
            // An object is told by the 16 octets of its class.
            TAG_DATA if value.is_object => draft.message = value.octets.get(16..).map(<[u8]>::to_vec),
            TAG_DATA => draft.octets = Some(value.octets.to_vec()),
            _ => {}
        });
    }

    fn finish_file(&mut self) {
        let Some(draft) = self.draft.take() else { return };
        let name = if draft.long_name.is_empty() { draft.title } else { draft.long_name };
        let within = draft.message.as_deref().filter(|_| self.depth < WITHIN_MAX);
        if let Some(message) = within.and_then(|octets| read_within(octets, self.depth + 1)) {
            let called = [message.subject, name].into_iter().find(|name| !name.is_empty());
            if let Some(body) = message.body {
                let ending = if body.kind == HTML { "html" } else { "txt" };
                let name = format!("{}.{ending}", called.unwrap_or_else(|| "message".to_owned()));
                let octets = body.text.into_bytes();
                self.files.push(Unpacked {
                    name: name.replace(['/', '\\'], " "),
                    content_id: None,
                    octets,
                });
            }
            self.files.extend(message.files);
        } else if let Some(octets) = draft.octets.or(draft.message) {
            self.files.push(Unpacked { name, content_id: draft.content_id, octets });
        }
    }

    fn into_tnef(self) -> Tnef {
        let bodies = [(HTML, self.html), (PLAIN, self.plain), (PLAIN, self.rtf)];
        let body = bodies.into_iter().find(|(_, text)| !text.trim().is_empty());
        Tnef {
            body: body.map(|(kind, text)| Body { kind, text }),
            files: self.files,
            is_whole: !self.is_damaged,
            subject: self.subject,
        }
    }
}

/// The value of a property.
struct Value<'a> {
    octets: &'a [u8],
    is_utf_16: bool,
    is_object: bool,
}

impl Value<'_> {
    fn text(&self, codepage: u32) -> String {
        if !self.is_utf_16 {
            return decode(self.octets, codepage);
        }
        let units: Vec<u16> =
            self.octets.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned()
    }
}

/// Hands over each property with its tag, up to the first that is not whole (section 2.1.3.4).
fn each_property(octets: &[u8], hand_over: &mut impl FnMut(u16, &Value<'_>)) {
    let mut cursor = Cursor(octets);
    let count = cursor.u32().unwrap_or_default().min(PROPERTIES_MAX);
    for _ in 0..count {
        if read_property(&mut cursor, hand_over).is_none() {
            return;
        }
    }
}

fn read_property(cursor: &mut Cursor<'_>, hand_over: &mut impl FnMut(u16, &Value<'_>)) -> Option<()> {
    let kind = cursor.u16()?;
    let tag = cursor.u16()?;
    if tag >= 0x8000 {
        // Named: a property set, then a number or a name.
        cursor.take(16)?;
        if cursor.u32()? == 0 {
            cursor.u32()?;
        } else {
            let length = cursor.u32()?;
            cursor.padded(length)?;
        }
    }
    let has_many = kind & 0x1000 != 0;
    let kind = kind & 0x0fff;
    let fixed = match kind {
        0x02 | 0x03 | 0x04 | 0x0a | 0x0b => Some(4),
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => Some(8),
        0x48 => Some(16),
        0x0d | 0x1e | 0x1f | 0x102 => None,
        _ => return None,
    };
    let count = if has_many || fixed.is_none() { cursor.u32()?.min(PROPERTIES_MAX) } else { 1 };
    for _ in 0..count {
        let octets = match fixed {
            Some(size) => cursor.take(size)?,
            None => {
                let length = cursor.u32()?;
                cursor.padded(length)?
            }
        };
        hand_over(tag, &Value { octets, is_utf_16: kind == 0x1f, is_object: kind == 0x0d });
    }
    Some(())
}

fn decode(octets: &[u8], codepage: u32) -> String {
    let end = octets.iter().position(|octet| *octet == 0).unwrap_or(octets.len());
    let octets = octets.get(..end).unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(octets) {
        return text.to_owned();
    }
    let named = charset_decoder(format!("windows-{codepage}").as_bytes());
    let decoder = named.or_else(|| charset_decoder(format!("cp{codepage}").as_bytes()));
    decoder.map_or_else(|| String::from_utf8_lossy(octets).into_owned(), |decode| decode(octets))
}

/// Octets that are taken from the front; numbers are little-endian.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: u32) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// As [`Self::take`], and past what fills up to a multiple of four. The last may lack it.
    fn padded(&mut self, length: u32) -> Option<&'a [u8]> {
        let taken = self.take(length)?;
        let padding = usize::try_from(length.wrapping_neg() % 4).ok()?;
        self.0 = self.0.get(padding..).unwrap_or_default();
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).and_then(|octets| octets.try_into().ok()).map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).and_then(|octets| octets.try_into().ok()).map(u32::from_le_bytes)
    }
}
