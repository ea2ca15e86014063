//! Void tokens: a person's reply address that fell into other hands proves nothing any more.

use super::Step;
use super::lines::Applied;
use crate::incident::Says;
use crate::incident::decision::EntryKind;
use crate::incident::event::Said;
use crate::incident::state::Person;
use crate::mail::Address;

impl Step<'_> {
    /// The commander asks for it by mail.
    pub(super) fn renew_token_of(&mut self, name: &str, said: &Said) -> Applied {
        let person = self.find_person(name, "New token")?;
        self.facts.push(format!("The tokens of {} are void.", person.shown()));
        self.renew_tokens(&person, said.by.person.shown());
        Ok(format!("{} has a new token, and the old ones are void", person.shown()))
    }

    /// The operator asks for it.
    pub(super) fn void_tokens(&mut self, person: &Person) {
        let text = format!("The tokens of {} are void, said the operator.", person.shown());
        self.record_own(EntryKind::State, text);
        self.renew_tokens(person, "The operator");
    }

    /// All addresses of a person, because each has tokens of its own.
    fn renew_tokens(&mut self, person: &Person, by: &str) {
        let mut addresses: Vec<Address> = vec![person.address.clone()];
        if let Some(member) = self.policy.roster.member(&person.address) {
            addresses.extend(member.also.iter().cloned().chain(member.pager.clone()));
        }
        for address in addresses {
            *self.incident.token_epochs.entry(address).or_default() += 1;
        }
        let what = "Your reply address has changed".to_owned();
        let more = format!(
            "{by} made the old one void, so that nobody else can write in your name. Reply to this mail or \
             to later ones; replies to earlier mails of {} are asked to be confirmed.",
            self.incident.key()
        );
        self.mail_person(person, Says::Notice { what, more });
    }
}
