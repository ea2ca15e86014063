//! Whose turn it is: a rotation of people, handed over daily or weekly at a local time.
//!
//! Never reads a clock and knows no names. Start with [`Rotation::on_call`].

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use super::zone::Zone;
use crate::mail::Address;

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
}

impl Rotation {
    /// Who is on call. Before the first shift it is the first member.
    pub fn on_call(&self, now: DateTime<Utc>) -> Option<&Address> {
        let index = self.index(now)?;
        self.members.get(index)
    }

    /// The members in the order in which they are asked: on call first, then the next shifts.
    pub fn order(&self, now: DateTime<Utc>) -> Vec<&Address> {
        let Some(index) = self.index(now) else { return Vec::new() };
        let count = self.members.len();
        self.members.iter().cycle().skip(index).take(count).collect()
    }

    /// When the shift after the present one begins.
    pub fn next_handover(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.start_of(self.shift(now) + 1)
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

    fn rotation(weekday: Option<Weekday>) -> Rotation {
        Rotation {
            name: "commanders".into(),
            members: ["alice@x.example", "bob@x.example", "carol@x.example"]
                .map(|address| Address::read(address).unwrap())
                .into(),
            zone: Zone::named("Europe/Berlin").unwrap(),
            weekday,
            time: NaiveTime::from_hms_opt(9, 0, 0).unwrap(),
            from: "2026-10-19".parse().unwrap(),
        }
    }
    fn on_call(rotation: &Rotation, at: &str) -> String {
        rotation.on_call(at.parse().unwrap()).unwrap().local_part().to_owned()
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
        let order: Vec<_> = weekly
            .order("2026-10-27T00:00:00Z".parse().unwrap())
            .into_iter()
            .map(Address::local_part)
            .collect();
        assert_eq!(order, ["bob", "carol", "alice"]);
        assert_eq!(
            weekly.next_handover("2026-10-27T00:00:00Z".parse().unwrap()),
            "2026-11-02T08:00:00Z".parse::<DateTime<Utc>>().unwrap()
        );
    }

    #[test]
    fn an_empty_rotation_asks_nobody() {
        let empty = Rotation { members: Vec::new(), ..rotation(None) };
        assert_eq!(empty.on_call("2026-10-27T00:00:00Z".parse().unwrap()), None);
        assert!(empty.order("2026-10-27T00:00:00Z".parse().unwrap()).is_empty());
    }
}
