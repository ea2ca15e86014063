//! `firebell demo`: the arguments of the demo, and its exit code.

use std::path::PathBuf;

use super::Failure;
use super::failure::{CANTCREAT, SOFTWARE, UNAVAILABLE, chain};
use crate::demo::{DemoError, DemoOptions, run};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where mail is received on 127.0.0.1; 0 is any free port
    #[arg(long, value_name = "PORT", default_value_t = DemoOptions::default().smtp_port)]
    smtp_port: u16,
    /// Where the page is on 127.0.0.1; 0 is any free port
    #[arg(long, value_name = "PORT", default_value_t = DemoOptions::default().web_port)]
    web_port: u16,
    /// Keep the data in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Plays until it is stopped.
pub async fn demo(given: Arguments) -> Result<(), Failure> {
    let Arguments { smtp_port, web_port, keep } = given;
    run(DemoOptions { smtp_port, web_port, keep }).await.map_err(|error| {
        let code = match error {
            DemoError::PortTaken { .. } | DemoError::Port { .. } | DemoError::Store(_) => UNAVAILABLE,
            DemoError::NotEmpty(_) | DemoError::Folder { .. } => CANTCREAT,
            DemoError::Ended(_) => SOFTWARE,
        };
        Failure::new(code, chain(&error))
    })
}
