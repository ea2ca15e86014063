//! Messages as they were accepted: stored before the `250`, read later, forgotten at an age.
//!
//! Never looks into a message. Start with [`Store::save_inbound`].

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::budgets::HOUR_MICROS;
use super::columns::{json, micros, plain, read_address, read_instant, read_json, read_variant, rows};
use super::engines::{Value, statements};
use super::octets::{Packer, unpack};
use super::rows::{Claim, Client, Inbound, InboundState, NewInbound, Outside, Route, Waiting};
use super::{Store, StoreError, Stored, Write};
use crate::mail::Address;
use crate::mail::authentication::Authentication;

/// Packed octets in one statement: bounds the memory of a batch beside the messages themselves.
const CHUNK_OCTETS_MAX: usize = 16 * 1024 * 1024;
/// Messages whose octets one statement forgets, so that no writer waits long for it.
const FORGET_AT_ONCE: i64 = 500;
/// Octets that are read in one transaction at most, unless one message alone has more: a hundred of
/// the largest would be a gigabyte.
const OCTETS_AT_ONCE_MAX: i64 = 16 * 1024 * 1024;
/// Whoever reads mail has it; the number is ours to choose.
const READERS_LOCK: i64 = 73112;

statements! {
    /// $1 holds the rows and $2 the packed octets of all, one behind the other: one statement for
    /// a batch, and octets that need no encoding.
    SAVE = "
        insert into inbound (id, received_at, reverse_path, recipients, network_trusted, login, client,
                             hello, route, size_octets, octets, state)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), value->>2, value->>3,
               cast(value->>4 as boolean), value->>5, value->>6, value->>7, value->>8,
               cast(value->>9 as bigint),
               substr($2, cast(value->>10 as integer), cast(value->>11 as integer)), 'waiting'
        from json_each($1)",
        // `substr` is one of text when the parameter's type is not said.
        pg: "
        insert into inbound (id, received_at, reverse_path, recipients, network_trusted, login, client,
                             hello, route, size_octets, octets, state)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), value->>2, value->>3,
               cast(value->>4 as boolean), value->>5, value->>6, value->>7, value->>8,
               cast(value->>9 as bigint),
               substr(cast($2 as bytea), cast(value->>10 as integer), cast(value->>11 as integer)),
               'waiting'
        from json_each($1)";
    /// Each half has an index of its own.
    COUNT_WAITING = "
        select (select count(*) from inbound where state = 'waiting')
             + (select count(*) from inbound where state = 'unproven')";
    IS_WAITING = "select id from inbound where state = 'waiting' limit 1";
    CHOOSE_WAITING = "
        select id, size_octets from inbound where state = 'waiting' order by received_at, id limit $1";
    LOAD_WAITING = "
        select id, received_at, reverse_path, recipients, network_trusted, login, client, hello, route,
               octets, state, attempts, authentication
        from inbound where id in (select cast(value->>0 as bigint) from json_each($1))
        order by received_at, id";
    LOAD_ONE = "
        select id, received_at, reverse_path, recipients, network_trusted, login, client, hello, route,
               octets, state, attempts, authentication
        from inbound where id = $1 and octets is not null";
    LOAD_OF_INCIDENT = "
        select id, received_at, reverse_path, recipients, network_trusted, login, client, hello, route,
               octets, state, attempts, authentication
        from inbound where incident = $1 and octets is not null order by received_at, id";
    COUNT_FORGOTTEN = "select count(*) from inbound where incident = $1 and octets is null";
    /// Whoever dies over it lets the lease lapse, and it is asked about again.
    LEASE_UNPROVEN = "
        update inbound set leased_until = $2
        where id in (select id from inbound where state = 'unproven' and leased_until <= $1
                     order by received_at, id limit $3)
        returning id",
        pg: "
        update inbound set leased_until = $2
        where id in (select id from inbound where state = 'unproven' and leased_until <= $1
                     order by received_at, id limit $3 for update skip locked)
        returning id";
    SAVE_AUTHENTICATION = "
        update inbound set authentication = $2, state = 'waiting' where id = $1 and state = 'unproven'";
    LOAD_FATE = "select state, incident from inbound where id = $1";
    COUNT_ATTEMPT = "update inbound set attempts = attempts + 1 where id = $1 returning attempts";
    /// Changes one row when the key is new or this message has it already.
    CLAIM_CONTENT_KEY = "
        insert into content_key (key, inbound) values ($1, $2)
        on conflict (key) do update set inbound = content_key.inbound
        where content_key.inbound = excluded.inbound";
    /// $1 holds messages and where the key of each is in $2. Returns those whose key was new. The keys
    /// of one statement differ.
    CLAIM_CONTENT_KEYS = "
        insert into content_key (key, inbound)
        select substr($2, cast(value->>1 as integer), 32), cast(value->>0 as bigint)
        from json_each($1) where true
        on conflict (key) do nothing returning inbound",
        // `substr` is one of text when the parameter's type is not said.
        pg: "
        insert into content_key (key, inbound)
        select substr(cast($2 as bytea), cast(value->>1 as integer), 32), cast(value->>0 as bigint)
        from json_each($1) where true
        on conflict (key) do nothing returning inbound";
    LOAD_CONTENT_KEY = "select inbound, unproven from content_key where key = $1";
    SAVE_CONTENT_KEY = "update content_key set inbound = $2, unproven = $3 where key = $1";
    /// The first report of a name and hour stands for all.
    CLAIM_HELD = "
        insert into held_report (name, hour, inbound) values ($1, $2, $3)
        on conflict (name, hour) do nothing";
    LOAD_HELD = "select inbound from held_report where name = $1 and hour = $2";
    STANDS_FOR_OTHERS = "select count(*) from held_report where inbound = $1";
    FORGET_HELD = "delete from held_report where inbound = $1";
    HOLD_WITH = "update inbound set held_with = $2 where id = $1";
    LOAD_HELD_WITH = "
        select id from inbound where held_with = $1 and state = 'held' order by id limit $2";
    /// Never of a message that waits to be read. What is forgotten leaves the inbox: nobody can do
    /// anything with it.
    FORGET_RAW = "
        update inbound set octets = null, reason = null
        where id in (select id from inbound where octets is not null and received_at < $1
                     and state not in ('waiting', 'unproven') order by received_at limit $2)";
}

