//! What a fresh list of devices says of the meters, told to where versions are made of
//! it. Never holds up the asking: what cannot be recorded now is told again with the
//! next list.

use crate::clock::Clock;
use crate::ingest::Entrance;
use crate::meters::Meters;
use crate::reading::MeterId;
use crate::vendor::smart_me::Device;
use crate::wire::PayloadFormat;
use crate::wire::meters::{Description, Named};
use std::collections::HashMap;

/// Whose numbers a description has.
const VENDOR: &str = "smart-me";

/// Tells of an account's devices.
#[derive(Debug)]
pub struct Describer {
    /// What was described before.
    pub meters: Meters,
    /// The account's way through the door.
    pub entrance: Entrance,
    /// Where the door's waits are run.
    pub runtime: tokio::runtime::Handle,
    /// The time.
    pub clock: Clock,
}

impl Describer {
    /// Tells of all devices of a list; `gateways` names the gateway of those that are
    /// behind one.
    ///
    /// # Errors
    /// Why it was not recorded.
    pub(super) fn tell(
        &self,
        account: &str,
        devices: &[Device],
        gateways: &HashMap<MeterId, String>,
    ) -> Result<(), String> {
        let told = devices.iter().map(|device| told(device, gateways.get(&device.id).cloned().unwrap_or_default()));
        let record = |body: &[u8]| {
            let taken = self.runtime.block_on(self.entrance.take(PayloadFormat::Meters, body));
            taken.map(drop).map_err(|refusal| refusal.to_string())
        };
        self.meters.describe(account, told, self.clock.now(), record).map_err(|error| error.to_string())
    }
}

fn told(device: &Device, gateway: String) -> (MeterId, Description) {
    let named = |number: i64, label: Option<&str>| Named { number, name: label.unwrap_or_default().to_owned() };
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
