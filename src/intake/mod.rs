//! How mail comes in: over SMTP and LMTP, from a mailbox by IMAP, and from pipes and files.
//!
//! Everything here ends in a stored row and knows nothing of what the message means. Start with
//! [`inbox`], where every way in meets; [`smtp`] is the way most mail takes.

pub mod content;
pub mod dialogue;
mod envelope;
pub mod imap;
pub mod inbox;
pub mod ingest;
mod login;
pub mod passwords;
mod proxy;
pub mod reader;
pub mod refusals;
pub mod session;
pub mod smtp;
pub mod sources;
pub mod strangers;
pub mod tls;
mod turns;
pub mod watched;

pub use inbox::{Arrival, Inbox, NotStored};
pub use smtp::{Limits, Listener, Protocol, Settings, listen};
