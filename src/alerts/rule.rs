//! A rule: by what it knows an alert, and what it reads in one.
//!
//! Every pattern is matched in a time that grows with the text alone, and reads a bounded text, so no
//! alert can keep the server busy. Start with [`Rule::read`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use chrono::TimeDelta;
use regex::{Regex, RegexBuilder};

use super::template::Template;
use super::{Alert, NAME_CHARS_MAX, Signal, TEXT_CHARS_MAX, one_line};
use crate::incident::Severity;
use crate::mail::address::is_same_domain;
use crate::mail::header::read_fields;
use crate::mail::ids::same;
use crate::mail::message::text_of;
use crate::mail::{Address, InboundMail, OwnAddress};

/// A compiled pattern takes this much memory at most; those of our own take a tenth.
const PATTERN_OCTETS_MAX: usize = 1024 * 1024;
/// So much of a text is looked at, in octets: monitoring says what matters at its beginning.
const TEXT_OCTETS_MAX: usize = 64 * 1024;
/// A link is longer than a name.
const LINK_CHARS_MAX: usize = 500;

/// By what alerts are known, and what they become.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    /// Its mails come from one of these; empty where only a secret says so.
    pub senders: Vec<Sender>,
    /// Holds the secret of the address that its mails go to.
    pub token_file: Option<PathBuf>,
    /// That secret, once it was read.
    pub secret: Option<Word>,
    /// All of these match.
    pub patterns: Vec<Pattern>,
    /// Captures of these are taken where they match.
    pub facts: Vec<Pattern>,
    /// One of these matches where the thing has recovered.
    pub recovered: Vec<Pattern>,
    /// One of these matches where nothing fires and nothing recovers.
    pub remarks: Vec<Pattern>,
    pub group: Template,
    pub title: Template,
    pub service: Option<Template>,
    pub link: Option<Template>,
    /// Where the alert states none that is understood.
    pub severity: Option<Severity>,
    /// What is captured as `severity`, in lower case, and what it means.
    pub severities: Vec<(String, Severity)>,
    pub threshold: Threshold,
}

/// Who sends alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    Address(Address),
    /// Every address of a domain, without those of its subdomains.
    Domain(String),
}

impl Sender {
    /// `monitoring@example.org` or `@example.org`.
    pub fn read(text: &str) -> Option<Self> {
        match text.strip_prefix('@') {
            Some(domain) => {
                Address::read(&format!("a@{domain}")).ok().map(|_| Self::Domain(domain.to_lowercase()))
            }
            None => Address::read(text).ok().map(Self::Address),
        }
    }

    /// Whether an address is meant.
    pub fn is(&self, address: &Address) -> bool {
        match self {
            Self::Address(own) => own.key() == address.key(),
            Self::Domain(domain) => is_same_domain(domain, address.domain()),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(address.as_str()),
            Self::Domain(domain) => write!(f, "@{domain}"),
        }
    }
}

/// A secret that is compared and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Word(String);

/// Lengths of a secret in an address: fewer characters are guessed, and what stands before an `@` is
/// short (RFC 5321 section 4.5.3.1.1).
const WORD_CHARS: std::ops::RangeInclusive<usize> = 12..=24;

impl Word {
    /// Lower-case letters and digits, 12 to 24 of them: hosts fold the case of what stands before an `@`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let plain = text.bytes().all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit());
        (plain && WORD_CHARS.contains(&text.len())).then(|| Self(text.to_owned()))
    }

    /// Compares in a time that tells nothing of where they differ.
    pub fn is(&self, given: &str) -> bool {
        same(given, &self.0)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word(***)")
    }
}

/// What a rule does with an alert that no incident has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    AtOnce,
    /// Somebody is asked first, and it is declared when they did not answer for so long.
    Unacknowledged(TimeDelta),
    FileOnly,
}

/// Where a pattern is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Subject,
    /// The text, or what the HTML shows; `^` and `$` are those of a line.
    Body,
    /// A header field, by its name in lower case.
    Header(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject => f.write_str("the subject"),
            Self::Body => f.write_str("the body"),
            Self::Header(name) => write!(f, "the header field {name}"),
        }
    }
}

/// A regular expression and where it is looked for.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub place: Place,
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in one line, for whoever wrote it.
    pub fn read(place: Place, text: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(text).multi_line(true).size_limit(PATTERN_OCTETS_MAX).build();
        match regex {
            Ok(regex) => Ok(Self { place, regex }),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err("it is too large; leave repetitions out".to_owned())
            }
            // The reason stands in the last line, below a drawing of the place.
            Err(error) => {
                let text = error.to_string();
                let why = text.lines().last().unwrap_or_default();
                Err(why.trim_start_matches("error: ").to_owned())
            }
        }
    }

    /// The names of its captures.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.regex.capture_names().flatten()
    }

    fn matches(&self, seen: &Seen) -> bool {
        self.texts(seen).any(|text| self.regex.is_match(text))
    }

    /// Keeps what it captures, unless an earlier pattern captured it.
    fn capture(&self, seen: &Seen, captured: &mut BTreeMap<String, String>) -> bool {
        let Some(found) = self.texts(seen).find_map(|text| self.regex.captures(text)) else {
            return false;
        };
        for name in self.captures() {
            let Some(text) = found.name(name) else { continue };
            let text = one_line(text.as_str(), LINK_CHARS_MAX);
            if !text.is_empty() {
                captured.entry(name.to_owned()).or_insert(text);
            }
        }
        true
    }

    fn texts<'a>(&'a self, seen: &'a Seen) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match &self.place {
            Place::Subject => Box::new(std::iter::once(seen.subject.as_str())),
            Place::Body => Box::new(std::iter::once(seen.body.as_str())),
            Place::Header(name) => {
                let named = seen.fields.iter().filter(move |(field, _)| field == name);
                Box::new(named.map(|(_, value)| value.as_str()))
            }
        }
    }
}

