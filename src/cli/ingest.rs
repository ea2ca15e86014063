//! `firebell ingest`: stores messages that a pipe or a file holds. A server on the same database
//! reads them; none needs to run for storing.

use std::path::Path;

use super::failure::{NOINPUT, TEMPFAIL, USAGE, chain, print};
use super::{Failure, open};
use crate::clock::Clock;
use crate::intake::Inbox;
use crate::intake::ingest::{self, GivenEnvelope};
use crate::intake::sources::Source;
use crate::mail::Address;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A message, an mbox, a Maildir, or a folder of .eml; standard input otherwise
    #[arg(value_name = "FILE|DIR|MBOX|-")]
    source: Option<String>,
    /// Reverse-path; empty for a bounce. Else Return-Path says it
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Who it was sent to; may be repeated. Else X-Original-To or Delivered-To says it
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
}

/// Stores what it is given.
///
/// An MTA bounces a message for most exit codes. A report of an incident must not be lost to a
/// mistake of ours, so whatever is wrong on our side ends with 75, and the MTA keeps the message.
pub async fn ingest(named: Option<&Path>, given: Arguments) -> Result<(), Failure> {
    let source = Source::read(given.source.as_deref());
    if let Source::Path(path) = &source
        && !path.exists()
    {
        let line = format!("{}: there is no such file or folder", path.display());
        return Err(Failure::new(NOINPUT, line));
    }
    let envelope = read_envelope(given)?;
    let ours = |failure: Failure| Failure { code: TEMPFAIL, ..failure };
    let found = open::read(named).map_err(ours)?;
    let store = open::open_store(&found.config).await.map_err(ours)?;
    let inbox = Inbox::new(store.clone(), open::ids().map_err(ours)?, Clock::system());
    let own = found.config.policy().address;
    // An MTA may take words for an error; people who name a file want to know.
    let is_file = matches!(source, Source::Path(_));
    let outcome = ingest::ingest(source, envelope, &own, &inbox).await;
    store.close().await;
    match outcome {
        Ok(summary) if is_file => {
            print(&format!("stored {}; a running `firebell serve` reads them\n", summary.stored))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(error.exit_code(), chain(&error))),
    }
}

fn read_envelope(given: Arguments) -> Result<GivenEnvelope, Failure> {
    let read = |text: &String| {
        let plain = text.trim().trim_start_matches('<').trim_end_matches('>');
        Address::read(plain).map_err(|error| Failure::new(USAGE, format!("--to: `{text}` {error}")))
    };
    let to = given.to.iter().map(read).collect::<Result<_, _>>()?;
    let from = given.from.map(|text| text.trim_matches(['<', '>', ' ']).to_owned());
    Ok(GivenEnvelope { from, to })
}
