//! The postmortem's sections: which there are, what is missing, and wording that blames.
//!
//! Suggests and never refuses: a person decides what is published. Start with
//! [`missing_sections`] and [`wording`].

use crate::incident::decision::Wording;
use crate::incident::state::Postmortem;

/// A section of the postmortem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `What happened`.
    pub heading: String,
    /// Other spellings that a reply may use.
    pub aliases: Vec<String>,
    /// Asked for in the skeleton, in one line.
    pub asks: String,
    pub required: bool,
}

/// Heading, other spellings, what it asks, whether it must be there. The minimum is what happened,
/// why, and how it is kept from happening again. No spelling is a word that people put before a
/// colon in an ordinary reply.
const DEFAULT_SECTIONS: [(&str, &[&str], &str, bool); 9] = [
    ("Overview", &["In short", "tl;dr"], "The incident in three sentences.", false),
    ("What happened", &[], "In order, with times, as it looked to the people in it.", true),
    (
        "Contributing factors",
        &["Contributing factor", "Root cause", "Root causes"],
        "What made it possible, and what made it last: systems and conditions, not people.",
        true,
    ),
    ("Impact", &["Customer impact"], "Who was harmed, how, how many, for how long.", false),
    ("Resolution", &["What fixed it"], "What ended the harm, and how we know.", false),
    ("What went well", &["Went well"], "What helped and should stay as it is.", false),
    ("What went badly", &["Went badly", "What went wrong"], "What cost time or made it worse.", false),
    (
        "Actions",
        &["Action items", "Prevention"],
        "What will be done so that it does not happen again; begin with a verb, name an owner.",
        true,
    ),
    ("External message", &[], "What customers are told, if anything.", false),
];

/// The sections of an organisation that configured none.
pub fn default_sections() -> Vec<Section> {
    DEFAULT_SECTIONS
        .iter()
        .map(|(heading, aliases, asks, required)| Section {
            heading: (*heading).to_owned(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            asks: (*asks).to_owned(),
            required: *required,
        })
        .collect()
}

/// Headings of required sections that nobody has written yet, in the policy's order.
pub fn missing_sections(postmortem: &Postmortem, sections: &[Section]) -> Vec<String> {
    let is_written = |section: &&Section| {
        postmortem.sections.get(&section.heading).is_some_and(|text| !text.trim().is_empty())
    };
    sections
        .iter()
        .filter(|section| section.required && !is_written(section))
        .map(|section| section.heading.clone())
        .collect()
}

/// More suggestions than anybody takes in.
const WORDINGS_MAX: usize = 20;

/// Longer passages are cut; the writer finds the place.
const PASSAGE_CHARS_MAX: usize = 200;

/// Passages that blame a person or stop at "human error", each with a better wording.
/// `names` are those of the people who took part.
///
/// A person's name counts as blame only beside a word that makes them a cause: "Bob restarted the
/// database" is what happened.
pub fn wording(postmortem: &Postmortem, names: &[String]) -> Vec<Wording> {
    let names: Vec<String> = names.iter().flat_map(|name| spellings(name)).collect();
    let mut found = Vec::new();
    for (heading, text) in &postmortem.sections {
        for sentence in text.split_inclusive(['.', '!', '?', '\n']) {
            let Some(suggestion) = suggest(sentence, &names) else { continue };
            if found.len() == WORDINGS_MAX {
                return found;
            }
            let passage = sentence.trim().chars().take(PASSAGE_CHARS_MAX).collect();
            found.push(Wording { heading: heading.clone(), passage, suggestion });
        }
    }
    found
}

/// The full name, and the first name where it is long enough not to be a word by chance.
fn spellings(name: &str) -> Vec<String> {
    let name = name.trim().to_lowercase();
    let first = name.split_whitespace().next().unwrap_or_default().to_owned();
    let mut spellings = vec![name];
    if first.chars().count() >= 3 && !spellings.contains(&first) {
        spellings.push(first);
    }
    spellings.retain(|spelling| !spelling.is_empty());
    spellings
}

const ERROR_WORDS: [&str; 6] =
    ["human error", "operator error", "user error", "human mistake", "human failure", "pilot error"];

const HINDSIGHT_WORDS: [&str; 5] =
    ["should have", "should've", "shouldn't have", "should not have", "ought to have"];

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

fn suggest(sentence: &str, names: &[String]) -> Option<String> {
    let words = words_of(sentence);
    let has = |phrase: &str| words.contains(&format!(" {phrase} "));
    if ERROR_WORDS.into_iter().any(has) {
        return Some(
            "\"Human error\" ends the question where it begins: write what made the step easy to get wrong, \
             and what let it through."
                .to_owned(),
        );
    }
    if HINDSIGHT_WORDS.into_iter().any(has) {
        return Some(
            "\"Should have\" is hindsight: write what was known then, what seemed right, and what would have \
             made the better step the obvious one."
                .to_owned(),
        );
    }
    let is_named = names.iter().any(|name| has(words_of(name).trim()));
    (is_named && BLAME_WORDS.into_iter().any(has)).then(|| {
        "A person stands here as a cause: write the role, and the conditions under which anybody would have \
         done the same."
            .to_owned()
    })
}

/// Lower-case words with one space round each, so that whole words are found.
fn words_of(text: &str) -> String {
    let lower = text.to_lowercase().replace('\u{2019}', "'");
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .map(|word| word.strip_suffix("'s").unwrap_or(word))
        .filter(|word| !word.is_empty())
        .collect();
    format!(" {} ", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::state::{Climb, Person};
    use crate::mail::Address;

    fn postmortem(sections: &[(&str, &str)]) -> Postmortem {
        Postmortem {
            owner: Person { address: Address::read("dana@x.example").unwrap(), name: "Dana".into() },
            owner_named: false,
            due_at: None,
            owed_since: chrono::DateTime::UNIX_EPOCH,
            sections: sections
                .iter()
                .map(|(heading, text)| ((*heading).into(), (*text).into()))
                .collect(),
            submitted_at: None,
            published_at: None,
            waived: None,
            owner_climb: Climb::default(),
            climb: Climb::default(),
        }
    }

    #[test]
    fn only_required_sections_are_missed() {
        let written = postmortem(&[("What happened", "The disk filled."), ("Actions", " \n")]);
        assert_eq!(missing_sections(&written, &default_sections()), ["Contributing factors", "Actions"]);
    }

    #[test]
    fn blame_is_met_with_a_better_wording() {
        let names = ["Bob Okafor".to_owned()];
        for (text, suggested) in [
            ("The cause was human error.", true),
            ("Operator error.", true),
            ("Dana should have checked.", true),
            ("It was Bob's fault.", true),
            ("The outage was caused by Bob Okafor.", true),
            ("bob forgot the flag.", true),
            ("Bob restarted the database.", false),
            ("The disk was full because of a missing alert.", false),
            ("The error rate rose. Bob saw it.", false),
            ("The bobbin failed to turn.", false),
            ("", false),
        ] {
            let found = wording(&postmortem(&[("Contributing factors", text)]), &names);
            assert_eq!(!found.is_empty(), suggested, "{text}: {found:?}");
        }
    }

    #[test]
    fn suggestions_end() {
        let text = "Human error. ".repeat(10_000);
        assert_eq!(wording(&postmortem(&[("What happened", &text)]), &[]).len(), WORDINGS_MAX);
    }
}
