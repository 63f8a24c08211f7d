//! The meters that are silent for longer than they ever were in their last weeks.

use super::meter::Meter;
use super::tracker::GapTracker;
use crate::reading::{MeterId, UnixNanos};
use std::collections::BTreeMap;

/// The maximum number of silent meters of a source in an overview; the others are counted.
pub const SILENT_SHOWN_MAX: usize = 20;

/// A meter that is silent for longer than it ever was in its last weeks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentMeter {
    /// The meter.
    pub meter: MeterId,
    /// Its newest time of measurement.
    pub heard: UnixNanos,
}

/// The silent meters of a source. A source without one has an entry, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    /// The source of their readings. It may be none of the configuration any more.
    pub source: String,
    /// The number of its meters that are followed.
    pub meters: usize,
    /// The number of the silent ones.
    pub count: usize,
    /// The meters that are silent for longest, at most [`SILENT_SHOWN_MAX`].
    pub longest: Vec<SilentMeter>,
}

impl Silent {
    /// The silent meters at `now`. Before `from` the service did not run, so silence counts from then on.
    pub(super) fn at(known: &GapTracker, now: UnixNanos, from: UnixNanos) -> Vec<Self> {
        let mut by_source: BTreeMap<_, (usize, Vec<SilentMeter>)> = BTreeMap::new();
        for (id, meter) in &known.meters {
            let (meters, silent) = by_source.entry(meter.source).or_default();
            *meters += 1;
            if is_silent(meter, now, from) {
                silent.push(SilentMeter { meter: *id, heard: meter.heard });
            }
        }
        let of_source = |(source, (meters, silent))| Self::of(known.sources.name(source).to_owned(), meters, silent);
        by_source.into_iter().map(of_source).collect()
    }

    fn of(source: String, meters: usize, mut silent: Vec<SilentMeter>) -> Self {
        let count = silent.len();
        let by_age = |silent: &SilentMeter| (silent.heard, silent.meter);
        if count > SILENT_SHOWN_MAX {
            silent.select_nth_unstable_by_key(SILENT_SHOWN_MAX, by_age);
            silent.truncate(SILENT_SHOWN_MAX);
            silent.shrink_to_fit();
        }
        silent.sort_unstable_by_key(by_age);
        Self { source, meters, count, longest: silent }
    }
}

/// Whether a meter is silent at `now`. Before `from` the service did not run.
pub(super) fn is_silent(meter: &Meter, now: UnixNanos, from: UnixNanos) -> bool {
    let silent_ns = now.since(meter.heard.max(from));
    meter.unusual_silence_ns().is_some_and(|unusual| silent_ns > unusual)
}
