//! One transaction: rows, versions of meter descriptions, cursor, correction log.

use super::batch::Batch;
use super::calendar::{Calendar, ZONE_OF_METER};
use super::dictionary::Dictionary;
use super::fresh;
use super::periods::{self, FRESH, Key, Periods};
use super::series::Series;
use crate::journal::{JournalId, Position, Sequence};
use crate::reading::registry::{self, Unit};
use crate::reading::{MeterId, Obis};
use crate::wire::meters::{Description, Version};
use rusqlite::{Connection, TransactionBehavior, params};
use uuid::Uuid;

/// Corrections kept at most; the oldest are deleted. Their ids keep counting.
pub const CORRECTIONS_MAX: i64 = if cfg!(test) { 5 } else { 100_000 };

/// A repeated version replaces the earlier one: it is the better one.
const UPSERT_VERSION: &str = "
    INSERT OR REPLACE INTO meters
    (meter, valid_from, valid_to, metering_point, name, serial, meter_serial, vendor, model, firmware, family,
     family_name, energy_type, energy_type_name, sub_type, sub_type_name, gateway, customer, site, role, phase,
     time_zone, tariff, currency, unit, source)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
     ?23, ?24, ?25, ?26)";
const SET_CURSOR: &str = "
    UPDATE cursor SET journal = ?1, next = ?2, generation = generation + 1, checkpointed = ?3,
    schema_version = (SELECT schema_version FROM pragma_schema_version),
    newest = max(newest, ?2) RETURNING generation, newest > ?2";
const SET_GENERATION: &str = "
    UPDATE cursor SET generation = ?1, checkpointed = ?2,
    schema_version = (SELECT schema_version FROM pragma_schema_version)";
const NEXT_GENERATION: &str = "
    UPDATE cursor SET generation = generation + 1, checkpointed = ?1,
    schema_version = (SELECT schema_version FROM pragma_schema_version) RETURNING generation";
const SET_CANARY: &str = "INSERT OR REPLACE INTO canary (id, ts, value) VALUES (1, ?1, ?2)";
const UPDATE_CODE: &str = "
    UPDATE codes SET name = ?2, unit = ?3, kind = ?4 WHERE obis = ?1 AND (name, unit, kind) IS NOT (?2, ?3, ?4)";
const ADD_METER: &str = "INSERT INTO meter_ids (uuid, metering_point) VALUES (?1, ?1) ON CONFLICT DO NOTHING";
const POINT_OF_METER: &str = "SELECT metering_point FROM meter_ids WHERE uuid = ?1";
const DESCRIBE_METER: &str = "
    UPDATE meter_ids SET metering_point = newest.metering_point, name = newest.name, serial = newest.serial
    FROM (SELECT * FROM meters WHERE meter = ?1 ORDER BY valid_from DESC LIMIT 1) AS newest WHERE uuid = ?1";
const NEWEST_CORRECTION: &str = "SELECT coalesce(max(id), 0) FROM corrections";
const TRIM_CORRECTIONS: &str = "DELETE FROM corrections WHERE id <= ?1";

/// The counts of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Committed {
    /// Rows written, each key once.
    pub(super) rows: usize,
    /// The fresh ones among them.
    pub(super) fresh: usize,
    /// Samples that were not written because they are in quarter-hours already.
    pub(super) moved: usize,
    /// Keys whose value changed.
    pub(super) corrections: u64,
    /// Whether later records of the journal were stored before.
    pub(super) is_replay: bool,
    /// The store's generation.
    pub(super) generation: i64,
}

/// The dictionaries of an open file.
#[derive(Debug)]
pub(super) struct Dictionaries {
    meters: Dictionary<MeterId>,
    codes: Dictionary<Obis, 4>,
    sources: Dictionary<String>,
    series: Series,
    calendar: Calendar,
    is_open: bool,
}

impl Dictionaries {
    /// `time_zone` is the zone of meters whose description names none.
    pub(super) fn new(time_zone: &str) -> Self {
        Self {
            meters: Dictionary::new(
                "SELECT id FROM meter_ids WHERE uuid = ?1",
                "INSERT INTO meter_ids (uuid, metering_point, zone)
                 VALUES (?1, ?1, (SELECT name FROM time_zones WHERE is_default)) RETURNING id",
            ),
            codes: Dictionary::new(
                "SELECT id FROM codes WHERE obis = ?1",
                "INSERT INTO codes (obis, name, unit, kind) VALUES (?1, ?2, ?3, ?4) RETURNING id",
            ),
            sources: Dictionary::new(
                "SELECT id FROM sources WHERE name = ?1",
                "INSERT INTO sources (name) VALUES (?1) RETURNING id",
            ),
            series: Series::default(),
            calendar: Calendar::new(time_zone),
            is_open: false,
        }
    }

