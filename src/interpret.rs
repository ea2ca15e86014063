//! From a message and what it points at to what it asks for. Pure: what it points at is loaded
//! before, by `engine`, which asks [`clues`] what to load and [`interpret`] what it means.
//!
//! Here stand the rules of who is believed and of what belongs to which incident; what follows from
//! it is decided by `incident`.

mod alert;
mod belief;
mod clues;
mod digests;
mod lists;
mod shifts;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::alerts::{Alert, Seen, Threshold};
use crate::incident::decision::Purpose;
use crate::incident::event::{Declared, Filed, Said, Source, Speaker, Trust, Waits};
use crate::incident::permission::states_fact;
use crate::incident::policy::DeclareFrom;
use crate::incident::related::{Others, key_of};
use crate::incident::state::Person;
use crate::incident::{Incident, Policy};
use crate::mail::amid::written_amid;
use crate::mail::command::{
    Command, Grammar, Line, Misread, UNTITLED, Written, is_forwarded, read_commands, read_subject,
};
use crate::mail::dsn::Outcome;
use crate::mail::ids::same;
use crate::mail::{Address, InboundMail, Origin, Tag};
pub use alert::{Wanted, alert_of};
use belief::addresses_of;
pub use belief::{Proof, speaker, was_given_to, without_judgement};
pub use clues::{Clues, clues};
pub use digests::DigestAnswer;
use digests::answer_digest;
use lists::about_list;
pub use lists::{AboutList, ListAnswer};
pub use shifts::{AboutShifts, SwapAnswer, is_about_shift};
use shifts::{about_shifts, answer_swap, asks_for_shifts_only};

/// Postfix's `hopcount_limit`, and our own `Received`. RFC 5321 section 6.3 calls for such a limit.
const HOPS_MAX: usize = 51;
const RUNS_IN_A_CIRCLE: &str = "It came through more than 50 servers and runs in a circle";

const HIDDEN: &str = "It came in UTF-7, which hides what a mail says, so that no line of it counts; most \
                      programmes call the right setting UTF-8.";

/// A title beyond this is a text, which the timeline keeps.
const TITLE_CHARS_MAX: usize = 500;

/// What was found of what a message points at.
#[derive(Debug, Clone, Default)]
pub struct Pointed<'a> {
    /// The incident that it belongs to by address or thread, or by subject.
    pub incident: Option<&'a Incident>,
    /// A duplicate of it, to which the message came: its tokens prove the same persons.
    pub led_from: Option<&'a Incident>,
    /// Nothing but its subject names that incident, and its sender takes no part there.
    pub merely_named: bool,
    /// It answers a mail that we sent: what that was for.
    pub answering: Option<Purpose>,
    /// It answers some mail of ours, whether or not that had an incident.
    pub answers_ours: bool,
    /// It answers this digest.
    pub digest: Option<i64>,
    /// It was sent to several incidents, and answers a mail about this other one of them.
    pub answers_another: Option<&'a str>,
    /// The facts that the answered mail stated.
    pub answered_text: Option<&'a str>,
    /// All that the answered mail shows. `None` where that is further up the thread: somebody else may
    /// have written into its quotation.
    pub answered_letter: Option<&'a str>,
    /// When the answered mail was written.
    pub answered_at: Option<DateTime<Utc>>,
    pub entry_authors: BTreeMap<i64, Address>,
    /// What rules look at, where it was sent to the address of alerts.
    pub seen: Option<&'a Seen>,
}

