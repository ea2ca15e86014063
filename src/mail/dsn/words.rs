//! Delivery reports in words, as systems write them that know no RFC 3464 or wrote before it.
//!
//! Every wording is a row of a table; no system has a branch of its own. Start with [`Text::of`].

use mail_parser::{Message, PartType};

use super::super::Address;
use super::super::header::one_line;
use super::{Outcome, RECIPIENTS_MAX, is_status, lines_of, short};

/// Lines of a report that are read: the longest explanation we know has eighty.
const LINES_MAX: usize = 400;
/// Lines that may stand between an introduction and its first address.
const GAP_MAX: usize = 6;
/// Octets of a line that are looked at.
const LINE_OCTETS_MAX: usize = 1_000;

/// Where the address stands that a wording speaks of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind the words.
    Behind,
    /// At the beginning of their line.
    Before,
    /// At the beginning of the lines below.
    Below,
}
use Place::{Before, Behind, Below};

/// The wordings, in lower case and with single spaces; they may run over a line's end. Letters beyond
/// ASCII stand as they are written in the midst of a sentence.
const WORDINGS: &[(&str, Place)] = &[
    ("following address", Below),
    ("following recipient", Below),
    ("following user", Below),
    ("following destination", Below),
    ("following mailbox", Below),
    ("following location", Below),
    ("following:", Below),
    ("these recipients", Below),
    ("list of recipients", Below),
    ("addresses follow", Below),
    ("failed recipients", Below),
    ("recipients failed", Below),
    ("to this address", Below),
    ("to email address", Below),
    ("has not yet been delivered", Below),
    ("not been delivered to", Below),
    ("not delivered to", Below),
    ("not be delivered to", Below),
    ("etre delivre a", Below),
    ("être délivré à", Below),
    ("could not be reached", Below),
    ("your message to:", Below),
    ("deliver the following message", Below),
    ("nicht zugestellt werden", Below),
    ("não pôde ser entregue", Below),
    ("no pudo ser entregado", Below),
    ("following addresses had", Below),
    ("kunde inte levereras till", Below),
    ("niet worden bezorgd", Below),
    ("non è stato possibile recapitare", Below),
    ("не может быть доставлено", Below),
    ("以下の宛先", Below),
    ("addressed to", Behind),
    ("was addressed,", Behind),
    ("undeliverable to", Behind),
    ("undeliverable address:", Behind),
    ("intended recipient:", Behind),
    ("failed recipient:", Behind),
    ("did not reach the following recipient:", Behind),
    ("unable to deliver message to", Behind),
    ("deliver your message to", Behind),
    ("your message to ", Behind),
    ("not be delivered to:", Behind),
    ("delivery userid:", Behind),
    ("unknown user:", Behind),
    ("unknown recipient:", Behind),
    ("no such user:", Behind),
    ("quota violation for", Behind),
    ("mailbox is full:", Behind),
    ("mailbox full:", Behind),
    ("local mailbox", Behind),
    ("attempts:", Behind),
    ("error-for:", Behind),
    ("generated from", Behind),
    ("expanded from:", Behind),
    ("no such user", Before),
    ("user unknown", Before),
    ("unknown user", Before),
];

/// What may stand at the beginning of a line before its address.
const LABELS: &[&str] = &[
    "recipient address:",
    "original address:",
    "failed recipient:",
    "recipient:",
    "address:",
    "to:",
    "smtp:",
    "rfc822;",
    "(expanded from:",
    "(generated from",
];

/// Behind a line with these the mail follows that did not arrive.
const ENDS: &[&str] = &[
    "below this line",
    "below the next line",
    "original message header",
    "original message follows",
    "original message:",
    "original message -",
    "original message details",
    "original message as received",
    "copy of the message",
    "copy of the original",
    "message header follows",
    "message headers follow",
    "message header of the",
    "message text follows",
    "message follows",
    "mail follows",
    "start of returned message",
    "returned mail ---",
    "unsent message below",
    "header of the original",
    "first part of the message",
    "lines of the message follow",
    "lines of your original message",
    "ursprüngliche nachricht",
    "mensaje original",
    "message original",
];

/// Sentences of a report that promises further tries.
const DELAYS: &[&str] = &[
    "delayed",
    "still being retried",
    "will be retried",
    "not yet been delivered",
    "warning only",
    "warning message only",
    "just a warning",
    "attempts will continue",
    "will continue trying",
    "continue to attempt delivery",
    "continue to try to deliver",
    "has been postponed",
    "wird weiterhin versucht",
    "verzögert",
    "retardé",
    "retrasado",
];

