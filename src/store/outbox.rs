//! Finished mails, and a row for each recipient of one: leased, handed over, tried again.
//!
//! Never writes a mail and never speaks to a relay. A worker that dies lets its lease lapse: a mail
//! may go out twice under one Message-ID, never not at all. Start with [`Store::lease_outbox`].

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::columns::{micros, name, plain, read_address, read_instant, read_name, read_variant, rows};
use super::engines::statements;
use super::octets::unpack;
use super::rows::{
    Job, NewLetter, NewOutbox, OperatorAction, OutboxRow, OutboxState, Taken, Undelivered,
};
use super::{Store, Stored, Write};
use crate::incident::decision::Purpose;
use crate::mail::Address;

/// How long a mail whose use had ended is tried when an operator says so.
const RETRY_WITHIN: TimeDelta = TimeDelta::days(1);

/// Rows that are counted for a figure: whoever asks every few seconds costs no more when years of mail
/// are stored.
pub const COUNTED_MAX: i64 = 10_000;

/// Why a mail is held back that cannot be read.
const DAMAGED: &str = "what is stored of this mail cannot be read";
/// When a mail is due that nobody tries again: it may have arrived, and may not.
const NEVER_MICROS: i64 = 8_000_000_000_000_000;

statements! {
    LOAD_LETTER = "
        select id, message_id, incident, purpose, created_at, subject, octets from letter where id = $1";
    LOAD_LETTERS = "
        select id, incident, purpose, octets from letter
        where id in (select cast(value->>0 as bigint) from json_each($1))";
    /// Leases the mail that has waited longest. What is of no use any more is leased on the same way,
    /// so that somebody is told of it, and is no attempt.
    LEASE = "
        update outbox set leased_until = $2, epoch = epoch + 1,
            attempts = case when expires_at <= $1 then attempts else attempts + 1 end
        where id in (select id from outbox where state in ('queued', 'deferred', 'uncertain')
                     and due_at <= $1 and leased_until <= $1 order by due_at, id limit $3)
        returning id, letter, recipient, token, due_at, attempts, ambiguous, expires_at, epoch",
        // Two workers never wait for each other.
        pg: "
        with due as materialized (
            select id as due_id from outbox where state in ('queued', 'deferred', 'uncertain')
            and due_at <= $1 and leased_until <= $1 order by due_at, id limit $3
            for update skip locked)
        update outbox set leased_until = $2, epoch = epoch + 1,
            attempts = case when expires_at <= $1 then attempts else attempts + 1 end
        from due where id = due_id
        returning id, letter, recipient, token, due_at, attempts, ambiguous, expires_at, epoch";
    RETURN_LEASES = "
        update outbox set leased_until = 0
        where state in ('queued', 'deferred', 'uncertain') and leased_until > 0";
    EARLIEST = "
        select min(case when leased_until > due_at then leased_until else due_at end)
        from outbox where state in ('queued', 'deferred', 'uncertain') and due_at < $1";
    /// Whatever became of the row meanwhile: the relay has the mail. A condition on the state would let
    /// PostgreSQL begin with the index of all that is unsent, and look for each of them among these.
    MARK_ACCEPTED = "
        update outbox set state = 'accepted', leased_until = 0,
               accepted_at = case when state = 'accepted' then accepted_at else $1 end,
               last_answer = case when state = 'accepted' then last_answer else value->>1 end
        from json_each($2) where outbox.id = cast(value->>0 as bigint)";
    /// Never due later than its use ends, so that the end is noticed in time.
    MARK_DEFERRED = "
        update outbox set leased_until = 0, last_answer = $3,
               state = case when state = 'uncertain' then state else 'deferred' end,
               due_at = case when expires_at < $2 then expires_at else $2 end
        where id = $1 and epoch = $4 and state in ('queued', 'deferred', 'uncertain')";
    /// The first time it is tried once more, later. The second time its lease stays until that is
    /// told; whoever leases it then tells it, and does not send.
    MARK_UNCERTAIN = "
        update outbox set state = 'uncertain', last_answer = $3, ambiguous = ambiguous + 1,
               leased_until = case when ambiguous > 0 then leased_until else 0 end,
               due_at = case when ambiguous > 0 then due_at when expires_at < $2 then expires_at
                             else $2 end
        where id = $1 and epoch = $4 and state in ('queued', 'deferred', 'uncertain')
        returning ambiguous";
    /// What another process has leased since keeps its new lease, and is not returned; nor is what is
    /// out of the queue, on whose state no condition stands, as in `MARK_ACCEPTED`.
    RENEW_LEASES = "
        update outbox
        set leased_until = case when state in ('queued', 'deferred', 'uncertain') then $2
                                else leased_until end
        from json_each($1)
        where outbox.id = cast(value->>0 as bigint) and outbox.epoch = cast(value->>1 as bigint)
        returning case when state in ('queued', 'deferred', 'uncertain') then outbox.id end";
    /// A delivery report may refuse what the relay accepted before.
    MARK_REFUSED = "
        update outbox set state = 'refused', leased_until = 0, last_answer = $2
        where id = $1 and state <> 'refused'";
    /// It is due never again, from the transaction on that tells of it.
    MARK_TOLD = "
        update outbox set due_at = $2, leased_until = 0
        where id = $1 and state = 'uncertain' and ambiguous > 1 and due_at < $2";
    LOAD_EXPIRED = "
        select id from outbox where state in ('queued', 'deferred', 'uncertain')
        and expires_at <= $1 and leased_until <= $1 and ambiguous < 2 order by due_at, id limit $2";
    MARK_EXPIRED = "
        update outbox set state = 'expired', leased_until = 0
        where id = $1 and state in ('queued', 'deferred', 'uncertain')";
    SUPERSEDE = "
        update outbox set state = 'superseded'
        where state in ('queued', 'deferred', 'uncertain') and incident = $1 and recipient_key = $2
        and (select l.purpose from letter l where l.id = outbox.letter)
            in (select value->>0 from json_each($3))";
    SETTLE = "
        update outbox set state = 'superseded'
        where state in ('queued', 'deferred', 'uncertain') and incident = $1
        and (select l.purpose from letter l where l.id = outbox.letter)
            in (select value->>0 from json_each($2))";
    /// A lease stays: whoever has it may be about to send.
    RETRY = "
        update outbox set state = 'queued', due_at = $2, attempts = 0, ambiguous = 0,
               expires_at = case when expires_at <= $2 then $3 else expires_at end
        where id = $1 and state not in ('accepted', 'cancelled')";
    /// What expired or was replaced stays what it is, until somebody names it.
    RETRY_ALL = "
        update outbox set state = 'queued', due_at = $1, attempts = 0, ambiguous = 0,
               expires_at = case when expires_at <= $1 then $2 else expires_at end
        where state in ('queued', 'deferred', 'uncertain', 'refused', 'held') and state <> 'accepted'";
    HOLD_DAMAGED = "
        update outbox set state = 'held', leased_until = 0, last_answer = $2
        where id in (select cast(value->>0 as bigint) from json_each($1))";
    /// As SQLite does not conclude that what is held was not accepted, it is told, and uses the index.
    LOAD_DAMAGED = "
        select id from outbox where state = 'held' and state <> 'accepted' and last_answer = $1
        order by id limit $2";
    LOAD_TAKEN = "
        select o.id, o.incident, l.purpose, o.recipient, o.accepted_at, o.last_answer
        from outbox o join letter l on l.id = o.letter
        where o.awaited = 1 and o.state = 'accepted' order by o.id limit $1";
    MARK_HEARD = "
        update outbox set awaited = 0
        where awaited = 1 and id in (select cast(value->>0 as bigint) from json_each($1))";
    /// What is for the operator does not count: it tells of the others. Nor does what waits for the
    /// end of its reader's hour.
    LOAD_WAITING_SINCE = "
        select min(case when attempts = 0 then due_at else l.created_at end), count(*)
        from (select letter, attempts, due_at from outbox
              where state in ('queued', 'deferred', 'uncertain') and due_at < $1
              and (attempts > 0 or due_at <= $2) order by due_at, id limit $3) counted
             join letter l on l.id = counted.letter
        where l.purpose not in ('operator', 'stuck')";
    SETTLE_STUCK = "
        update outbox set state = 'superseded'
        where state in ('queued', 'deferred', 'uncertain')
        and exists (select 1 from letter l where l.id = outbox.letter and l.purpose = 'stuck')";
    /// What was accepted is nearly all, and nobody counts it for a figure.
    COUNT_UNSENT = "
        select value->>0, (select count(*) from (
            select id from outbox where state = value->>0 and state <> 'accepted' limit $2) counted)
        from json_each($1)";
    SAVE_DIALOGUE = "update outbox set dialogue = $2 where id = $1";
    LOAD_DIALOGUE = "select dialogue from outbox where id = $1";
    CANCEL = "
        update outbox set state = 'cancelled'
        where id = $1 and state not in ('accepted', 'cancelled')";
    /// Not while it is being handed over to the old address. Whoever had it leased before is not
    /// heard any more.
    READDRESS = "
        update outbox set state = 'queued', recipient = $4, recipient_key = $5, due_at = $2,
               attempts = 0, ambiguous = 0, epoch = epoch + 1,
               expires_at = case when expires_at <= $2 then $3 else expires_at end
        where id = $1 and leased_until <= $2 and state not in ('accepted', 'cancelled')";
    HOLD = "update outbox set state = 'held' where id = $1 and state in ('queued', 'deferred', 'uncertain')";
    LOAD_ROW = "
        select o.id, l.message_id, l.incident, l.purpose, o.recipient, l.subject, o.state, l.created_at,
               o.due_at, o.accepted_at, o.attempts, o.last_answer
        from outbox o join letter l on l.id = o.letter where o.id = $1";
    LOAD_NEWEST = "
        select o.id, l.message_id, l.incident, l.purpose, o.recipient, l.subject, o.state, l.created_at,
               o.due_at, o.accepted_at, o.attempts, o.last_answer
        from outbox o join letter l on l.id = o.letter order by o.id desc limit $1";
    LOAD_NEWEST_OF = "
        select o.id, l.message_id, l.incident, l.purpose, o.recipient, l.subject, o.state, l.created_at,
               o.due_at, o.accepted_at, o.attempts, o.last_answer
        from outbox o join letter l on l.id = o.letter where o.state = $2 order by o.id desc limit $1";
}

