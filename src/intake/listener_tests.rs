//! The whole way in: sockets, sessions, and a real store.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::JoinHandle;

use super::*;
use crate::ids::Ids;
use crate::mail::Address;
use crate::store::Store;
use crate::store::rows::Route;

/// Any free port.
fn loopback() -> Listen {
    Listen::Tcp(([127, 0, 0, 1], 0).into())
}

struct House {
    store: Store,
    inbox: Inbox,
    stop: watch::Sender<bool>,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("firebell.db").display());
        let store = Store::open(&url).await.unwrap();
        let inbox = Inbox::new(store.clone(), Ids::new(1), Clock::system());
        Self { store, inbox, stop: watch::channel(false).0, folder }
    }

    /// Listens at `place`; returns the port, zero for a path.
    async fn listen(&self, place: &Listen, protocol: Protocol, limits: Limits) -> (u16, JoinHandle<()>) {
        self.listen_with(place, protocol, |settings| settings.limits = limits).await
    }

    async fn listen_with(
        &self,
        place: &Listen,
        protocol: Protocol,
        change: impl FnOnce(&mut Settings),
    ) -> (u16, JoinHandle<()>) {
        let listener = Listener::bind(place).await.unwrap();
        let port = match &listener {
            Listener::Tcp(listener) => listener.local_addr().unwrap().port(),
            Listener::Unix(_) => 0,
        };
        let own = OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+');
        let trusted = vec![Network { address: [127, 0, 0, 1].into(), prefix: 8 }];
        let mut settings = Settings::new("mx.example.org".into(), own, trusted, Clock::system());
        change(&mut settings);
        let inbox = self.inbox.clone();
        let shutdown = self.stop.subscribe();
        (port, tokio::spawn(listen(listener, protocol, Arc::new(settings), inbox, shutdown)))
    }
}

/// Sends `messages` mails on one connection, each after the answer to the one before.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(stream: S, hello: &str, messages: usize) {
    let mut stream = BufReader::new(stream);
    expect(&mut stream, "220").await;
    say(&mut stream, &format!("{hello} c.example\r\n")).await;
    expect(&mut stream, "250").await;
    for number in 0..messages {
        say(&mut stream, "MAIL FROM:<dana@ops.example>\r\nRCPT TO:<incidents@example.org>\r\nDATA\r\n")
            .await;
        for code in ["250", "250", "354"] {
            expect(&mut stream, code).await;
        }
        say(&mut stream, &format!("Subject: {number}\r\n\r\nbody\r\n.\r\n")).await;
        expect(&mut stream, "250 2.0.0").await;
    }
    say(&mut stream, "QUIT\r\n").await;
    expect(&mut stream, "221").await;
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn expect<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, start: &str) {
    let mut line = String::new();
    while line.as_bytes().get(3) != Some(&b' ') {
        line.clear();
        assert!(stream.read_line(&mut line).await.unwrap() > 0, "the server closed");
    }
    assert!(line.starts_with(start), "{line:?} is not {start}");
}

#[tokio::test]
async fn what_was_answered_with_250_is_stored() {
    let house = House::new().await;
    let (port, listening) = house.listen(&loopback(), Protocol::Smtp, Limits::default()).await;
    let arrivals = house.inbox.arrivals();
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        clients.spawn(async move {
            send(TcpStream::connect(("127.0.0.1", port)).await.unwrap(), "EHLO", 25).await;
        });
    }
    while let Some(sent) = clients.join_next().await {
        sent.unwrap();
    }
    assert_eq!(house.store.count_waiting_inbound().await.unwrap(), 200);
    arrivals.notified().await;
    house.stop.send(true).unwrap();
    listening.await.unwrap();
}

