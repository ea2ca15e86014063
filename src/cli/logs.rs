//! The log: on standard error, as text for people or as JSON for programs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::Failure;
use super::failure::USAGE;

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Starts logging; what is logged `FIREBELL_LOG` says, such as `debug` or `firebell::intake=debug`.
/// A level alone is ours: with every statement of the database beside them, nobody finds our lines.
pub fn start(format: LogFormat, otherwise: &str) -> Result<(), Failure> {
    let wanted = std::env::var("FIREBELL_LOG").unwrap_or_default();
    let wanted = match wanted.trim() {
        "" => otherwise.to_owned(),
        level @ ("debug" | "trace") => format!("info,firebell={level}"),
        wanted => wanted.to_owned(),
    };
    let filter = EnvFilter::try_new(wanted).map_err(|error| {
        Failure::new(USAGE, format!("FIREBELL_LOG: {error}; write it as info or firebell=debug"))
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
