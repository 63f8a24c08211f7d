//! The views of energy; docs/energy.md has the formula.
//!
//! The energy of a day needs few of its samples: the first and the last of each quarter-hour, and all of a
//! quarter-hour in which the counter falls. In a sealed table each of them is one search of the key, and only the
//! quarter-hours that the table can have are looked at. The fresh samples are chosen from all of the meter's: an
//! energy does not change when its samples are sealed.

use super::ends::{Column, first_of, last_of};
use super::periods::{FRESH, Period, table};
use crate::reading::QUARTER_HOUR_NS;
use rusqlite::Connection;

const ENERGY: &str = include_str!("../../../migrations/sqlite/energy.sql");
const STEPS: &str = include_str!("../../../migrations/sqlite/steps.sql");
/// The longest time between two samples over which an interpolated counter counts as measured: two of
/// the slots in `migrations/sqlite`.
const GAP_NS: i64 = 2 * QUARTER_HOUR_NS;
const HOUR_NS: i64 = 4 * QUARTER_HOUR_NS;
/// The columns of a sample's counter and day.
const KEY: &str = "meter_ids.metering_point, codes.obis AS register, days.day, days.month, meter_ids.id AS meter, \
                   codes.id AS code, days.start, days.until, days.month_start, days.month_until";
/// The counters of each local day.
const COUNTERS: &str = "FROM days CROSS JOIN meter_ids ON meter_ids.zone = days.zone
  CROSS JOIN series ON series.meter = meter_ids.id
  CROSS JOIN codes ON codes.id = series.obis AND codes.kind = 'counter'";

/// The views of the samples and the steps over these periods.
pub(super) fn steps(periods: &[Period]) -> String {
    let counter = ["near.meter", "near.code"];
    let (before, after) = (format!("< near.start - {GAP_NS}"), format!("> near.until + {GAP_NS}"));
    STEPS
        .replace("{samples}", &samples(periods))
        .replace("{before ts}", &last_of(periods, Column::Ts, counter, &before))
        .replace("{before value}", &last_of(periods, Column::Value, counter, &before))
        .replace("{after ts}", &first_of(periods, Column::Ts, counter, &after))
        .replace("{after value}", &first_of(periods, Column::Value, counter, &after))
}

fn samples(periods: &[Period]) -> String {
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
           {COUNTERS}
           CROSS JOIN fresh_times AS fresh ON fresh.meter = series.meter
             AND fresh.ts >= days.start - {GAP_NS} AND fresh.ts <= days.until + {GAP_NS}
           CROSS JOIN {table} AS data
             ON data.ts = fresh.ts AND data.meter = fresh.meter AND data.obis = series.obis
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
    let [first, last, first_value, last_value] = ends_of_slot(id);
    let part = |condition: String| {
        format!(
            "SELECT {KEY}, data.ts, data.value {COUNTERS}
             CROSS JOIN slots ON slots.n BETWEEN {}
             CROSS JOIN {} AS data ON data.meter = series.meter AND data.obis = series.obis AND {condition}
             AND days.until >= {} AND days.start < {}",
            slots_between(start, until),
            table(id),
            start.saturating_sub(GAP_NS),
            until.saturating_add(GAP_NS),
        )
    };
    [
        part(format!("data.ts IN ({first}, {last})")),
        part(format!("data.ts > {first} AND data.ts < {last} AND {first_value} > {last_value}")),
    ]
}

/// The slots of a day, and of half an hour before and after it, that may have samples of a period. SQLite rounds
/// towards zero.
fn slots_between(start: i64, until: i64) -> String {
    let first = match start {
        i64::MIN => "-2".to_owned(),
        _ => format!("max(({start} - days.start) / {QUARTER_HOUR_NS} - 1, -2)"),
    };
    format!("{first} AND (min({until}, days.until + {GAP_NS}) - days.start) / {QUARTER_HOUR_NS}")
}

/// The first and the last sample of a slot, their times and their values.
fn ends_of_slot(id: i64) -> [String; 4] {
    let end = |column, order| {
        format!(
            "(SELECT {column} FROM {} WHERE meter = series.meter AND obis = series.obis
              AND ts >= days.start + slots.n * {QUARTER_HOUR_NS} AND ts < days.start + (slots.n + 1) * {QUARTER_HOUR_NS}
              ORDER BY {order} LIMIT 1)",
            table(id)
        )
    };
    [end("ts", "ts"), end("ts", "ts DESC"), end("value", "ts"), end("value", "ts DESC")]
}

/// Makes the views of quarter-hours, hours, days and months.
pub(super) fn create(store: &Connection) -> rusqlite::Result<()> {
    for (name, length) in [("15m", QUARTER_HOUR_NS), ("hour", HOUR_NS)] {
        let range = format!("max(t0 - start, 0) / {length} AND (min(t1, until) - 1 - start) / {length}");
        let slots = format!(" CROSS JOIN slots ON slots.n BETWEEN {range}");
        let (begins, ends) = (format!("start + n * {length}"), format!("min(start + (n + 1) * {length}, until)"));
        create_one(store, name, "day, month", [&begins, &ends], &slots)?;
    }
    create_one(store, "day", "day, month", ["start", "until"], "")?;
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
