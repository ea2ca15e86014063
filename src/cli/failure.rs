//! Why a command did not do what it was asked: lines for people, a code for programs.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use crate::store::StoreError;

/// As in `<sysexits.h>`: the command line is wrong.
pub const USAGE: u8 = 64;
/// What was given cannot be read as what it should be.
pub const DATAERR: u8 = 65;
/// There is no such file, incident or mail.
pub const NOINPUT: u8 = 66;
/// The database, the relay or an address to listen on is not to be had.
pub const UNAVAILABLE: u8 = 69;
/// Our own mistake.
pub const SOFTWARE: u8 = 70;
/// A file or a folder cannot be made, or is there already.
pub const CANTCREAT: u8 = 73;
/// Reading or writing a file failed.
pub const IOERR: u8 = 74;
/// Nothing is wrong with the message: try again later.
pub const TEMPFAIL: u8 = 75;
/// Another account is to do it.
pub const NOPERM: u8 = 77;
/// The configuration has mistakes, or is not there.
pub const CONFIG: u8 = 78;

/// What to print, and the exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: u8,
    /// One a line; each names the thing and the next step.
    pub lines: Vec<String>,
}

impl Failure {
    pub fn new(code: u8, line: impl Display) -> Self {
        Self { code, lines: vec![line.to_string()] }
    }

    /// Prints it, and is the exit code.
    pub fn report(&self) -> ExitCode {
        for line in &self.lines {
            eprintln!("{line}");
        }
        ExitCode::from(self.code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::new(NOINPUT, error),
            _ => Self::new(IOERR, error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(UNAVAILABLE, chain(&error))
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        // Some errors print their cause themselves.
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    text.replace('\n', " ")
}

/// Prints to standard output; a reader that has seen enough is no error.
pub fn print(text: &str) -> Result<(), Failure> {
    print_octets(text.as_bytes())
}

/// The same for what may be no text.
pub fn print_octets(octets: &[u8]) -> Result<(), Failure> {
    use io::Write as _;
    let mut out = io::stdout().lock();
    match out.write_all(octets).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| Failure::new(IOERR, format!("standard output: {error}"))),
    }
}

/// Prints a value as JSON for programs.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(SOFTWARE, format!("this cannot be written as JSON: {error}")))?;
    print(&format!("{text}\n"))
}
