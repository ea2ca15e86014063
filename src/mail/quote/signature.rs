//! What stands around the sender's words without being theirs to say: signatures, lines of phones,
//! small print, banners of gateways, footers of lists.
//!
//! Works on what is left when the quotations are gone. Start with [`elide`].

use std::sync::LazyLock;

use super::super::phrases::Phrases;
use super::author::{Author, sorted_capitals};
use super::endings::{self, CONTACT};
use super::notices::{self, BANNER_WORDS};
use super::sign_offs::{behind_sign_off, is_gratitude, is_sign_off};
use super::tagline::is_tagline;
use super::{Line, Mark, folded};

static LIST_FOOTERS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(endings::LIST_FOOTERS));
static POSTSCRIPTS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(endings::POSTSCRIPTS));
static DISCLAIMERS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(notices::DISCLAIMERS));
static SMALL_PRINT: LazyLock<[Phrases; 3]> =
    LazyLock::new(|| notices::SMALL_PRINT.map(|row| Phrases::of(&[row])));
static BANNERS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(notices::BANNERS));

/// Lines of a signature below its delimiter; what is longer is a text that somebody divided.
const DELIMITED_LINES_MAX: usize = 40;
/// Lines of a signature without delimiter, blank ones left out.
const SIGNATURE_LINES_MAX: usize = 14;
/// More below a "legal notice" is a letter that has one in it.
const SMALL_PRINT_PARAGRAPHS_MAX: usize = 3;
/// Shorter paragraphs about secrecy are somebody's own.
const SMALL_PRINT_OCTETS_MIN: usize = 140;
/// No law department writes longer paragraphs.
const SMALL_PRINT_OCTETS_MAX: usize = 4_000;
/// The longest line of a list's footer, with its link.
const FOOTER_OCTETS_MAX: usize = 600;
/// So many words in lower case are none of a name, a title or a street.
const SENTENCE_WORDS_MIN: usize = 5;
/// Characters in a line of a name or an address.
const SHORT_CHARS: usize = 60;

/// Takes off what the sender's programme says is their signature.
pub(super) fn elide_marked(lines: &[Line], keep: &mut [bool]) {
    for (line, keep) in lines.iter().zip(keep.iter_mut()) {
        if line.mark == Some(Mark::Signature) && line.is_own() {
            *keep = false;
        }
    }
    let own = last_own_run(lines, keep);
    let tail = Tail { lines, start: own.0, end: own.1, author: &Author::default() };
    if let Some(start) = tail.delimiter() {
        keep.iter_mut().take(own.1).skip(start).for_each(|keep| *keep = false);
    }
}

/// Whether a line says what only the footer of a list says.
pub(super) fn is_list_footer(text: &str) -> bool {
    text.len() <= FOOTER_OCTETS_MAX && LIST_FOOTERS.are_within(&folded(text))
}

/// Takes signatures and their like off what is kept so far.
pub(super) fn elide(lines: &[Line], author: &str, keep: &mut [bool]) {
    elide_banner(lines, keep);
    elide_stranded_taglines(lines, keep);
    let own = last_own_run(lines, keep);
    let (mut end, author) = (own.1, &Author::read(author));
    // Footer below small print below signature below the line of a phone: each uncovers the next.
    for _ in 0..6 {
        let tail = Tail { lines, start: own.0, end, author };
        let Some(start) = tail.cut() else { break };
        for keep in keep.iter_mut().take(end).skip(start) {
            *keep = false;
        }
        end = start;
    }
}

/// The last lines in a row that are the sender's own, from and to.
fn last_own_run(lines: &[Line], keep: &[bool]) -> (usize, usize) {
    let is_own = |at: usize| lines.get(at).is_some_and(Line::is_own) && keep.get(at) == Some(&true);
    let says = |at: usize| is_own(at) && lines.get(at).is_some_and(|line| !line.is_blank());
    let end = (0..lines.len()).rfind(|at| says(*at)).map_or(0, |at| at + 1);
    let start = (0..end).rfind(|at| !is_own(*at)).map_or(0, |at| at + 1);
    (start, end)
}

