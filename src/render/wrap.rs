//! Text that came from mail made safe to print, and prose broken at 72 columns.
//!
//! Knows nothing of incidents. Start with [`one_line`] for a value inside our own words and with
//! [`foreign_lines`] for a passage that somebody wrote.

use crate::mail::compose::TOKEN_MARK;

/// Columns of the text part: what a pager, a terminal and a quoted reply can hold.
pub const COLUMNS: usize = 72;
/// A link or an address broken in two is none, so they stay whole up to this length, far below the 998
/// octets at which RFC 5322 section 2.1.1 ends a line.
const LINK_OCTETS_MAX: usize = 400;
/// The length of the pieces of other long words.
const PIECE_CHARS: usize = 50;

/// A run of prose: words, or a line to type, which is printed apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    Words(String),
    Typed(String),
}

/// Somebody's words as one line that may stand inside our prose: no control characters, no
/// direction overrides, none of our own marks.
pub fn one_line(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    let joined = cleaned.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.replace('`', "'").replace(TOKEN_MARK, "token")
}

/// A sentence of our own that may hold somebody's words: the same, but the lines to type in it
/// stay, whether they stand between backquotes or between wide gaps.
pub fn own_sentence(text: &str) -> String {
    let cleaned: String = text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
    let cleaned = cleaned.replace(TOKEN_MARK, "token").trim().to_owned();
    if cleaned.contains('`') {
        return cleaned;
    }
    let parts = cleaned.split("  ").enumerate().map(|(index, part)| match index % 2 {
        0 => part.to_owned(),
        _ => format!(" `{part}` "),
    });
    parts.collect::<String>().trim().to_owned()
}

/// The same as [`one_line`], cut to `chars` with a visible ellipsis.
pub fn clipped(text: &str, chars: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= chars {
        return line;
    }
    let kept: String = line.chars().take(chars.saturating_sub(3)).collect();
    let is_within = line.get(kept.len()..).is_some_and(|rest| !rest.starts_with(char::is_whitespace));
    // Half a word says nothing, but a long one says more than none.
    let whole = kept.rfind(char::is_whitespace).filter(|at| is_within && kept.len() - at <= 16);
    let shown = whole.and_then(|at| kept.get(..at)).unwrap_or(&kept);
    format!("{}...", shown.trim_end_matches(|c: char| c.is_whitespace() || ",;:.".contains(c)))
}

/// Somebody's passage, line by line, at most `lines` of them and `chars` in all; says when it is cut.
pub fn foreign_lines(text: &str, lines: usize, chars: usize) -> Vec<String> {
    let mut left = chars;
    let mut kept = Vec::new();
    let mut cut = false;
    for line in text.trim().lines() {
        if kept.len() >= lines || left == 0 {
            cut = true;
            break;
        }
        let clean: String = line
            .chars()
            .map(|c| if c == '\t' || (is_unsafe(c) && !is_invisible(c)) { ' ' } else { c })
            .filter(|c| !is_invisible(*c))
            .take(left)
            .collect();
        cut |= clean.chars().count() == left;
        left -= clean.chars().count();
        kept.push(clean.trim_end().replace(TOKEN_MARK, "token"));
    }
    if cut {
        kept.push("[cut here; the whole text is in the timeline]".to_owned());
    }
    kept
}

/// ASCII for a pager and a display name: usual Latin letters lose their marks, others become `?`.
pub fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            'ä' | 'á' | 'à' | 'â' | 'ã' | 'å' => out.push('a'),
            'é' | 'è' | 'ê' | 'ë' | 'ę' => out.push('e'),
            'í' | 'ì' | 'î' | 'ï' => out.push('i'),
            'ö' | 'ó' | 'ò' | 'ô' | 'õ' | 'ø' => out.push('o'),
            'ü' | 'ú' | 'ù' | 'û' => out.push('u'),
            'Ä' | 'Á' | 'À' | 'Â' | 'Å' => out.push('A'),
            'É' | 'È' | 'Ê' => out.push('E'),
            'Ö' | 'Ó' | 'Ô' | 'Ø' => out.push('O'),
            'Ü' | 'Ú' => out.push('U'),
            'ç' | 'ć' | 'č' => out.push('c'),
            'ñ' | 'ń' => out.push('n'),
            'š' | 'ś' => out.push('s'),
            'ž' | 'ź' | 'ż' => out.push('z'),
            'ł' => out.push('l'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            '\u{2018}' | '\u{2019}' => out.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{201e}' => out.push('"'),
            '\u{2010}'..='\u{2015}' => out.push('-'),
            '\u{2026}' => out.push_str("..."),
            '\u{a0}' | '\u{202f}' => out.push(' '),
            _ => out.push('?'),
        }
    }
    out
}

/// Splits our own prose at its backquotes: what stands between two of them is a line to type.
pub fn spans(prose: &str) -> Vec<Span> {
    let parts = prose.split('`').enumerate();
    let make = |(index, part): (usize, &str)| {
        if index % 2 == 0 { Span::Words(part.to_owned()) } else { Span::Typed(part.to_owned()) }
    };
    parts.filter(|(_, part)| !part.is_empty()).map(make).collect()
}

