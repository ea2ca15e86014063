//! Shifts for calendar programmes (iCalendar, RFC 5545), and the addresses at which they find them.
//!
//! Instants are written in UTC, which every programme shows in its reader's zone; the description says
//! them in the zone of whoever it is for. Start with [`render_calendar`].

use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};

use crate::incident::Policy;
use crate::mail::ids::Secret;
use crate::roster::Member;
use crate::roster::rotation::{Rotation, Shift};
use crate::roster::zone::Zone;

/// A line without its end (RFC 5545 section 3.1).
const LINE_OCTETS_MAX: usize = 75;

/// Where a calendar programme finds shifts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarUrl {
    pub label: String,
    pub url: String,
}

/// A calendar to be written.
#[derive(Debug)]
pub struct Calendar<'a> {
    /// As the programme shows it.
    pub name: String,
    /// The organisation's domain, for identifiers that are nobody else's.
    pub domain: &'a str,
    pub zone: &'a Zone,
    pub events: Vec<Event<'a>>,
}

/// A shift in a calendar.
#[derive(Debug)]
pub struct Event<'a> {
    pub rotation: &'a Rotation,
    pub shift: Shift,
    /// `On call: payments`.
    pub summary: String,
}

impl<'a> Calendar<'a> {
    /// The shifts of everybody.
    pub fn of_all(policy: &'a Policy, from: DateTime<Utc>, until: DateTime<Utc>) -> Self {
        let rotations = policy.roster.rotations.iter();
        let events = rotations.flat_map(|rotation| events_of(policy, rotation, from, until));
        Self::with(policy, format!("On call, {}", policy.name), events.collect())
    }

    /// The shifts of one rotation.
    pub fn of_rotation(
        policy: &'a Policy,
        rotation: &'a Rotation,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Self {
        let name = format!("On call: {}", rotation.name);
        Self::with(policy, name, events_of(policy, rotation, from, until))
    }

    /// The shifts of one person, in their zone.
    pub fn of_person(
        policy: &'a Policy,
        member: &'a Member,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Self {
        let rotations = policy.roster.rotations.iter();
        let events = rotations.flat_map(|rotation| events_of(policy, rotation, from, until));
        let events = events.filter(|event| event.shift.person == member.address);
        let events = events.map(|event| {
            let summary = format!("On call: {}", event.rotation.name);
            Event { summary, ..event }
        });
        let calendar = Self::with(policy, format!("On call, {}", member.name), events.collect());
        Self { zone: member.zone.as_ref().unwrap_or(&policy.calendar.zone), ..calendar }
    }

    fn with(policy: &'a Policy, name: String, events: Vec<Event<'a>>) -> Self {
        Self { name, domain: policy.address.address().domain(), zone: &policy.calendar.zone, events }
    }
}

fn events_of<'a>(
    policy: &Policy,
    rotation: &'a Rotation,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Event<'a>> {
    let event = |shift: Shift| {
        let person = policy.roster.person(&shift.person, "");
        let name = if person.name.is_empty() { "somebody" } else { &person.name };
        let summary = format!("On call: {}, {name}", rotation.name);
        Event { rotation, shift, summary }
    };
    rotation.shifts(from, until).into_iter().map(event).collect()
}

/// The calendar, whole; the same shifts at the same time are the same octets.
pub fn render_calendar(calendar: &Calendar<'_>, now: DateTime<Utc>) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| push_folded(&mut out, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//Firebell//Shifts//EN");
    line("CALSCALE", "GREGORIAN");
    line("METHOD", "PUBLISH");
    // RFC 7986 section 5.1, and what programmes read that are older.
    line("NAME", &escaped(&calendar.name));
    line("X-WR-CALNAME", &escaped(&calendar.name));
    line("REFRESH-INTERVAL;VALUE=DURATION", "PT1H");
    line("X-PUBLISHED-TTL", "PT1H");
    for event in &calendar.events {
        let shift = &event.shift;
        line("BEGIN", "VEVENT");
        line("UID", &uid(event, calendar.domain));
        line("DTSTAMP", &utc(now));
        line("DTSTART", &utc(shift.starts_at));
        line("DTEND", &utc(shift.ends_at));
        line("SUMMARY", &escaped(&event.summary));
        let told = format!(
            "{} to {}",
            calendar.zone.format_full(shift.starts_at),
            calendar.zone.format_full(shift.ends_at)
        );
        line("DESCRIPTION", &escaped(&told));
        // Whoever is on call is not busy.
        line("TRANSP", "TRANSPARENT");
        line("END", "VEVENT");
    }
    line("END", "VCALENDAR");
    out
}

/// The same for the same shift, whenever it is written: a shift that changes hands is another. Whose it
/// is cannot be read out of it.
fn uid(event: &Event<'_>, domain: &str) -> String {
    let (shift, name) = (&event.shift, event.rotation.name.to_lowercase());
    let whole = format!("{name}\n{}\n{}", utc(shift.starts_at), shift.person.key());
    let hash = digest(&SHA256, whole.as_bytes());
    let id: String = hash.as_ref().iter().take(16).map(|octet| format!("{octet:02x}")).collect();
    format!("{id}@{domain}")
}

fn utc(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A text as a value (RFC 5545 section 3.3.11), without controls.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Lines of 75 octets at most; a character is never broken.
fn push_folded(out: &mut String, line: &str) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LINE_OCTETS_MAX {
            out.push_str("\r\n ");
            length = 1;
        }
        out.push(c);
        length += c.len_utf8();
    }
    out.push_str("\r\n");
}

/// Where the shifts of a person are.
pub fn url_of_person(web_url: &str, secret: &Secret, member: &Member) -> CalendarUrl {
    let key = member.alias.clone().unwrap_or_else(|| member.address.key());
    let token = person_token(secret, member);
    let url = format!("{web_url}/shifts/person/{}/{token}.ics", percent(&key));
    CalendarUrl { label: "Your shifts".to_owned(), url }
}

/// Where the shifts of a rotation are.
pub fn url_of_rotation(web_url: &str, secret: &Secret, rotation: &Rotation) -> CalendarUrl {
    let token = rotation_token(secret, rotation);
    let url = format!("{web_url}/shifts/rotation/{}/{token}.ics", percent(&rotation.name));
    CalendarUrl { label: format!("All of {}", rotation.name), url }
}

/// What makes the address of a person's shifts secret.
pub fn person_token(secret: &Secret, member: &Member) -> String {
    secret.calendar_token(&format!("person\n{}", member.address.key()))
}

/// What makes the address of a rotation's shifts secret.
pub fn rotation_token(secret: &Secret, rotation: &Rotation) -> String {
    secret.calendar_token(&format!("rotation\n{}", rotation.name.to_lowercase()))
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~@".contains(&octet) {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("%{octet:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_folded_between_characters() {
        let mut out = String::new();
        push_folded(&mut out, &format!("SUMMARY:{}", "ü".repeat(100)));
        let lines: Vec<&str> = out.split("\r\n").collect();
        assert!(lines.iter().all(|line| line.len() <= LINE_OCTETS_MAX), "{out}");
        assert!(lines[1].starts_with(' ') && out.ends_with("\r\n"));
        assert_eq!(out.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "ü".repeat(100)));
    }

    #[test]
    fn a_name_is_no_property() {
        assert_eq!(escaped("a\r\nEND:VEVENT; b, c\\"), "a\\nEND:VEVENT\\; b\\, c\\\\");
    }
}
