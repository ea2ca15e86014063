//! `[[alert]]`: by what the alerts of monitoring systems are known, and what they become.
//!
//! A rule begins with a ready one (`use`) or with nothing; its own patterns stand beside those of the
//! ready one, and its other keys in their place. Opens nothing. Start with [`read_alerts`].

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::reading::read_path;
use super::source::{Source, Table, nearest};
use super::values::read_positive;
use crate::alerts::ready::{READY, Ready, ready};
use crate::alerts::template::Template;
use crate::alerts::{Pattern, Place, Rule, Sender, Threshold};
use crate::incident::Severity;
use crate::roster::Roster;

/// Somebody is asked first, unless the rule says something else: an alert that nobody looks at declares
/// itself before long.
const ASKED_FIRST: Threshold = Threshold::Unacknowledged(TimeDelta::minutes(10));

const KEYS: &[&str] = &[
    "use",
    "name",
    "from",
    "token_file",
    "subject",
    "body",
    "header",
    "facts",
    "recovered",
    "remark",
    "group",
    "title",
    "service",
    "link",
    "severity",
    "severities",
    "threshold",
];

/// The rules in the order of the file. `has_api` says that alerts may come by the API, too.
pub(super) fn read_alerts<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    roster: &Roster,
    has_api: bool,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for table in source.tables(top, "alert") {
        source.check_keys(table, "[[alert]]", KEYS);
        let Some(rule) = read_rule(source, table, roster) else { continue };
        if rules.iter().any(|other| other.name == rule.name) {
            let what =
                format!("there is a rule '{}' already; give this one a name of its own", rule.name);
            source.mistake(table.line, what);
        }
        if rule.senders.is_empty() && rule.token_file.is_none() && !has_api {
            let what = format!(
                "nobody can be believed to send '{}'; write from = [\"monitoring@example.org\"], \
                 token_file, or alerts_token_file in [web]",
                rule.name
            );
            source.mistake(table.line, what);
        }
        rules.push(rule);
    }
    rules
}

fn read_rule<'t>(source: &mut Source<'t>, table: Table<'t>, roster: &Roster) -> Option<Rule> {
    let used = source.parsed(table, "use", |name| {
        ready(name).ok_or_else(|| {
            let names = || READY.iter().map(|ready| ready.name);
            let advice = match nearest(name, names()) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("they are {}", names().collect::<Vec<_>>().join(", ")),
            };
            format!("there is no ready rule `{name}`; {advice}")
        })
    });
    let name = source.string(table, "name").map(|name| name.value.into_owned());
    let name = name.or_else(|| used.map(|used| used.name.to_owned()));
    let Some(name) = name.filter(|name| !name.trim().is_empty()) else {
        if !source.has(table, "use") {
            source.mistake(table.line, "[[alert]] needs 'name' or 'use'; write use = \"alertmanager\"");
        }
        return None;
    };
    let mut rule = begin(used, name);
    read_senders(source, table, &mut rule);
    rule.token_file = read_path(source, table, "token_file");
    read_patterns(source, table, used.is_some(), &mut rule);
    read_templates(source, table, roster, &mut rule);
    rule.severity = source.parsed(table, "severity", read_severity);
    if let Some(words) = source.table(table, "severities") {
        for key in words.entries.keys() {
            let word = key.get_ref();
            if let Some(severity) = source.parsed(words, word, read_severity) {
                // What the organisation says of a word comes before what a ready rule says.
                rule.severities.insert(0, (word.to_lowercase(), severity));
            }
        }
    }
    rule.threshold = source.parsed(table, "threshold", read_threshold).unwrap_or(ASKED_FIRST);
    Some(rule)
}

fn begin(used: Option<&Ready>, name: String) -> Rule {
    let template = |text: &str| Template::read(text).expect("a template that a test has read");
    let pattern =
        |place: Place, text: &str| Pattern::read(place, text).expect("a pattern that a test has read");
    let subject = |text: &str| pattern(Place::Subject, text);
    let (title, group) = used.map_or(("{title}", "{title}"), |used| (used.title, used.group));
    let patterns = used.map_or_else(Vec::new, |used| {
        let body = used.body.map(|text| pattern(Place::Body, text));
        std::iter::once(subject(used.subject)).chain(body).collect()
    });
    let facts = used.map_or(&[][..], |used| used.facts);
    let severities = used.map_or(&[][..], |used| used.severities);
    Rule {
        name,
        senders: Vec::new(),
        token_file: None,
        secret: None,
        patterns,
        facts: facts.iter().map(|text| pattern(Place::Body, text)).collect(),
        recovered: used.map(|used| subject(used.recovered)).into_iter().collect(),
        remarks: used.and_then(|used| used.remarks).map(subject).into_iter().collect(),
        group: template(group),
        title: template(title),
        service: Some(template("{service}")),
        link: Some(template("{link}")),
        severity: None,
        severities: severities.iter().map(|(word, severity)| ((*word).to_owned(), *severity)).collect(),
        threshold: ASKED_FIRST,
    }
}

