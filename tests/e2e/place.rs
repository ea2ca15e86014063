//! The server between a Postfix and the mailboxes of its people, and what those people do by hand.
//!
//! Start with [`Place::start`] or, with somebody in command, [`Place::commanded_incident`].

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::support::imap::Mail;
use crate::support::lab::{Lab, address_of};
use crate::support::ports::free_port;
use crate::support::server::{ADDRESS, Relay, Server};
use crate::transcript::Transcript;

/// The labels of a declaration, in the order that never changes.
pub const DECLARATION: [&str; 6] =
    ["1 What is wrong", "2 Severity", "3 Phase", "4 Commander", "5 Coordination", "6 Involved"];

/// The server between a Postfix and the mailboxes of its people.
pub struct Place {
    pub lab: Lab,
    pub server: Server,
    pub transcript: Transcript,
}

impl Place {
    pub fn start(more: &str) -> Self {
        let lmtp_port = free_port();
        let lab = Lab::start(lmtp_port);
        let server = Server::start(lmtp_port, &Relay::Smtp(lab.smtp_port), more);
        Self { lab, server, transcript: Transcript::default() }
    }

    pub fn declare(&self, from: &str, subject: &str, text: &str) {
        self.post(from, ADDRESS, &format!("To: {ADDRESS}\nSubject: {subject}\n"), text);
    }

    /// Answers as a mail program does: to `Reply-To`, in the thread, with the mail quoted below.
    pub fn reply(&self, from: &str, to: &Mail, text: &str) {
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

    /// Hands Postfix a mail of theirs; `header` has whole lines.
    pub fn post(&self, from: &str, to: &str, header: &str, text: &str) {
        let from = address_of(from);
        static SENT: AtomicU32 = AtomicU32::new(0);
        let number = SENT.fetch_add(1, Ordering::Relaxed);
        let date = chrono::Utc::now().to_rfc2822();
        let message = format!(
            "From: {from}\n{header}Date: {date}\nMessage-ID: <m{number}@people.test>\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
        );
        self.transcript.wrote(&from, to, &message);
        self.lab.deliver(&from, &[to], &message);
    }

    /// The first mail to `name` whose subject or text has `words`.
    pub fn mail(&self, name: &str, words: &str) -> Mail {
        let mut mailbox = self.lab.mailbox(name);
        mailbox.wait_for(&format!("{words:?}"), |mail| {
            mail.subject.contains(words) || mail.text.contains(words)
        })
    }

    pub fn incident(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.server.wait_for_incident("INC-1", what, wanted)
    }

    /// Dana reports and confirms, Alice takes command; the declaration as Carol got it.
    pub fn commanded_incident(&self) -> Mail {
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

pub fn commander(incident: &Value) -> &str {
    incident["roles"]["commander"].as_str().unwrap_or_default()
}

/// The entry of the timeline that has `words`.
pub fn entry<'a>(incident: &'a Value, words: &str) -> Option<&'a Value> {
    let entries = incident["timeline"].as_array().expect("a timeline");
    entries.iter().find(|entry| entry["text"].as_str().unwrap_or_default().contains(words))
}
