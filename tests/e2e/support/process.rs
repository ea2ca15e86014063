//! Programs of the machine that tests start.

use std::fs;
use std::path::Path;
use std::process::Command;

/// `program`, wherever Debian puts it.
///
/// # Panics
///
/// When it is not there, naming the Debian package it comes in.
pub fn program(name: &str, package: &str) -> Command {
    let folders = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found =
        folders.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    Command::new(
        found.unwrap_or_else(|| panic!("{name} is missing: install the Debian package {package}")),
    )
}

/// # Panics
///
/// When we are not root: Postfix and Dovecot change to accounts of their own.
pub fn need_root() {
    let status = fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    assert!(
        root,
        "not root: Postfix and Dovecot change to accounts of their own, so run the tests as root"
    );
}

/// Runs to its end.
///
/// # Panics
///
/// When it fails; with all that it printed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}\n{stdout}{stderr}", output.status);
    stdout.into_owned()
}
