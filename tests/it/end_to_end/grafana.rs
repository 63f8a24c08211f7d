//! The dashboards for Grafana. Grafana does not run here: the SQL of every panel and variable runs on a real QuestDB with data
//! that the service stored, and its values are compared with a computation of the test's own.

mod boards;
mod homes;

use crate::support::load::now_ns;
use crate::support::questdb::Client;
use crate::support::service::Setup;
use crate::support::{from_environment, service::Service};
use boards::{Opened, PROMETHEUS, QUESTDB, panels, path, targets, text};
use homes::{DAY_S, EXPORT, IMPORT, Meter, POWER, QUARTER_S, Samples, VOLTAGES, WATER, bodies, energy, meters};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use meterline::metrics::{FAMILIES, Kind};
use meterline::reading::registry::{Unit, entry};
use meterline::reading::{Flags, Obis};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const TABLE: &str = "e2e_grafana";
const ZONE: &str = "Europe/Zurich";

#[test]
fn the_committed_dashboards_are_the_ones_that_the_generator_makes() {
    let made = Command::new("python3").arg(path("generate.py")).arg("--check").output().unwrap();
    assert!(made.status.success(), "run deploy/grafana/generate.py: {}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn the_dashboards_have_the_parts_that_grafana_needs() {
    let sources = std::fs::read_to_string(path("provisioning/datasources/meterline.yml")).unwrap();
    let boards = boards::all();
    let uids: BTreeSet<&str> = boards.values().map(|board| text(&board["uid"])).collect();
    assert_eq!(uids.len(), boards.len());
    for (name, board) in &boards {
        assert!(board["schemaVersion"].as_u64().unwrap() >= 41 && !text(&board["title"]).is_empty(), "{name}");
        let mut ids = BTreeSet::new();
        let mut cells = BTreeSet::new();
        let variables: Vec<&str> =
            board["templating"]["list"].as_array().unwrap().iter().map(|variable| text(&variable["name"])).collect();
        for panel in panels(board) {
            let title = text(&panel["title"]);
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{name}: two panels have the id of {title}");
            assert!(["timeseries", "stat", "table"].contains(&text(&panel["type"])), "{name}: {title}");
            assert!(!text(&panel["description"]).is_empty(), "{name}: {title}");
            assert!(panel["fieldConfig"]["defaults"].is_object() && panel["fieldConfig"]["overrides"].is_array());
            let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24, "{name}: {title} is too wide");
            for column in place("x")..place("x") + place("w") {
                for row in place("y")..place("y") + place("h") {
                    assert!(cells.insert((column, row)), "{name}: {title} covers another panel");
                }
            }
            let mut references = BTreeSet::new();
            for target in targets(panel) {
                assert!(references.insert(text(&target["refId"])), "{name}: {title}");
                assert_eq!(target["datasource"], panel["datasource"], "{name}: {title}");
                assert!(sources.contains(&format!("uid: {}\n", text(&target["datasource"]["uid"]))), "{name}: {title}");
                let query = text(target.get("rawSql").unwrap_or(&target["expr"]));
                for used in query.split("${").skip(1).map(|rest| rest.split([':', '}']).next().unwrap()) {
                    assert!(variables.contains(&used), "{name}: {title} uses {used}");
                }
            }
        }
        for link in board.to_string().split("/d/").skip(1).map(|rest| rest.split('?').next().unwrap()) {
            assert!(uids.contains(link), "{name} leads to {link}");
        }
    }
}

/// Grafana's name of a unit of the registry.
fn unit_in_grafana(unit: Unit) -> &'static str {
    match unit {
        Unit::Watt => "watt",
        Unit::WattHour => "watth",
        Unit::Volt => "volt",
        Unit::Ampere => "amp",
        Unit::One => "none",
        other => panic!("no panel has the unit {other:?}"),
    }
}

fn obis(code: &str) -> Obis {
    code.parse().unwrap_or_else(|_| panic!("{code} is no OBIS code"))
}

