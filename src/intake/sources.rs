//! Messages that lie in files: one in a pipe or an `.eml`, many in an mbox, a Maildir, a folder.
//!
//! Turns the line ends of the host into those of mail, and looks no further into a message. Blocks.
//! Start with [`read_each`].

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::mail::MESSAGE_OCTETS_MAX;

/// Where messages are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One message, or none when nothing comes.
    Stdin,
    /// A message, an mbox, a Maildir, or a folder of `.eml`.
    Path(PathBuf),
}

impl Source {
    /// Reads the argument of the command line; none and `-` are standard input.
    pub fn read(argument: Option<&str>) -> Self {
        match argument {
            None | Some("-") => Self::Stdin,
            Some(path) => Self::Path(path.into()),
        }
    }
}

/// A message that was found, with what its file says of its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// For people: the file, and the number within an mbox.
    pub place: String,
    /// What stood behind `From ` in the line that some MTAs put before a message.
    pub from_line: Option<String>,
    pub octets: Vec<u8>,
}

/// Why a source could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{0} cannot be read")]
    Unreadable(String, #[source] io::Error),
    #[error("{0} has no messages in it: expected a message, an mbox, a Maildir or a folder of .eml")]
    NoMessages(String),
    #[error("{0} is larger than a message may be (10,240,000 octets)")]
    TooLarge(String),
}

/// Hands every message of the source to `take`, in order, until that returns `false`.
///
/// # Errors
///
/// [`SourceError`]; the messages before it were handed over.
pub fn read_each(source: &Source, take: &mut dyn FnMut(Found) -> bool) -> Result<(), SourceError> {
    match source {
        Source::Stdin => {
            let place = "standard input";
            let message = read_single(&mut io::stdin().lock(), place)?;
            // A pipe that was opened by mistake brings nothing, and that is no error.
            message.into_iter().all(take);
            Ok(())
        }
        Source::Path(path) if path.is_dir() => read_folder(path, take),
        Source::Path(path) => read_file(path, take).map(drop),
    }
}

fn unreadable(place: &Path) -> impl FnOnce(io::Error) -> SourceError {
    let place = place.display().to_string();
    move |error| SourceError::Unreadable(place, error)
}

fn read_folder(folder: &Path, take: &mut dyn FnMut(Found) -> bool) -> Result<(), SourceError> {
    let is_maildir = folder.join("cur").is_dir() && folder.join("new").is_dir();
    let mut files = Vec::new();
    if is_maildir {
        files.extend(list(&folder.join("cur"))?);
        files.extend(list(&folder.join("new"))?);
        // Their names begin with the second of their delivery.
        files.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    } else {
        files.extend(list(folder)?.into_iter().filter(|file| is_eml(file)));
        files.sort();
        if files.is_empty() {
            return Err(SourceError::NoMessages(folder.display().to_string()));
        }
    }
    for file in files {
        let place = file.display().to_string();
        let mut reader = BufReader::new(File::open(&file).map_err(unreadable(&file))?);
        let message = read_single(&mut reader, &place)?;
        if !message.into_iter().all(&mut *take) {
            break;
        }
    }
    Ok(())
}

fn is_eml(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml"))
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_file() && !hidden {
            files.push(path);
        }
    }
    Ok(files)
}

fn read_file(path: &Path, take: &mut dyn FnMut(Found) -> bool) -> Result<bool, SourceError> {
    let mut reader = BufReader::new(File::open(path).map_err(unreadable(path))?);
    let start = reader.fill_buf().map_err(unreadable(path))?;
    if start.starts_with(b"From ") && !is_eml(path) {
        return read_mbox(&mut reader, path, take);
    }
    match read_single(&mut reader, &path.display().to_string())? {
        Some(found) => Ok(take(found)),
        None => Err(SourceError::NoMessages(path.display().to_string())),
    }
}

/// The one message that a pipe or a file is; `None` when there is nothing at all.
fn read_single(reader: &mut dyn Read, place: &str) -> Result<Option<Found>, SourceError> {
    let mut octets = Vec::new();
    let limit = MESSAGE_OCTETS_MAX as u64 + 1;
    reader
        .take(limit)
        .read_to_end(&mut octets)
        .map_err(|error| SourceError::Unreadable(place.to_owned(), error))?;
    if octets.len() > MESSAGE_OCTETS_MAX {
        return Err(SourceError::TooLarge(place.to_owned()));
    }
    if octets.is_empty() {
        return Ok(None);
    }
    let (from_line, content) = match octets.strip_prefix(b"From ") {
        Some(rest) => {
            let end = rest.iter().position(|&octet| octet == b'\n').map_or(rest.len(), |at| at + 1);
            let (line, content) = rest.split_at(end);
            (Some(String::from_utf8_lossy(line).trim().to_owned()), content)
        }
        None => (None, octets.as_slice()),
    };
    Ok(Some(Found { place: place.to_owned(), from_line, octets: with_crlf(content) }))
}

