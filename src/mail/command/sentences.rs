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
        "approve" | "approved" => Command::Unavailable("Approve".to_owned()),
        other => Command::Unavailable(unavailable_sentence(other)?.to_owned()),
    };
    Some(Ok(command))
}

/// `Yes, on it!` says it twice.
fn is_ack(words: &str) -> bool {
    matches!(words, "ack" | "acknowledge" | "acknowledged" | "ok" | "okay" | "yes" | "on it" | "got it")
}

/// `done`, `done #3`, `fund 3`.
fn unavailable_sentence(sentence: &str) -> Option<&'static str> {
    let (word, number) = sentence.split_once(' ').unwrap_or((sentence, ""));
    let is_number = !number.is_empty()
        && number.trim_start_matches('#').chars().all(|c| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit());
    match word {
        "done" if number.is_empty() || is_number => Some("Done"),
        "fund" if is_number => Some("Fund"),
        "drop" if is_number => Some("Drop"),
        _ => None,
    }
}
