//! `[[smart_mac]]`: smart-MAIC meters on the local network.

use super::device::{base_url, keep, name};
use super::secrets::{API_KEY, PIN, secret};
use super::section::Section;
use crate::http::web_address;
use crate::source::smart_mac::{Cloud, Meter};
use crate::vendor::smart_mac::{Analog, Input, Medium, Options, Wiring};
use hyper::Uri;
use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);
/// The vendor's limit for extended devices; standard ones answer 429 below 60 s.
const EVERY_MIN: Duration = Duration::from_secs(6);
/// The address of the vendor's cloud.
const CLOUD_URL: &str = "https://dash.smart-maic.com";

/// Reads a meter; `taken` are the names of other sources.
pub(super) fn meter(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Meter> {
    let name = name(&mut section, taken);
    let url = base_url(&mut section, "\"http://192.168.1.40\"");
    let device = devid(&mut section);
    let faults_before = section.fault_count();
    let pin = secret(&mut section, PIN);
    if pin.as_ref().is_some_and(|pin| !pin.expose().bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        section.fault("pin_file", "must hold letters and digits only");
    } else if pin.is_none() && section.fault_count() == faults_before {
        section.fault("pin_file", "is missing; name the file that holds the device's PIN");
    }
    let every = section.get_or("every", EVERY);
    if every < EVERY_MIN {
        section.fault("every", "must be at least 6s; a device of the standard version needs 60s");
    }
    let keep = keep(&mut section);
    let options = options(&mut section);
    let cloud = cloud(&mut section);
    section.finish();
    Some(Meter { name: name?, url: url?, device: device?, pin: pin?, every, keep, options, cloud })
}

/// The access to the vendor's cloud, if there is a key.
fn cloud(section: &mut Section<'_>) -> Option<Cloud> {
    let key = secret(section, API_KEY);
    let url = section.get_or("cloud_url", CLOUD_URL.to_owned());
    let url = web_address(&url).filter(|url| url.path() == "/" && url.query().is_none() && hides_the_key(url));
    if url.is_none() {
        section.fault(
            "cloud_url",
            format!("must be an https address without path, like \"{CLOUD_URL}\": the key is part of each request"),
        );
    }
    Some(Cloud { key: key?, url: url? })
}

/// Whether the query of a request is encrypted, or stays on this machine.
fn hides_the_key(url: &Uri) -> bool {
    let is_on_this_machine = |host: &str| host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback());
    url.scheme_str() == Some("https") || url.host().is_some_and(is_on_this_machine)
}

/// The id of a device.
pub(super) fn devid(section: &mut Section<'_>) -> Option<String> {
    let device = section.required::<String>("devid", "\"1728053249\"");
    if device.as_deref().is_some_and(|device| device.is_empty() || !device.bytes().all(|byte| byte.is_ascii_digit())) {
        section.fault("devid", "must be the digits of the device's id");
    }
    device
}

/// The user's knowledge of lines and inputs.
pub(super) fn options(section: &mut Section<'_>) -> Options {
    let wiring = [("phases", Wiring::Phases), ("lines", Wiring::Lines)];
    let wiring = section.choice("wiring", &wiring, Wiring::Phases);
    let sum = section.get_or("sum", false);
    if sum && wiring == Wiring::Lines {
        section.fault("sum", "needs wiring = \"phases\": separate lines are separate meters");
    }
    let inputs = [input(section.section("input1")), input(section.section("input2"))];
    let analog = analog(section.section("analog"));
    Options { wiring, sum, inputs, analog }
}

fn analog(mut section: Section<'_>) -> Option<Analog> {
    let unit = if section.is_present() { section.required::<String>("unit", "\"bar\"") } else { None };
    let factor = section.get_or("factor", 1.0);
    let with = |factor| unit.as_deref().and_then(|unit| Analog::new(unit, factor));
    let analog = with(factor);
    if unit.is_some() && with(1.0).is_none() {
        section.fault("unit", "must be one of pressure, level, voltage, current, temperature, flow or share, like bar, cm, V, mA, degC, l/h, %");
    } else if unit.is_some() && analog.is_none() {
        section.fault("factor", "must not be 0, and not too large");
    }
    section.finish();
    analog
}

fn input(mut section: Section<'_>) -> Option<Input> {
    let media = [
        ("gas", Some(Medium::Gas)),
        ("cold_water", Some(Medium::ColdWater)),
        ("hot_water", Some(Medium::HotWater)),
        ("heat", Some(Medium::Heat)),
        ("electricity", Some(Medium::Electricity)),
    ];
    let medium = section.choice("medium", &media, None);
    let pulses_per_unit: f64 = section.get_or("pulses_per_unit", 0.0);
    if medium.is_some() && pulses_per_unit <= 0.0 {
        section.fault("pulses_per_unit", "must be more than 0: the pulses for one m3 or one kWh");
    }
    section.finish();
    medium.map(|medium| Input { medium, pulses_per_unit })
}
