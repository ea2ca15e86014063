//! A received message as a value: who says they wrote it, what is new in it, and the clues by
//! which it may belong to an incident.
//!
//! Reading never fails and never panics: what cannot be understood is absent from the value, and
//! the octets are kept elsewhere. Nothing here decides what a message does.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::body::{self, Body};
use super::dsn::{self, Report};
use super::header::{self, Fields};
use super::key::{Content, Text, content_key, raw_body};
use super::meeting::Meeting;
use super::origin::{self, Signs};
use super::{Address, Attachment, Origin, attachment, list, meeting, nested, pictures, quote, wrapped};

/// Ancestors that are kept of a message, as many as GitHub's longest threads name.
const ANCESTORS_MAX: usize = 500;
/// Recipients that are kept of a message, as Postfix's `smtpd_recipient_limit`.
const RECIPIENTS_MAX: usize = 1_000;

/// A display name beyond this is no name; it is kept with everything that its owner does.
const NAME_CHARS_MAX: usize = 200;

/// Where an address can stand to which a message was sent.
const RECIPIENT_FIELDS: [&str; 12] = [
    "to",
    "cc",
    "resent-to",
    "resent-cc",
    "delivered-to",
    "x-delivered-to",
    "x-original-to",
    "x-real-to",
    "x-rcpt-to",
    "envelope-to",
    "x-envelope-to",
    "x-forwarded-to",
];

/// A mailbox of a header field: display name, if any, and address (RFC 5322 section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox {
    /// Decoded and freed of control characters; empty when there was none.
    pub name: String,
    /// The addr-spec.
    pub address: Address,
}

/// What was read from the octets of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundMail {
    /// The Message-ID without brackets; `None` when absent or not usable as an identifier.
    pub message_id: Option<String>,
    /// `In-Reply-To`, then `References` from last to first: the nearest ancestor first, each once,
    /// without brackets.
    pub ancestors: Vec<String>,
    /// The only mailbox of the only `From`; `None` when there is none or more than one, and then
    /// the message verifies nobody. Where a list put itself into `From`, the author of the post.
    pub from: Option<Mailbox>,
    /// The author stands in another field than `From`, which the list that the message came through
    /// made its own: no network vouches for such an author.
    pub from_rewritten: bool,
    /// Every address found where a recipient can stand: To, Cc, Delivered-To and its like, and what a
    /// server received it for. The envelope's own are not among them.
    pub recipients: Vec<Address>,
    /// Decoded, on one line, as written; `Re:` and tags included.
    pub subject: String,
    /// The author's clock. For people to read; no rule ever uses it.
    pub date: Option<DateTime<Utc>>,
    /// Person or which kind of machine.
    pub origin: Origin,
    /// Came through a mailing list: a person's mail still, but no automatic answer goes out.
    pub through_list: bool,
    /// What the sender wrote now: lines ended by `\n`, no quotation, no signature.
    pub new_text: String,
    /// What was cut off, in the order it stood; empty when nothing was.
    pub elided: String,
    /// The files that came with it.
    pub attachments: Vec<Attachment>,
    /// SHA-256 by which a second copy of the same message is known: over Message-ID and content,
    /// not over what a route or a list adds.
    pub content_key: [u8; 32],
    /// What it says of the delivery of another mail, where it is a delivery report.
    pub report: Option<Report>,
    /// What it says of a meeting, where it is an invitation or an answer to one.
    pub meeting: Option<Meeting>,
    /// Servers that it came through, as far as its header tells (RFC 5321 section 4.4).
    pub hops: usize,
    /// Its text is in UTF-7, which hides what it says: for people to read, never for commands.
    pub for_reading_only: bool,
    /// Why the body was not read; what the header alone tells is there nevertheless.
    pub unreadable: Option<&'static str>,
}

