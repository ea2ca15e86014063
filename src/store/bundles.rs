//! Notes and updates that still wait in the outbox, and what takes their place there.
//!
//! Never writes a mail. Start with [`Write::take_place`].

use std::collections::{BTreeSet, HashMap};

use super::columns::rows;
use super::engines::statements;
use super::{Stored, Write};
use crate::incident::decision::Purpose;
use crate::mail::Address;

statements! {
    /// What is being handed over at this moment may arrive, too: then it is told twice, and not never.
    /// The letter's purpose is a value of its own, so that PostgreSQL looks at the letters of these
    /// rows and not at all there are.
    TAKE_PLACE = "
        update outbox set state = 'superseded'
        where state in ('queued', 'deferred', 'uncertain') and tells_from is not null
        and incident = $1 and recipient_key in (select value->>0 from json_each($2))
        and (select l.purpose from letter l where l.id = outbox.letter)
            in (select value->>0 from json_each($3))
        returning recipient_key, tells_from",
        // Waits for nobody who has leased such a row at this moment, and looks for each reader in turn.
        pg: "
        with due as materialized (
            select waiting.id as due_id from json_each($2) cross join lateral (
                select id from outbox
                where state in ('queued', 'deferred', 'uncertain') and tells_from is not null
                and incident = $1 and recipient_key = value->>0
                and (select l.purpose from letter l where l.id = outbox.letter)
                    in (select value->>0 from json_each($3))
                for update skip locked) waiting)
        update outbox set state = 'superseded' from due where id = due_id
        returning recipient_key, tells_from";
    /// `limit` keeps PostgreSQL from joining all that was ever sent.
    LOAD_TELLING = "
        select cast(value->>0 as bigint) from json_each($1)
        where (select tells_from from outbox
               where state in ('queued', 'deferred', 'uncertain') and tells_from is not null
               and incident = cast(value->>0 as bigint) limit 1) is not null";
}

impl Write {
    /// Takes what waits of these purposes about an incident to these people out of the queue, because a
    /// newer mail tells it, too. Returns the first timeline entry that each has not been told of, by
    /// the address's key.
    pub async fn take_place<'a>(
        &mut self,
        incident: i64,
        recipients: impl Iterator<Item = &'a Address>,
        purposes: &[Purpose],
    ) -> Stored<HashMap<String, i64>> {
        self.flush_mail().await?;
        let keys: Vec<_> = recipients.map(|recipient| (recipient.key(),)).collect();
        let purposes: Vec<_> = purposes.iter().map(|purpose| (purpose,)).collect();
        let values = vec![incident.into(), rows(&keys), rows(&purposes)];
        let taken: Vec<(String, i64)> = self.transaction.load(TAKE_PLACE, values).await?;
        let mut untold = HashMap::new();
        for (key, from) in taken {
            let first = untold.entry(key).or_insert(from);
            *first = from.min(*first);
        }
        Ok(untold)
    }

    /// Those of these incidents about which anything waits that a newer mail could take the place of.
    pub async fn load_telling(&mut self, incidents: &[i64]) -> Stored<BTreeSet<i64>> {
        let incidents: Vec<_> = incidents.iter().map(|incident| (incident,)).collect();
        let found: Vec<(i64,)> = self.transaction.load(LOAD_TELLING, vec![rows(&incidents)]).await?;
        Ok(found.into_iter().map(|(incident,)| incident).collect())
    }
}
