//! The data of the built-in page and of `/status.json`. Field names are stable; times are
//! RFC 3339 in UTC.

mod kind;
mod troubles;

pub use kind::Kind;
pub use troubles::{SHOWN_MAX, Trouble, Troubles};

#[cfg(test)]
pub(super) use troubles::CHECKED;

use crate::journal::Gap;
use crate::reading::UnixNanos;
use crate::source::Description;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The contents of the built-in page.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The running version.
    pub version: &'static str,
    /// When this process started.
    #[serde(serialize_with = "as_text")]
    pub started: UnixNanos,
    /// When this snapshot was taken.
    #[serde(serialize_with = "as_text")]
    pub now: UnixNanos,
    /// Everything that needs a person.
    pub trouble: Troubles,
    /// The reason if ingest answers 503.
    pub not_ready: Option<String>,
    /// The wall clock.
    pub clock: ClockStatus,
    /// The last reload of the configuration; absent before the first one.
    pub reload: Option<ReloadStatus>,
    /// The certificates of the listeners with TLS.
    pub certificates: Vec<CertificateStatus>,
    /// The volume of the data directory, if it can be asked.
    pub volume: Option<VolumeStatus>,
    /// The description of every source.
    pub sources: Vec<Arc<Description>>,
    /// The counts of ingest for each source.
    pub ingest: Vec<IngestStatus>,
    /// The journal.
    pub journal: JournalStatus,
    /// The sinks.
    pub sinks: Vec<SinkStatus>,
    /// The last round of the canary at each store; empty if it is off.
    pub canary: Vec<CanaryStatus>,
    /// The gaps in the meters' readings.
    pub missing: MissingStatus,
    /// The meters that are silent for longer than usual.
    pub silent: SilentStatus,
    /// The open dead letters.
    pub dead_letters: DeadLetterStatus,
    /// The meters with the newest readings.
    pub meters: MetersStatus,
}

/// The wall clock.
#[derive(Debug, Clone, Serialize)]
pub struct ClockStatus {
    /// Whether the clock is after the build date, so that it can be used.
    pub ok: bool,
    /// Jumps against the monotonic clock since the start; 0 a day after the last one.
    pub jumps: u64,
}

/// The last reload of the configuration.
#[derive(Debug, Clone, Serialize)]
pub struct ReloadStatus {
    /// When it ended.
    pub at: String,
    /// The file.
    pub file: String,
    /// Changed keys that need a restart.
    pub restart: Vec<String>,
    /// The errors of the refused configuration; the earlier one stays in use.
    pub faults: Vec<String>,
}

impl ReloadStatus {
    /// The outcome in a word.
    pub(super) fn outcome(&self) -> &'static str {
        if self.faults.is_empty() { "reloaded" } else { "refused" }
    }
}

/// The certificate of a listener.
#[derive(Debug, Clone, Serialize)]
pub struct CertificateStatus {
    /// The listener: webhook or admin.
    pub listener: &'static str,
    /// The end of its validity.
    pub expires: String,
    /// The seconds until then; negative if it has expired.
    pub seconds_left: i64,
    /// The reason if the current contents of its files cannot be used.
    pub fault: Option<String>,
}

/// The last round of the canary at a store.
#[derive(Debug, Clone, Serialize)]
pub struct CanaryStatus {
    /// The store: sqlite or questdb.
    pub store: &'static str,
    /// The reason if its test reading was not visible in time.
    pub why: Option<String>,
    /// Since when none was.
    pub since: Option<String>,
    /// When one was visible last; absent before the first one.
    pub last_success: Option<String>,
}

/// The volume of the data directory.
#[derive(Debug, Clone, Serialize)]
pub struct VolumeStatus {
    /// The data directory.
    pub directory: String,
    /// The bytes that the service can still use.
    pub free_bytes: u64,
    /// The size of the volume in bytes.
    pub size_bytes: u64,
}

