//! Alerts: which rule knows one, whether its sender is believed, and what an answer to one asks for.
//!
//! An alert is a machine's mail, and the only mail of machines that may do anything. So a rule names its
//! senders, or has a secret for the address, and a proof is demanded as of people. Start with [`sight`].

use super::{Meaning, Proof};
use crate::alerts::{Alert, Rule, Seen};
use crate::incident::Policy;
use crate::incident::state::Person;
use crate::mail::authentication::Verdict;
use crate::mail::ids::same;
use crate::mail::{InboundMail, Origin, Tag};

use super::belief::addresses_of;
use super::clues::Clues;

/// What somebody wants of an alert that they were asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// They look after it.
    Acknowledge,
    Declare,
    /// Something else, which nobody does.
    Unclear,
}

/// What a message to the address of alerts is.
pub(super) fn sight(
    mail: &InboundMail,
    seen: &Seen,
    clues: &Clues,
    proof: Proof<'_>,
    policy: &Policy,
) -> Meaning {
    if mail.origin == Origin::Own || is_ours(mail, policy) {
        return Meaning::Keep("our own mail, sent to the address of alerts");
    }
    let known = policy.alerts.iter().find_map(|rule| Some((rule, rule.read(seen).ok()?)));
    let Some((rule, alert)) = known else { return Meaning::AlertUnknown };
    match prove(rule, mail, clues, proof) {
        Ok(proof) => Meaning::Alert { alert: Box::new(alert), threshold: rule.threshold, proof },
        Err(why) => Meaning::AlertUnproven { rule: rule.name.clone(), why },
    }
}

fn is_ours(mail: &InboundMail, policy: &Policy) -> bool {
    mail.from.as_ref().is_some_and(|from| policy.address.tag_of(&from.address).is_some())
}

/// By what it is believed that a message comes from where its rule says.
fn prove(rule: &Rule, mail: &InboundMail, clues: &Clues, proof: Proof<'_>) -> Result<String, String> {
    if proof.by_api {
        return Ok("token of the API".to_owned());
    }
    if let Some(secret) = &rule.secret
        && clues.alert_secrets().any(|given| secret.is(given))
    {
        return Ok("token of the address".to_owned());
    }
    let findings = &proof.authentication.findings;
    let from = mail.from.as_ref().filter(|from| {
        !mail.from_rewritten && rule.senders.iter().any(|sender| sender.is(&from.address))
    });
    if from.is_some() {
        let login = proof.login.is_some_and(|login| rule.senders.iter().any(|own| own.is(login)));
        if login {
            return Ok("login".to_owned());
        }
        if proof.network_trusted {
            return Ok("trusted network".to_owned());
        }
        if proof.authentication.verdict == Verdict::Pass {
            return Ok(findings.clone());
        }
    }
    Err(if findings.is_empty() { "nothing".to_owned() } else { format!("nothing; {findings}") })
}

/// What somebody who was asked about an alert answers.
pub(super) fn answer(
    id: i64,
    token: &str,
    by: &Person,
    mail: &InboundMail,
    proof: Proof<'_>,
    policy: &Policy,
) -> Meaning {
    let given = |address: &_| same(token, &proof.secret.alert_token(id, address));
    if !addresses_of(&by.address, policy).iter().any(given) {
        return Meaning::Keep("an answer to an alert without its token");
    }
    Meaning::AnswerAlert { id, by: by.clone(), wanted: wanted(&mail.new_text) }
}

/// The first line that says something.
fn wanted(text: &str) -> Wanted {
    let mut lines = text.lines().map(|line| line.trim().trim_end_matches(['.', '!']).to_lowercase());
    match lines.find(|line| !line.is_empty() && !line.ends_with(',')).as_deref() {
        Some("ack" | "ok" | "yes" | "on it" | "got it") => Wanted::Acknowledge,
        Some("declare" | "i have command" | "confirm") => Wanted::Declare,
        _ => Wanted::Unclear,
    }
}

/// The alert that a stored message is, where a rule knows it: what was held is read so again.
pub fn alert_of(tag: &Tag, seen: &Seen, policy: &Policy) -> Option<Alert> {
    let is_alert = matches!(tag, Tag::Alert { .. });
    is_alert.then(|| policy.alerts.iter().find_map(|rule| rule.read(seen).ok())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_is_wanted() {
        assert_eq!(wanted("Ack.\n\nLooking."), Wanted::Acknowledge);
        assert_eq!(wanted("Hi,\n\ndeclare\n"), Wanted::Declare);
        assert_eq!(wanted("I have command!"), Wanted::Declare);
        assert_eq!(wanted("I do not know.\nack"), Wanted::Unclear);
        assert_eq!(wanted(""), Wanted::Unclear);
    }
}
