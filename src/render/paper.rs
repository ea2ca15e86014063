//! A mail as blocks, printed twice: as text of 72 columns and as HTML. One source for both, so
//! that the two parts of a mail cannot tell different things, and what somebody else wrote can
//! never become markup of ours.
//!
//! Facts stand in columns without a colon, foreign words behind a bar: a quotation that no client
//! marked must not act as a command. Start with [`Paper`].

use askama::Template;

use super::quick::Action;
use super::wrap::{COLUMNS, Span, foreign_lines, spans, wrap, wrap_spans};
use crate::mail::compose::TOKEN_MARK;

/// Gmail cuts HTML at 102 KB, in the middle of a tag; with room for the header and the text.
const HTML_OCTETS_MAX: usize = 78_000;
/// Where a line of HTML is broken at the next blank, far below the 998 octets of RFC 5322.
const HTML_LINE_OCTETS: usize = 200;
/// Labels wider than this break the columns.
const LABEL_CHARS_MAX: usize = 20;
/// A longer reply is not printed again: its words stand above it.
const REPLY_CHARS_MAX: usize = 66;
/// A passage of somebody's words in a mail; the timeline has all of it.
const WORDS_LINES_MAX: usize = 400;
const WORDS_CHARS_MAX: usize = 20_000;

/// A mail before it is text and HTML.
#[derive(Debug, Clone, Default)]
pub struct Paper {
    /// What changed, in about sixty characters: the first line, and what a phone shows unopened.
    pub lead: String,
    /// What it is about: `INC-42 Checkout is failing`.
    pub about: String,
    blocks: Vec<Block>,
    /// Small, last.
    foot: Vec<Vec<Span>>,
}

/// A part of a mail.
#[derive(Debug, Clone)]
pub enum Block {
    Heading(String),
    Prose(Vec<Span>),
    Facts(Vec<Fact>),
    /// Somebody's own words.
    Words(Vec<String>),
    /// Lines to send, each alone in a reply, and links that do.
    Actions(Vec<Action>),
    Items(Vec<Vec<Span>>),
    /// What was typed, and what became of it.
    Transcript(Vec<(Vec<String>, Vec<Span>)>),
    Table {
        head: Vec<String>,
        rows: Vec<Vec<String>>,
    },
}

/// A row of facts.
#[derive(Debug, Clone)]
pub struct Fact {
    pub label: String,
    pub lines: Vec<String>,
}

/// A fact of one line.
pub fn fact(label: &str, value: impl Into<String>) -> Fact {
    Fact { label: label.to_owned(), lines: vec![value.into()] }
}

/// A fact of several lines.
pub fn facts(label: &str, lines: Vec<String>) -> Fact {
    Fact { label: label.to_owned(), lines }
}

impl Paper {
    pub fn new(lead: impl Into<String>, about: impl Into<String>) -> Self {
        Self { lead: lead.into(), about: about.into(), ..Self::default() }
    }

    pub fn heading(&mut self, text: &str) -> &mut Self {
        self.push(Block::Heading(text.to_owned()))
    }

    /// Our own words; what stands between backquotes is a line to type.
    pub fn prose(&mut self, text: &str) -> &mut Self {
        self.push(Block::Prose(spans(text)))
    }

    pub fn facts(&mut self, facts: Vec<Fact>) -> &mut Self {
        self.push(Block::Facts(facts))
    }

    /// Somebody's words; nothing when there are none.
    pub fn words(&mut self, text: &str) -> &mut Self {
        let lines = foreign_lines(text, WORDS_LINES_MAX, WORDS_CHARS_MAX);
        if lines.is_empty() { self } else { self.push(Block::Words(lines)) }
    }

    pub fn actions(&mut self, actions: Vec<Action>) -> &mut Self {
        if actions.is_empty() { self } else { self.push(Block::Actions(actions)) }
    }

    /// Each is our own words, as in [`Paper::prose`].
    pub fn items(&mut self, items: &[String]) -> &mut Self {
        if items.is_empty() {
            return self;
        }
        self.push(Block::Items(items.iter().map(|item| spans(item)).collect()))
    }

    pub fn transcript(&mut self, steps: Vec<(Vec<String>, Vec<Span>)>) -> &mut Self {
        self.push(Block::Transcript(steps))
    }

