//! What a running server counts of itself, for whoever watches it: figures, and never whose they are.
//!
//! Counts begin at zero with the process; several servers on one database are added up by who reads
//! them. Start with [`Meters::shown`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Upper ends in milliseconds: from a commit of a quiet disk to an outage of hours.
const ENDS_MILLIS: [u64; 14] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000, 300_000, 1_800_000, 10_800_000];

/// Counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Meters(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    refused_for_room: AtomicU64,
    /// Of those, how many were told to somebody.
    refused_told: AtomicU64,
    sent: AtomicU64,
    /// By what became of the message.
    read: Mutex<BTreeMap<&'static str, u64>>,
    timeline: Spans,
    late: Spans,
    /// Whether each answered when it was last asked.
    relays: Mutex<BTreeMap<String, bool>>,
    /// `None` where no mailbox is read.
    mailbox: Mutex<Option<Mailbox>>,
}

/// How the reading of the mailbox goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// When it was last looked through to its end.
    pub read_at: Option<DateTime<Utc>>,
    /// Since when every try failed, and why the last did.
    pub failing: Option<(DateTime<Utc>, String)>,
}

/// A histogram of spans.
#[derive(Debug, Default)]
struct Spans {
    /// The last one has no upper end.
    counts: [AtomicU64; ENDS_MILLIS.len() + 1],
    sum_millis: AtomicU64,
}

