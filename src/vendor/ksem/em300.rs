//! The older interface of TQ-Systems' EM2xx and EM3xx and of B-control meters.
//!
//! `GET /start.php` says whether a login is needed. `GET /mum-webservice/data.php` gives a flat object of
//! OBIS codes in base units (W, Wh, A, V), without a time. Invariants: a member whose name is no code is a
//! text; a lost session gives an error, never an empty reading.

use super::registers::{instantaneous, register, unit};
use crate::reading::registry::Unit;
use crate::reading::{Flags, Obis};
use crate::vendor::document::{Members, MessageError, Scalar, text_of};
use crate::vendor::{At, Part, Value};

/// The answer of `/start.php`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The serial number.
    pub serial: String,
    /// Whether the session may read values. A device without a password says so at once.
    pub is_authenticated: bool,
}

/// Why values cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The body is no such document.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The session is not or no longer logged in.
    #[error("the session has ended: log in again")]
    SessionEnded,
}

impl Start {
    /// Reads the answer of `/start.php`.
    ///
    /// # Errors
    /// When it is not JSON or has no serial number.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let members = Members::read(text_of(bytes)?)?;
        let serial = members.string("serial").or_else(|| members.string("ieq_serial"));
        let serial = serial.ok_or(MessageError::Shape("an answer with a serial number"))?;
        Ok(Self { serial, is_authenticated: is_authenticated(&members) })
    }
}

/// Whether a login succeeded, by its answer.
///
/// # Errors
/// When it is not JSON.
pub fn is_logged_in(bytes: &[u8]) -> Result<bool, MessageError> {
    Members::read(text_of(bytes)?).map(|members| is_authenticated(&members))
}

fn is_authenticated(members: &Members<'_>) -> bool {
    members.get("authentication") == Some(&Scalar::Bool(true))
}

/// Calls `each` for every part of `data.php`'s answer.
///
/// # Errors
/// When it is not JSON, or the session has ended.
pub fn read(bytes: &[u8], mut each: impl FnMut(Part<'_>)) -> Result<(), ReadError> {
    let members = Members::read(text_of(bytes)?)?;
    let codes: Vec<Option<Obis>> = members.0.iter().map(|(name, _)| code(name)).collect();
    let is_refused = members.get("authentication") == Some(&Scalar::Bool(false))
        || members.get("status").and_then(|status| status.whole(0)).is_some_and(|status| status >= 900);
    if is_refused || codes.iter().all(Option::is_none) {
        return Err(ReadError::SessionEnded);
    }
    for ((name, value), code) in members.0.iter().zip(&codes) {
        let name = name.as_ref();
        let Some(code) = *code else {
            each(Part::Text { raw_code: name.into(), text: value.text() });
            continue;
        };
        let has_instantaneous = instantaneous(code).is_some_and(|code| codes.contains(&Some(code)));
        let obis = register(code, has_instantaneous);
        match (value, value.number(0)) {
            (Scalar::Absent, _) => {}
            (_, Some(value)) => each(Part::Value(Value {
                channel: "".into(),
                at: At::Receipt,
                flags: Flags::TIME_IS_RECEIVE_TIME,
                obis,
                value,
                unit: unit(obis).unwrap_or(Unit::Unknown),
                raw_code: name.into(),
            })),
            (_, None) => each(Part::Unreadable {
                part: format!("{name}: {}", value.text()).into(),
                why: "the value is not a number".into(),
            }),
        }
    }
    Ok(())
}

/// A full code; a name such as `1.2.3` is not one.
fn code(name: &str) -> Option<Obis> {
    if name.contains(':') { name.parse().ok() } else { None }
}
