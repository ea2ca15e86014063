//! Mail as octets and as values: everything that knows RFC 5322, and nothing that knows time,
//! the database or the network.
//!
//! Inwards start with [`message::read_mail`], which never fails; outwards with [`compose`].

pub mod address;
pub mod amid;
pub mod attachment;
pub mod authentication;
mod body;
mod charset;
pub mod command;
pub mod compose;
pub mod dsn;
mod enriched;
pub mod header;
pub mod ids;
pub mod key;
mod limits;
mod list;
pub mod mailto;
mod masking;
pub mod meeting;
pub mod message;
mod nested;
pub mod origin;
mod phrases;
mod pictures;
pub mod quote;
pub mod relay;
mod words;
mod wrapped;

pub use address::{Address, ListWish, OwnAddress, Tag};
pub use attachment::Attachment;
pub use header::header_text;
pub use limits::MESSAGE_OCTETS_MAX;
pub use message::{InboundMail, Mailbox};
pub use origin::Origin;