#[tokio::test]
async fn a_trusted_network_is_trusted_by_smtp_and_never_by_lmtp() {
    let house = House::new().await;
    for (protocol, hello) in [(Protocol::Smtp, "EHLO"), (Protocol::Lmtp, "LHLO")] {
        let (port, _) = house.listen(&loopback(), protocol, Limits::default()).await;
        send(TcpStream::connect(("127.0.0.1", port)).await.unwrap(), hello, 1).await;
    }
    let mut write = house.store.begin_write().await.unwrap();
    let waiting = write.load_waiting(10).await.unwrap().messages;
    let trusted: Vec<_> =
        waiting.iter().map(|one| (one.message.route, one.message.client.network_trusted)).collect();
    assert_eq!(trusted, [(Route::Smtp, true), (Route::Lmtp, false)]);
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let house = House::new().await;
    let path = house.folder.path().join("lmtp");
    let place = Listen::Unix(path.clone());
    drop(Listener::bind(&place).await.unwrap());
    assert!(path.exists());
    let _listening = house.listen(&place, Protocol::Lmtp, Limits::default()).await;
    assert!(Listener::bind(&place).await.is_err());
    send(UnixStream::connect(&path).await.unwrap(), "LHLO", 2).await;
    assert_eq!(house.store.count_waiting_inbound().await.unwrap(), 2);
}

#[tokio::test]
async fn a_client_with_too_many_connections_is_told_to_come_back() {
    let house = House::new().await;
    let limits = Limits { connections_per_client: 2, ..Limits::default() };
    let (port, _) = house.listen(&loopback(), Protocol::Smtp, limits).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        expect(&mut stream, "220").await;
        held.push(stream);
    }
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    expect(&mut stream, "421 4.7.0").await;
}

#[tokio::test]
async fn whoever_has_been_silent_for_longest_makes_room_for_a_new_client() {
    let house = House::new().await;
    let limits = Limits { connections: 2, ..Limits::default() };
    let (port, _) = house.listen(&loopback(), Protocol::Smtp, limits).await;
    let greeted = async || {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        expect(&mut stream, "220").await;
        stream
    };
    let mut first = greeted().await;
    let mut second = greeted().await;
    // Who says something is not silent.
    say(&mut first, "NOOP\r\n").await;
    expect(&mut first, "250").await;
    let mut third = greeted().await;
    expect(&mut second, "421 4.7.0 Too many connections").await;
    for stream in [&mut first, &mut third] {
        say(stream, "NOOP\r\n").await;
        expect(stream, "250").await;
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_when_the_store_is_gone() {
    let house = House::new().await;
    let (port, _) = house.listen(&loopback(), Protocol::Smtp, Limits::default()).await;
    house.store.close().await;
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    expect(&mut stream, "220").await;
    let wire = "EHLO c.example\r\nMAIL FROM:<dana@ops.example>\r\nRCPT TO:<incidents@example.org>\r\n\
                DATA\r\n";
    say(&mut stream, wire).await;
    for code in ["250", "250", "250", "354"] {
        expect(&mut stream, code).await;
    }
    say(&mut stream, "x\r\n.\r\n").await;
    expect(&mut stream, "451 4.3.0").await;
}

#[tokio::test]
async fn mail_that_comes_while_the_database_is_locked_is_to_be_tried_again() {
    let house = House::new().await;
    let (port, _) = house.listen(&loopback(), Protocol::Lmtp, Limits::default()).await;
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    expect(&mut stream, "220").await;
    say(&mut stream, "LHLO c.example\r\n").await;
    expect(&mut stream, "250").await;
    // Another process writes for longer than anybody waits for it.
    let url = format!("sqlite:{}", house.folder.path().join("firebell.db").display());
    let other = Store::open(&url).await.unwrap();
    let mut writing = Some(other.begin_write().await.unwrap());
    for (place, code) in [("locked", "451 4.3.0"), ("free", "250 2.0.0")] {
        let wire = "MAIL FROM:<dana@ops.example>\r\nRCPT TO:<incidents@example.org>\r\nDATA\r\n";
        say(&mut stream, wire).await;
        for code in ["250", "250", "354"] {
            expect(&mut stream, code).await;
        }
        say(&mut stream, &format!("Subject: {place}\r\n\r\nx\r\n.\r\n")).await;
        expect(&mut stream, code).await;
        let stored = i64::from(writing.take().is_none());
        assert_eq!(house.store.count_waiting_inbound().await.unwrap(), stored);
    }
}

fn certificates() -> Certificates {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates");
    let tls = crate::config::Tls {
        certificate_file: folder.join("localhost.pem"),
        key_file: folder.join("localhost.key"),
    };
    super::super::tls::open(&tls).unwrap()
}

#[tokio::test]
async fn what_is_sent_before_the_handshake_is_never_obeyed_behind_it() {
    let house = House::new().await;
    let change = |settings: &mut Settings| settings.certificates = Some(certificates());
    let (port, _) = house.listen_with(&loopback(), Protocol::Smtp, change).await;
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    expect(&mut stream, "220").await;
    say(&mut stream, "EHLO c.example\r\nSTARTTLS\r\n").await;
    expect(&mut stream, "250").await;
    expect(&mut stream, "220 2.0.0").await;
    // In a segment of its own, where no server can tell it from the handshake before it has read it.
    say(&mut stream, "MAIL FROM:<dana@ops.example>\r\n").await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"250") && !rest.starts_with(b"503"), "{rest:?}");
}

