//! Budgets: how often something was done within an hour or a day.
//!
//! A transaction loads a count once, goes on counting in memory, and adds its own uses when it
//! commits: many mails to one person are one statement. Whoever reads mail does so alone, so nobody
//! else counts the same meanwhile; where the deadlines do, a limit may be passed by their few. Start
//! with [`Write::count_use`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::columns::{micros, plain, read_instant, rows};
use super::engines::{Statement, Value, statements};
use super::{Stored, Write};

pub(super) const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_HOURS: i64 = 24;
/// Hours of a budget that are kept: more than any clock is wrong, and no more than a few rows a name.
const BUDGET_HOURS: i64 = 24;

statements! {
    LOAD = "select uses from budget where name = $1 and hour = $2";
    /// One by one, and not those of the hour that are among these names: of each there are thousands.
    LOAD_MANY = "
        select value->>0, (select uses from budget where name = value->>0 and hour = $2)
        from json_each($1)";
    SAVE = "
        insert into budget (name, hour, uses)
        select value->>0, cast(value->>1 as bigint), cast(value->>2 as bigint)
        from json_each($1) where true
        on conflict (name, hour) do update set uses = budget.uses + excluded.uses";
    FORGET = "
        delete from budget where (name, hour) in (
            select old.name, old.hour from json_each($1)
            join budget old on old.name = value->>0 and old.hour < cast(value->>1 as bigint))";
}

/// Uses of a budget within the span that begins with an hour, counted since the epoch.
pub(super) type Budget = (String, i64);

/// How often a budget was used.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Uses {
    /// Up to this transaction, or what it stored before.
    stored: i64,
    /// In this transaction.
    added: i64,
}

/// The statements that store what was counted.
pub(super) fn save(counted: BTreeMap<Budget, Uses>) -> Vec<(Statement, Vec<Value>)> {
    let used: Vec<_> = counted.into_iter().filter(|(_, uses)| uses.added > 0).collect();
    let fresh: Vec<_> = used
        .iter()
        .filter(|(_, uses)| uses.stored == 0)
        .map(|((name, hour), _)| (name, hour - BUDGET_HOURS))
        .collect();
    let columns: Vec<_> = used.iter().map(|((name, hour), uses)| (name, hour, uses.added)).collect();
    let mut due = Vec::new();
    if !columns.is_empty() {
        due.push((SAVE, vec![rows(&columns)]));
    }
    if !fresh.is_empty() {
        due.push((FORGET, vec![rows(&fresh)]));
    }
    due
}

impl Write {
    /// Counts one use of a budget, such as `declare:dana@ops.example`, within the hour that `now`
    /// lies in; returns how many there were in it.
    pub async fn count_use(&mut self, budget: &str, now: DateTime<Utc>) -> Stored<i64> {
        self.count_use_since(budget, micros(now).div_euclid(HOUR_MICROS)).await
    }

    /// The same within the day (UTC) that `now` lies in. A budget counts by hours or by days, never
    /// by both.
    pub async fn count_use_of_day(&mut self, budget: &str, now: DateTime<Utc>) -> Stored<i64> {
        let hour = micros(now).div_euclid(HOUR_MICROS);
        self.count_use_since(budget, hour - hour.rem_euclid(DAY_HOURS)).await
    }

    /// Counts one use of each of these budgets within the hour that `now` lies in; returns how many
    /// there were of each in it, and when the hour ends.
    pub async fn count_uses(
        &mut self,
        budgets: &BTreeSet<String>,
        now: DateTime<Utc>,
    ) -> Stored<(HashMap<String, i64>, DateTime<Utc>)> {
        let hour = micros(now).div_euclid(HOUR_MICROS);
        self.load_uses(budgets.iter().map(|budget| plain(budget)), hour).await?;
        let mut uses = HashMap::with_capacity(budgets.len());
        for budget in budgets {
            uses.insert(budget.clone(), self.add_use(plain(budget), hour));
        }
        self.flush_much().await?;
        Ok((uses, read_instant((hour + 1) * HOUR_MICROS)?))
    }

    /// Loads the uses of these budgets within the hour that `now` lies in, because they are counted
    /// soon.
    pub async fn expect_uses(&mut self, budgets: &BTreeSet<String>, now: DateTime<Utc>) -> Stored<()> {
        let hour = micros(now).div_euclid(HOUR_MICROS);
        self.load_uses(budgets.iter().map(|budget| plain(budget)), hour).await
    }

    /// `hour` is the first of the span that is counted, in hours since the epoch.
    async fn count_use_since(&mut self, budget: &str, hour: i64) -> Stored<i64> {
        let name = plain(budget);
        if !self.pending.uses.contains_key(&(name.clone(), hour)) {
            let values = vec![name.as_str().into(), hour.into()];
            let loaded: Vec<(i64,)> = self.transaction.load(LOAD, values).await?;
            let stored = loaded.first().map_or(0, |(uses,)| *uses);
            self.pending.uses.insert((name.clone(), hour), Uses { stored, added: 0 });
        }
        let uses = self.add_use(name, hour);
        self.flush_much().await?;
        Ok(uses)
    }

    /// Loads what is not known yet.
    async fn load_uses(&mut self, names: impl Iterator<Item = String>, hour: i64) -> Stored<()> {
        let known = &mut self.pending.uses;
        let unknown: Vec<(String,)> = names
            .filter(|name| !known.contains_key(&(name.clone(), hour)))
            .map(|name| (name,))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let loaded: Vec<(String, Option<i64>)> =
            self.transaction.load(LOAD_MANY, vec![rows(&unknown), hour.into()]).await?;
        let uses = |stored: Option<i64>| Uses { stored: stored.unwrap_or_default(), added: 0 };
        known.extend(loaded.into_iter().map(|(name, stored)| ((name, hour), uses(stored))));
        Ok(())
    }

    fn add_use(&mut self, name: String, hour: i64) -> i64 {
        let known = &mut self.pending.uses;
        let uses = known.entry((name.clone(), hour)).or_default();
        uses.added += 1;
        let count = uses.stored + uses.added;
        if count == 1 {
            let old = (name.clone(), i64::MIN)..(name, hour - BUDGET_HOURS);
            let old: Vec<Budget> = known.range(old).map(|(budget, _)| budget.clone()).collect();
            for budget in old {
                known.remove(&budget);
            }
        }
        count
    }
}
