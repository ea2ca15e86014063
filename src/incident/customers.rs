//! The rules of what customers are told, and the look at its words before they are.
//!
//! A hint is advice: nothing is refused for it. Start with [`hints`].

use chrono::{DateTime, TimeDelta, Utc};

use super::policy::{Ladder, Policy};
use super::state::Incident;
use super::statement::{PublicState, Statements};
use crate::mail::Address;
use crate::roster::period::read_clock;
use crate::roster::zone::Zone;

/// More advice than this nobody reads.
const HINTS_MAX: usize = 10;

/// How customers are spoken to.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomersPolicy {
    /// The organisation, as its customers know it.
    pub name: String,
    /// Names of the lists that get each statement.
    pub notify: Vec<String>,
    /// Where their answers go; there whenever anybody is notified.
    pub reply_to: Option<Address>,
    /// Where the public page is.
    pub url: Option<String>,
    /// What a disruption is called in public where nobody said.
    pub title: String,
    /// A draft for each state, by [`PublicState::index`].
    pub drafts: [String; 4],
    /// From the question to the first statement.
    pub first_within: TimeDelta,
    /// From one to the next, for `every_for` after the first.
    pub every: TimeDelta,
    pub every_for: TimeDelta,
    /// From one to the next after that, where it announces none.
    pub every_later: TimeDelta,
    /// How long the page shows what is over.
    pub shown_for: TimeDelta,
    /// Words that customers should not read.
    pub avoid: Vec<Avoid>,
    /// Chases the first statement, and the one that says that it is over.
    pub first_ladder: Ladder,
    /// Chases the next, which customers were promised.
    pub next_ladder: Ladder,
}

/// A word that customers should not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avoid {
    pub word: String,
    /// What to write instead; `None` is nothing.
    pub say: Option<String>,
}

impl CustomersPolicy {
    /// How long customers wait for the next statement after one at `at`, where none is announced.
    pub fn every(&self, statements: &Statements, at: DateTime<Utc>) -> TimeDelta {
        if self.is_frequent(statements, at) { self.every } else { self.every_later }
    }

    /// Whether a statement at `at` is among the first ones, when customers hear often.
    pub fn is_frequent(&self, statements: &Statements, at: DateTime<Utc>) -> bool {
        statements.published.first().is_none_or(|first| at < first.at + self.every_for)
    }

    /// The prepared text for a state.
    pub fn draft(&self, state: PublicState) -> &str {
        &self.drafts[state.index()]
    }
}

/// What its author and the commander should look at before customers read it. They are told to hear
/// again by `next_at`, where that is known.
pub fn hints(
    text: &str,
    next_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    incident: &Incident,
    policy: &Policy,
) -> Vec<String> {
    let words = words_of(text);
    let mut hints: Vec<String> = policy
        .customers
        .avoid
        .iter()
        .filter(|avoid| has_phrase(&words, &avoid.word))
        .map(|avoid| match &avoid.say {
            Some(say) => format!("Say \"{say}\" rather than \"{}\"", avoid.word),
            None => format!("\"{}\" is no word for customers; leave it out", avoid.word),
        })
        .collect();
    if let Some(sentence) = sentences(text).into_iter().find(|sentence| is_estimate(sentence)) {
        let shown: String = sentence.chars().take(60).collect();
        hints.push(format!(
            "Promise no time for the repair (\"{}\"); when you speak next is the only one to give",
            shown.trim()
        ));
    }
    let zone = &policy.calendar.zone;
    let ahead = times_ahead(text, now, zone);
    if let Some((named, next_at)) =
        next_at.and_then(|next| Some((ahead.iter().find(|at| **at != next)?, next)))
    {
        let (named, next) = (zone.format_clock(*named), zone.format_clock(next_at));
        hints.push(format!(
            "It names {named}, and below it customers read that they hear again by {next}; leave the \
             time out, or announce another in a line above the statement, such as `Next statement: 15m`"
        ));
    }
    let people = named_people(text, &words, policy);
    if !people.is_empty() {
        hints.push(format!("Name nobody who works on it: {}", people.join(", ")));
    }
    let names: Vec<String> = text.split_whitespace().filter_map(|word| internal(word, policy)).collect();
    if !names.is_empty() {
        hints.push(format!("These look like internal names: {}", once(names).join(", ")));
    }
    let place = &incident.coordination;
    let places = [&place.bridge, &place.chat, &place.doc, &policy.bridge, &policy.chat];
    if places.into_iter().flatten().any(|place| text.contains(place.as_str())) {
        hints.push("It says where the team coordinates, which is for the team alone".to_owned());
    }
    hints.truncate(HINTS_MAX);
    hints
}

