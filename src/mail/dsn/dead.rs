//! Whether a report says that there is no such mailbox, and never will be by waiting.
//!
//! A full mailbox, a message that was too large or not wanted, a host that was away for days: all are
//! failures, and the next mail may arrive. Start with [`is_dead`].

/// Statuses of an address that is none (RFC 3463 section 3.2 and 3.3; RFC 7505 for 5.1.10).
const DEAD: &[&str] = &["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
/// Statuses that say no more than that it failed; the words beside them may.
const VAGUE: &[&str] = &["5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.4.0", "5.5.0"];
/// What systems write about an address that is none, without its case.
const WORDS: &[&str] = &[
    "user unknown",
    "unknown user",
    "user not found",
    "no such user",
    "no such mailbox",
    "no such recipient",
    "no such address",
    "recipient unknown",
    "unknown recipient",
    "recipient not found",
    "invalid recipient",
    "unknown local part",
    "unknown address",
    "mailbox not found",
    "no mailbox here by that name",
    "account does not exist",
    "address does not exist",
    "user does not exist",
    "user doesn't exist",
    "mailbox does not exist",
    "account has been disabled",
    "account is disabled",
    "mailbox disabled",
];

/// Whether status and words of a failure say that the address is no mailbox.
pub(super) fn is_dead(status: &str, reason: &str) -> bool {
    let given = status.split(|c: char| !(c.is_ascii_digit() || c == '.')).next().unwrap_or_default();
    let is_vague = |status: &str| status.is_empty() || VAGUE.contains(&status);
    let status = if is_vague(given) { code_in(reason).unwrap_or(given) } else { given };
    if is_vague(status) {
        let reason = reason.to_lowercase();
        return WORDS.iter().any(|words| reason.contains(words));
    }
    DEAD.contains(&status)
}

/// The enhanced status code among the words of a reason.
fn code_in(reason: &str) -> Option<&str> {
    let is_code = |word: &&str| {
        let mut numbers = word.split('.');
        let class = matches!(numbers.next(), Some("2" | "4" | "5"));
        let rest: Vec<&str> = numbers.collect();
        let is_number = |text: &&str| {
            (1..=3).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit())
        };
        class && rest.len() == 2 && rest.iter().all(is_number)
    };
    reason.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).find(is_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_that_is_none_is_dead() {
        for (status, reason) in [
            ("5.1.1", ""),
            ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound"),
            ("5.0.0", "550 5.1.1 <bob@ops.example>: Recipient address rejected: User unknown"),
            ("", "550 No such user here"),
            ("5.5.0", "smtp;550 Requested action not taken: user not found"),
            ("5.2.1", "The mailbox is disabled"),
        ] {
            assert!(is_dead(status, reason), "{status} {reason}");
        }
        for (status, reason) in [
            ("5.2.2", "552 5.2.2 mailbox full; user unknown to quota"),
            ("5.7.1", "550 5.7.1 blocked, no such user for you"),
            ("4.4.1", "connection timed out"),
            ("5.0.0", "552 5.3.4 message too large"),
            ("5.0.0", "550 spam"),
            ("", "host mx.ops.example[10.5.1.1] said: no"),
        ] {
            assert!(!is_dead(status, reason), "{status} {reason}");
        }
    }
}
