-- What is known of the meters themselves. The dictionary of their numbers, which had
-- this name before, is `meter_ids` now.
DROP VIEW samples;
DROP VIEW sample_corrections;
ALTER TABLE meters RENAME TO meter_ids;

-- Each version once: the meter and when it begins are what identifies one.
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
  last_seen INTEGER NOT NULL,   -- when the vendor heard of it last, about
  PRIMARY KEY (meter, valid_from)
) WITHOUT ROWID, STRICT;
CREATE INDEX meters_by_point ON meters (metering_point);

CREATE VIEW samples AS
SELECT data.ts, meter_ids.uuid AS meter, codes.obis, data.value, sources.name AS source, data.received, data.flags
FROM samples_data AS data
JOIN meter_ids ON meter_ids.id = data.meter
JOIN codes ON codes.id = data.obis
JOIN sources ON sources.id = data.source;

CREATE VIEW sample_corrections AS
SELECT log.ts, meter_ids.uuid AS meter, codes.obis, log.value_before, log.value, log.received_before, log.received
FROM corrections AS log
JOIN meter_ids ON meter_ids.id = log.meter
JOIN codes ON codes.id = log.obis;

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
