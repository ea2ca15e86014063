//! The readers of foreign octets, each with what must hold whatever the octets are.
//!
//! A target takes any octets and panics where a promise is broken. `tests/fuzz.rs` runs all of them
//! shortly, `tests/fuzz/run` one for long. Start with [`TARGETS`].

mod address;
mod authentication;
mod commands;
mod configuration;
mod mailto;
mod message;
mod new_text;
mod prose;
mod report;
mod session;
mod sources;
mod wrapped;

/// A reader of foreign octets.
pub struct Target {
    /// Also the folder below `tests/fuzz/cases` with octets worth trying first: seeds and findings.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub check: fn(&[u8]),
}

const fn target(name: &'static str, check: fn(&[u8])) -> Target {
    Target { name, check }
}

pub const TARGETS: [Target; 12] = [
    target("address", address::check),
    target("authentication", authentication::check),
    target("commands", commands::check),
    target("configuration", configuration::check),
    target("mailto", mailto::check),
    target("message", message::check),
    target("new_text", new_text::check),
    target("prose", prose::check),
    target("report", report::check),
    target("session", session::check),
    target("sources", sources::check),
    target("wrapped", wrapped::check),
];

/// Whether `part` is `whole` with something left out.
fn is_subsequence(part: impl Iterator<Item = char>, mut whole: impl Iterator<Item = char>) -> bool {
    part.into_iter().all(|wanted| whole.any(|found| found == wanted))
}

/// Whether nothing in a line of text could be obeyed by a terminal or end the line.
fn is_one_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
