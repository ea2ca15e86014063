//! `firebell ingest`: messages from a pipe, from files, from folders.
//!
//! An MTA's alias calls it with a message on standard input, so its exit codes are those of
//! sysexits: 75 makes the MTA keep the message and try again. Start with [`ingest`].

use tokio::sync::mpsc;

use super::envelope::{read_fields, read_recipients, read_reverse_path};
use super::sources::{self, Found, Source, SourceError};
use super::{Arrival, Inbox};
use crate::mail::{Address, OwnAddress};
use crate::store::rows::{Client, Route};

/// Messages read ahead of the one being stored: a few of the largest fit into memory.
const READ_AHEAD: usize = 4;

/// The envelope as the command line gives it; what is missing is read from each message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenEnvelope {
    /// Empty is the null reverse-path.
    pub from: Option<String>,
    pub to: Vec<Address>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestSummary {
    pub stored: usize,
}

/// Why not all was stored. What came before is.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The caller's.
    #[error("{0} is not an address of ours: expected {1} or a subaddress of it")]
    NotOurs(Address, Address),
    /// The caller's.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Ours, later.
    #[error("{place} could not be stored; {stored} before it are")]
    NotStored { place: String, stored: usize },
}

impl IngestError {
    /// As in `<sysexits.h>`.
    pub fn exit_code(&self) -> u8 {
        const DATAERR: u8 = 65;
        const NOINPUT: u8 = 66;
        const NOUSER: u8 = 67;
        const TEMPFAIL: u8 = 75;
        match self {
            Self::NotOurs(..) => NOUSER,
            Self::Source(SourceError::TooLarge(_)) => DATAERR,
            Self::Source(SourceError::NoMessages(_) | SourceError::Unreadable(..)) => NOINPUT,
            Self::NotStored { .. } => TEMPFAIL,
        }
    }
}

/// Stores every message of `source`, in order.
///
/// # Errors
///
/// [`IngestError`]; its exit code says whose move it is.
pub async fn ingest(
    source: Source,
    envelope: GivenEnvelope,
    own: &OwnAddress,
    inbox: &Inbox,
) -> Result<IngestSummary, IngestError> {
    if let Some(foreign) = envelope.to.iter().find(|address| own.tag_of(address).is_none()) {
        return Err(IngestError::NotOurs(foreign.clone(), own.address().clone()));
    }
    let (found, mut messages) = mpsc::channel(READ_AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        sources::read_each(&source, &mut |message| found.blocking_send(message).is_ok())
    });
    let mut stored = 0;
    while let Some(message) = messages.recv().await {
        let place = message.place.clone();
        if inbox.accept(arrival(message, &envelope, own)).await.is_err() {
            return Err(IngestError::NotStored { place, stored });
        }
        stored += 1;
    }
    match reading.await {
        Ok(read) => read?,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
    Ok(IngestSummary { stored })
}

fn arrival(found: Found, given: &GivenEnvelope, own: &OwnAddress) -> Arrival {
    let fields = read_fields(&found.octets);
    let reverse_path = match &given.from {
        Some(path) => path.clone(),
        None => read_reverse_path(&fields, found.from_line.as_deref()),
    };
    let recipients = if given.to.is_empty() { read_recipients(&fields, own) } else { given.to.clone() };
    Arrival {
        reverse_path: Some(reverse_path).filter(|path| !path.is_empty()),
        recipients,
        // Who may run this command is not who may write in anybody's name.
        client: Client::default(),
        route: Route::Ingest,
        octets: found.octets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::intake::NotStored;
    use crate::store::rows::NewInbound;

    fn own() -> OwnAddress {
        OwnAddress::new(Address::read("incidents@example.org").unwrap(), '+')
    }

    async fn ingested(
        text: &str,
        envelope: GivenEnvelope,
        outcome: Result<(), NotStored>,
    ) -> (Result<IngestSummary, IngestError>, Vec<NewInbound>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("message");
        std::fs::write(&path, text).unwrap();
        let (inbox, mut arrived) = Inbox::in_memory(outcome, Clock::system());
        let summary = ingest(Source::Path(path), envelope, &own(), &inbox).await;
        drop(inbox);
        let mut messages = Vec::new();
        while let Some(message) = arrived.recv().await {
            messages.push(message);
        }
        (summary, messages)
    }

    #[tokio::test]
    async fn the_envelope_is_read_from_what_the_mta_wrote() {
        let text = "Return-Path: <dana@ops.example>\nX-Original-To: incidents+42@example.org\n\
                    Delivered-To:\n firebell@host.example\nFrom: Dana <d@elsewhere.example>\n\nhi\n";
        let (summary, messages) = ingested(text, GivenEnvelope::default(), Ok(())).await;
        assert_eq!(summary.unwrap(), IngestSummary { stored: 1 });
        assert_eq!(messages[0].reverse_path.as_deref(), Some("dana@ops.example"));
        assert_eq!(messages[0].recipients, [Address::read("incidents+42@example.org").unwrap()]);
        assert!(!messages[0].client.network_trusted);
    }

    #[tokio::test]
    async fn a_message_that_no_mta_delivered_comes_from_its_author_to_the_plain_address() {
        let text = "From: Dana <d@elsewhere.example>\n\nDelivered-To: incidents+9@example.org\n";
        let (_, messages) = ingested(text, GivenEnvelope::default(), Ok(())).await;
        assert_eq!(messages[0].reverse_path.as_deref(), Some("d@elsewhere.example"));
        assert_eq!(messages[0].recipients, [own().address().clone()]);
    }

    #[tokio::test]
    async fn a_null_reverse_path_stays_null() {
        for text in [
            "Return-Path: <>\nFrom: mailer@x.example\n\n",
            "From MAILER-DAEMON Sat Nov 21\nFrom: mailer@x.example\n\n",
        ] {
            let (_, messages) = ingested(text, GivenEnvelope::default(), Ok(())).await;
            assert_eq!(messages[0].reverse_path, None, "{text}");
        }
        let given = GivenEnvelope { from: Some(String::new()), to: Vec::new() };
        let (_, messages) = ingested("Return-Path: <a@b.example>\n\n", given, Ok(())).await;
        assert_eq!(messages[0].reverse_path, None);
    }

    #[tokio::test]
    async fn each_failure_has_the_exit_code_that_an_mta_understands() {
        let to = vec![Address::read("dana@elsewhere.example").unwrap()];
        let foreign = GivenEnvelope { from: None, to };
        assert_eq!(ingested("x\n", foreign, Ok(())).await.0.unwrap_err().exit_code(), 67);
        let given = GivenEnvelope::default();
        let failed = ingested("x\n", given.clone(), Err(NotStored::Failed)).await.0;
        assert_eq!(failed.unwrap_err().exit_code(), 75);
        assert_eq!(ingested("", given, Ok(())).await.0.unwrap_err().exit_code(), 66);
    }
}
