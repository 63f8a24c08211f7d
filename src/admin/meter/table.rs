//! The data of the charts as a table, for screen readers and for reading exact values: one row for each bar.

use super::data::Data;
use crate::admin::moment::zoned;
use crate::admin::units::Scale;
use crate::query::{Bucket, Span};
use crate::reading::UnixNanos;
use crate::reading::registry::Unit;

/// Rows without bars.
const PARTS: i64 = 24;

/// An interval with its values.
#[derive(Debug)]
pub(in crate::admin) struct Row {
    /// Local time.
    pub(super) from: String,
    pub(super) low: String,
    pub(super) mean: String,
    pub(super) high: String,
    pub(super) taken: String,
    pub(super) given: String,
    pub(super) note: &'static str,
}

/// The rows, and the unit of low, mean and high.
pub(super) fn rows(data: &Data) -> (Vec<Row>, &'static str) {
    let unit = data.rates.first().map_or(Unit::Unknown, |curve| curve.unit);
    let size = data
        .rates
        .iter()
        .flat_map(|curve| &curve.points.buckets)
        .fold(0.0, |size: f64, bucket| size.max(bucket.max.abs()).max(bucket.min.abs()));
    let scale = Scale::of(size, unit);
    let rows = intervals(data).into_iter().map(|(span, bar)| {
        let buckets: Vec<&Bucket> = data.rates.first().map_or_else(Vec::new, |curve| {
            curve.points.buckets.iter().filter(|bucket| span.contains(bucket.start)).collect()
        });
        let (low, mean, high) = summary(&buckets, scale);
        let amount = |amount: Option<f64>| {
            let shown = amount.map(|amount| crate::admin::units::shown(amount, data.bars_unit));
            shown.map_or_else(String::new, |shown| format!("{} {}", shown.number, shown.unit))
        };
        let bar = bar.and_then(|at| data.bars.get(at));
        Row {
            from: zoned(span.from, &data.zone).strftime("%Y-%m-%d %H:%M").to_string(),
            low,
            mean,
            high,
            taken: amount(bar.and_then(|bar| bar.taken)),
            given: amount(bar.and_then(|bar| bar.given)),
            note: match bar {
                Some(bar) if !bar.is_complete => "not complete",
                Some(bar) if bar.is_estimated => "estimated",
                None if buckets.is_empty() => "missing",
                _ => "",
            },
        }
    });
    (rows.collect(), scale.unit)
}

/// The intervals of the bars with their numbers, or else equal parts.
fn intervals(data: &Data) -> Vec<(Span, Option<usize>)> {
    if !data.bars.is_empty() {
        let bars = data.bars.iter().enumerate();
        return bars.map(|(at, bar)| (Span { from: bar.from, until: bar.until }, Some(at))).collect();
    }
    if data.rates.is_empty() {
        return Vec::new();
    }
    let span = data.range.span;
    let at = |part: i64| UnixNanos(span.from.0.saturating_add(span.length() / PARTS * part));
    (0..PARTS).map(|part| (Span { from: at(part), until: at(part + 1) }, None)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a number of samples")]
fn summary(buckets: &[&Bucket], scale: Scale) -> (String, String, String) {
    if buckets.is_empty() {
        return Default::default();
    }
    let low = buckets.iter().fold(f64::INFINITY, |low, bucket| low.min(bucket.min));
    let high = buckets.iter().fold(f64::NEG_INFINITY, |high, bucket| high.max(bucket.max));
    let (sum, count) = buckets.iter().fold((0.0, 0.0), |(sum, count), bucket| {
        let more = bucket.count as f64;
        (sum + bucket.mean * more, count + more)
    });
    (scale.number(low), scale.number(sum / count), scale.number(high))
}
