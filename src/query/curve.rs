//! Curves: the values of a series, reduced to a bounded number of points.
//!
//! Pure. Invariant: the lowest and the highest of all values are in the points.

use super::model::Span;
use crate::reading::UnixNanos;

/// Points of a curve at most.
pub const BUCKETS_MAX: usize = 1_000;

/// Samples that follow each other, or one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The time of the sample if it is one, else the start of its part of the span.
    pub start: UnixNanos,
    /// The lowest value.
    pub min: f64,
    /// The highest value.
    pub max: f64,
    /// The mean of the values, each counted once.
    pub mean: f64,
    /// The last value.
    pub last: f64,
    /// When the last one was measured.
    pub last_at: UnixNanos,
    /// The number of samples.
    pub count: u64,
    /// Whether the vendor estimated one of them.
    pub is_estimated: bool,
}

impl Bucket {
    /// One sample.
    pub(super) fn of(at: UnixNanos, value: f64, is_estimated: bool) -> Self {
        Self { start: at, min: value, max: value, mean: value, last: value, last_at: at, count: 1, is_estimated }
    }

    fn add(&mut self, other: &Self) {
        let (count, more) = (number(self.count), number(other.count));
        self.mean += (other.mean - self.mean) * (more / (count + more));
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        if other.last_at >= self.last_at {
            (self.last, self.last_at) = (other.last, other.last_at);
        }
        self.is_estimated |= other.is_estimated;
    }
}

/// Counts are far below 2^53.
#[allow(clippy::cast_precision_loss, reason = "a number of samples")]
fn number(count: u64) -> f64 {
    count as f64
}

/// Collects the points of a curve. Samples may come in any order.
#[derive(Debug)]
pub(super) struct Reducer {
    span: Span,
    buckets_max: usize,
    /// Samples alone, as long as there are few.
    single: Vec<Bucket>,
    /// The parts of the span, once there are many.
    parts: Vec<Option<Bucket>>,
}

impl Reducer {
    pub(super) fn new(span: Span, buckets_max: usize) -> Self {
        Self { span, buckets_max: buckets_max.clamp(1, BUCKETS_MAX), single: Vec::new(), parts: Vec::new() }
    }

    /// Points at most.
    #[cfg(feature = "questdb")]
    pub(super) fn buckets_max(&self) -> usize {
        self.buckets_max
    }

    /// The length of a part, at least a nanosecond.
    pub(super) fn width(&self) -> i64 {
        let parts = i64::try_from(self.buckets_max).unwrap_or(i64::MAX);
        (self.span.length() / parts + i64::from(self.span.length() % parts != 0)).max(1)
    }

    pub(super) fn add(&mut self, bucket: Bucket) {
        if self.parts.is_empty() {
            self.single.push(bucket);
            if self.single.len() > self.buckets_max {
                self.parts = vec![None; self.buckets_max];
                for bucket in std::mem::take(&mut self.single) {
                    self.add_to_part(&bucket);
                }
            }
        } else {
            self.add_to_part(&bucket);
        }
    }

    fn add_to_part(&mut self, bucket: &Bucket) {
        let (width, last) = (self.width(), self.parts.len().saturating_sub(1));
        let number = bucket.start.since(self.span.from).max(0) / width;
        let start = self.span.from.saturating_add(number.saturating_mul(width));
        let place = usize::try_from(number).unwrap_or(last).min(last);
        match self.parts.get_mut(place) {
            Some(Some(part)) => part.add(bucket),
            Some(part) => *part = Some(Bucket { start, ..*bucket }),
            None => {}
        }
    }

    /// The points in the order of time.
    pub(super) fn finish(mut self) -> Vec<Bucket> {
        if self.parts.is_empty() {
            self.single.sort_by_key(|bucket| bucket.start);
            return self.single;
        }
        self.parts.into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reduced(samples: &[(i64, f64)], until: i64, buckets_max: usize) -> Vec<Bucket> {
        let span = Span { from: UnixNanos(0), until: UnixNanos(until) };
        let mut reducer = Reducer::new(span, buckets_max);
        samples.iter().for_each(|(at, value)| reducer.add(Bucket::of(UnixNanos(*at), *value, *value < 0.0)));
        reducer.finish()
    }

    #[test]
    fn few_samples_stay_alone_and_in_order() {
        let found = reduced(&[(5, 2.0), (1, -1.0)], 10, 2);
        let shown: Vec<_> = found.iter().map(|it| (it.start.0, it.last, it.count, it.is_estimated)).collect();
        assert_eq!(shown, [(1, -1.0, 1, true), (5, 2.0, 1, false)]);
    }

    #[test]
    fn many_samples_share_parts_of_equal_length() {
        let found = reduced(&[(0, 1.0), (4, 3.0), (9, 8.0), (5, -2.0)], 10, 2);
        let shown: Vec<_> = found.iter().map(|it| (it.start.0, it.min, it.max, it.mean, it.last, it.count)).collect();
        assert_eq!(shown, [(0, 1.0, 3.0, 2.0, 3.0, 2), (5, -2.0, 8.0, 3.0, 8.0, 2)]);
    }

    proptest! {
        #[test]
        fn every_sample_is_counted_and_the_extremes_stay(
            samples in prop::collection::vec((0..1000_i64, -1e6..1e6_f64), 0..200), buckets_max in 0..50_usize,
        ) {
            let found = reduced(&samples, 1000, buckets_max);
            prop_assert!(found.len() <= buckets_max.max(1));
            prop_assert_eq!(found.iter().map(|it| it.count).sum::<u64>(), u64::try_from(samples.len()).unwrap());
            let lowest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
            prop_assert_eq!(
                lowest(&mut found.iter().map(|it| it.min)).to_bits(),
                lowest(&mut samples.iter().map(|it| it.1)).to_bits()
            );
            prop_assert_eq!(
                lowest(&mut found.iter().map(|it| -it.max)).to_bits(),
                lowest(&mut samples.iter().map(|it| -it.1)).to_bits()
            );
            prop_assert!(found.windows(2).all(|pair| pair[0].start <= pair[1].start));
            let (sum, mean) = (samples.iter().map(|it| it.1).sum::<f64>(), found.iter().map(|it| it.mean * number(it.count)).sum::<f64>());
            prop_assert!((sum - mean).abs() < 1e-3, "{} is not {}", mean, sum);
        }
    }

    #[test]
    fn the_bound_of_points_holds() {
        let samples: Vec<_> = (0..5000).map(|at| (at, 1.0)).collect();
        assert_eq!(reduced(&samples, 5000, usize::MAX).len(), BUCKETS_MAX);
        // An empty span and one of all times.
        assert_eq!(reduced(&samples, 0, 10).iter().map(|it| it.count).sum::<u64>(), 5000);
        let mut reducer = Reducer::new(Span::ALL, 2);
        (0..3).for_each(|at| reducer.add(Bucket::of(UnixNanos(at), 1.0, false)));
        assert_eq!(reducer.finish().iter().map(|it| it.count).sum::<u64>(), 3);
    }
}
