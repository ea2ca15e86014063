//! Firebell, an e-mail-first incident coordination server.

pub mod clock;
pub mod config;
pub mod incident;
pub mod interpret;
pub mod learning;
pub mod mail;
pub mod render;
pub mod roster;
pub mod store;
