//! The small tables: the secret, known Message-IDs, digests sent, configurations.
//!
//! Each remembers one kind of fact, so that it is done or told once.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::columns::{micros, name, plain, read_instant, read_name, rows};
use super::engines::statements;
use super::pending::KnownColumns;
use super::rows::KnownId;
use super::{Store, StoreError, Stored, Write};
use crate::mail::relay::known_form;

/// Longer than a line of a message may be (RFC 5322 section 2.1.1): no Message-ID of anybody's.
const MESSAGE_ID_OCTETS_MAX: usize = 998;
/// Tries at a configuration's number when other processes store theirs at the same moment.
const NUMBER_TRIES: u32 = 5;

statements! {
    SAVE_SECRET = "insert into meta (key, value) values ('secret', $1) on conflict (key) do nothing";
    /// Nothing that anybody reads.
    SAVE_PROBE = "
        insert into meta (key, value) values ('probe', $1)
        on conflict (key) do update set value = excluded.value";
    LOAD_SECRET = "select value from meta where key = 'secret'";
    LOAD_KNOWN_IDS = "
        select message_id, incident, letter, purpose from known_id
        where message_id in (select value->>0 from json_each($1))";
    /// $1 holds outbox rows and what the relay calls them. Without an effect where it is our own.
    SAVE_IDS_OF_RELAY = "
        insert into known_id (message_id, incident, letter, purpose, seen_at)
        select value->>1, l.incident, l.id, l.purpose, $2
        from json_each($1) join outbox o on o.id = cast(value->>0 as bigint)
             join letter l on l.id = o.letter where true
        on conflict (message_id) do nothing";
    CLAIM_DIGEST = "
        insert into digest_run (name, period_at) values ($1, $2) on conflict (name, period_at) do nothing";
    HAS_DIGEST = "select 1 from digest_run where name = $1 and period_at = $2";
    FORGET_DIGESTS = "
        delete from digest_run where substr(name, 1, length($1)) = $1 and name <> $2";
    LAST_DIGEST = "select max(period_at) from digest_run where name = $1";
    LOAD_LAST_CONFIGURATION = "select number, text from configuration order by number desc limit 1";
    SAVE_CONFIGURATION = "insert into configuration (number, text, stored_at) values ($1, $2, $3)";
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    message_id: String,
    incident: Option<i64>,
    letter: Option<i64>,
    purpose: Option<String>,
}

impl KnownRow {
    fn read(self) -> Stored<KnownId> {
        let purpose = self.purpose.map(|name| read_name(name, "Message-ID's purpose")).transpose()?;
        Ok(KnownId {
            message_id: self.message_id,
            incident: self.incident,
            letter: self.letter,
            purpose,
        })
    }
}

impl Store {
    /// Writes something, to see whether that can be done.
    pub async fn probe(&self, now: DateTime<Utc>) -> Stored<()> {
        let octets = micros(now).to_be_bytes().to_vec();
        self.engine.execute(SAVE_PROBE, vec![octets.into()]).await.map(|_| ())
    }

    /// The server's secret, made on the first call (`fresh` is used then).
    pub async fn secret(&self, fresh: [u8; 32]) -> Stored<Vec<u8>> {
        self.engine.execute(SAVE_SECRET, vec![fresh.to_vec().into()]).await?;
        let rows: Vec<(Vec<u8>,)> = self.engine.load(LOAD_SECRET, vec![]).await?;
        rows.into_iter().next().map(|(secret,)| secret).ok_or(StoreError::Damaged("secret"))
    }

    /// Keeps the Message-IDs under which the relay passed outbox rows on: what they are answered by.
    pub async fn save_ids_of_relay(&self, ids: &[(i64, String)], now: DateTime<Utc>) -> Stored<()> {
        let kept: Vec<(i64, String)> =
            ids.iter().map(|(outbox, id)| (*outbox, plain(&known_form(id)))).collect();
        if !kept.is_empty() {
            self.engine.execute(SAVE_IDS_OF_RELAY, vec![rows(&kept), micros(now).into()]).await?;
        }
        Ok(())
    }

    /// Whether a digest's period was claimed.
    pub async fn has_digest(&self, name: &str, period_at: DateTime<Utc>) -> Stored<bool> {
        let values = vec![plain(name).into(), micros(period_at).into()];
        let rows: Vec<(i64,)> = self.engine.load(HAS_DIGEST, values).await?;
        Ok(!rows.is_empty())
    }

