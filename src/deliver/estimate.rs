//! Estimates how much a replay would send, without sending anything.
//!
//! The records are decoded and judged as the pump would. The work is bounded: for a long
//! range, only the first records of evenly spread segments are read and the rest is
//! extrapolated. [`Estimate::is_exact`] tells the two cases apart.

use super::log::Names;
use super::records::{CurrentRules, LookupCache, ReadMode};
use super::redecode::Redecode;
use super::replay::{Replay, Rewind, Rewound, Span};
use crate::journal::{Record, Sequence, Verdict, View};

/// Records read at most.
const RECORDS_MAX: u64 = if cfg!(test) { 64 } else { 65_536 };
/// Bytes of records read at most, plus one record per segment.
const BYTES_MAX: u64 = 64 << 20;
/// Segments read at most.
const SEGMENTS_MAX: usize = if cfg!(test) { 4 } else { 64 };

/// The estimated size of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// The range of records to replay.
    pub range: Rewound,
    /// Records in the range with data for a store.
    pub records: u64,
    /// Readings in those.
    pub readings: u64,
    /// Samples in those.
    pub samples: u64,
    /// Records that keep their stored readings, because their messages cannot be decoded again.
    pub kept: u64,
    /// Records that were read for the estimate.
    pub records_read: u64,
}

/// A replay cannot be estimated.
#[derive(Debug, thiserror::Error)]
#[error("the size of the replay cannot be estimated: {0}")]
pub struct EstimateError(String);

/// Estimates a rewind of a store that has everything below `safe`, with these limits and decoders, if
/// it asks for them; `None` where the store has not reached the first record yet.
///
/// # Errors
/// Records that cannot be read.
pub fn estimate(
    journal: &View,
    rewind: &Rewind,
    safe: Sequence,
    current: (&CurrentRules, &Redecode),
) -> Result<Option<Estimate>, EstimateError> {
    let Some(plan) = rewind.plan(journal.oldest(), journal.next(), safe) else { return Ok(None) };
    let Rewound { from, until } = plan.rewound;
    let spans = spans(journal, Span { from, until });
    let share = spans.len().max(1) as u64;
    let mut estimate = Estimate { range: plan.rewound, records: 0, readings: 0, samples: 0, kept: 0, records_read: 0 };
    let (mut stood_for, mut lookups) = (0, LookupCache::default());
    for span in spans {
        let found = SpanCounts::of(
            journal,
            span,
            &plan.replay,
            current,
            (RECORDS_MAX / share, BYTES_MAX / share),
            &mut lookups,
        )?;
        let stands_for = span.until.0 - span.from.0;
        estimate.records += scaled(found.records, stands_for, found.records_read);
        estimate.readings += scaled(found.readings, stands_for, found.records_read);
        estimate.samples += scaled(found.samples, stands_for, found.records_read);
        estimate.kept += scaled(found.kept, stands_for, found.records_read);
        estimate.records_read += found.records_read;
        stood_for += stands_for;
    }
    let all = until.0 - from.0;
    estimate.records = scaled(estimate.records, all, stood_for);
    estimate.readings = scaled(estimate.readings, all, stood_for);
    estimate.samples = scaled(estimate.samples, all, stood_for);
    estimate.kept = scaled(estimate.kept, all, stood_for);
    Ok(Some(estimate))
}

impl Estimate {
    /// Whether every record was read and nothing extrapolated.
    pub fn is_exact(&self) -> bool {
        self.records_read == self.range.until.0 - self.range.from.0
    }
}

/// The range by segments; of many segments an evenly spread sample. A reader finds the
/// first record of a segment at once, and any other only by reading up to it.
fn spans(journal: &View, range: Span) -> Vec<Span> {
    let within = |first: Sequence, next: Sequence| Span { from: first.max(range.from), until: next.min(range.until) };
    let all: Vec<Span> = journal
        .segments()
        .into_iter()
        .map(|segment| within(segment.name.first, segment.next))
        .filter(|span| span.from < span.until)
        .collect();
    match all.len() {
        count if count <= SEGMENTS_MAX => all,
        count => (0..SEGMENTS_MAX).filter_map(|number| all.get(number * count / SEGMENTS_MAX).copied()).collect(),
    }
}

/// Counts of the records of one span.
#[derive(Debug, Default)]
struct SpanCounts {
    records_read: u64,
    records: u64,
    readings: u64,
    samples: u64,
    kept: u64,
}

impl SpanCounts {
    /// Counts the first records of a span, up to `records_max` and `bytes_max`.
    fn of(
        journal: &View,
        span: Span,
        replay: &Replay,
        (rules, redecode): (&CurrentRules, &Redecode),
        (records_max, bytes_max): (u64, u64),
        lookups: &mut LookupCache,
    ) -> Result<Self, EstimateError> {
        let failed = |error: String| EstimateError(error);
        let mut reader = journal.reader(span.from).map_err(|error| failed(error.to_string()))?;
        let (mut counted, mut bytes) = (Self::default(), 0);
        while counted.records_read < records_max && bytes < bytes_max {
            let record = reader.read().map_err(|error| failed(error.to_string()))?;
            let Some(record) = record.filter(|record| span.contains(record.sequence)) else { break };
            counted.records_read += 1;
            bytes += record.payload.len() as u64;
            let header = record.header;
            if replay.skips(record.sequence, header.source) || header.verdict == Verdict::Lost {
                continue;
            }
            let (source, limits) =
                lookups.look_up(Names::Journal(journal), &record).map_err(|error| failed(error.message))?;
            let mode = ReadMode::of(&record, &source, limits, Some(replay), rules);
            let again = mode.redecodes(&record).then(|| redecode.decode(&source, &record));
            counted.kept += u64::from(matches!(again, Some(Err(_))));
            let payload = again.as_ref().and_then(|again| again.as_deref().ok()).unwrap_or(record.payload);
            let Some(delivery) = mode.delivery(Record { payload, ..record }, &source) else { continue };
            counted.records += 1;
            for reading in delivery.readings() {
                counted.readings += 1;
                counted.samples += reading.samples().count() as u64;
            }
        }
        Ok(counted)
    }
}

/// `found` of `records_read`, extrapolated to `all`.
fn scaled(found: u64, all: u64, records_read: u64) -> u64 {
    let scaled = u128::from(found) * u128::from(all) / u128::from(records_read.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
