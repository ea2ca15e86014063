//! The write-ahead log of SQLite, read from beside it: where each commit ends, and the database as
//! it was after any of them.
//!
//! What a crash leaves is the database file and the log up to some commit, so a crash at a commit
//! point needs no help of the program: the log is cut there. Never writes to a database in use. The
//! format is that of <https://www.sqlite.org/fileformat2.html#walformat>. Start with [`Log::end`].

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// A point of the log: after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Changes when the log begins anew, after what it held went into the database file.
    salts: u64,
    pub end: u64,
}

/// A database as it was at some point.
pub struct Image {
    database: Vec<u8>,
    pub point: Point,
}

/// Clones share what they have read: frames before a commit never change.
#[derive(Debug, Clone)]
pub struct Log {
    database: PathBuf,
    read: Arc<Mutex<Commits>>,
}

/// Where each commit ends, as far as it was read.
#[derive(Debug, Clone, Default)]
struct Commits {
    salts: u64,
    ends: Vec<u64>,
}

impl Commits {
    fn last(&self) -> Point {
        Point { salts: self.salts, end: self.ends.last().copied().unwrap_or(HEADER) }
    }
}

impl Log {
    pub fn of(database: &Path) -> Self {
        Self { database: database.to_owned(), read: Arc::default() }
    }

    /// The last commit.
    pub fn end(&self) -> Point {
        self.with_commits(Commits::last)
    }

    /// Of a database in which nobody writes at the moment.
    pub fn image(&self) -> Image {
        Image { database: fs::read(&self.database).expect("a database"), point: self.end() }
    }

    /// The points since `image`, itself first; only the last where the log began anew meanwhile.
    pub fn points_since(&self, image: &Image) -> Vec<Point> {
        self.with_commits(|commits| {
            let salts = commits.salts;
            if salts != image.point.salts && image.point.end > HEADER {
                return vec![commits.last()];
            }
            let later = commits.ends.iter().filter(|end| **end > image.point.end);
            let later = later.map(|end| Point { salts, end: *end });
            std::iter::once(image.point).chain(later).collect()
        })
    }

    /// Writes the database as it was at `point`, one of those since `image`, to `copy`.
    pub fn cut(&self, image: &Image, point: Point, copy: &Path) {
        let log = fs::read(beside(&self.database)).unwrap_or_default();
        let began_anew = point.salts != image.point.salts && image.point.end > HEADER;
        let database =
            if began_anew { &fs::read(&self.database).expect("a database") } else { &image.database };
        fs::write(copy, database).expect("the copy is written");
        if point.end > HEADER {
            fs::write(beside(copy), &log[..point.end as usize]).expect("its log is written");
        }
    }

    /// Reads what was committed since the last time.
    fn with_commits<T>(&self, then: impl FnOnce(&Commits) -> T) -> T {
        let mut commits = self.read.lock().expect("nobody fails while reading the log");
        let mut header = [0; HEADER as usize];
        let log = File::open(beside(&self.database));
        let log = log.ok().filter(|log| log.read_exact_at(&mut header, 0).is_ok());
        let salts = u64::from(u32_at(&header, 16)) << 32 | u64::from(u32_at(&header, 20));
        if commits.salts != salts {
            *commits = Commits { salts, ends: Vec::new() };
        }
        if let Some(log) = log {
            let page_octets = u64::from(u32_at(&header, 8));
            let (mut at, mut frame) = (commits.last().end, [0; FRAME_HEADER as usize]);
            while log.read_exact_at(&mut frame, at).is_ok() && frame[8..16] == header[16..24] {
                at += FRAME_HEADER + page_octets;
                // The size of the database after a commit; zero in every other frame.
                if u32_at(&frame, 4) > 0 {
                    commits.ends.push(at);
                }
            }
        }
        then(&commits)
    }
}

fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(octets[at..at + 4].try_into().expect("four octets"))
}

fn beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}
