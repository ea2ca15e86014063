//! Names of kinds of which an incident may have several: `task-3` is the kind `task` of the entry `#3`.
//!
//! Where a kind is stored or sent, it is by this name. Start with [`kinds`], which makes such an
//! enumeration from one table.

use std::fmt;

use serde::de::{Error, Visitor};

/// An enumeration of kinds from one table: each with its name, first those of which an incident has one,
/// then, behind a semicolon, those that carry the number of an entry.
macro_rules! kinds {
    (
        $(#[$meta:meta])*
        pub enum $Kind:ident {
            $($(#[$single_meta:meta])* $single:ident = $single_name:literal,)*
            ;
            $($(#[$numbered_meta:meta])* $numbered:ident = $numbered_name:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Kind {
            $($(#[$single_meta])* $single,)*
            $($(#[$numbered_meta])* $numbered(i64),)*
        }

        impl $Kind {
            /// Every kind that carries no number.
            pub const SINGLE: &[Self] = &[$(Self::$single),*];

            /// The kind's name, without its number.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$single => $single_name,)*
                    $(Self::$numbered(_) => $numbered_name,)*
                }
            }

            /// The `#n` that it is about, where there may be several of its kind.
            pub fn number(self) -> Option<i64> {
                match self {
                    $(Self::$single => None,)*
                    $(Self::$numbered(seq) => Some(seq),)*
                }
            }

            /// The kind with this name, as [`join`](crate::incident::numbered::join) writes it.
            pub fn read(text: &str) -> Option<Self> {
                match $crate::incident::numbered::split(text) {
                    $(($numbered_name, Some(seq)) => Some(Self::$numbered(seq)),)*
                    _ => Self::SINGLE.iter().copied().find(|kind| kind.name() == text),
                }
            }
        }

        impl serde::Serialize for $Kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let name = $crate::incident::numbered::join(self.name(), self.number());
                serializer.serialize_str(&name)
            }
        }

        impl<'de> serde::Deserialize<'de> for $Kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::incident::numbered::NameVisitor(Self::read))
            }
        }
    };
}

pub(crate) use kinds;

/// `task-3`, or `update` for a kind that an incident has once.
pub fn join(name: &str, number: Option<i64>) -> String {
    number.map_or_else(|| name.to_owned(), |number| format!("{name}-{number}"))
}

/// The name and the number of `task-3`; no number for `update` and for what ends in no number.
pub fn split(text: &str) -> (&str, Option<i64>) {
    match text.rsplit_once('-').map(|(name, number)| (name, number.parse())) {
        Some((name, Ok(number))) if number > 0 => (name, Some(number)),
        _ => (text, None),
    }
}

/// Reads a kind by its name.
pub(crate) struct NameVisitor<T>(pub(crate) fn(&str) -> Option<T>);

impl<T> Visitor<'_> for NameVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a kind")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).ok_or_else(|| E::custom(format!("unknown kind `{text}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        for (name, number) in [("update", None), ("reminder-task", Some(3)), ("task", Some(12_345))] {
            assert_eq!(split(&join(name, number)), (name, number));
        }
        for text in ["take-command", "task-", "task-x", "-", ""] {
            assert_eq!(split(text), (text, None), "{text}");
        }
    }
}
