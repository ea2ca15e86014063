//! Delivery reports as values: whom a mail did not reach, for good or for now, and why.
//!
//! Whether a message is a report at all is `origin`'s to say, and whether a report is believed is
//! decided by the reverse-path it came to; nothing here is proof of anything. Start with
//! [`Report`]; the fields of RFC 3464 are read here, the words of systems without them in `words`.

mod dead;
mod words;

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::Address;
use super::header::{Fields, decode, one_line};
use super::quote;

/// Recipients that are kept of one report, as many as a mail may have.
const RECIPIENTS_MAX: usize = 1_000;
/// Reports that stand inside a message that was passed on are looked for this deep.
const NESTED_MAX: usize = 3;
/// How far into a broken report its paragraphs are looked for.
const BARE_OCTETS_MAX: usize = 64 * 1024;
/// A reason longer than this is a log, not a reason.
const REASON_CHARS_MAX: usize = 300;

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It arrived, or was handed to a system that does not report.
    Delivered,
    /// It waits, and will be tried again without us.
    Delayed,
    /// Nobody will try again.
    Failed,
}

/// What a report says of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The recipient as we wrote to them where the report says it, or else whoever it was passed on to.
    pub address: Address,
    pub outcome: Outcome,
    /// One line; empty when the report gives none.
    pub reason: String,
    /// There is no such mailbox: every further mail would fail, too.
    pub is_dead: bool,
}

/// A delivery report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The worst of all recipients.
    pub outcome: Outcome,
    /// One line for people, of the recipient with that outcome; empty when the report gives none.
    pub reason: String,
    /// Each once; empty when no address could be made out.
    pub recipients: Vec<Reported>,
}

/// Reads what a delivery report says; `message` is none where it was kept from the parser.
pub(super) fn read_report(octets: &[u8], message: Option<&Message<'_>>, clues: Clues<'_>) -> Report {
    let text = message.map(words::Text::of).unwrap_or_default();
    let mut groups = Vec::new();
    if let Some(message) = message {
        read_groups(message, 0, &mut groups);
    }
    if groups.is_empty() {
        read_bare_groups(octets, &mut groups);
    }
    let mut recipients = Vec::new();
    for group in groups {
        add(&mut recipients, group);
    }
    let said = text.outcome(clues.subject);
    let by_words: Vec<Address> =
        failed_recipients(octets).into_iter().chain(text.addresses(clues.reporter)).collect();
    let said_reason = text.reason(by_words.first());
    if recipients.is_empty() {
        for address in by_words {
            let is_dead = said == Outcome::Failed && dead::is_dead("", &said_reason);
            let reason = said_reason.clone();
            add(&mut recipients, Group { address: Some(address), outcome: said, reason, is_dead });
        }
    }
    let worst = recipients.iter().max_by_key(|recipient| recipient.outcome);
    let (outcome, reason) =
        worst.map_or((said, String::new()), |worst| (worst.outcome, worst.reason.clone()));
    let reason = if reason.is_empty() { said_reason } else { reason };
    Report { outcome, reason, recipients }
}

/// What is known of a report beside its body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clues<'a> {
    pub subject: &'a str,
    /// Who reports: a mailbox without a domain is one of theirs.
    pub reporter: Option<&'a Address>,
}

/// Whether a part is the machine's part of a report (RFC 3464, RFC 6533).
pub(super) fn is_status(part: &MessagePart<'_>) -> bool {
    is_kind(part, "delivery-status")
}

/// Whether a mailbox's own filter refused the mail: a sieve script's `reject` says so with a read
/// receipt that was deleted unread (RFC 5429 section 2.2).
pub(super) fn is_refused_by_filter(message: &Message<'_>) -> bool {
    message.parts.iter().filter(|part| is_kind(part, "disposition-notification")).any(|part| {
        let fields = Fields::read(&octets_of(part));
        fields.all("disposition").any(|value| {
            let value = value.to_ascii_lowercase();
            let (mode, kind) = value.split_once(';').unwrap_or_default();
            mode.contains("automatic-action") && kind.trim().starts_with("deleted")
        })
    })
}

fn is_kind(part: &MessagePart<'_>, kind: &str) -> bool {
    part.content_type().is_some_and(|found| {
        let subtype = found.subtype().unwrap_or_default().to_ascii_lowercase();
        found.ctype().eq_ignore_ascii_case("message") && subtype.ends_with(kind)
    })
}

fn octets_of(part: &MessagePart<'_>) -> Vec<u8> {
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.as_bytes().to_vec(),
        PartType::Binary(octets) | PartType::InlineBinary(octets) => octets.to_vec(),
        PartType::Message(_) | PartType::Multipart(_) => Vec::new(),
    }
}

/// The fields of one recipient (RFC 3464 section 2.3).
struct Group {
    address: Option<Address>,
    outcome: Outcome,
    reason: String,
    is_dead: bool,
}

