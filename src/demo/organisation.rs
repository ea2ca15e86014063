//! The made-up organisation of the demo: its configuration and its six people.
//!
//! The configuration is read like any other, so the demo shows what a first configuration does.
//! Start with [`PEOPLE`].

use chrono::{Datelike, NaiveDateTime, TimeDelta};

/// Whose mailboxes the page shows.
pub(super) static PEOPLE: [Player; 6] = [
    Player {
        alias: "alice",
        name: "Alice Ng",
        part: "commander",
        about: "is on call to command",
        address: "alice@example.org",
        pager: Some("alice@pager.example.org"),
    },
    Player {
        alias: "bob",
        name: "Bob Okafor",
        part: "deputy",
        about: "commands when Alice cannot",
        address: "bob@example.org",
        pager: Some("bob@pager.example.org"),
    },
    Player {
        alias: "carol",
        name: "Carol Diaz",
        part: "expert",
        about: "knows the database",
        address: "carol@example.org",
        pager: None,
    },
    Player {
        alias: "dana",
        name: "Dana Silva",
        part: "liaison",
        about: "speaks with customers",
        address: "dana@example.org",
        pager: None,
    },
    Player {
        alias: "erin",
        name: "Erin Holt",
        part: "director",
        about: "is leadership: hears of what is serious",
        address: "erin@example.org",
        pager: None,
    },
    Player {
        alias: "victor",
        name: "Victor Lund",
        part: "vendor",
        about: "works elsewhere and is on no list",
        address: "victor@vendor.example",
        pager: None,
    },
];

/// The address that everybody knows.
pub(super) const ADDRESS: &str = "incidents@example.org";

/// One of the people whose parts the visitor plays.
#[derive(Debug)]
pub(super) struct Player {
    pub alias: &'static str,
    pub name: &'static str,
    pub part: &'static str,
    /// Completes a sentence that begins with the name.
    pub about: &'static str,
    pub address: &'static str,
    pub pager: Option<&'static str>,
}

impl Player {
    /// The player with this alias.
    pub(super) fn named(alias: &str) -> Option<&'static Self> {
        PEOPLE.iter().find(|player| player.alias == alias)
    }

    /// `Alice`.
    pub(super) fn first_name(&self) -> &'static str {
        self.name.split(' ').next().unwrap_or(self.name)
    }

    /// Where mail reaches them.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.address).chain(self.pager)
    }
}

/// The configuration, for an organisation in this time zone whose first commander is on call at
/// `local_now`.
pub(super) fn configuration(time_zone: &str, local_now: NaiveDateTime) -> String {
    // The shift that is under way began at nine yesterday, so that the next is some days ahead, and its
    // notice is not due while the visitor looks round.
    let began = (local_now - TimeDelta::hours(33)).date();
    CONFIGURATION
        .replace("ZONE", time_zone)
        .replace("DAY", &began.weekday().to_string())
        .replace("BEGAN", &began.to_string())
}

/// What the vendor's address is not part of; everything else is left at its default.
const CONFIGURATION: &str = r##"
time_zone = "ZONE"
address = "incidents@example.org"
name = "Example incidents"
domains = ["example.org"]
incident_means = "Anything unexpected that harms or may harm our customers. When in doubt, declare."

[receive.trust]
networks = ["127.0.0.0/8"]
declare_from = "known"

[defaults]
bridge = "tel:+49-30-1234567"
chat = "#incident"

[[person]]
name = "Alice Ng"
alias = "alice"
email = "alice@example.org"
pager = "alice@pager.example.org"
[[person]]
name = "Bob Okafor"
alias = "bob"
email = "bob@example.org"
pager = "bob@pager.example.org"
[[person]]
name = "Carol Diaz"
alias = "carol"
email = "carol@example.org"
[[person]]
name = "Dana Silva"
alias = "dana"
email = "dana@example.org"
[[person]]
name = "Erin Holt"
alias = "erin"
email = "erin@example.org"

[[list]]
name = "everyone"
members = ["alice@example.org", "bob@example.org", "carol@example.org", "dana@example.org"]
[[list]]
name = "leadership"
members = ["erin@example.org"]

[[rotation]]
name = "commanders"
members = ["alice", "bob"]
hands_over = "DAY 09:00"
from = "BEGAN"
[command]
rotation = "commanders"
trained = ["alice", "bob"]

[[service]]
name = "payments"
experts = ["carol"]
on_call = "commanders"

[[template]]
name = "database"
title = "The database is slow"
severity = "SEV-2"
services = ["payments"]
tasks = ["carol check the lag of the replica by 10m", "bob look at what changed today by 15m"]
[[template]]
name = "certificate"
title = "A certificate has expired"
severity = "SEV-1"
tasks = ["carol renew the certificate by 20m"]

[[digest]]
name = "leadership-weekly"
to = ["leadership"]
schedule = "0 9 * * Mon"
"##;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_config;
    use crate::mail::Address;

    #[test]
    fn the_configuration_of_the_demo_has_no_mistakes() {
        let config = read_config(&configuration("Europe/Berlin", at("2026-11-21T14:00:00")), "demo");
        let policy = config.expect("a configuration without mistakes").policy();
        assert_eq!(policy.address.address().as_str(), ADDRESS);
        for player in PEOPLE.iter().filter(|player| player.part != "vendor") {
            let member = policy.roster.member(&Address::read(player.address).unwrap()).unwrap();
            assert_eq!(member.name, player.name);
            assert_eq!(member.pager.as_ref().map(Address::as_str), player.pager);
        }
        assert!(!policy.roster.knows(&Address::read("victor@vendor.example").unwrap()));
    }

    #[test]
    fn alice_is_on_call_on_whatever_day_the_demo_is_started() {
        for now in
            ["2026-11-21T14:00:00", "2026-11-23T08:59:00", "2026-11-23T09:00:00", "2027-01-01T00:00:00"]
        {
            let policy = read_config(&configuration("UTC", at(now)), "demo").unwrap().policy();
            let on_call = policy.roster.commander_on_call(policy.calendar.zone.instant(at(now)));
            assert_eq!(on_call.unwrap().name, "Alice Ng", "{now}");
        }
    }

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }
}