#[test]
fn the_dashboards_have_the_names_and_units_of_the_registry() {
    let (mut names, mut units) = (0, 0);
    for (board, panel) in
        boards::all().iter().flat_map(|(name, board)| panels(board).iter().map(move |panel| (name, panel)))
    {
        let title = text(&panel["title"]);
        for change in panel["fieldConfig"]["overrides"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|it| it["properties"].as_array().unwrap())
        {
            for (code, shown) in change["value"][0]["options"].as_object().into_iter().flatten() {
                assert_eq!(text(&shown["text"]), entry(obis(code)).unwrap().name.to_string(), "{board}: {title}");
                names += 1;
            }
        }
        let Some(sql) = targets(panel)[0].get("rawSql").map(text) else { continue };
        for case in sql.split("WHEN '").skip(1).filter(|case| case.contains("' THEN '")) {
            let (code, rest) = case.split_once("' THEN '").unwrap();
            if code.contains(':') {
                assert_eq!(
                    rest.split('\'').next().unwrap(),
                    entry(obis(code)).unwrap().name.to_string(),
                    "{board}: {title}"
                );
                names += 1;
            }
        }
        // The unit of volumes is the meter's.
        let Some(unit) = panel["fieldConfig"]["defaults"].get("unit").filter(|_| !title.starts_with("Water")) else {
            continue;
        };
        for list in sql.split("obis IN (").skip(1) {
            for code in list.split(')').next().unwrap().split(", ").filter(|code| code.starts_with('\'')) {
                let known = entry(obis(code.trim_matches('\''))).unwrap().unit;
                assert!(
                    *unit == "percentunit" || *unit == unit_in_grafana(known),
                    "{board}: {title}: {code} is in {known:?}"
                );
                units += 1;
            }
        }
    }
    assert!(names > 100 && units > 30, "{names} names, {units} units");
    let fleet = boards::all().remove("fleet").unwrap().to_string();
    for (flag, name) in Flags::NAMED {
        assert!(
            fleet.contains(&format!("(flags & {}) <> 0 THEN 1 ELSE 0 END) AS \\\"{name}\\\"", flag.bits())),
            "{name}"
        );
    }
}

#[test]
fn every_expression_for_prometheus_is_valid_and_names_a_metric_of_the_service() {
    let mut rules = "groups:\n- name: dashboards\n  rules:\n".to_owned();
    let mut expressions = 0;
    for target in boards::all().values().flat_map(panels).flat_map(targets) {
        let Some(expression) = target.get("expr").map(text) else { continue };
        assert_eq!(target["datasource"]["uid"], PROMETHEUS);
        let expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*");
        rules += &format!("  - record: dashboard:expression_{expressions}\n    expr: {}\n", json!(expression));
        expressions += 1;
        let words = expression.split(|c: char| !c.is_alphanumeric() && c != '_');
        let metrics: Vec<&str> =
            words.filter(|word| word.starts_with("meterline_") || word.starts_with("process_")).collect();
        assert!(!metrics.is_empty(), "{expression}");
        for metric in metrics.iter().filter(|metric| !metric.starts_with("process_")) {
            let family = FAMILIES.iter().find(|family| family.name == metric.trim_end_matches("_bucket"));
            let family = family.unwrap_or_else(|| panic!("{metric} is no metric"));
            assert_eq!(family.kind == Kind::Histogram, metric.ends_with("_bucket"), "{metric}");
            assert_eq!(family.kind == Kind::Gauge, !expression.contains("rate("), "{expression}");
            let by = expression.split_once(" by (").map_or("", |(_, rest)| rest.split(')').next().unwrap());
            for label in by.split(", ").filter(|label| !["", "le", "instance"].contains(label)) {
                assert!(family.labels.contains(&label), "{metric} has no label {label}");
            }
        }
    }
    assert!(expressions > 18);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), rules).unwrap();
    let promtool = from_environment("METERLINE_TEST_PROMTOOL");
    let checked = Command::new(promtool).args(["check", "rules"]).arg(file.path()).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

/// The service has stored the samples of the homes, the views are refreshed.
struct Stored {
    client: Client,
    end: i64,
    meters: Vec<Meter>,
    _service: Service,
}

impl Stored {
    fn new() -> Self {
        let client = Client::shared();
        let service = Setup { questdb: Some((client.url().to_owned(), TABLE.to_owned())), ..Setup::default() }.start();
        let now = now_ns() / 1_000_000_000;
        let end = now - now % QUARTER_S;
        let meters = meters(end);
        service.post_all(&bodies(&meters));
        service.wait_drained();
        for Meter { name, point, role, site, vendor, id, .. } in meters.iter().filter(|meter| !meter.name.is_empty()) {
            let name = name.split(" (").next().unwrap();
            let role = role.map_or("NULL".to_owned(), |role| format!("'{role}'"));
            client.execute(&format!(
                "INSERT INTO {TABLE}_meters (valid_from, meter, metering_point, name, role, site, vendor, time_zone) \
                 VALUES (0, '{id}', '{point}', '{name}', {role}, '{site}', '{vendor}', '{ZONE}')"
            ));
        }
        client.execute(&format!("SELECT wait_wal_table('{TABLE}_meters')"));
        client.refresh_views(TABLE);
        Self { client, end, meters, _service: service }
    }

