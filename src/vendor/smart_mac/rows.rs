//! Rows of the vendor's cloud (`/api`), which fill gaps: `[{"ID", "TIME", "STAT", "V1", ...}]`.
//!
//! Invariants: rows may come in any order and beyond the asked time; each has its own time. In rows of an
//! hour only counters are values: the others are means or energies of the hour, which no source says.

use super::{At, Options, Scalar, give_text, time, unreadable, visit};
use crate::vendor::Part;
use crate::vendor::document::{Members, MessageError, elements, text_of};

/// The length of a row's period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
}

/// Calls `each` for every part of the rows, with the id of the row's device if the row has one. No rows are no error:
/// there are no data.
///
/// # Errors
/// When the answer is no JSON array, a web page, or an error of the cloud.
pub fn read_rows(
    bytes: &[u8],
    period: Period,
    options: &Options,
    mut each: impl FnMut(Option<&str>, Part<'_>),
) -> Result<(), MessageError> {
    let text = text_of(bytes)?;
    let rows = elements(text).map_err(|error| refusal(text).unwrap_or(error))?;
    for row in rows {
        let Ok(members) = Members::read(row.get()) else {
            each(None, unreadable("row", row.get(), "the row is not an object"));
            continue;
        };
        let device = members.string("ID");
        let mut each = |part: Part<'_>| each(device.as_deref(), part);
        let (at, flags) = time(members.get("TIME"));
        if at == At::Receipt {
            each(unreadable("row", row.get(), "the row has no time"));
            continue;
        }
        let mut records: Vec<(&str, Scalar<'_>)> = Vec::new();
        for (name, value) in &members.0 {
            match name.as_ref() {
                "ID" | "TIME" => {}
                "STAT" => give_text(name, value, &mut each),
                name if period == Period::Hour && !is_counter(name) => give_text(name, value, &mut each),
                name => records.push((name, value.clone())),
            }
        }
        visit(&records, options, super::Now { at, flags }, &mut each);
    }
    Ok(())
}

fn is_counter(name: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    ["Wh", "rWh", "TWh", "TCh"].contains(&name)
}

/// The message of an object in place of rows.
fn refusal(text: &str) -> Option<MessageError> {
    let members = Members::read(text).ok()?;
    let message = members.string("error").or_else(|| members.string("message"))?;
    Some(MessageError::device(&message))
}
