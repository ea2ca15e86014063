//! The house rules that a machine can check, each a test named by its rule.
//!
//! Reads the sources as text, with comments and literals blanked out; never runs them. What fails
//! here says which line and how to mend it. Start with [`LAYERS`], the arrows of the architecture.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What may not know the time, chance, the database, the runtime or files.
const PURE: [&str; 7] = ["alerts", "incident", "mail", "learning", "roster", "render", "interpret"];

/// The layers of the top level, from the lowest: a module sees those of the layers below its own. Only in
/// the first and the last they see one another: the loops meet in rows of the database.
const LAYERS: [&[&str]; 5] = [
    &["incident", "learning", "roster", "alerts", "mail"],
    &["render", "interpret", "store", "config", "clock", "ids", "meters", "credential"],
    &["engine"],
    &["intake", "authentication", "delivery", "deadlines", "digests", "web"],
    &["app", "cli", "demo", "rehearse", "main"],
];
/// What sees something else than its layer does.
const OTHERWISE: [(&str, &[&str]); 4] =
    [("credential", &["config"]), ("clock", &[]), ("ids", &[]), ("meters", &[])];

/// Which modules each sees.
fn arrows() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut arrows = BTreeMap::new();
    let mut below: Vec<&str> = Vec::new();
    for (at, layer) in LAYERS.into_iter().enumerate() {
        let mut sees = below.clone();
        if at == 0 || at + 1 == LAYERS.len() {
            sees.extend(layer);
        }
        arrows.extend(layer.iter().map(|module| (*module, sees.clone())));
        below.extend(layer);
    }
    arrows.extend(OTHERWISE.map(|(module, others)| (module, others.to_vec())));
    arrows
}

const RUST_LINES_MAX: usize = 700;

/// A source file, as written and as code alone.
struct Source {
    path: PathBuf,
    text: String,
    /// Comments and the insides of literals blanked out; line numbers are those of `text`.
    code: String,
    /// `code` with the unit tests blanked out too; nothing for `tests.rs` and `…_tests.rs`.
    product: String,
}

impl Source {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).expect("a source file in UTF-8");
        let code = blank_comments_and_literals(&text);
        let is_tests = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("tests.rs"));
        let product = if is_tests { String::new() } else { blank_unit_tests(&code) };
        Self { path, text, code, product }
    }

    /// `src/mail/quote.rs` belongs to `mail`, `src/app.rs` to `app`.
    fn module(&self) -> Option<String> {
        let inside = self.path.strip_prefix("src").ok()?;
        let first = inside.components().next()?.as_os_str().to_str()?;
        Some(first.trim_end_matches(".rs").to_owned())
    }

    fn place(&self, line: usize) -> String {
        format!("{}:{}", self.path.display(), line + 1)
    }
}

/// Files below `folder` with this ending, in order; paths are relative to the package.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn sources(folder: &str) -> Vec<Source> {
    let found: Vec<_> = files(folder, ".rs").into_iter().map(Source::read).collect();
    assert!(!found.is_empty(), "no Rust file in {folder}: are the tests run from the package's folder?");
    found
}

fn no_findings(findings: &[String], mend: &str) {
    assert!(findings.is_empty(), "\n{}\n{mend}\n", findings.join("\n"));
}

/// Lines of `text` in which one of `needles` stands as a word of its own.
fn lines_with<'a>(text: &str, needles: &[&'a str]) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        found.extend(
            needles.iter().filter(|needle| has_word(line, needle)).map(|needle| (number, *needle)),
        );
    }
    found
}

/// Whether `needle` stands in `line` with no letter directly before or behind it.
fn has_word(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_name_char);
        let behind = needle.ends_with(is_name_char)
            && line[at + needle.len()..].chars().next().is_some_and(is_name_char);
        !(behind || before && needle.starts_with(is_name_char))
    })
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The name that starts `text`.
fn name_at(text: &str) -> &str {
    text.split(|c| !is_name_char(c)).next().unwrap_or_default()
}

// ---- the rules ----

