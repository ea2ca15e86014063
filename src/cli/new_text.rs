//! `firebell new-text`: shows what Firebell takes to be the new text of a mail.
//!
//! Reads and prints; never talks to a server or a database.

use std::io::{Read, Write};
use std::path::Path;

use crate::mail::quote;

/// Prints the new text of a file or of standard input (`-` or nothing); of a folder, writes
/// `NAME.txt` beside every `NAME.eml`.
///
/// # Errors
///
/// What reading or writing files says, with the path in front.
pub fn new_text(path: Option<&Path>) -> std::io::Result<()> {
    match path.filter(|path| *path != Path::new("-")) {
        None => {
            let mut octets = Vec::new();
            std::io::stdin().lock().read_to_end(&mut octets)?;
            std::io::stdout().lock().write_all(quote::new_text(&octets).as_bytes())
        }
        Some(path) if path.is_dir() => {
            for entry in std::fs::read_dir(path).map_err(|error| at(path, &error))? {
                let mail = entry?.path();
                if mail.extension().is_some_and(|extension| extension == "eml") {
                    let text = read(&mail)?;
                    let beside = mail.with_extension("txt");
                    std::fs::write(&beside, text).map_err(|error| at(&beside, &error))?;
                }
            }
            Ok(())
        }
        Some(path) => std::io::stdout().lock().write_all(read(path)?.as_bytes()),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let octets = std::fs::read(path).map_err(|error| at(path, &error))?;
    Ok(quote::new_text(&octets))
}

fn at(path: &Path, error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
