//! Programs that a test starts and that must be gone when it ends.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::wait;

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

/// Asks the process to end and waits until it has. One that is gone already is no mistake.
pub fn end(pid: u32) {
    if !is_running(pid) {
        return;
    }
    // Its own answer does not matter: the process may end between the look and the signal.
    let _ = program("kill", "procps").arg("-TERM").arg(pid.to_string()).output();
    wait::until(&format!("process {pid} to end"), Duration::from_secs(15), || {
        (!is_running(pid)).then_some(())
    });
}

/// Whether it runs; a zombie does not.
fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}
