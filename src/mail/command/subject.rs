//! The subject of a declaration: the severity it states, and the title.

use super::UNTITLED;
use super::text::clean;
use crate::incident::Severity;

/// A title must fit on a line of a mail and of a telephone; in characters.
pub const TITLE_CHARS_MAX: usize = 200;

/// What clients of several languages put before the subject of an answer, and of a forwarded mail.
const ANSWER_WORDS: [&str; 6] = ["re", "aw", "sv", "antw", "r", "odp"];
const FORWARD_WORDS: [&str; 7] = ["fwd", "fw", "wg", "vs", "vb", "tr", "rv"];

/// Reads the severity that a subject states (`SEV1: checkout is down`) and the title without it.
pub fn read_subject(subject: &str) -> (Option<Severity>, String) {
    let cleaned = clean(subject);
    let mut rest = without_prefixes(&cleaned);
    let mut severity = None;
    if let Some((found, after)) = leading_severity(rest) {
        severity = Some(found);
        rest = without_prefixes(after);
    }
    let title: String = rest.chars().take(TITLE_CHARS_MAX).collect();
    let title = title.trim();
    (severity, if title.is_empty() { UNTITLED.to_owned() } else { title.to_owned() })
}

/// `42` of the first `[INC-42]` in a subject, whatever hyphen and brackets a client made of it.
pub fn read_tag(subject: &str) -> Option<i64> {
    let upper = clean(subject).to_ascii_uppercase();
    let (_, rest) = upper.split_once("[INC-")?;
    let (digits, _) = rest.split_once(']')?;
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|number| is_number && *number > 0)
}

/// Whether a subject is that of a forwarded mail: its sender passes on what somebody else wrote.
pub fn is_forwarded(subject: &str) -> bool {
    let cleaned = clean(subject);
    let first = cleaned.split(':').next().unwrap_or_default().trim_end();
    FORWARD_WORDS.iter().any(|known| known.eq_ignore_ascii_case(first))
}

/// The subject without `Re:`, `Fwd:` and `[INC-42]` at its start. Every round takes a prefix off, so
/// it ends with the text.
fn without_prefixes(subject: &str) -> &str {
    let mut rest = subject.trim();
    loop {
        let shorter = without_answer_word(rest).or_else(|| without_tag(rest));
        match shorter {
            Some(shorter) => rest = shorter.trim_start(),
            None => return rest,
        }
    }
}

fn without_answer_word(subject: &str) -> Option<&str> {
    let (word, rest) = subject.split_once(':')?;
    // `Re[2]:` counts.
    let word = word.trim_end().split_once('[').map_or(word.trim_end(), |(word, _)| word);
    let mut known = ANSWER_WORDS.iter().chain(&FORWARD_WORDS);
    known.any(|known| known.eq_ignore_ascii_case(word)).then_some(rest)
}

fn without_tag(subject: &str) -> Option<&str> {
    let (tag, rest) = subject.strip_prefix('[')?.split_once(']')?;
    let digits =
        tag.get(4..).filter(|_| tag.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("inc-")))?;
    (!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit())).then_some(rest)
}

fn leading_severity(subject: &str) -> Option<(Severity, &str)> {
    let start = subject.trim_start_matches(['[', '(', '*']);
    let word = ["severity", "sev"]
        .iter()
        .find(|word| start.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)))?;
    let after = start.get(word.len()..)?.trim_start_matches(['-', ' ', '_', ':', '.']);
    let digit = after.get(..1)?;
    let rest = after.get(1..)?;
    if rest.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let severity = Severity::read(digit)?;
    Some((severity, rest.trim_start_matches([']', ')', '*', ':', ',', '-', '|', '!', '.', ' '])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_states_severity_and_title() {
        for (subject, severity, title) in [
            ("SEV-1 Checkout is failing", Some(Severity::Sev1), "Checkout is failing"),
            ("SEV1: checkout is down", Some(Severity::Sev1), "checkout is down"),
            ("Sev 1: checkout is down", Some(Severity::Sev1), "checkout is down"),
            ("sev\u{2011}2 \u{2013} slow", Some(Severity::Sev2), "slow"),
            ("[SEV3] slow", Some(Severity::Sev3), "slow"),
            ("Re: Fwd: SEV-1 down", Some(Severity::Sev1), "down"),
            ("AW: WG: [INC-42] SEV-1: down", Some(Severity::Sev1), "down"),
            ("Severity: 2 down", Some(Severity::Sev2), "down"),
            ("SEV-12 is a model", None, "SEV-12 is a model"),
            ("SEV-9 down", None, "SEV-9 down"),
            ("SEV2nd floor", None, "SEV2nd floor"),
            ("Several hosts down", None, "Several hosts down"),
            ("Checkout SEV-1", None, "Checkout SEV-1"),
            ("Reply rate: low", None, "Reply rate: low"),
            ("SEV-1", Some(Severity::Sev1), "(no subject)"),
            ("", None, "(no subject)"),
            (" \u{200b}\r\n", None, "(no subject)"),
            ("Re:", None, "(no subject)"),
            ("a\r\nBcc: x@y.example\u{7}", None, "a Bcc: x@y.example"),
        ] {
            assert_eq!(read_subject(subject), (severity, title.to_owned()), "{subject:?}");
        }
    }

    #[test]
    fn a_tag_is_read_however_a_client_wrote_it_and_nothing_else_is_one() {
        for subject in ["[INC-42] x", "Re: [ops] [inc-42] x", "\u{ff3b}INC\u{2011}42\u{ff3d} x"] {
            assert_eq!(read_tag(subject), Some(42), "{subject}");
        }
        // The first has a Cyrillic letter.
        for subject in
            ["[\u{406}NC-42]", "[INC-+42]", "[INC--1]", "[INC-0]", "[INC-]", "INC-42", "[INC-42", ""]
        {
            assert_eq!(read_tag(subject), None, "{subject}");
        }
    }

    #[test]
    fn a_title_is_never_longer_than_a_line() {
        let (_, title) = read_subject(&"\u{e9}".repeat(5_000));
        assert_eq!(title.chars().count(), TITLE_CHARS_MAX);
    }
}
