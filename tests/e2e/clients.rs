//! Replies as mail programs write them: neomutt and s-nail fetch what Firebell really sent, quote it
//! their way and send it back by Postfix. And our mails as these programs show and use them.

use serde_json::Value;

use crate::place::{Place, commander, entry};
use crate::support::clients::{Neomutt, Typed, s_nail};
use crate::support::imap::Mail;
use crate::support::process::{program, run};

/// The entry that has `words`, when there is exactly one, and it is verified and Carol's.
fn carols(incident: &Value, words: &str) -> Option<String> {
    let entries = incident["timeline"].as_array().expect("a timeline");
    let text = |entry: &Value| entry["text"].as_str().unwrap_or_default().to_owned();
    let mut with_words = entries.iter().filter(|entry| text(entry).contains(words));
    let only = with_words.next()?;
    assert_eq!(with_words.next(), None, "one mail, one entry");
    assert_eq!(only["author"], "carol@people.test");
    assert_eq!(only["verified"], true);
    Some(text(only))
}

fn timeline_text(place: &Place, words: &str) -> String {
    let incident = place.incident(words, |incident| entry(incident, words).is_some());
    carols(&incident, words).expect("an entry")
}

#[test]
fn what_neomutt_sends_is_the_new_text_wherever_it_was_typed() {
    let place = Place::start("");
    place.commanded_incident();
    let carol = Neomutt::open(&place.lab, "carol", "");
    let declaration = "Checkout is failing";

    // To all: to the address with Carol's token, and to that of the incident. One entry.
    let typed = Typed::Above("join\n\nThe gateway of the second provider is slow too.");
    carol.press(declaration, "<group-reply><send-message>", &typed);
    let words = "second provider";
    assert_eq!(timeline_text(&place, words), "The gateway of the second provider is slow too.");
    place.incident("Carol to join", |incident| entry(incident, "Carol Diaz joined").is_some());

    let typed = Typed::Below("Impact: no card payments\n\nTheir queue holds 4,000 payments.");
    carol.press(declaration, "<reply><send-message>", &typed);
    assert_eq!(timeline_text(&place, "4,000"), "Their queue holds 4,000 payments.");
    place.incident("the impact", |incident| entry(incident, "Impact: no card").is_some());

    let typed = Typed::Behind("2 Severity", "It is only some of them, I think.");
    carol.press(declaration, "<reply><send-message>", &typed);
    let interleaved = timeline_text(&place, "only some of them");
    assert!(interleaved.ends_with("It is only some of them, I think."), "{interleaved}");
}

#[test]
fn neomutts_flowed_and_signed_replies_are_read_like_any() {
    let place = Place::start("");
    place.commanded_incident();
    let carol = Neomutt::open(&place.lab, "carol", "set text_flowed=yes");
    let typed = Typed::Above(
        "Impact: no card payments\n\nTheir queue holds 4,000 payments, \nand it grows. \n\nWe wait.",
    );
    carol.press("Checkout is failing", "<group-reply><send-message>", &typed);
    let text = timeline_text(&place, "4,000");
    assert_eq!(text, "Their queue holds 4,000 payments, and it grows.\n\nWe wait.");

    let signs = "set crypt_autosign=yes\nset pgp_default_key=carol@people.test";
    let carol = Neomutt::open(&place.lab, "carol", signs);
    carol.make_key("carol@people.test");
    let typed = Typed::Above("Service: checkout\n\nSigned by me.");
    carol.press("Checkout is failing", "<group-reply><send-message>", &typed);
    assert_eq!(timeline_text(&place, "Signed"), "Signed by me.");
    place.incident("the service", |incident| entry(incident, "Service: checkout").is_some());
}

