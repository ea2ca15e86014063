//! Mails in a folder, each with the text beside it that it reads as.
//!
//! `FIREBELL_REWRITE=1` writes the texts anew: read the difference before you commit.

use std::path::{Path, PathBuf};

/// The mails of a folder of `tests`, in the order of their names.
pub fn mails(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder of mails");
    let mut mails: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    mails.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    mails.sort();
    assert!(mails.len() >= 25, "{} mails", mails.len());
    mails
}

/// Every mail of a folder reads as the text beside it.
pub fn check(folder: &str, reading: impl Fn(&[u8]) -> String) {
    let mut wrong = Vec::new();
    for path in mails(folder) {
        let found = reading(&std::fs::read(&path).expect("a mail"));
        let beside = path.with_extension("txt");
        if std::env::var_os("FIREBELL_REWRITE").is_some() {
            std::fs::write(&beside, &found).expect("a text");
        }
        let wanted = std::fs::read_to_string(&beside).unwrap_or_default();
        if found != wanted {
            wrong.push(format!("{}\n--- wanted\n{wanted}\n--- found\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