    /// Brings what an earlier version of the program or of the system's time zones wrote up to date.
    fn open(&mut self, store: &Connection) -> rusqlite::Result<()> {
        if self.is_open {
            return Ok(());
        }
        self.calendar.open(store)?;
        let mut codes = store.prepare("SELECT obis FROM codes")?;
        let codes: Vec<String> = codes.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut update = store.prepare(UPDATE_CODE)?;
        for code in codes.iter().filter_map(|code| code.parse::<Obis>().ok()) {
            update.execute(register(code))?;
        }
        self.is_open = true;
        Ok(())
    }
}

/// A register's code, name, unit and kind.
fn register(code: Obis) -> [String; 4] {
    let entry = registry::entry(code);
    let name = entry.map(|entry| entry.name.to_string()).unwrap_or_default();
    let unit = entry.map_or(Unit::Unknown, |entry| entry.unit).symbol();
    let kind = entry.map_or("", |entry| entry.kind.label());
    [code.to_string(), name, unit.to_owned(), kind.to_owned()]
}

/// Writes a batch and its cursor. When this returns they are synced to disk. `checkpointed` is
/// the generation that the database has without its log.
pub(super) fn commit(
    store: &mut Connection,
    dictionaries: &mut Dictionaries,
    periods: &Periods,
    batch: &Batch,
    cursor: Position,
    checkpointed: i64,
) -> rusqlite::Result<Committed> {
    // Locks at once: a transaction that starts as a reader can fail when it first writes.
    let transaction = store.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before: i64 = transaction.prepare_cached(NEWEST_CORRECTION)?.query_row([], |row| row.get(0))?;
    dictionaries.open(&transaction)?;
    let (rows, moved) = rows(&transaction, dictionaries, periods, batch)?;
    let fresh = write_rows(&transaction, periods, &rows)?;
    write_versions(&transaction, &mut dictionaries.calendar, batch.versions())?;
    if let Some((at, value)) = batch.canary() {
        transaction.prepare_cached(SET_CANARY)?.execute(params![at.0, value])?;
    }
    let after: i64 = transaction.prepare_cached(NEWEST_CORRECTION)?.query_row([], |row| row.get(0))?;
    if after > before && after > CORRECTIONS_MAX {
        transaction.prepare_cached(TRIM_CORRECTIONS)?.execute([after - CORRECTIONS_MAX])?;
    }
    let next = i64::try_from(cursor.next.0).unwrap_or(i64::MAX);
    let (generation, is_replay) = transaction
        .prepare_cached(SET_CURSOR)?
        .query_row(params![cursor.journal.to_string(), next, checkpointed], |row| Ok((row.get(0)?, row.get(1)?)))?;
    transaction.commit()?;
    Ok(Committed { rows: rows.len(), fresh, moved, corrections: after.abs_diff(before), is_replay, generation })
}

/// Whether records of this journal were stored before.
pub(super) fn is_known(store: &Connection, journal: JournalId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM journals WHERE id = ?1)";
    store.prepare_cached(sql)?.query_row([journal.to_string()], |row| row.get(0))
}

/// Notes a journal, of whose records this is the first one. The store may have records with these numbers, of another
/// journal. So those from this number on do not count as stored.
pub(super) fn meet(store: &Connection, journal: JournalId, first: Sequence) -> rusqlite::Result<()> {
    store.execute("INSERT INTO journals (id) VALUES (?1)", [journal.to_string()])?;
    let first = i64::try_from(first.0).unwrap_or(i64::MAX);
    store.execute_batch(&format!(
        "UPDATE cursor SET newest = min(newest, {first});
         UPDATE rolled_up SET next = min(next, {first});
         UPDATE expiring SET next = min(next, {first})"
    ))
}

/// Sets the generation without any rows.
pub(super) fn set_generation(store: &Connection, generation: i64, checkpointed: i64) -> rusqlite::Result<()> {
    store.execute(SET_GENERATION, [generation, checkpointed]).map(|_| ())
}

/// Counts a transaction without rows.
pub(super) fn next_generation(store: &Connection, checkpointed: i64) -> rusqlite::Result<i64> {
    store.prepare_cached(NEXT_GENERATION)?.query_row([checkpointed], |row| row.get(0))
}

/// A row in the numbers of the file.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Of its period in [`Periods::all`].
    place: usize,
    key: Key,
    value: f64,
    source: i64,
    received: i64,
    flags: u16,
}

