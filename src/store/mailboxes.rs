//! How far each IMAP mailbox was read. A cursor moves in the transaction that stores the messages,
//! so that none is stored twice by two readers, and none is lost by one that dies.
//!
//! Start with [`Store::save_inbound_from_mailbox`].

use super::columns::{micros, plain, read_instant};
use super::engines::statements;
use super::rows::{MailboxCursor, NewInbound, Unfetched};
use super::{Store, StoreError, Stored};

/// Rows of one mailbox that are looked at: whoever has more has another trouble.
const UNFETCHED_MAX: i64 = 100;

statements! {
    LOAD_CURSOR = "select uid_validity, uid, since_at from mailbox where name = $1";
    /// The first reader of a mailbox says where reading begins; the others follow.
    START_CURSOR = "
        insert into mailbox (name, uid_validity, uid, since_at) values ($1, $2, $3, $4)
        on conflict (name) do nothing";
    /// Changes no row when another reader was faster.
    MOVE_CURSOR = "
        update mailbox set uid_validity = $2, uid = $3
        where name = $1 and uid_validity = $4 and uid = $5";
    SAVE_UNFETCHED = "
        insert into unfetched (mailbox, uid_validity, uid, attempts, reason) values ($1, $2, $3, $4, $5)
        on conflict (mailbox, uid_validity, uid)
        do update set attempts = excluded.attempts, reason = excluded.reason";
    LOAD_UNFETCHED = "
        select uid, attempts, reason from unfetched
        where mailbox = $1 and uid_validity = $2 order by attempts, uid limit $3";
    /// One row when this reader is the one that has it now.
    FORGET_UNFETCHED = "delete from unfetched where mailbox = $1 and uid_validity = $2 and uid = $3";
}

impl Store {
    /// How far a mailbox was read; `None` when it never was.
    pub async fn load_mailbox_cursor(&self, mailbox: &str) -> Stored<Option<MailboxCursor>> {
        let rows: Vec<(i64, i64, i64)> =
            self.engine.load(LOAD_CURSOR, vec![plain(mailbox).into()]).await?;
        let Some((uid_validity, uid, since_at)) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some(MailboxCursor {
            mailbox: mailbox.to_owned(),
            uid_validity: read_uid(uid_validity)?,
            uid: read_uid(uid)?,
            since_at: read_instant(since_at)?,
        }))
    }

    /// Keeps where reading begins, unless another reader did so already.
    pub async fn start_mailbox_cursor(&self, cursor: &MailboxCursor) -> Stored<()> {
        let values = vec![
            plain(&cursor.mailbox).into(),
            i64::from(cursor.uid_validity).into(),
            i64::from(cursor.uid).into(),
            micros(cursor.since_at).into(),
        ];
        self.engine.execute(START_CURSOR, values).await?;
        Ok(())
    }

    /// Stores messages of a mailbox, and moves its cursor `from` where it is thought to be `to`
    /// where they end, in one transaction; `unfetched` are messages in between that are missing.
    ///
    /// `false` when the cursor is not where it was thought to be: another reader was faster, nothing
    /// was stored, and its cursor is the one to go on from.
    pub async fn save_inbound_from_mailbox(
        &self,
        messages: &[NewInbound],
        unfetched: &[Unfetched],
        from: &MailboxCursor,
        to: &MailboxCursor,
    ) -> Stored<bool> {
        let mailbox = plain(&from.mailbox);
        let mut write = self.begin_write().await?;
        // The guard comes first: on PostgreSQL a second reader waits here until the first commits.
        let values = vec![
            mailbox.as_str().into(),
            i64::from(to.uid_validity).into(),
            i64::from(to.uid).into(),
            i64::from(from.uid_validity).into(),
            i64::from(from.uid).into(),
        ];
        if write.transaction.execute(MOVE_CURSOR, values).await? == 0 {
            return Ok(false);
        }
        write.save_inbound(messages).await?;
        for missing in unfetched {
            let values = vec![
                mailbox.as_str().into(),
                i64::from(to.uid_validity).into(),
                i64::from(missing.uid).into(),
                missing.attempts.into(),
                plain(&missing.reason).into(),
            ];
            write.transaction.execute(SAVE_UNFETCHED, values).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    /// The messages of a mailbox that are missing, those tried least first.
    pub async fn load_unfetched(&self, mailbox: &str, uid_validity: u32) -> Stored<Vec<Unfetched>> {
        let values = vec![plain(mailbox).into(), i64::from(uid_validity).into(), UNFETCHED_MAX.into()];
        let rows: Vec<(i64, i64, String)> = self.engine.load(LOAD_UNFETCHED, values).await?;
        let read = |(uid, attempts, reason)| Ok(Unfetched { uid: read_uid(uid)?, attempts, reason });
        rows.into_iter().map(read).collect()
    }

    /// Stores a message that was missing (`None`: it is gone), and no longer misses it. `false` when
    /// another reader was faster, and nothing was stored.
    pub async fn settle_unfetched(
        &self,
        mailbox: &str,
        uid_validity: u32,
        uid: u32,
        message: Option<NewInbound>,
    ) -> Stored<bool> {
        let mut write = self.begin_write().await?;
        let values = vec![plain(mailbox).into(), i64::from(uid_validity).into(), i64::from(uid).into()];
        if write.transaction.execute(FORGET_UNFETCHED, values).await? == 0 {
            return Ok(false);
        }
        write.save_inbound(message.as_slice()).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Counts another attempt at a message that is missing.
    pub async fn save_unfetched(
        &self,
        mailbox: &str,
        uid_validity: u32,
        missing: &Unfetched,
    ) -> Stored<()> {
        let values = vec![
            plain(mailbox).into(),
            i64::from(uid_validity).into(),
            i64::from(missing.uid).into(),
            missing.attempts.into(),
            plain(&missing.reason).into(),
        ];
        self.engine.execute(SAVE_UNFETCHED, values).await?;
        Ok(())
    }
}

fn read_uid(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| StoreError::Damaged("mailbox cursor"))
}
