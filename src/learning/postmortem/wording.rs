//! Wording that blames, stops at a person, or promises nothing, and what to write instead.
//!
//! Never judges what happened and never keeps anything from being published. What a section is for
//! is read from its heading, because sections are configured. Start with [`wording`].

use crate::incident::decision::Wording;
use crate::incident::state::Postmortem;

/// More suggestions than anybody takes in.
const WORDINGS_MAX: usize = 20;

/// Longer passages are cut; the writer finds the place.
const PASSAGE_CHARS_MAX: usize = 200;

/// A line at least so long was wrapped by the writer's mail client (RFC 3676 section 4.2 wraps at 78
/// and most at 72), so that the next line goes on with it.
const WRAPPED_CHARS: usize = 60;

/// Passages that blame a person or stop at "human error", each with a better wording, and actions
/// that nobody could begin with. `names` are those of the people who took part.
///
/// In a section of causes any of these names is a cause too many; elsewhere a name counts only
/// beside a word of blame, because "Bob restarted the database" is what happened.
pub fn wording(postmortem: &Postmortem, names: &[String]) -> Vec<Wording> {
    let names: Vec<Name> = names.iter().flat_map(|name| Name::spellings(name)).collect();
    let mut found = Vec::new();
    for (heading, text) in &postmortem.sections {
        let subject = Subject::of(heading);
        for passage in passages(text, subject) {
            let suggestion = match subject {
                Subject::Actions => suggest_action(&passage, &names),
                Subject::Causes | Subject::Story => suggest(&passage, subject, &names),
            };
            let Some(suggestion) = suggestion else { continue };
            if found.len() == WORDINGS_MAX {
                return found;
            }
            let passage = passage.chars().take(PASSAGE_CHARS_MAX).collect();
            found.push(Wording { heading: heading.clone(), passage, suggestion });
        }
    }
    found
}

/// What a section is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Causes,
    Actions,
    Story,
}

impl Subject {
    fn of(heading: &str) -> Self {
        let words = Words::of(heading);
        if words.has_any(&["cause", "causes", "factor", "factors", "why", "reason", "reasons"]) {
            Self::Causes
        } else if words.has_any(&["action", "actions", "prevention", "prevent"]) {
            Self::Actions
        } else {
            Self::Story
        }
    }
}

/// Lower-case words with one space round each, so that only whole words are found.
struct Words(String);

impl Words {
    fn of(text: &str) -> Self {
        let lower = text.to_lowercase().replace('\u{2019}', "'");
        let words: Vec<&str> = lower
            .split(|c: char| !(c.is_alphanumeric() || c == '\''))
            .map(|word| word.strip_suffix("'s").unwrap_or(word).trim_matches('\''))
            .filter(|word| !word.is_empty())
            .collect();
        Self(format!(" {} ", words.join(" ")))
    }

    fn has(&self, phrase: &str) -> bool {
        self.0.contains(&format!(" {phrase} "))
    }

    fn has_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.has(phrase))
    }

    fn first(&self) -> &str {
        self.0.split(' ').find(|word| !word.is_empty()).unwrap_or_default()
    }
}

/// A spelling of somebody's name.
struct Name {
    words: String,
    /// The same with a capital, for a first name that is a word as well.
    capital: Option<String>,
}

/// First names that are words of English: they count only with a capital inside a sentence.
const NAMES_THAT_ARE_WORDS: [&str; 23] = [
    "april", "art", "august", "bill", "chase", "dean", "drew", "faith", "frank", "grace", "hope",
    "jack", "joy", "june", "mark", "max", "may", "pat", "rob", "rose", "sky", "sue", "will",
];

impl Name {
    /// The full name, and the first name where it is long enough not to be a word by chance.
    fn spellings(name: &str) -> Vec<Self> {
        let full = Words::of(name).0.trim().to_owned();
        let first = full.split(' ').next().unwrap_or_default().to_owned();
        let mut spellings = Vec::new();
        if first.chars().count() >= 3 {
            let typed = name.split_whitespace().next().unwrap_or_default().to_owned();
            let capital = NAMES_THAT_ARE_WORDS.contains(&first.as_str()).then_some(typed);
            spellings.push(Self { words: first.clone(), capital });
        }
        if full != first && !full.is_empty() {
            spellings.push(Self { words: full, capital: None });
        }
        spellings
    }

    fn is_in(&self, words: &Words, typed: &str) -> bool {
        let is_capital = |capital: &String| {
            typed
                .split_whitespace()
                .skip(1)
                .any(|word| word.trim_matches(|c: char| !c.is_alphanumeric()) == capital)
        };
        words.has(&self.words) && self.capital.as_ref().is_none_or(is_capital)
    }
}

const ERROR_WORDS: [&str; 6] =
    ["human error", "operator error", "user error", "human mistake", "human failure", "pilot error"];

const HINDSIGHT_WORDS: [&str; 9] = [
    "should have",
    "should've",
    "shouldn't have",
    "should not have",
    "could have",
    "could've",
    "couldn't have",
    "could not have",
    "ought to have",
];

