//! Polls an account's devices: their freshness and their last values.
//!
//! One call lists all devices. The age of a value is the answer's date minus the value's
//! time; our clock is not involved. If the webhook brings an account's readings, polling
//! only watches, unless configured otherwise; without a webhook, it stores new values.
//! Invariants: an unchanged value time gives no sample; neither does a meter that already
//! delivered an equally new reading, so that a polled value (coarser, with float noise)
//! never replaces a webhook value; nothing is written to smart-me. Known limits: a webhook
//! value that arrives in the milliseconds between the check and the append is followed by
//! the polled one; beyond the number of meters that `coverage` tracks, the least recently
//! heard ones are unknown to it.

mod customers;
mod factor;
mod freshness;
mod gateways;
mod left_out;
mod registers;
mod taken;

use super::account::Reach;
use super::client::{Client, DatedAnswer};
use super::counters::WebhookCounters;
use super::describe::{Surroundings, description};
use super::error::ApiError;
use super::polling::Polling;
use crate::clock::Clock;
use crate::reading::{MeterId, UnixNanos};
use crate::source::{Arrivals, Describer, Inlet, METERS_MAX, Polled, Reporter, Schedule, SourceError};
use crate::vendor::smart_me::Device;
use customers::{Customers, Place};
use factor::UnitFactor;
use gateways::Gateway;
use left_out::LeftOutValues;
use registers::ReadDevice;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The waits after a failure.
const FIRST_WAIT: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// How often gateways are checked: people change them, which is rare.
const GATEWAYS_EVERY: Duration = Duration::from_mins(15);
/// The fact that says why the gateways were not read.
const GATEWAYS_ERROR: &str = "gateways_error";
/// The fact that names the stale meters.
const STALE_METERS: &str = "stale_meters";
/// Older values are ignored: the slowest readout is once a day, and a removed device shows
/// its last value, or zero, for ever.
const AGE_NS_MAX: i64 = 2 * 86_400 * 1_000_000_000;

/// The dependencies of [`Devices`].
#[derive(Debug)]
pub struct DevicesParts {
    /// The polling options.
    pub polling: Polling,
    /// Whether a webhook brings readings of the same meters.
    pub has_webhook: bool,
    /// Where new values are stored; `None` to watch only.
    pub store: Option<(Arrivals, Inlet)>,
    /// Records the devices' names, if wanted.
    pub describer: Option<Describer>,
    /// The newest counters from the webhook.
    pub counters: WebhookCounters,
    /// The clock.
    pub clock: Clock,
}

/// The source that polls the devices of one account.
#[derive(Debug)]
pub struct Devices {
    client: Client,
    parts: DevicesParts,
    /// The time of the next gateway check; `None` for never.
    gateways_at: Option<Instant>,
    /// The gateways' names, by device.
    gateways: HashMap<MeterId, String>,
    /// The customers of a partner's account.
    customers: Option<Customers>,
    unit_factor: Option<UnitFactor>,
    left_out: LeftOutValues,
    /// Whether nothing was stored since the start, so that our own values may be in the
    /// journal that neither coverage nor the inlet has seen.
    is_first_store: bool,
    /// How often the registers of one device were refused or unreadable.
    register_calls_refused: usize,
    /// Number of registers in such answers whose code or number cannot be read.
    registers_unreadable: usize,
}

impl Devices {
    /// The source kind.
    pub const KIND: &str = "smart-me devices";

    /// Creates the source for this client's account.
    pub fn new(client: Client, parts: DevicesParts) -> Self {
        Self {
            gateways_at: parts.polling.gateways.then(|| parts.clock.monotonic()),
            customers: (client.reach() == Reach::Partner).then(|| Customers::new(parts.clock.monotonic())),
            client,
            parts,
            gateways: HashMap::new(),
            unit_factor: None,
            left_out: LeftOutValues::default(),
            is_first_store: true,
            register_calls_refused: 0,
            registers_unreadable: 0,
        }
    }

    /// The schedule.
    pub fn schedule(every: Duration) -> Schedule {
        Schedule { every, first_within: Duration::ZERO, backoff: (FIRST_WAIT, LONGEST_WAIT) }
    }

