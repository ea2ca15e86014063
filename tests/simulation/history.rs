//! One history: mails, clocks, a relay and crashes, as its seed says.
//!
//! A crash comes after any commit of a step, between any two things that others saw of it: the step
//! is played to its end, and then the database is cut back to that commit, the relay and the senders
//! are made to forget what came later, and new servers start. Start with [`History::play`]; the
//! crash is in [`History::crash`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use firebell::incident::deadlines::{DeadlineKind, deadlines};
use firebell::incident::event::Event;
use firebell::mail::Address;
use firebell::mail::authentication::Verdict;
use firebell::mail::ids::Secret;
use firebell::store::rows::{OperatorAction, Route};

use super::acts::{Act, Sight, choose, configuration, shown};
use super::chance::Chance;
use super::figures::Figures;
use super::invariants::{Excuses, Seen, check_taken};
use super::life::{ASKED_WITHIN, Life, Rules, STALLED_FOR};
use super::mails::{Kind, Mail, STRANGER, Writer, mark};
use super::relay::{Manner, Relay, Taken};
use super::wal::{Image, Point};

const STEPS_MIN: usize = 12;
const STEPS_MAX: usize = 40;
/// Rounds of delivery in the end: each row is tried for days at most.
const ROUNDS_MAX: usize = 500;
/// Timeline numbers whose tasks and actions ring, where they are any.
const TASKS: i64 = 6;

pub struct History {
    chance: Chance,
    rules: Rules,
    folder: PathBuf,
    lives: u16,
    life: Life,
    relay: Relay,
    writer: Writer,
    now: DateTime<Utc>,
    /// The latest that it ever was: clocks move back.
    latest: DateTime<Utc>,
    /// With the last commit before each was accepted.
    accepted: Vec<(Mail, Point)>,
    /// Whose senders got no answer, and try again.
    unanswered: Vec<Mail>,
    /// All that ever was in the mailbox.
    posted: Vec<Mail>,
    excuses: Excuses,
    /// Mails that an operator had sent again.
    operated: BTreeSet<i64>,
    /// Messages that somebody had read again.
    again: BTreeSet<i64>,
    /// Whose tokens were voided at any time.
    voided: BTreeSet<String>,
    figures: Figures,
    /// What happened, for whoever looks for a mistake.
    pub told: Vec<String>,
}

impl History {
    /// `template` is a migrated, empty database.
    pub fn new(seed: u64, folder: &Path, template: &Path) -> Self {
        let mut chance = Chance::new(seed);
        let secret = Secret::new(&[1; 32]);
        let offsets = chance.one_of(&[vec![0], vec![0], vec![0, 0], vec![-5, 5]]);
        let asks_dns = chance.percent(40);
        let rules = Rules::new(configuration(&mut chance), secret, offsets, asks_dns);
        let database = folder.join("0.db");
        std::fs::copy(template, &database).expect("a copy");
        let relay = Relay::new(seed);
        let now = "2026-11-18T08:00:00Z".parse().expect("an instant");
        let life = Life::start(&database, 0, &rules, &relay, now);
        let writer = Writer::new(rules.policy.clone(), rules.secret.clone(), asks_dns);
        Self {
            chance,
            rules,
            folder: folder.to_owned(),
            lives: 0,
            life,
            relay,
            writer,
            now,
            latest: now,
            accepted: Vec::new(),
            unanswered: Vec::new(),
            posted: Vec::new(),
            excuses: Excuses::default(),
            operated: BTreeSet::new(),
            again: BTreeSet::new(),
            voided: BTreeSet::new(),
            figures: Figures::default(),
            told: Vec::new(),
        }
    }

    /// # Panics
    ///
    /// When something is not as it must be.
    pub fn play(&mut self) -> Figures {
        let steps = STEPS_MIN + self.chance.below(STEPS_MAX - STEPS_MIN);
        let mut before = self.look(&Seen::default());
        for _ in 0..steps {
            let taken = self.relay.taken();
            let sent: Vec<Mail> = self.sent().cloned().collect();
            let sight = Sight { seen: &before, taken: &taken, sent: &sent };
            let act = choose(&sight, &mut self.writer, &mut self.unanswered, &mut self.chance);
            let crashes = self.chance.percent(25);
            before = self.step(act, crashes, &before);
        }
        self.finish(before);
        self.figures.clone()
    }

