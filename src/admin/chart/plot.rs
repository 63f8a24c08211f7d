//! Where values and times are in the plot, and the labelled positions on it.

use crate::query::Span;
use crate::reading::UnixNanos;

pub(super) const WIDTH: f64 = 1000.0;
pub(super) const HEIGHT: f64 = 200.0;
/// The free space over the plot, for half a letter.
const TOP: f64 = 8.0;

/// A labelled position on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::admin) struct Tick {
    /// The share of the plot that is left of it, or above it.
    pub(in crate::admin) share: f64,
    pub(in crate::admin) label: String,
    pub(in crate::admin) is_zero: bool,
}

impl Tick {
    /// Its place on an axis of times, in hundredths.
    pub(in crate::admin) fn percent(&self) -> String {
        format!("{:.2}", self.share * 100.0)
    }

    /// The place of its line in the plot, from the top.
    pub(in crate::admin) fn y(&self) -> String {
        format!("{:.1}", self.share * HEIGHT)
    }

    /// The place of its label in the picture: over its line, or under it at the top.
    pub(in crate::admin) fn text_y(&self) -> String {
        let beside = if self.share < 0.05 { 13.0 } else { -4.0 };
        format!("{:.0}", TOP + self.share * HEIGHT + beside)
    }
}

/// A labelled time in the plot: a gap, or an event, whose width is 0.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::admin) struct Area {
    pub(in crate::admin) x: String,
    pub(in crate::admin) width: String,
    pub(in crate::admin) label: String,
}

/// A time to mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) struct Marked {
    pub(in crate::admin) from: UnixNanos,
    pub(in crate::admin) until: UnixNanos,
    pub(in crate::admin) label: String,
}

/// Where values and times are in the plot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) span: Span,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Frame {
    pub(super) fn x(&self, at: UnixNanos) -> f64 {
        let share = length(at.since(self.span.from)) / length(self.span.length().max(1));
        share.clamp(0.0, 1.0) * WIDTH
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        (self.high - value) / (self.high - self.low) * HEIGHT
    }
}

/// A length of time as a number.
#[expect(clippy::cast_precision_loss, reason = "a length of time in a picture")]
pub(super) fn length(nanos: i64) -> f64 {
    nanos as f64
}
