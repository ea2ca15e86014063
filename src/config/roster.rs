//! The people, lists and rotations of the configuration.
//!
//! Every name that another part uses must exist, and every address must have one owner.

use std::collections::BTreeMap;

use chrono::NaiveTime;

use super::reading::{Own, read_foreign};
use super::source::{Source, Table, Text, nearest};
use super::values::{read_date, read_handover};
use crate::mail::Address;
use crate::roster::rotation::Rotation;
use crate::roster::zone::Zone;
use crate::roster::{List, ListKind, Member, Roster};

pub(super) fn read_people<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>) -> Roster {
    let zone = source.string(top, "time_zone").and_then(|name| Zone::named(&name.value));
    let mut roster = Roster { people: read_members(source, top, own), ..Roster::default() };
    roster.domains = read_domains(source, top, own);
    roster.lists = read_lists(source, top, own, &roster);
    let rotations = read_rotations(source, top, own, &roster, &zone.unwrap_or_else(Zone::utc));
    read_command(source, top, own, &mut roster, &rotations);
    check_services(source, top, own, &roster, &rotations);
    roster
}

/// Where the key is absent, whoever shares our own domain is known; `domains = []` is nobody.
fn read_domains<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>) -> Vec<String> {
    let Some(texts) = source.strings(top, "domains") else {
        return own.iter().map(|(address, _)| address.domain().to_lowercase()).collect();
    };
    let mut domains = Vec::new();
    for text in texts {
        let domain = text.value.trim().trim_start_matches('@').to_lowercase();
        if Address::read(&format!("a@{domain}")).is_ok() {
            domains.push(domain);
        } else {
            source.mistake(
                text.line,
                format!("'domains': `{}` is no domain; write example.org", text.value),
            );
        }
    }
    domains
}

fn read_members<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>) -> Vec<Member> {
    let mut members = Vec::new();
    let mut aliases: BTreeMap<String, usize> = BTreeMap::new();
    let mut addresses: BTreeMap<String, usize> = BTreeMap::new();
    for table in source.tables(top, "person") {
        source.check_keys(table, "[[person]]", &["name", "alias", "email", "also", "pager"]);
        let name = source.required(table, "[[person]]", "name", "Alice Ng");
        let email = source.required(table, "[[person]]", "email", "alice@example.org");
        let alias = source.string(table, "alias");
        if let Some(alias) = &alias {
            if let Some(first) = aliases.insert(alias.value.to_lowercase(), alias.line) {
                let what = format!(
                    "the alias '{}' is taken already in line {first}; choose another",
                    alias.value
                );
                source.mistake(alias.line, what);
            }
            if alias.value.contains(['@', ' ']) || alias.value.is_empty() {
                let what = format!("'alias': `{}` must be one word without @", alias.value);
                source.mistake(alias.line, what);
            }
        }
        let mut own_address = |source: &mut Source<'t>, key: &str, text: &Text<'t>| {
            let address = match read_foreign(&text.value, own) {
                Ok(address) => address,
                Err(why) => {
                    source.mistake(text.line, format!("'{key}': {why}"));
                    return None;
                }
            };
            if let Some(first) = addresses.insert(address.key(), text.line) {
                let what =
                    format!("`{address}` belongs to somebody already in line {first}; leave one out");
                source.mistake(text.line, what);
            }
            Some(address)
        };
        let address = email.and_then(|text| own_address(source, "email", &text));
        let also = source.strings(table, "also").unwrap_or_default();
        let also = also.iter().filter_map(|text| own_address(source, "also", text)).collect();
        let pager = source.string(table, "pager");
        let pager = pager.and_then(|text| own_address(source, "pager", &text));
        // Kept without an address too, so that one mistake is not told again wherever the alias
        // stands. A configuration with a mistake is never used.
        let address = address.or_else(|| Address::read("unknown@invalid").ok());
        if let Some(address) = address {
            let name = name.map_or(String::new(), |name| name.value.into_owned());
            let alias = alias.map(|alias| alias.value.into_owned());
            members.push(Member { name, alias, address, also, pager });
        }
    }
    members
}

/// An address, or the alias of somebody whose address is known.
fn read_whom<'t>(
    source: &mut Source<'t>,
    key: &str,
    text: &Text<'t>,
    own: Option<&Own>,
    roster: &Roster,
) -> Option<Address> {
    let found = if text.value.contains('@') {
        read_foreign(&text.value, own).map(|address| roster.person(&address, "").address)
    } else {
        let of = |member: &Member| member.alias.clone();
        let found = roster.people.iter().find(|member| {
            of(member).is_some_and(|alias| alias.to_lowercase() == text.value.to_lowercase())
        });
        found.map(|member| member.address.clone()).ok_or_else(|| {
            let aliases: Vec<String> = roster.people.iter().filter_map(of).collect();
            match nearest(&text.value, aliases.iter().map(String::as_str)) {
                Some(near) => {
                    format!("no person has the alias `{}`; did you mean '{near}'?", text.value)
                }
                None => format!(
                    "no person has the alias `{}`; add a [[person]] with it, or write an address",
                    text.value
                ),
            }
        })
    };
    found.map_err(|why| source.mistake(text.line, format!("'{key}': {why}"))).ok()
}

