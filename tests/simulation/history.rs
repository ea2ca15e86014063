//! One history: mails, clocks, a relay and crashes, as its seed says.
//!
//! A crash comes after any commit of a step, between any two things that others saw of it: the step
//! is played to its end, and then the database is cut back to that commit, the relay and the senders
//! are made to forget what came later, and new servers start. Start with [`History::play`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use firebell::config::read_config;
use firebell::incident::Policy;
use firebell::mail::ids::Secret;

use super::chance::Chance;
use super::invariants::{Seen, check_taken};
use super::life::Life;
use super::mails::{Kind, Mail, PEOPLE, Writer, mark};
use super::relay::{Manner, Relay};
use super::wal::{Image, Log, Point};

const STEPS_MIN: usize = 12;
const STEPS_MAX: usize = 40;
/// Rounds of delivery in the end: each row is tried for days at most.
const ROUNDS_MAX: usize = 500;

/// What histories amounted to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    pub histories: usize,
    pub steps: usize,
    /// Mails that arrived, deadlines that rang, mails that could not be delivered.
    pub inputs: usize,
    pub accepted: usize,
    pub crashes: usize,
    /// Commits after which a crash came that were not the last of their step.
    pub cut: usize,
    pub taken: usize,
    /// Went out more than once, each excused.
    pub doubled: usize,
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.inputs += other.inputs;
        self.accepted += other.accepted;
        self.crashes += other.crashes;
        self.cut += other.cut;
        self.taken += other.taken;
        self.doubled += other.doubled;
    }
}

/// What happens next.
#[derive(Debug, Clone)]
enum Act {
    Arrive(Vec<Mail>),
    /// Accepted and read at once, so that nothing else is seen of it.
    ArriveAlone(Mail),
    Read,
    PassDeadlines,
    Wake,
    WakeTogether,
    Deliver,
    RetryOutbox,
    WatchOutbox,
    RenewDeadlines,
    Move(TimeDelta),
    Behave(Manner),
    Restart,
}

pub struct History {
    chance: Chance,
    policy: Policy,
    secret: Secret,
    offsets: Vec<i64>,
    folder: PathBuf,
    lives: u16,
    life: Life,
    relay: Relay,
    writer: Writer,
    now: DateTime<Utc>,
    /// With the last commit before each was accepted.
    accepted: Vec<(Mail, Point)>,
    /// Whose senders got no answer, and try again.
    unanswered: Vec<Mail>,
    excused: BTreeMap<i64, usize>,
    figures: Figures,
    /// What happened, for whoever looks for a mistake.
    pub told: Vec<String>,
}

impl History {
    /// `template` is a migrated, empty database.
    pub fn new(seed: u64, folder: &Path, template: &Path) -> Self {
        let mut chance = Chance::new(seed);
        let policy = policy(&mut chance);
        let secret = Secret::new(&[1; 32]);
        let offsets = chance.one_of(&[vec![0], vec![0], vec![0, 0], vec![-5, 5]]);
        let database = folder.join("0.db");
        std::fs::copy(template, &database).expect("a copy");
        let relay = Relay::new(seed, Log::of(&database));
        let now = "2026-11-18T08:00:00Z".parse().expect("an instant");
        let life = Life::start(&database, (0, &offsets), (&policy, &secret), &relay, now);
        let writer = Writer::new(policy.clone(), secret.clone());
        Self {
            chance,
            policy,
            secret,
            offsets,
            folder: folder.to_owned(),
            lives: 0,
            life,
            relay,
            writer,
            now,
            accepted: Vec::new(),
            unanswered: Vec::new(),
            excused: BTreeMap::new(),
            figures: Figures::default(),
            told: Vec::new(),
        }
    }

    /// # Panics
    ///
    /// When something is not as it must be.
    pub fn play(&mut self) -> Figures {
        let steps = STEPS_MIN + self.chance.below(STEPS_MAX - STEPS_MIN);
        let mut before = self.life.look(&self.policy);
        for _ in 0..steps {
            let act = self.choose();
            let crashes = self.chance.percent(25);
            before = self.step(act, crashes, &before);
        }
        self.finish(&before);
        self.figures
    }

    fn choose(&mut self) -> Act {
        let taken = self.relay.taken();
        match self.chance.below(100) {
            0..30 => {
                let count = 1 + self.chance.below(3);
                let mut mails = std::mem::take(&mut self.unanswered);
                mails.extend((0..count).map(|_| {
                    match self.accepted.is_empty() || self.chance.percent(85) {
                        true => self.writer.write(&taken, &mut self.chance),
                        false => {
                            let (mail, _) = &self.accepted[self.chance.below(self.accepted.len())];
                            Writer::again(mail, &mut self.chance)
                        }
                    }
                }));
                Act::Arrive(mails)
            }
            30..36 => Act::ArriveAlone(self.writer.machine(&taken, &mut self.chance)),
            36..46 => Act::Read,
            46..50 => Act::PassDeadlines,
            50..62 => Act::Wake,
            62..66 => Act::WakeTogether,
            66..80 => Act::Deliver,
            80 => Act::RetryOutbox,
            81 | 82 => Act::WatchOutbox,
            83 => Act::RenewDeadlines,
            84..92 => Act::Move(self.span()),
            92..97 => Act::Behave(self.manner()),
            _ => Act::Restart,
        }
    }

