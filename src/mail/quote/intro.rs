//! Where a quotation begins that no `>` and no blockquote marks: attributions ("On Monday Dana
//! wrote:"), header blocks, and the lines of dashes that clients put above them.
//!
//! Start with [`find`].

use std::sync::LazyLock;

use super::super::phrases::Phrases;
use super::attribution::{self, CHARS_MAX, has_date};
use super::labels::{Label, label_of};
use super::{Line, Mark, folded, markers, separators};

static ORIGINAL: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(separators::ORIGINAL));
static FORWARDED: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(separators::FORWARDED));
static FORWARDS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(separators::FORWARDS));
static MARKERS: LazyLock<Phrases> = LazyLock::new(|| Phrases::of(markers::MARKERS));

/// Lines over which clients wrap an attribution.
const ATTRIBUTION_LINES_MAX: usize = 4;
/// Attributions that clients run into the line above.
const SHARED_OPENINGS: &[&str] =
    &[" On ", " Am ", " Le ", " El ", " Il ", " Em ", " Op ", " Den ", " W dniu ", " Dne ", "\u{a0}On "];
/// Underscores that Outlook writes above a header block in any language.
const OUTLOOK_RULE_MIN: usize = 24;
/// The longest name of a field has 24 characters, in any script.
const LABEL_OCTETS_MAX: usize = 96;
/// Lines of a header block, wrapped recipients included.
const BLOCK_LINES_MAX: usize = 24;

/// What stands around quotations.
#[derive(Default)]
pub(super) struct Found {
    /// The lines that introduce a marked quotation, ascending.
    pub intros: Vec<usize>,
    /// Where what nothing marks begins and where the lines that introduce it end, unless a client said
    /// that its sender answers it.
    pub cut: Option<(usize, usize)>,
    /// A client said that what follows is passed on.
    pub passes_on: bool,
}

/// Takes off what introduces quotations, and what they hold where nothing else marks it.
pub(super) fn find(lines: &[Line], keep: &mut [bool]) -> Found {
    let mut found = Found::default();
    // Every line is looked up once, however many blocks it might belong to.
    let labels: Vec<Option<Label>> = lines.iter().map(|line| read_label(&line.text)).collect();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.mark == Some(Mark::Cut) {
            let below = lines.iter().skip(at).take(BLOCK_LINES_MAX);
            found.passes_on = below.clone().any(|line| passes_on(&folded(&line.text)));
            found.cut = found.passes_on.then_some((at, at + 1));
            cut_from(lines, at, keep);
            break;
        }
        if is_group_wise(lines, at) {
            found.cut = Some((at, at + 1));
            cut_from(lines, at, keep);
            break;
        }
        if !line.is_own() || (line.is_blank() && line.mark.is_none()) {
            at += 1;
            continue;
        }
        let Some((end, is_open)) = read_intro(lines, &labels, at) else {
            at += 1;
            continue;
        };
        let next = lines.iter().skip(end).find(|line| !line.is_blank());
        let is_marked = next.is_some_and(|line| !line.is_own());
        found.passes_on |= passes_on(&folded(&line.text));
        if is_marked {
            keep.iter_mut().take(end).skip(at).for_each(|keep| *keep = false);
            found.intros.extend(at..end);
            at = end;
        } else if is_open {
            found.cut = Some((at, end));
            cut_from(lines, at, keep);
            break;
        } else {
            at += 1;
        }
    }
    found
}

/// Whether a line says that what follows is passed on, not answered.
fn passes_on(text: &str) -> bool {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, ':' | '：'));
    FORWARDS.contains(bare) || FORWARDED.begin(bare)
}

