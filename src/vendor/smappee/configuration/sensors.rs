//! Gas and water sensors (`sensorConfig`), switches, and plugs (`homeControlConfig`).

use crate::vendor::document::{MessageError, Scalar};
use crate::vendor::record::{Names, Record, records};

/// More sensors, switches or plugs are no location's: the others are left out and reported.
const ENTRIES_MAX: usize = 256;
/// The longest name that is kept, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Members of a switch, by sensor and by node.
const BY_SENSOR: Names<3> = &["sensorId", "name", "serialNumber"];
const BY_NODE: Names<3> = &["nodeId", "name", "serialNumber"];

/// A gas and water sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensor {
    /// Its id.
    pub id: u32,
    /// Its serial number.
    pub serial: String,
    /// Its name.
    pub name: String,
    /// Its two inputs.
    pub inputs: [Option<Input>; 2],
}

/// The input of a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The medium; `None` for an unknown one.
    pub medium: Option<Medium>,
    /// Whether it is in use.
    pub is_enabled: bool,
    /// Pulses per unit, as sent.
    pub pulses_per_unit: String,
    /// The unit, as sent: `l`, `m3`.
    pub unit: String,
}

/// The medium of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// Gas.
    Gas,
    /// Water.
    Water,
}

/// Sensors, switches and plugs.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) sensors: Vec<Sensor>,
    pub(super) switches: Vec<Switch>,
    /// Entries beyond the bound, or without an id.
    pub(super) left_out: usize,
}

/// A switch or a plug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// The id of its sensor, or the number of its node.
    pub id: u32,
    /// Its name.
    pub name: String,
    /// Its serial number; empty if it has none.
    pub serial: String,
}

impl Input {
    /// Pulses for a cubic metre; `None` if the factor or the unit is not known.
    pub fn pulses_per_cubic_metre(&self) -> Option<f64> {
        let factor: f64 = self.pulses_per_unit.parse().ok()?;
        let factor = match self.unit.as_str() {
            "m3" => factor,
            "l" => factor * 1000.0,
            _ => return None,
        };
        (factor.is_finite() && factor > 0.0).then_some(factor)
    }
}

/// Reads `sensorConfig`.
pub(super) fn sensors(text: &str) -> Result<List, MessageError> {
    const NAMES: Names<4> = &["sensorId", "serialNumber", "name", "gwSensorChannelsConfig"];
    let [sensors, switches] = Record::read(text, &["gwSensors", "switchSensors"])?.known;
    if sensors == Scalar::Absent && switches == Scalar::Absent {
        return Err(MessageError::Shape("a sensorConfig: it has neither gwSensors nor switchSensors"));
    }
    let mut found = List::default();
    if let Scalar::Nested(sensors) = sensors {
        records(sensors, NAMES, |record| {
            let sensor = record.and_then(|record| {
                let [id, serial, name, inputs] = &record.known;
                Some(Sensor { id: number(id)?, serial: cut(serial), name: cut(name), inputs: inputs_of(inputs) })
            });
            keep(&mut found.sensors, &mut found.left_out, sensor);
        })?;
    }
    found.add_switches(&switches, BY_SENSOR)?;
    Ok(found)
}

/// Reads `homeControlConfig`.
pub(super) fn plugs(text: &str) -> Result<List, MessageError> {
    let [switches, plugs] = Record::read(text, &["switchActuators", "smartplugActuators"])?.known;
    if switches == Scalar::Absent && plugs == Scalar::Absent {
        return Err(MessageError::Shape("a homeControlConfig: it has neither switches nor plugs"));
    }
    let mut found = List::default();
    found.add_switches(&switches, BY_NODE)?;
    found.add_switches(&plugs, BY_NODE)?;
    Ok(found)
}

/// The two inputs of a sensor.
fn inputs_of(value: &Scalar<'_>) -> [Option<Input>; 2] {
    const NAMES: Names<4> = &["ppu", "uom", "enabled", "type"];
    let Scalar::Nested(text) = value else { return [None, None] };
    let mut inputs = Vec::new();
    let each = |record: Option<Record<'_, 4>>| {
        inputs.push(record.map(|record| {
            let [factor, unit, enabled, medium] = &record.known;
            Input {
                medium: match medium.text().as_ref() {
                    "GAS" => Some(Medium::Gas),
                    "WATER" => Some(Medium::Water),
                    _ => None,
                },
                is_enabled: *enabled != Scalar::Bool(false),
                pulses_per_unit: cut(factor),
                unit: cut(unit),
            }
        }));
    };
    if records(text, NAMES, each).is_err() {
        return [None, None];
    }
    let mut inputs = inputs.into_iter();
    [inputs.next().flatten(), inputs.next().flatten()]
}

impl List {
    /// Adds switches or plugs with these members.
    fn add_switches(&mut self, list: &Scalar<'_>, names: Names<3>) -> Result<(), MessageError> {
        let Scalar::Nested(list) = list else { return Ok(()) };
        records(list, names, |record| {
            let switch = record.and_then(|record| {
                let [id, name, serial] = &record.known;
                Some(Switch { id: number(id)?, name: cut(name), serial: cut(serial) })
            });
            keep(&mut self.switches, &mut self.left_out, switch);
        })
    }
}

fn keep<T>(found: &mut Vec<T>, left_out: &mut usize, entry: Option<T>) {
    match entry {
        Some(entry) if found.len() < ENTRIES_MAX => found.push(entry),
        _ => *left_out += 1,
    }
}

fn number(value: &Scalar<'_>) -> Option<u32> {
    u32::try_from(value.whole(0)?).ok()
}

fn cut(value: &Scalar<'_>) -> String {
    value.text().chars().take(NAME_CHARS_MAX).collect()
}
