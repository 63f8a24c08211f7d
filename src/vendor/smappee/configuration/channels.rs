//! The three lists of channels: `channelConfig` (first generation), `channelConfigV2` (second), and the
//! metering configuration of the REST API.

use crate::vendor::document::{MessageError, Scalar};
use crate::vendor::record::{Names, Record, records};
use crate::vendor::smappee::channel_map::{CHANNELS_MAX, Channel, PhaseType, Role};
use crate::vendor::smappee::codes::Phase;

/// A list of channels.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) channels: Vec<Channel>,
    pub(super) phase_type: Option<PhaseType>,
    measurements: usize,
    /// Entries beyond the bound, or without an index.
    pub(super) left_out: usize,
}

impl List {
    fn add(&mut self, channel: Option<Channel>) {
        match channel {
            Some(channel) if self.channels.len() < CHANNELS_MAX => self.channels.push(channel),
            _ => self.left_out += 1,
        }
    }

    /// Adds the channels of a measurement.
    fn add_transformers(&mut self, list: &str, name: &str, role: Role, measurement: usize) {
        const NAMES: Names<4> = &["consumptionIndex", "powerTopicIndex", "phase", "phaseId"];
        let mut read = Vec::new();
        let is_list = records(list, NAMES, |record| read.push(record)).is_ok();
        self.left_out += usize::from(!is_list);
        let is_three = read.len() == Phase::ALL.len();
        for (place, record) in read.into_iter().enumerate() {
            let Some(record) = record else {
                self.add(None);
                continue;
            };
            let [index, power_index, phase, phase_id] = &record.known;
            let (index, power_index) = (number(index), number(power_index));
            // A channel without an index is not published.
            if index.is_none() && power_index.is_none() {
                continue;
            }
            let mut channel = Channel::new(index, power_index, name, role);
            // Three transformers of one measurement are its three phases, in their order.
            let by_order = || if is_three { Phase::ALL.get(place).copied() } else { None };
            channel.phase = phase_of(phase).or_else(|| phase_of(phase_id)).or_else(by_order);
            channel.measurement = measurement;
            channel.details = details(&record);
            self.add(Some(channel));
        }
    }
}

/// Reads `channelConfig`.
pub(super) fn inputs(text: &str) -> Result<List, MessageError> {
    const NAMES: Names<5> = &["ctInput", "name", "phase", "inputChannelType", "inputChannelConnection"];
    let [list] = Record::read(text, &["inputChannels"])?.known;
    let mut found = List::default();
    records(array(&list, "a channelConfig: it has no inputChannels")?, NAMES, |record| {
        found.add(record.and_then(|record| {
            let [index, name, phase, kind, connection] = &record.known;
            let role = role(&kind.text(), &connection.text());
            let mut channel = Channel::new(Some(number(index)?), None, &name.text(), role);
            channel.phase = phase_of(phase);
            channel.details = details(&record);
            Some(channel)
        }));
    })?;
    Ok(found)
}

/// Reads `channelConfigV2`.
pub(super) fn measurements(text: &str) -> Result<List, MessageError> {
    const NAMES: Names<7> = &["publishIndex", "name", "type", "flow", "connectionType", "phase", "phaseId"];
    let [specification] = Record::read(text, &["dataProcessingSpecification"])?.known;
    let Scalar::Nested(specification) = specification else {
        return Err(MessageError::Shape("a channelConfigV2: it has no dataProcessingSpecification"));
    };
    let [phase_type, list] = Record::read(specification, &["phaseType", "measurements"])?.known;
    let mut found = List { phase_type: phase_type_of(&phase_type), ..List::default() };
    records(array(&list, "a channelConfigV2: it has no measurements")?, NAMES, |record| {
        // A negative index: the channel is not published.
        let Some(record) = record else { return found.add(None) };
        let [index, name, kind, flow, connection, phase, phase_id] = &record.known;
        let role = match kind.text().as_ref() {
            kind @ ("STORAGE" | "BATTERY" | "UNUSED") => role(kind, ""),
            _ => role(&flow.text(), &connection.text()),
        };
        if index.whole(0).is_some_and(|index| index < 0) {
            return;
        }
        found.add(number(index).map(|index| {
            let mut channel = Channel::new(Some(index), None, &name.text(), role);
            channel.phase = phase_of(phase).or_else(|| phase_of(phase_id));
            channel.details = details(&record);
            channel
        }));
    })?;
    Ok(found)
}

