//! Parts as lines of text, for the tests of the decoders.

use super::{At, Part, Value};
use crate::reading::Flags;

/// `[channel NAME ]TIME CODE VALUE UNIT [flags] < raw code`, `text NAME TEXT` or `unreadable PART: WHY`.
pub(super) fn line(part: &Part<'_>) -> String {
    match part {
        Part::Value(Value { channel, at, flags, obis, value, unit, raw_code }) => {
            let channel = if channel.is_empty() { String::new() } else { format!("channel {channel} ") };
            let at = match at {
                At::Time(at) => at.to_string(),
                At::Receipt => "receipt".to_owned(),
            };
            let flags = if *flags == Flags::NONE { String::new() } else { format!(" [{flags}]") };
            format!("{channel}{at} {obis} {value} {}{flags} < {raw_code}", unit.symbol())
        }
        Part::Text { raw_code, text } => format!("text {raw_code} {text}"),
        Part::Unreadable { part, why } => format!("unreadable {part}: {why}"),
    }
}
