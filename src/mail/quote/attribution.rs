//! Attributions: the line by which a mail programme says who wrote what it quotes.
//!
//! Knows dates, verbs, names and addresses, and no programme. Whether lines are cut off is decided
//! by [`super::intro`]. Start with [`judge`].

use std::collections::HashSet;
use std::sync::LazyLock;

use super::super::phrases::Phrases;
use super::languages::{AUTHOR_WORDS, JOINTS, LANGUAGES, Language, PARTICLES};

static OPENINGS: LazyLock<Phrases> = LazyLock::new(|| of_all(|language| language.on));
static VERBS: LazyLock<Phrases> = LazyLock::new(|| of_all(|language| language.wrote));
static DAYS: LazyLock<Phrases> = LazyLock::new(|| of_all(|language| language.days));
static MONTHS: LazyLock<Phrases> = LazyLock::new(|| of_all(|language| language.months));

/// The longest attribution seen has three addresses in it.
pub(super) const CHARS_MAX: usize = 400;
/// Words between a verb and the colon: a name, a title, a firm.
const NAME_WORDS_MAX: usize = 6;
/// Words of the longest attribution, with both names of a list and its author.
const ATTRIBUTION_WORDS_MAX: usize = 28;
/// Words of an attribution that has no verb: a date, a time, a zone and a name.
const VERBLESS_WORDS_MAX: usize = 16;

/// Whether a text is an attribution: `Some(true)` if it can be nothing else. One that is wrapped
/// must begin like one, or it would begin in the sender's own line above.
pub(super) fn judge(text: &str, is_wrapped: bool) -> Option<bool> {
    let bare = text.trim_matches(['-', '*', ' ', '\u{a0}', '_', '—']);
    if bare.len() > CHARS_MAX * 4 {
        return None;
    }
    let lower = super::folded(bare);
    let stem = lower.trim_end_matches([':', '：', ' ', '*', '_']);
    let has_colon = lower.len() > stem.len() && lower.contains([':', '：']);
    let has_address = lower.contains('@');
    let ends_with_verb = verb_at_end(stem).is_some();
    // Most lines are none and end here.
    if !has_colon && !has_address && !ends_with_verb || lower.chars().count() > CHARS_MAX {
        return None;
    }
    let has_date = has_date(&lower);
    let starts_with_verb = starts_with_verb(&lower);
    if !has_date && !has_address && !ends_with_verb && !starts_with_verb {
        return None;
    }
    let shape = Shape {
        bare: text.trim(),
        stem,
        has_colon,
        has_address,
        has_date,
        starts_with_verb,
        ends_with_verb,
        behind_verb: words_behind_verb(stem),
        starts_with_date: starts_with_date(&lower),
        starts: starts_with_date(&lower) || OPENINGS.begin(&lower),
    };
    shape.judge(is_wrapped)
}

/// What is known of a text that may be an attribution.
struct Shape<'a> {
    bare: &'a str,
    stem: &'a str,
    has_colon: bool,
    has_address: bool,
    has_date: bool,
    starts_with_verb: bool,
    ends_with_verb: bool,
    /// Words between the verb and the end; `None` without a verb.
    behind_verb: Option<usize>,
    starts_with_date: bool,
    starts: bool,
}

