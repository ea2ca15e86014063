//! Who is on call for what, now and next: what is printed wherever somebody asks.
//!
//! Start with [`Roster::standings`].

use chrono::{DateTime, Utc};

use super::rotation::Rotation;
use super::{OnCall, Roster, Service};
use crate::mail::Address;

/// Who is on call for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Of the service or the rotation.
    pub name: String,
    /// What it is about: a service says which rotation it has.
    pub rotation: Option<String>,
    /// One person, all of a team, or nobody.
    pub now: Vec<Address>,
    /// When they hand over; `None` where nobody else ever comes.
    pub until: Option<DateTime<Utc>>,
    /// Who comes then.
    pub next: Option<Address>,
    /// Who knows about it, whether or not on call.
    pub experts: Vec<Address>,
    /// Somebody is on call now in place of whoever would be.
    pub is_override: bool,
}

impl Roster {
    /// Every service in the order of the configuration, then every rotation that is no service's.
    pub fn standings(&self, now: DateTime<Utc>) -> Vec<Standing> {
        let services = self.services.iter().map(|service| self.standing_of_service(service, now));
        let has = |rotation: &&Rotation| {
            self.services.iter().any(
                |service| matches!(&service.on_call, OnCall::Rotation(name) if *name == rotation.name),
            )
        };
        let others = self.rotations.iter().filter(|rotation| !has(rotation));
        services.chain(others.map(|rotation| self.standing_of(rotation, now))).collect()
    }

    /// The services and rotations that a text names.
    pub fn standings_named(&self, text: &str, now: DateTime<Utc>) -> Vec<Standing> {
        let text = text.to_lowercase();
        let is_named = |name: &str| has_words(&text, &name.to_lowercase());
        let services = self.services.iter().filter(|service| is_named(&service.name));
        let mut found: Vec<Standing> =
            services.map(|service| self.standing_of_service(service, now)).collect();
        for rotation in self.rotations.iter().filter(|rotation| is_named(&rotation.name)) {
            if found.iter().all(|standing| !standing.name.eq_ignore_ascii_case(&rotation.name)) {
                found.push(self.standing_of(rotation, now));
            }
        }
        found
    }

    /// Who is on call in a rotation.
    pub fn standing_of(&self, rotation: &Rotation, now: DateTime<Utc>) -> Standing {
        let (present, next) = rotation.now_and_next(now);
        Standing {
            name: rotation.name.clone(),
            rotation: None,
            is_override: present.as_ref().is_some_and(|shift| shift.by_override.is_some()),
            until: next.as_ref().and(present.as_ref()).map(|shift| shift.ends_at),
            now: present.map(|shift| shift.person).into_iter().collect(),
            next: next.map(|shift| shift.person),
            experts: Vec::new(),
        }
    }

    fn standing_of_service(&self, service: &Service, now: DateTime<Utc>) -> Standing {
        let nobody = Standing {
            name: service.name.clone(),
            rotation: None,
            now: Vec::new(),
            until: None,
            next: None,
            experts: service.experts.clone(),
            is_override: false,
        };
        match &service.on_call {
            OnCall::Nobody => nobody,
            OnCall::Team(name) => {
                let team = self.team(name).map(|team| team.members.clone()).unwrap_or_default();
                Standing { now: team, ..nobody }
            }
            OnCall::Rotation(name) => match self.rotation(name) {
                Some(rotation) => Standing {
                    name: nobody.name,
                    experts: nobody.experts,
                    rotation: Some(rotation.name.clone()),
                    ..self.standing_of(rotation, now)
                },
                None => nobody,
            },
        }
    }
}

/// Whether a name stands in a text as words of its own.
fn has_words(text: &str, name: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !name.is_empty()
        && text.match_indices(name).any(|(at, found)| {
            let (before, after) = (text.get(..at), text.get(at + found.len()..));
            !is_word(before.and_then(|text| text.chars().next_back()))
                && !is_word(after.and_then(|text| text.chars().next()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word() {
        for (text, name, found) in [
            ("who is on call for payments?", "payments", true),
            ("re: payments-eu", "payments", true),
            ("prepayments", "payments", false),
            ("the web shop is down", "web shop", true),
            ("payments2", "payments", false),
            ("", "payments", false),
            ("payments", "", false),
        ] {
            assert_eq!(has_words(text, name), found, "{text}");
        }
    }
}
