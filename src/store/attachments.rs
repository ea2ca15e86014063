//! The files of timeline entries. What they hold is stored once, whoever sends it how often, and
//! stays with the incident when the message it came with is forgotten.
//!
//! Never looks into a file. Start with [`Store::load_file`].

use std::collections::BTreeMap;

use super::engines::{Value, statements};
use super::octets::unpack;
use super::{Store, Stored, Write};
use crate::incident::decision::{Attached, Entry};
use crate::mail::Attachment;

statements! {
    LOAD_HASHES = "select hash, size_octets from attachment where incident = $1 and hash is not null";
    /// Found by its place in the incident, so that nobody gets at it by its hash alone.
    LOAD_FILE = "
        select attachment.name, file.octets from attachment join file on file.hash = attachment.hash
        where attachment.incident = $1 and attachment.seq = $2 and attachment.position = $3";
}

pub(super) type AttachedRow = (i64, String, i64, Option<String>);

/// Gives each entry its files; `rows` are in the order in which they came.
pub(super) fn attach(entries: &mut [Entry], rows: Vec<AttachedRow>) {
    let mut by_seq: BTreeMap<i64, Vec<Attached>> = BTreeMap::new();
    for (seq, name, size_octets, hash) in rows {
        by_seq.entry(seq).or_default().push(Attached { name, size_octets, hash });
    }
    for entry in entries {
        entry.attachments = by_seq.remove(&entry.seq).unwrap_or_default();
    }
}

impl Store {
    /// The name of an attachment and what it holds: the `position`-th of an entry, counted from 0.
    /// `None` when there is no such one, or only its name is kept.
    pub async fn load_file(
        &self,
        incident: i64,
        seq: i64,
        position: i64,
    ) -> Stored<Option<(String, Vec<u8>)>> {
        let values = vec![incident.into(), seq.into(), position.into()];
        let rows: Vec<(String, Vec<u8>)> = self.engine.load(LOAD_FILE, values).await?;
        let row = rows.into_iter().next();
        row.map(|(name, packed)| Ok((name, unpack(&packed, "file")?))).transpose()
    }
}

impl Write {
    /// Gives an entry of the timeline further files, behind the `before` that it has.
    pub fn add_files(&mut self, incident: i64, seq: i64, before: usize, files: &[Attachment]) {
        self.pending.add_attachments(incident, seq, before, files);
    }

    /// The hashes and sizes in octets of all files that an incident keeps.
    pub async fn load_file_sizes(&mut self, incident: i64) -> Stored<BTreeMap<String, i64>> {
        self.flush().await?;
        let values: Vec<Value> = vec![incident.into()];
        let rows: Vec<(String, i64)> = self.transaction.load(LOAD_HASHES, values).await?;
        Ok(rows.into_iter().collect())
    }
}
