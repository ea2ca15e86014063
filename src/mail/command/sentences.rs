//! The lines that work alone: one word, or a few that are always the same.
//!
//! Never reads a field. Start with [`read_sentence`].

use super::text::sentence;
use super::{Command, Misread};

/// The lines that work alone.
pub(super) fn read_sentence(line: &str) -> Option<Result<Command, Misread>> {
    let sentence = sentence(line)?;
    let command = match sentence.as_str() {
        words if words.split([',', '.', '!']).all(|part| is_ack(part.trim())) => Command::Ack,
        "i have command" | "i have the command" | "i'm ic" | "i am ic" | "im ic" | "i'm the ic"
        | "i am the ic" => Command::TakeCommand,
        "join" => Command::Join,
        "leave" => Command::Leave,
        "confirm" | "confirmed" => Command::Confirm,
        "status" => Command::Status,
        "help" => Command::Help,
        "submit" => Command::Submit,
        "publish" => Command::Publish,
        "approve" | "approved" => Command::Approve(None),
        "object" | "i object" | "objection" => Command::Object { seq: None, why: String::new() },
        other => numbered_sentence(other)?,
    };
    Some(Ok(command))
}

/// `Yes, on it!` says it twice.
fn is_ack(words: &str) -> bool {
    matches!(words, "ack" | "acknowledge" | "acknowledged" | "ok" | "okay" | "yes" | "on it" | "got it")
}

/// `done`, `done #3`, `fund 3`.
fn numbered_sentence(sentence: &str) -> Option<Command> {
    let (word, number) = sentence.split_once(' ').unwrap_or((sentence, ""));
    let bare = number.strip_prefix('#').unwrap_or(number);
    let seq: Option<i64> = bare.parse().ok().filter(|_| bare.chars().all(|c| c.is_ascii_digit()));
    match (word, seq) {
        ("done", None) if number.is_empty() => Some(Command::Done { seq: None, result: String::new() }),
        ("done", Some(_)) => Some(Command::Done { seq, result: String::new() }),
        ("ack", Some(seq)) => Some(Command::TakeOn(seq)),
        ("approve", Some(_)) => Some(Command::Approve(seq)),
        ("decline", Some(_)) => Some(Command::Decline { seq, why: String::new() }),
        ("object", Some(_)) => Some(Command::Object { seq, why: String::new() }),
        ("fund", Some(_)) => Some(Command::Fund(seq)),
        ("drop", Some(_)) => Some(Command::Drop { seq, why: String::new() }),
        _ => None,
    }
}
