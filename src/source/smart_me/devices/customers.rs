//! A gold partner's further calls: the customer and the site of each device, its firmware,
//! its network and its signal.
//!
//! A round reads all of it, one customer a turn, so that the list of values never waits long
//! for the request budget. A customer that cannot be read keeps what the last round found.
//! Bounds: [`CUSTOMERS_MAX`] customers; a device that is no longer listed is forgotten at the
//! next round. Reads only.

use crate::reading::MeterId;
use crate::source::Reporter;
use crate::source::smart_me::client::Client;
use crate::source::smart_me::error::ApiError;
use crate::vendor::smart_me::{Customer, Device, DeviceInformation, SiteOfMeter};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// The time between the beginnings of two rounds: people change these things, which is rare.
const ROUND_EVERY: Duration = Duration::from_hours(6);
/// The same after a round that could not begin.
const ROUND_AFTER_FAILURE: Duration = Duration::from_mins(15);
/// Largest number of customers that are read.
const CUSTOMERS_MAX: usize = 2_000;
/// A signal up to this is weak: the vendor calls such connections unstable.
const WEAK_UP_TO: i64 = 40;
/// Largest number of firmware versions, networks and devices in one fact.
const LISTED_MAX: usize = 20;
/// The facts that say why customers and connections were not read.
const ERROR: &str = "customers_error";
const CONNECTIONS_ERROR: &str = "connections_error";

/// The customers of a partner's account.
#[derive(Debug)]
pub(super) struct Customers {
    next_round: Instant,
    /// The customers that this round has still to read.
    waiting: VecDeque<Customer>,
    places: HashMap<MeterId, Place>,
    /// The versions of the devices' firmware.
    firmware: HashMap<MeterId, String>,
    /// Number of customers that smart-me refused to show.
    refused: usize,
}

/// Where a device belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The name of its customer.
    pub(super) customer: String,
    /// The folders around it.
    pub(super) site: String,
}

impl Customers {
    /// Begins the first round at once.
    pub(super) fn new(now: Instant) -> Self {
        Self { next_round: now, waiting: VecDeque::new(), places: HashMap::new(), firmware: HashMap::new(), refused: 0 }
    }

    /// The place of a device; empty if unknown.
    pub(super) fn place(&self, device: MeterId) -> Place {
        self.places.get(&device).cloned().unwrap_or_default()
    }

    /// The version of a device's firmware; empty if unknown.
    pub(super) fn firmware(&self, device: MeterId) -> String {
        self.firmware.get(&device).cloned().unwrap_or_default()
    }

    /// Continues the round, or begins the next one if it is due. A failure is a fact, because
    /// the values were read.
    pub(super) async fn take_turn(
        &mut self,
        client: &Client,
        devices: &[Device],
        now: Instant,
        reporter: &mut Reporter,
    ) {
        let outcome = match self.waiting.pop_front() {
            Some(customer) => self.read_customer(client, customer).await,
            None if now < self.next_round => return,
            None => self.begin_round(client, devices, now, reporter).await,
        };
        reporter.set("customers_waiting", self.waiting.len());
        reporter.set("customers_refused", self.refused);
        report_outcome(ERROR, outcome, client, reporter);
    }

    async fn begin_round(
        &mut self,
        client: &Client,
        devices: &[Device],
        now: Instant,
        reporter: &mut Reporter,
    ) -> Result<(), ApiError> {
        self.next_round = now + ROUND_AFTER_FAILURE;
        let connections = connections(client).await;
        let connections = connections.map(|connections| {
            report_connections(&connections, devices, reporter);
            self.firmware = connections.into_iter().filter_map(|it| Some((it.id, it.firmware?))).collect();
        });
        report_outcome(CONNECTIONS_ERROR, connections, client, reporter);
        let customers = Customer::list(&client.get("/partner/user").await?.body)?;
        reporter.set("customers", customers.len());
        let listed: HashSet<_> = devices.iter().map(|device| device.id).collect();
        self.places.retain(|device, _| listed.contains(device));
        self.waiting = customers.into_iter().take(CUSTOMERS_MAX).collect();
        (self.next_round, self.refused) = (now + ROUND_EVERY, 0);
        Ok(())
    }