/// What a message asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    Declare(Box<Declared>),
    Say(Box<Said>),
    /// Kept in the timeline of its incident, without effect.
    File(Filed),
    /// Kept as a message only, and why: nobody is told.
    Keep(&'static str),
    /// Waits for somebody known to accept it.
    Hold(Waits),
    /// Waits for somebody known to say whether it belongs to the incident that its subject names.
    Review {
        incident: i64,
        /// Its sender, where they may be told that it waits.
        tell: Option<Person>,
    },
    /// Somebody known accepts a held report.
    AcceptHeld {
        id: i64,
        by: Person,
    },
    /// Somebody known answered a held report with words that do not accept it: it is still held.
    AskAgain {
        id: i64,
        by: Person,
    },
    /// The sender gets the guide.
    Guide(Person),
    /// An alert that a rule knows, and whose sender is believed.
    Alert {
        alert: Box<Alert>,
        threshold: Threshold,
        proof: String,
    },
    /// An alert that a rule knows, and that anybody could have sent.
    AlertUnproven {
        rule: String,
        why: String,
    },
    /// An alert that no rule knows.
    AlertUnknown,
    /// Somebody answers the question about an alert.
    AnswerAlert {
        id: i64,
        by: Person,
        wanted: Wanted,
    },
    /// The sender gets the list of who is on call, or asks for shifts to change hands.
    OnCall(Box<AboutShifts>),
    /// Somebody wants to join or leave a list.
    List(Box<AboutList>),
    /// Somebody answers a digest.
    AnswerDigest(Box<DigestAnswer>),
    /// Somebody answers whether a shift may change hands.
    AnswerSwap {
        id: i64,
        by: Person,
        answer: SwapAnswer,
    },
    /// A delivery report for an outbox row of ours: the mail will not arrive. `dead` are the addresses
    /// of which it says that they are no mailboxes.
    Bounced {
        outbox: i64,
        reason: String,
        dead: Vec<Address>,
    },
    /// A delivery report for an outbox row of ours: the mail is late, and is tried again.
    Delayed {
        outbox: i64,
        reason: String,
    },
}

