//! Firebell, an e-mail-first incident coordination server.

pub mod cli;
pub mod clock;
pub mod delivery;
pub mod ids;
pub mod incident;
pub mod intake;
pub mod interpret;
pub mod learning;
pub mod mail;
pub mod render;
pub mod roster;
pub mod store;
