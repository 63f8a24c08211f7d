//! `[[dsmr_logger]]`: devices that read a meter's P1 port and answer over HTTP.

use super::ca_file::ca_file;
use super::device::{authorization, base_url, keep, name};
use super::section::Section;
use crate::source::dsmr_logger::Logger;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(10);
/// A logger gets a telegram every second at most.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Reads the loggers; `taken` are the names of other sources.
pub(super) fn dsmr_logger(sections: Vec<Section<'_>>, taken: &mut Vec<String>) -> Vec<Logger> {
    sections.into_iter().filter_map(|section| logger(section, taken)).collect()
}

fn logger(mut section: Section<'_>, taken: &mut Vec<String>) -> Option<Logger> {
    let name = name(&mut section, taken);
    let url = base_url(&mut section, "\"http://dsmr-api.local\"");
    let ca_file = ca_file(&mut section);
    let authorization = authorization(&mut section);
    let every = section.get_or("every", EVERY);
    if every < EVERY_MIN {
        section.fault("every", "must be at least 1s");
    }
    let keep = keep(&mut section);
    section.finish();
    Some(Logger { name: name?, url: url?, ca_file, authorization, every, keep })
}
