//! What mail about shifts asks for: who is on call, that a shift change hands, whether it may.
//!
//! Never asks whose shift it is; `roster` knows. Start with [`about_shifts`].

use chrono::{DateTime, Utc};

use super::{Meaning, grammar, read_written};
use crate::incident::Policy;
use crate::incident::event::{Speaker, Trust};
use crate::mail::InboundMail;
use crate::mail::command::{Command, Line};

/// A mail about who is on call.
#[derive(Debug, Clone, PartialEq)]
pub struct AboutShifts {
    pub by: Speaker,
    /// The overrides that it asks for, read or not; without any it is a question.
    pub lines: Vec<Line>,
    /// Subject and text, for the services that they name.
    pub words: String,
    /// Its sender gets no answer: a list spread it.
    pub unanswered: bool,
}

/// What somebody says to a shift that is to change hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapAnswer {
    Agrees,
    Declines,
    /// Neither can be read out of it.
    Unclear,
}

/// Whether a line asks for a shift, whether or not it could be read.
pub fn is_about_shift(line: &Line) -> bool {
    match &line.meaning {
        Ok(command) => matches!(command, Command::Override(_)),
        Err(misread) => misread.field.as_deref() == Some("Override"),
    }
}

/// A mail to the address for shifts.
pub(super) fn about_shifts(
    mail: &InboundMail,
    by: Speaker,
    policy: &Policy,
    now: DateTime<Utc>,
) -> AboutShifts {
    let written = read_written(mail, &grammar(policy, None), by.trust, now);
    AboutShifts {
        lines: written.lines.into_iter().filter(is_about_shift).collect(),
        words: format!("{}\n{}", mail.subject, mail.new_text),
        unanswered: mail.through_list,
        by,
    }
}

/// Whether a mail to the plain address, which would declare an incident, is about shifts and nothing
/// else.
pub(super) fn asks_for_shifts_only(mail: &InboundMail, policy: &Policy, now: DateTime<Utc>) -> bool {
    let written = read_written(mail, &grammar(policy, None), Trust::Verified, now);
    !written.lines.is_empty()
        && written.lines.iter().all(is_about_shift)
        && written.prose.split_whitespace().count() <= GREETING_WORDS_MAX
}

/// Words beside the lines that are a greeting and a name.
const GREETING_WORDS_MAX: usize = 6;

/// An answer, which counts from whoever proved to be the one who was asked.
pub(super) fn answer_swap(
    id: i64,
    by: Speaker,
    mail: &InboundMail,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Meaning {
    if by.trust != Trust::Verified || mail.through_list {
        return Meaning::Keep("an answer about a shift without its token");
    }
    let written = read_written(mail, &grammar(policy, None), by.trust, now);
    let agrees = |line: &Line| matches!(line.meaning, Ok(Command::Confirm | Command::Ack));
    let answer = if written.lines.iter().any(agrees) {
        SwapAnswer::Agrees
    } else if declines(&mail.new_text) {
        SwapAnswer::Declines
    } else {
        SwapAnswer::Unclear
    };
    Meaning::AnswerSwap { id, by: by.person, answer }
}

/// `decline`, `No, sorry`: said in the first line that says anything.
fn declines(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let word = first.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty());
    let word = word.unwrap_or_default().to_lowercase();
    matches!(word.as_str(), "decline" | "declined" | "no" | "nope")
}
