//! Identity, clock and load of the device: `/api/device-settings`, its `local-time`, `devicestatus` and
//! `deviceusage`.
//!
//! Invariant: every member is optional, because firmware versions differ. Firmware 2.6.2 moved the load
//! from `devicestatus` to `deviceusage`; both are read alike.

use crate::reading::registry::Unit;
use crate::reading::{Flags, Obis, UnixNanos};
use crate::vendor::document::{Members, MessageError, Scalar, text_of};
use crate::vendor::{At, Part, Value};

/// The identity of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The serial number.
    pub serial: Option<String>,
    /// The model's name.
    pub product: Option<String>,
    /// The kind of hardware, such as `hw0100`.
    pub hardware: Option<String>,
    /// The firmware's version.
    pub firmware: Option<String>,
    /// The hardware address.
    pub mac: Option<String>,
    /// The name in the network.
    pub hostname: Option<String>,
}

impl Settings {
    /// Reads the answer of `/api/device-settings`.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let members = Members::read(text_of(bytes)?)?;
        Ok(Self {
            serial: members.string("Serial"),
            product: members.string("ProductName"),
            hardware: members.string("DeviceType"),
            firmware: members.string("FirmwareVersion"),
            mac: members.string("Mac"),
            hostname: members.string("hostname"),
        })
    }
}

/// The device's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// When it answered, by its own clock.
    pub time: UnixNanos,
    /// Whether a time server sets it; `None` if it does not say.
    pub is_synchronized: Option<bool>,
}

impl LocalTime {
    /// Reads the answer of `/api/device-settings/local-time`.
    ///
    /// # Errors
    /// When it is no JSON object with a time.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let members = Members::read(text_of(bytes)?)?;
        let time = members.get("time").and_then(|time| time.whole(9));
        let is_synchronized = match members.get("ntp_synced") {
            Some(Scalar::Bool(is_synchronized)) => Some(*is_synchronized),
            _ => None,
        };
        Ok(Self { time: time.map(UnixNanos).ok_or(MessageError::Shape("an object with a time"))?, is_synchronized })
    }

    /// Nanoseconds that the device's clock is ahead; negative if it is behind.
    pub fn deviation(&self, received: UnixNanos) -> i64 {
        self.time.since(received)
    }
}

/// Load and memory: name, register, power of ten, factor, unit.
const GAUGES: [(&str, u8, i8, f64, Unit); 8] = [
    ("CpuLoad", 1, -2, 1.0, Unit::One),
    ("CpuTemp", 2, 0, 1.0, Unit::DegreeCelsius),
    // Memory is counted in kB of 1024 bytes, as Linux does; flash in bytes.
    ("RamFree", 3, 0, 1024.0, Unit::Byte),
    ("RamTotal", 4, 0, 1024.0, Unit::Byte),
    ("FlashAppFree", 5, 0, 1.0, Unit::Byte),
    ("FlashAppTotal", 6, 0, 1.0, Unit::Byte),
    ("FlashDataFree", 7, 0, 1.0, Unit::Byte),
    ("FlashDataTotal", 8, 0, 1.0, Unit::Byte),
];

/// Calls `each` for every part of `devicestatus` or `deviceusage`, and returns the status, such as `idle`.
///
/// # Errors
/// When the answer is no JSON object.
pub fn usage(bytes: &[u8], mut each: impl FnMut(Part<'_>)) -> Result<Option<String>, MessageError> {
    let members = Members::read(text_of(bytes)?)?;
    for (name, value) in &members.0 {
        let raw_code = name.as_ref();
        let gauge = GAUGES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(raw_code));
        match (gauge, value) {
            (_, Scalar::Absent) => {}
            (None, value) => each(Part::Text { raw_code: raw_code.into(), text: value.text() }),
            (Some((_, number, power, factor, unit)), value) => match value.number(*power) {
                Some(value) => each(Part::Value(Value {
                    channel: "".into(),
                    at: At::Receipt,
                    flags: Flags::TIME_IS_RECEIVE_TIME,
                    obis: Obis([0, 0, 128, 30, *number, 255]),
                    value: value * factor,
                    unit: *unit,
                    raw_code: raw_code.into(),
                })),
                None => each(Part::Unreadable {
                    part: format!("{raw_code}: {}", value.text()).into(),
                    why: "the value is not a number".into(),
                }),
            },
        }
    }
    Ok(members.string("Status"))
}
