//! The SMTP and LMTP listeners: who may connect, and how many at a time.
//!
//! What is said on a connection is in [`session`](super::session), how its octets come and go in
//! [`dialogue`]. Start with [`listen`].

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::Inbox;
use super::dialogue::{self, Ended};
use super::passwords::Passwords;
use super::proxy;
use super::refusals::Refusals;
use super::session::{Peer, Tls};
use super::tls::Certificates;
use super::turns::Turns;
use super::watched::Watched;
use crate::clock::Clock;
use crate::config::{Listen, Network};
use crate::mail::{MESSAGE_OCTETS_MAX, OwnAddress};

/// Which of the two protocols a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: an answer for each recipient.
    Lmtp,
}

/// Where clients connect.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What a client may do at most. The numbers are Postfix's where it has one.
#[derive(Debug, Clone)]
pub struct Limits {
    pub message_octets: usize,
    pub recipients: usize,
    pub connections: usize,
    pub connections_per_client: usize,
    /// Failed logins, after which the connection ends.
    pub logins_failed: u32,
    /// RFC 4954 section 4 asks for so many.
    pub login_line_octets: usize,
    /// Refused commands, after which the connection ends.
    pub errors: u32,
    /// Commands that do nothing (NOOP, RSET, VRFY) between two messages; more count as errors.
    pub idle_commands: u32,
    /// `Received` fields, beyond which a message runs in a circle (RFC 5321 section 6.3).
    pub received_fields: usize,
    /// A TLS handshake within this span.
    pub handshake_within: Duration,
    /// A whole command within this span.
    pub command_within: Duration,
    /// A whole message within this span.
    pub content_within: Duration,
    /// Within this span a message may be as slow as it likes.
    pub slow_start: Duration,
    /// Afterwards at least this many octets a second, on average since the beginning.
    pub octets_per_second: u64,
    /// What is being received may go on so long when the server stops; less than the server itself takes.
    pub stop_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_octets: MESSAGE_OCTETS_MAX,
            recipients: 1_000,
            connections: 1_000,
            connections_per_client: 50,
            logins_failed: 3,
            login_line_octets: 12_288,
            errors: 20,
            idle_commands: 100,
            received_fields: 50,
            handshake_within: Duration::from_secs(30),
            command_within: Duration::from_secs(300),
            content_within: Duration::from_secs(600),
            slow_start: Duration::from_secs(60),
            octets_per_second: 100,
            stop_within: Duration::from_secs(7),
        }
    }
}

/// Whoever is asked to leave is gone within this even on a busy machine, unless all are in the middle
/// of something.
const ROOM_WITHIN: Duration = Duration::from_millis(500);

/// What listeners have in common.
#[derive(Debug)]
pub struct Settings {
    /// What we call ourselves in the greeting and in `Received`.
    pub host: String,
    pub own: OwnAddress,
    /// SMTP clients that authenticate their own submitters; never consulted for LMTP.
    pub trusted: Vec<Network>,
    /// Proxies of ours, which say who is behind them before the client speaks.
    pub proxies: Vec<Network>,
    /// The MX of our address: clients are strangers' hosts, whom SPF (RFC 7208) is asked about.
    pub is_mx: bool,
    /// What clients are shown after STARTTLS; without it there is none.
    pub certificates: Option<Certificates>,
    /// Who may log in, after STARTTLS.
    pub passwords: Option<Arc<Watched<Passwords>>>,
    pub turns: Turns,
    pub refusals: Refusals,
    pub limits: Limits,
    pub clock: Clock,
    /// Memory for messages that are being received, in KiB, for all connections together.
    pub room: Arc<Semaphore>,
}

/// Six of the largest messages at once, or tens of thousands of usual ones.
const ROOM_KIB: usize = 64 * 1024;

