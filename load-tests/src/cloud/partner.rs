//! The calls of a gold partner: customers, their devices and folders, connections.
//!
//! The vendor names these calls and publishes no answers: these have the shape of the same
//! objects in the API's description for other accounts.

use super::accounts::{CloudAccount, CloudCustomer};
use super::device_list::{list, object, ok};
use super::devices::CloudDevice;
use super::request::Answer;
use super::switches::Switches;
use hyper::StatusCode;
use serde_json::{Value, json};

/// `FolderType` of a house and of a meter.
const HOUSE: i64 = 3;
const METER: i64 = 1000;
const FIRMWARE: i64 = 1042;

/// The answer to these calls; `None` for any other path.
pub(super) fn answer(account: &CloudAccount, path: &str, now_ns: i64, switches: &Switches) -> Option<Answer> {
    let customer = |id: &str| account.customers.iter().find(|customer| customer.id.to_string() == id);
    let not_found = || (StatusCode::NOT_FOUND, Vec::new());
    let found = match path {
        "/partner/user" => ok(&account.customers.iter().map(|customer| user(customer, switches)).collect()),
        "/PartnerAllDeviceInformations" => {
            ok(&account.devices.iter().map(|device| information(device, switches)).collect())
        }
        _ => {
            if let Some(id) = path.strip_prefix("/PartnerAllDevices/") {
                customer(id).map_or_else(not_found, |it| list(devices_of(account, it), now_ns, switches))
            } else {
                let id = path.strip_prefix("/partner/foldermenu/")?;
                customer(id).map_or_else(not_found, |it| ok(&menu(account, it, switches)))
            }
        }
    };
    Some(if account.is_partner { found } else { (StatusCode::FORBIDDEN, Vec::new()) })
}

fn devices_of<'a>(account: &'a CloudAccount, customer: &'a CloudCustomer) -> impl Iterator<Item = &'a CloudDevice> {
    account.devices.iter().filter(|device| customer.devices.contains(&device.id))
}

fn user(customer: &CloudCustomer, switches: &Switches) -> Value {
    let fields = [
        ("Id", json!(customer.id)),
        ("IdAsString", json!(customer.id.to_string())),
        ("Username", json!(customer.name)),
        ("Email", json!("house@example.org")),
        ("ChildUsers", Value::Null),
    ];
    object(fields, switches)
}

fn information(device: &CloudDevice, switches: &Switches) -> Value {
    let fields = [
        ("ID", json!(device.id.to_string())),
        ("FirmwareVersion", json!(FIRMWARE)),
        ("HardwareVersion", json!(2)),
        ("NetworkConnection", json!("wifi")),
        ("NetworkConnectionRSSI", json!(device.signal)),
    ];
    object(fields, switches)
}

/// All devices of the customer in one folder.
fn menu(account: &CloudAccount, customer: &CloudCustomer, switches: &Switches) -> Value {
    let meter = |device: &CloudDevice| {
        let fields = [
            ("Name", json!(device.name)),
            ("FolderType", json!(METER)),
            ("MeterSerialNumber", json!(device.serial.to_string())),
        ];
        object(fields, switches)
    };
    let children: Value = devices_of(account, customer).map(meter).collect();
    let house = [("Name", json!(customer.house)), ("FolderType", json!(HOUSE)), ("Children", children)];
    object([("Items", json!([object(house, switches)]))], switches)
}
