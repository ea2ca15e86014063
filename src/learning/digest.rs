//! The digest's figures: how things stand, and how the period went beside the one before.

/// A digest of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestPolicy {
    pub name: String,
    /// Names of lists.
    pub to: Vec<String>,
    /// Five-field cron, in `zone`.
    pub schedule: String,
}
