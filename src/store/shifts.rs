//! Shifts that change hands: the requests, and the overrides that they come to.
//!
//! Start with [`Write::load_overrides`], which every transaction of the engine begins with.

use chrono::{DateTime, Utc};

use super::columns::{json, micros, read_json};
use super::engines::{Value, statements};
use super::{Store, StoreError, Stored, Write};
use crate::roster::request::{Outcome, Request};
use crate::roster::rotation::Override;

/// Overrides that are known at once: beyond it the rotations themselves are wrong. The nearest count.
const OVERRIDES_MAX: i64 = 2_000;

statements! {
    SAVE = "
        insert into shift_request (id, version, ends_at, in_force_at, body) values ($1, 1, $2, $3, $4)";
    LOAD = "select version, body from shift_request where id = $1";
    /// Changes no row when another answer was faster.
    UPDATE = "
        update shift_request set version = version + 1, ends_at = $3, in_force_at = $4, body = $5
        where id = $1 and version = $2";
    /// In the order in which they were agreed.
    LOAD_IN_FORCE = "
        select body from (
            select id, in_force_at, body from shift_request
            where in_force_at is not null and ends_at > $1 order by ends_at, id limit $2) as near
        order by in_force_at, id";
}

/// The overrides of what is in force, each with the name of its rotation.
pub type Overrides = Vec<(String, Override)>;

fn columns(request: &Request) -> [Value; 3] {
    let in_force_at = match request.outcome {
        Outcome::InForce { at } => Some(micros(at)),
        _ => None,
    };
    [micros(request.ends_at()).into(), in_force_at.into(), json(request).into()]
}

fn read_overrides(bodies: Vec<(String,)>) -> Stored<Overrides> {
    let mut all = Vec::new();
    for (body,) in bodies {
        let request: Request = read_json(&body, "shift request")?;
        all.extend(request.overrides());
    }
    Ok(all)
}

fn in_force(since: DateTime<Utc>) -> Vec<Value> {
    vec![micros(since).into(), OVERRIDES_MAX.into()]
}

impl Store {
    /// The overrides that end after `since`, in the order in which they were agreed.
    pub async fn load_overrides(&self, since: DateTime<Utc>) -> Stored<Overrides> {
        read_overrides(self.engine.load(LOAD_IN_FORCE, in_force(since)).await?)
    }
}

impl Write {
    /// The overrides that end after `since`, in the order in which they were agreed.
    pub async fn load_overrides(&mut self, since: DateTime<Utc>) -> Stored<Overrides> {
        read_overrides(self.transaction.load(LOAD_IN_FORCE, in_force(since)).await?)
    }

    /// Keeps a new request.
    pub async fn save_shift_request(&mut self, id: i64, request: &Request) -> Stored<()> {
        let [ends_at, in_force_at, body] = columns(request);
        self.transaction.execute(SAVE, vec![id.into(), ends_at, in_force_at, body]).await.map(drop)
    }

    /// A request and its version; `None` when there is none.
    pub async fn load_shift_request(&mut self, id: i64) -> Stored<Option<(i64, Request)>> {
        let rows: Vec<(i64, String)> = self.transaction.load(LOAD, vec![id.into()]).await?;
        let Some((version, body)) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some((version, read_json(&body, "shift request")?)))
    }

    /// Keeps what became of a request. [`StoreError::Conflict`] when it is another version by now.
    pub async fn update_shift_request(
        &mut self,
        id: i64,
        version: i64,
        request: &Request,
    ) -> Stored<()> {
        let [ends_at, in_force_at, body] = columns(request);
        let values = vec![id.into(), version.into(), ends_at, in_force_at, body];
        match self.transaction.execute(UPDATE, values).await? {
            1 => Ok(()),
            _ => Err(StoreError::Conflict),
        }
    }
}
