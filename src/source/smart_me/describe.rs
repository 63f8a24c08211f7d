//! Records names, serial numbers and similar data of an account's devices as versions of
//! meter descriptions. A failure does not stop polling: the next list tries again.

use crate::clock::Clock;
use crate::ingest::Entrance;
use crate::meters::Meters;
use crate::reading::MeterId;
use crate::vendor::smart_me::Device;
use crate::wire::PayloadFormat;
use crate::wire::meters::{Description, VendorCode};
use std::collections::HashMap;

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

impl Describer {
    /// Records changes of these devices; `gateways` maps devices to the name of their
    /// gateway.
    ///
    /// # Errors
    /// Why nothing was recorded.
    pub(super) async fn describe(
        &self,
        account: &str,
        devices: &[Device],
        gateways: &HashMap<MeterId, String>,
    ) -> Result<(), String> {
        let described =
            devices.iter().map(|device| description(device, gateways.get(&device.id).cloned().unwrap_or_default()));
        let described: Vec<_> = described.collect();
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

fn description(device: &Device, gateway: String) -> (MeterId, Description) {
    let named = |number: i64, label: Option<&str>| VendorCode { number, name: label.unwrap_or_default().to_owned() };
    let description = Description {
        name: device.name.clone().unwrap_or_default(),
        serial: device.serial.map(|serial| serial.to_string()).unwrap_or_default(),
        meter_serial: device.additional_serial.clone().unwrap_or_default(),
        vendor: VENDOR.to_owned(),
        family: named(device.family.0, device.family.label()),
        energy_type: named(device.energy_type.0, device.energy_type.label()),
        sub_type: named(device.sub_type.0, device.sub_type.label()),
        gateway,
        unit: device.counter_unit.clone().unwrap_or_default(),
    };
    (device.id, description)
}
