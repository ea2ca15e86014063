//! From new text to lines and prose.
//!
//! Never loses a word: each is in some [`Line::typed`] or in [`Written::prose`]. Every line is looked
//! at a bounded number of times, however long the text. Start with [`read_commands`].

use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::courtesies::{is_courtesy, is_greeting, is_signed_off};
use super::fields::{FIELDS, Field, Kind, Reach, header_field, nearest};
use super::sentences::read_sentence;
use super::text::{Head, clean, is_blank, sentence};
use super::values::read_value;
use super::{Command, Grammar, Line, Misread, Written};
use crate::mail::quote::labels::Label;

/// More lines that nearly are fields than this, and the writer needs the guide.
const NEAR_MISSES_MAX: usize = 5;

/// So many lines that were not read are named; whoever wrote more sees by these how it is done.
const UNREAD_MAX: usize = 5;

/// More lines than anybody types in one mail; a longer one is a table that looks like fields.
const LINES_MAX: usize = 200;

/// Reads the new text of a mail. Total: what is no command is prose.
pub fn read_commands(new_text: &str, grammar: &Grammar<'_>, now: DateTime<Utc>) -> Written {
    let raw: Vec<&str> = new_text.lines().collect();
    let end = forwarded_at(&raw);
    let answered = grammar.answered_text.map(|text| {
        // Our own bar before somebody's words is not in the HTML that a client quotes.
        let bare = text.lines().filter_map(|line| line.trim_start().strip_prefix("| "));
        text.lines().chain(bare).map(clean).collect()
    });
    let has_sections = raw.iter().take(end).any(|line| {
        Head::read(line).is_some_and(|head| {
            head.by_colon
                && section_of(grammar, &head.name).is_some()
                && Field::named(&head.name, head.number.is_some()).is_none()
        })
    });
    let mut reader = Reader {
        grammar,
        now,
        raw,
        end,
        answered: answered.unwrap_or_default(),
        has_sections,
        lines: Vec::new(),
        prose: Vec::new(),
        unwritten: Vec::new(),
        near_misses: 0,
        unread: 0,
        gave_up: false,
        signed: false,
    };
    reader.read();
    reader.finish()
}

/// Where a forwarded header begins: two different header fields in one paragraph, as clients print them
/// above a mail that they pass on, in the language of whoever uses them.
fn forwarded_at(raw: &[&str]) -> usize {
    let mut first: Option<(usize, Label)> = None;
    for (at, line) in raw.iter().enumerate() {
        if is_blank(line) {
            first = None;
            continue;
        }
        let head = Head::read(line).filter(|head| head.by_colon && head.number.is_none());
        match (head.and_then(|head| header_field(&head.name)), &first) {
            (Some(label), Some((start, other))) if label != *other => return *start,
            (Some(label), None) => first = Some((at, label)),
            _ => {}
        }
    }
    raw.len()
}

fn section_of<'a>(grammar: &Grammar<'a>, name: &str) -> Option<&'a str> {
    let is_named = |known: &str| {
        // As the head of a line is compared: hyphens are spaces, what is in brackets is left out.
        let known = known.split_once('(').map_or(known, |(before, _)| before);
        clean(known).to_lowercase().replace(['-', '_'], " ") == name
    };
    grammar
        .sections
        .iter()
        .find(|section| {
            is_named(&section.heading) || section.aliases.iter().any(|alias| is_named(alias))
        })
        .map(|section| section.heading.as_str())
}

struct Reader<'a> {
    grammar: &'a Grammar<'a>,
    now: DateTime<Utc>,
    raw: Vec<&'a str>,
    /// The first line that is not read.
    end: usize,
    answered: HashSet<String>,
    /// A heading of the postmortem stands in the text, so that `Impact:` is one as well.
    has_sections: bool,
    lines: Vec<Line>,
    prose: Vec<&'a str>,
    /// Headings without text, which ask for nothing and go with the next line.
    unwritten: Vec<&'a str>,
    near_misses: usize,
    unread: usize,
    gave_up: bool,
    /// Somebody said goodbye with their name: what stands below is their signature.
    signed: bool,
}

/// A command and the lines it takes.
struct Item {
    next: usize,
    meaning: Result<Command, Misread>,
    /// It took more than its paragraph, so that what follows begins anew.
    is_open: bool,
}

