//! `[[mqtt]]`: brokers of MQTT, and the devices behind them.

use super::ca_file::ca_file;
use super::device::{keep, name, transformers};
use super::json::mapping;
use super::secrets::{KEY, LOCATION, PASSWORD, USERNAME, from_file_or_variable, secret};
use super::section::Section;
use super::smart_mac::{devid, options};
use super::source::Source;
use super::value::StringList;
use crate::base::file::read;
use crate::http::ClientIdentity;
use crate::reading::MeterId;
use crate::secret::Secret;
use crate::source::dsmr_logger::MeterOptions;
use crate::source::mqtt::{Address, Broker, Cloud, Document, Logger, Meter, Monitors, Route};
use crate::vendor::json::Mapping;
use std::collections::HashSet;
use std::path::PathBuf;
use uuid::Uuid;

/// The maximum size of a file of certificates.
const CERTIFICATE_BYTES_MAX: u64 = 64 << 10;
/// Every broker takes a client id of this length.
const CLIENT_ID_BYTES_MAX: usize = 64;

/// Reads a broker; `taken` are the names of other sources.
pub(super) fn broker(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Broker> {
    let name = name(&mut section, taken);
    let address = address(&mut section);
    let credentials = credentials(&mut section);
    let ca_file = ca_file(&mut section);
    let identity = identity(&mut section);
    let is_plain = address.as_ref().is_some_and(|address| !address.scheme.is_encrypted());
    if is_plain && (ca_file.is_some() || identity.is_some()) {
        section.fault("url", "needs mqtts:// or wss:// to use certificates");
    }
    let client_id: Option<String> = section.get("client_id");
    if client_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > CLIENT_ID_BYTES_MAX) {
        section.fault("client_id", format!("must have 1 to {CLIENT_ID_BYTES_MAX} bytes"));
    }
    let keep = keep(&mut section);
    let inspect = section.get("inspect").map_or_else(Vec::new, |StringList(filters)| filters);
    if inspect.iter().any(|filter| !is_filter(filter)) {
        section.fault("inspect", "must be a list of topic filters, like [\"zigbee2mqtt/#\"]");
    }
    let routes = routes(&mut section, taken);
    section.finish();
    let (name, address) = (name?, address?);
    Some(Broker { name, address, credentials, ca_file, identity, client_id, keep, inspect, routes })
}

/// Tells the brokers with Smappee's monitors which accounts at Smappee's cloud there are.
pub(super) fn name_accounts(sources: &mut [Source]) {
    let accounts = sources.iter().filter(|source| matches!(source, Source::Smappee(_)));
    let accounts: Vec<String> = accounts.map(|account| account.name().to_owned()).collect();
    for source in sources {
        let Source::Mqtt(Broker { routes, .. }) = source else { continue };
        for route in routes {
            if let Route::Smappee(monitors) = route {
                monitors.accounts.clone_from(&accounts);
            }
        }
    }
}

fn address(section: &mut Section<'_>) -> Option<Address> {
    let example = "\"mqtts://broker.example:8883\"";
    let url = section.required::<String>("url", example)?;
    let address = Address::parse(&url);
    if address.is_none() {
        section.fault(
            "url",
            format!("must begin with mqtt://, mqtts://, ws:// or wss:// and hold no login, like {example}"),
        );
    }
    address
}

fn credentials(section: &mut Section<'_>) -> Option<(Secret, Secret)> {
    let faults_before = section.fault_count();
    // A user may be a secret as well: at Smappee's cloud it is the password.
    let user = section.get::<String>("username").map(Secret::new);
    let secret_user = from_file_or_variable(section, USERNAME).map(|(user, _)| user);
    if user.is_some() && secret_user.is_some() {
        section.fault("username", "is given together with username_file; remove one of them");
    }
    match (user.or(secret_user), secret(section, PASSWORD)) {
        (Some(user), Some(password)) => Some((user, password)),
        (None, None) => None,
        _ => {
            if section.fault_count() == faults_before {
                section.fault("username", "needs both username and password_file, or neither");
            }
            None
        }
    }
}

