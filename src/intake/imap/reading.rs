//! What is done on a connection: where reading begins, what is new, and what could not be had.
//!
//! The order that loses nothing: fetch, store together with the cursor, and only then move. Start
//! with [`read_until_it_breaks`].

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::connection::{Connection, ImapError, Opened};
use super::{Memory, Settings};
use crate::intake::envelope::{read_fields, read_recipients, read_reverse_path};
use crate::mail::MESSAGE_OCTETS_MAX;
use crate::store::StoreError;
use crate::store::rows::{Client, MailboxCursor, NewInbound, Route, Unfetched};

/// Messages that share a commit.
const BATCH_MAX: usize = 50;
/// Octets that are fetched at once, unless one message has more.
const BATCH_OCTETS_MAX: usize = 8 * 1024 * 1024;
/// A mailbox whose UIDs became invalid is looked through for the messages of this span.
const LOOK_BACK: TimeDelta = TimeDelta::days(1);
/// Of these the newest; more than any incident address gets in a day.
const LOOK_BACK_MAX: usize = 10_000;
/// The connection broke so often at one message that it is passed over.
const STUMBLES_MAX: u32 = 3;
/// A message that the server does not hand out is asked for so often, at each look into the mailbox.
const ATTEMPTS_MAX: i64 = 10;

impl From<StoreError> for ImapError {
    fn from(error: StoreError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::NotStored(format!("{error}{}", cause.unwrap_or_default()))
    }
}

/// What became of a message that was asked for.
enum Fetched {
    Message(Vec<u8>),
    /// Somebody deleted or moved it meanwhile.
    Gone,
    /// It is there, and the server does not hand it out.
    Missing(String),
}

/// Connects, reads what is new, and goes on until something breaks; returns what.
pub(super) async fn read_until_it_breaks(settings: &Settings, memory: &mut Memory) -> ImapError {
    let outcome = async {
        let connection = Connection::open(&settings.mailbox, settings.patience).await?;
        Reader::open(settings, memory, connection).await?.read().await
    };
    match outcome.await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    memory: &'a mut Memory,
    connection: Connection,
    opened: Opened,
    cursor: MailboxCursor,
}

impl<'a> Reader<'a> {
    async fn open(
        settings: &'a Settings,
        memory: &'a mut Memory,
        mut connection: Connection,
    ) -> Result<Self, ImapError> {
        let mailbox = &settings.mailbox;
        let opened = connection.open_folder(&mailbox.folder, mailbox.move_to.is_some()).await?;
        let name = mailbox.name();
        let cursor = match settings.store.load_mailbox_cursor(&name).await? {
            Some(cursor) => cursor,
            None => start_cursor(settings, name, opened).await?,
        };
        let mut reader = Self { settings, memory, connection, opened, cursor };
        if reader.cursor.uid_validity != opened.uid_validity {
            reader.look_back().await?;
        }
        Ok(reader)
    }

    async fn read(mut self) -> Result<std::convert::Infallible, ImapError> {
        let every = self.settings.mailbox.poll_every;
        let mut look_for_missing_at = Instant::now();
        info!(idle = self.connection.abilities.idle, "the mailbox is open");
        loop {
            self.read_new().await?;
            if Instant::now() >= look_for_missing_at {
                self.read_missing().await?;
                look_for_missing_at = Instant::now() + every;
            }
            self.settings.meters.mailbox_read(self.settings.clock.now());
            self.connection.wait_for_news(Instant::now() + every).await?;
            // Only now: a server that ends every connection soon is not asked for one every second.
            self.memory.failures = 0;
        }
    }

    /// Everything behind the cursor.
    async fn read_new(&mut self) -> Result<(), ImapError> {
        loop {
            let last = self.cursor.uid;
            // `n:*` finds the last message even where it lies before `n` (RFC 9051 section 9).
            let mut uids = self.connection.search(&format!("UID {}:*", last.saturating_add(1))).await?;
            uids.retain(|uid| *uid > last);
            if uids.is_empty() {
                return Ok(());
            }
            let uids: Vec<u32> = uids.into_iter().collect();
            for batch in self.cut(&uids).await? {
                let Some(&end) = batch.last() else { continue };
                let to = MailboxCursor { uid: end, ..self.cursor.clone() };
                let (messages, missing) = self.fetch_batch(&batch).await?;
                if !self.store(messages, &missing, to).await? {
                    // Somebody else reads this mailbox, too; go on from where they are.
                    self.follow().await?;
                    break;
                }
                for uid in &batch {
                    self.memory.stumbles.remove(uid);
                }
            }
        }
    }

