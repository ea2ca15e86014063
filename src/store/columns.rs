//! How values lie in columns: instants as microseconds, names as text, many rows as one JSON array.
//!
//! Never touches the database.

use chrono::{DateTime, Utc};
use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;
use super::engines::Value;
use super::rows::{InboundState, OutboxState, Route};
use crate::mail::Address;

/// Microseconds since the epoch.
pub(super) fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

pub(super) fn read_instant(micros: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_micros(micros).ok_or(StoreError::Damaged("instant"))
}

/// Text without NUL, which PostgreSQL cannot keep and no mail client shows.
pub(super) fn plain(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Many rows as one parameter, for `json_each`: an array of tuples.
pub(super) fn rows<T: Serialize>(rows: &[T]) -> Value {
    Value::Text(Some(json(rows)))
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("values of ours have no maps without string keys")
}

pub(super) fn read_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Damaged(what))
}

/// The name of a variant, as serde spells it.
pub(super) fn name<T: Serialize>(variant: T) -> String {
    json(&variant).trim_matches('"').to_owned()
}

pub(super) fn read_name<T: DeserializeOwned>(name: String, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(name)).map_err(|_| StoreError::Damaged(what))
}

pub(super) fn read_address(text: &str) -> Result<Address, StoreError> {
    Address::read(text).map_err(|_| StoreError::Damaged("address"))
}

/// A variant by its name in the database.
pub(super) fn read_variant<T: Copy>(
    name: &str,
    names: &[(T, &'static str)],
    what: &'static str,
) -> Result<T, StoreError> {
    names
        .iter()
        .find(|(_, known)| *known == name)
        .map(|(variant, _)| *variant)
        .ok_or(StoreError::Damaged(what))
}

impl Route {
    pub(super) const NAMES: [(Self, &'static str); 5] = [
        (Self::Smtp, "smtp"),
        (Self::Lmtp, "lmtp"),
        (Self::Ingest, "ingest"),
        (Self::Imap, "imap"),
        (Self::Api, "api"),
    ];

    /// `smtp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Lmtp => "lmtp",
            Self::Ingest => "ingest",
            Self::Imap => "imap",
            Self::Api => "api",
        }
    }
}

impl InboundState {
    pub(super) const NAMES: [(Self, &'static str); 6] = [
        (Self::Waiting, "waiting"),
        (Self::Unproven, "unproven"),
        (Self::Read, "read"),
        (Self::Filed, "filed"),
        (Self::Held, "held"),
        (Self::SetAside, "set-aside"),
    ];

    /// `set-aside`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Unproven => "unproven",
            Self::Read => "read",
            Self::Filed => "filed",
            Self::Held => "held",
            Self::SetAside => "set-aside",
        }
    }
}

impl OutboxState {
    pub(super) const NAMES: [(Self, &'static str); 9] = [
        (Self::Cancelled, "cancelled"),
        (Self::Uncertain, "uncertain"),
        (Self::Queued, "queued"),
        (Self::Accepted, "accepted"),
        (Self::Deferred, "deferred"),
        (Self::Refused, "refused"),
        (Self::Expired, "expired"),
        (Self::Superseded, "superseded"),
        (Self::Held, "held"),
    ];

    /// `queued`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Uncertain => "uncertain",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for (variant, name) in Route::NAMES {
            assert_eq!(variant.name(), name);
        }
        for (variant, name) in InboundState::NAMES {
            assert_eq!(variant.name(), name);
        }
        for (variant, name) in OutboxState::NAMES {
            assert_eq!(variant.name(), name);
        }
        assert!(matches!(
            read_variant("lost", &OutboxState::NAMES, "outbox state"),
            Err(StoreError::Damaged("outbox state"))
        ));
    }
}
