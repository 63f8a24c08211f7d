#!/usr/bin/env python3
"""Writes the dashboards into dashboards/, and the statement of energy into docs/questdb.md.
`generate.py --check` only compares, and fails if they differ.

Needs Python 3.9 and nothing else. sql.py has the SQL. The tests run each statement on a real QuestDB, compare names and
units with the registry, and parse each expression with Prometheus. Grafana itself does not run in the tests.
"""

import json
import sys
from pathlib import Path

import sql

QUESTDB = {"type": "questdb-questdb-datasource", "uid": "meterline-questdb"}
PROMETHEUS = {"type": "prometheus", "uid": "meterline-prometheus"}
# The format of an answer, as the plug-in numbers it.
TIME_SERIES, TABLE = 0, 1
LEGEND = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
METER_LINK = {
    "title": "Show the meter",
    "url": "/d/meterline-meter?var-point=${__data.fields.point}&${__url_time_range}",
    "targetBlank": False,
}


def target(query):
    return {"refId": "A", "datasource": QUESTDB, "queryType": "sql", "rawSql": query, "meta": {}}


def panel(kind, title, description, width, height, targets, datasource, unit=None, options=None, custom=None, overrides=()):
    defaults = {"custom": custom or {}, "mappings": [], "color": {"mode": "palette-classic"}}
    if unit:
        defaults["unit"] = unit
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": datasource,
        "gridPos": {"w": width, "h": height},
        "targets": targets,
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options or {},
    }


def lines(title, description, query, unit=None, width=12, height=8, bars=False):
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "auto", "spanNulls": 3600000}
    if bars:
        custom = {"drawStyle": "bars", "lineWidth": 0, "fillOpacity": 80, "barAlignment": 1}
    options = {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}
    targets = [target(query) | {"format": TIME_SERIES}]
    return panel("timeseries", title, description, width, height, targets, QUESTDB, unit, options, custom)


def stat(title, description, query, unit=None, width=8, height=4):
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "textMode": "value_and_name",
        "colorMode": "none",
        "graphMode": "none",
        "justifyMode": "auto",
    }
    return panel("stat", title, description, width, height, [target(query) | {"format": TABLE}], QUESTDB, unit, options)