impl Meters {
    /// A message was stored for its sender.
    pub fn accepted(&self) {
        self.0.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// A message that proves nothing was refused, because there was so much of that kind.
    pub fn refused_for_room(&self) {
        self.0.refused_for_room.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were refused for want of room since this was last asked.
    pub fn take_refused_for_room(&self) -> u64 {
        let refused = self.0.refused_for_room.load(Ordering::Relaxed);
        refused.saturating_sub(self.0.refused_told.swap(refused, Ordering::Relaxed))
    }

    /// The relay took so many mails.
    pub fn sent(&self, mails: usize) {
        self.0.sent.fetch_add(u64::try_from(mails).unwrap_or(0), Ordering::Relaxed);
    }

    /// A message was read, and this became of it.
    pub fn read(&self, outcome: &'static str) {
        *self.0.read.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    /// A message is in a timeline, so long after it was received.
    pub fn in_timeline(&self, after: TimeDelta) {
        self.0.timeline.add(after);
    }

    /// A deadline was handled, so long after it was due.
    pub fn deadline_passed(&self, late: TimeDelta) {
        self.0.late.add(late);
    }

    /// Whether a relay answered when it was last asked.
    pub fn relay(&self, name: &str, is_there: bool) {
        self.relays().insert(name.to_owned(), is_there);
    }

    /// The relays that mail goes through now, as last told to [`Self::relay`].
    pub fn relays_there(&self) -> Vec<String> {
        self.relays_where(true)
    }

    /// The others.
    pub fn relays_away(&self) -> Vec<String> {
        self.relays_where(false)
    }

    fn relays_where(&self, is_there: bool) -> Vec<String> {
        let relays = self.relays();
        let chosen = relays.iter().filter(|(_, there)| **there == is_there);
        chosen.map(|(name, _)| name.clone()).collect()
    }

    fn relays(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.relays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mailbox was looked through to its end.
    pub fn mailbox_read(&self, now: DateTime<Utc>) {
        *self.lock_mailbox() = Some(Mailbox { read_at: Some(now), failing: None });
    }

    /// The mailbox could not be read, and is tried again.
    pub fn mailbox_failed(&self, now: DateTime<Utc>, why: &str) {
        let mut mailbox = self.lock_mailbox();
        let mailbox = mailbox.get_or_insert_default();
        let since = mailbox.failing.take().map_or(now, |(since, _)| since);
        mailbox.failing = Some((since, why.to_owned()));
    }

    /// `None` where no mailbox is read, and before the first look.
    pub fn mailbox(&self) -> Option<Mailbox> {
        self.lock_mailbox().clone()
    }

    fn lock_mailbox(&self) -> MutexGuard<'_, Option<Mailbox>> {
        self.0.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it in Prometheus' text format, version 0.0.4.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        let accepted = self.0.accepted.load(Ordering::Relaxed);
        begin(&mut text, "messages_accepted_total", "counter", "Messages taken by SMTP and LMTP.");
        let _ = writeln!(text, "firebell_messages_accepted_total {accepted}");
        let refused = self.0.refused_for_room.load(Ordering::Relaxed);
        let meaning = "Messages refused for now, because much came that proves nothing.";
        begin(&mut text, "messages_refused_for_room_total", "counter", meaning);
        let _ = writeln!(text, "firebell_messages_refused_for_room_total {refused}");
        begin(&mut text, "messages_read_total", "counter", "Messages read, by what became of them.");
        for (outcome, count) in self.0.read.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(text, "firebell_messages_read_total{{outcome=\"{outcome}\"}} {count}");
        }
        let sent = self.0.sent.load(Ordering::Relaxed);
        begin(&mut text, "mails_accepted_total", "counter", "Mails that the relay took.");
        let _ = writeln!(text, "firebell_mails_accepted_total {sent}");
        begin(&mut text, "relay_up", "gauge", "Whether the relay was there when last asked.");
        for (name, is_there) in self.relays().iter() {
            let is_there = u8::from(*is_there);
            let _ = writeln!(text, "firebell_relay_up{{relay=\"{name}\"}} {is_there}");
        }
        if let Some(Mailbox { read_at, failing }) = self.mailbox() {
            begin(
                &mut text,
                "mailbox_up",
                "gauge",
                "Whether the mailbox could be read at the last try.",
            );
            let _ = writeln!(text, "firebell_mailbox_up {}", u8::from(failing.is_none()));
            begin(&mut text, "mailbox_read_seconds", "gauge", "When it was last read, since 1970.");
            let read_at = read_at.map_or(0, |at| at.timestamp());
            let _ = writeln!(text, "firebell_mailbox_read_seconds {read_at}");
        }
        begin(
            &mut text,
            "timeline_seconds",
            "histogram",
            "From the receipt of a message to a timeline.",
        );
        self.0.timeline.show("timeline_seconds", &mut text);
        begin(&mut text, "deadline_late_seconds", "histogram", "From when it was due to its handling.");
        self.0.late.show("deadline_late_seconds", &mut text);
        text
    }
}

/// The two lines before the figures of one kind.
pub fn begin(text: &mut String, name: &str, kind: &str, meaning: &str) {
    let _ = writeln!(text, "# HELP firebell_{name} {meaning}\n# TYPE firebell_{name} {kind}");
}

impl Spans {
    /// A clock that was set back makes none below zero.
    fn add(&self, span: TimeDelta) {
        let millis = u64::try_from(span.num_milliseconds()).unwrap_or(0);
        let place = ENDS_MILLIS.partition_point(|end| *end < millis);
        if let Some(count) = self.counts.get(place) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_millis.fetch_add(millis, Ordering::Relaxed);
    }

    fn show(&self, name: &str, text: &mut String) {
        let ends = ENDS_MILLIS.map(|end| seconds(end).to_string()).into_iter();
        let mut below = 0;
        for (count, end) in self.counts.iter().zip(ends.chain(["+Inf".to_owned()])) {
            below += count.load(Ordering::Relaxed);
            let _ = writeln!(text, "firebell_{name}_bucket{{le=\"{end}\"}} {below}");
        }
        let sum = seconds(self.sum_millis.load(Ordering::Relaxed));
        let _ = writeln!(text, "firebell_{name}_sum {sum}\nfirebell_{name}_count {below}");
    }
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_counts_in_every_bucket_that_holds_it() {
        let meters = Meters::default();
        for millis in [-7, 5, 6, 20_000_000] {
            meters.in_timeline(TimeDelta::milliseconds(millis));
        }
        let shown = meters.shown();
        for line in [
            "firebell_timeline_seconds_bucket{le=\"0.005\"} 2",
            "firebell_timeline_seconds_bucket{le=\"0.01\"} 3",
            "firebell_timeline_seconds_bucket{le=\"10800\"} 3",
            "firebell_timeline_seconds_bucket{le=\"+Inf\"} 4",
            "firebell_timeline_seconds_sum 20000.011",
            "firebell_timeline_seconds_count 4",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
        }
    }
}