/// What the head of a line names.
enum Opens<'a> {
    Field(&'static Field),
    Section(&'a str),
}

impl<'a> Reader<'a> {
    fn read(&mut self) {
        let mut at = self.leading();
        while at < self.end && !self.gave_up && self.lines.len() < LINES_MAX {
            if self.is_blank(at) {
                self.keep(at);
                at += 1;
            } else {
                at = self.paragraph(at);
            }
        }
        while at < self.raw.len() {
            self.keep(at);
            at += 1;
        }
    }

    /// The lines before the first that is no field; returns where it stands.
    fn leading(&mut self) -> usize {
        let mut at = self.after_blanks(0);
        if at < self.end && self.item(at).is_none() && is_greeting(self.line(at)) {
            self.keep(at);
            at += 1;
        }
        loop {
            at = self.after_blanks(at);
            if at >= self.end || self.lines.len() >= LINES_MAX {
                return at;
            }
            let item = self.item(at).or_else(|| self.resolved(at)).or_else(|| self.near_miss(at));
            let Some(item) = item else { return at };
            if self.gave_up {
                return at;
            }
            at = self.take(at, item);
        }
    }

    /// `Resolved` without a colon, which only opens a mail: further down it is somebody's word for
    /// a part of it.
    fn resolved(&self, at: usize) -> Option<Item> {
        let line = self.line(at);
        let is_answered = self.answered.contains(&clean(line));
        (sentence(line)? == "resolved" && !is_answered).then(|| Item {
            next: at + 1,
            meaning: Ok(Command::Resolved(String::new())),
            is_open: false,
        })
    }

    /// A paragraph: commands if every line is one, prose otherwise. Returns where the next begins.
    fn paragraph(&mut self, start: usize) -> usize {
        if self.signed {
            return self.keep_paragraph(start);
        }
        let mut items = Vec::new();
        let mut at = start;
        while at < self.end && !self.is_blank(at) && self.lines.len() + items.len() < LINES_MAX {
            let item = self.item(at).or_else(|| self.near_miss_of_kind(at));
            match item.filter(|item| item.meaning.as_ref().map_or_else(is_of_kind, |_| true)) {
                Some(item) => {
                    let (next, is_open) = (item.next, item.is_open);
                    items.push((at, item));
                    at = next;
                    if is_open {
                        break;
                    }
                }
                None => return self.keep_paragraph(start),
            }
        }
        for (at, item) in items {
            self.take(at, item);
        }
        at
    }

    fn keep_paragraph(&mut self, start: usize) -> usize {
        let mut at = start;
        while at < self.end && !self.is_blank(at) {
            if self.unread < UNREAD_MAX
                && let Some(meaning) = self.unread(at)
            {
                self.unread += 1;
                let typed = self.line(at).trim().to_owned();
                self.lines.push(Line { typed, meaning: Err(meaning) });
            }
            self.keep(at);
            at += 1;
        }
        let before = self.raw.iter().take(start).rev().find(|line| !is_blank(line)).copied();
        self.signed |= is_signed_off(before, self.raw.get(start..at).unwrap_or_default());
        at
    }

    fn take(&mut self, at: usize, item: Item) -> usize {
        let own = self.raw.get(at..item.next).unwrap_or_default();
        if let Ok(Command::Section { text, .. }) = &item.meaning
            && text.is_empty()
        {
            self.unwritten.extend(own);
            return item.next;
        }
        let mut typed: Vec<&str> = std::mem::take(&mut self.unwritten);
        typed.extend(own);
        let text_of = match &item.meaning {
            Ok(Command::Update(_)) => Some("Update"),
            Ok(Command::Note(_)) => Some("Note"),
            Ok(Command::Statement { .. }) => Some("Statement"),
            _ => None,
        };
        self.lines.push(Line { typed: typed.join("\n").trim().to_owned(), meaning: item.meaning });
        if let Some(of) = text_of {
            self.name_fields_at_end(at + 1, item.next, of);
        }
        item.next
    }

    /// The command that begins on a line.
    fn item(&self, at: usize) -> Option<Item> {
        if let Some(meaning) = read_sentence(self.line(at)) {
            return Some(Item { next: at + 1, meaning, is_open: false });
        }
        let head = Head::read(self.line(at))?;
        match self.opens(at, &head)? {
            Opens::Field(field) => Some(self.field(at, field, &head)),
            Opens::Section(heading) => Some(self.section(at, heading, &head)),
        }
    }

    fn opens(&self, at: usize, head: &Head) -> Option<Opens<'a>> {
        let section = || section_of(self.grammar, &head.name).filter(|_| head.by_colon);
        let found = match Field::named(&head.name, head.number.is_some()) {
            Some(field) => match section().filter(|_| self.has_sections) {
                Some(heading) => Opens::Section(heading),
                None => Opens::Field(field),
            },
            None => Opens::Section(section()?),
        };
        (self.answered.is_empty() || !self.answered.contains(&clean(self.line(at)))).then_some(found)
    }

    fn field(&self, at: usize, field: &'static Field, head: &Head) -> Item {
        let next = match field.reach {
            Reach::Line => at + 1,
            Reach::Paragraph => {
                self.run_on(at + 1, |reader, at| reader.is_blank(at) || reader.begins(at, true))
            }
            Reach::End => self.before_promise(at + 1),
        };
        let typed = self.text(at, next, head);
        Item {
            next,
            meaning: read_value(field, head.number, &typed, self.grammar.zone, self.now),
            is_open: field.reach == Reach::End,
        }
    }

    /// Where an update or a statement ends: at the end, or before a last line that promises the next
    /// one, which everybody would read and no clock would keep.
    fn before_promise(&self, from: usize) -> usize {
        let Some(last) = (from..self.end).rev().find(|at| !self.is_blank(*at)) else {
            return self.end;
        };
        let is_promise = self.item(last).is_some_and(|item| {
            matches!(item.meaning, Ok(Command::NextUpdate(_) | Command::NextStatement(_)))
                && item.next == last + 1
        });
        if is_promise { last } else { self.end }
    }

    fn section(&self, at: usize, heading: &str, head: &Head) -> Item {
        let next = self.run_on(at + 1, |reader, at| reader.begins(at, false));
        let text = self.text(at, next, head).trim().to_owned();
        let meaning = Ok(Command::Section { heading: heading.to_owned(), text });
        Item { next, meaning, is_open: true }
    }

    fn run_on(&self, from: usize, ends: impl Fn(&Self, usize) -> bool) -> usize {
        (from..self.end).find(|at| ends(self, *at)).unwrap_or(self.end)
    }

    /// Whether something else begins on this line. A section of the postmortem may hold lines such
    /// as `Decision: …`, which nothing would read but its reader, and a word that is a sentence
    /// only where the section is handed in.
    fn begins(&self, at: usize, in_field: bool) -> bool {
        match read_sentence(self.line(at)) {
            Some(Ok(Command::Submit | Command::Publish)) => return true,
            Some(_) if in_field => return true,
            _ => {}
        }
        let opened = Head::read(self.line(at)).and_then(|head| self.opens(at, &head));
        match opened {
            Some(Opens::Field(field)) => in_field || !field.kind.is_text_of_a_section(),
            Some(Opens::Section(_)) => true,
            None => false,
        }
    }

    /// The value of a field: what stands behind its separator, and its further lines.
    fn text(&self, at: usize, next: usize, head: &Head) -> String {
        let first = self.line(at).get(head.value_at..).unwrap_or_default().trim();
        let more = self.raw.get(at + 1..next).unwrap_or_default();
        let mut text = first.to_owned();
        for line in more {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(line.trim_end());
        }
        text
    }

    /// A line among other words that would change the state if it stood elsewhere. It changes nothing,
    /// since it may be somebody else's, but whoever meant it must not believe that it did.
    fn unread(&self, at: usize) -> Option<Misread> {
        let (field, instead) = self.valid_field(at)?;
        let changes = matches!(
            field.kind,
            Kind::Severity
                | Kind::Phase
                | Kind::OfferCommand
                | Kind::Role(_)
                | Kind::NextUpdate
                | Kind::Resolved
                | Kind::PostmortemOwner
        );
        let why = "It stands among other words; a line counts at the top, or in a paragraph of its own.";
        changes.then(|| Misread {
            why: why.to_owned(),
            instead: Some(instead),
            field: Some(field.name.to_owned()),
        })
    }

    /// The field that a line would be where fields are read, and how it is written.
    fn valid_field(&self, at: usize) -> Option<(&'static Field, String)> {
        let line = self.line(at);
        let head = Head::read(line).filter(|head| head.by_colon)?;
        let Opens::Field(field) = self.opens(at, &head)? else { return None };
        let value = line.get(head.value_at..).unwrap_or_default().trim();
        let is_valid = read_value(field, head.number, value, self.grammar.zone, self.now).is_ok();
        is_valid.then(|| (field, written(field.name, head.number, value)))
    }

    /// Names the fields with which the text of an update or a note ends. They are its text, as anything
    /// that somebody pastes into it, but people write a mail in that order and rely on it.
    fn name_fields_at_end(&mut self, from: usize, to: usize, of: &str) {
        let mut misread = Vec::new();
        for at in (from..to).rev().filter(|at| !self.is_blank(*at)) {
            let Some((field, instead)) = self.valid_field(at) else { break };
            if field.reach == Reach::End {
                break;
            }
            let why = format!(
                "Below `{of}:` everything is text, to the end of the mail; above it, the line counts."
            );
            let field = Some(field.name.to_owned());
            misread.push((at, Misread { why, instead: Some(instead), field }));
        }
        for (at, meaning) in misread.into_iter().rev().take(UNREAD_MAX - self.unread) {
            self.unread += 1;
            self.lines.push(Line { typed: self.line(at).trim().to_owned(), meaning: Err(meaning) });
        }
    }

    /// A line that nearly is a field.
    fn near_miss(&mut self, at: usize) -> Option<Item> {
        let item = self.nearly(at)?;
        if self.near_misses == NEAR_MISSES_MAX {
            self.gave_up = true;
        }
        self.near_misses += 1;
        Some(item)
    }

    /// The same for `Private` and `Drill` alone, which count wherever they stand.
    fn near_miss_of_kind(&self, at: usize) -> Option<Item> {
        self.nearly(at).filter(|item| item.meaning.as_ref().is_err_and(is_of_kind))
    }

    fn nearly(&self, at: usize) -> Option<Item> {
        let line = self.line(at);
        let typed = sentence(line).unwrap_or_default();
        let misread = |why: String, instead: String, field: &str| {
            let meaning = Err(Misread { why, instead: Some(instead), field: Some(field.to_owned()) });
            Some(Item { next: at + 1, meaning, is_open: false })
        };
        let is_answered = || self.answered.contains(&clean(line));
        for (word, field) in [("private", "Private"), ("drill", "Drill")] {
            if typed == word {
                return misread(format!("`{field}` needs an answer."), format!("{field}: yes"), field);
            }
        }
        if !is_answered() && nearest(&typed, std::iter::once("i have command")).is_some() {
            let why = "That is nearly the line which takes command.".to_owned();
            return misread(why, "I have command".to_owned(), "I have command");
        }
        let head = Head::read(line).filter(|head| head.by_colon)?;
        let is_words = head.name.chars().all(|c| c.is_alphabetic() || c == ' ');
        if !is_words || header_field(&head.name).is_some() || is_answered() {
            return None;
        }
        let fields = FIELDS.iter().flat_map(|field| field.spellings).copied();
        let headings = self.grammar.sections.iter().map(|section| section.heading.as_str());
        let spelling = nearest(&head.name, fields.chain(headings))?;
        let name = Field::named(spelling, true)
            .or_else(|| Field::named(spelling, false))
            .map_or(spelling, |field| field.name);
        let value = line.get(head.value_at..).unwrap_or_default().trim();
        let why = format!("There is no field `{}`.", head.shown);
        misread(why, written(name, head.number, value), name)
    }

    fn line(&self, at: usize) -> &'a str {
        self.raw.get(at).copied().unwrap_or_default()
    }

    fn is_blank(&self, at: usize) -> bool {
        is_blank(self.line(at))
    }

    fn after_blanks(&self, from: usize) -> usize {
        (from..self.end).find(|at| !self.is_blank(*at)).unwrap_or(self.end)
    }

    fn keep(&mut self, at: usize) {
        let line = self.line(at).trim_end();
        let is_blank = is_blank(line);
        let is_after_blank = self.prose.last().is_none_or(|last| last.is_empty());
        if !(is_blank && is_after_blank) {
            self.prose.push(if is_blank { "" } else { line });
        }
    }

    fn finish(mut self) -> Written {
        // "Hi Bob," and "Thanks, Alice" are no text of an entry, and no reason.
        if !self.lines.is_empty() && is_courtesy(&self.prose) {
            let courtesy = std::mem::take(&mut self.prose);
            self.unwritten.extend(courtesy.into_iter().filter(|line| !line.is_empty()));
        }
        let unwritten = self.unwritten.join("\n");
        match self.lines.last_mut() {
            Some(last) if !unwritten.trim().is_empty() => {
                last.typed = format!("{}\n{}", last.typed, unwritten.trim());
            }
            Some(_) => {}
            None => self.prose.extend(self.unwritten),
        }
        let prose = self.prose.join("\n").trim().to_owned();
        Written { lines: self.lines, prose, gave_up: self.gave_up }
    }
}

/// A field as our own mails write it.
fn written(name: &str, number: Option<i64>, value: &str) -> String {
    let number = number.map(|number| format!(" #{number}")).unwrap_or_default();
    format!("{name}{number}: {value}").trim().to_owned()
}

fn is_of_kind(misread: &Misread) -> bool {
    matches!(misread.field.as_deref(), Some("Private" | "Drill"))
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
