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
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', newest.ts / 1000000 / 1000.0, 'unixepoch') AS time,
  meter_ids.name, newest.metering_point, meter_ids.serial, newest.register, codes.name AS register_name,
  newest.value, codes.unit, newest.meter, newest.ts
FROM (
  SELECT *, row_number() OVER (PARTITION BY metering_point, meter, register ORDER BY ts DESC) AS place
  FROM (
    SELECT meter_ids.metering_point, meter_ids.uuid AS meter, codes.obis AS register, max(data.ts) AS ts, data.value
    FROM meter_ids JOIN samples_0 AS data ON data.meter = meter_ids.id JOIN codes ON codes.id = data.obis
    GROUP BY meter_ids.metering_point, meter_ids.uuid, codes.obis
    UNION ALL
    SELECT meter_ids.metering_point, meter_ids.uuid, codes.obis, ({newest ts}), ({newest value})
    FROM meter_ids CROSS JOIN series ON series.meter = meter_ids.id CROSS JOIN codes ON codes.id = series.obis
  )
  WHERE ts IS NOT NULL
) AS newest
CROSS JOIN meter_ids ON meter_ids.uuid = newest.meter
CROSS JOIN codes ON codes.obis = newest.register
WHERE place = 1;

-- For each local day and counter: the samples that its energy needs, from half an hour before the day until
-- half an hour after it, and first a row without a sample, also if there are no samples.
DROP VIEW IF EXISTS counter_samples;
CREATE VIEW counter_samples AS
{counter_samples};

-- For each local day and counter: each two of these samples that follow each other, at t0 and t1. The first
-- and the last may be far outside of the day.
DROP VIEW IF EXISTS counter_steps;
CREATE VIEW counter_steps AS
SELECT metering_point, register, day, month, meter, code, start, until, month_start, month_until,
  CASE WHEN ts IS NOT NULL THEN ts WHEN coalesce(lead(ts) OVER later > start, true) THEN ({before ts}) END AS t0,
  CASE WHEN ts IS NOT NULL THEN value WHEN coalesce(lead(ts) OVER later > start, true) THEN ({before value}) END AS v0,
  CASE WHEN lead(ts) OVER later IS NOT NULL THEN lead(ts) OVER later
    WHEN coalesce(ts < until, true) THEN ({after ts}) END AS t1,
  CASE WHEN lead(ts) OVER later IS NOT NULL THEN lead(value) OVER later
    WHEN coalesce(ts < until, true) THEN ({after value}) END AS v1
FROM counter_samples AS near
WINDOW later AS (PARTITION BY meter, code, day, month, metering_point, register ORDER BY ts);