#[derive(sqlx::FromRow)]
struct LetterRow {
    id: i64,
    message_id: String,
    incident: Option<i64>,
    purpose: String,
    created_at: i64,
    subject: String,
    octets: Vec<u8>,
}

impl LetterRow {
    fn read(self) -> Stored<NewLetter> {
        Ok(NewLetter {
            id: self.id,
            message_id: self.message_id,
            incident: self.incident,
            purpose: read_name(self.purpose, "letter's purpose")?,
            created_at: read_instant(self.created_at)?,
            subject: self.subject,
            octets: unpack(&self.octets, "letter")?,
        })
    }
}

#[derive(sqlx::FromRow)]
struct LeasedRow {
    id: i64,
    letter: i64,
    recipient: String,
    token: Option<String>,
    due_at: i64,
    attempts: i64,
    ambiguous: i64,
    expires_at: i64,
    epoch: i64,
}

/// What the jobs of one letter share.
struct Shared {
    incident: Option<i64>,
    purpose: Purpose,
    octets: Arc<Vec<u8>>,
}

impl LeasedRow {
    fn read(self, letter: &Shared) -> Stored<Job> {
        Ok(Job {
            outbox: self.id,
            letter: self.letter,
            incident: letter.incident,
            purpose: letter.purpose,
            recipient: read_address(&self.recipient)?,
            token: self.token,
            attempts: self.attempts,
            ambiguous: self.ambiguous,
            epoch: self.epoch,
            expires_at: read_instant(self.expires_at)?,
            octets: Arc::clone(&letter.octets),
        })
    }
}

