//! The layout of the samples: one table for each period of measurement time.
//!
//! Fresh samples are written in the order of time, so each commit adds to the end of one table. When
//! it is full, the older ones are moved to a table of their own, sorted by meter, register and time
//! (`seal`). Many small tables are joined into a larger one (`join`). So a sample is written
//! a few times, in bulk, instead of once in a page of its own; see docs/adr/0021.
//!
//! Invariants: the periods are disjoint and cover all times, so a key has one place at any time, and
//! no key is visible twice. Every change of the periods is one transaction with the views over them.

use crate::journal::Sequence;
use crate::reading::UnixNanos;
use rusqlite::{Connection, OptionalExtension, params};

/// The period of the fresh samples.
pub(super) const FRESH: i64 = 0;

/// The columns of a sample, in the order of its tables.
pub(super) const COLUMNS: &str = "meter, obis, ts, value, source, received, flags";

/// A period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) id: i64,
    /// Its samples are measured at or after this time. The first period has all earlier ones, too.
    pub(super) start: i64,
    /// How often its samples were joined.
    pub(super) joins: i64,
}

/// A place in a table that is sorted by meter, register and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) meter: i64,
    pub(super) obis: i64,
    pub(super) ts: i64,
}

impl Key {
    /// Before all samples.
    pub(super) const FIRST: Self = Self { meter: i64::MIN, obis: i64::MIN, ts: i64::MIN };
}

/// Periods that are being copied to one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joining {
    /// The table.
    pub(super) target: Period,
    /// The start of the period after the last one.
    pub(super) until: i64,
    /// The copy is complete up to here.
    pub(super) copied: Key,
}

impl Joining {
    /// Whether this period is copied.
    pub(super) fn has(&self, period: Period) -> bool {
        (self.target.start..self.until).contains(&period.start)
    }
}

/// Periods whose samples are being moved to quarter-hours, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiring {
    /// The start of the period after the last one.
    pub(super) until: i64,
    /// The samples of the first period before this key are moved, if they came with records before `next`.
    pub(super) moved: Key,
    /// A later record may have brought late samples before the key.
    pub(super) next: i64,
}

/// The periods of a store, from the oldest to the fresh one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Periods {
    all: Vec<Period>,
    pub(super) joining: Option<Joining>,
    pub(super) expiring: Option<Expiring>,
    /// The samples from before this time that came with records before this one were moved to quarter-hours.
    moved: (i64, i64),
}

impl Periods {
    /// The periods as they are stored.
    pub(super) fn read(store: &Connection) -> rusqlite::Result<Self> {
        let period = |row: &rusqlite::Row<'_>| Ok(Period { id: row.get(0)?, start: row.get(1)?, joins: row.get(2)? });
        let mut statement = store.prepare("SELECT id, start, joins FROM periods ORDER BY start")?;
        let all = statement.query_map([], period)?.collect::<rusqlite::Result<Vec<_>>>()?;
        if all.last().is_none_or(|last| last.id != FRESH) {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        let sql = "SELECT id, start, joins, until, meter, obis, ts FROM joining";
        let joining = store.query_row(sql, [], |row| {
            let copied = Key { meter: row.get(4)?, obis: row.get(5)?, ts: row.get(6)? };
            Ok(Joining { target: period(row)?, until: row.get(3)?, copied })
        });
        let sql = "SELECT until, meter, obis, ts, next FROM expiring";
        let expiring = store.query_row(sql, [], |row| {
            let moved = Key { meter: row.get(1)?, obis: row.get(2)?, ts: row.get(3)? };
            Ok(Expiring { until: row.get(0)?, moved, next: row.get(4)? })
        });
        let sql = "SELECT until, next FROM rolled_up";
        let moved = store.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Self { all, joining: joining.optional()?, expiring: expiring.optional()?, moved })
    }

    /// All periods, from the oldest to the fresh one.
    pub(super) fn all(&self) -> &[Period] {
        &self.all
    }

    /// The sealed periods, from the oldest.
    pub(super) fn sealed(&self) -> &[Period] {
        self.all.split_last().map_or(&[], |(_, sealed)| sealed)
    }

