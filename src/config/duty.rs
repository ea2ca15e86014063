//! Who is on call: rotations with their overrides, services, and who is asked to command.
//!
//! People, teams and lists are read before, in `roster`. Start with [`read_duties`].

use chrono::{DateTime, NaiveTime, Utc};

use super::reading::Own;
use super::roster::{read_all, read_whom};
use super::source::{Source, Table, Text, nearest};
use super::values::{read_date, read_handover, read_span, read_zone};
use crate::incident::policy::Span;
use crate::roster::period::{Moment, Period};
use crate::roster::rotation::{Override, Rotation};
use crate::roster::zone::Zone;
use crate::roster::{OnCall, Roster, Service};

/// People read mail at work: the notice of a shift is there on the last working day before it.
const NOTICE: Span = Span::BusinessDays(1);

pub(super) fn read_duties<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    own: Option<&Own>,
    roster: &mut Roster,
) {
    let zone = source.string(top, "time_zone").and_then(|name| Zone::named(&name.value));
    roster.rotations = read_rotations(source, top, own, roster, &zone.unwrap_or_else(Zone::utc));
    check_backups(source, top, &roster.rotations);
    read_overrides(source, top, own, roster);
    read_command(source, top, own, roster);
    roster.services = read_services(source, top, own, roster);
}

fn read_rotations<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    own: Option<&Own>,
    roster: &Roster,
    zone: &Zone,
) -> Vec<Rotation> {
    let mut rotations: Vec<Rotation> = Vec::new();
    for table in source.tables(top, "rotation") {
        let keys = ["name", "members", "hands_over", "from", "time_zone", "backup", "notice"];
        source.check_keys(table, "[[rotation]]", &keys);
        let name = source.required(table, "[[rotation]]", "name", "commanders");
        let from = source.required(table, "[[rotation]]", "from", "2026-11-16");
        let from = from.and_then(|text| {
            read_date(&text.value)
                .map_err(|why| source.mistake(text.line, format!("'from': {why}")))
                .ok()
        });
        let written = source.strings(table, "members").map_or(0, |members| members.len());
        let members = read_all(source, table, "members", own, roster);
        if written == 0 {
            source.mistake(
                table.line,
                "[[rotation]] needs 'members'; write members = [\"alice\", \"bob\"]",
            );
        }
        let (weekday, time) =
            source.parsed(table, "hands_over", read_handover).unwrap_or((None, NaiveTime::MIN));
        let zone = source.parsed(table, "time_zone", read_zone).unwrap_or_else(|| zone.clone());
        let backup = source.string(table, "backup").map(|name| name.value.into_owned());
        let notice = source.parsed(table, "notice", read_notice).unwrap_or(Some(NOTICE));
        if let Some(name) = name {
            if rotations.iter().any(|rotation| rotation.name.eq_ignore_ascii_case(&name.value)) {
                source.mistake(
                    name.line,
                    format!("there is a rotation '{}' already; choose another name", name.value),
                );
            }
            // Kept with its mistakes too, so that one is not told as two.
            let from = from.unwrap_or_default();
            let name = name.value.into_owned();
            let overrides = Vec::new();
            rotations.push(Rotation {
                name,
                members,
                zone,
                weekday,
                time,
                from,
                backup,
                notice,
                overrides,
            });
        }
    }
    rotations
}

/// `none`, `24h`, `1 business day`.
fn read_notice(text: &str) -> Result<Option<Span>, String> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    match read_span(text) {
        Ok(Span::NextWorkingHour) | Err(_) => {
            Err(format!("`{text}` is no time before a shift; write 24h, 1 business day or none"))
        }
        Ok(span) => Ok(Some(span)),
    }
}

fn check_backups<'t>(source: &mut Source<'t>, top: Table<'t>, rotations: &[Rotation]) {
    for table in source.tables(top, "rotation") {
        let Some(backup) = find_rotation(source, table, "backup", rotations) else { continue };
        let own = source.string(table, "name");
        if own.is_some_and(|own| own.value.eq_ignore_ascii_case(&backup)) {
            let line = source.line_of(table, "backup");
            source.mistake(line, "'backup': a rotation cannot stand behind itself; leave it out");
        }
    }
}

/// The rotation that a key names, by its own spelling.
fn find_rotation<'t>(
    source: &mut Source<'t>,
    table: Table<'t>,
    key: &str,
    rotations: &[Rotation],
) -> Option<String> {
    let name = source.string(table, key)?;
    let found = rotations.iter().find(|rotation| rotation.name.eq_ignore_ascii_case(&name.value));
    if found.is_none() {
        let names = rotations.iter().map(|rotation| rotation.name.as_str());
        let advice = advice(&name, names, "add a [[rotation]] with that name");
        source.mistake(name.line, format!("'{key}': there is no rotation '{}'; {advice}", name.value));
    }
    found.map(|rotation| rotation.name.clone())
}