#[derive(sqlx::FromRow)]
struct TakenRow {
    id: i64,
    incident: Option<i64>,
    purpose: String,
    recipient: String,
    accepted_at: Option<i64>,
    last_answer: String,
}

impl TakenRow {
    fn read(self) -> Stored<Taken> {
        Ok(Taken {
            outbox: self.id,
            incident: self.incident,
            purpose: read_name(self.purpose, "letter's purpose")?,
            recipient: read_address(&self.recipient)?,
            at: read_instant(self.accepted_at.unwrap_or_default())?,
            answer: self.last_answer,
        })
    }
}

#[derive(sqlx::FromRow)]
struct ShownRow {
    id: i64,
    message_id: String,
    incident: Option<i64>,
    purpose: String,
    recipient: String,
    subject: String,
    state: String,
    created_at: i64,
    due_at: i64,
    accepted_at: Option<i64>,
    attempts: i64,
    last_answer: String,
}

impl ShownRow {
    fn read(self) -> Stored<OutboxRow> {
        Ok(OutboxRow {
            id: self.id,
            message_id: self.message_id,
            incident: self.incident,
            purpose: read_name(self.purpose, "letter's purpose")?,
            recipient: read_address(&self.recipient)?,
            subject: self.subject,
            state: read_variant(&self.state, &OutboxState::NAMES, "outbox row's state")?,
            created_at: read_instant(self.created_at)?,
            due_at: (self.due_at < NEVER_MICROS).then(|| read_instant(self.due_at)).transpose()?,
            accepted_at: self.accepted_at.map(read_instant).transpose()?,
            attempts: self.attempts,
            last_answer: self.last_answer,
        })
    }
}

