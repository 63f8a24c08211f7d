//! The small parsers of what comes from outside: answers of smart-me's REST API, JSON
//! documents, OBIS codes. Nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meterline::reading::{MeterId, Obis};
use meterline::vendor::json::{self, Mapping, Register, Time};
use meterline::vendor::smart_me::{
    Customer, Device, DeviceInformation, MBusGateway, Registration, SiteOfMeter, Values,
};

fuzz_target!(|bytes: &[u8]| {
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
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(code) = text.parse::<Obis>() {
            assert_eq!(code.to_string().parse::<Obis>().ok(), Some(code));
        }
    }
});
