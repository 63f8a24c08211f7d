"""The SQL of the dashboards. `${...}` are variables of Grafana, `$__...` macros of QuestDB's plug-in.

docs/questdb.md explains the statements. Each table is read within the time range of the dashboard.
"""

QUARTER_HOURS = "${table}_15m"
HOURS = "${table}_hour"

# The two counters of active energy, and the registers of active power: both directions, and signed.
IMPORT, EXPORT = "1-0:1.8.0*255", "1-0:2.8.0*255"
POWER_IMPORT, POWER_EXPORT, POWER_SIGNED = "1-0:1.7.0*255", "1-0:2.7.0*255", "1-0:16.7.0*255"

# Names as in the registry (src/reading/registry.rs); a test compares them.
NAMES = {
    IMPORT: "active energy import",
    EXPORT: "active energy export",
    POWER_IMPORT: "active power import",
    POWER_EXPORT: "active power export",
    POWER_SIGNED: "active power import minus export",
    "1-0:3.8.0*255": "reactive energy import",
    "1-0:4.8.0*255": "reactive energy export",
    "1-0:3.7.0*255": "reactive power import",
    "1-0:4.7.0*255": "reactive power export",
    "1-0:9.7.0*255": "apparent power import",
    "1-0:14.7.0*255": "frequency",
    "1-0:13.7.0*255": "power factor",
    "0-0:96.9.0*255": "temperature",
    "0-0:96.14.0*255": "active tariff",
    "0-0:96.3.10*255": "switch position",
    "0-0:128.2.0*255": "flow rate",
    "0-0:128.21.0*255": "state of charge",
    "5-0:2.0.0*255": "volume of cold",
    "6-0:1.0.0*255": "heat energy",
    "6-0:2.0.0*255": "volume of heat",
    "7-0:3.0.0*255": "gas volume",
    "8-0:1.0.0*255": "cold water volume",
    "8-1:1.0.0*255": "cold water volume, channel 1",
    "9-0:1.0.0*255": "hot water volume",
    "9-1:1.0.0*255": "hot water volume, channel 1",
}
for number, phase in ((20, "L1"), (40, "L2"), (60, "L3")):
    NAMES |= {
        f"1-0:{1 + number}.7.0*255": f"active power import {phase}",
        f"1-0:{2 + number}.7.0*255": f"active power export {phase}",
        f"1-0:{16 + number}.7.0*255": f"active power import minus export {phase}",
        f"1-0:{1 + number}.8.0*255": f"active energy import {phase}",
        f"1-0:{2 + number}.8.0*255": f"active energy export {phase}",
        f"1-0:{11 + number}.7.0*255": f"current {phase}",
        f"1-0:{12 + number}.7.0*255": f"voltage {phase}",
        f"1-0:{13 + number}.7.0*255": f"power factor {phase}",
    }

VOLUMES = [code for code, name in NAMES.items() if "volume" in name or name == "heat energy"]


def phases(*quantities):
    """The codes of these quantities (C of the sum) in each phase."""
    return [f"1-0:{quantity + phase}.7.0*255" for quantity in quantities for phase in (20, 40, 60)]


def codes(registers):
    return ", ".join(f"'{code}'" for code in registers)


def register_name(registers, column="obis"):
    cases = " ".join(f"WHEN '{code}' THEN '{NAMES[code]}'" for code in registers)
    return f"CASE {column} {cases} ELSE {column} END"


NEWEST_DESCRIPTIONS = """(
    SELECT meter, coalesce(metering_point, meter::varchar) AS point, coalesce(name, meter::varchar) AS name,
      coalesce(site, customer, 'no site') AS site, coalesce(role, 'unknown') AS role,
      coalesce(vendor, 'not described') AS vendor, serial, model, firmware
    FROM ${table}_meters LATEST ON valid_from PARTITION BY meter
  )"""

# Each meter with its newest description. Several metering points of one name are distinguished by their ids:
# otherwise Grafana would mix their series.
DESCRIBED = f"""(
  SELECT m.meter, m.point, CASE WHEN n.points > 1 THEN concat(m.name, ' (', m.point, ')') ELSE m.name END AS name,
    m.site, m.role, m.vendor, m.serial, m.model, m.firmware
  FROM {NEWEST_DESCRIPTIONS} m
  JOIN (SELECT name, count_distinct(point) AS points FROM {NEWEST_DESCRIPTIONS} GROUP BY name) n ON n.name = m.name
)"""

