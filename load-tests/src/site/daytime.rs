//! The day as a site sees it: local time, the height of the sun, the weather, and chance that always falls the same
//! way.

use std::f64::consts::TAU;

const DAY_S: i64 = 86_400;
/// The site: near Zürich. Its clock stays in winter time.
const LATITUDE_DEGREES: f64 = 47.4;
const LONGITUDE_DEGREES: f64 = 8.5;
const ZONE_S: i64 = 3600;

/// A time at the site.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Daytime {
    /// Days since 1970.
    pub(super) day: i64,
    /// Hours since midnight.
    pub(super) hour: f64,
    /// Seconds since 1970 UTC.
    utc: i64,
}

#[expect(clippy::cast_precision_loss, reason = "days and seconds of a day are small")]
impl Daytime {
    pub(super) fn at(utc: i64) -> Self {
        let local = utc + ZONE_S;
        let second = local.rem_euclid(DAY_S);
        Self { day: local.div_euclid(DAY_S), hour: second as f64 / 3600.0, utc }
    }

    /// Whether people are at work. 1970 began on a Thursday.
    pub(super) fn is_workday(self) -> bool {
        (self.day + 3).rem_euclid(7) < 5
    }

    /// A number between 0 and 1 for this day.
    pub(super) fn chance(self, seed: u64) -> f64 {
        chance(seed, self.day)
    }

    /// A number between 0 and 1 for each stretch of this many seconds.
    pub(super) fn chance_each(self, seed: u64, seconds: i64) -> f64 {
        chance(seed, self.utc.div_euclid(seconds))
    }

    /// The sine of the height of the sun; negative at night.
    pub(super) fn sun(self) -> f64 {
        let declination = -(23.44_f64.to_radians()) * (self.year() + TAU * 10.0 / 365.25).cos();
        let solar_hour = self.utc.rem_euclid(DAY_S) as f64 / 3600.0 + LONGITUDE_DEGREES / 15.0;
        let angle = (solar_hour - 12.0) / 24.0 * TAU;
        let latitude = LATITUDE_DEGREES.to_radians();
        latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * angle.cos()
    }

    /// The temperature outside in degrees Celsius.
    pub(super) fn temperature(self) -> f64 {
        let season = 9.5 - 9.5 * (self.year() - TAU * 15.0 / 365.25).cos();
        season + 3.5 * ((self.hour - 15.0) / 24.0 * TAU).cos() + 5.0 * (self.chance(0xA1) - 0.5)
    }

    /// 1 between these hours, with slopes of half an hour, else 0.
    pub(super) fn between(self, from: f64, to: f64) -> f64 {
        let slope = |hours: f64| (hours / 0.5).clamp(0.0, 1.0);
        slope(self.hour - from) * slope(to - self.hour)
    }

    /// The angle of the year.
    fn year(self) -> f64 {
        self.day as f64 / 365.25 * TAU
    }
}

#[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
fn chance(seed: u64, number: i64) -> f64 {
    // SplitMix64.
    let mut bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(number.cast_unsigned());
    for multiplier in [0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb] {
        bits = (bits ^ (bits >> 30)).wrapping_mul(multiplier);
    }
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
