//! Records names, serial numbers and similar data of an account's devices as versions of
//! meter descriptions. A failure does not stop polling: the next list tries again.

use crate::clock::Clock;
use crate::ingest::Entrance;
use crate::meters::Meters;
use crate::reading::MeterId;
use crate::vendor::smart_me::Device;
use crate::wire::PayloadFormat;
use crate::wire::meters::{Description, VendorCode};

/// The vendor's name in a description.
const VENDOR: &str = "smart-me";

/// Records the descriptions of an account's devices.
#[derive(Debug, Clone)]
pub struct Describer {
    /// The known meter descriptions.
    pub meters: Meters,
    /// The account's entrance to ingest.
    pub entrance: Entrance,
    /// The clock.
    pub clock: Clock,
}

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

impl Describer {
    /// Records changes of these devices, described together with their surroundings.
    ///
    /// # Errors
    /// Why nothing was recorded.
    pub(super) async fn describe(
        &self,
        account: &str,
        devices: &[Device],
        surroundings: impl Fn(MeterId) -> Surroundings,
    ) -> Result<(), String> {
        let described: Vec<_> = devices.iter().map(|device| description(device, surroundings(device.id))).collect();
        let record = |body: Vec<u8>| {
            let entrance = self.entrance.clone();
            async move {
                let taken = entrance.take(PayloadFormat::Meters, &body).await;
                taken.map(drop).map_err(|refusal| refusal.to_string())
            }
        };
        let outcome = self.meters.describe(account, described, self.clock.now(), record).await;
        outcome.map_err(|error| error.to_string())
    }
}

fn description(device: &Device, surroundings: Surroundings) -> (MeterId, Description) {
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
