//! Bars from zero: import upwards, export downwards.

use super::plot::{Frame, HEIGHT};
use crate::admin::moment::zoned;
use crate::admin::units::Scale;
use crate::reading::UnixNanos;
use jiff::tz::TimeZone;

/// The share of its interval that a bar is wide.
const FILLED: f64 = 0.8;

/// The amounts of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::admin) struct Bar {
    pub(in crate::admin) from: UnixNanos,
    pub(in crate::admin) until: UnixNanos,
    /// Import, or the amount of another medium.
    pub(in crate::admin) taken: Option<f64>,
    /// Export, as a positive number.
    pub(in crate::admin) given: Option<f64>,
    pub(in crate::admin) is_estimated: bool,
    /// Whether the counter is known at both ends.
    pub(in crate::admin) is_complete: bool,
}

/// The rectangles of all bars.
#[derive(Debug, Default)]
pub(in crate::admin) struct Bars {
    pub(in crate::admin) boxes: Vec<Rectangle>,
    pub(in crate::admin) has_given: bool,
    pub(in crate::admin) has_estimated: bool,
}

#[derive(Debug)]
pub(in crate::admin) struct Rectangle {
    pub(in crate::admin) x: String,
    pub(in crate::admin) y: String,
    pub(in crate::admin) width: String,
    pub(in crate::admin) height: String,
    pub(in crate::admin) class: &'static str,
    pub(in crate::admin) title: String,
}

pub(super) fn bars(frame: &Frame, bars: &[Bar], scale: Scale, zone: &TimeZone) -> Bars {
    let mut found = Bars {
        has_given: bars.iter().any(|bar| bar.given.is_some_and(|given| given > 0.0)),
        has_estimated: bars.iter().any(|bar| bar.is_estimated || !bar.is_complete),
        ..Bars::default()
    };
    let zero = frame.y(0.0).clamp(0.0, HEIGHT);
    for bar in bars {
        let (left, right) = (frame.x(bar.from), frame.x(bar.until));
        let free = (right - left) * (1.0 - FILLED) / 2.0;
        let parts = [(bar.taken, 1.0, "import"), (bar.given, -1.0, "export")];
        for (amount, sign, name) in parts {
            let Some(amount) = amount.filter(|amount| *amount > 0.0) else { continue };
            let edge = frame.y(sign * scale.apply(amount)).clamp(0.0, HEIGHT);
            let is_uncertain = bar.is_estimated || !bar.is_complete;
            let class = match (name, is_uncertain) {
                ("import", false) => "import",
                ("import", true) => "import estimated",
                (_, false) => "export",
                (_, true) => "export estimated",
            };
            let note = match (bar.is_complete, bar.is_estimated) {
                (false, _) => ", not complete",
                (true, true) => ", estimated",
                (true, false) => "",
            };
            let begin = zoned(bar.from, zone).strftime("%Y-%m-%d %H:%M").to_string();
            found.boxes.push(Rectangle {
                x: format!("{:.1}", left + free),
                y: format!("{:.1}", zero.min(edge)),
                width: format!("{:.1}", (right - left - 2.0 * free).max(0.5)),
                height: format!("{:.1}", (zero - edge).abs().max(0.5)),
                class,
                title: format!("{begin}: {} {}{note}", scale.number(amount), scale.unit),
            });
        }
    }
    found
}
