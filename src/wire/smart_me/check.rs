//! The one walk over a body that finds every fault of its framing.

use super::message::{Guid, Instant, Value, named, unexpected};
use super::{Layout, usual};
use crate::wire::error::{DecodeError, Step};
use crate::wire::field::{Content, Cursor, DEPTH_MAX, WireType};

/// Checks the whole body and says how its devices are laid out.
#[inline]
pub(super) fn layout(body: &[u8]) -> Result<Layout, DecodeError> {
    let mut layout = Layout::Usual;
    let mut items = 0;
    let mut fields = Cursor::new(body);
    while let Some(field) = fields.next(DEPTH_MAX).map_err(|fault| named(fault, array_name))? {
        match (field.number, field.content) {
            (1, Content::Bytes(device)) => {
                if !usual::is_usual(device) {
                    layout = Layout::Any;
                    check_device(device).map_err(|error| {
                        error.within(Step::Item("DeviceDataItems", items), fields.offset() - device.len())
                    })?;
                }
                items = items.saturating_add(1);
            }
            (1, _) => return Err(unexpected(&field, WireType::Bytes, array_name)),
            _ => {}
        }
    }
    Ok(layout)
}

fn check_device(device: &[u8]) -> Result<(), DecodeError> {
    let mut values = 0;
    let mut fields = Cursor::new(device);
    while let Some(field) = fields.next(DEPTH_MAX - 1).map_err(|fault| named(fault, device_name))? {
        let (step, checked, bytes) = match (field.number, field.content) {
            (1, Content::Bytes(bytes)) => (Step::Field("DeviceId"), Guid::default().merge(bytes), bytes),
            (2, Content::Bytes(bytes)) => (Step::Field("DateTime"), Instant::default().merge(bytes), bytes),
            (3, Content::Bytes(bytes)) => {
                let step = Step::Item("DeviceValues", values);
                values = values.saturating_add(1);
                (step, Value::default().merge(bytes), bytes)
            }
            (1..=3, _) => return Err(unexpected(&field, WireType::Bytes, device_name)),
            _ => continue,
        };
        checked.map_err(|error| error.within(step, fields.offset() - bytes.len()))?;
    }
    Ok(())
}

fn array_name(number: u32) -> Option<&'static str> {
    (number == 1).then_some("DeviceDataItems")
}

fn device_name(number: u32) -> Option<&'static str> {
    [None, Some("DeviceId"), Some("DateTime"), Some("DeviceValues")].get(number as usize).copied().flatten()
}
