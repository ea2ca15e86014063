//! What follows DATA: the octets of a message, up to the dot that ends them.
//!
//! Only CRLF.CRLF ends a message (RFC 5321 section 4.1.1.4). Senders that let a bare LF or CR pass
//! and receivers that take it for a line end have been made to disagree on where a message ends,
//! and so to carry forged mail (CERT VU#302671). This reader sees both kinds, ends at neither, and
//! says afterwards that they were there.
//!
//! smtp-proto's own reader is not used: it begins in the middle of a line, and it takes
//! CRLF.CR CRLF for the end.

/// How a message that has ended is to be answered, when not with acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// More octets than allowed; none are kept.
    Oversize,
    /// Other messages in progress use the memory that may be used; none of this one are kept.
    NoRoom,
    /// A CR without LF, or an LF without CR (RFC 5321 section 2.3.8).
    BareLineEnd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of the message, or behind a CRLF.
    LineStart,
    /// Behind the dot that begins a line.
    Dot,
    /// Behind that dot and a CR.
    DotCr,
    Text,
    /// Behind a CR that may begin a line end.
    Cr,
}

/// Reads one message.
#[derive(Debug)]
pub struct ContentReader {
    state: State,
    octets: Vec<u8>,
    octets_max: usize,
    flaw: Option<Flaw>,
    /// Read so far, kept or not.
    seen: u64,
}

impl ContentReader {
    /// A reader of one message of at most `octets_max` octets.
    pub fn new(octets_max: usize) -> Self {
        Self {
            state: State::LineStart,
            octets: Vec::with_capacity(4_096.min(octets_max)),
            octets_max,
            flaw: None,
            seen: 0,
        }
    }

    /// Takes octets up to the end of the message, or all of them. Returns how many it took when
    /// the message has ended.
    pub fn take(&mut self, input: &[u8]) -> Option<usize> {
        for (at, &octet) in input.iter().enumerate() {
            if self.take_octet(octet) {
                self.seen += at as u64 + 1;
                return Some(at + 1);
            }
        }
        self.seen += input.len() as u64;
        None
    }

    /// How many octets came so far, kept or not.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// How many octets it holds.
    pub fn held(&self) -> usize {
        self.octets.len()
    }

    /// Keeps nothing of this message, but reads on to its end.
    pub fn give_up(&mut self, flaw: Flaw) {
        self.flaw = Some(flaw);
        self.octets = Vec::new();
    }

    /// The message, with its dots as the sender meant them.
    ///
    /// # Errors
    ///
    /// [`Flaw`], the sender's to mend, or to try again for want of room.
    pub fn finish(self) -> Result<Vec<u8>, Flaw> {
        self.flaw.map_or(Ok(self.octets), Err)
    }

    /// Whether the message ended with this octet.
    fn take_octet(&mut self, octet: u8) -> bool {
        use State::{Cr, Dot, DotCr, LineStart, Text};
        self.state = match (self.state, octet) {
            (DotCr, b'\n') => return true,
            (DotCr, _) => {
                // The CR behind the dot was no line end after all; it belongs to the message.
                self.keep(b'\r');
                self.state = Cr;
                return self.take_octet(octet);
            }
            (LineStart, b'.') => {
                self.state = Dot;
                return false;
            }
            (Dot, b'\r') => {
                self.state = DotCr;
                return false;
            }
            (Cr, b'\n') => LineStart,
            (Cr, b'\r') => self.note_bare(Cr),
            (Cr, _) => self.note_bare(Text),
            (LineStart | Dot | Text, b'\n') => self.note_bare(Text),
            (_, b'\r') => Cr,
            (_, _) => Text,
        };
        self.keep(octet);
        false
    }

    fn note_bare(&mut self, next: State) -> State {
        self.flaw.get_or_insert(Flaw::BareLineEnd);
        next
    }

    fn keep(&mut self, octet: u8) {
        match self.flaw {
            Some(Flaw::Oversize | Flaw::NoRoom) => {}
            _ if self.octets.len() == self.octets_max => self.give_up(Flaw::Oversize),
            _ => self.octets.push(octet),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `wire`, cut into two segments at every place; all cuts must agree.
    fn read(wire: &[u8], octets_max: usize) -> (Option<usize>, Result<Vec<u8>, Flaw>) {
        let whole = read_cut(wire, wire.len(), octets_max);
        for cut in 0..wire.len() {
            assert_eq!(read_cut(wire, cut, octets_max), whole, "cut at {cut}");
        }
        whole
    }

    fn read_cut(wire: &[u8], cut: usize, max: usize) -> (Option<usize>, Result<Vec<u8>, Flaw>) {
        let mut reader = ContentReader::new(max);
        let (first, second) = wire.split_at(cut);
        let end = reader.take(first).or_else(|| reader.take(second).map(|taken| cut + taken));
        (end, reader.finish())
    }

    #[test]
    fn only_a_dot_between_two_crlf_ends_a_message() {
        for smuggled in [
            "\n.\n",
            "\n.\r\n",
            "\r\n.\n",
            "\r.\r",
            "\r.\r\n",
            "\r\n.\r",
            "\r\n.\r\r\n",
            "\n\n.\r\n",
            "\r\n\0.\r\n",
            "\r\n.\0\r\n",
            "\r\0\n.\r\n",
            "\r\n.\n\r\n",
            "\n\r.\r\n",
        ] {
            let wire = format!("one{smuggled}MAIL FROM:<x@y.example>\r\n.\r\nQUIT\r\n");
            let (end, message) = read(wire.as_bytes(), 1_000);
            assert_eq!(end, Some(wire.len() - "QUIT\r\n".len()), "{smuggled:?}");
            if !smuggled.contains('\0') || smuggled.contains("\r\0") {
                assert_eq!(message, Err(Flaw::BareLineEnd), "{smuggled:?}");
            }
        }
    }

    #[test]
    fn dots_are_as_the_sender_meant_them() {
        let cases: [(&str, &str); 7] = [
            ("..\r\n.\r\n", ".\r\n"),
            ("..a\r\n..b\r\n...\r\n.\r\n", ".a\r\n.b\r\n..\r\n"),
            (".a\r\n.\r\n", "a\r\n"),
            (".\r\n", ""),
            ("\r\n.\r\n", "\r\n"),
            ("a.\r\n.\r\n", "a.\r\n"),
            ("a\0b\r\n.\r\n", "a\0b\r\n"),
        ];
        for (wire, message) in cases {
            assert_eq!(
                read(wire.as_bytes(), 1_000),
                (Some(wire.len()), Ok(message.as_bytes().to_vec())),
                "{wire:?}"
            );
        }
    }

    #[test]
    fn an_oversize_message_is_read_to_its_end_and_not_kept() {
        assert_eq!(read(b"1234\r\n.\r\n", 5), (Some(9), Err(Flaw::Oversize)));
        assert_eq!(read(b"123\r\n.\r\n", 5), (Some(8), Ok(b"123\r\n".to_vec())));
    }
}
