//! A meter's reading in the words of the vendor, and the clock that moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The measurement time of simulated devices, in seconds since 1970 UTC. A clone is the same clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    /// A clock that this function reads.
    pub fn new(seconds: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(seconds))
    }

    /// A clock that shows the number.
    #[must_use]
    pub fn set_by(seconds: Arc<AtomicI64>) -> Self {
        Self::new(move || seconds.load(Ordering::SeqCst))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> i64 {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// One reading that a device has sent: what a store must have of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The id that the device or the operator gives the meter.
    pub meter: String,
    /// Nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// Codes and values in base units.
    pub values: Vec<([u8; 6], f64)>,
}

impl Measured {
    pub(super) fn new(meter: &str, seconds: i64, values: impl IntoIterator<Item = ([u8; 6], f64)>) -> Self {
        Self { meter: meter.to_owned(), time_ns: seconds * 1_000_000_000, values: values.into_iter().collect() }
    }
}

/// `1-0:C.D.0*255`.
pub(super) const fn electricity(c: u8, d: u8) -> [u8; 6] {
    [1, 0, c, d, 0, 255]
}

/// A power in watts that moves with the time: between `low` and `low` + 1023.
pub(crate) fn moving(seconds: i64, low: i64) -> i64 {
    low + (seconds.wrapping_mul(0x9e37_79b1) >> 7).rem_euclid(1024)
}

/// A counter in watt-hours that rises as at the mean of [`moving`], about 600 W: by one in six seconds.
pub(super) fn counter(seconds: i64, at_2020: i64) -> i64 {
    at_2020 + (seconds - 1_577_836_800).div_euclid(6)
}

/// The number with three decimals, exactly.
pub(super) fn thousandths(number: i64) -> String {
    format!("{}.{:03}", number / 1000, number % 1000)
}

/// The double that is nearest to a number of thousandths.
pub(super) fn nearest(number: i64) -> f64 {
    thousandths(number).parse().unwrap_or(f64::NAN)
}
