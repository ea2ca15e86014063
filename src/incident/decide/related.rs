//! What another incident tells of itself.
//!
//! Start with [`Step::hear_related`].

use super::Step;
use crate::incident::related::Related;

impl Step<'_> {
    pub(super) fn hear_related(&mut self, _related: &Related) {}
}
