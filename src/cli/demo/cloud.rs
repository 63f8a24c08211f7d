//! The simulated smart-me cloud: an account with the meters of a site, its REST API, and a
//! sender that posts to the registered webhooks.
//!
//! At the registration its devices send two weeks of stored quarter-hours, so that curves have data at once. All
//! devices together send at most [`STORED_MAX`]: beyond the meters of the site, each sends less where there are many.
//! The first one sends two months, for the energy of a month and for retention, and corrects one value. The sender
//! withholds some quarter-hours of the house, as in an outage of the webhook; only the API returns them. One meter had
//! no power for an hour soon after its installation: the cloud has no quarter-hours of it.

use crate::clock::Clock;
use crate::reading::UnixNanos;
use meterline_load::cloud::{self, CloudAccount, CloudLogin, CloudSender, SenderOptions, Sent, Switches};
use meterline_load::site::{self, SiteMeter};
use std::io;
use std::time::Duration;

const SLOT_NS: i64 = 900 * 1_000_000_000;
/// Two weeks of quarter-hours and one more: every day that ended less than 13 days ago is whole.
const STORED: u16 = 14 * 96 + 1;
/// Two months.
const STORED_OF_FIRST: u16 = 62 * 96 + 1;
/// The stored quarter-hours of all meters, approximately.
const STORED_MAX: u32 = 120_000;
/// Meters that lose quarter-hours.
const LOSING_MAX: u32 = 5;
/// Lost quarter-hours of each such meter, and quarter-hours after them.
const LOST_SLOTS: i64 = 8;
const SLOTS_AFTER: i64 = 8;
/// The value that the first meter corrects, in quarter-hours before now.
const CORRECTED: i64 = 60;
/// The third meter had no power after its second quarter-hour, too soon to be missed.
const WITHOUT_POWER: u32 = 3;
const SLOTS_BEFORE: i64 = 2;
const SLOTS_WITHOUT: i64 = 4;
const SEND_INTERVAL: Duration = Duration::from_secs(1);
/// Posts per second, approximately.
const POSTS: u32 = 16;

/// The running cloud.
#[derive(Debug)]
pub(super) struct Cloud {
    cloud: cloud::Cloud,
    site: Vec<SiteMeter>,
    /// The lost time range in nanoseconds: start, end (exclusive).
    lost: (i64, i64),
}

impl Cloud {
    /// Starts the API; nothing is posted yet.
    pub(super) fn start(name: &str, key: &str, meters: u32, clock: &Clock) -> io::Result<Self> {
        let last = clock.now().0.div_euclid(SLOT_NS) * SLOT_NS;
        let until = last - SLOTS_AFTER * SLOT_NS;
        let lost = (until - LOST_SLOTS * SLOT_NS, until);
        let mut site = site::meters(meters);
        for (number, meter) in (1..).zip(&mut site) {
            add_history(meter, number, meters, last, lost);
        }
        let mut account = CloudAccount::new(name, vec![CloudLogin::ApiKey(key.to_owned())]);
        account.devices = site.iter().map(|meter| meter.device.clone()).collect();
        let cloud = cloud::Cloud::start(vec![account], Switches::default())?;
        Ok(Self { cloud, site, lost })
    }

    /// Returns the base URL of its API.
    pub(super) fn url(&self) -> String {
        self.cloud.url()
    }

    /// The meters.
    pub(super) fn site(&self) -> &[SiteMeter] {
        &self.site
    }

    /// Starts to post to the registered webhooks.
    pub(super) fn send(&self, clock: Clock) -> io::Result<CloudSender> {
        let posts = usize::try_from(POSTS).unwrap_or(usize::MAX);
        let devices_per_post = self.site.len().div_ceil(posts);
        let how =
            SenderOptions { live_every: SEND_INTERVAL, devices_per_post, stored: STORED, ..SenderOptions::default() };
        self.cloud.send(how, move || clock.now().0)
    }

    /// Describes the lost quarter-hours.
    pub(super) fn lost(&self) -> String {
        let (from, until) = self.lost;
        let meters = self.site.iter().filter(|meter| meter.device.lost.contains(&self.lost)).count();
        let (from, last) = (UnixNanos(from), UnixNanos(until - SLOT_NS));
        format!("the quarter-hours {from} to {last} of {meters} meters")
    }
}

/// Gives a meter its stored quarter-hours up to the last one, and their defects.
fn add_history(meter: &mut SiteMeter, number: u32, meters: u32, last: i64, lost: (i64, i64)) {
    let device = &mut meter.device;
    let stored = match number {
        1 => STORED_OF_FIRST,
        2..=site::METERS => STORED,
        _ => STORED.min(u16::try_from(STORED_MAX / meters).unwrap_or(STORED)),
    };
    device.stored = Some(stored);
    if number == 1 {
        device.corrects = Some(last - CORRECTED * SLOT_NS);
    }
    if number <= LOSING_MAX {
        device.lost.push(lost);
    }
    if number == WITHOUT_POWER {
        let from = last - (i64::from(stored) - 1 - SLOTS_BEFORE) * SLOT_NS;
        let hour = (from, from + SLOTS_WITHOUT * SLOT_NS);
        device.lost.push(hour);
        device.lacks.push(hour);
    }
}

/// Returns the number of bodies that were not taken and the last reason, if there is one.
pub(super) fn send_failures(sent: &Sent) -> Option<String> {
    let last = sent.trouble.as_ref()?;
    Some(format!("{} bodies not taken, last: {last}", sent.refused + sent.unanswered))
}
