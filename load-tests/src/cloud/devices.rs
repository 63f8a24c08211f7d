//! Devices and their measurements: one function of device and time, so that webhook and
//! past values of the API agree.

use crate::body::{Body, Reading};
use crate::curve::Curve;
use uuid::Uuid;

const SECOND_NS: i64 = 1_000_000_000;
/// A quarter-hour, at which devices store.
pub(super) const SLOT_NS: i64 = 900 * SECOND_NS;
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
/// By how much a wrong counter is too high, in Wh.
const TOO_MUCH: f64 = 1000.0;
const EXPORT: [u8; 6] = [1, 0, 2, 8, 0, 255];
/// Signed: export is negative.
const POWER: [u8; 6] = [1, 0, 1, 7, 0, 255];
/// Counters of other media: in m³, m³ and Wh.
const COLD_WATER: [u8; 6] = [8, 0, 1, 0, 0, 255];
const HOT_WATER: [u8; 6] = [9, 0, 1, 0, 0, 255];
const HEAT: [u8; 6] = [6, 0, 1, 0, 0, 255];
/// Power, voltage and current of each phase, and the part of the power that is on it.
const PHASES: [([u8; 3], f64); 3] = [([21, 32, 31], 0.45), ([41, 52, 51], 0.3), ([61, 72, 71], 0.25)];
const VOLTS: f64 = 231.0;

/// The power of a device over time.
#[derive(Debug, Clone)]
pub enum Load {
    /// The same power in W since 1970. A meter that exports has a quarter of it in its export counter.
    Constant(f64),
    /// A power that varies. A meter of three phases then sends each of them.
    Curve(Curve),
}

/// The kind of a device.
#[derive(Debug, Clone)]
pub enum DeviceKind {
    /// An electricity meter that imports: a module on a Kamstrup meter.
    Kamstrup,
    /// An electricity meter that exports, too.
    Telstar,
    /// An M-Bus meter of cold water.
    ColdWater,
    /// An M-Bus meter of hot water.
    HotWater,
    /// An M-Bus meter of heat.
    Heat,
    /// A meter with an unknown unit, and with its power as a text.
    Odd,
    /// An M-Bus gateway.
    MBusGateway(CloudGateway),
    /// A wireless M-Bus gateway.
    WirelessGateway,
}

impl DeviceKind {
    /// Energy type, sub type and family; absent if the cloud does not have it.
    pub(super) fn numbers(&self) -> (i64, Option<i64>, i64) {
        match self {
            Self::Kamstrup => (1, None, 6),
            Self::Telstar => (1, None, 12),
            Self::ColdWater => (2, Some(1), 0),
            Self::HotWater => (2, Some(2), 0),
            Self::Heat => (4, Some(2), 0),
            Self::Odd => (4711, None, 4711),
            Self::MBusGateway(_) => (8, None, 4),
            Self::WirelessGateway => (14, None, 20),
        }
    }
}

/// A gateway's answer about itself: `MBusGatewayState`, `MBusReadoutIntervall`, and its
/// meters with `MBusMeterState`.
#[derive(Debug, Clone, Default)]
pub struct CloudGateway {
    /// Its state.
    pub state: i64,
    /// Its readout interval.
    pub interval: i64,
    /// Its meters' devices (nil where the cloud knows none) and states.
    pub meters: Vec<(Uuid, i64)>,
}

/// A device of an account.
#[derive(Debug, Clone)]
pub struct CloudDevice {
    /// Its id.
    pub id: Uuid,
    /// Its power; the counters follow from it.
    pub load: Load,
    /// Its kind.
    pub kind: DeviceKind,
    /// The name its owner gave it.
    pub name: String,
    /// Its serial number.
    pub serial: i64,
    /// The strength of its signal, 0 to 100.
    pub signal: i64,
    /// Its measurement interval in nanoseconds.
    pub every_ns: i64,
    /// The last contact, if the device is gone.
    pub silent_since: Option<i64>,
    /// Time ranges without stored values: begin and exclusive end, in nanoseconds since 1970.
    pub lacks: Vec<(i64, i64)>,
    /// Time ranges whose quarter-hours the webhook loses, in the same form.
    pub lost: Vec<(i64, i64)>,
    /// Stored quarter-hours that it sends at the first registration; `None` for the sender's number of them.
    pub stored: Option<u16>,
    /// A quarter-hour that it first sends with a wrong value, and once more at the next turn.
    pub corrects: Option<i64>,
    /// Whether it sends live readings, too, and not only quarter-hours.
    pub is_live: bool,
    /// Whether it is offline: it measures and stores, and sends nothing.
    pub is_offline: bool,
}

