//! `[[dsmr_logger]]`: devices that read a meter's P1 port and answer over HTTP.

use super::ca_file::ca_file;
use super::device::{authorization, base_url, every, keep, name, transformers};
use super::section::Section;
use crate::source::dsmr_logger::Logger;
use std::collections::HashSet;

/// Reads a logger; `taken` are the names of other sources.
pub(super) fn logger(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Logger> {
    let name = name(&mut section, taken);
    let url = base_url(&mut section, "\"http://dsmr-api.local\"");
    let ca_file = ca_file(&mut section);
    let authorization = authorization(&mut section);
    let every = every(&mut section);
    let keep = keep(&mut section);
    let transformers = transformers(&mut section);
    section.finish();
    Some(Logger { name: name?, url: url?, ca_file, authorization, every, keep, transformers })
}
