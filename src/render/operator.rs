//! Letters for whoever looks after the server: what it cannot mend by itself.
//!
//! Each says what to do at a shell, in commands that work as they are printed.

use std::fmt;

use chrono::{DateTime, Utc};

use super::answer::letter;
use super::paper::{Paper, fact};
use super::when;
use super::wrap::{clipped, one_line};
use crate::incident::Policy;
use crate::incident::decision::Purpose;
use crate::mail::compose::Letter;

/// Mistakes of a configuration that are named in a mail.
const MISTAKES_MAX: usize = 20;

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

/// Something stored that cannot be read any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damaged {
    /// By its number.
    Incident(i64),
    /// A mail to one recipient, by its number in the outbox.
    Mail(i64),
}

impl fmt::Display for Damaged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incident(number) => write!(formatter, "INC-{number}"),
            Self::Mail(id) => write!(formatter, "mail {id} of the outbox"),
        }
    }
}

/// For the operator: a message was stored and could not be read.
pub fn render_unreadable(policy: &Policy, message: &Unreadable<'_>, now: DateTime<Utc>) -> Letter {
    let mut paper = Paper::new("A message could not be read", one_line(&policy.name));
    let sender = if message.sender_told {
        "Its sender was asked to send the text again, as plain text."
    } else {
        "Its sender has heard nothing: please tell them."
    };
    let id = message.id;
    paper.prose(&format!(
        "Please look at it with `firebell inbox show {id}`, and if it reports an incident, declare it \
         yourself: nothing was done with it. {sender} It is stored whole; when what broke it is mended, \
         `firebell inbox read-again {id}` has the server read it once more.",
    ));
    paper.facts(vec![
        fact("Message", id.to_string()),
        fact("From", clipped(if message.from.is_empty() { "nobody" } else { message.from }, 200)),
        fact("Noticed", when::full(now, policy)),
        fact("Why", clipped(message.why, 400)),
    ]);
    letter(Purpose::Operator, "Firebell", "A message could not be read", &paper)
}

/// For the operator: mail does not move.
///
/// It takes the way of the mail that waits, so it may come when all is over: what it says of a time is
/// true whenever it is read.
pub fn render_stuck(policy: &Policy, since: DateTime<Utc>, count: i64, now: DateTime<Utc>) -> Letter {
    let noticed = when::full(now, policy);
    let mails = if count == 1 { "1 mail".to_owned() } else { format!("{count} mails") };
    let subject = format!("Mail did not move at {noticed}");
    let mut paper =
        Paper::new(format!("{mails} waited for the relay at {noticed}"), one_line(&policy.name));
    paper.prose(
        "Please look now whether mail moves again: `firebell outbox list` names what still waits, and what the \
         relay said. When it names nothing, all is sent, and nothing is wanted of you.",
    );
    paper.prose(
        "When mail still waits, people do not know what is asked of them. `firebell check` tries the \
         relay, and `firebell outbox retry --all` does not wait for the next try. You are told again \
         after a day.",
    );
    paper.facts(vec![
        fact("Waiting", mails),
        fact("Oldest", when::full(since, policy)),
        fact("Noticed", noticed),
    ]);
    paper.foot("This notice went the same way: where it comes late, the relay takes mail again.");
    letter(Purpose::Stuck, "Firebell", &subject, &paper)
}

/// For the operator: the configuration was read again, has mistakes, and changes nothing.
pub fn render_mistakes(policy: &Policy, mistakes: &[String], now: DateTime<Utc>) -> Letter {
    let subject = "The configuration has mistakes and changes nothing";
    let mut paper = Paper::new(subject, one_line(&policy.name));
    paper.prose(
        "Please mend them and have it read again (SIGHUP): until then everything goes on by the one before, \
         people, rotations and services included. `firebell check` names what is still wrong. The server \
         would not start with it.",
    );
    paper.items(&mistakes.iter().take(MISTAKES_MAX).map(|one| clipped(one, 400)).collect::<Vec<_>>());
    paper.facts(vec![fact("Noticed", when::full(now, policy))]);
    letter(Purpose::Operator, "Firebell", subject, &paper)
}

/// For the operator: something stored cannot be read any more, and was taken out of the way.
pub fn render_damaged(policy: &Policy, what: Damaged, now: DateTime<Utc>) -> Letter {
    let subject = format!("{what} cannot be read");
    let mut paper = Paper::new(subject.clone(), one_line(&policy.name));
    match what {
        Damaged::Incident(number) => paper
            .prose(&format!(
                "Please tell those who work on it: nobody is reminded of it, and nothing of it is sent, until \
                 `firebell incident show INC-{number}` shows it again. What they write to it is kept, and \
                 `firebell inbox list` names it. Everything else goes on.",
            ))
            .prose(
                "What is stored of it is damaged, or was written by a newer Firebell. Compare \
                 `firebell --version` on all machines, and start the newest on each. Where they are the same, \
                 bring back a copy of the database, one of SQLite with `firebell restore FILE`; what came \
                 since is not in it.",
            ),
        Damaged::Mail(id) => paper
            .prose(&format!(
                "Please look with `firebell outbox show {id}` whom it was for, and tell them yourself: it is \
                 held back, and everything else is sent. Then type `firebell outbox cancel {id}`, and it is no \
                 longer in the list.",
            ))
            .prose(&format!(
                "What is stored of it is damaged, or was written by a newer Firebell. Where that one runs, \
                 `firebell outbox retry {id}` sends it.",
            )),
    };
    paper.facts(vec![fact("Noticed", when::full(now, policy))]);
    letter(Purpose::Operator, "Firebell", &subject, &paper)
}

/// For the operator: mail that proves nothing is refused, because there is so much.
pub fn render_crowded(policy: &Policy, refused: u64, now: DateTime<Utc>) -> Letter {
    let subject = "Mail is refused, because so much comes";
    let mut paper = Paper::new(subject, one_line(&policy.name));
    paper.prose(
        "Please look who writes so much: `firebell inbox list --all` shows it. So much came within a day \
         that proves nothing of its sender, in the name of one person or of all strangers together, that \
         more of it is asked to come again later. Whoever logs in, or answers our mail at the address \
         that was made for them, is not kept out.",
    );
    paper.prose(
        "If you want the mail, raise `keep_unproven` in the configuration and send SIGHUP: a tenth of it \
         may come in a day. Senders' servers try again for days, so nothing is lost before. You are told \
         once a day.",
    );
    let share = policy.unproven_octets_max / 10;
    paper.facts(vec![
        fact(
            "Refused",
            if refused == 1 { "1 message".to_owned() } else { format!("{refused} messages") },
        ),
        fact("Limit", format!("{} MB a day", share / 1_000_000)),
        fact("Noticed", when::full(now, policy)),
    ]);
    letter(Purpose::Operator, "Firebell", subject, &paper)
}

/// For the operator: the mailbox cannot be read.
pub fn render_unread_mailbox(
    policy: &Policy,
    since: DateTime<Utc>,
    why: &str,
    now: DateTime<Utc>,
) -> Letter {
    let subject = "The mailbox cannot be read";
    let mut paper = Paper::new(subject, one_line(&policy.name));
    paper.prose(
        "Please mend it: whatever is written to it is not known here, and nobody who writes learns of \
         that. `firebell check` tries it and names what is wrong. It is tried again all the time, and \
         nothing in it is lost. You are told once a day.",
    );
    paper.facts(vec![
        fact("Why", clipped(why, 400)),
        fact("Since", when::full(since, policy)),
        fact("Noticed", when::full(now, policy)),
    ]);
    letter(Purpose::Operator, "Firebell", subject, &paper)
}
