//! The small messages: plugs, presence, and reports of automations.

use super::channel_map::{Place, SITE};
use super::codes;
use super::emit::{Emit, text};
use super::topic::Report;
use crate::vendor::Part;
use crate::vendor::document::{Members, MessageError, Scalar};
use crate::vendor::record::{Names, Record};

const PLUG: Names<2> = &["value", "since"];
/// Texts of a plug's state, and their numbers.
const STATES: [(&str, f64); 6] = [("ON", 1.0), ("ON_ON", 1.0), ("1", 1.0), ("OFF", 0.0), ("OFF_OFF", 0.0), ("0", 0.0)];
/// Texts of a plug's connection, and their numbers.
const CONNECTIONS: [(&str, f64); 6] =
    [("DISCONNECTED", 0.0), ("0", 0.0), ("CONNECTED", 1.0), ("1", 1.0), ("UNREACHABLE", 2.0), ("2", 2.0)];

/// A property of a plug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Property {
    /// On or off.
    State,
    /// Connected or not.
    Connection,
}

/// The time since which a plug's property holds, in milliseconds of 1970 UTC.
pub(super) fn since(message: &str) -> Option<i64> {
    let [_, since] = Record::read(message, PLUG).ok()?.known;
    since.whole(0)
}

/// Gives the state or the connection of a plug, at the time since which it holds.
///
/// # Errors
/// When the message is no object with a value.
pub(super) fn plug(
    node: u32,
    property: Property,
    message: &str,
    each: &mut impl FnMut(Part<'_>),
) -> Result<(), MessageError> {
    let record = Record::read(message, PLUG)?;
    let [value, since] = &record.known;
    if *value == Scalar::Absent {
        return Err(MessageError::Shape("the state of a plug: it has no value"));
    }
    let (states, code) = match property {
        Property::State => (STATES, codes::SWITCH),
        Property::Connection => (CONNECTIONS, codes::PLUG_CONNECTION),
    };
    let mut emit = Emit::at(since, each);
    let place = Place { channel: format!("plug:{node}").into(), phase: None };
    match states.iter().find(|(text, _)| *text == value.text()) {
        Some((_, number)) => emit.value(&place, code, *number, "value"),
        None => emit.unreadable("value", value, "the state is not known"),
    }
    emit.texts(&record.others);
    Ok(())
}

/// Gives whether people are present.
///
/// # Errors
/// When the message is no object with a value.
pub(super) fn presence(message: &str, each: &mut impl FnMut(Part<'_>)) -> Result<(), MessageError> {
    let record = Record::read(message, &["value", "utcTimeStamp"])?;
    let [value, time] = &record.known;
    let Scalar::Bool(is_present) = value else {
        return Err(MessageError::Shape("a presence message: its value is neither true nor false"));
    };
    let mut emit = Emit::at(time, each);
    emit.value(&SITE, codes::PRESENCE, f64::from(u8::from(*is_present)), "value");
    emit.texts(&record.others);
    Ok(())
}

/// Gives the members of a report as they are.
///
/// # Errors
/// When the message is no object.
pub(super) fn report(report: Report, message: &str, each: &mut impl FnMut(Part<'_>)) -> Result<(), MessageError> {
    let prefix = match report {
        Report::Trigger => "trigger",
        Report::ApplianceTrigger => "trigger/appliance",
        Report::TriggerValue => "triggervalue",
        Report::Scheduler => "scheduler",
    };
    for (name, value) in &Members::read(message)?.0 {
        text(&format!("{prefix}.{name}"), value, each);
    }
    Ok(())
}
