//! `firebell backup` and `firebell restore`: the embedded database into one file, and back.
//!
//! Never writes over anything, and never leaves half a file under the name that was asked for: a copy
//! gets its name when it was found to be whole. Start with [`backup`].

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::failure::{CANTCREAT, DATAERR, NOINPUT, UNAVAILABLE, USAGE, chain, print};
use super::open::{Found, make_data_dir, sqlite_file};
use super::{Failure, account, alone};
use crate::config::{Config, Database};
use crate::store::backup::{Holdings, check_sqlite, copy_sqlite};
use crate::store::{Store, StoreError};

/// Copies the database into a new file, whether a server runs or not.
pub async fn backup(found: Found, path: PathBuf) -> Result<(), Failure> {
    let from = embedded(&found.config, "pg_dump")?;
    if !from.exists() {
        let line = format!("{} is not there: nothing was ever stored", from.display());
        return Err(Failure::new(NOINPUT, line));
    }
    let growing = Growing::begin(&path)?;
    copy_sqlite(&from, &growing.path).await.map_err(|error| {
        let (from, path) = (from.display(), path.display());
        Failure::new(UNAVAILABLE, format!("{from} could not be copied to {path}: {}", chain(&error)))
    })?;
    let holdings = check(&growing.path, &path).await?;
    growing.finish()?;
    print(&format!(
        "{} holds {}; it also holds the secret key: keep it as safe as the server\n",
        path.display(),
        described(holdings)
    ))
}

/// Makes a copy the database of a server that has none, and brings its schema up to date.
pub async fn restore(found: Found, path: PathBuf) -> Result<(), Failure> {
    let config = &found.config;
    let place = embedded(config, "pg_restore")?;
    let mut octets = File::open(&path)
        .map_err(|error| Failure::new(NOINPUT, format!("{} cannot be read: {error}", path.display())))?;
    make_data_dir(config)?;
    let _alone = alone::claim(config)?;
    let growing = Growing::begin(&place)?;
    let mut file = OpenOptions::new().write(true).open(&growing.path)?;
    io::copy(&mut octets, &mut file)?;
    drop(file);
    let holdings = check(&growing.path, &path).await?;
    let store = Store::open(&format!("sqlite:{}", growing.path.display())).await;
    let store = store.map_err(|error| {
        Failure::new(DATAERR, format!("{} does not fit: {}", path.display(), chain(&error)))
    })?;
    store.close().await;
    growing.finish()?;
    print(&format!(
        "{} holds {}; look at them with `firebell outbox list`: what was sent since the copy was made is \
         sent again when `firebell serve` starts\n",
        place.display(),
        described(holdings)
    ))
}

/// Where the embedded database is, or why there is none for us.
fn embedded(config: &Config, tool: &str) -> Result<PathBuf, Failure> {
    match config.database {
        Database::Sqlite => account::agree(config).map(|()| sqlite_file(config)),
        Database::Postgres(_) | Database::PostgresFile(_) => Err(Failure::new(
            USAGE,
            format!("the database is PostgreSQL, which brings `{tool}` for this"),
        )),
    }
}

/// Whether the copy is whole; `named` is what people call it.
async fn check(copy: &Path, named: &Path) -> Result<Holdings, Failure> {
    check_sqlite(copy).await.map_err(|error| match error {
        StoreError::Damaged(_) => {
            let line = format!("{} is damaged, or no database of Firebell", named.display());
            Failure::new(DATAERR, line)
        }
        error => Failure::from(error),
    })
}

fn described(holdings: Holdings) -> String {
    let Holdings { incidents, messages, waiting } = holdings;
    format!("{incidents} incidents, {messages} messages received, and {waiting} mails to be sent")
}

/// A new file, for us alone, that has another name until it is finished; what is not finished goes.
struct Growing {
    path: PathBuf,
    place: PathBuf,
}

impl Growing {
    fn begin(place: &Path) -> Result<Self, Failure> {
        let name = place.display();
        if fs::symlink_metadata(place).is_ok() {
            let line =
                format!("{name} exists already and stays as it is; move it away, or name another");
            return Err(Failure::new(CANTCREAT, line));
        }
        let path = beside(place, ".partial");
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| {
            let line = match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    format!("{} is there: wait for whoever writes it, or remove it", path.display())
                }
                _ => format!("{name} cannot be made: {error}"),
            };
            Failure::new(CANTCREAT, line)
        })?;
        Ok(Self { path, place: place.to_owned() })
    }

    /// On disk, name included, when this returns.
    fn finish(self) -> Result<(), Failure> {
        File::open(&self.path)?.sync_all()?;
        // Unlike a rename, a link never replaces what somebody put there meanwhile.
        fs::hard_link(&self.path, &self.place).map_err(|error| {
            Failure::new(CANTCREAT, format!("{} cannot be made: {error}", self.place.display()))
        })?;
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // SQLite leaves two files beside a database that it could not close.
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(beside(&self.path, ending));
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}
