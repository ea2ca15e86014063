//! Notes and updates that could not be sent one by one: the next one takes the place of those that
//! still wait for the same reader, and has their words.
//!
//! So after an outage everybody gets one mail of what was written, with nothing left out; and so does,
//! at the end of an hour, whoever had too many in it. Start with [`Batch::bundle`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::batch::Batch;
use super::outgoing::Copies;
use crate::incident::decision::{Entry, EntryKind, Mailing, Purpose, Recipient, Says};
use crate::store::StoreError;

/// Those who get a mailing in the same words.
pub(super) struct Bundle<'a> {
    pub(super) to: Vec<&'a Recipient>,
    /// The first timeline entry of what it tells; `None` where no newer mail takes its place.
    pub(super) tells_from: Option<i64>,
    /// What the mail shows of the timeline: what they should have been told before, and were not.
    pub(super) timeline: Vec<Entry>,
}

impl Batch {
    /// Sorts the readers of a mailing by what they have not been told yet, and takes the mail that
    /// would have told it out of the queue.
    pub(super) async fn bundle<'a>(
        &mut self,
        number: i64,
        mailing: &'a Mailing,
    ) -> Result<Vec<Bundle<'a>>, StoreError> {
        let Some((kind, purposes)) = takes_place_of(&mailing.says) else {
            let to = mailing.to.iter().collect();
            return Ok(vec![Bundle { to, tells_from: None, timeline: Vec::new() }]);
        };
        let own = match &mailing.says {
            Says::Note { seq, .. } => *seq,
            _ => self.told_from(number),
        };
        let readers = mailing.to.iter().map(Recipient::address);
        let first = if self.nothing_waits.contains(&number) {
            HashMap::new()
        } else {
            self.write.take_place(number, readers, purposes).await?
        };
        let mut sorted: BTreeMap<i64, Vec<&Recipient>> = BTreeMap::new();
        for recipient in &mailing.to {
            let from = first.get(&recipient.address().key()).map_or(own, |first| own.min(*first));
            sorted.entry(from).or_default().push(recipient);
        }
        let earliest = sorted.keys().next().copied().unwrap_or(own);
        let before = if earliest < own {
            self.write.load_entries(number, earliest..own, kind).await?
        } else {
            Vec::new()
        };
        let untold = |from: i64| before.iter().filter(|entry| entry.seq >= from).cloned().collect();
        Ok(sorted
            .into_iter()
            .map(|(from, to)| Bundle { to, tells_from: Some(from), timeline: untold(from) })
            .collect())
    }

    /// Who has had their mails of this hour, by the address's key, and when notes and updates to them
    /// go out. Whatever asks for something, answers or declares never waits.
    pub(super) async fn beyond_limit(
        &mut self,
        copies: &Copies,
        purpose: Purpose,
        tells_from: Option<i64>,
    ) -> Result<HashMap<String, DateTime<Utc>>, StoreError> {
        let persons = copies.iter().filter(|(_, token)| token.is_some());
        let keys: BTreeSet<String> = persons.map(|(address, _)| address.key()).collect();
        let names = keys.iter().map(|key| sent_to(key)).collect();
        let (uses, ends_at) = self.write.count_uses(&names, self.now).await?;
        let may_wait = tells_from.is_some() && purpose != Purpose::Resolution;
        let limit = i64::from(self.policy.per_person_per_hour);
        let is_beyond = |key: &String| uses.get(&sent_to(key)).is_some_and(|uses| *uses > limit);
        Ok(keys.into_iter().filter(|key| may_wait && is_beyond(key)).map(|key| (key, ends_at)).collect())
    }
}

/// The budget of mails to a person, by the address's key.
pub(super) fn sent_to(key: &str) -> String {
    format!("sent:{key}")
}

/// Mail that need not be sent where this one is, and the timeline entries that have its words.
fn takes_place_of(says: &Says) -> Option<(EntryKind, &'static [Purpose])> {
    match says {
        Says::FollowUp { .. } | Says::Resolution { .. } => {
            Some((EntryKind::FollowUp, &[Purpose::FollowUp, Purpose::Resolution]))
        }
        Says::Note { .. } => Some((EntryKind::Note, &[Purpose::Note])),
        _ => None,
    }
}
