//! One reader of foreign octets under libFuzzer, which looks for octets that reach new code.
//!
//! `READER` names a row of [`targets::TARGETS`]. Started by `run` beside this file.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

mod targets;

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = std::env::var("READER").unwrap_or_default();
    targets::TARGETS.iter().find(|target| target.name == name).expect("READER names a target")
});

fuzz_target!(|octets: &[u8]| (TARGET.check)(octets));
