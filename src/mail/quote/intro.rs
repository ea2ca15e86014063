//! Where a quotation begins that no `>` and no blockquote marks: attributions ("On Monday Dana
//! wrote:"), header blocks, and the lines of dashes that clients put above them.
//!
//! Start with [`find`].

use super::phrases::{DATE_WORDS, FORWARDS, LABELS, Label, MARKERS, ON, ORIGINAL, WROTE};
use super::{Line, Mark};

/// Lines over which clients wrap an attribution.
const ATTRIBUTION_LINES_MAX: usize = 4;
/// The longest attribution seen has three addresses in it.
const ATTRIBUTION_CHARS_MAX: usize = 400;
/// Lines of a header block, wrapped recipients included.
const BLOCK_LINES_MAX: usize = 24;

/// Takes off what introduces quotations, and what they hold where nothing else marks it. Gives the
/// lines that introduce a marked quotation, ascending.
pub(super) fn find(lines: &[Line], keep: &mut [bool]) -> Vec<usize> {
    let mut intros = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.mark == Some(Mark::Cut) {
            cut_from(lines, at, keep);
            break;
        }
        if !line.is_own() || (line.is_blank() && line.mark.is_none()) {
            at += 1;
            continue;
        }
        let Some((end, is_open)) = read_intro(lines, at) else {
            at += 1;
            continue;
        };
        let next = lines.iter().skip(end).find(|line| !line.is_blank());
        let is_marked = next.is_some_and(|line| !line.is_own());
        if is_marked {
            keep.iter_mut().take(end).skip(at).for_each(|keep| *keep = false);
            intros.extend(at..end);
            at = end;
        } else if is_open {
            cut_from(lines, at, keep);
            break;
        } else {
            at += 1;
        }
    }
    intros
}

/// Gives an attribution a line of its own where a client ran it into the sender's: `Done. On Mon,
/// Apr 2, 2012 at 6:26 PM, Megan One wrote:`.
pub(super) fn part_shared_lines(lines: Vec<Line>) -> Vec<Line> {
    let mut parted = Vec::with_capacity(lines.len());
    for line in lines {
        let at = [" On ", "- On "].iter().filter_map(|on| line.text.find(on)).min();
        let is_short = line.text.len() < ATTRIBUTION_CHARS_MAX && line.is_own() && line.mark.is_none();
        match at.filter(|_| is_short).and_then(|at| line.text.split_at_checked(at)) {
            Some((own, intro))
                if !own.trim_matches(['-', ' ', '>']).is_empty()
                    && judge_attribution(intro, false) == Some(true)
                    && !ON.iter().any(|on| own.to_lowercase().starts_with(on)) =>
            {
                parted.push(Line::plain(own.trim_end_matches(['-', ' ']), 0));
                parted.push(Line::plain(intro.trim_start_matches(['-', ' ']), 0));
            }
            _ => parted.push(line),
        }
    }
    parted
}

/// Everything from here on is quotation, and so is a rule right above.
fn cut_from(lines: &[Line], at: usize, keep: &mut [bool]) {
    let above = lines.iter().take(at).rposition(|line| !is_rule(line) && !line.is_blank());
    let start = above.map_or(0, |above| above + 1);
    keep.iter_mut().skip(start).for_each(|keep| *keep = false);
}

/// Where the introduction that begins here ends, and whether it introduces without marks too.
fn read_intro(lines: &[Line], at: usize) -> Option<(usize, bool)> {
    let line = lines.get(at)?;
    if line.mark == Some(Mark::Attribution) {
        let marked =
            lines.iter().skip(at).take_while(|line| line.mark == Some(Mark::Attribution)).count();
        return Some((at + marked, false));
    }
    let text = line.text.trim().to_lowercase();
    if is_separator(&text) {
        return Some((read_block(lines, at + 1).unwrap_or(at + 1), true));
    }
    if let Some(end) = read_block(lines, at) {
        return Some((end, true));
    }
    read_attribution(lines, at)
}

fn is_rule(line: &Line) -> bool {
    let text = line.text.trim().trim_matches(['*', ' ']);
    line.mark == Some(Mark::Rule)
        || (text.len() >= 3 && text.chars().all(|c| matches!(c, '-' | '_' | '=' | '—' | '–')))
}

