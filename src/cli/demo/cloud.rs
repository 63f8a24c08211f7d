//! The simulated smart-me cloud: an account with some meters, its REST API, and the
//! sender that posts to whoever is registered there.
//!
//! Its devices bring a day of stored quarter-hours at the registration, so that every
//! time scale occurs; of the first few some quarter-hours get lost on the way, as they
//! would while nobody listens, and only the API has them.

use crate::clock::Clock;
use crate::reading::UnixNanos;
use meterline_load::cloud::{self, CloudAccount, CloudDevice, CloudLogin, CloudSender, SenderOptions, Sent, Switches};
use std::io;
use std::time::Duration;
use uuid::Uuid;

const SLOT_NS: i64 = 900 * 1_000_000_000;
/// A day of quarter-hours and one more: the scales days, hours and minutes all occur.
const STORED: u16 = 97;
/// Meters of which quarter-hours get lost,
const LOSING_MAX: u32 = 5;
/// how many of each, and how many there are after them.
const LOST_SLOTS: i64 = 8;
const SLOTS_AFTER: i64 = 8;
const PACE: Duration = Duration::from_secs(1);
/// Posts of a turn, about.
const POSTS: u32 = 16;

/// The running cloud.
#[derive(Debug)]
pub(super) struct Cloud {
    cloud: cloud::Cloud,
    meters: u32,
    /// What gets lost: from, to before.
    lost: (i64, i64),
}

impl Cloud {
    /// Starts the API; nothing is posted yet.
    pub(super) fn start(name: &str, key: &str, meters: u32, clock: &Clock) -> io::Result<Self> {
        let now = clock.now().0;
        let until = now - now.rem_euclid(SLOT_NS) - SLOTS_AFTER * SLOT_NS;
        let lost = (until - LOST_SLOTS * SLOT_NS, until);
        let mut account = CloudAccount::new(name, vec![CloudLogin::ApiKey(key.to_owned())]);
        account.devices = (1..=meters).map(|number| device(number, lost)).collect();
        let cloud = cloud::Cloud::start(vec![account], Switches::default())?;
        Ok(Self { cloud, meters, lost })
    }

    /// The base address of its API.
    pub(super) fn url(&self) -> String {
        self.cloud.url()
    }

    /// Begins to post to whoever is registered.
    pub(super) fn send(&self, clock: Clock) -> io::Result<CloudSender> {
        let devices_per_post = usize::try_from(self.meters.div_ceil(POSTS)).unwrap_or(usize::MAX);
        let how = SenderOptions { live_every: PACE, devices_per_post, stored: STORED, ..SenderOptions::default() };
        self.cloud.send(how, move || clock.now().0)
    }

    /// What gets lost, in words.
    pub(super) fn lost(&self) -> String {
        let (from, until) = self.lost;
        let meters = self.meters.min(LOSING_MAX);
        let (from, last) = (UnixNanos(from), UnixNanos(until - SLOT_NS));
        format!("the quarter-hours {from} to {last} of {meters} meters")
    }
}

/// The same meter at every start.
fn device(number: u32, lost: (i64, i64)) -> CloudDevice {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("demo meter {number}").as_bytes());
    let mut device = CloudDevice::new(id, 80.0 + f64::from(number % 50) * 37.5);
    if number <= LOSING_MAX {
        device.lost.push(lost);
    }
    device
}

/// Bodies that were not taken, and the last reason.
pub(super) fn trouble(sent: &Sent) -> Option<String> {
    let last = sent.trouble.as_ref()?;
    Some(format!("{} bodies not taken, last: {last}", sent.refused + sent.unanswered))
}
