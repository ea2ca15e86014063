//! The configuration file as TOML with lines, and the mistakes found in it.
//!
//! Never stops at the first mistake. Start with [`Source::table`].

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// More mistakes than anybody reads at once.
const ERRORS_MAX: usize = 100;

/// A table of the file, and what to call it.
#[derive(Clone, Copy)]
pub(super) struct Table<'t> {
    pub entries: &'t DeTable<'t>,
    pub line: usize,
}

/// A text and where it stands.
pub(super) struct Text<'t> {
    pub value: Cow<'t, str>,
    pub line: usize,
}

/// What is being read.
pub(super) struct Source<'t> {
    text: &'t str,
    file_name: &'t str,
    pub errors: Vec<ConfigError>,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str, file_name: &'t str) -> Self {
        Self { text, file_name, errors: Vec::new() }
    }

    pub(super) fn line_at(&self, octet: usize) -> usize {
        let before = self.text.as_bytes().get(..octet).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|octet| **octet == b'\n').count()
    }

    pub(super) fn mistake(&mut self, line: usize, what: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(ConfigError { file: self.file_name.to_owned(), line, what: what.into() });
        }
    }

    /// Reports the keys of a table that are none of `keys`.
    pub(super) fn check_keys(&mut self, table: Table<'t>, place: &str, keys: &[&str]) {
        for key in table.entries.keys() {
            let name = key.get_ref();
            if keys.contains(&name.as_ref()) {
                continue;
            }
            let line = self.line_at(key.span().start);
            let advice = match nearest(name, keys.iter().copied()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("the keys are {}", keys.join(", ")),
            };
            self.mistake(line, format!("unknown key '{name}' in {place}; {advice}"));
        }
    }

    pub(super) fn table(&mut self, table: Table<'t>, key: &str) -> Option<Table<'t>> {
        let (value, line) = self.entry(table, key)?;
        match value {
            DeValue::Table(entries) => Some(Table { entries, line }),
            _ => self.wrong(line, key, "a table, such as [send]"),
        }
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&mut self, table: Table<'t>, key: &str) -> Vec<Table<'t>> {
        let Some((value, line)) = self.entry(table, key) else { return Vec::new() };
        let DeValue::Array(items) = value else {
            self.wrong::<()>(line, key, "a list of tables; write it as [[…]]");
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            let line = self.line_at(item.span().start);
            match item.get_ref() {
                DeValue::Table(entries) => tables.push(Table { entries, line }),
                _ => {
                    self.wrong::<()>(line, key, "a list of tables; write it as [[…]]");
                }
            }
        }
        tables
    }

    pub(super) fn string(&mut self, table: Table<'t>, key: &str) -> Option<Text<'t>> {
        let (value, line) = self.entry(table, key)?;
        match value {
            DeValue::String(value) => Some(Text { value: Cow::Borrowed(value.as_ref()), line }),
            DeValue::Datetime(value) => Some(Text { value: Cow::Owned(value.to_string()), line }),
            _ => self.wrong(line, key, "a text in quotes"),
        }
    }

    pub(super) fn strings(&mut self, table: Table<'t>, key: &str) -> Option<Vec<Text<'t>>> {
        let (value, line) = self.entry(table, key)?;
        let DeValue::Array(items) = value else {
            return self.wrong(line, key, "a list of texts, such as [\"a\", \"b\"]");
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            let line = self.line_at(item.span().start);
            match item.get_ref() {
                DeValue::String(value) => {
                    texts.push(Text { value: Cow::Borrowed(value.as_ref()), line });
                }
                DeValue::Datetime(value) => {
                    texts.push(Text { value: Cow::Owned(value.to_string()), line });
                }
                _ => {
                    self.wrong::<()>(line, key, "a list of texts, such as [\"a\", \"b\"]");
                }
            }
        }
        Some(texts)
    }

    pub(super) fn boolean(&mut self, table: Table<'t>, key: &str) -> Option<bool> {
        let (value, line) = self.entry(table, key)?;
        match value {
            DeValue::Boolean(value) => Some(*value),
            _ => self.wrong(line, key, "true or false"),
        }
    }

    /// Yes or no, or a word that says more.
    pub(super) fn boolean_or_text(
        &mut self,
        table: Table<'t>,
        key: &str,
    ) -> Option<Result<bool, Text<'t>>> {
        let (value, line) = self.entry(table, key)?;
        match value {
            DeValue::Boolean(value) => Some(Ok(*value)),
            DeValue::String(value) => Some(Err(Text { value: Cow::Borrowed(value.as_ref()), line })),
            _ => self.wrong(line, key, "true, false, or a text in quotes"),
        }
    }

    /// A whole number of at least one.
    pub(super) fn count(&mut self, table: Table<'t>, key: &str) -> Option<u32> {
        let (value, line) = self.entry(table, key)?;
        let number = match value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            _ => None,
        };
        match number.filter(|number| *number > 0) {
            Some(number) => Some(number),
            None => self.wrong(line, key, "a whole number of at least 1"),
        }
    }

    /// A text that `read` understands; what it does not is a mistake with its reason.
    pub(super) fn parsed<T>(
        &mut self,
        table: Table<'t>,
        key: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.string(table, key)?;
        match read(&text.value) {
            Ok(value) => Some(value),
            Err(why) => {
                self.mistake(text.line, format!("'{key}': {why}"));
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn required(
        &mut self,
        table: Table<'t>,
        place: &str,
        key: &str,
        example: &str,
    ) -> Option<Text<'t>> {
        if self.entry(table, key).is_none() {
            self.mistake(table.line, format!("{place} needs '{key}'; write {key} = \"{example}\""));
        }
        let text = self.string(table, key)?;
        if text.value.trim().is_empty() {
            self.mistake(text.line, format!("'{key}' is empty; write {key} = \"{example}\""));
            return None;
        }
        Some(text)
    }

    pub(super) fn line_of(&self, table: Table<'t>, key: &str) -> usize {
        self.entry(table, key).map_or(table.line, |(_, line)| line)
    }

    pub(super) fn has(&self, table: Table<'t>, key: &str) -> bool {
        self.entry(table, key).is_some()
    }

    fn entry(&self, table: Table<'t>, key: &str) -> Option<(&'t DeValue<'t>, usize)> {
        let (name, value): (&'t Spanned<_>, &'t Spanned<DeValue<'t>>) =
            table.entries.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((value.get_ref(), self.line_at(name.span().start)))
    }

    fn wrong<T>(&mut self, line: usize, key: &str, wanted: &str) -> Option<T> {
        self.mistake(line, format!("'{key}' must be {wanted}"));
        None
    }
}

/// The nearest of several words to one that is none of them.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let slips_max = (word.chars().count() / 3).clamp(1, 3);
    known
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}
