//! A line between an IMAP client and its server that a test can hold, cut off, or let fall silent.
//!
//! Start with [`Proxy::start`].

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// A held command is noticed within this span on a busy machine.
const HELD_WITHIN: Duration = Duration::from_secs(60);

/// What the line does now.
#[derive(Default)]
struct State {
    /// The command that is to be held, when it comes.
    hold: Option<&'static str>,
    /// It came, and waits.
    holding: bool,
    /// Connections of this number and below carry nothing any more, and nobody is told.
    silent_up_to: usize,
    connections: usize,
}

#[derive(Clone, Default)]
struct Line(Arc<(Mutex<State>, Condvar)>);

/// A running line.
pub struct Proxy {
    pub port: u16,
    line: Line,
}

impl Proxy {
    /// Carries connections to `upstream_port` until the test's process ends.
    pub fn start(upstream_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let line = Line::default();
        let shared = line.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server =
                    TcpStream::connect(("127.0.0.1", upstream_port)).expect("the server listens");
                let number = shared.change(|state| {
                    state.connections += 1;
                    state.connections
                });
                shared.carry(&client, &server, number, true);
                shared.carry(&server, &client, number, false);
            }
        });
        Self { port, line }
    }

    /// Holds back the next `command`, and whatever the client says behind it.
    pub fn hold(&self, command: &'static str) {
        self.line.change(|state| state.hold = Some(command));
    }

    /// Waits until the command is held.
    pub fn wait_until_held(&self) {
        let (state, changed) = &*self.line.0;
        let state = state.lock().expect("no panic");
        let (state, _) =
            changed.wait_timeout_while(state, HELD_WITHIN, |state| !state.holding).expect("no panic");
        assert!(state.holding, "the command was not sent within {HELD_WITHIN:?}");
    }

    /// Lets the held command go.
    pub fn release(&self) {
        self.line.change(|state| {
            state.hold = None;
            state.holding = false;
        });
    }

    /// From now on the open connections carry nothing, as when a router forgot them. New ones do.
    pub fn fall_silent(&self) {
        self.line.change(|state| state.silent_up_to = state.connections);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.line.change(|state| state.connections)
    }
}

impl Line {
    fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        let (state, changed) = &*self.0;
        let outcome = how(&mut state.lock().expect("no panic"));
        changed.notify_all();
        outcome
    }

    fn carry(&self, from: &TcpStream, to: &TcpStream, number: usize, from_client: bool) {
        let (line, mut from, mut to) =
            (self.clone(), from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
        thread::spawn(move || {
            let mut octets = [0; 64 * 1024];
            while let Ok(count) = from.read(&mut octets)
                && count > 0
            {
                if from_client {
                    line.hold_back(&octets[..count]);
                }
                if line.change(|state| state.silent_up_to >= number) {
                    continue;
                }
                if to.write_all(&octets[..count]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        });
    }

    fn hold_back(&self, octets: &[u8]) {
        let (state, changed) = &*self.0;
        let mut state = state.lock().expect("no panic");
        let said = String::from_utf8_lossy(octets);
        if state.hold.is_some_and(|command| said.contains(command)) {
            state.holding = true;
            changed.notify_all();
            let _released = changed.wait_while(state, |state| state.holding).expect("no panic");
        }
    }
}
