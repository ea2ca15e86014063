//! Wrappings that are no MIME: whatever they hold, the message is its header's, the text beside them
//! stays, and nothing comes out that is much longer than what went in.

use firebell::mail::InboundMail;
use firebell::mail::message::read_mail;

use super::message::check_value;

const TEXT: &str = "It is the card.";
const HEADER: &str = "From: Dana Okafor <dana@ops.example>\r\nMessage-ID: <a@ops.example>\r\n\
    Subject: cards\r\nMIME-Version: 1.0\r\n";
/// A compressed text grows by less (MS-OXRTFCP section 2.1.3.1.4: two octets stand for up to 17).
const TIMES_LONGER_MAX: usize = 16;
const OCTETS_MORE_MAX: usize = 1_024;

/// Reads the first octet as the kind of wrapping, the rest as what it wraps.
pub fn check(octets: &[u8]) {
    let Some((kind, wrapped)) = octets.split_first() else { return };
    match kind % 3 {
        0 => check_part("Content-Type: application/ms-tnef; name=winmail.dat", wrapped, true),
        1 => check_part("Content-Type: application/pkcs7-mime; name=smime.p7m", wrapped, false),
        _ => {
            let kind =
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
            check_mail(&[HEADER.as_bytes(), kind.as_bytes(), wrapped].concat(), wrapped.len());
        }
    }
}

fn check_part(kind: &str, wrapped: &[u8], says_nothing_new: bool) {
    let encoded = data_encoding::BASE64.encode(wrapped);
    let part = format!("{kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n");
    check_mail(format!("{HEADER}{part}").as_bytes(), wrapped.len());
    let parts = format!("--b\r\n\r\n{TEXT}\r\n--b\r\n{part}--b--\r\n");
    let mail = format!("{HEADER}Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}");
    let mail = check_mail(mail.as_bytes(), wrapped.len());
    let shown = format!("{}{}", mail.new_text, mail.elided);
    assert!(shown.contains(TEXT), "{shown:?}");
    // Outlook wraps the text that stands beside it once more.
    assert!(!says_nothing_new || mail.new_text.trim() == TEXT, "{:?}", mail.new_text);
}

fn check_mail(octets: &[u8], wrapped_octets: usize) -> InboundMail {
    let mail = read_mail(octets, false);
    check_value(&mail);
    let from = mail.from.as_ref().map(|from| from.address.as_str());
    assert_eq!(from, Some("dana@ops.example"));
    assert_eq!(mail.message_id.as_deref(), Some("a@ops.example"));
    assert_eq!(mail.subject, "cards");
    let files: usize = mail.attachments.iter().map(|file| file.size_octets).sum();
    let length = files.max(mail.new_text.len() + mail.elided.len());
    assert!(length <= wrapped_octets * TIMES_LONGER_MAX + OCTETS_MORE_MAX, "{length} octets");
    mail
}
