//! Tests of [`super`].

use super::*;
use crate::config::{FIRST_CONFIGURATION, Listen};
use crate::incident::policy::{PostmortemDuty, RungAt, Span};
use crate::roster::membership::Open;

fn mistakes(text: &str) -> Vec<String> {
    match read_config(text, "firebell.toml") {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

/// The example of the manual.
const EXAMPLE: &str = include_str!("example.toml");

#[test]
fn an_address_is_a_configuration() {
    let config = read_config("address = \"incidents@example.org\"", "x").unwrap();
    let policy = config.policy();
    assert_eq!(policy.severities[0].postmortem, PostmortemDuty::Within(Span::BusinessDays(3)));
    assert_eq!(policy.severities[2].postmortem, PostmortemDuty::AskedOnce);
    assert_eq!(policy.severities[3].take_command_within, Span::NextWorkingHour);
    assert_eq!(policy.severities[0].notify, ["everyone", "leadership"]);
    assert_eq!(policy.severities[2].notify, ["everyone"]);
    assert_eq!(policy.update_ladder.rungs.len(), 5);
    assert_eq!(policy.update_ladder.then.as_ref().map(|then| then.at_most), Some(12));
    assert_eq!(config.smtp_listen, Some("127.0.0.1:2525".parse().unwrap()));
    assert_eq!(config.keep_raw, TimeDelta::days(90));
    assert_eq!(policy.roster.domains, ["example.org"]);
}

#[test]
fn an_address_that_leaves_no_room_for_tokens_is_a_mistake() {
    let long = "incident-coordination-desk";
    let found = mistakes(&format!("address = \"{long}@example.org\""));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("may have 22 octets"), "{found:?}");
    let own = "a".repeat(22);
    let address = crate::mail::Address::read(&format!("{own}@example.org")).unwrap();
    let longest = format!("held.{}.{}", i64::MAX, "a".repeat(16));
    let tagged = crate::mail::OwnAddress::new(address, '+').tagged(&longest);
    assert_eq!(tagged.local_part().len(), 64);
    assert!(tagged.as_str().parse::<lettre::Address>().is_ok());
}

#[test]
fn a_time_to_object_that_every_proposal_would_be_refused_for_is_a_mistake() {
    let found = |window: &str| {
        mistakes(&format!("address = \"i@example.org\"\n[defaults]\nproposal = \"{window}\""))
    };
    for wrong in ["59s", "25h"] {
        let found = found(wrong);
        assert!(found.len() == 1 && found[0].contains("people need a minute"), "{found:?}");
    }
    assert_eq!((found("1m"), found("24h")), (Vec::new(), Vec::new()));
}

#[test]
fn a_ladder_is_climbed_in_the_order_of_time() {
    let text = "address = \"incidents@example.org\"\n[ladder]\nupdate = [\
        { at = \"5m\", to = [\"deputy\"] }, { at = \"-5m\", to = [\"commander\"] }]";
    let ladder = read_config(text, "x").unwrap().policy().update_ladder;
    let at: Vec<_> = ladder.rungs.iter().map(|rung| rung.at).collect();
    let minutes = |count| RungAt::Offset(TimeDelta::minutes(count));
    assert_eq!(at, [minutes(-5), minutes(5)]);
}

#[test]
fn the_first_configuration_and_the_example_read() {
    assert_eq!(mistakes(FIRST_CONFIGURATION), [""; 0]);
    // With every commented key in force as well.
    let all: String = FIRST_CONFIGURATION
        .lines()
        .map(|line| {
            let key =
                line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = "));
            format!("{}\n", key.unwrap_or(line))
        })
        .collect();
    assert_eq!(mistakes(&all), [""; 0]);
    let config = read_config(EXAMPLE, "example.toml").unwrap();
    let policy = config.policy();
    assert_eq!(policy.roster.people.len(), 2);
    assert_eq!(policy.roster.command_rotation().map(|rotation| rotation.members.len()), Some(2));
    let names: Vec<&str> = policy.digests.iter().map(|digest| digest.name.as_str()).collect();
    assert_eq!(names, ["leadership-weekly", "quarterly-planning"]);
    assert_eq!(policy.default_severity, crate::incident::Severity::Sev2);
    assert_eq!(config.lmtp_listen, Some(Listen::Tcp("127.0.0.1:2424".parse().unwrap())));
}

#[test]
fn every_mistake_is_told_with_its_line_and_the_next_step() {
    let text = r#"adress = "incidents@example.org"
address = "incidents@example.org"
time_zone = "Europe/Berln"
keep_raw = "long"
[receive.imap]
url = "imaps://x"
[receive.smtp]
listen = "2525"
[receive.trust]
networks = ["10.0.0.0/40"]
declare_from = "all"
[send]
relay = "smtp://relay.example.org:25"
operator = "Incidents+9@EXAMPLE.org"
[[person]]
name = "Alice Ng"
alias = "alice"
email = "incidents@example.org"
[[person]]
name = "Bob"
alias = "Alice"
email = "bob.example.org"
[[list]]
name = "everyone"
[[rotation]]
name = "commanders"
members = ["alise"]
hands_over = "Mo 9"
from = "16.11.2026"
[command]
rotation = "comanders"
[[severity]]
name = "SEV-9"
notify = ["nobody"]
update_every = { investigating = "often" }
[calendar]
hours = "9 to 5"
holidays = ["Christmas"]
[[digest]]
name = "weekly"
to = ["leadership"]
schedule = "0 9 31 2 *"
[ladder]
update = [{ at = "soon", to = ["comander"] }]
"#;
    let found = mistakes(text);
    for (line, part) in [
        (1, "unknown key 'adress' in the top level; did you mean 'address'?"),
        (3, "did you mean `Europe/Berlin`?"),
        (4, "`long` is no duration"),
        (5, "[receive.imap] needs 'password_file'"),
        (6, "does not say who logs in"),
        (8, "`2525` is no address to listen on"),
        (10, "`10.0.0.0/40` is no network"),
        (11, "write known or anyone"),
        (13, "smtp+starttls://relay.example.org"),
        (14, "Firebell's own address"),
        (18, "Firebell's own address"),
        (21, "taken already in line 17"),
        (22, "is not an address"),
        (24, "give it an address or members"),
        (27, "no person has the alias `alise`; did you mean 'alice'?"),
        (28, "`Mo` is no day of the week"),
        (29, "is no date"),
        (31, "there is no rotation 'comanders'; did you mean 'commanders'?"),
        (33, "`SEV-9` is no severity"),
        (34, "there is no list 'nobody'"),
        (35, "`often` is no duration"),
        (37, "are no hours"),
        (38, "`Christmas` is no date"),
        (42, "never runs"),
        (44, "`soon` is no duration"),
        (44, "did you mean 'commander'?"),
    ] {
        let start = format!("firebell.toml:{line}: ");
        assert!(
            found.iter().any(|error| error.starts_with(&start) && error.contains(part)),
            "{line}: {part}\n{}",
            found.join("\n")
        );
    }
    assert_eq!(found.len(), 26, "{}", found.join("\n"));
}

#[test]
fn a_misspelt_address_hides_no_other_mistake() {
    let text = "adress = \"incidents@example.org\"\ntime_zone = \"Europe/Berlinn\"\n\
                [[severity]]\nname = \"SEV-9\"\n[[digest]]\nname = \"w\"\nschedule = \"0 9 * *\"";
    let told = mistakes(text);
    for line in [
        "firebell.toml:1: unknown key 'adress'",
        "firebell.toml:2:",
        "firebell.toml:4:",
        "firebell.toml:7:",
    ] {
        assert!(told.iter().any(|told| told.starts_with(line)), "{line} is not in {told:#?}");
    }
}

#[test]
fn a_password_is_refused_in_the_file() {
    let text = "address = \"a@x.example\"\n[database]\nurl = \"postgres://u:secret@h/db\"";
    let found = mistakes(text);
    assert!(found.len() == 1 && found[0].contains("url_file"), "{found:?}");
    assert!(!found[0].contains("secret"));
}

#[test]
fn what_is_no_toml_does_no_harm() {
    for text in [
        "",
        "address",
        "address = 5",
        "[[",
        "person = 3",
        "[person]\n",
        "\u{0}",
        "receive = \"x\"",
        "[[person]]",
    ] {
        assert!(!mistakes(text).is_empty(), "{text}");
    }
}

#[test]
fn one_address_is_not_two_things() {
    let own = "address = \"a@x.example\"\n";
    for (text, told) in [
        // The relay that is used where nobody names one.
        ("[receive.smtp]\nlisten = \"0.0.0.0:25\"", "[send] relay is 127.0.0.1:25"),
        (
            "[receive.lmtp]\nlisten = \"[::1]:26\"\n[send]\nrelay = \"smtp://[::1]:26\"",
            "firebell.toml:4: [send] relay is [::1]:26",
        ),
        (
            "[receive.smtp]\nlisten = \"127.0.0.1:8025\"\n[web]",
            "firebell.toml:4: [web] would listen on 127.0.0.1:8025, where [receive.smtp] does",
        ),
    ] {
        let found = mistakes(&format!("{own}{text}"));
        assert!(found.len() == 1 && found[0].contains(told), "{text}: {found:?}");
    }
    for text in [
        "[receive.smtp]\nlisten = \"192.0.2.1:25\"",
        "[receive.smtp]\nlisten = \"127.0.0.1:0\"\n[web]\nlisten = \"127.0.0.1:0\"",
        "[receive.smtp]\nlisten = \"0.0.0.0:25\"\n[send]\nrelay = \"smtps://relay.example.org:25\"",
    ] {
        assert!(read_config(&format!("{own}{text}"), "firebell.toml").is_ok(), "{text}");
    }
}

#[test]
fn a_list_of_ours_may_be_open_under_a_name_that_an_address_can_have() {
    let read = |list: &str| {
        let text = format!("address = \"incidents@example.org\"\n[[list]]\n{list}\n");
        let open = |config: Config| config.policy().roster.lists[0].open;
        read_config(&text, "x").map(open).map_err(|errors| errors[0].to_string())
    };
    let staff = "name = \"staff\"\nmembers = [\"a@x.example\"]";
    assert_eq!(read(staff), Ok(Open::Closed));
    for (open, expected) in
        [("true", Open::Known), ("\"anyone\"", Open::Anyone), ("false", Open::Closed)]
    {
        assert_eq!(read(&format!("{staff}\nopen = {open}")), Ok(expected));
    }
    let longest = "a".repeat(27);
    assert!(read(&format!("name = \"{longest}\"\nmembers = []\nopen = true")).is_ok());
    for (list, why) in [
        (format!("{staff}\nopen = \"everybody\""), "`everybody` is nobody"),
        (format!("{staff}\nopen = 3"), "'open' must be"),
        ("name = \"all staff\"\nmembers = []\nopen = true".to_owned(), "stands in an address"),
        (format!("name = \"{longest}a\"\nmembers = []\nopen = true"), "27 of them at most"),
        ("name = \"all\"\naddress = \"all@x.example\"\nopen = true".to_owned(), "another server"),
    ] {
        let found = read(&list).unwrap_err();
        assert!(found.contains(why), "{found}");
    }
}
