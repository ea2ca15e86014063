//! A relay with manners that change: at each word of the conversation it may put mail off, refuse it,
//! close or break the connection, be away, or stand still behind the final dot. It remembers what it
//! took, across every crash of the server.
//!
//! Start with [`serve`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use firebell::mail::Address;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::chance::Chance;
use super::wal::{Log, Point};

/// Where in a conversation it has something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Greeting,
    Hello,
    Mail,
    Recipient,
    Data,
    /// In the middle of the octets, where it can only hang up.
    Content,
    /// Behind the final dot.
    Dot,
    /// RSET, NOOP, QUIT.
    Rest,
}

impl Phase {
    pub const ALL: [Self; 8] = [
        Self::Greeting,
        Self::Hello,
        Self::Mail,
        Self::Recipient,
        Self::Data,
        Self::Content,
        Self::Dot,
        Self::Rest,
    ];
}

/// What it does instead of going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 4yz.
    PutsOff,
    /// 5yz.
    Refuses,
    /// 421, and hangs up.
    Closes,
    HangsUp,
}

impl Fault {
    pub const ALL: [Self; 4] = [Self::PutsOff, Self::Refuses, Self::Closes, Self::HangsUp];
}

/// How it behaves at the moment.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// It hangs up on everybody.
    pub away: bool,
    /// Where it has which fault, in so many of a hundred times.
    pub faults: Vec<(Phase, Fault, usize)>,
    /// These recipients it refuses for good.
    pub refuses: BTreeSet<String>,
}

/// A mail that it took.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The outbox row, as the reverse-path names it.
    pub row: i64,
    pub recipient: Address,
    pub octets: Vec<u8>,
    /// Whether the server heard of it, in time.
    pub told: bool,
    /// The last commit before.
    pub at: Point,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    chance: Chance,
    taken: Vec<Arc<Taken>>,
    /// How often it left somebody without an answer, or did not let them in.
    turned_away: usize,
    /// Stands still behind the next final dot.
    stalls: bool,
    /// That of the present life.
    log: Option<Log>,
}

/// Clones are the same relay.
#[derive(Debug, Clone)]
pub struct Relay {
    state: Arc<Mutex<State>>,
    stalled: Arc<Notify>,
    resumed: Arc<Notify>,
}

/// What it says, and whether it hangs up then.
struct Answer {
    line: &'static str,
    hangs_up: bool,
}

impl Answer {
    fn going_on(line: &'static str) -> Self {
        Self { line, hangs_up: false }
    }
}

impl Relay {
    pub fn new(seed: u64) -> Self {
        let (manner, chance) = (Manner::default(), Chance::new(seed));
        let state =
            State { manner, chance, taken: Vec::new(), turned_away: 0, stalls: false, log: None };
        Self { state: Arc::new(Mutex::new(state)), stalled: Arc::default(), resumed: Arc::default() }
    }

    pub fn behave(&self, manner: Manner) {
        self.state().manner = manner;
    }

    pub fn taken(&self) -> Vec<Arc<Taken>> {
        self.state().taken.clone()
    }

    pub fn count_taken(&self) -> usize {
        self.state().taken.len()
    }

    /// How often it left somebody without an answer, or did not let them in.
    pub fn turned_away(&self) -> usize {
        self.state().turned_away
    }

    /// Only the first `count` mails were ever taken.
    pub fn go_back(&self, count: usize) {
        self.state().taken.truncate(count);
    }

    /// From now on the database is another file.
    pub fn watch(&self, log: Log) {
        self.state().log = Some(log);
    }

    /// Whether it is to stand still behind the next final dot, until [`Self::resume`].
    pub fn stall(&self, stalls: bool) {
        self.state().stalls = stalls;
    }

    /// Waits until it stands still.
    pub async fn until_stalled(&self) {
        self.stalled.notified().await;
    }

    pub fn resume(&self) {
        self.resumed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody fails with the relay's state")
    }