    /// The path of the list of devices.
    pub(super) fn path(reach: Reach) -> &'static str {
        match reach {
            Reach::Own => "/Devices",
            Reach::Partner => "/PartnerAllDevices",
        }
    }

    /// The listed devices, the answer and its path.
    async fn listed(&self) -> Result<(Vec<Device>, DatedAnswer, &'static str), SourceError> {
        let path = Self::path(self.client.reach());
        let answer = self.client.get(path).await?;
        let mut devices = Device::list(&answer.body).map_err(ApiError::from)?;
        devices.retain(|device| self.parts.polling.only.is_none_or(|only| device.id == only));
        if devices.len() > METERS_MAX {
            tracing::warn!(
                account = self.client.name(),
                devices = devices.len(),
                "the account has too many devices; only the first {METERS_MAX} are read"
            );
            devices.truncate(METERS_MAX);
        }
        Ok((devices, answer, path))
    }

    /// Reports facts from a new list of all devices; `at` is the server's time.
    fn report(&mut self, reporter: &mut Reporter, devices: &[Device], at: Option<UnixNanos>) {
        reporter.set("mode", self.parts.polling.mode.label());
        if let Some(at) = at {
            let fresh = freshness::freshness(devices, at, self.parts.polling.stale_after);
            reporter.set("answered_at", at);
            reporter.set("meters", fresh.meters);
            reporter.set("meters_stale", fresh.stale.len());
            reporter.clear_texts(STALE_METERS);
            if !fresh.stale.is_empty() {
                reporter.set(STALE_METERS, fresh.stale_meters());
            }
            if let Some(oldest) = fresh.oldest {
                reporter.set("oldest_value_seconds", oldest.as_secs_f64());
            }
        }
        self.left_out.report(self.client.name(), devices, reporter);
        let expected = self.parts.polling.unit_factor_expected;
        if let Some(factor) = factor::compare(devices, &self.parts.counters, expected) {
            reporter.set("unit_factor", factor.factor);
            reporter.set("unit_factor_meters", factor.meters);
            reporter.set("unit_factor_meters_differing", factor.differing);
            factor.log_change(self.client.name(), self.unit_factor.replace(factor), expected);
        }
    }

    /// Journals new values.
    async fn store(
        &mut self,
        devices: &[Device],
        date: UnixNanos,
        (list, path): (&[u8], &str),
    ) -> Result<(), SourceError> {
        let Some((arrivals, inlet)) = &mut self.parts.store else { return Ok(()) };
        let mut readings = Vec::new();
        let mut listed = Vec::new();
        let mut error = None;
        for device in devices {
            let Some(at) = device.value_date.filter(|at| device.measures() && date.since(*at) <= AGE_NS_MAX) else {
                continue;
            };
            if inlet.admits(device.id, at) {
                match registers::read(&self.client, &self.parts.polling.values, device, at).await {
                    Ok(read) => {
                        self.register_calls_refused += usize::from(read.is_refused);
                        self.registers_unreadable += read.unreadable;
                        readings.push(read);
                        listed.push((device.id, at));
                    }
                    // The readings before it are stored.
                    Err(stopped_by) => {
                        error = Some(SourceError::from(stopped_by));
                        break;
                    }
                }
            }
        }
        if readings.is_empty() {
            return error.map_or(Ok(()), Err);
        }
        // The journal may hold values of the same time that coverage has not seen yet: the
        // webhook's, and after a restart our own. To store our own again does no harm, so
        // without a webhook gap detection cannot stop this.
        let is_first_store = std::mem::take(&mut self.is_first_store);
        let must_wait = self.parts.has_webhook || is_first_store;
        let has_read_all = !must_wait || arrivals.catch_up(self.client.stop()).await?;
        if self.parts.has_webhook && !has_read_all {
            return Err(SourceError::Failing(
                "new values are not stored because gap detection has not yet read all that the webhook brought; \
                 they are stored once it has"
                    .to_owned(),
            ));
        }
        let before = readings.len();
        readings.retain(|ReadDevice { reading, .. }| {
            let newest = arrivals.coverage().newest_measurement(reading.meter);
            !reading.samples.is_empty() && newest.is_none_or(|newest| newest < reading.at)
        });
        inlet.count_known(before - readings.len());
        taken::take(inlet, readings, list, path).await?;
        // The listed time, because the registers of a device can have another one.
        listed.into_iter().for_each(|(meter, at)| inlet.mark_seen(meter, at));
        error.map_or(Ok(()), Err)
    }

    async fn check_gateways(&mut self, reporter: &mut Reporter, devices: &[Device], date: Option<UnixNanos>) {
        let now = self.parts.clock.monotonic();
        if self.gateways_at.is_none_or(|at| now < at) {
            return;
        }
        self.gateways_at = Some(now + GATEWAYS_EVERY);
        match gateways::gateways(&self.client, devices, date).await {
            Ok(found) => {
                let names = found.iter().flat_map(|it| it.devices().map(|id| (id, it.name.clone())));
                self.gateways = names.collect();
                Gateway::report(&found, reporter);
                reporter.clear_texts(GATEWAYS_ERROR);
            }
            // The values were read, so the run succeeded.
            Err(error) => {
                tracing::info!(account = self.client.name(), %error, "the M-Bus gateways cannot be read");
                reporter.set(GATEWAYS_ERROR, error.to_string());
            }
        }
    }

    /// Records names and serial numbers. After a failure the next list tries again.
    async fn describe(&mut self, reporter: &mut Reporter, devices: &[Device]) {
        let Some(describer) = &mut self.parts.describer else { return };
        let (gateways, customers) = (&self.gateways, self.customers.as_ref());
        let surroundings = |device: MeterId| {
            let gateway = gateways.get(&device).cloned().unwrap_or_default();
            let Place { customer, site } = customers.map(|customers| customers.place(device)).unwrap_or_default();
            let firmware = customers.map(|customers| customers.firmware(device)).unwrap_or_default();
            Surroundings { gateway, customer, site, firmware }
        };
        let described = || devices.iter().map(|device| description(device, surroundings(device.id))).collect();
        describer.describe(reporter, described).await;
    }
}

impl Polled for Devices {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let (devices, answer, path) = self.listed().await?;
        self.report(reporter, &devices, answer.date);
        let date = answer.date.unwrap_or_else(|| self.parts.clock.now());
        let stored = self.store(&devices, date, (&answer.body, path)).await;
        reporter.set("register_calls_refused", self.register_calls_refused);
        reporter.set("registers_unreadable", self.registers_unreadable);
        stored?;
        self.check_gateways(reporter, &devices, answer.date).await;
        if let Some(customers) = &mut self.customers {
            customers.take_turn(&self.client, &devices, self.parts.clock.monotonic(), reporter).await;
        }
        self.describe(reporter, &devices).await;
        Ok(())
    }
}
