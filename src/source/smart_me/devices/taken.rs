//! Journals the new values of devices, each with the part of the answers that it comes from: the entries of the list
//! that have these values, or the registers of a device.

use super::registers::{Message, ReadDevice, path};
use crate::source::smart_me::decoder::{of_entries, of_registers};
use crate::source::smart_me::error::ApiError;
use crate::source::{Inlet, SourceError};
use crate::vendor::Reading;
use crate::vendor::smart_me::Device;
use crate::wire::batch::Original;
use std::collections::HashMap;
use std::slice;

/// Devices of the list in one record.
const ENTRIES_MAX: usize = 100;
/// A larger message is not journaled with its readings.
const ORIGINAL_BYTES_MAX: usize = 256 << 10;

/// Journals values. Listed values come from this list.
pub(super) async fn take(
    inlet: &mut Inlet,
    devices: Vec<ReadDevice>,
    list: &[u8],
    list_path: &str,
) -> Result<(), SourceError> {
    let mut listed = Vec::new();
    for ReadDevice { reading, message, .. } in devices {
        let (device, path) = (reading.meter.to_string(), path(reading.meter));
        let original = match &message {
            Message::List => {
                listed.push(reading);
                continue;
            }
            Message::Registers(answer) => of_registers(bounded(answer), &path, &device),
            Message::RegistersWithoutTime(answer) => {
                Original { format: "", ..of_registers(bounded(answer), &path, &device) }
            }
        };
        inlet.take(slice::from_ref(&reading), &original).await?;
    }
    if listed.is_empty() { Ok(()) } else { take_listed(inlet, &listed, list, list_path).await }
}

async fn take_listed(inlet: &mut Inlet, readings: &[Reading], list: &[u8], path: &str) -> Result<(), SourceError> {
    let entries: HashMap<_, _> = Device::entries(list).map_err(ApiError::from)?.into_iter().collect();
    for readings in readings.chunks(ENTRIES_MAX) {
        let entries: Vec<_> = readings.iter().filter_map(|reading| entries.get(&reading.meter).copied()).collect();
        let entries = format!("[{}]", entries.join(","));
        inlet.take(readings, &of_entries(bounded(entries.as_bytes()), path)).await?;
    }
    Ok(())
}

fn bounded(message: &[u8]) -> &[u8] {
    if message.len() <= ORIGINAL_BYTES_MAX { message } else { &[] }
}
