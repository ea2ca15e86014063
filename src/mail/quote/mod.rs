//! The new text of a reply: what the sender wrote now, without quotation and signature.
//!
//! Plain text and HTML become the same lines, each with its depth of quotation; passes over these
//! lines mark what is not the sender's. Nothing is lost: what is cut off is handed back. When in
//! doubt a line stays, because a lost sentence is the worst error. Start with [`split`].

mod attribution;
mod author;
mod containers;
mod devices;
mod endings;
pub(super) mod html;
mod intro;
pub(super) mod labels;
mod languages;
mod markers;
mod notices;
mod separators;
pub(super) mod sign_offs;
mod signature;
mod styles;
mod tagline;
mod taglines;
mod tags;
pub(super) mod text;

use super::message::read_mail;

/// Lines that are looked at; a longer body is kept as it is. A mail of 10 MB of line ends has more,
/// and as many values would take thirty times its memory.
const LINES_MAX: usize = 200_000;

/// The new text of a whole message.
pub fn new_text(octets: &[u8]) -> String {
    read_mail(octets, false).new_text
}

/// A line of a body as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Without marks of quotation.
    pub text: String,
    /// How often it was quoted.
    pub depth: usize,
    /// What the sender's mail programme says it is.
    pub mark: Option<Mark>,
}

/// What a mail programme says of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Says who wrote what follows.
    Attribution,
    /// From here on nothing is the sender's.
    Cut,
    /// Stands in a box of the kind in which Outlook says who wrote what follows.
    Header,
    /// A horizontal rule.
    Rule,
    /// Quoted by the programme, not set off by the sender.
    Quoted,
    /// Part of a signature.
    Signature,
}

impl Line {
    pub(super) fn plain(text: &str, depth: usize) -> Self {
        Self { text: text.to_owned(), depth, mark: None }
    }

    /// As people see it: behind its marks of quotation.
    fn show(&self, text: &mut String) {
        // Nobody quotes deeper, and the marks of a bomb would outgrow it.
        let depth = self.depth.min(20);
        text.extend(std::iter::repeat_n('>', depth));
        if depth > 0 && !self.text.is_empty() {
            text.push(' ');
        }
        text.push_str(self.text.trim_end_matches([' ', '\t']));
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn is_own(&self) -> bool {
        self.depth == 0
    }
}

/// Adds a line. Whatever comes behind [`LINES_MAX`] becomes one last line, as people see it.
pub(super) fn push_line(lines: &mut Vec<Line>, line: Line) {
    if lines.len() < LINES_MAX {
        return lines.push(line);
    }
    match lines.get_mut(LINES_MAX) {
        Some(rest) => {
            rest.text.push('\n');
            line.show(&mut rest.text);
        }
        None => {
            let mut rest = Line::plain("", 0);
            line.show(&mut rest.text);
            lines.push(rest);
        }
    }
}

/// A body in two: what its sender wrote now, and the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Split {
    pub new_text: String,
    pub elided: String,
}

/// Separates what the sender wrote now from the rest; `author` is their display name.
pub(super) fn split(lines: Vec<Line>, author: &str) -> Split {
    if lines.len() > LINES_MAX {
        return Split { new_text: whole_text(&lines), elided: String::new() };
    }
    let mut lines = intro::part_shared_lines(lines);
    rejoin_wrapped_quotations(&mut lines);
    let (mut keep, found) = choose(&lines, author);
    // Then its sender passed something on, or wrote below a quotation that nothing marks.
    if !says_something(&lines, &keep) {
        keep_as_quotation(&mut lines, &found, &mut keep);
    }
    let part = |wanted: bool| {
        let chosen = lines.iter().zip(&keep).filter(|(_, keep)| **keep == wanted);
        joined(chosen.map(|(line, _)| line))
    };
    Split { new_text: part(true), elided: part(false) }
}

