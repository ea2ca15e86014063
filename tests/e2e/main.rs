//! Firebell's own binary on real neighbours: Postfix, Dovecot, Chromium, and `kill -9`.
//!
//! Everything starts on free loopback ports in a folder of its own and is gone afterwards, so tests
//! run side by side. What a machine lacks is named in a panic; nothing passes because something is
//! missing. Start with [`incident_by_mail`].

mod authentication;
mod clients;
mod crash;
mod crowd;
mod demo;
#[path = "../support/dns.rs"]
mod dns;
mod faults;
mod incident_by_mail;
mod lab_works;
mod mailbox;
mod operations;
mod place;
#[path = "../support/postgres.rs"]
mod postgres;
mod rolling;
mod several;
mod shifts;
mod stalled;
mod submission;
mod support;
mod transcript;
mod whole_process;
