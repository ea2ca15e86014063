//! Firebell, an e-mail-first incident coordination server.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod deadlines;
pub mod delivery;
pub mod demo;
pub mod digests;
pub mod engine;
pub mod ids;
pub mod incident;
pub mod intake;
pub mod interpret;
pub mod learning;
pub mod mail;
pub mod rehearse;
pub mod render;
pub mod roster;
pub mod store;
pub mod web;
