//! The list of devices, the newest values of one, and M-Bus gateways: `Device`,
//! `ValuesData` and `MBusGatewayDto`.
//!
//! Counters are net as they were seen to be, units are texts, and what does not apply to
//! a kind of device is absent (or null, see [`Switches`]).

use super::accounts::CloudAccount;
use super::answers::Answer;
use super::devices::{CloudDevice, DeviceKind, noisy, time_text};
use super::state::Switches;
use hyper::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Of the energy type that stands for M-Bus gateways.
const MBUS: &str = "meterEnergyType=8";
const SECOND_NS: i64 = 1_000_000_000;

/// A gateway's answer about itself: `MBusGatewayState`, `MBusReadoutIntervall`, and its
/// meters with `MBusMeterState`.
#[derive(Debug, Clone, Default)]
pub struct CloudGateway {
    /// Its state.
    pub state: i64,
    /// How often it reads.
    pub interval: i64,
    /// Its meters' devices (nil where the cloud knows none) and states.
    pub meters: Vec<(Uuid, i64)>,
}

/// What these calls answer; `None` for any other path.
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
                device(id).map_or_else(not_found, |device| ok(&device.values_json(device.newest(now_ns), switches)))
            } else {
                let id = path.strip_prefix("/gateway/mbus/")?;
                device(id).and_then(|device| gateway(device, now_ns, switches)).map_or_else(not_found, |it| ok(&it))
            }
        }
    };
    Some(found)
}

fn list<'a>(devices: impl Iterator<Item = &'a CloudDevice>, now_ns: i64, switches: &Switches) -> Answer {
    ok(&devices.map(|device| entry(device, now_ns, switches)).collect())
}

fn ok(value: &Value) -> Answer {
    (StatusCode::OK, value.to_string().into_bytes())
}

/// Fields in PascalCase to an object as the switches say.
fn object(fields: impl IntoIterator<Item = (&'static str, Value)>, switches: &Switches) -> Value {
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
            let mut fields = electricity(device.watts, kwh, 0.0, &number);
            fields.extend([("CounterReadingT1", number(0.0)), ("CounterReadingT2", number(kwh))]);
            fields.extend([("Voltage", number(235.0)), ("VoltageL1", number(235.0)), ("CurrentL1", number(0.15))]);
            fields
        }
        DeviceKind::Telstar => {
            let (import, export) = (amount / 1000.0, amount / 4000.0);
            let mut fields = electricity(-device.watts, import, export, &number);
            fields.extend([("PowerFactorL1", number(0.98)), ("DigitalOutput2", json!(true))]);
            fields
        }
        DeviceKind::ColdWater | DeviceKind::HotWater => counter(amount / 1e6, "m3"),
        DeviceKind::Heat => {
            let mut fields = counter(amount / 1000.0, "kWh");
            fields.extend([("FlowRate", number(0.25)), ("Temperature", number(61.5))]);
            fields
        }
        DeviceKind::Odd => counter(amount, "furlongs"),
        DeviceKind::MBusGateway(_) => Vec::new(),
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

fn gateway(device: &CloudDevice, now_ns: i64, switches: &Switches) -> Option<Value> {
    let DeviceKind::MBusGateway(gateway) = &device.kind else { return None };
    let meter = |(id, state): &(Uuid, i64)| {
        object([("Id", json!(id.to_string())), ("Name", json!("meter")), ("State", json!(state))], switches)
    };
    let fields = [
        ("Name", json!(device.name)),
        ("SerialNumber", json!(device.serial)),
        ("LastSeen", json!(time_text(now_ns - SECOND_NS))),
        ("ReadoutInterval", json!(gateway.interval)),
        ("State", json!(gateway.state)),
        ("Meters", gateway.meters.iter().map(meter).collect()),
    ];
    Some(object(fields, switches))
}