    /// All that is stored, or will be.
    fn sent(&self) -> impl Iterator<Item = &Mail> {
        self.accepted.iter().map(|(mail, _)| mail).chain(&self.posted)
    }

    fn look(&self, before: &Seen) -> Seen {
        self.life.look(&self.rules.policy, before, &self.operated)
    }

    /// Plays a step, perhaps with a crash in it, and checks everything.
    fn step(&mut self, act: Act, crashes: bool, before: &Seen) -> Seen {
        self.told.push(format!(
            "{} {}{}",
            self.now,
            shown(&act),
            if crashes { ", and a crash" } else { "" }
        ));
        self.figures.count(&format!("step: {}", act.name()), 1);
        let log = self.life.log.clone();
        let (image, point) = (crashes.then(|| log.image()), log.end());
        let (taken, accepted) = (self.relay.count_taken(), self.accepted.len());
        let reloads = matches!(act, Act::Reload(_));
        let inputs = self.act(act, before);
        // No two steps at the same instant.
        self.advance(TimeDelta::milliseconds(20));
        self.figures.count("steps", 1);
        self.figures.count("inputs", inputs);
        if let Some(image) = image {
            self.crash(&image, taken, accepted, (!reloads).then_some(before));
        }
        let untouched = self.life.log.end() == point && !crashes;
        let seen = if untouched { before.clone() } else { self.look(before) };
        seen.check_since(before, inputs, &self.again);
        check_taken(&self.relay.taken(), &self.excuses, &seen);
        let stored = self.accepted.len() + seen.fetched;
        assert!(
            seen.inbound.len() >= stored,
            "{stored} messages were accepted or fetched, and {} are stored",
            seen.inbound.len()
        );
        seen
    }

    /// Returns how much came through the door.
    fn act(&mut self, act: Act, before: &Seen) -> usize {
        let server = self.chance.below(self.life.servers.len());
        match act {
            Act::Arrive(mails) => mails.into_iter().for_each(|mail| self.arrive(server, mail)),
            Act::ArriveAlone(mail) => return self.arrive_alone(server, mail, before),
            Act::Post(mails) => {
                for mut mail in mails {
                    self.figures.count(&format!("in: {}", mail.sort), 1);
                    mail.arrival.route = Route::Imap;
                    self.posted.push(mail);
                }
            }
            Act::Fetch { at_most } => self.fetch(at_most),
            Act::Prove { verdict, at_most, drops } => self.life.prove(server, verdict, at_most, drops),
            Act::Read => return self.life.read(server),
            Act::PassDeadlines => return self.life.pass_deadlines(server),
            Act::RingEarly => return self.ring_early(server, before),
            Act::Wake => return self.life.wake(server),
            Act::WakeTogether => return self.life.wake_together(),
            Act::Deliver => return self.life.deliver(server, &self.relay),
            Act::DeliverStalled => {
                let (told, stood) = self.life.deliver_stalled(server, &self.relay);
                if stood {
                    self.now += STALLED_FOR;
                    self.figures.count("a stalled delivery, and another takes over", 1);
                }
                return told;
            }
            Act::RetryOutbox => {
                let back = |state: &str| matches!(state, "refused" | "held" | "uncertain");
                let back = before.outbox.values().filter(|row| back(&row.state)).map(|row| row.id);
                back.for_each(|id| self.send_again(id));
                // What was written at one time is due at another now: it looks as if it could be bundled.
                let tells = before.outbox.values().filter(|row| row.waits() && row.tells_from.is_some());
                self.operated.extend(tells.map(|row| row.id));
                self.life.retry_outbox(server);
            }
            Act::Operate(id, action) => {
                match &action {
                    OperatorAction::Retry => self.send_again(id),
                    OperatorAction::Readdress(_) => {
                        self.send_again(id);
                        self.excuses.readdressed.insert(id);
                    }
                    OperatorAction::Hold | OperatorAction::Cancel => {}
                }
                self.life.operate(server, id, action);
            }
            Act::TellAgain(id) => {
                self.life.tell_again(server, id);
                self.look(before).check_only_kept_since(before, "what was told before");
                return 1;
            }
            Act::ReadAgain(id) => {
                if self.life.read_again(id) {
                    self.again.insert(id);
                    self.figures.count("a message that waits again", 1);
                }
            }
            Act::VoidTokens(of) => {
                self.voided.insert(of.address.key());
                let voided = |number: &i64| (*number, Event::TokensVoided { of: of.clone() });
                self.life.act(server, before.incidents.keys().map(voided).collect());
                return before.incidents.len();
            }
            Act::WatchOutbox => self.life.watch_outbox(server),
            Act::RenewDeadlines => self.life.renew_deadlines(server),
            Act::Reload(text) => {
                self.rules.put_in_force(text);
                self.life.reload(&self.rules);
            }
            Act::Forget { keep } => self.life.forget(server, keep),
            Act::Move(by) => self.advance(by),
            Act::Behave(manner) => self.relay.behave(manner),
            Act::Restart => {
                let image = self.life.log.image();
                let point = image.point;
                self.restart(&image, point, Some(before));
            }
        }
        0
    }

