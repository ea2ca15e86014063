//! The new text of a reply: what the sender wrote now, without quotation and signature.
//!
//! Plain text and HTML become the same lines, each with its depth of quotation; passes over these
//! lines mark what is not the sender's. Nothing is lost: what is cut off is handed back. When in
//! doubt a line stays, because a lost sentence is the worst error. Start with [`split`].

mod endings;
pub(super) mod html;
mod intro;
mod phrases;
mod signature;
pub(super) mod text;

use super::message::read_mail;

/// Lines that are looked at; a longer body is kept as it is. A mail of 10 MB of line ends has more.
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
    /// A horizontal rule.
    Rule,
    /// Part of a signature.
    Signature,
}

impl Line {
    pub(super) fn plain(text: &str, depth: usize) -> Self {
        Self { text: text.to_owned(), depth, mark: None }
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn is_own(&self) -> bool {
        self.depth == 0
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
    let lines = intro::part_shared_lines(lines);
    let mut keep = vec![true; lines.len()];
    let intros = intro::find(&lines, &mut keep);
    keep_answered_quotations(&lines, &intros, &mut keep);
    let before = keep.clone();
    signature::elide(&lines, author, &mut keep);
    // A quotation that was followed by nothing but a signature is followed by nothing.
    keep_answered_quotations(&lines, &intros, &mut keep);
    let says_something =
        |keep: &[bool]| lines.iter().zip(keep).any(|(line, keep)| *keep && !line.is_blank());
    // A mail that would be nothing but its signature is no signature.
    if !says_something(&keep) {
        keep = before;
    }
    let part = |wanted: bool| {
        let chosen = lines.iter().zip(&keep).filter(|(_, keep)| **keep == wanted);
        joined(chosen.map(|(line, _)| line))
    };
    Split { new_text: part(true), elided: part(false) }
}

/// All lines, with their marks of quotation.
pub(super) fn whole_text(lines: &[Line]) -> String {
    joined(lines.iter())
}

fn joined<'a>(lines: impl Iterator<Item = &'a Line>) -> String {
    let mut text = String::new();
    for line in lines {
        // Nobody quotes deeper, and the marks of a bomb would outgrow it.
        let depth = line.depth.min(20);
        text.extend(std::iter::repeat_n('>', depth));
        if depth > 0 && !line.text.is_empty() {
            text.push(' ');
        }
        text.push_str(line.text.trim_end_matches([' ', '\t']));
        text.push('\n');
    }
    let text = text.trim_matches('\n');
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

/// A run of quoted lines, and whether a client's attribution stands above it.
struct Quotation {
    start: usize,
    end: usize,
    is_introduced: bool,
    /// The sender's own words follow, here or further down.
    is_followed: bool,
}

/// What the sender answers piece by piece stays with the answers; what merely hangs below goes.
///
/// A quotation that no client introduced was put there by the sender, and stays if they went on.
fn keep_answered_quotations(lines: &[Line], intros: &[usize], keep: &mut [bool]) {
    let quotations = find_quotations(lines, intros, keep);
    let introduced = quotations.iter().filter(|quotation| quotation.is_introduced).count();
    let pieces = quotations.iter().filter(|quotation| quotation.is_followed).count();
    let is_interleaved = quotations.len() > 1 && introduced > 0 && pieces > 0;
    for quotation in &quotations {
        let stays = quotation.is_followed && (is_interleaved || !quotation.is_introduced);
        if !stays {
            keep.iter_mut().take(quotation.end).skip(quotation.start).for_each(|keep| *keep = false);
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
                _ => quotations.push(Quotation {
                    start: at,
                    end: at + 1,
                    is_introduced: is_introduced(lines, intros, at),
                    is_followed: last_own.is_some_and(|own| own > at),
                }),
            }
            is_continued = true;
        } else if !line.is_blank() {
            is_continued = false;
        }
    }
    quotations
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
    fn a_sentence_about_a_phone_is_no_tagline() {
        let text = "It happened again.\n\nSent from my desk, is much easier than my mobile phone.\n";
        assert_eq!(new(text), text);
    }
}
