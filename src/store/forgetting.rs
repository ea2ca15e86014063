//! What is of no use to anybody any more, deleted: rows that would otherwise grow without end.
//!
//! Never touches an incident or what is in a timeline. Start with [`Store::forget_known`].

use chrono::{DateTime, TimeDelta, Utc};

use super::budgets::HOUR_MICROS;
use super::columns::micros;
use super::engines::statements;
use super::{Store, Stored};

/// Rows that one statement deletes, so that no writer waits long for it.
const AT_ONCE: i64 = 1_000;
/// Budgets count by hours and by days; a clock may be wrong by as much again.
const BUDGETS_WITHIN: TimeDelta = TimeDelta::days(2);
/// After so long no second copy of a message comes, and what is answered is found by its address.
pub const KNOWN_WITHIN: TimeDelta = TimeDelta::days(366);

statements! {
    FORGET_BUDGETS = "delete from budget where hour < $1";
    FORGET_HELD = "delete from held_report where hour < $1";
    FORGET_DEAD = "delete from dead_address where since_at <= $1";
    FORGET_CONTENT_KEYS = "
        delete from content_key where key in (select key from content_key where inbound < $1 limit $2)";
    FORGET_MESSAGE_IDS = "
        delete from known_id
        where message_id in (select message_id from known_id where seen_at < $1 limit $2)";
}

impl Store {
    /// Forgets budgets of days that are over, Message-IDs older than [`KNOWN_WITHIN`], and the content
    /// keys of messages before `first`, an id of that age. Returns how many rows there were.
    pub async fn forget_known(&self, first: i64, now: DateTime<Utc>) -> Stored<u64> {
        let hour = micros(now - BUDGETS_WITHIN).div_euclid(HOUR_MICROS);
        let mut forgotten = 0;
        for statement in [FORGET_BUDGETS, FORGET_HELD] {
            forgotten += self.engine.execute(statement, vec![hour.into()]).await?;
        }
        let dead = micros(now - super::dead::ROWS_WITHIN);
        forgotten += self.engine.execute(FORGET_DEAD, vec![dead.into()]).await?;
        let before = micros(now - KNOWN_WITHIN);
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
