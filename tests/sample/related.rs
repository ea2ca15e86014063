//! Other incidents, as mails of one show them.

use firebell::incident::related::{Outline, Part};
use firebell::incident::{Phase, Severity};

use super::sample::person;

/// What another incident shows of itself.
pub fn outline(number: i64, phase: Phase) -> Outline {
    Outline {
        number,
        title: Some("The gateway answers 503".to_owned()),
        severity: Severity::Sev2,
        phase,
        commander: Some(person("Bob Okafor")),
        duplicate_of: None,
    }
}

/// Of one incident: one that goes on, one that is restricted and one that turned out to be the first.
pub fn parts() -> Vec<Part> {
    let private = Outline { title: None, commander: None, ..outline(44, Phase::Triage) };
    let duplicate = Outline { duplicate_of: Some(43), ..outline(45, Phase::Merged) };
    let part = |outline| Part { outline, people: Default::default() };
    vec![part(outline(43, Phase::Identified)), part(private), part(duplicate)]
}
