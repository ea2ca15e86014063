//! The roles that an incident commander gives to others.

use serde::{Deserialize, Serialize};

/// A role beside the incident commander's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Deputy,
    Scribe,
    Liaison,
    /// Subject-matter expert; there may be several.
    Expert,
    /// Anyone else who works on it; there may be several.
    Responder,
}

impl Role {
    /// `deputy`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deputy => "deputy",
            Self::Scribe => "scribe",
            Self::Liaison => "liaison",
            Self::Expert => "expert",
            Self::Responder => "responder",
        }
    }

    /// Whether only one person can have it at a time.
    pub fn is_single(self) -> bool {
        matches!(self, Self::Deputy | Self::Scribe | Self::Liaison)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
