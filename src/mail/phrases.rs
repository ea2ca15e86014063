//! A table of phrases that is asked once for each line of a mail, and answers without looking
//! through its rows.
//!
//! Knows nothing of what the phrases mean. Compares octet by octet: tables and texts are in lower
//! case already. Start with [`Phrases::of`].

use std::collections::HashSet;

/// Lists over which the phrases are spread; a power of two, several times the longest table.
const LISTS: usize = 1_024;

/// The phrases of a table, found by their first two octets or by their last two.
pub(super) struct Phrases {
    all: HashSet<&'static str>,
    by_start: Index,
    by_end: Index,
}

impl Phrases {
    /// `|` stands between the phrases of a row.
    pub(super) fn of(rows: &[&'static str]) -> Self {
        let phrases = rows.iter().flat_map(|row| row.split('|'));
        let all: HashSet<&str> = phrases.filter(|phrase| !phrase.is_empty()).collect();
        let by_start = Index::of(&all, |phrase| {
            let mut octets = phrase.bytes();
            (octets.next().unwrap_or_default(), octets.next())
        });
        let by_end = Index::of(&all, |phrase| {
            let mut octets = phrase.bytes().rev();
            (octets.next().unwrap_or_default(), octets.next())
        });
        Self { all, by_start, by_end }
    }

    /// Whether a text is one of them.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.all.contains(text)
    }

    /// Those with which a text begins.
    pub(super) fn starting<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        self.starting_at(text, 0)
    }

    /// Those with which a text ends.
    pub(super) fn ending<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        let mut octets = text.bytes().rev();
        let candidates = match (octets.next(), octets.next()) {
            (Some(last), before) => self.by_end.list(last, before.unwrap_or_default()),
            (None, _) => &[],
        };
        candidates.iter().copied().filter(|phrase| text.ends_with(phrase))
    }

    /// Whether a text begins with any of them.
    pub(super) fn begin(&self, text: &str) -> bool {
        self.starting(text).next().is_some()
    }

    /// Whether a text ends with any of them.
    pub(super) fn end(&self, text: &str) -> bool {
        self.ending(text).next().is_some()
    }

    /// Those that stand anywhere in a text, each with its place, in the order of the places.
    pub(super) fn within<'a>(
        &'a self,
        text: &'a str,
    ) -> impl Iterator<Item = (usize, &'static str)> + 'a {
        (0..text.len()).flat_map(move |at| self.starting_at(text, at).map(move |phrase| (at, phrase)))
    }

    /// Whether any of them stands in a text.
    pub(super) fn are_within(&self, text: &str) -> bool {
        self.within(text).next().is_some()
    }

    /// An octet within a character begins no phrase.
    fn starting_at<'a>(&'a self, text: &'a str, at: usize) -> impl Iterator<Item = &'static str> + 'a {
        let octets = text.as_bytes().get(at..).unwrap_or_default();
        let candidates = match octets {
            [first, second, ..] => self.by_start.list(*first, *second),
            [first] => self.by_start.list(*first, 0),
            [] => &[],
        };
        candidates.iter().copied().filter(|phrase| octets.starts_with(phrase.as_bytes()))
    }
}

/// Short lists of phrases, one behind the other.
struct Index {
    phrases: Vec<&'static str>,
    /// Where each list begins, and where the last one ends.
    starts: Vec<u16>,
}

impl Index {
    fn of(all: &HashSet<&'static str>, key: impl Fn(&str) -> (u8, Option<u8>)) -> Self {
        let mut lists: Vec<Vec<&'static str>> = vec![Vec::new(); LISTS];
        for phrase in all {
            // One of a single octet may stand beside any other.
            let (first, second) = key(phrase);
            for second in second.map_or(0..=u8::MAX, |second| second..=second) {
                if let Some(list) = lists.get_mut(list_of(first, second)) {
                    list.push(phrase);
                }
            }
        }
        let mut index = Self { phrases: Vec::new(), starts: vec![0] };
        for mut list in lists {
            list.sort_unstable();
            index.phrases.append(&mut list);
            index.starts.push(u16::try_from(index.phrases.len()).unwrap_or(u16::MAX));
        }
        index
    }

    fn list(&self, first: u8, second: u8) -> &[&'static str] {
        let at = list_of(first, second);
        match self.starts.get(at..at + 2) {
            Some(&[start, end]) => {
                self.phrases.get(usize::from(start)..usize::from(end)).unwrap_or_default()
            }
            _ => &[],
        }
    }
}

fn list_of(first: u8, second: u8) -> usize {
    (usize::from(first) << 3 ^ usize::from(second)) % LISTS
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [&str; 3] = ["wrote|sent|a sent", "été|é", "x|写道"];

    #[test]
    fn what_a_table_finds_is_what_looking_through_its_rows_finds() {
        let phrases = Phrases::of(&ROWS);
        let all: Vec<&str> = ROWS.iter().flat_map(|row| row.split('|')).collect();
        for text in
            ["", "x", "é", "xé", "été x", "she wrote", "a sent", "a sent x", "于写道", "wr", "\u{0}x"]
        {
            let sorted = |mut found: Vec<&'static str>| {
                found.sort_unstable();
                found
            };
            let of = |is: &dyn Fn(&str) -> bool| {
                sorted(all.iter().copied().filter(|phrase| is(phrase)).collect())
            };
            assert_eq!(phrases.contains(text), all.contains(&text), "{text}");
            assert_eq!(sorted(phrases.starting(text).collect()), of(&|p| text.starts_with(p)), "{text}");
            assert_eq!(sorted(phrases.ending(text).collect()), of(&|p| text.ends_with(p)), "{text}");
            for phrase in &all {
                let places: Vec<usize> = phrases
                    .within(text)
                    .filter(|(_, found)| found == phrase)
                    .map(|(at, _)| at)
                    .collect();
                let expected: Vec<usize> = text.match_indices(phrase).map(|(at, _)| at).collect();
                assert_eq!(places, expected, "{phrase} in {text}");
            }
        }
    }
}
