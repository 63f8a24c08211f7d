//! Gap repair: fetches missing readings of an account's meters from smart-me's past values.
//!
//! The oldest gap comes first. Fetched readings pass through ingest and the journal like
//! all others, flagged as gap repair. Only missing values are stored: a fetched value (the
//! same register, sometimes with float noise) never replaces a webhook value. Past values
//! need a Professional account; other accounts are refused and retried the next day.
//! Known limit: a webhook value that arrives in the milliseconds between the check and the
//! append is followed by the fetched one.

use super::account::Reach;
use super::client::Client;
use super::decoder::{of_registers, registers};
use super::error::ApiError;
use crate::clock::Clock;
use crate::coverage::{RepairRequest, SLOT_NS};
use crate::source::{Arrivals, Inlet, Polled, Reporter, Schedule, SourceError};
use crate::vendor::smart_me::Values;
use std::time::Duration;

/// Missing quarter-hours per call: the vendor returns at most 1000 values, and a call
/// covers one quarter-hour more.
const SLOTS_MAX: u32 = 999;
/// How often gaps are looked up.
const EVERY: Duration = Duration::from_secs(5);
/// The waits after a failure.
const FIRST_WAIT: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// The wait after a refusal: the account may be upgraded by then.
const REFUSED_FOR: Duration = Duration::from_hours(24);
/// A larger answer is not journaled with its readings.
const ORIGINAL_BYTES_MAX: usize = 1 << 20;

/// The source that repairs the gaps of one account.
#[derive(Debug)]
pub struct GapRepair {
    client: Client,
    arrivals: Arrivals,
    inlet: Inlet,
    clock: Clock,
    /// Number of fetched values whose code or number cannot be read.
    values_unreadable: usize,
}

impl GapRepair {
    /// The source kind.
    pub const KIND: &str = "smart-me gap repair";
    /// The schedule.
    pub const SCHEDULE: Schedule =
        Schedule { every: EVERY, first_within: Duration::ZERO, backoff: (FIRST_WAIT, LONGEST_WAIT) };

    /// Creates the source for this client's account.
    pub fn new(client: Client, arrivals: Arrivals, inlet: Inlet, clock: Clock) -> Self {
        Self { client, arrivals, inlet, clock, values_unreadable: 0 }
    }

    async fn repair(&mut self, request: &RepairRequest) -> Result<(), SourceError> {
        let path = past_values(self.client.reach(), request);
        let answer = match self.client.get(&path).await {
            // smart-me knows no such device.
            Err(ApiError::NotFound(_)) => return Ok(()),
            Err(ApiError::Refused(said) | ApiError::Forbidden(said)) => {
                return Err(SourceError::Misconfigured {
                    why: format!(
                        "smart-me refuses past values for this account ({said}): they need a Professional account, \
                         so gaps stay open; set repair = false for other accounts"
                    ),
                    retry_in: Some(REFUSED_FOR),
                });
            }
            other => other?.body,
        };
        let values = Values::read(&answer).map_err(ApiError::from)?;
        self.values_unreadable += values.iter().map(|values| values.unreadable).sum::<usize>();
        let readings = registers(values, request.meter);
        let missing = self.arrivals.missing_of(request, &readings);
        let bytes = if answer.len() <= ORIGINAL_BYTES_MAX { &*answer } else { &[] };
        let device = request.meter.to_string();
        self.inlet.take_placed(&missing, readings.len(), &of_registers(bytes, &path, &device)).await
    }
}

impl Polled for GapRepair {
    /// Repairs every gap that is due.
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        loop {
            // The journal may hold missing readings that coverage has not seen yet.
            self.arrivals.caught_up(self.client.stop()).await?;
            let now = self.clock.now();
            let Some(request) = self.arrivals.coverage().next_request(self.client.name(), now, SLOTS_MAX) else {
                return Ok(());
            };
            let outcome = self.repair(&request).await;
            reporter.set("values_unreadable", self.values_unreadable);
            outcome?;
            // Coverage judges the attempt by the readings that it has seen.
            self.arrivals.caught_up(self.client.stop()).await?;
            self.arrivals.coverage().requested(&request, now);
        }
    }
}

/// The call for a range of quarter-hours. It extends one interval beyond the last one,
/// because the API returns only the starts of whole intervals: 12, 13 and 14 for 12:00 to
/// 15:00 by 60 minutes.
fn past_values(reach: Reach, request: &RepairRequest) -> String {
    let until = request.until.saturating_add(SLOT_NS);
    let call = match reach {
        Reach::Own => "/ValuesInPastMultiple",
        Reach::Partner => "/partner/ValuesInPastMultiple",
    };
    format!("{call}/{}?startDate={}&endDate={until}&interval=15", request.meter, request.from)
}