/// GroupWise writes `>>> Dana Okafor <dana@ops.example> 11/21/2026 10:00 AM >>>` above a text that it
/// does not mark.
fn is_group_wise(lines: &[Line], at: usize) -> bool {
    let Some(line) = lines.get(at).filter(|line| line.depth == 3 && line.mark.is_none()) else {
        return false;
    };
    let is_alone = |at: Option<&Line>| at.is_none_or(Line::is_own);
    let text = line.text.trim();
    let says_who = text.strip_suffix(">>>").is_some_and(|text| has_date(&folded(text)))
        || attribution::judge(text, false) == Some(true);
    is_alone(at.checked_sub(1).and_then(|above| lines.get(above)))
        && is_alone(lines.get(at + 1))
        && says_who
}

/// Gives an attribution a line of its own where a client ran it into the sender's: `Done. On Mon,
/// Apr 2, 2012 at 6:26 PM, Megan One wrote:`.
pub(super) fn part_shared_lines(lines: Vec<Line>) -> Vec<Line> {
    let mut parted = Vec::with_capacity(lines.len());
    for line in lines {
        let is_short = line.text.len() < CHARS_MAX && line.is_own() && line.mark.is_none();
        let at = if is_short { shared_at(&line.text) } else { None };
        match at.and_then(|at| line.text.split_at_checked(at)) {
            Some((own, intro)) => {
                parted.push(Line::plain(own.trim_end_matches(['-', ' ', '\u{a0}']), 0));
                parted.push(Line::plain(intro.trim_start_matches(['-', ' ']), 0));
            }
            None => parted.push(line),
        }
    }
    parted
}

/// Where an attribution begins behind the sender's own words.
fn shared_at(text: &str) -> Option<usize> {
    if !text.contains([':', '：']) {
        return None;
    }
    let begins = |at: &usize| {
        let (own, intro) = text.split_at(*at);
        !own.trim_matches(['-', ' ', '>', '*']).is_empty()
            && attribution::judge(intro, false) == Some(true)
            && (attribution::judge(text, false) != Some(true)
                || own.trim_end().ends_with(['.', '!', '?']))
    };
    let places = SHARED_OPENINGS.iter().flat_map(|on| text.match_indices(on).map(|(at, _)| at));
    places.take(8).find(begins)
}

/// Everything from here on is quotation.
fn cut_from(lines: &[Line], at: usize, keep: &mut [bool]) {
    keep.iter_mut().skip(with_rule_above(lines, at)).for_each(|keep| *keep = false);
}

/// A rule right above what is cut off is part of it.
pub(super) fn with_rule_above(lines: &[Line], at: usize) -> usize {
    let above = lines.iter().take(at).rposition(|line| !is_rule(line) && !line.is_blank());
    above.map_or(0, |above| above + 1)
}

/// Where the introduction that begins here ends, and whether it introduces without marks too.
fn read_intro(lines: &[Line], labels: &[Option<Label>], at: usize) -> Option<(usize, bool)> {
    let line = lines.get(at)?;
    if line.mark == Some(Mark::Attribution) {
        let marked =
            lines.iter().skip(at).take_while(|line| line.mark == Some(Mark::Attribution)).count();
        return Some((at + marked, false));
    }
    if line.mark == Some(Mark::Header) && read_marked_block(lines, at) {
        return Some((at + 1, true));
    }
    let text = folded(&line.text);
    match separator(&text) {
        Separator::Sure => {
            let end = read_block(lines, labels, at + 1).unwrap_or_else(|| skip_columns(lines, at + 1));
            return Some((end, true));
        }
        Separator::WithBlock if let Some(end) = read_block(lines, labels, at + 1) => {
            return Some((end, true));
        }
        _ => {}
    }
    if let Some(end) = read_run_in_block(lines, labels, at) {
        return Some((end, true));
    }
    let block = read_block(lines, labels, at).or_else(|| read_foreign_block(lines, at));
    if let Some(end) = block.or_else(|| read_notes_block(lines, at)) {
        return Some((end, true));
    }
    read_attribution(lines, at)
}