    fn span(&mut self) -> TimeDelta {
        let seconds = [-120, -5, -1, 1, 30, 180, 180, 400, 1_000, 1_000, 4_000, 30_000, 250_000];
        TimeDelta::seconds(self.chance.one_of(&seconds))
    }

    fn manner(&mut self) -> Manner {
        let chance = &mut self.chance;
        let refused = chance.one_of(&PEOPLE).to_owned();
        Manner {
            away: chance.percent(20),
            puts_off: chance.one_of(&[0, 0, 20, 60]),
            breaks: chance.one_of(&[0, 0, 20, 60]),
            refuses: if chance.percent(25) { BTreeSet::from([refused]) } else { BTreeSet::new() },
        }
    }

    /// Plays a step, perhaps with a crash in it, and checks everything.
    fn step(&mut self, act: Act, crashes: bool, before: &Seen) -> Seen {
        self.told.push(format!(
            "{} {}{}",
            self.now,
            shown(&act),
            if crashes { ", and a crash" } else { "" }
        ));
        let log = Log::of(&self.life.database);
        let (image, point) = (crashes.then(|| log.image()), log.end());
        let (taken, accepted) = (self.relay.taken().len(), self.accepted.len());
        let inputs = self.act(act, before);
        // No two steps at the same instant.
        self.advance(TimeDelta::milliseconds(20));
        self.figures.steps += 1;
        self.figures.inputs += inputs;
        if let Some(image) = image {
            self.crash(&image, taken, accepted);
        }
        let untouched = Log::of(&self.life.database).end() == point && !crashes;
        let seen = if untouched { before.clone() } else { self.life.look(&self.policy) };
        seen.check_since(before, inputs);
        check_taken(&self.relay.taken(), &self.excused, &seen);
        assert!(
            seen.inbound.len() >= self.accepted.len(),
            "{} messages were accepted, and {} are stored",
            self.accepted.len(),
            seen.inbound.len()
        );
        seen
    }

    /// Returns how much came through the door.
    fn act(&mut self, act: Act, before: &Seen) -> usize {
        let server = self.chance.below(self.life.servers.len());
        match act {
            Act::Arrive(mails) => {
                for mail in mails {
                    self.arrive(server, mail);
                }
                0
            }
            Act::ArriveAlone(mail) => self.arrive_alone(server, mail, before),
            Act::Read => self.life.read(server),
            Act::PassDeadlines => self.life.pass_deadlines(server),
            Act::Wake => self.life.wake(server),
            Act::WakeTogether => self.life.wake_together(),
            Act::Deliver => self.life.deliver(server, &self.relay),
            Act::RetryOutbox => {
                // What came back goes out again, because somebody said so.
                let back = before.outbox.iter().filter(|(_, row)| row.state == "refused");
                back.for_each(|(id, _)| *self.excused.entry(*id).or_default() += 1);
                self.life.retry_outbox(server);
                0
            }
            Act::WatchOutbox => {
                self.life.watch_outbox(server);
                0
            }
            Act::RenewDeadlines => {
                self.life.renew_deadlines(server);
                0
            }
            Act::Move(by) => {
                self.advance(by);
                0
            }
            Act::Behave(manner) => {
                self.relay.behave(manner);
                0
            }
            Act::Restart => {
                let image = Log::of(&self.life.database).image();
                let point = image.point;
                self.restart(&image, point);
                0
            }
        }
    }

    fn arrive(&mut self, server: usize, mail: Mail) {
        assert!(self.life.accept(server, mail.arrival.clone()), "mail {} is accepted", mail.number);
        self.figures.accepted += 1;
        self.accepted.push((mail, Log::of(&self.life.database).end()));
    }

    /// What a machine sends does nothing, and nor does a mail that was read before.
    fn arrive_alone(&mut self, server: usize, mail: Mail, before: &Seen) -> usize {
        let kind = mail.kind;
        let read_before = self.life.read(server);
        let seen = if read_before == 0 { before.clone() } else { self.life.look(&self.policy) };
        self.arrive(server, mail.clone());
        let mut read = self.life.read(server);
        let after = self.life.look(&self.policy);
        match kind {
            Kind::Machine => after.check_only_kept_since(&seen, "what a machine sent"),
            Kind::Bounce => {
                let answered =
                    after.outbox.values().filter(|row| row.recipient.ends_with("@relay.example"));
                assert_eq!(answered.count(), 0, "a delivery report is not answered");
            }
            _ => {}
        }
        // The same again does nothing, whatever it did the first time.
        let again = Writer::again(&mail, &mut self.chance);
        self.arrive(server, again);
        read += self.life.read(server);
        self.life.look(&self.policy).check_only_kept_since(&after, "a second copy");
        read_before + read
    }

    fn advance(&mut self, by: TimeDelta) {
        self.now += by;
        self.life.move_clocks(by);
    }