/// The certificate that is shown to the broker.
fn identity(section: &mut Section<'_>) -> Option<ClientIdentity> {
    let faults_before = section.fault_count();
    let certificate: Option<PathBuf> = section.get("certificate_file");
    let (path, key) = match (certificate, secret(section, KEY)) {
        (Some(path), Some(key)) => (path, key),
        (None, None) => return None,
        _ => {
            if section.fault_count() == faults_before {
                section.fault("certificate_file", "needs both certificate_file and key_file, or neither");
            }
            return None;
        }
    };
    let chain = match read(&path, CERTIFICATE_BYTES_MAX) {
        Ok(chain) => chain,
        Err(error) => {
            section.fault("certificate_file", format!("cannot read {}: {error}", path.display()));
            return None;
        }
    };
    section.note_content("certificate_file", &chain);
    ClientIdentity::parse(&chain, key.expose().as_bytes())
        .map_err(|why| section.fault("certificate_file", format!("the file {} {why}", path.display())))
        .ok()
}

fn routes(section: &mut Section<'_>, taken: &mut HashSet<String>) -> Vec<Route> {
    let faults_before = section.fault_count();
    let mut routes = Vec::new();
    routes.extend(section.sections("json").into_iter().filter_map(|section| document(section, taken)));
    routes.extend(section.sections("smart_mac").into_iter().filter_map(meter));
    routes.extend(section.sections("dsmr_logger").into_iter().filter_map(|section| logger(section, taken)));
    routes.extend(monitors(section.sections("smappee")).map(Route::Smappee));
    if routes.is_empty() && section.fault_count() == faults_before {
        section.fault("json", "or another kind of device is missing: add a table such as [[mqtt.json]]");
    }
    let mut topics: Vec<&str> = routes.iter().map(Route::topic).collect();
    topics.sort_unstable();
    if let Some(twice) = topics.windows(2).find(|pair| pair[0] == pair[1]) {
        section.fault("json", format!("or another kind of device has the topic {} twice", twice[0]));
    }
    routes
}