/// The line of a phone that stands above a text which no mark tells from the sender's own: only
/// the line goes.
fn elide_stranded_taglines(lines: &[Line], keep: &mut [bool]) {
    let is_blank = |at: usize| lines.get(at).is_none_or(Line::is_blank);
    for (at, line) in lines.iter().enumerate() {
        let is_kept = keep.get(at) == Some(&true);
        let is_alone = is_kept && at > 0 && is_blank(at - 1) && is_blank(at + 1);
        if is_alone
            && line.is_own()
            && line.text.len() <= 120
            && is_tagline(&line.text)
            && let Some(keep) = keep.get_mut(at)
        {
            *keep = false;
        }
    }
}

/// Takes off the lines of phones, wherever they stand: they say nothing, even alone.
pub(super) fn elide_taglines(lines: &[Line], keep: &mut [bool]) {
    for (line, keep) in lines.iter().zip(keep) {
        *keep = *keep && !is_tagline(&line.text);
    }
}

fn elide_banner(lines: &[Line], keep: &mut [bool]) {
    let Some(first) = lines.iter().zip(keep.iter()).position(|(line, keep)| *keep && !line.is_blank())
    else {
        return;
    };
    let paragraph =
        lines.iter().skip(first).take(8).take_while(|line| !line.is_blank() && line.is_own());
    let texts: Vec<String> = paragraph.map(|line| line.text.trim().to_lowercase()).collect();
    let whole = texts.join(" ");
    let start =
        texts.first().map(|text| text.trim_start_matches(['*', '_', '-', ' ', '⚠', '\u{fe0f}', '!']));
    let is_banner = start.is_some_and(|start| BANNERS.begin(start));
    if is_banner && BANNER_WORDS.iter().any(|word| whole.contains(word)) && whole.len() < 700 {
        // A gateway that forgets the blank line must not take the sender's first line along.
        let alone = texts.len() <= 3 || texts.iter().all(|text| text.len() > 40);
        let count = if alone { banner_lines(&texts) } else { 1 };
        keep.iter_mut().skip(first).take(count).for_each(|keep| *keep = false);
    }
}

/// The first line, and further ones as long as they speak of the same.
fn banner_lines(texts: &[String]) -> usize {
    let speaks = |text: &&String| {
        BANNER_WORDS.iter().any(|word| text.contains(word))
            || ["click", "recogni", "safe"].iter().any(|w| text.contains(w))
    };
    1 + texts.iter().skip(1).take_while(speaks).count()
}

/// The end of the sender's text, in which each kind of ending is looked for.
struct Tail<'a> {
    lines: &'a [Line],
    start: usize,
    end: usize,
    author: &'a Author,
}

