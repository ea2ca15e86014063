//! Incidents by what was written of them.
//!
//! Walks from the newest to the oldest, a range of numbers at a time, so that neither a reader nor a
//! writer waits for all there is. Start with [`Store::search_incidents`].

use chrono::{DateTime, Utc};

use super::columns::{plain, read_instant, read_name};
use super::engines::statements;
use super::{Store, Stored};
use crate::incident::decision::EntryKind;
use crate::learning::search::Words;

/// Incidents whose entries are read at once: some thousand entries.
const RANGE: i64 = 200;
/// Entries that are kept of one incident, the first.
const ENTRIES_SHOWN: usize = 3;

statements! {
    NEWEST = "select max(number) from incident";
    /// What strangers and machines sent without effect is no part of what happened.
    SEARCH = "
        select entry.incident, entry.seq, entry.at, entry.author_name, entry.kind, entry.text
        from entry join incident on incident.number = entry.incident
        where entry.incident > $1 and entry.incident <= $2 and entry.kind <> 'filed'
              and (not incident.private or $3) and lower(entry.text) like $4
        order by entry.incident desc, entry.seq";
}

/// An incident, and the first of its entries that have the words.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub number: i64,
    /// At least one.
    pub entries: Vec<FoundEntry>,
}

/// An entry that has the words.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundEntry {
    pub seq: i64,
    pub at: DateTime<Utc>,
    /// Empty for Firebell.
    pub author_name: String,
    pub kind: EntryKind,
    pub text: String,
}

type Columns = (i64, i64, i64, String, String, String);

impl Store {
    /// Incidents with an entry that has all words, the newest first, at most `limit`. Private ones only
    /// `with_private`.
    pub async fn search_incidents(
        &self,
        words: &Words,
        with_private: bool,
        limit: usize,
    ) -> Stored<Vec<Found>> {
        let newest: Vec<(Option<i64>,)> = self.engine.load(NEWEST, vec![]).await?;
        let mut to = newest.first().and_then(|(number,)| *number).unwrap_or(0);
        let pattern = format!("%{}%", words.ascii_part());
        let mut found: Vec<Found> = Vec::new();
        while to > 0 && found.len() < limit {
            let from = (to - RANGE).max(0);
            let values = vec![from.into(), to.into(), with_private.into(), plain(&pattern).into()];
            let rows: Vec<Columns> = self.engine.load(SEARCH, values).await?;
            for row in rows.into_iter().filter(|row| words.are_in(&row.5)) {
                add(&mut found, row)?;
            }
            to = from;
        }
        found.truncate(limit);
        Ok(found)
    }
}

fn add(found: &mut Vec<Found>, row: Columns) -> Stored<()> {
    let (number, seq, at, author_name, kind, text) = row;
    let kind = read_name(kind, "timeline entry's kind")?;
    let entry = FoundEntry { seq, at: read_instant(at)?, author_name, kind, text };
    match found.last_mut().filter(|last| last.number == number) {
        Some(last) if last.entries.len() < ENTRIES_SHOWN => last.entries.push(entry),
        Some(_) => {}
        None => found.push(Found { number, entries: vec![entry] }),
    }
    Ok(())
}
