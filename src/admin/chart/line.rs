//! A line through the means of a curve, dashed where the vendor estimated, open where readings are missing, with a band of
//! minimum and maximum where values are aggregated.

use super::plot::{Frame, Marked};
use crate::admin::units::Scale;
use crate::query::{Bucket, Span};
use crate::reading::UnixNanos;
use std::fmt::Write as _;

/// A curve to draw.
#[derive(Debug, Clone)]
pub(in crate::admin) struct Points {
    pub(in crate::admin) label: String,
    /// In the order of time.
    pub(in crate::admin) buckets: Vec<Bucket>,
}

/// The data of the paths of a line.
#[derive(Debug, Default)]
pub(in crate::admin) struct Line {
    pub(in crate::admin) label: String,
    /// Which of the colours and dashes, from 0 on.
    pub(in crate::admin) number: usize,
    pub(in crate::admin) solid: String,
    pub(in crate::admin) estimated: String,
    pub(in crate::admin) band: String,
}

/// A longer time than this many usual ones between two points is a hole in the line.
const HOLE_TIMES: i64 = 6;
/// Below, no time is a hole: some meters send only when something changes.
const HOLE_NS_MIN: i64 = 1_860 * 1_000_000_000;

pub(super) fn line(frame: &Frame, curve: &Points, scale: Scale, gaps: &[Marked], number: usize) -> Line {
    let mut line = Line { label: curve.label.clone(), number, ..Line::default() };
    let hole_ns = hole_ns(&curve.buckets);
    let is_open = |one: &Bucket, other: &Bucket| {
        other.start.since(one.last_at) > hole_ns
            || gaps.iter().any(|gap| gap.from >= one.start && gap.until <= other.last_at && gap.from < gap.until)
    };
    for part in curve.buckets.chunk_by(|one, other| !is_open(one, other)) {
        lines(&mut line, frame, part, scale);
        band(&mut line.band, frame, part, scale);
    }
    line
}

/// The time between two points that is a hole.
fn hole_ns(buckets: &[Bucket]) -> i64 {
    let mut times: Vec<i64> = buckets.windows(2).map(|pair| pair[1].start.since(pair[0].start)).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(0).saturating_mul(HOLE_TIMES).max(HOLE_NS_MIN)
}

/// The times without values of a curve, also the one that lasts until the end of the span.
pub(in crate::admin) fn holes(buckets: &[Bucket], span: Span) -> Vec<Marked> {
    let hole_ns = hole_ns(buckets);
    let ends = buckets.iter().skip(1).map(|bucket| bucket.start).chain([span.until]);
    let holes =
        buckets.iter().map(|bucket| bucket.last_at).zip(ends).filter(|(from, until)| until.since(*from) > hole_ns);
    holes.map(|(from, until)| Marked { from, until, label: String::new() }).collect()
}

fn lines(line: &mut Line, frame: &Frame, part: &[Bucket], scale: Scale) {
    let mut last: Option<(&Bucket, bool)> = None;
    for bucket in part {
        let is_estimated = bucket.is_estimated || last.is_some_and(|(before, _)| before.is_estimated);
        let path = if is_estimated { &mut line.estimated } else { &mut line.solid };
        match last {
            Some((_, was_estimated)) if was_estimated == is_estimated => point(path, 'L', frame, bucket, scale),
            Some((before, _)) => {
                point(path, 'M', frame, before, scale);
                point(path, 'L', frame, bucket, scale);
            }
            None => point(path, 'M', frame, bucket, scale),
        }
        last = Some((bucket, is_estimated));
    }
    if let ([alone], Some((_, is_estimated))) = (part, last) {
        // A point alone: a line as short as it can be seen.
        let path = if is_estimated { &mut line.estimated } else { &mut line.solid };
        point(path, 'L', frame, alone, scale);
    }
}

fn point(path: &mut String, command: char, frame: &Frame, bucket: &Bucket, scale: Scale) {
    add(path, command, frame, middle(bucket), scale.apply(bucket.mean));
}

/// An aggregated value is drawn in the middle of its samples.
fn middle(bucket: &Bucket) -> UnixNanos {
    bucket.start.saturating_add(bucket.last_at.since(bucket.start) / 2)
}

fn band(path: &mut String, frame: &Frame, part: &[Bucket], scale: Scale) {
    if part.len() < 2 || part.iter().all(|bucket| bucket.count < 2) {
        return;
    }
    for (number, bucket) in part.iter().enumerate() {
        add(path, if number == 0 { 'M' } else { 'L' }, frame, middle(bucket), scale.apply(bucket.max));
    }
    for bucket in part.iter().rev() {
        add(path, 'L', frame, middle(bucket), scale.apply(bucket.min));
    }
    path.push('Z');
}

fn add(path: &mut String, command: char, frame: &Frame, at: UnixNanos, value: f64) {
    // Writing to a `String` cannot fail.
    write!(path, "{command}{:.1} {:.1}", frame.x(at), frame.y(value)).unwrap_or_default();
}
