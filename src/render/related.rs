//! What a mail shows of other incidents: the one of which its own is a duplicate or a part, and the parts of
//! its own.
//!
//! Start with [`parts`].

use super::context::{Context, shown};
use super::paper::{Fact, Paper, fact, facts};
use super::wrap::clipped;
use crate::incident::decision::Change;
use crate::incident::related::{Outline, key_of};

/// Longest title of another incident in a line.
const TITLE_CHARS_MAX: usize = 80;

/// `INC-42  the database is slow, SEV-2 identified, Bob Okafor commands`.
pub fn outline_line(outline: &Outline) -> String {
    let title = match &outline.title {
        Some(title) => clipped(title, TITLE_CHARS_MAX),
        None => "restricted incident".to_owned(),
    };
    let phase = match outline.duplicate_of {
        Some(number) => format!("duplicate of {}", key_of(number)),
        None => outline.phase.to_string(),
    };
    let by = match &outline.commander {
        _ if !outline.phase.is_active() => String::new(),
        Some(commander) => format!(", {} commands", shown(commander)),
        None if outline.title.is_some() => ", nobody commands yet".to_owned(),
        None => String::new(),
    };
    format!("{}  {title}, {} {phase}{by}", outline.key(), outline.severity)
}

/// How the parts of an incident stand, and of which it is one itself.
pub fn parts(context: &Context<'_>) -> Vec<Fact> {
    let incident = context.incident;
    let whole = incident.part_of.map(|whole| fact("Part of", key_of(whole)));
    let lines: Vec<String> = incident.parts.iter().map(|part| outline_line(&part.outline)).collect();
    let parts = (!lines.is_empty()).then(|| facts("Parts", lines));
    whole.into_iter().chain(parts).collect()
}

/// The incident that goes on, where these changes say that another one does.
pub fn goes_on(changes: &[Change]) -> Option<&Outline> {
    changes.iter().find_map(|change| match change {
        Change::DuplicateOf(outline) => Some(outline),
        _ => None,
    })
}

/// The last mail of a duplicate: where it goes on, and what becomes of its people.
pub fn add_goes_on(paper: &mut Paper, context: &Context<'_>, outline: &Outline) {
    let (own, key) = (context.key(), outline.key());
    let address = context.policy.address.of_incident(outline.number, None);
    paper.prose(&if outline.title.is_some() {
        format!(
            "Nothing is asked of you any more in {own}. People of the organisation who worked on it work on \
             {key} now and get its mail. What you know of it, write to {address}; an answer to this mail goes \
             there, too."
        )
    } else {
        format!(
            "Nothing is asked of you any more in {own}. {key} is restricted: those alone who work on it are \
             told of it. What you know, write to {address}; they read it, and an answer to this mail, too."
        )
    });
    paper.facts(vec![fact("Goes on as", outline_line(outline))]);
}
