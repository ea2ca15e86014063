//! A message that is nothing but another message, within a container: behind it the parser loses
//! its place, and with it every part that follows.
//!
//! Shown to the parser as text, the inner one ends where the container says. Start with [`parse`].

use mail_parser::{Message, MessageParser, PartType};

const FIELD: &[u8] = b"content-type:";
/// RFC 2046 section 5.2.1, RFC 6532 section 3.7; each with a kind of text of the same length.
const KINDS: [(&[u8], &[u8]); 2] =
    [(b"message/rfc822", b"text/x-message"), (b"message/global", b"text/x-message")];

/// Reads octets that are harmless to the parser.
pub(super) fn parse(octets: &[u8]) -> Option<Message<'_>> {
    let message = MessageParser::default().parse(octets)?;
    if !message.parts.iter().any(|part| is_only_a_message(&part.body)) {
        return Some(message);
    }
    let mut shown = MessageParser::default().parse(&as_text(octets))?.into_owned();
    // Where parts stand is the same, and what is kept of them is as it was sent.
    shown.raw_message = octets.into();
    Some(shown)
}

fn is_only_a_message(body: &PartType<'_>) -> bool {
    let PartType::Message(message) = body else { return false };
    message.parts.first().is_some_and(|part| matches!(part.body, PartType::Message(_)))
}

/// The octets with each message whose own header declares a message declaring text instead.
fn as_text(octets: &[u8]) -> Vec<u8> {
    let mut shown = octets.to_vec();
    // What the header before this one, and this one so far, say that they hold.
    let (mut is_in_message, mut holds_message) = (false, false);
    let mut in_field = false;
    let mut start = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let at = start;
        start += line.len();
        if line.trim_ascii().is_empty() {
            (is_in_message, holds_message, in_field) = (holds_message, false, false);
            continue;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            in_field = line.get(..FIELD.len()).is_some_and(|name| name.eq_ignore_ascii_case(FIELD));
        }
        let kinds = KINDS.iter().filter(|_| in_field);
        for (kind, text) in kinds {
            let Some(found) =
                line.windows(kind.len()).position(|window| window.eq_ignore_ascii_case(kind))
            else {
                continue;
            };
            if !is_in_message {
                holds_message = true;
            } else if let Some(place) = shown.get_mut(at + found..at + found + kind.len()) {
                place.copy_from_slice(text);
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORWARD: &str = "Content-Type: message/rfc822\r\n\r\n";

    fn mail(within: &str) -> String {
        format!(
            "From: dana@x.example\r\nContent-Type: multipart/mixed; boundary=r\r\n\r\n--r\r\n\r\n\
             first\r\n--r\r\n{within}\r\n--r\r\n\r\nlast\r\n--r--\r\n"
        )
    }

    fn texts(mail: &str) -> Vec<String> {
        let message = parse(mail.as_bytes()).unwrap();
        assert_eq!(message.raw_message, mail.as_bytes());
        (0..message.text_body_count())
            .map(|at| message.body_text(at).unwrap().trim().to_owned())
            .collect()
    }

    #[test]
    fn what_follows_a_message_within_a_message_is_read() {
        for levels in 1..5 {
            let within = format!("{}Subject: inner\r\n\r\ninner text", FORWARD.repeat(levels));
            assert_eq!(texts(&mail(&within)), ["first", "last"], "{levels}");
        }
        let empty = FORWARD.repeat(2);
        assert_eq!(texts(&mail(&empty)), ["first", "last"]);
        let global = format!("{FORWARD}Subject: x\r\nContent-Type:\r\n MESSAGE/Global\r\n\r\ninner");
        assert_eq!(texts(&mail(&global)), ["first", "last"]);
    }

    #[test]
    fn a_message_written_about_in_prose_stays_as_it_is() {
        let prose = format!("Content-Type: text/plain\r\n\r\n{}", FORWARD.repeat(2));
        let texts = texts(&mail(&prose));
        assert_eq!(texts[1], FORWARD.repeat(2).trim());
    }
}