/// Of the outermost report only: what it quotes may hold reports of its own.
fn read_groups(message: &Message<'_>, depth: usize, groups: &mut Vec<Group>) {
    let refused = is_refused_by_filter(message);
    for part in &message.parts {
        if is_status(part) || (refused && is_kind(part, "disposition-notification")) {
            let text = String::from_utf8_lossy(&octets_of(part)).replace("\r\n", "\n");
            groups.extend(text.split("\n\n").filter_map(read_group).take(RECIPIENTS_MAX));
        }
    }
    if !groups.is_empty() || depth == NESTED_MAX {
        return;
    }
    for part in &message.parts {
        if let PartType::Message(inner) = &part.body
            && inner.parts.iter().any(is_status)
        {
            read_groups(inner, depth + 1, groups);
        }
    }
}

/// Where gateways broke the MIME structure the paragraphs are there all the same, before the mail
/// that is returned.
fn read_bare_groups(octets: &[u8], groups: &mut Vec<Group>) {
    let octets = octets.get(..octets.len().min(BARE_OCTETS_MAX)).unwrap_or_default();
    let text = String::from_utf8_lossy(octets).replace("\r\n", "\n");
    for paragraph in text.split("\n\n") {
        groups.extend(read_group(paragraph));
        if groups.len() >= RECIPIENTS_MAX || paragraph.to_ascii_lowercase().contains("message/rfc822") {
            break;
        }
    }
}

fn read_group(text: &str) -> Option<Group> {
    let text = text.trim_start_matches('\n');
    let fields = Fields::read(text.as_bytes());
    let (final_recipient, original) =
        (fields.first("final-recipient"), fields.first("original-recipient"));
    if final_recipient.is_none() && original.is_none() {
        return None;
    }
    // What we wrote to is what we know; the final one may be an alias inside their walls.
    let address = [original, final_recipient].into_iter().flatten().find_map(read_typed_address);
    let status = fields.first("status").unwrap_or_default();
    let action = fields.first("action").unwrap_or_default().trim().to_ascii_lowercase();
    let outcome = match () {
        () if action.starts_with("delay") => Outcome::Delayed,
        () if ["delivered", "relayed", "expanded"].iter().any(|kind| action.starts_with(kind)) => {
            Outcome::Delivered
        }
        // RFC 3464 section 2.3.3: `failed` is final, even where its status is of class 4.
        () if !action.is_empty() => Outcome::Failed,
        () if status.starts_with('4') => Outcome::Delayed,
        () if status.starts_with('2') => Outcome::Delivered,
        () => Outcome::Failed,
    };
    let diagnostic = fields.first("diagnostic-code").map(untyped).unwrap_or_default();
    let reason = match () {
        () if !diagnostic.is_empty() => diagnostic,
        () if fields.has("disposition") => "the recipient's own filter refused it".to_owned(),
        () => words::of_status(status),
    };
    let is_dead = outcome == Outcome::Failed && dead::is_dead(status, &reason);
    Some(Group { address, outcome, reason: short(&reason), is_dead })
}

/// `rfc822; bob@ops.example` (RFC 3464 section 2.3.1); older systems leave out the type.
fn read_typed_address(value: &str) -> Option<Address> {
    let value = decode(value);
    let written = value.split_once(';').map_or(value.as_str(), |(_, rest)| rest);
    words::first_address(written)
}

/// A text without the type that stands before its first semicolon (RFC 3464 section 2.1.2).
fn untyped(value: &str) -> String {
    let value = decode(value);
    match value.split_once(';') {
        Some((kind, rest)) if !kind.trim().contains(' ') => one_line(rest),
        _ => one_line(&value),
    }
}

/// What Exim and others say in a field of the header.
fn failed_recipients(octets: &[u8]) -> Vec<Address> {
    let fields = Fields::read(octets);
    let all = fields.all("x-failed-recipients").flat_map(|value| value.split(','));
    all.filter_map(words::first_address).take(RECIPIENTS_MAX).collect()
}

fn add(recipients: &mut Vec<Reported>, group: Group) {
    let Group { address: Some(address), outcome, reason, is_dead } = group else { return };
    if recipients.len() < RECIPIENTS_MAX
        && !recipients.iter().any(|recipient| recipient.address == address)
    {
        recipients.push(Reported { address, outcome, reason, is_dead });
    }
}

fn short(reason: &str) -> String {
    one_line(reason).chars().take(REASON_CHARS_MAX).collect::<String>().trim().to_owned()
}

/// The lines that people would read of a part, so many of them at most.
fn lines_of(part: &MessagePart<'_>, count: usize) -> Vec<String> {
    match &part.body {
        // Some systems call it HTML and write plain lines.
        PartType::Text(text) | PartType::Html(text) if !text.contains('<') => {
            text.lines().take(count).map(str::to_owned).collect()
        }
        PartType::Text(text) => text.lines().take(count).map(str::to_owned).collect(),
        PartType::Html(html) => {
            quote::html::read_lines(html).into_iter().take(count).map(|line| line.text).collect()
        }
        _ => Vec::new(),
    }
}
