-- Meter descriptions, one row per version. The key is the meter and the start of the
-- version. A sample belongs to the last version that starts at or before it:
-- `"{table}" ASOF JOIN "{meters}" ON (meter)`.
CREATE TABLE IF NOT EXISTS "{meters}" (
  valid_from TIMESTAMP_NS,  -- start of the version; 1970: from the meter's first sample on
  meter UUID,
  valid_to TIMESTAMP_NS,    -- end of the version; NULL while it is current
  metering_point VARCHAR,   -- stays the same when the meter is exchanged; the meter's id if none is configured
  name VARCHAR,
  serial VARCHAR,
  meter_serial VARCHAR,     -- of the meter behind the device, if the device is only a module on it
  vendor SYMBOL,
  model VARCHAR,            -- in the vendor's notation, as the firmware
  firmware VARCHAR,
  family LONG,              -- the vendor's numbers, and their names if known
  family_name SYMBOL,
  energy_type LONG,
  energy_type_name SYMBOL,
  sub_type LONG,
  sub_type_name SYMBOL,
  gateway VARCHAR,
  customer VARCHAR,         -- that the meter belongs to, if the account is for several
  site VARCHAR,             -- the folders that contain it, from the outermost, or the vendor's name of it
  role SYMBOL,              -- grid, production, storage, submeter, appliance; NULL if unknown
  phase SYMBOL,             -- L1, L2, L3 if it measures one alone
  time_zone SYMBOL,         -- of its site; times in tables are UTC
  tariff VARCHAR,           -- a name, the meaning of the tariffs, or the vendor's contract as JSON
  currency SYMBOL,          -- of the tariff
  unit SYMBOL,              -- of the main counter, in the vendor's notation
  source SYMBOL             -- account or device that described it
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, meter);
