//! What mail clients do to plain text, undone: the spaces, hyphens, colons and asterisks that stand
//! for the ordinary ones.
//!
//! Never changes what is kept for people; only what is compared. Start with [`clean`].

use super::fields::Field;

/// The ordinary character for one that a mail client put in its place; `None` for one that is not
/// seen at all.
fn ordinary(c: char) -> Option<char> {
    match c {
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => None,
        '\u{feff}' | '\u{ad}' => None,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' | '\u{b4}' => Some('\''),
        '\u{201c}'..='\u{201f}' => Some('"'),
        // The full-width forms of ASCII, the colon and the digits among them.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() => None,
        c => Some(c),
    }
}

/// The text with ordinary characters, single spaces, and none at its ends.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars().filter_map(ordinary) {
        if c != ' ' || !(cleaned.is_empty() || cleaned.ends_with(' ')) {
            cleaned.push(c);
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

/// Whether nothing is seen of the line.
pub(super) fn is_blank(line: &str) -> bool {
    line.chars().all(|c| matches!(ordinary(c), None | Some(' ')))
}

/// The value of a field that is a word, a name or a time: without the asterisks around it and the
/// full stop behind it.
pub(super) fn short(value: &str) -> String {
    let cleaned = clean(value);
    let bare = cleaned.trim_matches(['*', '_', '`', '"', ' ']).trim_end_matches(['.', '!', ' ', '*']);
    without_autolink(bare).to_owned()
}

/// `alice@x.example <mailto:alice@x.example>`, as some clients write an address that they made a
/// link, is the address; so it is for other links.
fn without_autolink(text: &str) -> &str {
    let Some((shown, target)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) else {
        return text;
    };
    let (shown, target) = (shown.trim(), target.trim());
    if shown.is_empty() {
        return target.strip_prefix("mailto:").unwrap_or(target);
    }
    let is_same = |target: &str| target.trim_end_matches('/') == shown.trim_end_matches('/');
    if is_same(target)
        || ["mailto:", "http://", "https://", "tel:"]
            .iter()
            .any(|scheme| target.strip_prefix(scheme).is_some_and(is_same))
    {
        shown
    } else {
        text
    }
}

/// The line that opens a field, split at its colon or equals sign.
pub(super) struct Head {
    /// Lower case, single spaces, `-` and `_` as spaces; without number and brackets.
    pub name: String,
    /// The same as it was typed.
    pub shown: String,
    /// `12` of `Correct #12`.
    pub number: Option<i64>,
    /// Split at a colon, not at an equals sign.
    pub by_colon: bool,
    /// Where the value begins, in octets of the line.
    pub value_at: usize,
}

/// No field has a longer name; what comes later is not looked at, so that a long line costs nothing.
const HEAD_CHARS_MAX: usize = 60;

impl Head {
    /// Reads `Field:` at the start of a line, with the list bullet and the asterisks people and
    /// clients put round it.
    pub(super) fn read(line: &str) -> Option<Self> {
        let (at, separator) = line
            .char_indices()
            .take(HEAD_CHARS_MAX)
            .find(|(_, c)| matches!(ordinary(*c), Some(':' | '=')))?;
        let by_colon = ordinary(separator) == Some(':');
        let cleaned = clean(line.get(..at)?);
        let bare = without_bullet(&cleaned).trim_matches(['*', '_', '`', '#', ' ']);
        let (bare, number) = split_number(without_remark(bare));
        let after = at + separator.len_utf8();
        let rest = line.get(after..)?;
        // `*Severity:* 2` closes its emphasis behind the colon.
        let closing = rest.len() - rest.trim_start_matches(['*', '_', '`']).len();
        let is_emphasis = cleaned.starts_with(['*', '_', '`'])
            || without_bullet(&cleaned).starts_with(['*', '_', '`']);
        let name = name_of(bare);
        (!name.is_empty()).then(|| Self {
            name,
            shown: bare.to_owned(),
            number,
            by_colon,
            value_at: if is_emphasis { after + closing } else { after },
        })
    }
}

/// Lower case, single spaces, `-`, `_` and brackets as spaces.
fn name_of(typed: &str) -> String {
    let name = typed.to_lowercase().replace(['-', '_', '(', ')'], " ");
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands in brackets is no part of a name, but where a field is called so: `Action (later)`.
fn without_remark(bare: &str) -> &str {
    match bare.split_once('(') {
        Some(_) if Field::named(&name_of(bare), false).is_some() => bare,
        Some((before, _)) => before.trim(),
        None => bare,
    }
}

fn without_bullet(line: &str) -> &str {
    ["- ", "* ", "+ ", "\u{2022} ", "\u{b7} "]
        .iter()
        .find_map(|bullet| line.strip_prefix(bullet))
        .or_else(|| line.strip_prefix('\u{2022}'))
        .unwrap_or(line)
        .trim_start()
}

fn split_number(bare: &str) -> (&str, Option<i64>) {
    let Some((before, last)) = bare.rsplit_once([' ', '#']) else { return (bare, None) };
    match last.trim_start_matches('#').parse::<u32>() {
        Ok(number) => (before.trim_end_matches([' ', '#']), Some(i64::from(number))),
        Err(_) => (bare, None),
    }
}

/// A line as a sentence of its own is compared: lower case, without bullet, emphasis and full stop.
pub(super) fn sentence(line: &str) -> Option<String> {
    // No sentence is longer; a longer line is prose.
    if line.len() > 4 * HEAD_CHARS_MAX {
        return None;
    }
    let cleaned = clean(line).to_lowercase();
    let bare =
        without_bullet(&cleaned).trim_matches(['*', '_', '`', ' ']).trim_end_matches(['.', '!', ' ']);
    (!bare.is_empty()).then(|| bare.to_owned())
}
