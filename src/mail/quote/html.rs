//! HTML as lines with their depth of quotation, from the tokens alone.
//!
//! No tree is built: tree builders are quadratic on deep nesting, and mail closes its elements as it
//! likes. What nobody sees is passed over. Never runs, loads or shows anything. Start with [`read_lines`].

use std::borrow::Cow;
use std::collections::HashMap;

use super::containers::{ATTRIBUTIONS, CITES, CUTS, HEADER_BOXES, QUOTES, SIGNATURES};
use super::styles::Sight;
use super::tags::{Tag, Token, is_block, is_part_of_table, is_raw, is_void, read_tokens};
use super::{LINES_MAX, Line, Mark, push_line};

/// Open elements that are followed; below, everything belongs to the last of them.
const OPEN_MAX: usize = 10_000;
/// Pictures whose place is looked for; more than any mail has.
const PICTURES_MAX: usize = 1_000;

/// What a mail client shows of an HTML part.
#[derive(Default)]
pub(in crate::mail) struct Page {
    /// With a mark in place of each picture, where these were asked for.
    pub lines: Vec<Line>,
    /// The Content-IDs of the pictures that came with the message, in their order.
    pub pictures: Vec<String>,
}

/// The lines that a mail client shows.
pub(in crate::mail) fn read_lines(html: &str) -> Vec<Line> {
    read_page(html, false).lines
}

/// The lines, and on demand which pictures of the message stand where.
pub(in crate::mail) fn read_page(html: &str, marks_pictures: bool) -> Page {
    let mut writer = Writer { marks_pictures, ..Writer::default() };
    let html = if html.contains('\0') { html.replace('\0', "").into() } else { Cow::Borrowed(html) };
    read_tokens(&html, |token| match token {
        Token::Text(text) => writer.write(text),
        Token::Start(tag) => writer.open(tag),
        Token::End(name) => writer.end(name),
    });
    writer.close_down_to(0);
    writer.finish_line();
    Page { lines: writer.lines, pictures: writer.pictures }
}

/// Stands on both sides of a picture's number, and is no part of a text in which pictures are marked.
const MARK: char = '\u{fffc}';

/// What stands in place of the picture with this number.
pub(in crate::mail) fn picture_mark(number: usize) -> String {
    format!("{MARK}{number}{MARK}")
}

impl Page {
    /// The lines without the marks. Where a picture stood alone is one blank line.
    pub(in crate::mail) fn unmarked_lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::with_capacity(self.lines.len());
        let mut stood_alone = false;
        for line in &self.lines {
            let is_marked = line.text.contains(MARK);
            let text = if is_marked { without_marks(&line.text) } else { line.text.clone() };
            stood_alone = text.is_empty() && (stood_alone || is_marked);
            if !(stood_alone && lines.last().is_none_or(Line::is_blank)) {
                lines.push(Line { text, ..*line });
            }
        }
        lines
    }
}

fn without_marks(text: &str) -> String {
    let mut rest = String::with_capacity(text.len());
    // A mark has a number, so that every second piece is one.
    for piece in text.split(MARK).step_by(2) {
        let is_apart = rest.is_empty() || rest.ends_with(' ');
        rest.push_str(if is_apart { piece.strip_prefix(' ').unwrap_or(piece) } else { piece });
    }
    rest.truncate(rest.trim_end().len());
    rest
}

/// What an open element does to the lines within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Nothing,
    Blockquote,
    /// A blockquote that a programme made, not its user.
    Cite,
    /// Everything up to the first blockquote within is quoted; everything, if there is none.
    Quote {
        first_line: usize,
        quotes_before: usize,
    },
    Marked(Mark),
    Preformatted,
}

/// An element that was opened and not yet closed.
struct Open {
    name: String,
    effect: Effect,
    sight: Sight,
}

#[derive(Default)]
struct Writer {
    lines: Vec<Line>,
    text: String,
    space: bool,
    depth: usize,
    /// Open elements of a programme that hold a quotation.
    quotes: usize,
    preformatted: usize,
    marks: Vec<Mark>,
    open: Vec<Open>,
    open_by_name: HashMap<String, usize>,
    /// Where each blockquote began, by line.
    blockquotes: Vec<usize>,
    marks_pictures: bool,
    pictures: Vec<String>,
}