impl Shape<'_> {
    fn judge(&self, is_wrapped: bool) -> Option<bool> {
        let dashed = self.bare.starts_with("--") && self.bare.ends_with("--");
        let has_verb = self.behind_verb.is_some();
        let ends_with_address = self.stem.ends_with(['>', ')', ']']);
        // "On Monday the vendor wrote in the ticket:" goes on behind the verb.
        let names_mailbox =
            self.names_before_verb() || has_verb && self.has_address && ends_with_address;
        let names_author = names_mailbox || has_verb && self.names_behind_verb();
        match () {
            () if self.starts && self.has_date && names_author && self.has_colon => {
                Some(self.is_surely_written())
            }
            () if self.starts && self.has_date && self.ends_with_verb => {
                Some(dashed || self.has_address && names_author)
            }
            () if self.starts && self.has_date && self.has_address && names_mailbox => Some(true),
            () if self.starts && self.has_date && self.has_address && ends_with_address => {
                Some(self.has_colon && self.is_verbless())
            }
            () if self.starts && self.ends_with_verb && self.has_colon => Some(false),
            () if dashed && self.ends_with_verb && !is_wrapped => Some(true),
            () if self.is_name_first() => Some(self.has_address || !is_wrapped),
            () if self.starts_with_verb && self.has_colon && self.names_behind_verb() => Some(false),
            () if self.is_nothing_else() => Some(self.has_date && has_verb && self.is_surely_written()),
            // Some write no colon behind the verb.
            () if self.ends_with_verb && self.starts && self.has_address => Some(false),
            () if self.ends_with_verb
                && self.ends_caseless()
                && self.words().len() <= NAME_WORDS_MAX =>
            {
                Some(false)
            }
            () if is_wrapped => None,
            () if self.has_address && self.ends_with_verb && self.has_colon => {
                Some(self.words_before_verb() <= NAME_WORDS_MAX + 1)
            }
            () if self.has_date && self.ends_with_verb && self.has_colon => Some(false),
            () if self.ends_with_verb && self.has_colon && self.stem.chars().count() < 80 => Some(false),
            () if self.has_date && self.has_address && self.has_colon && self.is_verbless() => {
                Some(false)
            }
            () => None,
        }
    }

    /// `Dana Okafor <dana@…> schrieb am 21.11.2026 um 10:00:`.
    fn is_name_first(&self) -> bool {
        let Some(behind) = self.behind_verb.filter(|behind| *behind > 0) else { return false };
        let words: Vec<&str> = self.words();
        let (before, after) = words.split_at(words.len().saturating_sub(behind));
        let named = before.len().saturating_sub(1);
        self.has_colon
            && self.has_date
            && super::folded(&after.join(" ")).contains(|c: char| c.is_ascii_digit())
            && behind <= 10
            && (1..=NAME_WORDS_MAX).contains(&named)
            && (self.has_address || before.first().is_some_and(|word| starts_name(word)))
            && before.iter().take(named).all(|word| starts_name(word) || word.contains('@'))
    }

    /// An alert is said or sent as well, but has no address.
    fn is_surely_written(&self) -> bool {
        self.has_address || !matches!(verb_at_end(self.stem), Some("said" | "sent"))
    }

    fn ends_caseless(&self) -> bool {
        self.stem.ends_with(is_caseless)
    }

    fn words(&self) -> Vec<&str> {
        let bare = self.bare.trim_end_matches([':', '：', ' ', '*', '_', '-', '\u{a0}']);
        bare.split(|c: char| c.is_whitespace()).filter(|word| !word.is_empty()).collect()
    }

    fn words_before_verb(&self) -> usize {
        self.words().len().saturating_sub(1)
    }

    /// The verb is the end, and before it stands a name: "the alert was sent:" has none.
    fn names_before_verb(&self) -> bool {
        let Some(verb) = verb_at_end(self.stem) else { return false };
        if verb.starts_with(is_caseless) {
            return true;
        }
        let words = self.words();
        let before = words.iter().rev().skip(verb.split_whitespace().count());
        let name = before
            .clone()
            .take_while(|word| !word.ends_with([',', ';', '、', '，']) && !has_figure(word));
        let name: Vec<&&str> = name.filter(|word| !is_zone(word)).collect();
        let is_set_off = before.clone().nth(name.len()).is_some_and(|word| word.ends_with([',', '，']));
        before.clone().next().is_some_and(|word| word.contains('@'))
            || name.len() <= NAME_WORDS_MAX
                && (name.is_empty()
                    || is_set_off && name.len() <= 2
                    || name.last().is_some_and(|first| starts_name(first) || first.contains('@')))
    }

    /// Nothing but the name of somebody stands behind the verb.
    fn names_behind_verb(&self) -> bool {
        let words = self.words();
        let behind = self.behind_verb.unwrap_or_default();
        let first = words.iter().rev().nth(behind.saturating_sub(1));
        (1..=NAME_WORDS_MAX).contains(&behind)
            && first.is_some_and(|word| starts_name(word) || word.contains('@'))
    }

    /// Only what attributions are made of: verbs, dates, names, addresses, and what joins them. A
    /// sentence has a word of its own.
    fn is_nothing_else(&self) -> bool {
        let words = self.words();
        let says_who = self.behind_verb.is_some()
            || AUTHOR_WORDS.iter().any(|word| self.stem.contains(word))
            || self.has_address
            || self.starts_with_date && self.ends_with_name();
        self.has_colon
            && says_who
            && words.len() <= ATTRIBUTION_WORDS_MAX
            && (self.has_address || self.has_date || self.ends_with_name())
            && are_joints(&words)
    }

    /// Two capitals at least, or the one in inverted commas.
    fn ends_with_name(&self) -> bool {
        let words = self.words();
        let capital = |word: &&&str| {
            let word = word.trim_start_matches(['"', '\'', '(', '<', '[', '„', '“', '«']);
            word.starts_with(char::is_uppercase) && !has_figure(word)
        };
        let name = words.iter().rev().take_while(capital).count();
        (2..=NAME_WORDS_MAX).contains(&name)
            || words.last().is_some_and(|word| word.ends_with(['"', '»']))
    }

    /// `2026/11/21 10:00 Dana Okafor <dana@ops.example>:` has a date, a name and an address.
    fn is_verbless(&self) -> bool {
        let words = self.words();
        let before = words.iter().rev().skip_while(|word| word.contains(['@', '<', '(']));
        let mut name = before.take(2).peekable();
        let named = name.peek().is_none_or(|word| starts_name(word) || word.ends_with([',', '，', ';']));
        words.len() <= VERBLESS_WORDS_MAX
            && named
            && (self.starts_with_date || AUTHOR_WORDS.iter().any(|word| self.stem.contains(word)))
    }
}