fn advice<'a>(typed: &Text<'_>, known: impl Iterator<Item = &'a str>, otherwise: &str) -> String {
    match nearest(&typed.value, known) {
        Some(near) => format!("did you mean '{near}'?"),
        None => otherwise.to_owned(),
    }
}

fn read_overrides<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>, roster: &mut Roster) {
    for table in source.tables(top, "override") {
        source.check_keys(table, "[[override]]", &["rotation", "person", "from", "to"]);
        let name = match roster.rotations.as_slice() {
            [only] if !source.has(table, "rotation") => Some(only.name.clone()),
            rotations => {
                source.required(table, "[[override]]", "rotation", "commanders");
                find_rotation(source, table, "rotation", rotations)
            }
        };
        let person = source.required(table, "[[override]]", "person", "alice");
        let person = person.and_then(|text| read_whom(source, "person", &text, own, roster));
        source.required(table, "[[override]]", "from", "2026-11-22");
        source.required(table, "[[override]]", "to", "2026-11-24");
        let from = source.parsed(table, "from", read_moment);
        let until = source.parsed(table, "to", read_moment);
        let (Some(name), Some(person), Some(from), Some(until)) = (name, person, from, until) else {
            continue;
        };
        let found = roster.rotations.iter_mut().find(|rotation| rotation.name == name);
        let Some(rotation) = found else { continue };
        match (Period { from, until }).instants(&rotation.zone, rotation.time) {
            Some((from_at, until_at)) => {
                let agreed_at: Option<DateTime<Utc>> = None;
                rotation.overrides.push(Override { person, from_at, until_at, agreed_at });
            }
            None => {
                let line = source.line_of(table, "to");
                source.mistake(line, "'to': the override ends before it begins; mend one of them");
            }
        }
    }
}

fn read_moment(text: &str) -> Result<Moment, String> {
    Moment::read(text).ok_or_else(|| {
        format!("`{text}` is neither a day nor a time; write 2026-11-22 or 2026-11-22 18:00")
    })
}

fn read_command<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>, roster: &mut Roster) {
    let Some(table) = source.table(top, "command") else { return };
    source.check_keys(table, "[command]", &["rotation", "trained"]);
    roster.commanding = find_rotation(source, table, "rotation", &roster.rotations);
    roster.trained = read_all(source, table, "trained", own, roster);
}

fn read_services<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    own: Option<&Own>,
    roster: &Roster,
) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    for table in source.tables(top, "service") {
        source.check_keys(table, "[[service]]", &["name", "experts", "team", "on_call"]);
        let name = source.required(table, "[[service]]", "name", "payments");
        let experts = read_all(source, table, "experts", own, roster);
        let team = find_team(source, table, roster);
        let on_call = read_on_call(source, table, roster);
        let Some(name) = name else { continue };
        if services.iter().any(|service| service.name.eq_ignore_ascii_case(&name.value)) {
            let what = format!("there is a service '{}' already; choose another name", name.value);
            source.mistake(name.line, what);
        }
        services.push(Service { name: name.value.into_owned(), experts, team, on_call });
    }
    services
}

fn find_team<'t>(source: &mut Source<'t>, table: Table<'t>, roster: &Roster) -> Option<String> {
    let name = source.string(table, "team")?;
    let found = roster.team(&name.value).map(|team| team.name.clone());
    if found.is_none() {
        let teams = roster.teams.iter().map(|team| team.name.as_str());
        let advice = advice(&name, teams, "add a [[team]] with that name");
        source.mistake(name.line, format!("'team': there is no team '{}'; {advice}", name.value));
    }
    found
}

/// The name of a rotation, or of a team that is on call as a whole.
fn read_on_call<'t>(source: &mut Source<'t>, table: Table<'t>, roster: &Roster) -> OnCall {
    let Some(name) = source.string(table, "on_call") else { return OnCall::Nobody };
    if let Some(rotation) = roster.rotation(&name.value) {
        return OnCall::Rotation(rotation.name.clone());
    }
    if let Some(team) = roster.team(&name.value) {
        return OnCall::Team(team.name.clone());
    }
    let rotations = roster.rotations.iter().map(|rotation| rotation.name.as_str());
    let known = rotations.chain(roster.teams.iter().map(|team| team.name.as_str()));
    let advice = advice(&name, known, "add a [[rotation]] with that name");
    let what = format!("'on_call': there is no rotation or team '{}'; {advice}", name.value);
    source.mistake(name.line, what);
    OnCall::Nobody
}
