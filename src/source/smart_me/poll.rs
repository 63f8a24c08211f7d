//! An account's devices are asked for: how fresh they are, and what they measured.
//!
//! One call gives all devices. How old a value is, is the answer's own date minus the
//! value's, never our clock. Where the webhook brings an account's readings this only
//! watches, unless configured otherwise; where nothing else does, what is new goes
//! through the one door. Invariants: no sample of a value whose time did not change;
//! none of a meter of which something as new came already, so that a polled value
//! (coarser, with the noise of a float) takes no webhook value's place; nothing is
//! written to smart-me. Known limits: a webhook value that comes in the milliseconds
//! between the look and the append is followed by the polled one; of more meters than
//! `coverage` follows, those heard least recently are not known to have come.

mod factor;
mod freshness;
mod gateways;
mod news;
mod options;
mod status;

pub use factor::UnitFactor;
pub use freshness::Freshness;
pub use gateways::GatewayStatus;
pub use options::{PollMode, Polling, ValuesOf};
pub use status::{PollState, PollStatus};

use super::account::Reach;
use super::answer::ApiError;
use super::client::Client;
use super::describe::Describer;
use super::pause::Pause;
use super::way::{Reading, Way};
use super::worker::Worker;
use crate::base::Backoff;
use crate::clock::Clock;
use crate::coverage::METERS_MAX;
use crate::deliver::WebhookCounters;
use crate::reading::{Flags, MeterId, UnixNanos};
use crate::vendor::smart_me::{Device, Values};
use crate::wire::batch::Original;
use news::News;
use status::Board;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The waits after a failure.
const FIRST_WAIT: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// So often the gateways are looked at: they change with hands, not by the minute.
const GATEWAYS_EVERY: Duration = Duration::from_mins(15);
/// A larger answer is not kept beside its readings.
const ORIGINAL_BYTES_MAX: usize = 256 << 10;

/// What the thread works with.
#[derive(Debug)]
pub struct PollParts {
    /// How it is asked.
    pub polling: Polling,
    /// Where what is new goes; `None` to watch.
    pub way: Option<Way>,
    /// Who tells of the devices themselves, where that is wanted.
    pub describer: Option<Describer>,
    /// What the webhook brought last.
    pub counters: WebhookCounters,
    /// The time.
    pub clock: Clock,
}

struct Asking {
    client: Client,
    parts: PollParts,
    pause: Arc<Pause>,
    board: Board,
    news: News,
    gateways_at: Option<Instant>,
    /// The gateways' names, by the devices behind them.
    gateways: HashMap<MeterId, String>,
    /// Why the devices could not be told of last.
    untold: Option<String>,
}

/// Starts to ask for the devices of this client's account.
///
/// # Errors
/// When there is no thread to be had.
pub fn poll(client: Client, parts: PollParts, pause: Arc<Pause>) -> io::Result<Worker<PollStatus>> {
    let board = Board::new(client.name(), parts.polling.mode);
    let status = board.shared();
    let gateways_at = parts.polling.gateways.then(|| parts.clock.monotonic());
    let asking = Asking {
        client,
        parts,
        pause: Arc::clone(&pause),
        board,
        news: News::default(),
        gateways_at,
        gateways: HashMap::new(),
        untold: None,
    };
    Worker::start(status, pause, move || asking.run())
}