fn read_senders<'t>(source: &mut Source<'t>, table: Table<'t>, rule: &mut Rule) {
    for text in source.strings(table, "from").unwrap_or_default() {
        match Sender::read(text.value.trim()) {
            Some(sender) => rule.senders.push(sender),
            None => source.mistake(
                text.line,
                format!(
                    "'from': `{}` is no sender; write monitoring@example.org or @example.org",
                    text.value
                ),
            ),
        }
    }
}

fn read_patterns<'t>(source: &mut Source<'t>, table: Table<'t>, is_ready: bool, rule: &mut Rule) {
    for (key, place) in [("subject", Place::Subject), ("body", Place::Body)] {
        rule.patterns.extend(read_pattern(source, table, key, place));
    }
    if let Some(fields) = source.table(table, "header") {
        for key in fields.entries.keys() {
            let name = key.get_ref();
            let place = Place::Header(name.to_lowercase());
            rule.patterns.extend(read_pattern(source, fields, name, place));
        }
    }
    for text in source.strings(table, "facts").unwrap_or_default() {
        match Pattern::read(Place::Body, &text.value) {
            // What is written here is taken before what a ready rule takes.
            Ok(fact) => rule.facts.insert(0, fact),
            Err(why) => source.mistake(text.line, format!("'facts': {why}")),
        }
    }
    for key in ["recovered", "remark"] {
        let Some(places) = source.table(table, key) else { continue };
        source.check_keys(places, key, &["subject", "body"]);
        let subject = read_pattern(source, places, "subject", Place::Subject);
        let body = read_pattern(source, places, "body", Place::Body);
        let found = subject.into_iter().chain(body).collect();
        *(if key == "recovered" { &mut rule.recovered } else { &mut rule.remarks }) = found;
    }
    let has_own = ["subject", "body", "header"].iter().any(|key| source.has(table, key));
    if !is_ready && !has_own {
        let what = format!(
            "'{}' would take every alert; write subject = '^ALERT (?<title>.+)' or use = \"alertmanager\"",
            rule.name
        );
        source.mistake(table.line, what);
    }
}

fn read_pattern<'t>(
    source: &mut Source<'t>,
    table: Table<'t>,
    key: &str,
    place: Place,
) -> Option<Pattern> {
    source.parsed(table, key, |text| {
        Pattern::read(place.clone(), text).map_err(|why| format!("this is no regular expression: {why}"))
    })
}

fn read_templates<'t>(source: &mut Source<'t>, table: Table<'t>, roster: &Roster, rule: &mut Rule) {
    let patterns = rule.patterns.iter().chain(&rule.facts);
    let captured: BTreeSet<String> = patterns.flat_map(Pattern::captures).map(str::to_owned).collect();
    for key in ["group", "title", "service", "link"] {
        let Some(text) = source.string(table, key) else { continue };
        let Some(template) = Template::read(&text.value) else {
            source.mistake(
                text.line,
                format!("'{key}': a brace is open; write \"{{title}} on {{host}}\""),
            );
            continue;
        };
        for name in template.captures().filter(|name| !captured.contains(*name)) {
            let advice = match nearest(name, captured.iter().map(String::as_str)) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("write (?<{name}>…) in a pattern"),
            };
            source.mistake(text.line, format!("'{key}': no pattern captures '{name}'; {advice}"));
        }
        let is_fixed = template.captures().next().is_none();
        let is_known = roster.service(&text.value).is_some();
        if key == "service" && is_fixed && !is_known {
            let advice = match nearest(
                &text.value,
                roster.services.iter().map(|service| service.name.as_str()),
            ) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "add a [[service]] with that name".to_owned(),
            };
            let what = format!("'service': there is no service '{}'; {advice}", text.value);
            source.mistake(text.line, what);
        }
        match key {
            "group" => rule.group = template,
            "title" => rule.title = template,
            "service" => rule.service = Some(template),
            _ => rule.link = Some(template),
        }
    }
}

fn read_severity(text: &str) -> Result<Severity, String> {
    Severity::read(text).ok_or_else(|| format!("`{text}` is no severity; write one of SEV-1 to SEV-5"))
}