const BLAME_WORDS: [&str; 19] = [
    "caused by",
    "because of",
    "due to",
    "fault",
    "blame",
    "blamed",
    "mistake",
    "mistakenly",
    "error",
    "forgot",
    "failed to",
    "neglected",
    "careless",
    "carelessly",
    "negligent",
    "ignored",
    "broke",
    "wrongly",
    "accidentally",
];

fn suggest(sentence: &str, subject: Subject, names: &[Name]) -> Option<String> {
    let words = Words::of(sentence);
    let is_named = names.iter().any(|name| name.is_in(&words, sentence));
    let suggestion = if words.has_any(&ERROR_WORDS) {
        "\"Human error\" ends the question where it begins: write what made the step easy to get wrong, \
         and what let it through."
    } else if words.has_any(&HINDSIGHT_WORDS) && (is_named || subject == Subject::Causes) {
        "\"Should have\" is hindsight: write what was known then, what seemed right, and what would have \
         made the better step the obvious one."
    } else if is_named && (subject == Subject::Causes || words.has_any(&BLAME_WORDS)) {
        "A person stands here as a cause: write the role, and the conditions under which anybody would \
         have done the same."
    } else {
        return None;
    };
    Some(suggestion.to_owned())
}

/// Words that open a wish or a description, not an action.
const NOT_VERBS: [&str; 45] = [
    "the",
    "a",
    "an",
    "we",
    "i",
    "it",
    "he",
    "she",
    "they",
    "you",
    "our",
    "my",
    "their",
    "there",
    "this",
    "that",
    "these",
    "those",
    "someone",
    "somebody",
    "everyone",
    "everybody",
    "nobody",
    "all",
    "more",
    "fewer",
    "less",
    "better",
    "new",
    "no",
    "not",
    "should",
    "must",
    "could",
    "would",
    "need",
    "needs",
    "maybe",
    "perhaps",
    "possibly",
    "in",
    "when",
    "if",
    "because",
    "to",
];

/// Verbs that end as the nouns made from verbs do.
const VERBS_IN_ING: [&str; 3] = ["bring", "ping", "ring"];

fn suggest_action(action: &str, names: &[Name]) -> Option<String> {
    let (owner, what) = split_owner(action);
    let words = Words::of(what);
    let first = words.first();
    let is_verb = !NOT_VERBS.contains(&first)
        && (!first.ends_with("ing") || VERBS_IN_ING.contains(&first))
        && !names.iter().any(|name| name.words.split(' ').next() == Some(first));
    let suggestion = match (is_verb, owner.is_some() || names_owner(what, &words, names)) {
        (true, true) => return None,
        (false, true) => "Begin with a verb, so that everybody can tell when it is done: \"Add …\".",
        (true, false) => "Say who does it: one person or one team, such as \"(Dana)\" at its end.",
        (false, false) => {
            "Begin with a verb and say who does it, such as \"Add an alert on disk space (Dana)\"."
        }
    };
    Some(suggestion.to_owned())
}

/// `Dana Reyes: add an alert`: who, and what.
fn split_owner(action: &str) -> (Option<&str>, &str) {
    match action.split_once(':') {
        Some((who, what)) if is_name_like(who) && !what.trim().is_empty() => (Some(who), what),
        _ => (None, action),
    }
}

/// Anybody may own an action, also who took no part and whose name is not known here: so what looks
/// like an owner is taken for one.
fn names_owner(action: &str, words: &Words, names: &[Name]) -> bool {
    let bracketed = action
        .split('(')
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .any(|(inner, _)| is_name_like(inner) || inner.contains('@'));
    // `add an alert - Dana`, `add an alert, Dana Reyes`, `add an alert by Dana`.
    let tail = action.trim_end_matches(['.', ' ']);
    let closing = [" - ", " \u{2013} ", " \u{2014} ", ", ", "; ", ": ", " by "]
        .iter()
        .filter_map(|mark| tail.rsplit_once(mark))
        .any(|(_, who)| is_name_like(who));
    bracketed
        || closing
        || action.contains('@')
        || words.has_any(&["owner", "owned by", "assignee", "assigned to", "responsible", "team"])
        || names.iter().any(|name| name.is_in(words, action))
}

/// One to three words, each with a capital.
fn is_name_like(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    (1..=3).contains(&words.len())
        && words.iter().all(|word| {
            word.starts_with(char::is_uppercase)
                && word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '\u{2019}' | '-' | '.'))
        })
}

/// Sentences, or for actions one passage an action, with the line breaks of mail clients undone.
fn passages(text: &str, subject: Subject) -> Vec<String> {
    let blocks = blocks(text, subject == Subject::Actions);
    if subject == Subject::Actions {
        return blocks;
    }
    blocks.iter().flat_map(|block| sentences(block)).map(str::to_owned).collect()
}