    /// Goes back to some commit since `image`, and to some instant before the next.
    fn crash(&mut self, image: &Image, taken: usize, accepted: usize) {
        let points = Log::of(&self.life.database).points_since(image);
        let chosen = self.chance.below(points.len());
        let point = points[chosen];
        self.figures.crashes += 1;
        self.figures.cut += usize::from(chosen + 1 < points.len());
        // What came after a commit before this one has been seen; of what came after this one, some.
        // A point that is not there was in the log before it began anew.
        let place = |at: Point| points.iter().position(|point| *point == at);
        let mails = self.relay.taken();
        let certain = |at: Point| place(at).is_none_or(|place| place < chosen);
        let possible = |at: Point| place(at).is_none_or(|place| place <= chosen);
        let before = |index: usize| index < taken;
        let least = (0..mails.len()).take_while(|i| before(*i) || certain(mails[*i].at)).count();
        let most = (0..mails.len()).take_while(|i| before(*i) || possible(mails[*i].at)).count();
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
        self.restart(image, point);
        self.relay.go_back(kept, Log::of(&self.life.database));
        let seen = self.life.look(&self.policy);
        for mail in &mails[taken..kept] {
            let marked = seen.outbox.get(&mail.row).is_some_and(|row| row.state == "accepted");
            if mail.told && !marked {
                *self.excused.entry(mail.row).or_default() += 1;
            }
        }
    }

    /// New servers on the database as it was at `point`.
    fn restart(&mut self, image: &Image, point: Point) {
        self.lives += 1;
        let database = self.folder.join(format!("{}.db", self.lives));
        Log::of(&self.life.database).cut(image, point, &database);
        let count = self.relay.taken().len();
        self.relay.go_back(count, Log::of(&database));
        let rules = (&self.policy, &self.secret);
        let life = Life::start(&database, (self.lives, &self.offsets), rules, &self.relay, self.now);
        let ended = std::mem::replace(&mut self.life, life);
        let old = ended.database.clone();
        ended.end();
        std::fs::remove_file(old).expect("the database of an earlier life");
        if self.offsets.len() == 1 && self.chance.percent(70) {
            self.life.return_leases();
        }
    }

    /// Everybody is answered, and all mail goes out.
    fn finish(&mut self, before: &Seen) {
        self.relay.behave(Manner::default());
        let unanswered = std::mem::take(&mut self.unanswered);
        let mut seen = self.step(Act::Arrive(unanswered), false, before);
        seen = self.step(Act::Read, false, &seen);
        for round in 0.. {
            seen = self.step(Act::Deliver, false, &seen);
            let slowest = self.offsets.iter().min().copied().unwrap_or_default();
            let Some(next) = self.life.next_delivery() else { break };
            let wait = next - self.now - TimeDelta::seconds(slowest);
            self.advance(wait.max(TimeDelta::zero()));
            assert!(round < ROUNDS_MAX, "the outbox is never empty");
        }
        let open =
            seen.outbox.iter().find(|(_, row)| matches!(row.state.as_str(), "queued" | "deferred"));
        assert!(open.is_none(), "{open:?} still waits");
        let waiting = seen.inbound.iter().find(|(_, state)| *state == "waiting");
        assert!(waiting.is_none(), "message {waiting:?} was never read");
        for (mail, _) in &self.accepted {
            let Kind::Note(number) = mail.kind else { continue };
            if !seen.incidents.contains_key(&number) {
                continue;
            }
            let count = seen.count(number, &mark(mail.number));
            assert_eq!(
                count, 1,
                "mail {} is {count} times in the timeline of INC-{number}",
                mail.number
            );
        }
        let taken = self.relay.taken();
        let rows: BTreeSet<_> = taken.iter().map(|mail| mail.row).collect();
        self.figures.histories += 1;
        self.figures.taken += taken.len();
        self.figures.doubled += taken.len() - rows.len();
    }
}

fn shown(act: &Act) -> String {
    let mail = |mail: &Mail| {
        let text = String::from_utf8_lossy(&mail.arrival.octets).replace("\r\n", "\n    ");
        format!(
            "\n  mail {} ({:?}) to {:?}\n    {text}",
            mail.number, mail.kind, mail.arrival.recipients
        )
    };
    match act {
        Act::Arrive(mails) => format!("Arrive{}", mails.iter().map(mail).collect::<String>()),
        Act::ArriveAlone(alone) => format!("ArriveAlone{}", mail(alone)),
        other => format!("{other:?}"),
    }
}

/// The scripts' organisation; in some histories few mails go to a person in an hour.
fn policy(chance: &mut Chance) -> Policy {
    let text = include_str!("../conversations/firebell.toml");
    let limit = chance.one_of(&[60, 60, 6]);
    let text = text.replace("[send]\n", &format!("[send]\nper_person_per_hour = {limit}\n"));
    let digest = "[[digest]]\nname = \"weekly\"\nto = [\"leadership\"]\nschedule = \"0 9 * * *\"\n";
    read_config(&(text + digest), "firebell.toml").expect("the scripts' configuration").policy()
}
