//! Incidents that belong together: one that turned out to be another, and one that is a part of a larger
//! one.
//!
//! Each keeps of the other what it shows of it, so that no mail needs more than its own incident. What one
//! tells the other is an event like any other. Start with [`Related`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::decision::Entry;
use super::event::Speaker;
use super::state::{Incident, Person};
use super::{Phase, Severity};
use crate::mail::Address;

/// Other incidents by their numbers, as they are: those that the lines of a message name, and those whose
/// duplicates these are.
pub type Others = BTreeMap<i64, Incident>;

/// What an incident shows of itself in another one: of a private one no title and no name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    pub number: i64,
    /// `None` where it is private.
    pub title: Option<String>,
    pub severity: Severity,
    pub phase: Phase,
    /// `None` while nobody commands it, and where it is private.
    pub commander: Option<Person>,
    pub duplicate_of: Option<i64>,
}

impl Outline {
    pub fn of(incident: &Incident) -> Self {
        let is_shown = !incident.private;
        Self {
            number: incident.number,
            title: is_shown.then(|| incident.title.clone()),
            severity: incident.severity,
            phase: incident.phase,
            commander: incident.commander().filter(|_| is_shown).cloned(),
            duplicate_of: incident.duplicate_of,
        }
    }

    /// `INC-42`.
    pub fn key(&self) -> String {
        key_of(self.number)
    }
}

/// `INC-42`.
pub fn key_of(number: i64) -> String {
    format!("INC-{number}")
}

/// A part of an incident, as it last told of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub outline: Outline,
    /// Who works on it beside its commander, to whom they report.
    pub people: BTreeSet<Address>,
}

impl Part {
    pub fn of(incident: &Incident) -> Self {
        let commander = incident.commander().map(|commander| &commander.address);
        let people = incident.accepted().map(|held| &held.person.address);
        Self {
            outline: Outline::of(incident),
            people: people.filter(|address| Some(*address) != commander).cloned().collect(),
        }
    }
}

/// An incident that turned out to be this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    pub number: i64,
    /// Who declared it and is told of this one; `None` where nobody is to be.
    pub reporter: Option<Person>,
}

/// What another incident tells of itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Related {
    /// It turned out to be this one.
    Duplicate(Box<Duplicated>),
    /// It did not, after all.
    DuplicateNoMore { outline: Outline, why: String },
    /// It is a part of this one, and stands so now.
    Part(Part),
    /// It is a part of this one no more.
    PartLeft(Outline),
}

/// All that goes over to the incident of which another one is a duplicate.
#[derive(Debug, Clone, PartialEq)]
pub struct Duplicated {
    /// As it was before.
    pub incident: Incident,
    /// Who said so.
    pub by: Speaker,
    /// Their words, which may be none.
    pub why: String,
    /// What was written of it; loaded by the engine.
    pub timeline: Vec<Entry>,
}

impl Incident {
    /// The parts that are not over.
    pub fn open_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.outline.phase.is_active())
    }
}
