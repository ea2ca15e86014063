//! An incident from its first mail to its published postmortem, with nothing but mail: by a real
//! Postfix to Firebell's LMTP listener, by the relay into Dovecot's mailboxes, read by IMAP, and
//! answered as mail programs answer. `incident show` is only asked whether it agrees.

use serde_json::Value;

use crate::place::{DECLARATION, Place, entry};
use crate::support::imap::Mail;

const FOLLOW_UP: [&str; 4] = ["1 Severity", "2 Phase", "3 Commander", "4 What changed"];

#[track_caller]
fn assert_in_order(text: &str, labels: &[&str]) {
    let mut rest = text;
    for label in labels {
        let at = rest.find(&format!("\n{label}"));
        rest = &rest[at.unwrap_or_else(|| panic!("no {label:?}, or not in its place, in:\n{text}"))..];
    }
}

#[test]
fn an_unproven_report_exists_at_once_and_goes_to_everybody_when_confirmed() {
    let place = Place::start("");
    place.declare("dana", "SEV-1 Checkout is failing", "Every card payment is refused since ten.");

    // LMTP proves nothing about the sender: the commander on call hears of it, the lists do not.
    let asked = place.mail("alice", "I have command");
    let confirm = place.mail("dana", "confirm");
    let incident = place.incident("the incident to exist", |_| true);
    assert_eq!(incident["key"], "INC-1");
    assert_eq!(incident["severity"], "SEV-1");
    assert_eq!(incident["phase"], "triage");
    assert_eq!(incident["roles"]["commander"], Value::Null);
    assert_eq!(entry(&incident, "Every card payment").expect("the report's words")["verified"], false);
    assert!(asked.text.contains("Checkout is failing"), "{}", asked.text);
    assert!(!place.lab.mailbox("carol").mails().iter().any(|mail| mail.text.contains(DECLARATION[0])));

    place.reply("dana", &confirm, "confirm");
    for name in ["bob", "carol", "vp"] {
        let declaration = place.mail(name, DECLARATION[0]);
        assert_in_order(&declaration.text, &DECLARATION);
        assert_eq!(declaration.subject, "[INC-1] Checkout is failing");
        assert!(declaration.text.contains("Anything unexpected that harms"), "{}", declaration.text);
        assert!(declaration.raw.contains("Auto-Submitted: auto-generated"), "{}", declaration.raw);
    }
}

#[test]
fn replies_carry_an_incident_from_declaration_to_published_postmortem() {
    let place = Place::start("");
    let declaration = place.commanded_incident();

    // The commander states more, with her token: it is done, and an official follow-up goes out.
    let asked = place.mail("alice", "I have command");
    let text =
        "Phase: identified\nImpact: no card payments\nUpdate: The card gateway rejects our certificate.";
    place.reply("alice", &asked, text);
    let follow_up = place.mail("carol", "The card gateway rejects");
    assert_in_order(&follow_up.text, &FOLLOW_UP);
    assert_eq!(follow_up.subject, declaration.subject, "one subject for the whole thread");
    assert!(follow_up.from.contains("INC-1 SEV-1 identified"), "{}", follow_up.from);
    assert!(follow_up.text.contains("no card payments"), "{}", follow_up.text);

    // Somebody else's words are a note: into the timeline, and to those who work on it.
    place.reply("carol", &declaration, "The certificate ran out this morning.");
    let note = place.mail("alice", "The certificate ran out");
    assert!(note.from.contains("Carol Diaz via INC-1"), "{}", note.from);

    place.reply("alice", &asked, "Resolved: renewed the certificate of the card gateway");
    let resolution = place.mail("vp", "renewed the certificate");
    assert!(resolution.from.contains("resolved"), "{}", resolution.from);
    let incident = place.incident("resolved", |incident| incident["phase"] == "resolved");
    let follow_up = entry(&incident, "The card gateway rejects").expect("the update");
    assert_eq!(follow_up["kind"], "follow-up");
    assert_eq!(follow_up["author"], "alice@people.test");
    assert_eq!(follow_up["verified"], true);
    let note = entry(&incident, "The certificate ran out").expect("the note");
    assert_eq!((&note["kind"], &note["verified"]), (&Value::from("note"), &Value::from(true)));
    assert!(incident["resolved_at"].is_string());
    let owed = incident["obligations"].as_array().expect("obligations");
    assert!(owed.iter().any(|owed| owed["kind"] == "postmortem"), "{owed:?}");

    // The postmortem: sections by reply, in as many mails as people like, then published.
    let skeleton = place.mail("alice", "What happened");
    place.reply(
        "alice",
        &skeleton,
        "What happened: The certificate of the card gateway ran out at 09:58.",
    );
    place.reply("alice", &skeleton, "Contributing factors: Nobody was told before it ran out.");
    place.reply("alice", &skeleton, "Actions: Add an alert three weeks before a certificate runs out.");
    place.incident("three sections", |incident| {
        ["ran out at 09:58", "Nobody was told", "Add an alert"]
            .iter()
            .all(|words| incident["postmortem"].to_string().contains(words))
    });
    place.reply("alice", &skeleton, "Publish");
    let published = place.mail("carol", "ran out at 09:58");
    assert!(published.text.contains("Add an alert three weeks before"), "{}", published.text);
    place.incident("closed", |incident| incident["phase"] == "closed");
    place.mail("vp", "ran out at 09:58");
    place.transcript.finish(&place.lab, &["dana", "alice", "bob", "carol", "vp"]);
}

#[test]
fn silence_climbs_the_ladder_up_to_leadership() {
    let place = Place::start(
        r#"
[[severity]]
name = "SEV-1"
update_every = { investigating = "4s", identified = "4s", monitoring = "4s" }
[ladder]
update = [
  { at = "0s", to = ["commander"] },
  { at = "2s", to = ["commander", "deputy"] },
  { at = "4s", to = ["commander", "deputy", "leadership"] },
]
"#,
    );
    place.commanded_incident();
    let is_reminder = |mail: &Mail| mail.subject.to_lowercase().contains("update");
    place.lab.mailbox("alice").wait_for("a reminder of the update", is_reminder);
    place.lab.mailbox("vp").wait_for("the word that the update is overdue", |mail| {
        is_reminder(mail) || mail.text.contains("overdue")
    });
    let incident = place.incident("the reminders to be in the timeline", |incident| {
        let entries = incident["timeline"].as_array().expect("a timeline");
        entries.iter().filter(|entry| entry["kind"] == "reminder").count() >= 3
    });
    assert_eq!(incident["phase"], "triage", "reminders change nothing");
}
