//! `power`: the live values of the vendor's cloud, as arrays.
//!
//! Two kinds of index stand in one message: powers and currents are addressed by the channel's
//! `powerTopicIndex`, energies by its rank among the configured channels. Both come from the metering
//! configuration. Without it, a value goes under its raw place.
//!
//! Of a measurement with several phases the cloud repeats the same total in every phase. Equal energies of
//! one measurement are therefore one value.

use super::channel_map::{Channel, ChannelMap, Index, Place, SITE, SitePhases};
use super::codes::{self, Code, Indexed, Phase, Quantity, indexed};
use super::configuration::Configuration;
use super::emit::Emit;
use super::realtime::{phase_voltage, signed_power};
use crate::vendor::Part;
use crate::vendor::document::{MessageError, Scalar, elements};
use crate::vendor::record::{Names, Record};

const NAMES: Names<11> = &[
    "utcTimeStamp",
    "consumptionPower",
    "solarPower",
    "alwaysOn",
    "activePowerData",
    "reactivePowerData",
    "currentData",
    "phaseVoltageData",
    "lineVoltageData",
    "importActiveEnergyData",
    "exportActiveEnergyData",
];
const POWER: Indexed = indexed!("activePowerData");
const REACTIVE: Indexed = indexed!("reactivePowerData");
const CURRENT: Indexed = indexed!("currentData");
const PHASE_VOLTAGE: Indexed = indexed!("phaseVoltageData");
const LINE_VOLTAGE: Indexed = indexed!("lineVoltageData");
const IMPORT: Indexed = indexed!("importActiveEnergyData");
const EXPORT: Indexed = indexed!("exportActiveEnergyData");

const MILLI: u32 = 1000;
const DECI: u32 = 10;

/// Calls `each` for every part of a message.
///
/// # Errors
/// When it is no object, or has no value of this kind.
pub(super) fn read(
    configuration: &Configuration,
    text: &str,
    each: &mut impl FnMut(Part<'_>),
) -> Result<(), MessageError> {
    let record = Record::read(text, NAMES)?;
    let [time, consumption, solar, always_on, power, reactive, current, phases, lines, import, export] = &record.known;
    if record.known.iter().skip(1).all(|value| *value == Scalar::Absent) && !has_channel_data(&record) {
        return Err(MessageError::Shape("a power message: it has no value"));
    }
    let mut emit = Emit::at(time, each);
    for (code, value, name) in [
        (codes::CONSUMPTION_POWER, consumption, "consumptionPower"),
        (codes::SOLAR_POWER, solar, "solarPower"),
        (codes::ALWAYS_ON, always_on, "alwaysOn"),
    ] {
        emit.number(&SITE, code, value, 1, name);
    }
    let powers = array(power, &POWER, &mut emit);
    by_index(&configuration.channels, &powers, &POWER, &mut emit, |emit, place, value, name| {
        signed_power(configuration, place, codes::POWER.at(place.phase), value, name, emit);
    });
    for (quantity, values, divisor, names) in
        [(codes::REACTIVE_POWER, reactive, 1, &REACTIVE), (codes::CURRENT, current, MILLI, &CURRENT)]
    {
        let values = array(values, names, &mut emit);
        by_index(&configuration.channels, &values, names, &mut emit, |emit, place, value, name| {
            emit.number(place, quantity.at(place.phase), value, divisor, name);
        });
    }
    for (quantity, values, names) in
        [(codes::VOLTAGE, phases, &PHASE_VOLTAGE), (codes::LINE_VOLTAGE, lines, &LINE_VOLTAGE)]
    {
        for (number, value) in (0..).zip(array(values, names, &mut emit)) {
            let name = names.at(number);
            match Phase::of_number(i64::from(number)) {
                Some(phase) => {
                    let code = quantity.at(Some(phase));
                    phase_voltage(configuration, phase, code, &value, DECI, &name, &mut emit);
                }
                None => emit.text(&name, &value),
            }
        }
    }
    let ranked = configuration.channels.ranked();
    let energies = array(import, &IMPORT, &mut emit);
    by_rank(&configuration.channels, &ranked, codes::ENERGY_IMPORT, &energies, &IMPORT, &mut emit);
    let energies = array(export, &EXPORT, &mut emit);
    by_rank(&configuration.channels, &ranked, codes::ENERGY_EXPORT, &energies, &EXPORT, &mut emit);
    emit.texts(&record.others);
    Ok(())
}

/// Some locations have this interleaved array of an unpublished order instead.
fn has_channel_data(record: &Record<'_, 11>) -> bool {
    record.others.iter().any(|(name, _)| name == "channelData")
}

/// The elements of an array; none if it is absent. Any other value costs this array only.
fn array<'a>(value: &Scalar<'a>, names: &Indexed, emit: &mut Emit<'_, impl FnMut(Part<'_>)>) -> Vec<Scalar<'a>> {
    let elements = match value {
        Scalar::Absent => return Vec::new(),
        Scalar::Nested(text) => elements(text).ok(),
        _ => None,
    };
    let Some(elements) = elements else {
        emit.unreadable(&names.at(0), value, "the value is not an array");
        return Vec::new();
    };
    elements.into_iter().map(Scalar::of).collect()
}