#[test]
fn pure_folders_know_no_clock_chance_database_runtime_or_files() {
    let forbidden = [
        "Utc::now",
        "Local::now",
        "Timestamp::now",
        "Zoned::now",
        "SystemTime::now",
        "Instant::now",
        "getrandom",
        "rand::",
        "SystemRandom",
        "thread_rng",
        "sqlx",
        "tokio",
        "async fn",
        "async move",
        ".await",
        "std::fs",
        "fs::",
        "std::net",
        "std::env",
        "std::process",
        "std::thread",
        "crate::clock",
        "crate::store",
    ];
    let mut findings = Vec::new();
    for source in
        sources("src").iter().filter(|s| s.module().is_some_and(|m| PURE.contains(&m.as_str())))
    {
        for (line, what) in lines_with(&source.product, &forbidden) {
            findings.push(format!("{} uses `{what}`", source.place(line)));
        }
    }
    no_findings(
        &findings,
        "Pass the instant, the id or the loaded value in; do the I/O in engine, store or a loop.",
    );
}

#[test]
fn arrows_of_the_architecture_point_one_way() {
    let allowed = arrows();
    let mut findings = Vec::new();
    for source in sources("src") {
        let Some(module) = source.module().filter(|m| m != "lib") else { continue };
        let Some(sees) = allowed.get(module.as_str()) else {
            findings.push(format!("{} has no layer in tests/tidy.rs", source.path.display()));
            continue;
        };
        for (line, seen) in seen_modules(&source.product) {
            if seen != module && !sees.contains(&seen.as_str()) {
                findings.push(format!("{}: `{module}` may not see `{seen}`", source.place(line)));
            }
        }
    }
    no_findings(
        &findings,
        "main -> cli, app -> intake, delivery, deadlines, digests, web -> engine -> store, interpret, render -> \
         incident, learning, roster, alerts, mail. Loops meet in rows of the database, not in calls.",
    );
}

/// The modules of the top level that `code` names: `crate::mail::…`, `use crate::{mail, store::…}`,
/// and `firebell::…` in the binary.
fn seen_modules(code: &str) -> Vec<(usize, String)> {
    let mut seen = Vec::new();
    for root in ["crate::", "firebell::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            let line = code[..at].matches('\n').count();
            let names =
                if rest.starts_with('{') { first_names_in_braces(rest) } else { vec![name_at(rest)] };
            seen.extend(
                names
                    .into_iter()
                    .filter(|n| n.starts_with(char::is_lowercase))
                    .map(|n| (line, n.to_owned())),
            );
        }
    }
    seen
}

/// The first name of each branch of `{mail::{Address, Tag}, store}`.
fn first_names_in_braces(text: &str) -> Vec<&str> {
    let (mut names, mut depth, mut branch) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => {
                depth += 1;
                branch = if depth == 1 { at + 1 } else { branch };
            }
            ',' | '}' if depth == 1 => {
                names.push(name_at(text[branch..at].trim_start()));
                branch = at + 1;
            }
            _ => {}
        }
        if c == '}' {
            depth -= 1;
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let mut findings = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        if !source.text.starts_with("//! ") {
            findings.push(source.path.display().to_string());
        }
    }
    no_findings(
        &findings,
        "Begin with `//! `: what the file is for, what it never does, where to start reading.",
    );
}

#[test]
fn nothing_is_left_unfinished() {
    let unfinished = ["todo!", "unimplemented!", "#[ignore", "allow(dead_code", "allow(unused", "dbg!"];
    let mut findings = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        for (number, line) in source.code.lines().enumerate() {
            for what in unfinished.iter().filter(|what| line.contains(*what)) {
                findings.push(format!("{} has `{what}`", source.place(number)));
            }
        }
        for (number, line) in source.text.lines().enumerate() {
            if line.contains("replaced before use\")") && !source.path.ends_with("tidy.rs") {
                findings.push(format!("{} stands in for something", source.place(number)));
            }
        }
    }
    no_findings(&findings, "Finish it, or take it out.");
}

#[test]
fn no_panic_on_what_others_send() {
    let mut findings = Vec::new();
    for source in sources("src") {
        for (line, what) in lines_with(&source.product, &[".unwrap()", ".unwrap_err()", ".expect(\"\")"])
        {
            findings.push(format!("{} has `{what}`", source.place(line)));
        }
    }
    no_findings(
        &findings,
        "Return an error; for a promise of our own code write `expect(\"why it holds\")`.",
    );
}

