//! The views of energy; docs/energy.md has the formula.
//!
//! The energy of a day needs few of its samples: the first and the last of each quarter-hour, and all of a
//! quarter-hour in which the counter falls. In a sealed table each of them is one search of the key. The
//! fresh samples are in the order of time, so they are read once, whole, and the same ones are chosen: an
//! energy does not change when its samples are sealed.

use super::ends::{Column, first_of, last_of};
use super::periods::{FRESH, Period, table};
use crate::reading::QUARTER_HOUR_NS;
use rusqlite::Connection;

const ENERGY: &str = include_str!("../../../migrations/sqlite/energy.sql");
/// The longest time between two samples over which an interpolated counter counts as measured: two of
/// the slots in `migrations/sqlite`.
const GAP_NS: i64 = 2 * QUARTER_HOUR_NS;
const HOUR_NS: i64 = 4 * QUARTER_HOUR_NS;
/// The columns of `counter_samples` before the sample.
const KEY: &str = "meter_ids.metering_point, codes.obis AS register, days.day, days.month, meter_ids.id AS meter, \
                   codes.id AS code, days.start, days.until, days.month_start, days.month_until";
/// The counters of each local day.
const COUNTERS: &str = "FROM days CROSS JOIN meter_ids ON meter_ids.zone = days.zone
  CROSS JOIN series ON series.meter = meter_ids.id
  CROSS JOIN codes ON codes.id = series.obis AND codes.kind = 'counter'";

/// The words in `views.sql` and their texts.
pub(super) fn words(periods: &[Period]) -> [(&'static str, String); 5] {
    let counter = "meter = near.meter AND obis = near.code";
    let before = format!("{counter} AND ts < near.start - {GAP_NS}");
    let after = format!("{counter} AND ts > near.until + {GAP_NS}");
    [
        ("{counter_samples}", counter_samples(periods)),
        ("{before ts}", last_of(periods, Column::Ts, &before)),
        ("{before value}", last_of(periods, Column::Value, &before)),
        ("{after ts}", first_of(periods, Column::Ts, &after)),
        ("{after value}", first_of(periods, Column::Value, &after)),
    ]
}

fn counter_samples(periods: &[Period]) -> String {
    let mut parts = vec![format!("SELECT {KEY}, NULL AS ts, NULL AS value {COUNTERS}")];
    parts.extend(rolled_up());
    for (place, period) in periods.iter().enumerate() {
        match periods.get(place + 1) {
            Some(next) if period.id != FRESH => {
                // The first period has all earlier samples, too.
                let start = if place == 0 { i64::MIN } else { period.start };
                parts.extend(sealed(period.id, start, next.start));
            }
            _ => parts.push(fresh(period.id)),
        }
    }
    parts.join("\nUNION ALL\n")
}

/// The first and the last sample of the quarter-hours of deleted samples; if the counter falls in one, also
/// its highest value, at about the time of the first.
fn rolled_up() -> [String; 3] {
    let samples =
        [("first_ts", "first", ""), ("last_ts", "last", ""), ("first_ts + 1", "value_max", "AND first > last")];
    samples.map(|(ts, value, condition)| {
        format!(
            "SELECT {KEY}, {ts}, {value} {COUNTERS} CROSS JOIN rollups AS data
             ON data.meter = series.meter AND data.obis = series.obis
             AND data.ts >= days.start - {GAP_NS} AND data.ts <= days.until + {GAP_NS} {condition}"
        )
    })
}

fn fresh(id: i64) -> String {
    format!(
        "SELECT metering_point, register, day, month, meter, code, start, until, month_start, month_until, ts, value FROM (
           SELECT {KEY}, data.ts, data.value, min(data.ts) OVER slot AS first_ts, max(data.ts) OVER slot AS last_ts,
             first_value(data.value) OVER slot AS first, last_value(data.value) OVER slot AS last
           FROM days CROSS JOIN {table} AS data
             ON data.ts >= days.start - {GAP_NS} AND data.ts <= days.until + {GAP_NS}
           JOIN meter_ids ON meter_ids.id = data.meter AND meter_ids.zone = days.zone
           JOIN codes ON codes.id = data.obis AND codes.kind = 'counter'
           WINDOW slot AS (
             PARTITION BY meter_ids.id, codes.id, days.day, days.month, meter_ids.metering_point, codes.obis,
               (data.ts - days.start + {GAP_NS}) / {QUARTER_HOUR_NS}
             ORDER BY data.ts ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
           )
         ) WHERE ts IN (first_ts, last_ts) OR first > last",
        table = table(id)
    )
}

/// First the ends of the quarter-hours, then all between them if the counter falls.
fn sealed(id: i64, start: i64, until: i64) -> [String; 2] {
    let table = table(id);
    let slot = |bound| format!("days.start + (slots.n + {bound}) * {QUARTER_HOUR_NS}");
    let end = |column, order| {
        format!(
            "(SELECT {column} FROM {table} WHERE meter = series.meter AND obis = series.obis
              AND ts >= {} AND ts < {} ORDER BY {order} LIMIT 1)",
            slot(0),
            slot(1)
        )
    };
    let (first, last) = (end("ts", "ts"), end("ts", "ts DESC"));
    let (first_value, last_value) = (end("value", "ts"), end("value", "ts DESC"));
    let part = |condition: String| {
        format!(
            "SELECT {KEY}, data.ts, data.value {COUNTERS} CROSS JOIN slots
             CROSS JOIN {table} AS data ON data.meter = series.meter AND data.obis = series.obis AND {condition}
             AND days.until >= {} AND days.start < {} AND {} <= days.until + {GAP_NS}",
            start.saturating_sub(GAP_NS),
            until.saturating_add(GAP_NS),
            slot(0),
        )
    };
    [
        part(format!("data.ts IN ({first}, {last})")),
        part(format!("data.ts > {first} AND data.ts < {last} AND {first_value} > {last_value}")),
    ]
}

/// Makes the views of quarter-hours, hours, days and months.
pub(super) fn create(store: &Connection) -> rusqlite::Result<()> {
    for (name, length) in [("15m", QUARTER_HOUR_NS), ("hour", HOUR_NS)] {
        let range = format!("max(t0 - start, 0) / {length} AND (min(t1, until) - 1 - start) / {length}");
        let slots = format!(" CROSS JOIN slots ON slots.n BETWEEN {range}");
        let (begins, ends) = (format!("start + n * {length}"), format!("min(start + (n + 1) * {length}, until)"));
        create_one(store, name, "day", [&begins, &ends], &slots)?;
    }
    create_one(store, "day", "day", ["start", "until"], "")?;
    create_one(store, "month", "month", ["month_start", "month_until"], "")
}

fn create_one(
    store: &Connection,
    name: &str,
    group: &str,
    [begins, ends]: [&str; 2],
    slots: &str,
) -> rusqlite::Result<()> {
    let view = ENERGY
        .replace("{name}", name)
        .replace("{group}", group)
        .replace("{begins}", begins)
        .replace("{ends}", ends)
        .replace("{slots}", slots)
        .replace("{gap}", &GAP_NS.to_string());
    store.execute_batch(&view)
}
