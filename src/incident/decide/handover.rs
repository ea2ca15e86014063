//! What long command and long work lead to: the commander is asked to hand over, responders are
//! reminded to rest, and whoever could command and gives orders is asked whether they wish to.
//!
//! Never takes command from anybody: that is agreed on in `offer`. Start with [`Step::pass_handover`].

use chrono::{DateTime, TimeDelta, Utc};

use super::Step;
use super::parts::reports_to_a_part;
use crate::incident::Policy;
use crate::incident::deadlines::{Reached, handover_climbing, unrested, urge};
use crate::incident::decision::{EntryKind, Owed, Recipient, Reminder, Says, Urge};
use crate::incident::policy::{Party, Rung, RungAt};
use crate::incident::state::{Climb, Command as InCommand, Person};
use crate::mail::Address;

/// Whoever is to rest within so long is reminded with those who are to rest now, so that the commander
/// gets one mail for all who came together.
const REST_TOGETHER: TimeDelta = TimeDelta::minutes(15);

/// More people than one commander can lead by themselves.
const REPORTING_AT_MOST: usize = 7;

impl Step<'_> {
    /// Somebody has commanded for long.
    pub(super) fn pass_handover(&mut self) {
        let InCommand::Held { by, since, .. } = self.incident.command.clone() else { return };
        let Some(climbing) = handover_climbing(&self.incident, self.policy) else { return };
        let Some(reached) = climbing.reached(self.now) else { return };
        let (climb, to) = latest_rung(reached, self.policy, since, self.now);
        self.incident.handover_climb = climb;
        let urge = urge(climb, self.policy);
        let asked = match urge {
            Urge::Suggested => "Suggested that",
            Urge::Asked => "Asked that",
            Urge::Insisted => "Insisted that",
        };
        let since_at = self.shown(since);
        let text = format!("{asked} {} hands over command, held since {since_at}.", by.shown());
        self.record_own(EntryKind::Reminder, text);
        self.remind(to, &by, Owed::Handover { since, urge }, None);
    }

    /// Responders have worked on it for long: each hears of it once, and the commander once of all.
    pub(super) fn pass_rest(&mut self) {
        let rest_after = self.policy.rest_after;
        let mut people = unrested(&self.incident);
        people.retain(|(_, since)| *since + rest_after <= self.now + REST_TOGETHER);
        if people.is_empty() {
            return;
        }
        let addresses = people.iter().map(|(person, _)| person.address.clone());
        self.incident.told_to_rest.extend(addresses);
        let names: Vec<&str> = people.iter().map(|(person, _)| person.shown()).collect();
        let text = format!("Reminded to rest: {}.", names.join(", "));
        self.record_own(EntryKind::Reminder, text);
        for (person, since) in &people {
            let own = vec![(person.clone(), *since)];
            self.remind_to_rest(person, own, false);
        }
        if let Some(commander) = self.incident.commander().cloned() {
            self.remind_to_rest(&commander, people, true);
        }
    }

    fn remind_to_rest(&mut self, to: &Person, people: Vec<(Person, DateTime<Utc>)>, escalated: bool) {
        let owed = Owed::Rest { people };
        let owed_by = to.clone();
        let reminder =
            Reminder { owed, owed_by, due_at: None, escalated, can_act: true, missing: Vec::new() };
        self.mail(vec![Recipient::Person(to.address.clone())], Says::Reminder(reminder));
    }

    /// Tells the commander, once, that too many report to them.
    pub(super) fn hint_to_split(&mut self) {
        let InCommand::Held { by, .. } = &self.incident.command else { return };
        let by = by.clone();
        if self.incident.told_to_split || !self.incident.phase.is_active() {
            return;
        }
        let mut reporting: Vec<&Address> = self
            .incident
            .accepted()
            .map(|held| &held.person.address)
            .filter(|address| **address != by.address)
            .filter(|address| !reports_to_a_part(&self.incident, address))
            .collect();
        reporting.sort_unstable_by_key(|address| address.key());
        reporting.dedup();
        let count = reporting.len();
        if count <= REPORTING_AT_MOST {
            return;
        }
        self.incident.told_to_split = true;
        let what = format!("{count} people report to you");
        let more = format!(
            "More than {REPORTING_AT_MOST} are hard to lead alone. Make groups: whoever leads one declares it \
             with the line `Part of: {}`, commands that, and reports to you; the others of it join there and \
             report to them. Whoever is not needed may go, with `Release: name`. You are told this once.",
            self.incident.key()
        );
        self.mail_person(&by, Says::Notice { what, more });
    }

    /// Whether somebody could take command from whoever has it: leadership, and who is trained to
    /// command and takes no part.
    pub(super) fn outranks(&self, person: &Person) -> bool {
        let roster = &self.policy.roster;
        let is_trained = roster.trained.contains(&person.address);
        roster.leadership().contains(&person.address)
            || (is_trained && !self.takes_part(&person.address))
    }

    /// Somebody who could command, and does not, wishes to: whoever has command is asked.
    pub(super) fn ask_for_command(&mut self, by: &Person) -> Option<(String, Option<String>)> {
        let commander = self.incident.commander().filter(|_| self.outranks(by))?.clone();
        self.facts.push(format!("{} asked {} for command.", by.shown(), commander.shown()));
        self.mail_person(&commander, Says::CommandWanted { by: by.clone() });
        Some((
            format!(
                "{} has command and was asked to hand it over to you. When they do, you get a mail: \
                 command is yours when you answer that one with `I have command`",
                commander.shown()
            ),
            None,
        ))
    }
}

/// Of the rungs that were slept through, or lie behind when the severity was raised, the latest: it is
/// the time in command that counts.
fn latest_rung<'p>(
    reached: Reached<'p>,
    policy: &'p Policy,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> (Climb, &'p [Party]) {
    let rungs = &policy.handover_ladder.rungs;
    let is_past = |rung: &&Rung| matches!(rung.at, RungAt::Offset(offset) if since + offset <= now);
    let past = rungs.iter().take_while(is_past).count();
    let done = u32::try_from(past).unwrap_or(u32::MAX);
    match past.checked_sub(1).and_then(|last| rungs.get(last)) {
        Some(rung) if done > reached.climb.done => (Climb { done, last_at: Some(now) }, &rung.to),
        _ => (reached.climb, reached.to),
    }
}
