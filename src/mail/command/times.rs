//! Spans and times as people write them: `45m`, `1h30`, `14:30`, `tomorrow 09:00`, `Mon 10:00`.
//!
//! A closed grammar; what it does not know it refuses, and every answer prints the full date that
//! was understood. Start with [`read_span`] and [`read_time`].

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc, Weekday};

use crate::roster::zone::Zone;

/// No time or span is written longer.
const OCTETS_MAX: usize = 80;

/// Reads a span: `20m`, `20 min`, `1h30`, `2 hours`, `half an hour`, `45` (minutes).
pub(super) fn read_span(text: &str) -> Option<TimeDelta> {
    let text = text.trim().to_lowercase();
    if text.len() > OCTETS_MAX {
        return None;
    }
    let text = ["in ", "within ", "about ", "~"]
        .iter()
        .fold(text.as_str(), |text, word| text.strip_prefix(word).unwrap_or(text).trim());
    match text {
        "half an hour" | "half hour" | "\u{bd} hour" | "\u{bd}h" => return Some(TimeDelta::minutes(30)),
        "an hour" | "one hour" => return Some(TimeDelta::hours(1)),
        "a minute" | "one minute" => return Some(TimeDelta::minutes(1)),
        _ => {}
    }
    read_parts(&text.replace(" and ", " "))
}

fn read_parts(text: &str) -> Option<TimeDelta> {
    let mut rest = text.trim();
    let mut seconds = 0_i64;
    let mut is_first = true;
    let mut after_hours = false;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at_checked(digits)?;
        let number = number.parse::<u32>().ok()?;
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(char::is_alphabetic).len();
        let (unit, after) = after.split_at_checked(letters)?;
        let unit_seconds = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            // `1h30`, and a bare number: minutes.
            "" if (is_first || after_hours) && after.is_empty() => 60,
            _ => return None,
        };
        after_hours = unit_seconds == 3_600;
        is_first = false;
        seconds = seconds.checked_add(i64::from(number).checked_mul(unit_seconds)?)?;
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    if is_first { None } else { TimeDelta::try_seconds(seconds) }
}

/// Which of several days a time without one means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Toward {
    /// Facts: the nearest past.
    Past,
    /// Promises: the nearest future.
    Future,
}

/// Why a text gives no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeError {
    /// It is none that we know.
    Unknown,
    /// It has a date, and lies on the wrong side of now.
    WrongSide(DateTime<Utc>),
}

/// Where a time is read.
enum Place<'a> {
    Zone(&'a Zone),
    Named(Zone),
    /// Seconds east of UTC.
    Fixed(i64),
}

impl Place<'_> {
    fn local(&self, at: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Zone(zone) => zone.local(at),
            Self::Named(zone) => zone.local(at),
            Self::Fixed(seconds) => {
                at.naive_utc().checked_add_signed(TimeDelta::seconds(*seconds)).unwrap_or(at.naive_utc())
            }
        }
    }
    fn instant(&self, local: NaiveDateTime) -> DateTime<Utc> {
        match self {
            Self::Zone(zone) => zone.instant(local),
            Self::Named(zone) => zone.instant(local),
            Self::Fixed(seconds) => {
                local.checked_sub_signed(TimeDelta::seconds(*seconds)).unwrap_or(local).and_utc()
            }
        }
    }
}

/// What the words of a time said.
#[derive(Default)]
struct Parts {
    time: Option<NaiveTime>,
    date: Option<NaiveDate>,
    weekday: Option<Weekday>,
    /// Days from today.
    relative: Option<i64>,
    /// A day of a month, without or with the month.
    day: Option<u32>,
    month: Option<u32>,
}

/// Reads a time to come, or a day alone, which is meant to its end.
pub(super) fn read_day(text: &str, zone: &Zone, now: DateTime<Utc>) -> Result<DateTime<Utc>, TimeError> {
    match read_time(text, zone, Toward::Future, now) {
        Err(TimeError::Unknown) => read_time(&format!("{text} 23:59"), zone, Toward::Future, now),
        read => read,
    }
}