impl Writer {
    fn write(&mut self, text: &str) {
        if !self.sight().is_seen() {
            return;
        }
        for c in text.chars() {
            match c {
                '\n' if self.preformatted > 0 => self.break_line(),
                ' ' | '\t' | '\n' | '\r' | '\u{c}' if self.preformatted == 0 => {
                    self.space = !self.text.is_empty();
                }
                '\u{200b}'..='\u{200d}' | '\u{feff}' | '\u{ad}' if self.text.is_empty() => {}
                MARK if self.marks_pictures => {}
                _ => self.put(c),
            }
        }
    }

    fn put(&mut self, c: char) {
        if std::mem::take(&mut self.space) {
            self.text.push(' ');
        }
        self.text.push(c);
    }

    /// Whether text is seen where it would stand now.
    fn sight(&self) -> Sight {
        self.open.last().map(|open| open.sight).unwrap_or_default()
    }

    fn open(&mut self, tag: Tag<'_>) {
        let name = tag.name;
        // These end the one before, whose end tag may be left out (HTML, section 13.1.2.4).
        let is_ended = |last: &Open| match last.name.as_str() {
            "p" => is_block(name) && !is_part_of_table(name) || name == "hr",
            "li" | "td" | "th" | "tr" => last.name == name,
            _ => false,
        };
        if self.open.last().is_some_and(is_ended) {
            self.close_down_to(self.open.len() - 1);
        }
        match name {
            _ if is_raw(name) || matches!(name, "head" | "template" | "datalist") => {
                self.push(name, Effect::Nothing, self.sight().gone());
            }
            "br" => self.break_line(),
            "hr" => {
                self.finish_line();
                if self.sight().is_seen() {
                    self.push_line(Line { mark: Some(Mark::Rule), ..Line::plain("", self.depth) });
                }
            }
            "img" if self.sight().within(tag).is_seen() => self.mark_picture(tag),
            _ if is_void(name) => {}
            "td" | "th" => {
                if !self.text.is_empty() {
                    self.space = true;
                }
                self.push(name, effect_of(tag, self), self.sight().within(tag));
            }
            _ if is_block(name) => {
                self.finish_line();
                if matches!(name, "p" | "h1" | "h2" | "h3" | "h4" | "ul" | "ol" | "table") {
                    self.blank_line();
                }
                let effect = effect_of(tag, self);
                self.push(name, effect, self.sight().within(tag));
                if effect == Effect::Marked(Mark::Cut) && self.sight().is_seen() {
                    // An empty element may be all there is to mark it.
                    self.push_line(Line { mark: Some(Mark::Cut), ..Line::plain("", self.depth) });
                }
                if name == "li" {
                    self.write("- ");
                }
            }
            _ => {
                let (effect, sight) = (effect_of(tag, self), self.sight().within(tag));
                // Where one of them matters, the end tags of those within it must find their own.
                let matters = effect != Effect::Nothing || sight != self.sight();
                if matters || self.open_by_name.get(name).copied().unwrap_or(0) > 0 {
                    self.push(name, effect, sight);
                }
            }
        }
    }

