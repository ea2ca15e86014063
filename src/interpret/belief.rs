//! Who a message is from, and how far that is believed.
//!
//! A token in an address of ours proves to whom we gave it, a trusted network whom it authenticated;
//! nothing else in a message proves anything. Start with [`speaker`].

use super::{Clues, Pointed};
use crate::incident::event::{Speaker, Trust};
use crate::incident::state::Person;
use crate::incident::{Incident, Policy};
use crate::mail::ids::{Secret, same};
use crate::mail::{Address, InboundMail};

/// Everything that decides how far a sender is believed.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    pub network_trusted: bool,
    pub secret: &'a Secret,
}

/// The speaker that a message's From names, as far as it is believed.
pub fn speaker(
    mail: &InboundMail,
    clues: &Clues,
    pointed: &Pointed<'_>,
    proof: Proof<'_>,
    policy: &Policy,
) -> Option<Speaker> {
    let from = mail.from.as_ref()?;
    let person = policy.roster.person(&from.address, &from.name);
    let named = pointed.incident.is_some_and(|incident| incident.names(&person.address));
    let known = policy.roster.knows(&from.address) || named;
    let theirs = addresses_of(&from.address, policy);
    let by_token = addressed(clues, pointed)
        .is_some_and(|incident| theirs.iter().any(|address| was_given(clues, incident, address, proof)));
    // A network vouches for the From that its submitter wrote, and for no other field.
    let by_network = proof.network_trusted && !mail.from_rewritten;
    if !by_token && !by_network && !known {
        // Passed on: whoever it was sent to is asked whether this is theirs.
        if let Some(owner) = token_owner(clues, pointed, proof, policy) {
            return Some(Speaker { person: owner, trust: Trust::Unverified, known: true });
        }
    }
    let trust = if by_token || by_network {
        Trust::Verified
    } else if known {
        Trust::Unverified
    } else {
        Trust::Stranger
    };
    Some(Speaker { person, trust, known })
}

/// To whom the token was given that a message carries, among those who can have got one.
fn token_owner(
    clues: &Clues,
    pointed: &Pointed<'_>,
    proof: Proof<'_>,
    policy: &Policy,
) -> Option<Person> {
    let incident = addressed(clues, pointed).filter(|_| !clues.tokens.is_empty())?;
    let roster = policy.roster.people.iter().flat_map(|member| {
        [Some(&member.address), member.pager.as_ref()].into_iter().flatten().chain(&member.also)
    });
    let here = incident.roles.iter().map(|held| &held.person).chain(incident.commander());
    let here = here.chain(Some(&incident.reporter)).map(|person| &person.address);
    let given = |address: &&Address| was_given(clues, incident, address, proof);
    roster.chain(here).find(given).map(|address| policy.roster.person(address, ""))
}

/// The incident whose address a message was sent to.
fn addressed<'a>(clues: &Clues, pointed: &Pointed<'a>) -> Option<&'a Incident> {
    pointed.incident.filter(|incident| clues.number() == Some(incident.number))
}

/// Whether one of the tokens that a message carries is what we gave to this address.
fn was_given(clues: &Clues, incident: &Incident, address: &Address, proof: Proof<'_>) -> bool {
    if clues.tokens.is_empty() {
        return false;
    }
    let given = proof.secret.incident_token(incident.number, address, incident.token_epoch);
    clues.tokens.iter().any(|token| same(token, &given))
}

/// All addresses of the person with this one.
pub(super) fn addresses_of(address: &Address, policy: &Policy) -> Vec<Address> {
    let mut all = vec![address.clone()];
    if let Some(member) = policy.roster.member(address) {
        all.push(member.address.clone());
        all.extend(member.also.iter().cloned());
        all.extend(member.pager.clone());
    }
    all
}
