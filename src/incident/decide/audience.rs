//! Who gets what.

use super::Step;
use crate::incident::decision::Recipient;
use crate::incident::policy::{Party, Policy};
use crate::incident::state::{Command, Incident, Person, WideMail};
use crate::incident::{Role, Severity};
use crate::mail::Address;
use crate::roster::{List, ListKind};

/// The list that is told of what goes wrong with major incidents.
const LEADERSHIP: &str = "leadership";

impl Step<'_> {
    /// Everybody who gets declarations, follow-ups and the resolution: of a private incident those who
    /// have to do with it, and no list.
    pub(super) fn wide(&self) -> Vec<Recipient> {
        let mut to = Vec::new();
        if self.incident.wide_mail == WideMail::Sent && !self.incident.private {
            to.extend(self.lists());
        }
        to.extend(self.involved());
        to
    }

    /// The members, or addresses, of the lists with these names that there are.
    pub(super) fn named_lists(&self, names: &[String]) -> Vec<Recipient> {
        names.iter().filter_map(|name| self.policy.roster.list(name)).flat_map(recipients_of).collect()
    }

    /// The members, or addresses, of the lists that the incident notifies as it is now.
    pub(super) fn lists(&self) -> Vec<Recipient> {
        lists_of(&self.incident, self.incident.severity, self.policy)
    }

    /// The persons concerned: reporter, commander or who is asked, everybody with a role.
    pub(super) fn involved(&self) -> Vec<Recipient> {
        let incident = &self.incident;
        let mut people: Vec<&Person> = Vec::new();
        if incident.wide_mail != WideMail::HeldForConfirmation {
            people.push(&incident.reporter);
        }
        people.extend(incident.duplicates.iter().filter_map(|duplicate| duplicate.reporter.as_ref()));
        match &incident.command {
            Command::Offered { to, .. } => people.extend(to),
            Command::Held { by, offered_on, .. } => {
                people.push(by);
                people.extend(offered_on.iter().map(|handover| &handover.to));
            }
        }
        people.extend(incident.roles.iter().map(|held| &held.person));
        people.into_iter().map(|person| Recipient::Person(person.address.clone())).collect()
    }

    /// Those who work on it, and while nobody commands those who were asked to: they get notes.
    pub(super) fn responders(&self, without: &Address) -> Vec<Recipient> {
        self.incident
            .at_work()
            .filter(|person| person.address != *without)
            .map(|person| Recipient::Person(person.address.clone()))
            .collect()
    }

    /// The addresses that stand for a party of a ladder; `owner` is who owes.
    pub(super) fn party(&self, party: Party, owner: &Person) -> Vec<Recipient> {
        let person = |person: Option<&Person>| {
            person.map(|person| Recipient::Person(person.address.clone())).into_iter().collect()
        };
        match party {
            Party::Owner => person(Some(owner)),
            Party::Reporter => person(Some(&self.incident.reporter)),
            Party::Commander => {
                person(Some(self.incident.commander().unwrap_or(&self.incident.reporter)))
            }
            Party::Deputy => person(self.incident.holder(Role::Deputy)),
            Party::Liaison => person(self.incident.holder(Role::Liaison)),
            Party::Leadership => self.leadership(),
        }
    }

    /// The list `leadership`, where it exists.
    pub(super) fn leadership(&self) -> Vec<Recipient> {
        // It hears of a private incident what every list does; nobody's superiors are alarmed by a drill.
        if self.incident.private || self.incident.drill {
            return Vec::new();
        }
        self.policy.roster.list(LEADERSHIP).map(recipients_of).unwrap_or_default()
    }
}

/// The members, or addresses, of the lists that an incident notifies at a severity.
pub(super) fn lists_of(incident: &Incident, severity: Severity, policy: &Policy) -> Vec<Recipient> {
    let names = policy.notified(incident, severity);
    names.iter().filter_map(|name| policy.roster.list(name)).flat_map(recipients_of).collect()
}

/// One copy for somebody else's list, one each for our own.
fn recipients_of(list: &List) -> Vec<Recipient> {
    match &list.kind {
        ListKind::External(address) => vec![Recipient::List(address.clone())],
        ListKind::Own(members) if list.is_open() => {
            let member = |address: &Address| Recipient::Member {
                list: list.name.clone(),
                address: address.clone(),
            };
            members.iter().map(member).collect()
        }
        ListKind::Own(members) => members.iter().cloned().map(Recipient::Person).collect(),
    }
}