    fn mark_picture(&mut self, tag: Tag<'_>) {
        let source = tag.attributes.iter().find(|(name, _)| *name == "src");
        let source = source.map(|(_, value)| value.trim()).unwrap_or_default();
        let id = source.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("cid:"));
        if id.is_some() && self.marks_pictures && self.pictures.len() < PICTURES_MAX {
            picture_mark(self.pictures.len()).chars().for_each(|c| self.put(c));
            self.pictures.push(source[4..].to_owned());
        }
    }

    fn end(&mut self, name: &str) {
        if is_block(name) {
            self.finish_line();
        }
        if self.open_by_name.get(name).copied().unwrap_or(0) > 0
            && let Some(at) = self.open.iter().rposition(|open| open.name == name)
        {
            self.close_down_to(at);
        }
        if matches!(name, "p" | "h1" | "h2" | "h3" | "h4" | "ul" | "ol" | "table") {
            self.blank_line();
        }
    }

    fn push(&mut self, name: &str, effect: Effect, sight: Sight) {
        if self.open.len() >= OPEN_MAX {
            return;
        }
        match effect {
            Effect::Blockquote | Effect::Cite => {
                self.blockquotes.push(self.lines.len());
                self.depth += 1;
                if effect == Effect::Cite {
                    self.marks.push(Mark::Quoted);
                }
            }
            Effect::Preformatted => self.preformatted += 1,
            Effect::Marked(mark) => self.marks.push(mark),
            Effect::Quote { .. } => self.quotes += 1,
            Effect::Nothing => {}
        }
        *self.open_by_name.entry(name.to_owned()).or_default() += 1;
        self.open.push(Open { name: name.to_owned(), effect, sight });
    }

    fn close_down_to(&mut self, length: usize) {
        while self.open.len() > length
            && let Some(Open { name, effect, sight }) = self.open.pop()
        {
            if let Some(count) = self.open_by_name.get_mut(&name) {
                *count = count.saturating_sub(1);
            }
            if effect != Effect::Nothing && sight.is_seen() {
                self.finish_line();
            }
            match effect {
                Effect::Blockquote => self.depth = self.depth.saturating_sub(1),
                Effect::Cite => {
                    self.depth = self.depth.saturating_sub(1);
                    self.marks.pop();
                }
                Effect::Preformatted => self.preformatted = self.preformatted.saturating_sub(1),
                Effect::Marked(_) => {
                    self.marks.pop();
                }
                Effect::Quote { first_line, quotes_before } => {
                    self.quotes = self.quotes.saturating_sub(1);
                    self.close_quote(first_line, quotes_before)
                }
                Effect::Nothing => {}
            }
        }
    }

    /// Answers written between quotations lie within the client's element too: only what stands
    /// before its first blockquote is surely not the sender's.
    fn close_quote(&mut self, first_line: usize, quotes_before: usize) {
        let end = self.blockquotes.get(quotes_before).copied();
        let mark = end.map(|_| Mark::Attribution);
        let end = end.unwrap_or(self.lines.len());
        for line in self.lines.get_mut(first_line..end).unwrap_or_default() {
            match mark {
                Some(mark) => line.mark = line.mark.or(Some(mark)),
                None => line.depth += 1,
            }
        }
    }

    fn break_line(&mut self) {
        if !self.sight().is_seen() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        self.space = false;
        self.push_line(Line::plain(&text, self.depth));
    }

    fn finish_line(&mut self) {
        if !self.text.is_empty() {
            self.break_line();
        }
        self.space = false;
    }

    /// One blank line, whatever paragraphs end and begin here.
    fn blank_line(&mut self) {
        // The last line is no single one where there are too many.
        let last = self.lines.last().filter(|_| self.lines.len() <= LINES_MAX);
        let needs = last.is_some_and(|line| !line.text.is_empty() || line.depth != self.depth);
        if needs && self.sight().is_seen() {
            self.push_line(Line::plain("", self.depth));
        }
    }

    fn push_line(&mut self, mut line: Line) {
        line.mark = line.mark.or(self.marks.last().copied());
        push_line(&mut self.lines, line);
    }
}

