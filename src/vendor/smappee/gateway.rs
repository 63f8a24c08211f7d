//! `aggregatedGW`: pulses of gas and water sensors in five minutes. `aggregatedSwitch`: switches, whose unit
//! is contested, so their values are kept as they are.
//!
//! Without a message there was no consumption: silence is no outage.

use super::channel_map::Place;
use super::codes;
use super::configuration::{Configuration, Medium};
use super::emit::{Emit, text};
use crate::reading::registry::Interval;
use crate::vendor::Part;
use crate::vendor::document::{MessageError, Scalar};
use crate::vendor::record::{Names, Record, records};

const INTERVAL: Names<7> =
    &["utcEndtime", "sensorId", "index0Delta", "index1Delta", "temperature", "humidity", "battLevel"];
const SWITCH: Names<4> = &["utcEndtime", "sensorId", "activePower", "reactivePower"];
const INPUTS: [&str; 2] = ["index0Delta", "index1Delta"];

/// Calls `each` for every part of `aggregatedGW`.
///
/// # Errors
/// When it is no object with a list of intervals.
pub(super) fn read(
    configuration: &Configuration,
    message: &str,
    each: &mut impl FnMut(Part<'_>),
) -> Result<(), MessageError> {
    let Record { known: [intervals], others } = Record::read(message, &["gwIntervalDatas"])?;
    let Scalar::Nested(intervals) = intervals else {
        return Err(MessageError::Shape("an aggregatedGW message: it has no gwIntervalDatas"));
    };
    records(intervals, INTERVAL, |record| {
        let Some(record) = record else {
            let mut emit = Emit::at(&Scalar::Absent, each);
            return emit.unreadable("gwIntervalDatas", &Scalar::Absent, "an element is not an object");
        };
        let mut emit = Emit::at(&record.known[0], each);
        interval(configuration, &record, &mut emit);
    })?;
    others.iter().for_each(|(name, value)| text(name, value, each));
    Ok(())
}

fn interval(configuration: &Configuration, record: &Record<'_, 7>, emit: &mut Emit<'_, impl FnMut(Part<'_>)>) {
    let [_, id, first, second, temperature, humidity, battery] = &record.known;
    let Some(id) = id.whole(0).and_then(|id| u32::try_from(id).ok()) else {
        return emit.unreadable("sensorId", id, "the sensor has no valid id");
    };
    let place = Place { channel: format!("sensor:{id}").into(), phase: None };
    let sensor = configuration.sensors.iter().find(|sensor| sensor.id == id);
    for (at, value) in [first, second].into_iter().enumerate() {
        let input = sensor.and_then(|sensor| sensor.inputs.get(at)?.as_ref());
        let (name, number) = (INPUTS.get(at).copied().unwrap_or_default(), u8::try_from(at + 1).unwrap_or(u8::MAX));
        let volume = input.and_then(|input| {
            let code = codes::volume(input.medium? == Medium::Gas, number, Interval::Recording);
            let volume = value.number(0)? / input.pulses_per_cubic_metre()?;
            volume.is_finite().then_some((code, volume))
        });
        match volume {
            _ if input.is_some_and(|input| !input.is_enabled) => emit.text(name, value),
            Some((code, volume)) => emit.value(&place, code, volume, name),
            None => emit.number(&place, codes::pulses(number, Interval::Recording), value, 1, name),
        }
    }
    emit.number(&place, codes::TEMPERATURE, temperature, 10, "temperature");
    emit.number(&place, codes::HUMIDITY, humidity, 100, "humidity");
    emit.number(&place, codes::BATTERY, battery, 100, "battLevel");
    emit.texts(&record.others);
}

/// Calls `each` for every part of `aggregatedSwitch`.
///
/// # Errors
/// When it is no object with a list of intervals.
pub(super) fn read_switches(message: &str, each: &mut impl FnMut(Part<'_>)) -> Result<(), MessageError> {
    let Record { known: [intervals], others } = Record::read(message, &["switchIntervalDatas"])?;
    let Scalar::Nested(intervals) = intervals else {
        return Err(MessageError::Shape("an aggregatedSwitch message: it has no switchIntervalDatas"));
    };
    records(intervals, SWITCH, |record| {
        let Some(record) = record else {
            let mut emit = Emit::at(&Scalar::Absent, each);
            return emit.unreadable("switchIntervalDatas", &Scalar::Absent, "an element is not an object");
        };
        let [end, sensor, active, reactive] = &record.known;
        for (name, value) in [("activePower", active), ("reactivePower", reactive)] {
            text(&format!("switch:{}.{name}.{}", sensor.text(), end.text()), value, each);
        }
        record.others.iter().for_each(|(name, value)| text(name, value, each));
    })?;
    others.iter().for_each(|(name, value)| text(name, value, each));
    Ok(())
}
