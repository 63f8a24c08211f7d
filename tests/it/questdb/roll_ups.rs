//! The views of quarter-hours, hours and days, refreshed row by row, against an independent
//! computation.

use super::{migrated_config, wait_applied};
use crate::support::questdb::Client;
use meterline::reading::Flags;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const MINUTE_NS: i64 = 60_000_000_000;
/// 2026-03-28T22:00:00Z.
const START_NS: i64 = 1_774_735_200 * 1_000_000_000;
const METERS: [&str; 2] = ["12345678-9abc-def0-1234-56789abcdef0", "22345678-9abc-def0-1234-56789abcdef0"];

/// Rows in the order in which they come: meter, minutes after the start, value. Some are late,
/// some replace others, and some buckets between them have none.
const ROWS: [(usize, i64, f64); 24] = [
    (0, 0, 5.0),
    (0, 4, 1.0),
    (1, 2, 100.0),
    (0, 14, 9.0),
    (0, 15, 2.0),
    (1, 65, 90.0),
    (0, 59, 4.0),
    (0, 60, 8.0),
    // Late: in each bucket as its first, its last and between.
    (0, 7, 3.0),
    (0, 16, 12.0),
    (0, 29, 0.5),
    (1, 1, 101.0),
    (0, 58, -2.0),
    // The same key with another value.
    (0, 4, 7.0),
    (1, 65, 80.0),
    // The next day and the one after it.
    (0, 120, 10.0),
    (0, 119, 11.0),
    (0, 121, 12.0),
    (1, 2000, 1.0),
    (1, 1999, 2.0),
    (0, 2100, 20.0),
    // A day before all others, and a bucket between.
    (1, -300, 50.0),
    (0, 1000, 15.0),
    (0, 600, 14.0),
];

/// The columns of a bucket, computed from its samples. The mean by time is of quarter-hours alone.
fn bucket(samples: &BTreeMap<i64, f64>, has_mean: bool) -> Vec<Value> {
    let (times, values): (Vec<i64>, Vec<f64>) = samples.iter().unzip();
    let (first_ts, last_ts) = (times[0], times[times.len() - 1]);
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = values.iter().sum();
    let mut row = vec![json!(first_ts), json!(last_ts), json!(values[0]), json!(values[values.len() - 1])];
    row.extend([json!(least), json!(most), json!(sum), json!(values.len())]);
    if has_mean {
        let minutes = |from: i64, to: i64| f64::from(i32::try_from((to - from) / MINUTE_NS).unwrap());
        let held: f64 = (1..times.len()).map(|n| values[n - 1] * minutes(times[n - 1], times[n])).sum();
        let mean = if times.len() == 1 { values[0] } else { held / minutes(first_ts, last_ts) };
        row.push(rounded(mean));
    }
    row
}

fn rounded(mean: f64) -> Value {
    json!((mean * 1e6).round() / 1e6)
}

#[test]
fn views_refreshed_after_each_row_have_the_same_buckets_as_computed_from_all_rows() {
    let client = Client::shared();
    let config = migrated_config(&client, "rolled");
    // A test message is in no view.
    client.execute(&format!(
        "INSERT INTO samples_rolled (ts, meter, obis, value, flags) VALUES ({START_NS}, '{}', 'test', 1, {})",
        METERS[0],
        Flags::TEST.bits()
    ));
    let mut samples: BTreeMap<(usize, i64), f64> = BTreeMap::new();
    for (meter, minutes, value) in ROWS {
        let at = START_NS + minutes * MINUTE_NS;
        samples.insert((meter, at), value);
        client.execute(&format!(
            "INSERT INTO samples_rolled (ts, meter, obis, value) VALUES ({at}, '{}', 'a', {value:.1})",
            METERS[meter]
        ));
        wait_applied(&client, &config.table);
        client.refresh_views("samples_rolled");
        for (view, minutes) in [("15m", 15), ("hour", 60), ("day", 24 * 60)] {
            let mean = if view == "15m" { ", value_mean" } else { "" };
            let sql = format!(
                "SELECT meter, cast(ts AS LONG) bucket, cast(first_ts AS LONG), cast(last_ts AS LONG), value_first, \
                 value_last, value_min, value_max, value_sum, value_count{mean} FROM samples_rolled_{view} \
                 ORDER BY meter, bucket"
            );
            let mut buckets: BTreeMap<(usize, i64), BTreeMap<i64, f64>> = BTreeMap::new();
            for (&(meter, at), &value) in &samples {
                let start = at - at.rem_euclid(minutes * MINUTE_NS);
                buckets.entry((meter, start)).or_default().insert(at, value);
            }
            let expected: Vec<Vec<Value>> = buckets
                .iter()
                .map(|(&(meter, start), of_bucket)| {
                    [vec![json!(METERS[meter]), json!(start)], bucket(of_bucket, view == "15m")].concat()
                })
                .collect();
            let mut found = client.query(&sql);
            for row in found.iter_mut().filter(|_| view == "15m") {
                let mean = row.pop().and_then(|mean| mean.as_f64()).unwrap();
                row.push(rounded(mean));
            }
            assert_eq!(found, expected, "{view} after {} rows", samples.len());
        }
    }
}