/// The lines of a box that only header blocks have: which language does not matter.
fn read_marked_block(lines: &[Line], at: usize) -> bool {
    let marked = lines.iter().skip(at).take_while(|line| line.mark == Some(Mark::Header));
    let fields = marked.take(BLOCK_LINES_MAX).filter(|line| looks_like_field(&line.text)).count();
    fields >= 3
}

/// A rule as Outlook writes it, and below it lines that look like fields with an address and a date.
fn read_foreign_block(lines: &[Line], at: usize) -> Option<usize> {
    let rule = lines.get(at).filter(|line| is_rule(line))?;
    let is_long =
        rule.mark == Some(Mark::Rule) || rule.text.trim().starts_with(&"_".repeat(OUTLOOK_RULE_MIN));
    let below = lines.iter().skip(at + 1).take(BLOCK_LINES_MAX).skip_while(|line| line.is_blank());
    let fields: Vec<&Line> =
        below.take(6).take_while(|line| line.is_own() && looks_like_field(&line.text)).collect();
    let has_address = fields.first().is_some_and(|line| line.text.contains('@'));
    let is_dated = fields.iter().any(|line| has_date(&folded(&line.text)));
    (is_long && fields.len() >= 3 && has_address && is_dated).then_some(at + 1)
}

/// `From: Dana Okafor <dana@ops.example> Date: …`: all fields in one line, below a rule or three of
/// them at least.
fn read_run_in_block(lines: &[Line], labels: &[Option<Label>], at: usize) -> Option<usize> {
    let is_ruled = lines.get(at).is_some_and(is_rule);
    let first = if is_ruled {
        (at + 1..lines.len()).take(3).find(|at| lines.get(*at).is_some_and(|line| !line.is_blank()))?
    } else {
        at
    };
    let line = lines.get(first).filter(|_| labels.get(first) == Some(&Some(Label::From)))?;
    if line.text.len() > CHARS_MAX * 4 || !line.text.contains('@') {
        return None;
    }
    let mut kinds: Vec<Label> = line
        .text
        .split_whitespace()
        .filter_map(|word| word.strip_suffix([':', '：']))
        .filter_map(|name| label_of(&folded(name.trim_matches('*'))))
        .collect();
    kinds.dedup();
    let least = if is_ruled { 2 } else { 3 };
    (kinds.len() >= least && kinds.contains(&Label::Date) && has_date(&folded(&line.text)))
        .then_some(first + 1)
}

/// `Name: value`, the name short and with a capital or of a script without.
fn looks_like_field(text: &str) -> bool {
    let text = text.trim_start_matches(['*', ' ', '\u{a0}']);
    text.split_once([':', '：']).is_some_and(|(name, value)| {
        !name.is_empty()
            && name.chars().count() <= 24
            && name.split_whitespace().count() <= 3
            && !name.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit())
            && !value.trim().is_empty()
    })
}

/// Notes writes a name, a date, and fields in columns without a colon.
fn read_notes_block(lines: &[Line], at: usize) -> Option<usize> {
    let text = |at: usize| lines.get(at).map_or("", |line| line.text.trim());
    let is_date = |text: &str| text.chars().count() <= 40 && has_date(&folded(text));
    let named = text(at).contains('/') || text(at).contains('@') || text(at).starts_with('"');
    let date_at = match () {
        () if text(at).len() > 120 || text(at).is_empty() => return None,
        () if is_date(text(at)) => at,
        () if named && is_date(text(at + 1)) => at + 1,
        () => return None,
    };
    let mut seen = Vec::new();
    let mut end = date_at + 1;
    for (index, line) in lines.iter().enumerate().skip(date_at + 1).take(10) {
        match column_label(&line.text) {
            Some(label) => {
                seen.push(label);
                end = index + 1;
            }
            None if line.is_blank() => {}
            None => break,
        }
    }
    (seen.contains(&Label::Subject) && seen.contains(&Label::To)).then_some(end)
}

