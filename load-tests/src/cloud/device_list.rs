//! The list of devices, the newest and the past values of one, and M-Bus gateways:
//! `Device`, `ValuesData` and `MBusGatewayDto`.
//!
//! Counters are net, as seen in the real API. Units are texts. Fields that do not apply to
//! a kind of device are absent (or null, see [`Switches`]).

use super::accounts::CloudAccount;
use super::devices::{CloudDevice, DeviceKind, SLOT_NS};
use super::request::Answer;
use super::switches::Switches;
use hyper::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Most values of one call for the past, as the vendor's document states.
const VALUES_MAX: usize = 1000;
/// The energy type of M-Bus gateways.
const MBUS: &str = "meterEnergyType=8";
const SECOND_NS: i64 = 1_000_000_000;

/// The answer to these calls; `None` for any other path.
pub(super) fn answer(
    account: &CloudAccount,
    path: &str,
    query: &str,
    now_ns: i64,
    switches: &Switches,
) -> Option<Answer> {
    let device = |id: &str| account.devices.iter().find(|device| id.parse() == Ok(device.id));
    let not_found = || (StatusCode::NOT_FOUND, Vec::new());
    let is_gateway = |device: &&CloudDevice| matches!(device.kind, DeviceKind::MBusGateway(_));
    let found = match path {
        "/PartnerAllDevices" if !account.is_partner => (StatusCode::FORBIDDEN, Vec::new()),
        "/Devices" | "/PartnerAllDevices" => {
            let shown = account.devices.iter().filter(|device| switches.lists_gateways || !is_gateway(device));
            list(shown, now_ns, switches)
        }
        "/DevicesByEnergy" if query == MBUS => list(account.devices.iter().filter(is_gateway), now_ns, switches),
        _ => {
            if let Some(id) = path.strip_prefix("/Values/") {
                if let Some(status) = StatusCode::from_u16(switches.registers_status).ok().filter(|it| !it.is_success())
                {
                    return Some((status, Vec::new()));
                }
                device(id).map_or_else(not_found, |device| ok(&values(device, device.newest(now_ns), switches)))
            } else {
                let id = path.strip_prefix("/gateway/mbus/")?;
                device(id)
                    .and_then(|device| gateway(account, device, now_ns, switches))
                    .map_or_else(not_found, |it| ok(&it))
            }
        }
    };
    Some(found)
}

pub(super) fn list<'a>(devices: impl Iterator<Item = &'a CloudDevice>, now_ns: i64, switches: &Switches) -> Answer {
    ok(&devices.map(|device| entry(device, now_ns, switches)).collect())
}

pub(super) fn ok(value: &Value) -> Answer {
    (StatusCode::OK, value.to_string().into_bytes())
}

