//! The door of the store for arriving mail: messages that arrive together share one commit.
//!
//! Never reads a message. When [`Inbox::accept`] returns `Ok` the message is on disk and may be
//! acknowledged; otherwise the client keeps it and tries again. While one commit runs the next
//! messages gather in the queue, so a busy server pays for few commits and a quiet one waits for
//! nobody.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};
use tracing::error;

use super::strangers::Strangers;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::mail::Address;
use crate::meters::Meters;
use crate::store::rows::{Client, NewInbound, Route};
use crate::store::{Store, StoreError};

/// Messages that share a commit at most: beyond this a commit costs no less per message.
const MESSAGES_PER_COMMIT_MAX: usize = 256;
/// Octets that share a commit at most, so that one large transaction does not stall the small.
const OCTETS_PER_COMMIT_MAX: usize = 32 * 1024 * 1024;
/// Messages that wait for the writer at most; whoever comes then waits to get into the queue.
const QUEUE_MAX: usize = 1_024;
/// Each attempt waits its turn in the database, so this many are seconds.
const SAVE_ATTEMPTS_MAX: usize = 3;

/// A message as it arrived, before it has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// `None` is the null reverse-path `<>`.
    pub reverse_path: Option<String>,
    /// Ours all, each once.
    pub recipients: Vec<Address>,
    pub client: Client,
    pub route: Route,
    pub octets: Vec<u8>,
}

/// The message is not stored, and its sender must keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotStored {
    /// Why is in the log.
    #[error("the message could not be stored")]
    Failed,
    /// There was so much mail already that proves nothing.
    #[error("there is no room now for mail of people whom we cannot name")]
    NoRoom,
}

struct Waiting {
    message: NewInbound,
    answer: oneshot::Sender<Result<(), NotStored>>,
}

/// Stores arriving messages. Clones share one writer, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Inbox {
    queue: mpsc::Sender<Waiting>,
    arrivals: Arc<Notify>,
    ids: Ids,
    clock: Clock,
    /// Counts what was stored.
    pub meters: Meters,
    /// Bounds what proves nothing; `None` where whoever hands mail over is believed.
    pub strangers: Option<Strangers>,
}

impl Inbox {
    /// Starts the writer; must be called within a tokio runtime.
    pub fn new(store: Store, ids: Ids, clock: Clock) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (arrivals, meters) = (Arc::default(), Meters::default());
        let inbox = Self { queue, arrivals, ids, clock, meters, strangers: None };
        tokio::spawn(write_all(store, waiting, inbox.arrivals.clone()));
        inbox
    }

    /// An inbox in front of no store: what it is given arrives at the receiver, and every message
    /// is answered with `outcome`. To try what is said on the wire without a database; must be
    /// called within a tokio runtime.
    pub fn in_memory(
        outcome: Result<(), NotStored>,
        clock: Clock,
    ) -> (Self, mpsc::UnboundedReceiver<NewInbound>) {
        let (queue, mut waiting) = mpsc::channel::<Waiting>(QUEUE_MAX);
        let (taken, messages) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(one) = waiting.recv().await {
                let _ = taken.send(one.message);
                let _ = one.answer.send(outcome);
            }
        });
        let (arrivals, meters) = (Arc::default(), Meters::default());
        (Self { queue, arrivals, ids: Ids::new(0), clock, meters, strangers: None }, messages)
    }

    /// Wakes whoever reads stored messages, after each commit.
    pub fn arrivals(&self) -> Arc<Notify> {
        self.arrivals.clone()
    }

    /// Stores a message; returns after the commit that holds it.
    ///
    /// # Errors
    ///
    /// [`NotStored`]: the sender's to try again (451 4.3.0 or 452 4.3.1, exit code 75).
    pub async fn accept(&self, arrival: Arrival) -> Result<(), NotStored> {
        let received_at = self.clock.now();
        if let Some(strangers) = &self.strangers {
            strangers.admit(&arrival, received_at).await?;
        }
        let message = NewInbound {
            id: self.ids.next(received_at),
            received_at,
            reverse_path: arrival.reverse_path,
            recipients: arrival.recipients,
            client: arrival.client,
            route: arrival.route,
            octets: arrival.octets,
        };
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { message, answer }).await.map_err(|_| NotStored::Failed)?;
        let stored = answered.await.unwrap_or(Err(NotStored::Failed));
        if stored.is_ok() {
            self.meters.accepted();
        }
        stored
    }
}

async fn write_all(store: Store, mut queue: mpsc::Receiver<Waiting>, arrivals: Arc<Notify>) {
    let mut waiting = Vec::with_capacity(MESSAGES_PER_COMMIT_MAX);
    while queue.recv_many(&mut waiting, MESSAGES_PER_COMMIT_MAX).await > 0 {
        for group in groups(waiting.drain(..)) {
            write_group(&store, group).await;
            arrivals.notify_one();
        }
    }
}

async fn write_group(store: &Store, group: Vec<Waiting>) {
    let (messages, answers): (Vec<_>, Vec<_>) =
        group.into_iter().map(|waiting| (waiting.message, waiting.answer)).unzip();
    let outcome = save(store, &messages).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        error!(messages = messages.len(), cause, "no message was stored: {error}");
        NotStored::Failed
    });
    for answer in answers {
        // A client that has gone away will send its message again; it is the same message then.
        let _ = answer.send(outcome);
    }
}

/// Another process on the same database may write at this moment: it is not for the sender to wait.
async fn save(store: &Store, messages: &[NewInbound]) -> Result<(), StoreError> {
    for _ in 1..SAVE_ATTEMPTS_MAX {
        match store.save_inbound(messages).await {
            Err(StoreError::Conflict) => {}
            outcome => return outcome,
        }
    }
    store.save_inbound(messages).await
}

/// Cuts what waited into commits that stay below the limit of octets.
fn groups(waiting: impl Iterator<Item = Waiting>) -> Vec<Vec<Waiting>> {
    let mut groups: Vec<Vec<Waiting>> = Vec::new();
    let mut octets = 0;
    for one in waiting {
        octets += one.message.octets.len();
        match groups.last_mut() {
            Some(group) if octets <= OCTETS_PER_COMMIT_MAX => group.push(one),
            _ => {
                octets = one.message.octets.len();
                groups.push(vec![one]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(octets: usize) -> Waiting {
        Waiting {
            message: NewInbound {
                id: 1,
                received_at: Clock::system().now(),
                reverse_path: None,
                recipients: Vec::new(),
                client: Client::default(),
                route: Route::Smtp,
                octets: vec![0; octets],
            },
            answer: oneshot::channel().0,
        }
    }

    #[test]
    fn large_messages_share_a_commit_only_below_the_limit_of_octets() {
        let half = OCTETS_PER_COMMIT_MAX / 2;
        let sizes = [half, half, 1, half + 1, half, 10, 10];
        let lengths: Vec<usize> = groups(sizes.into_iter().map(waiting)).iter().map(Vec::len).collect();
        assert_eq!(lengths, [2, 2, 3]);
        assert!(groups(std::iter::empty()).is_empty());
    }

    #[tokio::test]
    async fn a_message_is_refused_when_nobody_can_store_it() {
        let (inbox, _) = Inbox::in_memory(Err(NotStored::Failed), Clock::system());
        let arrival = Arrival {
            reverse_path: None,
            recipients: Vec::new(),
            client: Client::default(),
            route: Route::Ingest,
            octets: b"Subject: x\r\n\r\n".to_vec(),
        };
        assert_eq!(inbox.accept(arrival).await, Err(NotStored::Failed));
    }
}
