//! A relay that takes every mail and remembers it: what left the server, how often, and when.
//!
//! Each door is a port of its own into one ledger, so that a mail is known by the server that handed
//! it over. A door may be stalled. Start with [`Sink::open_door`].

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

/// One mail that was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// In the order in which the doors were opened.
    pub door: usize,
    pub at: Instant,
}

/// Which delivery of a mail it is: its Message-ID and one recipient.
pub type Delivery = (String, String);

#[derive(Debug, Clone, Default)]
pub struct Sink {
    taken: Arc<Mutex<BTreeMap<Delivery, Vec<Taken>>>>,
    stall: Arc<Stall>,
}

/// The doors that answer no DATA for now, and how many clients wait for that answer.
#[derive(Debug, Default)]
struct Stall {
    doors: Mutex<(BTreeSet<usize>, usize)>,
    moved: Condvar,
}

impl Sink {
    /// The port of door number `door`, open until the test's process ends.
    pub fn open_door(&self, door: usize) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let sink = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sink = sink.clone();
                // A client that was killed leaves in the middle of a line.
                thread::spawn(move || drop(sink.serve(door, &stream)));
            }
        });
        port
    }

    /// Everything that was taken so far.
    pub fn taken(&self) -> BTreeMap<Delivery, Vec<Taken>> {
        self.taken.lock().expect("no door fails with the ledger").clone()
    }

    /// From here on this door answers no DATA, until it is [released](Sink::release).
    pub fn stall(&self, door: usize) {
        self.stall.doors.lock().expect("no door fails here").0.insert(door);
    }

    pub fn release(&self, door: usize) {
        self.stall.doors.lock().expect("no door fails here").0.remove(&door);
        self.stall.moved.notify_all();
    }

    /// How many clients wait at stalled doors.
    pub fn waiting(&self) -> usize {
        self.stall.doors.lock().expect("no door fails here").1
    }

    fn serve(&self, door: usize, mut stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        stream.write_all(b"220 sink.test\r\n")?;
        let mut recipients = Vec::new();
        while let Some(line) = lines.next().transpose()? {
            let command = line.to_ascii_uppercase();
            if command == "DATA" {
                self.wait_at(door);
                stream.write_all(b"354 go on\r\n")?;
                let mut message_id = String::new();
                loop {
                    let Some(line) = lines.next().transpose()? else { return Ok(()) };
                    if line == "." {
                        break;
                    }
                    if let Some(id) = line.strip_prefix("Message-ID: ") {
                        message_id = id.to_owned();
                    }
                }
                self.keep(door, &message_id, &mut recipients);
                stream.write_all(b"250 2.0.0 taken\r\n")?;
            } else if command.starts_with("RCPT TO:") {
                recipients.push(line[8..].split('>').next().unwrap_or_default().to_owned());
                stream.write_all(b"250 2.1.5 known\r\n")?;
            } else if command == "QUIT" {
                stream.write_all(b"221 2.0.0 bye\r\n")?;
                return Ok(());
            } else {
                stream.write_all(b"250 2.0.0 yes\r\n")?;
            }
        }
        Ok(())
    }

    fn wait_at(&self, door: usize) {
        let mut doors = self.stall.doors.lock().expect("no door fails here");
        doors.1 += 1;
        while doors.0.contains(&door) {
            doors = self.stall.moved.wait(doors).expect("no door fails here");
        }
        doors.1 -= 1;
    }

    /// Kept before the answer, as a relay does: a client that dies at that instant has sent it.
    fn keep(&self, door: usize, message_id: &str, recipients: &mut Vec<String>) {
        let mut all = self.taken.lock().expect("no door fails with the ledger");
        for recipient in recipients.drain(..) {
            let taken = Taken { door, at: Instant::now() };
            all.entry((message_id.to_owned(), recipient)).or_default().push(taken);
        }
    }
}
