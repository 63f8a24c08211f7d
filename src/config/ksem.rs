//! `[[ksem]]`: KOSTAL's Smart Energy Meter and TQ-Systems' Energy Manager.

use super::ca_file::ca_file;
use super::device::{base_url, keep, name};
use super::secrets::{PASSWORD, TOKEN, secret};
use super::section::Section;
use crate::source::ksem::{Device, Login};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(10);
/// The device has new values every second.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Reads the devices; `taken` are the names of other sources.
pub(super) fn ksem(sections: Vec<Section<'_>>, taken: &mut Vec<String>) -> Vec<Device> {
    sections.into_iter().filter_map(|section| device(section, taken)).collect()
}

fn device(mut section: Section<'_>, taken: &mut Vec<String>) -> Option<Device> {
    let name = name(&mut section, taken);
    let url = base_url(&mut section, "\"http://192.168.1.50\"");
    let ca_file = ca_file(&mut section);
    let login = login(&mut section);
    let device = section.get_or("device", "local".to_owned());
    if device.is_empty() || !device.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        section.fault("device", "must be the name of a data endpoint: letters, digits, '-' and '_'");
    }
    let serial = section.get("serial");
    let every = section.get_or("every", EVERY);
    if every < EVERY_MIN {
        section.fault("every", "must be at least 1s");
    }
    let keep = keep(&mut section);
    section.finish();
    Some(Device { name: name?, url: url?, ca_file, login: login?, device, serial, every, keep })
}

fn login(section: &mut Section<'_>) -> Option<Login> {
    let faults_before = section.fault_count();
    let token = secret(section, TOKEN);
    let user: Option<String> = section.get("username");
    match (token, secret(section, PASSWORD), user) {
        (Some(token), None, None) => Some(Login::Token(token)),
        (None, Some(password), user) => {
            Some(Login::Password { user: user.unwrap_or_else(|| "admin".to_owned()), password })
        }
        _ if section.fault_count() > faults_before => None,
        _ => {
            section
                .fault("token_file", "is needed: an access token of role api; or username and password_file instead");
            None
        }
    }
}
