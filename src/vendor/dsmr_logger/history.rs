//! The rows of `hist/hours`, `hist/days` and `hist/months`: cumulative readings at the end of a period.
//!
//! A row has the hour of its last telegram, local, without a mark for summer. Its readings belong
//! to the end of this hour. Invariants:
//! - The newest row is still being written: it is a text.
//! - Each row has its own time: the order, and slots of the ring that an hour left out by summer time did
//!   not overwrite, do not matter.
//! - An empty slot gives nothing.
//! - The hour that comes twice in autumn is the second one, which has overwritten the first.

use super::Identity;
use super::translation::Translation;
use crate::vendor::document::{Members, MessageError, Scalar, elements};
use crate::vendor::{At, Part, Value};

/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600_000_000_000;

/// Members of a row of DSMRloggerAPI, and what they count.
const V1: [(&str, &str); 5] =
    [("edt1", "1-0:1.8.1"), ("edt2", "1-0:1.8.2"), ("ert1", "1-0:2.8.1"), ("ert2", "1-0:2.8.2"), ("gdt", "gas")];
/// The values of a row of DSMR-API-V2, and what they count.
const V2: [(&str, &str); 6] = [
    ("values/0", "1-0:1.8.1"),
    ("values/1", "1-0:1.8.2"),
    ("values/2", "1-0:2.8.1"),
    ("values/3", "1-0:2.8.2"),
    ("values/4", "gas"),
    ("values/5", "water"),
];

/// A row.
struct Row<'a> {
    raw: &'a str,
    /// `YYMMDDhh`, local.
    hour: String,
    values: Vec<(&'static str, &'static str, Scalar<'a>)>,
}

/// Calls `each` for every part of a history, of the meter with this identity.
///
/// # Errors
/// When the body is not JSON, a web page, an error (a history that is switched off), or has no rows.
pub fn read(bytes: &[u8], identity: &Identity, mut each: impl FnMut(Part<'_>)) -> Result<(), MessageError> {
    let text = String::from_utf8_lossy(bytes);
    let mut rows = Vec::new();
    for raw in elements(rows_of(&text)?)? {
        match Row::read(raw.get()) {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => {}
            Err(why) => each(Part::Unreadable { part: raw.get().into(), why: why.into() }),
        }
    }
    let newest = rows.iter().map(|row| row.hour.clone()).max();
    for row in rows {
        if Some(&row.hour) == newest.as_ref() {
            each(Part::Text { raw_code: row.hour.into(), text: row.raw.into() });
        } else {
            row.visit(identity, &mut each);
        }
    }
    Ok(())
}

/// The array of rows: the one member that is an array of objects.
fn rows_of(text: &str) -> Result<&str, MessageError> {
    let members = Members::read(text)?;
    if let Some(error) = members.get("error") {
        return Err(MessageError::device(&error.text()));
    }
    let array = |(_, value): &(_, Scalar<'_>)| matches!(value, Scalar::Nested(text) if text.starts_with('['));
    match members.0.into_iter().find(array) {
        Some((_, Scalar::Nested(rows))) => Ok(rows),
        _ => Err(MessageError::Shape("a history with rows")),
    }
}

impl<'a> Row<'a> {
    /// Reads a row; `None` for an empty slot.
    fn read(raw: &'a str) -> Result<Option<Self>, &'static str> {
        let members = Members::read(raw).map_err(|_| "the row is not an object")?;
        let hour = members.string("recid").or_else(|| members.string("date")).ok_or("the row has no time")?;
        if hour.len() != 8 || !hour.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("the row's time has an unknown form");
        }
        // Year and month of an empty slot: 0000, or 2100 in DSMR-API-V2.
        if hour.get(2..4) == Some("00") {
            return Ok(None);
        }
        let values = match members.get("values") {
            Some(Scalar::Nested(array)) => {
                let array = elements(array).map_err(|_| "the row's values are no array")?;
                V2.iter().zip(array).map(|((name, code), value)| (*name, *code, Scalar::of(value))).collect()
            }
            _ => V1.iter().filter_map(|(name, code)| Some((*name, *code, members.get(name)?.clone()))).collect(),
        };
        Ok(Some(Self { raw, hour, values }))
    }

    fn visit(&self, identity: &Identity, each: &mut impl FnMut(Part<'_>)) {
        let values: Vec<_> = self.values.iter().map(|(name, code, value)| (*name, *code, value)).collect();
        let begin = format!("{}0000", self.hour);
        Translation::of_row(&begin, &values, identity.clone()).visit(|part| match part {
            Part::Value(value) => match value.at {
                At::Time(begin) => {
                    each(Part::Value(Value { at: At::Time(begin.saturating_add(HOUR_NS)), ..value }));
                }
                // An impossible date: the telegram reports it.
                At::Receipt => {}
            },
            other => each(other),
        });
    }
}
