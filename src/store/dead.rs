//! Addresses to which nothing is sent for a while.
//!
//! Never judges a report. Start with [`Write::save_dead_address`].

use chrono::{DateTime, TimeDelta, Utc};

use super::columns::{micros, plain, read_instant};
use super::engines::statements;
use super::rows::DeadAddress;
use super::{Store, Stored, Write};
use crate::mail::Address;

/// After so long an address is tried again: reports are wrong at times, and one bounce a day harms
/// nobody.
const DEAD_WITHIN: TimeDelta = TimeDelta::days(1);
/// Addresses that are known at once: beyond it a relay is at fault and not they, and the newest count.
const ADDRESSES_MAX: i64 = 10_000;

statements! {
    SAVE = "
        insert into dead_address (address, since_at, reason) values ($1, $2, $3)
        on conflict (address) do update set since_at = excluded.since_at, reason = excluded.reason";
    LOAD = "
        select address, since_at, reason from dead_address
        where since_at > $1 order by since_at desc, address limit $2";
    FORGET = "delete from dead_address where address = $1";
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

    /// Mail goes to this address again; whether it did not.
    pub async fn forget_dead_address(&self, address: &Address) -> Stored<bool> {
        Ok(self.engine.execute(FORGET, vec![plain(&address.key()).into()]).await? == 1)
    }
}

impl Write {
    /// Nothing is sent to this address from now on, for [`DEAD_WITHIN`].
    pub async fn save_dead_address(
        &mut self,
        address: &Address,
        reason: &str,
        now: DateTime<Utc>,
    ) -> Stored<()> {
        let values = vec![plain(&address.key()).into(), micros(now).into(), plain(reason).into()];
        self.transaction.execute(SAVE, values).await?;
        Ok(())
    }

    /// The addresses to which nothing is sent now.
    pub async fn load_dead_addresses(&mut self, now: DateTime<Utc>) -> Stored<Vec<DeadAddress>> {
        let values = vec![micros(now - DEAD_WITHIN).into(), ADDRESSES_MAX.into()];
        let rows: Vec<Row> = self.transaction.load(LOAD, values).await?;
        rows.into_iter().map(read).collect()
    }

    /// Mail goes to this address again.
    pub async fn forget_dead_address(&mut self, address: &Address) -> Stored<()> {
        self.transaction.execute(FORGET, vec![plain(&address.key()).into()]).await?;
        Ok(())
    }
}
