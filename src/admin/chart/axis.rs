//! Ticks: 3 to 5 round values, and 3 to 5 round local times.

use super::plot::{Tick, length};
use crate::admin::moment::zoned;
use crate::admin::units::digits;
use crate::query::Span;
use crate::reading::UnixNanos;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};

/// Ticks of an axis at most.
const TICKS_MAX: usize = 5;

/// The ticks of the values, and the values at both edges.
#[derive(Debug)]
pub(super) struct Ticks {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) ticks: Vec<Tick>,
}

/// Round values that cover these.
pub(super) fn value_ticks(low: f64, high: f64) -> Ticks {
    let (low, high) = if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 0.0) };
    let size = (high - low).max(low.abs().max(high.abs()) * 1e-3);
    let size = if size > 0.0 { size } else { 1.0 };
    let rough = size / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0, 20.0];
    let fits = |step: &f64| (high / step).ceil() - (low / step).floor() <= 4.0;
    let step = factors.iter().map(|factor| factor * power).find(fits).unwrap_or(50.0 * power);
    let first = (low / step).floor();
    let last = (high / step).ceil().max(first + 1.0);
    let (bottom, top) = (first * step, last * step);
    let mut ticks = Vec::new();
    let mut number = first;
    while number <= last && ticks.len() < TICKS_MAX {
        let share = (last - number) / (last - first);
        ticks.push(Tick { share, label: label(number * step, step), is_zero: number == 0.0 });
        number += 1.0;
    }
    Ticks { low: bottom, high: top, ticks }
}

/// A tick's value with the digits that its step needs.
fn label(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (0..6).find(|decimals| {
        let scaled = step * 10_f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
    });
    let decimals = usize::try_from(decimals.unwrap_or(6)).unwrap_or(6);
    if decimals == 0 && value.abs() >= 100.0 {
        digits(value)
    } else {
        format!("{value:.decimals$}").replace('-', "−")
    }
}

/// Lengths between two ticks: minutes of a day, or days.
const MINUTES: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];
const DAYS: [i64; 5] = [1, 2, 5, 7, 14];
const MONTHS: [i64; 6] = [1, 2, 3, 6, 12, 24];
const MINUTE_NS: i64 = 60_000_000_000;
const DAY_NS: i64 = 1_440 * MINUTE_NS;

/// Round local times of a span.
pub(super) fn time_ticks(span: Span, zone: &TimeZone) -> Vec<Tick> {
    let fits = |length: i64| span.length() / length < 5;
    let times = if let Some(minutes) = MINUTES.iter().find(|minutes| fits(**minutes * MINUTE_NS)) {
        by_minutes(span, zone, *minutes)
    } else if let Some(days) = DAYS.iter().find(|days| fits(**days * DAY_NS)) {
        by_days(span, zone, *days)
    } else {
        by_months(span, zone, *MONTHS.iter().find(|months| fits(**months * 30 * DAY_NS)).unwrap_or(&36))
    };
    let tick = |(at, label): (Zoned, String)| {
        let at = UnixNanos(i64::try_from(at.timestamp().as_nanosecond()).ok()?);
        let share = length(at.since(span.from)) / length(span.length().max(1));
        // A label at the very edge would be cut.
        (0.04..=0.96).contains(&share).then_some(Tick { share, label, is_zero: false })
    };
    times.into_iter().filter_map(tick).take(TICKS_MAX).collect()
}

fn by_minutes(span: Span, zone: &TimeZone, minutes: i64) -> Vec<(Zoned, String)> {
    let mut found = Vec::new();
    let mut day = zoned(span.from, zone).date();
    let last = zoned(span.until, zone).date();
    while day <= last {
        for minute in (0..1_440 / minutes).map(|number| number * minutes) {
            let (Ok(hour), Ok(minute_of_hour)) = (i8::try_from(minute / 60), i8::try_from(minute % 60)) else {
                continue;
            };
            let Ok(time) = Time::new(hour, minute_of_hour, 0, 0) else { continue };
            if let Ok(at) = day.to_datetime(time).to_zoned(zone.clone()) {
                let format = if minute == 0 { "%-d %b" } else { "%H:%M" };
                let label = at.strftime(format).to_string();
                found.push((at, label));
            }
        }
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    found.retain(|(at, _)| is_within(at, span));
    found
}

fn by_days(span: Span, zone: &TimeZone, days: i64) -> Vec<(Zoned, String)> {
    let first = zoned(span.from, zone).date();
    dates(span, zone, first, |day| day.checked_add(days.days()).ok(), "%-d %b")
}

fn by_months(span: Span, zone: &TimeZone, months: i64) -> Vec<(Zoned, String)> {
    let first = zoned(span.from, zone).date().first_of_month();
    dates(span, zone, first, |day| day.checked_add(months.months()).ok(), "%b %Y")
}

fn dates(
    span: Span,
    zone: &TimeZone,
    first: Date,
    next: impl Fn(Date) -> Option<Date>,
    format: &str,
) -> Vec<(Zoned, String)> {
    let midnights = std::iter::successors(Some(first), |day| next(*day))
        .map_while(|day| day.to_zoned(zone.clone()).ok())
        .skip_while(|at| !is_within(at, span) && at.timestamp().as_nanosecond() < i128::from(span.until.0))
        .take_while(|at| is_within(at, span));
    midnights.map(|at| (at.clone(), at.strftime(format).to_string())).collect()
}

fn is_within(at: &Zoned, span: Span) -> bool {
    (i128::from(span.from.0)..i128::from(span.until.0)).contains(&at.timestamp().as_nanosecond())
}
