//! What the reminders that wait in the outbox ask for, so that one of several in a mail can be
//! settled, or come again, without losing the others.
//!
//! Never writes a mail. Start with [`Write::load_waiting_reminders`].

use super::columns::{name, read_address, read_name, rows};
use super::engines::statements;
use super::rows::{AskedFor, WaitingReminder};
use super::{StoreError, Stored, Write};
use crate::incident::decision::Purpose;
use crate::mail::Address;

statements! {
    SAVE = "
        insert into reminder (letter, incident, purpose, escalated)
        select cast(value->>0 as bigint), cast(value->>1 as bigint), value->>2,
               cast(value->>3 as boolean)
        from json_each($1)";
    LOAD_WAITING = "
        select o.id, r.incident, r.purpose, r.escalated
        from outbox o join reminder r on r.letter = o.letter
        where o.state in ('queued', 'deferred', 'uncertain') and o.recipient_key = $1
        order by o.id, r.incident, r.purpose";
    LOAD_REMINDED = "
        select distinct o.recipient
        from outbox o join reminder r on r.letter = o.letter
        where o.state in ('queued', 'deferred', 'uncertain') and r.incident = $1
        and r.purpose in (select value->>0 from json_each($2))";
    TAKE_BACK = "
        update outbox set state = 'superseded'
        where state in ('queued', 'deferred', 'uncertain')
        and id in (select cast(value->>0 as bigint) from json_each($1))";
}

impl Write {
    /// Keeps what the reminders in a letter ask for.
    pub async fn save_reminders(&mut self, letter: i64, asked: &[AskedFor]) -> Stored<()> {
        let asked: Vec<_> = asked
            .iter()
            .map(|asked| (letter, asked.incident, name(asked.purpose), asked.escalated))
            .collect();
        self.transaction.execute(SAVE, vec![rows(&asked)]).await?;
        Ok(())
    }

    /// What one person will be reminded of by mail that is not sent yet.
    pub async fn load_waiting_reminders(&mut self, recipient: &Address) -> Stored<Vec<WaitingReminder>> {
        self.flush().await?;
        let found: Vec<(i64, i64, String, bool)> =
            self.transaction.load(LOAD_WAITING, vec![recipient.key().into()]).await?;
        found
            .into_iter()
            .map(|(outbox, incident, purpose, escalated)| {
                let purpose = read_name(purpose, "reminder's purpose")?;
                Ok(WaitingReminder { outbox, asked: AskedFor { incident, purpose, escalated } })
            })
            .collect()
    }

    /// Who will be reminded of such things in an incident by mail that is not sent yet.
    pub async fn load_reminded(&mut self, incident: i64, of: &[Purpose]) -> Stored<Vec<Address>> {
        self.flush().await?;
        let of: Vec<_> = of.iter().map(|purpose| (purpose,)).collect();
        let found: Vec<(String,)> =
            self.transaction.load(LOAD_REMINDED, vec![incident.into(), rows(&of)]).await?;
        found.into_iter().map(|(recipient,)| read_address(&recipient)).collect()
    }

    /// Takes these mails out of the queue. [`StoreError::Conflict`] when one of them was sent, or
    /// taken back, meanwhile.
    pub async fn take_back(&mut self, outbox: &[i64]) -> Stored<()> {
        let ids: Vec<_> = outbox.iter().map(|id| (id,)).collect();
        let taken = self.transaction.execute(TAKE_BACK, vec![rows(&ids)]).await?;
        if usize::try_from(taken) == Ok(outbox.len()) { Ok(()) } else { Err(StoreError::Conflict) }
    }
}