impl Asking {
    fn run(mut self) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or(Backoff::STANDARD);
        loop {
            let wait = match self.look() {
                Ok(()) => {
                    backoff.reset();
                    self.board.note_working();
                    self.parts.polling.every
                }
                Err(ApiError::Stopped) => return,
                Err(error) => {
                    self.board.note_failing(&error);
                    // A login is made by hand, and used at once.
                    if matches!(error, ApiError::LoggedOut(_)) { FIRST_WAIT } else { backoff.next_wait() }
                }
            };
            if self.pause.wait(wait).is_err() {
                return;
            }
        }
    }

    fn look(&mut self) -> Result<(), ApiError> {
        let path = match self.client.reach() {
            Reach::Own => "/Devices",
            Reach::Partner => "/PartnerAllDevices",
        };
        let answer = self.client.get_dated(path)?;
        let mut devices = Device::list(&answer.body).map_err(|error| ApiError::Unreadable(error.to_string()))?;
        devices.retain(|device| self.parts.polling.only.is_none_or(|only| device.id == only));
        if devices.len() > METERS_MAX {
            tracing::warn!(account = self.client.name(), devices = devices.len(), "only {METERS_MAX} of them are read");
            devices.truncate(METERS_MAX);
        }
        self.devices_seen(&devices, answer.date);
        let bytes = if answer.body.len() <= ORIGINAL_BYTES_MAX { answer.body.as_slice() } else { &[] };
        let original = Original { bytes, content_type: "application/json", origin: path };
        self.store(&devices, answer.date.unwrap_or_else(|| self.parts.clock.now()), original)?;
        self.look_at_gateways(&devices, answer.date)?;
        self.tell(&devices);
        Ok(())
    }

    /// Tells of the devices themselves. What is not recorded now comes with the next list.
    fn tell(&mut self, devices: &[Device]) {
        let Some(describer) = &self.parts.describer else { return };
        let untold = describer.tell(self.client.name(), devices, &self.gateways).err();
        if let Some(why) = untold.as_ref().filter(|_| untold != self.untold) {
            tracing::warn!(
                account = self.client.name(),
                why,
                "the account's devices cannot be described; it is tried again"
            );
        }
        self.untold = untold;
    }

    /// What a fresh list of all devices says, `at` by the server's clock.
    fn devices_seen(&mut self, devices: &[Device], at: Option<UnixNanos>) {
        let stale_after = self.parts.polling.stale_after;
        self.board.note_freshness(at, at.map(|at| freshness::freshness(devices, at, stale_after)));
        for unit in devices.iter().flat_map(|device| &device.unknown_units) {
            self.board.note_unknown_unit(unit);
        }
        let expected = self.parts.polling.unit_factor_expected;
        if let Some(factor) = factor::compare(devices, &self.parts.counters, expected) {
            self.board.note_factor(factor, expected);
        }
    }

    /// Takes what is new through the door.
    fn store(&mut self, devices: &[Device], date: UnixNanos, original: Original<'_>) -> Result<(), ApiError> {
        let Some(way) = &self.parts.way else { return Ok(()) };
        let is_new = |device: &Device| Some((device.id, self.news.of(device, date)?));
        let new: Vec<(MeterId, UnixNanos)> = devices.iter().filter_map(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        let times: HashMap<_, _> = new.iter().copied().collect();
        let mut readings = Vec::new();
        for device in devices {
            let Some(at) = times.get(&device.id) else { continue };
            readings.push(reading(&mut self.client, &self.parts.polling.values, device, *at)?);
        }
        // What is under way in the journal may be the webhook's of the same time.
        if !way.catch_up(&self.pause)? {
            return Ok(());
        }
        readings.retain(|(meter, at, samples)| {
            !samples.is_empty() && way.coverage.heard(*meter).is_none_or(|heard| heard < *at)
        });
        let taken = |readings: &[Reading]| self.board.note_stored(readings.len());
        way.take(&readings, Flags::NONE, original, taken).map_err(ApiError::NotKept)?;
        self.news.took(new.into_iter(), devices);
        Ok(())
    }

    fn look_at_gateways(&mut self, devices: &[Device], date: Option<UnixNanos>) -> Result<(), ApiError> {
        let now = self.parts.clock.monotonic();
        if self.gateways_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        match gateways::gateways(&mut self.client, devices, date) {
            Ok(found) => {
                let names = found.iter().flat_map(|it| it.devices.iter().map(|id| (*id, it.name.clone())));
                self.gateways = names.collect();
                self.board.note_gateways(found);
            }
            Err(ApiError::Refused(said) | ApiError::Forbidden(said)) => {
                tracing::info!(account = self.client.name(), said, "the account's M-Bus gateways are not shown to us");
            }
            Err(error) => return Err(error),
        }
        self.gateways_at = Some(now + GATEWAYS_EVERY);
        Ok(())
    }
}

/// What a device measured, from the list or, where that is wished, by registers.
fn reading(client: &mut Client, values: &ValuesOf, device: &Device, at: UnixNanos) -> Result<Reading, ApiError> {
    let listed = (device.id, at, device.samples.clone());
    if !values.has(device.id) {
        return Ok(listed);
    }
    let answer = match client.get(&format!("/Values/{}", device.id)) {
        // Gone since it was listed, or without such values.
        Err(ApiError::Refused(said)) if said.starts_with("404") => return Ok(listed),
        other => other?,
    };
    let read = Values::read(&answer).map_err(|error| ApiError::Unreadable(error.to_string()))?;
    let own = read.into_iter().find(|values| values.meter.is_none_or(|meter| meter == device.id));
    Ok(own.map_or(listed, |values| (device.id, values.at.unwrap_or(at), values.samples)))
}
