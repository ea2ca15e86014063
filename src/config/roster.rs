//! The people, teams and lists of the configuration; who is on call is in `duty`.
//!
//! Every name that another part uses must exist, and every address must have one owner. A team may
//! stand wherever people are named.

use std::collections::BTreeMap;

use super::duty::read_duties;
use super::reading::{Own, read_foreign};
use super::source::{Source, Table, Text, nearest};
use super::values::read_zone;
use crate::mail::Address;
use crate::mail::address::LOCAL_PART_OCTETS_MAX;
use crate::mail::ids::TOKEN_CHARS;
use crate::roster::membership::Open;
use crate::roster::{List, ListKind, Member, Roster, Team};

pub(super) fn read_people<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>) -> Roster {
    let mut roster = Roster { people: read_members(source, top, own), ..Roster::default() };
    roster.domains = read_domains(source, top, own);
    read_teams(source, top, own, &mut roster);
    roster.lists = read_lists(source, top, own, &roster);
    read_duties(source, top, own, &mut roster);
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
        source.check_keys(
            table,
            "[[person]]",
            &["name", "alias", "email", "also", "pager", "time_zone"],
        );
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
        let zone = source.parsed(table, "time_zone", read_zone);
        // Kept without an address too, so that one mistake is not told again wherever the alias
        // stands. A configuration with a mistake is never used.
        let address = address.or_else(|| Address::read("unknown@invalid").ok());
        if let Some(address) = address {
            let name = name.map_or(String::new(), |name| name.value.into_owned());
            let alias = alias.map(|alias| alias.value.into_owned());
            members.push(Member { name, alias, address, also, pager, zone });
        }
    }
    members
}

/// Teams may not stand in each other: whoever reads a name should find people.
fn read_teams<'t>(source: &mut Source<'t>, top: Table<'t>, own: Option<&Own>, roster: &mut Roster) {
    let mut teams: Vec<Team> = Vec::new();
    for table in source.tables(top, "team") {
        source.check_keys(table, "[[team]]", &["name", "members"]);
        let Some(name) = source.required(table, "[[team]]", "name", "database") else { continue };
        let is_alias = roster.people.iter().filter_map(|member| member.alias.as_ref());
        if is_alias.into_iter().any(|alias| alias.eq_ignore_ascii_case(&name.value)) {
            let what = format!("'{}' is the alias of a person; choose another name", name.value);
            source.mistake(name.line, what);
        }
        if teams.iter().any(|team| team.name.eq_ignore_ascii_case(&name.value)) {
            let what = format!("there is a team '{}' already; choose another name", name.value);
            source.mistake(name.line, what);
        }
        let members = read_all(source, table, "members", own, roster);
        if source.strings(table, "members").is_none_or(|members| members.is_empty()) {
            let what = "[[team]] needs 'members'; write members = [\"alice\", \"bob\"]";
            source.mistake(table.line, what);
        }
        teams.push(Team { name: name.value.into_owned(), members });
    }
    roster.teams = teams;
}

/// An address, or the alias of somebody whose address is known.
pub(super) fn read_whom<'t>(
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
            let teams = roster.teams.iter().map(|team| team.name.as_str());
            match nearest(&text.value, aliases.iter().map(String::as_str).chain(teams)) {
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

/// People by address or alias, and teams by name, in the order in which they stand.
pub(super) fn read_all<'t>(
    source: &mut Source<'t>,
    table: Table<'t>,
    key: &str,
    own: Option<&Own>,
    roster: &Roster,
) -> Vec<Address> {
    let texts = source.strings(table, key).unwrap_or_default();
    let mut found: Vec<Address> = Vec::new();
    for text in &texts {
        if let Some(team) = roster.team(&text.value) {
            // Whoever is in two teams is named once.
            let new = team.members.iter().filter(|member| !found.contains(*member)).cloned();
            let new: Vec<Address> = new.collect();
            found.extend(new);
            continue;
        }
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
        source.check_keys(table, "[[list]]", &["name", "address", "members", "open"]);
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
        let open = read_open(source, table, &name, kind.as_ref(), own);
        if let Some(kind) = kind {
            lists.push(List { open, ..List::new(&name.value, kind) });
        }
    }
    lists
}

/// Who may join and leave by mail; the name of such a list is part of addresses.
fn read_open<'t>(
    source: &mut Source<'t>,
    table: Table<'t>,
    name: &Text<'t>,
    kind: Option<&ListKind>,
    own: Option<&Own>,
) -> Open {
    let open = match source.boolean_or_text(table, "open") {
        None | Some(Ok(false)) => return Open::Closed,
        Some(Ok(true)) => Open::Known,
        Some(Err(text)) if text.value == "anyone" => Open::Anyone,
        Some(Err(text)) => {
            let what = format!(
                "'open': `{}` is nobody; write true for everybody who is known, or \"anyone\"",
                text.value
            );
            source.mistake(text.line, what);
            return Open::Closed;
        }
    };
    let line = source.line_of(table, "open");
    if matches!(kind, Some(ListKind::External(_))) {
        let what = format!(
            "the list '{}' is on another server, where people join and leave it; leave 'open' out",
            name.value
        );
        source.mistake(line, what);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let own_octets = own.map_or(0, |(address, _)| address.local_part().len());
    // `incidents+subscribe.LIST.TOKEN`.
    let others = own_octets + "+subscribe..".len() + TOKEN_CHARS;
    let most = LOCAL_PART_OCTETS_MAX.saturating_sub(others);
    if name.value.is_empty() || !name.value.chars().all(plain) || name.value.len() > most {
        let what = format!(
            "the name of a list that is open stands in an address: write '{}' with letters, digits, - and \
             _, and {most} of them at most",
            name.value
        );
        source.mistake(name.line, what);
    }
    open
}
