//! The whole conversation of a test as a file to read: every mail that was written and every mail
//! that arrived, in the order of their time.
//!
//! `FIREBELL_TRANSCRIPT=FILE cargo test --test e2e from_declaration` writes it.

use std::sync::Mutex;

use chrono::{DateTime, Utc};

use crate::support::imap::Mail;
use crate::support::lab::Lab;

/// What people wrote, with when; what they quoted stands above it already.
#[derive(Default)]
pub struct Transcript(Mutex<Vec<(DateTime<Utc>, String)>>);

impl Transcript {
    pub fn wrote(&self, from: &str, to: &str, message: &str) {
        let own = message.split("\n\nOn Sat, 21 Nov").next().unwrap_or_default();
        let text = format!("=== {from} writes to {to}\n\n{}\n", own.trim_end());
        self.0.lock().expect("one test").push((Utc::now(), text));
    }

    /// Writes the file that the environment names, if it does, with the mailboxes of `people`.
    pub fn finish(&self, lab: &Lab, people: &[&str]) {
        let Some(path) = std::env::var_os("FIREBELL_TRANSCRIPT") else { return };
        let mut letters: Vec<(Mail, Vec<&str>)> = Vec::new();
        for person in people {
            let mut mailbox = lab.mailbox(person);
            for mail in mailbox.mails() {
                match letters.iter_mut().find(|(letter, _)| letter.message_id == mail.message_id) {
                    Some((_, readers)) => readers.push(person),
                    None => letters.push((mail.clone(), vec![person])),
                }
            }
        }
        let mut all = self.0.lock().expect("one test").clone();
        all.extend(
            letters.iter().map(|(mail, readers)| (arrived_at(mail), shown(&readers.join(", "), mail))),
        );
        all.sort_by_key(|(at, _)| *at);
        let text: String = all.into_iter().map(|(_, block)| block + "\n").collect();
        std::fs::write(path, text).expect("the transcript");
    }
}

fn arrived_at(mail: &Mail) -> DateTime<Utc> {
    // The relay's own line has the time of arrival; it stands first.
    let date = mail.raw.lines().find_map(|line| line.strip_prefix("Date: "));
    date.and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok())
        .map_or_else(Utc::now, |date| date.with_timezone(&Utc) + chrono::TimeDelta::milliseconds(999))
}

fn shown(person: &str, mail: &Mail) -> String {
    let words = format!("From: {}\nSubject: {}\n\n{}", mail.from, mail.subject, mail.text.trim_end());
    format!("=== to {person}\n\n{words}\n")
}