/// What a message asks for.
pub fn interpret(
    mail: &InboundMail,
    clues: &Clues,
    pointed: &Pointed<'_>,
    proof: Proof<'_>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Meaning {
    if let Some((outbox, mac)) = &clues.bounce {
        return bounced(mail, *outbox, same(mac, &proof.secret.bounce_mac(*outbox)));
    }
    if mail.hops > HOPS_MAX {
        return match pointed.incident {
            Some(_) => Meaning::File(filed(mail, policy, RUNS_IN_A_CIRCLE)),
            None => Meaning::Keep(RUNS_IN_A_CIRCLE),
        };
    }
    if let Some(seen) = pointed.seen {
        return alert::sight(mail, seen, clues, proof, policy);
    }
    if let Some(report) = unread_report(mail, clues, pointed, policy) {
        let speaker = speaker(mail, clues, pointed, proof, policy);
        return speaker.map_or(Meaning::Hold(Waits::Unsigned), |speaker| {
            declare(&report, &clues.tag, speaker, policy, now)
        });
    }
    if let (Some(why), Some(_), false) = (mail.unreadable, pointed.incident, mail.origin.is_automatic())
        && !pointed.merely_named
    {
        let why = format!("Could not be read, because {why}");
        return Meaning::File(filed(mail, policy, &why));
    }
    if mail.origin.is_automatic() {
        return match pointed.incident {
            Some(_) => Meaning::File(filed(mail, policy, &automatic(mail))),
            None => Meaning::Keep("nobody's report"),
        };
    }
    let speaker = speaker(mail, clues, pointed, proof, policy);
    let (Some(from), Some(speaker)) = (&mail.from, speaker) else {
        return match (pointed.incident, &clues.tag) {
            (Some(_), _) if !pointed.merely_named => {
                Meaning::File(filed(mail, policy, "Not from exactly one sender"))
            }
            (_, Tag::Plain | Tag::Drill | Tag::Private) => Meaning::Hold(Waits::Unsigned),
            (_, _) => Meaning::Keep("not from exactly one sender"),
        };
    };
    if policy.address.tag_of(&from.address).is_some() {
        return Meaning::Keep("from our own address");
    }
    if let Some(asked) = about_list(mail, &clues.tag, &speaker, proof, policy) {
        return match mail.through_list {
            true => Meaning::Keep("asks for a list through a list"),
            false => Meaning::List(Box::new(asked)),
        };
    }
    match (pointed.incident, &clues.tag) {
        (_, tag @ Tag::Digest { .. }) => answer_digest(mail, tag, speaker, pointed, policy, now),
        (_, Tag::Swap { id, .. }) => answer_swap(*id, speaker, mail, policy, now),
        (_, Tag::Held { id, token }) => accept_held(*id, token, &speaker, mail, proof, policy, now),
        (_, Tag::Ack { id, token }) => alert::answer(*id, token, &speaker.person, mail, proof, policy),
        (Some(_), _) if !pointed.merely_named => {
            let grammar = grammar(policy, pointed.answered_text);
            let mut written = read_written(mail, &grammar, speaker.trust, now);
            if let Some(other) = pointed.answers_another {
                let why =
                    format!("It stands in an answer to a mail about {other} and counts there alone.");
                written = without_effect(written, mail, &why, speaker.trust);
            }
            if let Some(duplicate) = pointed.led_from {
                written = without_answers(written, duplicate);
            }
            if let Some(letter) = pointed.answered_letter {
                add_words_amid(&mut written, &written_amid(&mail.elided, letter));
            }
            let own = policy.roster.person(&from.address, "").address;
            let mut said = source(mail);
            if speaker.trust == Trust::Stranger {
                name_files_only(&mut said);
            }
            let written_from = (own != speaker.person.address).then(|| from.address.clone());
            Meaning::Say(Box::new(Said {
                by: speaker,
                written,
                answering: pointed.answering,
                answered_at: pointed.answered_at,
                entry_authors: pointed.entry_authors.clone(),
                led_from: None,
                others: Others::new(),
                source: Source { written_from, ..said },
            }))
        }
        (Some(incident), _) => {
            // Whoever could not be read is told of that.
            let may_be_told = speaker.known
                && speaker.trust == Trust::Verified
                && !mail.through_list
                && mail.unreadable.is_none();
            Meaning::Review { incident: incident.number, tell: may_be_told.then_some(speaker.person) }
        }
        (None, tag) if pointed.digest.is_some() => {
            answer_digest(mail, tag, speaker, pointed, policy, now)
        }
        (None, Tag::OnCall { .. }) if speaker.known => {
            Meaning::OnCall(Box::new(about_shifts(mail, speaker, policy, now)))
        }
        (None, Tag::Plain) if speaker.known && asks_for_shifts_only(mail, policy, now) => {
            Meaning::OnCall(Box::new(about_shifts(mail, speaker, policy, now)))
        }
        (None, Tag::Help) if speaker.known => Meaning::Guide(speaker.person),
        (None, Tag::Plain | Tag::Drill | Tag::Private) if !answers_something(mail, clues, pointed) => {
            declare(mail, &clues.tag, speaker, policy, now)
        }
        (None, _)
            if speaker.trust == Trust::Verified && !mail.through_list && mail.unreadable.is_none() =>
        {
            Meaning::Guide(speaker.person)
        }
        (None, _) if speaker.known => Meaning::Hold(Waits::Nowhere),
        (None, Tag::Plain | Tag::Drill | Tag::Private) => Meaning::Hold(Waits::Stranger),
        (None, _) => Meaning::Keep("belongs to no incident"),
    }
}

/// Whether a mail answers a mail of ours, or one about an incident that we do not have: it may not
/// declare one by accident. A tag in the subject of a mail that answers nothing is somebody else's.
fn answers_something(mail: &InboundMail, clues: &Clues, pointed: &Pointed<'_>) -> bool {
    let answers = !mail.ancestors.is_empty() && !is_forwarded(&mail.subject);
    pointed.answers_ours || (clues.subject_number.is_some() && answers)
}

/// The lines and the words of a mail.
fn read_written(mail: &InboundMail, grammar: &Grammar<'_>, trust: Trust, now: DateTime<Utc>) -> Written {
    let written = read_commands(&mail.new_text, grammar, now);
    if mail.for_reading_only { without_effect(written, mail, HIDDEN, trust) } else { written }
}

/// Words that stand amid our own letter count as words alone: what stands in a quotation is no command.
fn add_words_amid(written: &mut Written, amid: &str) {
    if amid.is_empty() {
        return;
    }
    let gap = if written.prose.trim().is_empty() { "" } else { "\n\n" };
    written.prose = format!("{}{gap}{}", written.prose.trim_end(), amid.trim_end());
}

