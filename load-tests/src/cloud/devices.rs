//! Devices and what they measured: one function of device and time, so that what the
//! webhook brought and what the API says of the past agree.

use super::answers::Answer;
use super::device_list::CloudGateway;
use super::state::Switches;
use crate::body::{Body, Reading};
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Values of one call for the past at most, as the vendor's document states.
const VALUES_MAX: usize = 1000;
const SECOND_NS: i64 = 1_000_000_000;
/// Quarter-hours, in which devices store.
const SLOT_NS: i64 = 900 * SECOND_NS;
const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
const POWER: [u8; 6] = [1, 0, 1, 7, 0, 255];

/// What a device is.
#[derive(Debug, Clone)]
pub enum DeviceKind {
    /// An electricity meter that imports: a module on a Kamstrup meter.
    Kamstrup,
    /// An electricity meter that exports, too.
    Telstar,
    /// An M-Bus meter of cold water.
    ColdWater,
    /// One of hot water.
    HotWater,
    /// One of heat.
    Heat,
    /// One whose unit nobody knows.
    Odd,
    /// What reads M-Bus meters.
    MBusGateway(CloudGateway),
}

impl DeviceKind {
    /// Energy type, sub type and family; absent where the cloud does not say.
    pub(super) fn numbers(&self) -> (i64, Option<i64>, i64) {
        match self {
            Self::Kamstrup => (1, None, 6),
            Self::Telstar => (1, None, 12),
            Self::ColdWater => (2, Some(1), 0),
            Self::HotWater => (2, Some(2), 0),
            Self::Heat => (4, Some(2), 0),
            Self::Odd => (4711, None, 4711),
            Self::MBusGateway(_) => (8, None, 4),
        }
    }
}

/// A device of an account.
#[derive(Debug, Clone)]
pub struct CloudDevice {
    /// Its id.
    pub id: Uuid,
    /// Its power, always; what it counts follows from that.
    pub watts: f64,
    /// What it is.
    pub kind: DeviceKind,
    /// The name its owner gave it.
    pub name: String,
    /// Its serial number.
    pub serial: i64,
    /// How often it measures, in nanoseconds.
    pub every_ns: i64,
    /// When it was heard last, where it is not heard any more.
    pub silent_since: Option<i64>,
    /// Times of which it has nothing stored: from, to before, in nanoseconds since 1970.
    pub lacks: Vec<(i64, i64)>,
}

impl CloudDevice {
    /// A device that has stored everything.
    #[must_use]
    pub fn new(id: Uuid, watts: f64) -> Self {
        let name = format!("meter {}", id.as_fields().0);
        let (kind, every_ns, lacks) = (DeviceKind::Kamstrup, 10 * SECOND_NS, Vec::new());
        Self { id, watts, kind, name, serial: 92_000_001, every_ns, silent_since: None, lacks }
    }

    /// One of a kind.
    #[must_use]
    pub fn of(kind: DeviceKind, id: Uuid, watts: f64) -> Self {
        Self { kind, ..Self::new(id, watts) }
    }

    /// When it measured last.
    pub(super) fn newest(&self, now_ns: i64) -> i64 {
        self.silent_since.unwrap_or_else(|| now_ns.div_euclid(self.every_ns) * self.every_ns)
    }

    /// What it has counted by then: what its power makes in Wh.
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^53")]
    pub(super) fn amount(&self, time_ns: i64) -> f64 {
        let seconds = (time_ns / SECOND_NS) as f64;
        (seconds * self.watts / 3600.0 * 10.0).round() / 10.0
    }

    /// The webhook's body of it at a time.
    #[must_use]
    pub fn body(&self, time_ns: i64) -> Body {
        Body::new(0, vec![Reading { meter: *self.id.as_bytes(), time_ns, values: self.values(time_ns) }])
    }

    /// Registers and values at a time, in Wh and W.
    #[must_use]
    pub fn values(&self, time_ns: i64) -> Vec<([u8; 6], f64)> {
        vec![(ENERGY, self.amount(time_ns)), (POWER, self.watts)]
    }

    fn has(&self, time_ns: i64) -> bool {
        !self.lacks.iter().any(|(from, to)| (*from..*to).contains(&time_ns))
    }

    pub(super) fn values_json(&self, time_ns: i64, switches: &Switches) -> Value {
        let name = |pascal: &str| switches.name(pascal);
        let value = |(code, value): ([u8; 6], f64)| {
            let [a, b, c, d, e, f] = code;
            let text = if switches.dotted_codes {
                format!("{a}-{b}:{c}.{d}.{e}*{f}")
            } else {
                code.iter().map(|byte| format!("{byte:02X}")).collect()
            };
            let fields = [(name("Obis"), json!(text)), (name("Value"), json!(noisy(value, switches)))];
            Value::Object(Map::from_iter(fields))
        };
        Value::Object(Map::from_iter([
            (name("DeviceId"), json!(self.id.to_string())),
            (name("Date"), json!(time_text(time_ns))),
            (name("Values"), self.values(time_ns).into_iter().map(value).collect()),
        ]))
    }
}

/// What a float makes of a sum of parts.
pub(super) fn noisy(value: f64, switches: &Switches) -> f64 {
    if switches.float_noise { value * (1.0 + f64::EPSILON * 3.0) } else { value }
}

/// A time in UTC, as it is written everywhere.
pub(super) fn time_text(time_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(time_ns)).map(|time| time.to_string()).unwrap_or_default()
}

/// `ValuesInPastMultiple`: quarter-hours of a device, at most [`VALUES_MAX`].
pub(super) fn past(device: &CloudDevice, query: &str, switches: &Switches) -> Answer {
    let (from, until) = (time(query, "startDate"), time(query, "endDate"));
    let minutes = parameter(query, "interval").and_then(|text| text.parse::<i64>().ok());
    let (Some(from), Some(until), Some(minutes)) = (from, until, minutes) else {
        return (StatusCode::BAD_REQUEST, b"\"startDate, endDate and interval are needed\"".to_vec());
    };
    let step = (minutes * 60 * SECOND_NS).max(SLOT_NS);
    let first = from.div_euclid(SLOT_NS) * SLOT_NS + if from.rem_euclid(SLOT_NS) == 0 { 0 } else { SLOT_NS };
    let is_within = |at: &i64| if switches.past_ends_included { *at <= until } else { *at < until };
    let times = (0..).map(|number| first + number * step).take_while(is_within).take(VALUES_MAX);
    let values: Vec<Value> = times.filter(|at| device.has(*at)).map(|at| device.values_json(at, switches)).collect();
    (StatusCode::OK, Value::Array(values).to_string().into_bytes())
}

fn time(query: &str, name: &str) -> Option<i64> {
    let time: Timestamp = parameter(query, name)?.replace("%3A", ":").parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