    pub fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) -> &mut Self {
        let head = head.iter().map(|cell| (*cell).to_owned()).collect();
        self.push(Block::Table { head, rows })
    }

    /// Small print, after everything else.
    pub fn foot(&mut self, text: &str) -> &mut Self {
        self.foot.push(spans(text));
        self
    }

    /// The same with small print added.
    pub fn with_foot(mut self, text: &str) -> Self {
        self.foot(text);
        self
    }

    /// The blocks of `section`, whose links get `mark` where they have the general mark.
    pub fn append_marked(&mut self, section: Self, mark: &str) -> &mut Self {
        for mut block in section.blocks {
            if let Block::Actions(actions) = &mut block {
                for action in actions {
                    action.link = action.link.replace(TOKEN_MARK, mark);
                }
            }
            self.push(block);
        }
        self
    }

    fn push(&mut self, block: Block) -> &mut Self {
        self.blocks.push(block);
        self
    }

    /// The text part.
    pub fn text(&self) -> String {
        let mut out = wrap(&self.lead, "", "", COLUMNS).join("\n");
        if !self.about.is_empty() {
            out.push('\n');
            out.push_str(&wrap(&self.about, "", "  ", COLUMNS).join("\n"));
        }
        for block in &self.blocks {
            out.push_str("\n\n");
            out.push_str(&block_text(block).join("\n"));
        }
        if !self.foot.is_empty() {
            out.push_str("\n\n---");
            for line in &self.foot {
                out.push('\n');
                out.push_str(&wrap_spans(line, "", "", COLUMNS).join("\n"));
            }
        }
        out.push('\n');
        out
    }

    /// The HTML part: ASCII, short lines, and short enough that no client cuts it.
    pub fn html(&self, subject: &str) -> String {
        let mut shown = self.blocks.as_slice();
        loop {
            let complete = shown.len() == self.blocks.len();
            let page = LetterHtml {
                subject,
                lead: &self.lead,
                about: &self.about,
                blocks: shown,
                complete,
                foot: &self.foot,
            };
            let html = page.render().expect("a template without fallible parts");
            let html = folded(&entities(&html));
            match shown.split_last() {
                Some((_, fewer)) if html.len() > HTML_OCTETS_MAX => shown = fewer,
                _ => return html,
            }
        }
    }
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct LetterHtml<'a> {
    subject: &'a str,
    lead: &'a str,
    about: &'a str,
    blocks: &'a [Block],
    /// The text part has more, when not.
    complete: bool,
    foot: &'a [Vec<Span>],
}

/// A wide gap as HTML keeps it.
fn gaps(text: &str) -> String {
    text.replace("  ", "\u{a0} ")
}

