//! The local days and the offsets of time zones, for the views: SQLite has no time zones.
//!
//! Invariant: `days` has every day from the day before the first sample until the day after the last,
//! in each zone of `time_zones`.

use crate::reading::UnixNanos;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rusqlite::{Connection, OptionalExtension, params};

/// The years of a zone's changes.
const YEARS: std::ops::RangeInclusive<i16> = 2000..=2100;
/// The zone of the meter `meter_ids`, which is the zone of its metering point, so that the days of its meters are the same. It is
/// from the newest version of all meters of the point that names a known zone, or the default; of two that begin at
/// the same time, from the meter that came last.
pub(super) const ZONE_OF_METER: &str = "coalesce(
    (SELECT time_zones.name FROM meter_ids AS other
     JOIN meters ON meters.meter = other.uuid JOIN time_zones ON time_zones.name = meters.time_zone
     WHERE other.metering_point = meter_ids.metering_point ORDER BY meters.valid_from DESC, other.id DESC LIMIT 1),
    (SELECT name FROM time_zones WHERE is_default))";
const ADD_ZONE: &str = "INSERT INTO time_zones (name, is_default) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET is_default = excluded.is_default";
const ADD_OFFSET: &str = "INSERT OR REPLACE INTO utc_offsets (zone, start, seconds) VALUES (?1, ?2, ?3)";
const ADD_DAY: &str = "INSERT INTO days (day, zone, month, start, until, month_start, month_until)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT DO UPDATE SET start = excluded.start, until = excluded.until,
      month_start = excluded.month_start, month_until = excluded.month_until
    WHERE start <> excluded.start OR until <> excluded.until
      OR month_start <> excluded.month_start OR month_until <> excluded.month_until";

/// The zones and days in an open store.
#[derive(Debug)]
pub(super) struct Calendar {
    /// The zone of meters whose description names none.
    default: String,
    zones: Vec<(String, TimeZone)>,
    /// The first and the last day.
    days: Option<(Date, Date)>,
}

impl Calendar {
    pub(super) fn new(default: &str) -> Self {
        Self { default: default.to_owned(), zones: Vec::new(), days: None }
    }

    /// Reads what is stored, and writes it again where this system's time zones or the default differ.
    pub(super) fn open(&mut self, store: &Connection) -> rusqlite::Result<()> {
        let parse = |day: Option<String>| day.and_then(|day| day.parse().ok());
        self.days = store.query_row("SELECT min(day), max(day) FROM days", [], |row| {
            Ok(parse(row.get(0)?).zip(parse(row.get(1)?)))
        })?;
        let mut statement = store.prepare("SELECT name FROM time_zones WHERE name <> ?1")?;
        let names: Vec<String> = statement.query_map([&self.default], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let sql = "SELECT name FROM time_zones WHERE is_default";
        let before: Option<String> = store.query_row(sql, [], |row| row.get(0)).optional()?;
        self.add_zone(store, &self.default.clone())?;
        for name in names {
            self.add_zone(store, &name)?;
        }
        if before.is_some_and(|before| before != self.default) {
            store.execute(&format!("UPDATE meter_ids SET zone = {ZONE_OF_METER}"), [])?;
        }
        Ok(())
    }

    /// Adds a zone, if this system knows it.
    pub(super) fn add_zone(&mut self, store: &Connection, name: &str) -> rusqlite::Result<()> {
        if self.zones.iter().any(|(known, _)| known == name) {
            return Ok(());
        }
        let is_default = name == self.default;
        let zone = match TimeZone::get(name) {
            Ok(zone) => zone,
            // The default is checked with the configuration; without the system's zones only UTC is known.
            Err(_) if is_default => TimeZone::UTC,
            Err(_) => return Ok(()),
        };
        store.prepare_cached(ADD_ZONE)?.execute(params![name, is_default])?;
        let mut add_offset = store.prepare_cached(ADD_OFFSET)?;
        let begin =
            Date::constant(*YEARS.start(), 1, 1).to_zoned(TimeZone::UTC).map_or(Timestamp::MIN, |at| at.timestamp());
        add_offset.execute(params![name, i64::MIN, zone.to_offset(begin).seconds()])?;
        let changes = zone
            .following(begin)
            .take_while(|change| YEARS.contains(&change.timestamp().to_zoned(TimeZone::UTC).year()));
        for change in changes {
            add_offset.execute(params![name, nanos(change.timestamp()), change.offset().seconds()])?;
        }
        if let Some((first, last)) = self.days {
            add_days(store, name, &zone, first, last)?;
        }
        self.zones.push((name.to_owned(), zone));
        Ok(())
    }

    /// Adds the days of samples in this range of time.
    pub(super) fn cover(&mut self, store: &Connection, first: UnixNanos, last: UnixNanos) -> rusqlite::Result<()> {
        let (first, last) = (day_of(first, -1), day_of(last, 1));
        match self.days {
            Some((known_first, known_last)) if known_first <= first && last <= known_last => return Ok(()),
            Some((known_first, known_last)) => {
                for (name, zone) in &self.zones {
                    add_days(store, name, zone, first, before(known_first))?;
                    add_days(store, name, zone, after(known_last), last)?;
                }
                self.days = Some((first.min(known_first), last.max(known_last)));
            }
            None => {
                for (name, zone) in &self.zones {
                    add_days(store, name, zone, first, last)?;
                }
                self.days = Some((first, last));
            }
        }
        Ok(())
    }
}

/// The UTC day of a time and some days more.
fn day_of(at: UnixNanos, more: i64) -> Date {
    let at = Timestamp::from_nanosecond(at.0.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.checked_add(SignedDuration::from_hours(24 * more)).unwrap_or(at);
    at.to_zoned(TimeZone::UTC).date()
}

fn before(day: Date) -> Date {
    day.yesterday().unwrap_or(day)
}

fn after(day: Date) -> Date {
    day.tomorrow().unwrap_or(day)
}

fn add_days(store: &Connection, name: &str, zone: &TimeZone, first: Date, last: Date) -> rusqlite::Result<()> {
    let start = |day: Date| day.to_zoned(zone.clone()).map_or(0, |at| nanos(at.timestamp()));
    let mut add_day = store.prepare_cached(ADD_DAY)?;
    for day in first.series(1.day()).take_while(|day| *day <= last) {
        let month = day.first_of_month();
        let next_month = after(day.last_of_month());
        add_day.execute(params![
            day.to_string(),
            name,
            month.strftime("%Y-%m").to_string(),
            start(day),
            start(after(day)),
            start(month),
            start(next_month)
        ])?;
    }
    Ok(())
}

fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}
