//! Every mail in `tests/mails/alerts` is known by the one ready rule of its system, and says what stands
//! beside it.
//!
//! `FIREBELL_REWRITE=1 cargo test --test alerts` writes those texts anew; read the difference before you
//! keep it.

use std::fs;
use std::path::{Path, PathBuf};

use firebell::alerts::ready::READY;
use firebell::alerts::{Rule, Seen};
use firebell::config::read_config;
use firebell::mail::message::read_mail;
use firebell::mail::{Address, OwnAddress};
use firebell::render::alert::{AlertShown, render_dry_run, threshold_words};

const FOLDER: &str = "tests/mails/alerts";

/// All ready rules, as they are without a key of anybody's own.
fn rules() -> Vec<Rule> {
    let mut text = "address = \"incidents@example.org\"\n".to_owned();
    for ready in &READY {
        text.push_str(&format!("[[alert]]\nuse = \"{}\"\ntoken_file = \"/x\"\n", ready.name));
    }
    read_config(&text, "test").expect("a configuration").policy().alerts
}

fn seen(octets: &[u8]) -> Seen {
    let own = OwnAddress::new(Address::read("incidents@example.org").expect("an address"), '+');
    Seen::of(&read_mail(octets, false), octets, None, false, &own)
}

fn mails() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).expect("the folder of alerts");
    let paths = entries.map(|entry| entry.expect("a file of the folder").path());
    let mut mails: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect();
    mails.sort();
    mails
}

fn read(path: &Path, rules: &[Rule]) -> String {
    let octets = fs::read(path).expect("a mail");
    let seen = seen(&octets);
    let mut text = String::new();
    for rule in rules {
        if let Ok(alert) = rule.read(&seen) {
            let then = threshold_words(rule.threshold, alert.signal);
            text.push_str(&render_dry_run(&AlertShown { alert: &alert, then, believed: String::new() }));
        }
    }
    text
}

#[test]
fn every_alert_reads_as_the_text_beside_it() {
    let rules = rules();
    let mut wrong = Vec::new();
    for path in mails() {
        let beside = path.with_extension("txt");
        let found = read(&path, &rules);
        if std::env::var_os("FIREBELL_REWRITE").is_some() {
            fs::write(&beside, &found).expect("a text beside the mail");
        } else if fs::read_to_string(&beside).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_ready_rule_knows_its_own_mails_and_no_others() {
    let rules = rules();
    for ready in &READY {
        let own = ready.name.replace('-', "_");
        let mut known = 0;
        for path in mails() {
            let octets = fs::read(&path).expect("a mail");
            let seen = seen(&octets);
            let rule = rules.iter().find(|rule| rule.name == ready.name).expect("a ready rule");
            let is_own = path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with(&own));
            assert_eq!(rule.read(&seen).is_ok(), is_own, "{} and {}", ready.name, path.display());
            known += usize::from(is_own);
        }
        assert!(known >= 2, "{} has {known} mails", ready.name);
    }
}

#[test]
fn what_fires_and_what_recovers_is_one_thing_of_one_group() {
    let rules = rules();
    for (fires, recovers) in [
        ("alertmanager_firing", "alertmanager_resolved"),
        ("grafana_firing", "grafana_resolved"),
        ("nagios_problem", "nagios_recovery"),
        ("icinga_problem", "icinga_recovery"),
        ("zabbix_problem", "zabbix_resolved"),
        ("cloudwatch_alarm", "cloudwatch_ok"),
        ("uptime_kuma_down", "uptime_kuma_up"),
    ] {
        let [fires, recovers] = [fires, recovers].map(|name| {
            let octets = fs::read(format!("{FOLDER}/{name}.eml")).expect("a mail");
            let seen = seen(&octets);
            rules.iter().find_map(|rule| rule.read(&seen).ok()).expect("a ready rule")
        });
        assert_eq!((fires.signal.name(), recovers.signal.name()), ("firing", "recovered"));
        assert_eq!((&fires.group, &fires.thing), (&recovers.group, &recovers.thing));
    }
}
