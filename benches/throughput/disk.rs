//! What the disk allows: an append of 4 KB and its `fdatasync`, one after the other.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::times::Times;

const BLOCK_OCTETS: usize = 4096;

/// How long each append took until it was on disk, for `span`.
pub fn probe(folder: &Path, span: Duration) -> Outcome<Times> {
    let mut file = File::create(folder.join("probe"))?;
    let block = [7; BLOCK_OCTETS];
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < span {
        let append = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(append.elapsed());
    }
    Ok(Times::new(times))
}