/// Reads a time; without a zone it is the organisation's.
pub(super) fn read_time(
    text: &str,
    zone: &Zone,
    toward: Toward,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, TimeError> {
    let text = text.trim();
    if text.len() > OCTETS_MAX {
        return Err(TimeError::Unknown);
    }
    let lower = text.to_lowercase();
    if lower == "now" || lower == "just now" {
        return Ok(now);
    }
    if let Some(span) = lower.strip_suffix(" ago").and_then(read_span) {
        return on_side(now.checked_sub_signed(span).unwrap_or(now), toward, now);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(&text.to_uppercase()) {
        return on_side(at.with_timezone(&Utc), toward, now);
    }
    let (parts, place) = read_words(&lower, zone, now).ok_or(TimeError::Unknown)?;
    resolve(&parts, &place, toward, now)
}

fn read_words<'a>(lower: &str, zone: &'a Zone, now: DateTime<Utc>) -> Option<(Parts, Place<'a>)> {
    let spaced = split_iso(&lower.replace(',', " "));
    let mut words = spaced.split_whitespace().peekable();
    let mut parts = Parts::default();
    let mut place = Place::Zone(zone);
    while let Some(word) = words.next() {
        let half = words.peek().copied().filter(|next| matches!(*next, "am" | "pm" | "a.m." | "p.m"));
        if let Some(time) = read_clock(word, half) {
            if half.is_some() {
                words.next();
            }
            set(&mut parts.time, time)?;
        } else if let Ok(date) = NaiveDate::parse_from_str(word, "%Y-%m-%d") {
            set(&mut parts.date, date)?;
        } else if let Some(days) = ["yesterday", "today", "tomorrow"].iter().position(|day| *day == word)
        {
            set(&mut parts.relative, i64::try_from(days).unwrap_or(1) - 1)?;
        } else if let Some(weekday) = read_weekday(word) {
            set(&mut parts.weekday, weekday)?;
        } else if let Some(month) = read_month(word) {
            set(&mut parts.month, month)?;
        } else if let Ok(day) = word.trim_end_matches('.').parse::<u32>() {
            set(&mut parts.day, day)?;
        } else if !matches!(word, "at" | "on" | "by" | "around" | "h" | "uhr" | "o'clock") {
            place = read_place(word, zone, now)?;
        }
    }
    Some((parts, place))
}

fn set<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// `2026-11-20T14:30+01:00` as words: the date, the time and the offset.
fn split_iso(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 4);
    for word in text.split_whitespace() {
        let is_date =
            word.get(..10).is_some_and(|date| NaiveDate::parse_from_str(date, "%Y-%m-%d").is_ok());
        let (date, time) = if is_date { word.split_at(10) } else { ("", word) };
        spaced.push_str(date);
        spaced.push(' ');
        let time = time.strip_prefix('t').filter(|_| is_date).unwrap_or(time);
        match time.find(['+', '-']).filter(|_| time.contains(':')) {
            Some(at) if at > 0 => {
                spaced.push_str(&time[..at]);
                spaced.push(' ');
                spaced.push_str(&time[at..]);
            }
            _ => {
                match time.strip_suffix('z').filter(|time| time.ends_with(|c: char| c.is_ascii_digit()))
                {
                    Some(time) => {
                        spaced.push_str(time);
                        spaced.push_str(" z");
                    }
                    None => spaced.push_str(time),
                }
            }
        }
        spaced.push(' ');
    }
    spaced
}

/// `14:30`, `14:30:05`, `14h30`, `2pm`, `2:30 pm`, `noon`.
fn read_clock(word: &str, half: Option<&str>) -> Option<NaiveTime> {
    match word {
        "noon" | "midday" => return NaiveTime::from_hms_opt(12, 0, 0),
        "midnight" => return Some(NaiveTime::MIN),
        _ => {}
    }
    let (digits, half) = match half {
        Some(half) => (word, Some(half.starts_with('p'))),
        None => match (word.strip_suffix("pm"), word.strip_suffix("am")) {
            (Some(digits), _) => (digits, Some(true)),
            (None, Some(digits)) => (digits, Some(false)),
            (None, None) => (word, None),
        },
    };
    let mut numbers = digits
        .split([':', 'h'])
        .map(|number| if number.len() <= 2 { number.parse::<u32>().ok() } else { None });
    let hour = numbers.next()??;
    let minute = match numbers.next() {
        Some(minute) => minute?,
        None if half.is_some() => 0,
        None => return None,
    };
    let second = match numbers.next() {
        Some(second) => second?,
        None => 0,
    };
    if numbers.next().is_some() {
        return None;
    }
    match (half, hour) {
        (None, 24) if minute == 0 => Some(NaiveTime::MIN),
        (None, hour) => NaiveTime::from_hms_opt(hour, minute, second),
        (Some(is_afternoon), 1..=12) => {
            NaiveTime::from_hms_opt(hour % 12 + if is_afternoon { 12 } else { 0 }, minute, second)
        }
        _ => None,
    }
}