    /// What it says, where `otherwise` is what it should.
    fn answer(&self, phase: Phase, otherwise: &'static str) -> Answer {
        let mut state = self.state();
        let fault = state.fault_at(phase);
        let lets_in = !matches!(phase, Phase::Greeting | Phase::Hello);
        let hangs_up = matches!(fault, Some(Fault::Closes | Fault::HangsUp));
        state.turned_away += usize::from(hangs_up || (fault.is_some() && !lets_in));
        match fault {
            None => Answer::going_on(otherwise),
            Some(Fault::PutsOff) => Answer::going_on("451 4.3.2 not now\r\n"),
            Some(Fault::Refuses) => Answer::going_on("554 5.7.1 not here\r\n"),
            Some(Fault::Closes) => Answer { line: "421 4.3.2 going down\r\n", hangs_up: true },
            Some(Fault::HangsUp) => Answer { line: "", hangs_up: true },
        }
    }

    fn answer_recipient(&self, recipient: &str) -> Answer {
        if self.state().manner.refuses.contains(recipient) {
            return Answer::going_on("550 5.1.1 no such mailbox\r\n");
        }
        self.answer(Phase::Recipient, "250 2.1.5 known\r\n")
    }

    /// What it says to the final dot. It may have taken the mail and hang up all the same.
    async fn answer_dot(&self, row: i64, recipient: &Address, octets: Vec<u8>) -> Answer {
        let answer = self.answer(Phase::Dot, "250 2.0.0 taken\r\n");
        let told = answer.line.starts_with("250");
        let stalls = {
            let mut state = self.state();
            let silent = answer.line.is_empty();
            let kept = told || (silent && state.chance.percent(50));
            if !kept {
                return answer;
            }
            let stalls = std::mem::take(&mut state.stalls);
            let at = state.log.as_ref().expect("a life").end();
            let (recipient, told) = (recipient.clone(), told && !stalls);
            state.taken.push(Arc::new(Taken { row, recipient, octets, told, at }));
            stalls
        };
        if stalls {
            self.stalled.notify_one();
            self.resumed.notified().await;
        }
        answer
    }
}

impl State {
    fn fault_at(&mut self, phase: Phase) -> Option<Fault> {
        let (chance, faults) = (&mut self.chance, &self.manner.faults);
        let mut here = faults.iter().filter(|(at, ..)| *at == phase);
        here.find(|(.., percent)| chance.percent(*percent)).map(|(_, fault, _)| *fault)
    }
}

/// Serves whoever connects.
pub async fn serve(relay: Relay, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let away = relay.state().manner.away;
        if away {
            relay.state().turned_away += 1;
        } else {
            let relay = relay.clone();
            // Whoever hangs up in the middle of a line is gone.
            tokio::spawn(async move { converse(&relay, stream).await });
        }
    }
}

async fn converse(relay: &Relay, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.split();
    let mut lines = BufReader::new(read);
    let greeting = relay.answer(Phase::Greeting, "220 relay.test\r\n");
    write.write_all(greeting.line.as_bytes()).await?;
    if greeting.hangs_up {
        return Ok(());
    }
    let (mut row, mut recipient) = (0, None);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let argument = line.split(['<', '>']).nth(1).unwrap_or_default();
        let answer = match line.get(..4).unwrap_or_default() {
            "EHLO" => relay.answer(Phase::Hello, "250 relay.test\r\n"),
            "MAIL" => {
                row = row_of(argument);
                relay.answer(Phase::Mail, "250 2.1.0 go on\r\n")
            }
            "RCPT" => {
                recipient = Address::read(argument).ok();
                relay.answer_recipient(argument)
            }
            "DATA" => {
                let answer = relay.answer(Phase::Data, "354 go on\r\n");
                if !answer.line.starts_with("354") {
                    answer
                } else if relay.answer(Phase::Content, "").hangs_up {
                    write.write_all(answer.line.as_bytes()).await?;
                    lines.read_line(&mut line).await?;
                    return Ok(());
                } else {
                    write.write_all(answer.line.as_bytes()).await?;
                    let octets = content(&mut lines).await?;
                    let recipient = recipient.as_ref().expect("a recipient before the content");
                    relay.answer_dot(row, recipient, octets).await
                }
            }
            "QUIT" => return write.write_all(b"221 2.0.0 bye\r\n").await,
            _ => relay.answer(Phase::Rest, "250 2.0.0 yes\r\n"),
        };
        write.write_all(answer.line.as_bytes()).await?;
        if answer.hangs_up {
            return Ok(());
        }
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
