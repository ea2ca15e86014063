//! The command grammar: no word is lost, what is read is stored and read again as itself, and a
//! line that was read says the same when it stands alone.

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use firebell::config::read_config;
use firebell::incident::policy::Policy;
use firebell::mail::command::{Command, Grammar, Line, Written, read_commands, read_subject};

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = "address = \"incidents@example.org\"\ndomains = [\"example.org\"]\n\
                time_zone = \"Europe/Berlin\"\n[send]\noperator = \"o@example.org\"\n";
    read_config(text, "fuzz.toml").expect("a configuration").policy()
});

/// Reads the first line as a subject, the rest as the new text of a mail.
pub fn check(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let (subject, body) = text.split_once('\n').unwrap_or((&text, ""));
    check_subject(subject);
    let written = read(body, None);
    check_nothing_lost(body, &written);
    let stored = serde_json::to_string(&written).expect("JSON");
    let loaded: Written = serde_json::from_str(&stored).expect("what was stored");
    assert_eq!(loaded, written, "what was stored is what was read");
    for line in &written.lines {
        check_alone(line);
    }
    // Every line stands in the mail that is answered, so none of them is a field of its sender's.
    check_nothing_lost(body, &read(body, Some(body)));
}

fn read(text: &str, answered_text: Option<&str>) -> Written {
    let now: DateTime<Utc> = DateTime::from_timestamp(1_795_000_000, 0).expect("an instant");
    let zone = &POLICY.calendar.zone;
    let grammar = Grammar { zone, sections: &POLICY.postmortem.sections, answered_text };
    read_commands(text, &grammar, now)
}

fn check_subject(subject: &str) {
    let (severity, title) = read_subject(subject);
    assert!(title.chars().count() <= 200 && !title.trim().is_empty(), "{title:?}");
    assert!(super::is_one_line(&title), "{title:?}");
    if severity.is_none() {
        assert_eq!(read_subject(&title), (None, title.clone()));
    }
}

fn check_nothing_lost(body: &str, written: &Written) {
    let typed = written.lines.iter().flat_map(|line| line.typed.split_whitespace());
    let kept: HashSet<&str> = typed.chain(written.prose.split_whitespace()).collect();
    for word in body.split_whitespace().filter(|word| word.chars().any(is_seen)) {
        assert!(kept.contains(word), "{word:?} is lost");
    }
    let all: HashSet<&str> = body.split_whitespace().collect();
    assert!(kept.is_subset(&all), "a word that nobody wrote");
}

/// A line of which nothing is seen may go.
fn is_seen(c: char) -> bool {
    let is_mark =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}');
    !(c.is_control() || is_mark || matches!(c, '\u{feff}' | '\u{ad}'))
}

/// Only where one field takes further lines, or a heading was left empty, may a line depend on
/// those around it.
fn check_alone(line: &Line) {
    let Ok(command) = &line.meaning else { return };
    if line.typed.contains('\n') || matches!(command, Command::Section { .. }) {
        return;
    }
    let alone = read(&line.typed, None);
    assert_eq!(alone.lines.len(), 1, "{line:?} alone is {alone:?}");
    assert_eq!(alone.lines[0].meaning.as_ref(), Ok(command), "{line:?}");
}
