//! `firebell status`: what customers were told, printed or written as a public page.

use std::path::PathBuf;

use super::Failure;
use super::failure::print;
use super::open::{Found, open_engine, open_store};
use crate::web::status::{StatusPage, write_files};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write index.html, status.atom, status.json and status.css there instead of printing JSON
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
}

/// Prints or writes the public page as it is now.
pub async fn status(found: Found, given: Arguments) -> Result<(), Failure> {
    let store = open_store(&found.config).await?;
    let engine = open_engine(&found, store).await?;
    let page = StatusPage::load(&engine).await?;
    let Some(folder) = given.html else { return print(&page.json()) };
    write_files(&page, &folder)?;
    print(&format!("written to {}\n", folder.display()))
}