/// A clock time farther ahead than this speaks of what was.
const AHEAD_MAX: TimeDelta = TimeDelta::hours(3);

/// The clock times of a text that lie ahead: whoever reads them takes them for a promise.
pub fn times_ahead(text: &str, now: DateTime<Utc>, zone: &Zone) -> Vec<DateTime<Utc>> {
    let today = zone.local(now).date();
    let here = zone.abbreviation(now);
    // `14:30 UTC` is another time where the clocks say something else.
    let is_elsewhere = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        bare.len() > 2 && bare.chars().all(|c| c.is_ascii_uppercase()) && bare != here
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut ahead: Vec<DateTime<Utc>> = words
        .iter()
        .zip(words.iter().skip(1).chain(&[""]))
        .filter(|(_, behind)| !is_elsewhere(behind))
        .filter_map(|(word, _)| read_clock(word.trim_matches(|c: char| !c.is_ascii_digit())))
        .flat_map(|time| [Some(today), today.succ_opt()].map(|day| Some(day?.and_time(time))))
        .flatten()
        .map(|local| zone.instant(local))
        .filter(|at| *at > now && *at <= now + AHEAD_MAX)
        .collect();
    ahead.sort_unstable();
    ahead.dedup();
    ahead
}

/// The words of a text in lower case, without what stands around them.
fn words_of(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '-' || c == '\''))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether the words of a phrase stand there one after the other; a plural counts.
fn has_phrase(words: &[String], phrase: &str) -> bool {
    let phrase = words_of(phrase);
    let Some((last, before)) = phrase.split_last() else { return false };
    words.windows(phrase.len()).any(|found| {
        let is_last = |word: &String| word == last || word.strip_suffix('s') == Some(last);
        found.last().is_some_and(is_last) && found.iter().zip(before).all(|(word, own)| word == own)
    })
}

fn sentences(text: &str) -> Vec<&str> {
    // A point within a number or a name ends no sentence.
    text.split_inclusive(['\n', '!', '?'])
        .flat_map(|part| part.split(". "))
        .map(str::trim)
        .filter(|sentence| !sentence.is_empty())
        .collect()
}

/// Words that say how long something takes.
const SPANS: [&str; 10] =
    ["second", "seconds", "minute", "minutes", "min", "hour", "hours", "day", "days", "eta"];
/// Words that say that it will not take long.
const SOONS: [&str; 5] = ["soon", "shortly", "tonight", "tomorrow", "momentarily"];
/// What customers wait for.
const REPAIRS: [&str; 22] = [
    "fix",
    "fixed",
    "resolve",
    "resolved",
    "resolution",
    "restore",
    "restored",
    "recover",
    "recovered",
    "recovery",
    "repair",
    "repaired",
    "back",
    "normal",
    "work",
    "works",
    "working",
    "available",
    "done",
    "over",
    "eta",
    "solved",
];
/// Words of a sentence that speaks of the next statement, or of what was.
const ABOUT_US: [&str; 12] = [
    "update",
    "updates",
    "statement",
    "say",
    "post",
    "inform",
    "write",
    "tell",
    "was",
    "were",
    "ago",
    "lasted",
];

fn is_estimate(sentence: &str) -> bool {
    let words = words_of(sentence);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let clock = sentence
        .split_whitespace()
        .any(|word| read_clock(word.trim_matches(|c: char| !c.is_ascii_digit())).is_some());
    (clock || has(&SPANS) || has(&SOONS)) && has(&REPAIRS) && !has(&ABOUT_US)
}

/// People of the roster whom a text names: by their whole name, or by a part of it that is no word at the
/// beginning of a sentence.
fn named_people(text: &str, words: &[String], policy: &Policy) -> Vec<String> {
    let begins: Vec<&str> = sentences(text).iter().filter_map(|sentence| first_word(sentence)).collect();
    let typed: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_named = |name: &str| {
        let part =
            |part: &str| part.chars().count() > 2 && typed.contains(&part) && !begins.contains(&part);
        (name.contains(' ') && has_phrase(words, name)) || name.split_whitespace().any(part)
    };
    let named = policy.roster.people.iter().filter(|member| is_named(&member.name));
    named.map(|member| member.name.clone()).collect()
}

