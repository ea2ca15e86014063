//! How people begin and end a mail: greetings, thanks, and the name below them.
//!
//! Says what is no news; never what is a command. Start with [`is_courtesy`].

use super::text::{Head, clean};
use crate::mail::quote::sign_offs::{is_gratitude, is_sign_off};

/// Nobody signs a mail to colleagues with more.
const NAME_CHARS_MAX: usize = 40;

/// `Hi Bob,` and the like: a line that greets and says nothing. In doubt it says something, since
/// "All clear!" may be the reason that was asked for.
pub(super) fn is_greeting(line: &str) -> bool {
    const GREETINGS: [&str; 13] = [
        "hi",
        "hello",
        "hey",
        "hallo",
        "dear",
        "greetings",
        "moin",
        "servus",
        "bonjour",
        "hola",
        "ciao",
        "liebe",
        "lieber",
    ];
    const TIMES_OF_DAY: [&str; 7] = ["morning", "afternoon", "evening", "day", "morgen", "tag", "abend"];
    let cleaned = clean(line).to_lowercase();
    let words: Vec<&str> = cleaned.split([' ', ',', '!', '.']).filter(|word| !word.is_empty()).collect();
    if words.len() > 5 || cleaned.contains([':', '=', '?']) {
        return false;
    }
    let starts = match words.as_slice() {
        [first, second, ..] if matches!(*first, "good" | "guten") => TIMES_OF_DAY.contains(second),
        [first, ..] => GREETINGS.contains(first),
        [] => false,
    };
    let ends = cleaned.ends_with([',', '!']);
    (starts && (ends || words.len() <= 2)) || (cleaned.ends_with(',') && words.len() <= 2)
}

/// Whether the prose is a greeting and a sign-off, with a name below it.
pub(super) fn is_courtesy(prose: &[&str]) -> bool {
    let lines: Vec<&str> = prose.iter().copied().filter(|line| !line.is_empty()).collect();
    if lines.is_empty() || lines.len() > 4 {
        return false;
    }
    let mut has_ended = false;
    lines.iter().enumerate().all(|(at, line)| {
        let ends = is_sign_off(line);
        let is_signer = has_ended && is_name(line);
        has_ended |= ends;
        ends || is_signer || (at == 0 && is_greeting(line))
    })
}

/// Whether a paragraph ends in a sign-off, the name of whoever says it, and up to two lines more; or is
/// that name, where what was said before is a sign-off that can be nothing else.
pub(super) fn is_signed_off(before: Option<&str>, paragraph: &[&str]) -> bool {
    let end = paragraph.get(paragraph.len().saturating_sub(4)..).unwrap_or_default();
    let signs = |name: &str| is_name(name) && Head::read(&clean(name)).is_none();
    end.windows(2).any(|pair| matches!(pair, [sign_off, name] if is_sign_off(sign_off) && signs(name)))
        || matches!((before, paragraph), (Some(sign_off), [name])
            if is_sign_off(sign_off) && !is_gratitude(sign_off) && signs(name))
}

/// Up to three words, and of three none that a name would not have.
fn is_name(line: &str) -> bool {
    let name = clean(line);
    let words = name.split(' ').count();
    words <= 3
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.ends_with(['?', '!', '。', '！', '？'])
        && (words < 3 || !name.split(' ').any(|word| word.starts_with(char::is_lowercase)))
}
