//! The postmortem's sections: which there are, what is missing, and wording that blames.
//!
//! Suggests and never refuses: a person decides what is published. Start with
//! [`missing_sections`] and [`wording()`].

mod wording;

use crate::incident::state::Postmortem;

pub use wording::wording;

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

impl Section {
    /// Whether the actions of the incident stand here.
    pub fn lists_actions(&self) -> bool {
        let is_called = |name: &String| name.eq_ignore_ascii_case("actions");
        is_called(&self.heading) || self.aliases.iter().any(is_called)
    }
}

/// Headings of required sections that nobody has written yet, in the policy's order. That of the actions
/// is written where the incident has any.
pub fn missing_sections(
    postmortem: &Postmortem,
    has_actions: bool,
    sections: &[Section],
) -> Vec<String> {
    let is_written = |section: &&Section| {
        postmortem.sections.get(&section.heading).is_some_and(|text| !text.trim().is_empty())
            || (has_actions && section.lists_actions())
    };
    sections
        .iter()
        .filter(|section| section.required && !is_written(section))
        .map(|section| section.heading.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::state::{Climb, Person};
    use crate::mail::Address;

    pub(super) fn postmortem(sections: &[(&str, &str)]) -> Postmortem {
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
        let missing = |has_actions| missing_sections(&written, has_actions, &default_sections());
        assert_eq!(missing(false), ["Contributing factors", "Actions"]);
        assert_eq!(missing(true), ["Contributing factors"]);
    }
}
