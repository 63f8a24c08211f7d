//! The views over the tables of all periods. They are made again whenever the periods change.
//!
//! Their text is in `migrations/sqlite/views.sql`; this file writes the parts that name the tables.
//!
//! The numbers are joined with their texts in each part. So SQLite applies a condition on meter,
//! register or time to the keys of each table, also below aggregates. In a sealed table the
//! series come first (`CROSS JOIN` fixes the order), so that a range of time is a range of the key.

use super::ends::{Column, last_of};
use super::energy;
use super::periods::{FRESH, Period, table};
use rusqlite::Connection;

const VIEWS: &str = include_str!("../../../migrations/sqlite/views.sql");
/// The samples with the columns of QuestDB's table, in the same order.
const SAMPLES: &str =
    "data.ts, meter_ids.uuid AS meter, codes.obis, data.value, sources.name AS source, data.received, data.flags";
/// The samples with names. Milliseconds of the time are enough to read it.
const READINGS: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', data.ts / 1000000 / 1000.0, 'unixepoch') AS time,
  meter_ids.name, meter_ids.metering_point, meter_ids.serial, codes.obis AS register, codes.name AS register_name,
  data.value, codes.unit, meter_ids.uuid AS meter, data.ts";
/// The samples of described meters, each with the description at its time: the last version
/// that starts at or before it. The series of a metering point continues over an exchange of
/// its meter.
const BY_POINT: &str = "meters.metering_point, data.ts, codes.obis, data.value, meters.meter, meters.name, \
                        meters.serial, sources.name AS source, data.received, data.flags";
const OF_DESCRIPTION: &str = "data.ts >= meters.valid_from AND data.ts < coalesce(
    (SELECT min(later.valid_from) FROM meters AS later
     WHERE later.meter = meters.meter AND later.valid_from > meters.valid_from),
    9223372036854775807)";

/// Makes the views over these periods.
pub(super) fn create(store: &Connection, periods: &[Period]) -> rusqlite::Result<()> {
    let with_names = |columns| union(periods, |id| format!("SELECT {columns} FROM meter_ids {}", joined(id)));
    let by_point = union(periods, |id| {
        let meters = "meters JOIN meter_ids ON meter_ids.uuid = meters.meter";
        format!("SELECT {BY_POINT} FROM {meters} {} WHERE {OF_DESCRIPTION}", joined(id))
    });
    let sealed = periods.split_last().map_or(&[][..], |(_, sealed)| sealed);
    let newest = |column| last_of(sealed, column, "meter = series.meter AND obis = series.obis");
    let mut views = VIEWS
        .replace("{samples}", &with_names(SAMPLES))
        .replace("{samples_by_point}", &by_point)
        .replace("{readings}", &with_names(READINGS))
        .replace("{newest ts}", &newest(Column::Ts))
        .replace("{newest value}", &newest(Column::Value));
    for (word, text) in energy::words(periods) {
        views = views.replace(word, &text);
    }
    store.execute_batch(&views)
}

fn union(periods: &[Period], part: impl Fn(i64) -> String) -> String {
    let parts: Vec<String> = periods.iter().map(|period| part(period.id)).collect();
    parts.join("\nUNION ALL\n")
}

/// The table of a period, its registers and sources, joined with the meters.
fn joined(id: i64) -> String {
    let table = table(id);
    if id == FRESH {
        return format!(
            "JOIN {table} AS data ON data.meter = meter_ids.id JOIN codes ON codes.id = data.obis \
             JOIN sources ON sources.id = data.source"
        );
    }
    format!(
        "JOIN series ON series.meter = meter_ids.id JOIN codes ON codes.id = series.obis \
         CROSS JOIN {table} AS data ON data.meter = series.meter AND data.obis = series.obis \
         JOIN sources ON sources.id = data.source"
    )
}
