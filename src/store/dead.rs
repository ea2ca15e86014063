//! Addresses to which nothing is sent for a while.
//!
//! Never judges a report. Start with [`Write::save_dead_address`].

use chrono::{DateTime, TimeDelta, Utc};

use super::columns::{micros, plain, read_instant};
use super::engines::{Value, statements};
use super::rows::DeadAddress;
use super::{Store, Stored, Write};
use crate::mail::Address;

/// After so long an address is tried again: reports are wrong at times, and one bounce a day harms
/// nobody.
const DEAD_WITHIN: TimeDelta = TimeDelta::days(1);
/// Addresses that are known at once: beyond it a relay is at fault and not they, and the newest count.
const ADDRESSES_MAX: i64 = 10_000;

/// A row outlives every report of a mail that was sent before somebody wrote from there.
pub(super) const ROWS_WITHIN: TimeDelta = TimeDelta::days(10);

statements! {
    /// Changes nothing where somebody proved to write from there after the mail was sent.
    SAVE = "
        insert into dead_address (address, since_at, reason) values ($1, $2, $3)
        on conflict (address) do update
        set since_at = excluded.since_at, reason = excluded.reason, alive_at = null
        where dead_address.alive_at is null or dead_address.alive_at < $4";
    LOAD = "
        select address, since_at, reason from dead_address
        where since_at > $1 and alive_at is null order by since_at desc, address limit $2";
    PROVE_ALIVE = "update dead_address set alive_at = $2 where address = $1 and alive_at is null";
    FORGET = "delete from dead_address where address = $1";
    /// $1 holds outbox rows that a relay took at $2, after the report.
    FORGET_REACHED = "
        delete from dead_address where since_at < $2 and alive_at is null and address in (
            select recipient_key from outbox
            where id in (select cast(value->>0 as bigint) from json_each($1)))";
}

type Row = (String, i64, String);

fn read((address, since_at, reason): Row) -> Stored<DeadAddress> {
    Ok(DeadAddress { address, since_at: read_instant(since_at)?, reason })
}

impl Store {
    /// The addresses to which nothing is sent now, the latest first.
    pub async fn load_dead_addresses(&self, now: DateTime<Utc>) -> Stored<Vec<DeadAddress>> {
        let values = vec![micros(now - DEAD_WITHIN).into(), ADDRESSES_MAX.into()];
        let rows: Vec<Row> = self.engine.load(LOAD, values).await?;
        rows.into_iter().map(read).collect()
    }

    /// Mail goes again to those whom a relay took mail for after the report.
    pub(super) async fn forget_reached(&self, outbox: Value, now: DateTime<Utc>) -> Stored<()> {
        self.engine.execute(FORGET_REACHED, vec![outbox, micros(now).into()]).await?;
        Ok(())
    }

    /// Mail goes to this address again, whatever reports say of what was sent there up to now; whether
    /// none did.
    pub async fn prove_alive(&self, address: &Address, now: DateTime<Utc>) -> Stored<bool> {
        let values = vec![plain(&address.key()).into(), micros(now).into()];
        Ok(self.engine.execute(PROVE_ALIVE, values).await? == 1)
    }
}

impl Write {
    /// Nothing is sent to this address from now on, for [`DEAD_WITHIN`], because a mail came back that
    /// was sent at `sent_at`. `false` when somebody has proved since to write from there.
    pub async fn save_dead_address(
        &mut self,
        address: &Address,
        reason: &str,
        sent_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Stored<bool> {
        let values = vec![
            plain(&address.key()).into(),
            micros(now).into(),
            plain(reason).into(),
            micros(sent_at).into(),
        ];
        Ok(self.transaction.execute(SAVE, values).await? == 1)
    }

    /// The addresses to which nothing is sent now.
    pub async fn load_dead_addresses(&mut self, now: DateTime<Utc>) -> Stored<Vec<DeadAddress>> {
        let values = vec![micros(now - DEAD_WITHIN).into(), ADDRESSES_MAX.into()];
        let rows: Vec<Row> = self.transaction.load(LOAD, values).await?;
        rows.into_iter().map(read).collect()
    }

    /// As [`Store::prove_alive`].
    pub async fn prove_alive(&mut self, address: &Address, now: DateTime<Utc>) -> Stored<()> {
        let values = vec![plain(&address.key()).into(), micros(now).into()];
        self.transaction.execute(PROVE_ALIVE, values).await?;
        Ok(())
    }

    /// Mail goes to this address again, until the next report.
    pub async fn forget_dead_address(&mut self, address: &Address) -> Stored<()> {
        self.transaction.execute(FORGET, vec![plain(&address.key()).into()]).await?;
        Ok(())
    }
}
