//! A crowd of clients that connect and say nothing: whoever comes then is served, and memory stays
//! within bounds. `FIREBELL_CROWD=10000` makes it as many.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::ports::free_port;
use crate::support::server::{ADDRESS, Relay, Server};
use crate::support::smtp;

/// More than the server has places for: a thousand.
const CROWD: usize = 1_200;
/// From one address; 50 are allowed.
const EACH: usize = 40;
/// What any load may take (kibibytes).
const MEMORY_KIB_MAX: u64 = 256 * 1024;
/// A server that is busy with a crowd still answers within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let crowd = std::env::var("FIREBELL_CROWD").map_or(CROWD, |crowd| crowd.parse().expect("a number"));
    let server = Server::start(free_port(), &Relay::Maildir, "");
    let at_rest = server.memory_kib();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut silent = runtime.block_on(async {
        let mut silent = Vec::with_capacity(crowd);
        for number in 0..crowd {
            let mut stream = connect(server.smtp_port, number / EACH).await;
            let greeting = line(&mut stream).await;
            assert!(greeting.starts_with("220 "), "client {number} is told {greeting}");
            silent.push(stream);
        }
        silent
    });
    let crowded = server.memory_kib();
    let began = Instant::now();
    let report = format!("From: dana@people.test\nTo: {ADDRESS}\nSubject: SEV-2 crowd\n\nIt is slow.\n");
    smtp::send(server.smtp_port, "dana@people.test", &[ADDRESS], &report)
        .expect("a new client is served");
    let served = began.elapsed();
    server.wait_for_incident("INC-1", "the incident of the new client", |_| true);
    // The first of them left for the last.
    let first = runtime.block_on(line(&mut silent[0]));
    assert!(first.starts_with("421 4.7.0"), "{first}");
    println!(
        "{crowd} clients said nothing: {at_rest} KiB at rest, {crowded} KiB with them; a new client was served \
         in {} ms",
        served.as_millis()
    );
    assert!(crowded < MEMORY_KIB_MAX, "{crowded} KiB");
}

/// From an address of its own for each `client`.
async fn connect(port: u16, client: usize) -> BufReader<TcpStream> {
    let [high, low] = u16::try_from(client).expect("few clients").to_be_bytes();
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = IpAddr::V4(Ipv4Addr::new(127, 1, high, low));
    socket.bind(SocketAddr::new(from, 0)).expect("an address of loopback");
    let to = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    BufReader::new(socket.connect(to).await.expect("it listens"))
}

async fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    let read = tokio::time::timeout(ANSWER_WITHIN, stream.read_line(&mut line)).await;
    read.expect("an answer in time").expect("the connection holds");
    line
}
