//! Gap repair: missing readings of an account's meters are fetched from smart-me's past
//! values.
//!
//! The oldest gap first, through the same ingest and journal as all else, flagged as gap
//! repair, and only for what is missing: a fetched value (the same register, at times
//! with the noise of a float) never replaces one that the webhook brought. Past values are
//! for Professional accounts: another account is refused, and tried again the next day.
//! Known limit: a value that the webhook brings in the milliseconds between the look and
//! the append is followed by the fetched one.

use super::account::Reach;
use super::client::Client;
use super::error::ApiError;
use super::noted::Noted;
use crate::base::Stop;
use crate::clock::Clock;
use crate::coverage::{MissingValues, RepairRequest};
use crate::reading::registry::{self, Kind};
use crate::reading::{Flags, Sample};
use crate::source::{Inlet, Polled, Reporter, Schedule, SourceError};
use crate::vendor::Reading;
use crate::vendor::smart_me::Values;
use crate::wire::batch::Original;
use std::time::Duration;

/// Quarter-hours of one call: the vendor gives at most 1000 values.
const SLOTS_MAX: u32 = 1000;
/// Gaps are looked for so often.
const EVERY: Duration = Duration::from_secs(5);
/// The waits after a failure.
const FIRST_WAIT: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// A refused account may have been upgraded after this time.
const REFUSED_FOR: Duration = Duration::from_hours(24);
/// A larger answer is not kept beside its readings.
const ORIGINAL_BYTES_MAX: usize = 1 << 20;

/// The source that repairs the gaps of one account.
#[derive(Debug)]
pub struct GapRepair {
    client: Client,
    noted: Noted,
    inlet: Inlet,
    stop: Stop,
    clock: Clock,
}

impl GapRepair {
    /// Its kind.
    pub const KIND: &str = "smart-me gap repair";
    /// When it looks for gaps.
    pub const SCHEDULE: Schedule =
        Schedule { every: EVERY, first_within: Duration::ZERO, backoff: (FIRST_WAIT, LONGEST_WAIT) };

    /// Repairs the gaps of this client's account.
    #[must_use]
    pub fn new(client: Client, noted: Noted, inlet: Inlet, stop: Stop, clock: Clock) -> Self {
        Self { client, noted, inlet, stop, clock }
    }

    async fn repair(&mut self, request: &RepairRequest) -> Result<(), SourceError> {
        let path = past_values(self.client.reach(), request);
        let answer = match self.client.get(&path).await {
            // smart-me knows no such device.
            Err(ApiError::NotFound(_)) => return Ok(()),
            Err(ApiError::Refused(said) | ApiError::Forbidden(said)) => {
                return Err(SourceError::Misconfigured {
                    why: format!(
                        "smart-me gives no past values to this account ({said}): they are for Professional accounts, \
                         so gaps stay open; it is tried again in a day"
                    ),
                    retry_in: Some(REFUSED_FOR),
                });
            }
            other => other?.body,
        };
        let values = Values::read(&answer).map_err(ApiError::from)?;
        let missing: Vec<_> = values.into_iter().filter_map(|values| self.missing(request, values)).collect();
        let bytes = if answer.len() <= ORIGINAL_BYTES_MAX { &*answer } else { &[] };
        let original = Original { bytes, content_type: "application/json", origin: &path };
        self.inlet.take(&missing, Flags::GAP_REPAIR, original).await
    }

    /// What of these values is missing.
    fn missing(&self, request: &RepairRequest, values: Values) -> Option<Reading> {
        let at = values.at?;
        if values.meter.is_some_and(|meter| meter != request.meter) {
            return None;
        }
        let mut samples = values.samples;
        match self.noted.coverage().missing_values(request, at) {
            MissingValues::Nothing => return None,
            MissingValues::Counters => samples.retain(is_counter),
            MissingValues::All => {}
        }
        (!samples.is_empty()).then_some(Reading { meter: request.meter, at, samples })
    }
}

impl Polled for GapRepair {
    /// Repairs every gap whose time has come.
    async fn poll(&mut self, _: &mut Reporter) -> Result<(), SourceError> {
        loop {
            // What is under way in the journal may be what is missing.
            if !self.noted.all_until_now(&self.stop).await? {
                return Ok(());
            }
            let now = self.clock.now();
            let Some(request) = self.noted.coverage().next_request(self.client.name(), now, SLOTS_MAX) else {
                return Ok(());
            };
            self.repair(&request).await?;
            self.noted.coverage().requested(&request, now);
        }
    }
}

fn is_counter(sample: &Sample) -> bool {
    registry::entry(sample.obis).is_some_and(|entry| entry.kind == Kind::Counter)
}

/// The call for a stretch of quarter-hours; whether its end is included is not
/// published, so it asks a little beyond it.
fn past_values(reach: Reach, request: &RepairRequest) -> String {
    let until = request.until.saturating_add(60_000_000_000);
    let call = match reach {
        Reach::Own => "/ValuesInPastMultiple",
        Reach::Partner => "/partner/ValuesInPastMultiple",
    };
    format!("{call}/{}?startDate={}&endDate={until}&interval=15", request.meter, request.from)
}
