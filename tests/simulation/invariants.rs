//! What must be true after every step (the invariants), and what a step may do to what was before.
//!
//! Never changes anything. Start with [`Seen::look`].

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use firebell::incident::deadlines::{deadlines, obligations};
use firebell::incident::numbered::join;
use firebell::incident::state::{Command, Postmortem};
use firebell::incident::{Entry, Incident, Policy};
use firebell::store::Store;

use super::behind::Behind;
use super::relay::Taken;

/// Rows that wait for the relay, and will be tried: what is uncertain for good is due never.
const WAITING: [&str; 3] = ["queued", "deferred", "uncertain"];
const NEVER_MICROS: i64 = 8_000_000_000_000_000;

/// What an incident says that is a duplicate, and the other one of what was written of it.
const DUPLICATE: &str = "Duplicate of";
const ACCOUNT: &str = "What was written of it:";

/// An outbox row, and what its letter is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: i64,
    pub message_id: String,
    pub recipient: String,
    pub state: String,
    pub incident: Option<i64>,
    pub purpose: String,
    created_at: i64,
    due_at: i64,
    attempts: i64,
    /// The first entry of what it tells; none where no newer mail takes its place.
    pub tells_from: Option<i64>,
}

impl<'r> TryFrom<&'r rusqlite::Row<'r>> for Row {
    type Error = rusqlite::Error;

    fn try_from(row: &'r rusqlite::Row<'r>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            message_id: row.get("message_id")?,
            recipient: row.get("recipient")?,
            state: row.get("state")?,
            incident: row.get("incident")?,
            purpose: row.get("purpose")?,
            created_at: row.get("created_at")?,
            due_at: row.get("due_at")?,
            attempts: row.get("attempts")?,
            tells_from: row.get("tells_from")?,
        })
    }
}

impl Row {
    pub fn waits(&self) -> bool {
        WAITING.contains(&self.state.as_str()) && self.due_at < NEVER_MICROS
    }

    /// It waits for the end of its reader's hour.
    fn is_late(&self) -> bool {
        self.attempts == 0 && self.due_at > self.created_at
    }
}

/// A stored incident.
#[derive(Debug)]
pub struct Kept {
    pub version: i64,
    pub incident: Incident,
    pub timeline: Vec<Entry>,
}

/// The whole database, as far as anything is promised of it.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub incidents: BTreeMap<i64, Rc<Kept>>,
    pub outbox: BTreeMap<i64, Row>,
    /// State by id.
    pub inbound: BTreeMap<i64, String>,
    /// How many messages of the mailbox are stored.
    pub fetched: usize,
}

impl Seen {
    /// Reads all of it that changed since `before`, and checks what must be true at any time.
    /// `operated` are mails that an operator had sent again.
    pub async fn look(
        store: &Store,
        behind: &Behind,
        policy: &Policy,
        before: &Self,
        operated: &BTreeSet<i64>,
    ) -> Self {
        let incidents = load_incidents(store, behind, before).await;
        let counts: Vec<(i64, i64, i64)> =
            behind.all("select incident, count(*), max(seq) from entry group by incident", ());
        let counts: BTreeMap<_, _> =
            counts.into_iter().map(|(of, count, last)| (of, (count, last))).collect();
        let rows: Vec<(i64, String, i64)> =
            behind.all("select incident, kind, wake_at from deadline order by incident, kind", ());
        let mut computed = Vec::new();
        for (number, kept) in &incidents {
            check_incident(&kept.incident, policy);
            let last = kept.incident.next_seq - 1;
            let counted = counts.get(number).copied().unwrap_or_default();
            assert_eq!(counted, (last, last), "the entries of INC-{number} are numbered without a gap");
            computed.extend(deadlines(&kept.incident, policy).into_iter().map(|deadline| {
                let name = join(deadline.kind.name(), deadline.kind.number());
                (*number, name, deadline.wake_at.timestamp_micros())
            }));
        }
        computed.sort();
        assert_eq!(rows, computed, "the deadline rows are what is computed");
        let outbox: Vec<Row> = behind.all(
            "select o.id, l.message_id, o.recipient, o.state, l.incident, l.purpose, l.created_at,
                    o.due_at, o.attempts, o.tells_from
             from outbox o left join letter l on l.id = o.letter",
            (),
        );
        let deliveries: BTreeSet<_> =
            outbox.iter().map(|row| (&row.message_id, &row.recipient)).collect();
        assert_eq!(deliveries.len(), outbox.len(), "a mail goes to a recipient in one row");
        let inbound: Vec<(i64, String)> = behind.all("select id, state from inbound", ());
        assert!(inbound.iter().all(|(_, state)| state != "set-aside"), "every message can be read");
        let (digests, periods, fetched): (i64, i64, i64) = behind.one(
            "select (select count(*) from letter where purpose = 'digest'),
                    (select count(*) from digest_run), (select coalesce(max(uid), 0) from mailbox)",
            (),
        );
        assert_eq!(digests, periods, "a period has one digest");
        let seen = Self {
            incidents,
            outbox: outbox.into_iter().map(|row| (row.id, row)).collect(),
            inbound: inbound.into_iter().collect(),
            fetched: fetched as usize,
        };
        let reminded: Vec<(i64, i64, String)> = behind.all(
            "select o.id, r.incident, r.purpose from outbox o join reminder r on r.letter = o.letter
             where o.state in ('queued', 'deferred', 'uncertain')",
            (),
        );
        seen.check_waiting(&reminded, operated);
        seen
    }

