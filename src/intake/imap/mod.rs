//! Reads a mailbox by IMAP (RFC 9051, and RFC 3501 where a server knows only that).
//!
//! A message is stored together with the cursor that says so, and nothing in the mailbox shows that
//! it was read: `\Seen` is for people. What was in it before Firebell came is never read. Several
//! servers may read one mailbox: the cursor's guard lets one of them store each message. Every
//! command has its end, and every connection that breaks is made again. Start with [`run`]; what is
//! done on a connection is in `reading`, what is said on it in `connection`.

mod connection;
mod names;
mod reading;
mod xoauth2;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tracing::{info, warn};

pub use connection::{Abilities, ImapError, Patience};

use crate::clock::Clock;
use crate::config::Mailbox;
use crate::ids::Ids;
use crate::mail::OwnAddress;
use crate::meters::Meters;
use crate::store::Store;
use connection::Connection;

/// The first connection after one that worked is made within this span.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Nobody waits longer for a server that is back.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Servers lock the accounts of those who come with a wrong password again and again.
const PAUSE_REFUSED_MAX: Duration = Duration::from_secs(300);

/// What reading a mailbox needs.
pub struct Settings {
    pub mailbox: Mailbox,
    pub own: OwnAddress,
    pub store: Store,
    pub ids: Ids,
    pub clock: Clock,
    pub patience: Patience,
    /// Told whether the mailbox can be read.
    pub meters: Meters,
    /// Wakes whoever reads stored messages.
    pub arrivals: Arc<Notify>,
}

/// What outlives a connection.
#[derive(Debug, Default)]
struct Memory {
    /// How often the connection broke while these messages were fetched, which may be their fault.
    stumbles: HashMap<u32, u32>,
    /// The messages that are being fetched.
    fetching: Vec<u32>,
    /// Connections that failed since the last that worked.
    failures: u32,
    /// It was said that the messages cannot be moved.
    told_of_moving: bool,
}

/// Reads the mailbox until `shutdown` becomes true.
pub async fn run(settings: Settings, mut shutdown: watch::Receiver<bool>) {
    let mut memory = Memory::default();
    loop {
        let error = tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            error = reading::read_until_it_breaks(&settings, &mut memory) => error,
        };
        memory.note_break();
        settings.meters.mailbox_failed(settings.clock.now(), &error.to_string());
        let pause = pause_after(memory.failures, &error, chance());
        // Connections end now and then; what the operator must mend is said at once.
        if memory.failures == 0 && matches!(error, ImapError::Broken(_)) {
            info!("the mailbox is opened again in {:.1} s: {error}", pause.as_secs_f32());
        } else {
            let seconds = pause.as_secs_f32();
            warn!("the mailbox cannot be read, and is tried again in {seconds:.1} s: {error}");
        }
        memory.failures = memory.failures.saturating_add(1);
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Memory {
    fn note_break(&mut self) {
        for uid in std::mem::take(&mut self.fetching) {
            *self.stumbles.entry(uid).or_default() += 1;
        }
    }
}

/// Full jitter: any span up to one that doubles, so that servers that lost one mail server do not
/// come back to it together.
fn pause_after(failures: u32, error: &ImapError, chance: u32) -> Duration {
    let longest = if matches!(error, ImapError::Refused(_)) { PAUSE_REFUSED_MAX } else { PAUSE_MAX };
    let ceiling = PAUSE_FIRST.saturating_mul(1 << failures.min(16)).min(longest);
    ceiling.mul_f64(f64::from(chance) / f64::from(u32::MAX))
}

/// The middle when the machine has no chance to give.
fn chance() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// Looks whether a mailbox can be read, and its messages be moved; reads and changes nothing.
///
/// # Errors
///
/// [`ImapError`]: what is wrong, and what to do about it.
pub async fn check(mailbox: &Mailbox) -> Result<Abilities, ImapError> {
    let mut connection = Connection::open(mailbox, Patience::default()).await?;
    let looked = async {
        connection.open_folder(&mailbox.folder, false).await?;
        match &mailbox.move_to {
            Some(folder) => connection.find_folder(folder).await,
            None => Ok(()),
        }
    };
    let looked = looked.await;
    let abilities = connection.abilities;
    connection.log_out().await;
    looked.map(|()| abilities)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
