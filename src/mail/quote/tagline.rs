//! The line that a phone or a programme adds: "Sent from my iPhone".
//!
//! Knows no position: where such a line counts is decided by [`super::signature`]. Start with
//! [`is_tagline`].

use std::sync::LazyLock;

use super::super::phrases::Phrases;
use super::taglines::{self, EXCUSES, MY_DEVICE, SENT_BY};
use super::{devices, folded};

static SENT_FROM: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(taglines::SENT_FROM));
static SENT_BEHIND: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(taglines::SENT_BEHIND));
static DEVICES: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(devices::DEVICES));
static ANY_DEVICES: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(devices::ANY_DEVICES));

/// The longest line with its link.
const OCTETS_MAX: usize = 600;
/// Words of a tagline behind its beginning, where the list of devices does not know them.
const TAGLINE_WORDS_MAX: usize = 4;

/// What a phone or a programme says it is. "Sent from my desk, it is quieter" is a sentence.
pub(super) fn is_tagline(text: &str) -> bool {
    if text.len() > OCTETS_MAX {
        return false;
    }
    let text = folded(text.trim_matches(['*', '_', ' ', '\u{a0}']));
    let text = text.trim_start_matches(['(', '[', '-', '>', '~', '*', ' ', '—', '–']);
    let (words, is_linked) = match text.find(['<', '(', '[']) {
        Some(at) => {
            (text.get(..at).unwrap_or_default(), text.get(at..).is_some_and(|rest| rest.contains("://")))
        }
        None => (text, false),
    };
    let words = without_excuse(words).trim_end_matches(['.', ' ', ')', ']', '*', '。']);
    let names_maker =
        |(_, behind): (&str, &str)| behind.split(' ').next().is_some_and(|word| DEVICES.begin(word));
    if words.chars().count() > 90
        || words.contains(", ") && !words.split_once(", ").is_some_and(names_maker)
    {
        return false;
    }
    let device = |may_be_any: bool| {
        text.split([' ', '/', '\'']).any(|word| DEVICES.begin(word))
            || may_be_any && ANY_DEVICES.are_within(text)
    };
    let phrase = SENT_FROM.starting(text).max_by_key(|phrase| phrase.len());
    // Without a link or a verb, it is what somebody says of the programme.
    let phrase = phrase.filter(|phrase| is_linked || !phrase.starts_with("outlook"));
    if let Some(phrase) = phrase {
        let behind = words.get(phrase.len()..).unwrap_or_default().split_whitespace().count();
        let is_by = SENT_BY.iter().any(|by| phrase.trim_end().ends_with(by));
        let is_my = MY_DEVICE.contains(&phrase) && behind <= TAGLINE_WORDS_MAX;
        return is_linked || is_my || (behind <= TAGLINE_WORDS_MAX * 2 && device(!is_by));
    }
    let is_behind_link =
        |mark: (usize, &str)| text.get(mark.0 + 2..).is_some_and(|rest| SENT_FROM.begin(rest));
    // "The mail was sent" is a sentence in any language: here, the device must have a name.
    SENT_BEHIND.end(words) && words.split(' ').count() <= TAGLINE_WORDS_MAX + 2 && device(false)
        || text.match_indices("> ").any(is_behind_link) && device(true)
}

/// "Sent from my phone. Please excuse typos.", up to the excuse.
fn without_excuse(text: &str) -> &str {
    let ends = text.char_indices().filter(|(_, c)| matches!(c, '.' | ',' | '-' | '–' | '!' | ';'));
    let is_excuse = |rest: &str| EXCUSES.iter().any(|word| rest.trim_start().starts_with(word));
    let mut places = ends.map(|(at, c)| (at, text.get(at + c.len_utf8()..).unwrap_or_default()));
    places
        .find(|(_, rest)| rest.starts_with(' ') && is_excuse(rest))
        .map_or(text, |(at, _)| text.get(..at).unwrap_or_default())
}