/// What a mail says whose lines do not count: all of it is words for everybody whom it was sent to.
/// Such are a mail to several incidents where it does not answer a mail of theirs, since its lines refer
/// to the mail that is answered; and a mail whose lines nobody sees who looks at its octets.
fn without_effect(written: Written, mail: &InboundMail, why: &str, trust: Trust) -> Written {
    let misread = |line: Line| {
        let (why, instead) = (why.to_owned(), Some(line.typed.clone()));
        Line { typed: line.typed, meaning: Err(Misread { why, instead, field: None }) }
    };
    // Nobody else hears of them.
    let told = written.lines.into_iter().filter(|_| trust == Trust::Verified);
    Written {
        lines: told.map(misread).collect(),
        prose: mail.new_text.trim().to_owned(),
        gave_up: false,
    }
}

/// What a mail to a duplicate says: what refers to the mail that is answered, or to a number of that
/// incident, would mean something else in the other one.
fn without_answers(written: Written, duplicate: &Incident) -> Written {
    let led = |line: Line| match &line.meaning {
        Ok(command) if command.refers_to_an_incident() => {
            let (own, other) =
                (duplicate.key(), duplicate.duplicate_of.map_or_else(String::new, key_of));
            let why = format!(
                "It answers {own}, which is a duplicate of {other}: what was asked there is asked no more. \
                 Answer a mail of {other} instead"
            );
            Line { typed: line.typed, meaning: Err(Misread { why, instead: None, field: None }) }
        }
        _ => line,
    };
    Written { lines: written.lines.into_iter().map(led).collect(), ..written }
}

/// A report on our reverse-path is believed when its MAC is ours, and about the one recipient whom
/// that mail went to, whatever address the report names.
fn bounced(mail: &InboundMail, outbox: i64, proven: bool) -> Meaning {
    let Some(report) = mail.report.as_ref().filter(|_| proven) else {
        return Meaning::Keep("not a delivery report that we can believe");
    };
    let reason = if report.reason.is_empty() { mail.subject.clone() } else { report.reason.clone() };
    match report.outcome {
        Outcome::Failed => {
            let dead = report.recipients.iter().filter(|recipient| recipient.is_dead);
            let dead = dead.map(|recipient| recipient.address.clone()).collect();
            Meaning::Bounced { outbox, reason, dead }
        }
        Outcome::Delayed => Meaning::Delayed { outbox, reason },
        Outcome::Delivered => Meaning::Keep("a report of success"),
    }
}

/// A person's report whose body was kept from the parser: a subject line is enough to declare.
fn unread_report(
    mail: &InboundMail,
    clues: &Clues,
    pointed: &Pointed<'_>,
    policy: &Policy,
) -> Option<InboundMail> {
    let why = mail.unreadable.filter(|_| mail.origin == Origin::Person)?;
    let from = mail.from.as_ref().filter(|from| policy.address.tag_of(&from.address).is_none())?;
    let declares = pointed.incident.is_none()
        && !answers_something(mail, clues, pointed)
        && matches!(clues.tag, Tag::Plain | Tag::Drill | Tag::Private);
    declares.then(|| InboundMail {
        from: Some(from.clone()),
        new_text: format!(
            "The text of this report could not be read, because {why}. The message is kept; ask its \
             sender to send the text again."
        ),
        ..mail.clone()
    })
}

/// How a known sender's report of their own becomes an incident.
fn declare(mail: &InboundMail, tag: &Tag, by: Speaker, policy: &Policy, now: DateTime<Utc>) -> Meaning {
    if by.trust == Trust::Stranger && policy.declare_from == DeclareFrom::Known {
        return Meaning::Hold(Waits::Stranger);
    }
    Meaning::Declare(Box::new(declaration(mail, tag, by, None, policy, now)))
}

