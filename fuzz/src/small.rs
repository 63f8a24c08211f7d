//! The small parsers of what comes from outside: answers of smart-me's REST API, JSON
//! documents, OBIS codes, messages of devices in the local network, records of a Kafka topic; and
//! what operators write: the configuration, times of commands. Nothing panics, and every value is
//! finite.

use meterline::config;
use meterline::query::{When, select};
use meterline::reading::registry::Interval;
use meterline::reading::{MeterId, Obis};
use meterline::vendor::dsmr_logger::{self, Identity};
use meterline::vendor::json::{self, Mapping, Register, Time};
use meterline::vendor::ksem::{self, gdr::Configuration};
use meterline::vendor::p1::{Frame, next_frame};
use meterline::vendor::smappee::{self, Document, Location, Monitor, Topic, hide, rest, with_document};
use meterline::vendor::smart_mac::{self, Analog, Layout, Period};
use meterline::vendor::smart_me::{
    Customer, Device, DeviceInformation, MBusGateway, Registration, SiteOfMeter, Values,
};
use meterline::vendor::{At, Part, Transformers};
use meterline::wire::{self, PayloadFormat};
use meterline_load::proto::ksem::GdRs;
use prost::Message as _;
use std::collections::BTreeMap;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    Values::read(bytes).ok();
    Registration::list(bytes).ok();
    MBusGateway::read(bytes).ok();
    Customer::list(bytes).ok();
    DeviceInformation::list(bytes).ok();
    SiteOfMeter::list(bytes).ok();
    for device in Device::list(bytes).unwrap_or_default() {
        assert!(device.samples.iter().all(|sample| sample.value.is_finite()));
    }
    let register = Register { pointer: "/a".to_owned(), obis: Obis([1, 0, 1, 8, 0, 255]), factor: 1e3 };
    let time = Some(Time { pointer: "/t".to_owned(), unit_ns: 1_000_000 });
    let mapping = Mapping { meter: MeterId::named("json", "a"), time, values: vec![register] };
    if let Ok(document) = json::read(&mapping, bytes) {
        assert!(document.samples.iter().all(|sample| sample.value.is_finite()));
    }
    if let Some(guess) = json::guess(bytes) {
        assert!(guess.others.iter().all(|(_, value)| value.is_finite()));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(code) = text.parse::<Obis>() {
            assert_eq!(code.to_string().parse::<Obis>().ok(), Some(code));
        }
        configuration(text);
        text.parse::<When>().ok();
        select::registers(&[Obis([1, 0, 1, 8, 0, 255])], text).ok();
    }
    published(bytes);
    p1(bytes);
    ksem(bytes);
    smart_mac(bytes);
    dsmr_logger::field_of_message("power_delivered", bytes);
    if let Ok(document) = dsmr_logger::Document::read(bytes, &Identity::default()) {
        document.visit(finite);
    }
    dsmr_logger::history::read(bytes, &Identity::default(), finite).ok();
    dsmr_logger::LoggerInfo::read(bytes).ok();
    smappee(bytes);
    smappee_mqtt(bytes);
}

/// A record of a topic that other programs may write to.
fn published(bytes: &[u8]) {
    let mut body = Vec::new();
    if wire::published(bytes, &mut body).is_ok() {
        assert_eq!(wire::readings(PayloadFormat::ReadingBatch, &body).map(Iterator::count), Ok(1));
    }
    if wire::published_meter(bytes, &mut body).is_ok() {
        assert!(wire::meters::versions(&body).is_ok_and(|versions| versions.len() == 1));
    }
}

/// A file is a configuration that equals itself, or has faults with a place and a message.
fn configuration(text: &str) {
    match config::parse("fuzz", text, &BTreeMap::new()) {
        Ok(found) => assert_eq!(found.settings.changes(&found.settings), config::Changes::default()),
        Err(faults) => assert!(!faults.0.is_empty() && !faults.to_string().is_empty()),
    }
}

fn finite(part: Part<'_>) {
    if let Part::Value(value) = part {
        assert!(value.value.is_finite());
    }
}

/// Frames cover the bytes.
fn p1(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((start, frame, end)) = next_frame(rest, true) {
        assert!(start < end && end <= rest.len());
        if let Frame::Telegram(telegram) = frame {
            telegram.visit(|part| {
                if let Part::Value(value) = part {
                    finite(Part::Value(Transformers::new(60.0, 200.0).expect("two ratios").applied(value)));
                }
            });
            let _ = telegram.ids().native_id("1");
            telegram.nameplate();
            telegram.visit(finite);
        }
        rest = &rest[end..];
    }
}

