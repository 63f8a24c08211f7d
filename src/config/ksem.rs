//! `[[ksem]]`: KOSTAL's Smart Energy Meter, TQ-Systems' Energy Manager and ABL's eMS home.

use super::ca_file::ca_file;
use super::device::{base_url, every, keep, name};
use super::secrets::{PASSWORD, TOKEN, secret};
use super::section::Section;
use super::value::StringList;
use crate::source::ksem::{Device, Interface, Login, Topic};
use std::collections::HashSet;

/// Reads a device; `taken` are the names of other sources.
pub(super) fn device(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Device> {
    let name = name(&mut section, taken);
    let url = base_url(&mut section, "\"http://192.168.1.50\"");
    let ca_file = ca_file(&mut section);
    let login = login(&mut section);
    let serial = section.get("serial");
    let interface = interface(&mut section);
    let keep = keep(&mut section);
    section.finish();
    Some(Device { name: name?, url: url?, ca_file, login: login?, serial, interface, keep })
}

fn interface(section: &mut Section<'_>) -> Interface {
    let is_socket = section.choice("interface", &[("json", false), ("websocket", true)], false);
    let device: Option<String> = section.get("device");
    let every = every(section);
    let topics: Option<StringList> = section.get("topics");
    if is_socket {
        for key in ["device", "every"].into_iter().filter(|key| section.has(key)) {
            section.fault(key, "is for interface = \"json\": remove it");
        }
        return Interface::WebSocket(
            topics.map_or_else(|| vec![Topic::SmartMeter], |names| self::topics(section, names)),
        );
    }
    if topics.is_some() {
        section.fault("topics", "needs interface = \"websocket\"");
    }
    let device = device.unwrap_or_else(|| "local".to_owned());
    if device.is_empty() || !device.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
        section.fault("device", "must be the name of a data endpoint: letters, digits, '-' and '_'");
    }
    Interface::Json { device, every }
}

fn topics(section: &Section<'_>, StringList(names): StringList) -> Vec<Topic> {
    let mut topics = Vec::new();
    for name in &names {
        match Topic::parse(name) {
            Ok(topic) if topics.contains(&topic) => section.fault("topics", format!("'{name}' is there twice")),
            Ok(topic) => topics.push(topic),
            Err(why) => section.fault("topics", why),
        }
    }
    if names.is_empty() {
        section.fault("topics", "is empty; remove it, or name a topic");
    }
    topics
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
