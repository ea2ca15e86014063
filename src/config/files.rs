//! What is in the files that the rules name: the one part of the configuration that opens any.
//!
//! Start with [`Config::load_policy`].

use std::fs;
use std::path::Path;

use super::drill::read_script;
use super::{Config, ConfigError};
use crate::alerts::Word;
use crate::incident::Policy;

impl Config {
    /// The rules that incidents follow, with what is in the files that they name.
    ///
    /// # Errors
    ///
    /// The operator's: every file that cannot be read or holds something else.
    pub fn load_policy(&self) -> Result<Policy, Vec<ConfigError>> {
        let mut policy = self.policy();
        let mut mistakes = Vec::new();
        for rule in &mut policy.alerts {
            match rule.token_file.as_deref().map(load_word).transpose() {
                Ok(word) => rule.secret = word,
                Err(mistake) => mistakes.push(mistake),
            }
        }
        for script in &mut policy.drill_scripts {
            let name = script.file.display().to_string();
            let read = load_text(&script.file).map_err(|mistake| vec![mistake]);
            match read.and_then(|text| read_script(&text, &name, &policy.drill_notify)) {
                Ok(injects) => script.injects = injects,
                Err(several) => mistakes.extend(several),
            }
        }
        if mistakes.is_empty() { Ok(policy) } else { Err(mistakes) }
    }
}

/// The secret of an address of alerts.
///
/// # Errors
///
/// The operator's: the file cannot be read, or holds no such word.
pub fn load_word(path: &Path) -> Result<Word, ConfigError> {
    Word::read(&load_text(path)?).ok_or_else(|| {
        let what = "a token_file must hold 12 to 24 lower-case letters and digits, in one line";
        mistake(path, what.to_owned())
    })
}

fn load_text(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|error| mistake(path, format!("it cannot be read: {error}")))
}

fn mistake(path: &Path, what: String) -> ConfigError {
    ConfigError { file: path.display().to_string(), line: 1, what }
}
