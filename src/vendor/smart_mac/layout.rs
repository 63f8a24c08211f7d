//! The layout of a device: which of its other keys decide what a key without a number means.
//!
//! `A` is the current of a device with one line, and the sum of a device with three. In a message with all values
//! the other keys are there. Where each value has a topic of its own, they come one after the other.

use super::registers::{LINE_KEYS, Layout, Options, TOTAL, Wiring};
use crate::vendor::document::{Members, Scalar};
use std::collections::BTreeSet;

/// Keys of one device. The largest have 40.
const KEYS_MAX: usize = 64;
/// Keys whose meaning depends on the other keys of the device.
const DEPENDENT: [&str; 3] = ["A", "V", "Wh"];

impl Layout {
    /// The document that says this; [`Self::read`] reads it.
    pub fn document(self) -> String {
        format!(r#"{{"lines":{},"total":{}}}"#, self.has_lines, self.has_total)
    }

    /// Reads the document of a layout; `None` if it is another one.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let members = Members::read(std::str::from_utf8(bytes).ok()?).ok()?;
        let is = |name| match members.get(name)? {
            Scalar::Bool(value) => Some(*value),
            _ => None,
        };
        Some(Self { has_lines: is("lines")?, has_total: is("total")? })
    }
}

/// Whether the meaning of a key depends on the layout of its device.
pub fn needs_layout(key: &str, options: &Options) -> bool {
    let is_of_a_line = || key == TOTAL || LINE_KEYS.iter().any(|(name, ..)| *name == key);
    DEPENDENT.contains(&key) || options.wiring == Wiring::Lines && is_of_a_line()
}

/// The keys that a device has sent, each on a topic of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    seen: BTreeSet<String>,
    /// Whether a key came twice, so that all have come.
    is_complete: bool,
}

impl Keys {
    /// Notes that a key came.
    pub fn note(&mut self, key: &str) {
        if self.seen.contains(key) {
            self.is_complete = true;
        } else if self.seen.len() < KEYS_MAX {
            self.seen.insert(key.to_owned());
        }
    }

    /// The layout of the device, once every key has come.
    pub fn layout(&self) -> Option<Layout> {
        self.is_complete.then(|| Layout::of(self.seen.iter().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_is_known_once_a_key_comes_again() {
        let mut keys = Keys::default();
        for key in ["A", "A1", "T"] {
            keys.note(key);
            assert_eq!(keys.layout(), None);
        }
        keys.note("A");
        assert_eq!(keys.layout(), Some(Layout { has_lines: true, has_total: false }));
        for number in 0..2 * KEYS_MAX {
            keys.note(&format!("x{number}"));
        }
        assert_eq!(keys.seen.len(), KEYS_MAX);
    }

    #[test]
    fn a_key_without_a_number_needs_the_layout() {
        let (phases, lines) = (Options::default(), Options { wiring: Wiring::Lines, ..Options::default() });
        let needing =
            |options| ["A", "V", "Wh", "W", "TWh", "PF", "A1", "T", "ADC", "TCh1"].map(|it| needs_layout(it, options));
        assert_eq!(needing(&phases), [true, true, true, false, false, false, false, false, false, false]);
        assert_eq!(needing(&lines), [true, true, true, true, true, true, false, false, false, false]);
    }

    proptest! {
        #[test]
        fn a_layout_is_read_from_its_document_and_from_no_other(has_lines: bool, has_total: bool, other in ".{0,30}") {
            let layout = Layout { has_lines, has_total };
            prop_assert_eq!(Layout::read(layout.document().as_bytes()), Some(layout));
            prop_assert_eq!(Layout::read(other.as_bytes()), None);
        }
    }
}
