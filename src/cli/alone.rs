//! One server a SQLite database: a second one, started by mistake, is told so instead of sending
//! every mail twice.
//!
//! The lock is the operating system's and ends with the process, however that ends. PostgreSQL
//! needs none: several servers share one database there.

use std::fs::{File, OpenOptions, TryLockError};

use super::Failure;
use super::failure::{IOERR, UNAVAILABLE};
use crate::config::{Config, Database};

/// Held as long as the server runs.
#[derive(Debug)]
pub struct Alone {
    /// Never read: the lock lives as long as the file is open.
    _lock: File,
}

/// Claims the database for this process; `None` where several may share it.
pub fn claim(config: &Config) -> Result<Option<Alone>, Failure> {
    if config.database != Database::Sqlite {
        return Ok(None);
    }
    let path = config.data_dir.join("firebell.lock");
    let failed = |error: std::io::Error| {
        Failure::new(IOERR, format!("{} cannot be locked ({error})", path.display()))
    };
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Alone { _lock: file })),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            UNAVAILABLE,
            format!(
                "another `firebell serve` runs on {}: stop it first, or use PostgreSQL, which several \
                 servers can share",
                config.data_dir.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