    async fn read_customer(&mut self, client: &Client, customer: Customer) -> Result<(), ApiError> {
        match places_of(client, &customer).await {
            Ok(found) => self.places.extend(found),
            // Removed, or not this partner's: the others are read.
            Err(ApiError::NotFound(_) | ApiError::Refused(_) | ApiError::Forbidden(_) | ApiError::Unreadable(_)) => {
                self.refused += 1;
            }
            Err(error) => {
                self.waiting.push_front(customer);
                return Err(error);
            }
        }
        Ok(())
    }
}

fn report_outcome(fact: &'static str, outcome: Result<(), ApiError>, client: &Client, reporter: &mut Reporter) {
    match outcome {
        Ok(()) => reporter.clear_texts(fact),
        Err(error) => {
            tracing::info!(account = client.name(), fact, %error, "a partner's call cannot be read");
            reporter.set(fact, error.to_string());
        }
    }
}

async fn connections(client: &Client) -> Result<Vec<DeviceInformation>, ApiError> {
    Ok(DeviceInformation::list(&client.get("/PartnerAllDeviceInformations").await?.body)?)
}

/// The places of a customer's devices.
async fn places_of(client: &Client, customer: &Customer) -> Result<HashMap<MeterId, Place>, ApiError> {
    let devices = Device::list(&client.get(&format!("/PartnerAllDevices/{}", customer.id)).await?.body)?;
    let menu = SiteOfMeter::list(&client.get(&format!("/partner/foldermenu/{}", customer.id)).await?.body)?;
    let place = |device: &Device| (device.id, Place { customer: customer.name.clone(), site: String::new() });
    let mut places: HashMap<_, _> = devices.iter().map(place).collect();
    let by_serial: HashMap<_, _> =
        devices.iter().filter_map(|device| Some((device.serial?.to_string(), device.id))).collect();
    for SiteOfMeter { meter, serial, site } in menu {
        let by_serial = || serial.and_then(|serial| by_serial.get(&serial).copied());
        let meter = meter.filter(|meter| places.contains_key(meter)).or_else(by_serial);
        if let Some(place) = meter.and_then(|meter| places.get_mut(&meter)) {
            place.site = site;
        }
    }
    Ok(places)
}

fn report_connections(informations: &[DeviceInformation], devices: &[Device], reporter: &mut Reporter) {
    let names: HashMap<_, _> = devices.iter().map(|device| (device.id, device.name.as_deref())).collect();
    let is_weak = |signal: &i64| (0..=WEAK_UP_TO).contains(signal);
    let mut weak: Vec<(i64, String)> = informations
        .iter()
        .filter_map(|it| {
            let name = names.get(&it.id).copied().flatten().map_or_else(|| it.id.to_string(), str::to_owned);
            it.signal.filter(is_weak).map(|signal| (signal, name))
        })
        .collect();
    weak.sort();
    let named: Vec<_> = weak.iter().take(LISTED_MAX).map(|(signal, name)| format!("{name} ({signal})")).collect();
    reporter.set("firmware", counted(informations.iter().map(|it| it.firmware.as_deref())));
    reporter.set("network", counted(informations.iter().map(|it| it.network.as_deref())));
    reporter.set("devices_with_weak_signal", weak.len());
    reporter.clear_texts("weak_signal");
    if !named.is_empty() {
        reporter.set("weak_signal", named.join(", "));
    }
}

/// The number of devices with each value, the most frequent first.
fn counted<'a>(values: impl Iterator<Item = Option<&'a str>>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(value.unwrap_or("unknown")).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let listed: Vec<_> =
        counts.iter().take(LISTED_MAX).map(|(value, count)| format!("{value}: {count} devices")).collect();
    listed.join(", ")
}
