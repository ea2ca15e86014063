//! What operators write: configuration and conversation scripts. Mistakes are told by line.

use firebell::config::read_config;
use firebell::rehearse::script::read_script;

/// Reads the octets as a configuration and as a script.
pub fn check(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let lines = text.lines().count();
    match read_config(&text, "fuzz.toml") {
        Ok(config) => {
            config.policy();
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "a refusal without a reason");
            for mistake in mistakes {
                assert!(mistake.line <= lines + 1 && !mistake.what.is_empty(), "{mistake}");
            }
        }
    }
    match read_script(&text) {
        Ok(script) => assert!(!script.parts.is_empty()),
        Err(mistake) => assert!(mistake.line <= lines + 1 && !mistake.why.is_empty(), "{mistake}"),
    }
}
