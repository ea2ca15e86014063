//! Texts with the captures of a rule in them, such as `{host}: {problem}`.
//!
//! Start with [`Template::read`].

use std::collections::BTreeMap;

use super::one_line;

/// A text with names in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Capture(String),
}

impl Template {
    /// Reads a template; `None` where a brace has no other half.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}')?;
            if before.contains('}') || name.contains('{') {
                return None;
            }
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Capture(name.to_owned()));
            rest = behind;
        }
        if rest.contains('}') {
            return None;
        }
        parts.push(Part::Text(rest.to_owned()));
        Some(Self { parts })
    }

    /// The captures that it names.
    pub fn captures(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Capture(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text on one line of at most `chars`. What was not captured is left out.
    pub fn fill(&self, captured: &BTreeMap<String, String>, chars: usize) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Capture(name) => captured.get(name).map_or("", String::as_str),
        });
        one_line(&parts.collect::<String>(), chars)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_with_what_was_captured() {
        let captured = BTreeMap::from([("host".to_owned(), "db1".to_owned())]);
        let filled = |text: &str| Template::read(text).map(|read| read.fill(&captured, 20));
        assert_eq!(filled("{host}: {what} down").as_deref(), Some("db1: down"));
        assert_eq!(filled("plain\n text").as_deref(), Some("plain text"));
        assert_eq!(
            filled("{host}{host}{host}{host}{host}{host}{host}").map(|text| text.len()),
            Some(20)
        );
        for wrong in ["{host", "host}", "{a{b}}", "}{"] {
            assert_eq!(filled(wrong), None, "{wrong}");
        }
    }
}