/// Calls `give` for values that are addressed by `powerTopicIndex`, with their place and name.
fn by_index<F: FnMut(Part<'_>)>(
    channels: &ChannelMap,
    values: &[Scalar<'_>],
    names: &Indexed,
    emit: &mut Emit<'_, F>,
    give: impl Fn(&mut Emit<'_, F>, &Place<'_>, &Scalar<'_>, &str),
) {
    let is_configured = !channels.ranked().is_empty();
    let mut phases = SitePhases::default();
    for (number, value) in (0..).zip(values) {
        let (index, name) = (Index::Power(number), names.at(number));
        match phases.place(channels, index, None) {
            // The array has a 0 for every input without a channel.
            Some(_) if is_configured && !channels.has(index) => emit.text(&name, value),
            Some(place) => give(emit, &place, value, &name),
            None => emit.text(&name, value),
        }
    }
}

/// Gives energies, whose place is the rank of their channel.
fn by_rank(
    map: &ChannelMap,
    ranked: &[&Channel],
    quantity: Quantity,
    values: &[Scalar<'_>],
    names: &Indexed,
    emit: &mut Emit<'_, impl FnMut(Part<'_>)>,
) {
    let mut phases = SitePhases::default();
    for (number, (rank, value)) in (0..).zip(values.iter().enumerate()) {
        let name = names.at(number);
        let Some(channel) = ranked.get(rank) else {
            let place = Place { channel: format!("energy:{number}").into(), phase: None };
            emit.number(&place, quantity.at(None), value, 1, &name);
            continue;
        };
        let same = |other: &(&&Channel, &Scalar<'_>)| other.0.measurement == channel.measurement;
        let of_measurement: Vec<_> = ranked.iter().zip(values).filter(same).collect();
        let is_total = of_measurement.len() > 1 && of_measurement.iter().all(|(_, other)| *other == value);
        let is_first = of_measurement.first().is_some_and(|(first, _)| first.power_index == channel.power_index);
        let total = is_total.then(|| quantity.at(None));
        match (map.place_of(channel, None), total) {
            (None, _) => emit.text(&name, value),
            (Some(_), Some(_)) if !is_first => emit.text(&name, value),
            (Some(place), Some(code)) => emit.number(&place, code, value, 1, &name),
            (Some(place), None) => {
                let index = channel.power_index.map(Index::Power);
                let place = index.and_then(|index| phases.place(map, index, None)).unwrap_or(place);
                let code: Code = quantity.at(place.phase);
                emit.number(&place, code, value, 1, &name);
            }
        }
    }
}
