//! How much of the disk mail may take in a day that proves nothing.
//!
//! Mail is stored before it is accepted, and who stands behind it is looked up afterwards: without a
//! bound whoever can connect could fill the disk. So what the wire does not prove is counted by the
//! name it uses: each person of the roster, all others of our domains, reports about our mail, and all
//! strangers together have as much, so that a flood in one name keeps nobody else out. What is beyond it
//! is refused for now, unless it is sent to an address that was made for its author.
//!
//! The counts begin anew with the process, and several servers count each for itself: behind them
//! stands what [`Engine::forget_unproven`] leaves in all. Start with [`Strangers::admit`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::envelope::read_author;
use super::{Arrival, NotStored};
use crate::engine::Engine;
use crate::incident::Policy;
use crate::interpret::was_given_to;
use crate::mail::ids::same;
use crate::mail::{Address, Tag};

/// A name has as much in a day as all that proves nothing has in all, divided by this.
const SHARES: u64 = 10;
const DAY: TimeDelta = TimeDelta::days(1);
/// Addresses of one message that are looked at for proof.
const PROOFS_MAX: usize = 20;

/// What was taken of each name. Clones share it.
#[derive(Debug, Clone)]
pub struct Strangers {
    engine: Engine,
    taken: Arc<Mutex<HashMap<Name, Taken>>>,
}

/// In whose name mail comes that proves nothing: as many as the roster has people, and three.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    /// The key of a person's first address.
    Person(String),
    /// Somebody of our domains whom the roster does not name.
    Domains,
    /// Delivery reports about mail of ours.
    Reports,
    Strangers,
}

/// Octets that flow off evenly within a day.
#[derive(Debug, Clone, Copy)]
struct Taken {
    octets: u64,
    at: DateTime<Utc>,
}

impl Taken {
    /// Adds so many octets, unless that is more than `most`.
    fn add(&mut self, octets: u64, most: u64, now: DateTime<Utc>) -> bool {
        let passed = (now - self.at).clamp(TimeDelta::zero(), DAY).num_milliseconds();
        let passed = u128::try_from(passed).unwrap_or(0);
        let off = u128::from(most) * passed / u128::try_from(DAY.num_milliseconds()).unwrap_or(1);
        self.octets = self.octets.saturating_sub(u64::try_from(off).unwrap_or(u64::MAX));
        self.at = now;
        let sum = self.octets.saturating_add(octets);
        if sum > most {
            return false;
        }
        self.octets = sum;
        true
    }
}

impl Strangers {
    pub fn new(engine: Engine) -> Self {
        Self { engine, taken: Arc::default() }
    }

    /// Whether there is room for a message, which is counted.
    ///
    /// # Errors
    ///
    /// [`NotStored::NoRoom`]: its sender's, to try again; the operator is told.
    pub(super) async fn admit(&self, arrival: &Arrival, now: DateTime<Utc>) -> Result<(), NotStored> {
        if arrival.client.network_trusted || arrival.client.login.is_some() {
            return Ok(());
        }
        let policy = self.engine.policy();
        let author = read_author(&arrival.octets);
        let name = if self.is_report(arrival, &policy) {
            Name::Reports
        } else {
            name_of(author.as_ref(), arrival.reverse_path.as_deref(), &policy)
        };
        if self.take(name, arrival.octets.len(), &policy, now) {
            return Ok(());
        }
        if self.is_proven(arrival, author.as_ref(), &policy).await {
            return Ok(());
        }
        self.engine.meters.refused_for_room();
        Err(NotStored::NoRoom)
    }

    fn take(&self, name: Name, octets: usize, policy: &Policy, now: DateTime<Utc>) -> bool {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = taken.entry(name).or_insert(Taken { octets: 0, at: now });
        taken.add(octets, policy.unproven_octets_max / SHARES, now)
    }

    /// Whether it was sent to the reverse-path of a mail of ours.
    fn is_report(&self, arrival: &Arrival, policy: &Policy) -> bool {
        arrival.recipients.iter().take(PROOFS_MAX).any(|recipient| {
            matches!(policy.address.tag_of(recipient), Some(Tag::Bounce { outbox, mac })
                if same(&mac, &self.engine.secret.bounce_mac(outbox)))
        })
    }

    /// Whether one of the addresses that it was sent to was made for its author.
    async fn is_proven(&self, arrival: &Arrival, author: Option<&Address>, policy: &Policy) -> bool {
        let (Some(author), secret) = (author, &self.engine.secret) else { return false };
        for recipient in arrival.recipients.iter().take(PROOFS_MAX) {
            let proven = match policy.address.tag_of(recipient) {
                Some(Tag::Held { id, token }) => same(&token, &secret.held_token(id, author)),
                Some(Tag::Incident { number, token: Some(token) }) => {
                    match self.engine.store.load_incident(number).await {
                        Ok(Some(stored)) => {
                            was_given_to(author, &token, &stored.incident, secret, policy)
                        }
                        _ => false,
                    }
                }
                _ => false,
            };
            if proven {
                return true;
            }
        }
        false
    }
}

/// The author counts where we know them, and else whoever the envelope names.
fn name_of(author: Option<&Address>, reverse_path: Option<&str>, policy: &Policy) -> Name {
    let sender = reverse_path.and_then(|path| Address::read(path).ok());
    let named = [author, sender.as_ref()].into_iter().flatten();
    let member = named.clone().find_map(|address| policy.roster.member(address));
    match member {
        Some(member) => Name::Person(member.address.key()),
        None if named.clone().any(|address| policy.roster.knows(address)) => Name::Domains,
        None => Name::Strangers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_flows_off_within_a_day() {
        let start = DateTime::UNIX_EPOCH;
        let mut taken = Taken { octets: 0, at: start };
        assert!(taken.add(600, 1_000, start));
        assert!(!taken.add(401, 1_000, start) && taken.add(400, 1_000, start));
        let noon = start + TimeDelta::hours(12);
        assert!(!taken.add(501, 1_000, noon) && taken.add(500, 1_000, noon));
        // A clock that was set back gives nothing, and takes nothing.
        assert!(!taken.add(1, 1_000, start));
        assert!(taken.add(1_000, 1_000, noon + TimeDelta::days(300)));
    }
}
