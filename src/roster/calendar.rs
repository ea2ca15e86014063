//! The organisation's working days, hours and holidays.
//!
//! Never reads a clock. A business day is a working day that is no holiday, from `opens` to
//! `closes` in the organisation's zone. Start with [`Calendar::business_days_after`].

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};

use super::zone::Zone;

/// When people work.
#[derive(Debug, Clone)]
pub struct Calendar {
    pub zone: Zone,
    pub working_days: Vec<Weekday>,
    pub opens: NaiveTime,
    pub closes: NaiveTime,
    pub holidays: BTreeSet<NaiveDate>,
}

/// Days looked at for one business day. A calendar without any (no working days, or holidays
/// without end) then counts every day, rather than never.
const SEARCH_DAYS_MAX: u32 = 370;

/// The longest period whose working time is added up, about ten years.
const PERIOD_DAYS_MAX: u32 = 3_700;

impl Calendar {
    /// Whether people work on that day at all.
    pub fn is_business_day(&self, day: NaiveDate) -> bool {
        self.working_days.contains(&day.weekday()) && !self.holidays.contains(&day)
    }

    /// Whether `at` is within working hours.
    pub fn is_working(&self, at: DateTime<Utc>) -> bool {
        let day = self.zone.local(at).date();
        self.is_business_day(day) && self.open(day) <= at && at < self.close(day)
    }

    /// `at` itself within working hours, else the next opening.
    pub fn next_working(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        if self.is_working(at) {
            return at;
        }
        let today = self.zone.local(at).date();
        let day = if self.is_business_day(today) && at < self.open(today) {
            today
        } else {
            self.business_day_after(today)
        };
        self.open(day)
    }

    /// The close of the `days`-th business day after the day of `from`. Never on the day itself
    /// for `days >= 1`.
    ///
    /// The local date of `from` alone counts: whether it is before opening, after closing or on
    /// a day off, the first day counted is the next business day. With `days == 0` it is the
    /// close of the day itself, or of the next business day where that is a day off.
    pub fn business_days_after(&self, from: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        self.close(self.nth_business_day(from, days))
    }

    /// The close of the day of `at`, whatever day that is.
    pub fn closing(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.close(self.zone.local(at).date())
    }

    /// The first opening of a business day that is not before `at`.
    pub fn next_opening(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        let today = self.zone.local(at).date();
        let is_today = self.is_business_day(today) && at <= self.open(today);
        self.open(if is_today { today } else { self.business_day_after(today) })
    }

    /// The opening of the `days`-th business day after the day of `from`.
    pub fn opening_after(&self, from: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        self.open(self.nth_business_day(from, days))
    }

    /// The opening of the `days`-th business day before the day of `until`.
    pub fn opening_before(&self, until: DateTime<Utc>, days: u32) -> DateTime<Utc> {
        let day = self.zone.local(until).date();
        let days = usize::try_from(days.clamp(1, PERIOD_DAYS_MAX)).unwrap_or(1);
        let before = std::iter::successors(day.pred_opt(), NaiveDate::pred_opt);
        // Where there are no business days every day is one, as elsewhere in this calendar.
        let found = before.take(PERIOD_DAYS_MAX as usize).filter(|day| self.is_business_day(*day));
        self.open(found.take(days).last().or(day.pred_opt()).unwrap_or(day))
    }

    /// The instant at which `percent` of the working time between two instants has passed.
    ///
    /// Where there is no working time between them, of the plain time.
    pub fn at_percent(&self, from: DateTime<Utc>, until: DateTime<Utc>, percent: u8) -> DateTime<Utc> {
        if until <= from {
            return until;
        }
        let share = |whole: TimeDelta| {
            let seconds = whole.num_seconds().saturating_mul(i64::from(percent.min(100))) / 100;
            TimeDelta::seconds(seconds)
        };
        let stretches = self.working_between(from, until);
        let whole: TimeDelta = stretches.iter().map(|(start, end)| *end - *start).sum();
        if whole <= TimeDelta::zero() {
            return from + share(until - from);
        }
        let mut left = share(whole);
        for (start, end) in stretches {
            if left <= end - start {
                return start + left;
            }
            left -= end - start;
        }
        until
    }

    /// The stretches of working time between two instants, in order.
    fn working_between(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let mut stretches = Vec::new();
        let mut day = self.zone.local(from).date();
        for _ in 0..PERIOD_DAYS_MAX {
            if self.is_business_day(day) {
                let (start, end) = (self.open(day).max(from), self.close(day).min(until));
                if start < end {
                    stretches.push((start, end));
                }
            }
            match day.succ_opt() {
                Some(next) if self.open(next) < until => day = next,
                _ => break,
            }
        }
        stretches
    }

    fn nth_business_day(&self, from: DateTime<Utc>, days: u32) -> NaiveDate {
        let today = self.zone.local(from).date();
        if days == 0 {
            return if self.is_business_day(today) { today } else { self.business_day_after(today) };
        }
        (0..days.min(PERIOD_DAYS_MAX)).fold(today, |day, _| self.business_day_after(day))
    }

    fn business_day_after(&self, day: NaiveDate) -> NaiveDate {
        let next = day.succ_opt().unwrap_or(day);
        next.iter_days()
            .take(SEARCH_DAYS_MAX as usize)
            .find(|day| self.is_business_day(*day))
            .unwrap_or(next)
    }

    fn open(&self, day: NaiveDate) -> DateTime<Utc> {
        self.zone.instant(day.and_time(self.opens))
    }

