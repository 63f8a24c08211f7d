-- Every sample once: meter, code and time are what identifies one.
CREATE TABLE meter_ids (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE codes (id INTEGER PRIMARY KEY, obis TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE samples_data (
  meter INTEGER NOT NULL,    -- meter_ids.id
  obis INTEGER NOT NULL,     -- codes.id
  ts INTEGER NOT NULL,       -- when it was measured, nanoseconds since 1970 UTC
  value REAL NOT NULL,       -- in the registry's base unit
  source INTEGER NOT NULL,   -- sources.id: who delivered it
  received INTEGER NOT NULL, -- when it was received, nanoseconds since 1970 UTC
  flags INTEGER NOT NULL,    -- what is unusual about it, one bit each
  PRIMARY KEY (meter, obis, ts)
) WITHOUT ROWID, STRICT;

-- The columns of QuestDB's table, in its order.
CREATE VIEW samples AS
SELECT data.ts, meter_ids.uuid AS meter, codes.obis, data.value, sources.name AS source, data.received, data.flags
FROM samples_data AS data
JOIN meter_ids ON meter_ids.id = data.meter
JOIN codes ON codes.id = data.obis
JOIN sources ON sources.id = data.source;

-- The correction log: a key that got another value. The newest are kept; ids count
-- all that there ever were.
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

-- A replay brings an old value and then its correction again: the first is no
-- correction (it was received before what it replaces), the second is listed already.
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

-- How far the rows here go in the journal: in the same transaction as they.
CREATE TABLE cursor (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  journal TEXT NOT NULL,
  next INTEGER NOT NULL
) STRICT;

-- What is known of the meters themselves, each version once: the meter and when it
-- begins are what identifies one.
CREATE TABLE meters (
  meter TEXT NOT NULL,
  valid_from INTEGER NOT NULL,  -- nanoseconds since 1970 UTC; 0: as far back as there are samples
  valid_to INTEGER,             -- the same; NULL while it holds
  metering_point TEXT NOT NULL, -- outlives an exchange of the meter; its own id where none is configured
  name TEXT NOT NULL,
  serial TEXT NOT NULL,
  meter_serial TEXT NOT NULL,   -- of the meter behind it, where it is a module on another's meter
  vendor TEXT NOT NULL,
  family INTEGER NOT NULL,      -- the vendor's numbers, and their words where they are known
  family_name TEXT NOT NULL,
  energy_type INTEGER NOT NULL,
  energy_type_name TEXT NOT NULL,
  sub_type INTEGER NOT NULL,
  sub_type_name TEXT NOT NULL,
  gateway TEXT NOT NULL,
  unit TEXT NOT NULL,           -- of the main counter, as the vendor writes it
  source TEXT NOT NULL,         -- who described it
  PRIMARY KEY (meter, valid_from)
) WITHOUT ROWID, STRICT;
CREATE INDEX meters_by_point ON meters (metering_point);

-- The samples of described meters with what was known of each at its time: the
-- version that began last before it. A point's series goes on over an exchange of
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