/// Reads the octets of a message (RFC 5322, MIME).
///
/// `null_reverse_path` says that the envelope's reverse-path was `<>`, which only machines use
/// (RFC 5321 section 4.5.5).
pub fn read_mail(octets: &[u8], null_reverse_path: bool) -> InboundMail {
    let octets = &*with_line_ends(octets);
    let fields = Fields::read(octets);
    let parsed = nested::parse(octets);
    let opened = parsed.0.as_ref().and_then(wrapped::open);
    let (message, unreadable) = opened.as_deref().map_or(parsed, nested::parse);
    let written_from = read_from(&fields);
    let author_of_post = written_from.as_ref().and_then(|from| list::read_author(&fields, from));
    let from_rewritten = author_of_post.is_some();
    let from = author_of_post.or_else(|| written_from.clone());
    let subject = fields.first("subject").map(header::decode).unwrap_or_default();
    let Body { lines, pages } = message.as_ref().map(body::read_body).unwrap_or_default();
    let origin = {
        let text = quote::beginning(&lines, origin::TEXT_OCTETS);
        let (message, from) = (message.as_ref(), written_from.as_ref());
        let subject = &subject;
        origin::read_origin(&Signs {
            fields: &fields,
            from,
            subject,
            message,
            text: &text,
            null_reverse_path,
        })
    };
    let report = (origin == Origin::DeliveryReport).then(|| {
        let reporter = from.as_ref().map(|from| &from.address);
        dsn::read_report(octets, message.as_ref(), dsn::Clues { subject: &subject, reporter })
    });
    let meeting = message.as_ref().filter(|_| origin == Origin::Meeting);
    let meeting = meeting.and_then(|message| meeting::read_meeting(message, from.as_ref()));
    let author = match &from {
        Some(author) if from_rewritten => author.name.clone(),
        _ => fields.first("from").map(header::read_display_name).unwrap_or_default(),
    };
    let quote::Split { mut new_text, mut elided } = quote::split(lines, &author);
    let is_sealed = message.as_ref().is_some_and(|message| wrapped::is_sealed(message, &new_text));
    let unreadable = unreadable.or(is_sealed.then_some("it is encrypted"));
    if is_sealed {
        elided.insert_str(0, &std::mem::take(&mut new_text));
    }
    let message_id = read_message_id(&fields);
    let attachments = message.as_ref().map(|message| {
        let pictures = pictures::read_pictures(pages, &author);
        attachment::read_attachments(message, &pictures)
    });
    let attachments = attachments.unwrap_or_default();
    let content_key = content_key(&Content {
        fields: &fields,
        message_id: message_id.as_deref(),
        author: from.as_ref().map(|from| from.address.as_str()),
        subject: &subject,
        text: match &message {
            Some(_) if new_text.trim().is_empty() => Text::Read(&elided),
            Some(_) => Text::Read(&new_text),
            None => Text::Raw(raw_body(octets)),
        },
        attachments: &attachments,
    });
    InboundMail {
        message_id,
        ancestors: read_ancestors(&fields),
        recipients: read_recipients(&fields),
        date: fields.first("date").and_then(header::read_date),
        through_list: list::came_through_list(&fields),
        attachments,
        content_key,
        from,
        from_rewritten,
        subject,
        origin,
        new_text,
        elided,
        report,
        meeting,
        hops: fields.all("received").count(),
        for_reading_only: message.as_ref().is_some_and(body::is_for_reading_only),
        unreadable,
    }
}

/// Whom a message says it is from: the only mailbox of its only From (RFC 5322 section 3.6.2).
pub fn read_sole_author(octets: &[u8]) -> Option<Address> {
    read_from(&Fields::read(octets)).map(|from| from.address)
}

/// The whole text of a message, quotations and all: of one of our own letters, the lines that
/// are no commands when they come back.
pub fn text_of(octets: &[u8]) -> String {
    let octets = &*with_line_ends(octets);
    let parsed = nested::parse(octets).0;
    let opened = parsed.as_ref().and_then(wrapped::open);
    let message = opened.as_deref().map_or(parsed, |opened| nested::parse(opened).0);
    message.map(|message| quote::whole_text(&body::read_body(&message).lines)).unwrap_or_default()
}

/// All that one of our own letters shows: its text, which is known, and its HTML. Programmes quote the
/// one or the other.
pub fn shown_by(text: &str, octets: &[u8]) -> String {
    let html = html_of(octets).map(|html| quote::html::read_lines(&html)).unwrap_or_default();
    format!("{text}\n{}", quote::whole_text(&html))
}

/// The HTML part of a message, as it was written.
pub fn html_of(octets: &[u8]) -> Option<String> {
    nested::parse(octets).0.and_then(|message| message.body_html(0).map(Cow::into_owned))
}

/// With the line ends that it has on the wire (RFC 5321 section 2.3.8). Files and pipes leave the CR
/// out, and where a message is broken, the parser and some charsets then make another text of it.
fn with_line_ends(octets: &[u8]) -> Cow<'_, [u8]> {
    let is_bare = |pair: &[u8]| matches!(pair, [before, b'\n'] if *before != b'\r');
    if !octets.starts_with(b"\n") && !octets.windows(2).any(is_bare) {
        return Cow::Borrowed(octets);
    }
    let mut full = Vec::with_capacity(octets.len() + octets.len() / 32);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(bare) if !bare.ends_with(b"\r") => {
                full.extend_from_slice(bare);
                full.extend_from_slice(b"\r\n");
            }
            _ => full.extend_from_slice(line),
        }
    }
    Cow::Owned(full)
}