def override(field, **properties):
    values = [{"id": name.replace("_", "."), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": "byName", "options": field}, "properties": values}


def table(title, description, query, unit=None, width=24, height=8, overrides=()):
    options = {"showHeader": True, "cellHeight": "sm"}
    targets = [target(query) | {"format": TABLE}]
    return panel("table", title, description, width, height, targets, QUESTDB, unit, options, overrides=overrides)


# The name of a meter leads to its dashboard; its metering point is needed for that, and not shown.
TO_METER = [override("name", links=[METER_LINK]), override("point", custom_hidden=True)]
NAMED_REGISTERS = override(
    "register",
    mappings=[{"type": "value", "options": {code: {"text": name, "index": n} for n, (code, name) in enumerate(sql.NAMES.items())}}],
)


def query_variable(name, label, query, datasource=QUESTDB, **more):
    variable = {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": datasource,
        "query": query,
        "refresh": 2,
        "sort": 0,
        "regex": "",
        "hide": 0,
        "multi": False,
        "includeAll": False,
        "options": [],
        "current": {},
    }
    return variable | more


ALL = {"multi": True, "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}}
# The tables are called as in `sink.questdb.table`.
TABLES = {"type": "constant", "name": "table", "query": "samples", "hide": 2, "skipUrlSync": False}
ZONE = query_variable(
    "zone",
    "Days in",
    "SELECT time_zone FROM (SELECT DISTINCT time_zone FROM ${table}_meters WHERE time_zone <> '' ORDER BY time_zone) "
    "UNION ALL SELECT 'UTC' AS time_zone FROM long_sequence(1)",
)


def meters_where(condition):
    query = f"SELECT meter::varchar AS meter FROM {sql.KNOWN} WHERE {condition} ORDER BY meter"
    return query_variable("meters", "Meters", query, hide=2, **ALL)


SILENCE = {
    "type": "custom",
    "name": "silence",
    "label": "Silent after hours",
    "query": "1,6,24,72",
    "hide": 0,
    "multi": False,
    "includeAll": False,
    "options": [{"text": hours, "value": hours, "selected": hours == "1"} for hours in ("1", "6", "24", "72")],
    "current": {"text": "1", "value": "1"},
}


def dashboard(uid, title, variables, panels, period="now-24h"):
    x = y = row_height = 0
    for number, one in enumerate(panels, start=1):
        one["id"] = number
        position = one["gridPos"]
        if x + position["w"] > 24:
            x, y, row_height = 0, y + row_height, 0
        position |= {"x": x, "y": y}
        x, row_height = x + position["w"], max(row_height, position["h"])
    link = {
        "type": "dashboards",
        "title": "meterline",
        "tags": ["meterline"],
        "asDropdown": False,
        "keepTime": True,
        "includeVars": False,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }
    return {
        "uid": uid,
        "title": title,
        "tags": ["meterline"],
        "schemaVersion": 41,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": period, "to": "now"},
        "timepicker": {},
        "annotations": {"list": []},
        "links": [link],
        "templating": {"list": variables},
        "panels": panels,
    }


def site():
    sites = query_variable("site", "Site", f"SELECT DISTINCT site FROM {sql.KNOWN} ORDER BY site")
    names = "Import is above zero, export below. The counter at an end of the interval minus the counter at its start."
    return dashboard("meterline-site", "meterline: site", [TABLES, sites, meters_where("site = ${site:sqlstring}"), ZONE], [
        stat("Power now", "Newest power of grid meters, of meters whose role is unknown, and of producers, at most two hours old.",
             sql.power_now(), "watt"),
        stat("Solar of this time range", "Production that the site used itself, as a share of production and of consumption. "
             "Empty without a meter in the role production.", sql.self_consumption(), "percentunit", width=8),
        table("Today, yesterday, a week ago", "Energy of local days; today up to the newest sample.", sql.comparison(), "watth",
              width=24, height=7, overrides=TO_METER),
        lines("Power", "Import and export of each metering point; signed power of meters that send it.",
              sql.curve([sql.POWER_IMPORT, sql.POWER_EXPORT, sql.POWER_SIGNED]), "watt", width=24),
        lines("Power of phases", "Import, export and signed power of each phase.", sql.curve(sql.phases(1, 2, 16)), "watt"),
        lines("Voltage", "Voltage of each phase.", sql.curve(sql.phases(12)), "volt"),
        lines("Current", "Current of each phase.", sql.curve(sql.phases(11)), "amp"),
        lines("Power factor", "Total and of each phase.", sql.curve(["1-0:13.7.0*255", *sql.phases(13)]), "none"),
        lines("Energy of quarter-hours", names, sql.energy_bars([sql.IMPORT, sql.EXPORT], sql.QUARTER_HOUR_GRID), "watth", bars=True),
        lines("Energy of days", names + " Days of the chosen time zone.", sql.energy_bars(
            [sql.IMPORT, sql.EXPORT], sql.day_grid(), view=sql.HOURS), "watth", bars=True),
        lines("Solar in quarter-hours", "Energy of producers, and its share that did not go to the grid. Empty without a meter in the "
              "role production.", sql.solar(), "watth", bars=True),
        lines("Water, gas and heat of days", "In the units of the meters: m3, or Wh for heat, where the registry knows it.",
              sql.energy_bars(sql.VOLUMES, sql.day_grid(), view=sql.HOURS), "none", bars=True),
    ], period="now-7d")


def meter():
    points = query_variable("point", "Meter", f"SELECT point, max(name) AS name FROM {sql.KNOWN} GROUP BY point ORDER BY name")
    return dashboard("meterline-meter", "meterline: meter", [TABLES, points, meters_where("point = ${point:sqlstring}"), ZONE], [
        lines("Power", "Import, export and signed power: means of the samples in each point of the graph.",
              sql.curve([sql.POWER_IMPORT, sql.POWER_EXPORT, sql.POWER_SIGNED]), "watt", width=16),
        table("Newest values", "Of each register in the last seven days.", sql.newest_values(), width=8, height=24,
              overrides=[NAMED_REGISTERS]),
        lines("Range of power", "Lowest, highest and mean power of quarter-hours. The mean is by time: each value holds until the next.",
              sql.power_range(), "watt", width=16),
        lines("Energy of quarter-hours", "The counter at the end minus the counter at the start.",
              sql.energy_bars([sql.IMPORT, sql.EXPORT], sql.QUARTER_HOUR_GRID), "watth", width=16, bars=True),
        lines("Energy of days", "Days of the chosen time zone.",
              sql.energy_bars([sql.IMPORT, sql.EXPORT], sql.day_grid(), view=sql.HOURS), "watth", bars=True),
        lines("Water, gas and heat of days", "In the unit of the meter.", sql.energy_bars(sql.VOLUMES, sql.day_grid(), view=sql.HOURS),
              "none", bars=True),
        lines("Voltage", "Voltage of each phase.", sql.curve(sql.phases(12)), "volt", width=8),
        lines("Current", "Current of each phase.", sql.curve(sql.phases(11)), "amp", width=8),
        lines("Power factor", "Total and of each phase.", sql.curve(["1-0:13.7.0*255", *sql.phases(13)]), "none", width=8),
        table("Versions of the description", "A meter of the metering point, or a changed name, is a version of its own.", sql.versions(),
              height=6),
    ])


def fleet():
    gaps_open = [{"refId": "A", "datasource": PROMETHEUS, "expr": "sum by (source) (meterline_gaps_open)", "legendFormat": "{{source}}"}]
    silent = override("silent", unit="s")
    return dashboard("meterline-fleet", "meterline: fleet", [TABLES, SILENCE], [
        stat("Meters", "All meters that are described or have samples, and how many of them are silent.", sql.meter_counts(), "none", width=24),
        table("Silent meters", "Meters without a sample in the chosen time. Meters that send rarely need a longer one.",
              sql.silent_meters(), width=12, overrides=[*TO_METER, silent]),
        table("Gaps", "Times without any sample of a meter, longer than chosen.", sql.gaps(), width=12,
              overrides=[*TO_METER, override("duration", unit="s")]),
        lines("Meters that send", "Meters with a sample in each quarter-hour.", sql.sending_meters(), "none"),
        lines("Samples", "Samples of each quarter-hour.", sql.samples_of_quarter_hours(), "none"),
        table("Data quality", "Samples with a flag, by source.", sql.flags(), width=24, height=6),
        lines("From measurement to receipt", "Mean time between measurement and receipt, by source.", sql.receipt_delay(), "s"),
        panel("timeseries", "Open gaps", "Gaps that gap detection knows and that are not filled, by source.", 12, 8, gaps_open, PROMETHEUS,
              "none", {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}),
    ])


def of_vendors():
    names = query_variable("vendor", "Vendor", f"SELECT DISTINCT vendor FROM {sql.KNOWN} ORDER BY vendor")
    registers = query_variable(
        "register", "Registers", f"SELECT DISTINCT obis FROM {sql.QUARTER_HOURS} WHERE $__timeFilter(ts) AND {sql.METERS} ORDER BY obis",
        **ALL)
    variables = [TABLES, names, meters_where("vendor = ${vendor:sqlstring}"), registers]
    return dashboard("meterline-vendors", "meterline: vendors", variables, [
        table("Vendors", "Meters, registers and samples of each vendor in this time range.", sql.vendors(), height=6),
        table("Meters of the vendor", "With their newest sample.", sql.vendor_meters(), width=12, height=10, overrides=TO_METER),
        table("Registers of the vendor", "All that its meters send, also values that only this vendor has.", sql.vendor_registers(),
              width=12, height=10, overrides=[NAMED_REGISTERS]),
        lines("Chosen registers", "Means of quarter-hours; the unit is the register's.", sql.vendor_series(), width=24, height=12),
    ])


def metric(title, description, unit, *queries, width=8):
    targets = [
        {"refId": chr(ord("A") + n), "datasource": PROMETHEUS, "expr": expression, "legendFormat": legend}
        for n, (expression, legend) in enumerate(queries)
    ]
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never", "spanNulls": False}
    options = {"legend": LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, description, width, 8, targets, PROMETHEUS, unit, options, custom)


def service():
    of = '{instance=~"$instance"}'

    def rate(name, by, labels=of):
        return f"sum by ({by}) (rate({name}{labels}[$__rate_interval]))"

    def quantile(share, name, by="le"):
        return f"histogram_quantile({share}, sum by ({by}) (rate({name}_bucket{of}[$__rate_interval])))"

    query = {"query": "label_values(meterline_build_info, instance)", "refId": "instances"}
    instances = query_variable("instance", "Instance", query, PROMETHEUS, **ALL)
    return dashboard("meterline-service", "meterline: service", [instances], [
        metric("Readings", "Readings accepted, by source.", "cps", (rate("meterline_readings_total", "source"), "{{source}}")),
        metric("Answers of the webhook", "Requests by status code.", "reqps", (rate("meterline_webhook_requests_total", "answer"), "{{answer}}")),
        metric("Bodies refused", "Bodies answered 503 or 413, by reason.", "cps", (rate("meterline_journal_refused_total", "reason"), "{{reason}}")),
        metric("Time of a commit", "Write and sync of one group; an answer waits for it.", "s",
               (quantile(0.5, "meterline_journal_commit_duration_seconds"), "median"),
               (quantile(0.99, "meterline_journal_commit_duration_seconds"), "99 of 100")),
        metric("Journal", "Size on disk, and its cap.", "bytes",
               (f"meterline_journal_bytes{of}", "size {{instance}}"), (f"meterline_journal_capacity_bytes{of}", "cap {{instance}}")),
        metric("Held in the journal", "Bytes that a required sink has not received, by source.", "bytes",
               (f"sum by (source) (meterline_journal_held_bytes{of})", "{{source}}")),
        metric("State of sinks", "1 for the current state of each sink.", "none",
               (f"max by (sink, state) (meterline_sink_state{of} == 1)", "{{sink}} {{state}}")),
        metric("Lag of sinks", "Age of the oldest record that the sink has not confirmed.", "s",
               (f"max by (sink) (meterline_sink_lag_seconds{of})", "{{sink}}")),
        metric("Rows of sinks", "Rows or messages that the sink acknowledged.", "cps", (rate("meterline_sink_rows_total", "sink"), "{{sink}}")),
        metric("From receipt until stored", "Time until a batch is safe in the sink, 99 of 100.", "s",
               (quantile(0.99, "meterline_sink_delay_seconds", "le, sink"), "{{sink}}")),
        metric("Errors of sinks", "Failures, and warnings that need the operator.", "cps",
               (rate("meterline_sink_errors_total", "sink"), "errors {{sink}}")),
        metric("Sources", "1 for each source that is not running.", "none",
               (f'max by (source, state) (meterline_source_state{{instance=~"$instance",state!="running"}} == 1) or vector(0)', "{{source}} {{state}}")),
        metric("Dead letters", "Open dead letters, by kind.", "none", (f"sum by (kind) (meterline_dead_letters{of})", "{{kind}}")),
        metric("Set aside", "Implausible samples that are kept and not delivered, by reason.", "cps",
               (rate("meterline_samples_set_aside_total", "reason"), "{{reason}}")),
        metric("Missing readings", "Quarter-hours missing in open gaps.", "none",
               (f"sum by (source) (meterline_gap_readings_missing{of})", "{{source}}")),
        metric("Memory", "Resident memory.", "bytes", (f"process_resident_memory_bytes{of}", "{{instance}}")),
        metric("Processor", "Share of one core.", "percentunit", (f"rate(process_cpu_seconds_total{of}[$__rate_interval])", "{{instance}}")),
        metric("Open files", "And how many may be open.", "none",
               (f"process_open_fds{of}", "open {{instance}}"), (f"process_max_fds{of}", "allowed {{instance}}")),
    ], period="now-6h")


def documented_energy(page):
    """The page with the statement of energy, for one meter and one day."""
    select = f"SELECT point, name, obis, start, until, amount, is_estimated FROM energy\nWHERE {sql.COMPLETE} ORDER BY point, obis, start"
    statement = sql.energy(select, [sql.IMPORT], sql.QUARTER_HOUR_GRID)
    for variable, value in (
        ("${table}", "samples"),
        ("${meters:sqlstring}", "'5e1a0b7c-0000-4000-8000-000000000001'"),
        ("$__fromTime", "'2026-11-20T00:00:00Z'::timestamp"),
        ("$__toTime", "'2026-11-21T00:00:00Z'::timestamp"),
    ):
        statement = statement.replace(variable, value)
    begin, end = "<!-- energy:begin -->\n", "<!-- energy:end -->"
    before, rest = page.split(begin)
    return f"{before}{begin}```sql\n{statement};\n```\n{end}{rest.split(end)[1]}"


def main():
    check = sys.argv[1:] == ["--check"]
    here = Path(__file__).parent
    page = here.parent.parent / "docs" / "questdb.md"
    made = {page: documented_energy(page.read_text())}
    for one in (site(), meter(), fleet(), of_vendors(), service()):
        path = here / "dashboards" / f"{one['uid'].removeprefix('meterline-')}.json"
        made[path] = json.dumps(one, indent=1, ensure_ascii=False) + "\n"
    differ = [path for path in (here / "dashboards").glob("*.json") if path not in made]
    for path, text in made.items():
        if not path.exists() or path.read_text() != text:
            differ.append(path)
            if not check:
                path.write_text(text)
    if check and differ:
        sys.exit(f"not as generate.py makes them: {', '.join(sorted(path.name for path in differ))}")


if __name__ == "__main__":
    main()
