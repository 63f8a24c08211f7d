-- The embedded store. Read the views (views.sql, and `sample_corrections` and `registers` here) and the
-- table `meters`; the other tables are the service's own.
CREATE TABLE meter_ids (
  id INTEGER PRIMARY KEY,
  uuid TEXT NOT NULL UNIQUE,
  -- From the newest version of the description:
  metering_point TEXT NOT NULL DEFAULT '', -- the meter's id if none is configured
  name TEXT NOT NULL DEFAULT '',
  serial TEXT NOT NULL DEFAULT '',
  zone TEXT NOT NULL DEFAULT '' -- time_zones.name
) STRICT;
CREATE INDEX meter_ids_by_point ON meter_ids (metering_point);
-- The registers, with their properties in the registry.
CREATE TABLE codes (
  id INTEGER PRIMARY KEY,
  obis TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL, -- empty if unknown
  unit TEXT NOT NULL, -- empty for pure numbers, ? if unknown
  kind TEXT NOT NULL  -- counter, volatile counter, gauge, interval; empty if unknown
) STRICT;
CREATE VIEW registers AS SELECT obis AS register, name, unit, kind FROM codes;
CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

-- A sample is in the table samples_N of its period. The service makes these tables and the views
-- over them (src/sink/sqlite/periods.rs). samples_0 has the fresh samples, in the order of time.
CREATE TABLE periods (
  id INTEGER PRIMARY KEY,        -- N
  start INTEGER NOT NULL UNIQUE, -- its samples are measured at or after this, before the next start
  joins INTEGER NOT NULL         -- how often its samples were joined with other periods
) STRICT;
INSERT INTO periods VALUES (0, -9223372036854775808, 0);
-- The times of the fresh samples of each meter.
CREATE TABLE fresh_times (
  meter INTEGER NOT NULL, -- meter_ids.id
  ts INTEGER NOT NULL,
  PRIMARY KEY (meter, ts)
) WITHOUT ROWID, STRICT;

-- The registers of each meter.
CREATE TABLE series (
  meter INTEGER NOT NULL, -- meter_ids.id
  obis INTEGER NOT NULL,  -- codes.id
  PRIMARY KEY (meter, obis)
) WITHOUT ROWID, STRICT;

-- The time zones of the meters.
CREATE TABLE time_zones (
  name TEXT PRIMARY KEY,      -- of the IANA database
  is_default INTEGER NOT NULL -- 1: of meters whose description names none
) WITHOUT ROWID, STRICT;
CREATE TABLE utc_offsets (
  zone TEXT NOT NULL,       -- time_zones.name
  start INTEGER NOT NULL,   -- it is valid from this time on, nanoseconds since 1970 UTC
  seconds INTEGER NOT NULL, -- local time minus UTC
  PRIMARY KEY (zone, start)
) WITHOUT ROWID, STRICT;
-- The local days from the first sample to the last. Times are nanoseconds since 1970 UTC.
CREATE TABLE days (
  day TEXT NOT NULL,      -- 2026-11-22
  zone TEXT NOT NULL,     -- time_zones.name
  month TEXT NOT NULL,    -- 2026-11
  start INTEGER NOT NULL,
  until INTEGER NOT NULL, -- start of the next day
  month_start INTEGER NOT NULL,
  month_until INTEGER NOT NULL,
  PRIMARY KEY (day, zone)
) WITHOUT ROWID, STRICT;
-- The numbers of the quarter-hours of a day, and of those half an hour before and after it.
CREATE TABLE slots (n INTEGER PRIMARY KEY) STRICT;
INSERT INTO slots
WITH RECURSIVE numbers (n) AS (SELECT -2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 127) SELECT n FROM numbers;

-- Periods that are copied to one table, if there are any: those from `start` to before `until`. The
-- copy has their samples up to the key.
CREATE TABLE joining (
  id INTEGER PRIMARY KEY, -- of the table
  start INTEGER NOT NULL,
  until INTEGER NOT NULL,
  joins INTEGER NOT NULL,
  meter INTEGER NOT NULL,
  obis INTEGER NOT NULL,
  ts INTEGER NOT NULL
) STRICT;

-- Tables without a period, which are emptied and dropped.
CREATE TABLE unused (
  id INTEGER PRIMARY KEY,
  is_expired INTEGER NOT NULL -- 1 if its samples are in no other table
) STRICT;

