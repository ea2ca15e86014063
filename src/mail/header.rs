//! Header fields read strictly: those by which a message says who and what it is.
//!
//! The MIME parser is lenient, takes the last of two From fields and joins what should be apart;
//! identity is therefore read here, from the octets. Nothing here looks into the body. Start with
//! [`Fields::read`].

use mail_parser::{HeaderValue, MessageParser};

use super::limits::{HEADER_FIELDS_MAX, HEADER_OCTETS_MAX};
use super::{Address, Mailbox, charset, words};

/// RFC 5322 section 2.1.1 allows lines of 998; no Message-ID in use is longer than this.
const MESSAGE_ID_OCTETS_MAX: usize = 250;
/// The mailboxes of one field that are looked at.
const MAILBOXES_MAX: usize = 1_000;

/// Where the header ends: behind its last line, before the empty one.
pub(super) fn header_end(octets: &[u8]) -> usize {
    let mut at = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if line == b"\n" || line == b"\r\n" {
            break;
        }
        at += line.len();
    }
    at
}

/// The header as it was written, for people; not more of it than the limits allow.
pub fn header_text(octets: &[u8]) -> String {
    let end = header_end(octets).min(HEADER_OCTETS_MAX);
    charset::read_octets("", octets.get(..end).unwrap_or_default())
}

/// The fields of a header in their order, unfolded; not more than the limits allow.
#[derive(Debug, Default)]
pub(super) struct Fields {
    all: Vec<(String, String)>,
    is_whole: bool,
}

impl Fields {
    /// Reads the header at the start of a message.
    ///
    /// Octets that nobody encoded are what undeclared text is; where they cannot be, what the body is.
    pub(super) fn read(octets: &[u8]) -> Self {
        let header = octets.get(..header_end(octets)).unwrap_or_default();
        let fields = Self::read_as("", header);
        if std::str::from_utf8(header).is_ok() {
            return fields;
        }
        match charset::declared_label(octets) {
            Some(label) => fields.worded_as(Self::read_as(label, header)),
            None => fields,
        }
    }

