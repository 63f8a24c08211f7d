//! What is missing of an account's meters is fetched from smart-me's past values.
//!
//! The oldest gap first, through the same door and journal as all else, flagged as
//! gap repair, and only for what is missing: a fetched value (the same register, at
//! times with the noise of a float) never takes the place of one that the webhook
//! brought. Past values are for Professional accounts: another is refused, which is
//! said once and tried again the next day. Known limit: a value that the webhook
//! brings in the milliseconds between the look and the append is followed by the
//! fetched one.

use super::account::Reach;
use super::answer::ApiError;
use super::client::Client;
use super::pause::Pause;
use super::way::{Reading, Way};
use super::worker::{Worker, locked};
use crate::base::Backoff;
use crate::coverage::{Lacks, Wanted};
use crate::metrics;
use crate::reading::registry::{self, Kind};
use crate::reading::{Flags, Sample};
use crate::vendor::smart_me::Values;
use crate::wire::batch::Original;
use ::metrics::Counter;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Quarter-hours of one call: the vendor gives at most 1000 values.
const SLOTS_MAX: u32 = 1000;
/// So often it is looked whether something is missing.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The waits after a failure.
const FIRST_WAIT: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_secs(30) };
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// After so long an account that was refused is tried again: it may have been upgraded.
const REFUSED_FOR: Duration = Duration::from_hours(24);
/// A larger answer is not kept beside its readings.
const ORIGINAL_BYTES_MAX: usize = 1 << 20;

/// How it is with an account's past values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairState {
    /// What is missing is fetched.
    Working,
    /// It cannot be at the moment; with why.
    Failing(String),
    /// The account may not read past values; with what smart-me said.
    Refused(String),
}

/// How it is with one account's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairStatus {
    /// The account's name.
    pub account: String,
    /// How it is.
    pub state: RepairState,
}

struct Repairing {
    client: Client,
    way: Way,
    pause: Arc<Pause>,
    status: Arc<Mutex<RepairStatus>>,
    fetched: Counter,
}

/// Why a gap could not be looked after.
enum Trouble {
    Api(ApiError),
    /// The door did not take what was fetched.
    Door(String),
    /// The account may not.
    Refused(String),
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// Starts to fetch what is missing of this client's account.
///
/// # Errors
/// When there is no thread to be had.
pub fn repair(client: Client, way: Way, pause: Arc<Pause>) -> io::Result<Worker<RepairStatus>> {
    let account = client.name().to_owned();
    let fetched = metrics::counter("meterline_gap_readings_fetched_total", &[("account", account.clone())]);
    let status = Arc::new(Mutex::new(RepairStatus { account, state: RepairState::Working }));
    let repairing = Repairing { client, way, pause: Arc::clone(&pause), status: Arc::clone(&status), fetched };
    Worker::start(status, pause, move || repairing.run())
}

impl Repairing {
    fn run(mut self) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or(Backoff::STANDARD);
        loop {
            let wait = match self.look() {
                Ok(is_done) => {
                    if is_done {
                        backoff.reset();
                        self.note(RepairState::Working);
                    }
                    LOOK_EVERY
                }
                Err(Trouble::Api(ApiError::Stopped)) => return,
                // The login has said it; nothing was asked of the cloud, so it is noticed soon.
                Err(Trouble::Api(ApiError::LoggedOut(why))) => {
                    locked(&self.status).state = RepairState::Failing(why);
                    LOOK_EVERY
                }
                Err(Trouble::Api(error)) => {
                    self.note(RepairState::Failing(error.to_string()));
                    backoff.next_wait()
                }
                Err(Trouble::Door(why)) => {
                    self.note(RepairState::Failing(why));
                    backoff.next_wait()
                }
                Err(Trouble::Refused(said)) => {
                    self.note(RepairState::Refused(said));
                    REFUSED_FOR
                }
            };
            if self.pause.wait(wait).is_err() {
                return;
            }
        }
    }

    /// Looks after every gap whose time has come. Whether there was one.
    fn look(&mut self) -> Result<bool, Trouble> {
        let mut is_done = false;
        // What is under way in the journal may be what is missing.
        while self.way.catch_up(&self.pause).map_err(ApiError::from)? {
            let now = self.way.clock.now();
            let Some(wanted) = self.way.coverage.wanted(self.client.name(), now, SLOTS_MAX) else { break };
            self.mend(&wanted)?;
            self.way.coverage.asked(&wanted, now);
            is_done = true;
        }
        Ok(is_done)
    }

    fn mend(&mut self, wanted: &Wanted) -> Result<(), Trouble> {
        let path = past_values(self.client.reach(), wanted);
        let Some(answer) = self.ask(&path)? else { return Ok(()) };
        let values = Values::read(&answer).map_err(|error| ApiError::Unreadable(error.to_string()))?;
        let missing: Vec<_> = values.into_iter().filter_map(|values| self.missing(wanted, values)).collect();
        let bytes = if answer.len() <= ORIGINAL_BYTES_MAX { answer.as_slice() } else { &[] };
        let original = Original { bytes, content_type: "application/json", origin: &path };
        let taken = |readings: &[Reading]| self.fetched.increment(readings.len() as u64);
        self.way.take(&missing, Flags::GAP_REPAIR, original, taken).map_err(Trouble::Door)
    }

    /// The answer; `None` where smart-me knows no such device.
    fn ask(&mut self, path: &str) -> Result<Option<Vec<u8>>, Trouble> {
        match self.client.get(path) {
            Ok(answer) => Ok(Some(answer)),
            Err(ApiError::Refused(said)) if said.starts_with("404") => Ok(None),
            Err(ApiError::Refused(said) | ApiError::Forbidden(said)) => Err(Trouble::Refused(said)),
            Err(error) => Err(error.into()),
        }
    }

    /// What of these values is missing.
    fn missing(&self, wanted: &Wanted, values: Values) -> Option<Reading> {
        let at = values.at?;
        if values.meter.is_some_and(|meter| meter != wanted.meter) {
            return None;
        }
        let mut samples = values.samples;
        match self.way.coverage.lacks(wanted, at) {
            Lacks::Nothing => return None,
            Lacks::Counters => samples.retain(is_counter),
            Lacks::All => {}
        }
        (!samples.is_empty()).then_some((wanted.meter, at, samples))
    }

    /// One log line where it changes.
    fn note(&self, state: RepairState) {
        let mut status = locked(&self.status);
        if status.state == state {
            return;
        }
        let account = self.client.name();
        match &state {
            RepairState::Working => tracing::info!(account, "what is missing is fetched from smart-me again"),
            RepairState::Failing(why) => {
                tracing::warn!(account, why, "what is missing cannot be fetched; it is tried again");
            }
            RepairState::Refused(said) => tracing::warn!(
                account,
                said,
                "smart-me gives no past values to this account (they are for Professional accounts): what is missing stays missing; tried again in a day"
            ),
        }
        status.state = state;
    }
}

fn is_counter(sample: &Sample) -> bool {
    registry::entry(sample.obis).is_some_and(|entry| entry.kind == Kind::Counter)
}

/// The call for a stretch of quarter-hours; whether its end is given too is not
/// published, so it asks a little beyond it.
fn past_values(reach: Reach, wanted: &Wanted) -> String {
    let until = wanted.until.saturating_add(60_000_000_000);
    let call = match reach {
        Reach::Own => "/ValuesInPastMultiple",
        Reach::Partner => "/partner/ValuesInPastMultiple",
    };
    format!("{call}/{}?startDate={}&endDate={until}&interval=15", wanted.meter, wanted.from)
}
