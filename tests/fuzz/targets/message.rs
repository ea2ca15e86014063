//! Whole messages: every part of the value is harmless, and neither what a route adds nor how lines
//! end changes what is read.

use firebell::mail::InboundMail;
use firebell::mail::message::{html_of, read_mail, text_of};

/// Beyond these what a route adds may exceed what is read of a header.
const SMALL_OCTETS: usize = 64 * 1024;
const SMALL_LINES: usize = 900;

/// Fields that servers add on the way.
const ROUTE: &str = "Return-Path: <somebody@route.example>\r\n\
    Received: from a.example (a.example [192.0.2.1])\r\n\tby b.example with ESMTPS id 7;\r\n\
    \tSat, 21 Nov 2026 09:00:00 +0000\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=x;\r\n\th=from:to:subject; bh=AAAA; b=BBBB\r\n\
    Authentication-Results: b.example; spf=pass\r\nX-Spam-Status: No, score=-1.0\r\n\
    ARC-Seal: i=1; a=rsa-sha256; cv=none; d=b.example; s=x; b=CCCC\r\n";

/// Reads the octets as a message.
pub fn check(octets: &[u8]) {
    let mail = read_mail(octets, false);
    check_value(&mail);
    text_of(octets);
    html_of(octets);
    let lines = octets.iter().filter(|octet| **octet == b'\n').count();
    if octets.len() < SMALL_OCTETS && lines < SMALL_LINES {
        check_route(octets, &mail);
        check_line_ends(octets);
    }
}

/// What must hold of everything that is read.
pub fn check_value(mail: &InboundMail) {
    for id in mail.message_id.iter().chain(&mail.ancestors) {
        assert!(id.len() <= 250 && id.bytes().all(|o| matches!(o, b'!'..=b'~')) && id.contains('@'));
    }
    assert!(mail.ancestors.len() <= 500 && mail.recipients.len() <= 1_000);
    if let Some(from) = &mail.from {
        assert!(super::is_one_line(&from.name) && from.name.chars().count() <= 200, "{from:?}");
    }
    assert!(super::is_one_line(&mail.subject), "{:?}", mail.subject);
    for text in [&mail.new_text, &mail.elided] {
        assert!(text.is_empty() || text.ends_with('\n') && !text.ends_with("\n\n"), "{text:?}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
    }
    for file in &mail.attachments {
        let name = &file.name;
        let leads_out = name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\']);
        assert!(!leads_out && super::is_one_line(name) && name.len() <= 255, "{name:?}");
    }
    assert_eq!(mail.report.is_some(), mail.origin == firebell::mail::Origin::DeliveryReport);
}

fn check_route(octets: &[u8], mail: &InboundMail) {
    // Without a field at its beginning there is no header that a route could add to.
    let name = octets.split(|octet| *octet == b':').next().unwrap_or_default();
    if name.len() == octets.len() || name.is_empty() || !name.iter().all(u8::is_ascii_alphanumeric) {
        return;
    }
    let routed = read_mail(&[ROUTE.as_bytes(), octets].concat(), false);
    assert_same(mail, &routed);
    assert_eq!(mail.message_id, routed.message_id);
    assert_eq!(mail.attachments, routed.attachments);
}

fn check_line_ends(octets: &[u8]) {
    let bare: Vec<u8> = octets.iter().copied().filter(|octet| *octet != b'\r').collect();
    let pairs = octets.windows(2).filter(|pair| pair == b"\r\n").count();
    if octets.len() - bare.len() != pairs {
        return;
    }
    let lines = bare.split_inclusive(|octet| *octet == b'\n');
    let full: Vec<u8> = lines
        .flat_map(|line| match line.strip_suffix(b"\n") {
            Some(line) => [line, b"\r\n"].concat(),
            None => line.to_vec(),
        })
        .collect();
    assert_same(&read_mail(&bare, false), &read_mail(&full, false));
}

fn assert_same(one: &InboundMail, other: &InboundMail) {
    assert_eq!(one.from, other.from);
    assert_eq!(one.subject, other.subject);
    assert_eq!(one.date, other.date);
    assert_eq!(one.ancestors, other.ancestors);
    assert_eq!(one.recipients, other.recipients);
    assert_eq!(one.new_text, other.new_text);
    assert_eq!(one.elided, other.elided);
    assert_eq!(one.origin, other.origin);
    assert_eq!(one.report, other.report);
    assert_eq!(one.through_list, other.through_list);
    assert_eq!(one.unreadable, other.unreadable);
    assert_eq!(one.content_key, other.content_key, "another key for the same message");
}