    fn read_as(label: &str, header: &[u8]) -> Self {
        let end = header.len().min(HEADER_OCTETS_MAX);
        let mut is_whole = end == header.len();
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in header.get(..end).unwrap_or_default().split(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let label = if std::str::from_utf8(line).is_ok() { "" } else { label };
            let line = charset::read_octets(label, line);
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push_str(&line);
                }
            } else if let Some((name, value)) = line.split_once(':') {
                if fields.len() == HEADER_FIELDS_MAX {
                    is_whole = false;
                    break;
                }
                fields.push((name.trim_end().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Self { all: fields, is_whole }
    }

    /// With the words of a reading in another charset, where these name the same addresses: an octet
    /// that is half of a character there may be a quotation mark to whoever checked the message.
    fn worded_as(mut self, other: Self) -> Self {
        if self.all.len() != other.all.len() {
            return self;
        }
        for ((name, value), (other_name, worded)) in self.all.iter_mut().zip(other.all) {
            let addresses = |value: &str| -> Vec<Option<String>> {
                let mailboxes = read_mailboxes(value).into_iter();
                mailboxes.map(|mailbox| mailbox.map(|mailbox| mailbox.address.to_string())).collect()
            };
            let is_same = || match name.as_str() {
                "subject" => true,
                "from" | "sender" | "reply-to" | "to" | "cc" => addresses(value) == addresses(&worded),
                _ => false,
            };
            if *value != worded && *name == other_name && is_same() {
                *value = worded;
            }
        }
        self
    }

    /// Whether this is the whole header: beyond the limits there might be a second From.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The values of every field of this name, given in lower case.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all.iter().filter(move |field| field.0 == name).map(|field| field.1.as_str())
    }

    /// The value of the first field of this name.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Whether there is a field of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }
}

/// The fields of a header in their order, decoded, their names in lower case: for patterns that people
/// write. Nobody's identity is read from them.
pub fn read_fields(octets: &[u8]) -> Vec<(String, String)> {
    Fields::read(octets).all.into_iter().map(|(name, value)| (name, decode(&value))).collect()
}

/// Decodes encoded words (RFC 2047) and leaves one line without control characters.
pub(super) fn decode(value: &str) -> String {
    one_line(&words::read_words(value))
}

/// Whether a character would end the line that it stands in, be obeyed by a terminal, or change how
/// the rest of the line is seen.
pub(super) fn disturbs_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{feff}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Control characters and those that turn the direction of writing become spaces; runs one.
pub(super) fn one_line(text: &str) -> String {
    let text = text.replace(disturbs_line, " ");
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The author's clock; nothing when it is no date.
pub(super) fn read_date(value: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    let mail = format!("Date: {}\r\n\r\n", value.replace(['\r', '\n'], " "));
    let message = MessageParser::new().parse_headers(mail.as_bytes())?;
    match message.header("Date")? {
        HeaderValue::DateTime(date) if date.is_valid() => {
            chrono::DateTime::from_timestamp(date.to_timestamp(), 0)
        }
        _ => None,
    }
}

/// A Message-ID that is fit to be an identifier: `[!-;=?-~]+@[!-;=?-~]+`, without brackets.
pub(super) fn read_message_id(value: &str) -> Option<String> {
    let id = value.trim();
    let id = id.strip_prefix('<')?.strip_suffix('>')?;
    let printable = |side: &str| {
        !side.is_empty() && side.bytes().all(|o| matches!(o, b'!'..=b';' | b'=' | b'?'..=b'~'))
    };
    let (left, right) = id.split_once('@')?;
    (id.len() <= MESSAGE_ID_OCTETS_MAX && printable(left) && printable(right)).then(|| id.to_owned())
}

/// The identifiers in a value, in its order. Words and commas between them are passed over.
pub(super) fn read_message_ids(value: &str) -> impl DoubleEndedIterator<Item = String> {
    let ids: Vec<String> = value
        .split_inclusive('>')
        .filter_map(|piece| piece.rfind('<').and_then(|at| piece.get(at..)))
        .filter_map(read_message_id)
        .collect();
    ids.into_iter()
}

/// What a field of addresses holds (RFC 5322 section 3.4), each as it was written.
///
/// `None` for something in the place of a mailbox that is none.
pub(super) fn read_mailboxes(value: &str) -> Vec<Option<Mailbox>> {
    split_list(value).iter().take(MAILBOXES_MAX).map(read_mailbox).collect()
}

/// One mailbox, seen character by character.
#[derive(Default)]
struct Piece {
    /// The phrase before the brackets, or the address without them.
    outside: String,
    /// What stood in angle brackets; a second pair makes it no mailbox.
    inside: Option<String>,
    comment: String,
    broken: bool,
    /// A semicolon stands behind it, as nowhere but in a group: `Team: a@x.example;`.
    ends_group: bool,
}

fn split_list(value: &str) -> Vec<Piece> {
    let (mut pieces, mut piece) = (Vec::new(), Piece::default());
    let (mut quoted, mut depth, mut angle) = (false, 0_u32, false);
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted || depth > 0 => {
                let next = chars.next().unwrap_or('\\');
                if quoted { piece.outside.push(next) } else { piece.comment.push(next) }
            }
            '"' if depth == 0 => quoted = !quoted,
            '@' if quoted => piece.outside.push('\u{1}'),
            _ if quoted => piece.outside.push(c),
            '(' if !angle => depth += 1,
            ')' if depth > 0 => depth -= 1,
            _ if depth > 0 => piece.comment.push(c),
            '<' => {
                piece.broken |= angle || piece.inside.is_some();
                angle = true;
                piece.inside.get_or_insert_default();
            }
            '>' => {
                piece.broken |= !angle;
                angle = false;
            }
            _ if angle => piece.inside.get_or_insert_default().push(c),
            // Behind the closing bracket nothing but the next mailbox may come.
            _ if piece.inside.is_some() && !matches!(c, ',' | ';') => piece.broken |= !c.is_whitespace(),
            // A comma in an unquoted name: `Doe, Jane <jane@…>`.
            ',' if piece.inside.is_none() && !piece.outside.contains('@') => piece.outside.push(' '),
            ',' | ';' => {
                piece.ends_group = c == ';';
                pieces.push(std::mem::take(&mut piece));
            }
            ':' if !piece.outside.contains('@') => piece.outside.clear(),
            _ => piece.outside.push(c),
        }
    }
    piece.broken |= quoted || angle || depth > 0;
    if piece.inside.is_some() || !piece.outside.trim().is_empty() {
        pieces.push(piece);
    }
    pieces
}

