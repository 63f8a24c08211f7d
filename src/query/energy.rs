//! The energy of intervals from the samples of counters (docs/energy.md), and the gaps between these.
//!
//! Pure. It is the same calculation for every store, and gives the same as the views of the embedded store: the vectors in
//! `tests/fixtures/energy` are run against both.

use super::model::{Energy, Gap, Span};
use crate::reading::{Obis, QUARTER_HOUR_NS, UnixNanos};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// The longest time between two samples over which an interpolated counter counts as measured.
pub(super) const GAP_NS: i64 = 2 * QUARTER_HOUR_NS;

/// The counters of a place.
#[derive(Debug)]
pub(super) struct Counters {
    /// The zone of its days.
    pub(super) zone: TimeZone,
    pub(super) chains: Vec<Chain>,
}

/// The samples of one counter of one meter that its energy needs: the first and the last of each quarter-hour, all of a
/// quarter-hour in which it falls, and one before and after the span.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) obis: Obis,
    /// Time and value, by time.
    pub(super) points: BTreeMap<i64, f64>,
}

/// An interval while the steps of all meters are added.
#[derive(Debug, Clone, Copy)]
struct Sum {
    amount: f64,
    is_uncertain: bool,
    /// Nanoseconds that were measured, of all meters.
    measured: i64,
    first: i64,
    last: i64,
}

/// The energy of each interval that has a part between two samples, by counter and time. `intervals` are in order.
pub(super) fn energies(chains: &[Chain], intervals: &[Span]) -> Vec<Energy> {
    let mut sums: BTreeMap<(Obis, usize), Sum> = BTreeMap::new();
    for chain in chains {
        for ((t0, v0), (t1, v1)) in chain.points.iter().zip(chain.points.iter().skip(1)) {
            let first = intervals.partition_point(|interval| interval.until.0 <= *t0);
            let touched = intervals.iter().enumerate().skip(first).take_while(|(_, interval)| interval.from.0 < *t1);
            for (number, interval) in touched {
                let step = step(*interval, (*t0, *v0), (*t1, *v1));
                sums.entry((chain.obis, number)).and_modify(|sum| sum.add(step)).or_insert(step);
            }
        }
    }
    let energy = |((obis, number), sum): ((Obis, usize), Sum)| {
        let Span { from, until } = intervals[number];
        let is_complete = sum.first <= from.0 && sum.last >= until.0;
        let has_rest = sum.measured % until.since(from).max(1) != 0;
        Energy {
            obis,
            start: from,
            until,
            amount: (sum.amount * 1e6).round() / 1e6,
            is_estimated: sum.is_uncertain || (is_complete && has_rest),
            is_complete,
        }
    };
    sums.into_iter().map(energy).collect()
}

/// The part of two samples that follow each other that is within an interval.
fn step(interval: Span, (t0, v0): (i64, f64), (t1, v1): (i64, f64)) -> Sum {
    let (begins, ends) = (interval.from.0, interval.until.0);
    let part = t1.min(ends).saturating_sub(t0.max(begins));
    let length = t1.saturating_sub(t0).max(1);
    Sum {
        amount: rise(v0, v1) * (seconds(part) / seconds(length)),
        is_uncertain: v1 < v0 || (length > GAP_NS && (t0 < begins || t1 > ends)),
        measured: part,
        first: t0,
        last: t1,
    }
}

/// A counter that falls by more than a tenth was reset, and began again at zero. A smaller fall counts nothing.
fn rise(before: f64, after: f64) -> f64 {
    if after >= before {
        after - before
    } else if after < 0.9 * before {
        after.max(0.0)
    } else {
        0.0
    }
}

#[allow(clippy::cast_precision_loss, reason = "a length of time")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

impl Sum {
    fn add(&mut self, step: Self) {
        self.amount += step.amount;
        self.is_uncertain |= step.is_uncertain;
        self.measured = self.measured.saturating_add(step.measured);
        self.first = self.first.min(step.first);
        self.last = self.last.max(step.last);
    }
}

/// The times without a sample for more than half an hour that the span touches.
pub(super) fn gaps(chains: &[Chain], span: Span) -> Vec<Gap> {
    let mut found = Vec::new();
    for Chain { obis, points, .. } in chains {
        let ends = points.keys().skip(1).map(|at| Some(UnixNanos(*at))).chain([None]);
        for (from, until) in points.keys().zip(ends) {
            let from = UnixNanos(*from);
            let seen_until = until.unwrap_or(span.until);
            if from < span.until && seen_until > span.from && seen_until.since(from) > GAP_NS {
                found.push(Gap { obis: *obis, from, until });
            }
        }
    }
    found.sort_by_key(|gap| (gap.obis, gap.from));
    found
}
