//! A session over a stream of octets: what is read goes in, what it answers is written, what it wants
//! is done.
//!
//! Knows nothing of SMTP. Start with [`serve`].

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{debug, warn};

use super::Inbox;
use super::login::Login;
use super::refusals::Refusal;
use super::session::{Peer, Session, Wanted};
use super::smtp::{Protocol, Settings, site_of};
use crate::mail::Address;

/// Octets read at once.
const INPUT_OCTETS: usize = 16 * 1024;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Closed,
    /// The client waits for a TLS handshake, and then for a session of its own.
    Handshake,
}

/// Speaks with one client until it leaves, errs too often, wants TLS, or the server stops; or until
/// `crowd` asks for its place, which it does first of those who have been silent for longest.
///
/// # Errors
///
/// The connection broke; nobody's move.
pub async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    peer: Peer,
    protocol: Protocol,
    settings: &Settings,
    inbox: Inbox,
    shutdown: watch::Receiver<bool>,
    crowd: &Notify,
) -> io::Result<Ended> {
    let session = Session::new(peer, protocol, settings, Instant::now());
    let mut dialogue =
        Dialogue { stream, session, peer, settings, inbox, shutdown, crowd, stop_at: None };
    let ended = dialogue.run().await;
    dialogue.count_refused(Refusal::Relay, dialogue.session.relays_refused());
    ended
}

struct Dialogue<'a, S> {
    stream: &'a mut S,
    session: Session<'a>,
    peer: Peer,
    settings: &'a Settings,
    inbox: Inbox,
    shutdown: watch::Receiver<bool>,
    crowd: &'a Notify,
    /// When the message in progress is cut off, once the server stops.
    stop_at: Option<Instant>,
}

enum Input {
    Octets(usize),
    Closed,
    TooSlow,
    Crowded,
    ServerStops,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    async fn run(&mut self) -> io::Result<Ended> {
        let mut buffer = vec![0; INPUT_OCTETS];
        let mut ended = Ended::Closed;
        while !self.session.has_ended() {
            self.flush().await?;
            match self.read(&mut buffer).await? {
                Input::Octets(count) => {
                    ended = self.take(buffer.get(..count).unwrap_or_default()).await;
                }
                Input::Closed => return Ok(Ended::Closed),
                Input::TooSlow => self.session.give_up_on_client(),
                Input::Crowded => self.session.make_room(),
                Input::ServerStops => self.session.send_away(),
            }
        }
        self.flush().await?;
        Ok(ended)
    }

    async fn take(&mut self, mut input: &[u8]) -> Ended {
        while let Some(wanted) = self.session.take(&mut input, Instant::now()) {
            match wanted {
                Wanted::Store(arrival) => {
                    let size_octets = arrival.octets.len();
                    let outcome = self.inbox.accept(arrival).await;
                    if outcome.is_ok() {
                        debug!(size_octets, "accepted a message");
                    }
                    self.session.stored(outcome, Instant::now());
                }
                Wanted::Check(login) => {
                    let owner = self.check(login).await;
                    self.session.checked(owner);
                }
                Wanted::Handshake => return Ended::Handshake,
            }
        }
        Ended::Closed
    }

    /// Whose password it is; nobody's where there are no passwords.
    async fn check(&self, login: Login) -> Option<Address> {
        let passwords = self.settings.passwords.clone()?;
        let client = self.peer.address.map(site_of);
        let _turn = self.settings.turns.take(client).await;
        let checking = tokio::task::spawn_blocking(move || passwords.current().check(&login));
        let owner = checking.await.ok().flatten();
        if owner.is_none() {
            warn!(client = ?self.peer.address, "a login failed");
            self.settings.turns.failed(client);
            self.count_refused(Refusal::Login, 1);
        }
        owner
    }

    fn count_refused(&self, refusal: Refusal, times: u32) {
        let now = self.settings.clock.now();
        self.settings.refusals.count(self.peer.address.map(site_of), refusal, times, now);
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<Input> {
        loop {
            if self.session.is_idle() && (self.stop_at.is_some() || *self.shutdown.borrow()) {
                return Ok(Input::ServerStops);
            }
            let due_at = self.session.due_at();
            let due_at = self.stop_at.map_or(due_at, |stop_at| due_at.min(stop_at));
            tokio::select! {
                read = timeout_at(due_at, self.stream.read(buffer)) => return Ok(match read {
                    Ok(Ok(0)) => Input::Closed,
                    Ok(read) => Input::Octets(read?),
                    Err(_) if self.stop_at.is_some() => Input::ServerStops,
                    Err(_) => Input::TooSlow,
                }),
                // First who waits first: whatever is read, one waits anew behind all others.
                () = self.crowd.notified() => return Ok(Input::Crowded),
                _ = self.shutdown.wait_for(|stop| *stop), if self.stop_at.is_none() => {
                    self.stop_at = Some(Instant::now() + self.settings.limits.stop_within);
                }
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let answers = self.session.answers();
        if answers.is_empty() {
            return Ok(());
        }
        let written = async {
            self.stream.write_all(&answers).await?;
            self.stream.flush().await
        };
        // A client that never reads its answers must not hold a connection for ever.
        timeout(self.settings.limits.command_within, written)
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}
