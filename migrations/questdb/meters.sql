-- What is known of the meters themselves, each version once: the meter and when it
-- begins are what identifies one. A sample belongs to the version that began last
-- before it: `"{table}" ASOF JOIN "{meters}" ON (meter)`.
CREATE TABLE IF NOT EXISTS "{meters}" (
  valid_from TIMESTAMP_NS,  -- 1970: as far back as there are samples
  meter UUID,               -- whose
  valid_to TIMESTAMP_NS,    -- NULL while it holds
  metering_point VARCHAR,   -- outlives an exchange of the meter; its own id where none is configured
  name VARCHAR,
  serial VARCHAR,
  meter_serial VARCHAR,     -- of the meter behind it, where it is a module on another's meter
  vendor SYMBOL,
  family LONG,              -- the vendor's numbers, and their words where they are known
  family_name SYMBOL,
  energy_type LONG,
  energy_type_name SYMBOL,
  sub_type LONG,
  sub_type_name SYMBOL,
  gateway VARCHAR,
  unit SYMBOL,              -- of the main counter, as the vendor writes it
  source SYMBOL             -- who described it
) TIMESTAMP(valid_from) PARTITION BY YEAR WAL
DEDUP UPSERT KEYS(valid_from, meter);
