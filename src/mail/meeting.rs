//! What calendar programmes send to each other (iTIP, RFC 5546, in mail by RFC 6047): answers,
//! invitations, cancellations. The part decides, whatever language the subject is in.
//!
//! A calendar that somebody attached to a report is a file, and none of this. Start with
//! [`is_meeting`]; [`read_meeting`] puts it in a sentence.

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

use super::header::one_line;
use super::{Mailbox, charset};

/// Content lines that are looked at; invitations to a thousand have fewer.
const LINES_MAX: usize = 5_000;
/// How far into a calendar its method stands.
const METHOD_WITHIN_LINES: usize = 50;
/// What people can read of a title.
const TITLE_CHARS_MAX: usize = 200;
/// A comment longer than this is a document.
const COMMENT_CHARS_MAX: usize = 4_000;

/// What an attendee answers (RFC 5545 section 3.2.12), and how it is said.
const ANSWERS: &[(&str, &str)] = &[
    ("accepted", "accepted"),
    ("declined", "declined"),
    ("tentative", "tentatively accepted"),
    ("delegated", "passed on to somebody else"),
];
/// Methods (RFC 5546 section 1.4), how they are said, and whether one answers an invitation.
/// `PUBLISH` is none: what is published asks and answers nothing.
const METHODS: &[(&str, &str, bool)] = &[
    ("reply", "answered", true),
    ("counter", "proposed another time for", true),
    ("declinecounter", "keeps the time of", true),
    ("refresh", "asked again for", true),
    ("request", "invites to", false),
    ("add", "adds a date to", false),
    ("cancel", "cancelled", false),
];

/// What a message says of a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// `Bob Okafor accepted the meeting "Review of INC-42"`.
    pub what: String,
    /// What its author wrote into the calendar; empty when nothing.
    pub comment: String,
}

/// Whether a message is one between calendars.
pub(super) fn is_meeting(message: &Message<'_>) -> bool {
    message.parts.iter().any(|part| method(part).is_some())
}

/// Whether a part is a calendar.
pub(super) fn is_calendar(part: &MessagePart<'_>) -> bool {
    part.content_type().is_some_and(|kind| {
        let is = |known: &str| kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case(known));
        kind.ctype().eq_ignore_ascii_case("text") && is("calendar")
            || kind.ctype().eq_ignore_ascii_case("application") && is("ics")
    })
}

/// What it says of a meeting, and who says it.
pub(super) fn read_meeting(message: &Message<'_>, from: Option<&Mailbox>) -> Option<Meeting> {
    let (part, method) = message.parts.iter().find_map(|part| Some((part, method(part)?)))?;
    let text = match &part.body {
        PartType::Text(text) => charset::read_text(message, part, text),
        _ => String::from_utf8_lossy(part.contents()),
    };
    let lines = unfold(&text);
    let (title, comment) = (value(&lines, "SUMMARY"), value(&lines, "COMMENT"));
    let title: String = one_line(&title).chars().take(TITLE_CHARS_MAX).collect();
    let title = title.replace('"', "'");
    let sender = from.map(|from| from.address.as_str()).unwrap_or_default();
    // Whoever answers for another names them; nobody's name is taken from a calendar.
    let attendees = lines.iter().filter(|line| line.name == "ATTENDEE");
    let attendees: Vec<(&str, &Line)> = attendees.map(|line| (address(&line.value), line)).collect();
    let own = attendees.iter().find(|(address, _)| address.eq_ignore_ascii_case(sender));
    let attendee = own.or(attendees.first().filter(|_| attendees.len() == 1));
    let verb = match attendee.and_then(|(_, line)| line.parameter("PARTSTAT")) {
        Some(state) if method.0 == "reply" => {
            let known = ANSWERS.iter().find(|(answer, _)| state.eq_ignore_ascii_case(answer));
            known.map_or(method.1, |(_, words)| words)
        }
        _ => method.1,
    };
    let sender = match from {
        Some(from) if !from.name.is_empty() => from.name.clone(),
        Some(from) => from.address.to_string(),
        None => "Somebody".to_owned(),
    };
    let who = match attendee {
        Some((address, _)) if own.is_none() && method.2 && !address.is_empty() => {
            format!("{sender} for {}", one_line(address))
        }
        _ => sender,
    };
    let what = match title.as_str() {
        "" => format!("{who} {verb} a meeting"),
        _ => format!("{who} {verb} the meeting \"{title}\""),
    };
    let comment = comment.chars().filter(|c| *c == '\n' || !c.is_control()).take(COMMENT_CHARS_MAX);
    Some(Meeting { what, comment: comment.collect::<String>().trim().to_owned() })
}

/// The method of a calendar that is sent to be acted on. What invites does so as the text of the
/// message; attached, it is a file that somebody passes on.
fn method(part: &MessagePart<'_>) -> Option<(&'static str, &'static str, bool)> {
    if !is_calendar(part) {
        return None;
    }
    let known = |method: &str| {
        METHODS.iter().find(|(name, ..)| method.trim().eq_ignore_ascii_case(name)).copied()
    };
    let in_type = part.content_type().and_then(|kind| kind.attribute("method"));
    let text = String::from_utf8_lossy(part.contents());
    let in_text =
        text.lines().take(METHOD_WITHIN_LINES).find_map(|line| line.trim().strip_prefix("METHOD:"));
    // Where the two differ it is made by hand, or broken (RFC 6047 section 2.4).
    let method = match (in_type, in_text) {
        (Some(one), Some(other)) if !one.trim().eq_ignore_ascii_case(other.trim()) => return None,
        (stated, in_text) => stated.or(in_text).and_then(known)?,
    };
    let is_attached = part.content_disposition().is_some_and(|disposition| disposition.is_attachment());
    (method.2 || !is_attached).then_some(method)
}

