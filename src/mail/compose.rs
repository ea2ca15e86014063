//! From a letter's words to finished octets, and the marks in them that each copy fills.
//!
//! Every value that came from mail passes one of the functions at the end of this file before it
//! reaches a header: CR, LF, NUL and the other controls never do. Start with [`compose`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};

use super::{Address, ListWish, OwnAddress, header};
use crate::incident::decision::Purpose;

/// Stands where a person's token goes; as long as a token, so that filling moves no octet.
pub const TOKEN_MARK: &str = "tokentokentokent";

/// Stands in the header where the token goes by which a person leaves a list, and is as long as one.
const LEAVE_MARK: &str = "leave-token-mark";

/// The longest Message-ID that we repeat in a field of ours; RFC 5322 section 2.1.1 ends a line at
/// 998 octets, relays often earlier.
const ID_OCTETS_MAX: usize = 250;
/// The root and the nearest ancestors; the relay in between may have lost any of them.
const REFERENCES_MAX: usize = 11;
/// A subject beyond this helps nobody and is cut by every client.
const SUBJECT_CHARS_MAX: usize = 200;
/// RFC 5322 section 2.1.1, without the CRLF.
const LINE_OCTETS_MAX: usize = 998;
const DISPLAY_NAME_CHARS_MAX: usize = 80;

/// A mail in words, before it is octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub purpose: Purpose,
    /// ASCII: `INC-42 SEV-1 investigating`.
    pub display_name: String,
    pub subject: String,
    /// Part of the incident's thread, or of a thread of its own so that muting the first mutes no
    /// duty: `None`, or a name that is the same for all mail of that duty.
    pub duty: Option<String>,
    /// Complete by itself, 72 columns, `\n` line ends.
    pub text: String,
    /// ASCII only, so that it needs no encoding; has [`TOKEN_MARK`] in its
    /// `mailto:` links when `to_persons`. Empty where the text goes alone.
    pub html: String,
    /// Sent to persons, each with their token; otherwise to lists.
    pub to_persons: bool,
}

/// What the header needs beside the letter.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    pub own: &'a OwnAddress,
    /// The incident it is about, which its Reply-To names.
    pub incident: Option<i64>,
    /// Where there is no incident: the tag of the Reply-To without its token, such as `held.7`.
    pub reply_tag: Option<&'a str>,
    /// Where answers go instead: nobody outside answers into an incident.
    pub reply_to: Option<&'a Address>,
    /// The To field: a person with their name, a list, or the incident's own address when the same
    /// octets go to many.
    pub to: (&'a str, &'a Address),
    /// Without brackets.
    pub message_id: &'a str,
    /// Synthetic root, then what is being answered; without brackets.
    pub references: &'a [String],
    pub list_name: &'a str,
    /// The list of ours by which its readers hear of it, where they may leave that.
    pub members_of: Option<MembersOf<'a>>,
    pub now: DateTime<Utc>,
}

/// A list of ours whose members get a letter.
#[derive(Debug, Clone, Copy)]
pub struct MembersOf<'a> {
    pub name: &'a str,
    /// Where the pages are that a mail program may post to (RFC 8058); `None` where there are none, or
    /// where nothing signs the field that says so.
    pub one_click_url: Option<&'a str>,
}