fn document(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Route> {
    let name = name(&mut section, taken);
    let topic = topic(&mut section, "\"meters/cellar\"");
    let (time, values) = mapping(&mut section, "[[mqtt.json.value]]");
    section.finish();
    let mapping = Mapping { meter: MeterId::named("json", &name?), time, values };
    Some(Route::Json(Document { topic: topic?, mapping }))
}

fn meter(mut section: Section<'_>) -> Option<Route> {
    let device = devid(&mut section);
    let prefix: String = section.get_or("prefix", String::new());
    check_topic(&mut section, "prefix", &prefix);
    let options = options(&mut section);
    section.finish();
    Some(Route::SmartMac(Meter { prefix, device: device?, options }))
}

fn logger(mut section: Section<'_>, taken: &mut HashSet<String>) -> Option<Route> {
    let name = name(&mut section, taken);
    let topic = topic(&mut section, "\"DSMR-API\"").map(|topic| topic.trim_end_matches('/').to_owned());
    let transformers = transformers(&mut section);
    section.finish();
    Some(Route::DsmrLogger(Logger { topic: topic?, meter: MeterOptions { name: name?, transformers } }))
}

/// Smappee's monitors, each by its location or its serial number, or all.
fn monitors(sections: Vec<Section<'_>>) -> Option<Monitors> {
    let has_monitors = !sections.is_empty();
    let mut monitors = Monitors::default();
    for section in sections {
        monitor(section, &mut monitors);
    }
    has_monitors.then_some(monitors)
}

fn monitor(mut section: Section<'_>, monitors: &mut Monitors) {
    let faults_before = section.fault_count();
    let location = secret(&mut section, LOCATION);
    if location.as_ref().is_some_and(|it| it.expose().len() != 36 || Uuid::parse_str(it.expose()).is_err()) {
        section.fault("location_file", "must hold the UUID of the location");
    }
    let serial: Option<String> = section.get("serial");
    if serial.as_deref() == Some("") {
        section.fault("serial", "must be the serial number of the monitor, as on its label");
    }
    let all = section.get_or("all", false);
    let number: Option<u64> = section.get("location_number");
    if section.get_or("cloud", false) {
        match &location {
            Some(location) => {
                let serial = serial.clone().unwrap_or_default();
                monitors.cloud.push(Cloud { location: location.clone(), serial, number });
            }
            None => section.fault("cloud", "needs location_file: the cloud is asked for one location"),
        }
    } else if number.is_some() {
        section.fault("location_number", "needs cloud = true: it is for the cloud's heartbeat");
    }
    match (location, serial, all) {
        (Some(location), _, false) => monitors.locations.push(location),
        (None, Some(serial), false) => monitors.serials.push(serial),
        (None, None, true) => monitors.all = true,
        (None, None, false) if section.fault_count() == faults_before => {
            section.fault("serial", "or location_file is missing; all = true takes every monitor at this broker");
        }
        (_, _, true) => section.fault("all", "cannot be used together with serial or location_file"),
        _ => {}
    }
    section.finish();
}

/// A topic without wildcards.
fn topic(section: &mut Section<'_>, example: &str) -> Option<String> {
    let topic = section.required::<String>("topic", example)?;
    if topic.is_empty() {
        section.fault("topic", "must not be empty");
    }
    check_topic(section, "topic", &topic);
    Some(topic)
}

/// Whether a topic filter is valid: + is a whole segment, # the last one.
fn is_filter(filter: &str) -> bool {
    let segments: Vec<&str> = filter.split('/').collect();
    let is_valid = |(at, segment): (usize, &&str)| match *segment {
        "+" => true,
        "#" => at + 1 == segments.len(),
        word => !word.contains(['+', '#', '\0']),
    };
    !filter.is_empty() && segments.iter().enumerate().all(is_valid)
}

fn check_topic(section: &mut Section<'_>, key: &'static str, topic: &str) {
    if topic.contains(['+', '#', '\0']) || topic.starts_with('$') {
        section.fault(key, "must be one topic: without + and #, and not of the broker itself ($)");
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source, parse};
    use crate::source::mqtt::{Broker, Route};

    fn faults(text: &str) -> String {
        let environment = [("SECRET".to_owned(), "hunter2".to_owned())].into_iter().collect();
        parse("m.toml", text, &environment).err().map(|faults| faults.to_string()).unwrap_or_default()
    }

    fn broker(config: &Config) -> &Broker {
        match &config.sources[0] {
            Source::Mqtt(broker) => broker,
            other => panic!("{other:?}"),
        }
    }

    const JSON: &str = "[[mqtt.json]]\nname = \"boiler\"\ntopic = \"meters/boiler\"\n\
                        [[mqtt.json.value]]\npointer = \"/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n";

    #[test]
    fn a_broker_has_devices_of_several_kinds_and_no_secret_is_shown() {
        let text = format!(
            "[[mqtt]]\nname = \"house\"\nurl = \"mqtt://127.0.0.1\"\nusername = \"u\"\npassword_env = \"SECRET\"\n{JSON}\
             [[mqtt.smart_mac]]\ndevid = \"1728053249\"\nprefix = \"smart-maic/\"\n\
             [[mqtt.dsmr_logger]]\nname = \"meter\"\ntopic = \"DSMR-API/\"\n"
        );
        let environment = [("SECRET".to_owned(), "hunter2".to_owned())].into_iter().collect();
        let config = parse("m.toml", &text, &environment).unwrap();
        let topics: Vec<&str> = broker(&config).routes.iter().map(Route::topic).collect();
        assert_eq!(topics, ["meters/boiler", "1728053249", "DSMR-API"]);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn monitors_know_the_accounts_at_the_vendors_cloud_wherever_they_stand() {
        let account = |name: &str| {
            format!(
                "[[smappee]]\nname = \"{name}\"\nclient_id = \"c\"\nclient_secret_env = \"SECRET\"\nusername = \"u\"\n\
                 password_env = \"SECRET\"\ntoken_key_file = \"/k\"\n"
            )
        };
        let broker = "[[mqtt]]\nname = \"house\"\nurl = \"mqtt://x\"\n[[mqtt.smappee]]\nall = true\n";
        let environment = [("SECRET".to_owned(), "hunter2".to_owned())].into_iter().collect();
        let config = parse("m.toml", &[account("a"), broker.to_owned(), account("b")].concat(), &environment).unwrap();
        let brokers = config.sources.iter().filter_map(|source| match source {
            Source::Mqtt(broker) => Some(&broker.routes[0]),
            _ => None,
        });
        let known: Vec<_> = brokers
            .map(|route| match route {
                Route::Smappee(monitors) => monitors.accounts.join(" "),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(known, ["a b"]);
    }

    #[test]
    fn every_fault_of_a_broker_is_named() {
        let with = |lines: &str, devices: &str| faults(&format!("[[mqtt]]\nname = \"a\"\n{lines}\n{devices}"));
        let plain = "url = \"mqtt://127.0.0.1\"";
        for (lines, devices, says) in [
            ("url = \"http://x\"", JSON, "must begin with mqtt://"),
            ("url = \"mqtt://u:hunter2@x\"", JSON, "hold no login"),
            (plain, "", "add a table such as [[mqtt.json]]"),
            ("url = \"mqtt://x\"\nusername = \"u\"", JSON, "needs both username and password_file"),
            ("url = \"mqtts://x\"\ncertificate_file = \"/x\"", JSON, "needs both certificate_file and key_file"),
            ("url = \"mqtt://x\"\nclient_id = \"\"", JSON, "must have 1 to 64 bytes"),
            (plain, "[[mqtt.json]]\nname = \"b\"\ntopic = \"a/#\"\n", "without + and #"),
            (plain, "[[mqtt.json]]\nname = \"b\"\ntopic = \"a\"\n", "[[mqtt.json.value]]"),
            (plain, "[[mqtt.smart_mac]]\ndevid = \"x\"\n", "digits of the device's id"),
            (plain, "[[mqtt.smart_mac]]\ndevid = \"1\"\n[[mqtt.smart_mac]]\ndevid = \"1\"\n", "topic 1 twice"),
            (plain, "[[mqtt.dsmr_logger]]\nname = \"b\"\n", "topic"),
            (plain, "[[mqtt.smappee]]\n", "all = true takes every monitor"),
            (plain, "[[mqtt.smappee]]\nserial = \"\"\n", "must be the serial number of the monitor"),
            (plain, "[[mqtt.smappee]]\nlocation = \"hunter2\"\n", "secrets are not allowed in this file"),
            (plain, "[[mqtt.smappee]]\nlocation_env = \"SECRET\"\n", "must hold the UUID of the location"),
            (plain, "[[mqtt.smappee]]\nserial = \"5\"\ncloud = true\n", "needs location_file"),
            (plain, "[[mqtt.smappee]]\nserial = \"5\"\nall = true\n", "cannot be used together"),
            (plain, "[[mqtt.smappee]]\nserial = \"5\"\nlocation_number = 5\n", "needs cloud = true"),
            ("url = \"mqtt://x\"\ninspect = [\"a/#/b\"]", JSON, "list of topic filters"),
        ] {
            let found = with(lines, devices);
            assert!(found.contains(says), "{says}: {found}");
            assert!(!found.contains("hunter2"), "{found}");
        }
    }
}