    /// What came back, or is uncertain, goes out again, because somebody said so.
    fn send_again(&mut self, outbox: i64) {
        *self.excuses.again.entry(outbox).or_default() += 1;
        self.operated.insert(outbox);
    }

    fn arrive(&mut self, server: usize, mail: Mail) {
        assert!(self.life.accept(server, mail.arrival.clone()), "mail {} is accepted", mail.number);
        self.figures.count("accepted", 1);
        self.figures.count(&format!("in: {}", mail.sort), 1);
        self.accepted.push((mail, self.life.log.end()));
    }

    /// What a machine sends does nothing, what proves nothing changes nothing, and a mail that was
    /// read before does neither.
    fn arrive_alone(&mut self, server: usize, mail: Mail, before: &Seen) -> usize {
        let kind = mail.kind;
        let mut read = self.life.read(server);
        let seen = self.look(before);
        self.arrive(server, mail.clone());
        read += self.life.read(server);
        let after = self.look(&seen);
        match kind {
            Kind::Machine => after.check_only_kept_since(&seen, "what a machine sent"),
            Kind::Unproven => after.check_only_asked_since(&seen, "what proves nothing"),
            Kind::Bounce | Kind::Note(_) | Kind::Other => {}
        }
        // The same again does nothing, whatever it did the first time.
        let again = Writer::again(&mail, &mut self.chance);
        self.arrive(server, again);
        read += self.life.read(server);
        self.look(&after).check_only_kept_since(&after, "a second copy");
        read
    }

    fn fetch(&self, at_most: usize) {
        let posted: Vec<_> = self.posted.iter().map(|mail| &mail.arrival).collect();
        self.life.fetch(&posted, at_most);
    }

    /// A deadline may ring too early, twice, or when nothing is owed: nothing happens then.
    fn ring_early(&mut self, server: usize, before: &Seen) -> usize {
        // The clocks of two servers differ by less.
        let soon = self.now + TimeDelta::seconds(10);
        let mut events = Vec::new();
        for (number, kept) in &before.incidents {
            let rows = deadlines(&kept.incident, &self.rules.policy);
            let is_due = |kind| rows.iter().any(|row| row.kind == kind && row.wake_at <= soon);
            let numbered =
                (1..=TASKS).flat_map(|seq| [DeadlineKind::Task(seq), DeadlineKind::Action(seq)]);
            let kinds = DeadlineKind::SINGLE.iter().copied().chain(numbered);
            let early = kinds.filter(|kind| !is_due(*kind));
            events.extend(early.map(|kind| (*number, Event::Passed(kind))));
        }
        let inputs = events.len();
        self.life.act(server, events);
        self.look(before).check_only_kept_since(before, "a deadline that is not due");
        inputs
    }

