//! The values of one device: as listed, or all its registers, in one more request.

use crate::reading::{Flags, UnixNanos};
use crate::source::smart_me::client::Client;
use crate::source::smart_me::error::ApiError;
use crate::source::smart_me::polling::ValuesOf;
use crate::vendor::Reading;
use crate::vendor::smart_me::{Device, Values};

/// The values of a device.
pub(super) struct ReadDevice {
    /// The values, with their time.
    pub(super) reading: Reading,
    /// The call for its registers was refused: these are the listed values.
    pub(super) is_refused: bool,
    /// Number of its registers that cannot be read.
    pub(super) unreadable: usize,
}

/// The values of a device from the list or, if configured, from the call for its registers.
pub(super) async fn read(
    client: &Client,
    values: &ValuesOf,
    device: &Device,
    at: UnixNanos,
) -> Result<ReadDevice, ApiError> {
    let listed = Reading { meter: device.id, at, flags: Flags::NONE, samples: device.samples.clone() };
    let mut read = ReadDevice { reading: listed, is_refused: false, unreadable: 0 };
    if !values.has(device.id) {
        return Ok(read);
    }
    let answer = match client.get(&format!("/Values/{}", device.id)).await {
        Ok(answer) => Values::read(&answer.body),
        // Removed since it was listed, or without such values.
        Err(ApiError::NotFound(_)) => return Ok(read),
        Err(ApiError::Refused(_)) => return Ok(ReadDevice { is_refused: true, ..read }),
        Err(error) => return Err(error),
    };
    let Ok(answer) = answer else { return Ok(ReadDevice { is_refused: true, ..read }) };
    let own = answer.into_iter().find(|values| values.meter.is_none_or(|meter| meter == device.id));
    if let Some(own) = own {
        read.unreadable = own.unreadable;
        read.reading = Reading { meter: device.id, at: own.at.unwrap_or(at), flags: Flags::NONE, samples: own.samples };
    }
    Ok(read)
}
