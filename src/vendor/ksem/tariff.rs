//! The tariff contract (`/api/tariffs/contract`) and its prices over time
//! (`/api/tariffs/data/<uuid>/<from>/<to>`).
//!
//! Prices and differences have no documented unit. They are stored as sent.

use crate::reading::registry::Unit;
use crate::reading::{Flags, Obis, UnixNanos};
use crate::vendor::document::{Members, MessageError, Scalar, elements, text_of};
use crate::vendor::{At, Part, Value};

/// A contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contract {
    /// The version of its form.
    pub version: Option<String>,
    /// The currency's short name.
    pub currency: Option<String>,
    /// The fee of a month, as sent.
    pub monthly_base_fee: Option<String>,
    /// Kinds of days.
    pub days: Vec<Day>,
    /// The tariffs.
    pub tariffs: Vec<Tariff>,
}

/// A kind of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    /// Its UUID.
    pub id: String,
    /// One entry for each hour of the day, as sent.
    pub hours: Vec<String>,
}

/// A tariff.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tariff {
    /// Its UUID.
    pub id: String,
    /// Its name.
    pub label: Option<String>,
    /// The register that it prices.
    pub obis: Option<String>,
    /// Where its prices come from.
    pub source: Option<String>,
    /// UUIDs of the kinds of days, one for each day of the week.
    pub weekdays: Vec<String>,
}

/// Hours of a day.
pub const HOURS: usize = 24;

const PRICE: Obis = Obis([0, 0, 128, 31, 1, 255]);
const DIFFERENCE: Obis = Obis([0, 0, 128, 31, 2, 255]);

impl Contract {
    /// Reads the answer of `/api/tariffs/contract`.
    ///
    /// # Errors
    /// When it is no JSON object, or a day does not have 24 hours.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let members = Members::read(text_of(bytes)?)?;
        let day = |(id, day): (String, Members<'_>)| match strings(&day, "hours")? {
            hours if hours.len() == HOURS => Ok(Day { id, hours }),
            _ => Err(MessageError::Shape("a contract whose days have 24 hours")),
        };
        let tariff = |(id, tariff): (String, Members<'_>)| {
            let weekdays = strings(&tariff, "weekdays")?;
            let text = |name| tariff.string(name);
            Ok(Tariff { id, label: text("label"), obis: text("obis"), source: text("source"), weekdays })
        };
        Ok(Self {
            version: members.string("version"),
            currency: members.string("currency"),
            monthly_base_fee: members.string("monthly_base_fee"),
            days: objects(&members, "days")?.into_iter().map(day).collect::<Result<_, _>>()?,
            tariffs: objects(&members, "tariffs")?.into_iter().map(tariff).collect::<Result<_, _>>()?,
        })
    }
}

/// Calls `each` for every part of the prices of a tariff: its UUID is the channel.
///
/// # Errors
/// When the answer is no JSON array.
pub fn prices(tariff: &str, bytes: &[u8], mut each: impl FnMut(Part<'_>)) -> Result<(), MessageError> {
    for row in elements(text_of(bytes)?)? {
        let unreadable = |why: &'static str| Part::Unreadable { part: row.get().into(), why: why.into() };
        let Ok(members) = Members::read(row.get()) else {
            each(unreadable("the row is not an object"));
            continue;
        };
        let Some(time) = members.get("time").and_then(|time| time.whole(9)).filter(|time| *time > 0) else {
            each(unreadable("the row has no time"));
            continue;
        };
        for (name, value) in members.0.iter().filter(|(name, _)| name != "time") {
            let name = name.as_ref();
            let obis = match name {
                "price" => PRICE,
                "diff" => DIFFERENCE,
                _ => {
                    each(Part::Text { raw_code: name.into(), text: value.text() });
                    continue;
                }
            };
            match (value, value.number(0)) {
                (Scalar::Absent, _) => {}
                (_, Some(value)) => each(Part::Value(Value {
                    channel: tariff.into(),
                    at: At::Time(UnixNanos(time)),
                    flags: Flags::NONE,
                    obis,
                    value,
                    unit: Unit::Unknown,
                    raw_code: name.into(),
                })),
                (_, None) => each(unreadable("the value is not a number")),
            }
        }
    }
    Ok(())
}

/// The members of an object of objects.
fn objects<'a>(members: &Members<'a>, name: &str) -> Result<Vec<(String, Members<'a>)>, MessageError> {
    let Some(Scalar::Nested(text)) = members.get(name) else { return Ok(Vec::new()) };
    let entry = |(id, value): (std::borrow::Cow<'a, str>, Scalar<'a>)| match value {
        Scalar::Nested(text) => Ok((id.into_owned(), Members::read(text)?)),
        _ => Err(MessageError::Shape("a contract of objects")),
    };
    Members::read(text)?.0.into_iter().map(entry).collect()
}

fn strings(members: &Members<'_>, name: &str) -> Result<Vec<String>, MessageError> {
    let Some(Scalar::Nested(text)) = members.get(name) else { return Ok(Vec::new()) };
    Ok(elements(text)?.into_iter().map(|value| Scalar::of(value).text().into_owned()).collect())
}
