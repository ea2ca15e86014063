//! Whose turn it is: a rotation of people, handed over daily or weekly at a local time, and the
//! overrides by which a shift changes hands.
//!
//! Never reads a clock and knows no names. Start with [`Rotation::on_call`]; [`Rotation::shifts`] is
//! the same as a list.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use super::zone::Zone;
use crate::incident::policy::Span;
use crate::mail::Address;

/// Shifts of one rotation that are listed at once: daily ones of more than two years.
const SHIFTS_MAX: usize = 800;

/// A rotation. Never empty.
#[derive(Debug, Clone)]
pub struct Rotation {
    pub name: String,
    /// In the order of their shifts; first addresses.
    pub members: Vec<Address>,
    pub zone: Zone,
    /// `None` is daily.
    pub weekday: Option<Weekday>,
    pub time: NaiveTime,
    /// The day on which the first member's first shift begins.
    pub from: NaiveDate,
    /// The rotation that is asked when whoever is on call does not answer; otherwise the next member.
    pub backup: Option<String>,
    /// How long before a shift its person is told of it; `None` is never.
    pub notice: Option<Span>,
    /// In the order in which they were made: where two meet, the later counts.
    pub overrides: Vec<Override>,
}

/// Somebody is on call in place of whoever would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// First address.
    pub person: Address,
    pub from_at: DateTime<Utc>,
    pub until_at: DateTime<Utc>,
    /// When those concerned had agreed; `None` where the configuration says it.
    pub agreed_at: Option<DateTime<Utc>>,
}

/// A time during which one person is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    pub person: Address,
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    /// The override that makes it theirs, by its place in [`Rotation::overrides`].
    pub by_override: Option<usize>,
}

impl Override {
    fn holds(&self, at: DateTime<Utc>) -> bool {
        self.from_at <= at && at < self.until_at
    }
}

impl Rotation {
    /// Who is on call. Before the first shift it is the first member.
    pub fn on_call(&self, now: DateTime<Utc>) -> Option<&Address> {
        self.holder(now).map(|(person, _)| person)
    }

    /// The members in the order in which they are asked: on call first, then the next shifts. Whoever
    /// gave the shift away had a reason, and comes last.
    pub fn order(&self, now: DateTime<Utc>) -> Vec<&Address> {
        let scheduled = self.scheduled_order(now);
        let Some((person, Some(_))) = self.holder(now) else { return scheduled };
        let Some((away, others)) = scheduled.split_first() else { return vec![person] };
        let others = others.iter().copied().filter(|other| *other != person);
        let away = (*away != person).then_some(*away);
        std::iter::once(person).chain(others).chain(away).collect()
    }

    /// When the present shift ends.
    pub fn next_handover(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let present = self.shifts(now, now).into_iter().next();
        present.map_or_else(|| self.start_of(self.shift(now) + 1), |shift| shift.ends_at)
    }

    /// The present shift, and the first after it that is another person's.
    pub fn now_and_next(&self, now: DateTime<Utc>) -> (Option<Shift>, Option<Shift>) {
        // Everybody's turn comes once within so many handovers.
        let rounds = i64::try_from(self.members.len()).unwrap_or(i64::MAX).saturating_add(1);
        let until = self.start_of(self.shift(now).saturating_add(rounds));
        let mut shifts = self.shifts(now, until).into_iter();
        let Some(mut present) = shifts.next() else { return (None, None) };
        for shift in shifts {
            if shift.person != present.person {
                return (Some(present), Some(shift));
            }
            present.ends_at = shift.ends_at;
        }
        (Some(present), None)
    }

