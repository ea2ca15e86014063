//! `firebell demo`: from arguments to the demo.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::failure::UNAVAILABLE;
use crate::demo::{DemoOptions, run};

/// Where the demo is to be.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Where mail is received; 0 is any free port
    #[arg(long, default_value_t = 2525, value_name = "PORT")]
    smtp_port: u16,
    /// Where the page is; 0 is any free port
    #[arg(long, default_value_t = 8025, value_name = "PORT")]
    web_port: u16,
    /// Keep the data in this empty folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Plays until Ctrl-C.
///
/// # Errors
///
/// The operator's: a taken port, a folder that cannot be written.
pub async fn demo(given: Arguments) -> Result<(), Failure> {
    let options = DemoOptions { smtp_port: given.smtp_port, web_port: given.web_port, keep: given.keep };
    run(options).await.map_err(|error| Failure::new(UNAVAILABLE, error.to_string()))
}
