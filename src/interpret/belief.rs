//! Who is believed: the one place where a message's author is judged.
//!
//! | proof | of whom |
//! | --- | --- |
//! | a token | the person it was made for, when the From address is one of theirs and DMARC does not fail |
//! | a login (SMTP AUTH) | who logged in, when the From address is one of theirs |
//! | a trusted network | whoever the From says: its hosts authenticate their own submitters |
//! | DMARC, by our look-up, by a configured server's Authentication-Results, or by a configured sealer | a known From address |
//!
//! A domain that stands behind its stranger makes no friend of the stranger. A message without
//! exactly one From proves nothing. Start with [`speaker`].

use chrono::{DateTime, Utc};

use super::lists::was_asked;
use super::{Clues, Pointed};
use crate::incident::event::{Speaker, Trust};
use crate::incident::state::Person;
use crate::incident::{Incident, Policy};
use crate::mail::authentication::{Authentication, Verdict};
use crate::mail::ids::{Secret, quarter, same};
use crate::mail::{Address, InboundMail, Tag};

/// Everything that decides how far a sender is believed.
#[derive(Debug, Clone, Copy)]
pub struct Proof<'a> {
    /// It came by the API, whose token was right.
    pub by_api: bool,
    pub network_trusted: bool,
    /// Who logged in to hand the message over.
    pub login: Option<&'a Address>,
    /// What SPF, DKIM, DMARC and ARC come to.
    pub authentication: &'a Authentication,
    pub secret: &'a Secret,
    pub now: DateTime<Utc>,
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
    let findings = &proof.authentication.findings;
    let verdict = proof.authentication.verdict;
    let has_token = addressed(clues, pointed)
        .is_some_and(|incident| theirs.iter().any(|address| was_given(clues, incident, address, proof)))
        || pointed.incident.is_none()
            && theirs.iter().any(|address| was_given_tag(&clues.tag, address, proof));
    // All but the token vouch for the From that its submitter wrote, and for no other field.
    let has_login = proof.login.is_some_and(|login| theirs.iter().any(|own| own.key() == login.key()));
    let (trust, by) = if has_login && !mail.from_rewritten {
        (Trust::Verified, "login".to_owned())
    } else if proof.network_trusted && !mail.from_rewritten {
        (Trust::Verified, "trusted network".to_owned())
    } else if has_token && verdict != Verdict::Fail {
        (Trust::Verified, joined("token", findings))
    } else if verdict == Verdict::Pass && known && !mail.from_rewritten {
        (Trust::Verified, findings.clone())
    } else if known {
        let by = if has_token { "token, but the domain disowns the mail" } else { "nothing" };
        (Trust::Unverified, joined(by, findings))
    } else if let Some(owner) = token_owner(clues, pointed, proof, policy) {
        // Passed on: whoever it was sent to is asked whether this is theirs.
        let by = joined("token of somebody else", findings);
        return Some(Speaker { person: owner, trust: Trust::Unverified, known: true, proof: by });
    } else {
        (Trust::Stranger, joined("nothing", findings))
    };
    Some(Speaker { person, trust, known, proof: by })
}

/// What stands in the place of a proof where nobody is judged.
pub fn without_judgement(mail: &InboundMail) -> &'static str {
    if mail.origin.is_automatic() {
        "a machine's mail, which proves nothing"
    } else if mail.from.is_none() {
        "not from exactly one sender"
    } else {
        "not looked at"
    }
}

fn joined(by: &str, findings: &str) -> String {
    if findings.is_empty() { by.to_owned() } else { format!("{by}; {findings}") }
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
    let all = [pointed.incident, pointed.led_from].into_iter().flatten();
    all.into_iter().find(|incident| clues.number() == Some(incident.number))
}

/// Whether one of the tokens that a message carries is what we gave to this address.
fn was_given(clues: &Clues, incident: &Incident, address: &Address, proof: Proof<'_>) -> bool {
    if clues.tokens.is_empty() {
        return false;
    }
    let given = proof.secret.incident_token(incident.number, address, incident.token_epoch_of(address));
    clues.tokens.iter().any(|token| same(token, &given))
}

/// Whether an address of ours about shifts or a list was given to this address.
fn was_given_tag(tag: &Tag, address: &Address, proof: Proof<'_>) -> bool {
    match tag {
        Tag::Swap { id, token } => same(token, &proof.secret.swap_token(*id, address)),
        Tag::Digest { id, token } => same(token, &proof.secret.digest_token(*id, address)),
        Tag::OnCall { token: Some(token) } => {
            let present = quarter(proof.now);
            [present, present - 1]
                .iter()
                .any(|quarter| same(token, &proof.secret.duty_token(address, *quarter)))
        }
        Tag::List { .. } => was_asked(tag, address, proof),
        _ => false,
    }
}

/// Whether a token of an incident is what we gave to the person with this address.
pub fn was_given_to(
    address: &Address,
    token: &str,
    incident: &Incident,
    secret: &Secret,
    policy: &Policy,
) -> bool {
    addresses_of(address, policy).iter().any(|own| {
        let epoch = incident.token_epoch_of(own);
        same(token, &secret.incident_token(incident.number, own, epoch))
    })
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
