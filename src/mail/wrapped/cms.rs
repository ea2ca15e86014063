//! Cryptographic messages (RFC 5652) as far as they must be known to find the signed content.
//!
//! Reads BER (ITU-T X.690), definite and indefinite, because signers write both. Never verifies
//! anything: who signed proves nothing here. Start with [`read`].

/// `id-signedData`, 1.2.840.113549.1.7.2.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// `id-envelopedData`, `id-encryptedData`, `id-ct-authEnvelopedData`.
const ENCRYPTED: &[&[u8]] = &[
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17],
];
const OID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// `[0]`, explicit.
const CONTEXT_0: u8 = 0xa0;
const CONSTRUCTED: u8 = 0x20;
/// Elements within each other; what signers write has fifteen.
const NESTING_MAX: usize = 30;
/// Elements that are looked at. Octet strings come in pieces of 1,000 octets or more, so the largest
/// message has ten thousand.
const ELEMENTS_MAX: usize = 200_000;

/// What a cryptographic message is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cms {
    /// What was signed: a MIME entity.
    Signed(Vec<u8>),
    Encrypted,
    /// Nothing that we know, or signatures alone.
    Unknown,
}

/// Reads a cryptographic message.
pub(super) fn read(octets: &[u8]) -> Cms {
    let mut reader = Reader { elements: 0 };
    reader.read_message(octets).unwrap_or(Cms::Unknown)
}

/// An element: its tag and its content.
#[derive(Clone, Copy)]
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

struct Reader {
    elements: usize,
}

impl Reader {
    fn read_message(&mut self, octets: &[u8]) -> Option<Cms> {
        let (message, _) = self.read(octets, 0)?;
        let (kind, rest) = self.read_tagged(message, SEQUENCE, OID)?;
        if ENCRYPTED.contains(&kind.content) {
            return Some(Cms::Encrypted);
        }
        if kind.content != SIGNED_DATA {
            return Some(Cms::Unknown);
        }
        let (explicit, _) = self.read(rest, 1)?;
        let (signed, _) = self.read_tagged(explicit, CONTEXT_0, SEQUENCE)?;
        // Version, digest algorithms, then the content (RFC 5652 section 5.1).
        let (_, rest) = self.read(signed.content, 3)?;
        let (_, rest) = self.read(rest, 3)?;
        let (content, _) = self.read(rest, 3)?;
        let (_, rest) = self.read_tagged(content, SEQUENCE, OID)?;
        let (explicit, _) = self.read(rest, 4)?;
        let (string, _) = self.read(explicit.content, 5)?;
        let mut entity = Vec::new();
        self.gather(string, 5, &mut entity)?;
        (explicit.tag == CONTEXT_0 && !entity.is_empty()).then_some(Cms::Signed(entity))
    }

    /// The first element within `outer`, both of the given tags, and what follows it.
    fn read_tagged<'a>(
        &mut self,
        outer: Element<'a>,
        outer_tag: u8,
        tag: u8,
    ) -> Option<(Element<'a>, &'a [u8])> {
        let (inner, rest) = self.read(outer.content, 2)?;
        (outer.tag == outer_tag && inner.tag == tag).then_some((inner, rest))
    }

    /// An octet string, whole or in pieces (X.690 section 8.7).
    fn gather(&mut self, string: Element<'_>, depth: usize, into: &mut Vec<u8>) -> Option<()> {
        if string.tag == OCTET_STRING {
            into.extend_from_slice(string.content);
            return Some(());
        }
        if string.tag != OCTET_STRING | CONSTRUCTED || depth >= NESTING_MAX {
            return None;
        }
        let mut rest = string.content;
        while !rest.is_empty() {
            let (piece, behind) = self.read(rest, depth)?;
            self.gather(piece, depth + 1, into)?;
            rest = behind;
        }
        Some(())
    }

    /// The element at the start of `octets`, and what follows it (X.690 section 8.1).
    fn read<'a>(&mut self, octets: &'a [u8], depth: usize) -> Option<(Element<'a>, &'a [u8])> {
        self.elements += 1;
        if depth > NESTING_MAX || self.elements > ELEMENTS_MAX {
            return None;
        }
        let (&tag, rest) = octets.split_first()?;
        // A tag of several octets stands nowhere on the way.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&length, rest) = rest.split_first()?;
        if length == 0x80 {
            if tag & CONSTRUCTED == 0 {
                return None;
            }
            let mut at = rest;
            while !at.starts_with(&[0, 0]) {
                // What a signer cut off is read as far as it goes.
                (_, at) = self.read(at, depth + 1)?;
            }
            let content = rest.get(..rest.len() - at.len())?;
            return Some((Element { tag, content }, at.get(2..)?));
        }
        let (length, rest) = if length < 0x80 {
            (usize::from(length), rest)
        } else {
            let count = usize::from(length & 0x7f);
            let digits = rest.get(..count).filter(|_| count <= 4)?;
            let length = digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
            (length, rest.get(count..)?)
        };
        Some((Element { tag, content: rest.get(..length)? }, rest.get(length..)?))
    }
}