#[derive(sqlx::FromRow)]
struct InboundRow {
    id: i64,
    received_at: i64,
    reverse_path: Option<String>,
    recipients: String,
    network_trusted: bool,
    login: Option<String>,
    client: Option<String>,
    hello: Option<String>,
    route: String,
    /// Null where they were forgotten, or the row is damaged.
    octets: Option<Vec<u8>>,
    state: String,
    attempts: i64,
    authentication: Option<String>,
}

impl InboundRow {
    fn read(self) -> Stored<(Inbound, InboundState)> {
        let state = read_variant(&self.state, &InboundState::NAMES, "message's state")?;
        let address = self.client.map(|address| address.parse()).transpose();
        let address = address.map_err(|_| StoreError::Damaged("client's address"))?;
        let hello = self.hello.unwrap_or_default();
        let client = Client {
            network_trusted: self.network_trusted,
            login: self.login.as_deref().map(read_address).transpose()?,
            outside: address.map(|address| Outside { address, hello }),
        };
        let message = NewInbound {
            id: self.id,
            received_at: read_instant(self.received_at)?,
            reverse_path: self.reverse_path,
            recipients: read_json(&self.recipients, "message's recipients")?,
            client,
            route: read_variant(&self.route, &Route::NAMES, "message's route")?,
            octets: unpack(&self.octets.ok_or(StoreError::Damaged("message"))?, "message")?,
        };
        let authentication = self.authentication.as_deref();
        let authentication =
            authentication.map(|json| read_json(json, "message's authentication")).transpose()?;
        Ok((Inbound { message, authentication, attempts: self.attempts }, state))
    }
}

impl Waiting {
    fn add(&mut self, row: InboundRow) {
        let id = row.id;
        match row.read() {
            Ok((inbound, _)) => self.messages.push(inbound),
            Err(_) => self.damaged.push(id),
        }
    }
}