impl Settings {
    pub fn new(host: String, own: OwnAddress, trusted: Vec<Network>, clock: Clock) -> Self {
        let room = Arc::new(Semaphore::new(ROOM_KIB));
        Self {
            host,
            own,
            trusted,
            proxies: Vec::new(),
            is_mx: false,
            certificates: None,
            passwords: None,
            turns: Turns::default(),
            refusals: Refusals::default(),
            limits: Limits::default(),
            clock,
            room,
        }
    }
}

impl Listener {
    /// Listens.
    ///
    /// # Errors
    ///
    /// The operator's: the address is taken, not ours, or not allowed to us.
    pub async fn bind(place: &Listen) -> io::Result<Self> {
        match place {
            Listen::Unix(path) => bind_unix(path).map(Self::Unix),
            Listen::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
        }
    }

    async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Answers are written in one go each; waiting for more would cost 40 ms apiece. On a
                // connection that broke already this fails, and the session finds out.
                let _ = stream.set_nodelay(true);
                Ok(Connection::Tcp(stream, address.ip().to_canonical()))
            }
            Self::Unix(listener) => Ok(Connection::Unix(listener.accept().await?.0)),
        }
    }
}

/// A socket that a dead process left behind is replaced; one that somebody answers on is not.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    // The MTA runs as somebody else. Who may reach the socket is for its folder to say; a message
    // from here is trusted no more than one from anywhere.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

enum Connection {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

/// Serves clients until `shutdown` becomes true and the messages in progress have ended.
pub async fn listen(
    listener: Listener,
    protocol: Protocol,
    settings: Arc<Settings>,
    inbox: Inbox,
    mut shutdown: watch::Receiver<bool>,
) {
    let clients = Clients::default();
    let crowd = Arc::new(Notify::new());
    let mut sessions = JoinSet::new();
    let stopping = shutdown.clone();
    loop {
        let accepted = tokio::select! {
            // A sender that is gone means that the server is, too.
            _ = shutdown.wait_for(|stop| *stop) => break,
            Some(_) = sessions.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                // Out of file handles, most likely: those who are connected must finish first.
                warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if sessions.len() >= settings.limits.connections && !make_room(&crowd, &mut sessions).await {
            turn_away(&connection);
            continue;
        }
        let (clients, crowd) = (clients.clone(), crowd.clone());
        let arrived = Arrived { connection, protocol, clients, crowd };
        let (settings, inbox) = (settings.clone(), inbox.clone());
        sessions.spawn(arrived.serve(settings, inbox, stopping.clone()));
    }
    drop(listener);
    let grace = settings.limits.stop_within + Duration::from_secs(1);
    let _ = tokio::time::timeout(grace, async { while sessions.join_next().await.is_some() {} }).await;
}

/// Takes the place of whoever has been silent for longest, so that those who connect and say nothing
/// keep nobody out; whether somebody left.
async fn make_room(crowd: &Notify, sessions: &mut JoinSet<()>) -> bool {
    crowd.notify_one();
    tokio::time::timeout(ROOM_WITHIN, sessions.join_next()).await.is_ok()
}

/// A connection whose client is not known yet.
struct Arrived {
    connection: Connection,
    protocol: Protocol,
    clients: Clients,
    crowd: Arc<Notify>,
}

impl Arrived {
    async fn serve(mut self, settings: Arc<Settings>, inbox: Inbox, shutdown: watch::Receiver<bool>) {
        let address = match self.read_client(&settings).await {
            Ok(address) => address,
            Err(error) => return warn!("a proxy does not say who its client is: {error}"),
        };
        let Some(_place) = self.clients.enter(address, settings.limits.connections_per_client) else {
            return turn_away(&self.connection);
        };
        let network_trusted = self.protocol == Protocol::Smtp
            && address.is_some_and(|client| contains(&settings.trusted, client));
        let tls = if settings.certificates.is_some() { Tls::Offered } else { Tls::Unavailable };
        let peer = Peer { address, network_trusted, tls };
        let (protocol, crowd) = (self.protocol, &*self.crowd);
        let speaking = Speaking { peer, protocol, settings: &settings, inbox, shutdown, crowd };
        let outcome = match self.connection {
            Connection::Tcp(stream, _) => speaking.speak(stream).await,
            Connection::Unix(stream) => speaking.speak(stream).await,
        };
        if let Err(error) = outcome {
            debug!("a client's connection broke: {error}");
        }
    }

    /// The client's address; behind a proxy of ours, what the proxy says.
    async fn read_client(&mut self, settings: &Settings) -> io::Result<Option<IpAddr>> {
        match &mut self.connection {
            Connection::Tcp(stream, address) if contains(&settings.proxies, *address) => {
                Ok(Some(proxy::read(stream).await?.unwrap_or(*address)))
            }
            Connection::Tcp(_, address) => Ok(Some(*address)),
            Connection::Unix(_) => Ok(None),
        }
    }
}

fn contains(networks: &[Network], host: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(host))
}

/// A connection whose client is known.
struct Speaking<'a> {
    peer: Peer,
    protocol: Protocol,
    settings: &'a Settings,
    inbox: Inbox,
    shutdown: watch::Receiver<bool>,
    crowd: &'a Notify,
}