    /// What waits is what still has to be said, and is said once.
    fn check_waiting(&self, reminded: &[(i64, i64, String)], operated: &BTreeSet<i64>) {
        let waits = |row: &&Row| row.waits() && !operated.contains(&row.id);
        let mut places = BTreeMap::new();
        for row in self.outbox.values().filter(waits) {
            let place = match row.purpose.as_str() {
                purpose if purpose.starts_with("reminder") => (None, "reminders"),
                "take-command" => (row.incident, "offers of command"),
                "page" => (row.incident, "pages"),
                "note" if row.tells_from.is_some() => (row.incident, "notes"),
                "follow-up" | "resolution" if row.tells_from.is_some() => (row.incident, "updates"),
                _ => continue,
            };
            let Some(other) = places.insert((place, row.recipient.as_str()), row) else { continue };
            // What is written in one transaction goes out at once; only what waits is bundled.
            let tells = matches!(place.1, "notes" | "updates") && !other.is_late();
            let once = tells && other.created_at == row.created_at;
            assert!(
                once,
                "{place:?} wait for {} twice: mails {} and {}",
                row.recipient, other.id, row.id
            );
        }
        for row in self.outbox.values().filter(waits) {
            let Some(kept) = row.incident.and_then(|number| self.incidents.get(&number)) else {
                continue;
            };
            let incident = &kept.incident;
            let commanded = matches!(incident.command, Command::Held { offered_on: None, .. });
            let settled = commanded || !incident.phase.is_active();
            let asks = matches!(row.purpose.as_str(), "take-command" | "page");
            let (id, key) = (row.id, incident.key());
            assert!(
                !(settled && asks),
                "mail {id} asks for what {key} needs no more: {row:?}, {incident:?}"
            );
        }
        for (row, number, purpose) in reminded {
            let incident = &self.incidents[number].incident;
            let is_owed = match purpose.as_str() {
                purpose if !purpose.starts_with("reminder-postmortem") => incident.phase.is_active(),
                _ => incident.postmortem.as_ref().is_some_and(Postmortem::is_owed),
            };
            let row = &self.outbox[row];
            assert!(!waits(&row) || is_owed, "mail {} reminds of what is settled: {purpose}", row.id);
        }
    }

    /// What may never happen between `before` and now, whatever was done; `inputs` is how much came
    /// through the door meanwhile, `again` the messages that somebody had read again.
    pub fn check_since(&self, before: &Self, inputs: usize, again: &BTreeSet<i64>) {
        for (number, kept) in &before.incidents {
            let Some(now) = self.incidents.get(number) else {
                panic!("INC-{number} is gone");
            };
            let grown = now.timeline.iter().zip(&kept.timeline).all(|(now, then)| is_same(now, then));
            assert!(
                grown && now.timeline.len() >= kept.timeline.len(),
                "the timeline of INC-{number} is only appended to"
            );
            let steps = now.version - kept.version;
            // A part that turns out to be another one tells its whole of both.
            let tell = if now.incident.parts.is_empty() { 1 } else { 2 };
            assert!(
                (0..=tell * inputs as i64).contains(&steps),
                "INC-{number} made {steps} steps over {inputs} inputs"
            );
        }
        for (id, row) in &before.outbox {
            let now = self.outbox.get(id).unwrap_or_else(|| panic!("mail {id} is gone"));
            assert_eq!(row.message_id, now.message_id, "mail {id}");
            let stays = row.state != "accepted" || matches!(now.state.as_str(), "accepted" | "refused");
            assert!(stays, "mail {id} was accepted and is {} now", now.state);
        }
        for (id, state) in &before.inbound {
            let now = self.inbound.get(id).unwrap_or_else(|| panic!("message {id} is gone"));
            let settled = !matches!(state.as_str(), "waiting" | "unproven") && !again.contains(id);
            let waits = matches!(now.as_str(), "waiting" | "unproven");
            assert!(!(settled && waits), "message {id} was {state} and waits again");
        }
    }

    /// Nothing happened but that a message was kept.
    pub fn check_only_kept_since(&self, before: &Self, what: &str) {
        assert_eq!(
            before.outbox.keys().collect::<Vec<_>>(),
            self.outbox.keys().collect::<Vec<_>>(),
            "{what} sent something"
        );
        self.check_unchanged_since(before, what, |now, then| {
            // What is filed has a number, too.
            now.next_seq = then.next_seq;
        });
    }

