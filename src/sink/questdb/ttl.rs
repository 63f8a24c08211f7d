//! How long the table keeps its rows (TTL), from the key `keep`.
//!
//! The server drops whole partitions. Invariant: a TTL is set only on a server that counts it
//! from its clock. One that counts from the newest row would drop all others as soon as one
//! row is dated far in the future.

use super::schema::{Actual, PartitionUnit};
use super::server::Server;
use crate::deliver::SinkError;
use std::time::Duration;

const HOUR_S: u64 = 3_600;
const WALL_CLOCK: &str = "cairo.ttl.use.wall.clock";

/// The TTL in hours that a table should have to keep its rows for `keep`; `None` if it has
/// that.
pub(super) fn other(actual: &Actual, keep: Duration) -> Option<u64> {
    let wanted = wanted_hours(keep, actual.partition_unit());
    let (value, unit) = &actual.ttl;
    (hours(*value, unit) != Some(wanted)).then_some(wanted)
}

/// A TTL in hours; `None` where it is in months or years.
fn hours(value: i64, unit: &str) -> Option<u64> {
    let factor = match unit {
        "HOUR" => 1,
        "DAY" => 24,
        "WEEK" => 7 * 24,
        _ => return None,
    };
    u64::try_from(value).ok()?.checked_mul(factor)
}

/// The TTL for `keep` in hours: whole partitions, at least `keep`.
fn wanted_hours(keep: Duration, unit: PartitionUnit) -> u64 {
    let partition = match unit {
        PartitionUnit::Day => 24,
        PartitionUnit::Hour => 1,
    };
    keep.as_secs().div_ceil(HOUR_S * partition).max(1).saturating_mul(partition)
}

/// The statement that sets a TTL of this many hours.
pub(super) fn statement(table: &dyn std::fmt::Display, hours: u64) -> String {
    match hours % 24 {
        0 => format!("ALTER TABLE \"{table}\" SET TTL {} DAYS", hours / 24),
        _ => format!("ALTER TABLE \"{table}\" SET TTL {hours} HOURS"),
    }
}

/// A sentence if the server counts a TTL from the newest row of a table.
pub(super) fn refusal(server: &Server) -> Result<Option<String>, SinkError> {
    let asked = server.execute(&format!("SELECT value FROM (SHOW PARAMETERS) WHERE property_path = '{WALL_CLOCK}'"))?;
    let uses_clock = asked.rows().next().is_some_and(|row| row.text("value") == "true");
    Ok((!uses_clock).then(|| {
        format!(
            "QuestDB at {} counts a TTL from the newest row ({WALL_CLOCK} is not true), so one row dated in the future \
             would delete all others: set it to true in the server's configuration, or remove `keep` of the QuestDB sink",
            server.url()
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_is_whole_partitions_and_never_shorter_than_asked() {
        let day = Duration::from_hours(24);
        for (keep, unit, hours) in [
            (10 * day, PartitionUnit::Day, 240),
            (10 * day + Duration::from_secs(1), PartitionUnit::Day, 264),
            (Duration::from_secs(1), PartitionUnit::Day, 24),
            (Duration::from_mins(90), PartitionUnit::Hour, 2),
            (Duration::ZERO, PartitionUnit::Hour, 1),
        ] {
            assert_eq!(wanted_hours(keep, unit), hours, "{keep:?} {unit:?}");
        }
        assert_eq!(statement(&"t", 48), "ALTER TABLE \"t\" SET TTL 2 DAYS");
        assert_eq!(statement(&"t", 25), "ALTER TABLE \"t\" SET TTL 25 HOURS");
    }

    #[test]
    fn the_servers_units_are_hours_days_and_weeks_or_cannot_be_compared() {
        assert_eq!((hours(3, "HOUR"), hours(3, "DAY"), hours(3, "WEEK")), (Some(3), Some(72), Some(504)));
        assert_eq!((hours(3, "MONTH"), hours(-1, "DAY")), (None, None));
    }
}
