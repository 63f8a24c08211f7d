//! The simulated smart-me cloud: an account with some meters, its REST API, and a
//! sender that posts to the registered webhooks.
//!
//! At the registration its devices send two days of stored quarter-hours, so that every
//! time scale and a whole local day occur. The first one sends two months, for the energy of a month and for
//! retention, and corrects one value. The sender withholds some quarter-hours of the first few meters,
//! as in an outage of the webhook; only the API returns them. One meter had no power for an hour: the
//! cloud has no quarter-hours of it.

use crate::clock::Clock;
use crate::reading::UnixNanos;
use meterline_load::cloud::{self, CloudAccount, CloudDevice, CloudLogin, CloudSender, SenderOptions, Sent, Switches};
use std::io;
use std::time::Duration;
use uuid::Uuid;

const SLOT_NS: i64 = 900 * 1_000_000_000;
/// Two days of quarter-hours and one more: every day that ended less than a day ago is whole.
const STORED: u16 = 2 * 96 + 1;
/// The same for a month.
const STORED_OF_FIRST: u16 = 62 * 96 + 1;
/// Meters that lose quarter-hours.
const LOSING_MAX: u32 = 5;
/// Lost quarter-hours of each such meter, and quarter-hours after them.
const LOST_SLOTS: i64 = 8;
const SLOTS_AFTER: i64 = 8;
/// The value that the first meter corrects, and the hour without power of the meter after the losing ones, in
/// quarter-hours before now.
const CORRECTED: i64 = 60;
const WITHOUT_POWER: std::ops::Range<i64> = 48..52;
const SEND_INTERVAL: Duration = Duration::from_secs(1);
/// Posts per second, approximately.
const POSTS: u32 = 16;

/// The running cloud.
#[derive(Debug)]
pub(super) struct Cloud {
    cloud: cloud::Cloud,
    meters: u32,
    /// The lost time range in nanoseconds: start, end (exclusive).
    lost: (i64, i64),
}

impl Cloud {
    /// Starts the API; nothing is posted yet.
    pub(super) fn start(name: &str, key: &str, meters: u32, clock: &Clock) -> io::Result<Self> {
        let now = clock.now().0;
        let until = now - now.rem_euclid(SLOT_NS) - SLOTS_AFTER * SLOT_NS;
        let lost = (until - LOST_SLOTS * SLOT_NS, until);
        let mut account = CloudAccount::new(name, vec![CloudLogin::ApiKey(key.to_owned())]);
        account.devices = (1..=meters).map(|number| device(number, now, lost)).collect();
        let cloud = cloud::Cloud::start(vec![account], Switches::default())?;
        Ok(Self { cloud, meters, lost })
    }

    /// Returns the base URL of its API.
    pub(super) fn url(&self) -> String {
        self.cloud.url()
    }

    /// Starts to post to the registered webhooks.
    pub(super) fn send(&self, clock: Clock) -> io::Result<CloudSender> {
        let devices_per_post = usize::try_from(self.meters.div_ceil(POSTS)).unwrap_or(usize::MAX);
        let how =
            SenderOptions { live_every: SEND_INTERVAL, devices_per_post, stored: STORED, ..SenderOptions::default() };
        self.cloud.send(how, move || clock.now().0)
    }

    /// Describes the lost quarter-hours.
    pub(super) fn lost(&self) -> String {
        let (from, until) = self.lost;
        let meters = self.meters.min(LOSING_MAX);
        let (from, last) = (UnixNanos(from), UnixNanos(until - SLOT_NS));
        let without = if self.meters > LOSING_MAX { " (one more meter had no power for an hour)" } else { "" };
        format!("the quarter-hours {from} to {last} of {meters} meters{without}")
    }
}

/// Returns the device with this number; its id is the same at every start.
fn device(number: u32, now: i64, lost: (i64, i64)) -> CloudDevice {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("demo meter {number}").as_bytes());
    let mut device = CloudDevice::new(id, 80.0 + f64::from(number % 50) * 37.5);
    let before = |slots: i64| now - now.rem_euclid(SLOT_NS) - slots * SLOT_NS;
    if number == 1 {
        device.stored = Some(STORED_OF_FIRST);
        device.corrects = Some(before(CORRECTED));
    }
    if number <= LOSING_MAX {
        device.lost.push(lost);
    }
    if number == LOSING_MAX + 1 {
        let hour = (before(WITHOUT_POWER.end), before(WITHOUT_POWER.start));
        device.lost.push(hour);
        device.lacks.push(hour);
    }
    device
}

/// Returns the number of bodies that were not taken and the last reason, if there is one.
pub(super) fn send_failures(sent: &Sent) -> Option<String> {
    let last = sent.trouble.as_ref()?;
    Some(format!("{} bodies not taken, last: {last}", sent.refused + sent.unanswered))
}