/// Converts fields in PascalCase to an object, with the switches' naming.
pub(super) fn object(fields: impl IntoIterator<Item = (&'static str, Value)>, switches: &Switches) -> Value {
    let shown = fields.into_iter().filter(|(_, value)| switches.nulls || !value.is_null());
    Value::Object(Map::from_iter(shown.map(|(name, value)| (switches.name(name), value))))
}

/// One device of the list, as of its newest measurement.
fn entry(device: &CloudDevice, now_ns: i64, switches: &Switches) -> Value {
    let at = device.newest(now_ns);
    let (energy, sub, family) = device.kind.numbers();
    let mut fields = vec![
        ("Id", json!(device.id.to_string())),
        ("Name", json!(device.name)),
        ("Serial", json!(device.serial)),
        ("DeviceEnergyType", json!(energy)),
        ("MeterSubType", json!(sub)),
        ("FamilyType", json!(family)),
        ("ValueDate", json!(time_text(at))),
        ("Temperature", Value::Null),
    ];
    fields.extend(measured(device, at, switches));
    object(fields, switches)
}

fn measured(device: &CloudDevice, at: i64, switches: &Switches) -> Vec<(&'static str, Value)> {
    let number = |value: f64| json!(noisy(value, switches));
    let amount = device.amount(at);
    let counter = |value: f64, unit: &str| vec![("CounterReading", number(value)), ("CounterReadingUnit", json!(unit))];
    match &device.kind {
        DeviceKind::Kamstrup => {
            let kwh = amount / 1000.0;
            let mut fields = electricity(device.power(at), kwh, 0.0, &number);
            fields.extend([("CounterReadingT1", number(0.0)), ("CounterReadingT2", number(kwh))]);
            fields.extend([("Voltage", number(235.0)), ("VoltageL1", number(235.0)), ("CurrentL1", number(0.15))]);
            fields
        }
        DeviceKind::Telstar => {
            let (import, export) = (amount / 1000.0, device.exported(at).unwrap_or_default() / 1000.0);
            let mut fields = electricity(device.power(at), import, export, &number);
            fields.extend([("ActivePowerL1", number(device.power(at) / 1000.0)), ("ActivePowerL2", number(0.0))]);
            // As seen: the field without a phase repeats L1.
            fields.extend(["PowerFactor", "PowerFactorL1"].map(|name| (name, number(0.98))));
            fields.extend([("PowerFactorL2", number(0.5)), ("DigitalOutput2", json!(true))]);
            fields
        }
        DeviceKind::ColdWater | DeviceKind::HotWater => counter(amount / 1e6, "m3"),
        DeviceKind::Heat => {
            let mut fields = counter(amount / 1000.0, "kWh");
            fields.extend([("FlowRate", number(0.25)), ("Temperature", number(61.5))]);
            fields
        }
        DeviceKind::Odd => {
            let mut fields = counter(amount, "furlongs");
            fields.push(("ActivePower", json!("1.5")));
            fields
        }
        DeviceKind::MBusGateway(_) | DeviceKind::WirelessGateway => Vec::new(),
    }
}

/// Net, import, export in kWh and power in kW.
fn electricity(watts: f64, import: f64, export: f64, number: &dyn Fn(f64) -> Value) -> Vec<(&'static str, Value)> {
    vec![
        ("ActivePower", number(watts / 1000.0)),
        ("ActivePowerUnit", json!("kW")),
        ("CounterReading", number(import - export)),
        ("CounterReadingUnit", json!("kWh")),
        ("CounterReadingImport", number(import)),
        ("CounterReadingExport", number(export)),
    ]
}

fn gateway(account: &CloudAccount, device: &CloudDevice, now_ns: i64, switches: &Switches) -> Option<Value> {
    let DeviceKind::MBusGateway(gateway) = &device.kind else { return None };
    let meter = |(number, (id, state)): (usize, &(Uuid, i64))| {
        let name = account.devices.iter().find(|device| device.id == *id).map_or("stranger", |it| &it.name);
        let fields = [
            ("Id", json!(id.to_string())),
            ("Name", json!(name)),
            ("SecondaryAddress", json!(format!("{:08}", 10_000_000 + number))),
            ("State", json!(state)),
        ];
        object(fields, switches)
    };
    let fields = [
        ("Name", json!(device.name)),
        // A text, as the description states; in the list of devices it is a number.
        ("SerialNumber", json!(device.serial.to_string())),
        ("LastSeen", json!(time_text(now_ns - SECOND_NS))),
        ("ReadoutInterval", json!(gateway.interval)),
        ("State", json!(gateway.state)),
        ("Meters", (1..).zip(&gateway.meters).map(meter).collect()),
    ];
    Some(object(fields, switches))
}

/// The measurements of a device at a time: `ValuesData`.
fn values(device: &CloudDevice, time_ns: i64, switches: &Switches) -> Value {
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
    let text = object([("Obis", json!("01000D0700FF")), ("Value", json!("1.5"))], switches);
    let shown = device.values(time_ns).into_iter().map(value).chain(switches.text_values.then_some(text));
    Value::Object(Map::from_iter([
        (name("DeviceId"), json!(device.id.to_string())),
        (name("Date"), json!(time_text(time_ns))),
        (name("Values"), shown.collect()),
    ]))
}

/// Adds the rounding error of a float sum.
fn noisy(value: f64, switches: &Switches) -> f64 {
    if switches.float_noise { value * (1.0 + f64::EPSILON * 3.0) } else { value }
}

/// A time in UTC, in the API's format.
fn time_text(time_ns: i64) -> String {
    Timestamp::from_nanosecond(i128::from(time_ns)).map(|time| time.to_string()).unwrap_or_default()
}

/// `ValuesInPastMultiple`.
pub(super) fn past(account: &CloudAccount, id: &str, query: &str, switches: &Switches) -> Answer {
    if !account.is_professional {
        let status = StatusCode::from_u16(switches.past_refusal).unwrap_or(StatusCode::FORBIDDEN);
        return (status, b"\"this needs a Professional licence\"".to_vec());
    }
    let device = account.devices.iter().find(|device| id.parse() == Ok(device.id));
    device.map_or((StatusCode::NOT_FOUND, Vec::new()), |device| stored(device, query, switches))
}

/// Quarter-hours of a device, at most [`VALUES_MAX`].
fn stored(device: &CloudDevice, query: &str, switches: &Switches) -> Answer {
    let (from, until) = (time(query, "startDate"), time(query, "endDate"));
    let minutes = parameter(query, "interval").and_then(|text| text.parse::<i64>().ok());
    let (Some(from), Some(until), Some(minutes)) = (from, until, minutes) else {
        return (StatusCode::BAD_REQUEST, b"\"startDate, endDate and interval are needed\"".to_vec());
    };
    let step = (minutes * 60 * SECOND_NS).max(SLOT_NS);
    let first = from.div_euclid(SLOT_NS) * SLOT_NS + if from.rem_euclid(SLOT_NS) == 0 { 0 } else { SLOT_NS };
    // The real API returns 12, 13 and 14 for 12:00 to 15:00 by 60 minutes: whole intervals only.
    let is_within = |at: &i64| if switches.past_ends_included { *at <= until } else { *at + step <= until };
    let times = (0..).map(|number| first + number * step).take_while(is_within).take(VALUES_MAX);
    let found: Vec<Value> = times.filter(|at| device.has(*at)).map(|at| values(device, at, switches)).collect();
    (StatusCode::OK, Value::Array(found).to_string().into_bytes())
}

fn time(query: &str, name: &str) -> Option<i64> {
    let time: Timestamp = parameter(query, name)?.replace("%3A", ":").parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
