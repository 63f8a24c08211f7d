//! The walk over a body that finds every framing fault.

use super::message::{Guid, Instant, Value};
use super::vendor_layout;
use crate::wire::error::{DecodeErrorKind, Fault, Step, WireType};
use crate::wire::field::{Content, DEPTH_MAX, FieldReader, unexpected};

/// The layout of a checked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Every device has the vendor library's layout, every value is finite.
    Vendor,
    /// At least one device has not.
    General,
}

/// Checks the whole body and returns its layout.
#[inline]
pub(super) fn layout<F: Fault>(body: &[u8]) -> Result<Layout, F> {
    let mut layout = Layout::Vendor;
    let mut items = 0;
    let mut fields = FieldReader::new(body);
    while let Some(field) = fields.next(DEPTH_MAX, array_name)? {
        match (field.number, field.content) {
            (1, Content::Bytes(device)) => {
                if !vendor_layout::matches(device) {
                    layout = Layout::General;
                    check_device(device).map_err(|fault: F| {
                        fault.within(Step::Item("DeviceDataItems", items), fields.offset() - device.len())
                    })?;
                }
                items = items.saturating_add(1);
            }
            (1, _) => return Err(unexpected(&field, WireType::Bytes, array_name)),
            _ => {}
        }
    }
    if items == 0 && !body.is_empty() {
        return Err(F::new(DecodeErrorKind::NothingKnown, 0));
    }
    Ok(layout)
}

fn check_device<F: Fault>(device: &[u8]) -> Result<(), F> {
    let mut values = 0;
    let mut fields = FieldReader::new(device);
    while let Some(field) = fields.next(DEPTH_MAX - 1, device_name)? {
        let (step, checked, bytes) = match (field.number, field.content) {
            (1, Content::Bytes(bytes)) => (Step::Field("DeviceId"), Guid::default().merge(bytes), bytes),
            (2, Content::Bytes(bytes)) => (Step::Field("DateTime"), Instant::default().merge(bytes), bytes),
            (3, Content::Bytes(bytes)) => {
                let step = Step::Item("DeviceValues", values);
                values = values.saturating_add(1);
                let checked =
                    if vendor_layout::content(bytes).is_some() { Ok(()) } else { Value::default().merge(bytes) };
                (step, checked, bytes)
            }
            (1..=3, _) => return Err(unexpected(&field, WireType::Bytes, device_name)),
            _ => continue,
        };
        checked.map_err(|fault: F| fault.within(step, fields.offset() - bytes.len()))?;
    }
    Ok(())
}

fn array_name(number: u32) -> Option<&'static str> {
    (number == 1).then_some("DeviceDataItems")
}

fn device_name(number: u32) -> Option<&'static str> {
    [None, Some("DeviceId"), Some("DateTime"), Some("DeviceValues")].get(number as usize).copied().flatten()
}