/// The size of the journal and its gap records.
#[derive(Debug, Clone, Serialize)]
pub struct JournalStatus {
    /// The size of all segments in bytes.
    pub bytes: u64,
    /// The cap in bytes.
    pub cap_bytes: u64,
    /// The bytes that wait for the slowest sink; the others are kept for a replay.
    pub waiting_bytes: u64,
    /// The seconds until it is full at the rate of the last half hour; absent while it does not fill.
    pub full_in_seconds: Option<f64>,
    /// The number of segment files.
    pub segments: usize,
    /// The oldest retained record.
    pub oldest_sequence: u64,
    /// The number of the next record.
    pub next_sequence: u64,
    /// The number of gap records, including those dropped from the list.
    pub gaps_total: u64,
    /// The sinks with a gap record of the last 24 hours.
    pub gaps_last_day: Vec<String>,
    /// The newest gap records, newest first.
    pub gaps: Vec<GapStatus>,
}

/// A gap record: records that a sink will never get.
#[derive(Debug, Clone, Serialize)]
pub struct GapStatus {
    /// The sink; "journal" if the journal itself lost the records.
    pub sink: String,
    /// The first lost record.
    pub from_sequence: u64,
    /// The first record after the gap.
    pub until_sequence: u64,
    /// The number of lost records.
    pub records: u64,
    /// The time at which the gap was recorded or last grew.
    pub at: String,
    /// The cause: retention or repair.
    pub reason: &'static str,
}

impl From<&Gap> for GapStatus {
    fn from(gap: &Gap) -> Self {
        Self {
            sink: gap.sink.clone(),
            from_sequence: gap.from.0,
            until_sequence: gap.until.0,
            records: gap.records(),
            at: gap.at.to_string(),
            reason: gap.reason.label(),
        }
    }
}

/// The gaps in the meters' readings.
#[derive(Debug, Clone, Serialize)]
pub struct MissingStatus {
    /// The number of open gaps.
    pub gaps_open: usize,
    /// The number of quarter-hours missing in open gaps.
    pub quarter_hours: u64,
    /// The number of meters that gap detection follows.
    pub meters: usize,
    /// The maximum number of such meters.
    pub meters_max: usize,
    /// The number of readings of further meters since the start.
    pub readings_untracked: u64,
    /// The newest gaps, open and closed, newest first.
    pub newest: Vec<MissingGapStatus>,
}

/// A gap in a meter's readings.
#[derive(Debug, Clone, Serialize)]
pub struct MissingGapStatus {
    /// The number of the gap.
    pub id: u64,
    /// The meter whose readings are missing.
    pub meter: String,
    /// Its name, if a source has described it.
    pub name: Option<String>,
    /// The source of the meter.
    pub source: String,
    /// The first missing instant, or the time of the reading before.
    pub from: String,
    /// The last missing instant, or the time of the reading after.
    pub until: String,
    /// The number of quarter-hours still missing.
    pub quarter_hours: u64,
    /// The time of detection.
    pub found: String,
    /// open, late (the meter sent the readings later), repaired, not-at-source or gone.
    pub state: &'static str,
    /// The time of the last change of the state.
    pub changed: String,
    /// The number of readings that the meter sent later.
    pub late: u64,
    /// The number of readings that were fetched.
    pub repaired: u64,
}

/// The meters that are silent for longer than usual.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SilentStatus {
    /// The number of all of them.
    pub count: usize,
    /// The meters that are silent for longest; the list is bounded.
    pub meters: Vec<SilentMeterStatus>,
}

/// A meter that is silent for longer than usual.
#[derive(Debug, Clone, Serialize)]
pub struct SilentMeterStatus {
    /// The meter.
    pub meter: String,
    /// Its name, if a source has described it.
    pub name: Option<String>,
    /// The source of its readings.
    pub source: String,
    /// Its newest time of measurement.
    pub since: String,
}