    /// The shifts from the one that holds `from` to the last that begins before `until`, without a
    /// gap; the first at least.
    pub fn shifts(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Shift> {
        // The last of them may be an override's that ends later.
        let held = self.overrides.iter().filter(|change| change.from_at < until.max(from));
        let end = held.map(|change| change.until_at).chain([until]).max().unwrap_or(until);
        let mut edges = BTreeSet::new();
        let first = self.shift(from);
        edges.insert(self.start_of(first).min(from));
        for shift in (first..).take(SHIFTS_MAX) {
            let starts_at = self.start_of(shift);
            edges.insert(starts_at);
            if starts_at >= end && starts_at > from {
                break;
            }
        }
        let last = edges.last().copied().unwrap_or(until);
        let within = edges.first().copied().unwrap_or(from)..last;
        for change in &self.overrides {
            edges.extend([change.from_at, change.until_at].into_iter().filter(|at| within.contains(at)));
        }
        let mut shifts: Vec<Shift> = Vec::new();
        for (starts_at, ends_at) in edges.iter().zip(edges.iter().skip(1)) {
            let Some((person, by_override)) = self.holder(*starts_at) else { break };
            match shifts.last_mut() {
                // One override may reach over a handover, and stays one shift.
                Some(before) if by_override.is_some() && before.by_override == by_override => {
                    before.ends_at = *ends_at;
                }
                _ => shifts.push(Shift {
                    person: person.clone(),
                    starts_at: *starts_at,
                    ends_at: *ends_at,
                    by_override,
                }),
            }
        }
        shifts.retain(|shift| {
            shift.ends_at > from && (shift.starts_at < until || shift.starts_at <= from)
        });
        shifts.truncate(SHIFTS_MAX);
        shifts
    }

    /// Who is on call at an instant, and by which override.
    fn holder(&self, at: DateTime<Utc>) -> Option<(&Address, Option<usize>)> {
        match self.overrides.iter().enumerate().rfind(|(_, change)| change.holds(at)) {
            Some((place, change)) => Some((&change.person, Some(place))),
            None => Some((self.members.get(self.index(at)?)?, None)),
        }
    }

    fn scheduled_order(&self, now: DateTime<Utc>) -> Vec<&Address> {
        let Some(index) = self.index(now) else { return Vec::new() };
        let count = self.members.len();
        self.members.iter().cycle().skip(index).take(count).collect()
    }

    fn index(&self, now: DateTime<Utc>) -> Option<usize> {
        let count = i64::try_from(self.members.len()).ok()?;
        usize::try_from(self.shift(now).checked_rem(count)?).ok()
    }

    /// How many shifts have ended by `now`. A handover that a change of clocks skips is at the
    /// next minute that exists, so the estimate from local dates is put right by the instants.
    fn shift(&self, now: DateTime<Utc>) -> i64 {
        let days = (self.zone.local(now).date() - self.first_day()).num_days();
        let estimate = days.div_euclid(self.length_days()).max(0);
        let started = (estimate - 1..=estimate + 1).rev().find(|shift| self.start_of(*shift) <= now);
        started.unwrap_or(0).max(0)
    }

    fn start_of(&self, shift: i64) -> DateTime<Utc> {
        let first = self.first_day();
        let days = TimeDelta::try_days(shift.saturating_mul(self.length_days()));
        let day = days.and_then(|days| first.checked_add_signed(days)).unwrap_or(first);
        self.zone.instant(day.and_time(self.time))
    }

    fn length_days(&self) -> i64 {
        if self.weekday.is_some() { 7 } else { 1 }
    }

    /// `from`, or the first handover weekday after it.
    fn first_day(&self) -> NaiveDate {
        let Some(weekday) = self.weekday else { return self.from };
        self.from.iter_days().take(7).find(|day| day.weekday() == weekday).unwrap_or(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(name: &str) -> Address {
        Address::read(&format!("{name}@x.example")).unwrap()
    }
    fn rotation(weekday: Option<Weekday>) -> Rotation {
        Rotation {
            name: "commanders".into(),
            members: ["alice", "bob", "carol"].map(address).into(),
            zone: Zone::named("Europe/Berlin").unwrap(),
            weekday,
            time: NaiveTime::from_hms_opt(9, 0, 0).unwrap(),
            from: "2026-10-19".parse().unwrap(),
            backup: None,
            notice: None,
            overrides: Vec::new(),
        }
    }
    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }
    fn change(person: &str, from: &str, until: &str) -> Override {
        let (from_at, until_at) = (at(from), at(until));
        Override { person: address(person), from_at, until_at, agreed_at: None }
    }
    fn on_call(rotation: &Rotation, now: &str) -> String {
        rotation.on_call(at(now)).unwrap().local_part().to_owned()
    }
    fn order(rotation: &Rotation, now: &str) -> Vec<String> {
        rotation.order(at(now)).into_iter().map(|member| member.local_part().to_owned()).collect()
    }
    fn listed(rotation: &Rotation, from: &str, until: &str) -> Vec<String> {
        let shown = |shift: Shift| {
            let local = |at| rotation.zone.local(at).format("%d %H:%M");
            format!("{} {} {}", shift.person.local_part(), local(shift.starts_at), local(shift.ends_at))
        };
        rotation.shifts(at(from), at(until)).into_iter().map(shown).collect()
    }

    #[test]
    fn a_weekly_rotation_hands_over_at_its_local_hour_in_winter_too() {
        let weekly = rotation(Some(Weekday::Mon));
        for (at, who) in [
            ("2026-10-01T00:00:00Z", "alice"), // before the first shift
            ("2026-10-19T07:00:00Z", "alice"),
            ("2026-10-26T07:59:59Z", "alice"), // 08:59 CET
            ("2026-10-26T08:00:00Z", "bob"),
            ("2026-11-02T08:00:00Z", "carol"),
            ("2026-11-09T07:59:00Z", "carol"),
            ("2026-11-09T08:00:00Z", "alice"),
        ] {
            assert_eq!(on_call(&weekly, at), who, "{at}");
        }
    }

    #[test]
    fn a_daily_rotation_hands_over_once_where_the_hour_is_skipped() {
        let mut daily = rotation(None);
        daily.time = NaiveTime::from_hms_opt(2, 30, 0).unwrap();
        daily.from = "2027-03-27".parse().unwrap();
        for (at, who) in [
            ("2027-03-28T00:59:59Z", "alice"),
            ("2027-03-28T01:00:00Z", "bob"),
            ("2027-03-29T00:29:59Z", "bob"),
            ("2027-03-29T00:30:00Z", "carol"),
        ] {
            assert_eq!(on_call(&daily, at), who, "{at}");
        }
    }

    #[test]
    fn everybody_is_asked_once_from_who_is_on_call() {
        let weekly = rotation(Some(Weekday::Mon));
        assert_eq!(order(&weekly, "2026-10-27T00:00:00Z"), ["bob", "carol", "alice"]);
        assert_eq!(weekly.next_handover(at("2026-10-27T00:00:00Z")), at("2026-11-02T08:00:00Z"));
    }

    #[test]
    fn an_empty_rotation_asks_nobody() {
        let empty = Rotation { members: Vec::new(), ..rotation(None) };
        assert_eq!(empty.on_call(at("2026-10-27T00:00:00Z")), None);
        assert!(empty.order(at("2026-10-27T00:00:00Z")).is_empty());
        assert!(empty.shifts(at("2026-10-27T00:00:00Z"), at("2026-10-30T00:00:00Z")).is_empty());
    }

    #[test]
    fn an_override_holds_to_the_instant_and_the_later_of_two_counts() {
        let mut weekly = rotation(Some(Weekday::Mon));
        weekly.overrides = vec![
            change("carol", "2026-10-20T08:00:00Z", "2026-10-22T08:00:00Z"),
            change("bob", "2026-10-21T08:00:00Z", "2026-10-21T20:00:00Z"),
        ];
        for (at, who) in [
            ("2026-10-20T07:59:59Z", "alice"),
            ("2026-10-20T08:00:00Z", "carol"),
            ("2026-10-21T08:00:00Z", "bob"),
            ("2026-10-21T20:00:00Z", "carol"),
            ("2026-10-22T08:00:00Z", "alice"),
        ] {
            assert_eq!(on_call(&weekly, at), who, "{at}");
        }
    }

    #[test]
    fn whoever_gave_the_shift_away_is_asked_last() {
        let mut weekly = rotation(Some(Weekday::Mon));
        weekly.overrides = vec![change("carol", "2026-10-20T00:00:00Z", "2026-10-21T00:00:00Z")];
        assert_eq!(order(&weekly, "2026-10-20T12:00:00Z"), ["carol", "bob", "alice"]);
        weekly.overrides = vec![change("guest", "2026-10-20T00:00:00Z", "2026-10-21T00:00:00Z")];
        assert_eq!(order(&weekly, "2026-10-20T12:00:00Z"), ["guest", "bob", "carol", "alice"]);
    }

    #[test]
    fn an_override_of_the_day_on_which_winter_time_begins_lasts_25_hours() {
        let mut daily = rotation(None);
        // 2026-10-25 00:00 CEST to 2026-10-26 00:00 CET.
        daily.overrides = vec![change("guest", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")];
        let shifts = daily.shifts(at("2026-10-24T12:00:00Z"), at("2026-10-26T12:00:00Z"));
        let guest = shifts.iter().find(|shift| shift.by_override.is_some()).unwrap();
        assert_eq!(guest.ends_at - guest.starts_at, TimeDelta::hours(25));
        assert_eq!(
            listed(&daily, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z"),
            [
                "carol 24 09:00 25 00:00",
                "guest 25 00:00 26 00:00",
                "alice 26 00:00 26 09:00",
                "bob 26 09:00 27 09:00"
            ]
        );
    }

    #[test]
    fn one_override_over_a_handover_is_one_shift() {
        let mut weekly = rotation(Some(Weekday::Mon));
        weekly.overrides = vec![change("carol", "2026-10-25T12:00:00Z", "2026-10-27T12:00:00Z")];
        assert_eq!(
            listed(&weekly, "2026-10-25T00:00:00Z", "2026-10-28T00:00:00Z"),
            ["alice 19 09:00 25 13:00", "carol 25 13:00 27 13:00", "bob 27 13:00 02 09:00"]
        );
        assert_eq!(weekly.next_handover(at("2026-10-26T00:00:00Z")), at("2026-10-27T12:00:00Z"));
    }

    #[test]
    fn the_next_is_somebody_else() {
        let mut weekly = rotation(Some(Weekday::Mon));
        weekly.members = vec![address("alice"), address("alice"), address("bob")];
        let (present, next) = weekly.now_and_next(at("2026-10-20T00:00:00Z"));
        assert_eq!(present.unwrap().ends_at, at("2026-11-02T08:00:00Z"));
        assert_eq!(next.unwrap().person, address("bob"));
        weekly.members = vec![address("alice")];
        let (present, next) = weekly.now_and_next(at("2026-10-20T00:00:00Z"));
        assert_eq!((present.unwrap().person, next), (address("alice"), None));
    }

    #[test]
    fn what_is_listed_is_what_holds() {
        let mut daily = rotation(None);
        for (who, day) in [("bob", 20), ("carol", 21), ("guest", 24), ("alice", 30)] {
            let (from, until) =
                (format!("2026-10-{day}T03:00:00Z"), format!("2026-11-0{}T05:00:00Z", day % 7 + 1));
            daily.overrides.push(change(who, &from, &until));
        }
        let (from, until) = (at("2026-10-10T00:00:00Z"), at("2026-11-20T00:00:00Z"));
        let shifts = daily.shifts(from, until);
        let mut now = from;
        while now < until {
            let shift = shifts.iter().find(|shift| shift.starts_at <= now && now < shift.ends_at);
            assert_eq!(shift.map(|shift| &shift.person), daily.on_call(now), "{now}");
            now += TimeDelta::minutes(47);
        }
        assert!(shifts.windows(2).all(|pair| pair[0].ends_at == pair[1].starts_at));
    }
}
