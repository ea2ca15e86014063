//! Whom a page reaches, level after level, when nobody answers.
//!
//! Says who, never when or how: whoever pages keeps the clock. Start with [`Roster::levels`].

use chrono::{DateTime, Utc};

use super::rotation::Rotation;
use super::{ListKind, OnCall, Roster, Service};
use crate::mail::Address;

/// The list that is paged when nobody else answered.
const LEADERSHIP: &str = "leadership";

/// How far a page has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Who is on call.
    Primary,
    /// Who stands behind them: the backup rotation's, or the next member.
    Backup,
    /// Everybody else of the rotation.
    Rotation,
    Leadership,
}

/// Those who are paged together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    pub rank: Rank,
    /// First addresses, and the address of a list that somebody else spreads. Never empty.
    pub people: Vec<Address>,
}

impl Roster {
    /// The levels of a rotation at an instant: primary, backup, whole rotation, leadership. Nobody
    /// stands in two, and a level with nobody in it is left out.
    pub fn levels(&self, rotation: &Rotation, now: DateTime<Utc>) -> Vec<Level> {
        let order: Vec<Address> = rotation.order(now).into_iter().cloned().collect();
        let named = rotation.backup.as_ref().and_then(|name| self.rotation(name));
        let backup = match named {
            Some(backup) => backup.on_call(now).cloned(),
            None => order.get(1).cloned(),
        };
        let primary = order.first().cloned();
        collected([
            (Rank::Primary, primary.into_iter().collect()),
            (Rank::Backup, backup.into_iter().collect()),
            (Rank::Rotation, order),
            (Rank::Leadership, self.leadership()),
        ])
    }

    /// The levels of a service: those of its rotation, or its whole team and then leadership. Empty
    /// where nobody is on call for it.
    pub fn levels_of(&self, service: &Service, now: DateTime<Utc>) -> Vec<Level> {
        match &service.on_call {
            OnCall::Nobody => Vec::new(),
            OnCall::Rotation(name) => {
                self.rotation(name).map(|rotation| self.levels(rotation, now)).unwrap_or_default()
            }
            OnCall::Team(name) => {
                let team = self.team(name).map(|team| team.members.clone()).unwrap_or_default();
                collected([(Rank::Primary, team), (Rank::Leadership, self.leadership())])
            }
        }
    }

    /// Who is told when those who are on call do not answer; empty where there is no such list.
    pub fn leadership(&self) -> Vec<Address> {
        match self.list(LEADERSHIP).map(|list| &list.kind) {
            Some(ListKind::Own(members)) => members.clone(),
            Some(ListKind::External(address)) => vec![address.clone()],
            None => Vec::new(),
        }
    }
}

fn collected<const N: usize>(ranks: [(Rank, Vec<Address>); N]) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for (rank, people) in ranks {
        let mut fresh: Vec<Address> = Vec::new();
        for address in people {
            let is_asked = levels.iter().any(|level| level.people.contains(&address));
            if !is_asked && !fresh.contains(&address) {
                fresh.push(address);
            }
        }
        if !fresh.is_empty() {
            levels.push(Level { rank, people: fresh });
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use crate::config::read_config;

    const TEXT: &str = r#"
address = "incidents@example.org"
[[person]]
name = "Alice"
alias = "alice"
email = "alice@example.org"
[[person]]
name = "Bob"
alias = "bob"
email = "bob@example.org"
[[person]]
name = "Carol"
alias = "carol"
email = "carol@example.org"
[[team]]
name = "web"
members = ["carol", "bob"]
[[list]]
name = "leadership"
members = ["vp@example.org", "carol"]
[[rotation]]
name = "payments"
members = ["alice", "bob", "carol"]
hands_over = "09:00"
from = "2026-11-16"
backup = "seconds"
[[rotation]]
name = "seconds"
members = ["bob"]
hands_over = "09:00"
from = "2026-11-16"
[[service]]
name = "checkout"
on_call = "payments"
[[service]]
name = "shop"
on_call = "web"
[[service]]
name = "wiki"
"#;

    fn levels(service: &str, now: &str) -> Vec<String> {
        let roster = read_config(TEXT, "test").unwrap().policy().roster;
        let levels = roster.levels_of(roster.service(service).unwrap(), now.parse().unwrap());
        let names = |level: super::Level| {
            let people: Vec<_> = level.people.iter().map(|person| person.local_part()).collect();
            format!("{:?} {}", level.rank, people.join(" "))
        };
        levels.into_iter().map(names).collect()
    }

    #[test]
    fn nobody_is_paged_on_two_levels() {
        assert_eq!(
            levels("checkout", "2026-11-16T12:00:00Z"),
            ["Primary alice", "Backup bob", "Rotation carol", "Leadership vp"]
        );
        // Bob is on call and his own backup: the next level is everybody else.
        assert_eq!(
            levels("checkout", "2026-11-17T12:00:00Z"),
            ["Primary bob", "Rotation carol alice", "Leadership vp"]
        );
        assert_eq!(levels("shop", "2026-11-17T12:00:00Z"), ["Primary carol bob", "Leadership vp"]);
        assert!(levels("wiki", "2026-11-17T12:00:00Z").is_empty());
    }
}