/// Whether a text has no word but those that stand in attributions.
pub(super) fn is_made_of_joints(text: &str) -> bool {
    are_joints(&text.split_whitespace().collect::<Vec<_>>())
}

fn are_joints(words: &[&str]) -> bool {
    let is_figure =
        |at: Option<usize>| at.and_then(|at| words.get(at)).is_some_and(|word| has_figure(word));
    words.iter().enumerate().all(|(at, word)| {
        // "mail" begins like a month, but has no figure beside it.
        let is_dated = is_figure(at.checked_sub(1)) || is_figure(Some(at + 1));
        is_joint(word) || is_dated && MONTHS.begin(&word.to_lowercase())
    })
}

/// Whether a word may stand in an attribution of any language.
fn is_joint(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != ')');
    let lower = super::folded(bare);
    bare.is_empty()
        || has_figure(bare)
        || word.contains(['@', '<', '>'])
        || starts_name(bare)
        || JOINT_WORDS.contains(lower.as_str())
        || JOINT_WORDS.contains(lower.trim_end_matches(')'))
}

/// The single words of verbs, openings and days, and what joins them.
static JOINT_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let rows = LANGUAGES.iter().flat_map(|language| [language.wrote, language.on, language.days]);
    rows.chain([JOINTS]).flat_map(|row| row.split(['|', ' '])).collect()
});

fn of_all(column: fn(&Language) -> &'static str) -> Phrases {
    Phrases::of(&LANGUAGES.iter().map(column).collect::<Vec<_>>())
}

/// A capital, or a script that has none; particles of names too.
fn starts_name(word: &str) -> bool {
    let lower = word.to_lowercase();
    let word = word.trim_start_matches(['"', '\'', '(', '<', '[', '„', '“', '«', '*']);
    PARTICLES.contains(&lower.trim_end_matches([',', '.']))
        || word.chars().next().is_none_or(|c| !c.is_lowercase() && !c.is_ascii_digit())
}