fn first_word(sentence: &str) -> Option<&str> {
    sentence.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty())
}

/// Ends of names that only mean something inside.
const INTERNAL_ENDS: [&str; 7] =
    [".internal", ".local", ".lan", ".corp", ".prod", ".intra", ".localdomain"];
/// Words with a figure at their end that everybody knows.
const PUBLIC_WORDS: [&str; 10] =
    ["ipv4", "ipv6", "http2", "http3", "oauth2", "mp3", "mp4", "utf8", "sha256", "web3"];

/// A word that is a name of ours: an incident's key, a severity, an address of a colleague, a host.
fn internal(word: &str, policy: &Policy) -> Option<String> {
    let word = word.trim_matches(|c: char| !(c.is_alphanumeric() || c == '#'));
    let lower = word.to_lowercase();
    let numbered = |prefix: &str| {
        lower.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let is_key = numbered("inc-") || numbered("sev-") || numbered("sev");
    let is_ours = Address::read(word).is_ok_and(|address| {
        policy.roster.knows(&address) && policy.customers.reply_to.as_ref() != Some(&address)
    });
    let host = lower.split_once("://").map_or(lower.as_str(), |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or_default();
    let is_numbers = !host.is_empty() && host.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_address = is_numbers && host.split('.').count() == 4;
    let is_inside = INTERNAL_ENDS.iter().any(|end| host.ends_with(end));
    (is_key || is_ours || is_address || is_inside || is_host_name(&lower, word)).then(|| word.to_owned())
}

/// `db-3`, `web01`: lower-case letters and a number of a few figures.
fn is_host_name(lower: &str, typed: &str) -> bool {
    let stem = lower.trim_end_matches(|c: char| c.is_ascii_digit());
    let figures = lower.len() - stem.len();
    let bare = stem.trim_end_matches('-');
    lower == typed
        && (1..=3).contains(&figures)
        && bare.chars().count() > 1
        && bare.chars().all(|c| c.is_ascii_alphabetic() || c == '-')
        && !PUBLIC_WORDS.contains(&lower)
}

fn once(names: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for name in names {
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_for_the_repair_is_an_estimate_and_a_time_for_the_next_statement_is_none() {
        for text in [
            "It will be fixed in 20 minutes.",
            "We expect payments to work again by 15:00.",
            "Service should be back shortly.",
            "ETA is one hour until it is resolved.",
        ] {
            assert!(sentences(text).into_iter().any(is_estimate), "{text}");
        }
        for text in [
            "We will post an update in 20 minutes.",
            "Our next statement comes by 15:00, when we hope to be further.",
            "Payments have failed since 14:05.",
            "It was fixed after two hours.",
            "We are working on it.",
        ] {
            assert!(!sentences(text).into_iter().any(is_estimate), "{text}");
        }
    }

    #[test]
    fn a_time_ahead_is_a_promise_and_one_that_was_is_none() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let now = "2026-11-18T01:20:00Z".parse().unwrap();
        let clocks = |text: &str| -> Vec<String> {
            times_ahead(text, now, &zone).iter().map(|at| zone.format_clock(*at)).collect()
        };
        assert_eq!(clocks("Payments fail since 01:40. We write again by 02:40."), ["02:40 CET"]);
        assert_eq!(clocks("Wieder um 02:40 Uhr, spätestens (03:00)."), ["02:40 CET", "03:00 CET"]);
        assert_eq!(clocks("Until 02:40 CET, and no later than 02:40."), ["02:40 CET"]);
        assert!(clocks("We write again by 02:40 UTC, or 18:00, or in 20 minutes.").is_empty());
    }

    #[test]
    fn a_phrase_is_found_in_any_case_and_as_a_plural() {
        let words = words_of("The Outages of today: a data loss.");
        assert!(has_phrase(&words, "outage") && has_phrase(&words, "data loss"));
        assert!(!has_phrase(&words, "age") && !has_phrase(&words, "loss data"));
    }

    #[test]
    fn a_host_has_letters_and_then_figures() {
        for name in ["db-3", "web01", "pg-replica-2"] {
            assert!(is_host_name(name, name), "{name}");
        }
        for name in ["2", "ipv6", "payments", "x2", "2026", "covid-2019", "A380"] {
            assert!(!is_host_name(&name.to_lowercase(), name), "{name}");
        }
    }
}