fn read_weekday(word: &str) -> Option<Weekday> {
    if word.len() < 3 { None } else { word.trim_end_matches('.').parse().ok() }
}

fn read_month(word: &str) -> Option<u32> {
    if word.len() < 3 {
        return None;
    }
    word.trim_end_matches('.').parse::<chrono::Month>().ok().map(|month| month.number_from_month())
}

/// A zone by its letters, its offset or its IANA name.
fn read_place<'a>(word: &str, zone: &'a Zone, now: DateTime<Utc>) -> Option<Place<'a>> {
    let hours = |hours: i64| Some(Place::Fixed(hours * 3_600));
    // What people here call their zone, in summer and in winter, is their zone.
    let half_a_year = TimeDelta::days(182);
    if [now, now + half_a_year].iter().any(|at| zone.abbreviation(*at).to_lowercase() == word) {
        return Some(Place::Zone(zone));
    }
    match word {
        "utc" | "gmt" | "z" | "wet" => hours(0),
        "cet" | "bst" | "west" => hours(1),
        "cest" | "eet" => hours(2),
        "eest" | "msk" => hours(3),
        "jst" => hours(9),
        "edt" => hours(-4),
        "est" | "cdt" => hours(-5),
        "cst" | "mdt" => hours(-6),
        "mst" | "pdt" => hours(-7),
        "pst" => hours(-8),
        _ if word.contains('/') => Zone::named(word).map(Place::Named),
        _ => read_offset(word).map(Place::Fixed),
    }
}

