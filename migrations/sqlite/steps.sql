-- The samples of counters that energy needs. The service fills in the words in braces (src/sink/sqlite/energy.rs).

-- For each local day and counter: the samples that its energy needs, from half an hour before the day until
-- half an hour after it, and first a row without a sample, also if there are no samples.
DROP VIEW IF EXISTS counter_samples;
CREATE VIEW counter_samples AS
{samples};

-- For each local day and counter: each two of these samples that follow each other, at t0 and t1. The first
-- and the last may be far outside of the day.
DROP VIEW IF EXISTS counter_steps;
CREATE VIEW counter_steps AS
SELECT metering_point, register, day, month, meter, code, start, until, month_start, month_until,
  CASE WHEN ts IS NOT NULL THEN ts WHEN coalesce(next_ts > start, true) THEN ({before ts}) END AS t0,
  CASE WHEN ts IS NOT NULL THEN value WHEN coalesce(next_ts > start, true) THEN ({before value}) END AS v0,
  CASE WHEN next_ts IS NOT NULL THEN next_ts WHEN coalesce(ts < until, true) THEN ({after ts}) END AS t1,
  CASE WHEN next_ts IS NOT NULL THEN next_value WHEN coalesce(ts < until, true) THEN ({after value}) END AS v1
FROM (
  SELECT *, lead(ts) OVER later AS next_ts, lead(value) OVER later AS next_value FROM counter_samples
  WINDOW later AS (PARTITION BY meter, code, day, month, metering_point, register ORDER BY ts)
) AS near;
