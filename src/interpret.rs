//! From a message and what it points at to an event.