fn has_figure(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit()) && !word.contains('@')
}

/// `AM`, `UTC`, `Uhr`: stands between the time and the name.
fn is_zone(word: &str) -> bool {
    let word = word.trim_matches(['(', ')', ',', '.']);
    word.len() <= 4 && word.chars().all(|c| c.is_ascii_uppercase())
        || matches!(word, "Uhr" | "kl" | "klo")
}

/// The longest verb that is the last word of a text; in scripts without spaces, its last letters.
fn verb_at_end(text: &str) -> Option<&'static str> {
    let is_word = |verb: &&str| {
        let last = text.strip_suffix(verb).and_then(|before| before.chars().next_back());
        last.is_none_or(|c| c.is_whitespace() || "<>()[]\"',，、;".contains(c))
            || verb.starts_with(is_caseless)
    };
    VERBS.ending(text).filter(is_word).max_by_key(|verb| verb.len())
}

/// `Quoting Dana Okafor:`, `skrev Dana Okafor:`.
fn starts_with_verb(text: &str) -> bool {
    VERBS.starting(text).any(|verb| text.get(verb.len()..).is_some_and(|rest| rest.starts_with(' ')))
}

fn is_caseless(c: char) -> bool {
    c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase()
}

/// How many words stand between a verb and the end of the text.
fn words_behind_verb(stem: &str) -> Option<usize> {
    let behind = |verb: &str| {
        let at = stem.rfind(verb)?;
        let (before, rest) = stem.split_at_checked(at)?;
        let after = rest.get(verb.len()..)?;
        let is_word = verb.starts_with(is_caseless)
            || before.chars().next_back().is_none_or(|c| !c.is_alphabetic())
                && after.chars().next().is_none_or(|c| !c.is_alphabetic());
        is_word.then(|| after.split_whitespace().count())
    };
    VERBS.within(stem).filter_map(|(_, verb)| behind(verb)).min()
}

/// A day and a time, a day and a year, or a month's name with figures.
pub(super) fn has_date(lower: &str) -> bool {
    let figures = lower.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let (mut count, mut year) = (0, false);
    for figure in figures {
        count += 1;
        year |= figure.len() == 4 && (figure.starts_with("19") || figure.starts_with("20"));
    }
    if count >= 3 || (count >= 2 && year) {
        return true;
    }
    count >= 2
        && MONTHS.within(lower).any(|(at, _)| {
            let before = lower.get(..at).and_then(|before| before.chars().next_back());
            before.is_none_or(|c| !c.is_alphabetic() || is_caseless(c))
        })
}