    fn close(&self, day: NaiveDate) -> DateTime<Utc> {
        self.zone.instant(day.and_time(self.closes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar() -> Calendar {
        use Weekday::{Fri, Mon, Thu, Tue, Wed};
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        Calendar {
            zone: Zone::named("Europe/Berlin").unwrap(),
            working_days: vec![Mon, Tue, Wed, Thu, Fri],
            opens: NaiveTime::from_hms_opt(9, 0, 0).unwrap(),
            closes: NaiveTime::from_hms_opt(18, 0, 0).unwrap(),
            holidays: [day("2026-12-25"), day("2026-12-26"), day("2027-01-01"), day("2027-03-26")]
                .into(),
        }
    }
    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn working_hours_end_at_closing_and_on_holidays() {
        let calendar = calendar();
        for (text, working) in [
            ("2026-11-20T08:00:00Z", true),  // Friday 09:00
            ("2026-11-20T07:59:59Z", false), // before opening
            ("2026-11-20T17:00:00Z", false), // 18:00 is closed
            ("2026-11-21T10:00:00Z", false), // Saturday
            ("2026-12-25T10:00:00Z", false), // Friday, a holiday
            ("2026-12-28T10:00:00Z", true),
        ] {
            assert_eq!(calendar.is_working(at(text)), working, "{text}");
        }
    }

    #[test]
    fn the_next_working_hour_is_now_or_the_next_opening() {
        let calendar = calendar();
        for (from, expected) in [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-20T03:00:00Z", "2026-11-20T08:00:00Z"),
            ("2026-11-20T17:00:00Z", "2026-11-23T08:00:00Z"),
            ("2026-12-24T18:00:00Z", "2026-12-28T08:00:00Z"),
            ("2026-10-24T12:00:00Z", "2026-10-26T08:00:00Z"), // 09:00 CEST would be 07:00
            ("2027-03-27T12:00:00Z", "2027-03-29T07:00:00Z"),
        ] {
            assert_eq!(calendar.next_working(at(from)), at(expected), "{from}");
        }
    }

    #[test]
    fn business_days_count_from_the_day_after_whatever_the_hour() {
        let calendar = calendar();
        for (from, days, expected) in [
            ("2026-11-16T10:00:00Z", 3, "2026-11-19T17:00:00Z"),
            ("2026-11-16T03:00:00Z", 3, "2026-11-19T17:00:00Z"), // before opening
            ("2026-11-16T22:00:00Z", 3, "2026-11-19T17:00:00Z"), // after closing
            ("2026-11-16T23:30:00Z", 3, "2026-11-20T17:00:00Z"), // Tuesday already in Berlin
            ("2026-11-21T10:00:00Z", 1, "2026-11-23T17:00:00Z"), // Saturday: Monday is the first
            ("2026-11-20T10:00:00Z", 1, "2026-11-23T17:00:00Z"),
            ("2026-12-23T10:00:00Z", 3, "2026-12-29T17:00:00Z"), // 24, 28, 29
            ("2026-12-30T10:00:00Z", 2, "2027-01-04T17:00:00Z"), // 31, then New Year, then Monday
            ("2026-10-22T10:00:00Z", 2, "2026-10-26T17:00:00Z"), // winter time begins
            ("2027-03-25T10:00:00Z", 2, "2027-03-30T16:00:00Z"), // Good Friday, then summer time
            ("2026-11-16T10:00:00Z", 0, "2026-11-16T17:00:00Z"),
            ("2026-11-21T10:00:00Z", 0, "2026-11-23T17:00:00Z"),
        ] {
            assert_eq!(calendar.business_days_after(at(from), days), at(expected), "{from} + {days}");
        }
        assert_eq!(calendar.opening_after(at("2026-12-23T10:00:00Z"), 2), at("2026-12-28T08:00:00Z"));
    }

    #[test]
    fn the_business_day_before_is_counted_back_over_days_off() {
        let calendar = calendar();
        for (until, days, expected) in [
            ("2026-11-23T08:00:00Z", 1, "2026-11-20T08:00:00Z"),
            ("2026-11-24T23:30:00Z", 1, "2026-11-24T08:00:00Z"), // Wednesday in Berlin
            ("2026-12-28T08:00:00Z", 2, "2026-12-23T08:00:00Z"), // 24, 23
            ("2026-10-27T08:00:00Z", 2, "2026-10-23T07:00:00Z"), // summer time then
        ] {
            assert_eq!(calendar.opening_before(at(until), days), at(expected), "{until} - {days}");
        }
    }

    #[test]
    fn a_share_of_the_working_time_passes_over_the_weekend() {
        let calendar = calendar();
        // Friday 09:00 to Monday 18:00 are 18 working hours.
        let (from, until) = (at("2026-11-20T08:00:00Z"), at("2026-11-23T17:00:00Z"));
        assert_eq!(calendar.at_percent(from, until, 50), at("2026-11-20T17:00:00Z"));
        assert_eq!(calendar.at_percent(from, until, 75), at("2026-11-23T12:30:00Z"));
        assert_eq!(calendar.at_percent(from, until, 0), from);
        assert_eq!(calendar.at_percent(from, until, 100), until);
        // Saturday noon to Sunday noon have no working time: plain time counts.
        let (from, until) = (at("2026-11-21T12:00:00Z"), at("2026-11-22T12:00:00Z"));
        assert_eq!(calendar.at_percent(from, until, 50), at("2026-11-22T00:00:00Z"));
        assert_eq!(calendar.at_percent(until, from, 50), from);
    }

    #[test]
    fn a_calendar_without_working_days_still_ends() {
        let calendar = Calendar { working_days: Vec::new(), ..calendar() };
        assert_eq!(
            calendar.business_days_after(at("2026-11-20T10:00:00Z"), 2),
            at("2026-11-22T17:00:00Z")
        );
        let _ = calendar.next_working(at("2026-11-20T10:00:00Z"));
        let _ = calendar.business_days_after(at("2026-11-20T10:00:00Z"), u32::MAX);
    }
}