fn is_separator(text: &str) -> bool {
    let bare = text.trim_matches(['*', ' ', '>']);
    let inner = bare.trim_matches(['-', '_', '=', '—', '–', ' ', '+', '#', ':']);
    let dashes = bare.chars().take_while(|c| matches!(c, '-' | '_' | '=' | '—' | '–')).count();
    (dashes >= 2 && ORIGINAL.iter().any(|phrase| inner.starts_with(phrase)))
        || FORWARDS.contains(&bare)
        || MARKERS.iter().any(|phrase| text.contains(phrase) && text.chars().count() < 120)
}

/// The end of a header block that begins here (`From: …`, `Sent: …`, `To: …`).
fn read_block(lines: &[Line], at: usize) -> Option<usize> {
    let mut start = at;
    while lines.get(start).is_some_and(|line| line.is_blank() || is_rule(line)) && start < at + 3 {
        start += 1;
    }
    let mut seen: Vec<Label> = Vec::new();
    let (mut end, mut has_address, mut is_dated, mut blanks) = (start, false, false, 0);
    for (index, line) in lines.iter().enumerate().skip(start).take(BLOCK_LINES_MAX) {
        if !line.is_own() {
            break;
        }
        if line.is_blank() {
            blanks += 1;
            if blanks > 1 {
                break;
            }
            continue;
        }
        match read_label(&line.text) {
            Some((label, value)) => {
                // The second From begins another block, or an own text.
                if label == Label::From && seen.contains(&Label::From) {
                    break;
                }
                seen.push(label);
                is_dated |= label == Label::Date && has_date(&value.to_lowercase());
                has_address |= value.contains('@');
            }
            // A wrapped value; not beyond a blank line, and never the first.
            None if !seen.is_empty() && blanks == 0 => has_address |= line.text.contains('@'),
            None => break,
        }
        if read_label(&line.text).is_some() || blanks == 0 {
            end = index + 1;
        }
        if read_label(&line.text).is_some() {
            blanks = 0;
        }
    }
    let has = |label: Label| seen.contains(&label);
    let kinds =
        [Label::From, Label::Date, Label::To, Label::Subject].iter().filter(|kind| has(**kind)).count();
    let is_block = match kinds {
        0 | 1 => false,
        2 => has_address && (has(Label::From) || (has(Label::To) && (has(Label::Subject) || is_dated))),
        // `Date`, `From` and `To` alone announce a maintenance window.
        _ => has_address || has(Label::Subject),
    };
    (is_block && seen.first() != Some(&Label::Cc) && seen.first() != Some(&Label::Other)).then_some(end)
}

fn read_label(text: &str) -> Option<(Label, &str)> {
    let text = text.trim_start_matches(['*', ' ', '\t', '\u{a0}', '|']);
    let (name, value) = text.split_once([':', '：'])?;
    if name.chars().count() > 24 {
        return None;
    }
    let name = name.trim_matches(['*', ' ', '\u{a0}', '\t', '_']).to_lowercase();
    let of = |names: &[&str]| names.contains(&name.as_str());
    LABELS.iter().find(|(_, names)| of(names)).map(|(label, _)| (*label, value))
}

/// The end of an attribution that begins here, and whether it can do without marks behind it.
fn read_attribution(lines: &[Line], at: usize) -> Option<(usize, bool)> {
    let mut joined = String::new();
    let mut likely = None;
    for (count, line) in lines.iter().skip(at).take(ATTRIBUTION_LINES_MAX).enumerate() {
        if !line.is_own() || line.is_blank() || joined.len() > ATTRIBUTION_CHARS_MAX * 4 {
            break;
        }
        joined.push(' ');
        joined.push_str(line.text.trim());
        match judge_attribution(&joined, count > 0) {
            Some(true) => return Some((at + count + 1, true)),
            // A longer one may be sure: the verb stands in the next line.
            Some(false) => likely = Some((at + count + 1, false)),
            None => {}
        }
    }
    likely
}

