//! The views over the tables of all periods. They are made again whenever the periods change.
//!
//! The numbers are joined with their texts in each part. So SQLite applies a condition on meter,
//! register or time to the keys of each table, also below aggregates. In a sealed table the
//! series come first (`CROSS JOIN` fixes the order), so that a range of time is a range of the key.

use super::periods::{FRESH, Period, table};
use rusqlite::Connection;

/// The samples with the columns of QuestDB's table, in the same order.
const SAMPLES: &str =
    "data.ts, meter_ids.uuid AS meter, codes.obis, data.value, sources.name AS source, data.received, data.flags";
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
    let samples = union(periods, |id| format!("SELECT {SAMPLES} FROM meter_ids {}", joined(id)));
    let by_point = union(periods, |id| {
        let meters = "meters JOIN meter_ids ON meter_ids.uuid = meters.meter";
        format!("SELECT {BY_POINT} FROM {meters} {} WHERE {OF_DESCRIPTION}", joined(id))
    });
    store.execute_batch(&format!(
        "DROP VIEW IF EXISTS samples; CREATE VIEW samples AS\n{samples};
         DROP VIEW IF EXISTS samples_by_point; CREATE VIEW samples_by_point AS\n{by_point}"
    ))
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
