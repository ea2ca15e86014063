//! `firebell list`: who is on the lists, by the configuration or because they joined, and who left; to put
//! somebody on one that is open, or take them off.
//!
//! A running server knows of it with the next mail.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::Failure;
use super::failure::{DATAERR, NOINPUT, print, print_json};
use super::open::{Found, open_engine, open_store};
use crate::mail::{Address, ListWish};
use crate::roster::membership::{Open, Standing};
use crate::roster::zone::Zone;
use crate::roster::{List, ListKind, Named, Roster};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// The lists, or who is on one and who left it
    Show {
        /// A list of the configuration; else all
        name: Option<String>,
        /// For programs: an array, or of one list an object
        #[arg(long)]
        json: bool,
    },
    /// Put somebody on a list that is open; they are told, and how to leave
    Add(Member),
    /// Take somebody off a list that is open; they are told, and whoever needs them
    Remove(Member),
}

#[derive(Debug, clap::Args)]
pub struct Member {
    /// A list of the configuration
    list: String,
    /// An address; of people in the configuration also their alias or name
    person: String,
}

/// A list as programs read it.
#[derive(Debug, Serialize)]
struct ListShown<'l> {
    name: &'l str,
    /// Somebody else's list, of which nobody here knows the members.
    address: Option<&'l str>,
    open: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<MemberShown<'l>>>,
    member_count: Option<usize>,
}

#[derive(Debug, Serialize)]
struct MemberShown<'l> {
    address: &'l str,
    /// `configured`, `joined` or `left`.
    standing: &'static str,
    since: Option<String>,
}

/// Prints lists, or changes who is on one.
pub async fn list(found: Found, command: Command) -> Result<(), Failure> {
    let (given, wish) = match command {
        Command::Show { name, json } => return show(&found, name.as_deref(), json).await,
        Command::Add(given) => (given, ListWish::Join),
        Command::Remove(given) => (given, ListWish::Leave),
    };
    let engine = open_engine(&found, open_store(&found.config).await?).await?;
    let policy = engine.present_policy().await?;
    let list = named(&policy.roster, &given.list)?;
    let name = &list.name;
    if !list.is_open() {
        let line = format!(
            "the list {name} is not open: change its members in {}, or write open = true there",
            found.path.display()
        );
        return Err(Failure::new(DATAERR, line));
    }
    let Named::One(person) = policy.roster.named(&given.person) else {
        let line = format!("`{}` is not one person; write an address", given.person);
        return Err(Failure::new(DATAERR, line));
    };
    let who = &person.address;
    let (done, already) = match wish {
        ListWish::Join => ("is on", "is on it already, or it is full"),
        ListWish::Leave => ("is off", "is not on it"),
    };
    if engine.change_member(name, who, wish).await? {
        print(&format!("{who} {done} the list {name}, and is told\n"))
    } else {
        let line = format!("nothing changed: {who} {already}; `firebell list show {name}` shows all");
        Err(Failure::new(NOINPUT, line))
    }
}

async fn show(found: &Found, name: Option<&str>, json: bool) -> Result<(), Failure> {
    let store = open_store(&found.config).await?;
    let policy = found.config.policy();
    let mut roster = policy.roster;
    if let Some(members) = store.load_members(None).await? {
        roster.lay_members(members);
    }
    match name {
        Some(name) => {
            let list = named(&roster, name)?;
            if json { print_json(&shown(list, true)) } else { print(&one(list, &policy.calendar.zone)) }
        }
        None if json => {
            print_json(&roster.lists.iter().map(|list| shown(list, false)).collect::<Vec<_>>())
        }
        None => print(&all(&roster)),
    }
}

fn named<'r>(roster: &'r Roster, name: &str) -> Result<&'r List, Failure> {
    roster.list(name).ok_or_else(|| {
        let names: Vec<&str> = roster.lists.iter().map(|list| list.name.as_str()).collect();
        let line =
            format!("there is no list `{name}`; those of the configuration: {}", names.join(", "));
        Failure::new(NOINPUT, line)
    })
}

fn all(roster: &Roster) -> String {
    let mut text = String::new();
    for list in &roster.lists {
        let what = match (&list.kind, list.members().len()) {
            (ListKind::External(address), _) => format!("somebody else's, {address}"),
            (_, 1) => "1 member".to_owned(),
            (_, count) => format!("{count} members"),
        };
        let _ = writeln!(text, "{:<20}{what}{}", list.name, open_words(list.open));
    }
    if text.is_empty() { "The configuration has no lists.\n".to_owned() } else { text }
}

fn open_words(open: Open) -> &'static str {
    match open {
        Open::Closed => "",
        Open::Known => ", open to people known here",
        Open::Anyone => ", open to anyone",
    }
}

fn one(list: &List, zone: &Zone) -> String {
    if let ListKind::External(address) = &list.kind {
        return format!("{address} is somebody else's list: who is on it is known there.\n");
    }
    let mut text = String::new();
    for (address, standing) in standings(list) {
        let how = match standing {
            Standing::Configured | Standing::Nothing => "by the configuration".to_owned(),
            Standing::Joined(at) => format!("joined {}", zone.format_full(at)),
            Standing::Left(at) => format!("left {}", zone.format_full(at)),
        };
        let _ = writeln!(text, "{:<40}{how}", address.as_str());
    }
    if text.is_empty() { format!("Nobody is on the list {}.\n", list.name) } else { text }
}

/// Who is on it, and then who left.
fn standings(list: &List) -> impl Iterator<Item = (&Address, Standing)> {
    let left = list.changed.iter().filter(|one| !one.joined).map(|one| &one.address);
    list.members().iter().chain(left).map(|address| (address, list.membership_of(address)))
}

fn shown(list: &List, with_members: bool) -> ListShown<'_> {
    let address = match &list.kind {
        ListKind::External(address) => Some(address.as_str()),
        ListKind::Own(_) => None,
    };
    let time = |at: DateTime<Utc>| Some(at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    let members = standings(list).map(|(address, standing)| {
        let (standing, since) = match standing {
            Standing::Joined(at) => ("joined", time(at)),
            Standing::Left(at) => ("left", time(at)),
            Standing::Configured | Standing::Nothing => ("configured", None),
        };
        MemberShown { address: address.as_str(), standing, since }
    });
    ListShown {
        name: &list.name,
        address,
        open: match list.open {
            Open::Closed => "no",
            Open::Known => "known",
            Open::Anyone => "anyone",
        },
        members: (with_members && address.is_none()).then(|| members.collect()),
        member_count: address.is_none().then(|| list.members().len()),
    }
}
