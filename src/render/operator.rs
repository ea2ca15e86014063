//! Letters for whoever looks after the server: what it cannot mend by itself.
//!
//! Each says what to do at a shell, in commands that work as they are printed.

use chrono::{DateTime, Utc};

use super::answer::letter;
use super::paper::{Paper, fact};
use super::when;
use super::wrap::{clipped, one_line};
use crate::incident::Policy;
use crate::incident::decision::Purpose;
use crate::mail::compose::Letter;

/// A message that was stored and could not be read.
#[derive(Debug, Clone, Copy)]
pub struct Unreadable<'a> {
    /// Its number in the inbox.
    pub id: i64,
    /// The reverse-path that it came with; empty for a machine's.
    pub from: &'a str,
    /// Its sender was asked to send it again.
    pub sender_told: bool,
    pub why: &'a str,
}

/// For the operator: a message was stored and could not be read.
pub fn render_unreadable(policy: &Policy, message: &Unreadable<'_>, now: DateTime<Utc>) -> Letter {
    let mut paper = Paper::new("A message could not be read", one_line(&policy.name));
    let sender = if message.sender_told {
        "Its sender was asked to send the text again, as plain text."
    } else {
        "Its sender has heard nothing: please tell them."
    };
    paper.prose(&format!(
        "Please look at it, and if it reports an incident, declare it yourself: nothing was done with \
         it. {sender} It is stored whole.",
    ));
    paper.facts(vec![
        fact("Message", format!("number {} of the inbound mail", message.id)),
        fact("From", clipped(message.from, 200)),
        fact("Noticed", when::full(now, policy)),
        fact("Why", clipped(message.why, 400)),
    ]);
    letter(Purpose::Operator, "Firebell", "A message could not be read", &paper)
}

/// For the operator: mail does not move.
pub fn render_stuck(policy: &Policy, since: DateTime<Utc>, count: i64, now: DateTime<Utc>) -> Letter {
    let subject = "Mail does not move";
    let mut paper = Paper::new(subject, one_line(&policy.name));
    paper.prose(
        "Please look at the relay: mail of ours waits for it, and people may not know what is asked of \
         them. `firebell outbox list` names each mail and what the relay said, `firebell check` tries \
         the relay, `firebell outbox retry --all` does not wait for the next try. You are told once a \
         day.",
    );
    paper.facts(vec![
        fact("Waiting", if count == 1 { "1 mail".to_owned() } else { format!("{count} mails") }),
        fact("Oldest", when::full(since, policy)),
        fact("Noticed", when::full(now, policy)),
    ]);
    letter(Purpose::Operator, "Firebell", subject, &paper)
}

/// For the operator: something stored cannot be read any more, and was taken out of the way.
pub fn render_damaged(policy: &Policy, what: &str, now: DateTime<Utc>) -> Letter {
    let subject = format!("{what} cannot be read");
    let mut paper = Paper::new(subject.clone(), one_line(&policy.name));
    paper.prose(&format!(
        "Please look at the database: what is stored of {what} is damaged, or was written by a newer \
         Firebell. Everything else goes on without it. Until it is mended nobody is reminded of it, \
         and nothing of it is sent.",
    ));
    paper.facts(vec![fact("Noticed", when::full(now, policy))]);
    letter(Purpose::Operator, "Firebell", &subject, &paper)
}
