-- Every sample once: the key (ts, meter, obis) is what identifies one, and a row
-- that comes again replaces the one before. The partition unit cannot be changed
-- later: days up to about 5 million rows a day, hours beyond.
CREATE TABLE IF NOT EXISTS "{table}" (
  ts TIMESTAMP_NS,       -- when it was measured
  meter UUID,            -- whose; not indexed: a SYMBOL costs the server twice at a million meters
  obis SYMBOL,           -- which register, A-B:C.D.E*F
  value DOUBLE,          -- in the registry's base unit
  source SYMBOL,         -- who brought it
  received TIMESTAMP_NS, -- when it was received
  flags SHORT            -- what is unusual about it, one bit each
) TIMESTAMP(ts) PARTITION BY {unit} WAL
DEDUP UPSERT KEYS(ts, meter, obis);