#[test]
fn a_receipt_stands_below_the_mail_that_it_answers() {
    let place = Place::start("");
    place.commanded_incident();
    let sent = format!(
        "set sort=threads\nset copy=yes\nset record=imap://127.0.0.1:{}/INBOX",
        place.lab.imap_port
    );
    let carol = Neomutt::open(&place.lab, "carol", &sent);
    let typed = Typed::Above("Phase: identified\n\nIt is the certificate.");
    carol.press("Checkout is failing", "<reply><send-message>", &typed);
    assert_eq!(timeline_text(&place, "certificate"), "It is the certificate.");

    let receipt = place.mail("carol", "Receipt");
    let is_sent = |mail: &Mail| mail.text.starts_with("Phase: identified");
    let sent = place.lab.mailbox("carol").wait_for("the sent mail", is_sent);
    assert!(receipt.raw.contains(&format!("In-Reply-To: <{}>", sent.message_id)), "{}", receipt.raw);
    // As neomutt sees it: one thread, so limiting to the receipt's shows both.
    let thread = carol.thread("Receipt");
    for mail in [&receipt, &sent] {
        assert!(thread.contains(&mail.message_id), "{} is not in\n{thread}", mail.subject);
    }
}

#[test]
fn a_link_of_ours_opens_in_neomutt_with_its_reply_written() {
    let place = Place::start("");
    place.declare("dana", "SEV-1 Checkout is failing", "Every card payment is refused since ten.");
    let asked = place.mail("alice", "I have command");
    let link = asked.raw.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut links =
        link.filter(|link| link.starts_with("mailto:")).map(|link| link.replace("&#38;", "&"));
    let link = links.find(|link| link.ends_with("body=I%20have%20command")).expect("a link");
    Neomutt::open(&place.lab, "alice", "set abort_unmodified=no").follow(&link);
    place.incident("Alice to command", |incident| commander(incident) == "alice@people.test");
}

#[test]
fn what_s_nail_sends_is_the_new_text() {
    let place = Place::start("");
    place.commanded_incident();
    let declaration = place.mail("carol", "1 What is wrong");

    // Quoted as its configuration in Debian has it: all of it, then the cursor.
    let honours = ["reply-to-honour", "quote", "indentprefix=> "];
    let commands = "reply 1\njoin\n\nThe gateway of the second provider is slow too.\n~.";
    s_nail(&place.lab, "carol", &honours, commands);
    let words = "second provider";
    assert_eq!(timeline_text(&place, words), "The gateway of the second provider is slow too.");
    place.incident("Carol to join", |incident| entry(incident, "Carol Diaz joined").is_some());

    // `~m` puts the mail below what was typed, by default behind a tabulator on each line.
    let commands = "Reply 1\nTheir queue holds 4,000 payments.\n\n~m 1\n~.";
    s_nail(&place.lab, "carol", &["reply-to-honour"], commands);
    assert_eq!(timeline_text(&place, "4,000"), "Their queue holds 4,000 payments.");

    // Left to itself s-nail answers to From, which proves nothing: kept where it belongs, not applied.
    let commands = "reply 1\nleave\n\nThis came without a token.\n~.";
    s_nail(&place.lab, "carol", &[], commands);
    let incident =
        place.incident("the third reply", |incident| entry(incident, "without a token").is_some());
    assert_eq!(entry(&incident, "without a token").expect("it")["verified"], false);
    assert!(entry(&incident, "left").is_none(), "{incident:#}");
    assert!(
        place.mail("carol", "confirm").text.contains("leave"),
        "asked about, {}",
        declaration.subject
    );
}

#[test]
fn what_swaks_sends_is_the_new_text() {
    let place = Place::start("");
    place.commanded_incident();
    let declaration = place.mail("carol", "1 What is wrong");
    let mut swaks = program("swaks", "swaks");
    swaks.args([
        "--server",
        &format!("127.0.0.1:{}", place.lab.smtp_port),
        "--from",
        "carol@people.test",
    ]);
    swaks.args(["--to", declaration.reply_to.as_deref().expect("an address to answer to")]);
    swaks.args(["--h-Subject", "Re: checkout", "--body", "join\n\nThe gateway is back, says its page."]);
    run(&mut swaks);
    assert_eq!(timeline_text(&place, "is back"), "The gateway is back, says its page.");
}