/// Makes the octets of a letter, ready to be stored.
///
/// The same letter and frame always make the same octets. When `letter.to_persons` they have
/// [`TOKEN_MARK`] in Reply-To and in the links; [`fill_token`] fills it in each copy.
pub fn compose(letter: &Letter, frame: &Frame<'_>) -> Vec<u8> {
    let own = frame.own.address();
    let subject = safe_line(&letter.subject, SUBJECT_CHARS_MAX);
    let mut builder = lettre::Message::builder()
        .from(mailbox(&letter.display_name, own, own))
        .to(mailbox(frame.to.0, frame.to.1, own))
        .date(system_time(frame.now))
        .raw_header(raw("Message-ID", bracketed(frame.message_id)))
        .subject(subject.clone());
    if let Some(reply_to) = reply_to(letter, frame) {
        builder = builder.reply_to(mailbox("", &reply_to, own));
    }
    if !letter.to_persons {
        if let Some(number) = frame.incident {
            builder = builder.cc(mailbox("", &frame.own.of_incident(number, None), own));
        }
        builder = builder.raw_header(raw("List-Id", list_id(frame, None)));
    }
    if let Some(list) = frame.members_of {
        builder = builder.raw_header(raw("List-Id", list_id(frame, Some(list.name))));
        builder = builder.raw_header(folded("List-Unsubscribe", ", ", &ways_to_leave(frame, list)));
        if list.one_click_url.is_some() {
            let post = "List-Unsubscribe=One-Click".to_owned();
            builder = builder.raw_header(raw("List-Unsubscribe-Post", post));
        }
    }
    let references = references(frame.references);
    if let Some(parent) = references.last() {
        builder = builder.raw_header(raw("In-Reply-To", parent.clone()));
        builder = builder.raw_header(folded("References", " ", &references));
    }
    let builder = builder
        .raw_header(raw("Thread-Topic", subject))
        .raw_header(raw("Auto-Submitted", auto_submitted(letter.purpose)))
        .raw_header(raw("X-Auto-Response-Suppress", "All".to_owned()))
        .raw_header(raw("X-Firebell-Loop", "1".to_owned()));
    let text = part(ContentType::TEXT_PLAIN, &letter.text);
    let message = if letter.html.is_empty() {
        builder.singlepart(text)
    } else {
        let parts = MultiPart::alternative().boundary(boundary(frame.message_id)).singlepart(text);
        builder.multipart(parts.singlepart(part(ContentType::TEXT_HTML, &letter.html)))
    };
    message.expect("a From and a To are set above").formatted()
}

/// What tells machines that nobody typed it (RFC 3834 section 5.1).
fn auto_submitted(purpose: Purpose) -> String {
    if purpose.is_answer() { "auto-replied" } else { "auto-generated" }.to_owned()
}

/// What a copy for a member of a list is filled with: the person's token, and the one to leave.
pub fn member_token(token: &str, leave_token: &str) -> String {
    format!("{token}{leave_token}")
}

/// The octets of one person's copy; `token` may be a [`member_token`].
pub fn fill_token(octets: &[u8], token: &str) -> Vec<u8> {
    let Some((token, leave_token)) = token.split_at_checked(TOKEN_MARK.len()) else {
        return fill_mark(octets, TOKEN_MARK, token);
    };
    let filled = fill_mark(octets, TOKEN_MARK, token);
    if leave_token.is_empty() {
        return filled;
    }
    // In the text such a mark would be somebody's words.
    let end = position(&filled, b"\r\n\r\n").unwrap_or(filled.len());
    let (head, body) = filled.split_at(end);
    let mut out = fill_mark(head, LEAVE_MARK, leave_token);
    out.extend_from_slice(body);
    out
}

/// The mark of one incident's token in a mail that speaks of several.
pub fn token_mark_of(incident: i64) -> String {
    // 0, 1, 8 and 9 are no characters of a token, so a filled copy has no mark left.
    format!("m0{:0>14}", incident.rem_euclid(100_000_000_000_000))
}

