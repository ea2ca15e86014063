//! Who joined or left our lists by mail, and who was asked whether they want to.
//!
//! Every change raises a number, so that a transaction loads the members only when they are others
//! than those that its server knows. Start with [`Write::load_members`].

use chrono::{DateTime, Utc};

use super::columns::{micros, plain, read_address, read_instant};
use super::engines::{Value, statements};
use super::{Store, Stored, Write};
use crate::mail::Address;
use crate::roster::membership::{Membership, Memberships};

statements! {
    LOAD_CHANGE = "select n from counter where name = 'list-member'";
    COUNT_CHANGE = "
        insert into counter (name, n) values ('list-member', 1)
        on conflict (name) do update set n = counter.n + 1";
    LOAD_ALL = "select list, shown, joined, since_at from list_member order by list, address";
    SAVE = "
        insert into list_member (list, address, shown, joined, since_at) values ($1, $2, $3, $4, $5)
        on conflict (list, address) do update
        set shown = excluded.shown, joined = excluded.joined, since_at = excluded.since_at";
    /// Changes a row only where nobody was asked since $5.
    CLAIM_REQUEST = "
        insert into list_request (list, address, wish, asked_at) values ($1, $2, $3, $4)
        on conflict (list, address, wish) do update set asked_at = excluded.asked_at
        where list_request.asked_at <= $5";
}

/// What the number is where nobody ever joined or left.
const UNCHANGED: i64 = 0;

fn read_members(change: i64, rows: Vec<(String, String, bool, i64)>) -> Stored<Memberships> {
    let read = |(list, shown, joined, since_at): (String, String, bool, i64)| {
        let (address, since) = (read_address(&shown)?, read_instant(since_at)?);
        Ok(Membership { list, address, joined, since })
    };
    Ok(Memberships { change, all: rows.into_iter().map(read).collect::<Stored<_>>()? })
}

fn read_change(rows: &[(i64,)]) -> i64 {
    rows.first().map_or(UNCHANGED, |(number,)| *number)
}

impl Store {
    /// All who joined or left, unless they are known as of the last change.
    pub async fn load_members(&self, known: Option<i64>) -> Stored<Option<Memberships>> {
        let change = read_change(&self.engine.load(LOAD_CHANGE, vec![]).await?);
        if known == Some(change) {
            return Ok(None);
        }
        read_members(change, self.engine.load(LOAD_ALL, vec![]).await?).map(Some)
    }
}

impl Write {
    /// All who joined or left, unless they are known as of the last change.
    pub async fn load_members(&mut self, known: Option<i64>) -> Stored<Option<Memberships>> {
        let change = read_change(&self.transaction.load(LOAD_CHANGE, vec![]).await?);
        if known == Some(change) {
            return Ok(None);
        }
        read_members(change, self.transaction.load(LOAD_ALL, vec![]).await?).map(Some)
    }

    /// Keeps that somebody joined or left, in place of what was kept of them.
    pub async fn save_member(&mut self, membership: &Membership) -> Stored<()> {
        // First, so that two servers change members one after the other.
        self.transaction.execute(COUNT_CHANGE, vec![]).await?;
        let values: Vec<Value> = vec![
            plain(&membership.list.to_lowercase()).into(),
            plain(&membership.address.key()).into(),
            plain(membership.address.as_str()).into(),
            membership.joined.into(),
            micros(membership.since).into(),
        ];
        self.transaction.execute(SAVE, values).await.map(drop)
    }

    /// Whether somebody may be asked now whether a `wish` in their name is theirs: not when they were
    /// asked after `since`. Whoever may has been asked then.
    pub async fn claim_list_request(
        &mut self,
        list: &str,
        address: &Address,
        wish: &str,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Stored<bool> {
        let values: Vec<Value> = vec![
            plain(&list.to_lowercase()).into(),
            plain(&address.key()).into(),
            wish.into(),
            micros(now).into(),
            micros(since).into(),
        ];
        Ok(self.transaction.execute(CLAIM_REQUEST, values).await? > 0)
    }
}
