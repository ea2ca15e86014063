//! `firebell init`: a first configuration, in a new file; or a unit for systemd.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::Failure;
use super::failure::{CANTCREAT, print};
use crate::config::FIRST_CONFIGURATION;

/// Starts the server, watches it, and lets it do nothing that it does not need.
const UNIT: &str = include_str!("../../templates/firebell.service");

/// Prints the unit, for whoever installs it.
pub fn print_unit() -> Result<(), Failure> {
    print(UNIT)
}

/// Writes `firebell.toml`, or the file that was named, and never over another.
pub fn init(named: Option<&Path>) -> Result<(), Failure> {
    let path = named.unwrap_or(Path::new("firebell.toml"));
    let name = path.display();
    let written =
        File::create_new(path).and_then(|mut file| file.write_all(FIRST_CONFIGURATION.as_bytes()));
    written.map_err(|error| {
        let line = match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{name} exists already and stays as it is; name another with -c FILE")
            }
            _ => format!("{name} cannot be written: {error}"),
        };
        Failure::new(CANTCREAT, line)
    })?;
    let with = if named.is_some() { format!(" -c {name}") } else { String::new() };
    print(&format!(
        "Wrote {name}. Now\n\
         1. put your address and your domain into it, then run  firebell{with} check\n\
         2. run  firebell{with} serve  and send a mail to the address\n"
    ))
}
