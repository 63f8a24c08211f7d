//! Trouble: the one list of everything that needs a person, worst first. The head of every page is
//! green only while it is empty.
//!
//! Pure: from the other contents of a [`Status`] to the list. It knows no type of source or sink: a source and a sink
//! describe themselves in the status. Bound: [`SHOWN_MAX`] entries; the others are counted.

mod data;
mod flow;
mod list;
mod machine;
mod sources;
#[cfg(test)]
mod tests;

use super::status::{Status, Troubles};
use list::Found;

/// The list of these contents.
#[must_use]
pub fn troubles(status: &Status) -> Troubles {
    let mut found = Found::default();
    machine::add(&mut found, status);
    sources::add(&mut found, status);
    flow::add(&mut found, status);
    data::add(&mut found, status);
    Troubles::new(found.entries, found.others)
}