# Each meter that is described or has samples. Days are refreshed every ten minutes, so a new meter is found
# in the quarter-hours of the last day.
KNOWN = f"""(
  SELECT s.meter, coalesce(d.point, s.meter::varchar) AS point, coalesce(d.name, s.meter::varchar) AS name,
    coalesce(d.site, 'no site') AS site, coalesce(d.role, 'unknown') AS role, coalesce(d.vendor, 'not described') AS vendor,
    d.serial, d.model, d.firmware
  FROM (
    SELECT meter FROM ${{table}}_day
    UNION SELECT meter FROM ${{table}}_15m WHERE ts > dateadd('d', -1, now())
    UNION SELECT meter FROM ${{table}}_meters
  ) s LEFT JOIN {DESCRIBED} d ON d.meter = s.meter
)"""

METERS = "meter IN (${meters:sqlstring})"

QUARTER_HOUR_GRID = """(
  SELECT generate_series::timestamp_ns AS boundary
  FROM generate_series(timestamp_floor('15m', $__fromTime), $__toTime, '15m')
)"""


def day_grid(first="$__fromTime", last="$__toTime"):
    """Midnights in the time zone of the dashboard, up to the one after the last."""
    return f"""(
  SELECT to_utc(generate_series, ${{zone:sqlstring}})::timestamp_ns AS boundary
  FROM generate_series(
    timestamp_floor('d', to_timezone({first}, ${{zone:sqlstring}})),
    dateadd('d', 1, timestamp_floor('d', to_timezone({last}, ${{zone:sqlstring}}))), '1d')
)"""


def energy(select, registers, grid, view=QUARTER_HOURS, first="$__fromTime", last="$__toTime"):
    """The energy of each metering point and counter between the boundaries of a grid, by docs/energy.md.

    `select` reads the table `energy`: point, name, site, role, obis, start, until, amount, is_estimated, and the range
    that has samples, measured_from to measured_until. An interval is complete if this range covers it.

    The counter at a boundary is the rise until the sample before it, and a share of the rise from there to the sample
    after it. Samples up to two days outside of the range are read.
    """
    where = (
        f"ts >= dateadd('d', -2, {first}) AND ts < dateadd('d', 2, {last})\n"
        f"    AND {METERS} AND obis IN ({codes(registers)})"
    )
    return f"""WITH buckets AS (
  SELECT meter, obis, first_ts, last_ts, value_first, value_last, value_max FROM {view}
  WHERE {where}
), ends AS (
  SELECT meter, obis, first_ts AS t, value_first AS v FROM buckets
  UNION ALL
  SELECT meter, obis, first_ts + 1 AS t, value_max AS v FROM buckets WHERE value_first > value_last
  UNION ALL
  SELECT meter, obis, last_ts AS t, value_last AS v FROM buckets WHERE last_ts > first_ts
), steps AS (
  SELECT meter, obis, t, v, lead(t) OVER counter AS t1, lead(v) OVER counter AS v1
  FROM ends WINDOW counter AS (PARTITION BY meter, obis ORDER BY t)
), rises AS (
  SELECT meter, obis, t, t1,
    CASE WHEN v1 >= v THEN v1 - v WHEN v1 < 0.9 * v THEN greatest(v1, 0.0) ELSE 0.0 END AS rise,
    CASE WHEN v1 < v THEN 1 ELSE 0 END AS fall
  FROM steps
), totals AS (
  SELECT meter, obis, t, t1, rise, fall, sum(rise) OVER counter - rise AS total, sum(fall) OVER counter - fall AS falls
  FROM rises WINDOW counter AS (PARTITION BY meter, obis ORDER BY t)
), boundaries AS (
  SELECT boundary, meter, obis, first_t, last_t
  FROM {grid} CROSS JOIN (SELECT meter, obis, min(t) AS first_t, max(t) AS last_t FROM ends)
), counted AS (
  SELECT b.boundary, b.meter, b.obis, b.first_t, b.last_t,
    CASE WHEN s.t IS NULL THEN 0.0 WHEN s.t1 IS NULL THEN s.total
      ELSE s.total + s.rise * (b.boundary - s.t) / (s.t1 - s.t) END AS counter,
    coalesce(s.falls, 0) AS falls_since,
    CASE WHEN s.t < b.boundary THEN s.falls + s.fall ELSE coalesce(s.falls, 0) END AS falls_until,
    CASE WHEN s.t < b.boundary AND s.t1 > b.boundary AND s.t1 - s.t > 1800000000000 THEN 1 ELSE 0 END AS is_wide
  FROM ((SELECT * FROM boundaries ORDER BY boundary) TIMESTAMP(boundary)) AS b
  ASOF JOIN ((SELECT * FROM totals ORDER BY t) TIMESTAMP(t)) AS s ON (meter, obis)
), intervals AS (
  SELECT meter, obis, lag(boundary) OVER counter AS start, boundary, counter - lag(counter) OVER counter AS amount,
    falls_until - lag(falls_since) OVER counter + is_wide + lag(is_wide) OVER counter AS doubts,
    greatest(lag(boundary) OVER counter, first_t) AS measured_from, least(boundary, last_t) AS measured_until
  FROM counted WINDOW counter AS (PARTITION BY meter, obis ORDER BY boundary)
), energy AS (
  SELECT point, max(name) AS name, role, obis, start, until, round(sum(amount), 6) AS amount,
    max(doubts) > 0 OR sum(measured_until - measured_from) % (until - start) <> 0 AS is_estimated,
    min(measured_from) AS measured_from, max(measured_until) AS measured_until
  FROM (
    SELECT coalesce(d.point, i.meter::varchar) AS point, coalesce(d.name, i.meter::varchar) AS name,
      coalesce(d.role, 'unknown') AS role, i.obis AS obis, i.start AS start, i.boundary AS until, i.amount AS amount,
      i.doubts AS doubts, i.measured_from AS measured_from, i.measured_until AS measured_until
    FROM intervals i LEFT JOIN {DESCRIBED} d ON d.meter = i.meter WHERE i.measured_from < i.measured_until
  ) GROUP BY point, role, obis, start, until
)
{select}"""