impl Store {
    /// Stores messages in one transaction: when this returns, they may be acknowledged.
    pub async fn save_inbound(&self, messages: &[NewInbound]) -> Stored<()> {
        let mut chunks = read_chunks(messages, &self.packer);
        if chunks.len() == 1 {
            // One statement is a transaction of its own, and saves two round trips.
            self.engine.execute(SAVE, chunks.remove(0)).await?;
        } else if !chunks.is_empty() {
            let mut write = self.begin_write().await?;
            for chunk in chunks {
                write.transaction.execute(SAVE, chunk).await?;
            }
            write.commit().await?;
        }
        Ok(())
    }

    /// Leases messages about which SPF, DKIM and the like are to be asked, the oldest first; none of
    /// them is leased to anybody else before `until`.
    pub async fn lease_unproven(
        &self,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        limit: i64,
    ) -> Stored<Vec<NewInbound>> {
        let values = vec![micros(now).into(), micros(until).into(), limit.into()];
        let mut write = self.begin_write().await?;
        let ids: Vec<(i64,)> = write.transaction.load(LEASE_UNPROVEN, values).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        write.commit().await?;
        let leased: Vec<InboundRow> = self.engine.load(LOAD_WAITING, vec![rows(&ids)]).await?;
        let mut messages = Vec::with_capacity(leased.len());
        for row in leased {
            let id = row.id;
            match row.read() {
                Ok((inbound, _)) => messages.push(inbound.message),
                // Whoever reads it next finds it damaged, and sets it aside.
                Err(_) => self.save_authentication(id, &Authentication::default()).await?,
            }
        }
        Ok(messages)
    }

    /// Keeps what they said of a message, which may be read now.
    pub async fn save_authentication(&self, id: i64, said: &Authentication) -> Stored<()> {
        let values = vec![id.into(), json(said).into()];
        self.engine.execute(SAVE_AUTHENTICATION, values).await.map(|_| ())
    }

    /// Whether a message waits to be read, asked beside whoever writes.
    pub async fn is_inbound_waiting(&self) -> Stored<bool> {
        let first: Vec<(i64,)> = self.engine.load(IS_WAITING, vec![]).await?;
        Ok(!first.is_empty())
    }

    /// How many messages wait to be read.
    pub async fn count_waiting_inbound(&self) -> Stored<i64> {
        let counts: Vec<(i64,)> = self.engine.load(COUNT_WAITING, vec![]).await?;
        Ok(counts.first().map_or(0, |(count,)| *count))
    }

    /// A message as it came; `None` also when its octets were forgotten.
    pub async fn load_message(&self, id: i64) -> Stored<Option<Inbound>> {
        let rows: Vec<InboundRow> = self.engine.load(LOAD_ONE, vec![id.into()]).await?;
        rows.into_iter().next().map(|row| Ok(row.read()?.0)).transpose()
    }

    /// The raw messages of an incident, oldest first, without those that were forgotten: for the
    /// mbox export.
    pub async fn load_messages(&self, number: i64) -> Stored<Vec<NewInbound>> {
        let rows: Vec<InboundRow> = self.engine.load(LOAD_OF_INCIDENT, vec![number.into()]).await?;
        rows.into_iter().map(|row| Ok(row.read()?.0.message)).collect()
    }

    /// How many messages of an incident were forgotten.
    pub async fn count_forgotten(&self, number: i64) -> Stored<i64> {
        let counts: Vec<(i64,)> = self.engine.load(COUNT_FORGOTTEN, vec![number.into()]).await?;
        Ok(counts.first().map_or(0, |(count,)| *count))
    }

    /// Deletes raw octets of messages received before `before`, keeping their rows. Messages that
    /// wait to be read keep theirs.
    pub async fn forget_raw(&self, before: DateTime<Utc>) -> Stored<u64> {
        let mut forgotten = 0;
        loop {
            let values = vec![micros(before).into(), FORGET_AT_ONCE.into()];
            match self.engine.execute(FORGET_RAW, values).await? {
                0 => return Ok(forgotten),
                some => forgotten += some,
            }
        }
    }
}

impl Write {
    /// Stores messages as part of something larger, such as a mailbox's cursor.
    pub(super) async fn save_inbound(&mut self, messages: &[NewInbound]) -> Stored<()> {
        for chunk in read_chunks(messages, &self.pending.packer) {
            self.transaction.execute(SAVE, chunk).await?;
        }
        Ok(())
    }

