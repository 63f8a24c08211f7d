//! The renderer of all curves: lines with a band of minimum and maximum, and bars, as the data of SVG paths.
//!
//! Pure: from numbers to coordinates in a plot of [`WIDTH`] by [`HEIGHT`], which the template stretches to the page. Texts are
//! not in the plot, so that they keep their size on a phone. Bounds: [`LINES_MAX`] lines of a chart.

mod axis;
mod bars;
mod line;
mod plot;
#[cfg(test)]
mod tests;

pub(super) use bars::{Bar, Bars};
pub(super) use line::{Line, Points, holes};
pub(super) use plot::{Area, Marked, Tick};

use super::units::Scale;
use crate::query::Span;
use crate::reading::registry::Unit;
use axis::{Ticks, time_ticks, value_ticks};
use jiff::tz::TimeZone;
use plot::Frame;

/// The bands of more lines would hide each other.
const BANDS_MAX: usize = 2;
/// More lines of one unit cannot be distinguished.
pub(super) const LINES_MAX: usize = 6;

/// A chart, as its template reads it.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) id: &'static str,
    pub(super) unit: &'static str,
    pub(super) lines: Vec<Line>,
    pub(super) bars: Option<Bars>,
    pub(super) gaps: Vec<Area>,
    pub(super) marks: Vec<Area>,
    pub(super) values: Vec<Tick>,
    pub(super) times: Vec<Tick>,
    /// The values at the lower and the upper edge, for the crosshair.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Milliseconds since 1970 at the left and right edge.
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

/// The surroundings of a chart: span, zone, gaps and marks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas<'a> {
    pub(super) span: Span,
    pub(super) zone: &'a TimeZone,
    pub(super) gaps: &'a [Marked],
    pub(super) marks: &'a [Marked],
}

impl Canvas<'_> {
    /// A chart of lines. `with_zero` shows the zero too.
    pub(super) fn lines(&self, id: &'static str, title: &str, unit: Unit, curves: &[Points], with_zero: bool) -> Chart {
        let all = || curves.iter().flat_map(|curve| curve.buckets.iter());
        let start = if with_zero { (0.0, 0.0) } else { (f64::INFINITY, f64::NEG_INFINITY) };
        let (low, high) = all().fold(start, |(low, high), bucket| (low.min(bucket.min), high.max(bucket.max)));
        let scale = Scale::of(low.abs().max(high.abs()), unit);
        let (frame, values) = self.frame(scale.apply(low), scale.apply(high));
        let lines = curves.iter().take(LINES_MAX).enumerate();
        let mut lines: Vec<Line> =
            lines.map(|(number, curve)| line::line(&frame, curve, scale, self.gaps, number)).collect();
        if lines.len() > BANDS_MAX {
            lines.iter_mut().for_each(|line| line.band.clear());
        }
        self.chart(id, title, scale, frame, values, lines, None)
    }

    /// A chart of bars from zero: `taken` upwards, `given` downwards.
    pub(super) fn bars(&self, id: &'static str, title: &str, unit: Unit, bars: &[Bar]) -> Chart {
        let high = bars.iter().filter_map(|bar| bar.taken).fold(0.0, f64::max);
        let low = bars.iter().filter_map(|bar| bar.given).fold(0.0, |low: f64, given| low.min(-given));
        let scale = Scale::of(high.max(-low), unit);
        let (frame, values) = self.frame(scale.apply(low), scale.apply(high));
        let bars = bars::bars(&frame, bars, scale, self.zone);
        self.chart(id, title, scale, frame, values, Vec::new(), Some(bars))
    }

    fn frame(&self, low: f64, high: f64) -> (Frame, Ticks) {
        let ticks = value_ticks(low, high);
        (Frame { span: self.span, low: ticks.low, high: ticks.high }, ticks)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one value")]
    fn chart(
        &self,
        id: &'static str,
        title: &str,
        scale: Scale,
        frame: Frame,
        values: Ticks,
        lines: Vec<Line>,
        bars: Option<Bars>,
    ) -> Chart {
        let area = |marked: &Marked| {
            let (from, until) = (frame.x(marked.from), frame.x(marked.until));
            Area { x: format!("{from:.1}"), width: format!("{:.1}", until - from), label: marked.label.clone() }
        };
        let in_span = |marked: &&Marked| marked.from < self.span.until && marked.until >= self.span.from;
        let unit = if scale.unit.is_empty() { String::new() } else { format!(" ({})", scale.unit) };
        Chart {
            title: format!("{title}{unit}"),
            id,
            unit: scale.unit,
            lines,
            bars,
            gaps: self.gaps.iter().filter(in_span).map(area).collect(),
            marks: self.marks.iter().filter(in_span).map(area).collect(),
            values: values.ticks,
            times: time_ticks(self.span, self.zone),
            low: frame.low,
            high: frame.high,
            from_ms: self.span.from.0 / 1_000_000,
            until_ms: self.span.until.0 / 1_000_000,
        }
    }
}
