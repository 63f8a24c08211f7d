-- The energy of intervals: the counter at their end minus the counter at their start. The window functions
-- instead of GROUP BY let SQLite apply a condition on metering point, register, day or month to the tables' keys. Of
-- several meters in an interval, the name is of the one that came last to the store.
CREATE VIEW energy_{name} AS
SELECT metering_point, name, register, register_name, {group},
  strftime('%Y-%m-%dT%H:%M:%S', begins / 1000000000 + begins_offset, 'unixepoch')
    || printf('%+03d:%02d', begins_offset / 3600, abs(begins_offset) / 60 % 60) AS start_local,
  strftime('%Y-%m-%dT%H:%M:%S', ends / 1000000000 + ends_offset, 'unixepoch')
    || printf('%+03d:%02d', ends_offset / 3600, abs(ends_offset) / 60 % 60) AS end_local,
  strftime('%Y-%m-%dT%H:%M:%SZ', begins / 1000000000, 'unixepoch') AS start_utc,
  strftime('%Y-%m-%dT%H:%M:%SZ', ends / 1000000000, 'unixepoch') AS end_utc,
  round(amount, 6) AS amount, unit, is_uncertain OR measured % (ends - begins) <> 0 AS estimated
FROM (
  SELECT energy.*, meter_ids.name, codes.name AS register_name, codes.unit,
    (SELECT seconds FROM utc_offsets WHERE zone = meter_ids.zone AND start <= begins ORDER BY start DESC LIMIT 1)
      AS begins_offset,
    (SELECT seconds FROM utc_offsets WHERE zone = meter_ids.zone AND start <= ends ORDER BY start DESC LIMIT 1)
      AS ends_offset
  FROM (
    SELECT metering_point, register, {group}, begins, ends, max(meter) OVER whole AS meter, code,
      sum(CASE WHEN v1 >= v0 THEN v1 - v0 WHEN v1 < 0.9 * v0 THEN max(v1, 0) ELSE 0 END
        * ((min(t1, ends, until) - max(t0, begins, start)) * 1.0 / (t1 - t0))) OVER whole AS amount,
      max(v1 < v0 OR (t1 - t0 > {gap} AND (t0 < begins OR t1 > ends))) OVER whole AS is_uncertain,
      sum(min(t1, ends, until) - max(t0, begins, start)) OVER whole AS measured,
      min(t0) OVER whole AS first, max(t1) OVER whole AS last, row_number() OVER whole AS place
    FROM (SELECT *, {begins} AS begins, {ends} AS ends FROM counter_steps{slots})
    -- A month has the steps of each of its days, which begin half an hour before the day.
    WHERE t0 < min(ends, until) AND t1 > max(begins, start)
    WINDOW whole AS (PARTITION BY code, begins, metering_point, register, {group})
  ) AS energy
  CROSS JOIN meter_ids ON meter_ids.id = energy.meter
  CROSS JOIN codes ON codes.id = energy.code
  WHERE place = 1 AND first <= begins AND last >= ends
);
