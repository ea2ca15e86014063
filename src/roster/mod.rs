//! Who is who: people and their addresses, teams, lists, services and who is on call for them, and
//! the organisation's zone and working days.
//!
//! Pure: a question about "now" takes `now`. Overrides that people made by mail, and who joined or left a
//! list, are in the database; whoever needs them lays them over the configuration with
//! [`Roster::lay_over`] and [`Roster::lay_members`].

pub mod calendar;
pub mod levels;
pub mod membership;
pub mod period;
pub mod request;
pub mod rotation;
mod short;
pub mod standing;
pub mod zone;

use chrono::{DateTime, Utc};

use crate::incident::state::Person;
use crate::mail::Address;
use crate::mail::address::is_same_domain;
use membership::{Membership, Open};
use rotation::{Override, Rotation};
use zone::Zone;

/// Everybody the configuration names.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    pub people: Vec<Member>,
    pub lists: Vec<List>,
    pub teams: Vec<Team>,
    pub rotations: Vec<Rotation>,
    pub services: Vec<Service>,
    /// Domains whose people are known. Lower case.
    pub domains: Vec<String>,
    /// The overrides that people agreed on, as they were last laid over the rotations.
    pub agreed: Vec<(String, Override)>,
    /// Up to which change those who joined or left are on the lists; `None` before the first reading.
    pub members_as_of: Option<i64>,
    /// The rotation of those who are asked to command; `None` where there is none.
    pub commanding: Option<String>,
    /// May be asked to command when the rotation is silent. First addresses.
    pub trained: Vec<Address>,
}

/// A person of the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub alias: Option<String>,
    /// Where their mail goes.
    pub address: Address,
    /// Other addresses they write from.
    pub also: Vec<Address>,
    pub pager: Option<Address>,
    /// Where they live; the organisation's when they say nothing.
    pub zone: Option<Zone>,
}

/// People who are named together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub name: String,
    /// First addresses.
    pub members: Vec<Address>,
}

/// Something that can fail, and who knows about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// First addresses.
    pub experts: Vec<Address>,
    /// Whose it is.
    pub team: Option<String>,
    pub on_call: OnCall,
}

/// Who is on call for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnCall {
    Nobody,
    /// The rotation of this name.
    Rotation(String),
    /// All of a team at once.
    Team(String),
}

/// A list of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    pub name: String,
    pub kind: ListKind,
    /// Who may join and leave it by mail.
    pub open: Open,
    /// Of a list of ours, its members by the configuration.
    pub configured: Vec<Address>,
    /// Who joined or left by mail.
    pub changed: Vec<Membership>,
}

impl List {
    /// A list whose members are the configuration's alone.
    pub fn new(name: &str, kind: ListKind) -> Self {
        let configured = match &kind {
            ListKind::Own(members) => members.clone(),
            ListKind::External(_) => Vec::new(),
        };
        Self { name: name.to_owned(), kind, open: Open::Closed, configured, changed: Vec::new() }
    }
}

/// Whose list it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    /// Somebody else's server spreads it: one copy.
    External(Address),
    /// Ours: one copy each. These are on it now.
    Own(Vec<Address>),
}

/// What a name in a mail means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    One(Person),
    /// The candidates, to be asked back.
    Several(Vec<Person>),
    Nobody,
}

impl Roster {
    /// The member with this address, their other addresses and pager included.
    pub fn member(&self, address: &Address) -> Option<&Member> {
        self.people.iter().find(|member| {
            member.address == *address
                || member.also.contains(address)
                || member.pager.as_ref() == Some(address)
        })
    }

    /// Who has this address: with the roster's name and first address where they are in it,
    /// with `name` (from the header) otherwise.
    pub fn person(&self, address: &Address, name: &str) -> Person {
        match self.member(address) {
            Some(member) => member.person(),
            None => Person { address: address.clone(), name: name.to_owned() },
        }
    }

    /// In the roster, or of a configured domain.
    pub fn knows(&self, address: &Address) -> bool {
        self.member(address).is_some()
            || self.domains.iter().any(|domain| is_same_domain(domain, address.domain()))
    }

