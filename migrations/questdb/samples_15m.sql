-- Quarter-hours, refreshed by a timer, because an immediate refresh nearly doubles the
-- server's load. The view has no window function: an incremental refresh sees only the buckets
-- that changed, so lag() would be NULL in the first of them. It keeps the first and the last
-- sample of each bucket instead; energy is calculated from neighbouring buckets when it is
-- asked for (docs/questdb.md). Averages cannot be aggregated further, so sum and count are kept.
CREATE MATERIALIZED VIEW IF NOT EXISTS "{view}" WITH BASE "{base}" REFRESH EVERY {every} AS (
  SELECT
    ts, meter, obis,
    min(ts) AS first_ts, max(ts) AS last_ts,
    first(value) AS value_first, last(value) AS value_last,
    min(value) AS value_min, max(value) AS value_max,
    sum(value) AS value_sum, count(value) AS value_count,
    twap(value, ts) AS value_mean -- by time from first_ts to last_ts; each value holds until the next
  FROM "{base}"
  WHERE (flags & 32) = 0 -- no test messages
  SAMPLE BY {step}
) PARTITION BY {partition};
