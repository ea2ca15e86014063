//! `[drill]`: who hears of drills, and the scripts that may be played in them, each in a file of its own.
//!
//! Start with [`read_drill`]; the file of a script is read by [`read_script`].

use toml::de::DeTable;

use super::reading::read_path;
use super::rules::read_list_names;
use super::source::{Source, Table};
use super::values::read_delta;
use super::{ConfigError, defaults};
use crate::incident::Role;
use crate::incident::drill::{Inject, InjectTo, Script};
use crate::mail::command::is_script_name;
use crate::roster::List;

/// As many as templates: they are named to whoever mistypes one.
const SCRIPTS_AT_MOST: usize = 50;
/// A drill of a day with one every half an hour.
const INJECTS_AT_MOST: usize = 50;
/// Of one inject, and of all: a drill carries its script with it, and is loaded with every step.
const TEXT_CHARS_MAX: usize = 4_000;
const TEXTS_CHARS_MAX: usize = 40_000;
/// Whom an inject pretends to be from stands in a subject.
const FROM_CHARS_MAX: usize = 60;
/// A longer drill is a mistyped one.
const DAYS_MAX: i64 = 7;

/// `[drill]` as far as the configuration itself has it.
pub(super) struct Drill {
    pub notify: Vec<String>,
    pub scripts: Vec<Script>,
}

pub(super) fn read_drill<'t>(source: &mut Source<'t>, top: Table<'t>, lists: &[List]) -> Drill {
    let usual = || vec![defaults::DRILL_LIST.to_owned()];
    let Some(table) = source.table(top, "drill") else {
        return Drill { notify: usual(), scripts: Vec::new() };
    };
    source.check_keys(table, "[drill]", &["notify", "script"]);
    let notify = read_list_names(source, table, "notify", lists).unwrap_or_else(usual);
    let mut scripts: Vec<Script> = Vec::new();
    for table in source.tables(table, "script") {
        source.check_keys(table, "[[drill.script]]", &["name", "file"]);
        let name = source.required(table, "[[drill.script]]", "name", "database");
        source.required(table, "[[drill.script]]", "file", "/etc/firebell/drills/database.toml");
        let (Some(name), Some(file)) = (name, read_path(source, table, "file")) else { continue };
        let is_there = |script: &Script| script.name.eq_ignore_ascii_case(&name.value);
        if !is_script_name(&name.value) {
            let what = format!(
                "'{}' is no name of a script: it is one word of letters, digits, - and _, because  \
                 Drill: name  plays it",
                name.value
            );
            source.mistake(name.line, what);
        } else if scripts.iter().any(is_there) {
            let what = format!("there is a script '{}' already; choose another name", name.value);
            source.mistake(name.line, what);
        } else if scripts.len() == SCRIPTS_AT_MOST {
            source.mistake(name.line, format!("there are at most {SCRIPTS_AT_MOST} scripts"));
        }
        scripts.push(Script { name: name.value.into_owned(), file, injects: Vec::new() });
    }
    Drill { notify, scripts }
}

/// What the file of a script holds, in the order of its time. `notify` are the lists of drills.
pub(super) fn read_script(
    text: &str,
    file_name: &str,
    notify: &[String],
) -> Result<Vec<Inject>, Vec<ConfigError>> {
    let mut source = Source::new(text, file_name);
    let (document, broken) = DeTable::parse_recoverable(text);
    for error in broken {
        let line = source.line_at(error.span().map_or(0, |span| span.start));
        source.mistake(line, format!("this is not TOML: {}", error.message()));
    }
    let top = Table { entries: document.get_ref(), line: 1 };
    source.check_keys(top, "the script", &["inject"]);
    let tables = source.tables(top, "inject");
    if tables.is_empty() || tables.len() > INJECTS_AT_MOST {
        source.mistake(1, format!("a script has 1 to {INJECTS_AT_MOST} [[inject]]"));
    }
    let injects = tables.into_iter().filter_map(|table| read_inject(&mut source, table, notify));
    let mut injects: Vec<Inject> = injects.collect();
    if injects.iter().map(|inject| inject.text.chars().count()).sum::<usize>() > TEXTS_CHARS_MAX {
        source.mistake(1, format!("all texts together have at most {TEXTS_CHARS_MAX} characters"));
    }
    injects.sort_by_key(|inject| inject.after);
    if source.errors.is_empty() { Ok(injects) } else { Err(source.errors) }
}

