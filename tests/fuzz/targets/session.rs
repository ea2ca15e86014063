//! The dialogue of SMTP and LMTP: the same however the octets are cut into segments, every answer a
//! line of its own, and no message ends but with CRLF.CRLF.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use chrono::DateTime;
use firebell::clock::Clock;
use firebell::intake::dialogue::serve;
use firebell::intake::session::{Peer, Tls};
use firebell::intake::{Inbox, Protocol, Settings};
use firebell::mail::{Address, OwnAddress};
use firebell::store::rows::NewInbound;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, watch};

const MESSAGE_OCTETS_MAX: usize = 4_000;
/// What the server itself writes before a message.
const TRACE_LINES: usize = 3;

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

/// Reads the first two octets as the protocol and how the rest, what a client says, is cut.
pub fn check(octets: &[u8]) {
    let [protocol, cut, said @ ..] = octets else { return };
    let protocol = if protocol % 2 == 0 { Protocol::Smtp } else { Protocol::Lmtp };
    let whole = talk(protocol, vec![said]);
    // From every octet alone to pieces of 17.
    let size = usize::from(cut % 17) + 1;
    let cut = talk(protocol, said.chunks(size).collect());
    assert_eq!(cut.answers, whole.answers, "segments of {size} octets are answered otherwise");
    assert_eq!(cut.messages.len(), whole.messages.len());
    for (one, other) in cut.messages.iter().zip(&whole.messages) {
        assert_eq!(one.octets, other.octets);
        assert_eq!((&one.reverse_path, &one.recipients), (&other.reverse_path, &other.recipients));
    }
    check_answers(&whole);
    for message in &whole.messages {
        check_message(message, said);
    }
}

fn check_answers(talk: &Talk) {
    let answers = std::str::from_utf8(&talk.answers).expect("answers in UTF-8");
    assert!(answers.starts_with("220 ") && answers.ends_with("\r\n"));
    for line in answers.split_terminator("\r\n") {
        let (code, rest) = line.split_at_checked(3).expect("a code");
        assert!(code.bytes().all(|octet| octet.is_ascii_digit()), "{line:?}");
        assert!(
            rest.starts_with([' ', '-']) && super::is_one_line(rest) && line.len() <= 510,
            "{line:?}"
        );
    }
    let asked = answers.lines().filter(|line| line.starts_with("354")).count();
    assert!(talk.messages.len() <= asked, "more messages than were asked for");
}

fn check_message(message: &NewInbound, said: &[u8]) {
    assert!(!message.recipients.is_empty() && message.octets.len() <= MESSAGE_OCTETS_MAX + 1_000);
    assert!(
        message.reverse_path.as_ref().is_none_or(|path| super::is_one_line(path) && !path.is_empty())
    );
    let bare = |pair: &&[u8]| (pair[0] == b'\r') != (pair[1] == b'\n');
    assert!(message.octets.windows(2).all(|pair| !bare(&pair)), "a bare line end was taken");
    let lines = message.octets.split_inclusive(|octet| *octet == b'\n').skip(TRACE_LINES);
    let sent = [lines.flatten().copied().collect::<Vec<u8>>(), b".\r\n".to_vec()].concat();
    let found = undotted(said).windows(sent.len()).any(|window| window == sent);
    assert!(found, "what was stored did not stand before CRLF.CRLF");
}

/// What was said with the first dot of every line dropped, but for the lines that are a dot
/// (RFC 5321 section 4.5.2).
fn undotted(said: &[u8]) -> Vec<u8> {
    let mut undotted = Vec::new();
    let mut at_line_start = true;
    for (at, octet) in said.iter().enumerate() {
        let is_end = said.get(at + 1..at + 3) == Some(b"\r\n");
        if !(at_line_start && *octet == b'.' && !is_end) {
            undotted.push(*octet);
        }
        at_line_start = *octet == b'\n' && at > 0 && said[at - 1] == b'\r';
    }
    undotted
}

struct Talk {
    answers: Vec<u8>,
    messages: Vec<NewInbound>,
}

fn talk(protocol: Protocol, segments: Vec<&[u8]>) -> Talk {
    let own = OwnAddress::new(Address::read("incidents@example.org").expect("an address"), '+');
    let clock = Clock::manual(DateTime::from_timestamp(1_795_000_000, 0).expect("an instant"));
    let mut settings = Settings::new("mx.example.org".to_owned(), own, Vec::new(), clock.clone());
    settings.limits.message_octets = MESSAGE_OCTETS_MAX;
    let mut wire = Wire { segments: segments.into_iter(), answers: RefCell::default() };
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (inbox, mut arrived) = Inbox::in_memory(Ok(()), clock);
            let (_stop, shutdown) = watch::channel(false);
            let address = Some([192, 0, 2, 9].into());
            let peer = Peer { address, network_trusted: false, tls: Tls::Unavailable };
            let served =
                serve(&mut wire, peer, protocol, &settings, inbox, shutdown, &Notify::new()).await;
            served.expect("this wire never breaks");
            let mut messages = Vec::new();
            while let Some(message) = arrived.recv().await {
                messages.push(message);
            }
            Talk { answers: wire.answers.take(), messages }
        })
    })
}

/// A connection on which every segment is read by itself.
struct Wire<'a> {
    segments: std::vec::IntoIter<&'a [u8]>,
    answers: RefCell<Vec<u8>>,
}

impl AsyncRead for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let segment = self.segments.next().unwrap_or_default();
        buffer.put_slice(segment);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.answers.borrow_mut().extend(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