/// RFC 5322 section 3.6.2 allows a list of authors; of several none has a claim to be the one.
fn read_from(fields: &Fields) -> Option<Mailbox> {
    let mut all = fields.all("from");
    match (all.next(), all.next()) {
        (Some(only), None) if fields.is_whole() => header::read_author(only).map(|mut author| {
            author.name = author.name.chars().take(NAME_CHARS_MAX).collect();
            author
        }),
        _ => None,
    }
}

fn read_message_id(fields: &Fields) -> Option<String> {
    let mut all = fields.all("message-id");
    match (all.next(), all.next()) {
        (Some(only), None) => header::read_message_id(only),
        _ => None,
    }
}

fn read_ancestors(fields: &Fields) -> Vec<String> {
    let replied = fields.all("in-reply-to").flat_map(header::read_message_ids);
    let referred: Vec<String> = fields.all("references").flat_map(header::read_message_ids).collect();
    let mut seen = std::collections::HashSet::new();
    let all = replied.chain(referred.into_iter().rev());
    all.filter(|id| seen.insert(id.clone())).take(ANCESTORS_MAX).collect()
}

fn read_recipients(fields: &Fields) -> Vec<Address> {
    let mut seen = std::collections::HashSet::new();
    let values = RECIPIENT_FIELDS.iter().flat_map(|name| fields.all(name));
    let mailboxes = values.flat_map(header::read_mailboxes).flatten();
    let received_for = fields.all("received").filter_map(read_received_for);
    let addresses = mailboxes.map(|mailbox| mailbox.address).chain(received_for);
    addresses.filter(|address| seen.insert(address.key())).take(RECIPIENTS_MAX).collect()
}

