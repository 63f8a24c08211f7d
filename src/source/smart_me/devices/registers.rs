//! The values of one device: as listed, or all its registers, in one more request.

use crate::reading::{Flags, MeterId, UnixNanos};
use crate::source::smart_me::client::Client;
use crate::source::smart_me::error::ApiError;
use crate::source::smart_me::polling::ValuesOf;
use crate::vendor::Reading;
use crate::vendor::smart_me::{Device, Values};
use bytes::Bytes;

/// The values of a device.
pub(super) struct ReadDevice {
    /// The values, with their time.
    pub(super) reading: Reading,
    /// The call for its registers was refused: these are the listed values.
    pub(super) is_refused: bool,
    /// Number of its registers that cannot be read.
    pub(super) unreadable: usize,
    /// The message with the values.
    pub(super) message: Message,
}

/// The message that the values of a device come from.
pub(super) enum Message {
    /// The list of devices.
    List,
    /// The answer with its registers.
    Registers(Bytes),
    /// The same without a time. The list has it, so this answer cannot be decoded alone.
    RegistersWithoutTime(Bytes),
}

/// The call for the registers of a device.
pub(super) fn path(device: MeterId) -> String {
    format!("/Values/{device}")
}

/// The values of a device from the list or, if configured, from the call for its registers.
pub(super) async fn read(
    client: &Client,
    values: &ValuesOf,
    device: &Device,
    at: UnixNanos,
) -> Result<ReadDevice, ApiError> {
    let listed = Reading { meter: device.id, at, flags: Flags::NONE, samples: device.samples.clone() };
    let mut read = ReadDevice { reading: listed, is_refused: false, unreadable: 0, message: Message::List };
    if !values.has(device.id) {
        return Ok(read);
    }
    let body = match client.get(&path(device.id)).await {
        Ok(answer) => answer.body,
        // Removed since it was listed, or without such values.
        Err(ApiError::NotFound(_)) => return Ok(read),
        Err(ApiError::Refused(_)) => return Ok(ReadDevice { is_refused: true, ..read }),
        Err(error) => return Err(error),
    };
    let Ok(answer) = Values::read(&body) else { return Ok(ReadDevice { is_refused: true, ..read }) };
    let own = answer.into_iter().find(|values| values.meter.is_none_or(|meter| meter == device.id));
    if let Some(own) = own {
        read.unreadable = own.unreadable;
        read.message = own.at.map_or(Message::RegistersWithoutTime(body.clone()), |_| Message::Registers(body));
        read.reading = Reading { meter: device.id, at: own.at.unwrap_or(at), flags: Flags::NONE, samples: own.samples };
    }
    Ok(read)
}
