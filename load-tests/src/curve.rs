//! A power over time, and its counters, which are its integral.
//!
//! The power is given at knots of five minutes. Between two knots it is a straight line with a small wave, whose
//! integral over five minutes is zero. So the counters have a closed form. All follows from the time alone: the same
//! time has the same values in every program run. Invariants: a counter never falls; the counter at the end of an
//! interval minus the one at its start is the integral of the power.

use std::f64::consts::TAU;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

const NS: i64 = 1_000_000_000;
/// The time between two knots, in seconds.
const KNOT_S: i64 = 300;
const KNOT: f64 = 300.0;
/// The counters begin here: 2026-01-01T00:00:00Z. Before it there is no power.
const BEGIN_S: i64 = 1_767_225_600;
/// The counters are remembered at each twelfth knot: an hour.
const KNOTS_PER_SUM: i64 = 12;
/// The wave: its size as a part of the power, and its periods from knot to knot.
const WAVE_SIZE: f64 = 0.03;
const WAVES: f64 = 3.0;

/// A power in W and its counters in Wh. A clone is the same curve. Any other quantity per hour does as well.
#[derive(Clone)]
pub struct Curve {
    shape: Arc<Shape>,
    factor: f64,
}

/// The power at a knot, by the seconds since 1970.
type Power = dyn Fn(i64) -> f64 + Send + Sync;

struct Shape {
    power: Box<Power>,
    /// The counters at the hours since the begin, in Ws, as far as they were needed.
    sums: Mutex<Vec<Counters>>,
}

/// Import and export.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counters {
    import: f64,
    export: f64,
}

/// The power from one knot to the next.
#[derive(Clone, Copy)]
struct Span {
    begin: f64,
    end: f64,
}

impl Curve {
    /// A curve of this power in W at the knots, by the seconds since 1970; negative is export.
    pub(super) fn new(power: impl Fn(i64) -> f64 + Send + Sync + 'static) -> Self {
        Self { shape: Arc::new(Shape { power: Box::new(power), sums: Mutex::default() }), factor: 1.0 }
    }

    /// The same shape, larger or smaller.
    pub(super) fn times(&self, factor: f64) -> Self {
        Self { shape: Arc::clone(&self.shape), factor: self.factor * factor }
    }

    /// The signed power at a time in nanoseconds.
    #[must_use]
    pub fn power(&self, time_ns: i64) -> f64 {
        let (knot, seconds) = knot_and_rest(time_ns);
        if knot < 0 { 0.0 } else { self.factor * self.shape.span(knot).power(seconds) }
    }

    /// The imported energy since the begin, at a time in nanoseconds.
    #[must_use]
    pub fn imported(&self, time_ns: i64) -> f64 {
        self.factor * self.shape.counters(time_ns).import / 3600.0
    }

    /// The exported energy since the begin.
    #[must_use]
    pub fn exported(&self, time_ns: i64) -> f64 {
        self.factor * self.shape.counters(time_ns).export / 3600.0
    }
}

impl fmt::Debug for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Curve").field("factor", &self.factor).finish_non_exhaustive()
    }
}

impl Shape {
    fn span(&self, knot: i64) -> Span {
        let at = BEGIN_S + knot * KNOT_S;
        Span { begin: (self.power)(at), end: (self.power)(at + KNOT_S) }
    }

    fn counters(&self, time_ns: i64) -> Counters {
        let (knot, seconds) = knot_and_rest(time_ns);
        let Ok(hour) = usize::try_from(knot.div_euclid(KNOTS_PER_SUM)) else { return Counters::default() };
        let mut counters = self.at_hour(hour);
        let begin = knot - knot.rem_euclid(KNOTS_PER_SUM);
        for whole in begin..knot {
            counters.add(self.span(whole), KNOT);
        }
        counters.add(self.span(knot), seconds);
        counters
    }

    fn at_hour(&self, hour: usize) -> Counters {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = sums.last().copied().unwrap_or_default();
        if sums.is_empty() {
            sums.push(last);
        }
        for knot in (0..).skip((sums.len() - 1) * 12) {
            if sums.len() > hour {
                break;
            }
            last.add(self.span(knot), KNOT);
            if (knot + 1) % KNOTS_PER_SUM == 0 {
                sums.push(last);
            }
        }
        sums.get(hour).copied().unwrap_or(last)
    }
}

impl Counters {
    /// Adds the first seconds of a span.
    fn add(&mut self, span: Span, seconds: f64) {
        let Span { begin, end } = span;
        if begin * end >= 0.0 {
            self.add_signed(begin + end, span.line(seconds) + span.wave_sum(seconds));
            return;
        }
        let zero = KNOT * begin / (begin - end);
        self.add_signed(begin, span.line(seconds.min(zero)));
        if seconds > zero {
            self.add_signed(end, span.line(seconds) - span.line(zero));
        }
    }

    fn add_signed(&mut self, sign: f64, amount: f64) {
        if sign > 0.0 { self.import += amount.max(0.0) } else { self.export += (-amount).max(0.0) }
    }
}

impl Span {
    fn power(self, seconds: f64) -> f64 {
        self.begin + (self.end - self.begin) * seconds / KNOT + self.wave() * (TAU * WAVES * seconds / KNOT).sin()
    }

    /// The integral of the line.
    fn line(self, seconds: f64) -> f64 {
        self.begin * seconds + (self.end - self.begin) * seconds * seconds / (2.0 * KNOT)
    }

    /// The size of the wave: too small to change the sign, none where the line does.
    fn wave(self) -> f64 {
        if self.begin * self.end > 0.0 { WAVE_SIZE * self.begin.abs().min(self.end.abs()) } else { 0.0 }
    }

    /// The integral of the wave.
    fn wave_sum(self, seconds: f64) -> f64 {
        let angle = TAU * WAVES * seconds / KNOT;
        self.wave() * KNOT / (TAU * WAVES) * (1.0 - angle.cos())
    }
}

/// The knot at or before a time, counted from the begin, and the seconds since.
#[expect(clippy::cast_precision_loss, reason = "less than 2^53")]
fn knot_and_rest(time_ns: i64) -> (i64, f64) {
    let since = time_ns - BEGIN_S * NS;
    (since.div_euclid(KNOT_S * NS), since.rem_euclid(KNOT_S * NS) as f64 / NS as f64)
}