#[test]
fn things_are_called_by_their_own_names() {
    let vague = ["email", "user", "info", "manager", "helper", "helpers", "util", "utils"];
    let mut findings = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        for (line, name) in defined_names(&source.code) {
            let words = words_of(&name);
            // `data` is a command of SMTP, so it is vague only when it stands alone.
            if name.eq_ignore_ascii_case("data") || words.iter().any(|w| vague.contains(&w.as_str())) {
                findings.push(format!("{} defines `{name}`", source.place(line)));
            }
        }
    }
    no_findings(&findings, "Say what it is: mail, address, person, message, roster …");
}

/// Names of functions, types and modules that `code` defines.
fn defined_names(code: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for keyword in ["fn ", "struct ", "enum ", "mod ", "trait ", "type "] {
            for (at, _) in line.match_indices(keyword) {
                if !line[..at].chars().next_back().is_some_and(is_name_char) {
                    names.push((number, name_at(&line[at + keyword.len()..]).to_owned()));
                }
            }
        }
    }
    names
}

/// `read_mail` and `ReadMail` are `read` and `mail`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || c.is_uppercase() {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("never empty").extend(c.to_lowercase());
        }
    }
    words
}

#[test]
fn a_file_has_one_subject() {
    let mut findings = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        let lines = source.text.lines().count();
        if lines > RUST_LINES_MAX {
            findings.push(format!("{} has {lines} lines", source.path.display()));
        }
    }
    no_findings(
        &findings,
        &format!("More than {RUST_LINES_MAX} lines are more than one subject: split the file."),
    );
}

#[test]
fn all_sql_is_in_the_store() {
    let mut findings = Vec::new();
    for source in sources("src").iter().filter(|s| s.module().is_none_or(|m| m != "store")) {
        for (line, _) in lines_with(&source.product, &["sqlx"]) {
            findings.push(source.place(line));
        }
    }
    no_findings(&findings, "Give the store a method that says what is wanted, and call that.");
}

#[test]
fn tests_wait_for_conditions_not_for_time() {
    let sleeps = ["thread::sleep", "time::sleep"];
    let mut findings = Vec::new();
    for source in sources("src").iter().chain(&sources("tests")) {
        // One place may sleep: between two looks at a condition that has a deadline.
        if source.path.ends_with("support/wait.rs") {
            continue;
        }
        let product = if source.path.starts_with("src") { source.product.as_str() } else { "" };
        let allowed = lines_with(product, &sleeps);
        for (line, what) in lines_with(&source.code, &sleeps) {
            if !allowed.contains(&(line, what)) {
                findings.push(format!("{} has `{what}`", source.place(line)));
            }
        }
    }
    no_findings(&findings, "Wait for what shall be true, with a deadline: `support::wait::until`.");
}

#[test]
fn every_migration_stands_in_both_folders() {
    let names = |folder: &str| -> Vec<String> {
        files(folder, ".sql")
            .iter()
            .filter_map(|path| Some(Path::new(path).file_name()?.to_str()?.to_owned()))
            .collect()
    };
    let (sqlite, postgres) = (names("migrations/sqlite"), names("migrations/postgres"));
    assert_eq!(sqlite, postgres, "each migration needs a file of the same name in both folders");
    for (index, name) in sqlite.iter().enumerate() {
        let number = format!("{:04}_", index + 1);
        assert!(name.starts_with(&number), "migrations/…/{name} should begin with {number}");
    }
}

#[test]
fn a_mail_has_its_subject_and_its_text() {
    let mut findings = Vec::new();
    for path in files("templates/mail", ".subject.txt") {
        let text = PathBuf::from(path.to_string_lossy().replace(".subject.txt", ".txt"));
        if !text.is_file() {
            findings.push(format!("{} has no {}", path.display(), text.display()));
        }
    }
    no_findings(&findings, "Text comes first and is complete; HTML stands beside it.");
}