    fn advance(&mut self, by: TimeDelta) {
        self.latest = self.latest.max(self.now);
        self.now += by;
        self.life.move_clocks(by);
    }

    /// Goes back to some commit since `image`, and to some instant before the next. The deadlines are
    /// right before the new servers start, where they were `before`.
    fn crash(&mut self, image: &Image, taken: usize, accepted: usize, before: Option<&Seen>) {
        let points = self.life.log.points_since(image);
        let chosen = self.chance.below(points.len());
        let point = points[chosen];
        self.figures.count("crashes", 1);
        self.figures.count("crashes in the middle of a step", usize::from(chosen + 1 < points.len()));
        // What came after a commit before this one has been seen; of what came after this one, some.
        // A point that is not there was in the log before it began anew.
        let place = |at: Point| points.iter().position(|point| *point == at);
        let mails = self.relay.taken();
        let certain = |at: Point| place(at).is_none_or(|place| place < chosen);
        let possible = |at: Point| place(at).is_none_or(|place| place <= chosen);
        let before_it = |index: usize| index < taken;
        let least = (0..mails.len()).take_while(|i| before_it(*i) || certain(mails[*i].at)).count();
        let most = (0..mails.len()).take_while(|i| before_it(*i) || possible(mails[*i].at)).count();
        let kept = least + self.chance.below(most - least + 1);
        // A 250 follows its own commit.
        let mut answered = accepted;
        while answered < self.accepted.len() && possible(self.accepted[answered].1) {
            if place(self.accepted[answered].1) == Some(chosen) && self.chance.percent(50) {
                break;
            }
            answered += 1;
        }
        let unanswered = self.accepted.split_off(answered).into_iter().map(|(mail, _)| mail);
        self.unanswered.extend(unanswered);
        self.told.push(format!(
            "  after commit {chosen} of {}; {} of {} mails had left, {answered} were accepted",
            points.len() - 1,
            kept - taken,
            mails.len() - taken
        ));
        self.restart(image, point, before);
        self.relay.go_back(kept);
        self.excuse(&mails[taken..kept]);
    }

    /// Of mails that left in a step with a crash, the server does not know those that it had no time
    /// to mark.
    fn excuse(&mut self, left: &[Arc<Taken>]) {
        let marked = self.life.accepted_mails();
        for mail in left.iter().filter(|mail| mail.told && !marked.contains(&mail.row)) {
            *self.excuses.again.entry(mail.row).or_default() += 1;
            self.figures.count("crashes between the relay's 250 and its mark", 1);
        }
    }

    /// New servers on the database as it was at `point`.
    fn restart(&mut self, image: &Image, point: Point, before: Option<&Seen>) {
        self.lives += 1;
        let database = self.folder.join(format!("{}.db", self.lives));
        self.life.log.cut(image, point, &database);
        let life = Life::start(&database, self.lives, &self.rules, &self.relay, self.now);
        let ended = std::mem::replace(&mut self.life, life);
        let old = ended.database.clone();
        ended.end();
        std::fs::remove_file(old).expect("the database of an earlier life");
        if let Some(before) = before {
            self.look(before);
        }
        if self.rules.offsets.len() == 1 && self.chance.percent(70) {
            self.life.return_leases();
        }
        (0..self.rules.offsets.len()).for_each(|server| self.life.renew_deadlines(server));
    }