    /// Keeps a configuration, and returns its number: a new one only when the text is not that of
    /// the last one kept. Going back to an older text is a change, too.
    pub async fn save_configuration(&self, text: &str, now: DateTime<Utc>) -> Stored<i64> {
        let text = plain(text);
        for _ in 0..NUMBER_TRIES {
            let mut write = self.begin_write().await?;
            let last: Vec<(i64, String)> =
                write.transaction.load(LOAD_LAST_CONFIGURATION, vec![]).await?;
            let last = last.into_iter().next();
            if let Some((number, kept)) = &last
                && *kept == text
            {
                return Ok(*number);
            }
            let number = last.map_or(1, |(number, _)| number + 1);
            let values = vec![number.into(), text.as_str().into(), micros(now).into()];
            match write.transaction.execute(SAVE_CONFIGURATION, values).await {
                Ok(_) => {
                    write.commit().await?;
                    return Ok(number);
                }
                // Another process took the number, perhaps with the same text.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }
}

impl Write {
    /// Loads what is known of these Message-IDs, because it is asked soon.
    pub async fn expect_known_ids<'a>(
        &mut self,
        message_ids: impl Iterator<Item = &'a String>,
    ) -> Stored<()> {
        let unasked: BTreeSet<String> = message_ids
            .filter(|id| can_be_known(id))
            .map(|id| plain(&known_form(id)))
            .filter(|id| !self.pending.found.contains_key(id))
            .collect();
        if unasked.is_empty() {
            return Ok(());
        }
        let wanted: Vec<_> = unasked.iter().map(|id| (id,)).collect();
        let found: Vec<KnownRow> = self.transaction.load(LOAD_KNOWN_IDS, vec![rows(&wanted)]).await?;
        self.pending.found.extend(unasked.into_iter().map(|id| (id, None)));
        for row in found {
            let known = row.read()?;
            self.pending.found.insert(known.message_id.clone(), Some(known));
        }
        Ok(())
    }

    /// In the order of `message_ids`; unknown ones are left out.
    pub async fn load_known_ids(&mut self, message_ids: &[String]) -> Stored<Vec<KnownId>> {
        self.expect_known_ids(message_ids.iter()).await?;
        let (mut known, mut seen) = (Vec::new(), BTreeSet::new());
        for id in message_ids.iter().filter(|id| can_be_known(id)) {
            let id = plain(&known_form(id));
            let found = match self.pending.found.get(&id) {
                Some(Some(found)) => Some(found.clone()),
                // What this transaction saved first counts, as it will in the table.
                _ => self.saved_known_id(&id)?,
            };
            known.extend(found.filter(|_| seen.insert(id)));
        }
        Ok(known)
    }

    fn saved_known_id(&self, id: &str) -> Stored<Option<KnownId>> {
        let saved = self.pending.known.iter().find(|(message_id, ..)| message_id == id);
        let read = |(message_id, incident, letter, purpose, _): &KnownColumns| {
            let (message_id, purpose) = (message_id.clone(), purpose.clone());
            KnownRow { message_id, incident: *incident, letter: *letter, purpose }.read()
        };
        saved.map(read).transpose()
    }

    /// Does nothing when it is known already, or too long to be a Message-ID.
    pub async fn save_known_id(&mut self, known: &KnownId, now: DateTime<Utc>) -> Stored<()> {
        if !can_be_known(&known.message_id) {
            return Ok(());
        }
        let purpose = known.purpose.map(name);
        let message_id = plain(&known_form(&known.message_id));
        let columns = (message_id, known.incident, known.letter, purpose, micros(now));
        self.pending.known.push(columns);
        self.flush_much().await
    }

    /// Claims a digest's period; `false` when it was claimed before.
    pub async fn claim_digest(&mut self, name: &str, period_at: DateTime<Utc>) -> Stored<bool> {
        let values = vec![plain(name).into(), micros(period_at).into()];
        Ok(self.transaction.execute(CLAIM_DIGEST, values).await? == 1)
    }

    /// Forgets what was claimed under names that begin like this, but for one.
    pub async fn forget_digests(&mut self, beginning: &str, but: &str) -> Stored<()> {
        let values = vec![plain(beginning).into(), plain(but).into()];
        self.transaction.execute(FORGET_DIGESTS, values).await.map(drop)
    }

    /// The last period claimed.
    pub async fn last_digest(&mut self, name: &str) -> Stored<Option<DateTime<Utc>>> {
        let rows: Vec<(Option<i64>,)> =
            self.transaction.load(LAST_DIGEST, vec![plain(name).into()]).await?;
        rows.first().and_then(|(at,)| *at).map(read_instant).transpose()
    }
}

fn can_be_known(message_id: &str) -> bool {
    message_id.len() <= MESSAGE_ID_OCTETS_MAX
}