/// `+01:00`, `-0330`, `+2`, `utc+1`.
fn read_offset(word: &str) -> Option<i64> {
    let word = word.strip_prefix("utc").or_else(|| word.strip_prefix("gmt")).unwrap_or(word);
    let (sign, digits) = match (word.strip_prefix('+'), word.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (None, Some(digits)) => (-1, digits),
        (None, None) => return None,
    };
    let digits = digits.replace(':', "");
    let number = digits.parse::<i64>().ok()?;
    let (hours, minutes) = if digits.len() <= 2 { (number, 0) } else { (number / 100, number % 100) };
    (digits.len() <= 4 && hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn resolve(
    parts: &Parts,
    place: &Place<'_>,
    toward: Toward,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, TimeError> {
    let time = parts.time.ok_or(TimeError::Unknown)?;
    let today = place.local(now).date();
    let in_days = |days: i64| {
        TimeDelta::try_days(days).and_then(|days| today.checked_add_signed(days)).unwrap_or(today)
    };
    let at = |day: NaiveDate| place.instant(day.and_time(time));
    match (parts.date, parts.relative, parts.day, parts.month, parts.weekday) {
        (Some(date), None, None, None, _) => on_side(at(date), toward, now),
        (None, Some(days), None, None, None) => on_side(at(in_days(days)), toward, now),
        (None, None, Some(day), Some(month), _) => {
            let years = [-1, 0, 1].map(|step| NaiveDate::from_ymd_opt(today.year() + step, month, day));
            nearest(years.into_iter().flatten().map(at), toward, now)
        }
        (None, None, None, None, weekday) => {
            let days = (-7..=7).map(in_days);
            let fitting = days.filter(|day| weekday.is_none_or(|weekday| day.weekday() == weekday));
            nearest(fitting.map(at), toward, now)
        }
        _ => Err(TimeError::Unknown),
    }
}

fn nearest(
    candidates: impl Iterator<Item = DateTime<Utc>>,
    toward: Toward,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, TimeError> {
    let found = match toward {
        Toward::Past => candidates.filter(|at| *at <= now).max(),
        Toward::Future => candidates.filter(|at| *at > now).min(),
    };
    found.ok_or(TimeError::Unknown)
}

fn on_side(at: DateTime<Utc>, toward: Toward, now: DateTime<Utc>) -> Result<DateTime<Utc>, TimeError> {
    let fits = match toward {
        Toward::Past => at <= now,
        Toward::Future => at > now,
    };
    if fits { Ok(at) } else { Err(TimeError::WrongSide(at)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Saturday 12:00 in Berlin.
    fn now() -> DateTime<Utc> {
        "2026-11-21T11:00:00Z".parse().unwrap()
    }
    fn read(text: &str, toward: Toward) -> Result<String, TimeError> {
        let zone = Zone::named("Europe/Berlin").unwrap();
        read_time(text, &zone, toward, now()).map(|at| at.format("%Y-%m-%dT%H:%M").to_string())
    }

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, minutes) in [
            ("20m", 20),
            ("20 min", 20),
            ("1h30", 90),
            ("1h30m", 90),
            ("1h 30m", 90),
            ("2 hours", 120),
            ("45", 45),
            ("in 45 minutes", 45),
            ("half an hour", 30),
            ("an hour", 60),
            ("1 hour and 5 minutes", 65),
            ("1 hour, 5 minutes", 65),
            ("120s", 2),
            ("2 days", 2_880),
        ] {
            assert_eq!(read_span(text), Some(TimeDelta::minutes(minutes)), "{text}");
        }
        for text in ["", "soon", "m", "1x", "30 1", "-5m", "1.5h", "5 5m", "99999999999999999h", "h1"] {
            assert_eq!(read_span(text), None, "{text}");
        }
    }

    #[test]
    fn a_fact_is_in_the_nearest_past_and_a_promise_in_the_nearest_future() {
        use Toward::{Future, Past};
        for (text, toward, expected) in [
            ("11:30", Past, "2026-11-21T10:30"),
            ("14:30", Past, "2026-11-20T13:30"),
            ("14:30", Future, "2026-11-21T13:30"),
            ("11:30", Future, "2026-11-22T10:30"),
            ("14:30 UTC", Future, "2026-11-21T14:30"),
            ("14:30z", Future, "2026-11-21T14:30"),
            ("14:30 CET", Future, "2026-11-21T13:30"),
            ("14:30 CEST", Future, "2026-11-21T13:30"),
            ("14:30 PST", Future, "2026-11-21T22:30"),
            ("14:30 America/New_York", Future, "2026-11-21T19:30"),
            ("14:30+05:30", Past, "2026-11-21T09:00"),
            ("2:30pm", Future, "2026-11-21T13:30"),
            ("2:30 PM", Future, "2026-11-21T13:30"),
            ("2pm", Future, "2026-11-21T13:00"),
            ("12am", Future, "2026-11-21T23:00"),
            ("14h30", Future, "2026-11-21T13:30"),
            ("tomorrow 09:00", Future, "2026-11-22T08:00"),
            ("tomorrow at 09:00", Future, "2026-11-22T08:00"),
            ("yesterday 09:00", Past, "2026-11-20T08:00"),
            ("Mon 10:00", Future, "2026-11-23T09:00"),
            ("monday 10:00", Past, "2026-11-16T09:00"),
            ("Sat 10:00", Future, "2026-11-28T09:00"),
            ("2026-11-20T14:30", Past, "2026-11-20T13:30"),
            ("2026-11-20 14:30", Past, "2026-11-20T13:30"),
            ("2026-11-20T14:30Z", Past, "2026-11-20T14:30"),
            ("2026-11-20T14:30:00+01:00", Past, "2026-11-20T13:30"),
            ("Fri 2026-11-20 14:30 CET", Past, "2026-11-20T13:30"),
            ("23 Nov 9:00", Future, "2026-11-23T08:00"),
            ("noon tomorrow", Future, "2026-11-22T11:00"),
            ("now", Past, "2026-11-21T11:00"),
            ("10 minutes ago", Past, "2026-11-21T10:50"),
        ] {
            assert_eq!(read(text, toward).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "25:00",
            "14:60",
            "14",
            "tomorrow",
            "11/12/2026 10:00",
            "14:30 XYZ",
            "14:30 15:30",
            "13pm",
            "tomorrow monday 10:00",
            "2026-13-01 10:00",
            "\u{0}",
            "\u{e9}14:30+",
        ] {
            assert_eq!(read(text, Toward::Future), Err(TimeError::Unknown), "{text}");
        }
        assert!(matches!(read("2026-11-20 14:30", Toward::Future), Err(TimeError::WrongSide(_))));
        assert!(matches!(read("2026-11-23 14:30", Toward::Past), Err(TimeError::WrongSide(_))));
        assert!(matches!(read("today 09:00", Toward::Future), Err(TimeError::WrongSide(_))));
    }
}
