//! The views of energy, against the published vectors and their sums.

use super::views::{IMPORT, append, append_others, describe, meter, store_keeping, time};
use super::*;
use crate::reading::Obis;
use proptest::prelude::*;

const QUARTER_HOUR: i64 = 900_000_000_000;

/// The rows of an energy view, in the form of the files.
fn energy(store: &Path, view: &str) -> Vec<String> {
    let sql = format!(
        "SELECT '{view}', metering_point, start_local, end_local, round(amount, 6), iif(estimated, 'estimated', 'measured')
         FROM energy_{view} ORDER BY metering_point, register, start_utc"
    );
    rows(store, &sql).into_iter().map(|row| row.join(",")).collect()
}

#[test]
fn energy_is_calculated_as_the_vectors_say_from_fresh_and_sealed_samples_and_quarter_hours() {
    let mut cases = 0;
    for vectors in vectors::all() {
        for tables in vectors::TABLES {
            let feed = vectors.stored(tables);
            let found: Vec<_> = vectors.views.iter().flat_map(|view| energy(&file(&feed), view)).collect();
            assert_eq!(found, vectors.expected, "{} {tables:?}", vectors.name);
            cases += 1;
        }
    }
    assert_eq!(cases, 48);
}

/// Values of a counter over a day from its start to its end: at most quarter-hours, and between. It may fall.
fn any_day() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let between = prop::option::of((1..QUARTER_HOUR, 0.0..1.0_f64));
    let falls = prop_oneof![9 => Just(1.0), 1 => prop_oneof![Just(0.0), Just(0.5), 0.9..1.0_f64]];
    let step = (0.0..5000.0_f64, between, falls, prop::bool::weighted(0.8));
    prop::collection::vec(step, 96).prop_map(|steps| {
        let mut value = 1e5;
        let mut samples = vec![(0, value)];
        for (number, (rise, between, fall, is_read)) in (0_i64..).zip(steps) {
            if let Some((after, part)) = between {
                value = (value + rise * part) * fall;
                samples.push((number * QUARTER_HOUR + after, value));
            }
            value += rise;
            if is_read || number == 95 {
                samples.push(((number + 1) * QUARTER_HOUR, value));
            }
        }
        samples
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_quarter_hours_and_the_hours_of_a_day_add_up_to_it(day in any_day(), is_sealed: bool) {
        let feed = Feed::new();
        describe(&feed, 1, "house-1", "Asia/Kathmandu");
        let start_of_day = time("2026-11-20T00:00:00+05:45");
        let sample = |&(after, value): &(i64, f64)| (1, IMPORT, start_of_day + after, value);
        // In several tables, if they are sealed.
        for samples in day.chunks(20) {
            append(&feed, &samples.iter().map(sample).collect::<Vec<_>>());
        }
        if is_sealed {
            append_others(&feed);
        }
        store_keeping(&feed, Retention::default());
        let total: f64 = day.windows(2).map(|pair| {
            let (before, after) = (pair[0].1, pair[1].1);
            if after >= before { after - before } else if after < 0.9 * before { after } else { 0.0 }
        }).sum();
        let mut days = Vec::new();
        for (view, count) in [("15m", "96"), ("hour", "24"), ("day", "1"), ("month", "0")] {
            let sql = format!("SELECT count(*), coalesce(sum(amount), 0) FROM energy_{view}");
            let [row] = &rows(&file(&feed), &sql)[..] else { panic!("one row") };
            prop_assert_eq!(&row[0][..], count, "{}", view);
            days.push(row[1].parse::<f64>().unwrap());
        }
        prop_assert!((days[0] - days[2]).abs() < 1e-3 && (days[1] - days[2]).abs() < 1e-3, "{:?}", days);
        // A quarter-hour in which the counter falls and passes its former value is not noticed.
        let has_no_falls = day.windows(2).all(|pair| pair[1].1 >= pair[0].1);
        prop_assert!(!has_no_falls || (days[2] - total).abs() < 1e-3, "{} is not {}", days[2], total);
    }
}

#[test]
fn only_counters_have_energy_and_each_has_its_unit() {
    let feed = Feed::new();
    let (gas, volatile, power) =
        (Obis([7, 0, 3, 0, 0, 255]), Obis([0, 0, 128, 26, 0, 255]), Obis([1, 0, 1, 7, 0, 255]));
    for obis in [IMPORT, gas, volatile, power] {
        let at = |minutes: i64| time("2026-11-20T10:00:00Z") + minutes * 60_000_000_000;
        append(&feed, &[(1, obis, at(0), 1.0), (1, obis, at(15), 3.0)]);
    }
    store_all(&feed);
    let sql = "SELECT metering_point, register_name, amount, unit FROM energy_15m ORDER BY register";
    let point = meter(1).to_string();
    let row = |name: &str, unit: &str| [point.clone(), name.to_owned(), "2".to_owned(), unit.to_owned()];
    assert_eq!(rows(&file(&feed), sql), [row("active energy import", "Wh"), row("gas volume", "m3")]);
}

#[test]
fn an_interval_of_an_exchange_has_the_name_of_the_meter_that_came_last() {
    for numbers in [[1, 2], [2, 1]] {
        let feed = Feed::new();
        for number in numbers {
            describe(&feed, number, "house-1", "");
        }
        let [old, new] = numbers;
        let at = |minutes: i64| time("2026-11-20T09:00:00Z") + minutes * 60_000_000_000;
        append(&feed, &[(old, IMPORT, at(0), 5.0), (old, IMPORT, at(5), 6.0)]);
        append(&feed, &[(new, IMPORT, at(10), 1.0), (new, IMPORT, at(15), 2.0)]);
        store_all(&feed);
        let found = rows(&file(&feed), "SELECT name, amount, estimated FROM energy_15m");
        assert_eq!(found, [[&format!("Meter {new}")[..], "2", "1"]]);
    }
}

#[test]
fn energy_of_quarter_hours_hours_and_days_has_the_month_as_a_condition_too() {
    let feed = Feed::new();
    describe(&feed, 1, "house-1", "Asia/Kathmandu");
    // The whole last day of October and the first of November in Nepal.
    let samples = (0..=2 * 96).map(|number| (1, IMPORT, time("2026-10-30T18:15:00Z") + number * QUARTER_HOUR, 1.0));
    append(&feed, &samples.collect::<Vec<_>>());
    store_all(&feed);
    for (view, count) in [("15m", "96"), ("hour", "24"), ("day", "1")] {
        let sql = format!("SELECT month, day, count(*) FROM energy_{view} WHERE month = '2026-11' GROUP BY 1, 2");
        assert_eq!(rows(&file(&feed), &sql), [["2026-11", "2026-11-01", count]], "{view}");
    }
}
