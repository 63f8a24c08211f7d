//! Two sites with meters of each kind, and an independent computation of energy from all of their samples.

use meterline_load::{Body, Reading};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(super) const QUARTER_S: i64 = 900;
pub(super) const DAY_S: i64 = 86_400;
pub(super) const IMPORT: &str = "1-0:1.8.0*255";
pub(super) const EXPORT: &str = "1-0:2.8.0*255";
pub(super) const POWER: &str = "1-0:1.7.0*255";
pub(super) const POWER_EXPORT: &str = "1-0:2.7.0*255";
pub(super) const SIGNED_POWER: &str = "1-0:16.7.0*255";
pub(super) const WATER: &str = "8-0:1.0.0*255";
pub(super) const VOLTAGES: [&str; 3] = ["1-0:32.7.0*255", "1-0:52.7.0*255", "1-0:72.7.0*255"];

/// Samples of a register: seconds since 1970 and values.
pub(super) type Samples = Vec<(i64, f64)>;

pub(super) struct Meter {
    /// As the panels show it: described without the metering point in brackets.
    pub(super) name: &'static str,
    pub(super) point: &'static str,
    pub(super) role: Option<&'static str>,
    pub(super) site: &'static str,
    pub(super) vendor: &'static str,
    pub(super) id: Uuid,
    pub(super) series: BTreeMap<&'static str, Samples>,
}

/// A counter that rises by another amount at each of these times.
fn counter(times: impl Iterator<Item = i64>, start: f64, rise: f64) -> Samples {
    let steps = [0.0, 0.25, 1.0, 2.0, 1.75];
    let mut value = start;
    let rises = times.zip(steps.into_iter().cycle());
    rises
        .map(|(at, step)| {
            value += rise * step;
            (at, value)
        })
        .collect()
}

/// Nine days of samples up to this time, which begins a quarter-hour.
pub(super) fn meters(end: i64) -> Vec<Meter> {
    let start = end - 9 * DAY_S;
    let quarters = move || (0..=9 * 96).map(move |number| start + number * QUARTER_S);
    let ten_seconds = move || (0..360).map(move |number| end - 3600 + number * 10);
    let gauge = |base: f64, width: i32| -> Samples {
        (0..).zip(ten_seconds()).map(|(number, at)| (at, base + f64::from(number % width))).collect()
    };
    let mut grid = BTreeMap::from([
        (IMPORT, counter(quarters(), 1e5, 100.0)),
        (EXPORT, counter(quarters(), 500.0, 20.0)),
        (POWER, gauge(400.0, 7)),
        (POWER_EXPORT, gauge(0.0, 3)),
        ("1-0:13.7.0*255", gauge(0.9, 1)),
    ]);
    for (code, base) in VOLTAGES.into_iter().zip([229.0, 230.0, 231.0]) {
        grid.insert(code, gauge(base, 2));
    }
    for code in
        ["1-0:31.7.0*255", "1-0:51.7.0*255", "1-0:71.7.0*255", "1-0:21.7.0*255", "1-0:41.7.0*255", "1-0:61.7.0*255"]
    {
        grid.insert(code, gauge(3.0, 4));
    }
    // Ten seconds in the last hour: many samples in each quarter-hour.
    let solar = counter(quarters().filter(|at| *at < end - 3600).chain(ten_seconds()).chain([end]), 0.0, 70.0);
    let solar =
        BTreeMap::from([(EXPORT, solar), (IMPORT, counter(quarters(), 0.0, 0.5)), (SIGNED_POWER, gauge(-330.0, 5))]);
    // Irregular: every 8 to 14 hours.
    let water =
        (0..18).map(|number| start + 17 + number * 12 * 3600 + number % 3 * 2 * 3600).filter(|at| *at < end - 7200);
    // The old meter of the shop ends two days before the end; the counter of the new one is reset a day before it.
    let exchange = end - 2 * DAY_S;
    let new = counter(quarters().filter(|at| *at > exchange + QUARTER_S), 3.0, 8.0);
    let at_reset = new.iter().rfind(|(at, _)| *at <= end - DAY_S).unwrap().1;
    let counted_again = |(at, value): (i64, f64)| (at, if at > end - DAY_S { value - at_reset } else { value });
    let new: Samples = new.into_iter().map(counted_again).collect();
    let one = |code, samples| BTreeMap::from([(code, samples)]);
    let meters = [
        ("Grid meter", "house", Some("grid"), "Home", "p1", grid),
        ("Roof", "roof", Some("production"), "Home", "smappee", solar),
        ("Office", "office", None, "Work", "smart-me", one(IMPORT, counter(quarters(), 5e4, 10.0))),
        ("Water meter", "water", None, "Work", "smart-me", one(WATER, counter(water, 7.0, 0.5))),
        (
            "Shop 1",
            "shop",
            Some("grid"),
            "Work",
            "smart-me",
            one(IMPORT, counter(quarters().filter(|at| *at <= exchange), 9e3, 5.0)),
        ),
        ("Shop 2", "shop", Some("grid"), "Work", "smart-me", one(IMPORT, new)),
        ("Load (load-1)", "load-1", Some("submeter"), "Work", "smart-me", one(IMPORT, counter(quarters(), 10.0, 2.0))),
        ("Load (load-2)", "load-2", Some("submeter"), "Work", "smart-me", one(IMPORT, counter(quarters(), 20.0, 3.0))),
        // Not described.
        ("", "", None, "no site", "not described", one(IMPORT, counter(ten_seconds(), 10.0, 1.0))),
    ];
    let numbered = (1..).zip(meters);
    let meters = numbered.map(|(number, (name, point, role, site, vendor, series))| Meter {
        name,
        point,
        role,
        site,
        vendor,
        id: Uuid::from_u128(0x6000_0000_0000_4000_8000_0000_0000_0000 + number),
        series,
    });
    meters.collect()
}

