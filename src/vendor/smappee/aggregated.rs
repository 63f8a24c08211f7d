//! `aggregated`: means of five minutes, of both generations. A message may hold several intervals.
//!
//! Units: mW, mvar, mVA, mA, tenths of a volt, percent. The time is the end of the interval. The energy of
//! an interval is its mean power times its length.

use super::channel_map::{SITE, SitePhases};
use super::codes::{self, Indexed, Phase, indexed};
use super::configuration::Configuration;
use super::emit::Emit;
use super::measurements;
use super::realtime::{index, phase_voltage};
use crate::vendor::Part;
use crate::vendor::document::{MessageError, Scalar, elements};
use crate::vendor::record::{Names, Record, records};

const INTERVAL: Names<7> = &[
    "utcEndtime",
    "averageRMSVoltages",
    "alwaysOn",
    "channelIntervalDatas",
    "version",
    "publishIndex",
    "measurements",
];
const CHANNEL: Names<9> = &[
    "ctInput",
    "publishIndex",
    "phaseId",
    "averageRMSCurrent",
    "averageImportRMSActivePower",
    "averageExportRMSActivePower",
    "averageRMSReactivePower",
    "averageRMSApparentPower",
    "averagePowerfactor",
];

const MILLI: u32 = 1000;
const DECI: u32 = 10;
const PERCENT: u32 = 100;
/// Milliwatt-seconds of a watt-hour.
const MILLI_JOULES: u32 = 3_600_000;

const CURRENT: Indexed = indexed!("averageRMSCurrent");
const IMPORT: Indexed = indexed!("averageImportRMSActivePower");
const EXPORT: Indexed = indexed!("averageExportRMSActivePower");
const REACTIVE: Indexed = indexed!("averageRMSReactivePower");
const APPARENT: Indexed = indexed!("averageRMSApparentPower");
const POWER_FACTOR: Indexed = indexed!("averagePowerfactor");
const VOLTAGES: Indexed = indexed!("averageRMSVoltages");

/// Calls `each` for every part of a message.
///
/// # Errors
/// When it is no object with a list of intervals.
pub(super) fn read(
    configuration: &Configuration,
    text: &str,
    each: &mut impl FnMut(Part<'_>),
) -> Result<(), MessageError> {
    let Record { known: [intervals], others } = Record::read(text, &["intervalDatas"])?;
    let Scalar::Nested(intervals) = intervals else {
        return Err(MessageError::Shape("an aggregated message: it has no intervalDatas"));
    };
    let mut phases = SitePhases::default();
    records(intervals, INTERVAL, |record| {
        let Some(record) = record else {
            let mut emit = Emit::at(&Scalar::Absent, each);
            return emit.unreadable("intervalDatas", &Scalar::Absent, "an element is not an object");
        };
        let mut emit = Emit::at(&record.known[0], each);
        // It costs this interval only: the others are not sent again.
        if interval(configuration, &record, &mut phases, &mut emit).is_err() {
            emit.unreadable("intervalDatas", &record.known[0], "the interval cannot be read whole");
        }
    })?;
    others.iter().for_each(|(name, value)| super::emit::text(name, value, each));
    Ok(())
}

/// Gives the values of an interval.
fn interval(
    configuration: &Configuration,
    record: &Record<'_, 7>,
    phases: &mut SitePhases,
    emit: &mut Emit<'_, impl FnMut(Part<'_>)>,
) -> Result<(), MessageError> {
    let [_, voltages, always_on, channels, version, published, values] = &record.known;
    emit.number(&SITE, codes::ALWAYS_ON, always_on, MILLI, "alwaysOn");
    if let Scalar::Nested(voltages) = voltages {
        let quantity = if configuration.channels.is_delta() { codes::MEAN_LINE_VOLTAGE } else { codes::MEAN_VOLTAGE };
        for (number, value) in (0..).zip(elements(voltages)?) {
            let (value, name) = (Scalar::of(value), VOLTAGES.at(number));
            match Phase::of_number(i64::from(number)) {
                Some(phase) => {
                    phase_voltage(configuration, phase, quantity.at(Some(phase)), &value, DECI, &name, emit);
                }
                None => emit.text(&name, &value),
            }
        }
    }
    if let Scalar::Nested(channels) = channels {
        records(channels, CHANNEL, |record| channel(configuration, record, phases, emit))?;
    }
    if let Scalar::Nested(values) = values {
        measurements::read(configuration, published, values, phases, emit)?;
    }
    emit.text("version", version);
    emit.texts(&record.others);
    Ok(())
}

/// Gives the values of a channel of the first generation.
fn channel(
    configuration: &Configuration,
    record: Option<Record<'_, 9>>,
    phases: &mut SitePhases,
    emit: &mut Emit<'_, impl FnMut(Part<'_>)>,
) {
    let Some(record) = record else {
        return emit.unreadable("channelIntervalDatas", &Scalar::Absent, "an element is not an object");
    };
    let [input, published, phase, current, import, export, reactive, apparent, factor] = &record.known;
    let Some((index, number)) = index(input, published) else {
        return emit.unreadable("channelIntervalDatas", input, "a channel has no valid index");
    };
    let values = [
        (codes::MEAN_CURRENT, current, MILLI, &CURRENT),
        (codes::MEAN_IMPORT, import, MILLI, &IMPORT),
        (codes::MEAN_EXPORT, export, MILLI, &EXPORT),
        (codes::MEAN_REACTIVE_POWER, reactive, MILLI, &REACTIVE),
        (codes::MEAN_APPARENT_POWER, apparent, MILLI, &APPARENT),
        (codes::MEAN_POWER_FACTOR, factor, PERCENT, &POWER_FACTOR),
    ];
    let sent = phase.whole(0).and_then(Phase::of_number);
    let Some(place) = phases.place(&configuration.channels, index, sent) else {
        return values.iter().for_each(|(_, value, _, name)| emit.text(&name.at(number), value));
    };
    for (quantity, value, divisor, name) in values {
        emit.number(&place, quantity.at(place.phase), value, divisor, &name.at(number));
    }
    for (quantity, value, name) in
        [(codes::INTERVAL_IMPORT, import, &IMPORT), (codes::INTERVAL_EXPORT, export, &EXPORT)]
    {
        if let Some(energy) = energy(value, configuration.aggregation_seconds) {
            emit.value(&place, quantity.at(place.phase), energy, &name.at(number));
        }
    }
    emit.texts(&record.others);
}

/// The energy of an interval of this mean power, in Wh. Exact but for the last rounding if the length divides
/// an hour.
fn energy(milliwatts: &Scalar<'_>, seconds: u32) -> Option<f64> {
    let energy = if MILLI_JOULES.is_multiple_of(seconds) {
        milliwatts.divided_by(MILLI_JOULES / seconds)
    } else {
        milliwatts.number(0).map(|milliwatts| milliwatts * f64::from(seconds) / f64::from(MILLI_JOULES))
    };
    energy.filter(|energy| energy.is_finite())
}