fn read_inject<'t>(source: &mut Source<'t>, table: Table<'t>, notify: &[String]) -> Option<Inject> {
    let place = "[[inject]]";
    source.check_keys(table, place, &["after", "from", "to", "text"]);
    for (key, example) in [("after", "5m"), ("to", "commander")] {
        source.required(table, place, key, example);
    }
    let after = source.parsed(table, "after", |text| {
        let after = read_delta(text)?;
        let is_drill = after >= chrono::TimeDelta::zero() && after <= chrono::TimeDelta::days(DAYS_MAX);
        if is_drill { Ok(after) } else { Err(format!("no drill lasts longer than {DAYS_MAX} days")) }
    });
    let to = source.parsed(table, "to", |text| read_to(text, notify));
    let from = source.required(table, place, "from", "Customer support")?;
    if from.value.chars().count() > FROM_CHARS_MAX || from.value.contains('\n') {
        let what = format!("'from' is one line of at most {FROM_CHARS_MAX} characters");
        source.mistake(from.line, what);
    }
    let text = source.required(table, place, "text", "Customers are charged twice.")?;
    if text.value.chars().count() > TEXT_CHARS_MAX {
        source.mistake(text.line, format!("'text' has at most {TEXT_CHARS_MAX} characters"));
    }
    let (from, text) = (from.value.trim().to_owned(), text.value.trim().to_owned());
    Some(Inject { after: after?, from, to: to?, text, sent: None })
}

/// Others than those who hear of drills are never written to by one.
fn read_to(text: &str, notify: &[String]) -> Result<InjectTo, String> {
    match text.to_lowercase().as_str() {
        "commander" => return Ok(InjectTo::Commander),
        "deputy" => return Ok(InjectTo::Role(Role::Deputy)),
        "scribe" => return Ok(InjectTo::Role(Role::Scribe)),
        "liaison" => return Ok(InjectTo::Role(Role::Liaison)),
        "responders" => return Ok(InjectTo::Responders),
        _ => {}
    }
    match notify.iter().find(|name| name.eq_ignore_ascii_case(text)) {
        Some(name) => Ok(InjectTo::List(name.clone())),
        None => Err(format!(
            "`{text}` is nobody whom a drill writes to; write commander, deputy, scribe, liaison, \
             responders, or a list of [drill] notify ({})",
            notify.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_config;

    fn mistakes(script: &str) -> Vec<String> {
        let read = read_script(script, "x.toml", &["drills".to_owned()]);
        read.err().into_iter().flatten().map(|mistake| mistake.to_string()).collect()
    }

    #[test]
    fn a_script_says_when_from_whom_to_whom_and_what_in_the_order_of_time() {
        let script = "[[inject]]\nafter = \"10m\"\nfrom = \"Press\"\nto = \"Drills\"\ntext = \"Why?\"\n\
                      [[inject]]\nafter = \"5m\"\nfrom = \"Support\"\nto = \"liaison\"\ntext = \"a\\nb\\n\"\n";
        let injects = read_script(script, "x.toml", &["drills".to_owned()]).unwrap();
        let shown: Vec<_> = injects.iter().map(|one| (one.from.as_str(), one.to.shown())).collect();
        assert_eq!(
            shown,
            [("Support", "the liaison".to_owned()), ("Press", "the list drills".to_owned())]
        );
        assert_eq!(injects[0].text, "a\nb");
    }

    #[test]
    fn a_mistake_in_a_script_has_its_file_and_line() {
        let inject = |to: &str| {
            format!("[[inject]]\nafter = \"5m\"\nfrom = \"Support\"\nto = \"{to}\"\ntext = \"x\"\n")
        };
        for (script, part) in [
            (String::new(), "x.toml:1: a script has 1 to 50"),
            (inject("everyone"), "x.toml:4: 'to': `everyone` is nobody whom a drill writes to"),
            (inject("commander").replace("5m", "8 days"), "x.toml:2: 'after': no drill lasts longer"),
            (inject("commander").replace("from", "frm"), "did you mean 'from'?"),
            (inject("commander").replace("\"x\"", "\" \""), "x.toml:5: 'text' is empty"),
            ("[[inject]]\nto = ".to_owned(), "this is not TOML"),
            (inject("commander").repeat(51), "a script has 1 to 50"),
            (inject("commander").replace("\"x\"", &format!("\"{}\"", "x".repeat(4_001))), "4000"),
        ] {
            let found = mistakes(&script);
            assert!(found.iter().any(|mistake| mistake.contains(part)), "{part}: {found:?}");
        }
    }

    #[test]
    fn a_script_is_named_by_one_word() {
        let own = "address = \"incidents@example.org\"\n[[drill.script]]\nfile = \"/x\"\n";
        assert!(read_config(&format!("{own}name = \"data-base_2\""), "t").is_ok());
        for name in ["data base", "", "no", "a:b"] {
            assert!(read_config(&format!("{own}name = \"{name}\""), "t").is_err(), "{name}");
        }
        let twice = "[[drill.script]]\nname = \"A\"\nfile = \"/y\"\n";
        assert!(read_config(&format!("{own}name = \"a\"\n{twice}"), "t").is_err());
    }
}
