//! The state of an account's M-Bus gateways and of each meter behind them. Nothing is
//! written to them.
//!
//! Bounds: [`GATEWAYS_MAX`] gateways, [`METERS_SHOWN_MAX`] meters of all of them, the ones
//! with faults first.

use super::freshness::age;
use crate::reading::{MeterId, UnixNanos};
use crate::source::Reporter;
use crate::source::smart_me::client::Client;
use crate::source::smart_me::error::ApiError;
use crate::vendor::smart_me::{Device, MBusGateway, MBusMeter};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Largest number of checked gateways per account.
const GATEWAYS_MAX: usize = 100;
/// Largest number of meters that are shown with their state.
const METERS_SHOWN_MAX: usize = if cfg!(test) { 4 } else { 500 };
/// Largest number of unread meters that are named.
const NAMED_MAX: usize = 50;
/// Characters kept of a name.
const NAME_CHARS_MAX: usize = 80;
/// A meter that was not read for this long is unread, as in the vendor's own example.
const UNREAD_AFTER: Duration = Duration::from_hours(24);
/// Behind a gateway that reads once a day, a value is a day old whenever the next one is read.
const UNREAD_AFTER_IF_DAILY: Duration = Duration::from_hours(25);
/// The call for all gateways of an account.
const LIST: &str = "/DevicesByEnergy?meterEnergyType=8";
/// Prefix of the facts about gateways and their meters.
const FACT: &str = "gateway ";

/// An M-Bus gateway and its meters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gateway {
    /// The name given by the owner.
    pub(super) name: String,
    serial: String,
    last_seen: Option<UnixNanos>,
    /// How often its meters are read.
    interval: String,
    /// Its state in words.
    state: String,
    has_failed: bool,
    meters: Vec<Meter>,
}

/// A meter behind a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Meter {
    id: Option<MeterId>,
    name: String,
    address: String,
    /// The state of its last readout in words.
    state: String,
    has_failed: bool,
    /// The time of its last value; `None` if unknown.
    value_date: Option<UnixNanos>,
    is_unread: bool,
}

impl Gateway {
    /// The meters that are devices.
    pub(super) fn devices(&self) -> impl Iterator<Item = MeterId> {
        self.meters.iter().filter_map(|meter| meter.id)
    }

    /// Reports each gateway and each of its meters as a fact with its name.
    pub(super) fn report(gateways: &[Self], reporter: &mut Reporter) {
        reporter.clear_texts(FACT);
        for gateway in gateways {
            reporter.set(gateway.fact(), gateway.text());
        }
        let meters = || gateways.iter().flat_map(|gateway| gateway.meters.iter().map(move |meter| (gateway, meter)));
        let mut shown: Vec<_> = meters().collect();
        shown.sort_by_key(|(_, meter)| !(meter.is_unread || meter.has_failed));
        for (gateway, meter) in shown.iter().take(METERS_SHOWN_MAX) {
            reporter.set(format!("{}, meter {}, address {}", gateway.fact(), meter.name, meter.address), meter.text());
        }
        let unread: Vec<_> =
            meters().filter(|(_, meter)| meter.is_unread).map(|(gateway, meter)| meter.named_at(gateway)).collect();
        if !unread.is_empty() {
            reporter.set(format!("{FACT}meters not read for 24 hours"), listed(&unread));
        }
        reporter.set("gateways", gateways.len());
        reporter.set("gateways_failed", gateways.iter().filter(|gateway| gateway.has_failed).count());
        reporter.set("gateway_meters_unread", unread.len());
        reporter.set("gateway_meters_not_shown", shown.len().saturating_sub(METERS_SHOWN_MAX));
    }

    /// The name of its fact: two gateways may have the same name.
    fn fact(&self) -> String {
        format!("{FACT}{}, serial {}", self.name, self.serial)
    }

    fn text(&self) -> String {
        let Self { interval, state, meters, .. } = self;
        let last_seen = self.last_seen.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let failed = meters.iter().filter(|meter| meter.has_failed).count();
        let unread = meters.iter().filter(|meter| meter.is_unread).count();
        format!(
            "{state}; last seen {last_seen}; reads every {interval}; {} meters, {failed} failed, {unread} not read for \
             24 hours",
            meters.len()
        )
    }
}

impl Meter {
    fn text(&self) -> String {
        let mut text = self.state.clone();
        match (self.id, self.value_date) {
            (None, _) => text.push_str("; no device at smart-me"),
            // Writing to a string cannot fail.
            (_, Some(at)) => {
                write!(text, "; last value {at}").ok();
            }
            (_, None) => {}
        }
        if self.is_unread {
            text.push_str("; not read for 24 hours");
        }
        text
    }

    fn named_at(&self, gateway: &Gateway) -> String {
        format!("{} ({})", self.name, gateway.name)
    }
}

/// Fetches all gateways. The value times of the account's devices show which meters were read.
pub(super) async fn gateways(
    client: &Client,
    devices: &[Device],
    date: Option<UnixNanos>,
) -> Result<Vec<Gateway>, ApiError> {
    let listed = Device::list(&client.get(LIST).await?.body)?;
    let known: HashMap<_, _> = devices.iter().map(|device| (device.id, device)).collect();
    let mut found = Vec::new();
    for device in listed.iter().take(GATEWAYS_MAX) {
        let answer = match client.get(&format!("/gateway/mbus/{}", device.id)).await {
            // Removed since it was listed.
            Err(ApiError::NotFound(_)) => continue,
            other => other?.body,
        };
        found.push(described(device, MBusGateway::read(&answer)?, &known, date));
    }
    Ok(found)
}

fn described(
    device: &Device,
    gateway: MBusGateway,
    known: &HashMap<MeterId, &Device>,
    date: Option<UnixNanos>,
) -> Gateway {
    let unread_after = if gateway.reads_daily { UNREAD_AFTER_IF_DAILY } else { UNREAD_AFTER };
    let meter = |(number, meter): (usize, MBusMeter)| {
        let listed = meter.id.and_then(|id| known.get(&id));
        let value_date = listed.and_then(|listed| listed.value_date);
        let is_old = |date| value_date.is_none_or(|at| age(at, date) > unread_after);
        let name = meter.name.or_else(|| listed.and_then(|listed| listed.name.clone()));
        Meter {
            id: meter.id,
            name: name.map_or_else(|| format!("no. {number}"), |name| shortened(&name)),
            address: meter.address.map_or_else(|| format!("unknown (no. {number})"), |address| shortened(&address)),
            state: meter.state,
            has_failed: meter.has_failed,
            value_date,
            is_unread: listed.is_some() && date.is_some_and(is_old),
        }
    };
    let serial = gateway.serial.or_else(|| device.serial.map(|serial| serial.to_string()));
    let name = gateway.name.or_else(|| device.name.clone());
    Gateway {
        name: name.map_or_else(|| device.id.to_string(), |name| shortened(&name)),
        serial: serial.map_or_else(|| "unknown".to_owned(), |serial| shortened(&serial)),
        last_seen: gateway.last_seen,
        interval: gateway.interval,
        state: gateway.state,
        has_failed: gateway.has_failed,
        meters: (1..).zip(gateway.meters).map(meter).collect(),
    }
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

/// The first names, and the number of the others.
fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED_MAX {
        // Writing to a string cannot fail.
        write!(text, " and {} more", names.len() - NAMED_MAX).ok();
    }
    text
}