    /// The periods that are not being moved to quarter-hours, from the oldest to the fresh one.
    pub(super) fn staying(&self) -> &[Period] {
        let until = self.expiring.map_or(i64::MIN, |expiring| expiring.until);
        &self.all[self.all.partition_point(|period| period.start < until)..]
    }

    /// Whether this sample is in its quarter-hour already and comes again. `place` is the place of its period.
    ///
    /// Of a time whose samples were moved, a sample of a later record is late, and one of an earlier record is the
    /// same again.
    pub(super) fn is_moved(&self, place: usize, key: Key, record: Sequence) -> bool {
        let record = i64::try_from(record.0).unwrap_or(i64::MAX);
        (key.ts < self.moved.0 && record < self.moved.1)
            || (place == 0 && self.expiring.is_some_and(|it| key < it.moved && record < it.next))
    }

    /// The place in [`Self::all`] of samples measured at this time.
    pub(super) fn place_of(&self, at: UnixNanos) -> usize {
        self.all.partition_point(|period| period.start <= at.0).saturating_sub(1)
    }

    /// A number that no table has.
    pub(super) fn unused_id(store: &Connection) -> rusqlite::Result<i64> {
        let sql =
            "SELECT max(id) + 1 FROM (SELECT id FROM periods UNION SELECT id FROM joining UNION SELECT id FROM unused)";
        store.query_row(sql, [], |row| row.get(0))
    }
}

/// The name of a period's table.
pub(super) fn table(id: i64) -> String {
    format!("samples_{id}")
}

/// Creates the table of a period.
pub(super) fn create(store: &Connection, id: i64) -> rusqlite::Result<()> {
    let (table, key) = (table(id), if id == FRESH { "ts, meter, obis" } else { "meter, obis, ts" });
    store.execute_batch(&format!(
        "CREATE TABLE {table} (
           meter INTEGER NOT NULL,    -- meter_ids.id
           obis INTEGER NOT NULL,     -- codes.id
           ts INTEGER NOT NULL,       -- time of measurement, nanoseconds since 1970 UTC
           value REAL NOT NULL,       -- in the registry's base unit
           source INTEGER NOT NULL,   -- sources.id: account or device that delivered it
           received INTEGER NOT NULL, -- time of receipt, nanoseconds since 1970 UTC
           flags INTEGER NOT NULL,    -- one bit per peculiarity; 0 is none
           PRIMARY KEY ({key})
         ) WITHOUT ROWID, STRICT"
    ))
}

/// Makes `table` list changed values. A replay repeats an old value and then its correction. The old
/// value is not a correction (it was received before the value it replaces); the correction is
/// listed already.
pub(super) fn log_corrections(store: &Connection, id: i64) -> rusqlite::Result<()> {
    store.execute_batch(&format!(
        "CREATE TRIGGER log_correction_{id} AFTER UPDATE ON {table}
         WHEN OLD.value <> NEW.value AND NEW.received >= OLD.received
         BEGIN
           INSERT INTO corrections (meter, obis, ts, value_before, value, received_before, received)
           SELECT NEW.meter, NEW.obis, NEW.ts, OLD.value, NEW.value, OLD.received, NEW.received
           WHERE NOT EXISTS (
             SELECT 1 FROM corrections
             WHERE meter = NEW.meter AND obis = NEW.obis AND ts = NEW.ts AND received = NEW.received
               AND value_before = OLD.value AND value = NEW.value
           );
         END",
        table = table(id),
    ))
}

/// Stores a period.
pub(super) fn insert(store: &Connection, period: Period) -> rusqlite::Result<()> {
    let Period { id, start, joins } = period;
    store.execute("INSERT INTO periods (id, start, joins) VALUES (?1, ?2, ?3)", params![id, start, joins]).map(drop)
}

/// Removes a period. Its table is emptied and dropped later.
pub(super) fn remove(store: &Connection, period: Period, is_expired: bool) -> rusqlite::Result<()> {
    store.execute("DELETE FROM periods WHERE id = ?1", [period.id])?;
    abandon(store, period.id, is_expired)
}

/// Leaves a table to be emptied and dropped later.
pub(super) fn abandon(store: &Connection, id: i64, is_expired: bool) -> rusqlite::Result<()> {
    store.execute("INSERT INTO unused (id, is_expired) VALUES (?1, ?2)", params![id, is_expired]).map(drop)
}
