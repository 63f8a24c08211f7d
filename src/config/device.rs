//! The keys that all devices on the local network have.

use super::section::Section;
use super::value::Value;
use super::webhook::{NAME_RULE, is_name};
use crate::source::Keep;
use std::time::Duration;

/// The readings of a device that are journaled if `keep` is not given: one per 10 s of measurement
/// time. A P1 meter with 30 values a second would need 41 GB a year.
const KEEP: Duration = Duration::from_secs(10);

/// The name of a device; `taken` are the names of the other sources.
pub(super) fn name(section: &mut Section<'_>, taken: &mut Vec<String>) -> Option<String> {
    let name = section.required::<String>("name", "\"cellar\"");
    match &name {
        Some(name) if !is_name(name) => section.fault("name", NAME_RULE),
        Some(name) if taken.contains(name) => {
            section.fault("name", format!("is the name of another source: '{name}'; choose a unique name"))
        }
        other => taken.extend(other.clone()),
    }
    name
}

/// The readings that are journaled.
pub(super) fn keep(section: &mut Section<'_>) -> Keep {
    section.get_or("keep", Keep::FirstOfEach(KEEP))
}

impl Value for Keep {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim() == "all" {
            return Ok(Self::All);
        }
        Duration::from_text(text).map(Self::FirstOfEach).map_err(|why| format!("{why}, or \"all\""))
    }
}