/// Words that say it is over, whatever else is said.
const ENDINGS: &[&str] = &["permanent error", "permanent fatal", "failed permanently", "giving up"];

/// What RFC 3463 calls the codes that people meet.
const STATUSES: &[(&str, &str)] = &[
    ("1.1", "no such mailbox"),
    ("1.2", "no such domain"),
    ("1.10", "the domain takes no mail"),
    ("2.1", "the mailbox is disabled"),
    ("2.2", "the mailbox is full"),
    ("2.3", "the message is too long for the mailbox"),
    ("3.4", "the message is too big"),
    ("4.1", "the host does not answer"),
    ("4.4", "no route to the host"),
    ("4.7", "it waited too long"),
    ("7.1", "delivery not permitted"),
];

/// The lines of a report up to the mail that it returns.
#[derive(Default)]
pub(super) struct Text {
    lines: Vec<String>,
}

impl Text {
    pub(super) fn of(message: &Message<'_>) -> Self {
        let mut lines = Vec::new();
        for part in &message.parts {
            if matches!(part.body, PartType::Message(_)) {
                break;
            }
            if is_status(part) {
                continue;
            }
            for line in lines_of(part, LINES_MAX) {
                if lines.len() == LINES_MAX || is_end(&line) {
                    break;
                }
                lines.push(cut(&line).to_owned());
            }
        }
        Self { lines }
    }

    /// Nothing that reports on a delivery in words does so because all went well.
    pub(super) fn outcome(&self, subject: &str) -> Outcome {
        let words = spaced(&format!("{subject} {}", self.lines.join(" ")));
        let says = |table: &[&str]| table.iter().any(|phrase| words.contains(phrase));
        if says(DELAYS) && !says(ENDINGS) { Outcome::Delayed } else { Outcome::Failed }
    }

    /// The line with a reply of SMTP or an enhanced status code, or else what stands behind the
    /// address or on the line below it.
    pub(super) fn reason(&self, address: Option<&Address>) -> String {
        let coded = self.lines.iter().find(|line| line.split_whitespace().any(is_code));
        if let Some(line) = coded {
            return short(line.trim_matches([' ', '\t', '-', '*']));
        }
        let Some(at) = address.and_then(|address| {
            self.lines.iter().position(|line| at_beginning(line).as_ref() == Some(address))
        }) else {
            return String::new();
        };
        let behind = self.lines.get(at).and_then(|line| line.split_once(": ")).map(|(_, rest)| rest);
        let behind = behind.filter(|rest| first_address(rest).is_none());
        let below = self.lines.get(at + 1).map(|line| line.trim());
        short(behind.or(below).unwrap_or_default())
    }

    /// The addresses that the words name, each once.
    pub(super) fn addresses(&self, reporter: Option<&Address>) -> Vec<Address> {
        let begin: Vec<Option<Address>> =
            self.lines.iter().map(|line| at_beginning(line).or_else(|| in_gateway(line))).collect();
        let mut found = Vec::new();
        let mut previous = String::new();
        for (at, line) in self.lines.iter().enumerate() {
            if found.len() >= RECIPIENTS_MAX {
                break;
            }
            found.extend(in_angle(line));
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.is_empty() {
                continue;
            }
            // A wording may run over the end of the line before; it counts where it ends.
            let joined = format!("{previous} {words}");
            let lower = joined.to_ascii_lowercase();
            let said = WORDINGS.iter().filter_map(|(wording, place)| {
                let end = lower.find(wording)? + wording.len();
                (end > previous.len()).then_some((*place, end))
            });
            let said: Vec<(Place, usize)> = said.collect();
            let says = |wanted: Place| said.iter().any(|(place, _)| *place == wanted);
            for (_, end) in said.iter().filter(|(place, _)| *place == Behind) {
                found.extend(joined.get(*end..).and_then(near_address));
            }
            if says(Before) {
                found.extend(begin.get(at).cloned().flatten());
            }
            if says(Below) {
                let below = below(&self.lines, &begin, at + 1);
                let bare = found.is_empty() && below.is_empty();
                found.extend(below);
                let name = reporter.filter(|_| bare).and_then(|reporter| self.bare_name(at, reporter));
                found.extend(name);
            }
            previous = words;
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|address| seen.insert(address.key()));
        found
    }

