//! `firebell password`: a password and the line for `passwords_file` that lets it in.
//!
//! The password is shown once and kept nowhere.

use super::Failure;
use super::failure::{USAGE, print};
use super::open;
use crate::intake::passwords::make;
use crate::mail::Address;

/// Prints the line for the file; tells the person's password on standard error.
pub fn password(address: &str) -> Result<(), Failure> {
    let address = Address::read(address)
        .map_err(|error| Failure::new(USAGE, format!("`{address}` {error}; write name@example.org")))?;
    let (password, line) = make(&address, open::random()?, open::random()?);
    eprintln!("the password of {address} is {password}; put the line that follows into passwords_file");
    print(&format!("{line}\n"))
}