/// Replaces every `mark` by something of the same length, so that no octet moves.
pub fn fill_mark(octets: &[u8], mark: &str, token: &str) -> Vec<u8> {
    let (mark, token) = (mark.as_bytes(), token.as_bytes());
    debug_assert_eq!(mark.len(), token.len(), "a token is as long as its mark");
    let mut out = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some(at) = position(rest, mark) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        out.extend_from_slice(token);
        rest = after.get(mark.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

fn position(octets: &[u8], mark: &[u8]) -> Option<usize> {
    let first = *mark.first()?;
    let mut from = 0;
    loop {
        from += octets.get(from..)?.iter().position(|octet| *octet == first)?;
        if octets.get(from..)?.starts_with(mark) {
            return Some(from);
        }
        from += 1;
    }
}

fn reply_to(letter: &Letter, frame: &Frame<'_>) -> Option<Address> {
    if let Some(elsewhere) = frame.reply_to {
        return Some(elsewhere.clone());
    }
    let token = letter.to_persons.then_some(TOKEN_MARK);
    match (frame.incident, frame.reply_tag, token) {
        (Some(number), _, token) => Some(frame.own.of_incident(number, token)),
        (None, Some(tag), Some(token)) => Some(frame.own.tagged(&format!("{tag}.{token}"))),
        (None, Some(tag), None) => Some(frame.own.tagged(tag)),
        (None, None, _) => None,
    }
}

/// How a member leaves, the way that needs no page first (RFC 2369 section 3.2).
fn ways_to_leave(frame: &Frame<'_>, list: MembersOf<'_>) -> Vec<String> {
    let name = list.name.to_lowercase();
    let to = frame.own.tagged(&format!("{}.{name}.{LEAVE_MARK}", ListWish::Leave.name()));
    let mailto = format!("<mailto:{to}?subject=leave>");
    let page = list.one_click_url.map(|url| format!("<{url}/leave/{name}/{LEAVE_MARK}>"));
    [Some(mailto), page].into_iter().flatten().collect()
}

/// `Example incidents <incidents.example.org>` (RFC 2919): the same for all mail of this server to other
/// lists, and one for each list of ours.
fn list_id(frame: &Frame<'_>, list: Option<&str>) -> String {
    let own = frame.own.address();
    let label: String = own
        .local_part()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' })
        .collect();
    let name: String = safe_line(frame.list_name, DISPLAY_NAME_CHARS_MAX).replace(['<', '>', '"'], " ");
    let list = list.map(|list| format!("{}.", list.to_lowercase())).unwrap_or_default();
    let id = format!("<{list}{label}.{}>", own.domain());
    if name.trim().is_empty() { id } else { format!("{} {id}", name.trim()) }
}

/// The root, then the nearest of the rest, each once.
fn references(ids: &[String]) -> Vec<String> {
    let mut usable: Vec<String> = Vec::new();
    for id in ids.iter().filter(|id| is_message_id(id)) {
        let id = bracketed(id);
        if !usable.contains(&id) {
            usable.push(id);
        }
    }
    if usable.len() > REFERENCES_MAX {
        usable.drain(1..usable.len() - (REFERENCES_MAX - 1));
    }
    usable
}

/// An id that may stand in a header of ours: printable, no blanks or brackets, one `@`.
///
/// RFC 5322 section 3.6.4 allows more; what senders put there beyond this is not worth the risk.
fn is_message_id(id: &str) -> bool {
    let printable = |c: u8| c.is_ascii_graphic() && !b"<>()[]\\,;:\"".contains(&c);
    id.len() <= ID_OCTETS_MAX
        && id.split_once('@').is_some_and(|(left, right)| !left.is_empty() && !right.is_empty())
        && id.matches('@').count() == 1
        && id.bytes().all(printable)
}

fn bracketed(id: &str) -> String {
    let inner: String = id.chars().filter(|c| c.is_ascii_graphic() && !"<>".contains(*c)).collect();
    format!("<{inner}>")
}

/// The Message-ID's left side is unguessable, so nobody can write a text that ends our part.
fn boundary(message_id: &str) -> String {
    let left = message_id.split('@').next().unwrap_or_default();
    let left: String = left.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("firebell_{left}")
}

/// 7bit wherever it is possible, so that the marks stay as they are; never base64, which would hide
/// them. lettre's own choice would, for HTML with long lines.
fn part(kind: ContentType, text: &str) -> SinglePart {
    let text: String = text.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let plain = text.is_ascii() && text.lines().all(|line| line.len() <= LINE_OCTETS_MAX);
    let body = if plain {
        let octets = text.replace('\n', "\r\n").into_bytes();
        Body::dangerous_pre_encoded(octets, ContentTransferEncoding::SevenBit)
    } else {
        // Quoted-printable takes everything, so the other arm is never reached.
        Body::new_with_encoding(text.clone(), ContentTransferEncoding::QuotedPrintable)
            .unwrap_or_else(|_| Body::new(text))
    };
    SinglePart::builder().header(kind).body(body)
}

/// A mailbox with a display name that lettre takes without panicking; an address that it refuses
/// becomes `fallback`, because To is for reading only: the envelope says where a mail goes.
fn mailbox(name: &str, address: &Address, fallback: &Address) -> Mailbox {
    let name = safe_line(name, DISPLAY_NAME_CHARS_MAX);
    let parsed = address.as_str().parse().or_else(|_| fallback.as_str().parse());
    let address = parsed.expect("the configured address is checked at start");
    Mailbox::new((!name.is_empty()).then_some(name), address)
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

/// Words one a line, each of them printable: nothing here needs encoding.
fn folded(name: &'static str, between: &str, words: &[String]) -> HeaderValue {
    let value = words.join(&format!("{}\r\n ", between.trim_end()));
    let name = HeaderName::new_from_ascii_str(name);
    HeaderValue::dangerous_new_pre_encoded(name, words.join(between), value)
}

fn system_time(at: DateTime<Utc>) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or_default())
}

/// The one way of a value into a header: one line, no controls, no direction overrides, not long.
fn safe_line(text: &str, chars: usize) -> String {
    let clean = text.replace(header::disturbs_line, " ");
    // An encoded word of somebody else's (RFC 2047) would be decoded by the reader into anything.
    let clean = clean.replace("=?", "= ?");
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::MessageParser;

    const ID: &str = "abcdefghijklmnopqrstuvwxyz@example.org";
    const FOR_PERSONS: [&str; 14] = [
        "From",
        "To",
        "Date",
        "Message-ID",
        "Subject",
        "Reply-To",
        "In-Reply-To",
        "References",
        "Thread-Topic",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "X-Firebell-Loop",
        "MIME-Version",
        "Content-Type",
    ];

    fn own() -> OwnAddress {
        OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+')
    }

    fn letter(subject: &str, text: &str) -> Letter {
        let mark = own().of_incident(42, Some(TOKEN_MARK));
        Letter {
            purpose: Purpose::FollowUp,
            display_name: "INC-42 SEV-1 investigating".to_owned(),
            subject: subject.to_owned(),
            duty: None,
            text: text.to_owned(),
            html: format!("<p><a href=\"mailto:{mark}?body=ack\">ack</a></p>\n<p>&#252;</p>\n"),
            to_persons: true,
        }
    }

    fn composed(letter: &Letter, to: &str, references: &[String]) -> Vec<u8> {
        let own = own();
        let address = own.of_incident(42, None);
        compose(
            letter,
            &Frame {
                own: &own,
                incident: Some(42),
                reply_tag: None,
                reply_to: None,
                to: (to, &address),
                message_id: ID,
                references,
                list_name: "Example incidents",
                members_of: None,
                now: DateTime::from_timestamp(1_763_734_800, 0).unwrap(),
            },
        )
    }

    fn header_names(octets: &[u8]) -> Vec<String> {
        let text = String::from_utf8_lossy(octets).into_owned();
        let head = text.split("\r\n\r\n").next().unwrap_or_default().to_owned();
        let starts = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        starts.map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    fn sorted(mut names: Vec<String>) -> Vec<String> {
        names.sort();
        names
    }

    fn expected() -> Vec<String> {
        sorted(FOR_PERSONS.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_letter_for_persons_has_this_header_and_no_other() {
        let octets =
            composed(&letter("[INC-42] Checkout", "Hello\n"), "", &["root@example.org".to_owned()]);
        assert_eq!(sorted(header_names(&octets)), expected());
        let message = MessageParser::default().parse(&octets).unwrap();
        assert_eq!(message.subject(), Some("[INC-42] Checkout"));
        assert_eq!(message.message_id(), Some(ID));
        assert_eq!(message.in_reply_to().as_text(), Some("root@example.org"));
        assert_eq!(message.body_text(0).as_deref(), Some("Hello\r\n"));
        let from = message.from().and_then(|from| from.first()).unwrap();
        assert_eq!(from.name(), Some("INC-42 SEV-1 investigating"));
        assert_eq!(from.address(), Some("incidents@example.org"));
    }

    #[test]
    fn only_an_answer_says_that_it_is_one() {
        for (purpose, submitted) in [
            (Purpose::FollowUp, "auto-generated"),
            (Purpose::Held, "auto-generated"),
            (Purpose::Receipt, "auto-replied"),
            (Purpose::Status, "auto-replied"),
        ] {
            let letter = Letter { purpose, ..letter("[INC-42] Checkout", "Hello\n") };
            let text = String::from_utf8(composed(&letter, "", &[])).unwrap();
            assert!(text.contains(&format!("\r\nAuto-Submitted: {submitted}\r\n")), "{purpose:?}");
        }
    }

    #[test]
    fn no_value_from_mail_reaches_a_header_of_its_own() {
        for evil in [
            "a\r\nBcc: victim@x.example",
            "a\nBcc: victim@x.example",
            "a\rBcc: victim@x.example",
            "a\u{0}\r\n\r\nbody",
            "\u{2028}Bcc: victim@x.example",
            "=?utf-8?q?a=0D=0ABcc:_victim@x.example?=",
            "\u{202e}gro.elpmaxe\u{202c}",
            &"x".repeat(10_000),
            &"é".repeat(10_000),
        ] {
            let mut letter = letter(evil, "Hello\n");
            letter.display_name = evil.to_owned();
            let ids = [format!("<{evil}@x>"), evil.to_owned(), "good@x.example".to_owned()];
            let octets = composed(&letter, evil, &ids);
            assert_eq!(sorted(header_names(&octets)), expected(), "{evil:?}");
            let text = String::from_utf8(octets.clone()).unwrap();
            assert!(text.lines().all(|line| line.len() < 998), "{evil:?}");
            let message = MessageParser::default().parse(&octets).unwrap();
            assert!(message.bcc().is_none());
            assert_eq!(message.references().as_text(), Some("good@x.example"));
            assert!(!message.subject().unwrap_or_default().contains(['\r', '\n', '\0']));
        }
    }

    #[test]
    fn every_mark_is_found_after_composing_and_filling_moves_no_octet() {
        let octets = composed(&letter("[INC-42] Ausfälle", "Grüße, ein Satz.\n"), "Zoë", &[]);
        let text = String::from_utf8(octets.clone()).unwrap();
        assert_eq!(text.matches(TOKEN_MARK).count(), 2, "Reply-To and one link");
        let filled = fill_token(&octets, "abcdefghijklmnop");
        assert_eq!(filled.len(), octets.len());
        assert!(!String::from_utf8(filled.clone()).unwrap().contains(TOKEN_MARK));
        let message = MessageParser::default().parse(&filled).unwrap();
        let reply_to = message.reply_to().and_then(|to| to.first()).unwrap();
        assert_eq!(reply_to.address(), Some("incidents+42.abcdefghijklmnop@example.org"));
        assert_eq!(message.subject(), Some("[INC-42] Ausfälle"));
        assert_eq!(message.body_text(0).as_deref(), Some("Grüße, ein Satz.\r\n"));
        assert!(message.body_html(0).unwrap().contains("incidents+42.abcdefghijklmnop@"));
    }

    #[test]
    fn a_list_copy_has_no_token_and_goes_to_the_incident_too() {
        let mut letter = letter("[INC-42] Checkout", "Hello\n");
        letter.to_persons = false;
        letter.html = "<p>x</p>\n".to_owned();
        let octets = composed(&letter, "", &[]);
        assert!(!String::from_utf8_lossy(&octets).contains(TOKEN_MARK));
        let message = MessageParser::default().parse(&octets).unwrap();
        let cc = message.cc().and_then(|cc| cc.first()).unwrap();
        assert_eq!(cc.address(), Some("incidents+42@example.org"));
        assert!(header_names(&octets).contains(&"List-Id".to_owned()));
        assert!(String::from_utf8_lossy(&octets).contains("<incidents.example.org>"));
    }

    #[test]
    fn the_same_letter_makes_the_same_octets() {
        let letter = letter("[INC-42] Checkout", "Hello\n");
        assert_eq!(composed(&letter, "", &[]), composed(&letter, "", &[]));
    }

    #[test]
    fn a_long_thread_keeps_its_root_and_its_nearest_mails() {
        let ids: Vec<String> = (0..40).map(|n| format!("m{n}@x.example")).collect();
        let kept = references(&ids);
        assert_eq!(kept.len(), REFERENCES_MAX);
        assert_eq!(kept.first().map(String::as_str), Some("<m0@x.example>"));
        assert_eq!(kept.last().map(String::as_str), Some("<m39@x.example>"));
    }

    #[test]
    fn marks_of_several_incidents_are_as_long_as_a_token_and_never_a_token() {
        let mark = token_mark_of(42);
        assert_eq!(mark.len(), super::super::ids::TOKEN_CHARS);
        assert_eq!(TOKEN_MARK.len(), super::super::ids::TOKEN_CHARS);
        assert_ne!(mark, token_mark_of(43));
        assert_eq!(fill_mark(mark.as_bytes(), &mark, "abcdefghijklmnop"), b"abcdefghijklmnop");
    }
}
