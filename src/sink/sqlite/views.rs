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
    "{ts} AS ts, meter_ids.uuid AS meter, codes.obis, data.value, sources.name AS source, data.received, data.flags";
/// The samples with names. Milliseconds of the time are enough to read it.
const READINGS: &str = "strftime('%Y-%m-%dT%H:%M:%fZ', {ts} / 1000000 / 1000.0, 'unixepoch') AS time,
  meter_ids.name, meter_ids.metering_point, meter_ids.serial, codes.obis AS register, codes.name AS register_name,
  data.value, codes.unit, meter_ids.uuid AS meter, {ts} AS ts";
/// The samples of described meters, each with the description at its time: the last version
/// that starts at or before it. The series of a metering point continues over an exchange of
/// its meter.
const BY_POINT: &str = "meters.metering_point, {ts} AS ts, codes.obis, data.value, meters.meter, meters.name, \
                        meters.serial, sources.name AS source, data.received, data.flags";
const OF_DESCRIPTION: &str = "{ts} >= meters.valid_from AND {ts} < coalesce(
    (SELECT min(later.valid_from) FROM meters AS later
     WHERE later.meter = meters.meter AND later.valid_from > meters.valid_from),
    9223372036854775807)";

/// Makes the views over these periods.
pub(super) fn create(store: &Connection, periods: &[Period]) -> rusqlite::Result<()> {
    let with_names = |columns| union(periods, |id| format!("SELECT {columns} FROM {}", joined("meter_ids", id)));
    let by_point = union(periods, |id| {
        let meters = joined("meters JOIN meter_ids ON meter_ids.uuid = meters.meter", id);
        format!("SELECT {BY_POINT} FROM {meters} WHERE {OF_DESCRIPTION}")
    });
    let newest = |column| last_of(periods, column, ["series.meter", "series.obis"], "");
    let views = VIEWS
        .replace("{samples}", &with_names(SAMPLES))
        .replace("{samples_by_point}", &by_point)
        .replace("{readings}", &with_names(READINGS))
        .replace("{newest ts}", &newest(Column::Ts))
        .replace("{newest value}", &newest(Column::Value));
    store.execute_batch(&views)?;
    store.execute_batch(&energy::steps(periods))
}

fn union(periods: &[Period], part: impl Fn(i64) -> String) -> String {
    let ts = |id| if id == FRESH { "fresh.ts" } else { "data.ts" };
    let parts: Vec<String> = periods.iter().map(|period| part(period.id).replace("{ts}", ts(period.id))).collect();
    parts.join("\nUNION ALL\n")
}

/// These meters joined with the table of a period, its registers and sources.
fn joined(meters: &str, id: i64) -> String {
    if id == FRESH {
        return format!(
            "{meters} JOIN fresh_times AS fresh ON fresh.meter = meter_ids.id \
             CROSS JOIN {table} AS data ON data.ts = fresh.ts AND data.meter = fresh.meter \
             JOIN codes ON codes.id = data.obis JOIN sources ON sources.id = data.source",
            table = table(id)
        );
    }
    format!(
        "{meters} JOIN series ON series.meter = meter_ids.id JOIN codes ON codes.id = series.obis \
         CROSS JOIN {table} AS data ON data.meter = series.meter AND data.obis = series.obis \
         JOIN sources ON sources.id = data.source",
        table = table(id)
    )
}