COMPLETE = "measured_from <= start AND measured_until >= until"


def energy_bars(registers, grid, **options):
    """Bars of import above and export below zero."""
    select = f"""SELECT start AS time, concat(name, ' ', {register_name(registers)}) AS series,
  CASE WHEN obis IN ('{EXPORT}') THEN -amount ELSE amount END AS value
FROM energy WHERE {COMPLETE} ORDER BY time, series"""
    return energy(select, registers, grid, **options)


def comparison():
    """Energy of today so far, of yesterday and of the day a week before, with their local days."""
    zone = "${zone:sqlstring}"
    today = f"to_utc(timestamp_floor('d', to_timezone($__toTime, {zone})), {zone})"
    ago = f"datediff('d', timestamp_floor('d', to_timezone(start, {zone})), timestamp_floor('d', to_timezone({today}, {zone})))"
    select = f"""SELECT name, {register_name([IMPORT, EXPORT])} AS register,
  sum(CASE WHEN ago = 0 THEN amount END) AS today, sum(CASE WHEN ago = 1 THEN amount END) AS yesterday,
  sum(CASE WHEN ago = 7 THEN amount END) AS week_ago, point
FROM (SELECT point, name, obis, amount, {ago} AS ago FROM energy)
WHERE ago IN (0, 1, 7) GROUP BY name, register, point ORDER BY name, register"""
    first = "dateadd('d', -8, $__toTime)"
    return energy(select, [IMPORT, EXPORT], day_grid(first), first=first)


# Of one interval: a producer counts its production as import or as export, so the larger one counts.
SOLAR = f"""(
  SELECT start, sum(CASE WHEN role = 'production' THEN produced ELSE 0.0 END) AS produced,
    sum(CASE WHEN role IN ('grid', 'unknown') THEN imported ELSE 0.0 END) AS imported,
    sum(CASE WHEN role IN ('grid', 'unknown') THEN exported ELSE 0.0 END) AS exported,
    max(CASE WHEN role = 'production' THEN 1 ELSE 0 END) AS has_production,
    max(CASE WHEN role IN ('grid', 'unknown') THEN 1 ELSE 0 END) AS has_grid
  FROM (
    SELECT start, point, role, max(amount) AS produced, sum(CASE WHEN obis = '{IMPORT}' THEN amount ELSE 0.0 END) AS imported,
      sum(CASE WHEN obis = '{EXPORT}' THEN amount ELSE 0.0 END) AS exported
    FROM energy WHERE {COMPLETE} GROUP BY start, point, role
  ) GROUP BY start
)"""