/// Breaks prose at `columns`, the first line after `first` and the others after `rest`.
///
/// A line to type stands between two blanks, is never broken, and never begins a line: quoted by
/// a client that marks nothing, it must not look like a field.
pub fn wrap_spans(prose: &[Span], first: &str, rest: &str, columns: usize) -> Vec<String> {
    let mut units: Vec<(String, bool)> = Vec::new();
    let mut glue = false;
    for span in prose {
        match span {
            Span::Words(words) => {
                let tight = glue && !words.starts_with(char::is_whitespace);
                // A wide gap separates columns within a line, and follows a line to type.
                let mut wide = glue && !tight;
                glue = false;
                let mut first = true;
                for word in words.split(' ') {
                    if word.trim().is_empty() {
                        wide = wide || !first;
                        first = false;
                        continue;
                    }
                    for piece in word.split_whitespace().flat_map(broken) {
                        match units.last_mut() {
                            Some((last, _)) if first && tight => last.push_str(&piece),
                            _ => units.push((piece, wide)),
                        }
                        (first, wide) = (false, false);
                    }
                }
            }
            Span::Typed(line) => {
                match units.last_mut() {
                    Some((last, _)) => {
                        last.push_str("  ");
                        last.push_str(line);
                    }
                    None => units.push((line.clone(), false)),
                }
                glue = true;
            }
        }
    }
    fill(&units, first, rest, columns)
}

/// Breaks one line of text that has no lines to type in it.
pub fn wrap(text: &str, first: &str, rest: &str, columns: usize) -> Vec<String> {
    wrap_spans(&[Span::Words(text.to_owned())], first, rest, columns)
}

fn fill(units: &[(String, bool)], first: &str, rest: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for (unit, wide_gap) in units {
        let gap = match (empty, wide_gap) {
            (true, _) => "",
            (false, true) => "  ",
            (false, false) => " ",
        };
        let length = line.chars().count() + gap.len() + unit.chars().count();
        if length > columns && !empty {
            lines.push(line.trim_end().to_owned());
            line = format!("{rest}{unit}");
        } else {
            line.push_str(gap);
            line.push_str(unit);
        }
        empty = false;
    }
    lines.push(line.trim_end().to_owned());
    lines
}

fn broken(word: &str) -> Vec<String> {
    let is_link =
        word.is_ascii() && word.len() <= LINK_OCTETS_MAX && (word.contains("://") || word.contains('@'));
    if is_link || word.chars().count() <= PIECE_CHARS {
        return vec![word.to_owned()];
    }
    let chars: Vec<char> = word.chars().collect();
    chars.chunks(PIECE_CHARS).map(|chunk| chunk.iter().collect()).collect()
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a character would do something to a terminal or a line rather than stand in it.
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_to_type_never_begins_a_line_and_stands_apart() {
        let prose = spans(
            "Some words that are long enough to reach the end of a line, then reply with \
             `Next update: 30m` to promise it, or `ack`.",
        );
        let lines = wrap_spans(&prose, "", "", COLUMNS);
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS));
        assert!(lines.iter().all(|line| !line.trim_start().starts_with("Next update")));
        let joined = lines.join(" ");
        assert!(joined.contains("with  Next update: 30m  to"), "{joined}");
        assert!(joined.ends_with("or  ack."), "{joined}");
    }

    #[test]
    fn somebodys_words_bring_no_line_breaks_marks_or_tokens_into_ours() {
        let hostile = format!("a\r\nBcc: x\u{0}\u{202e}`b` {TOKEN_MARK}");
        assert_eq!(one_line(&hostile), "a Bcc: x 'b' token");
    }

    #[test]
    fn a_line_to_type_is_known_by_its_wide_gaps_too() {
        let kept = own_sentence("Responders can; reply  join  to become one");
        assert_eq!(kept, "Responders can; reply `join` to become one");
        assert_eq!(own_sentence("begins  Update:  and goes on."), "begins `Update:` and goes on.");
    }

    #[test]
    fn a_line_is_cut_between_words_where_there_are_some() {
        assert_eq!(clipped("limit the pool, and restart it", 21), "limit the pool...");
        assert_eq!(clipped("limit the pool, and restart it", 25), "limit the pool, and...");
        assert_eq!(clipped("limit the pool", 14), "limit the pool");
        assert_eq!(clipped("antidisestablishmentarianism", 13), "antidisest...");
    }

    #[test]
    fn a_long_passage_is_cut_and_says_so() {
        let lines = foreign_lines(&"word\n".repeat(50), 10, 10_000);
        assert_eq!(lines.len(), 11);
        assert!(lines[10].contains("cut here"));
    }

    #[test]
    fn a_word_without_end_is_broken_and_a_link_is_not() {
        let lines = wrap(&"x".repeat(5_000), "", "", COLUMNS);
        assert!(lines.iter().all(|line| line.len() <= COLUMNS));
        let link = format!("https://grafana.example.org/{}", "d/".repeat(100));
        assert_eq!(wrap(&format!("see {link}"), "", "", COLUMNS), ["see", link.as_str()]);
    }
}