    /// UIDs mean other messages than before, so the recent ones are stored once more. A message
    /// that was stored is known by its content, and does nothing the second time.
    async fn look_back(&mut self) -> Result<(), ImapError> {
        let recent = self.find_recent().await?;
        info!(
            messages = recent.len(),
            "the mailbox was renumbered; its messages of a day are read again"
        );
        let mut all_missing = Vec::new();
        for batch in self.cut(&recent).await? {
            let (messages, missing) = self.fetch_batch(&batch).await?;
            all_missing.extend(missing);
            // The cursor stays until all are stored: a crash in between begins again.
            let same = self.cursor.clone();
            if !self.store(messages, &[], same).await? {
                return self.follow().await;
            }
        }
        let to = MailboxCursor {
            uid_validity: self.opened.uid_validity,
            uid: self.opened.uid_next.saturating_sub(1),
            ..self.cursor.clone()
        };
        let moved = self.store(Vec::new(), &all_missing, to).await?;
        self.memory.stumbles.clear();
        if moved { Ok(()) } else { self.follow().await }
    }

    /// The messages of the last day, without those that were there before Firebell came.
    async fn find_recent(&mut self) -> Result<Vec<u32>, ImapError> {
        // A second, because the server keeps no fractions of it.
        let since = self.cursor.since_at - TimeDelta::seconds(1);
        let since = since.max(self.settings.clock.now() - LOOK_BACK);
        // Servers compare days in a zone of their own.
        let day = (since - TimeDelta::days(1)).format("%d-%b-%Y");
        let found = self.connection.search(&format!("SINCE {day}")).await?;
        let uid_next = self.opened.uid_next;
        let uids: Vec<u32> = found.into_iter().filter(|uid| *uid < uid_next).collect();
        let uids = uids.get(uids.len().saturating_sub(LOOK_BACK_MAX)..).unwrap_or_default();
        let mut recent = Vec::new();
        for some in uids.chunks(BATCH_MAX) {
            let answer = self.connection.fetch(some, "INTERNALDATE").await?;
            recent.extend(
                answer
                    .fetched()
                    .filter(|items| match items.internal_date.as_deref().and_then(read_internal_date) {
                        Some(arrived_at) => arrived_at >= since,
                        None => false,
                    })
                    .map(|items| items.uid),
            );
        }
        recent.sort_unstable();
        recent.dedup();
        Ok(recent)
    }

    /// The cursor as another reader left it.
    async fn follow(&mut self) -> Result<(), ImapError> {
        let stored = self.settings.store.load_mailbox_cursor(&self.cursor.mailbox).await?;
        let Some(cursor) = stored else {
            return Err(ImapError::NotStored("it has no cursor".to_owned()));
        };
        self.cursor = cursor;
        if self.cursor.uid_validity == self.opened.uid_validity {
            Ok(())
        } else {
            Err(ImapError::Broken("another server reads the mailbox under other numbers".to_owned()))
        }
    }

    /// Cuts messages into batches by their number and size. Those at which a connection broke
    /// before are alone, and so is one that is too large.
    async fn cut(&mut self, uids: &[u32]) -> Result<Vec<Vec<u32>>, ImapError> {
        let mut batches: Vec<Vec<u32>> = Vec::new();
        // How much room the last batch has; none for what must be alone.
        let mut room = 0;
        for some in uids.chunks(BATCH_MAX) {
            let sizes = self.ask_sizes(some).await?;
            for uid in some {
                let size = sizes.get(uid).map_or(0, |size| *size as usize);
                let alone = self.memory.stumbles.contains_key(uid);
                match batches.last_mut() {
                    Some(batch) if !alone && size < room && batch.len() < BATCH_MAX => {
                        batch.push(*uid);
                        room -= size;
                    }
                    _ => {
                        batches.push(vec![*uid]);
                        room = if alone { 0 } else { BATCH_OCTETS_MAX.saturating_sub(size) };
                    }
                }
            }
        }
        Ok(batches)
    }

