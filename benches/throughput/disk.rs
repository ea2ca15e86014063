//! What the disk allows: an append of 4 KB and its `fdatasync`, one after the other.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

const BLOCK_OCTETS: usize = 4096;

/// Appends that are on disk, a second.
pub fn probe(folder: &Path, span: Duration) -> Outcome<f64> {
    let mut file = File::create(folder.join("probe"))?;
    let block = [7; BLOCK_OCTETS];
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < span {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}