    /// Everybody is answered, the mailbox is read, DNS answers, and all mail goes out.
    fn finish(&mut self, mut seen: Seen) {
        self.relay.behave(Manner::default());
        let unanswered = std::mem::take(&mut self.unanswered);
        seen = self.step(Act::Arrive(unanswered), false, &seen);
        seen = self.step(Act::Fetch { at_most: usize::MAX }, false, &seen);
        seen = self.step(Act::Read, false, &seen);
        // Whoever asked before the last crash has them leased, by the clocks of that time.
        let lapse = self.latest.max(self.now) - self.now + ASKED_WITHIN * 2;
        seen = self.step(Act::Move(lapse), false, &seen);
        let all = Act::Prove { verdict: Verdict::Unknown, at_most: i64::MAX, drops: false };
        seen = self.step(all, false, &seen);
        seen = self.step(Act::Read, false, &seen);
        for round in 0.. {
            seen = self.step(Act::Deliver, false, &seen);
            let slowest = self.rules.offsets.iter().min().copied().unwrap_or_default();
            let Some(next) = self.life.next_delivery() else { break };
            let wait = next - self.now - TimeDelta::seconds(slowest);
            self.advance(wait.max(TimeDelta::zero()));
            assert!(round < ROUNDS_MAX, "the outbox is never empty");
        }
        let open = seen.outbox.values().find(|row| row.waits());
        assert!(open.is_none(), "{open:?} still waits");
        let waits = |state: &str| matches!(state, "waiting" | "unproven");
        let waiting = seen.inbound.iter().find(|(_, state)| waits(state));
        assert!(waiting.is_none(), "message {waiting:?} was never read");
        self.check_kept();
        self.check_told(&seen);
        self.count_outcomes();
    }

    /// Accepted means stored: what it was, as it was, and of the mailbox each once.
    fn check_kept(&self) {
        let mut stored: BTreeMap<(Vec<u8>, bool), usize> = BTreeMap::new();
        let (mut from_mailbox, forgotten) = (0, self.life.count_forgotten());
        for message in self.life.stored_messages() {
            let fetched = message.route == Route::Imap;
            from_mailbox += usize::from(fetched);
            *stored.entry((message.octets, fetched)).or_default() += 1;
        }
        let mut missing = 0;
        for mail in self.sent() {
            let key = (mail.arrival.octets.clone(), mail.arrival.route == Route::Imap);
            match stored.get_mut(&key) {
                Some(count) if *count > 0 => *count -= 1,
                _ => missing += 1,
            }
        }
        assert!(missing <= forgotten, "{missing} messages are not stored, {forgotten} were forgotten");
        assert!(from_mailbox <= self.posted.len(), "a message of the mailbox is stored twice");
    }

    /// What people wrote is in the timeline, once, and no stranger learns of it.
    fn check_told(&self, seen: &Seen) {
        for mail in self.sent() {
            let Kind::Note(number) = mail.kind else { continue };
            if !seen.incidents.contains_key(&number) {
                continue;
            }
            let count = seen.count(number, &mark(mail.number));
            let author = mail.arrival.reverse_path.as_deref().unwrap_or_default();
            // What proves nothing any more is filed, and its author may prove it later.
            let right = count == 1 || (count > 1 && self.voided.contains(author));
            assert!(right, "mail {} is {count} times in the timeline of INC-{number}", mail.number);
        }
        let stranger = Address::read(STRANGER).expect("an address");
        for mail in self.relay.taken().iter().filter(|mail| mail.recipient == stranger) {
            let row = &seen.outbox[&mail.row];
            let of = row.incident.and_then(|number| seen.incidents.get(&number));
            // Whose report was accepted is no stranger to it; a receipt is for whoever proved who they are.
            let concerned =
                row.purpose == "receipt" || of.is_some_and(|kept| kept.incident.concerns(&stranger));
            let text = String::from_utf8_lossy(&mail.octets);
            let told = text.contains("mark=") && !concerned;
            assert!(!told, "a stranger is told what somebody wrote:\n{text}");
        }
        let answers = seen.outbox.values().filter(|row| row.recipient.ends_with("@relay.example"));
        assert_eq!(answers.count(), 0, "a delivery report is answered");
    }

    fn count_outcomes(&mut self) {
        for (what, count) in self.life.count_outcomes() {
            self.figures.count(&what, count as usize);
        }
        let taken = self.relay.taken();
        let rows: BTreeSet<_> = taken.iter().map(|mail| mail.row).collect();
        self.figures.count("the relay took", taken.len());
        self.figures.count("went out again, excused", taken.len() - rows.len());
        self.figures.count("two servers", usize::from(self.rules.offsets.len() > 1));
    }
}
