//! The phases of an incident, and what people call them.

use serde::{Deserialize, Serialize};

/// How far the response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Triage,
    Investigating,
    Identified,
    Monitoring,
    Resolved,
    Closed,
    Cancelled,
    Merged,
}

impl Phase {
    /// `investigating`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
            Self::Merged => "merged",
        }
    }

    /// Reads a phase that `Phase:` can set, by its name or an accepted alias.
    pub fn read(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "triage" | "assess" | "assessing" => Some(Self::Triage),
            "investigating" | "investigate" | "mobilize" | "mobilise" | "size-up" | "size up" => {
                Some(Self::Investigating)
            }
            "identified" | "identify" | "mitigating" | "mitigate" | "fixing" | "stabilize"
            | "stabilise" => Some(Self::Identified),
            "monitoring" | "monitor" | "verify" | "verifying" => Some(Self::Monitoring),
            _ => None,
        }
    }

    /// Until resolved.
    pub fn is_active(self) -> bool {
        self <= Self::Monitoring
    }

    /// Until closed, cancelled or merged.
    pub fn is_open(self) -> bool {
        self <= Self::Resolved
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
