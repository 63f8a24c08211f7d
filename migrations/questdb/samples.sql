-- One row per sample. The key is (ts, meter, obis); a repeated row replaces the earlier one.
-- The partition unit cannot be changed later: days up to about 5 million rows a day, hours
-- beyond.
CREATE TABLE IF NOT EXISTS "{table}" (
  ts TIMESTAMP_NS,       -- time of measurement
  meter UUID,            -- not indexed: a SYMBOL costs the server twice as much at a million meters
  obis SYMBOL,           -- register, A-B:C.D.E*F
  value DOUBLE,          -- in the registry's base unit
  source SYMBOL,         -- account or device that delivered it
  received TIMESTAMP_NS, -- time of receipt
  flags SHORT            -- one bit per peculiarity; 0 is none
) TIMESTAMP(ts) PARTITION BY {unit} WAL
DEDUP UPSERT KEYS(ts, meter, obis);