/// Which lines the sender wrote now.
fn choose(lines: &[Line], author: &str) -> (Vec<bool>, intro::Found) {
    let mut keep = vec![true; lines.len()];
    let found = intro::find(lines, &mut keep);
    let intros = &found.intros;
    keep_answered_quotations(lines, intros, &mut keep);
    let answers = keep.iter().any(|keep| !keep);
    let before = keep.clone();
    signature::elide_marked(lines, &mut keep);
    let unmarked = keep.clone();
    signature::elide(lines, author, &mut keep);
    // A quotation that was followed by nothing but a signature is followed by nothing.
    keep_answered_quotations(lines, intros, &mut keep);
    // A mail that would be nothing but its signature is no signature; one that passes another on
    // without a word has one nevertheless.
    if !says_something(lines, &keep) {
        keep = if answers { unmarked } else { before };
        signature::elide_taglines(lines, &mut keep);
        keep_answered_quotations(lines, intros, &mut keep);
    }
    (keep, found)
}

fn says_something(lines: &[Line], keep: &[bool]) -> bool {
    lines.iter().zip(keep).any(|(line, keep)| *keep && !line.is_blank())
}

/// Keeps what is all that a mail says, shown as a quotation because it is none of the sender's words:
/// what was cut off, and what no client introduced as that which is answered.
fn keep_as_quotation(lines: &mut [Line], found: &intro::Found, keep: &mut [bool]) {
    let quotations = find_quotations(lines, &found.intros, &vec![true; lines.len()]);
    for quotation in quotations.iter().filter(|quotation| found.passes_on || !quotation.is_introduced) {
        keep.iter_mut().take(quotation.end).skip(quotation.start).for_each(|keep| *keep = true);
    }
    let Some((start, end)) = found.cut else { return };
    keep.iter_mut().take(end).skip(start).for_each(|keep| *keep = true);
    // What is passed on has its own quotations and its signature. One that nothing marks may have an
    // answer below it.
    let (inner, within) = choose(lines.get(end..).unwrap_or_default(), "");
    for (keep, inner) in keep.iter_mut().skip(end).zip(inner) {
        *keep = inner || within.cut.is_some();
    }
    lines.iter_mut().skip(start).for_each(|line| line.depth = line.depth.max(1));
    let ends = lines.iter().zip(keep.iter()).rev().skip_while(|(line, keep)| !**keep || line.is_blank());
    let length = ends.count();
    keep.iter_mut().skip(length).for_each(|keep| *keep = false);
}

/// A line as the tables are written: lower case, plain spaces, apostrophes and figures.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '!'..='_' | 'a'..='~' => folded.push(c.to_ascii_lowercase()),
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
            }
            '’' | '‘' | '´' | '`' => folded.push('\''),
            // In lower case the rest of the world gives it a second dot.
            'İ' => folded.push('i'),
            '\u{660}'..='\u{669}' => push_figure(&mut folded, c, '\u{660}'),
            '\u{6f0}'..='\u{6f9}' => push_figure(&mut folded, c, '\u{6f0}'),
            '\u{ff10}'..='\u{ff19}' => push_figure(&mut folded, c, '\u{ff10}'),
            _ if c.is_whitespace() => {
                if !folded.ends_with(' ') {
                    folded.push(' ');
                }
            }
            _ if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
            _ => folded.extend(c.to_lowercase()),
        }
    }
    folded
}

fn push_figure(text: &mut String, figure: char, zero: char) {
    let value = u32::from(figure).saturating_sub(u32::from(zero));
    text.extend(char::from_digit(value, 10));
}

/// All lines, with their marks of quotation.
pub(super) fn whole_text(lines: &[Line]) -> String {
    joined(lines.iter())
}

/// As many of the first lines as hold so many octets and say something.
pub(super) fn beginning(lines: &[Line], octets: usize) -> String {
    let mut length = 0;
    let says = lines.iter().skip_while(|line| line.is_own() && line.is_blank());
    joined(says.take_while(|line| {
        let is_wanted = length < octets;
        length += line.text.len() + 1;
        is_wanted
    }))
}

