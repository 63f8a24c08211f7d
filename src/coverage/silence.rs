//! The meters that are silent for longer than they ever were in their last weeks.

use super::meter::Meter;
use super::tracker::GapTracker;
use crate::reading::{MeterId, UnixNanos};

/// The maximum number of silent meters in an overview; the others are counted.
pub const SILENT_SHOWN_MAX: usize = 20;

/// A meter that is silent for longer than it ever was in its last weeks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilentMeter {
    /// The meter.
    pub meter: MeterId,
    /// The source of its readings.
    pub source: String,
    /// Its newest time of measurement.
    pub heard: UnixNanos,
}

/// The silent meters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Silent {
    /// The number of all.
    pub count: usize,
    /// Those silent for longest, at most [`SILENT_SHOWN_MAX`].
    pub longest: Vec<SilentMeter>,
}

impl Silent {
    /// The silent meters at `now`. Before `from` the service did not run, so silence counts from then on.
    pub(super) fn at(known: &GapTracker, now: UnixNanos, from: UnixNanos) -> Self {
        let mut silent: Vec<_> = known.meters.iter().filter(|(_, meter)| is_silent(meter, now, from)).collect();
        let count = silent.len();
        let by_age = |(id, meter): &(&MeterId, &Meter)| (meter.heard, **id);
        if count > SILENT_SHOWN_MAX {
            silent.select_nth_unstable_by_key(SILENT_SHOWN_MAX, by_age);
            silent.truncate(SILENT_SHOWN_MAX);
        }
        silent.sort_unstable_by_key(by_age);
        let named = |(id, meter): (&MeterId, &Meter)| SilentMeter {
            meter: *id,
            source: known.sources.name(meter.source).to_owned(),
            heard: meter.heard,
        };
        Self { count, longest: silent.into_iter().map(named).collect() }
    }
}

/// Whether a meter is silent at `now`. Before `from` the service did not run.
pub(super) fn is_silent(meter: &Meter, now: UnixNanos, from: UnixNanos) -> bool {
    let silent_ns = now.since(meter.heard.max(from));
    meter.unusual_silence_ns().is_some_and(|unusual| silent_ns > unusual)
}
