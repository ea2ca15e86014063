//! Shifts that are to change hands: asked for by one, agreed to by everybody concerned, in force then.
//!
//! Concerned is whoever gives a shift away and whoever takes it. What several lines of one mail ask for
//! is one request: a swap is two of them, and neither is in force without the other. Nothing here
//! stores or sends anything. Start with [`read_shift`], then [`Request::new`].

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::rotation::{Override, Rotation};
use super::{Named, OnCall, Roster};
use crate::mail::Address;
use crate::mail::command::Cover;

/// Shifts of one request; a swap has two.
pub const SHIFTS_MAX: usize = 6;
/// A longer override is a change of the rotation, and belongs into the configuration.
const LENGTH_MAX: TimeDelta = TimeDelta::days(92);
/// Farther ahead it is a slip of the year.
const AHEAD_MAX: TimeDelta = TimeDelta::days(400);
/// Candidates that are named to whoever named nobody or several.
const NAMED_MAX: usize = 8;

/// Shifts that change hands together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub shifts: Vec<Taken>,
    pub asked_by: Address,
    pub asked_at: DateTime<Utc>,
    /// Everybody whose word it needs; whoever asked for it without proof, first.
    pub consents: Vec<Consent>,
    pub outcome: Outcome,
}

/// A shift, or several or a part of one, that somebody takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// By its name.
    pub rotation: String,
    pub person: Address,
    pub from_at: DateTime<Utc>,
    pub until_at: DateTime<Utc>,
    /// Who would be on call; never the person, never empty.
    pub from_whom: Vec<Address>,
}

/// Whether somebody agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub person: Address,
    pub agreed_at: Option<DateTime<Utc>>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Waiting,
    InForce { at: DateTime<Utc> },
    Declined { by: Address },
}

/// Why a shift cannot change hands as it was asked for, and a line to send instead.
pub type Refusal = (String, Option<String>);

/// What an answer to a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// It did nothing: all is settled, the shift is over, or they are not asked.
    Nothing,
    /// Others are still to agree.
    Waits,
    InForce,
    Declined,
}

/// Who takes which shift from whom. `typed` is the line, for a better one.
///
/// # Errors
///
/// The writer's: a person or a rotation that is none or several, days that cannot be, a shift that is
/// theirs already, or not for them to give.
pub fn read_shift(
    cover: &Cover,
    typed: &str,
    by: &Address,
    roster: &Roster,
    now: DateTime<Utc>,
) -> Result<Taken, Refusal> {
    let person = read_person(&cover.person, roster)?;
    let rotation = find_rotation(cover, typed, &person, by, roster)?;
    let Some((from_at, until_at)) = cover.period.instants(&rotation.zone, rotation.time) else {
        return Err(("It ends before it begins".to_owned(), None));
    };
    if until_at <= now {
        let ended = rotation.zone.format_full(until_at);
        return Err((format!("It is over since {ended}"), None));
    }
    if from_at > now + AHEAD_MAX {
        return Err(("It is more than a year ahead; is the year right?".to_owned(), None));
    }
    if until_at - from_at > LENGTH_MAX {
        let why =
            "It is longer than three months; whoever keeps the configuration can change the rotation";
        return Err((why.to_owned(), None));
    }
    let from_at = from_at.max(now);
    let from_whom = whom_from(rotation, &person, from_at, until_at);
    if from_whom.is_empty() {
        let name = shown(&person, roster);
        return Err((format!("{name} is on call then already"), None));
    }
    let concerned = *by == person || from_whom.contains(by) || rotation.members.contains(by);
    if !concerned {
        let members = rotation.members.iter().take(NAMED_MAX).map(|member| shown(member, roster));
        let members = members.collect::<Vec<_>>().join(", ");
        return Err((format!("Those of {} can ask for it: {members}", rotation.name), None));
    }
    Ok(Taken { rotation: rotation.name.clone(), person, from_at, until_at, from_whom })
}

