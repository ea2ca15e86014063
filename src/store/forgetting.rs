//! What is of no use to anybody any more, deleted: rows that would otherwise grow without end.
//!
//! Never touches an incident or what is in a timeline. Start with [`Store::forget_known`].

use chrono::{DateTime, TimeDelta, Utc};

use super::budgets::HOUR_MICROS;
use super::columns::{micros, rows};
use super::engines::statements;
use super::{Store, Stored};

/// Rows that one statement deletes, so that no writer waits long for it.
const AT_ONCE: i64 = 1_000;
/// Messages whose octets one statement deletes.
const OCTETS_AT_ONCE: i64 = 500;
/// Budgets count by hours and by days, and whoever was asked about a list is not asked again within one; a
/// clock may be wrong by as much again.
const BUDGETS_WITHIN: TimeDelta = TimeDelta::days(2);
/// After so long no second copy of a message comes, and what is answered is found by its address.
pub const KNOWN_WITHIN: TimeDelta = TimeDelta::days(366);

statements! {
    FORGET_BUDGETS = "delete from budget where hour < $1";
    FORGET_HELD = "delete from held_report where hour < $1";
    FORGET_LIST_REQUESTS = "delete from list_request where asked_at < $1";
    FORGET_DEAD = "delete from dead_address where since_at <= $1";
    /// Groups that nobody was asked about lately: the next alert of one begins anew.
    FORGET_ALERT_GROUPS = "delete from alert_group where last_at < $1 and wake_at is null";
    FORGET_CONTENT_KEYS = "
        delete from content_key where key in (select key from content_key where inbound < $1 limit $2)";
    FORGET_MESSAGE_IDS = "
        delete from known_id
        where message_id in (select message_id from known_id where seen_at < $1 limit $2)";
    /// What did nothing, and still has its octets; what waits to be read is not among it.
    COUNT_INEFFECTIVE = "
        select cast(coalesce(sum(size_octets), 0) as bigint) from inbound
        where octets is not null and state in ('filed', 'held', 'set-aside')";
    CHOOSE_INEFFECTIVE = "
        select id, size_octets from inbound
        where octets is not null and state in ('filed', 'held', 'set-aside') order by received_at limit $1";
    FORGET_OCTETS = "
        update inbound set octets = null, reason = null
        where id in (select cast(value->>0 as bigint) from json_each($1))
        and state in ('filed', 'held', 'set-aside')";
}

impl Store {
    /// Deletes the octets of the oldest messages that did nothing, until the others have `octets_max`
    /// together, before they were packed. Returns how many messages there were.
    pub async fn forget_ineffective(&self, octets_max: u64) -> Stored<u64> {
        let most = i64::try_from(octets_max).unwrap_or(i64::MAX);
        let mut forgotten = 0;
        loop {
            let sums: Vec<(i64,)> = self.engine.load(COUNT_INEFFECTIVE, vec![]).await?;
            let mut beyond = sums.first().map_or(0, |(sum,)| *sum) - most;
            if beyond <= 0 {
                return Ok(forgotten);
            }
            let oldest: Vec<(i64, i64)> =
                self.engine.load(CHOOSE_INEFFECTIVE, vec![OCTETS_AT_ONCE.into()]).await?;
            let chosen: Vec<(i64,)> = oldest
                .into_iter()
                .take_while(|(_, size)| {
                    let is_due = beyond > 0;
                    beyond -= size;
                    is_due
                })
                .map(|(id, _)| (id,))
                .collect();
            match self.engine.execute(FORGET_OCTETS, vec![rows(&chosen)]).await? {
                0 => return Ok(forgotten),
                some => forgotten += some,
            }
        }
    }

    /// Forgets budgets of days that are over, Message-IDs older than [`KNOWN_WITHIN`], and the content
    /// keys of messages before `first`, an id of that age. Returns how many rows there were.
    pub async fn forget_known(&self, first: i64, now: DateTime<Utc>) -> Stored<u64> {
        let hour = micros(now - BUDGETS_WITHIN).div_euclid(HOUR_MICROS);
        let mut forgotten = 0;
        for statement in [FORGET_BUDGETS, FORGET_HELD] {
            forgotten += self.engine.execute(statement, vec![hour.into()]).await?;
        }
        let asked = micros(now - BUDGETS_WITHIN);
        forgotten += self.engine.execute(FORGET_LIST_REQUESTS, vec![asked.into()]).await?;
        let dead = micros(now - super::dead::ROWS_WITHIN);
        forgotten += self.engine.execute(FORGET_DEAD, vec![dead.into()]).await?;
        let before = micros(now - KNOWN_WITHIN);
        forgotten += self.engine.execute(FORGET_ALERT_GROUPS, vec![before.into()]).await?;
        for (statement, before) in [(FORGET_CONTENT_KEYS, first), (FORGET_MESSAGE_IDS, before)] {
            loop {
                let some = self.engine.execute(statement, vec![before.into(), AT_ONCE.into()]).await?;
                forgotten += some;
                if some == 0 {
                    break;
                }
            }
        }
        Ok(forgotten)
    }
}
