-- The history of `meterline migrate`; no program reads it.
CREATE TABLE IF NOT EXISTS meterline_migrations (
  ts TIMESTAMP,
  object VARCHAR,  -- the table or view
  did VARCHAR,     -- the change
  version VARCHAR  -- of meterline
) TIMESTAMP(ts) PARTITION BY YEAR WAL;
