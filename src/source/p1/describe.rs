//! The descriptions of a P1 meter and of the devices on its M-Bus.

use crate::reading::MeterId;
use crate::source::describer::Described;
use crate::vendor::p1::{Nameplate, VENDOR};
use crate::wire::meters::{Description, Role, VendorCode};

/// The kind of the meter itself (EN 13757-3).
const ELECTRICITY: u8 = 2;

/// The descriptions, the meter's first. `meter` gives the id of a channel's meter.
pub(in crate::source) fn described(nameplate: &Nameplate, source: &str, meter: impl Fn(&str) -> MeterId) -> Described {
    let time_zone = nameplate.time_zone.unwrap_or_default();
    let main = Description {
        name: source.to_owned(),
        serial: nameplate.id.clone().unwrap_or_default(),
        vendor: nameplate.maker.clone().unwrap_or_else(|| VENDOR.to_owned()),
        model: nameplate.model.clone(),
        energy_type: energy_type(Some(ELECTRICITY)),
        role: Role::Grid,
        time_zone: time_zone.to_owned(),
        tariff: nameplate.tariff.unwrap_or_default().to_owned(),
        ..Description::default()
    };
    let gateway = if main.serial.is_empty() { source } else { &main.serial }.to_owned();
    let behind = nameplate.devices.iter().map(|device| {
        let description = Description {
            name: format!("{source} {}", device.channel),
            serial: device.id.clone().unwrap_or_default(),
            energy_type: energy_type(device.kind),
            gateway: gateway.clone(),
            role: Role::Submeter,
            time_zone: time_zone.to_owned(),
            ..Description::default()
        };
        (meter(&device.channel), description)
    });
    std::iter::once((meter(""), main)).chain(behind).collect()
}

/// The number of EN 13757-3 and its name. 6 has none: hot water, or cold in DSMR 4.2.
fn energy_type(kind: Option<u8>) -> VendorCode {
    let name = match kind {
        Some(ELECTRICITY) => "electricity",
        Some(3) => "gas",
        Some(4 | 5 | 12 | 13) => "heat",
        Some(7) => "water",
        Some(10 | 11) => "cold",
        _ => "",
    };
    VendorCode { number: kind.map_or(0, i64::from), name: name.to_owned() }
}