    /// No incident changed, but for what was asked of somebody.
    pub fn check_only_asked_since(&self, before: &Self, what: &str) {
        self.check_unchanged_since(before, what, |now, then| {
            now.next_seq = then.next_seq;
            now.unconfirmed.clone_from(&then.unconfirmed);
        });
    }

    fn check_unchanged_since(&self, before: &Self, what: &str, except: fn(&mut Incident, &Incident)) {
        let numbers = |seen: &Self| seen.incidents.keys().copied().collect::<Vec<_>>();
        assert_eq!(numbers(before), numbers(self), "{what} declared something");
        for (number, then) in &before.incidents {
            let mut now = self.incidents[number].incident.clone();
            except(&mut now, &then.incident);
            assert_eq!(then.incident, now, "{what} changed INC-{number}");
        }
    }

    /// How often a mark stands in the entries of an incident; where that was a duplicate at some time, in
    /// those of all, because mail to it is led to another.
    pub fn count(&self, number: i64, mark: &str) -> usize {
        let was_duplicate = self.incidents.get(&number).is_some_and(|kept| {
            kept.timeline.iter().any(|entry| entry.text.contains(&format!("{DUPLICATE} INC-")))
        });
        let all = self.incidents.keys().filter(|other| was_duplicate || **other == number);
        all.map(|number| self.count_in(*number, mark)).sum()
    }

    fn count_in(&self, number: i64, mark: &str) -> usize {
        let timeline = self.incidents.get(&number).map(|kept| kept.timeline.as_slice());
        // A mail of ours that comes back has the words of the people whom it passed on.
        let is_ours = |entry: &Entry| {
            entry.text.starts_with("Our own mail, without effect") || entry.text.contains(ACCOUNT)
        };
        let said = timeline.unwrap_or_default().iter().filter(|entry| entry.text.contains(mark));
        said.filter(|entry| !is_ours(entry)).count()
    }
}

/// Those that changed are read, the others were.
async fn load_incidents(store: &Store, behind: &Behind, before: &Seen) -> BTreeMap<i64, Rc<Kept>> {
    let versions: Vec<(i64, i64)> = behind.all("select number, version from incident", ());
    let mut incidents = BTreeMap::new();
    for (number, version) in versions {
        let known = before.incidents.get(&number).filter(|kept| kept.version == version);
        let kept = match known {
            Some(kept) => Rc::clone(kept),
            None => {
                let stored = store.load_incident(number).await.expect("an incident").expect("one");
                let timeline = store.load_timeline(number).await.expect("a timeline");
                Rc::new(Kept { version, incident: stored.incident, timeline })
            }
        };
        incidents.insert(number, kept);
    }
    incidents
}

/// A second copy may bring files that the first had lost.
fn is_same(now: &Entry, then: &Entry) -> bool {
    let files = now.attachments.starts_with(&then.attachments);
    files && Entry { attachments: then.attachments.clone(), ..now.clone() } == *then
}

fn check_incident(incident: &Incident, policy: &Policy) {
    if incident.phase.is_active() {
        let key = incident.key();
        assert!(!obligations(incident, policy).is_empty(), "{key} is active and owes nothing");
        if let Command::Offered { to, .. } = &incident.command {
            assert!(!to.is_empty(), "the command of {key} is offered to nobody");
        }
    }
}

/// What excuses that a mail went out otherwise than once, to whom it was for.
#[derive(Debug, Default)]
pub struct Excuses {
    /// Rows by how often a crash came between the relay's 250 and the mark of it, or an operator had
    /// them sent again.
    pub again: BTreeMap<i64, usize>,
    pub readdressed: BTreeSet<i64>,
}

/// Every row was handed over once, but for what its server could not know and what is excused.
pub fn check_taken(taken: &[Arc<Taken>], excuses: &Excuses, seen: &Seen) {
    let mut by_row: BTreeMap<i64, Vec<&Taken>> = BTreeMap::new();
    for mail in taken {
        by_row.entry(mail.row).or_default().push(mail);
    }
    for (row, copies) in &by_row {
        let stored = seen.outbox.get(row).unwrap_or_else(|| panic!("mail {row} left and is not stored"));
        let untold = copies.iter().filter(|copy| !copy.told).count();
        let allowed = 1 + untold + excuses.again.get(row).copied().unwrap_or_default();
        assert!(copies.len() <= allowed, "mail {row} went out {} times, not {allowed}", copies.len());
        for copy in copies {
            assert_eq!(copy.octets, copies[0].octets, "mail {row} is the same each time");
            let right = copy.recipient.as_str() == stored.recipient || excuses.readdressed.contains(row);
            assert!(right, "mail {row} for {} went to {}", stored.recipient, copy.recipient);
        }
    }
    for (id, row) in &seen.outbox {
        let left = row.state != "accepted" || by_row.contains_key(id);
        assert!(left, "mail {id} is marked as accepted, and the relay does not have it");
    }
}
