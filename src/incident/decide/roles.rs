//! Roles: offered by the commander, held when accepted, given back.

use super::Step;
use super::lines::Applied;
use crate::incident::Role;
use crate::incident::decision::{Change, Purpose, Says};
use crate::incident::event::Said;
use crate::incident::state::{Command as InCommand, Person, RoleHeld};
use crate::mail::Address;
use crate::roster::{List, ListKind, Named};

/// At most so many people with a role an incident: beyond it is a mistake or an attack.
const ROLES_AT_MOST: usize = 200;

impl Step<'_> {
    /// Looks a person up as people are named in mail; `field` is for the corrected line.
    pub(super) fn find_person(
        &self,
        name: &str,
        field: &str,
    ) -> Result<Person, (String, Option<String>)> {
        let person = match self.policy.roster.named(name) {
            Named::One(person) => person,
            Named::Several(candidates) => {
                let names: Vec<String> = candidates
                    .iter()
                    .map(|person| format!("{} ({})", person.shown(), person.address))
                    .collect();
                let first = candidates.first().map(|person| format!("{field}: {}", person.address));
                return Err((format!("`{name}` can be {}", names.join(" or ")), first));
            }
            Named::Nobody => {
                return Err((
                    format!("Nobody is known as `{name}`; write an address"),
                    Some(format!("{field}: name@example.org")),
                ));
            }
        };
        if self.policy.address.tag_of(&person.address).is_some() {
            return Err((format!("`{}` is Firebell's own address", person.address), None));
        }
        // Whatever is sent to one person has their token in it.
        let is_list = |list: &List| match &list.kind {
            ListKind::External(address) => *address == person.address,
            ListKind::Own(_) => false,
        };
        if self.policy.roster.lists.iter().any(is_list) {
            return Err((format!("`{}` is a list, and no person", person.address), None));
        }
        Ok(person)
    }

    pub(super) fn give_role(
        &mut self,
        role: Role,
        name: &str,
        remark: Option<String>,
        said: &Said,
    ) -> Applied {
        let field = capitalised(role.name());
        let person = self.find_person(name, &field)?;
        let own = person.address == said.by.person.address;
        if self.incident.roles.iter().any(|held| {
            held.role == role && held.person.address == person.address && held.accepted_at.is_some()
        }) {
            return Ok(format!("{} is {role} already", person.shown()));
        }
        if self.incident.roles.len() >= ROLES_AT_MOST {
            return Err((format!("{ROLES_AT_MOST} people have a role already"), None));
        }
        self.incident.roles.retain(|held| {
            let same_person = held.role == role && held.person.address == person.address;
            let same_offer = held.role == role && role.is_single() && held.accepted_at.is_none();
            !same_person && !same_offer
        });
        self.incident.roles.push(RoleHeld {
            role,
            person: person.clone(),
            remark: remark.clone(),
            asked_at: self.now,
            accepted_at: None,
        });
        if own {
            self.accept_role(role, &person);
            return Ok(format!("you are {role}"));
        }
        self.facts.push(format!("{} was asked to be {role}.", person.shown()));
        let by = said.by.person.clone();
        self.mail_person(&person, Says::RoleOffer { role, by, remark });
        Ok(format!("{} was asked, and is {role} with their  ack", person.shown()))
    }

    /// The person takes a role that was offered; whoever had it before gives it back.
    fn accept_role(&mut self, role: Role, person: &Person) {
        if role.is_single() {
            self.incident
                .roles
                .retain(|held| held.role != role || held.person.address == person.address);
        }
        for held in &mut self.incident.roles {
            if held.role == role && held.person.address == person.address {
                held.accepted_at.get_or_insert(self.now);
                if held.person.name.is_empty() {
                    // Named by address only; now they have signed.
                    held.person.name.clone_from(&person.name);
                }
            }
        }
        self.answer_pages(person);
        self.facts.push(format!("{} is {role}.", person.shown()));
        self.changes.push(Change::RoleTaken { role, person: person.clone() });
    }

    /// `ack`: whatever the mail that is answered asked for.
    pub(super) fn acknowledge(&mut self, said: &Said) -> Applied {
        let address = &said.by.person.address;
        let offered_command = match &self.incident.command {
            InCommand::Offered { to, .. } => to.iter().any(|asked| asked.address == *address),
            InCommand::Held { offered_on, .. } => {
                offered_on.as_ref().is_some_and(|handover| handover.to.address == *address)
            }
        };
        let offered_role = self
            .incident
            .roles
            .iter()
            .find(|held| held.person.address == *address && held.accepted_at.is_none());
        match said.answering {
            Some(Purpose::Page | Purpose::TakeCommand) if offered_command => self.take_command(said),
            // Who was asked to command may have been wanted for a service, too.
            Some(Purpose::Page | Purpose::TakeCommand) => {
                self.acknowledge_page(said).unwrap_or_else(|| Err(self.not_offered(address)))
            }
            Some(Purpose::PageResponder | Purpose::PageLetter) => {
                self.acknowledge_page(said).unwrap_or_else(|| {
                    Err(("No page waits for you; if you come to help, join".to_owned(), join_line()))
                })
            }
            Some(Purpose::Confirmation) => self.confirm(said),
            Some(
                Purpose::Task(seq)
                | Purpose::ReminderTask(seq)
                | Purpose::Action(seq)
                | Purpose::ReminderAction(seq),
            ) => self.accept_task(seq, said),
            Some(Purpose::Approval(seq)) => Err((
                "To say that you saw it is not to approve it".to_owned(),
                Some(format!("Approve #{seq}")),
            )),
            Some(Purpose::Proposal(seq)) => self.agree(seq, said),
            Some(Purpose::ReminderUpdate) => Err((
                "An update is still due: reply with what is new, or with the time of the next one"
                    .to_owned(),
                Some("Next update: 30m".to_owned()),
            )),
            _ => match offered_role.map(|held| held.role) {
                Some(role) => {
                    self.accept_role(role, &said.by.person);
                    Ok(format!("you are {role}"))
                }
                // A pager's gateway keeps no thread; the one thing that was asked is meant.
                None if said.answering.is_none() && offered_command => self.take_command(said),
                None => match self.acknowledge_page(said) {
                    Some(applied) => applied,
                    None => {
                        self.facts.push(format!("{} acknowledged.", said.by.person.shown()));
                        Ok("acknowledged".to_owned())
                    }
                },
            },
        }
    }

    /// Why an `ack` takes no command: somebody was faster, or the offer went elsewhere.
    fn not_offered(&self, address: &Address) -> (String, Option<String>) {
        match &self.incident.command {
            InCommand::Held { by, .. } if by.address == *address => {
                ("You have command already".to_owned(), None)
            }
            InCommand::Held { by, since, .. } => (
                format!(
                    "{} has command since {}. If you come to help, join",
                    by.shown(),
                    self.shown(*since)
                ),
                Some("join".to_owned()),
            ),
            InCommand::Offered { .. } => (
                "Command was not taken: it is not offered to you".to_owned(),
                Some("I have command".to_owned()),
            ),
        }
    }

    pub(super) fn join(&mut self, said: &Said) -> Applied {
        let person = &said.by.person;
        if self.incident.accepted().any(|held| held.person.address == person.address) {
            return Ok("you take part already".to_owned());
        }
        if !self.count_in(person) {
            return Err(too_many());
        }
        self.answer_pages(person);
        self.facts.push(format!("{} joined.", person.shown()));
        Ok("you are a responder".to_owned())
    }

    /// Somebody works on it from now on, if they do not already; `false` when too many do.
    pub(super) fn count_in(&mut self, person: &Person) -> bool {
        let is_theirs = |held: &RoleHeld| held.person.address == person.address;
        if self.incident.accepted().any(is_theirs) {
            return true;
        }
        self.incident.roles.retain(|held| !is_theirs(held) || held.role != Role::Responder);
        if self.incident.roles.len() >= ROLES_AT_MOST {
            return false;
        }
        self.incident.roles.push(RoleHeld {
            role: Role::Responder,
            person: person.clone(),
            remark: None,
            asked_at: self.now,
            accepted_at: Some(self.now),
        });
        true
    }

    /// Commands, or has a role.
    pub(super) fn takes_part(&self, address: &Address) -> bool {
        self.incident.commander().is_some_and(|commander| commander.address == *address)
            || self.incident.accepted().any(|held| held.person.address == *address)
    }

    pub(super) fn leave(&mut self, said: &Said) -> Applied {
        let person = &said.by.person;
        if self.incident.commander().is_some_and(|commander| commander.address == person.address) {
            return Err((
                "You have command: hand it over first".to_owned(),
                Some("Handover: name".to_owned()),
            ));
        }
        let person = person.clone();
        self.leave_tasks(&person, said);
        let was_paged = self.let_go_of_pages(&person, &person);
        if !self.incident.roles.iter().any(|held| held.person.address == person.address) {
            if !was_paged {
                return Ok("you had no role".to_owned());
            }
            self.facts.push(format!("{} cannot come.", person.shown()));
            return Ok("you are paged no more".to_owned());
        }
        self.tell_role_given_back(&person);
        self.facts.push(format!("{} left.", person.shown()));
        self.incident.roles.retain(|held| held.person.address != said.by.person.address);
        self.incident.told_to_rest.remove(&said.by.person.address);
        Ok("you have no role any more".to_owned())
    }

    pub(super) fn release(&mut self, name: &str, said: &Said) -> Applied {
        let person = self.find_person(name, "Release")?;
        let was_paged = self.let_go_of_pages(&person, &said.by.person);
        if was_paged && !self.takes_part(&person.address) {
            self.facts.push(format!("{} is paged no more.", person.shown()));
            let what = "You need not come".to_owned();
            let more = format!("{} lets you go; you are paged no more.", said.by.person.shown());
            self.mail_person(&person, Says::Notice { what, more });
            return Ok(format!("{} is paged no more", person.shown()));
        }
        if !self.incident.roles.iter().any(|held| held.person.address == person.address) {
            return Err((format!("{} has no role here", person.shown()), None));
        }
        self.incident.roles.retain(|held| held.person.address != person.address);
        self.incident.told_to_rest.remove(&person.address);
        self.leave_tasks(&person, said);
        self.facts.push(format!("{} was released.", person.shown()));
        let what = "You are released and need not stay".to_owned();
        let more = format!(
            "{} lets you go. Thank you. From now on you get no notes and no updates as a responder; to \
             come back, reply with the one word `join`.",
            said.by.person.shown()
        );
        self.mail_person(&person, Says::Notice { what, more });
        Ok(format!("{} need not stay", person.shown()))
    }
}

/// The answer to whoever would be one too many.
pub(super) fn too_many() -> (String, Option<String>) {
    (format!("{ROLES_AT_MOST} people have a role already"), None)
}

fn join_line() -> Option<String> {
    Some("join".to_owned())
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}
