//! The inbox as terminals see it: a line for each message that somebody may have to look at, and all
//! of one of them.
//!
//! A stranger may have written it: nothing of a message does anything to a terminal.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};

use super::when;
use super::wrap::{is_unsafe, one_line};
use crate::incident::Policy;

/// A message in the list.
#[derive(Debug, Clone, Copy)]
pub struct InboxLine<'a> {
    pub id: i64,
    pub state: &'a str,
    pub received_at: DateTime<Utc>,
    /// Empty where it names nobody.
    pub from: &'a str,
    pub incident: Option<i64>,
    /// Empty where it does not lie in the inbox.
    pub reason: &'a str,
}

/// What is shown of one message.
#[derive(Debug, Clone, Default)]
pub struct MessageShown {
    /// Names and values; one without a value is left out.
    pub facts: Vec<(&'static str, String)>,
    /// Why the rest is not there.
    pub lacks: Option<String>,
    pub header: String,
    /// What its sender wrote.
    pub text: String,
    /// Quotations, signatures, disclaimers.
    pub elided: String,
}

/// The list, in the order in which it is given.
pub fn render_inbox(lines: &[InboxLine<'_>], policy: &Policy) -> String {
    if lines.is_empty() {
        return "Nothing is held, was set aside, could not be read or belongs to no incident.\n"
            .to_owned();
    }
    let mut text = String::new();
    for line in lines {
        let from = if line.from.is_empty() { "nobody".to_owned() } else { one_line(line.from) };
        let incident = line.incident.map(|number| format!("  INC-{number}")).unwrap_or_default();
        let received = when::full(line.received_at, policy);
        let _ = writeln!(text, "{}  {}  {received}  {from}{incident}", line.id, line.state);
        if !line.reason.is_empty() {
            let _ = writeln!(text, "    {}", one_line(line.reason));
        }
    }
    text
}

/// One message.
pub fn render_message(message: &MessageShown) -> String {
    let mut text = String::new();
    for (name, value) in message.facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{name:<13}{}", one_line(value));
    }
    if let Some(lacks) = &message.lacks {
        let _ = writeln!(text, "\n{}", one_line(lacks));
    }
    for (heading, words) in
        [("Header", &message.header), ("Text", &message.text), ("Cut off", &message.elided)]
    {
        if !words.trim().is_empty() {
            let _ = writeln!(text, "\n{heading}");
            for line in words.trim_end().lines() {
                let _ = writeln!(text, "    {}", harmless(line));
            }
        }
    }
    text
}

fn harmless(line: &str) -> String {
    line.chars().map(|c| if c != '\t' && is_unsafe(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_does_nothing_to_a_terminal() {
        let evil = "\u{1b}]0;owned\u{7}\r\u{202e}words";
        let message = MessageShown {
            facts: vec![("From", evil.to_owned()), ("Empty", String::new())],
            lacks: Some(evil.to_owned()),
            header: format!("Subject: {evil}\nX:\ty\n"),
            text: evil.to_owned(),
            elided: evil.to_owned(),
        };
        let text = render_message(&message);
        assert!(text.contains("words") && text.contains("X:\ty"), "{text:?}");
        assert!(!text.chars().any(|c| c != '\n' && c != '\t' && is_unsafe(c)), "{text:?}");
        assert!(!text.contains("Empty"), "{text}");
    }
}