#[tokio::test]
async fn a_handshake_that_does_not_come_makes_room_for_a_new_client() {
    let house = House::new().await;
    let change = |settings: &mut Settings| {
        settings.certificates = Some(certificates());
        settings.limits.connections = 2;
    };
    let (port, _) = house.listen_with(&loopback(), Protocol::Smtp, change).await;
    let mut silent = Vec::new();
    for _ in 0..2 {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        expect(&mut stream, "220").await;
        say(&mut stream, "STARTTLS\r\n").await;
        expect(&mut stream, "220 2.0.0").await;
        silent.push(stream);
    }
    for _ in 0..2 {
        send(TcpStream::connect(("127.0.0.1", port)).await.unwrap(), "EHLO", 1).await;
    }
    assert_eq!(house.store.count_waiting_inbound().await.unwrap(), 2);
    assert_eq!(silent[0].read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn only_a_listed_proxy_says_who_the_client_is() {
    let house = House::new().await;
    let proxies = vec![Network { address: [127, 0, 0, 1].into(), prefix: 32 }];
    let change = |settings: &mut Settings| {
        settings.proxies = proxies;
        settings.is_mx = true;
        settings.limits.connections_per_client = 1;
    };
    let (port, _) = house.listen_with(&loopback(), Protocol::Smtp, change).await;
    let behind = |client: &str| format!("PROXY TCP4 {client} 127.0.0.1 4000 25\r\n");
    let mut held = Vec::new();
    for (client, code) in [("192.0.2.1", "220"), ("192.0.2.2", "220"), ("192.0.2.1", "421")] {
        let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
        say(&mut stream, &behind(client)).await;
        expect(&mut stream, code).await;
        held.push(stream);
    }
    held.clear();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(behind("192.0.2.7").as_bytes()).await.unwrap();
    send(stream, "EHLO", 1).await;
    let waiting = house.store.begin_write().await.unwrap().load_waiting(10).await.unwrap();
    let client = &waiting.messages[0].message.client;
    assert_eq!(client.outside.as_ref().map(|outside| outside.address), Some([192, 0, 2, 7].into()));
    // The proxy's own network is trusted here, and its client is not.
    assert!(!client.network_trusted);
    let (port, _) = house.listen(&loopback(), Protocol::Smtp, Limits::default()).await;
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap());
    expect(&mut stream, "220").await;
    say(&mut stream, &behind("192.0.2.7")).await;
    expect(&mut stream, "500").await;
}
