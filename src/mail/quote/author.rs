//! The sender's name, taken apart once for all lines that might repeat it.
//!
//! Knows nothing of lines; [`super::signature`] compares. Start with [`Author::read`].

/// The sender's name as it may stand below a text.
#[derive(Default)]
pub(super) struct Author {
    /// In lower case, longer than a letter.
    pub words: Vec<String>,
    /// Of the first four words, in capitals, sorted.
    pub initials: Vec<char>,
}

impl Author {
    pub(super) fn read(name: &str) -> Self {
        let words = |name: &str| -> Vec<String> {
            let words = name.split(|c: char| !c.is_alphanumeric());
            words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let firsts = words(name).into_iter().take(4).filter_map(|word| word.chars().next());
        let mut words = words(&name.to_lowercase());
        words.retain(|word| word.len() > 1);
        Self { words, initials: sorted_capitals(firsts) }
    }
}

/// Letters in the order in which initials are compared.
pub(super) fn sorted_capitals(letters: impl Iterator<Item = char>) -> Vec<char> {
    let mut letters: Vec<char> = letters.flat_map(char::to_uppercase).collect();
    letters.sort_unstable();
    letters
}