    /// A name alone on an indented line is a mailbox of the reporter's own domain.
    fn bare_name(&self, at: usize, reporter: &Address) -> Option<Address> {
        let mut lines = self.lines.get(at + 1..)?.iter().take(GAP_MAX);
        let line = lines.find(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty())?;
        let name = line.trim();
        if name.contains(char::is_whitespace) {
            return None;
        }
        Address::read(&format!("{name}@{}", reporter.domain().to_lowercase())).ok()
    }
}

/// The addresses at the beginnings of the lines from `from` on, until too many have none.
fn below(lines: &[String], begin: &[Option<Address>], from: usize) -> Vec<Address> {
    let mut found = Vec::new();
    let mut gap = 0;
    for (line, address) in lines.iter().zip(begin).skip(from) {
        match address {
            _ if line.trim().is_empty() => {}
            Some(address) => {
                found.push(address.clone());
                gap = 0;
            }
            None => gap += 1,
        }
        if gap > GAP_MAX {
            break;
        }
    }
    found
}

/// The meaning of an enhanced status code (RFC 3463), with the code.
pub(super) fn of_status(status: &str) -> String {
    let status = one_line(status);
    let code = status.split_whitespace().next().unwrap_or_default();
    let detail = code.split_once('.').map_or("", |(_, detail)| detail);
    match STATUSES.iter().find(|(known, _)| *known == detail) {
        Some((_, meaning)) if status == code => format!("{code} {meaning}"),
        _ => status,
    }
}

/// The first address in a text.
pub(super) fn first_address(text: &str) -> Option<Address> {
    let mut words = cut(text).split(is_around).filter(|word| word.contains('@'));
    words.find_map(|word| Address::read(trimmed(word)).ok())
}

/// The first address in a text, if not more than a word stands before it.
fn near_address(text: &str) -> Option<Address> {
    let words = text.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    first_address(&words)
}

/// The address that a line begins with, brackets, bullets and labels aside.
fn at_beginning(line: &str) -> Option<Address> {
    let mut rest = line;
    // A bullet, a label and a bracket: not more than these stand before an address.
    for _ in 0..4 {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "<\"'*-[(|>".contains(c));
        let lower = rest.to_ascii_lowercase();
        let Some(label) = LABELS.iter().find(|label| lower.starts_with(*label)) else { break };
        rest = rest.get(label.len()..).unwrap_or_default();
    }
    let word = rest.split(is_around).next()?;
    Address::read(trimmed(word)).ok()
}

/// `<bob@ops.example>:` at the beginning of a line, as qmail and Postfix write.
fn in_angle(line: &str) -> Option<Address> {
    let (address, rest) = line.trim_start().strip_prefix('<')?.split_once('>')?;
    if rest.is_empty() || rest.starts_with(':') { Address::read(address).ok() } else { None }
}

/// `c=US;a= ;p=X;dda:SMTP=bob@ops.example;`, a mailbox of X.400 as gateways write it.
fn in_gateway(line: &str) -> Option<Address> {
    let at = line.to_ascii_lowercase().find("smtp=")?;
    line.get(at + 5..).and_then(first_address)
}

fn is_around(c: char) -> bool {
    c.is_whitespace() || "<>()[]\",;:".contains(c)
}

fn trimmed(word: &str) -> &str {
    // `=20` is what is left of a space where a gateway lost the transfer encoding.
    let word = word.trim_end_matches("=20").trim_end_matches('=');
    word.trim_matches(['\'', '.', '*', '!', '?', '`', '|'])
}

/// A reply code with its text behind it, or an enhanced status code (RFC 3463).
fn is_code(word: &str) -> bool {
    let word = word.trim_matches(['(', ')', '#', '[', ']', ':', ',', ';']);
    let mut parts = word.split('.');
    let class = parts.next().unwrap_or_default();
    let detail: Vec<&str> = parts.collect();
    let number =
        |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    match detail.len() {
        0 => class.len() == 3 && number(class) && class.starts_with(['4', '5']),
        2 => matches!(class, "4" | "5") && detail.iter().all(|text| number(text)),
        _ => false,
    }
}

fn is_end(line: &str) -> bool {
    let words = spaced(line);
    ENDS.iter().any(|end| words.contains(end))
}

/// In lower case, with single spaces.
fn spaced(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cut(line: &str) -> &str {
    let mut end = line.len().min(LINE_OCTETS_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.get(..end).unwrap_or_default()
}
