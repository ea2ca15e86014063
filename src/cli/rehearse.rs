//! `firebell rehearse`: plays a script against the configuration, on a database of its own.

use std::fs::{self, DirBuilder};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Failure;
use super::failure::{CANTCREAT, CONFIG, DATAERR, NOINPUT, SOFTWARE, UNAVAILABLE, chain, print};
use super::open::Found;
use crate::rehearse::script::{SCRIPT_OCTETS_MAX, read_script};
use crate::rehearse::{RehearsalError, play};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The conversation; see `tests/conversations` for many
    #[arg(value_name = "SCRIPT")]
    script: PathBuf,
}

/// Prints the script with every mail that would be sent. Nothing is sent.
pub async fn rehearse(found: Found, given: Arguments) -> Result<(), Failure> {
    let name = given.script.display().to_string();
    let text = read_text(&given.script)?;
    let script = read_script(&text)
        .map_err(|error| Failure::new(DATAERR, format!("{name}: {}", chain(&error))))?;
    let folder = Folder::make()?;
    let database = format!("sqlite:{}", folder.0.join("rehearsal.db").display());
    let played = play(&script, &found.text, &database).await;
    print(&played.map_err(|error| {
        let code = match error {
            RehearsalError::Script(_) | RehearsalError::Endless(_) => DATAERR,
            RehearsalError::Config(_) => CONFIG,
            RehearsalError::Store(_) => UNAVAILABLE,
        };
        Failure::new(code, format!("{name}: {}", chain(&error)))
    })?)
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    let unreadable = |error| Failure::new(NOINPUT, format!("{name} cannot be read: {error}"));
    let mut text = String::new();
    let limit = SCRIPT_OCTETS_MAX as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_string(&mut text).map_err(unreadable)?;
    } else {
        let file = fs::File::open(path).map_err(unreadable)?;
        file.take(limit).read_to_string(&mut text).map_err(unreadable)?;
    }
    Ok(text)
}

/// A folder that goes when the rehearsal ends.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, Failure> {
        let mut octets = [0; 8];
        getrandom::fill(&mut octets).map_err(|error| Failure::new(SOFTWARE, error))?;
        let name = format!("firebell-rehearsal-{:016x}", u64::from_ne_bytes(octets));
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            Failure::new(CANTCREAT, format!("{} cannot be made: {error}; set TMPDIR", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is untidy and no more.
        let _ = fs::remove_dir_all(&self.0);
    }
}
