//! What somebody wrote amid a mail of ours that their programme quoted without a mark.
//!
//! Outlook sets an answer typed into its quotation off by its colour alone. But the mail that is
//! answered is ours, and known: what stands between words of it and is none of them was written by
//! the sender. Nothing here is ever read as a command. Start with [`written_amid`].

use std::collections::{HashMap, HashSet};

/// Lines of an answer and words of a letter that are looked at; more than any letter of ours has.
const LINES_MAX: usize = 5_000;
const WORDS_MAX: usize = 20_000;

/// Places of one word that are tried; a word as common as `the` has more.
const PLACES_MAX: usize = 200;

/// Fewer words may stand in any letter by chance.
const WORDS_SURE: usize = 3;

/// The lines of `elided` that stand amid lines of the `letter` and are none of it, each run of them
/// below the line of the letter that it follows, which is quoted. Empty when there is none.
pub fn written_amid(elided: &str, letter: &str) -> String {
    let lines: Vec<&str> = elided.lines().take(LINES_MAX).collect();
    let mut place = Place::of(letter);
    let found: Vec<Found> = lines.iter().map(|line| place.find(line)).collect();
    let said: Vec<usize> = (0..lines.len()).filter(|at| found.get(*at) != Some(&Found::Blank)).collect();
    // The lines of a header block above may have one in common with the letter, not two together.
    let is_pair = |pair: &&[usize]| pair.iter().all(|at| found.get(*at) == Some(&Found::Letter));
    let Some(first) = said.windows(2).find(is_pair).and_then(|pair| pair.first().copied()) else {
        return String::new();
    };
    let last = found.iter().rposition(|found| *found == Found::Letter).unwrap_or(first);
    let mut amid = String::new();
    let mut above = None;
    for at in said.into_iter().filter(|at| (first..last).contains(at)) {
        let line = lines.get(at).map_or("", |line| line.trim());
        if found.get(at) == Some(&Found::Letter) {
            above = Some(line);
            continue;
        }
        if let Some(above) = above.take() {
            let gap = if amid.is_empty() { "" } else { "\n" };
            amid.push_str(&format!("{gap}> {above}\n"));
        }
        amid.push_str(line);
        amid.push('\n');
    }
    amid
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing that could be anybody's: no words, or marked as quoted.
    Blank,
    /// In the letter.
    Letter,
    /// Not in the letter.
    Elsewhere,
}

/// Where in a letter the lines of a quotation have arrived: programmes wrap lines anew, and part
/// the cells of tables.
struct Place {
    words: Vec<String>,
    places: HashMap<String, Vec<usize>>,
    lines: HashSet<Vec<String>>,
    next: usize,
}

impl Place {
    fn of(letter: &str) -> Self {
        let words: Vec<String> = letter.lines().flat_map(words_of).take(WORDS_MAX).collect();
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, word) in words.iter().enumerate() {
            places.entry(word.clone()).or_default().push(at);
        }
        Self { words, places, lines: letter.lines().map(words_of).collect(), next: 0 }
    }

    fn find(&mut self, line: &str) -> Found {
        let words = words_of(line);
        let Some(first) = words.first().filter(|_| !line.trim_start().starts_with('>')) else {
            return Found::Blank;
        };
        let stands_at = |at: usize| self.words.get(at..).is_some_and(|rest| rest.starts_with(&words));
        let at = if stands_at(self.next) {
            Some(self.next)
        } else if words.len() >= WORDS_SURE || self.lines.contains(&words) {
            let places = self.places.get(first).map(Vec::as_slice).unwrap_or_default();
            let ahead = places.partition_point(|at| *at < self.next);
            let places = places.iter().skip(ahead).chain(places.iter().take(ahead));
            places.take(PLACES_MAX).copied().find(|at| stands_at(*at))
        } else {
            None
        };
        match at {
            Some(at) => {
                self.next = at + words.len();
                Found::Letter
            }
            None => Found::Elsewhere,
        }
    }
}

/// The words of a line as they are compared, without marks, links and addresses: programmes write
/// the target of a link beside it, and an address of ours has another token in each copy.
fn words_of(line: &str) -> Vec<String> {
    let is_apart = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '|' | '(' | ')' | '[' | ']');
    let is_link = |word: &str| {
        word.contains('@') || ["://", "mailto:", "tel:", "cid:"].iter().any(|part| word.contains(part))
    };
    line.split(is_apart)
        .filter(|word| !is_link(word))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTER: &str = "SEV-3 declared, next update 11:00 CET\nINC-1 checkout is down\n\n\
        1 What is wrong  checkout is down\n2 Severity       SEV-3  Some customers are harmed, or a \
        safeguard is\n                 gone.\n\nIs it worse than stated here? Anybody may raise the \
        severity.\n\nTo join, write to incidents+1@example.org\n  join\n";

    const HEADER: &str = "Von: INC-1 <incidents@example.org>\nAn: Dana\nBetreff: checkout is down\n\n";

    #[test]
    fn a_letter_that_came_back_whole_holds_no_words_of_the_sender() {
        let wrapped = LETTER.replace("gone.", "gone.\n").replace(" is down", "\nis down");
        let cells = LETTER.replace("  ", "\n");
        let linked = LETTER.replace("join\n", "join<mailto:incidents+1.x@example.org?body=join>\n");
        for letter in [LETTER.to_owned(), wrapped, cells, linked, LETTER.replace('\n', "\n\n")] {
            let elided = format!("-- \nDana\n\n{HEADER}{letter}\nThis e-mail is confidential.\n");
            assert_eq!(written_amid(&elided, LETTER), "", "{elided}");
        }
    }

    #[test]
    fn what_stands_amid_it_is_handed_back_below_the_line_that_it_answers() {
        let elided = format!("{HEADER}{LETTER}")
            .replace("the severity.\n", "the severity.\nYes, Lyon is down too.\nAnd Oslo.\n")
            .replace("down\n\n1", "down\n\nno\n1");
        assert_eq!(
            written_amid(&elided, LETTER),
            "> INC-1 checkout is down\nno\n\n> Is it worse than stated here? Anybody may raise the \
             severity.\nYes, Lyon is down too.\nAnd Oslo.\n"
        );
    }

    #[test]
    fn words_behind_a_line_of_the_letter_are_handed_back_with_it() {
        let elided =
            LETTER.replace("What is wrong  checkout is down", "What is wrong  checkout is slow");
        let amid = written_amid(&elided, LETTER);
        assert!(amid.contains("\n1 What is wrong  checkout is slow\n"), "{amid}");
    }

    #[test]
    fn a_mail_that_does_not_quote_the_letter_gives_nothing_back() {
        assert_eq!(written_amid(&format!("{HEADER}Somebody else's words.\n"), LETTER), "");
        assert_eq!(written_amid("", LETTER), "");
        assert_eq!(written_amid(LETTER, ""), "");
    }
}
