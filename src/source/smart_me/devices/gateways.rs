//! The state of an account's M-Bus gateways. Nothing is written to them.

use super::freshness::age;
use crate::reading::{MeterId, UnixNanos};
use crate::source::Reporter;
use crate::source::smart_me::client::Client;
use crate::source::smart_me::error::ApiError;
use crate::vendor::smart_me::{Device, MBusGateway};
use std::collections::HashMap;
use std::time::Duration;

/// Largest number of checked gateways per account.
const GATEWAYS_MAX: usize = 100;
/// A meter is unread after a day, plus an hour for daily readouts.
const UNREAD_AFTER: Duration = Duration::from_hours(25);
/// The call for all gateways of an account.
const LIST: &str = "/DevicesByEnergy?meterEnergyType=8";

/// An M-Bus gateway and its meters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gateway {
    /// The name given by the owner.
    pub(super) name: String,
    /// How often its meters are read.
    interval: String,
    /// Its state in words.
    state: String,
    /// Whether the state is a failure.
    has_failed: bool,
    /// Number of meters behind it.
    meters: usize,
    /// The meters that are devices.
    pub(super) devices: Vec<MeterId>,
    /// Number of meters whose last readout failed.
    failed: usize,
    /// Number of meters that were not read for a day.
    unread: usize,
}

/// Prefix of a gateway's fact.
const FACT: &str = "gateway ";

impl Gateway {
    /// Reports each gateway as a fact with its name.
    pub(super) fn report(gateways: &[Self], reporter: &mut Reporter) {
        reporter.clear_texts(FACT);
        for gateway in gateways {
            let Self { name, interval, state, meters, failed, unread, .. } = gateway;
            let text = format!(
                "{state}; reads every {interval}; {meters} meters, {failed} failed, {unread} not read for a day"
            );
            reporter.set(format!("{FACT}{name}"), text);
        }
        reporter.set("gateways", gateways.len());
        reporter.set("gateways_failed", gateways.iter().filter(|gateway| gateway.has_failed).count());
        reporter.set("gateway_meters_unread", gateways.iter().map(|gateway| gateway.unread).sum::<usize>());
    }
}

/// Fetches all gateways. The value times of the account's devices show which meters were read.
pub(super) async fn gateways(
    client: &Client,
    devices: &[Device],
    date: Option<UnixNanos>,
) -> Result<Vec<Gateway>, ApiError> {
    let listed = Device::list(&client.get(LIST).await?.body)?;
    let heard: HashMap<_, _> = devices.iter().map(|device| (device.id, device.value_date)).collect();
    let mut found = Vec::new();
    for device in listed.iter().take(GATEWAYS_MAX) {
        let answer = match client.get(&format!("/gateway/mbus/{}", device.id)).await {
            // Removed since it was listed.
            Err(ApiError::NotFound(_)) => continue,
            other => other?.body,
        };
        found.push(described(device, &MBusGateway::read(&answer)?, &heard, date));
    }
    Ok(found)
}

fn described(
    device: &Device,
    gateway: &MBusGateway,
    heard: &HashMap<MeterId, Option<UnixNanos>>,
    date: Option<UnixNanos>,
) -> Gateway {
    let is_unread = |id: MeterId| {
        let Some((value_date, date)) = heard.get(&id).zip(date) else { return false };
        value_date.is_none_or(|at| age(at, date) > UNREAD_AFTER)
    };
    let name = gateway.name.clone().or_else(|| device.name.clone());
    Gateway {
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
