//! Command: offered, taken, handed over. Exactly one person has it, or exactly one offer is open.

use super::Step;
use super::declare::asked_first;
use crate::incident::decision::{Change, OfferedBy, Recipient, Says};
use crate::incident::event::Said;
use crate::incident::state::{Climb, Command as InCommand, Handover, Person, WideMail};
use crate::incident::{Incident, Policy};
use crate::mail::Address;
use chrono::{DateTime, Utc};

impl Step<'_> {
    /// Asks those to whom command is offered, by mail and on their pagers.
    pub(super) fn mail_offer(&mut self, by: OfferedBy) {
        let InCommand::Offered { to, .. } = &self.incident.command else { return };
        let asked = to.clone();
        let then = self.then_asked();
        // The hourly reminders after the last level wait for nobody in particular.
        let repeats =
            matches!(&self.incident.command, InCommand::Offered { climb, .. } if climb.done > 2);
        let answer_by = crate::incident::deadlines::obligations(&self.incident, self.policy)
            .into_iter()
            .find(|owed| owed.kind == crate::incident::deadlines::DeadlineKind::TakeCommand)
            .and_then(|owed| owed.due_at.filter(|_| !repeats));
        let persons = asked.iter().map(|person| Recipient::Person(person.address.clone())).collect();
        self.page(&asked);
        self.mail(persons, Says::TakeCommand { asked, by, answer_by, then });
    }

    /// One line to the pager of each who has one.
    fn page(&mut self, people: &[Person]) {
        if self.incident.severity > crate::incident::Severity::Sev3 {
            return;
        }
        let pagers: Vec<Recipient> = people
            .iter()
            .filter_map(|person| self.policy.roster.member(&person.address)?.pager.clone())
            .map(Recipient::Person)
            .collect();
        let names: Vec<&str> = people.iter().map(Person::shown).collect();
        self.record_own(
            crate::incident::decision::EntryKind::Page,
            format!("Asked to take command: {}.", names.join(", ")),
        );
        self.mail(pagers, Says::Page);
    }

    /// What happens when nobody answers, as a sentence for the offer.
    fn then_asked(&self) -> String {
        match asked_next(&self.incident, self.policy, self.now) {
            Some(next) => {
                let InCommand::Offered { to, .. } = &self.incident.command else { return String::new() };
                let is_new = |person: &&Person| to.iter().all(|asked| asked.address != person.address);
                let names: Vec<&str> = next.iter().filter(is_new).map(Person::shown).collect();
                format!("it is offered to {} too", names.join(", "))
            }
            None if self.is_last_offer() => {
                "nobody is reminded again, and the incident stays without a commander".to_owned()
            }
            None => "everybody asked is reminded every hour".to_owned(),
        }
    }

    fn is_last_offer(&self) -> bool {
        use crate::incident::deadlines::COMMAND_REPEATS_AT_MOST;
        matches!(&self.incident.command, InCommand::Offered { climb, .. } if climb.done >= 2 + COMMAND_REPEATS_AT_MOST)
    }

    /// `I have command`, or an `ack` to the offer.
    pub(super) fn take_command(&mut self, said: &Said) -> Result<String, (String, Option<String>)> {
        let by = &said.by.person;
        if !self.incident.phase.is_active() {
            return Err((
                format!("{} is {} and needs no commander", self.incident.key(), self.incident.phase),
                None,
            ));
        }
        let from = match &self.incident.command {
            InCommand::Held { by: holder, .. } if holder.address == by.address => {
                return Ok("you have command".to_owned());
            }
            InCommand::Held { by: holder, offered_on, .. } => {
                if offered_on.as_ref().is_none_or(|handover| handover.to.address != by.address) {
                    let (holder, by) = (holder.clone(), by.clone());
                    return Err(self.ask_for_command(&by).unwrap_or_else(|| {
                        (
                            format!(
                                "{} has command and can offer it to you by writing `IC: {}`",
                                holder.shown(),
                                by.address
                            ),
                            // A line for the commander to send, which would do nothing for the writer.
                            None,
                        )
                    }));
                }
                Some(holder.clone())
            }
            InCommand::Offered { .. } => None,
        };
        self.set_commander(by.clone(), from);
        Ok("you have command".to_owned())
    }

    fn set_commander(&mut self, by: Person, from: Option<Person>) {
        let (asked, before) = match &self.incident.command {
            InCommand::Offered { to, .. } => (to.clone(), None),
            InCommand::Held { by, since, .. } => (Vec::new(), Some((by.clone(), *since))),
        };
        self.facts.push(match &from {
            Some(from) => format!("{} took command from {}.", by.shown(), from.shown()),
            None => format!("{} took command.", by.shown()),
        });
        // What the new commander was before is no news any more.
        let was_role = |change: &Change| matches!(change, Change::RoleTaken { role, person } if role.is_single() && person.address == by.address);
        self.changes.retain(|change| !was_role(change));
        self.incident.untold.retain(|change| !was_role(change));
        self.changes.push(Change::Commander { from, to: by.clone() });
        self.incident.command = InCommand::Held { by: by.clone(), since: self.now, offered_on: None };
        // A deputy who takes command leaves the deputy's place: nobody stands behind themselves.
        self.incident.roles.retain(|held| !(held.role.is_single() && held.person.address == by.address));
        self.incident.first_commanded_at.get_or_insert(self.now);
        self.incident.updates.counted_from = Some(self.now);
        self.incident.updates.promised_at = None;
        self.incident.updates.climb = Climb::default();
        self.incident.handover_climb = Climb::default();
        self.release_wide_mail();
        self.answer_pages_by_commanding(&by);
        if let Some((before, since)) = &before {
            self.keep_at_work(before, *since);
        }
        self.tell_others_who_commands(&by, &asked, before.map(|(before, _)| before));
    }

    /// Whoever commanded knows more of it than anybody: they stay until they say that they go, and were
    /// at work all the time.
    fn keep_at_work(&mut self, before: &Person, since: DateTime<Utc>) {
        let had_role = self.incident.accepted().any(|held| held.person.address == before.address);
        if !self.count_in(before) || had_role {
            return;
        }
        self.incident.told_to_rest.insert(before.address.clone());
        if let Some(held) = self.incident.roles.last_mut() {
            held.accepted_at = Some(since);
        }
    }

    /// Those who were asked, and those who work on it, need not wait for the next follow-up.
    fn tell_others_who_commands(&mut self, by: &Person, asked: &[Person], before: Option<Person>) {
        let what = format!("{} has command", by.shown());
        let is_before =
            |address: &Address| before.as_ref().is_some_and(|before| before.address == *address);
        let mut to: Vec<Recipient> = asked
            .iter()
            .filter(|person| person.address != by.address)
            .map(|person| Recipient::Person(person.address.clone()))
            .collect();
        to.extend(self.responders(&by.address));
        to.retain(|recipient| !is_before(recipient.address()));
        let more = "You need not answer; report to them from now on.".to_owned();
        self.mail(to, Says::Notice { what: what.clone(), more });
        if let Some(before) = &before {
            let more =
                "Thank you. Rest if you can: to go, reply with the one word `leave`. Until then you \
                        get the notes and updates, as a responder."
                    .to_owned();
            self.mail_person(before, Says::Notice { what, more });
        }
    }

    /// Somebody took command, or the reporter confirmed: the lists hear of it now.
    pub(super) fn release_wide_mail(&mut self) {
        if self.incident.wide_mail == WideMail::HeldForConfirmation {
            self.incident.wide_mail = WideMail::Sent;
            self.announce = true;
        }
    }

    /// `IC: bob`, `Handover: bob`.
    pub(super) fn offer_command(
        &mut self,
        said: &Said,
        to: Person,
    ) -> Result<String, (String, Option<String>)> {
        if !self.incident.phase.is_active() {
            return Err((
                format!("{} is {} and needs no commander", self.incident.key(), self.incident.phase),
                None,
            ));
        }
        if to.address == said.by.person.address {
            return self.take_command(said);
        }
        let understood = format!("command is offered to {}; it passes when they accept", to.shown());
        self.facts.push(format!("Command offered to {}.", to.shown()));
        match &mut self.incident.command {
            InCommand::Held { by, offered_on, .. } => {
                if by.address == to.address {
                    return Ok(format!("{} has command", to.shown()));
                }
                let from = by.clone();
                let offer = Handover { to: to.clone(), offered_at: self.now, by_commander: true };
                if let Some(before) = offered_on.replace(offer)
                    && before.to.address != to.address
                {
                    let what = format!("Command is offered to {} instead", to.shown());
                    let more = "The offer to you has ended; you need not answer.".to_owned();
                    self.mail_person(&before.to, Says::Notice { what, more });
                }
                self.mail_handover(&to, OfferedBy::Commander(from));
            }
            InCommand::Offered { to: asked, offered_at, climb, leadership_told } => {
                let told = *leadership_told;
                *asked = vec![to];
                *offered_at = self.now;
                *climb = Climb::default();
                *leadership_told = told;
                self.mail_offer(OfferedBy::Commander(said.by.person.clone()));
            }
        }
        Ok(understood)
    }

    /// Asks one person to take command over from somebody who has it.
    pub(super) fn mail_handover(&mut self, to: &Person, by: OfferedBy) {
        let holder = self.incident.commander().map_or("nobody", Person::shown);
        let then = format!("{holder} keeps command");
        self.page(std::slice::from_ref(to));
        self.mail_person(to, Says::TakeCommand { asked: vec![to.clone()], by, answer_by: None, then });
    }
}

/// Whom the next level of an offer of command asks beside those asked already; `None` after the
/// last level.
pub(super) fn asked_next(
    incident: &Incident,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Option<Vec<Person>> {
    let InCommand::Offered { to, climb, .. } = &incident.command else { return None };
    if incident.drill {
        return None;
    }
    let roster = &policy.roster;
    let known = |address| roster.person(address, "");
    if climb.done == 0 {
        let order = roster.command_rotation().map(|rotation| rotation.order(now)).unwrap_or_default();
        let next = order
            .into_iter()
            .map(known)
            .find(|person| to.iter().all(|asked| asked.address != person.address));
        if let Some(next) = next {
            return Some(vec![next]);
        }
    }
    if climb.done <= 1 {
        let mut everybody = to.clone();
        let trained = roster.trained.iter().map(known);
        for person in trained.chain(asked_first(incident, policy, now)) {
            if everybody.iter().all(|asked| asked.address != person.address) {
                everybody.push(person);
            }
        }
        return (everybody.len() > to.len()).then_some(everybody);
    }
    None
}
