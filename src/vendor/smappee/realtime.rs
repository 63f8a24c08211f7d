//! `realtime`: values of every second, of both generations.
//!
//! Units: W, var, VA, V, tenths of an ampere, and joules since the restart of the monitor. Totals are the
//! monitor's own: they follow its rules, so no register of the grid has them.

use super::channel_map::{Index, Place, SITE, SitePhases};
use super::codes::{self, Code, Indexed, Phase, indexed};
use super::configuration::Configuration;
use super::emit::Emit;
use crate::reading::Flags;
use crate::vendor::Part;
use crate::vendor::document::{MessageError, Scalar};
use crate::vendor::record::{Names, Record, records};

const NAMES: Names<8> = &[
    "utcTimeStamp",
    "totalPower",
    "totalReactivePower",
    "totalImportEnergy",
    "totalExportEnergy",
    "monitorStatus",
    "channelPowers",
    "voltages",
];
const CHANNEL: Names<10> = &[
    "ctInput",
    "publishIndex",
    "phaseId",
    "power",
    "current",
    "importEnergy",
    "exportEnergy",
    "apparentPower",
    "cosPhi",
    "formula",
];
const VOLTAGE: Names<2> = &["voltage", "phaseId"];

/// Joules of a watt-hour.
const JOULES: u32 = 3600;
/// Parts of an ampere.
const DECI: u32 = 10;

const POWER: Indexed = indexed!("power");
const CURRENT: Indexed = indexed!("current");
const IMPORT: Indexed = indexed!("importEnergy");
const EXPORT: Indexed = indexed!("exportEnergy");
const APPARENT: Indexed = indexed!("apparentPower");
const COS_PHI: Indexed = indexed!("cosPhi");
const FORMULA: Indexed = indexed!("formula");
const PHASE_VOLTAGE: Indexed = indexed!("voltage");

/// Calls `each` for every part of a message.
///
/// # Errors
/// When it is no object, or has neither channels nor voltages.
pub(super) fn read(
    configuration: &Configuration,
    text: &str,
    each: &mut impl FnMut(Part<'_>),
) -> Result<(), MessageError> {
    let record = Record::read(text, NAMES)?;
    let [time, power, reactive, import, export, status, channels, voltages] = &record.known;
    let mut emit = Emit::at(time, each);
    let mut is_read = false;
    for (code, value, divisor, name) in [
        (codes::TOTAL_POWER, power, 1, "totalPower"),
        (codes::TOTAL_REACTIVE_POWER, reactive, 1, "totalReactivePower"),
        (codes::TOTAL_IMPORT, import, JOULES, "totalImportEnergy"),
        (codes::TOTAL_EXPORT, export, JOULES, "totalExportEnergy"),
        (codes::MONITOR_STATUS, status, 1, "monitorStatus"),
    ] {
        emit.number(&SITE, code, value, divisor, name);
    }
    let mut phases = SitePhases::default();
    if let Scalar::Nested(channels) = channels {
        records(channels, CHANNEL, |record| channel(configuration, record, &mut phases, &mut emit))?;
        is_read = true;
    }
    if let Scalar::Nested(voltages) = voltages {
        records(voltages, VOLTAGE, |record| voltage(configuration, record, &mut emit))?;
        is_read = true;
    }
    emit.texts(&record.others);
    if is_read { Ok(()) } else { Err(MessageError::Shape("a realtime message: it has neither channels nor voltages")) }
}

/// Gives the values of a channel.
fn channel(
    configuration: &Configuration,
    record: Option<Record<'_, 10>>,
    phases: &mut SitePhases,
    emit: &mut Emit<'_, impl FnMut(Part<'_>)>,
) {
    let Some(record) = record else {
        return emit.unreadable("channelPowers", &Scalar::Absent, "an element is not an object");
    };
    let [input, published, phase, power, current, import, export, apparent, cos_phi, formula] = &record.known;
    let Some((index, number)) = index(input, published) else {
        return emit.unreadable("channelPowers", published, "a channel has no valid index");
    };
    let sent = phase.whole(0).and_then(Phase::of_number);
    let values = [
        (codes::POWER, power, 1, &POWER),
        (codes::CURRENT, current, DECI, &CURRENT),
        (codes::VOLATILE_IMPORT, import, JOULES, &IMPORT),
        (codes::VOLATILE_EXPORT, export, JOULES, &EXPORT),
        (codes::APPARENT_POWER, apparent, 1, &APPARENT),
    ];
    match phases.place(&configuration.channels, index, sent) {
        Some(place) => {
            let [(quantity, power, ..), others @ ..] = values;
            signed_power(configuration, &place, quantity.at(place.phase), power, &POWER.at(number), emit);
            for (quantity, value, divisor, name) in others {
                emit.number(&place, quantity.at(place.phase), value, divisor, &name.at(number));
            }
        }
        // Nothing is connected: noise.
        None => values.iter().for_each(|(_, value, _, name)| emit.text(&name.at(number), value)),
    }
    // Its scale has never been published.
    emit.text(&COS_PHI.at(number), cos_phi);
    emit.text(&FORMULA.at(number), formula);
    emit.texts(&record.others);
}

/// Gives a power in watts as it is signed; with a flag if it is negative where nothing produces.
pub(super) fn signed_power(
    configuration: &Configuration,
    place: &Place<'_>,
    code: Code,
    value: &Scalar<'_>,
    name: &str,
    emit: &mut Emit<'_, impl FnMut(Part<'_>)>,
) {
    let is_negative = value.number(0).is_some_and(|number| number < 0.0);
    if is_negative && configuration.channels.has_no_production() {
        emit.with(Flags::SIGN_UNEXPECTED).number(place, code, value, 1, name);
    } else {
        emit.number(place, code, value, 1, name);
    }
}

/// The index of a channel of either generation, and its number.
pub(super) fn index(input: &Scalar<'_>, published: &Scalar<'_>) -> Option<(Index, u32)> {
    let number = |value: &Scalar<'_>| u32::try_from(value.whole(0)?).ok();
    match number(published) {
        Some(published) => Some((Index::Published(published), published)),
        None => number(input).map(|input| (Index::Input(input), input)),
    }
}

/// Gives a voltage.
fn voltage(configuration: &Configuration, record: Option<Record<'_, 2>>, emit: &mut Emit<'_, impl FnMut(Part<'_>)>) {
    let Some(record) = record else {
        return emit.unreadable("voltages", &Scalar::Absent, "an element is not an object");
    };
    let [value, phase] = &record.known;
    let Some(phase) = phase.whole(0).and_then(Phase::of_number) else {
        return emit.unreadable("voltages", phase, "a voltage has no valid phase");
    };
    let name = PHASE_VOLTAGE.at(u32::from(phase.number()) - 1);
    let code = if configuration.channels.is_delta() { codes::LINE_VOLTAGE } else { codes::VOLTAGE };
    phase_voltage(configuration, phase, code.at(Some(phase)), value, 1, &name, emit);
    emit.texts(&record.others);
}

/// Gives a voltage of a phase that exists; 0 V of another one is no value.
pub(super) fn phase_voltage(
    configuration: &Configuration,
    phase: Phase,
    code: Code,
    value: &Scalar<'_>,
    divisor: u32,
    name: &str,
    emit: &mut Emit<'_, impl FnMut(Part<'_>)>,
) {
    let is_none = value.whole(0) == Some(0) && !configuration.channels.has_phase(phase);
    if is_none { emit.text(name, value) } else { emit.number(&SITE, code, value, divisor, name) }
}
