//! What the end-to-end tests stand on: servers to start, and clients written by hand.

pub mod chrome;
pub mod clients;
pub mod daemons;
pub mod http;
pub mod imap;
pub mod lab;
pub mod ports;
pub mod postfix;
pub mod process;
pub mod proxy;
pub mod server;
pub mod sink;
pub mod smtp;
pub mod wait;