fn starts_with_date(lower: &str) -> bool {
    let first = lower.split([',', ' ', '.', '(', '\u{60c}']).find(|word| !word.is_empty());
    lower.starts_with(|c: char| c.is_ascii_digit()) || first.is_some_and(|word| DAYS.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributions_of_many_languages_are_known() {
        for text in [
            "On Mon, Apr 2, 2012 at 6:26 PM, Megan One <m@x.example> wrote:",
            "On 11-Apr-2011, at 6:54 PM, Megan One <m@x.example> sent:",
            "Am 02.04.2012 um 18:26 schrieb Megan One:",
            "Am Mo., 2. Apr. 2012 um 18:26 Uhr schrieb Megan One <m@x.example>:",
            "Megan One <m@x.example> schrieb am Mo., 2. Apr. 2012, 18:26:",
            "Megan One schrieb am 02.04.2012 um 18:26:",
            "Le 2 avr. 2012 à 18:26, Megan <m@x.example> a écrit :",
            "Le lun. 2 avr. 2012 à 18:26, Megan One <m@x.example> a écrit :",
            "El lun, 2 abr 2012 a las 18:26, Megan One (<m@x.example>) escribió:",
            "Em seg., 2 de abr. de 2012 às 18:26, Megan One <m@x.example> escreveu:",
            "Il giorno lun 2 apr 2012 alle ore 18:26 Megan One <m@x.example> ha scritto:",
            "Op ma 2 apr. 2012 om 18:26 schreef Megan One <m@x.example>:",
            "Den mån 2 apr. 2012 kl 18:26 skrev Megan One <m@x.example>:",
            "man. 2. apr. 2012 kl. 18.26 skrev Megan One <m@x.example>:",
            "tir. 18. apr. 2017 kl. 13:09 skrev Megan One <m@x.example>:",
            "ma 2. huhtik. 2012 klo 18.26 Megan One (m@x.example) kirjoitti:",
            "W dniu 02.04.2012 o 18:26, Megan One pisze:",
            "pon., 2 kwi 2012 o 18:26 Megan One <m@x.example> napisał(a):",
            "po 2. 4. 2012 v 18:26 odesílatel Megan One <m@x.example> napsal:",
            "Dne 2.4.2012 v 18:26 Megan One napsal(a):",
            "пн, 2 апр. 2012 г. в 18:26, Megan <m@x.example>:",
            "02.04.2012 18:26, Megan One пишет:",
            "2 Nis 2012 Pzt, 18:26 tarihinde Megan One <m@x.example> şunu yazdı:",
            "2012. ápr. 2. 18:26 keltezéssel, Megan One írta:",
            "Megan One <m@x.example> ezt írta (időpont: 2012. ápr. 2., H, 18:26):",
            "În lun., 2 apr. 2012 la 18:26, Megan One <m@x.example> a scris:",
            "Στις Δευ, 2 Απρ 2012 στις 6:26 μ.μ., ο χρήστης Megan <m@x.example> έγραψε:",
            "2012/4/2 18:26 Megan One <m@x.example>:",
            "2012年4月2日(月) 18:26 Megan One <m@x.example>:",
            "2012/04/02 18:26、Megan One <m@x.example>のメール:",
            "Megan One <m@x.example> 于2012年4月2日周一 18:26写道：",
            "在 2012-04-02 18:26:00，\"Megan One\" <m@x.example> 写道：",
            "2012년 4월 2일 (월) 오후 6:26, Megan One <m@x.example>님이 작성:",
            "Vào Th 2, 2 thg 4, 2012 vào lúc 18:26 Megan One <m@x.example> đã viết:",
            "בתאריך יום ב׳, 2 באפר׳ 2012 ב-18:26 מאת Megan <m@x.example>:",
            "At 2012-04-02 18:26:00, \"Megan One\" <m@x.example> wrote:",
            "--- On Mon, 4/2/12, Megan One <m@x.example> wrote:",
            "ср, 30 апр. 2025 г. в 15:19, Megan <m@x.example>:",
            "On Nov 26, 2013 you wrote:",
            "Le 19/03/2014 11:34, Georges du chemin a écrit :",
            "Wednesday, 17 November 2021, 3:32 PM +0300 from m@x.example <m@x.example>:",
        ] {
            assert_eq!(judge(text, false), Some(true), "{text}");
        }
    }

    #[test]
    fn sentences_with_dates_are_the_senders() {
        for text in [
            "On Monday, November 4, 2013 4:29 PM we lost the link",
            "Please see what John wrote in the ticket.",
            "On 2026-11-21 at 10:00 the disk was full:",
            "On 21 Nov 2026 at 10:00 the vendor wrote in the ticket:",
            "On 21 Nov 2026 at 10:00 AM the vendor wrote:",
            "At 10:00 on 21 Nov 2026 the alert was sent:",
            "Am 21.11.2026 um 10:00 haben wir an alle geschrieben, dass:",
            "10:00 2026-11-21 mail sent to the list:",
            "2026-11-21 10:00:02 core1 postfix/smtpd: warning: a@x.example: refused:",
        ] {
            assert_ne!(judge(text, false), Some(true), "{text}");
        }
    }
}
