//! The readers of foreign octets, shortly: every case that is kept, then octets made from the cases
//! and the mails of `tests/mails`, always the same ones.
//!
//! For hours and guided by coverage, start `tests/fuzz/run`. What is found there or here is mended and
//! kept in `tests/fuzz/cases/READER`. What must hold is in `tests/fuzz/targets`.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

#[path = "fuzz/targets/mod.rs"]
mod targets;

use targets::{TARGETS, Target};

/// Trials a reader, beside the cases as they are: seconds for all, unoptimised.
const TRIALS: usize = 400;
/// The readers for which the mails of `tests/mails` are worth trying as well.
const READ_MAILS: [&str; 4] = ["message", "new_text", "report", "sources"];
/// A trial longer than this says no more than a shorter one, later.
const OCTETS_MAX: usize = 8 * 1024;
/// What a mutation may put in: what separates things in mail.
const PIECES: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n.\r\n",
    b"\n\n",
    b"\0",
    b"> ",
    b": ",
    b"<",
    b">",
    b"@",
    b"--",
    b"\"",
    b"(",
    b",",
    b";",
    b"=?utf-8?q?",
    b"?=",
    b"=\r\n",
    b"\xff",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x94\xa5",
    b"wrote:",
    b" ",
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// What a target is tried with first.
fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut paths = files(&tests.join("fuzz/cases").join(target.name));
    assert!(!paths.is_empty(), "{} has no cases to start from", target.name);
    if READ_MAILS.contains(&target.name) {
        for folder in ["mails", "mails/machine"] {
            let mails = files(&tests.join(folder));
            paths.extend(mails.into_iter().filter(|path| path.extension().is_some_and(|e| e == "eml")));
        }
    }
    paths.iter().map(|path| fs::read(path).expect("a case")).collect()
}

/// Chance that is the same each time (xorshift64, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).expect("below a usize")
    }

    /// A part of `octets`, as often a short one as a long one.
    fn part(&mut self, octets: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(octets.len() + 1);
        let longest = 1 << self.below(12);
        start..(start + self.below(longest) + 1).min(octets.len())
    }

    /// One octet, piece or part of `octets` exchanged, put in, doubled or taken out.
    fn mutate(&mut self, octets: &mut Vec<u8>, other: &[u8]) {
        let part = self.part(octets);
        match self.below(6) {
            0 if !part.is_empty() => {
                octets[part.start] = u8::try_from(self.below(256)).expect("an octet")
            }
            1 => drop(octets.drain(part)),
            2 => {
                let piece = PIECES[self.below(PIECES.len())];
                let times = if self.below(20) == 0 { 1 + self.below(200) } else { 1 };
                octets.splice(part.start..part.start, piece.repeat(times));
            }
            3 => {
                let doubled = octets[part.clone()].to_vec();
                octets.splice(part.end..part.end, doubled);
            }
            4 => {
                let from = self.part(other);
                octets.splice(part, other[from].iter().copied());
            }
            _ => {
                let piece = PIECES[self.below(PIECES.len())];
                octets.splice(part, piece.iter().copied());
            }
        }
        octets.truncate(OCTETS_MAX);
    }
}

/// Shows the octets that broke a promise, for a file of their own.
fn check(target: &Target, octets: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| (target.check)(octets))).is_err() {
        let kept = std::env::temp_dir().join(format!("firebell-fuzz-{}", target.name));
        fs::write(&kept, octets).expect("the octets written");
        panic!("{}: broken by the octets in {}", target.name, kept.display());
    }
}

/// Each reader in a thread of its own: they are independent, and there is more than one core.
fn check_each(what: impl Fn(&Target) + Sync) {
    std::thread::scope(|scope| {
        let running: Vec<_> = TARGETS.iter().map(|target| scope.spawn(|| what(target))).collect();
        assert!(running.into_iter().all(|one| one.join().is_ok()), "a promise was broken");
    });
}

#[test]
fn every_reader_keeps_its_promises_for_every_case() {
    check_each(|target| seeds(target).iter().for_each(|octets| check(target, octets)));
}

#[test]
fn every_reader_keeps_its_promises_for_octets_made_from_cases() {
    check_each(|target| {
        let seeds = seeds(target);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for _ in 0..TRIALS {
            let mut octets = seeds[chance.below(seeds.len())].clone();
            for _ in 0..=chance.below(6) {
                let other = &seeds[chance.below(seeds.len())];
                chance.mutate(&mut octets, other);
            }
            check(target, &octets);
        }
    });
}
