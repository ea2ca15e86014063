//! Local time: the one file that knows time zones (IANA, bundled, the same on every machine).
//!
//! Outside it an instant is `DateTime<Utc>`. A local time that a change of clocks skips is the
//! next that exists; one that it repeats is the first. Start with [`Zone::instant`].

use chrono::{DateTime, NaiveDateTime, Utc};

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// Finds a zone by its IANA name, such as `Europe/Berlin`.
    pub fn named(name: &str) -> Option<Self> {
        jiff::tz::TimeZone::get(name).ok().map(Self)
    }

    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The IANA names that [`Zone::named`] finds, for "did you mean".
    pub fn names() -> Vec<String> {
        jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect()
    }

    /// The local date and time of an instant.
    pub fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        let offset = self.0.to_offset(timestamp(at));
        let shift = chrono::TimeDelta::seconds(offset.seconds().into());
        at.naive_utc().checked_add_signed(shift).unwrap_or(at.naive_utc())
    }

    /// The instant of a local date and time.
    pub fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        use jiff::tz::AmbiguousOffset;
        let with = |offset: jiff::tz::Offset| {
            let shift = chrono::TimeDelta::seconds(offset.seconds().into());
            local.checked_sub_signed(shift).unwrap_or(local).and_utc()
        };
        match self.0.to_ambiguous_timestamp(civil(local)).offset() {
            AmbiguousOffset::Unambiguous { offset } => with(offset),
            AmbiguousOffset::Fold { before, .. } => with(before),
            // Read with the later offset the time lies before the change, which is the first
            // instant whose local time exists again.
            AmbiguousOffset::Gap { after, .. } => {
                let earlier = with(after);
                self.0
                    .following(timestamp(earlier))
                    .next()
                    .and_then(|change| {
                        DateTime::from_timestamp_micros(change.timestamp().as_microsecond())
                    })
                    .unwrap_or(earlier)
            }
        }
    }

    /// What people there call the zone at that instant: `CET`; `UTC-03` where they have no word.
    pub fn abbreviation(&self, at: DateTime<Utc>) -> String {
        let found = self.0.to_offset_info(timestamp(at)).abbreviation().to_owned();
        if found.starts_with(['+', '-']) { format!("UTC{found}") } else { found }
    }

    /// `14:30 CET`.
    pub fn format_clock(&self, at: DateTime<Utc>) -> String {
        format!("{} {}", self.local(at).format("%H:%M"), self.abbreviation(at))
    }

    /// `Fri 2026-11-20 14:30 CET`, as every mail and every answer prints an instant.
    pub fn format_full(&self, at: DateTime<Utc>) -> String {
        format!("{} {}", self.local(at).format("%a %Y-%m-%d %H:%M"), self.abbreviation(at))
    }

    /// The first time after `after` at which a five-field cron schedule runs; `None` when it never
    /// does, or is none.
    ///
    /// A run that a change of clocks skips is at the next minute that exists, one in the repeated
    /// hour is the first of the two.
    pub fn next_cron(&self, schedule: &str, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let cron = read_cron(schedule).ok()?;
        let mut from = timestamp(after).to_zoned(self.0.clone());
        // Only a run that the repeated hour shows a second time is passed over, which can be as
        // many as it has minutes; so this ends.
        for _ in 0..CRON_STEPS_MAX {
            let found = cron.find_next_occurrence(&from, false).ok()?;
            let at = DateTime::from_timestamp(found.timestamp().as_second(), 0)?;
            if at > after && self.instant(self.local(at)) == at {
                return Some(at);
            }
            from = found;
        }
        None
    }
}

/// More minutes than any change of clocks repeats.
const CRON_STEPS_MAX: u32 = 200;

/// Whether `schedule` is a five-field cron schedule that runs some day.
///
/// # Errors
///
/// A sentence for whoever wrote it.
pub fn check_cron(schedule: &str) -> Result<(), String> {
    read_cron(schedule)?;
    // Croner reads `0 9 31 2 *` and only fails when it looks for the day.
    let start = DateTime::from_timestamp(1_767_225_600, 0).unwrap_or_default();
    match Zone::utc().next_cron(schedule, start) {
        Some(_) => Ok(()),
        None => Err(format!("`{schedule}` never runs: there is no such day")),
    }
}

fn read_cron(schedule: &str) -> Result<croner::Cron, String> {
    let is_named = schedule.trim().starts_with('@');
    if !is_named && schedule.split_whitespace().count() != 5 {
        return Err(format!(
            "`{schedule}` is not a schedule of five fields: minute, hour, day of the month, month, \
             day of the week, such as `0 9 * * Mon`"
        ));
    }
    schedule.parse().map_err(|error| format!("`{schedule}` is no cron schedule: {error}"))
}

/// Clamped to the years that the zone database knows; no date in a mail of people lies beyond.
fn timestamp(at: DateTime<Utc>) -> jiff::Timestamp {
    let limit = if at.timestamp() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::new(at.timestamp(), at.timestamp_subsec_nanos().min(999_999_999) as i32)
        .unwrap_or(limit)
}

