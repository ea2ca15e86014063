//! Mailboxes on this machine instead of a relay: for the demo, for tests, for a first look.
//!
//! One Maildir per recipient below one folder. A mail's file is named by its outbox row, so a
//! second delivery of the same row replaces the first. Start with [`write`].

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::mail::Address;

/// The mailbox of `recipient` below `root`.
pub fn mailbox(root: &Path, recipient: &Address) -> PathBuf {
    root.join(folder_name(recipient))
}

/// Delivers a mail: written beside, then moved in, so that nobody reads half of it.
///
/// Blocks, and returns when the mail is on disk.
///
/// # Errors
///
/// The operator's: no room, or no right to write there.
pub fn write(
    root: &Path,
    outbox: i64,
    reverse_path: &Address,
    recipient: &Address,
    octets: &[u8],
) -> io::Result<()> {
    let mailbox = mailbox(root, recipient);
    for folder in ["tmp", "new", "cur"] {
        fs::create_dir_all(mailbox.join(folder))?;
    }
    let name = format!("{outbox}.firebell");
    let written = mailbox.join("tmp").join(&name);
    let mut file = fs::File::create(&written)?;
    // The lines of the final delivery (RFC 5321 section 4.4).
    write!(file, "Return-Path: <{reverse_path}>\r\nDelivered-To: {recipient}\r\n")?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&written, mailbox.join("new").join(&name))?;
    fs::File::open(mailbox.join("new"))?.sync_all()
}

/// The address as the name of a folder: what could lead elsewhere is written as its code point.
fn folder_name(recipient: &Address) -> String {
    let mut name = String::new();
    for (at, c) in recipient.key().chars().enumerate() {
        let plain = c.is_alphanumeric() || "@-_+=".contains(c) || c == '.' && at > 0;
        if plain {
            name.push(c);
        } else {
            name.push_str(&format!("%{:02x}", u32::from(c)));
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::read(text).unwrap()
    }

    #[test]
    fn a_second_delivery_of_a_row_replaces_the_first() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (address("incidents+bounce.7.abc@example.org"), address("Alice@Example.org"));
        for _ in 0..2 {
            write(root.path(), 7, &from, &to, b"Subject: x\r\n\r\nbody\r\n").unwrap();
        }
        write(root.path(), 8, &from, &to, b"Subject: y\r\n\r\n").unwrap();
        let mailbox = root.path().join("alice@example.org");
        assert_eq!(fs::read_dir(mailbox.join("new")).unwrap().count(), 2);
        assert_eq!(fs::read_dir(mailbox.join("tmp")).unwrap().count(), 0);
        assert_eq!(
            fs::read_to_string(mailbox.join("new/7.firebell")).unwrap(),
            "Return-Path: <incidents+bounce.7.abc@example.org>\r\nDelivered-To: Alice@Example.org\r\n\
             Subject: x\r\n\r\nbody\r\n"
        );
    }

    #[test]
    fn no_address_leads_out_of_the_folder() {
        let root = Path::new("/root");
        assert_eq!(mailbox(root, &address("/etc/passwd@x.example")).parent(), Some(root));
        assert_eq!(folder_name(&address("a/b@x.example")), "a%2fb@x.example");
        assert_ne!(folder_name(&address("a%2fb@x.example")), folder_name(&address("a/b@x.example")));
    }
}
