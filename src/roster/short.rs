//! Rotations that are short of people.
//!
//! Start with [`Roster::shortage`].

use super::Roster;
use super::rotation::Rotation;

impl Roster {
    /// Why a rotation does not have the people that it needs, each as a sentence; empty when it does.
    pub fn shortage(&self, rotation: &Rotation) -> Vec<String> {
        let mut why = Vec::new();
        let here = |address: &&crate::mail::Address| self.member(address).is_some();
        let mut there: Vec<_> = rotation.members.iter().filter(here).collect();
        there.sort();
        there.dedup();
        for address in rotation.members.iter().filter(|address| !here(address)) {
            why.push(format!("{address} is not in the roster."));
        }
        match there.as_slice() {
            [] => why.push("Nobody of the roster is in it.".to_owned()),
            [only] => {
                let name = self.person(only, "");
                why.push(format!("{} is alone in it, without anybody to take over.", name.shown()));
            }
            _ => {}
        }
        why
    }
}
