//! Whose the database is: what root writes beside it, the server could not write to any more, and
//! what root can read tells nothing of what the server can.
//!
//! Start with [`agree`].

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::Failure;
use super::failure::NOPERM;
use crate::config::Config;

const ROOT: u32 = 0;

/// Whether this process may act as the server does: root may only where root owns `data_dir`.
///
/// # Errors
///
/// The operator's: the same command line for the account that owns it.
pub fn agree(config: &Config) -> Result<(), Failure> {
    let folder = &config.data_dir;
    // A folder that is not there yet belongs to whoever starts the server.
    let (Ok(own), Ok(data_dir)) = (fs::metadata("/proc/self"), fs::metadata(folder)) else {
        return Ok(());
    };
    if own.uid() != ROOT || data_dir.uid() == ROOT {
        return Ok(());
    }
    let name = name_of(data_dir.uid());
    let line: Vec<String> = std::env::args().map(|argument| quoted(&argument)).collect();
    Err(Failure::new(
        NOPERM,
        format!(
            "{} belongs to {name}, and root would leave files there that the server cannot write to; \
             run  runuser -u {name} -- {}",
            folder.display(),
            line.join(" ")
        ),
    ))
}

/// The number itself where nobody has it.
fn name_of(uid: u32) -> String {
    let asked = Command::new("id").args(["-nu", &uid.to_string()]).output();
    let name = asked.ok().filter(|output| output.status.success());
    let name = name.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    name.unwrap_or_else(|| uid.to_string())
}

/// As a shell reads it.
fn quoted(argument: &str) -> String {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&octet);
    if !argument.is_empty() && argument.bytes().all(is_plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_line_as_it_was_given() {
        for argument in ["--from", "", "a b", "it's", "$HOME", "incidents+1@example.org", "é", "a\nb"] {
            let script = format!("printf %s {}", quoted(argument));
            let printed = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(printed.stdout).unwrap(), argument);
        }
    }
}
