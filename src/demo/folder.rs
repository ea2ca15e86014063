//! The folder of a demo's data: a temporary one that is removed at the end, or one that the
//! operator keeps.
//!
//! Never touches a folder that has something in it. Start with [`Folder::make`].

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::DemoError;

/// A folder that only we may read.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    stays: bool,
}

impl Folder {
    /// A fresh temporary folder, or `keep`.
    ///
    /// # Errors
    ///
    /// The operator's: `keep` is in use, or nothing can be written.
    pub(super) fn make(keep: Option<&Path>) -> Result<Self, DemoError> {
        let path = match keep {
            Some(path) => path.to_owned(),
            None => temporary(),
        };
        let failed = |source| DemoError::Folder { path: path.clone(), source };
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && keep.is_some() => {
                if fs::read_dir(&path).map_err(failed)?.next().is_some() {
                    return Err(DemoError::NotEmpty(path));
                }
            }
            made => made.map_err(failed)?,
        }
        Ok(Self { path, stays: keep.is_some() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the data outlives the demo.
    pub(super) fn stays(&self) -> bool {
        self.stays
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.stays {
            // What cannot be removed is in the folder for temporary files.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// A name that nobody can have taken; `create` would refuse it if somebody had.
fn temporary() -> PathBuf {
    let chance = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    std::env::temp_dir().join(format!("firebell-demo-{chance:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_is_gone_at_the_end_and_a_kept_one_is_not() {
        let around = tempfile::tempdir().unwrap();
        let kept = around.path().join("kept");
        let temporary = {
            let (one, other) = (Folder::make(None).unwrap(), Folder::make(Some(&kept)).unwrap());
            fs::write(one.path().join("x"), "x").unwrap();
            fs::write(other.path().join("x"), "x").unwrap();
            one.path().to_owned()
        };
        assert!(!temporary.exists() && kept.join("x").exists());
        assert!(matches!(Folder::make(Some(&kept)), Err(DemoError::NotEmpty(_))));
        assert!(Folder::make(Some(around.path().join("fresh").as_path())).is_ok());
    }
}
