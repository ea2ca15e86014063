//! What an organisation learns from its incidents: the postmortem and the digest of figures.
//! Pure, like `incident`.

pub mod digest;
pub mod postmortem;
pub mod search;
