//! What clients were refused before there was a message to keep: wrong passwords, and recipients that
//! only a relay would take. `firebell audit` shows it.
//!
//! One row a client, an hour and a kind, however often it was, so that whoever is refused fills no
//! disk. Refuses nothing itself. Start with [`Refusals::count`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tracing::warn;

use super::Settings;
use crate::ids::Ids;
use crate::store::Store;
use crate::store::rows::AuditRow;

/// Clients and kinds that are told apart at once; the others are one.
const ROWS_MAX: usize = 1_000;
const OTHERS: &str = "other clients";
/// A crash loses the counts of so long.
const SAVED_EVERY: Duration = Duration::from_secs(60);
const COUNTED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    Login,
    Relay,
}

/// Refusals of the last hour, by client.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<(String, Refusal), Counted>>);

#[derive(Debug)]
struct Counted {
    /// Of its row, once it has one.
    id: Option<i64>,
    since: DateTime<Utc>,
    times: u64,
    is_saved: bool,
}

impl Refusals {
    /// Counts what a client was refused; `None` is a local socket.
    pub fn count(&self, client: Option<IpAddr>, refusal: Refusal, times: u32, now: DateTime<Utc>) {
        if times == 0 {
            return;
        }
        let client = client.map_or_else(|| "a local socket".to_owned(), |client| client.to_string());
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (client, refusal);
        if counted.len() >= ROWS_MAX && !counted.contains_key(&key) {
            key.0 = OTHERS.to_owned();
        }
        let fresh = Counted { id: None, since: now, times: 0, is_saved: false };
        let one = counted.entry(key).or_insert(fresh);
        one.times = one.times.saturating_add(u64::from(times));
        one.is_saved = false;
    }

    /// The rows that changed, and forgets what is older than an hour.
    fn take_rows(&self, ids: &Ids, now: DateTime<Utc>) -> Vec<AuditRow> {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = counted.iter_mut().filter(|(_, one)| !one.is_saved);
        let rows = changed.map(|((client, refusal), one)| {
            one.is_saved = true;
            let id = *one.id.get_or_insert_with(|| ids.next(now));
            row(id, client, *refusal, one)
        });
        let rows = rows.collect();
        counted.retain(|_, one| now - one.since < COUNTED_WITHIN);
        rows
    }
}

fn row(id: i64, client: &str, refusal: Refusal, counted: &Counted) -> AuditRow {
    let times = counted.times;
    let (proof, outcome) = match refusal {
        Refusal::Login => ("not the name and the password", format!("refused logins: {times}")),
        Refusal::Relay => ("not an address of ours", format!("refused recipients, no relay: {times}")),
    };
    AuditRow {
        id,
        at: counted.since,
        incident: None,
        inbound: None,
        who: client.to_owned(),
        proof: proof.to_owned(),
        outcome,
    }
}

/// Keeps what is counted, until `shutdown` becomes true and once more then.
pub async fn keep(settings: Arc<Settings>, store: Store, ids: Ids, mut shutdown: watch::Receiver<bool>) {
    let mut looks = tokio::time::interval(SAVED_EVERY);
    let mut stops = false;
    while !stops {
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => stops = true,
            _ = looks.tick() => {}
        }
        let rows = settings.refusals.take_rows(&ids, settings.clock.now());
        if let Err(error) = store.save_refusals(&rows).await {
            warn!(error = &error as &dyn std::error::Error, "refusals are missing from the audit");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_often_a_client_is_refused_it_is_one_row_an_hour() {
        let (refusals, ids, now) = (Refusals::default(), Ids::new(1), DateTime::UNIX_EPOCH);
        let client = Some([192, 0, 2, 1].into());
        for _ in 0..1_000 {
            refusals.count(client, Refusal::Login, 1, now);
        }
        refusals.count(client, Refusal::Relay, 0, now);
        let rows = refusals.take_rows(&ids, now);
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].who.as_str(), rows[0].outcome.as_str()),
            ("192.0.2.1", "refused logins: 1000")
        );
        assert!(refusals.take_rows(&ids, now).is_empty());
        refusals.count(client, Refusal::Login, 1, now);
        let again = refusals.take_rows(&ids, now + COUNTED_WITHIN);
        assert_eq!((again[0].id, again[0].outcome.as_str()), (rows[0].id, "refused logins: 1001"));
        refusals.count(client, Refusal::Login, 1, now + COUNTED_WITHIN);
        assert_ne!(refusals.take_rows(&ids, now + COUNTED_WITHIN)[0].id, rows[0].id);
    }

    #[test]
    fn however_many_are_refused_there_are_so_many_rows() {
        let (refusals, ids, now) = (Refusals::default(), Ids::new(1), DateTime::UNIX_EPOCH);
        for number in 0..5_000_u32 {
            let client = IpAddr::V4(number.into());
            refusals.count(Some(client), Refusal::Relay, 2, now);
        }
        let rows = refusals.take_rows(&ids, now);
        assert_eq!(rows.len(), ROWS_MAX + 1);
        assert!(rows.iter().any(|row| row.who == OTHERS && row.outcome.ends_with(": 8000")));
    }
}
