//! A drill: that it is one, its script, and the debrief at its end.
//!
//! Start with [`Step::play_injects`].

use super::Step;
use super::lines::Applied;
use super::templates::meant;
use crate::incident::decision::{Change, EntryKind, Purpose, Recipient, Says};
use crate::incident::drill::{InjectTo, Playing, Sent};
use crate::incident::event::Said;
use crate::incident::related::key_of;
use crate::incident::state::{Command as InCommand, Incident, Person};

impl Step<'_> {
    /// A drill has lists of its own: whoever believed in it, or did not, is told.
    pub(super) fn set_drill(&mut self, yes: bool) -> Result<(), (String, Option<String>)> {
        let whole = self.incident.part_of.map(key_of);
        let part = self.incident.open_parts().next().map(|part| part.outline.key());
        if let Some(other) = whole.or(part).filter(|_| self.incident.drill != yes) {
            let key = self.incident.key();
            let why = format!("{key} and {other} belong together, and are both a drill or none");
            return Err((why, self.incident.part_of.map(|_| "Part of: none".to_owned())));
        }
        if let Some(playing) = &mut self.incident.script {
            // What is real is not played with, and a script is not taken up in its middle.
            playing.stopped |= !yes;
        }
        if self.incident.drill != yes {
            let before = self.lists();
            self.incident.drill = yes;
            self.changes.push(Change::Drill(yes));
            self.follow_up = true;
            self.tell_changed_lists(&before);
        }
        Ok(())
    }

    /// `Drill: database`: a drill whose script starts now.
    pub(super) fn start_script(&mut self, name: &str) -> Applied {
        self.check_active()?;
        let policy = self.policy;
        let Some(script) = policy.drill_script(name) else {
            let names: Vec<&str> =
                policy.drill_scripts.iter().map(|script| script.name.as_str()).collect();
            let known = match names.as_slice() {
                [] => "none is configured here".to_owned(),
                names => format!("those here are: {}", names.join(", ")),
            };
            let is_one = if self.incident.drill { ". It is a drill all the same" } else { "" };
            let why = format!("There is no script `{name}`; {known}{is_one}");
            let instead = meant(name, &names).unwrap_or("yes");
            return Err((why, Some(format!("Drill: {instead}"))));
        };
        if let Some(playing) = &self.incident.script {
            return Err((format!("The script {} was started already", playing.name), None));
        }
        self.set_drill(true)?;
        self.incident.script = Some(Playing {
            name: script.name.clone(),
            started_at: self.now,
            stopped: false,
            injects: script.injects.clone(),
        });
        self.fact("Drill", &script.name)
    }

    /// Sends what the script has for now.
    pub(super) fn play_injects(&mut self) {
        let count = self.incident.script.as_ref().map_or(0, |playing| playing.injects.len());
        for _ in 0..count {
            let next = self.incident.script.as_ref().and_then(Playing::next);
            let Some((place, _)) = next.filter(|(_, at)| *at <= self.now) else { return };
            self.play_inject(place);
        }
    }

    fn play_inject(&mut self, place: usize) {
        let playing = self.incident.script.as_ref();
        let Some(inject) = playing.and_then(|playing| playing.injects.get(place)).cloned() else {
            return;
        };
        let text = format!("Inject from {} to {}\n\n{}", inject.from, inject.to.shown(), inject.text);
        let seq = self.record_own(EntryKind::Note, text);
        let playing = self.incident.script.as_mut();
        if let Some(inject) = playing.and_then(|playing| playing.injects.get_mut(place)) {
            inject.sent = Some(Sent { seq, at: self.now, answered: None });
        }
        let to = self.players(&inject.to);
        self.mail(to, Says::Inject { seq });
    }

    /// Nobody has every role in every drill: what is for a role that nobody has is the commander's.
    fn players(&self, to: &InjectTo) -> Vec<Recipient> {
        let all = |people: Vec<&Person>| {
            people.into_iter().map(|person| Recipient::Person(person.address.clone())).collect()
        };
        let holder = match to {
            InjectTo::Role(role) => self.incident.holder(*role),
            _ => None,
        };
        match (to, holder, &self.incident.command) {
            (InjectTo::List(name), _, _) => self.named_lists(std::slice::from_ref(name)),
            (InjectTo::Responders, _, _) => all(self.incident.at_work().collect()),
            (_, Some(holder), _) => all(vec![holder]),
            (_, None, InCommand::Held { by, .. }) => all(vec![by]),
            (_, None, InCommand::Offered { to, .. }) => all(to.iter().collect()),
        }
    }

    /// The first who answers an inject, whatever they say.
    pub(super) fn note_inject_answered(&mut self, said: &Said) {
        let (Some(Purpose::Inject(seq)), Some(playing)) = (said.answering, &mut self.incident.script)
        else {
            return;
        };
        let mut sent = playing.injects.iter_mut().filter_map(|inject| inject.sent.as_mut());
        if let Some(sent) = sent.find(|sent| sent.seq == seq) {
            sent.answered.get_or_insert((said.by.person.clone(), self.now));
        }
    }

    /// The drill has ended: its script stops, and those who took part learn what it showed. `before` is
    /// the incident as it was before this mail.
    pub(super) fn debrief(&mut self, before: &Incident) {
        let has_ended = before.phase.is_active() && !self.incident.phase.is_active();
        if !has_ended || !self.incident.drill {
            return;
        }
        if let Some(playing) = &mut self.incident.script {
            playing.stopped = true;
        }
        // What was called off before anybody commanded shows nothing.
        if self.incident.first_commanded_at.is_none() {
            return;
        }
        let mut to = self.involved();
        let played = self.incident.script.iter().flat_map(Playing::played);
        let answered = played.filter_map(|(_, sent)| sent.answered.as_ref());
        let owners = self.incident.tasks.iter().map(|task| &task.owner);
        let others = answered.map(|(person, _)| person).chain(owners);
        to.extend(others.map(|person| Recipient::Person(person.address.clone())));
        self.mail(to, Says::Debrief);
    }
}
