//! A receiver that stores nothing: what it takes a second is what this machine's sockets allow. It
//! knows when each mail came, for those who sent it on its way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{Outcome, receiver};

/// A mail that does not come within it is lost.
const LOST_AFTER: Duration = Duration::from_secs(20);
/// When nothing came for so long nothing comes any more.
const QUIET: Duration = Duration::from_millis(700);

/// A running sink.
pub struct Sink {
    pub port: u16,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

/// A mail, its final dot included.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub at: Instant,
    pub octets: usize,
}

impl Sink {
    pub fn start() -> Outcome<Self> {
        let (came, arrivals) = mpsc::unbounded_channel();
        let take: receiver::Take = Arc::new(move |message: Vec<u8>| {
            let _ = came.send(Arrival { at: Instant::now(), octets: message.len() });
            None
        });
        Ok(Self { port: receiver::start(take, async {})?, arrivals })
    }

    /// The next mail that comes, or came.
    pub async fn next(&mut self) -> Outcome<Arrival> {
        let arrival = timeout(LOST_AFTER, self.arrivals.recv()).await;
        arrival.map_err(|_| "a mail did not come")?.ok_or_else(|| "the sink ended".into())
    }

    /// Waits until nothing comes any more; returns how many came.
    pub async fn drain(&mut self) -> usize {
        let mut count = 0;
        while let Ok(Some(_)) = timeout(QUIET, self.arrivals.recv()).await {
            count += 1;
        }
        count
    }
}