impl Store {
    /// Octets of a letter: what the recipient of an answer was told.
    pub async fn load_letter(&self, letter: i64) -> Stored<Option<NewLetter>> {
        let rows: Vec<LetterRow> = self.engine.load(LOAD_LETTER, vec![letter.into()]).await?;
        rows.into_iter().next().map(LetterRow::read).transpose()
    }

    /// Leases what has waited longest and is due, also what is of no use any more. The attempts of a
    /// job include this one.
    ///
    /// Safe with any number of workers on one database: one row is leased to one of them.
    pub async fn lease_outbox(
        &self,
        limit: i64,
        leased_until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Stored<Vec<Job>> {
        let values = vec![micros(now).into(), micros(leased_until).into(), limit.into()];
        let mut leased: Vec<LeasedRow> = self.engine.change(LEASE, values).await?;
        if leased.is_empty() {
            return Ok(Vec::new());
        }
        leased.sort_unstable_by_key(|row| (row.due_at, row.id));
        self.load_jobs(leased).await
    }

    /// A row that cannot be read, or has no letter, is held back, so that it is in nobody's way.
    async fn load_jobs(&self, leased: Vec<LeasedRow>) -> Stored<Vec<Job>> {
        let mut letters: Vec<(i64,)> = leased.iter().map(|row| (row.letter,)).collect();
        letters.sort_unstable();
        letters.dedup();
        let found: Vec<(i64, Option<i64>, String, Vec<u8>)> =
            self.engine.load(LOAD_LETTERS, vec![rows(&letters)]).await?;
        let mut shared = HashMap::with_capacity(found.len());
        for (id, incident, purpose, octets) in found {
            let purpose = read_name(purpose, "letter's purpose");
            if let (Ok(purpose), Ok(octets)) = (purpose, unpack(&octets, "letter")) {
                shared.insert(id, Shared { incident, purpose, octets: Arc::new(octets) });
            }
        }
        let (mut jobs, mut damaged) = (Vec::with_capacity(leased.len()), Vec::new());
        for row in leased {
            let id = row.id;
            match shared.get(&row.letter).map(|letter| row.read(letter)) {
                Some(Ok(job)) => jobs.push(job),
                Some(Err(_)) | None => damaged.push((id,)),
            }
        }
        if !damaged.is_empty() {
            self.engine.execute(HOLD_DAMAGED, vec![rows(&damaged), DAMAGED.into()]).await?;
        }
        Ok(jobs)
    }

    /// Mails that were held back because they cannot be read.
    pub async fn load_damaged_outbox(&self, limit: i64) -> Stored<Vec<i64>> {
        let rows: Vec<(i64,)> =
            self.engine.load(LOAD_DAMAGED, vec![DAMAGED.into(), limit.into()]).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// What is of no use any more, and nobody has leased.
    pub async fn load_expired_outbox(&self, now: DateTime<Utc>, limit: i64) -> Stored<Vec<i64>> {
        let values = vec![micros(now).into(), limit.into()];
        let rows: Vec<(i64,)> = self.engine.load(LOAD_EXPIRED, values).await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Ends every lease, so that what a killed server was sending is sent again at once.
    ///
    /// Only for a server that knows to be the only one on this database: others' leases end too.
    pub async fn return_leases(&self) -> Stored<u64> {
        self.engine.execute(RETURN_LEASES, vec![]).await
    }

    /// When a worker must look again: the first row to fall due, or whose lease lapses.
    pub async fn earliest_outbox(&self) -> Stored<Option<DateTime<Utc>>> {
        let rows: Vec<(Option<i64>,)> = self.engine.load(EARLIEST, vec![NEVER_MICROS.into()]).await?;
        rows.first().and_then(|(at,)| *at).map(read_instant).transpose()
    }

    /// Since when the oldest mail waits that is to go out by now, and how many wait, of which the
    /// [`COUNTED_MAX`] that are longest due count; `None` when none does.
    pub async fn waiting_outbox(&self, now: DateTime<Utc>) -> Stored<Option<(DateTime<Utc>, i64)>> {
        let values = vec![NEVER_MICROS.into(), micros(now).into(), COUNTED_MAX.into()];
        let rows: Vec<(Option<i64>, i64)> = self.engine.load(LOAD_WAITING_SINCE, values).await?;
        let Some((Some(since), count)) = rows.first().copied() else { return Ok(None) };
        Ok(Some((read_instant(since)?, count)))
    }

    /// Takes notices that mail does not move out of the queue; returns how many.
    pub async fn settle_stuck(&self) -> Stored<u64> {
        self.engine.execute(SETTLE_STUCK, vec![]).await
    }

    /// How many mails are in each state but that of having been accepted, up to [`COUNTED_MAX`] of each;
    /// none where none is.
    pub async fn count_unsent_outbox(&self) -> Stored<Vec<(OutboxState, i64)>> {
        let names = OutboxState::NAMES.iter().filter(|(state, _)| *state != OutboxState::Accepted);
        let names: Vec<_> = names.map(|(_, name)| (name,)).collect();
        let counts: Vec<(String, i64)> =
            self.engine.load(COUNT_UNSENT, vec![rows(&names), COUNTED_MAX.into()]).await?;
        let read = |(state, count): (String, i64)| {
            Ok((read_variant(&state, &OutboxState::NAMES, "mail's state")?, count))
        };
        counts.into_iter().filter(|(_, count)| *count > 0).map(read).collect()
    }

    /// Mails that a relay took and of which an incident waits to hear that, the oldest first.
    pub async fn load_taken(&self, limit: i64) -> Stored<Vec<Taken>> {
        let rows: Vec<TakenRow> = self.engine.load(LOAD_TAKEN, vec![limit.into()]).await?;
        rows.into_iter().map(TakenRow::read).collect()
    }

    /// The relay has these mails, and what it said of each.
    pub async fn mark_accepted(&self, outbox: &[(i64, String)], now: DateTime<Utc>) -> Stored<()> {
        if outbox.is_empty() {
            return Ok(());
        }
        let accepted: Vec<_> = outbox.iter().map(|(id, answer)| (id, plain(answer))).collect();
        let accepted = rows(&accepted);
        self.engine.execute(MARK_ACCEPTED, vec![micros(now).into(), accepted.clone()]).await?;
        self.forget_reached(accepted, now).await
    }

    /// The relay did not take it yet; does nothing when it is out of the queue meanwhile, or
    /// somebody else has leased it.
    pub async fn mark_deferred(&self, job: &Job, due_at: DateTime<Utc>, answer: &str) -> Stored<()> {
        let (id, due_at) = (job.outbox.into(), micros(due_at).into());
        self.engine
            .execute(MARK_DEFERRED, vec![id, due_at, plain(answer).into(), job.epoch.into()])
            .await?;
        Ok(())
    }

    /// The relay did not say whether it has it. Returns how often that was so; from the second time
    /// on it is not tried again, and stays leased until [`Write::mark_undelivered`]. 0 when it is out of the queue, or somebody else has leased it.
    pub async fn mark_uncertain(&self, job: &Job, due_at: DateTime<Utc>, answer: &str) -> Stored<i64> {
        let values =
            vec![job.outbox.into(), micros(due_at).into(), plain(answer).into(), job.epoch.into()];
        let rows: Vec<(i64,)> = self.engine.change(MARK_UNCERTAIN, values).await?;
        Ok(rows.first().map_or(0, |(ambiguous,)| *ambiguous))
    }

    /// Renews leases, each named by row and epoch; returns those that are still ours.
    pub async fn renew_leases(
        &self,
        held: &[(i64, i64)],
        leased_until: DateTime<Utc>,
    ) -> Stored<Vec<i64>> {
        let values = vec![rows(held), micros(leased_until).into()];
        let kept: Vec<(Option<i64>,)> = self.engine.change(RENEW_LEASES, values).await?;
        Ok(kept.into_iter().filter_map(|(id,)| id).collect())
    }

    /// Keeps what was said between us and the relay about a mail that it did not take.
    pub async fn save_dialogue(&self, outbox: i64, dialogue: &str) -> Stored<()> {
        self.engine.execute(SAVE_DIALOGUE, vec![outbox.into(), plain(dialogue).into()]).await?;
        Ok(())
    }

    /// One row, with what was said between us and the relay when it last did not take the mail.
    pub async fn load_outbox_row(&self, outbox: i64) -> Stored<Option<(OutboxRow, String)>> {
        let rows: Vec<ShownRow> = self.engine.load(LOAD_ROW, vec![outbox.into()]).await?;
        let said: Vec<(String,)> = self.engine.load(LOAD_DIALOGUE, vec![outbox.into()]).await?;
        let Some((row, (dialogue,))) = rows.into_iter().next().zip(said.into_iter().next()) else {
            return Ok(None);
        };
        Ok(Some((row.read()?, dialogue)))
    }

    /// Newest first.
    pub async fn load_outbox(&self, state: Option<OutboxState>, limit: i64) -> Stored<Vec<OutboxRow>> {
        let rows: Vec<ShownRow> = match state {
            Some(state) => {
                self.engine.load(LOAD_NEWEST_OF, vec![limit.into(), state.name().into()]).await?
            }
            None => self.engine.load(LOAD_NEWEST, vec![limit.into()]).await?,
        };
        // One that is damaged keeps nobody from the others.
        Ok(rows.into_iter().filter_map(|row| row.read().ok()).collect())
    }

    /// Has all that wait, failed or are held tried now; returns how many.
    pub async fn retry_outbox(&self, now: DateTime<Utc>) -> Stored<u64> {
        let values = vec![micros(now).into(), micros(now + RETRY_WITHIN).into()];
        self.engine.execute(RETRY_ALL, values).await
    }

    /// Whether there was such a row to change.
    pub async fn operate_outbox(
        &self,
        outbox: i64,
        action: OperatorAction,
        now: DateTime<Utc>,
    ) -> Stored<bool> {
        let changed = match action {
            OperatorAction::Retry => {
                let values = vec![outbox.into(), micros(now).into(), micros(now + RETRY_WITHIN).into()];
                self.engine.execute(RETRY, values).await?
            }
            OperatorAction::Hold => self.engine.execute(HOLD, vec![outbox.into()]).await?,
            OperatorAction::Cancel => self.engine.execute(CANCEL, vec![outbox.into()]).await?,
            OperatorAction::Readdress(to) => {
                let values = vec![
                    outbox.into(),
                    micros(now).into(),
                    micros(now + RETRY_WITHIN).into(),
                    to.as_str().into(),
                    to.key().into(),
                ];
                self.engine.execute(READDRESS, values).await?
            }
        };
        Ok(changed == 1)
    }
}

impl Write {
    /// Keeps a finished mail.
    pub async fn save_letter(&mut self, letter: &NewLetter) -> Stored<()> {
        let columns = (
            letter.id,
            plain(&letter.message_id),
            letter.incident,
            name(letter.purpose),
            micros(letter.created_at),
            plain(&letter.subject),
        );
        self.pending.add_letter(columns, &letter.octets);
        self.flush_much().await
    }

    /// Queues letters.
    pub async fn save_outbox(&mut self, outbox: &[NewOutbox]) -> Stored<()> {
        self.pending.outbox.extend(outbox.iter().map(|row| {
            (
                row.id,
                row.letter,
                row.recipient.as_str().to_owned(),
                row.recipient.key(),
                row.token.clone(),
                micros(row.due_at),
                micros(row.expires_at),
                row.tells_from,
                i64::from(row.awaited),
            )
        }));
        self.flush_much().await
    }

    /// An incident heard that a relay took this mail; `false` when it had heard that.
    pub async fn mark_heard(&mut self, outbox: i64) -> Stored<bool> {
        let ids = rows(&[(outbox,)]);
        Ok(self.transaction.execute(MARK_HEARD, vec![ids]).await? == 1)
    }

    /// Takes unsent mail of these purposes about an incident to a person out of the queue.
    pub async fn supersede(
        &mut self,
        incident: i64,
        recipient: &Address,
        purposes: &[Purpose],
    ) -> Stored<u64> {
        self.flush().await?;
        let purposes: Vec<_> = purposes.iter().map(|purpose| (purpose,)).collect();
        let values = vec![incident.into(), recipient.key().into(), rows(&purposes)];
        self.transaction.execute(SUPERSEDE, values).await
    }

    /// Takes all unsent mail of these purposes about an incident out of the queue: it is settled.
    pub async fn settle(&mut self, incident: i64, purposes: &[Purpose]) -> Stored<u64> {
        self.flush().await?;
        let purposes: Vec<_> = purposes.iter().map(|purpose| (purpose,)).collect();
        self.transaction.execute(SETTLE, vec![incident.into(), rows(&purposes)]).await
    }

    /// As [`Store::settle_stuck`].
    pub async fn settle_stuck(&mut self) -> Stored<u64> {
        self.transaction.execute(SETTLE_STUCK, vec![]).await
    }

    pub async fn load_letter(&mut self, letter: i64) -> Stored<Option<NewLetter>> {
        if self.pending.has_letter(letter) {
            self.flush().await?;
        }
        let rows: Vec<LetterRow> = self.transaction.load(LOAD_LETTER, vec![letter.into()]).await?;
        rows.into_iter().next().map(LetterRow::read).transpose()
    }

    /// The outbox row with its letter: for delivery reports.
    pub async fn load_outbox_row(&mut self, outbox: i64) -> Stored<Option<OutboxRow>> {
        self.flush().await?;
        let rows: Vec<ShownRow> = self.transaction.load(LOAD_ROW, vec![outbox.into()]).await?;
        rows.into_iter().next().map(ShownRow::read).transpose()
    }

    /// It will not reach its recipient; `false` when that was known already.
    pub async fn mark_undelivered(&mut self, outbox: i64, why: &Undelivered) -> Stored<bool> {
        self.flush().await?;
        let changed = match why {
            Undelivered::Refused(answer) => {
                let values = vec![outbox.into(), plain(answer).into()];
                self.transaction.execute(MARK_REFUSED, values).await?
            }
            Undelivered::Uncertain => {
                let values = vec![outbox.into(), NEVER_MICROS.into()];
                self.transaction.execute(MARK_TOLD, values).await?
            }
            Undelivered::Expired => self.transaction.execute(MARK_EXPIRED, vec![outbox.into()]).await?,
        };
        Ok(changed == 1)
    }
}