    async fn ask_sizes(&mut self, uids: &[u32]) -> Result<BTreeMap<u32, u32>, ImapError> {
        let answer = self.connection.fetch(uids, "RFC822.SIZE").await?;
        let sized = answer.fetched().filter_map(|items| Some((items.uid, items.size_octets?)));
        Ok(sized.collect())
    }

    /// The messages of a batch, ready to be stored, and those that are missing.
    async fn fetch_batch(
        &mut self,
        uids: &[u32],
    ) -> Result<(Vec<(u32, NewInbound)>, Vec<Unfetched>), ImapError> {
        let (mut messages, mut missing) = (Vec::new(), Vec::new());
        for (uid, fetched) in self.fetch_all(uids).await? {
            match fetched {
                Fetched::Message(octets) => messages.push((uid, self.receive(octets))),
                Fetched::Gone => debug!("a message was taken out of the mailbox before it was read"),
                Fetched::Missing(reason) => {
                    warn!(uid, "the server does not hand out message {uid}: {reason}");
                    missing.push(Unfetched { uid, attempts: 1, reason });
                }
            }
        }
        Ok((messages, missing))
    }

    /// Stores messages and the cursor, then moves them away; `false` when another reader was faster.
    async fn store(
        &mut self,
        messages: Vec<(u32, NewInbound)>,
        missing: &[Unfetched],
        to: MailboxCursor,
    ) -> Result<bool, ImapError> {
        let (taken, messages): (Vec<u32>, Vec<NewInbound>) = messages.into_iter().unzip();
        let store = &self.settings.store;
        if !store.save_inbound_from_mailbox(&messages, missing, &self.cursor, &to).await? {
            return Ok(false);
        }
        self.cursor = to;
        if !messages.is_empty() {
            self.settings.arrivals.notify_one();
        }
        self.move_away(&taken).await?;
        Ok(true)
    }

    async fn fetch_all(&mut self, uids: &[u32]) -> Result<Vec<(u32, Fetched)>, ImapError> {
        if let &[uid] = uids
            && let Some(count) = self.memory.stumbles.get(&uid).filter(|count| **count >= STUMBLES_MAX)
        {
            let reason = format!("the connection broke {count} times while it was fetched");
            return Ok(vec![(uid, Fetched::Missing(reason))]);
        }
        let sizes = self.ask_sizes(uids).await?;
        let fits = |uid: &u32| sizes.get(uid).is_none_or(|size| *size as usize <= MESSAGE_OCTETS_MAX);
        self.memory.fetching = uids.to_vec();
        let usual: Vec<u32> = uids.iter().copied().filter(fits).collect();
        let mut bodies = BTreeMap::new();
        if !usual.is_empty() {
            let answer = self.connection.fetch(&usual, "BODY.PEEK[]").await?;
            let with_octets = |items: super::connection::FetchedItems| Some((items.uid, items.octets?));
            bodies.extend(answer.fetched().filter_map(with_octets));
        }
        let mut all = Vec::with_capacity(uids.len());
        for &uid in uids {
            let fetched = match bodies.remove(&uid).filter(|octets| !octets.is_empty()) {
                Some(octets) => Fetched::Message(octets),
                None => self.fetch_one(uid, fits(&uid)).await?,
            };
            all.push((uid, fetched));
        }
        self.memory.fetching.clear();
        Ok(all)
    }

    /// A message that did not come with the others, or comes only in part.
    ///
    /// What is too large is cut behind what a message may have: its text stands before its files.
    async fn fetch_one(&mut self, uid: u32, is_whole: bool) -> Result<Fetched, ImapError> {
        let items = if is_whole {
            "BODY.PEEK[]".to_owned()
        } else {
            warn!(uid, "message {uid} is larger than {MESSAGE_OCTETS_MAX} octets; the rest is left out");
            format!("BODY.PEEK[]<0.{MESSAGE_OCTETS_MAX}>")
        };
        let mut answer = self.connection.fetch(&[uid], &items).await?;
        let refusal = answer.refusal.take();
        let octets = answer.fetched().filter(|items| items.uid == uid).find_map(|items| items.octets);
        if let Some(mut octets) = octets.filter(|octets| !octets.is_empty()) {
            octets.truncate(MESSAGE_OCTETS_MAX);
            return Ok(Fetched::Message(octets));
        }
        // One that was deleted by somebody else is still named until the server may say so.
        self.connection.refresh().await?;
        if self.connection.search(&format!("UID {uid}")).await?.contains(&uid) {
            let reason = refusal.unwrap_or_else(|| "it gave no content".to_owned());
            Ok(Fetched::Missing(reason))
        } else {
            // The search may have hidden an announcement.
            self.connection.news = true;
            Ok(Fetched::Gone)
        }
    }