impl CloudDevice {
    /// A device of this constant power that has stored everything.
    #[must_use]
    pub fn new(id: Uuid, watts: f64) -> Self {
        let name = format!("meter {}", id.as_fields().0);
        let (kind, every_ns, lacks) = (DeviceKind::Kamstrup, 10 * SECOND_NS, Vec::new());
        Self {
            id,
            load: Load::Constant(watts),
            kind,
            name,
            serial: 92_000_001,
            signal: 80,
            every_ns,
            silent_since: None,
            lacks,
            lost: Vec::new(),
            stored: None,
            corrects: None,
            is_live: true,
            is_offline: false,
        }
    }

    /// A device of this kind.
    #[must_use]
    pub fn of(kind: DeviceKind, id: Uuid, watts: f64) -> Self {
        Self { kind, ..Self::new(id, watts) }
    }

    /// Time of the last measurement.
    pub(super) fn newest(&self, now_ns: i64) -> i64 {
        self.silent_since.unwrap_or_else(|| now_ns.div_euclid(self.every_ns) * self.every_ns)
    }

    /// Its counter at a time in Wh, from its power.
    pub(super) fn amount(&self, time_ns: i64) -> f64 {
        match &self.load {
            Load::Constant(watts) => constant(*watts, time_ns),
            Load::Curve(curve) => tenths(curve.imported(time_ns)),
        }
    }

    /// Its webhook body at a time.
    #[must_use]
    pub fn body(&self, time_ns: i64) -> Body {
        Body::new(0, vec![self.reading(time_ns)])
    }

    /// Its reading at a time.
    pub(super) fn reading(&self, time_ns: i64) -> Reading {
        Reading { meter: *self.id.as_bytes(), time_ns, values: self.values(time_ns) }
    }

    /// Its reading at a time with a wrong counter.
    pub(super) fn wrong_reading(&self, time_ns: i64) -> Reading {
        let mut reading = self.reading(time_ns);
        for (_, value) in reading.values.iter_mut().filter(|(code, _)| *code == ENERGY) {
            *value += TOO_MUCH;
        }
        reading
    }

    /// Whether the webhook loses its measurement of that time.
    pub(super) fn loses(&self, time_ns: i64) -> bool {
        self.lost.iter().any(|(from, to)| (*from..*to).contains(&time_ns))
    }

    /// Its signed power in W: a meter of constant power that exports, too, exports now.
    pub(super) fn power(&self, time_ns: i64) -> f64 {
        match &self.load {
            Load::Constant(watts) if self.exports() => -watts,
            Load::Constant(watts) => *watts,
            Load::Curve(curve) => tenths(curve.power(time_ns)),
        }
    }

    /// Its export counter at a time in Wh, if it has one.
    pub(super) fn exported(&self, time_ns: i64) -> Option<f64> {
        self.exports().then(|| match &self.load {
            Load::Constant(watts) => constant(*watts, time_ns) / 4.0,
            Load::Curve(curve) => tenths(curve.exported(time_ns)),
        })
    }

    fn exports(&self) -> bool {
        matches!(self.kind, DeviceKind::Telstar)
    }

    /// Registers and values at a time, in Wh, W and m³.
    #[must_use]
    pub fn values(&self, time_ns: i64) -> Vec<([u8; 6], f64)> {
        let amount = self.amount(time_ns);
        match self.kind {
            DeviceKind::ColdWater => return vec![(COLD_WATER, amount / 1e6)],
            DeviceKind::HotWater => return vec![(HOT_WATER, amount / 1e6)],
            DeviceKind::Heat => return vec![(HEAT, amount)],
            _ => {}
        }
        let power = self.power(time_ns);
        let export = self.exported(time_ns).map(|export| (EXPORT, export));
        let mut values: Vec<_> = [(ENERGY, amount), (POWER, power)].into_iter().chain(export).collect();
        if self.exports() && matches!(self.load, Load::Curve(_)) {
            values.extend(PHASES.into_iter().flat_map(|(codes, part)| phase(codes, power * part)));
        }
        values
    }

    /// Whether it has stored its measurement of that time.
    pub(super) fn has(&self, time_ns: i64) -> bool {
        !self.lacks.iter().any(|(from, to)| (*from..*to).contains(&time_ns))
    }
}

/// The counter of a constant power, which began in 1970.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
fn constant(watts: f64, time_ns: i64) -> f64 {
    tenths((time_ns / SECOND_NS) as f64 * watts / 3600.0)
}

/// The number with one decimal, as meters send it.
fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Power, voltage and current of a phase: its voltage sinks with its power.
fn phase([power, voltage, current]: [u8; 3], watts: f64) -> [([u8; 6], f64); 3] {
    let volts = tenths(VOLTS - watts / 1500.0);
    let amperes = (watts.abs() / volts * 100.0).round() / 100.0;
    [(power, tenths(watts)), (voltage, volts), (current, amperes)].map(|(c, value)| ([1, 0, c, 7, 0, 255], value))
}