impl Speaking<'_> {
    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(mut self, mut stream: S) -> io::Result<()> {
        if self.session(&mut stream).await? == Ended::Closed {
            return stream.shutdown().await;
        }
        let Some(certificates) = &self.settings.certificates else { return Ok(()) };
        let handshake = certificates.current().accept(stream);
        let handshake = tokio::time::timeout(self.settings.limits.handshake_within, handshake);
        let mut stream = tokio::select! {
            shaken = handshake => shaken.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??,
            // Whoever asks for TLS and says nothing is as silent as others. Nothing can be said in return.
            () = self.crowd.notified() => return Ok(()),
        };
        self.peer.tls = Tls::Active;
        self.session(&mut stream).await?;
        stream.shutdown().await
    }

    async fn session<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: &mut S) -> io::Result<Ended> {
        let (inbox, shutdown) = (self.inbox.clone(), self.shutdown.clone());
        let (peer, settings) = (self.peer, self.settings);
        dialogue::serve(stream, peer, self.protocol, settings, inbox, shutdown, self.crowd).await
    }
}

/// Says why in one segment, which the socket's buffer takes at once; waits for nothing.
fn turn_away(connection: &Connection) {
    const BUSY: &[u8] = b"421 4.7.0 Too many connections, try again later\r\n";
    let _ = match connection {
        Connection::Tcp(stream, _) => stream.try_write(BUSY),
        Connection::Unix(stream) => stream.try_write(BUSY),
    };
}

/// How many connections each client has.
#[derive(Debug, Default, Clone)]
struct Clients(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One connection's place; leaving gives it back.
struct Place {
    clients: Clients,
    client: Option<IpAddr>,
}

impl Clients {
    /// `None` when the client has all it may have. Those on a Unix socket are our own MTA.
    fn enter(&self, address: Option<IpAddr>, each_max: usize) -> Option<Place> {
        let client = address.map(site_of);
        if let Some(client) = client {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(client).or_default();
            if *count >= each_max {
                return None;
            }
            *count += 1;
        }
        Some(Place { clients: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut counts = self.clients.0.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&client)),
        }
    }
}

/// Whom an address belongs to: an IPv6 site has at least a /64 to itself (RFC 6177).
pub(super) fn site_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod listener_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_its_places_back_when_it_leaves() {
        let clients = Clients::default();
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        let place = clients.enter(Some(one), 1);
        assert!(place.is_some() && clients.enter(Some(neighbour), 1).is_none());
        assert!(clients.enter(Some(other), 1).is_some() && clients.enter(None, 1).is_some());
        drop(place);
        assert!(clients.enter(Some(neighbour), 1).is_some());
        assert!(clients.0.lock().unwrap().is_empty());
    }
}