/// The end of the fields in columns that begin here.
fn skip_columns(lines: &[Line], at: usize) -> usize {
    let fields = lines.iter().skip(at).take(BLOCK_LINES_MAX);
    at + fields.take_while(|line| line.is_own() && column_label(&line.text).is_some()).count()
}

/// A field's name with a tab or two spaces behind it, or nothing.
fn column_label(text: &str) -> Option<Label> {
    let text = text.trim();
    let end = text.find(['\t', '\u{a0}']).or_else(|| text.find("  ")).unwrap_or(text.len());
    text.get(..end).and_then(|name| label_of(&folded(name)))
}

fn is_rule(line: &Line) -> bool {
    let text = line.text.trim().trim_matches(['*', ' ']);
    line.mark == Some(Mark::Rule)
        || (text.len() >= 3
            && text.chars().all(|c| matches!(c, '-' | '_' | '=' | '—' | '–' | '─' | '━')))
}

/// What a line says of where the sender's words end.
enum Separator {
    /// Nothing.
    None,
    /// It is the end if a header block stands below.
    WithBlock,
    /// It is the end.
    Sure,
}

fn separator(text: &str) -> Separator {
    let dash = |c: &char| matches!(*c, '-' | '_' | '=' | '—' | '–' | '─' | '━' | '*' | '~' | '#');
    let bare = text.trim_matches(['*', ' ', '>', '|']);
    let inner = bare.trim_matches(|c: char| dash(&c) || matches!(c, ' ' | '+' | ':' | '[' | ']'));
    let dashes = bare.chars().take_while(dash).count();
    let is_phrase = || ORIGINAL.begin(inner) || FORWARDED.begin(inner);
    let length = text.chars().count();
    match () {
        () if length > 200 => Separator::None,
        () if dashes >= 2 && (is_phrase() || (inner == "original" && bare.ends_with('-'))) => {
            Separator::Sure
        }
        () if FORWARDS.contains(bare) => Separator::Sure,
        () if length < 120 && MARKERS.are_within(text) => Separator::Sure,
        () if ORIGINAL.contains(inner) || FORWARDED.contains(inner) => Separator::WithBlock,
        () => Separator::None,
    }
}

/// The end of a header block that begins here (`From: …`, `Sent: …`, `To: …`).
fn read_block(lines: &[Line], labels: &[Option<Label>], at: usize) -> Option<usize> {
    let mut start = at;
    while lines.get(start).is_some_and(|line| line.is_blank() || is_rule(line)) && start < at + 3 {
        start += 1;
    }
    let mut seen: Vec<Label> = Vec::new();
    let (mut end, mut has_address, mut is_dated, mut blanks) = (start, false, false, 0);
    // `Date`, `From` and `To` alone announce a maintenance window, unless From and To are people.
    let mut is_named = true;
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
        let label = labels.get(index).copied().flatten();
        match label {
            Some(label) => {
                let value = line.text.split_once([':', '：']).map_or("", |(_, value)| value);
                // The second of a kind begins another block, or an own text.
                if label != Label::Other && seen.contains(&label) {
                    break;
                }
                seen.push(label);
                is_dated |= label == Label::Date && has_date(&folded(value));
                has_address |= value.contains('@');
                is_named &= !matches!(label, Label::From | Label::To)
                    || !value.contains(|c: char| c.is_ascii_digit());
            }
            // A wrapped value; not beyond a blank line, and never the first.
            None if !seen.is_empty() && blanks == 0 => has_address |= line.text.contains('@'),
            None => break,
        }
        if label.is_some() || blanks == 0 {
            end = index + 1;
        }
        if label.is_some() {
            blanks = 0;
        }
    }
    let has = |label: Label| seen.contains(&label);
    let kinds =
        [Label::From, Label::Date, Label::To, Label::Subject].iter().filter(|kind| has(**kind)).count();
    let is_block = match kinds {
        0 | 1 => false,
        2 => has_address && (has(Label::From) || (has(Label::To) && (has(Label::Subject) || is_dated))),
        _ => has_address || has(Label::Subject) || (is_dated && is_named && has(Label::From)),
    };
    (is_block && seen.first() != Some(&Label::Cc) && seen.first() != Some(&Label::Other)).then_some(end)
}

