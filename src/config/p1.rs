//! `[[p1]]`: meters whose P1 telegrams come over TCP.

use super::device::{keep, name};
use super::secrets::{AUTHENTICATION_KEY, KEY, secret};
use super::section::Section;
use super::value::is_host_and_port;
use crate::source::p1::Meter;
use crate::vendor::p1::Key;

/// Reads the meters; `taken` are the names of other sources.
pub(super) fn p1(sections: Vec<Section<'_>>, taken: &mut Vec<String>) -> Vec<Meter> {
    sections.into_iter().filter_map(|section| meter(section, taken)).collect()
}

fn meter(mut section: Section<'_>, taken: &mut Vec<String>) -> Option<Meter> {
    let name = name(&mut section, taken);
    let address = section.required::<String>("address", "\"192.168.1.30:2001\"");
    if address.as_deref().is_some_and(|address| !is_host_and_port(address)) {
        section.fault("address", "must be a host and a port, like \"192.168.1.30:2001\"");
    }
    let keep = keep(&mut section);
    let unchecked = section.get_or("unchecked", false);
    let key = key(&mut section);
    section.finish();
    Some(Meter { name: name?, address: address?, keep, key, unchecked })
}

fn key(section: &mut Section<'_>) -> Option<Key> {
    let (key, authentication) = (secret(section, KEY), secret(section, AUTHENTICATION_KEY));
    if key.is_none() && authentication.is_some() {
        section.fault("authentication_key_file", "needs key_file");
    }
    let key = Key::parse(key?.expose(), authentication.as_ref().map(|key| key.expose()));
    key.map_err(|error| section.fault("key_file", error.to_string())).ok()
}
