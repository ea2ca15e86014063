//! What was written of incidents, found again by its words.
//!
//! Pure: which entries are looked at is the store's. Start with [`Words::read`].

/// More words than anybody remembers of one thing.
const WORDS_MAX: usize = 20;
/// Characters of an entry that are shown around the first word found in it.
const BEFORE_CHARS: usize = 60;
const EXCERPT_CHARS: usize = 200;

/// What is looked for: every word, in any order and any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of a text; `None` when there are none.
    pub fn read(text: &str) -> Option<Self> {
        let words: Vec<String> =
            text.split_whitespace().take(WORDS_MAX).map(str::to_lowercase).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Whether a text has all of them, each at any place of a word.
    pub fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|word| text.contains(word))
    }

    /// The longest run of ASCII letters and digits in them: whatever has them has it, and every
    /// database finds it in any case. Empty when there is none.
    pub fn ascii_part(&self) -> &str {
        let runs = self.0.iter().flat_map(|word| word.split(|c: char| !c.is_ascii_alphanumeric()));
        runs.max_by_key(|run| run.len()).unwrap_or_default()
    }

    /// One line of a text, from shortly before the first word found.
    pub fn excerpt(&self, text: &str) -> String {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let chars: Vec<char> = line.chars().collect();
        // A character may become several in lower case: the place is near enough.
        let lower = line.to_lowercase();
        let found = self.0.iter().filter_map(|word| lower.find(word)).min().unwrap_or(0);
        let at = lower.get(..found).map_or(0, |before| before.chars().count());
        let from = at.saturating_sub(BEFORE_CHARS).min(chars.len());
        let to = (from + EXCERPT_CHARS).min(chars.len());
        let shown: String = chars.get(from..to).unwrap_or_default().iter().collect();
        let (cut_before, cut_after) = (from > 0, to < chars.len());
        let (before, after) = (if cut_before { "… " } else { "" }, if cut_after { " …" } else { "" });
        format!("{before}{}{after}", shown.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        Words::read(text).unwrap()
    }

    #[test]
    fn every_word_must_be_there_in_any_order_and_case() {
        assert!(words("LAG replica").are_in("The replica is lagging"));
        assert!(!words("lag replica").are_in("the replica is well"));
        assert!(words("ÜBERLAST").are_in("Überlast im Netz"));
        assert_eq!(Words::read(" \n"), None);
    }

    #[test]
    fn what_is_asked_of_the_database_is_in_whatever_has_the_words() {
        assert_eq!(words("Überlast 50%_x").ascii_part(), "berlast");
        assert_eq!(words("日本").ascii_part(), "");
    }

    #[test]
    fn an_excerpt_shows_the_first_word_found_and_no_more_than_a_line() {
        let text = format!("{}\nthe replica lags\n{}", "a ".repeat(300), "b ".repeat(300));
        let excerpt = words("replica").excerpt(&text);
        assert!(excerpt.starts_with("… a") && excerpt.contains("the replica lags b"), "{excerpt}");
        assert!(excerpt.chars().count() <= EXCERPT_CHARS + 4 && excerpt.ends_with('…'), "{excerpt}");
        assert_eq!(words("x").excerpt("İİ x"), "İİ x");
    }
}