/// Reads an mbox (RFC 4155): a message begins at a `From ` line at the beginning or behind an
/// empty line; `>From ` in a message was `From ` once.
fn read_mbox(
    reader: &mut dyn BufRead,
    path: &Path,
    take: &mut dyn FnMut(Found) -> bool,
) -> Result<bool, SourceError> {
    let mut number = 0;
    let mut current: Option<Found> = None;
    let mut behind_empty = true;
    loop {
        let line = read_line(reader, path)?;
        let begins = behind_empty && line.starts_with(b"From ");
        if (line.is_empty() || begins)
            && let Some(mut found) = current.take()
        {
            // The empty line before the next `From ` belongs to the mbox.
            if found.octets.ends_with(b"\r\n\r\n") || found.octets == b"\r\n" {
                found.octets.truncate(found.octets.len() - 2);
            }
            if !take(found) {
                return Ok(false);
            }
        }
        if line.is_empty() {
            return Ok(true);
        }
        if begins {
            number += 1;
            let from_line = line.get(5..).map(|rest| String::from_utf8_lossy(rest).trim().to_owned());
            let place = format!("{} message {number}", path.display());
            current = Some(Found { place, from_line, octets: Vec::new() });
        } else if let Some(found) = &mut current {
            let quoted = line.iter().position(|&octet| octet != b'>').filter(|&depth| depth > 0);
            let was_from = quoted.is_some_and(|depth| line.get(depth..).is_some_and(is_from));
            let line = if was_from { line.get(1..).unwrap_or_default() } else { line.as_slice() };
            found.octets.extend(with_crlf(line));
            if found.octets.len() > MESSAGE_OCTETS_MAX {
                return Err(SourceError::TooLarge(std::mem::take(&mut found.place)));
            }
        }
        behind_empty = matches!(line.as_slice(), b"\n" | b"\r\n");
    }
}

fn is_from(line: &[u8]) -> bool {
    line.starts_with(b"From ")
}

fn read_line(reader: &mut dyn BufRead, path: &Path) -> Result<Vec<u8>, SourceError> {
    let mut line = Vec::new();
    let limit = MESSAGE_OCTETS_MAX as u64 + 1;
    reader.take(limit).read_until(b'\n', &mut line).map_err(unreadable(path))?;
    if line.len() > MESSAGE_OCTETS_MAX {
        return Err(SourceError::TooLarge(path.display().to_string()));
    }
    Ok(line)
}

/// Makes every LF a CRLF, as the message would have come by SMTP.
fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut converted = Vec::with_capacity(octets.len() + octets.len() / 32 + 2);
    let mut last = 0;
    for &octet in octets {
        if octet == b'\n' && last != b'\r' {
            converted.push(b'\r');
        }
        converted.push(octet);
        last = octet;
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(path: &Path) -> Result<Vec<Found>, SourceError> {
        let mut found = Vec::new();
        read_each(&Source::Path(path.into()), &mut |one| {
            found.push(one);
            true
        })?;
        Ok(found)
    }

    fn texts(found: &[Found]) -> Vec<&str> {
        found.iter().map(|one| std::str::from_utf8(&one.octets).unwrap()).collect()
    }

    #[test]
    fn an_mbox_is_cut_where_its_messages_begin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.mbox");
        let text = "From dana@ops.example Sat Nov 21 04:00:00 2026\nSubject: one\n\nFrom here it is \
                    prose\n\n>From there\n>>From deeper\n> From quoted\n\n\
                    From MAILER-DAEMON Sat Nov 21 04:00:00 2026\nSubject: two\n\nbody\n";
        let text = text.replace("\n\nFrom here", "\n\ntext\nFrom here");
        fs::write(&path, text).unwrap();
        let found = all(&path).unwrap();
        assert_eq!(
            texts(&found),
            [
                "Subject: one\r\n\r\ntext\r\nFrom here it is prose\r\n\r\nFrom there\r\n>From deeper\r\n\
                 > From quoted\r\n",
                "Subject: two\r\n\r\nbody\r\n"
            ]
        );
        assert!(found[0].from_line.as_deref().unwrap().starts_with("dana@ops.example "));
    }

    #[test]
    fn a_piped_message_is_one_message_whatever_its_lines_begin_with() {
        let piped = b"From dana@ops.example Sat Nov 21\nSubject: x\n\n\nFrom here on\n";
        let found = read_single(&mut piped.as_slice(), "pipe").unwrap().unwrap();
        assert_eq!(texts(&[found]), ["Subject: x\r\n\r\n\r\nFrom here on\r\n"]);
        assert!(read_single(&mut io::empty(), "pipe").unwrap().is_none());
    }

    #[test]
    fn a_maildir_is_read_in_the_order_of_delivery_and_a_folder_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("cur/2.x:2,S", "two"), ("new/1.x", "one"), ("new/3.x", "three")] {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(texts(&all(folder.path()).unwrap()), ["one", "two", "three"]);
        let plain = tempfile::tempdir().unwrap();
        for (name, text) in [("0002.eml", "two"), ("0001.eml", "one"), ("0001.txt", "no mail")] {
            fs::write(plain.path().join(name), text).unwrap();
        }
        assert_eq!(texts(&all(plain.path()).unwrap()), ["one", "two"]);
    }

    #[test]
    fn what_holds_no_message_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(all(folder.path()), Err(SourceError::NoMessages(_))));
        assert!(matches!(all(&folder.path().join("absent")), Err(SourceError::Unreadable(..))));
        let large = folder.path().join("large.eml");
        fs::write(&large, vec![b'x'; MESSAGE_OCTETS_MAX + 1]).unwrap();
        assert!(matches!(all(&large), Err(SourceError::TooLarge(_))));
    }
}
