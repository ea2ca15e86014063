//! Every mail in `tests/mails` gives the text beside it; nothing that a sender wrote without quotation
//! is lost. What octets cannot do to a reader is in `tests/fuzz.rs`, what shapes cost in
//! `tests/linear.rs`.
//!
//! `FIREBELL_REWRITE=1 cargo test --test new_text` writes the texts anew. Read the difference before you commit.

mod beside;

use firebell::mail::message::read_mail;
use firebell::mail::quote::new_text;
use proptest::prelude::*;

/// The origin in the first line, what it says of a meeting, why it is not read, the files that came
/// with it; then the new text.
fn reading(octets: &[u8]) -> String {
    let mail = read_mail(octets, false);
    let mut head = vec![format!("{:?}", mail.origin)];
    head.extend(mail.meeting.map(|meeting| format!("{}. {}", meeting.what, meeting.comment)));
    head.extend(mail.unreadable.map(|why| format!("not read, because {why}")));
    head.extend(mail.attachments.iter().map(|file| {
        let kept = if file.content.is_some() { "" } else { ", not kept" };
        format!("attached: {}, {} octets{kept}", file.name, file.size_octets)
    }));
    format!("{}\n\n{}", head.join("\n"), mail.new_text)
}

#[test]
fn every_mail_reads_as_the_text_beside_it() {
    beside::check("mails", reading);
}

/// Attributions and header blocks as programmes write them in their languages, one a line; `⏎` is a
/// line's end.
const QUOTATIONS: &str = include_str!("quotations.txt");

#[test]
fn what_stands_around_a_quotation_of_any_client_comes_back_exactly() {
    const OWN: &str = "We are back since ten.";
    let quoted = "> Could you have a look at it?\n> It is still down.\n";
    let mut wrong = Vec::new();
    for row in QUOTATIONS.lines() {
        let intro = row.replace('⏎', "\n");
        let shown = intro.replace('<', "&lt;");
        let above = format!("{OWN}\n\n{intro}\n{quoted}");
        let apart = format!("{OWN}\n\n{intro}\n\n{quoted}");
        let below = format!("{intro}\n{quoted}\n{OWN}\n");
        let html = format!("<p>{OWN}</p><div>{shown}</div><blockquote>It is still down.</blockquote>");
        let mut bodies = vec![("plain", above), ("plain", apart)];
        // A block of several lines holds a quotation without marks, below which nobody writes.
        if !row.contains('⏎') {
            bodies.extend([("plain", below), ("html", html)]);
        }
        for (kind, body) in bodies {
            let header = "From: Dana Okafor <dana@ops.example>\nMIME-Version: 1.0\n";
            let mail = format!("{header}Content-Type: text/{kind}; charset=utf-8\n\n{body}");
            let found = new_text(mail.as_bytes());
            if found.trim() != OWN {
                wrong.push(format!("{row}\n{found}"));
            }
        }
    }
    assert!(QUOTATIONS.lines().count() >= 500 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn carriage_returns_make_no_difference() {
    for path in beside::mails("mails") {
        let mail = std::fs::read(&path).expect("a mail");
        let mail: Vec<u8> = mail.into_iter().filter(|octet| *octet != b'\r').collect();
        let lines = mail.split_inclusive(|octet| *octet == b'\n');
        let with_returns: Vec<u8> = lines
            .flat_map(|line| match line.strip_suffix(b"\n") {
                Some(line) => [line, b"\r\n"].concat(),
                None => line.to_vec(),
            })
            .collect();
        let (bare, full) = (read_mail(&mail, false), read_mail(&with_returns, false));
        assert_eq!(bare.new_text, full.new_text, "{}", path.display());
        assert_eq!(bare.content_key, full.content_key, "{}", path.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_without_quotation_is_kept_word_by_word(
        paragraphs in proptest::collection::vec("[a-z]{2,9}( [a-z]{2,9}){2,12}\\.", 1..8),
    ) {
        let body = paragraphs.join("\n\n");
        let mail = format!("From: Dana <dana@ops.example>\nSubject: x\n\n{body}\n");
        let text = new_text(mail.as_bytes());
        prop_assert_eq!(text.split_whitespace().collect::<Vec<_>>(), body.split_whitespace().collect::<Vec<_>>());
    }
}
