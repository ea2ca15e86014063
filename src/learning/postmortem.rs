//! The postmortem's sections: which there are, what is missing, and wording that blames.

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

/// Headings of required sections that nobody has written yet, in the policy's order.
pub fn missing_sections(postmortem: &Postmortem, sections: &[Section]) -> Vec<String> {
    let _ = (postmortem, sections);
    unreachable!("replaced before use")
}

/// Passages that blame a person or stop at "human error", each with a better wording.
/// `names` are those of the people who took part.
pub fn wording(postmortem: &Postmortem, names: &[String]) -> Vec<Wording> {
    let _ = (postmortem, names);
    unreachable!("replaced before use")
}
