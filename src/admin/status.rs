//! The status as data: what the page shows and `/status.json` answers. Field
//! names are stable; times are RFC 3339 in UTC.

use crate::source::Description;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything on the status page.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The running version.
    pub version: &'static str,
    /// When this process started.
    pub started: String,
    /// When this snapshot was taken.
    pub now: String,
    /// Why ingest would answer 503, if it would.
    pub not_ready: Option<String>,
    /// The wall clock.
    pub clock: ClockStatus,
    /// The webhook's certificate, where it has one.
    pub certificate: Option<CertificateStatus>,
    /// What every source tells of itself.
    pub sources: Vec<Arc<Description>>,
    /// What ingest has taken of each source's name.
    pub ingest: Vec<IngestStatus>,
    /// The journal.
    pub journal: JournalStatus,
    /// Every sink.
    pub sinks: Vec<SinkStatus>,
    /// What is missing of the meters' readings.
    pub missing: MissingStatus,
    /// What is kept and waits for somebody's decision.
    pub dead_letters: DeadLetterStatus,
    /// The meters heard last.
    pub meters: MetersStatus,
}

/// The wall clock.
#[derive(Debug, Clone, Serialize)]
pub struct ClockStatus {
    /// Whether it is after the build date, so that it can judge.
    pub ok: bool,
    /// Times it moved against the monotonic clock since the start.
    pub jumps: u64,
}

/// The webhook's certificate.
#[derive(Debug, Clone, Serialize)]
pub struct CertificateStatus {
    /// The end of its validity.
    pub expires: String,
    /// Why what its files hold now is not in use, where it is not.
    pub fault: Option<String>,
}

/// The journal's fill.
#[derive(Debug, Clone, Serialize)]
pub struct JournalStatus {
    /// Bytes of all segments.
    pub bytes: u64,
    /// The cap.
    pub cap_bytes: u64,
    /// Segment files.
    pub segments: usize,
    /// Oldest record retained.
    pub oldest_sequence: u64,
    /// The record that will be synced next.
    pub next_sequence: u64,
    /// How many gaps are known, those dropped from the list too.
    pub gaps_total: u64,
    /// The newest of them, newest first.
    pub gaps: Vec<GapStatus>,
}

/// Records that a sink will not get.
#[derive(Debug, Clone, Serialize)]
pub struct GapStatus {
    /// The sink; "journal" where the journal itself lost them.
    pub sink: String,
    /// The first of them.
    pub from_sequence: u64,
    /// The first record after them.
    pub until_sequence: u64,
    /// How many they are.
    pub records: u64,
    /// When that became certain, or grew last.
    pub at: String,
    /// Why: retention or repair.
    pub reason: &'static str,
}

/// What is missing of the meters' readings.
#[derive(Debug, Clone, Serialize)]
pub struct MissingStatus {
    /// Gaps that are not closed.
    pub gaps_open: usize,
    /// Quarter-hours missing in them.
    pub quarter_hours: u64,
    /// The newest gaps, open or not, newest first.
    pub newest: Vec<MissingGapStatus>,
}

/// A gap in a meter's readings.
#[derive(Debug, Clone, Serialize)]
pub struct MissingGapStatus {
    /// Its number.
    pub id: u64,
    /// Whose readings.
    pub meter: String,
    /// Who brings them.
    pub source: String,
    /// The first instant missing, or the reading before.
    pub from: String,
    /// The last instant missing, or the reading after.
    pub until: String,
    /// Quarter-hours missing still.
    pub quarter_hours: u64,
    /// When it was found.
    pub found: String,
    /// open, late (it came by itself), repaired, not-at-source or gone.
    pub state: &'static str,
    /// When that was certain.
    pub changed: String,
    /// Readings that came late by themselves.
    pub late: u64,
    /// Readings that were fetched.
    pub repaired: u64,
}

/// What ingest has taken of one source.
#[derive(Debug, Clone, Serialize)]
pub struct IngestStatus {
    /// Account or device name.
    pub name: String,
    /// Bodies taken since the start.
    pub bodies: u64,
    /// Bodies that could not be read since the start, kept or refused.
    pub undecodable: u64,
    /// Readings taken since the start.
    pub readings: u64,
    /// Readings a minute over the last minute, about.
    pub readings_per_minute: f64,
    /// When it brought something last.
    pub last_received: Option<String>,
    /// Bytes of its records in the journal that not all required sinks have.
    pub held_bytes: u64,
    /// Whether it is answered 503 because it holds its share of the journal.
    pub held_back: bool,
}

/// A sink.
#[derive(Debug, Clone, Serialize)]
pub struct SinkStatus {
    /// Its name in the configuration.
    pub name: String,
    /// running, waiting or blocked.
    pub state: &'static str,
    /// Why it is not running.
    pub why: Option<String>,
    /// Since when it is in this state.
    pub since: String,
    /// The lowest sequence not yet safe in it.
    pub next_sequence: u64,
    /// Where the replay that is under way ends.
    pub replaying_until: Option<u64>,
    /// Records behind the journal's end.
    pub lag_records: u64,
    /// Age of the oldest record not yet safe.
    pub lag_seconds: f64,
    /// The last error, also after it has passed.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<String>,
}

/// Dead letters not yet settled.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeadLetterStatus {
    /// Their number by kind.
    pub open: BTreeMap<String, u64>,
}

/// The meters heard last.
#[derive(Debug, Clone, Serialize)]
pub struct MetersStatus {
    /// At most this many are remembered; more than that and the ones heard least recently are not shown.
    pub shown_max: usize,
    /// The newest reading of each, heard last first.
    pub newest: Vec<MeterStatus>,
}

/// A meter's newest reading.
#[derive(Debug, Clone, Serialize)]
pub struct MeterStatus {
    /// The meter.
    pub meter: String,
    /// Who brought it.
    pub source: String,
    /// When it was measured.
    pub at: String,
    /// When it was received.
    pub received: String,
    /// Some of its values.
    pub values: Vec<ValueStatus>,
}

/// A value of a reading.
#[derive(Debug, Clone, Serialize)]
pub struct ValueStatus {
    /// Full OBIS code.
    pub obis: String,
    /// Its name in the registry; empty where unknown.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its unit; empty where unknown.
    pub unit: &'static str,
}
