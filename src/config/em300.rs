//! `[[em300]]`: TQ-Systems' EM2xx and EM3xx, and B-control meters.

use super::ca_file::ca_file;
use super::device::{base_url, every, keep, name};
use super::secrets::{PASSWORD, secret};
use super::section::Section;
use crate::source::em300::Meter;
use std::collections::HashSet;

/// Reads a meter; `taken` are the names of other sources.
pub(super) fn meter(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Meter> {
    let name = name(&mut section, taken);
    let url = base_url(&mut section, "\"http://192.168.1.60\"");
    let ca_file = ca_file(&mut section);
    let password = secret(&mut section, PASSWORD);
    let every = every(&mut section);
    let keep = keep(&mut section);
    section.finish();
    Some(Meter { name: name?, url: url?, ca_file, password, every, keep })
}
