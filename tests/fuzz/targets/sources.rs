//! Files of messages: an mbox is cut where its messages begin, and one made of what was found is
//! read as the same messages.

use std::io::Write;

use firebell::intake::sources::{Found, Source, read_each};

/// Reads the octets as a file of one message or many.
pub fn check(octets: &[u8]) {
    let found = read(octets);
    for message in &found {
        let bare = message.octets.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
        assert!(!bare && !message.octets.starts_with(b"\n"), "a bare line end");
    }
    if !octets.starts_with(b"From ") {
        return assert_eq!(found.len(), usize::from(!octets.is_empty()));
    }
    let again = read(&mbox(&found));
    assert_eq!(again.len(), found.len(), "messages of an mbox");
    for (one, other) in found.iter().zip(&again) {
        assert_eq!(with_end(&one.octets), with_end(&other.octets));
    }
}

fn read(octets: &[u8]) -> Vec<Found> {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(octets).expect("written");
    let mut found = Vec::new();
    let read = read_each(&Source::Path(file.path().into()), &mut |message| {
        found.push(message);
        true
    });
    assert_eq!(read.is_ok(), !octets.is_empty(), "{read:?}");
    found
}

/// Every message behind its `From ` line, with an empty line behind it (RFC 4155).
fn mbox(messages: &[Found]) -> Vec<u8> {
    let mut octets = Vec::new();
    for message in messages {
        octets.extend(b"From somebody@example.org Sat Nov 21 09:00:00 2026\n");
        for line in with_end(&message.octets).split_inclusive(|octet| *octet == b'\n') {
            let bare = line.iter().position(|octet| *octet != b'>').unwrap_or(line.len());
            if line[bare..].starts_with(b"From ") {
                octets.push(b'>');
            }
            octets.extend(line);
        }
        octets.extend(b"\r\n");
    }
    octets
}

/// As an mbox keeps it: its last line ended.
fn with_end(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    if !octets.is_empty() && !octets.ends_with(b"\n") {
        octets.extend(b"\r\n");
    }
    octets
}