/// `for <incidents+42@example.org>;` of a Received field (RFC 5321 section 4.4): where a mailbox is
/// read that tells of no envelope, it may be all that is left of one.
fn read_received_for(value: &str) -> Option<Address> {
    let mut words = value.split_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("for"));
    let address = words.nth(1)?.trim_end_matches(';').trim_matches(['<', '>']);
    Address::read(address).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "From: Dana <dana@ops.example>\r\nTo: incidents+42@example.org, Incidents+42@Example.org\r\n\
        Cc: Team: a@x.example, b@x.example;\r\nMessage-ID: <m1@ops.example>\r\nIn-Reply-To: <p@x>\r\n\
        References: <r@x> <q@x>\r\n <p@x>\r\nSubject: Re: =?utf-8?q?caf=C3=A9?=\r\n\
        Date: Mon, 6 Jan 2025 10:00:00 +0100\r\n\r\nIt works. \r\nBye\r\n";

    #[test]
    fn the_clues_of_a_reply_are_read() {
        let mail = read_mail(MAIL.as_bytes(), false);
        assert_eq!(mail.message_id.as_deref(), Some("m1@ops.example"));
        assert_eq!(mail.ancestors, ["p@x", "q@x", "r@x"]);
        let recipients: Vec<&str> = mail.recipients.iter().map(Address::as_str).collect();
        assert_eq!(recipients, ["incidents+42@example.org", "a@x.example", "b@x.example"]);
        assert_eq!(mail.subject, "Re: café");
        assert_eq!(mail.date.map(|date| date.timestamp()), Some(1_736_154_000));
        assert_eq!(mail.unreadable, None);
    }

    #[test]
    fn a_recipient_is_found_wherever_a_server_writes_one() {
        for field in [
            "X-Delivered-To: incidents+7.tok@example.org",
            "Resent-To: Incidents <incidents+7.tok@example.org>",
            "Received: from a.example by b.example with ESMTPS id x\r\n for <incidents+7.tok@example.org>;\r\n Mon",
        ] {
            let mail = read_mail(format!("{field}\r\n{MAIL}").as_bytes(), false);
            let found = mail.recipients.iter().any(|to| to.as_str() == "incidents+7.tok@example.org");
            assert!(found, "{field}: {:?}", mail.recipients);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_no_part_of_the_text() {
        let typed = "It\u{1b}]0;title\u{7} works\u{9b}31m.\tBye\u{0}";
        let mime = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nFrom:";
        let mail = MAIL.replace("It works. \r\nBye", typed).replacen("From:", mime, 1);
        assert_eq!(read_mail(mail.as_bytes(), false).new_text, "It]0;title works31m.\tBye\n");
        let html = mail.replace("text/plain", "text/html");
        let html = read_mail(html.as_bytes(), false).new_text;
        assert!(
            html.contains("works")
                && !html.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n')),
            "{html:?}"
        );
    }

    #[test]
    fn of_two_from_fields_neither_is_believed() {
        let mail = format!("From: eve@evil.example\r\n{MAIL}");
        assert_eq!(read_mail(mail.as_bytes(), false).from, None);
    }

    #[test]
    fn a_list_does_not_change_the_key_of_a_message() {
        let key = read_mail(MAIL.as_bytes(), false).content_key;
        let post = MAIL
            .replace("From: Dana <dana@ops.example>", "From: Dana via Ops <ops@lists.example>")
            .replace("Subject: Re: ", "Subject: [Ops] Re: ")
            .replace(
                "Bye\r\n",
                "Bye\r\n_______________________________________________\r\nOps mailing list\r\n\
                https://lists.example/listinfo/ops\r\n",
            );
        let post = format!(
            "List-Id: Ops <ops.lists.example>\r\nReply-To: Dana <dana@ops.example>, ops@lists.example\r\n\
             List-Post: <mailto:ops@lists.example>\r\n{post}"
        );
        let post = read_mail(post.as_bytes(), false);
        assert_eq!(post.content_key, key);
        assert!(post.from_rewritten && post.through_list);
        assert_eq!(
            post.from.map(|from| from.address),
            read_mail(MAIL.as_bytes(), false).from.map(|from| from.address)
        );
    }

    #[test]
    fn a_route_does_not_change_the_key_of_a_message() {
        let key = read_mail(MAIL.as_bytes(), false).content_key;
        let routed = format!("Received: from x by y\r\nDKIM-Signature: v=1\r\nX-Spam: no\r\n{MAIL}\r\n");
        assert_eq!(read_mail(routed.as_bytes(), false).content_key, key);
        assert_eq!(read_mail(MAIL.replace("\r\n", "\n").as_bytes(), false).content_key, key);
        assert_ne!(read_mail(MAIL.replace("Bye", "Buy").as_bytes(), false).content_key, key);
        assert_ne!(read_mail(MAIL.replace("m1@", "m2@").as_bytes(), false).content_key, key);
        assert_ne!(read_mail(MAIL.replace("dana@", "eve@").as_bytes(), false).content_key, key);
        assert_ne!(read_mail(MAIL.replace("caf", "bar").as_bytes(), false).content_key, key);
    }

    #[test]
    fn line_ends_do_not_change_the_key_in_any_charset() {
        for (label, octets) in [
            ("utf-7", &b"caf+AOk\r\nis +A\r\nOk-"[..]),
            ("utf-16le", b"c\0a\0\r\n\0b\0"),
            ("utf-16", b"\0c\0a\0\r\n\0b"),
            ("iso-2022-jp", b"\x1b$B7h:\r\nQ\x1b(B a\r\n"),
            ("utf-8", b"\x1b$B7h\r\n:Q\r\n"),
            ("us-ascii", b"\xff\xfec\0\r\n\0a\0"),
        ] {
            for encoding in ["8bit", "quoted-printable"] {
                let header = format!(
                    "From: Dana <dana@ops.example>\r\nno field\r\n.\r\nContent-Type: text/plain; \
                     charset={label}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
                );
                let full = [header.as_bytes(), octets].concat();
                let bare: Vec<u8> = full.iter().copied().filter(|octet| *octet != b'\r').collect();
                assert_eq!(read_mail(&full, false), read_mail(&bare, false), "{label} in {encoding}");
            }
        }
    }

    #[test]
    fn a_second_from_cannot_hide_behind_the_limits() {
        let padded = format!("X: {}\r\n{MAIL}", "y".repeat(crate::mail::limits::HEADER_OCTETS_MAX));
        assert_eq!(read_mail(padded.as_bytes(), false).from, None);
        let (head, body) = MAIL.split_once("\r\n\r\n").unwrap();
        let padded = format!("{head}\r\n{}\r\n{body}", "X: y\r\n".repeat(1_000));
        assert_eq!(read_mail(padded.as_bytes(), false).from, None);
    }

    #[test]
    fn a_bomb_is_read_by_its_header_and_kept_from_the_parser() {
        let bomb = format!("{MAIL}{}", "Content-Type: message/rfc822\r\n\r\n".repeat(30_000));
        let mail = read_mail(bomb.as_bytes(), false);
        assert!(mail.unreadable.is_some());
        assert_eq!(mail.subject, "Re: café");
        assert!(mail.from.is_some());
    }
}