    /// Finds a person by address, alias, full name, or a first name that only one has.
    pub fn named(&self, text: &str) -> Named {
        let text = text.trim().trim_start_matches('@').trim_end_matches(['.', ',', '!']);
        let bare = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end_matches('>'));
        if let Ok(address) = Address::read(bare) {
            return if self.knows(&address) {
                Named::One(self.person(&address, ""))
            } else {
                Named::One(Person { address, name: String::new() })
            };
        }
        let wanted = text.to_lowercase();
        let is_alias =
            |member: &&Member| member.alias.as_ref().is_some_and(|alias| alias.to_lowercase() == wanted);
        let is_full = |member: &&Member| member.name.to_lowercase() == wanted;
        let is_first = |member: &&Member| {
            member.name.split_whitespace().next().is_some_and(|first| first.to_lowercase() == wanted)
        };
        if wanted.is_empty() {
            return Named::Nobody;
        }
        if let Some(member) = self.people.iter().find(is_alias) {
            return Named::One(member.person());
        }
        for found in [
            self.people.iter().filter(is_full).collect::<Vec<_>>(),
            self.people.iter().filter(is_first).collect::<Vec<_>>(),
        ] {
            match found.as_slice() {
                [] => {}
                [member] => return Named::One(member.person()),
                several => {
                    return Named::Several(several.iter().map(|member| member.person()).collect());
                }
            }
        }
        Named::Nobody
    }

    /// The list of this name.
    pub fn list(&self, name: &str) -> Option<&List> {
        self.lists.iter().find(|list| list.name.eq_ignore_ascii_case(name))
    }

    /// The team of this name.
    pub fn team(&self, name: &str) -> Option<&Team> {
        self.teams.iter().find(|team| team.name.eq_ignore_ascii_case(name))
    }

    /// The rotation of this name.
    pub fn rotation(&self, name: &str) -> Option<&Rotation> {
        self.rotations.iter().find(|rotation| rotation.name.eq_ignore_ascii_case(name))
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name.eq_ignore_ascii_case(name))
    }

    /// The rotation of those who are asked to command.
    pub fn command_rotation(&self) -> Option<&Rotation> {
        self.commanding.as_ref().and_then(|name| self.rotation(name))
    }

    /// Puts overrides in force beside those of the configuration, which count less: people made them
    /// later. Each goes with the name of its rotation; those of a rotation that is gone do nothing.
    pub fn lay_over(&mut self, overrides: Vec<(String, Override)>) {
        for rotation in &mut self.rotations {
            rotation.overrides.retain(|change| change.agreed_at.is_none());
            let here = |name: &String| name.eq_ignore_ascii_case(&rotation.name);
            let theirs = overrides.iter().filter(|(name, _)| here(name));
            rotation.overrides.extend(theirs.map(|(_, change)| change.clone()));
        }
        self.agreed = overrides;
    }

    /// The overrides that have not ended, each with its rotation, in the order in which they begin.
    pub fn overrides_after(&self, now: DateTime<Utc>) -> Vec<(&Rotation, &Override)> {
        let of = |rotation| move |change| (rotation, change);
        let all = self.rotations.iter().flat_map(|rotation| rotation.overrides.iter().map(of(rotation)));
        let mut left: Vec<(&Rotation, &Override)> =
            all.filter(|(_, change)| change.until_at > now).collect();
        left.sort_by_key(|(_, change)| change.from_at);
        left
    }

    /// Who is asked first to command: the rotation's turn, else the trained, else nobody.
    pub fn commander_on_call(&self, now: DateTime<Utc>) -> Option<Person> {
        let address = match self.command_rotation() {
            Some(rotation) => rotation.on_call(now),
            None => self.trained.first(),
        }?;
        Some(self.person(address, ""))
    }
}

impl Member {
    /// The person as an incident knows them.
    pub fn person(&self) -> Person {
        Person { address: self.address.clone(), name: self.name.clone() }
    }
}
