//! Incidents that belong together: which of them a line may name, what one tells the other, and who of one
//! may work on the other.
//!
//! Duplicates are in `duplicates`, parts in `parts`. Start with [`Step::hear_related`].

use super::Step;
use crate::incident::decision::{Recipient, Says};
use crate::incident::event::Said;
use crate::incident::related::{Related, key_of};
use crate::incident::state::{Command as InCommand, Incident, Person};
use crate::mail::Address;

/// Duplicates and parts that one incident keeps: more than anybody tells apart.
pub(super) const RELATED_AT_MOST: usize = 50;

type Refusal = (String, Option<String>);

impl Step<'_> {
    pub(super) fn hear_related(&mut self, related: &Related) {
        match related {
            Related::Duplicate(told) => self.hear_duplicate(told),
            Related::DuplicateNoMore { outline, why } => self.hear_duplicate_no_more(outline, why),
            Related::Part(part) => self.hear_part(part),
            Related::PartLeft(outline) => self.hear_part_left(outline),
        }
    }

    /// The incident that a line with this field names, where the two may belong together. What it is like
    /// is told to those alone who may know it.
    pub(super) fn other<'s>(
        &self,
        field: &str,
        number: i64,
        said: &'s Said,
    ) -> Result<&'s Incident, Refusal> {
        let (own, key) = (self.incident.key(), key_of(number));
        if number == self.incident.number {
            return Err((format!("{own} is this incident itself"), None));
        }
        let Some(other) = said.others.get(&number) else {
            return Err((format!("There is no {key}"), None));
        };
        let address = self.policy.address.of_incident(number, None);
        let by = &said.by.person.address;
        if !may_join(other, by, self.policy.roster.knows(by)) {
            let why = format!(
                "{key} is told to those alone who work on it. Write to {address}: they read that, and its \
                 commander can name you, or whoever else commands {own}"
            );
            return Err((why, None));
        }
        if let Some(one) = led_to(other, said) {
            let why = format!("{key} is a duplicate of {} itself", key_of(one));
            let instead = (one != self.incident.number).then(|| format!("{field}: {}", key_of(one)));
            return Err((why, instead));
        }
        if other.drill != self.incident.drill {
            let (drill, real) = if other.drill { (key, own) } else { (own, key) };
            return Err((format!("{drill} is a drill and {real} is none"), None));
        }
        if self.incident.private && !other.private {
            let why = format!(
                "{own} is private and {key} is not: whoever follows {key} would be told of it. Its commander \
                 can make it private, with the line `Private: yes` to {address}"
            );
            return Err((why, None));
        }
        if !other.phase.is_active() {
            let why = format!(
                "{key} is {}. Its commander can open it again, with the line `Reopen: why` to {address}; \
                 then send yours once more",
                other.phase
            );
            return Err((why, None));
        }
        Ok(other)
    }

    /// Whether somebody of another incident may be told of this one.
    pub(super) fn lets_join(&self, person: &Person) -> bool {
        may_join(&self.incident, &person.address, self.policy.roster.knows(&person.address))
    }

    /// Whoever wrote to a duplicate learns where their mail is.
    pub(super) fn hint_where_it_went(&mut self, said: &Said) {
        let Some(from) = said.led_from.map(key_of) else { return };
        let own = self.incident.key();
        let hint = format!(
            "{from} is a duplicate of {own}. Your mail is in the timeline of {own}, and so is an answer to this one."
        );
        self.hints.insert(0, hint);
    }

    /// Tells whoever commands, or was asked to; and not `except`, who knows.
    pub(super) fn tell_whoever_commands(
        &mut self,
        except: Option<&Address>,
        what: String,
        more: String,
    ) {
        let commanding: Vec<&Person> = match &self.incident.command {
            InCommand::Held { by, .. } => vec![by],
            InCommand::Offered { to, .. } => to.iter().collect(),
        };
        let told = commanding.into_iter().filter(|person| except != Some(&person.address));
        let to = told.map(|person| Recipient::Person(person.address.clone())).collect();
        self.mail(to, Says::Notice { what, more });
    }
}

/// Of a private incident those alone may know who have to do with it already; of another one those of the
/// organisation, too. Whoever one commander let in is not let in everywhere.
fn may_join(incident: &Incident, address: &Address, known: bool) -> bool {
    incident.concerns(address) || (known && !incident.private)
}

/// The incident of which this one turned out to be a duplicate in the end; `None` where it is none.
fn led_to(incident: &Incident, said: &Said) -> Option<i64> {
    let mut led = incident.duplicate_of?;
    // No further than there are incidents that could be in between.
    for _ in 0..said.others.len() {
        led = said.others.get(&led).and_then(|next| next.duplicate_of).unwrap_or(led);
    }
    Some(led)
}

/// `Alice, Bob and Carol`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [only] => (*only).to_owned(),
        [several @ .., last] => format!("{} and {last}", several.join(", ")),
    }
}