/// What rules look at in a message.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The author and the reverse-path.
    pub from: Vec<Address>,
    /// It came by the API, whose token stands in place of a sender.
    pub by_api: bool,
    pub subject: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Seen {
    /// What rules look at in a stored message. The secrets of `own` addresses stay behind: what is read of
    /// it goes to many.
    pub fn of(
        mail: &InboundMail,
        octets: &[u8],
        reverse_path: Option<&str>,
        by_api: bool,
        own: &OwnAddress,
    ) -> Self {
        let reverse_path = reverse_path.and_then(|path| Address::read(path).ok());
        let fields = read_fields(octets).into_iter();
        let author = mail.from.as_ref().map(|from| from.address.clone());
        Self {
            from: author.into_iter().chain(reverse_path).collect(),
            by_api,
            subject: own.without_tokens(&beginning(&mail.subject)),
            fields: fields.map(|(name, value)| (name, own.without_tokens(&value))).collect(),
            body: own.without_tokens(&beginning(&text_of(octets))),
        }
    }
}

fn beginning(text: &str) -> Cow<'_, str> {
    if text.len() <= TEXT_OCTETS_MAX {
        return Cow::Borrowed(text);
    }
    let mut end = TEXT_OCTETS_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(text.get(..end).unwrap_or_default().to_owned())
}

/// Why a rule does not match.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    #[error("it comes from none of {0}")]
    Sender(String),
    #[error("{0} does not match {1}")]
    Pattern(Place, String),
}

impl Rule {
    /// The alert that a message is, where this rule knows it.
    ///
    /// # Errors
    ///
    /// The first thing that does not match.
    pub fn read(&self, seen: &Seen) -> Result<Alert, Mismatch> {
        let is_sender =
            || self.senders.iter().any(|sender| seen.from.iter().any(|from| sender.is(from)));
        if !seen.by_api && !self.senders.is_empty() && !is_sender() {
            let senders: Vec<String> = self.senders.iter().map(ToString::to_string).collect();
            return Err(Mismatch::Sender(senders.join(", ")));
        }
        let mut captured = BTreeMap::new();
        for pattern in &self.patterns {
            if !pattern.capture(seen, &mut captured) {
                return Err(Mismatch::Pattern(pattern.place.clone(), pattern.regex.to_string()));
            }
        }
        for fact in &self.facts {
            fact.capture(seen, &mut captured);
        }
        let signal = if self.recovered.iter().any(|pattern| pattern.matches(seen)) {
            Signal::Recovered
        } else if self.remarks.iter().any(|pattern| pattern.matches(seen)) {
            Signal::Remark
        } else {
            Signal::Firing
        };
        let title = self.title.fill(&captured, NAME_CHARS_MAX);
        let title = if title.is_empty() { one_line(&seen.subject, NAME_CHARS_MAX) } else { title };
        let title = if title.is_empty() { self.name.clone() } else { title };
        let group = self.group.fill(&captured, NAME_CHARS_MAX);
        let filled = |template: &Option<Template>, chars| {
            template
                .as_ref()
                .map(|template| template.fill(&captured, chars))
                .filter(|text| !text.is_empty())
        };
        Ok(Alert {
            rule: self.name.clone(),
            group: if group.is_empty() { title.clone() } else { group },
            thing: captured
                .get("thing")
                .map_or_else(|| title.clone(), |thing| one_line(thing, NAME_CHARS_MAX)),
            title,
            signal,
            severity: captured.get("severity").and_then(|word| self.means(word)).or(self.severity),
            service: filled(&self.service, NAME_CHARS_MAX),
            link: filled(&self.link, LINK_CHARS_MAX),
            text: seen.body.trim().chars().take(TEXT_CHARS_MAX).collect(),
        })
    }

    /// What a word of the alert means as a severity.
    fn means(&self, word: &str) -> Option<Severity> {
        let word = word.to_lowercase();
        let named =
            self.severities.iter().find(|(name, _)| *name == word).map(|(_, severity)| *severity);
        named.or_else(|| Severity::read(&word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_none_is_refused_in_one_line() {
        for wrong in ["(", "[a", "(?P<x>a)(?P<x>b)", "a{1000}{1000}"] {
            let why = Pattern::read(Place::Subject, wrong).unwrap_err();
            assert!(!why.is_empty() && !why.contains('\n'), "{wrong}: {why}");
        }
    }

    #[test]
    fn a_secret_is_what_survives_in_an_address_and_is_never_shown() {
        let word = Word::read("abcdef012345\n").unwrap();
        assert!(word.is("ABCDEF012345") && !word.is("abcdef012346") && !word.is(""));
        assert!(!format!("{word:?}").contains("abc"));
        for wrong in ["", "short", "ABCDEF012345", "abcdef 012345", "abcdef.012345", &"a".repeat(25)] {
            assert_eq!(Word::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_sender_is_an_address_or_a_domain() {
        let is = |sender: &str, address: &str| {
            Sender::read(sender).unwrap().is(&Address::read(address).unwrap())
        };
        assert!(is("mon@example.org", "Mon@Example.org") && is("@example.org", "mon@EXAMPLE.org"));
        assert!(!is("@example.org", "mon@sub.example.org") && !is("mon@example.org", "a@example.org"));
        assert!(Sender::read("mon").is_none() && Sender::read("@").is_none());
    }
}
