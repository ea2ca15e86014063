//! A large incident in parts, each with a commander of its own: who leads a part reports to the commander of
//! the whole, and those who work on it to them.
//!
//! A part tells its whole how it stands whatever changed that, so that nothing can forget to. Start with
//! [`Step::tell_whole`].

use super::Step;
use super::lines::Applied;
use super::related::RELATED_AT_MOST;
use crate::incident::decision::{EntryKind, Says};
use crate::incident::event::{Event, Said};
use crate::incident::related::{Outline, Part, Related, key_of};
use crate::incident::state::{Incident, RoleHeld};
use crate::incident::{Phase, Role};
use crate::mail::Address;

impl Step<'_> {
    /// `Part of: INC-40`, `Part of: none`.
    pub(super) fn become_part(&mut self, whole: Option<i64>, said: &Said) -> Applied {
        let own = self.incident.key();
        let Some(number) = whole else {
            let Some(was) = self.incident.part_of.take() else {
                return Ok(format!("{own} is no part of another incident"));
            };
            self.facts.push(format!("No part of {} any more.", key_of(was)));
            return Ok(format!("{own} is no part of {} any more", key_of(was)));
        };
        let key = key_of(number);
        let other = self.other("Part of", number, said)?;
        if !self.incident.phase.is_active() {
            let why = format!("{own} is {}", self.incident.phase);
            return Err((why, Some("Reopen: why".to_owned())));
        }
        if self.incident.part_of == Some(number) {
            return Ok(format!("{own} is a part of {key} already"));
        }
        // One level: whoever leads a part has one commander above them, and everybody sees all of it.
        if let Some(above) = other.part_of {
            let why = format!("{key} is a part of {} itself, and parts have no parts", key_of(above));
            let instead = (above != self.incident.number).then(|| format!("Part of: {}", key_of(above)));
            return Err((why, instead));
        }
        if let Some(part) = self.incident.parts.first() {
            let why = format!(
                "{own} has parts itself, such as {}, and parts have no parts. Each can be made a part of {key}, \
                 with the line `Part of: {key}` in an answer to its own mail",
                part.outline.key()
            );
            return Err((why, None));
        }
        if other.parts.len() >= RELATED_AT_MOST {
            return Err((format!("{key} has {RELATED_AT_MOST} parts already"), None));
        }
        self.incident.part_of = Some(number);
        self.facts.push(format!("Part of {key}."));
        Ok(format!("{own} is a part of {key}"))
    }

    /// Tells the whole how its part stands, wherever that changed.
    pub(super) fn tell_whole(&mut self) {
        let was = self.was.as_ref();
        let before = was.and_then(|was| was.part_of);
        if let Some(whole) = before.filter(|_| before != self.incident.part_of) {
            let left = Related::PartLeft(Outline::of(&self.incident));
            self.to_others.push((whole, Event::Related(left)));
        }
        let Some(whole) = self.incident.part_of else { return };
        let part = Part::of(&self.incident);
        let same = was.filter(|was| was.part_of == Some(whole)).map(Part::of);
        if same.as_ref() != Some(&part) {
            self.to_others.push((whole, Event::Related(Related::Part(part))));
        }
    }

    /// A part of this incident tells how it stands.
    pub(super) fn hear_part(&mut self, part: &Part) {
        let key = part.outline.key();
        let place = self.incident.parts.iter().position(|old| old.outline.number == part.outline.number);
        let old = place.and_then(|place| self.incident.parts.get(place)).map(|old| old.outline.clone());
        match place.and_then(|place| self.incident.parts.get_mut(place)) {
            Some(held) => *held = part.clone(),
            None => self.incident.parts.push(part.clone()),
        }
        self.seat_lead(&part.outline);
        match &old {
            None => {
                let what = format!("{key} is a part of {} now", self.incident.key());
                self.record_own(EntryKind::State, format!("{what}: {}", described(&part.outline)));
                let more = format!(
                    "It is {}. Whoever commands it reports to you, and those who work on it to them. You are \
                     told when its severity or its phase changes, and your updates show how it stands.",
                    described(&part.outline)
                );
                self.tell_whoever_commands(commander_of(&part.outline), what, more);
            }
            Some(old) => self.tell_of_part(old, &part.outline),
        }
        self.hint_to_split();
    }

    fn tell_of_part(&mut self, old: &Outline, new: &Outline) {
        let key = new.key();
        let severity = (old.severity != new.severity).then(|| new.severity.to_string());
        let phase = (old.phase != new.phase).then(|| match new.duplicate_of {
            Some(number) => format!("a duplicate of {}", key_of(number)),
            None => new.phase.to_string(),
        });
        let changed: Vec<String> = severity.into_iter().chain(phase).collect();
        if changed.is_empty() {
            let lead = new.commander.as_ref().filter(|_| old.commander != new.commander);
            if let Some(lead) = lead {
                self.record_own(EntryKind::State, format!("{} leads {key}.", lead.shown()));
            }
            return;
        }
        let what = format!("{key}, a part of {}, is {}", self.incident.key(), changed.join(", "));
        self.record_own(EntryKind::State, format!("{what}."));
        let open: Vec<String> = self.incident.open_parts().map(|part| part.outline.key()).collect();
        let others = match open.as_slice() {
            [] => "No part is open any more.".to_owned(),
            open => format!("Open parts: {}.", open.join(", ")),
        };
        let more = format!("It is {}. {others}", described(new));
        self.tell_whoever_commands(commander_of(new), what, more);
    }

    /// Whoever leads a part works on the whole, too, unless they may not know of it.
    fn seat_lead(&mut self, part: &Outline) {
        let leads = leads(part.number);
        let is_over = matches!(part.phase, Phase::Merged | Phase::Cancelled);
        let lead = part.commander.as_ref().filter(|_| !is_over);
        let stays = |held: &RoleHeld| {
            held.remark.as_deref() != Some(&leads)
                || lead.is_some_and(|lead| lead.address == held.person.address)
        };
        self.incident.roles.retain(stays);
        let Some(lead) = lead.cloned() else { return };
        if self.takes_part(&lead.address) || !self.lets_join(&lead) || !self.count_in(&lead) {
            return;
        }
        let seat = self.incident.roles.iter_mut().find(|held| held.person.address == lead.address);
        if let Some(seat) = seat.filter(|held| held.role == Role::Responder) {
            seat.remark = Some(leads);
        }
        if !self.incident.phase.is_active() {
            return;
        }
        let (own, key) = (self.incident.key(), part.key());
        let to = match self.incident.commander() {
            Some(commander) => format!("{}, who commands {own}", commander.shown()),
            None => format!("whoever takes command of {own}; nobody has it yet"),
        };
        let what = format!("You lead {key}, a part of {own}");
        let more = format!(
            "Report to {to}. Those who work on {key} report to you. Notes and updates of {own} come to you from \
             now on; what concerns more than {key} belongs in an answer to them."
        );
        self.mail_person(&lead, Says::Notice { what, more });
    }

    /// What was a part stands for itself.
    pub(super) fn hear_part_left(&mut self, outline: &Outline) {
        let before = self.incident.parts.len();
        self.incident.parts.retain(|part| part.outline.number != outline.number);
        if self.incident.parts.len() == before {
            return;
        }
        let leads = leads(outline.number);
        self.incident.roles.retain(|held| held.remark.as_deref() != Some(&leads));
        let what = format!("{} is no part of {} any more", outline.key(), self.incident.key());
        self.record_own(EntryKind::State, format!("{what}."));
        let more = format!("It is {}, and you are told no more of it.", described(outline));
        self.tell_whoever_commands(commander_of(outline), what, more);
    }

    /// What whoever ends the whole should know of its parts.
    pub(super) fn hint_at_open_parts(&mut self) {
        let open: Vec<String> = self
            .incident
            .open_parts()
            .map(|part| format!("{} ({})", part.outline.key(), part.outline.phase))
            .collect();
        if open.is_empty() {
            return;
        }
        self.hints.push(format!(
            "Parts of {} are open still: {}. They go on, each with its own commander, and you are told when \
             they end. If it is not over before they are, reply `Reopen: parts are open`.",
            self.incident.key(),
            open.join(", ")
        ));
    }
}

/// Whether somebody reports to the lead of a part, and not to whoever commands the whole.
pub(super) fn reports_to_a_part(incident: &Incident, address: &Address) -> bool {
    let leads = |part: &Part| commander_of(&part.outline) == Some(address);
    incident.open_parts().any(|part| part.people.contains(address)) && !incident.open_parts().any(leads)
}

fn commander_of(outline: &Outline) -> Option<&Address> {
    outline.commander.as_ref().map(|commander| &commander.address)
}

/// What is said of a lead beside their role.
fn leads(number: i64) -> String {
    format!("leads {}", key_of(number))
}

/// `"the database is slow", SEV-2 identified, commanded by Bob Okafor`.
fn described(outline: &Outline) -> String {
    let title = match &outline.title {
        Some(title) => format!("\"{}\"", title.replace('`', "'")),
        None => "a restricted incident".to_owned(),
    };
    let by = match (&outline.commander, outline.phase.is_active()) {
        (Some(commander), _) => format!(", commanded by {}", commander.shown()),
        (None, true) if outline.title.is_some() => ", and nobody commands it yet".to_owned(),
        (None, _) => String::new(),
    };
    format!("{title}, {} {}{by}", outline.severity, outline.phase)
}
