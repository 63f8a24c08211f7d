//! How an account's M-Bus gateways read their meters. Nothing is written to them.

use super::freshness::age;
use crate::reading::{MeterId, UnixNanos};
use crate::source::smart_me::answer::ApiError;
use crate::source::smart_me::client::Client;
use crate::vendor::smart_me::{Device, MBusGateway};
use std::collections::HashMap;
use std::time::Duration;

/// Gateways looked at of an account.
const GATEWAYS_MAX: usize = 100;
/// Not read for a day, with an hour for those that are read once a day.
const UNREAD_AFTER: Duration = Duration::from_hours(25);
/// All of an account's gateways.
const LIST: &str = "/DevicesByEnergy?meterEnergyType=8";

/// How a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayStatus {
    /// Its device.
    pub id: MeterId,
    /// The name its owner gave it.
    pub name: String,
    /// How often its meters are read.
    pub interval: String,
    /// Its state.
    pub state: String,
    /// Whether that is a failure.
    pub has_failed: bool,
    /// The meters behind it.
    pub meters: usize,
    /// Those of them that are devices.
    pub devices: Vec<MeterId>,
    /// Those whose last readout failed.
    pub failed: usize,
    /// Those that were not read for a day.
    pub unread: usize,
}

/// Asks for all gateways; what the account's devices measured last says which of
/// their meters were read.
pub(super) fn gateways(
    client: &mut Client,
    devices: &[Device],
    date: Option<UnixNanos>,
) -> Result<Vec<GatewayStatus>, ApiError> {
    let read = |error: crate::vendor::smart_me::ReadError| ApiError::Unreadable(error.to_string());
    let listed = Device::list(&client.get(LIST)?).map_err(read)?;
    let heard: HashMap<_, _> = devices.iter().map(|device| (device.id, device.value_date)).collect();
    let mut found = Vec::new();
    for device in listed.iter().take(GATEWAYS_MAX) {
        let answer = match client.get(&format!("/gateway/mbus/{}", device.id)) {
            // Gone since it was listed.
            Err(ApiError::Refused(said)) if said.starts_with("404") => continue,
            other => other?,
        };
        found.push(status(device, &MBusGateway::read(&answer).map_err(read)?, &heard, date));
    }
    Ok(found)
}

fn status(
    device: &Device,
    gateway: &MBusGateway,
    heard: &HashMap<MeterId, Option<UnixNanos>>,
    date: Option<UnixNanos>,
) -> GatewayStatus {
    let is_unread = |id: MeterId| {
        let Some((value_date, date)) = heard.get(&id).zip(date) else { return false };
        value_date.is_none_or(|at| age(at, date) > UNREAD_AFTER)
    };
    let name = gateway.name.clone().or_else(|| device.name.clone());
    GatewayStatus {
        id: device.id,
        name: name.unwrap_or_else(|| device.id.to_string()),
        interval: gateway.interval_label(),
        state: gateway.state_label(),
        has_failed: gateway.has_failed(),
        meters: gateway.meters.len(),
        devices: gateway.meters.iter().filter_map(|meter| meter.id).collect(),
        failed: gateway.meters.iter().filter(|meter| meter.has_failed()).count(),
        unread: gateway.meters.iter().filter_map(|meter| meter.id).filter(|id| is_unread(*id)).count(),
    }
}