fn is_same(seen: &str, used: &str) -> bool {
    let seen = seen.trim().trim_matches('\'');
    Address::read(seen).is_ok_and(|seen| Address::read(used).is_ok_and(|used| seen.key() == used.key()))
}

fn read_mailbox(piece: &Piece) -> Option<Mailbox> {
    if piece.broken {
        return None;
    }
    let (name, address) = match &piece.inside {
        // Two addresses in one mailbox: one to be seen, one to be used. Twice the same is no lie.
        Some(inside) if piece.outside.contains('@') && !is_same(&piece.outside, inside) => return None,
        Some(inside) => (piece.outside.as_str(), inside.as_str()),
        None => (piece.comment.as_str(), piece.outside.as_str()),
    };
    let address = Address::read(address).ok()?;
    Some(Mailbox { name: decode(&name.replace('\u{1}', "@")), address })
}

/// The display name of the first mailbox, whatever its address: to know a signature by.
pub(super) fn read_display_name(value: &str) -> String {
    split_list(value).first().map(|piece| decode(&piece.outside)).unwrap_or_default()
}

/// The only mailbox of a value. A group (`Team: a@b;`) names nobody as the author.
pub(super) fn read_author(value: &str) -> Option<Mailbox> {
    match split_list(value).as_slice() {
        [only] if !only.ends_group => read_mailbox(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(value: &str) -> Option<String> {
        read_author(value).map(|found| format!("{}|{}", found.name, found.address))
    }

    #[test]
    fn the_author_is_one_mailbox_or_nobody() {
        assert_eq!(author("Dana <dana@ops.example>").as_deref(), Some("Dana|dana@ops.example"));
        assert_eq!(author("\"Doe, Jane\" <j@x.example>").as_deref(), Some("Doe, Jane|j@x.example"));
        assert_eq!(
            author("Doe, Jane <j@x.example>").as_deref(),
            Some("Doe, Jane|j@x.example").map(|_| "Doe Jane|j@x.example")
        );
        assert_eq!(author("j@x.example (Jane)").as_deref(), Some("Jane|j@x.example"));
        assert_eq!(author("=?utf-8?q?J=C3=B6rg?= <j@x.example>").as_deref(), Some("Jörg|j@x.example"));
        assert_eq!(
            author("\"a@good.example\" <j@x.example>").as_deref(),
            Some("a@good.example|j@x.example")
        );
        let twice = author("'j@x.example' <j@x.example>");
        assert_eq!(twice.as_deref(), Some("'j@x.example'|j@x.example"));
        for nobody in [
            "",
            "Dana",
            "<a@good.example><b@evil.example>",
            "a@good.example, b@evil.example",
            "a@good.example <b@evil.example>",
            "Team: a@x.example;",
            "\"a\\\"b\": Team <a@x.example>;",
            "a@x.example;",
            "Dana <dana@ops.example",
            "Dana <dana@ops.example> b",
            "a\u{0}@x.example",
        ] {
            assert_eq!(author(nobody), None, "{nobody:?}");
        }
    }

    #[test]
    fn octets_of_a_header_are_read_in_the_charset_of_the_body() {
        for (label, from, subject, name, words) in [
            (
                "gbk",
                &b"\xc0\xee\xc3\xf7"[..],
                &b"Re: \xb7\xfe\xce\xf1\xc6\xf7"[..],
                "李明",
                "Re: 服务器",
            ),
            ("Shift_JIS", b"\x93c\x92\x86", b"\x83T\x81[\x83o", "田中", "サーバ"),
            ("windows-1251", b"\xc8\xe2\xe0\xed", b"\xd1\xe5\xf0\xe2\xe5\xf0", "Иван", "Сервер"),
            ("koi8-r", b"\xe9\xd7\xc1\xce", b"\xf3\xc5\xd2\xd7\xc5\xd2", "Иван", "Сервер"),
            ("iso-8859-1", b"J\xf6rg", b"Ausf\xe4lle", "Jörg", "Ausfälle"),
            ("utf-8", b"J\xf6rg", b"Ausf\xe4lle", "Jörg", "Ausfälle"),
            ("gbk", b"J\xc3\xb6rg", b"Ausf\xc3\xa4lle", "Jörg", "Ausfälle"),
        ] {
            for multipart in ["", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"] {
                let kind = format!("Content-Type: text/plain; charset=\"{label}\"\r\n\r\n");
                let mail = [
                    b"From: ",
                    from,
                    b" <a@x.example>\r\nSubject: ",
                    subject,
                    b"\r\n",
                    multipart.as_bytes(),
                    kind.as_bytes(),
                ];
                let fields = Fields::read(&mail.concat());
                let from = fields.first("from").and_then(read_author).expect("an author");
                assert_eq!(
                    (from.name.as_str(), from.address.as_str()),
                    (name, "a@x.example"),
                    "{label}"
                );
                assert_eq!(fields.first("subject"), Some(words), "{label}");
            }
        }
    }

    #[test]
    fn no_charset_of_the_body_changes_an_address() {
        for from in [
            &b"\"a\x81\\\" <e@evil.example>, \" <a@x.example>"[..],
            b"\"a\x81\" <a@x.example>",
            b"a\x81@x.example",
            b"\x81(a) <a@x.example>, b@x.example",
        ] {
            let read = |label: &str| {
                let kind = format!("\r\nContent-Type: text/plain; charset={label}\r\n\r\n");
                let fields = Fields::read(&[b"From: ", from, kind.as_bytes()].concat());
                let mailboxes = fields.all("from").flat_map(read_mailboxes);
                mailboxes.map(|found| found.map(|found| found.address)).collect::<Vec<_>>()
            };
            for label in ["gbk", "shift_jis", "big5", "euc-kr", "iso-2022-jp", "koi8-r", "utf-16"] {
                assert_eq!(read(label), read("x-unknown"), "{from:?} in {label}");
            }
        }
    }

    #[test]
    fn a_display_name_cannot_bring_a_line_of_its_own() {
        let name = author("=?utf-8?b?RGFuYQ0KQmNjOiB4?= <dana@ops.example>");
        assert_eq!(name.as_deref(), Some("Dana Bcc: x|dana@ops.example"));
    }

    #[test]
    fn only_narrow_identifiers_are_identifiers() {
        assert_eq!(read_message_id("<a.b@c>").as_deref(), Some("a.b@c"));
        for id in ["a@b", "<a b@c>", "<a>", "<@c>", "<a\u{0}@c>", "<a@b@c", "<é@c>"] {
            assert_eq!(read_message_id(id), None, "{id:?}");
        }
        assert_eq!(read_message_id(&format!("<{}@c>", "a".repeat(249))), None);
        let ids: Vec<_> = read_message_ids("your mail of Monday <a@b>, <c@d><bad> <e@f>").collect();
        assert_eq!(ids, ["a@b", "c@d", "e@f"]);
    }
}
