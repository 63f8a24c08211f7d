-- What `meterline migrate` did and when: history for people, nothing reads it.
CREATE TABLE IF NOT EXISTS meterline_migrations (
  ts TIMESTAMP,
  object VARCHAR,  -- the table or view
  did VARCHAR,     -- what was done to it
  version VARCHAR  -- of the program that did it
) TIMESTAMP(ts) PARTITION BY YEAR WAL;
