//! A time from one local moment to another, as people write it: days, or days with their hours.
//!
//! A day without hours is the shift of that day: it begins when the rotation hands over, so that nobody
//! is woken at midnight to take over, and ends at the same hour of the next day, however long a change of
//! clocks makes it. Whoever wrote it need not know the zone; the rotation does. Start with
//! [`Period::instants`].

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use super::zone::Zone;

/// From one moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    pub from: Moment,
    /// A day is meant to its end.
    pub until: Moment,
}

/// A moment as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Moment {
    Day(NaiveDate),
    Local(NaiveDateTime),
    /// It had a zone of its own.
    At(DateTime<Utc>),
}

impl Period {
    /// When it begins and ends in `zone`, where days begin at `hands_over`; `None` where it ends before
    /// it begins.
    pub fn instants(
        &self,
        zone: &Zone,
        hands_over: NaiveTime,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let start_of = |day: NaiveDate| zone.instant(day.and_time(hands_over));
        let begins = match self.from {
            Moment::Day(day) => start_of(day),
            Moment::Local(local) => zone.instant(local),
            Moment::At(at) => at,
        };
        let ends = match self.until {
            Moment::Day(day) => start_of(day.succ_opt()?),
            Moment::Local(local) => zone.instant(local),
            Moment::At(at) => at,
        };
        (begins < ends).then_some((begins, ends))
    }
}

impl Moment {
    /// `2026-11-22`, `2026-11-22 18:00` or `2026-11-22T18:00`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let day = |text: &str| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        if let Some(day) = day(text) {
            return Some(Self::Day(day));
        }
        let (date, clock) = text.split_once(['T', 't', ' '])?;
        Some(Self::Local(day(date)?.and_time(read_clock(clock.trim())?)))
    }
}

/// `18:00`, and `24:00` nowhere: the next day has a name.
pub fn read_clock(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hands_over: &str, from: &str, until: &str) -> Option<i64> {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let period = Period { from: Moment::read(from).unwrap(), until: Moment::read(until).unwrap() };
        period
            .instants(&zone, read_clock(hands_over).unwrap())
            .map(|(begins, ends)| (ends - begins).num_hours())
    }

    #[test]
    fn a_day_is_as_long_as_its_clocks_make_it() {
        assert_eq!(hours("09:00", "2026-11-22", "2026-11-24"), Some(72));
        assert_eq!(hours("09:00", "2026-10-24", "2026-10-24"), Some(25));
        assert_eq!(hours("09:00", "2026-10-25", "2026-10-25"), Some(24));
        assert_eq!(hours("00:00", "2026-10-25", "2026-10-25"), Some(25));
        assert_eq!(hours("00:00", "2027-03-28", "2027-03-28"), Some(23));
        assert_eq!(hours("09:00", "2026-10-24 18:00", "2026-10-25 09:00"), Some(16));
    }

    #[test]
    fn what_ends_before_it_begins_is_no_period() {
        assert_eq!(hours("09:00", "2026-11-24", "2026-11-22"), None);
        assert_eq!(hours("09:00", "2026-11-24 09:00", "2026-11-24T09:00"), None);
        for wrong in ["", "tomorrow", "2026-11-31", "2026-11-22 25:00", "22.11.2026"] {
            assert_eq!(Moment::read(wrong), None, "{wrong}");
        }
    }
}
