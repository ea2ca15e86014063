//! Tells a service manager how the server is (sd_notify(3)): datagrams on the socket that it names.
//!
//! Without one nothing is told, and nothing waits for an answer. Start with [`Supervisor::found`].

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;

/// What started the server, when it wants to know.
#[derive(Debug)]
pub struct Supervisor {
    socket: UnixDatagram,
    /// It must hear of us so often, or it starts us anew.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// `None` where nobody asks.
    pub fn found() -> Option<Self> {
        let place = std::env::var("NOTIFY_SOCKET").ok()?;
        let watchdog = std::env::var("WATCHDOG_USEC").ok().and_then(|span| span.parse().ok());
        match connect(&place) {
            Ok(socket) => Some(Self { socket, watchdog: watchdog.map(Duration::from_micros) }),
            Err(error) => {
                warn!("NOTIFY_SOCKET cannot be reached: {error}");
                None
            }
        }
    }

    /// Says `READY=1`, `STOPPING=1` or the like.
    pub fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send(state.as_bytes()) {
            warn!("the service manager was not told {state}: {error}");
        }
    }

    /// Shows that the server still runs its tasks, twice as often as is asked, until it stops.
    pub async fn keep_alive(&self, mut stopping: watch::Receiver<bool>) {
        let Some(span) = self.watchdog.filter(|span| !span.is_zero()) else {
            // A sender that is gone means that the server is, too.
            let _ = stopping.wait_for(|stop| *stop).await;
            return;
        };
        let mut beats = tokio::time::interval(span / 2);
        loop {
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => return,
                _ = beats.tick() => self.tell("WATCHDOG=1"),
            }
        }
    }
}

/// A name that begins with `@` is no file (unix(7), abstract sockets).
fn connect(place: &str) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let address = match place.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(place)?,
    };
    socket.connect_addr(&address)?;
    // A manager that does not listen must not stop the server.
    socket.set_nonblocking(true)?;
    Ok(socket)
}
