//! `[customers]`: what they are told, by which lists, how often and in which words.
//!
//! Start with [`read_customers`].

use std::path::PathBuf;

use super::defaults;
use super::reading::{Own, read_foreign, read_path};
use super::rules::read_list_names;
use super::source::{Source, Table};
use super::values::{read_positive, read_web_url};
use crate::incident::customers::{Avoid, CustomersPolicy};
use crate::incident::statement::PublicState;
use crate::roster::List;

const KEYS: &[&str] = &[
    "name",
    "notify",
    "reply_to",
    "url",
    "publish",
    "title",
    "investigating",
    "identified",
    "monitoring",
    "resolved",
    "first_within",
    "every",
    "every_for",
    "every_later",
    "shown_for",
    "avoid",
];

/// What holds where nothing is said; `name` is that of the whole service.
fn usual(name: &str) -> CustomersPolicy {
    CustomersPolicy {
        name: name.to_owned(),
        notify: Vec::new(),
        reply_to: None,
        url: None,
        title: defaults::DISRUPTION.to_owned(),
        drafts: defaults::DRAFTS.map(str::to_owned),
        first_within: defaults::FIRST_STATEMENT_WITHIN,
        every: defaults::STATEMENT_EVERY,
        every_for: defaults::STATEMENT_EVERY_FOR,
        every_later: defaults::STATEMENT_EVERY_LATER,
        shown_for: defaults::STATEMENTS_SHOWN_FOR,
        avoid: vec![Avoid { word: "outage".to_owned(), say: Some("service disruption".to_owned()) }],
        first_ladder: defaults::statement_ladder(),
        next_ladder: defaults::next_statement_ladder(),
    }
}

pub(super) fn read_customers<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    lists: &[List],
    own: &Own,
    name: &str,
) -> CustomersPolicy {
    let mut customers = usual(name);
    let Some(table) = source.table(top, "customers") else { return customers };
    source.check_keys(table, "[customers]", KEYS);
    if let Some(name) = source.string(table, "name") {
        customers.name = name.value.into_owned();
    }
    if let Some(names) = read_list_names(source, table, "notify", lists) {
        customers.notify = names;
    }
    customers.reply_to = source.parsed(table, "reply_to", |text| read_foreign(text, Some(own)));
    if !customers.notify.is_empty() && !source.has(table, "reply_to") {
        let line = source.line_of(table, "notify");
        source.mistake(
            line,
            "[customers] needs 'reply_to', because customers will answer and nobody works on an \
             incident in order to read that; write reply_to = \"support@example.org\"",
        );
    }
    customers.url = source.parsed(table, "url", read_web_url);
    if let Some(title) = source.string(table, "title") {
        customers.title = title.value.into_owned();
    }
    for state in PublicState::ALL {
        if let Some(text) = source.string(table, state.name()) {
            customers.drafts[state.index()] = text.value.trim().to_owned();
        }
    }
    for (key, slot) in [
        ("first_within", &mut customers.first_within),
        ("every", &mut customers.every),
        ("every_for", &mut customers.every_for),
        ("every_later", &mut customers.every_later),
        ("shown_for", &mut customers.shown_for),
    ] {
        if let Some(span) = source.parsed(table, key, read_positive) {
            *slot = span;
        }
    }
    customers.avoid.extend(read_avoid(source, table));
    customers
}

fn read_avoid<'t>(source: &mut Source<'t>, customers: Table<'t>) -> Vec<Avoid> {
    let mut avoid = Vec::new();
    for table in source.tables(customers, "avoid") {
        source.check_keys(table, "[[customers.avoid]]", &["word", "say"]);
        let say = source.string(table, "say").map(|say| say.value.into_owned());
        let word = source.required(table, "[[customers.avoid]]", "word", "outage");
        avoid.extend(word.map(|word| Avoid { word: word.value.into_owned(), say }));
    }
    avoid
}

/// The folder of the static page.
pub(super) fn read_publish<'t>(source: &mut Source<'t>, top: Table<'t>) -> Option<PathBuf> {
    let table = source.table(top, "customers")?;
    read_path(source, table, "publish")
}

#[cfg(test)]
mod tests {
    use crate::config::read_config;
    use chrono::TimeDelta;

    const OWN: &str = "address = \"incidents@example.org\"\n";

    #[test]
    fn whoever_is_told_can_answer_somewhere() {
        let text = format!(
            "{OWN}[[list]]\nname = \"customers\"\naddress = \"status@lists.example.org\"\n[customers]\n\
             notify = [\"customers\"]\n"
        );
        let errors = read_config(&text, "t").unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(errors[0].what.contains("needs 'reply_to'") && errors[0].line == 6, "{}", errors[0]);
        let ours = format!("{text}reply_to = \"incidents+1@example.org\"\n");
        assert!(read_config(&ours, "t").unwrap_err()[0].what.contains("Firebell's own address"));
        assert!(read_config(&format!("{text}reply_to = \"support@example.org\"\n"), "t").is_ok());
    }

    #[test]
    fn a_draft_a_clock_and_a_word_can_be_changed_and_the_others_stay() {
        let text = format!(
            "{OWN}[customers]\nidentified = \"We know why.\"\nevery = \"10m\"\n[[customers.avoid]]\n\
             word = \"bluebird\"\n"
        );
        let customers = read_config(&text, "t").unwrap().policy().customers;
        assert_eq!(customers.drafts[1], "We know why.");
        assert!(customers.drafts[0].contains("We are investigating"));
        assert_eq!(customers.every, TimeDelta::minutes(10));
        assert_eq!(customers.every_for, TimeDelta::hours(2));
        let words: Vec<_> = customers.avoid.iter().map(|avoid| avoid.word.as_str()).collect();
        assert_eq!(words, ["outage", "bluebird"]);
    }
}