/// The counts of ingest for one source.
#[derive(Debug, Clone, Serialize)]
pub struct IngestStatus {
    /// The name of the account or device.
    pub name: String,
    /// The number of its meters that gap detection follows, also from before the start.
    pub meters: usize,
    /// The number of bodies taken since the start.
    pub bodies: u64,
    /// The number of undecodable bodies since the start, kept or refused.
    pub undecodable: u64,
    /// The number of readings taken since the start.
    pub readings: u64,
    /// The approximate number of readings in the last minute.
    pub readings_per_minute: f64,
    /// The time of the last body.
    pub last_received: Option<String>,
    /// The newest time of measurement since the start, at most its receive time.
    pub last_reading: Option<String>,
    /// The seconds since then.
    pub last_reading_age_seconds: Option<f64>,
    /// The longest time between two readings of the last one to two weeks; absent before a day of them.
    pub reading_interval_max_seconds: Option<f64>,
    /// A meter that another source sends as well.
    pub shared: Option<SharedStatus>,
    /// The bytes of its journal records that not all required sinks have.
    pub held_bytes: u64,
    /// Whether the source gets 503 because these records fill its share of the journal.
    pub held_back: bool,
}

/// A meter that two sources sent in the last day.
#[derive(Debug, Clone, Serialize)]
pub struct SharedStatus {
    /// The meter.
    pub meter: String,
    /// The other source.
    pub other: String,
}

/// A sink.
#[derive(Debug, Clone, Serialize)]
pub struct SinkStatus {
    /// The name in the configuration.
    pub name: String,
    /// Whether it is a worker of the service itself: dead letters or gap detection.
    pub internal: bool,
    /// running, waiting or blocked.
    pub state: &'static str,
    /// The reason if the sink is not running.
    pub why: Option<String>,
    /// The time of the last change of the state.
    pub since: String,
    /// The sink's cursor: the lowest sequence that is not safe in it.
    pub next_sequence: u64,
    /// The record at which the current replay ends.
    pub replaying_until: Option<u64>,
    /// The number of records that are not safe in it and not held back on purpose.
    pub lag_records: u64,
    /// The number of records that the journal keeps for it: from its cursor to the end.
    pub kept_records: u64,
    /// Their bytes on disk.
    pub kept_bytes: u64,
    /// The age of the oldest record that is not safe in the sink.
    pub lag_seconds: f64,
    /// Conditions at its store that do not stop delivery but need the operator.
    pub warnings: Vec<String>,
    /// The last error, even if the sink has recovered.
    pub last_error: Option<String>,
    /// The time of the last error.
    pub last_error_at: Option<String>,
    /// Facts about the store: names and values.
    pub facts: BTreeMap<&'static str, String>,
}

/// The open dead letters.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeadLetterStatus {
    /// The number of open dead letters by kind.
    pub open: BTreeMap<String, u64>,
}

/// The meters with the newest readings.
#[derive(Debug, Clone, Serialize)]
pub struct MetersStatus {
    /// The maximum number of meters in the list.
    pub shown_max: usize,
    /// The newest reading of each meter, the most recently received first.
    pub newest: Vec<MeterStatus>,
}

/// A meter's newest reading.
#[derive(Debug, Clone, Serialize)]
pub struct MeterStatus {
    /// The meter.
    pub meter: String,
    /// Its name, if a source has described it.
    pub name: Option<String>,
    /// The source of the reading.
    pub source: String,
    /// The measurement time.
    pub at: String,
    /// The receive time.
    pub received: String,
    /// Some of its values.
    pub values: Vec<ValueStatus>,
}

/// A value of a reading.
#[derive(Debug, Clone, Serialize)]
pub struct ValueStatus {
    /// The full OBIS code.
    pub obis: String,
    /// The name in the registry; empty if unknown.
    pub name: String,
    /// The value.
    pub value: f64,
    /// The unit; empty if unknown.
    pub unit: &'static str,
}

fn as_text<S: Serializer>(time: &UnixNanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
