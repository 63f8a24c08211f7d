//! The readings of the API's answers: at receipt, and again from the journal.

use crate::reading::{Flags, MeterId, UnixNanos};
use crate::source::{Decoded, Decoder, Recorded};
use crate::vendor::Reading;
use crate::vendor::smart_me::{Device, Values};
use crate::wire::batch::Original;
use uuid::Uuid;

/// The format of the answers, as `meterline decode` names it.
const FORMAT: &str = "smart-me-rest";

/// The decoders of an account's answers.
pub fn decoders() -> [(&'static str, Decoder); 1] {
    [(FORMAT, Box::new(|recorded: &Recorded<'_>| decode(recorded.original)))]
}

/// An answer without the registers of a device is a list of devices.
fn decode(original: &Original<'_>) -> Result<Decoded, String> {
    let readings = if original.device.is_empty() {
        let devices = Device::list(original.bytes).map_err(|error| error.to_string())?;
        devices.iter().filter_map(|device| device.value_date.and_then(|at| listed(device, at))).collect()
    } else {
        let device: Uuid = original.device.parse().map_err(|_| format!("{} is no device", original.device))?;
        registers(Values::read(original.bytes).map_err(|error| error.to_string())?, device.into())
    };
    Ok(Decoded { readings, ..Decoded::default() })
}

/// The values of a listed device of this time; none of a gateway, and none without values.
fn listed(device: &Device, at: UnixNanos) -> Option<Reading> {
    let has_values = device.measures() && !device.samples.is_empty();
    has_values.then(|| Reading { meter: device.id, at, flags: Flags::NONE, samples: device.samples.clone() })
}

/// The readings of registers that have a time. An answer that names no device is of this one.
pub(super) fn registers(values: Vec<Values>, device: MeterId) -> Vec<Reading> {
    let reading = |values: Values| {
        let meter = values.meter.unwrap_or(device);
        Some(Reading { meter, at: values.at?, flags: Flags::NONE, samples: values.samples })
    };
    values.into_iter().filter_map(reading).collect()
}

/// Entries of a list of devices as the message of their readings.
pub(super) fn of_entries<'a>(entries: &'a [u8], path: &'a str) -> Original<'a> {
    Original { bytes: entries, content_type: "application/json", origin: path, format: FORMAT, ..Original::default() }
}

/// Registers of a device as the message of its readings.
pub(super) fn of_registers<'a>(answer: &'a [u8], path: &'a str, device: &'a str) -> Original<'a> {
    Original { device, ..of_entries(answer, path) }
}