    /// The messages that have waited longest, in the order in which they were received.
    ///
    /// On PostgreSQL one process reads at a time, until this commits: of two messages to one incident
    /// the first received is read first, whoever received them. Between two processes that is by
    /// their clocks.
    pub async fn load_waiting(&mut self, limit: i64) -> Stored<Waiting> {
        self.flush().await?;
        self.transaction.lock(READERS_LOCK).await?;
        let chosen: Vec<(i64, i64)> = self.transaction.load(CHOOSE_WAITING, vec![limit.into()]).await?;
        let mut octets = 0;
        let ids: Vec<i64> = chosen
            .into_iter()
            .take_while(|(_, size)| {
                let first = octets == 0;
                octets += size;
                first || octets <= OCTETS_AT_ONCE_MAX
            })
            .map(|(id, _)| id)
            .collect();
        let mut waiting = Waiting::default();
        match self.load_rows(&ids).await {
            Ok(rows) => {
                for row in rows {
                    waiting.add(row);
                }
            }
            // One row that the driver cannot read hides the others.
            Err(StoreError::Damaged(_)) => {
                for id in ids {
                    match self.load_rows(&[id]).await {
                        Ok(rows) => rows.into_iter().for_each(|row| waiting.add(row)),
                        Err(StoreError::Damaged(_)) => waiting.damaged.push(id),
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(waiting)
    }

    async fn load_rows(&mut self, ids: &[i64]) -> Stored<Vec<InboundRow>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = ids.iter().map(|id| (id,)).collect();
        self.transaction.load(LOAD_WAITING, vec![rows(&ids)]).await
    }

    /// A message and what became of it; `None` also when its octets were forgotten.
    pub async fn load_inbound(&mut self, id: i64) -> Stored<Option<(NewInbound, InboundState)>> {
        self.flush().await?;
        let rows: Vec<InboundRow> = self.transaction.load(LOAD_ONE, vec![id.into()]).await?;
        let read = rows.into_iter().next().map(InboundRow::read).transpose()?;
        Ok(read.map(|(inbound, state)| (inbound.message, state)))
    }

    /// What became of a message, and the incident that it belongs to.
    pub async fn load_fate(&mut self, id: i64) -> Stored<Option<(InboundState, Option<i64>)>> {
        self.flush().await?;
        let rows: Vec<(String, Option<i64>)> = self.transaction.load(LOAD_FATE, vec![id.into()]).await?;
        let Some((state, incident)) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some((read_variant(&state, &InboundState::NAMES, "message's state")?, incident)))
    }

    /// Keeps what became of a message. `reason` is why it lies in the inbox; `None` when it does not.
    pub async fn mark_inbound(
        &mut self,
        id: i64,
        state: InboundState,
        incident: Option<i64>,
        reason: Option<&str>,
        now: DateTime<Utc>,
    ) -> Stored<()> {
        let reason = reason.map(plain);
        self.pending.marks.insert(id, (state.name(), incident, micros(now), reason));
        self.flush_much().await
    }

    /// Counts a failed reading; returns how many there were.
    pub async fn count_attempt(&mut self, id: i64) -> Stored<i64> {
        let counts: Vec<(i64,)> = self.transaction.load(COUNT_ATTEMPT, vec![id.into()]).await?;
        counts.first().map(|(count,)| *count).ok_or(StoreError::Damaged("message"))
    }

    /// Claims a content key, unless another message has it already.
    pub async fn claim_content_key(&mut self, key: &[u8; 32], inbound: i64) -> Stored<Claim> {
        let values = vec![key.to_vec().into(), inbound.into()];
        if self.transaction.execute(CLAIM_CONTENT_KEY, values).await? == 1 {
            return Ok(Claim::First);
        }
        let rows: Vec<(i64, bool)> =
            self.transaction.load(LOAD_CONTENT_KEY, vec![key.to_vec().into()]).await?;
        let (first, unproven) = rows.first().copied().ok_or(StoreError::Damaged("content key"))?;
        Ok(if unproven { Claim::Unproven { first } } else { Claim::Settled { first } })
    }

    /// Claims the content keys of many messages at once; returns the messages whose key was new. Of
    /// two with the same key that is the first at most.
    pub async fn claim_content_keys(&mut self, keys: &[(i64, &[u8; 32])]) -> Stored<BTreeSet<i64>> {
        if keys.is_empty() {
            return Ok(BTreeSet::new());
        }
        let (mut places, mut octets, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (inbound, key) in keys {
            if seen.insert(*key) {
                // `substr` counts from one.
                places.push((inbound, octets.len() + 1));
                octets.extend_from_slice(*key);
            }
        }
        let values = vec![rows(&places), octets.into()];
        let claimed: Vec<(i64,)> = self.transaction.load(CLAIM_CONTENT_KEYS, values).await?;
        Ok(claimed.into_iter().map(|(inbound,)| inbound).collect())
    }

    /// Claims to be the report that stands for all of a name that are held in the hour that `now` lies
    /// in; returns the one that does.
    pub async fn claim_held_report(
        &mut self,
        name: &str,
        inbound: i64,
        now: DateTime<Utc>,
    ) -> Stored<i64> {
        let hour = micros(now).div_euclid(HOUR_MICROS);
        let name = plain(name);
        let values = vec![name.as_str().into(), hour.into(), inbound.into()];
        self.transaction.execute(CLAIM_HELD, values).await?;
        let rows: Vec<(i64,)> = self.transaction.load(LOAD_HELD, vec![name.into(), hour.into()]).await?;
        rows.first().map(|(first,)| *first).ok_or(StoreError::Damaged("held report"))
    }

    /// Whether a held report stands for others.
    pub async fn stands_for_others(&mut self, inbound: i64) -> Stored<bool> {
        let rows: Vec<(i64,)> = self.transaction.load(STANDS_FOR_OTHERS, vec![inbound.into()]).await?;
        Ok(rows.first().is_some_and(|(count,)| *count > 0))
    }

    /// It stands for no others any more: the next one of its name stands for itself.
    pub async fn forget_held_report(&mut self, inbound: i64) -> Stored<()> {
        self.transaction.execute(FORGET_HELD, vec![inbound.into()]).await?;
        Ok(())
    }

    /// Keeps a held report together with the one that stands for it.
    pub async fn hold_with(&mut self, inbound: i64, first: i64) -> Stored<()> {
        self.transaction.execute(HOLD_WITH, vec![inbound.into(), first.into()]).await?;
        Ok(())
    }

    /// The reports that are still held together with this one, oldest first.
    pub async fn load_held_with(&mut self, first: i64, limit: i64) -> Stored<Vec<i64>> {
        self.flush().await?;
        let values = vec![first.into(), limit.into()];
        let rows: Vec<(i64,)> = self.transaction.load(LOAD_HELD_WITH, values).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Gives a content key to this message; `unproven` when it was only filed because nothing proved
    /// its sender.
    pub async fn save_content_key(
        &mut self,
        key: &[u8; 32],
        inbound: i64,
        unproven: bool,
    ) -> Stored<()> {
        let values = vec![key.to_vec().into(), inbound.into(), unproven.into()];
        self.transaction.execute(SAVE_CONTENT_KEY, values).await?;
        Ok(())
    }
}

/// The parameters of [`SAVE`], for as many statements as the octets need.
fn read_chunks(messages: &[NewInbound], packer: &Packer) -> Vec<Vec<Value>> {
    let mut chunks = Vec::new();
    let mut heads = Vec::with_capacity(messages.len());
    let mut packed = Vec::new();
    for message in messages {
        // `substr` counts from one.
        let start = packed.len() + 1;
        let size = packer.pack(&message.octets, &mut packed);
        let outside = message.client.outside.as_ref();
        heads.push((
            message.id,
            micros(message.received_at),
            message.reverse_path.as_deref().map(plain),
            json(&message.recipients),
            message.client.network_trusted,
            message.client.login.as_ref().map(Address::as_str),
            outside.map(|outside| outside.address.to_string()),
            outside.map(|outside| plain(&outside.hello)),
            message.route.name(),
            message.octets.len(),
            start,
            size,
        ));
        if packed.len() >= CHUNK_OCTETS_MAX {
            chunks.push(vec![rows(&heads), std::mem::take(&mut packed).into()]);
            heads.clear();
        }
    }
    if !heads.is_empty() {
        chunks.push(vec![rows(&heads), packed.into()]);
    }
    chunks
}
