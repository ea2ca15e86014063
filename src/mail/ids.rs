//! Identifiers that travel in mail: tokens of persons, MACs of reverse-paths, Message-IDs.
//!
//! All are an HMAC-SHA-256 under the server's secret in lower-case base32 (RFC 4648 section 6),
//! because hosts fold the case of local parts. Never random: the same question has one answer, so
//! a retry is the same mail.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Utc};
use data_encoding::{Encoding, Specification};
use ring::hmac;

use super::{Address, ListWish};

/// Length of a person's token: 80 bits, in characters.
pub const TOKEN_CHARS: usize = 16;
/// Length of a Message-ID's left side: 128 bits, in characters.
const MESSAGE_ID_CHARS: usize = 26;
/// Length of a reverse-path's MAC: 50 bits guard nothing but a delivery report.
const BOUNCE_MAC_CHARS: usize = 10;

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    specification.encoding().expect("32 distinct symbols")
});

/// The server's secret, under which every identifier is made.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Secret {
    /// At least 32 octets that nobody else knows.
    pub fn new(octets: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, octets))
    }

    /// The token of `person` for an incident; `epoch` is raised to make all earlier ones void.
    pub fn incident_token(&self, incident: i64, person: &Address, epoch: u32) -> String {
        self.mac(&format!("incident\n{incident}\n{}\n{epoch}", person.key()), TOKEN_CHARS)
    }

    /// The token of `person` for a held report.
    pub fn held_token(&self, inbound: i64, person: &Address) -> String {
        self.mac(&format!("held\n{inbound}\n{}", person.key()), TOKEN_CHARS)
    }

    /// The token of `person` for the question about a group of alerts.
    pub fn alert_token(&self, group: i64, person: &Address) -> String {
        self.mac(&format!("alert\n{group}\n{}", person.key()), TOKEN_CHARS)
    }

    /// The token of `person` for a shift that is to change hands.
    pub fn swap_token(&self, request: i64, person: &Address) -> String {
        self.mac(&format!("swap\n{request}\n{}", person.key()), TOKEN_CHARS)
    }

    /// The token of `person` for what they write about shifts, in a quarter of a year; see [`quarter`].
    pub fn duty_token(&self, person: &Address, quarter: i32) -> String {
        self.mac(&format!("duty\n{}\n{quarter}", person.key()), TOKEN_CHARS)
    }

    /// The token with which `person` answers whether they want to join or leave a list, asked on a day;
    /// see [`list_day`].
    pub fn list_token(&self, wish: ListWish, list: &str, person: &Address, day: i64) -> String {
        let (wish, list) = (wish.name(), list.to_lowercase());
        self.mac(&format!("list\n{wish}\n{list}\n{}\n{day}", person.key()), TOKEN_CHARS)
    }

    /// The token that takes `person` off a list, whoever sends it, and does nothing else.
    pub fn leave_token(&self, list: &str, person: &Address) -> String {
        self.mac(&format!("leave\n{}\n{}", list.to_lowercase(), person.key()), TOKEN_CHARS)
    }

    /// What makes the address of a calendar of shifts secret; `whose` says of what kind and of whom.
    pub fn calendar_token(&self, whose: &str) -> String {
        self.mac(&format!("calendar\n{whose}"), MESSAGE_ID_CHARS)
    }

    /// The token of `person` for a digest.
    pub fn digest_token(&self, digest: i64, person: &Address) -> String {
        self.mac(&format!("digest\n{digest}\n{}", person.key()), TOKEN_CHARS)
    }

    /// The MAC in the reverse-path of an outbox row.
    pub fn bounce_mac(&self, outbox: i64) -> String {
        self.mac(&format!("bounce\n{outbox}"), BOUNCE_MAC_CHARS)
    }

    /// The Message-ID, without brackets, of the letter with this id.
    pub fn message_id(&self, letter: i64, domain: &str) -> String {
        format!("{}@{domain}", self.mac(&format!("letter\n{letter}"), MESSAGE_ID_CHARS))
    }

    /// The synthetic root of an incident's thread, or of one duty in it, without brackets.
    pub fn thread_root(&self, incident: i64, thread: &str, domain: &str) -> String {
        format!("{}@{domain}", self.mac(&format!("root\n{incident}\n{thread}"), MESSAGE_ID_CHARS))
    }

    fn mac(&self, text: &str, chars: usize) -> String {
        let mut encoded = BASE32.encode(hmac::sign(&self.0, text.as_bytes()).as_ref());
        encoded.truncate(chars);
        encoded
    }
}

/// The quarter of a year, counted from the first, in which a token about shifts is made. It is believed
/// in the next, too, so that it lives for three months at least and for six at most.
pub fn quarter(at: DateTime<Utc>) -> i32 {
    at.year() * 4 + i32::try_from(at.month0() / 3).unwrap_or_default()
}

/// A question about a list can be answered on so many days, the one on which it was asked included.
pub const LIST_ANSWER_DAYS: i64 = 7;

/// The day, counted from the epoch, on which somebody is asked about a list.
pub fn list_day(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(24 * 60 * 60)
}

/// Whether a Message-ID, without brackets, has the form of ours: what answers it answers us, though we
/// may know it no more. Whoever imitates it only hinders their own mail.
pub fn looks_ours(message_id: &str, domain: &str) -> bool {
    message_id.rsplit_once('@').is_some_and(|(left, right)| {
        right.eq_ignore_ascii_case(domain)
            && left.len() == MESSAGE_ID_CHARS
            && left.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'2'..=b'7'))
    })
}

/// Whether two identifiers are the same, in a time that tells nothing of where they differ.
pub fn same(given: &str, expected: &str) -> bool {
    let given = given.to_ascii_lowercase();
    given.len() == expected.len()
        && given.bytes().zip(expected.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_person_one_incident_and_one_epoch() {
        let secret = Secret::new(&[7; 32]);
        let alice = Address::read("Alice@example.org").unwrap();
        let bob = Address::read("bob@example.org").unwrap();
        let token = secret.incident_token(42, &alice, 0);
        assert_eq!(token.len(), TOKEN_CHARS);
        assert!(token.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
        let respelled = Address::read("alice@EXAMPLE.org").unwrap();
        assert_eq!(token, secret.incident_token(42, &respelled, 0));
        assert_ne!(token, secret.incident_token(42, &bob, 0));
        assert_ne!(token, secret.incident_token(43, &alice, 0));
        assert_ne!(token, secret.incident_token(42, &alice, 1));
    }

    #[test]
    fn a_host_that_folds_case_breaks_no_token() {
        assert!(same("ABC", "abc") && !same("ab", "abc") && !same("abd", "abc"));
    }
}
