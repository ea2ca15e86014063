//! Raw octets as they lie in the database: compressed where that makes them smaller.
//!
//! The first octet says how the rest is packed, so the way can change without a migration. Never
//! looks into what is packed. Start with [`Packer::pack`].

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::{Compress, Compression, FlushCompress, Status, read::DeflateDecoder};

use super::StoreError;

/// As they are.
const PLAIN: u8 = 0;
/// Deflate (RFC 1951) without a frame.
const DEFLATED: u8 = 1;

/// Beyond what any message or mail of ours has: a damaged row must not take all memory.
const UNPACKED_OCTETS_MAX: u64 = 64 * 1024 * 1024;

/// Packs octets. Clones share its 300 KB of tables, which cost more to make than a message to pack.
#[derive(Clone, Default)]
pub(super) struct Packer(Arc<Mutex<Option<Compress>>>);

impl Packer {
    /// Appends the packed `octets` to `packed`; returns how many octets that took.
    pub(super) fn pack(&self, octets: &[u8], packed: &mut Vec<u8>) -> usize {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = tables.get_or_insert_with(|| Compress::new(Compression::fast(), false));
        let start = packed.len();
        packed.push(DEFLATED);
        // What does not fit in as much room as it came with is better kept as it is.
        packed.reserve_exact(octets.len());
        tables.reset();
        let deflated = tables.compress_vec(octets, packed, FlushCompress::Finish);
        if !matches!(deflated, Ok(Status::StreamEnd)) {
            packed.truncate(start);
            packed.push(PLAIN);
            packed.extend_from_slice(octets);
        }
        packed.len() - start
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

/// What was packed; `what` names it when it cannot be read.
pub(super) fn unpack(packed: &[u8], what: &'static str) -> Result<Vec<u8>, StoreError> {
    match packed.split_first() {
        Some((&PLAIN, octets)) => Ok(octets.to_vec()),
        Some((&DEFLATED, deflated)) => {
            let mut octets = Vec::with_capacity(deflated.len().saturating_mul(3));
            DeflateDecoder::new(deflated)
                .take(UNPACKED_OCTETS_MAX)
                .read_to_end(&mut octets)
                .map_err(|_| StoreError::Damaged(what))?;
            Ok(octets)
        }
        _ => Err(StoreError::Damaged(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let mut noise = Vec::new();
        let mut seed = 1_u64;
        for _ in 0..100_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            noise.push(seed.to_be_bytes()[0]);
        }
        let text = b"Subject: it is down\r\n".repeat(5_000);
        let packer = Packer::default();
        for octets in [&b""[..], b"x", &noise, &text, b"last"] {
            let mut packed = b"before".to_vec();
            let size = packer.pack(octets, &mut packed);
            assert_eq!(size, packed.len() - 6);
            assert_eq!(unpack(&packed[6..], "message").unwrap(), octets);
        }
        let pack = |octets: &[u8]| packer.pack(octets, &mut Vec::new());
        assert!(pack(&text) < text.len() / 10);
        assert_eq!(pack(&noise), noise.len() + 1);
    }

    #[test]
    fn damaged_octets_are_an_error() {
        for packed in [&b""[..], &[7, 7], &[DEFLATED, 0xff, 0xff]] {
            assert!(matches!(unpack(packed, "message"), Err(StoreError::Damaged("message"))));
        }
    }
}