/// What stands on a button: `Take command` of "To take command".
fn button(label: &str) -> String {
    let mut chars = label.strip_prefix("To ").unwrap_or(label).chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn block_text(block: &Block) -> Vec<String> {
    match block {
        Block::Heading(text) => {
            let mut lines = wrap(text, "", "", COLUMNS);
            let rule = lines.last().map_or(0, |line| line.chars().count());
            lines.push("-".repeat(rule));
            lines
        }
        Block::Prose(prose) => wrap_spans(prose, "", "", COLUMNS),
        Block::Facts(rows) => rows_text(rows),
        Block::Words(lines) => lines.iter().flat_map(|line| wrap_words(line, "| ")).collect(),
        Block::Actions(actions) => actions.iter().flat_map(action_text).collect(),
        Block::Items(items) => {
            items.iter().flat_map(|item| wrap_spans(item, "- ", "  ", COLUMNS)).collect()
        }
        Block::Transcript(steps) => steps.iter().enumerate().flat_map(step_text).collect(),
        Block::Table { head, rows } => table_text(head, rows),
    }
}

/// Keeps the indentation of a foreign line, so that lists and logs stay readable.
fn wrap_words(line: &str, bar: &str) -> Vec<String> {
    let body = line.trim_start();
    let indent = (line.len() - body.len()).min(16);
    let prefix = format!("{bar}{}", " ".repeat(indent));
    let mut lines = wrap(body, &prefix, &prefix, COLUMNS);
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

fn rows_text(rows: &[Fact]) -> Vec<String> {
    let widest = rows.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
    let width = widest.min(LABEL_CHARS_MAX) + 2;
    let rest = " ".repeat(width);
    let mut out = Vec::new();
    for row in rows {
        let mut first = format!("{:<width$}", row.label);
        for line in &row.lines {
            out.extend(wrap(line, &first, &rest, COLUMNS));
            first.clone_from(&rest);
        }
    }
    out
}

fn action_text(action: &Action) -> Vec<String> {
    let label = &action.label;
    if action.reply.chars().count() > REPLY_CHARS_MAX {
        let field = action.reply.split_inclusive(':').next().unwrap_or_default();
        let prose = spans(&format!("{label}, reply with `{field}` and the words above."));
        return wrap_spans(&prose, "", "  ", COLUMNS);
    }
    if action.reply.contains(':') {
        // A field on a line of its own could act when quoted without a mark.
        let mut prose = vec![Span::Words(format!("{label}, reply"))];
        prose.push(Span::Typed(action.reply.clone()));
        return wrap_spans(&prose, "", "  ", COLUMNS);
    }
    let mut lines = wrap(&format!("{label}, reply with this line alone"), "", "", COLUMNS);
    lines.push(format!("  {}", action.reply));
    lines
}

fn step_text((index, (typed, result)): (usize, &(Vec<String>, Vec<Span>))) -> Vec<String> {
    let mut lines = if index == 0 { Vec::new() } else { vec![String::new()] };
    lines.extend(typed.iter().flat_map(|line| wrap_words(line, "> ")));
    lines.extend(wrap_spans(result, "", "", COLUMNS));
    lines
}

/// The first column holds words, the others figures, right-aligned.
fn table_text(head: &[String], rows: &[Vec<String>]) -> Vec<String> {
    let all: Vec<&[String]> = std::iter::once(head).chain(rows.iter().map(Vec::as_slice)).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            all.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &&[String]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}

/// Non-ASCII as numeric character references, so that the part needs no transfer encoding and the
/// marks in it stay where they are.
fn entities(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    for c in html.chars() {
        match c {
            '\n' | ' '..='~' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push_str(&format!("&#{};", u32::from(c))),
        }
    }
    out
}

/// Breaks long lines where a line break shows nothing: at a blank, or inside a `<wbr>` where there
/// is none for too long.
fn folded(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 50);
    let (mut column, mut in_tag, mut in_entity) = (0, false, false);
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '&' => in_entity = true,
            ';' => in_entity = false,
            _ => {}
        }
        if c == '\n' || (c == ' ' && column >= HTML_LINE_OCTETS) {
            out.push('\n');
            column = 0;
            in_entity = false;
            continue;
        }
        out.push(c);
        column += 1;
        if c == '>' {
            in_tag = false;
        }
        if column >= 2 * HTML_LINE_OCTETS && !in_tag && !in_entity {
            out.push_str("<wbr\n>");
            column = 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_is_never_markup() {
        let mut paper = Paper::new("<b>lead", "about & more");
        paper.words("<script>alert(1)</script>\nSeverity: SEV-1");
        let html = paper.html("s");
        assert!(!html.contains("<script") && !html.contains("<b>"));
        assert!(paper.text().contains("| Severity: SEV-1"));
    }

    #[test]
    fn html_is_ascii_with_short_lines_whatever_it_shows() {
        let mut paper = Paper::new("Störung", "日本");
        paper.words(&"障".repeat(4_000)).words(&"a".repeat(9_000)).words(&"é ".repeat(3_000));
        let html = paper.html("s");
        assert!(html.is_ascii());
        assert!(html.lines().all(|line| line.len() < 990));
        assert!(html.contains("St&#246;rung"));
    }

    #[test]
    fn html_stays_under_what_clients_cut_and_says_where_the_rest_is() {
        let mut paper = Paper::new("Lead", "About");
        for _ in 0..20 {
            paper.words(&"long words ".repeat(1_500));
        }
        let html = paper.html("s");
        assert!(html.len() <= HTML_OCTETS_MAX);
        assert!(html.contains("plain text part"));
        assert!(paper.text().len() > HTML_OCTETS_MAX);
    }

    #[test]
    fn every_line_of_text_fits_72_columns() {
        let mut paper = Paper::new("x ".repeat(60), "y".repeat(200));
        paper
            .facts(vec![fact("1 What is wrong", "z ".repeat(90))])
            .words(&format!("{} {}", "w".repeat(300), "v ".repeat(80)))
            .items(&["u ".repeat(80)])
            .prose(&"t ".repeat(100));
        assert!(paper.text().lines().all(|line| line.chars().count() <= COLUMNS));
    }
}
