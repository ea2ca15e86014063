//! The conversation scripts are the specification of behaviour: each is played by the same code as
//! `firebell rehearse` and must read, mail for mail, as it is written.
//!
//! `FIREBELL_REWRITE=1 cargo test --test conversations` writes the scripts anew; read the difference
//! before you keep it. `FIREBELL_SCRIPT=word` plays only those whose name has the word.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use firebell::rehearse::play;
use firebell::rehearse::script::read_script;

#[path = "support/postgres.rs"]
mod postgres;

const FOLDER: &str = "tests/conversations";

/// The number of scripts that stood here when it was last raised: a script that got lost is noticed.
const SCRIPTS_AT_LEAST: usize = 124;

fn scripts() -> Vec<PathBuf> {
    let only = std::env::var("FIREBELL_SCRIPT").unwrap_or_default();
    let mut all: Vec<PathBuf> = std::fs::read_dir(FOLDER)
        .expect("the folder of scripts")
        .map(|entry| entry.expect("a file of the folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    all.sort();
    assert!(all.len() >= SCRIPTS_AT_LEAST, "only {} scripts are left", all.len());
    all.retain(|path| path.to_string_lossy().contains(&only));
    all
}

fn play_file(path: &Path, base: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let database = format!("sqlite:{}", folder.path().join("rehearsal.db").display());
    play_on(path, base, &database)
}

fn play_on(path: &Path, base: &str, database: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let script = read_script(&text).map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(play(&script, base, database)).map_err(|error| error.to_string())
}

/// The first line that differs, with a few before it.
fn first_difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), found.lines().collect());
    let at = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    for line in &expected[at.saturating_sub(4)..at] {
        text.push_str(&format!("   {line}\n"));
    }
    for line in expected.iter().skip(at).take(8) {
        text.push_str(&format!("-  {line}\n"));
    }
    for line in found.iter().skip(at).take(8) {
        text.push_str(&format!("+  {line}\n"));
    }
    text
}

fn check(path: &Path, base: &str, rewrite: bool) -> Option<String> {
    let name = path.display();
    let played = match play_file(path, base) {
        Ok(played) => played,
        Err(error) => return Some(format!("{name}: {error}\n")),
    };
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if played == expected {
        return None;
    }
    if rewrite {
        return std::fs::write(path, played).err().map(|error| format!("{name}: {error}\n"));
    }
    Some(format!("{name} reads differently:\n{}", first_difference(&expected, &played)))
}

#[test]
fn every_conversation_goes_as_it_is_written() {
    let rewrite = std::env::var_os("FIREBELL_REWRITE").is_some();
    let base = std::fs::read_to_string(Path::new(FOLDER).join("firebell.toml"))
        .expect("the base configuration");
    let scripts = scripts();
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = scripts.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let failed = check(path, &base, rewrite);
                    failures.lock().expect("no thread panicked").extend(failed);
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no thread panicked");
    assert!(
        failures.is_empty(),
        "{} of {} differ\n\n{}",
        failures.len(),
        scripts.len(),
        failures.join("\n")
    );
}

/// A few scripts that between them use every statement; the rest says nothing more of the database.
const ALSO_ON_POSTGRESQL: usize = 8;

#[tokio::test]
async fn conversations_go_the_same_on_postgresql() {
    let base = std::fs::read_to_string(Path::new(FOLDER).join("firebell.toml"))
        .expect("the base configuration");
    let scripts = scripts();
    let every = scripts.len().div_ceil(ALSO_ON_POSTGRESQL);
    for path in scripts.iter().step_by(every) {
        let text = std::fs::read_to_string(path).expect("the script");
        let script = read_script(&text).expect("a script");
        let database = postgres::fresh_database().await;
        let played = play(&script, &base, &database).await.expect("played");
        assert!(played == text, "{}:\n{}", path.display(), first_difference(&text, &played));
    }
}

#[test]
fn a_rehearsal_says_the_same_every_time() {
    let base = std::fs::read_to_string(Path::new(FOLDER).join("firebell.toml"))
        .expect("the base configuration");
    let scripts = scripts();
    let path = scripts.first().expect("a script");
    assert_eq!(play_file(path, &base), play_file(path, &base));
}