/// Paragraphs and list items. With `lines_count` a short line is a block of its own.
fn blocks(text: &str, lines_count: bool) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut goes_on = false;
    let mut is_list = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() {
            goes_on = false;
            continue;
        }
        let item = without_bullet(bare);
        is_list |= item.is_some();
        match blocks.last_mut().filter(|_| goes_on && item.is_none()) {
            Some(block) => {
                block.push(' ');
                block.push_str(bare);
            }
            None => blocks.push(item.unwrap_or(bare).to_owned()),
        }
        goes_on = !lines_count || is_list || bare.chars().count() >= WRAPPED_CHARS;
    }
    blocks.retain(|block| block.chars().any(char::is_alphanumeric));
    blocks
}

/// What stands behind `-`, `*`, `•`, `1.` or `2)`.
fn without_bullet(line: &str) -> Option<&str> {
    let unnumbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = if unnumbered.len() < line.len() {
        unnumbered.strip_prefix(['.', ')'])?
    } else {
        line.strip_prefix(['-', '*', '+', '\u{2022}', '\u{2013}', '\u{b7}'])?
    };
    rest.starts_with(char::is_whitespace).then(|| rest.trim_start())
}

/// The sentences of a paragraph; the point of `2.3` ends none.
fn sentences(block: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, c) in block.char_indices().filter(|(_, c)| matches!(c, '.' | '!' | '?')) {
        let end = at + c.len_utf8();
        if block[end..].chars().next().is_none_or(char::is_whitespace) {
            found.push(block[start..end].trim());
            start = end;
        }
    }
    found.push(block[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::postmortem;
    use super::*;

    fn suggested(heading: &str, text: &str) -> Vec<Wording> {
        let names = ["Bob Okafor".to_owned(), "Will Stone".to_owned()];
        wording(&postmortem(&[(heading, text)]), &names)
    }

    #[test]
    fn a_person_or_hindsight_is_no_cause() {
        for (text, is_suggested) in [
            ("The cause was human error.", true),
            ("Human\nerror.", true),
            ("Operator error.", true),
            ("We should have checked.", true),
            ("It could have been seen.", true),
            ("Bob\u{2019}s deploy cut the pool.", true),
            ("The outage was caused by bob okafor.", true),
            ("The release that Will made.", true),
            ("An alert will come too late.", false),
            ("The disk was full because of a missing alert.", false),
            ("The bobbin failed to turn.", false),
            ("", false),
        ] {
            let found = suggested("Contributing factors", text);
            assert_eq!(!found.is_empty(), is_suggested, "{text}: {found:?}");
        }
    }

    #[test]
    fn what_people_did_is_told_with_their_names_and_without_blame() {
        for (text, is_suggested) in [
            ("Bob restarted the database.", false),
            ("The error rate rose. Bob saw it.", false),
            ("Payments could have been lost.", false),
            ("Bob forgot the flag.", true),
            ("Bob should have known.", true),
            ("It was Bob's fault.", true),
            ("It was user error.", true),
        ] {
            let found = suggested("What happened", text);
            assert_eq!(!found.is_empty(), is_suggested, "{text}: {found:?}");
        }
    }

    #[test]
    fn an_action_begins_with_a_verb_and_has_an_owner() {
        for (text, said) in [
            ("Add an alert on disk space (Bob)", ""),
            ("- Add an alert, Erin Park.", ""),
            ("1. Dana: write a runbook", ""),
            ("* Alert before the disk is full. Owner: storage", ""),
            ("Test the rollback with the platform team", ""),
            ("Bring the replica back - bob", ""),
            ("Add an alert on disk space", "Say who"),
            ("Better monitoring (Bob)", "Begin with a verb, so"),
            ("Monitoring of the replica (Bob)", "Begin with a verb, so"),
            ("Bob will look into it", "Begin with a verb, so"),
            ("We need more alerts", "Begin with a verb and"),
        ] {
            let found = suggested("Actions", text);
            let suggestion = found.first().map_or("", |found| &found.suggestion);
            assert_eq!(suggestion.is_empty(), said.is_empty(), "{text}: {found:?}");
            assert!(suggestion.starts_with(said), "{text}: {suggestion}");
        }
    }

    #[test]
    fn each_action_is_looked_at_whole_and_alone() {
        let wrapped = "- Add an alert on the replica's disk space that rings before\n  it is full (Bob)\n\
                       - Write a runbook\n\nDelete old logs (Bob)";
        let found = suggested("Action items", wrapped);
        assert_eq!(
            found.iter().map(|found| found.passage.as_str()).collect::<Vec<_>>(),
            ["Write a runbook"]
        );
        let lines = "Add an alert (Bob)\nWrite a runbook\nDelete old logs (Bob)";
        assert_eq!(suggested("Prevention", lines).len(), 1);
    }

    #[test]
    fn the_passage_is_the_sentence_and_not_its_paragraph() {
        let found =
            suggested("Root cause", "Version 2.3 cut the pool. It was human\nerror. Nothing rang.");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].passage, "It was human error.");
        assert_eq!(found[0].heading, "Root cause");
    }

    #[test]
    fn suggestions_end() {
        let text = "Human error. ".repeat(10_000);
        let found = wording(&postmortem(&[("What happened", &text)]), &[String::new(), "?".into()]);
        assert_eq!(found.len(), WORDINGS_MAX);
    }
}
