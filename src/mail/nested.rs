//! Messages within a message that would lead the parser astray, shown to it as text of the same length.
//!
//! A message that is nothing but another message, within a container: behind it the parser loses its
//! place, and with it every part that follows. An encoded message, which RFC 2046 section 5.2.1
//! forbids: what it is made of cannot be counted before the parser decodes it. Start with [`parse`].

use mail_parser::{Message, MessageParser, PartType};

use super::limits;

const KIND: &[u8] = b"content-type:";
const ENCODING: &[u8] = b"content-transfer-encoding:";
const ENCODINGS: [&[u8]; 2] = [b"base64", b"quoted-printable"];
/// RFC 2046 section 5.2.1, RFC 6532 section 3.7.
const MESSAGES: [&[u8]; 2] = [b"message/rfc822", b"message/global"];
/// As long as those, so that every part stands where it stood.
const TEXT: &[u8; 14] = b"text/x-message";

/// What the parser makes of the octets, where they are harmless to it; else why they are not.
pub(super) fn parse(octets: &[u8]) -> (Option<Message<'_>>, Option<&'static str>) {
    match limits::check(octets) {
        Ok(()) => {
            let message = MessageParser::default().parse(octets);
            let has_lost_its_place =
                |message: &Message<'_>| message.parts.iter().any(|part| is_only_a_message(&part.body));
            match message {
                Some(message) if has_lost_its_place(&message) => parse_shown(octets),
                message => (message, None),
            }
        }
        Err(limits::ENCODED_MESSAGE) => parse_shown(octets),
        Err(why) => (None, Some(why)),
    }
}

fn parse_shown(octets: &[u8]) -> (Option<Message<'_>>, Option<&'static str>) {
    let shown = as_text(octets);
    if let Err(why) = limits::check(&shown) {
        return (None, Some(why));
    }
    let message = MessageParser::default().parse(&shown).map(|message| {
        let mut message = message.into_owned();
        // What is kept of a part is as it was sent, and so is text in which a header is quoted.
        message.raw_message = octets.into();
        for part in &mut message.parts {
            let start = usize::try_from(part.offset_body).unwrap_or(usize::MAX);
            let end = usize::try_from(part.offset_end).unwrap_or(usize::MAX);
            part.is_encoding_problem |= octets.get(start..end) != shown.get(start..end);
        }
        message
    });
    (message, None)
}

fn is_only_a_message(body: &PartType<'_>) -> bool {
    let PartType::Message(message) = body else { return false };
    message.parts.first().is_some_and(|part| matches!(part.body, PartType::Message(_)))
}

/// The octets, declaring text where they declare a message that is encoded, or that is all there is of
/// another.
fn as_text(octets: &[u8]) -> Vec<u8> {
    let mut shown = octets.to_vec();
    let mut is_in_message = false;
    let mut header = Header::default();
    let mut start = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if line.trim_ascii().is_empty() {
            let Header { messages, is_encoded, .. } = std::mem::take(&mut header);
            let is_shown = is_encoded || is_in_message;
            for at in messages.iter().filter(|_| is_shown) {
                if let Some(kind) = shown.get_mut(*at..at + TEXT.len()) {
                    kind.copy_from_slice(TEXT);
                }
            }
            is_in_message = !is_shown && !messages.is_empty();
        } else {
            header.take(line, start);
        }
        start += line.len();
    }
    shown
}

/// What one block of lines declares, if it is the header of a part.
#[derive(Default)]
struct Header {
    /// Where it says that the part is a message.
    messages: Vec<usize>,
    is_encoded: bool,
    in_kind: bool,
    in_encoding: bool,
}

impl Header {
    fn take(&mut self, line: &[u8], start: usize) {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let is = |name: &[u8]| {
                line.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
            };
            (self.in_kind, self.in_encoding) = (is(KIND), is(ENCODING));
        }
        if self.in_kind {
            let found = MESSAGES.iter().filter_map(|message| find(line, message));
            self.messages.extend(found.map(|at| start + at));
        }
        self.is_encoded |= self.in_encoding && ENCODINGS.iter().any(|name| find(line, name).is_some());
    }
}

fn find(line: &[u8], word: &[u8]) -> Option<usize> {
    line.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word))
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
        let message = parse(mail.as_bytes()).0.unwrap();
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

    #[test]
    fn an_encoded_message_is_a_file_and_what_it_hides_is_never_parsed() {
        let encoded = "Content-Transfer-Encoding: BASE64\r\nContent-Type: message/rfc822;\r\n \
                       name=x.eml\r\n\r\nQTogYgoKYw==";
        let mail = mail(encoded);
        assert_eq!(texts(&mail), ["first", "last"]);
        let message = parse(mail.as_bytes()).0.unwrap();
        assert_eq!(message.part(2).unwrap().contents(), b"A: b\n\nc");
        let folded = mail.replace("message/rfc822", "message/\r\n rfc822");
        assert!(parse(folded.as_bytes()).1.is_some());
    }
}
