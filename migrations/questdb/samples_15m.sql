-- Quarter-hours, refreshed by a timer, because an immediate refresh nearly doubles the
-- server's load. Averages cannot be aggregated further, so sum and count are kept. The
-- energy of a quarter-hour is value_last less the value_last before it. It is no difference
-- within the quarter-hour: that is zero for a meter that sends once in it.
CREATE MATERIALIZED VIEW IF NOT EXISTS "{table}_15m" WITH BASE "{table}" REFRESH EVERY 1m AS (
  SELECT
    ts, meter, obis,
    last(value) AS value_last, min(value) AS value_min, max(value) AS value_max,
    sum(value) AS value_sum, count(value) AS value_count
  FROM "{table}"
  SAMPLE BY 15m
) PARTITION BY DAY;