fn read_all<'t>(
    source: &mut Source<'t>,
    table: Table<'t>,
    key: &str,
    own: Option<&Own>,
    roster: &Roster,
) -> Vec<Address> {
    let texts = source.strings(table, key).unwrap_or_default();
    let mut found: Vec<Address> = Vec::new();
    for text in &texts {
        match read_whom(source, key, text, own, roster) {
            Some(address) if found.contains(&address) => {
                source.mistake(
                    text.line,
                    format!("'{key}': `{}` stands here twice; leave one out", text.value),
                );
            }
            Some(address) => found.push(address),
            None => {}
        }
    }
    found
}

fn read_lists<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    own: Option<&Own>,
    roster: &Roster,
) -> Vec<List> {
    let mut lists: Vec<List> = Vec::new();
    for table in source.tables(top, "list") {
        source.check_keys(table, "[[list]]", &["name", "address", "members"]);
        let Some(name) = source.required(table, "[[list]]", "name", "everyone") else { continue };
        if lists.iter().any(|list| list.name.eq_ignore_ascii_case(&name.value)) {
            source.mistake(
                name.line,
                format!("there is a list '{}' already; choose another name", name.value),
            );
        }
        let address = source.string(table, "address");
        let has_members = source.strings(table, "members").is_some();
        let members = read_all(source, table, "members", own, roster);
        let kind = match (address, has_members) {
            (Some(address), false) => match read_foreign(&address.value, own) {
                Ok(address) => Some(ListKind::External(address)),
                Err(why) => {
                    source.mistake(address.line, format!("'address': {why}"));
                    None
                }
            },
            (None, true) => Some(ListKind::Own(members)),
            (Some(_), true) => {
                let what =
                    format!("the list '{}' has address and members; keep one of them", name.value);
                source.mistake(name.line, what);
                None
            }
            (None, false) => {
                let what =
                    format!("the list '{}' reaches nobody; give it an address or members", name.value);
                source.mistake(name.line, what);
                None
            }
        };
        if let Some(kind) = kind {
            lists.push(List { name: name.value.into_owned(), kind });
        }
    }
    lists
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
        source.check_keys(table, "[[rotation]]", &["name", "members", "hands_over", "from"]);
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
        if let Some(name) = name {
            if rotations.iter().any(|rotation| rotation.name == name.value) {
                source.mistake(
                    name.line,
                    format!("there is a rotation '{}' already; choose another name", name.value),
                );
            }
            // Kept with its mistakes too, so that one is not told as two.
            let from = from.unwrap_or_default();
            let (name, zone) = (name.value.into_owned(), zone.clone());
            rotations.push(Rotation { name, members, zone, weekday, time, from });
        }
    }
    rotations
}

fn find_rotation<'t>(
    source: &mut Source<'t>,
    table: Table<'t>,
    key: &str,
    rotations: &[Rotation],
) -> Option<Rotation> {
    let name = source.string(table, key)?;
    let found = rotations.iter().find(|rotation| rotation.name == name.value);
    if found.is_none() {
        let names = rotations.iter().map(|rotation| rotation.name.as_str());
        let advice = match nearest(&name.value, names) {
            Some(near) => format!("did you mean '{near}'?"),
            None => "add a [[rotation]] with that name".to_owned(),
        };
        source.mistake(name.line, format!("'{key}': there is no rotation '{}'; {advice}", name.value));
    }
    found.cloned()
}

fn read_command<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    own: Option<&Own>,
    roster: &mut Roster,
    rotations: &[Rotation],
) {
    let Some(table) = source.table(top, "command") else { return };
    source.check_keys(table, "[command]", &["rotation", "trained"]);
    roster.command_rotation = find_rotation(source, table, "rotation", rotations);
    roster.trained = read_all(source, table, "trained", own, roster);
}

/// Services are read by a later version; their mistakes are told now.
fn check_services<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    own: Option<&Own>,
    roster: &Roster,
    rotations: &[Rotation],
) {
    for table in source.tables(top, "service") {
        source.check_keys(table, "[[service]]", &["name", "experts", "on_call"]);
        source.required(table, "[[service]]", "name", "payments");
        read_all(source, table, "experts", own, roster);
        find_rotation(source, table, "on_call", rotations);
    }
}