-- Periods whose samples are being moved to quarter-hours (keep_rollups), if there are any: those before `until`. Of the
-- first one, the samples before the key that came with records before `next` are moved.
CREATE TABLE expiring (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  until INTEGER NOT NULL,
  meter INTEGER NOT NULL,
  obis INTEGER NOT NULL,
  ts INTEGER NOT NULL,
  next INTEGER NOT NULL
) STRICT;
-- The samples from before `until` that came with records before `next` were moved. They are not stored again.
CREATE TABLE rolled_up (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  until INTEGER NOT NULL,
  next INTEGER NOT NULL
) STRICT;
INSERT INTO rolled_up VALUES (1, -9223372036854775808, 1);

-- Quarter-hours of samples that retention deleted (keep_rollups). Read the view `quarter_hours`.
CREATE TABLE rollups (
  meter INTEGER NOT NULL,       -- meter_ids.id
  obis INTEGER NOT NULL,        -- codes.id
  ts INTEGER NOT NULL,          -- start, nanoseconds since 1970 UTC
  first_ts INTEGER NOT NULL,    -- time of the first sample
  first REAL NOT NULL,
  last_ts INTEGER NOT NULL,     -- time of the last sample
  last REAL NOT NULL,
  value_min REAL NOT NULL,
  value_max REAL NOT NULL,
  value_sum REAL NOT NULL,
  value_count INTEGER NOT NULL,
  PRIMARY KEY (meter, obis, ts)
) WITHOUT ROWID, STRICT;

-- `hour` is the start of the local hour.
CREATE VIEW quarter_hours AS
SELECT meter_ids.metering_point, meter_ids.name, codes.obis AS register, codes.name AS register_name, days.day, data.ts,
  data.first_ts, data.first, data.last_ts, data.last, data.value_min, data.value_max, data.value_sum, data.value_count,
  codes.unit, meter_ids.uuid AS meter, data.ts - (data.ts - days.start) % 3600000000000 AS hour
FROM days
CROSS JOIN meter_ids ON meter_ids.zone = days.zone
CROSS JOIN series ON series.meter = meter_ids.id
CROSS JOIN codes ON codes.id = series.obis
CROSS JOIN rollups AS data ON data.meter = series.meter AND data.obis = series.obis
  AND data.ts >= days.start AND data.ts < days.until;

-- The same by local hour and day. All columns of a condition are in GROUP BY, so that SQLite applies it to the keys.
CREATE VIEW rollup_hour AS
SELECT metering_point, name, register, register_name, day,
  strftime('%Y-%m-%dT%H:%M:%SZ', hour / 1000000000, 'unixepoch') AS start_utc,
  min(value_min) AS value_min, max(value_max) AS value_max, sum(value_sum) / sum(value_count) AS value_mean,
  sum(value_count) AS value_count, unit, meter
FROM quarter_hours
GROUP BY day, metering_point, meter, register, hour;
CREATE VIEW rollup_day AS
SELECT metering_point, name, register, register_name, day,
  min(value_min) AS value_min, max(value_max) AS value_max, sum(value_sum) / sum(value_count) AS value_mean,
  sum(value_count) AS value_count, unit, meter
FROM quarter_hours
GROUP BY day, metering_point, meter, register;

-- The last test reading of the canary, alone: no view has it, and it takes no room.
CREATE TABLE canary (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  ts INTEGER NOT NULL, -- nanoseconds since 1970 UTC
  value REAL NOT NULL
) STRICT;

-- The search for quarter-hours that are too old: those before `oldest` are deleted of the series up to
-- this one, or of all where it is NULL. And the number of quarter-hours.
CREATE TABLE rollup_search (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  oldest INTEGER NOT NULL,
  meter INTEGER,
  obis INTEGER,
  number INTEGER NOT NULL
) STRICT;
INSERT INTO rollup_search VALUES (1, 0, NULL, NULL, 0);
CREATE TRIGGER count_rollup AFTER INSERT ON rollups BEGIN UPDATE rollup_search SET number = number + 1; END;

-- The times without a sample of a counter for more than half an hour (GAP_NS in src/sink/sqlite/energy.rs), on each
-- local day that they touch. A gap without an end is open: the meter is silent, and no other one has followed it.
CREATE VIEW gaps AS
SELECT DISTINCT gap.metering_point, meter_ids.name, gap.register, codes.name AS register_name, gap.day, gap.month,
  strftime('%Y-%m-%dT%H:%M:%fZ', t0 / 1000000 / 1000.0, 'unixepoch') AS start_utc,
  strftime('%Y-%m-%dT%H:%M:%fZ', t1 / 1000000 / 1000.0, 'unixepoch') AS end_utc,
  round((t1_or_now - t0) / 60e9, 1) AS minutes, meter_ids.uuid AS meter
