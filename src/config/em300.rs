//! `[[em300]]`: TQ-Systems' EM2xx and EM3xx, and B-control meters.

use super::ca_file::ca_file;
use super::device::{base_url, keep, name};
use super::secrets::{PASSWORD, secret};
use super::section::Section;
use crate::source::em300::Meter;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(10);
/// The device has new values every second.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Reads the meters; `taken` are the names of other sources.
pub(super) fn em300(sections: Vec<Section<'_>>, taken: &mut Vec<String>) -> Vec<Meter> {
    sections.into_iter().filter_map(|section| meter(section, taken)).collect()
}

fn meter(mut section: Section<'_>, taken: &mut Vec<String>) -> Option<Meter> {
    let name = name(&mut section, taken);
    let url = base_url(&mut section, "\"http://192.168.1.60\"");
    let ca_file = ca_file(&mut section);
    let password = secret(&mut section, PASSWORD);
    let every = section.get_or("every", EVERY);
    if every < EVERY_MIN {
        section.fault("every", "must be at least 1s");
    }
    let keep = keep(&mut section);
    section.finish();
    Some(Meter { name: name?, url: url?, ca_file, password, every, keep })
}
