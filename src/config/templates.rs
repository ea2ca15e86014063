//! `[[template]]`: declarations that were prepared. Their first tasks are read as the lines of a mail
//! are, so that a mistake shows here and not in an incident.

use chrono::DateTime;

use super::rules::read_severity;
use super::source::{Source, Table, Text};
use crate::incident::template::Template;
use crate::mail::command::{Command, TITLE_CHARS_MAX};
use crate::roster::zone::Zone;
use crate::roster::{Named, Roster};

/// Each stands in the guide that people are sent.
const TEMPLATES_AT_MOST: usize = 50;
/// More first tasks than this is a plan, and each is a mail to somebody.
const TASKS_AT_MOST: usize = 10;
/// A person is named in at most so many words.
const NAME_WORDS_MAX: usize = 4;

pub(super) fn read_templates<'t>(
    source: &mut Source<'t>,
    top: Table<'t>,
    roster: &Roster,
    zone: &Zone,
) -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    for table in source.tables(top, "template") {
        let keys = ["name", "title", "severity", "services", "tasks"];
        source.check_keys(table, "[[template]]", &keys);
        let name = source.required(table, "[[template]]", "name", "database");
        let severity = source.parsed(table, "severity", read_severity);
        let title = source.parsed(table, "title", |text| {
            let is_long = text.chars().count() > TITLE_CHARS_MAX;
            if is_long || text.contains('\n') {
                return Err(format!("a title is one line of at most {TITLE_CHARS_MAX} characters"));
            }
            Ok(text.trim().to_owned())
        });
        let texts = |texts: Vec<Text<'t>>| texts.into_iter().map(|text| text.value.into_owned());
        let services = source.strings(table, "services").map(texts).into_iter().flatten().collect();
        let tasks = source.strings(table, "tasks").unwrap_or_default();
        if tasks.len() > TASKS_AT_MOST {
            source.mistake(table.line, format!("a template gives at most {TASKS_AT_MOST} first tasks"));
        }
        let tasks = tasks.into_iter().filter_map(|text| read_task(source, text, roster, zone)).collect();
        let Some(name) = name else { continue };
        let is_there = |template: &Template| template.name.eq_ignore_ascii_case(&name.value);
        if templates.iter().any(is_there) {
            let what = format!("there is a template '{}' already; choose another name", name.value);
            source.mistake(name.line, what);
        }
        if templates.len() == TEMPLATES_AT_MOST {
            source.mistake(name.line, format!("there are at most {TEMPLATES_AT_MOST} templates"));
        }
        let name = name.value.trim().to_owned();
        templates.push(Template { name, title, severity, services, tasks });
    }
    templates
}

/// One first task: who does it is named, and is known.
fn read_task(source: &mut Source<'_>, text: Text<'_>, roster: &Roster, zone: &Zone) -> Option<String> {
    let task = text.value.into_owned();
    let alone = Template {
        name: String::new(),
        title: None,
        severity: None,
        services: Vec::new(),
        tasks: vec![task],
    };
    let lines = alone.first_tasks(zone, DateTime::UNIX_EPOCH);
    let task = alone.tasks.into_iter().next()?;
    let why = match lines.first().map(|line| &line.meaning) {
        Some(Ok(Command::Task { text, .. })) if names_somebody(text, roster) => return Some(task),
        Some(Ok(_)) | None => "begins with who does it: a name or an address of a [[person]]".to_owned(),
        Some(Err(misread)) => misread.why.clone(),
    };
    source.mistake(text.line, format!("'tasks': `{task}`: {why}"));
    None
}

fn names_somebody(text: &str, roster: &Roster) -> bool {
    let words: Vec<&str> = text.split_whitespace().take(NAME_WORDS_MAX + 1).collect();
    (1..words.len()).any(|count| {
        let name = words.get(..count).unwrap_or_default().join(" ");
        matches!(roster.named(name.trim_end_matches(':')), Named::One(person) if roster.knows(&person.address))
    })
}

#[cfg(test)]
mod tests {
    use crate::config::reading::read_config;

    const PEOPLE: &str = "address = \"incidents@example.org\"\n[[person]]\nname = \"Bob Okafor\"\n\
                          email = \"bob@example.org\"\n[[template]]\nname = \"database\"\n";

    fn mistakes(rest: &str) -> Vec<String> {
        let read = read_config(&format!("{PEOPLE}{rest}"), "firebell.toml");
        read.err().into_iter().flatten().map(|mistake| mistake.to_string()).collect()
    }

    #[test]
    fn a_first_task_names_somebody_who_is_known() {
        assert_eq!(mistakes("tasks = [\"bob check the lag by 10m\"]"), Vec::<String>::new());
        for task in ["check the lag", "carol check the lag", "x@example.com check the lag", "bob"] {
            let found = mistakes(&format!("tasks = [{task:?}]"));
            assert!(found.iter().any(|mistake| mistake.contains("who does it")), "{task}: {found:?}");
        }
        let found = mistakes("tasks = [\"bob check the lag in 90 days\"]");
        assert!(found.iter().any(|mistake| mistake.contains("31 days")), "{found:?}");
    }

    #[test]
    fn two_templates_of_one_name_are_a_mistake() {
        let found = mistakes("[[template]]\nname = \"Database\"");
        assert!(found.iter().any(|mistake| mistake.contains("already")), "{found:?}");
    }
}