FROM (SELECT *, coalesce(t1, strftime('%s', 'now') * 1000000000) AS t1_or_now FROM counter_steps) AS gap
CROSS JOIN meter_ids ON meter_ids.id = gap.meter
CROSS JOIN codes ON codes.id = gap.code
WHERE t0 < until AND t1_or_now > start AND t1_or_now - t0 > 1800000000000
  AND (t1 IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM newest AS other
    WHERE other.metering_point = gap.metering_point AND other.register = gap.register AND other.ts > t0));

-- The correction log: every change of a key's value. Only the newest are kept; the ids count
-- all there ever were.
CREATE TABLE corrections (
  id INTEGER PRIMARY KEY,
  meter INTEGER NOT NULL,
  obis INTEGER NOT NULL,
  ts INTEGER NOT NULL,
  value_before REAL NOT NULL,
  value REAL NOT NULL,
  received_before INTEGER NOT NULL,
  received INTEGER NOT NULL,
  UNIQUE (meter, obis, ts, received, value_before, value)
) STRICT;

CREATE VIEW sample_corrections AS
SELECT log.ts, meter_ids.uuid AS meter, codes.obis, log.value_before, log.value, log.received_before, log.received
FROM corrections AS log
JOIN meter_ids ON meter_ids.id = log.meter
JOIN codes ON codes.id = log.obis;

-- The position of these rows in the journal, written in the same transaction, and the
-- generation: a number that every transaction of the service increments. It starts at a random
-- value, so that no two stores have the same. It shows whether this database and the log
-- beside it belong together.
CREATE TABLE cursor (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  journal TEXT NOT NULL,         -- empty in a new store
  next INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  checkpointed INTEGER NOT NULL, -- the database without its log has at least this generation
  schema_version INTEGER NOT NULL, -- of SQLite, which a rearranged copy (VACUUM) increments
  newest INTEGER NOT NULL          -- the largest value of `next` so far: it is smaller in a replay
) STRICT;
INSERT INTO cursor VALUES (1, '', 1, abs(random() / 16) + 1, 0, 0, 1);
-- The journals of the records that were stored. A copied journal continues the numbers of the one before it.
CREATE TABLE journals (id TEXT PRIMARY KEY) WITHOUT ROWID, STRICT;

-- Meter descriptions, one row per version. The key is the meter and the start of the version.
CREATE TABLE meters (
  meter TEXT NOT NULL,
  valid_from INTEGER NOT NULL,  -- start, nanoseconds since 1970 UTC; 0: from the meter's first sample on
  valid_to INTEGER,             -- end, nanoseconds since 1970 UTC; NULL while it is current
  metering_point TEXT NOT NULL, -- stays the same when the meter is exchanged; the meter's id if none is configured
  name TEXT NOT NULL,
  serial TEXT NOT NULL,
  meter_serial TEXT NOT NULL,   -- of the meter behind the device, if the device is only a module on it
  vendor TEXT NOT NULL,
  model TEXT NOT NULL,          -- in the vendor's notation, as the firmware
  firmware TEXT NOT NULL,
  family INTEGER NOT NULL,      -- the vendor's numbers, and their names if known
  family_name TEXT NOT NULL,
  energy_type INTEGER NOT NULL,
  energy_type_name TEXT NOT NULL,
  sub_type INTEGER NOT NULL,
  sub_type_name TEXT NOT NULL,
  gateway TEXT NOT NULL,
  customer TEXT NOT NULL,       -- that the meter belongs to, if the account is for several
  site TEXT NOT NULL,           -- the folders that contain it, from the outermost, or the vendor's name of it
  role TEXT NOT NULL,           -- grid, production, storage, submeter, appliance; empty if unknown
  phase TEXT NOT NULL,          -- L1, L2, L3 if it measures one alone
  time_zone TEXT NOT NULL,      -- of its site; times in tables are UTC
  tariff TEXT NOT NULL,         -- a name, the meaning of the tariffs, or the vendor's contract as JSON
  currency TEXT NOT NULL,       -- of the tariff
  unit TEXT NOT NULL,           -- of the main counter, in the vendor's notation
  source TEXT NOT NULL,         -- account or device that described it
  PRIMARY KEY (meter, valid_from)
) WITHOUT ROWID, STRICT;
CREATE INDEX meters_by_point ON meters (metering_point);