def solar():
    select = f"""SELECT start AS time, produced AS production, greatest(produced - exported, 0.0) AS "used on site",
  imported AS "from the grid", exported AS "to the grid"
FROM {SOLAR} WHERE has_production = 1 AND has_grid = 1 ORDER BY time"""
    return energy(select, [IMPORT, EXPORT], QUARTER_HOUR_GRID)


def self_consumption():
    select = f"""SELECT greatest(sum(produced) - sum(exported), 0.0) / sum(produced) AS "self-consumption",
  greatest(sum(produced) - sum(exported), 0.0) / (greatest(sum(produced) - sum(exported), 0.0) + sum(imported)) AS "self-sufficiency"
FROM {SOLAR} WHERE has_production = 1 AND has_grid = 1"""
    return energy(select, [IMPORT, EXPORT], QUARTER_HOUR_GRID)


def power_now():
    """Sums of the newest power of each meter, not older than two hours."""
    registers = [POWER_IMPORT, POWER_EXPORT, POWER_SIGNED]
    newest = f"""SELECT meter, obis, value_last FROM {QUARTER_HOURS}
      WHERE ts > dateadd('h', -2, $__toTime) AND ts <= $__toTime AND {METERS} AND obis IN ({codes(registers)})
      LATEST ON ts PARTITION BY meter, obis"""
    of_code = ", ".join(
        f"max(CASE WHEN obis = '{code}' THEN value_last END) AS {name}"
        for code, name in ((POWER_IMPORT, "imported"), (POWER_EXPORT, "exported"), (POWER_SIGNED, "signed"))
    )
    return f"""SELECT sum(CASE WHEN role <> 'production' AND watts > 0 THEN watts ELSE 0.0 END) AS import,
  sum(CASE WHEN role <> 'production' AND watts < 0 THEN -watts ELSE 0.0 END) AS export,
  sum(CASE WHEN role = 'production' THEN abs(watts) ELSE 0.0 END) AS production
FROM (
  SELECT coalesce(d.role, 'unknown') AS role, coalesce(p.signed, coalesce(p.imported, 0.0) - coalesce(p.exported, 0.0)) AS watts
  FROM (
    SELECT meter, {of_code} FROM (
      {newest}
    ) GROUP BY meter
  ) p LEFT JOIN {DESCRIBED} d ON d.meter = p.meter
) WHERE role IN ('grid', 'unknown', 'production')"""


def curve(registers):
    """Means of raw samples without test messages in the points of the graph, one series for each meter and register."""
    return f"""SELECT s.ts AS time, concat(coalesce(d.name, s.meter::varchar), ' ', {register_name(registers, 's.obis')}) AS series, s.value
FROM (
  SELECT ts, meter, obis, avg(value) AS value FROM ${{table}}
  WHERE $__timeFilter(ts) AND (flags & 32) = 0 AND {METERS} AND obis IN ({codes(registers)})
  SAMPLE BY $__sampleByInterval
) s LEFT JOIN {DESCRIBED} d ON d.meter = s.meter ORDER BY time, series"""


def power_range():
    registers = [POWER_IMPORT, POWER_SIGNED]
    columns = "min(value_min) AS lowest, sum(value_mean * value_count) / sum(value_count) AS mean, max(value_max) AS highest"
    return f"""SELECT ts AS time, {columns} FROM {QUARTER_HOURS}
WHERE $__timeFilter(ts) AND {METERS} AND obis IN ({codes(registers)}) GROUP BY ts ORDER BY time"""


def newest_values():
    return f"""SELECT obis AS register, value_last AS value, last_ts AS time FROM {QUARTER_HOURS}
WHERE ts > dateadd('d', -7, $__toTime) AND ts <= $__toTime AND {METERS} LATEST ON ts PARTITION BY meter, obis ORDER BY register"""


def versions():
    return f"""SELECT valid_from, name, serial, meter_serial, vendor, model, firmware, role, site, source
FROM ${{table}}_meters WHERE {METERS} ORDER BY valid_from"""


NEWEST_OF_METERS = f"(SELECT meter, max(last_ts) AS newest FROM {HOURS} WHERE ts > dateadd('d', -40, $__toTime))"


def meter_counts():
    return f"""SELECT count() AS meters, sum(CASE WHEN newest > dateadd('h', -${{silence}}, $__toTime) THEN 1 ELSE 0 END) AS sending,
  sum(CASE WHEN newest > dateadd('h', -${{silence}}, $__toTime) THEN 0 ELSE 1 END) AS silent
FROM {KNOWN} k LEFT JOIN {NEWEST_OF_METERS} n ON n.meter = k.meter"""