/// The bodies that a cloud posts for all samples, in the order of time.
pub(super) fn bodies(meters: &[Meter]) -> Vec<Body> {
    let mut readings: BTreeMap<(i64, Uuid), Reading> = BTreeMap::new();
    for meter in meters {
        for (code, samples) in &meter.series {
            let code: Vec<u8> = code.split(['-', ':', '.', '*']).map(|group| group.parse().unwrap()).collect();
            for &(at, value) in samples {
                let empty = || Reading { meter: *meter.id.as_bytes(), time_ns: at * 1_000_000_000, values: Vec::new() };
                let reading = readings.entry((at, meter.id)).or_insert_with(empty);
                reading.values.push((code.clone().try_into().unwrap(), value));
            }
        }
    }
    let readings: Vec<Reading> = readings.into_values().collect();
    readings.chunks(200).map(|some| Body::new(0, some.to_vec())).collect()
}

/// The energy of an interval from all samples of the meters of a metering point: each rise counts with the share of its time
/// that is in the interval. `None` unless they cover the interval.
pub(super) fn energy(meters: &[&Samples], start: i64, until: i64) -> Option<f64> {
    let seconds = |from: i64, to: i64| f64::from(i32::try_from(to - from).unwrap());
    let (mut amount, mut first, mut last) = (0.0, i64::MAX, i64::MIN);
    for pair in meters.iter().flat_map(|samples| samples.windows(2)) {
        let ((t0, v0), (t1, v1)) = (pair[0], pair[1]);
        if t0 < until && t1 > start {
            let rise = if v1 >= v0 {
                v1 - v0
            } else if v1 < 0.9 * v0 {
                v1.max(0.0)
            } else {
                0.0
            };
            amount += rise * seconds(t0.max(start), t1.min(until)) / seconds(t0, t1);
            (first, last) = (first.min(t0), last.max(t1));
        }
    }
    (first <= start && last >= until).then_some(amount)
}