fn joined<'a>(lines: impl Iterator<Item = &'a Line>) -> String {
    let mut text = String::new();
    for line in lines {
        line.show(&mut text);
        text.push('\n');
    }
    text.truncate(text.trim_end_matches('\n').len());
    text.drain(..text.len() - text.trim_start_matches('\n').len());
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Characters from which a line was near the width at which programmes break it.
const WRAPPED_CHARS_MIN: usize = 64;

/// A quoted line that was broken on its way leaves its end without a mark.
fn rejoin_wrapped_quotations(lines: &mut [Line]) {
    for at in 1..lines.len().saturating_sub(1) {
        let (Some(above), Some(line), Some(below)) =
            (lines.get(at - 1), lines.get(at), lines.get(at + 1))
        else {
            continue;
        };
        let is_between = line.is_own() && line.mark.is_none() && !above.is_own() && !below.is_own();
        if is_between && (is_rest_of(line, above) || is_link_of(line, above)) {
            let depth = above.depth;
            if let Some(line) = lines.get_mut(at) {
                line.depth = depth;
            }
        }
    }
}

fn is_rest_of(line: &Line, above: &Line) -> bool {
    let above = above.text.trim_end();
    let is_long = above.chars().count() >= WRAPPED_CHARS_MIN;
    let ends = above.ends_with(['.', '?', '!', ':', ';']);
    let goes_on = line.text.trim_start().starts_with(|c: char| c.is_lowercase());
    is_long && !ends && goes_on && line.text.chars().count() < WRAPPED_CHARS_MIN
}

/// The rest of a link that began above, or a link with the mark of the next line at its end.
fn is_link_of(line: &Line, above: &Line) -> bool {
    let text = line.text.trim();
    let opens =
        |text: &str| ["(http", "<http", "[http"].iter().filter_map(|open| text.rfind(open)).max();
    let is_rest = text.ends_with([')', '>', ']'])
        && !text.contains(char::is_whitespace)
        && opens(&above.text)
            .is_some_and(|at| !above.text.split_at(at).1.contains([')', '>', ']', ' ']));
    let marked = text.strip_suffix('>').map_or("", str::trim_end);
    is_rest || opens(marked) == Some(0) && marked.ends_with([')', '>', ']'])
}

/// A run of quoted lines, and whether a client's attribution stands above it.
struct Quotation {
    start: usize,
    end: usize,
    is_introduced: bool,
    /// The sender says what it is: a colon, or the other half of a `diff`.
    is_presented: bool,
    /// The sender's own words follow, here or further down.
    is_followed: bool,
    /// More than a name or a footer.
    says_much: bool,
}

/// What the sender answers piece by piece stays with the answers; what merely hangs below goes.
///
/// A quotation that no client introduced was put there by the sender, and stays if they went on.
fn keep_answered_quotations(lines: &[Line], intros: &[usize], keep: &mut [bool]) {
    let quotations = find_quotations(lines, intros, keep);
    let is_introduced = quotations.iter().any(|quotation| quotation.is_introduced);
    let pieces = quotations.iter().filter(|quotation| quotation.is_followed).count();
    let much = quotations.iter().filter(|quotation| quotation.says_much).count();
    let is_interleaved = pieces > 0 && (pieces > 1 || much > 1) && is_introduced;
    for quotation in &quotations {
        let stays = quotation.is_followed && (is_interleaved || !quotation.is_introduced)
            || quotation.is_presented;
        if !stays {
            let start = intro::with_rule_above(lines, quotation.start);
            keep.iter_mut().take(quotation.end).skip(start).for_each(|keep| *keep = false);
        }
    }
}

fn find_quotations(lines: &[Line], intros: &[usize], keep: &[bool]) -> Vec<Quotation> {
    let last_own = lines
        .iter()
        .zip(keep)
        .rposition(|(line, keep)| *keep && line.is_own() && !line.is_blank() && line.mark.is_none());
    let mut quotations: Vec<Quotation> = Vec::new();
    let mut is_continued = false;
    for (at, line) in lines.iter().enumerate() {
        if !line.is_own() && keep.get(at).copied().unwrap_or(false) {
            match quotations.last_mut() {
                Some(last) if is_continued => last.end = at + 1,
                _ => quotations.push(Quotation::at(lines, intros, at, last_own)),
            }
            if let Some(last) = quotations.last_mut() {
                last.says_much = last.says_much || says_much(&line.text);
            }
            is_continued = true;
        } else if !line.is_blank() {
            is_continued = false;
        }
    }
    quotations
}

impl Quotation {
    fn at(lines: &[Line], intros: &[usize], at: usize, last_own: Option<usize>) -> Self {
        let is_introduced = lines.get(at).is_some_and(|line| line.mark == Some(Mark::Quoted))
            || is_introduced(lines, intros, at);
        Self {
            start: at,
            end: at + 1,
            is_introduced,
            is_presented: !is_introduced && is_presented(lines, at),
            is_followed: last_own.is_some_and(|own| own > at),
            says_much: false,
        }
    }
}

/// Four words that are not the footer of a list.
fn says_much(text: &str) -> bool {
    text.split_whitespace().nth(3).is_some() && !signature::is_list_footer(text)
}

/// Whether the sender's own line above leads to what is quoted: "the log says:".
fn is_presented(lines: &[Line], at: usize) -> bool {
    let Some(above) = lines.iter().take(at).rposition(|line| !line.is_blank()) else { return false };
    let text = |at: usize| lines.get(at).map_or("", |line| line.text.trim());
    let says = text(above);
    let is_half = above + 1 == at && says == "---" && above > 0 && text(above - 1).starts_with("< ");
    let leads =
        says.ends_with([':', '：']) && !says.contains('@') && !attribution::has_date(&folded(says));
    is_half || lines.get(above).is_some_and(Line::is_own) && leads
}

/// Whether the nearest line above that says something is part of an attribution.
fn is_introduced(lines: &[Line], intros: &[usize], at: usize) -> bool {
    let above = lines.iter().take(at).rposition(|line| !line.is_blank());
    above.is_some_and(|above| intros.binary_search(&above).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String) {
        let split = split(text::read_lines(text, None), "Dana Okafor");
        (split.new_text, split.elided)
    }
    fn new(text: &str) -> String {
        parts(text).0
    }

    #[test]
    fn what_is_cut_off_is_handed_back_in_its_order() {
        let (new, elided) =
            parts("Done.\n\n-- \nDana\n\nOn 1 May 2020 at 10:00, Bob <b@x.example> wrote:\n> Well?\n");
        assert_eq!(new, "Done.\n");
        assert!(elided.starts_with("--\nDana\n") && elided.ends_with("wrote:\n> Well?\n"), "{elided}");
    }

    #[test]
    fn a_mail_that_is_nothing_but_a_name_keeps_it() {
        assert_eq!(new("Regards,\nDana\n"), "Regards,\nDana\n");
        assert_eq!(new("Dana\n"), "Dana\n");
    }

    #[test]
    fn a_field_below_a_greeting_is_no_signature() {
        let text = "We are back.\n\nRegards,\nSeverity: SEV-3\n";
        assert_eq!(new(text), text);
    }

    #[test]
    fn that_something_was_sent_is_no_tagline() {
        for sentence in [
            "Habe die Mail gesendet.",
            "Письмо на почту отправлено.",
            "Mail gönderildi.",
            "Bitte die App neu herunterladen.",
            "Outlook for Android fails for everybody.",
        ] {
            let text = format!("It happened again.\n\n{sentence}\n");
            assert_eq!(new(&text), text);
        }
    }

    #[test]
    fn what_follows_a_tagline_is_kept_when_it_excuses_nothing() {
        let text = "Back.\n\nSent from my phone. The disk on core1 is full, somebody must go there.\n";
        assert_eq!(new(text), text);
    }

    #[test]
    fn a_sentence_about_a_phone_is_no_tagline() {
        let text = "It happened again.\n\nSent from my desk, is much easier than my mobile phone.\n";
        assert_eq!(new(text), text);
    }

    #[test]
    fn more_lines_than_are_looked_at_are_kept_as_they_are() {
        let text = format!("{}> b\n\n>> c\n-- \nDana\n", "a\n".repeat(LINES_MAX));
        let shown = text.replace(">> c\n-- \n", ">> c\n--\n");
        let lines = text::read_lines(&text, None);
        assert_eq!(lines.len(), LINES_MAX + 1);
        assert_eq!(split(lines, "Dana"), Split { new_text: shown.clone(), elided: String::new() });
        let html = format!(
            "{}<blockquote>b</blockquote><br><blockquote><blockquote>c</blockquote></blockquote>--<br>Dana",
            "a<br>".repeat(LINES_MAX)
        );
        let lines = html::read_lines(&html);
        assert_eq!(lines.len(), LINES_MAX + 1);
        assert_eq!(whole_text(&lines), shown);
    }

    #[test]
    fn blank_lines_below_are_none_of_the_text() {
        let text = format!("Done.\n\n-- \nDana\n{}", "\r\n".repeat(LINES_MAX));
        assert_eq!(new(&text), "Done.\n");
    }
}
