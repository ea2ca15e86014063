//! An incident from its first mail to its published postmortem, with nothing but mail: by a real
//! Postfix to Firebell's LMTP listener, by the relay into Dovecot's mailboxes, read by IMAP, and
//! answered as mail programs answer. `incident show` is only asked whether it agrees.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::support::imap::Mail;
use crate::support::lab::Lab;
use crate::support::ports::free_port;
use crate::support::server::{ADDRESS, Relay, Server};
use crate::transcript::Transcript;

/// The labels of a declaration, in the order that never changes.
const DECLARATION: [&str; 6] =
    ["1 What is wrong", "2 Severity", "3 Phase", "4 Commander", "5 Coordination", "6 Involved"];
const FOLLOW_UP: [&str; 4] = ["1 Severity", "2 Phase", "3 Commander", "4 What changed"];

/// The server between a Postfix and the mailboxes of its people.
struct Place {
    lab: Lab,
    server: Server,
    transcript: Transcript,
}

impl Place {
    fn start(more: &str) -> Self {
        let lmtp_port = free_port();
        let lab = Lab::start(lmtp_port);
        let server = Server::start(lmtp_port, &Relay::Smtp(lab.smtp_port), more);
        Self { lab, server, transcript: Transcript::default() }
    }

    fn declare(&self, from: &str, subject: &str, text: &str) {
        self.post(from, ADDRESS, &format!("To: {ADDRESS}\nSubject: {subject}\n"), text);
    }

    /// Answers as a mail program does: to `Reply-To`, in the thread, with the mail quoted below.
    fn reply(&self, from: &str, to: &Mail, text: &str) {
        let address = to.reply_to.as_deref().expect("every mail of ours can be answered");
        let header = format!(
            "To: {address}\nSubject: Re: {}\nIn-Reply-To: <{id}>\nReferences: <{id}>\n",
            to.subject,
            id = to.message_id
        );
        let quoted = to.text.lines().map(|line| format!("> {line}\n")).collect::<String>();
        let text = format!("{text}\n\nOn Sat, 21 Nov 2026 at 10:00, {} wrote:\n{quoted}", to.from);
        self.post(from, address, &header, &text);
    }

    fn post(&self, from: &str, to: &str, header: &str, text: &str) {
        static SENT: AtomicU32 = AtomicU32::new(0);
        let number = SENT.fetch_add(1, Ordering::Relaxed);
        let date = chrono::Utc::now().to_rfc2822();
        let message = format!(
            "From: {from}@people.test\n{header}Date: {date}\nMessage-ID: <m{number}@people.test>\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        );
        self.transcript.wrote(from, to, &message);
        self.lab.deliver(&format!("{from}@people.test"), &[to], &message);
    }

    /// The first mail to `name` whose subject or text has `words`.
    fn mail(&self, name: &str, words: &str) -> Mail {
        let mut mailbox = self.lab.mailbox(name);
        mailbox.wait_for(&format!("{words:?}"), |mail| {
            mail.subject.contains(words) || mail.text.contains(words)
        })
    }

    fn incident(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.server.wait_for_incident("INC-1", what, wanted)
    }

    /// Dana reports and confirms, Alice takes command; the declaration as Carol got it.
    fn commanded_incident(&self) -> Mail {
        self.declare("dana", "SEV-1 Checkout is failing", "Every card payment is refused since ten.");
        let confirm = self.mail("dana", "confirm");
        self.reply("dana", &confirm, "confirm");
        let declaration = self.mail("carol", DECLARATION[0]);
        let asked = self.mail("alice", "I have command");
        self.reply("alice", &asked, "I have command");
        self.incident("Alice to command", |incident| commander(incident) == "alice@people.test");
        declaration
    }
}

fn commander(incident: &Value) -> &str {
    incident["roles"]["commander"].as_str().unwrap_or_default()
}

/// The entry of the timeline that has `words`.
fn entry<'a>(incident: &'a Value, words: &str) -> Option<&'a Value> {
    let entries = incident["timeline"].as_array().expect("a timeline");
    entries.iter().find(|entry| entry["text"].as_str().unwrap_or_default().contains(words))
}

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