fn read_person(text: &str, roster: &Roster) -> Result<Address, Refusal> {
    match roster.named(text) {
        Named::One(person) if roster.member(&person.address).is_some() => Ok(person.address),
        Named::One(person) => Err((
            format!(
                "{} is not in the roster; whoever keeps the configuration can add them",
                person.address
            ),
            None,
        )),
        Named::Several(people) => {
            let names = people.iter().take(NAMED_MAX);
            let names: Vec<_> =
                names.map(|person| format!("{} {}", person.name, person.address)).collect();
            Err((format!("`{text}` may be {}; write the address", names.join(" or ")), None))
        }
        Named::Nobody => Err((format!("Nobody in the roster is called `{text}`"), None)),
    }
}

/// The rotation that is named, the only one, or the only one that can be meant.
fn find_rotation<'r>(
    cover: &Cover,
    typed: &str,
    person: &Address,
    by: &Address,
    roster: &'r Roster,
) -> Result<&'r Rotation, Refusal> {
    let names = |rotations: &[&Rotation]| {
        let names = rotations.iter().take(NAMED_MAX).map(|rotation| rotation.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let all: Vec<&Rotation> = roster.rotations.iter().collect();
    if let Some(name) = &cover.rotation {
        let of_service = || match &roster.service(name)?.on_call {
            OnCall::Rotation(rotation) => roster.rotation(rotation),
            _ => None,
        };
        return roster
            .rotation(name)
            .or_else(of_service)
            .ok_or_else(|| (format!("There is no rotation `{name}`; there are {}", names(&all)), None));
    }
    let has = |rotation: &&Rotation, who: &Address| rotation.members.contains(who);
    let theirs: Vec<&Rotation> = all.iter().copied().filter(|rotation| has(rotation, person)).collect();
    let both: Vec<&Rotation> = theirs.iter().copied().filter(|rotation| has(rotation, by)).collect();
    match [all.as_slice(), &theirs, &both] {
        [[], ..] => Err(("There is no rotation here".to_owned(), None)),
        [[only], ..] | [_, [only], _] | [_, _, [only]] => Ok(only),
        [_, theirs, both] => {
            let meant = if both.is_empty() { theirs } else { both };
            let meant = if meant.is_empty() { &all } else { meant };
            let first = meant.first().map(|rotation| format!("{typed} ({})", rotation.name));
            Err((format!("Which rotation? It may be {}", names(meant)), first))
        }
    }
}

/// Whoever is on call in a period and is not the one who takes it.
fn whom_from(
    rotation: &Rotation,
    person: &Address,
    from_at: DateTime<Utc>,
    until_at: DateTime<Utc>,
) -> Vec<Address> {
    let mut people: Vec<Address> = Vec::new();
    for shift in rotation.shifts(from_at, until_at) {
        if shift.person != *person && !people.contains(&shift.person) {
            people.push(shift.person);
        }
    }
    people
}

fn shown(address: &Address, roster: &Roster) -> String {
    roster.person(address, "").shown().to_owned()
}

impl Request {
    /// A request for these shifts. Whoever asks has agreed by it, where it is proven that it was them;
    /// otherwise they are asked first.
    pub fn new(shifts: Vec<Taken>, by: Address, is_proven: bool, now: DateTime<Utc>) -> Self {
        let mut request = Self {
            shifts,
            asked_by: by.clone(),
            asked_at: now,
            consents: Vec::new(),
            outcome: Outcome::Waiting,
        };
        if !is_proven {
            request.consents.push(Consent { person: by.clone(), agreed_at: None });
        }
        request.add_concerned();
        if is_proven {
            request.consent_of(&by, now);
        }
        request.settle(now);
        request
    }

    /// Everybody who has to do with it.
    pub fn concerned(&self) -> Vec<Address> {
        let mut people: Vec<Address> =
            self.consents.iter().map(|consent| consent.person.clone()).collect();
        if !people.contains(&self.asked_by) {
            people.push(self.asked_by.clone());
        }
        people
    }

    /// Who is to answer now: whoever asked for it without proof, and then the others.
    pub fn asked_now(&self) -> Vec<Address> {
        if self.outcome != Outcome::Waiting {
            return Vec::new();
        }
        let open = self.consents.iter().filter(|consent| consent.agreed_at.is_none());
        let open: Vec<Address> = open.map(|consent| consent.person.clone()).collect();
        if open.contains(&self.asked_by) { vec![self.asked_by.clone()] } else { open }
    }

    /// When the last of its shifts ends.
    pub fn ends_at(&self) -> DateTime<Utc> {
        self.shifts.iter().map(|shift| shift.until_at).max().unwrap_or(self.asked_at)
    }

    /// What holds while not everybody has agreed; `None` once it is settled.
    pub fn overrides(&self) -> Vec<(String, Override)> {
        let Outcome::InForce { at } = self.outcome else { return Vec::new() };
        let change = |shift: &Taken| Override {
            person: shift.person.clone(),
            from_at: shift.from_at,
            until_at: shift.until_at,
            agreed_at: Some(at),
        };
        self.shifts.iter().map(|shift| (shift.rotation.clone(), change(shift))).collect()
    }

    /// Somebody agrees. Who is concerned is looked at anew: the roster may have changed since it was
    /// asked for, and nobody gives away what is another's.
    pub fn agree(&mut self, by: &Address, roster: &Roster, now: DateTime<Utc>) -> Answered {
        if self.outcome != Outcome::Waiting || self.ends_at() <= now || !self.is_asked(by) {
            return Answered::Nothing;
        }
        for shift in &mut self.shifts {
            // What has passed stays whose it was.
            shift.from_at = shift.from_at.max(now).min(shift.until_at);
            if let Some(rotation) = roster.rotation(&shift.rotation) {
                shift.from_whom = whom_from(rotation, &shift.person, shift.from_at, shift.until_at);
            }
        }
        self.add_concerned();
        self.consent_of(by, now);
        self.settle(now);
        if self.outcome == Outcome::Waiting { Answered::Waits } else { Answered::InForce }
    }

    /// Somebody does not agree.
    pub fn decline(&mut self, by: &Address, now: DateTime<Utc>) -> Answered {
        if self.outcome != Outcome::Waiting || self.ends_at() <= now || !self.is_asked(by) {
            return Answered::Nothing;
        }
        self.outcome = Outcome::Declined { by: by.clone() };
        Answered::Declined
    }

    fn is_asked(&self, person: &Address) -> bool {
        self.consents.iter().any(|consent| consent.person == *person)
    }

    fn add_concerned(&mut self) {
        let shifts = self.shifts.iter();
        let concerned = shifts.flat_map(|shift| shift.from_whom.iter().chain([&shift.person]));
        for person in concerned.cloned().collect::<Vec<_>>() {
            if !self.is_asked(&person) {
                self.consents.push(Consent { person, agreed_at: None });
            }
        }
    }

    fn consent_of(&mut self, person: &Address, now: DateTime<Utc>) {
        for consent in self.consents.iter_mut().filter(|consent| consent.person == *person) {
            consent.agreed_at.get_or_insert(now);
        }
    }

    fn settle(&mut self, now: DateTime<Utc>) {
        if self.consents.iter().all(|consent| consent.agreed_at.is_some()) {
            self.outcome = Outcome::InForce { at: now };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_config;
    use crate::roster::period::{Moment, Period};

    const TEXT: &str = r#"
address = "incidents@example.org"
time_zone = "Europe/Berlin"
[[person]]
name = "Alice Ng"
alias = "alice"
email = "alice@example.org"
[[person]]
name = "Bob Okafor"
alias = "bob"
email = "bob@example.org"
[[person]]
name = "Carol Diaz"
alias = "carol"
email = "carol@example.org"
[[rotation]]
name = "commanders"
members = ["alice", "bob"]
hands_over = "Mon 09:00"
from = "2026-11-16"
[[rotation]]
name = "payments"
members = ["bob", "carol"]
hands_over = "09:00"
from = "2026-11-16"
time_zone = "America/New_York"
[[rotation]]
name = "search"
members = ["bob", "carol"]
hands_over = "09:00"
from = "2026-11-16"
[[service]]
name = "checkout"
on_call = "payments"
"#;

    fn roster() -> Roster {
        read_config(TEXT, "test").unwrap().policy().roster
    }
    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }
    fn who(name: &str) -> Address {
        Address::read(&format!("{name}@example.org")).unwrap()
    }
    fn asked(
        person: &str,
        from: &str,
        until: &str,
        of: Option<&str>,
        by: &str,
    ) -> Result<Taken, Refusal> {
        let moment = |text| Moment::read(text).unwrap();
        let cover = Cover {
            person: person.to_owned(),
            period: Period { from: moment(from), until: moment(until) },
            rotation: of.map(str::to_owned),
        };
        read_shift(&cover, "Override: x", &who(by), &roster(), at("2026-11-20T12:00:00Z"))
    }

    #[test]
    fn days_are_those_of_the_rotation() {
        let taken = asked("carol", "2026-11-22", "2026-11-22", Some("checkout"), "bob").unwrap();
        assert_eq!(taken.rotation, "payments");
        assert_eq!(taken.from_at, at("2026-11-22T14:00:00Z"));
        assert_eq!(taken.from_whom, [who("bob")]);
    }

    #[test]
    fn a_rotation_need_not_be_named_where_one_alone_can_be_meant() {
        assert_eq!(
            asked("alice", "2026-11-24", "2026-11-24", None, "bob").unwrap().rotation,
            "commanders"
        );
        let (why, instead) = asked("carol", "2026-11-22", "2026-11-22", None, "bob").unwrap_err();
        assert_eq!(why, "Which rotation? It may be payments, search");
        assert_eq!(instead.as_deref(), Some("Override: x (payments)"));
        let (why, _) = asked("carol", "2026-11-22", "2026-11-22", Some("wiki"), "bob").unwrap_err();
        assert!(why.contains("There is no rotation `wiki`"), "{why}");
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        for (person, from, until, by, expected) in [
            ("alice", "2026-11-21", "2026-11-21", "bob", "on call then already"),
            ("alice", "2026-11-18", "2026-11-19", "bob", "over since"),
            ("alice", "2028-11-24", "2028-11-24", "bob", "more than a year"),
            ("alice", "2026-11-24", "2027-04-24", "bob", "longer than three months"),
            ("dave", "2026-11-24", "2026-11-24", "bob", "Nobody in the roster"),
            ("dave@example.org", "2026-11-24", "2026-11-24", "bob", "not in the roster"),
            ("alice", "2026-11-24", "2026-11-24", "carol", "Alice Ng, Bob Okafor"),
        ] {
            let (why, _) = asked(person, from, until, None, by).unwrap_err();
            assert!(why.contains(expected), "{person} {from}: {why}");
        }
    }

    #[test]
    fn nothing_holds_before_everybody_concerned_agreed() {
        let (roster, now) = (roster(), at("2026-11-20T12:00:00Z"));
        let taken = asked("alice", "2026-11-24", "2026-11-24", None, "bob").unwrap();
        let mut request = Request::new(vec![taken.clone()], who("bob"), true, now);
        assert_eq!((request.asked_now(), request.overrides().len()), (vec![who("alice")], 0));
        assert_eq!(request.agree(&who("carol"), &roster, now), Answered::Nothing);
        assert_eq!(request.agree(&who("alice"), &roster, now), Answered::InForce);
        assert_eq!(request.overrides()[0].0, "commanders");
        assert_eq!(request.decline(&who("bob"), now), Answered::Nothing);

        let mut unproven = Request::new(vec![taken], who("bob"), false, now);
        assert_eq!(unproven.asked_now(), [who("bob")]);
        assert_eq!(unproven.agree(&who("bob"), &roster, now), Answered::Waits);
        assert_eq!(unproven.asked_now(), [who("alice")]);
        assert_eq!(unproven.decline(&who("alice"), now), Answered::Declined);
    }

    #[test]
    fn who_gives_is_looked_at_anew_and_what_has_passed_stays() {
        let mut roster = roster();
        let now = at("2026-11-20T12:00:00Z");
        let taken = asked("alice", "2026-11-24", "2026-11-25", None, "alice").unwrap();
        let mut request = Request::new(vec![taken], who("alice"), true, now);
        assert_eq!(request.asked_now(), [who("bob")]);
        roster.rotations[0].members = vec![who("alice"), who("carol")];
        let later = at("2026-11-24T15:00:00Z");
        assert_eq!(request.agree(&who("bob"), &roster, later), Answered::Waits);
        assert_eq!(request.asked_now(), [who("carol")]);
        assert_eq!(request.agree(&who("carol"), &roster, later), Answered::InForce);
        assert_eq!(request.overrides()[0].1.from_at, later);
        let mut over = Request::new(request.shifts.clone(), who("alice"), true, now);
        assert_eq!(over.agree(&who("carol"), &roster, at("2026-11-26T15:00:00Z")), Answered::Nothing);
    }
}
