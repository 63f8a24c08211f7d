//! Bodies of the formats that the journal holds.

use super::item::{Item, Judge, ValueItem};
use super::output::Output;
use crate::cli::failure::Failure;
use crate::wire::{self, PayloadFormat, meters::Version};
use std::io::Write;

/// Prints the values of a body.
pub(super) fn decode(
    format: PayloadFormat,
    offset: usize,
    body: &[u8],
    judge: &Judge,
    output: &mut Output<impl Write>,
) -> Result<(), Failure> {
    let readings = match wire::readings(format, body) {
        Ok(readings) => readings,
        Err(error) => {
            let error = format!("not a valid body of this format (--format selects it): {error}");
            return output.unreadable_message(offset, &error, body);
        }
    };
    output.message();
    if format == PayloadFormat::Meters {
        for version in wire::meters::versions(body).unwrap_or_default() {
            output.put(offset, description(&version))?;
        }
    }
    for reading in readings {
        for sample in reading.values.clone() {
            output.put(offset, Item::Value(ValueItem::of_wire(&reading, sample, judge)))?;
        }
    }
    Ok(())
}

/// A version of a meter's description.
fn description(version: &Version) -> Item {
    let Version { meter, valid_from, valid_to, description, .. } = version;
    let until = valid_to.map_or_else(String::new, |at| format!(" to {at}"));
    let text = format!("meter {meter} from {valid_from}{until}: {description}");
    Item::text((meter.to_string(), meter.to_string()), "description", text)
}