def silent_meters():
    return f"""SELECT k.name, k.site, k.vendor, n.newest, datediff('s', n.newest, $__toTime) AS silent, k.point
FROM {KNOWN} k LEFT JOIN {NEWEST_OF_METERS} n ON n.meter = k.meter
WHERE n.newest IS NULL OR n.newest <= dateadd('h', -${{silence}}, $__toTime) ORDER BY silent DESC LIMIT 1000"""


def gaps():
    """Times between two samples of a meter that are longer than the chosen silence."""
    return f"""SELECT coalesce(d.name, g.meter::varchar) AS name, g.last_ts AS from_time, g.next_ts AS until_time,
  datediff('s', g.last_ts, g.next_ts) AS duration, coalesce(d.point, g.meter::varchar) AS point
FROM (
  SELECT meter, last_ts, lead(first_ts) OVER (PARTITION BY meter ORDER BY ts) AS next_ts FROM (
    SELECT ts, meter, min(first_ts) AS first_ts, max(last_ts) AS last_ts FROM {QUARTER_HOURS} WHERE $__timeFilter(ts) GROUP BY ts, meter
  )
) g LEFT JOIN {DESCRIBED} d ON d.meter = g.meter
WHERE g.next_ts > dateadd('h', ${{silence}}, g.last_ts) ORDER BY from_time DESC LIMIT 1000"""


def sending_meters():
    return f"""SELECT ts AS time, count_distinct(meter) AS meters FROM {QUARTER_HOURS} WHERE $__timeFilter(ts) GROUP BY ts ORDER BY time"""


def samples_of_quarter_hours():
    return f"SELECT ts AS time, sum(value_count) AS samples FROM {QUARTER_HOURS} WHERE $__timeFilter(ts) GROUP BY ts ORDER BY time"


FLAGS = ["time-is-receive-time", "local-time", "status-not-ok", "estimated", "gap-repair", "test", "sign-unexpected"]


def flags():
    columns = ", ".join(f'sum(CASE WHEN (flags & {1 << bit}) <> 0 THEN 1 ELSE 0 END) AS "{name}"' for bit, name in enumerate(FLAGS))
    return f"SELECT source, count() AS samples, {columns} FROM ${{table}} WHERE $__timeFilter(ts) GROUP BY source ORDER BY source"


def receipt_delay():
    return """SELECT ts AS time, source, avg((received - ts) / 1000000000.0) AS seconds FROM ${table}
WHERE $__timeFilter(ts) SAMPLE BY $__sampleByInterval ORDER BY time, source"""


def vendors():
    return f"""SELECT k.vendor, count_distinct(k.meter) AS meters, count_distinct(s.obis) AS registers, sum(s.samples) AS samples, max(s.newest) AS newest
FROM {KNOWN} k JOIN (
  SELECT meter, obis, sum(value_count) AS samples, max(last_ts) AS newest FROM {QUARTER_HOURS} WHERE $__timeFilter(ts)
) s ON s.meter = k.meter GROUP BY k.vendor ORDER BY k.vendor"""


def vendor_meters():
    return f"""SELECT k.name, k.site, k.role, k.serial, k.model, k.firmware, n.newest, k.point FROM {KNOWN} k
LEFT JOIN {NEWEST_OF_METERS} n ON n.meter = k.meter WHERE k.vendor = ${{vendor:sqlstring}} ORDER BY name LIMIT 1000"""


def vendor_registers():
    return f"""SELECT obis AS register, count_distinct(meter) AS meters, min(value_min) AS lowest, sum(value_sum) / sum(value_count) AS mean,
  max(value_max) AS highest, max(last_ts) AS newest
FROM {QUARTER_HOURS} WHERE $__timeFilter(ts) AND {METERS} ORDER BY register"""


def vendor_series():
    return f"""SELECT s.ts AS time, concat(coalesce(d.name, s.meter::varchar), ' ', s.obis) AS series, s.value
FROM (
  SELECT ts, meter, obis, value_sum / value_count AS value FROM {QUARTER_HOURS}
  WHERE $__timeFilter(ts) AND {METERS} AND obis IN (${{register:sqlstring}})
) s LEFT JOIN {DESCRIBED} d ON d.meter = s.meter ORDER BY time, series"""
