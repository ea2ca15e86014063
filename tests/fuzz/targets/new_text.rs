//! New text: it holds nothing that the sender did not write, and with what was elided it is all that
//! they wrote.

use firebell::mail::message::read_mail;

use super::is_subsequence;

const KINDS: [&str; 4] = [
    "text/plain; charset=utf-8",
    "text/plain; charset=utf-8; format=flowed",
    "text/plain; charset=utf-8; format=flowed; delsp=yes",
    "text/html; charset=utf-8",
];

/// Reads the first octet as the kind of text, the rest as a body of that kind.
pub fn check(octets: &[u8]) {
    let Some((kind, body)) = octets.split_first() else { return };
    let kind = usize::from(*kind) % KINDS.len();
    // What entities stand for is not in the octets.
    // What stands behind an escape may be Japanese (RFC 1468), whatever the label says.
    let body = String::from_utf8_lossy(body).replace(['&', '\u{1b}'], " ");
    let header = format!(
        "From: Dana Okafor <dana@ops.example>\r\nMIME-Version: 1.0\r\nContent-Type: {}\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n",
        KINDS[kind]
    );
    let mail = read_mail(format!("{header}{body}").as_bytes(), false);
    let seen: String = body.chars().filter(|c| !c.is_control()).collect();
    let is_sealed = seen.contains("-----BEGIN PGP MESSAGE");
    assert!(mail.unreadable.is_none() || is_sealed, "{:?}", mail.unreadable);
    let is_html = kind == 3;
    let counts = |c: &char| if is_html { c.is_alphanumeric() } else { is_written(*c) };
    let written = || body.chars().filter(counts);
    for part in [&mail.new_text, &mail.elided] {
        assert!(
            is_subsequence(part.chars().filter(counts), written()),
            "{part:?} holds what is not in {body:?}"
        );
    }
    // A signed text loses its armour, HTML what is hidden in it, and a file in the text is a file.
    if !is_html && mail.attachments.is_empty() && !body.contains("-----BEGIN PGP SIGNED") {
        let mut kept: Vec<char> =
            mail.new_text.chars().chain(mail.elided.chars()).filter(counts).collect();
        let mut all: Vec<char> = written().collect();
        kept.sort_unstable();
        all.sort_unstable();
        assert_eq!(kept, all, "{:?} and {:?} of {body:?}", mail.new_text, mail.elided);
    }
}

/// No white space, no mark of quotation, nothing that only a terminal would see.
fn is_written(c: char) -> bool {
    !(c.is_whitespace() || c.is_control() || c == '>' || c == '\u{feff}')
}
