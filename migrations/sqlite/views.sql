-- The views over the tables of all periods. The service fills in the words in braces and makes the views
-- again whenever the periods change (src/sink/sqlite/views.rs, energy.rs). docs/embedded-store.md has examples.

-- The samples with the columns of QuestDB's table, in the same order.
DROP VIEW IF EXISTS samples;
CREATE VIEW samples AS
{samples};

-- The samples of described meters, each with the description at its time.
DROP VIEW IF EXISTS samples_by_point;
CREATE VIEW samples_by_point AS
{samples_by_point};

-- The samples with readable times and names. The names are from the newest version of the description.
DROP VIEW IF EXISTS readings;
CREATE VIEW readings AS
{readings};

-- The newest sample of each register of each meter.
DROP VIEW IF EXISTS newest;
CREATE VIEW newest AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', ts / 1000000 / 1000.0, 'unixepoch') AS time, name, metering_point, serial,
  register, register_name, value, unit, meter, ts
FROM (
  SELECT meter_ids.name, meter_ids.metering_point, meter_ids.serial, codes.obis AS register, codes.name AS register_name,
    ({newest value}) AS value, codes.unit, meter_ids.uuid AS meter, ({newest ts}) AS ts
  FROM meter_ids CROSS JOIN series ON series.meter = meter_ids.id CROSS JOIN codes ON codes.id = series.obis
)
WHERE ts IS NOT NULL; -- retention may have deleted all samples of a series
