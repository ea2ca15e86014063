//! Ports of the loopback that nobody uses.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::wait;

/// Below the range from which the kernel takes ports for outgoing connections, so that none of
/// those can take a port between the look and its use.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that is free now and that this process has given to nobody else.
pub fn free_port() -> u16 {
    let start = (std::process::id() % u32::from(COUNT) * 16 % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let port = FIRST + (start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// Waits until somebody accepts connections on `port`.
pub fn wait_for_listener(what: &str, port: u16) {
    wait::until(&format!("{what} to listen on port {port}"), Duration::from_secs(30), || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
}
