//! Severities `SEV-1` (the worst) to `SEV-5`, and how people spell them.

use serde::{Deserialize, Serialize};

/// How bad it is. The smaller the number the worse; `Ord` follows the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Severity {
    Sev1,
    Sev2,
    Sev3,
    Sev4,
    Sev5,
}

impl Severity {
    /// The worst first.
    pub const ALL: [Self; 5] = [Self::Sev1, Self::Sev2, Self::Sev3, Self::Sev4, Self::Sev5];

    /// `0` for SEV-1.
    pub fn index(self) -> usize {
        self as usize
    }

    /// Reads `SEV-1`, `sev1`, `Sev 1`, `S1`, `1`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let digits = ["severity", "sev", "s", ""].iter().find_map(|word| text.strip_prefix(word))?;
        match digits.trim_start_matches([' ', '-', '_', '\u{a0}', '\u{2010}', '\u{2011}', '\u{2013}']) {
            "1" => Some(Self::Sev1),
            "2" => Some(Self::Sev2),
            "3" => Some(Self::Sev3),
            "4" => Some(Self::Sev4),
            "5" => Some(Self::Sev5),
            _ => None,
        }
    }

    /// `SEV-1`.
    pub fn name(self) -> &'static str {
        ["SEV-1", "SEV-2", "SEV-3", "SEV-4", "SEV-5"][self.index()]
    }

    /// Whether leadership is told and the night counts as a working hour.
    pub fn is_major(self) -> bool {
        self <= Self::Sev2
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
impl TryFrom<String> for Severity {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text).ok_or_else(|| format!("`{text}` is none of SEV-1 … SEV-5"))
    }
}
impl From<Severity> for String {
    fn from(severity: Severity) -> Self {
        severity.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_read() {
        for text in ["SEV-1", "sev1", "Sev 1", "S1", "1", "SEV\u{2011}1", "severity 1"] {
            assert_eq!(Severity::read(text), Some(Severity::Sev1), "{text}");
        }
        for text in ["", "0", "6", "SEV", "11", "one", "-"] {
            assert_eq!(Severity::read(text), None, "{text}");
        }
    }
}
