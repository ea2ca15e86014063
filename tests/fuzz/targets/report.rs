//! Delivery reports: what a report says is bounded, in order, and of one line each.

use firebell::mail::message::read_mail;

/// Before octets that are no message of their own: the parts of a report (RFC 3464).
const HEADER: &str = "From: MAILER-DAEMON@mx.example\r\nTo: incidents+bounce.7.abc@example.org\r\n\
    Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nThis is the mail system.\r\n\
    --b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n";

/// Reads the octets as a report, and as what stands in one.
pub fn check(octets: &[u8]) {
    check_report(octets);
    check_report(&[HEADER.as_bytes(), octets].concat());
}

fn check_report(octets: &[u8]) {
    let mail = read_mail(octets, true);
    super::message::check_value(&mail);
    let Some(report) = mail.report else { return };
    assert!(report.recipients.len() <= 1_000);
    let worst = report.recipients.iter().map(|recipient| recipient.outcome).max();
    assert!(worst.is_none_or(|worst| worst == report.outcome), "{report:?}");
    let mut seen = std::collections::HashSet::new();
    for recipient in &report.recipients {
        assert!(seen.insert(recipient.address.key()), "{report:?}");
    }
    for reason in report.recipients.iter().map(|recipient| &recipient.reason).chain([&report.reason]) {
        assert!(super::is_one_line(reason) && reason.chars().count() <= 301, "{reason:?}");
    }
}
