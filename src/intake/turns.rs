//! Whose password is checked next.
//!
//! A check takes work, so there is one at a time for all connections together, and whoever guesses
//! must not keep others waiting: clients that failed before have a queue of their own, in which each
//! check is followed by a pause. Never checks a password. Start with [`Turns::take`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::Instant;

/// After so long without another failure a client is like any other.
const REMEMBERED_WITHIN: Duration = Duration::from_secs(3_600);
/// Clients that are remembered; those who would be more wait with everybody, one at a time.
const CLIENTS_MAX: usize = 10_000;
/// Between two checks for those who failed before: ten guesses a second for all of them together.
const PAUSE: Duration = Duration::from_millis(100);

/// The two queues, and who waits in the second.
#[derive(Debug, Default)]
pub struct Turns {
    usual: tokio::sync::Mutex<()>,
    slow: tokio::sync::Mutex<()>,
    failed: Mutex<HashMap<IpAddr, Instant>>,
}

impl Turns {
    /// Waits for a client's turn, which lasts until the guard is dropped.
    pub async fn take(&self, client: Option<IpAddr>) -> MutexGuard<'_, ()> {
        if !client.is_some_and(|client| self.has_failed(client)) {
            return self.usual.lock().await;
        }
        let turn = self.slow.lock().await;
        tokio::time::sleep(PAUSE).await;
        turn
    }

    /// A client's name or password was wrong. Another login with the right one changes nothing: whoever
    /// guesses may have one.
    pub fn failed(&self, client: Option<IpAddr>) {
        let Some(client) = client else { return };
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= CLIENTS_MAX {
            failed.retain(|_, at| at.elapsed() < REMEMBERED_WITHIN);
        }
        if failed.len() < CLIENTS_MAX || failed.contains_key(&client) {
            failed.insert(client, Instant::now());
        }
    }

    fn has_failed(&self, client: IpAddr) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(&client).is_some_and(|at| at.elapsed() < REMEMBERED_WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(number.into()))
    }

    #[tokio::test]
    async fn whoever_guesses_keeps_nobody_else_waiting() {
        let turns = Turns::default();
        turns.failed(client(1));
        let began_at = Instant::now();
        let guessing = turns.take(client(1)).await;
        assert!(began_at.elapsed() >= PAUSE);
        // A second guess waits behind the first; the colleague, and our own MTA, do not.
        let second = tokio::time::timeout(Duration::from_millis(1), turns.take(client(1))).await;
        assert!(second.is_err());
        drop(turns.take(client(2)).await);
        drop(turns.take(None).await);
        drop(guessing);
    }

    #[test]
    fn those_who_failed_are_remembered_up_to_a_limit() {
        let turns = Turns::default();
        for number in 0..=20_000 {
            turns.failed(client(number));
        }
        turns.failed(None);
        assert_eq!(turns.failed.lock().unwrap().len(), CLIENTS_MAX);
        assert!(turns.has_failed(client(0).unwrap()));
    }
}