/// Every form of a smart-MAIC's values, also with the layout that the bytes hold.
fn smart_mac(bytes: &[u8]) {
    let options = smart_mac::Options { analog: Analog::new("bar", 0.01), ..smart_mac::Options::default() };
    smart_mac::read(bytes, &options, finite).ok();
    smart_mac::read_flat(bytes, &options, finite).ok();
    smart_mac::read_rows(bytes, Period::Minute, &options, |_, part| finite(part)).ok();
    for key in ["A", "A1", "ADC"] {
        smart_mac::read_single(key, bytes, &options, Layout::read(bytes), finite);
    }
}

/// A frame of values is accepted exactly when prost accepts it.
fn ksem(bytes: &[u8]) {
    let configuration = Configuration::read(bytes).ok();
    assert_eq!(ksem::gdr::read(bytes, configuration.as_ref(), finite).is_ok(), GdRs::decode(bytes).is_ok());
    ksem::json::read(bytes, finite).ok();
    ksem::em300::read(bytes, finite).ok();
    ksem::em300::Start::read(bytes).ok();
    ksem::em300::is_logged_in(bytes).ok();
    ksem::device::Settings::read(bytes).ok();
    ksem::device::usage(bytes, finite).ok();
    ksem::device::LocalTime::read(bytes).ok();
    ksem::tariff::Contract::read(bytes).ok();
    ksem::tariff::prices("t", bytes, finite).ok();
}

/// Answers of the cloud, also with the configuration that the bytes hold.
fn smappee(bytes: &[u8]) {
    rest::Token::read(bytes).ok();
    rest::locations(bytes).ok();
    let mut site = rest::Site::default();
    site.learn(bytes).ok();
    site.transformers().own_meters().count();
    let location =
        Topic::parse("servicelocation/0b9fd2f6-1c57-4e0e-9a52-6f4c2f0c7a11/power").expect("a topic").location;
    let context = site.context();
    let kept = rest::Site::of_context(location, context.as_deref()).expect("it was read before");
    if let Ok(document) = rest::Document::read(bytes) {
        let interval = document.interval().unwrap_or(Interval::Hour);
        let asked = rest::Asked { interval, from: At::Receipt, plug: "1" };
        document.visit(&site, asked, finite).ok();
        // Entries alone, with what is kept of the configuration, as the journal has them.
        if let Ok(items) = document.items() {
            let message = document.with(items.iter());
            rest::Document::of(document.shape(), message.as_bytes()).expect("text").visit(&kept, asked, finite).ok();
        }
    }
    if let Ok(path) = std::str::from_utf8(bytes) {
        rest::Asked::of_path(path);
    }
}

/// Messages of monitors: the bytes as the configuration, then as a message of every topic.
fn smappee_mqtt(bytes: &[u8]) {
    const UUID: &str = "0b9fd2f6-1c57-4e0e-9a52-6f4c2f0c7a11";
    const CONFIGURATION: [&str; 6] =
        ["config", "channelConfig", "channelConfigV2", "sensorConfig", "homeControlConfig", "meteringConfiguration"];
    const MESSAGES: [&str; 12] = [
        "realtime",
        "aggregated",
        "aggregatedSwitch",
        "aggregatedGW",
        "power",
        "plug/1/state",
        "plug/1/connectionState",
        "presence",
        "trigger",
        "trigger/appliance",
        "triggervalue",
        "scheduler",
    ];
    let mut monitor = Monitor::new(Location::of_uuid(UUID.parse().expect("a UUID")));
    for end in CONFIGURATION.into_iter().chain(MESSAGES) {
        let topic = Topic::parse(&format!("servicelocation/{UUID}/{end}")).expect("a topic");
        monitor.read(topic.kind, bytes, |_, part| finite(part)).ok();
    }
    smappee::Configuration::detect(bytes);
    if let Ok(context) = with_document(bytes, Document::Config, br#"{"serialNumber":"1"}"#) {
        Monitor::of_context(monitor.location(), &context).ok();
    }
    let hidden = hide(&format!("servicelocation/{UUID}/config"), bytes);
    assert_eq!(hidden.len(), bytes.len());
    assert!(!hidden.windows(UUID.len()).any(|window| window.eq_ignore_ascii_case(UUID.as_bytes())));
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(hidden) = Topic::hidden(text)
    {
        assert_eq!(Topic::parse(&hidden), Topic::parse(text));
    }
}
