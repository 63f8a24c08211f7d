-- Hours and days of UTC, each made from the finer view before it. A mean by time cannot be
-- aggregated further, so only the quarter-hours have one.
CREATE MATERIALIZED VIEW IF NOT EXISTS "{view}" WITH BASE "{base}" REFRESH EVERY {every} AS (
  SELECT
    ts, meter, obis,
    min(first_ts) AS first_ts, max(last_ts) AS last_ts,
    first(value_first) AS value_first, last(value_last) AS value_last,
    min(value_min) AS value_min, max(value_max) AS value_max,
    sum(value_sum) AS value_sum, sum(value_count) AS value_count
  FROM "{base}"
  SAMPLE BY {step}
) PARTITION BY {partition};