    /// Asks once more for what the server did not hand out before.
    async fn read_missing(&mut self) -> Result<(), ImapError> {
        let (mailbox, validity) = (self.cursor.mailbox.clone(), self.cursor.uid_validity);
        let store = &self.settings.store;
        let all = store.load_unfetched(&mailbox, validity).await?;
        for mut missing in all.into_iter().filter(|missing| missing.attempts < ATTEMPTS_MAX) {
            // Counted first: should the connection break at it, it is not asked for without end.
            missing.attempts += 1;
            store.save_unfetched(&mailbox, validity, &missing).await?;
            let uid = missing.uid;
            let fits = match self.ask_sizes(&[uid]).await?.get(&uid) {
                Some(size) => *size as usize <= MESSAGE_OCTETS_MAX,
                None => true,
            };
            let message = match self.fetch_one(uid, fits).await? {
                Fetched::Message(octets) => Some(self.receive(octets)),
                Fetched::Gone => None,
                Fetched::Missing(reason) => {
                    missing.reason = reason;
                    store.save_unfetched(&mailbox, validity, &missing).await?;
                    if missing.attempts == ATTEMPTS_MAX {
                        warn!(uid, "message {uid} is given up; `firebell check` names it");
                    }
                    continue;
                }
            };
            let came = message.is_some();
            if store.settle_unfetched(&mailbox, validity, uid, message).await? && came {
                info!(uid, "message {uid} was handed out after all");
                self.settings.arrivals.notify_one();
                self.move_away(&[uid]).await?;
            }
        }
        Ok(())
    }

    fn receive(&self, octets: Vec<u8>) -> NewInbound {
        let received_at = self.settings.clock.now();
        let fields = read_fields(&octets);
        NewInbound {
            id: self.settings.ids.next(received_at),
            received_at,
            reverse_path: Some(read_reverse_path(&fields, None)).filter(|path| !path.is_empty()),
            recipients: read_recipients(&fields, &self.settings.own),
            // Whoever put it there, no network vouches for it.
            client: Client::default(),
            route: Route::Imap,
            octets,
        }
    }

    /// Messages that are stored may go; one that stays for whatever reason does no harm.
    async fn move_away(&mut self, uids: &[u32]) -> Result<(), ImapError> {
        let Some(folder) = &self.settings.mailbox.move_to else { return Ok(()) };
        if uids.is_empty() {
            return Ok(());
        }
        let moved = self.connection.move_to(uids, folder).await?;
        if let Err(why) = &moved
            && !self.memory.told_of_moving
        {
            warn!("messages stay in the mailbox, the server does not move them: {why}");
        }
        self.memory.told_of_moving = moved.is_err();
        Ok(())
    }
}

/// The first look into a mailbox: what is in it is history, and reading begins behind it.
async fn start_cursor(
    settings: &Settings,
    mailbox: String,
    opened: Opened,
) -> Result<MailboxCursor, ImapError> {
    let first = MailboxCursor {
        mailbox,
        uid_validity: opened.uid_validity,
        uid: opened.uid_next.saturating_sub(1),
        since_at: settings.clock.now(),
    };
    settings.store.start_mailbox_cursor(&first).await?;
    info!(uid = first.uid, "the mailbox is read from now on; what is in it is left alone");
    // Another server may have begun a moment before.
    Ok(settings.store.load_mailbox_cursor(&first.mailbox).await?.unwrap_or(first))
}

/// `17-Jul-1996 02:44:25 -0700` (RFC 9051 section 9, date-time).
fn read_internal_date(text: &str) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok()?;
    Some(date.with_timezone(&Utc))
}
