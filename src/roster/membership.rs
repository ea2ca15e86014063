//! Our own lists: who may join them by mail, and who is on them now.
//!
//! Who joined or left is in the database; whoever needs it lays it over the members of the
//! configuration with [`Roster::lay_members`]. Start with [`List::membership_of`].

use chrono::{DateTime, Utc};

use super::{List, ListKind, Roster};
use crate::mail::Address;

/// Who may join and leave a list of ours by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Open {
    /// Nobody: the configuration says who is on it.
    #[default]
    Closed,
    /// Everybody who is known here.
    Known,
    /// Whoever proves to have an address.
    Anyone,
}

/// That somebody joined or left a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Its name in lower case.
    pub list: String,
    /// In the roster, the first address.
    pub address: Address,
    /// Otherwise they left.
    pub joined: bool,
    pub since: DateTime<Utc>,
}

/// Who put somebody on a list, or took them off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedBy {
    /// Themselves, by mail.
    Mail,
    /// Themselves, by the page of the one-click field or its button.
    Page,
    /// Whoever looks after the server, on the command line.
    Operator,
}

/// All who joined or left, as of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memberships {
    /// Raised with every change.
    pub change: i64,
    pub all: Vec<Membership>,
}

/// What a list and an address have to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// By the configuration.
    Configured,
    Joined(DateTime<Utc>),
    Left(DateTime<Utc>),
    Nothing,
}

impl Standing {
    /// Gets what the list gets.
    pub fn is_member(self) -> bool {
        matches!(self, Self::Configured | Self::Joined(_))
    }
}

impl List {
    /// Whether its members may leave it by themselves.
    pub fn is_open(&self) -> bool {
        self.open != Open::Closed
    }

    /// Who is on it now; nobody knows that of somebody else's.
    pub fn members(&self) -> &[Address] {
        match &self.kind {
            ListKind::Own(members) => members,
            ListKind::External(_) => &[],
        }
    }

    /// What an address, in the roster the first of its owner, has to do with it.
    pub fn membership_of(&self, address: &Address) -> Standing {
        let changed = self.changed.iter().find(|membership| membership.address == *address);
        match changed {
            Some(membership) if membership.joined => Standing::Joined(membership.since),
            Some(membership) => Standing::Left(membership.since),
            None if self.members().contains(address) => Standing::Configured,
            None => Standing::Nothing,
        }
    }

    /// Who left it since then.
    pub fn left_since(&self, at: DateTime<Utc>) -> impl Iterator<Item = &Address> {
        let left = move |membership: &&Membership| !membership.joined && membership.since >= at;
        self.changed.iter().filter(left).map(|membership| &membership.address)
    }
}

impl Roster {
    /// Puts in force who joined and who left, in place of what was laid over the configuration before.
    /// Lists that are gone, or somebody else's by now, are left out.
    pub fn lay_members(&mut self, memberships: Memberships) {
        for list in &mut self.lists {
            let ListKind::Own(members) = &mut list.kind else { continue };
            let here = |membership: &&Membership| membership.list.eq_ignore_ascii_case(&list.name);
            list.changed = memberships.all.iter().filter(here).cloned().collect();
            let left: std::collections::HashSet<&Address> =
                list.changed.iter().filter(|one| !one.joined).map(|one| &one.address).collect();
            *members = list.configured.iter().filter(|one| !left.contains(one)).cloned().collect();
            let known: std::collections::HashSet<&Address> = list.configured.iter().collect();
            let joined = list.changed.iter().filter(|one| one.joined).map(|one| &one.address);
            members.extend(joined.filter(|one| !known.contains(one)).cloned());
        }
        self.members_as_of = Some(memberships.change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::read(text).unwrap()
    }

    #[test]
    fn who_joined_is_added_and_who_left_is_gone_until_the_next_reading() {
        let at = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let configured = vec![address("a@x.example"), address("b@x.example")];
        let list = |name: &str, kind| List { configured: configured.clone(), ..List::new(name, kind) };
        let mut roster = Roster {
            lists: vec![
                list("Staff", ListKind::Own(configured.clone())),
                list("wide", ListKind::External(address("wide@lists.example"))),
            ],
            ..Roster::default()
        };
        let membership = |list: &str, who: &str, joined| Membership {
            list: list.to_owned(),
            address: address(who),
            joined,
            since: at,
        };
        let all = vec![
            membership("staff", "A@x.example", false),
            membership("staff", "b@x.example", true),
            membership("staff", "c@y.example", true),
            membership("wide", "c@y.example", true),
            membership("gone", "c@y.example", true),
        ];
        roster.lay_members(Memberships { change: 3, all });
        let staff = roster.list("staff").unwrap();
        assert_eq!(staff.members(), [address("b@x.example"), address("c@y.example")]);
        assert_eq!(staff.membership_of(&address("a@x.example")), Standing::Left(at));
        assert_eq!(staff.membership_of(&address("d@x.example")), Standing::Nothing);
        assert!(staff.membership_of(&address("c@y.example")).is_member());
        assert_eq!(staff.left_since(at).collect::<Vec<_>>(), [&address("a@x.example")]);
        assert_eq!(staff.left_since(at + chrono::TimeDelta::seconds(1)).count(), 0);
        assert!(roster.list("wide").unwrap().members().is_empty());
        roster.lay_members(Memberships { change: 4, all: Vec::new() });
        let staff = roster.list("staff").unwrap();
        assert_eq!(staff.members(), configured);
        assert_eq!(staff.membership_of(&address("a@x.example")), Standing::Configured);
        assert_eq!(roster.members_as_of, Some(4));
    }
}
