-- One row per sample. The key is meter, code and time.
CREATE TABLE meter_ids (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE codes (id INTEGER PRIMARY KEY, obis TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE samples_data (
  meter INTEGER NOT NULL,    -- meter_ids.id
  obis INTEGER NOT NULL,     -- codes.id
  ts INTEGER NOT NULL,       -- time of measurement, nanoseconds since 1970 UTC
  value REAL NOT NULL,       -- in the registry's base unit
  source INTEGER NOT NULL,   -- sources.id: account or device that delivered it
  received INTEGER NOT NULL, -- time of receipt, nanoseconds since 1970 UTC
  flags INTEGER NOT NULL,    -- one bit per peculiarity; 0 is none
  PRIMARY KEY (meter, obis, ts)
) WITHOUT ROWID, STRICT;

-- The samples with the columns of QuestDB's table, in the same order.
CREATE VIEW samples AS
SELECT data.ts, meter_ids.uuid AS meter, codes.obis, data.value, sources.name AS source, data.received, data.flags
FROM samples_data AS data
JOIN meter_ids ON meter_ids.id = data.meter
JOIN codes ON codes.id = data.obis
JOIN sources ON sources.id = data.source;

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

-- A replay repeats an old value and then its correction. The old value is not a correction
-- (it was received before the value it replaces); the correction is listed already.
CREATE TRIGGER log_correction AFTER UPDATE ON samples_data
WHEN OLD.value <> NEW.value AND NEW.received >= OLD.received
BEGIN
  INSERT INTO corrections (meter, obis, ts, value_before, value, received_before, received)
  SELECT NEW.meter, NEW.obis, NEW.ts, OLD.value, NEW.value, OLD.received, NEW.received
  WHERE NOT EXISTS (
    SELECT 1 FROM corrections
    WHERE meter = NEW.meter AND obis = NEW.obis AND ts = NEW.ts AND received = NEW.received
      AND value_before = OLD.value AND value = NEW.value
  );
END;

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
  schema_version INTEGER NOT NULL -- of SQLite, which a rearranged copy (VACUUM) increments
) STRICT;
INSERT INTO cursor VALUES (1, '', 1, abs(random() / 16) + 1, 0, 0);

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
  tariff TEXT NOT NULL,         -- a name, or the vendor's contract as JSON
  currency TEXT NOT NULL,       -- of the tariff
  unit TEXT NOT NULL,           -- of the main counter, in the vendor's notation
  source TEXT NOT NULL,         -- account or device that described it
  PRIMARY KEY (meter, valid_from)
) WITHOUT ROWID, STRICT;
CREATE INDEX meters_by_point ON meters (metering_point);

-- The samples of described meters, each with the description at its time: the last version
-- that starts at or before it. The series of a metering point continues over an exchange of
-- its meter.
CREATE VIEW samples_by_point AS
SELECT
  meters.metering_point, data.ts, codes.obis, data.value, meters.meter, meters.name, meters.serial,
  sources.name AS source, data.received, data.flags
FROM meters
JOIN meter_ids ON meter_ids.uuid = meters.meter
JOIN samples_data AS data ON data.meter = meter_ids.id
  AND data.ts >= meters.valid_from
  AND data.ts < coalesce(
    (SELECT min(later.valid_from) FROM meters AS later
     WHERE later.meter = meters.meter AND later.valid_from > meters.valid_from),
    9223372036854775807)
JOIN codes ON codes.id = data.obis
JOIN sources ON sources.id = data.source;
