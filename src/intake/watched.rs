//! What was read from files and is read again when they change.
//!
//! A change that cannot be read keeps what was there, and is said once. Start with
//! [`Watched::current`].

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};

/// When a file was changed, and its size; `None` for one that is not there.
type Stamp = Option<(SystemTime, u64)>;

/// A value made of files.
pub struct Watched<T> {
    paths: Vec<PathBuf>,
    read: fn(&[PathBuf]) -> Result<T, String>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    value: Arc<T>,
    stamps: Vec<Stamp>,
}

impl<T> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watched({:?})", self.paths)
    }
}

impl<T> Watched<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    ///
    /// What `read` says of them; the operator's.
    pub fn open(paths: Vec<PathBuf>, read: fn(&[PathBuf]) -> Result<T, String>) -> Result<Self, String> {
        let stamps = stamps(&paths);
        let value = Arc::new(read(&paths)?);
        Ok(Self { paths, read, held: Mutex::new(Held { value, stamps }) })
    }

    /// The value of the files as they are, or as they were when they could last be read.
    pub fn current(&self) -> Arc<T> {
        let stamps = stamps(&self.paths);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.stamps != stamps {
            match (self.read)(&self.paths) {
                Ok(value) => {
                    held.value = Arc::new(value);
                    info!("{} was read again", self.name());
                }
                // Two files are seldom replaced at once: the second change is looked at again.
                Err(why) => warn!("what was read before stays in use: {why}"),
            }
            held.stamps = stamps;
        }
        held.value.clone()
    }

    fn name(&self) -> String {
        let names: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        names.join(" and ")
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    paths.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_number(paths: &[PathBuf]) -> Result<u32, String> {
        let text = fs::read_to_string(&paths[0]).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| format!("`{text}` is no number"))
    }

    #[test]
    fn a_changed_file_is_read_again_and_a_broken_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        fs::write(&path, "1").unwrap();
        let watched = Watched::open(vec![path.clone()], read_number).unwrap();
        assert_eq!(*watched.current(), 1);
        fs::write(&path, "22").unwrap();
        assert_eq!(*watched.current(), 22);
        fs::write(&path, "three").unwrap();
        assert_eq!(*watched.current(), 22);
        fs::remove_file(&path).unwrap();
        assert_eq!(*watched.current(), 22);
        fs::write(&path, "4444").unwrap();
        assert_eq!(*watched.current(), 4444);
        assert!(Watched::open(vec![folder.path().join("none")], read_number).is_err());
    }
}
