//! An incident as a value, the events that change it, and what follows from them.
//!
//! Pure: nothing here knows the time, the database or the mail. Start with [`decide::decide`]; to see
//! when the server speaks unasked, read [`deadlines::deadlines`]. A deadline is never set or
//! cancelled: it is computed, so it cannot outlive its reason.

pub mod alerts;
pub mod customers;
pub mod deadlines;
pub mod decide;
pub mod decision;
pub mod drill;
pub mod event;
pub mod numbered;
pub mod page;
pub mod permission;
pub mod phase;
pub mod policy;
pub mod proposal;
pub mod related;
pub mod role;
pub mod severity;
pub mod state;
pub mod statement;
pub mod task;
pub mod template;
pub mod waiting;

pub use decision::{Decision, Entry, Mailing, NewEntry, Says};
pub use event::Event;
pub use phase::Phase;
pub use policy::Policy;
pub use role::Role;
pub use severity::Severity;
pub use state::Incident;
