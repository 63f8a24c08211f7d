//! `[[p1]]`: meters whose P1 telegrams come over TCP or a WebSocket.

use super::ca_file::ca_file;
use super::device::{keep, name, transformers};
use super::secrets::{AUTHENTICATION_KEY, KEY, secret};
use super::section::Section;
use super::value::is_host_and_port;
use crate::http::web_address;
use crate::source::p1::{Address, Meter};
use crate::vendor::p1::Key;
use std::collections::HashSet;

/// Reads a meter; `taken` are the names of other sources.
pub(super) fn meter(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Meter> {
    let name = name(&mut section, taken);
    let address = address(&mut section);
    let keep = keep(&mut section);
    let unchecked = section.get_or("unchecked", false);
    let transformers = transformers(&mut section);
    let key = key(&mut section);
    section.finish();
    Some(Meter { name: name?, address: address?, keep, key, unchecked, transformers })
}

fn address(section: &mut Section<'_>) -> Option<Address> {
    let faults_before = section.fault_count();
    let (address, url): (Option<String>, Option<String>) = (section.get("address"), section.get("url"));
    let ca_file = ca_file(section);
    match (address, url) {
        (Some(address), None) if is_host_and_port(&address) => Some(Address::Tcp(address)),
        (Some(_), None) => {
            section.fault("address", "must be a host and a port, like \"192.168.1.30:2001\"");
            None
        }
        (None, Some(url)) => {
            // The request that opens a WebSocket is one of HTTP.
            let web = url.strip_prefix("ws").map(|rest| format!("http{rest}"));
            let uri = web.and_then(|web| web_address(&web));
            if uri.is_none() {
                section.fault("url", "must be the address of a WebSocket, like \"ws://192.168.1.30/p1\"");
            }
            uri.map(|uri| Address::WebSocket(uri, ca_file))
        }
        (None, None) if section.fault_count() > faults_before => None,
        (None, None) => {
            let examples = "address = \"192.168.1.30:2001\", or url = \"ws://192.168.1.30/p1\"";
            section.fault("address", format!("is required, for example: {examples}"));
            None
        }
        (Some(_), Some(_)) => {
            section.fault("url", "is given together with address; remove one of them");
            None
        }
    }
}

fn key(section: &mut Section<'_>) -> Option<Key> {
    let (key, authentication) = (secret(section, KEY), secret(section, AUTHENTICATION_KEY));
    if key.is_none() && authentication.is_some() {
        section.fault("authentication_key_file", "needs key_file");
    }
    let key = Key::parse(key?.expose(), authentication.as_ref().map(|key| key.expose()));
    key.map_err(|error| section.fault("key_file", error.to_string())).ok()
}