fn read_label(text: &str) -> Option<Label> {
    let text = text.trim_start_matches(['*', ' ', '\t', '\u{a0}', '|', '_']);
    let (name, _) = text.split_once([':', '：'])?;
    if name.len() > LABEL_OCTETS_MAX {
        return None;
    }
    let name = folded(name.trim_matches(['*', ' ', '\u{a0}', '\t', '_']));
    label_of(name.trim())
}

/// The end of an attribution that begins here, and whether it can do without marks behind it.
fn read_attribution(lines: &[Line], at: usize) -> Option<(usize, bool)> {
    let mut joined = String::new();
    let (mut likely, mut count) = (None, 0);
    for (index, line) in lines.iter().enumerate().skip(at).take(ATTRIBUTION_LINES_MAX * 2) {
        let is_broken = joined.matches('<').count() > joined.matches('>').count();
        if line.is_blank() && count > 0 && sets_address_apart(lines, index, &joined) {
            continue;
        }
        let is_part = line.is_own() || is_broken && line.depth == 1;
        if !is_part || line.is_blank() || count >= ATTRIBUTION_LINES_MAX || joined.len() > CHARS_MAX * 4
        {
            break;
        }
        // What closes the bracket looks like a mark of quotation at the start of a line.
        joined.push_str(if line.is_own() { " " } else { "> " });
        joined.push_str(line.text.trim());
        match attribution::judge(&joined, count > 0) {
            Some(_) if count > 0 && begins_later(lines, at, index) => return None,
            Some(true) => return Some((index + 1, true)),
            // A longer one may be sure: the verb stands in the next line.
            Some(false) => likely = Some((index + 1, false)),
            None => {}
        }
        // What ends with a colon leads to what follows; no client breaks an attribution there.
        if joined.ends_with([':', '：']) {
            break;
        }
        count += 1;
    }
    likely
}

/// A blank line between the date with the name and the address in its brackets.
fn sets_address_apart(lines: &[Line], blank: usize, before: &str) -> bool {
    let next = lines.get(blank + 1).map_or("", |line| line.text.trim());
    next.starts_with('<') && has_date(&folded(before)) && attribution::is_made_of_joints(before)
}

/// The line at hand may be the sender's own, and the attribution begin in the next one.
fn begins_later(lines: &[Line], at: usize, end: usize) -> bool {
    let first = lines.get(at).map_or("", |line| line.text.as_str());
    let is_part =
        has_date(&folded(first)) || first.contains('@') && attribution::is_made_of_joints(first);
    let later = lines.iter().take(end + 1).skip(at + 1).map(|line| line.text.trim());
    !is_part && attribution::judge(&later.collect::<Vec<_>>().join(" "), false).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maintenance_window_is_no_header_block() {
        let lines: Vec<Line> = ["Date: 21.11.2026", "From: 22:00", "To: 04:00", "Node: a1"]
            .map(|text| Line::plain(text, 0))
            .into();
        let labels: Vec<Option<Label>> = lines.iter().map(|line| read_label(&line.text)).collect();
        assert_eq!(read_block(&lines, &labels, 0), None);
    }

    #[test]
    fn the_senders_line_above_an_attribution_is_no_part_of_it() {
        let lines: Vec<Line> = ["Monday is fine.", "On Mon, 2 Apr 2012 at 18:26, Megan One wrote:"]
            .map(|text| Line::plain(text, 0))
            .into();
        assert_eq!(read_attribution(&lines, 0), None);
        assert_eq!(read_attribution(&lines, 1), Some((2, true)));
    }
}
