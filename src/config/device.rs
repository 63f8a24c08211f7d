//! The keys that all devices on the local network have.

use super::keys::Kind;
use super::secrets::{PASSWORD, check_username, secret};
use super::section::Section;
use super::value::Value;
use super::webhook::{NAME_RULE, is_name};
use crate::http::{basic_authorization, web_address};
use crate::source::Keep;
use crate::vendor::Transformers;
use hyper::Uri;
use hyper::header::HeaderValue;
use serde_json::{Value as Json, json};
use std::collections::HashSet;
use std::time::Duration;

/// The readings of a device that are journaled if `keep` is not given: one per 10 s of measurement
/// time. A P1 meter with 30 values a second would need 41 GB a year.
const KEEP: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(10);
/// More frequent requests would overload the device.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// The name of a device; `taken` are the names of the other sources.
pub(super) fn name(section: &mut Section<'_>, taken: &mut HashSet<String>) -> Option<String> {
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

/// The polling interval of a device that has new values every second.
pub(super) fn every(section: &mut Section<'_>) -> Duration {
    let every = section.get_or("every", EVERY);
    if every < EVERY_MIN {
        section.fault("every", "must be at least 1s");
    }
    every
}

/// The address of a device, without path.
pub(super) fn base_url(section: &mut Section<'_>, example: &str) -> Option<Uri> {
    let text = section.required::<String>("url", example)?;
    let uri = web_address(&text).filter(|uri| uri.path() == "/" && uri.query().is_none());
    if uri.is_none() {
        section.fault("url", format!("must be an address without path, like {example}"));
    }
    uri
}

/// The credentials of a device; `None` without any.
pub(super) fn authorization(section: &mut Section<'_>) -> Option<HeaderValue> {
    let faults_before = section.fault_count();
    let user: Option<String> = section.get("username");
    match (user, secret(section, PASSWORD)) {
        (Some(user), Some(password)) => {
            check_username(section, "username", &user);
            basic_authorization(&user, &password)
        }
        (None, None) => None,
        _ if section.fault_count() > faults_before => None,
        _ => {
            section.fault("username", "needs both username and password_file, or neither");
            None
        }
    }
}

/// The ratios of the transformers in front of a meter that sends what it measures behind them.
pub(super) fn transformers(section: &mut Section<'_>) -> Transformers {
    let mut ratio = |key, example: &str| {
        let ratio = section.get_or(key, 1.0);
        if Transformers::new(ratio, 1.0).is_none() {
            section.fault(key, format!("must be a number above 0, up to 10000: {example}"));
        }
        ratio
    };
    let current = ratio("current_factor", "60 for transformers of 300 A to 5 A");
    let voltage = ratio("voltage_factor", "200 for transformers of 20 kV to 100 V");
    Transformers::new(current, voltage).unwrap_or(Transformers::NONE)
}

impl Value for Keep {
    const KIND: Kind = Kind::TimeSpanOr("all");

    fn shown(&self) -> Json {
        match self {
            Self::FirstOfEach(interval) => interval.shown(),
            Self::All => json!("all"),
        }
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim() == "all" {
            return Ok(Self::All);
        }
        Duration::from_text(text).map(Self::FirstOfEach).map_err(|why| format!("{why}, or \"all\""))
    }
}
