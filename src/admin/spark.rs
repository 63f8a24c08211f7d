//! Sparklines: a curve as small as a word, without axes.

use crate::reading::UnixNanos;
use std::fmt::Write as _;

/// The view box of every sparkline.
pub(super) const WIDTH: f64 = 120.0;
pub(super) const HEIGHT: f64 = 28.0;
/// Free space at the edges, so that no line is cut.
const EDGE: f64 = 2.0;

/// The data of an SVG path; empty for fewer than two points.
pub(super) fn path(points: &[(UnixNanos, f64)]) -> String {
    let (Some((first, _)), Some((last, _))) = (points.first(), points.last()) else { return String::new() };
    let span = seconds(last.since(*first));
    if span <= 0.0 {
        return String::new();
    }
    let fold = |start: f64, pick: fn(f64, f64) -> f64| points.iter().map(|(_, value)| *value).fold(start, pick);
    // Zero belongs to the picture: a small change of a large power is small.
    let (low, high) = (fold(0.0, f64::min), fold(0.0, f64::max));
    let height = if high > low { high - low } else { 1.0 };
    let mut path = String::with_capacity(points.len() * 10);
    for (at, value) in points {
        let x = EDGE + seconds(at.since(*first)) / span * (WIDTH - 2.0 * EDGE);
        let y = HEIGHT - EDGE - (value - low) / height * (HEIGHT - 2.0 * EDGE);
        let command = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a `String` cannot fail.
        write!(path, "{command}{x:.1} {y:.1}").unwrap_or_default();
    }
    path
}

#[expect(clippy::cast_precision_loss, reason = "a length of time in a picture")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}
