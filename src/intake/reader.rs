//! Reads stored messages as they arrive: the loop between the inbound rows and the one door.
//!
//! Never touches octets on the wire. A message that was stored before a crash is read after it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tracing::error;

use crate::engine::Engine;

/// Rows that another process stored (a pipe, a second server) are noticed within this span.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// While mail keeps coming it lets others write for so long between two readings: SQLite has one writer,
/// and each reading, with the lease and the mark of what follows from it, takes as many commits for one
/// message as for a hundred. What arrives meanwhile is read together.
const GATHER_WITHIN: Duration = Duration::from_millis(50);
/// The pause after the database did not answer, or a message could not be read.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(500);

/// Reads until `shutdown` becomes true. `arrivals` wakes it.
pub async fn run(engine: Engine, arrivals: Arc<Notify>, mut shutdown: watch::Receiver<bool>) {
    let mut has_arrived = false;
    while !*shutdown.borrow() {
        let read = if std::mem::take(&mut has_arrived) {
            engine.read_arrived().await
        } else {
            engine.read_waiting().await
        };
        let pause = match read {
            Ok(0) => LOOK_EVERY,
            Ok(_) => {
                // What has come while it read. A single message waits for nobody, and nobody for it.
                has_arrived = timeout(Duration::ZERO, arrivals.notified()).await.is_ok();
                if has_arrived {
                    tokio::time::sleep(GATHER_WITHIN).await;
                }
                continue;
            }
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "mail waits to be read");
                PAUSE_AFTER_ERROR
            }
        };
        tokio::select! {
            () = arrivals.notified() => has_arrived = true,
            () = tokio::time::sleep(pause) => {}
            _ = shutdown.changed() => return,
        }
    }
}