fn civil(local: NaiveDateTime) -> jiff::civil::DateTime {
    use chrono::{Datelike, Timelike};
    let limit = if local.year() < 0 { jiff::civil::DateTime::MIN } else { jiff::civil::DateTime::MAX };
    let small = |number: u32| i8::try_from(number).unwrap_or(0);
    jiff::civil::DateTime::new(
        i16::try_from(local.year()).unwrap_or(if local.year() < 0 { i16::MIN } else { i16::MAX }),
        small(local.month()),
        small(local.day()),
        small(local.hour()),
        small(local.minute()),
        small(local.second()),
        i32::try_from(local.nanosecond().min(999_999_999)).unwrap_or(0),
    )
    .unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").unwrap()
    }
    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }
    fn local(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_skipped_local_time_is_the_next_that_exists() {
        assert_eq!(berlin().instant(local("2027-03-28T02:30:00")), at("2027-03-28T01:00:00Z"));
        assert_eq!(berlin().instant(local("2027-03-28T02:00:00")), at("2027-03-28T01:00:00Z"));
        assert_eq!(berlin().instant(local("2027-03-28T01:59:00")), at("2027-03-28T00:59:00Z"));
        assert_eq!(berlin().instant(local("2027-03-28T03:00:00")), at("2027-03-28T01:00:00Z"));
    }

    #[test]
    fn a_repeated_local_time_is_the_first() {
        assert_eq!(berlin().instant(local("2026-10-25T02:30:00")), at("2026-10-25T00:30:00Z"));
        assert_eq!(berlin().instant(local("2026-10-25T03:00:00")), at("2026-10-25T02:00:00Z"));
    }

    #[test]
    fn an_instant_prints_with_its_date_and_zone() {
        let zone = berlin();
        assert_eq!(zone.format_clock(at("2026-11-20T13:30:00Z")), "14:30 CET");
        assert_eq!(zone.format_full(at("2026-11-20T13:30:00Z")), "Fri 2026-11-20 14:30 CET");
        assert_eq!(zone.format_clock(at("2026-07-01T12:30:00Z")), "14:30 CEST");
        assert_eq!(Zone::utc().format_clock(at("2026-07-01T12:30:00Z")), "12:30 UTC");
        let wordless = Zone::named("America/Sao_Paulo").unwrap();
        assert_eq!(wordless.format_clock(at("2026-07-01T12:30:00Z")), "09:30 UTC-03");
    }

    #[test]
    fn instants_beyond_the_zone_database_do_no_harm() {
        for at in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
            let _ = berlin().abbreviation(at);
            let _ = berlin().local(at);
            let _ = berlin().instant(at.naive_utc());
        }
    }

    #[test]
    fn a_schedule_runs_once_at_each_change_of_clocks() {
        let zone = berlin();
        let next = |schedule, after| zone.next_cron(schedule, at(after)).unwrap();
        // Skipped: the next minute that exists, the same day.
        assert_eq!(next("30 2 * * *", "2027-03-27T12:00:00Z"), at("2027-03-28T01:00:00Z"));
        assert_eq!(next("30 2 * * *", "2027-03-28T01:00:00Z"), at("2027-03-29T00:30:00Z"));
        // Repeated: the first of the two, then the next day.
        assert_eq!(next("30 2 * * *", "2026-10-24T12:00:00Z"), at("2026-10-25T00:30:00Z"));
        assert_eq!(next("30 2 * * *", "2026-10-25T00:30:00Z"), at("2026-10-26T01:30:00Z"));
        assert_eq!(next("30 2 * * *", "2026-10-25T00:45:00Z"), at("2026-10-26T01:30:00Z"));
    }

    #[test]
    fn a_schedule_keeps_its_local_hour() {
        let zone = berlin();
        let next = |after| zone.next_cron("0 9 * * Mon", at(after)).unwrap();
        assert_eq!(next("2026-10-20T00:00:00Z"), at("2026-10-26T08:00:00Z"));
        assert_eq!(next("2027-03-23T00:00:00Z"), at("2027-03-29T07:00:00Z"));
        assert_eq!(next("2027-03-29T07:00:00Z"), at("2027-04-05T07:00:00Z"));
    }

    #[test]
    fn a_schedule_that_never_runs_is_refused() {
        assert_eq!(check_cron("0 9 * * Mon"), Ok(()));
        assert_eq!(check_cron("@weekly"), Ok(()));
        for wrong in ["", "9", "0 25 * * *", "0 9 31 2 *", "0 9 * * Moo", "0 0 9 * * Mon"] {
            assert!(check_cron(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_common_zone_is_found() {
        let names = Zone::names();
        for name in ["Europe/Berlin", "America/New_York", "Asia/Kolkata"] {
            assert!(names.iter().any(|found| found == name), "{name}");
        }
        assert!(Zone::named("Europe/Berln").is_none());
    }
}