/// Whether a text is an attribution: `Some(true)` if it can be nothing else. One that is wrapped
/// must begin like one, or it would begin in the sender's own line above.
fn judge_attribution(text: &str, is_wrapped: bool) -> Option<bool> {
    let bare = text.trim_matches(['-', '*', ' ', '\u{a0}', '_', '—']);
    if bare.chars().count() > ATTRIBUTION_CHARS_MAX {
        return None;
    }
    let lower = bare.to_lowercase();
    let has_address = lower.contains('@');
    let stem = lower.trim_end_matches([':', '：', ' ', '\u{a0}']);
    let has_colon = stem.len() < lower.len();
    let ends_with_verb = WROTE.iter().any(|verb| stem.ends_with(verb));
    // Most lines are none and end here; what follows looks through long tables.
    if !has_colon && !has_address && !ends_with_verb {
        return None;
    }
    let has_date = has_date(&lower);
    let has_verb = ends_with_verb || WROTE.iter().any(|verb| lower.contains(&format!(" {verb}")));
    let starts = ON.iter().any(|on| lower.starts_with(on)) || starts_with_date(&lower);
    let is_indented_by_dashes = text.trim().starts_with("--") && text.trim().ends_with("--");
    // Words behind the address that are no verb make it a sentence about somebody.
    let has_sentence = !ends_with_verb && !stem.ends_with(['>', ')']) && !lower.contains('<');
    let ends_with_address = stem.ends_with('>') || stem.ends_with(')');
    match () {
        () if starts && has_date && has_verb && has_colon => Some(true),
        () if starts && has_date && ends_with_verb && (is_indented_by_dashes || has_address) => {
            Some(true)
        }
        () if starts && has_date && has_address && has_verb && !has_sentence => Some(true),
        () if starts && has_date && has_address && has_colon && ends_with_address => Some(true),
        () if starts && has_date && has_address && ends_with_address => Some(false),
        () if starts && ends_with_verb && has_colon => Some(has_date),
        () if is_indented_by_dashes && ends_with_verb && !is_wrapped => Some(true),
        () if is_wrapped => None,
        () if has_address && ends_with_verb && has_colon => Some(true),
        () if has_date && ends_with_verb && has_colon => Some(false),
        () if ends_with_verb && has_colon && lower.chars().count() < 80 => Some(false),
        () => None,
    }
}

/// A day and a time, a day and a year, or a month's name with figures.
fn has_date(lower: &str) -> bool {
    let figures = lower.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let (mut count, mut year) = (0, false);
    for figure in figures {
        count += 1;
        year |= figure.len() == 4 && (figure.starts_with("19") || figure.starts_with("20"));
    }
    let named = DATE_WORDS.iter().any(|word| lower.contains(word));
    (count >= 2 && (year || named)) || count >= 4
}

fn starts_with_date(lower: &str) -> bool {
    let first: String = lower.chars().take(5).collect();
    first.chars().next().is_some_and(|c| c.is_ascii_digit())
        || lower
            .split([',', ' ', '.'])
            .next()
            .is_some_and(|word| (2..=12).contains(&word.chars().count()) && is_day(word))
}

fn is_day(word: &str) -> bool {
    const DAYS: &[&str] = &[
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "mo",
        "di",
        "mi",
        "do",
        "fr",
        "sa",
        "so",
        "lun",
        "mar",
        "mer",
        "jeu",
        "ven",
        "sam",
        "dim",
        "пн",
        "вт",
        "ср",
        "чт",
        "пт",
        "сб",
        "вс",
        "maandag",
        "dinsdag",
        "woensdag",
        "donderdag",
        "vrijdag",
        "zaterdag",
        "zondag",
        "pon",
        "wt",
        "śr",
        "czw",
        "pt",
        "sob",
        "niedz",
        "понедельник",
        "вторник",
        "среда",
        "четверг",
        "пятница",
        "суббота",
        "воскресенье",
    ];
    DAYS.contains(&word)
        || ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributions_of_many_languages_are_known() {
        for text in [
            "On Mon, Apr 2, 2012 at 6:26 PM, Megan One <m@x.example> wrote:",
            "Am 02.04.2012 um 18:26 schrieb Megan One:",
            "Le 2 avr. 2012 à 18:26, Megan <m@x.example> a écrit :",
            "2012/4/2 18:26 Megan One <m@x.example>:",
            "ср, 30 апр. 2025 г. в 15:19, Megan <m@x.example>:",
        ] {
            assert_eq!(judge_attribution(text, false), Some(true), "{text}");
        }
    }

    #[test]
    fn a_maintenance_window_is_no_header_block() {
        let lines: Vec<Line> = ["Date: 21.11.2026", "From: 22:00", "To: 04:00", "Node: a1"]
            .map(|text| Line::plain(text, 0))
            .into();
        assert_eq!(read_block(&lines, 0), None);
    }

    #[test]
    fn sentences_with_dates_are_the_senders() {
        for text in [
            "On Monday, November 4, 2013 4:29 PM we lost the link",
            "Please see what John wrote in the ticket.",
            "On 2026-11-21 at 10:00 the disk was full:",
        ] {
            assert_eq!(judge_attribution(text, false), None, "{text}");
        }
    }
}