#[test]
fn sources_speak_of_the_product_and_of_no_machine() {
    // Put together here, so that this file does not find itself.
    let places = [["/wo", "rk/"].concat(), ["../", "shared"].concat(), [".lib", "rary"].concat()];
    let mut paths = Vec::new();
    for folder in ["src", "tests", "templates", "migrations", ".ci"] {
        paths.extend(files(folder, ""));
    }
    for file in ["README.md", "CHANGELOG.md", "Cargo.toml", "deny.toml"] {
        paths.push(PathBuf::from(file));
    }
    let mut findings = Vec::new();
    for path in paths {
        // Stored mails may be in any charset; none of these words needs one.
        let octets = fs::read(&path).unwrap_or_default();
        for (number, line) in String::from_utf8_lossy(&octets).lines().enumerate() {
            if let Some(place) = places.iter().find(|place| line.contains(place.as_str())) {
                findings.push(format!("{}:{} names {place}", path.display(), number + 1));
            }
        }
    }
    no_findings(&findings, "Whoever reads this has another machine: describe the thing itself.");
}

// ---- reading Rust well enough ----

/// Comments and the insides of string and character literals become spaces; lines stay.
fn blank_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped_to(&chars, at);
        if end > at {
            let edge = |i: usize| i == at || i + 1 == end;
            for (i, &c) in chars.iter().enumerate().take(end).skip(at) {
                code.push(if c == '\n' || (c == '"' && edge(i)) { c } else { ' ' });
            }
            at = end;
        } else {
            code.push(chars[at]);
            at += 1;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn skipped_to(chars: &[char], at: usize) -> usize {
    let behind_name = at > 0 && is_name_char(chars[at - 1]);
    let find = |from: usize, wanted: &[char]| {
        (from..chars.len())
            .find(|&i| chars[i..].starts_with(wanted))
            .map_or(chars.len(), |i| i + wanted.len())
    };
    match (chars[at], chars.get(at + 1), chars.get(at + 2)) {
        ('/', Some('/'), _) => find(at, &['\n']) - 1,
        ('/', Some('*'), _) => find(at + 2, &['*', '/']),
        ('r', Some('"' | '#'), _) if !behind_name => {
            let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
            if chars.get(at + 1 + hashes) != Some(&'"') {
                return at;
            }
            let mut closing = vec!['"'];
            closing.resize(1 + hashes, '#');
            find(at + 2 + hashes, &closing)
        }
        ('"', _, _) => end_of_literal(chars, at, '"'),
        ('\'', Some('\\'), _) | ('\'', Some(_), Some('\'')) => end_of_literal(chars, at, '\''),
        _ => at,
    }
}

fn end_of_literal(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Blanks every item behind `#[cfg(test)]`, to its closing brace or its semicolon.
fn blank_unit_tests(code: &str) -> String {
    let mut product = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        product.push_str(&rest[..at]);
        let end = end_of_item(&rest[at..]);
        product.extend(rest[at..at + end].chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = &rest[at + end..];
    }
    product.push_str(rest);
    product
}

fn end_of_item(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

#[test]
fn this_file_reads_rust_well_enough() {
    let text = "a // Utc::now\n\"x \\\" y\" 'q' '\\n' <'a> r#\"z\"# /* b */ c\n#[cfg(test)]\nmod tests { fn f() {} }\nd";
    let code = blank_comments_and_literals(text);
    assert_eq!(code.lines().count(), text.lines().count());
    assert!(
        !code.contains("Utc") && !code.contains('x') && !code.contains('z') && code.contains("<'a>")
    );
    let product = blank_unit_tests(&code);
    assert!(!product.contains("fn f") && product.ends_with('d'), "{product}");
    let seen = seen_modules("use crate::{mail::{Address, Tag}, store};\nfirebell::app::serve()");
    let expected = [(0, "mail"), (0, "store"), (1, "app")].map(|(line, name)| (line, name.to_owned()));
    assert_eq!(seen, expected);
    assert_eq!(words_of("UserManager"), ["", "user", "manager"]);
    assert!(
        has_word("tokio::spawn", "tokio")
            && !has_word("my_tokio", "tokio")
            && !has_word("Instants", "Instant::now")
    );
}