fn effect_of(tag: Tag<'_>, writer: &Writer) -> Effect {
    let name = tag.name;
    let mut classes = String::new();
    let (mut is_boxed, mut is_cited) = (false, false);
    for (attribute, value) in tag.attributes {
        match *attribute {
            "class" | "id" => {
                classes.push(' ');
                classes.push_str(&value.to_ascii_lowercase());
            }
            "style" => {
                let style: String = value.split_whitespace().collect();
                let style = style.to_ascii_lowercase();
                is_boxed |= HEADER_BOXES.iter().any(|part| style.contains(part));
            }
            "type" if name == "blockquote" => is_cited |= value.eq_ignore_ascii_case("cite"),
            "data-signatureblock" | "data-smartmail" => classes.push_str(" x_signature"),
            "data-marker" => {
                classes.push(' ');
                classes.push_str(&value.to_ascii_lowercase());
            }
            _ => {}
        }
    }
    // Forwarding through a web mail puts `x_` or `m_-123` before every name, once for each time.
    let bare = |class: &str| class.trim_start_matches("x_").to_owned();
    let is =
        |table: &[&str]| classes.split_whitespace().any(|class| table.contains(&bare(class).as_str()));
    is_cited |= is(CITES);
    let quote =
        Effect::Quote { first_line: writer.lines.len(), quotes_before: writer.blockquotes.len() };
    match name {
        "blockquote" if is_cited => Effect::Cite,
        "blockquote" => Effect::Blockquote,
        "pre" => Effect::Preformatted,
        _ if is(CUTS) => Effect::Marked(Mark::Cut),
        _ if is(ATTRIBUTIONS) => Effect::Marked(Mark::Attribution),
        _ if is(SIGNATURES) => Effect::Marked(Mark::Signature),
        // What is quoted within a quotation needs no second mark, and would cost its length again.
        _ if writer.quotes == 0 && is(QUOTES) && !matches!(name, "a" | "font") => quote,
        "div" | "p" | "td" if is_boxed => Effect::Marked(Mark::Header),
        _ => Effect::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::super::whole_text;
    use super::*;

    fn shown(html: &str) -> Vec<(usize, String)> {
        let lines = read_lines(html).into_iter();
        lines.filter(|line| !line.text.is_empty()).map(|line| (line.depth, line.text)).collect()
    }

    #[test]
    fn blockquotes_are_depth_and_hidden_text_is_not_shown() {
        let html = "<style>x{}</style><p>a<b>b</b> c</p><div style='display: none'>no</div>\
            <blockquote>q<blockquote>r</blockquote></blockquote>d<br>e";
        let lines = shown(html);
        assert_eq!(
            lines,
            [(0, "ab c".into()), (1, "q".into()), (2, "r".into()), (0, "d".into()), (0, "e".into())]
        );
    }

    #[test]
    fn nothing_is_read_that_nobody_sees_and_all_that_somebody_sees() {
        let text = |html: &str| {
            let lines: Vec<String> = shown(html).into_iter().map(|(_, text)| text).collect();
            lines.join("/")
        };
        for (html, seen) in [
            ("<p hidden>no</p>yes", "yes"),
            ("<p hidden>no<p>yes", "yes"),
            ("<p>a <strong style='display:none'>no</strong>b", "a b"),
            ("<p>a<o:p hidden>no</o:p>b", "ab"),
            ("<template><p>no</template>yes", "yes"),
            ("<noscript>yes</noscript>", "yes"),
            ("<span aria-hidden=true>yes</span>", "yes"),
            ("<div style='display:none'><div>no</div><div>no</div></div>yes", "yes"),
            ("<div style='visibility:hidden'>no<b style='visibility:visible'>yes</b>no</div>", "yes"),
            ("<td style='font-size:0'>no<div style='font-size:12px'>yes</div>no", "yes"),
            ("<div style='font-size:0'>no<font size=2>yes</font><b style='font-size:1em'>no</b>", "yes"),
            ("<div hidden>no<b style='visibility:visible;font-size:9px'>no</b></div>yes", "yes"),
            ("<div style='display:none'><br>no<hr>no<input>no</div>yes", "yes"),
            ("<ul><li hidden>no<li>yes</ul>", "- yes"),
            ("<table><tr><td hidden>no<td>yes</table>", "yes"),
            ("<div hidden><table><tr><td>no</table>no</div>yes", "yes"),
        ] {
            assert_eq!(text(html), seen, "{html}");
        }
    }

    #[test]
    fn lines_are_the_same_with_and_without_their_pictures() {
        const PICTURE: &str = "<img src='CID:a@b'>";
        for html in [
            "a I b",
            "aI b",
            "a Ib",
            "aIb",
            "I a",
            "Ia",
            "a I",
            "I",
            "<p>I</p><p>a</p>",
            "a<br>I<br>b",
            "<p>a</p><p>I</p><p>b</p>",
            "<p>a I</p><p>b</p>",
            "a<div hidden>I</div>b",
            "a I I b",
            "a\u{fffc}b I",
        ] {
            let page = read_page(&html.replace('I', PICTURE), true);
            let bare = read_lines(&html.replace(['I', MARK], ""));
            let says = |lines: &[Line]| whole_text(lines);
            assert_eq!(says(&page.unmarked_lines()), says(&bare), "{html}");
            assert_eq!(page.pictures.is_empty(), html.contains("hidden"), "{html}");
        }
    }

    #[test]
    fn nesting_costs_no_more_than_its_length() {
        for html in
            ["<div>".repeat(200_000), "<blockquote><p>".repeat(100_000), "</div><p>".repeat(200_000)]
        {
            assert!(read_lines(&html).len() <= 200_001);
        }
    }
}