/// A content line (RFC 5545 section 3.1).
struct Line {
    /// In upper case.
    name: String,
    /// `;PARTSTAT=ACCEPTED;CN="…"`.
    parameters: String,
    value: String,
}

impl Line {
    fn parameter(&self, name: &str) -> Option<&str> {
        let mut pieces = self.parameters.split(';').filter_map(|piece| piece.split_once('='));
        let (_, value) = pieces.find(|(found, _)| found.trim().eq_ignore_ascii_case(name))?;
        Some(value.trim().trim_matches('"'))
    }
}

/// The lines of the first event or task; what frames it and what it holds itself are left out.
fn unfold(text: &str) -> Vec<Line> {
    let mut unfolded: Vec<String> = Vec::new();
    for line in text.lines().take(LINES_MAX) {
        match (line.strip_prefix([' ', '\t']), unfolded.last_mut()) {
            (Some(more), Some(last)) => last.push_str(more),
            _ => unfolded.push(line.to_owned()),
        }
    }
    let mut lines = Vec::new();
    let mut within: Vec<String> = Vec::new();
    for line in &unfolded {
        let Some((head, value)) = split_value(line) else { continue };
        let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
        let name = name.trim().to_ascii_uppercase();
        match name.as_str() {
            "BEGIN" => within.push(value.trim().to_ascii_uppercase()),
            "END" => {
                let ended = within.pop();
                if matches!(ended.as_deref(), Some("VEVENT" | "VTODO")) {
                    break;
                }
            }
            _ if matches!(within.last().map(String::as_str), Some("VEVENT" | "VTODO")) => {
                lines.push(Line { name, parameters: parameters.to_owned(), value: value.to_owned() });
            }
            _ => {}
        }
    }
    lines
}

/// At the first colon outside of quotes.
fn split_value(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let at = line.find(|c| {
        quoted ^= c == '"';
        c == ':' && !quoted
    })?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

/// The text of the first line of this name (RFC 5545 section 3.3.11).
fn value(lines: &[Line], name: &str) -> String {
    let mut text = String::new();
    let mut escaped = false;
    for c in lines.iter().find(|line| line.name == name).map_or("", |line| &line.value).chars() {
        match (escaped, c) {
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (true, 'n' | 'N') => text.push('\n'),
            _ => text.push(c),
        }
        escaped = false;
    }
    text
}

fn address(value: &str) -> &str {
    let value = value.trim();
    value.get(..7).filter(|start| start.eq_ignore_ascii_case("mailto:")).map_or(value, |_| &value[7..])
}

#[cfg(test)]
mod tests {
    use crate::mail::message::read_mail;

    fn meeting(header: &str, lines: &[&str]) -> Option<String> {
        let calendar = lines.join("\r\n");
        let mail = format!(
            "From: Bob Okafor <bob@ops.example>\r\nSubject: Zugesagt: x\r\nContent-Type: text/calendar; \
             charset=utf-8{header}\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{calendar}\r\nEND:VEVENT\r\n\
             END:VCALENDAR\r\n"
        );
        read_mail(mail.as_bytes(), false).meeting.map(|meeting| meeting.what)
    }

    #[test]
    fn an_answer_is_told_by_its_part_and_not_by_its_subject() {
        let lines = |state: &'static str| {
            ["SUMMARY:Review \\, \"INC-42\"", "ATTENDEE;CN=\"Mallory: VP\";", state]
        };
        for (state, verb) in [
            (" PARTSTAT=ACCEPTED:mailto:bob@ops.example", "accepted"),
            (" PARTSTAT=DECLINED:MAILTO:Bob@ops.example", "declined"),
            (" PARTSTAT=TENTATIVE:mailto:bob@ops.example", "tentatively accepted"),
            (" PARTSTAT=X-NEW:mailto:bob@ops.example", "answered"),
            (" ROLE=CHAIR:mailto:bob@ops.example", "answered"),
        ] {
            let what = meeting("; method=REPLY", &lines(state));
            assert_eq!(what, Some(format!("Bob Okafor {verb} the meeting \"Review , 'INC-42'\"")));
        }
    }

    #[test]
    fn whoever_answers_for_another_says_so() {
        let lines = ["ATTENDEE;PARTSTAT=ACCEPTED:mailto:vp@ops.example", "SUMMARY:Review"];
        let what = meeting("; method=REPLY", &lines);
        assert_eq!(
            what.as_deref(),
            Some("Bob Okafor for vp@ops.example accepted the meeting \"Review\"")
        );
    }

    #[test]
    fn what_is_published_or_attached_is_a_file() {
        assert_eq!(meeting("; method=PUBLISH", &["SUMMARY:x"]), None);
        assert_eq!(meeting("", &["SUMMARY:x"]), None);
        let attached = "; method=REQUEST\r\nContent-Disposition: attachment; filename=x.ics";
        assert_eq!(meeting(attached, &["SUMMARY:x"]), None);
        let other = meeting("; method=REPLY", &["END:VEVENT", "METHOD:REQUEST", "BEGIN:VEVENT"]);
        assert_eq!(other, None, "it says two things");
        assert!(
            meeting("; method=CANCEL", &[]).is_some_and(|what| what.ends_with("cancelled a meeting"))
        );
    }
}