impl Tail<'_> {
    /// Where the outermost ending begins, if there is one.
    fn cut(&self) -> Option<usize> {
        let end = (self.start..self.end).rfind(|at| !self.text(*at).is_empty())? + 1;
        let tail = Tail { end, ..*self };
        tail.delimiter()
            .or_else(|| tail.list_footer())
            .or_else(|| tail.small_print())
            .or_else(|| tail.tagline())
            .or_else(|| tail.sign_off())
            .or_else(|| tail.sign_off_on_one_line())
            .or_else(|| tail.ruled_signature())
            .or_else(|| tail.end.checked_sub(1).filter(|last| tail.is_dashed_name(*last)))
            .or_else(|| tail.own_name())
            .or_else(|| tail.contact_block())
            .filter(|start| *start < self.end)
    }

    fn text(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", |line| line.text.trim())
    }

    fn lower(&self, at: usize) -> String {
        folded(self.text(at).trim_matches(['*', '_', ' ', '\u{a0}']))
    }

    /// Lines that say something, from `at` to the end.
    fn count_from(&self, at: usize) -> usize {
        (at..self.end).filter(|at| !self.text(*at).is_empty()).count()
    }

    fn near_end(&self, lines: usize) -> std::ops::Range<usize> {
        self.end.saturating_sub(lines).max(self.start)..self.end
    }

    /// `-- ` (RFC 3676 section 4.3), and what programmes make of it.
    fn delimiter(&self) -> Option<usize> {
        self.near_end(DELIMITED_LINES_MAX)
            .find(|at| matches!(self.text(*at), "--" | "—" | "–" | "- -" | "--\u{a0}"))
    }

    /// A line of underscores, or a delimiter, above words that only a list's footer has.
    fn list_footer(&self) -> Option<usize> {
        // Mailman's own divider stands above what it says of a file that it took off.
        let is_rule = |at: usize| {
            let text = self.text(at);
            text.len() >= 2 && is_rule(&text.replace(" next part ", ""))
        };
        let says = |at: usize| is_list_footer(self.text(at));
        self.near_end(DELIMITED_LINES_MAX).find(|at| {
            let below = (*at + 1)..self.end.min(*at + 5);
            (is_rule(*at) && self.count_from(*at) <= 12 && below.clone().any(says))
                || (self.starts_paragraph(*at)
                    && self.count_from(*at) <= 8
                    && says(*at)
                    && self.text(*at).len() > 30)
        })
    }

    /// Small print goes with everything below it.
    fn small_print(&self) -> Option<usize> {
        self.near_end(DELIMITED_LINES_MAX).find(|at| {
            self.starts_paragraph(*at)
                && !self.text(*at).is_empty()
                && self.paragraphs_from(*at) <= SMALL_PRINT_PARAGRAPHS_MAX
                && (self.begins_small_print(*at) || self.reads_as_small_print(*at))
        })
    }

    fn begins_small_print(&self, at: usize) -> bool {
        let text = self.lower(at);
        let text = text.trim_start_matches(['*', '-', '_', ' ', '=', '#', '[', '(']);
        DISCLAIMERS.begin(text) && (at..self.end).map(|at| self.text(at).len()).sum::<usize>() > 60
    }

    /// Speaks of this message, of secrecy, and of whom it is for or what they must do.
    fn reads_as_small_print(&self, at: usize) -> bool {
        let lines = (at..self.end).take(12).take_while(|at| !self.text(*at).is_empty());
        let lines: Vec<usize> = lines.collect();
        if lines.iter().map(|at| self.text(*at).len()).sum::<usize>() > SMALL_PRINT_OCTETS_MAX {
            return false;
        }
        let text = lines.iter().map(|at| self.lower(*at)).collect::<Vec<_>>().join(" ");
        text.len() >= SMALL_PRINT_OCTETS_MIN && SMALL_PRINT.iter().all(|words| words.are_within(&text))
    }

    /// Paragraphs from `at` to the end.
    fn paragraphs_from(&self, at: usize) -> usize {
        (at..self.end)
            .filter(|line| {
                !self.text(*line).is_empty() && (*line == at || self.text(*line - 1).is_empty())
            })
            .count()
    }

    fn starts_paragraph(&self, at: usize) -> bool {
        at == self.start
            || at.checked_sub(1).is_none_or(|above| self.text(above).len() < 3 || self.is_divider(above))
    }

    fn is_divider(&self, at: usize) -> bool {
        self.text(at).chars().all(|c| matches!(c, '-' | '_' | '=' | '*' | ' '))
    }

    /// "Sent from my iPhone": the last line, or the only one of its paragraph near the end.
    fn tagline(&self) -> Option<usize> {
        let last = self.end.checked_sub(1)?;
        let at = self.near_end(4).find(|at| self.is_tagline(*at))?;
        // The line of a programme may go on in the next line, with a link.
        let is_link =
            |at: usize| self.text(at).starts_with(['<', '(', '[']) || self.text(at).starts_with("http");
        ((at + 1)..=last)
            .all(|at| is_link(at) || self.text(at).len() < 2 || self.is_tagline(at))
            .then_some(at)
    }

    fn is_tagline(&self, at: usize) -> bool {
        is_tagline(self.text(at))
    }

    /// "Best regards" and the short lines below it.
    fn sign_off(&self) -> Option<usize> {
        let range = self.near_end(SIGNATURE_LINES_MAX * 2);
        range.into_iter().find(|at| {
            let below = self.count_from(*at).saturating_sub(1);
            is_sign_off(self.text(*at))
                && (!is_gratitude(self.text(*at)) || self.is_signed_gratitude(*at))
                && (1..=SIGNATURE_LINES_MAX).contains(&below)
                && ((*at + 1)..self.end).all(|at| self.is_signature_line(at))
        })
    }

    /// A sentence of thanks must also stand apart from what is said above.
    fn is_signed_gratitude(&self, at: usize) -> bool {
        let is_sentence = self.text(at).ends_with(['.', '!']);
        self.has_signer(at) && (!is_sentence || self.starts_paragraph(at))
    }

    /// `Thanks, BT`: the sign-off and the sender's name in the last line.
    fn sign_off_on_one_line(&self) -> Option<usize> {
        let at = self.end.checked_sub(1).filter(|at| *at > self.start && self.starts_paragraph(*at))?;
        let name = &behind_sign_off(self.text(at))?;
        let is_apart = name.starts_with([',', '.', '!', ' ', '-', '，']);
        let last = self.text(at).rsplit([' ', ',', '\u{a0}']).next().unwrap_or_default();
        let is_short = name.split_whitespace().count() <= 2;
        (is_apart && (self.is_authors(name) || is_short && self.is_initials(last))).then_some(at)
    }

    /// A rule with a name and something to reach it by below.
    fn ruled_signature(&self) -> Option<usize> {
        self.near_end(SIGNATURE_LINES_MAX + 2).find(|at| {
            let mut below = (*at + 1)..self.end;
            let named = below.clone().find(|at| !self.text(*at).is_empty());
            self.text(*at).len() >= 3
                && is_rule(self.text(*at))
                && named.is_some_and(|name| self.names_author(name) || self.looks_like_name(name))
                && below.clone().any(|at| is_contact(self.text(at)))
                && below.all(|at| self.is_signature_line(at) && self.text(at).len() <= SHORT_CHARS + 20)
        })
    }

    fn has_signer(&self, at: usize) -> bool {
        ((at + 1)..self.end)
            .any(|at| self.names_author(at) || self.looks_like_name(at) || is_contact(self.text(at)))
    }

    fn is_signature_line(&self, at: usize) -> bool {
        let text = self.text(at);
        text.chars().count() <= SHORT_CHARS * 2
            && !is_sentence(text)
            && !is_field(text)
            && !is_postscript(text)
    }

    /// The sender's own name as the last line, or with contact lines below it.
    fn own_name(&self) -> Option<usize> {
        let at = self.near_end(SIGNATURE_LINES_MAX).find(|at| self.names_author(*at))?;
        let below = self.count_from(at).saturating_sub(1);
        let all = ((at + 1)..self.end)
            .all(|at| self.is_signature_line(at) && self.text(at).len() <= SHORT_CHARS);
        (at > self.start && below <= 8 && all).then_some(at)
    }

    fn names_author(&self, at: usize) -> bool {
        self.is_authors(&self.lower(at)) || self.is_initials(self.text(at))
    }

    /// Every word of the text is a word of the author's name.
    fn is_authors(&self, lower: &str) -> bool {
        let is_of_author = |word: &&str| self.author.words.iter().any(|own| own == word);
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let own = |word: &&str| is_of_author(word) || word.chars().count() == 1;
        !words.is_empty() && words.len() <= 4 && words.iter().all(own) && words.iter().any(is_of_author)
    }

    /// `DO` or `D.O.` of Dana Okafor. `OK` is an answer, whoever gives it.
    fn is_initials(&self, text: &str) -> bool {
        let letters: String = text.chars().filter(|c| !matches!(c, '.' | '/' | '-')).collect();
        let is_short =
            (2..=3).contains(&letters.chars().count()) && letters.chars().all(char::is_uppercase);
        if !is_short || NO_INITIALS.contains(&letters.as_str()) {
            return false;
        }
        sorted_capitals(letters.chars()) == self.author.initials
    }

    /// A paragraph of short lines of which two at least are telephone numbers, addresses or links.
    fn contact_block(&self) -> Option<usize> {
        let range = self.near_end(SIGNATURE_LINES_MAX + 6);
        range.into_iter().find(|at| {
            *at > self.start
                && self.starts_paragraph(*at)
                && !self.text(*at).is_empty()
                && self.looks_like_name(*at)
                && self.count_from(*at) <= SIGNATURE_LINES_MAX
                && ((*at)..self.end)
                    .all(|at| self.is_signature_line(at) && self.text(at).len() <= SHORT_CHARS)
                && self.is_mostly_contacts(*at)
        })
    }

    /// A title, a firm and a street may stand between them, a text may not.
    fn is_mostly_contacts(&self, name: usize) -> bool {
        let contacts = ((name + 1)..self.end).filter(|at| is_contact(self.text(*at))).count();
        contacts >= 2 && self.count_from(name + 1) <= contacts * 2 + 2
    }

    /// `-Dana Okafor`: a list item has a space behind its hyphen.
    fn is_dashed_name(&self, at: usize) -> bool {
        let text = self.text(at);
        let name = text.trim_start_matches(['-', '—', '–', '~', '/']);
        let words: Vec<&str> = name.split_whitespace().collect();
        name.len() < text.len()
            && !name.starts_with(' ')
            && (1..=3).contains(&words.len())
            && words.iter().all(|word| {
                word.chars().next().is_some_and(char::is_uppercase)
                    && word.chars().all(|c| c.is_alphabetic() || c == '.')
            })
            && at + 1 == self.end
            && self.starts_paragraph(at)
            && at > self.start
    }

    /// Two to four words, each with a capital.
    fn looks_like_name(&self, at: usize) -> bool {
        let text = self.text(at).split('|').next().unwrap_or_default();
        let text = text.trim_matches(['*', ' ', '-', '_', ',']);
        let words: Vec<&str> = text.split_whitespace().collect();
        let capital = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
        (2..=4).contains(&words.len()) && words.iter().all(capital) && !text.contains([':', '=', '.'])
    }
}