/// The rows in the order of the tables, each key once: the last in journal order. Without those that are in
/// quarter-hours already, which are counted.
fn rows(
    store: &Connection,
    dictionaries: &mut Dictionaries,
    periods: &Periods,
    batch: &Batch,
) -> rusqlite::Result<(Vec<Row>, usize)> {
    let sources = batch
        .sources()
        .map(|name| dictionaries.sources.number(store, name.to_owned(), || [name.to_owned()]))
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    let mut rows = Vec::with_capacity(batch.rows().len());
    let mut last: Option<(MeterId, i64)> = None;
    for row in batch.rows() {
        let meter = match last {
            Some((known, number)) if known == row.meter => number,
            _ => dictionaries.meters.number(store, row.meter, || [row.meter.to_string()])?,
        };
        last = Some((row.meter, meter));
        let obis = dictionaries.codes.number(store, row.obis, || register(row.obis))?;
        dictionaries.series.add(store, meter, obis)?;
        let (place, key) = (periods.place_of(row.at), Key { meter, obis, ts: row.at.0 });
        if periods.is_moved(place, key, row.sequence) {
            continue;
        }
        rows.push(Row {
            place,
            key,
            value: row.value,
            source: sources.get(row.source as usize).copied().unwrap_or_default(),
            received: row.received.0,
            flags: row.flags.bits(),
        });
    }
    let moved = batch.rows().len() - rows.len();
    let times = || batch.rows().iter().map(|row| row.at);
    if let Some((first, last)) = times().min().zip(times().max()) {
        dictionaries.calendar.cover(store, first, last)?;
    }
    let fresh = periods.all().len() - 1;
    let order = |row: &Row| {
        let Key { meter, obis, ts } = row.key;
        (row.place, if row.place == fresh { (ts, meter, obis) } else { (meter, obis, ts) })
    };
    // Stable: rows of one key stay in journal order.
    rows.sort_by_key(order);
    rows.dedup_by(|later, kept| {
        let is_same = later.key == kept.key;
        if is_same {
            *kept = *later;
        }
        is_same
    });
    Ok((rows, moved))
}

/// Writes rows, each to the table of its period, and returns the number of fresh ones.
fn write_rows(store: &Connection, periods: &Periods, rows: &[Row]) -> rusqlite::Result<usize> {
    let mut fresh = 0;
    for rows in rows.chunk_by(|one, other| one.place == other.place) {
        let period = periods.all()[rows[0].place];
        upsert(store, period.id, rows.iter())?;
        if period.id == FRESH {
            fresh::add(store, rows.iter().map(|row| row.key))?;
            fresh = rows.len();
            continue;
        }
        // Late samples before the end of the copy must be written to it, too.
        if let Some(joining) = periods.joining.filter(|joining| joining.has(period)) {
            upsert(store, joining.target.id, rows.iter().filter(|row| row.key <= joining.copied))?;
        }
    }
    Ok(fresh)
}

/// Writes rows to a table, unless the same ones are stored already.
fn upsert<'a>(store: &Connection, id: i64, rows: impl Iterator<Item = &'a Row>) -> rusqlite::Result<()> {
    let mut upsert = store.prepare_cached(&format!(
        "INSERT INTO {table} ({columns}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (meter, obis, ts) DO UPDATE
         SET value = excluded.value, source = excluded.source, received = excluded.received, flags = excluded.flags
         WHERE value <> excluded.value OR source <> excluded.source OR received <> excluded.received
           OR flags <> excluded.flags",
        table = periods::table(id),
        columns = periods::COLUMNS,
    ))?;
    for Row { key, value, source, received, flags, .. } in rows {
        upsert.execute(params![key.meter, key.obis, key.ts, value, source, received, flags])?;
    }
    Ok(())
}

fn write_versions(store: &Connection, calendar: &mut Calendar, versions: &[Version]) -> rusqlite::Result<()> {
    for version in versions {
        let Description {
            name,
            serial,
            meter_serial,
            vendor,
            model,
            firmware,
            family,
            energy_type,
            sub_type,
            gateway,
            customer,
            site,
            role,
            phase,
            time_zone,
            tariff,
            currency,
            unit,
        } = &version.description;
        store.prepare_cached(UPSERT_VERSION)?.execute(params![
            version.meter.to_string(),
            version.valid_from.0,
            version.valid_to.map(|at| at.0),
            version.metering_point,
            name,
            serial,
            meter_serial,
            vendor,
            model,
            firmware,
            family.number,
            family.name,
            energy_type.number,
            energy_type.name,
            sub_type.number,
            sub_type.name,
            gateway,
            customer,
            site,
            role.label(),
            phase,
            time_zone,
            tariff,
            currency,
            unit,
            version.source
        ])?;
        if !time_zone.is_empty() {
            calendar.add_zone(store, time_zone)?;
        }
        let meter = version.meter.to_string();
        store.prepare_cached(ADD_METER)?.execute([&meter])?;
        let point: String = store.prepare_cached(POINT_OF_METER)?.query_row([&meter], |row| row.get(0))?;
        store.prepare_cached(DESCRIBE_METER)?.execute([&meter])?;
        // Also of the meters at this point, and at the one that the meter may have left.
        let set_zone =
            format!("UPDATE meter_ids SET zone = {ZONE_OF_METER} WHERE metering_point IN (?2, ({POINT_OF_METER}))");
        store.prepare_cached(&set_zone)?.execute([&meter, &point])?;
    }
    Ok(())
}

/// The stored cursor; in a new store the first record of no journal.
pub(super) fn read_cursor(store: &Connection) -> rusqlite::Result<Position> {
    let (journal, next): (String, i64) =
        store.query_row("SELECT journal, next FROM cursor", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let journal = JournalId(Uuid::parse_str(&journal).unwrap_or(Uuid::nil()));
    Ok(Position { journal, next: Sequence(u64::try_from(next).unwrap_or(0)).max(Sequence::FIRST) })
}
