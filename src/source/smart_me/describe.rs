//! The descriptions of an account's devices.

use crate::reading::MeterId;
use crate::vendor::smart_me::Device;
use crate::wire::meters::{Description, VendorCode};

/// The vendor's name in a description.
const VENDOR: &str = "smart-me";

/// Texts about a device that other calls than the list have; empty if unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// The name of its gateway.
    pub(super) gateway: String,
    /// The name of its customer, in a partner's account.
    pub(super) customer: String,
    /// The folders around it.
    pub(super) site: String,
    /// The version of its firmware, in a partner's account.
    pub(super) firmware: String,
}

/// A device's description together with its surroundings.
pub(super) fn description(device: &Device, surroundings: Surroundings) -> (MeterId, Description) {
    let Surroundings { gateway, customer, site, firmware } = surroundings;
    let named = |number: i64, label: Option<&str>| VendorCode { number, name: label.unwrap_or_default().to_owned() };
    let description = Description {
        name: device.name.clone().unwrap_or_default(),
        serial: device.serial.map(|serial| serial.to_string()).unwrap_or_default(),
        meter_serial: device.additional_serial.clone().unwrap_or_default(),
        vendor: VENDOR.to_owned(),
        model: device.family.label().unwrap_or_default().to_owned(),
        firmware,
        family: named(device.family.0, device.family.label()),
        energy_type: named(device.energy_type.0, device.energy_type.label()),
        sub_type: named(device.sub_type.0, device.sub_type.label()),
        gateway,
        customer,
        site,
        unit: device.counter_unit.clone().unwrap_or_default(),
        ..Description::default()
    };
    (device.id, description)
}