/// The report that a message makes. `accepted_by` is who vouches for a stranger.
pub fn declaration(
    mail: &InboundMail,
    tag: &Tag,
    by: Speaker,
    accepted_by: Option<Person>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Declared {
    let (mut severity, mut title) = read_subject(&mail.subject);
    let mut written = read_written(mail, &grammar(policy, None), by.trust, now);
    if by.trust == Trust::Stranger {
        // A stranger's words are a report, kept whole; of what it asks for, only the facts are theirs
        // to state.
        written.lines.retain(|line| line.meaning.as_ref().is_ok_and(states_fact));
        written.prose = mail.new_text.trim().to_owned();
        written.gave_up = false;
    }
    if title == UNTITLED
        && let Some(first) = first_statement(&written.prose)
    {
        let (stated, words) = read_subject(first);
        severity = severity.or(stated);
        title = words;
    }
    let title = title.chars().take(TITLE_CHARS_MAX).collect();
    Declared {
        by,
        accepted_by,
        number: 0,
        title,
        severity,
        private: *tag == Tag::Private,
        drill: *tag == Tag::Drill,
        written,
        others: Others::new(),
        source: source(mail),
        alert: None,
    }
}

/// The line of a report that says something, past the line that greets: what it is called by when
/// its subject was left empty.
fn first_statement(prose: &str) -> Option<&str> {
    let mut lines = prose.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next()?;
    if first.ends_with([',', '!']) { Some(lines.next().unwrap_or(first)) } else { Some(first) }
}

fn accept_held(
    id: i64,
    token: &str,
    speaker: &Speaker,
    mail: &InboundMail,
    proof: Proof<'_>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Meaning {
    let proven = addresses_of(&speaker.person.address, policy)
        .iter()
        .any(|address| same(token, &proof.secret.held_token(id, address)));
    if !proven || !speaker.known {
        return Meaning::Keep("an answer to a held report without its token");
    }
    let written = read_written(mail, &grammar(policy, None), speaker.trust, now);
    let accepts = written.lines.iter().any(|line: &Line| {
        matches!(line.meaning, Ok(Command::Confirm | Command::Ack | Command::TakeCommand))
    });
    if accepts {
        Meaning::AcceptHeld { id, by: speaker.person.clone() }
    } else {
        // Perhaps they think that they accepted it; the report says how that is done.
        Meaning::AskAgain { id, by: speaker.person.clone() }
    }
}

fn grammar<'a>(policy: &'a Policy, answered_text: Option<&'a str>) -> Grammar<'a> {
    Grammar { zone: &policy.calendar.zone, sections: &policy.postmortem.sections, answered_text }
}

fn source(mail: &InboundMail) -> Source {
    Source {
        message_id: mail.message_id.clone(),
        elided: mail.elided.clone(),
        attachments: mail.attachments.clone(),
        written_from: None,
        no_receipt: mail.through_list,
    }
}

/// A message as something that is kept without effect, and why.
pub fn filed(mail: &InboundMail, policy: &Policy, why: &str) -> Filed {
    let mut source = source(mail);
    if mail.origin.is_automatic() {
        name_files_only(&mut source);
    }
    // Programmes write a comment into the text as well, or not.
    let comment = mail.meeting.as_ref().map(|meeting| meeting.comment.trim()).unwrap_or_default();
    let text = if mail.new_text.contains(comment) {
        mail.new_text.clone()
    } else {
        format!("{comment}\n\n{}", mail.new_text)
    };
    Filed {
        proof: without_judgement(mail).to_owned(),
        from: mail.from.as_ref().map(|from| policy.roster.person(&from.address, &from.name)),
        why: why.to_owned(),
        text,
        source,
    }
}

/// What machines and strangers send along is theirs to keep: the raw message has it for a while, and
/// nobody fills an incident with it.
fn name_files_only(source: &mut Source) {
    for attachment in &mut source.attachments {
        attachment.content = None;
    }
}

fn automatic(mail: &InboundMail) -> String {
    let why = match mail.origin {
        Origin::Person => "Could not be read",
        Origin::AutoReply => "Automatic reply",
        Origin::DeliveryReport => "Delivery report",
        Origin::ReadReceipt => "Read receipt",
        Origin::Complaint => "Complaint",
        Origin::Meeting => match &mail.meeting {
            Some(meeting) => return meeting.what.clone(),
            None => "Answer to a meeting",
        },
        Origin::Own => "Our own mail",
    };
    why.to_owned()
}