/// Reads the metering configuration.
pub(super) fn metering(text: &str) -> Result<List, MessageError> {
    const NAMES: Names<3> = &["name", "type", "channels"];
    let [phase_type, list] = Record::read(text, &["phaseType", "measurements"])?.known;
    let mut found = List { phase_type: phase_type_of(&phase_type), ..List::default() };
    records(array(&list, "a metering configuration: it has no measurements")?, NAMES, |record| {
        let Some(record) = record else { return found.add(None) };
        let [name, kind, channels] = &record.known;
        let measurement = found.measurements;
        found.measurements += 1;
        match channels {
            Scalar::Nested(channels) => {
                found.add_transformers(channels, &name.text(), measured(&kind.text()), measurement)
            }
            channels => found.left_out += usize::from(*channels != Scalar::Absent),
        }
    })?;
    Ok(found)
}

fn array<'a>(value: &Scalar<'a>, wanted: &'static str) -> Result<&'a str, MessageError> {
    match value {
        Scalar::Nested(text) => Ok(text),
        _ => Err(MessageError::Shape(wanted)),
    }
}

/// An index.
fn number(value: &Scalar<'_>) -> Option<u32> {
    u32::try_from(value.whole(0)?).ok()
}

/// The use of a channel, by its flow or type and its connection.
fn role(kind: &str, connection: &str) -> Role {
    match (kind, connection) {
        ("UNUSED", _) => Role::Unused,
        ("PRODUCTION", _) => Role::Production,
        ("STORAGE" | "BATTERY", _) => Role::Storage,
        ("SUBMETER", _) | (_, "SUBMETER") => Role::Submeter,
        ("CONSUMPTION", "GRID") => Role::Grid,
        _ => Role::Other,
    }
}

/// The use of a measurement of the metering configuration.
fn measured(kind: &str) -> Role {
    match kind {
        "GRID" => Role::Grid,
        "SUBCIRCUIT" => Role::Submeter,
        "APPLIANCE" => Role::Appliance,
        kind => role(kind, ""),
    }
}

fn phase_type_of(value: &Scalar<'_>) -> Option<PhaseType> {
    match value.text().as_ref() {
        "ONE" => Some(PhaseType::One),
        "TWO" => Some(PhaseType::Two),
        "THREE_STAR" => Some(PhaseType::ThreeStar),
        "THREE_DELTA" => Some(PhaseType::ThreeDelta),
        _ => None,
    }
}

/// A phase is a number from 0, or a name.
fn phase_of(value: &Scalar<'_>) -> Option<Phase> {
    value.whole(0).and_then(Phase::of_number).or_else(|| Phase::of_name(&value.text()))
}

/// The other members, as sent.
fn details<const N: usize>(record: &Record<'_, N>) -> Vec<(String, String)> {
    let others = record.others.iter().filter(|(_, value)| !matches!(value, Scalar::Absent | Scalar::Nested(_)));
    others.take(DETAILS_MAX).map(|(name, value)| (cut(name), cut(&value.text()))).collect()
}

/// Properties of a channel that are kept.
const DETAILS_MAX: usize = 12;
/// The longest one, in characters.
const DETAIL_CHARS_MAX: usize = 100;

fn cut(text: &str) -> String {
    text.chars().take(DETAIL_CHARS_MAX).collect()
}