/// Ends as sentences do and has more words than a firm with its legal form; or words as no name and no
/// title has them.
fn is_sentence(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let lower = text.split_whitespace().filter(|word| word.starts_with(char::is_lowercase)).count();
    text.ends_with(['.', '?', '!']) && words > 5
        || text.ends_with(['。', '？', '！'])
        || lower >= SENTENCE_WORDS_MIN && lower * 4 >= words * 3
}

/// What somebody adds below their name is theirs.
fn is_postscript(text: &str) -> bool {
    let lower = folded(text);
    POSTSCRIPTS.starting(&lower).any(|mark| {
        let behind = lower.strip_prefix(mark).unwrap_or_default();
        behind.starts_with([':', '.', ' ', ',', '-', '：', '、', '；']) || behind.is_empty()
    })
}

/// What a capital pair says that is no name.
const NO_INITIALS: &[&str] = &["OK", "NO", "IC", "UP", "GO", "SEV"];

fn is_rule(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| matches!(c, '_' | '-' | '=' | '*' | '~' | '─' | '━' | '—' | '–'))
}

/// `Severity: SEV-2` is a command, wherever it stands; `Tel: 1234` is none.
fn is_field(text: &str) -> bool {
    text.split_once(':').is_some_and(|(name, _)| {
        let name = name.trim_matches(['*', '-', ' ']).to_lowercase();
        [
            "severity",
            "phase",
            "update",
            "resolved",
            "impact",
            "title",
            "summary",
            "next update",
            "ic",
            "note",
            "task",
        ]
        .contains(&name.as_str())
    })
}

fn is_contact(text: &str) -> bool {
    let lower = text.to_lowercase();
    let figures = text.chars().filter(char::is_ascii_digit).count();
    let is_number = figures >= 7
        && text.chars().filter(|c| !c.is_ascii_digit() && !" +-().x/".contains(*c)).count() <= 12;
    let name =
        lower.trim_start_matches(['*', ' ']).split([':', ' ', '.', '\u{a0}']).next().unwrap_or_default();
    is_number
        || lower.contains("www.")
        || lower.contains("http")
        || (lower.contains('@') && lower.split_whitespace().count() <= 3)
        || (CONTACT.contains(&name)
            && lower.contains([':', '.'])
            && figures + lower.matches('@').count() > 0)
}