/// The words of the organisation's own choice of one of three.
fn read_threshold(text: &str) -> Result<Threshold, String> {
    match text.trim() {
        "declare at once" => Ok(Threshold::AtOnce),
        "file only" => Ok(Threshold::FileOnly),
        other => match other.strip_prefix("declare when unacknowledged for ") {
            Some(span) => read_positive(span).map(Threshold::Unacknowledged),
            None => Err(format!(
                "`{text}` is no threshold; write declare at once, declare when unacknowledged for 10m, or \
                 file only"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_config;

    fn rules(text: &str) -> Result<Vec<Rule>, Vec<String>> {
        let text = format!("address = \"incidents@example.org\"\n{text}");
        let read = read_config(&text, "x").map(|config| config.policy().alerts);
        read.map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_ready_rule_is_whole() {
        for ready in &READY {
            let rule = begin(Some(ready), ready.name.to_owned());
            let patterns = rule.patterns.iter().chain(&rule.facts);
            let captured: BTreeSet<&str> = patterns.flat_map(Pattern::captures).collect();
            let named = rule.group.captures().chain(rule.title.captures());
            for name in named {
                assert!(captured.contains(name), "{}: nothing captures {name}", ready.name);
            }
        }
    }

    #[test]
    fn the_words_of_a_rule_are_understood() {
        let text = "[[service]]\nname = \"payments\"\n[[alert]]\nuse = \"alertmanager\"\n\
                    from = [\"am@example.org\"]\nbody = 'severity = critical'\nservice = \"payments\"\n\
                    threshold = \"declare at once\"\nseverities = { critical = \"SEV-1\" }\n\
                    [[alert]]\nname = \"disk\"\ntoken_file = \"/x\"\nsubject = '^DISK (?<host>\\S+)'\n\
                    title = \"disk of {host}\"\nrecovered = { body = '^OK' }\n\
                    threshold = \"declare when unacknowledged for 5m\"\n";
        let rules = rules(text).unwrap();
        assert_eq!(rules[0].threshold, Threshold::AtOnce);
        assert_eq!(rules[0].severities[0], ("critical".to_owned(), Severity::Sev1));
        assert_eq!(rules[1].threshold, Threshold::Unacknowledged(TimeDelta::minutes(5)));
        assert_eq!(rules[1].recovered.len(), 1);
    }

    #[test]
    fn each_mistake_of_a_rule_is_told_with_its_line() {
        for (text, line, words) in [
            ("[[alert]]\nuse = \"alertmanagr\"\n", 3, "did you mean 'alertmanager'?"),
            ("[[alert]]\nfrom = [\"a@b.example\"]\n", 2, "needs 'name' or 'use'"),
            ("[[alert]]\nuse = \"zabbix\"\n", 2, "nobody can be believed"),
            ("[[alert]]\nuse = \"zabbix\"\nfrom = [\"nobody\"]\n", 4, "is no sender"),
            ("[[alert]]\nname = \"x\"\ntoken_file = \"/x\"\n", 2, "would take every alert"),
            (
                "[[alert]]\nname = \"x\"\ntoken_file = \"/x\"\nsubject = '(a'\n",
                5,
                "no regular expression",
            ),
            (
                "[[alert]]\nname = \"x\"\ntoken_file = \"/x\"\nbody = 'a'\nfacts = ['b', '[']\n",
                6,
                "facts",
            ),
            (
                "[[alert]]\nname = \"x\"\ntoken_file = \"/x\"\nbody = '(?<host>a)'\ngroup = \"{hst}\"\n",
                6,
                "did you mean 'host'?",
            ),
            (
                "[[service]]\nname = \"payments\"\n[[alert]]\nuse = \"zabbix\"\ntoken_file = \"/x\"\n\
                 service = \"paymnets\"\n",
                7,
                "did you mean 'payments'?",
            ),
            (
                "[[alert]]\nuse = \"zabbix\"\ntoken_file = \"/x\"\nthreshold = \"at once\"\n",
                5,
                "is no threshold",
            ),
            ("[[alert]]\nuse = \"zabbix\"\ntoken_file = \"/x\"\nwhen = \"x\"\n", 5, "unknown key"),
            (
                "[[alert]]\nuse = \"zabbix\"\ntoken_file = \"/x\"\n[[alert]]\nuse = \"zabbix\"\n\
                 token_file = \"/x\"\n",
                5,
                "a name of its own",
            ),
        ] {
            let told = rules(text).unwrap_err();
            let place = format!("x:{line}: ");
            assert!(
                told.iter().any(|told| told.starts_with(&place) && told.contains(words)),
                "{text}: {told:?}"
            );
        }
    }
}
