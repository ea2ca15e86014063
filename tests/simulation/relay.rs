//! A relay with manners that change: it takes mail, puts it off, refuses it, is away, or breaks the
//! connection behind the final dot. It remembers what it took, across every crash of the server.
//!
//! Start with [`serve`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use firebell::mail::Address;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::chance::Chance;
use super::wal::{Log, Point};

/// How it behaves at the moment, in percent of the mails.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// It hangs up on everybody.
    pub away: bool,
    pub puts_off: usize,
    /// The connection breaks behind the final dot.
    pub breaks: usize,
    /// These it refuses for good.
    pub refuses: BTreeSet<String>,
}

/// A mail that it took.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The outbox row, as the reverse-path names it.
    pub row: i64,
    pub recipient: Address,
    pub octets: Vec<u8>,
    /// Whether the server heard of it.
    pub told: bool,
    /// The last commit before.
    pub at: Point,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    chance: Chance,
    taken: Vec<Taken>,
    /// How often it left somebody without an answer.
    hung_up: usize,
    log: Log,
}

/// Clones are the same relay.
#[derive(Debug, Clone)]
pub struct Relay(Arc<Mutex<State>>);

impl Relay {
    pub fn new(seed: u64, log: Log) -> Self {
        let chance = Chance::new(seed);
        let state = State { manner: Manner::default(), chance, taken: Vec::new(), hung_up: 0, log };
        Self(Arc::new(Mutex::new(state)))
    }

    pub fn behave(&self, manner: Manner) {
        self.state().manner = manner;
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }

    /// How often it left somebody without an answer.
    pub fn hung_up(&self) -> usize {
        self.state().hung_up
    }

    /// Only the first `count` mails were ever taken; from now on the database is another file.
    pub fn go_back(&self, count: usize, log: Log) {
        let mut state = self.state();
        state.taken.truncate(count);
        state.log = log;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody fails with the relay's state")
    }

    /// What it says to a recipient.
    fn answer_recipient(&self, recipient: &str) -> &'static str {
        let mut state = self.state();
        let puts_off = state.manner.puts_off;
        if state.manner.refuses.contains(recipient) {
            "550 5.1.1 no such mailbox\r\n"
        } else if state.chance.percent(puts_off) {
            "451 4.3.2 not now\r\n"
        } else {
            "250 2.1.5 known\r\n"
        }
    }

    /// What it says to the final dot; nothing where the connection breaks.
    fn answer_content(&self, row: i64, recipient: &Address, octets: Vec<u8>) -> Option<&'static str> {
        let mut state = self.state();
        let (puts_off, breaks) = (state.manner.puts_off, state.manner.breaks);
        if state.chance.percent(puts_off) {
            return Some("452 4.3.1 no room\r\n");
        }
        let told = !state.chance.percent(breaks);
        if told || state.chance.percent(50) {
            let at = state.log.end();
            state.taken.push(Taken { row, recipient: recipient.clone(), octets, told, at });
        }
        state.hung_up += usize::from(!told);
        told.then_some("250 2.0.0 taken\r\n")
    }
}

/// Serves whoever connects, one after the other.
pub async fn serve(relay: Relay, listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let away = relay.state().manner.away;
        if away {
            relay.state().hung_up += 1;
        } else {
            // Whoever hangs up in the middle of a line is gone.
            let _ = converse(&relay, &mut stream).await;
        }
    }
}

async fn converse(relay: &Relay, stream: &mut TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read);
    write.write_all(b"220 relay.test\r\n").await?;
    let (mut row, mut recipient) = (0, None);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let argument = line.split(['<', '>']).nth(1).unwrap_or_default();
        let answer = match line.get(..4).unwrap_or_default() {
            "MAIL" => {
                row = row_of(argument);
                "250 2.1.0 go on\r\n"
            }
            "RCPT" => {
                recipient = Address::read(argument).ok();
                relay.answer_recipient(argument)
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let octets = content(&mut lines).await?;
                let recipient = recipient.as_ref().expect("a recipient before the content");
                match relay.answer_content(row, recipient, octets) {
                    Some(answer) => answer,
                    None => return Ok(()),
                }
            }
            "QUIT" => return write.write_all(b"221 2.0.0 bye\r\n").await,
            _ => "250 2.0.0 yes\r\n",
        };
        write.write_all(answer.as_bytes()).await?;
    }
}

/// Everything before the final dot, without the dots that were doubled (RFC 5321 section 4.5.2).
async fn content(lines: &mut (impl AsyncBufReadExt + AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    loop {
        let begun = octets.len();
        if lines.read_until(b'\n', &mut octets).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if octets[begun..] == *b".\r\n" {
            octets.truncate(begun);
            return Ok(octets);
        }
        if octets[begun] == b'.' {
            octets.remove(begun);
        }
    }
}

/// `7` of `incidents+bounce.7.MAC@example.org`.
fn row_of(reverse_path: &str) -> i64 {
    let row = reverse_path.split_once("+bounce.").and_then(|(_, rest)| rest.split('.').next());
    row.and_then(|row| row.parse().ok()).expect("a reverse-path that names the row")
}