    fn range(&self) -> (i64, i64) {
        (self.end - 3 * DAY_S, self.end)
    }

    fn open(&self, board: &str, chosen: &[(&str, &str)]) -> Opened {
        Opened::new(&self.client, board, TABLE, self.range(), chosen)
    }

    fn meter(&self, name: &str) -> &Meter {
        self.meters.iter().find(|meter| meter.name == name).unwrap()
    }

    /// Energies of complete intervals between these boundaries, by start and series as the panels call them.
    fn energies(&self, meters: &[&str], codes: &[&'static str], boundaries: &[i64]) -> BTreeMap<(i64, String), f64> {
        let mut expected = BTreeMap::new();
        for code in codes {
            let series: Vec<&Samples> = meters.iter().filter_map(|name| self.meter(name).series.get(code)).collect();
            // Of several meters the panels show the last name in the alphabet.
            let title = format!("{} {}", meters.iter().max().unwrap(), entry(obis(code)).unwrap().name);
            for pair in boundaries.windows(2) {
                if let Some(amount) = energy(&series, pair[0], pair[1]) {
                    let shown = if *code == EXPORT { -amount } else { amount };
                    expected.insert((pair[0], title.clone()), shown);
                }
            }
        }
        expected
    }

    fn quarter_hours(&self) -> Vec<i64> {
        (self.range().0..=self.end).step_by(900).collect()
    }

    /// Local midnights from the day of this time to the one after the end.
    fn midnights(&self, from: i64) -> Vec<i64> {
        let zone = TimeZone::get(ZONE).unwrap();
        let day = |at: i64| Timestamp::from_second(at).unwrap().to_zoned(zone.clone()).start_of_day().unwrap();
        let last = day(self.end).checked_add(1.day()).unwrap();
        let days = (0..).map(|n: i64| day(from).checked_add(n.days()).unwrap()).take_while(|one| *one <= last);
        days.map(|one| one.timestamp().as_second()).collect()
    }
}

fn seconds(time: &Value) -> i64 {
    text(time).parse::<Timestamp>().unwrap().as_second()
}

/// Rows of time, series and value.
fn shown(rows: &[Vec<Value>]) -> BTreeMap<(i64, String), f64> {
    let points = rows.iter().map(|row| ((seconds(&row[0]), text(&row[1]).to_owned()), row[2].as_f64().unwrap()));
    let points: BTreeMap<_, _> = points.collect();
    assert_eq!(points.len(), rows.len(), "a point is there twice");
    points
}

fn assert_same<K: Ord + std::fmt::Debug>(what: &str, found: &BTreeMap<K, f64>, expected: &BTreeMap<K, f64>) {
    assert!(!expected.is_empty(), "{what}");
    assert!(found.keys().eq(expected.keys()), "{what}: {found:?}\nis not\n{expected:?}");
    for (key, value) in expected {
        assert!((found[key] - value).abs() < 1e-4, "{what}: {key:?} is {} instead of {value}", found[key]);
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Values of a register in buckets of this length.
fn buckets(samples: &Samples, (from, to): (i64, i64), length: i64) -> BTreeMap<i64, Samples> {
    let mut buckets: BTreeMap<i64, Samples> = BTreeMap::new();
    for &(at, value) in samples {
        let start = at - at.rem_euclid(length);
        // A graph of buckets has the ones that begin in its range, one of raw samples the samples in it.
        let decides = if length == boards::POINT_S { at } else { start };
        if (from..=to).contains(&decides) {
            buckets.entry(start).or_default().push((at, value));
        }
    }
    buckets
}

fn mean(samples: &Samples) -> f64 {
    samples.iter().map(|(_, value)| value).sum::<f64>() / f64::from(u32::try_from(samples.len()).unwrap())
}

#[test]
fn the_panels_show_what_an_independent_computation_gives() {
    let stored = Stored::new();
    site_at_home(&stored);
    site_at_work(&stored);
    one_meter(&stored);
    whole_fleet(&stored);
    all_vendors(&stored);
}

fn site_at_home(stored: &Stored) {
    let site = stored.open("site", &[("site", "Home"), ("zone", ZONE)]);
    let (grid, roof) = (stored.meter("Grid meter"), stored.meter("Roof"));
    let newest = |meter: &Meter, code: &str| meter.series[code].last().unwrap().1;
    let watts = newest(grid, POWER) - newest(grid, homes::POWER_EXPORT);
    assert_eq!(site.rows("Power now"), [[json!(watts), json!(0.0), json!(-newest(roof, homes::SIGNED_POWER))]]);
    let home = |boundaries: &[i64]| {
        let mut expected = stored.energies(&["Grid meter"], &[IMPORT, EXPORT], boundaries);
        expected.extend(stored.energies(&["Roof"], &[IMPORT, EXPORT], boundaries));
        expected
    };
    let quarters = home(&stored.quarter_hours());
    assert_same("quarter-hours at home", &shown(&site.rows("Energy of quarter-hours")), &quarters);
    let days = home(&stored.midnights(stored.range().0));
    assert_same("days at home", &shown(&site.rows("Energy of days")), &days);
    let codes = [POWER, homes::POWER_EXPORT, homes::SIGNED_POWER];
    for (title, codes) in [("Power", &codes), ("Voltage", &VOLTAGES)] {
        let mut expected = BTreeMap::new();
        for (meter, code) in [grid, roof].into_iter().flat_map(|meter| codes.iter().map(move |code| (meter, code))) {
            let Some(samples) = meter.series.get(code) else { continue };
            for (start, values) in buckets(samples, stored.range(), boards::POINT_S) {
                expected.insert((start, format!("{} {}", meter.name, entry(obis(code)).unwrap().name)), mean(&values));
            }
        }
        assert_same(title, &shown(&site.rows(title)), &expected);
    }
    solar(stored, &site);
    today_and_before(stored, &site);
    assert_eq!(site.empty_panels(), ["Water, gas and heat of days"]);
}

fn solar(stored: &Stored, site: &Opened) {
    let of = |meter: &str, code: &str, start: i64| {
        energy(&[&stored.meter(meter).series[code]], start, start + QUARTER_S).unwrap()
    };
    let (mut expected, mut sums) = (BTreeMap::new(), [0.0; 3]);
    for start in stored.range().0..stored.end {
        if start % QUARTER_S == 0 {
            let produced = of("Roof", EXPORT, start).max(of("Roof", IMPORT, start));
            let (imported, exported) = (of("Grid meter", IMPORT, start), of("Grid meter", EXPORT, start));
            expected.insert((start, 0), produced);
            expected.insert((start, 1), (produced - exported).max(0.0));
            expected.insert((start, 2), imported);
            expected.insert((start, 3), exported);
            sums = [sums[0] + produced, sums[1] + exported, sums[2] + imported];
        }
    }
    let rows = site.rows("Solar in quarter-hours");
    let found = rows.iter().flat_map(|row| (0..4).map(move |n| ((seconds(&row[0]), n), number(&row[n + 1]))));
    assert_same("solar", &found.collect(), &expected);
    let [ratios] = &site.rows("Solar of this time range")[..] else { panic!("one row") };
    let used = sums[0] - sums[1];
    assert!((number(&ratios[0]) - used / sums[0]).abs() < 1e-9, "{ratios:?}");
    assert!((number(&ratios[1]) - used / (used + sums[2])).abs() < 1e-9, "{ratios:?}");
}

fn today_and_before(stored: &Stored, site: &Opened) {
    let midnights = stored.midnights(stored.end - 7 * DAY_S);
    let rows = site.rows("Today, yesterday, a week ago");
    assert_eq!(rows.len(), 4, "{rows:?}");
    for row in rows {
        let meter = stored.meter(text(&row[0]));
        let code = if text(&row[1]).ends_with("import") { IMPORT } else { EXPORT };
        let samples = &meter.series[code];
        let at = |back: usize| midnights[midnights.len() - 1 - back];
        let so_far = energy(&[samples], at(1), stored.end).filter(|_| at(1) < stored.end);
        let expected = [so_far, energy(&[samples], at(2), at(1)), energy(&[samples], at(8), at(7))];
        for (found, expected) in row[2..5].iter().zip(expected) {
            let agrees = match (found.as_f64(), expected) {
                (Some(found), Some(expected)) => (found - expected).abs() < 1e-4,
                (found, expected) => found.is_none() && expected.is_none(),
            };
            assert!(agrees, "{row:?} instead of {expected:?}");
        }
        assert_eq!(row[5], meter.point);
    }
}

fn site_at_work(stored: &Stored) {
    let site = stored.open("site", &[("site", "Work"), ("zone", ZONE)]);
    let work = |boundaries: &[i64]| {
        let mut expected = stored.energies(&["Office"], &[IMPORT], boundaries);
        expected.extend(stored.energies(&["Shop 1", "Shop 2"], &[IMPORT], boundaries));
        expected.extend(stored.energies(&["Load (load-1)"], &[IMPORT], boundaries));
        expected.extend(stored.energies(&["Load (load-2)"], &[IMPORT], boundaries));
        expected
    };
    // The name of a metering point in an interval is the one of the meters that it has then.
    let named = |energies: BTreeMap<(i64, String), f64>| -> BTreeMap<(i64, String), f64> {
        let exchange = stored.meter("Shop 1").series[IMPORT].last().unwrap().0;
        let name = |(start, series): (i64, String)| {
            (
                start,
                if start < exchange && start + QUARTER_S <= exchange {
                    series.replace("Shop 2", "Shop 1")
                } else {
                    series
                },
            )
        };
        energies.into_iter().map(|(key, amount)| (name(key), amount)).collect()
    };
    let found = shown(&site.rows("Energy of quarter-hours"));
    assert_same("quarter-hours at work", &found, &named(work(&stored.quarter_hours())));
    let days = work(&stored.midnights(stored.range().0));
    // The name of the day of the exchange is one of both meters.
    let unnamed = |energies: BTreeMap<(i64, String), f64>| -> BTreeMap<(i64, String), f64> {
        energies
            .into_iter()
            .map(|((start, series), amount)| ((start, series.replace("Shop 1", "Shop 2")), amount))
            .collect()
    };
    assert_same("days at work", &unnamed(shown(&site.rows("Energy of days"))), &days);
    let water = stored.energies(&["Water meter"], &[WATER], &stored.midnights(stored.range().0));
    assert_same("water", &shown(&site.rows("Water, gas and heat of days")), &water);
}

fn one_meter(stored: &Stored) {
    let meter = stored.meter("Grid meter");
    let board = stored.open("meter", &[("point", meter.name), ("zone", ZONE)]);
    let newest = board
        .rows("Newest values")
        .into_iter()
        .map(|row| (text(&row[0]).to_owned(), (row[1].clone(), seconds(&row[2]))));
    let expected = meter.series.iter().map(|(code, samples)| {
        let (at, value) = *samples.last().unwrap();
        ((*code).to_owned(), (json!(value), at))
    });
    assert_eq!(newest.collect::<BTreeMap<_, _>>(), expected.collect());
    let mut expected = BTreeMap::new();
    for (start, samples) in buckets(&meter.series[POWER], stored.range(), QUARTER_S) {
        let held: f64 = samples.windows(2).map(|pair| pair[0].1 * 10.0).sum();
        let length = f64::from(u32::try_from(samples.len() - 1).unwrap()) * 10.0;
        let values = || samples.iter().map(|(_, value)| *value);
        expected.insert((start, 0), values().fold(f64::INFINITY, f64::min));
        expected.insert((start, 1), held / length);
        expected.insert((start, 2), values().fold(0.0, f64::max));
    }
    let rows = board.rows("Range of power");
    let found = rows.iter().flat_map(|row| (0..3).map(move |n| ((seconds(&row[0]), n), number(&row[n + 1]))));
    assert_same("range of power", &found.collect(), &expected);
    assert_eq!(board.empty_panels(), ["Water, gas and heat of days"]);
    let water = stored.open("meter", &[("point", "Water meter"), ("zone", ZONE)]);
    assert!(!water.rows("Water, gas and heat of days").is_empty());
}

fn whole_fleet(stored: &Stored) {
    let board = stored.open("fleet", &[]);
    assert_eq!(board.rows("Meters"), [[9, 7, 2].map(Value::from)]);
    let silent: BTreeMap<_, _> =
        board.rows("Silent meters").into_iter().map(|row| (text(&row[0]).to_owned(), seconds(&row[3]))).collect();
    let last = |name: &str| stored.meter(name).series.values().map(|samples| samples.last().unwrap().0).max().unwrap();
    assert_eq!(silent, ["Shop 1", "Water meter"].map(|name| (name.to_owned(), last(name))).into());
    let water: Vec<i64> = stored.meter("Water meter").series[WATER]
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| at - at % QUARTER_S >= stored.range().0)
        .collect();
    let gaps: Vec<_> =
        water.windows(2).rev().map(|pair| ("Water meter".to_owned(), pair[0], pair[1], pair[1] - pair[0])).collect();
    let found: Vec<_> = board
        .rows("Gaps")
        .iter()
        .map(|row| (text(&row[0]).to_owned(), seconds(&row[1]), seconds(&row[2]), row[3].as_i64().unwrap()))
        .collect();
    assert_eq!(found, gaps);
    let (mut meters, mut samples): (BTreeMap<i64, f64>, BTreeMap<i64, f64>) = (BTreeMap::new(), BTreeMap::new());
    let mut in_range = 0;
    for meter in &stored.meters {
        let mut starts = BTreeSet::new();
        for (start, values) in meter.series.values().flat_map(|samples| buckets(samples, stored.range(), QUARTER_S)) {
            starts.insert(start);
            *samples.entry(start).or_default() += f64::from(u32::try_from(values.len()).unwrap());
            in_range += values.len();
        }
        starts.into_iter().for_each(|start| *meters.entry(start).or_default() += 1.0);
    }
    let points = |title: &str| {
        board.rows(title).iter().map(|row| (seconds(&row[0]), number(&row[1]))).collect::<BTreeMap<_, _>>()
    };
    assert_same("meters that send", &points("Meters that send"), &meters);
    assert_same("samples", &points("Samples"), &samples);
    let [quality] = &board.rows("Data quality")[..] else { panic!("one source") };
    assert_eq!(quality[..2], [json!("acme"), json!(in_range)]);
    assert_eq!(quality.len(), 2 + Flags::NAMED.len());
    assert!(board.rows("From measurement to receipt").iter().all(|row| row[1] == "acme" && number(&row[2]) > 0.0));
    assert_eq!(board.empty_panels(), [""; 0]);
}

fn all_vendors(stored: &Stored) {
    let board = stored.open("vendors", &[("vendor", "p1")]);
    let mut expected: BTreeMap<&str, (BTreeSet<_>, BTreeSet<_>, usize)> = BTreeMap::new();
    for meter in &stored.meters {
        for (code, samples) in &meter.series {
            let count = buckets(samples, stored.range(), QUARTER_S).values().map(Vec::len).sum::<usize>();
            if count > 0 {
                let vendor = expected.entry(meter.vendor).or_default();
                vendor.0.insert(meter.id);
                vendor.1.insert(code);
                vendor.2 += count;
            }
        }
    }
    let found: Vec<Vec<Value>> = board.rows("Vendors").into_iter().map(|row| row[..4].to_vec()).collect();
    let expected: Vec<Vec<Value>> = expected
        .into_iter()
        .map(|(vendor, (meters, registers, samples))| {
            vec![json!(vendor), json!(meters.len()), json!(registers.len()), json!(samples)]
        })
        .collect();
    assert_eq!(found, expected);
    let meter = stored.meter("Grid meter");
    let [row] = &board.rows("Meters of the vendor")[..] else { panic!("one meter") };
    assert_eq!((text(&row[0]), text(&row[7])), (meter.name, meter.point));
    let (mut registers, mut series) = (BTreeMap::new(), BTreeMap::new());
    for (code, samples) in &meter.series {
        let of_range = buckets(samples, stored.range(), QUARTER_S);
        let all: Samples = of_range.values().flatten().copied().collect();
        let values = || all.iter().map(|(_, value)| *value);
        registers.insert((*code, 0), values().fold(f64::INFINITY, f64::min));
        registers.insert((*code, 1), mean(&all));
        registers.insert((*code, 2), values().fold(f64::NEG_INFINITY, f64::max));
        series.extend(
            of_range.into_iter().map(|(start, samples)| ((start, format!("{} {code}", meter.name)), mean(&samples))),
        );
    }
    let rows = board.rows("Registers of the vendor");
    let found = rows.iter().flat_map(|row| (0..3).map(move |n| ((text(&row[0]), n), number(&row[n + 2]))));
    assert_same("registers", &found.collect(), &registers);
    assert_same("chosen registers", &shown(&board.rows("Chosen registers")), &series);
    assert_eq!(board.empty_panels(), [""; 0]);
    assert!(boards::all().values().flat_map(panels).any(|panel| panel["datasource"]["uid"] == QUESTDB));
}
