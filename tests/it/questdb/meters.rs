//! Meter descriptions on a real server: stored once despite repeats, safe when reported, and
//! joined with the samples.

use super::harness::{Harness, JOURNAL, RECEIVED_S, SECOND, blocked, device};
use super::{fresh_config, migrated_config, wait_applied};
use crate::support::questdb::{Client, Server};
use meterline::deliver::{Delivery, Sink as _, SinkError, SinkErrorKind};
use meterline::journal::{Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use meterline::reading::{Limits, MeterId, UnixNanos};
use meterline::sink::questdb::{TableName, check, migrate};
use meterline::sink::{Level, Step};
use meterline::wire::PayloadFormat;
use meterline::wire::meters::{Description, Role, VendorCode, Version, encode};
use serde_json::{Value, json};

/// The meter of [`device`] with this number.
fn meter(number: u64) -> MeterId {
    MeterId::from_bcl_guid(number, 2)
}

fn version(number: u64, from_s: i64, to_s: Option<i64>, name: &str) -> Version {
    Version {
        meter: meter(number),
        metering_point: "house-1".to_owned(),
        description: Description {
            name: name.to_owned(),
            serial: "63 \"7\"".to_owned(),
            vendor: "smart-me".to_owned(),
            family: VendorCode { number: 12, name: "Telstar 80A".to_owned() },
            customer: "house one".to_owned(),
            site: "House 1 / Cellar".to_owned(),
            model: "T-80".to_owned(),
            firmware: "1.42".to_owned(),
            role: Role::Submeter,
            phase: "L2".to_owned(),
            time_zone: "Europe/Zurich".to_owned(),
            tariff: "{\"label\":\"double\"}".to_owned(),
            currency: "CHF".to_owned(),
            unit: "kWh".to_owned(),
            ..Description::default()
        },
        source: "home".to_owned(),
        valid_from: UnixNanos(from_s * SECOND),
        valid_to: to_s.map(|at| UnixNanos(at * SECOND)),
    }
}

/// Hands the sink a record of descriptions, as the pump does.
fn describe(harness: &mut Harness, sequence: u64, versions: &[Version]) -> Result<bool, SinkError> {
    let header = RecordHeader {
        source: SourceId(1),
        format: PayloadFormat::Meters.number(),
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: UnixNanos(RECEIVED_S * SECOND),
    };
    let body = encode(versions);
    harness.sink.describe(&Delivery {
        record: Record { journal: JOURNAL, sequence: Sequence(sequence), header, payload: &body },
        source: "home",
        limits: &Limits::DEFAULT,
        judged_at: header.received,
        format: PayloadFormat::Meters,
    })
}

fn stored(client: &Client, table: &str) -> Vec<Vec<Value>> {
    client.query(&format!(
        "SELECT cast(valid_from AS LONG), cast(valid_to AS LONG), meter, metering_point, name, serial, family, customer, site, unit, source, \
         model, firmware, role, phase, time_zone, tariff, currency \
         FROM {table} ORDER BY meter, valid_from"
    ))
}

#[test]
fn a_description_is_in_its_table_when_it_is_safe_and_once_whatever_comes_again() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "described"));
    harness.rewind().unwrap();
    let first = [version(1, 0, None, "Cellar"), version(2, 0, None, "Roof")];
    let changed = [version(1, 0, Some(RECEIVED_S), "Cellar"), version(1, RECEIVED_S, None, "Attic")];
    let row = |number: u64, from_s: i64, to_s: Option<i64>, name: &str| {
        let to = to_s.map_or(Value::Null, |at| json!(at * SECOND));
        let id = meter(number).to_string();
        vec![
            json!(from_s * SECOND),
            to,
            json!(id),
            json!("house-1"),
            json!(name),
            json!("63 \"7\""),
            json!(12),
            json!("house one"),
            json!("House 1 / Cellar"),
            json!("kWh"),
            json!("home"),
            json!("T-80"),
            json!("1.42"),
            json!("submeter"),
            json!("L2"),
            json!("Europe/Zurich"),
            json!("{\"label\":\"double\"}"),
            json!("CHF"),
        ]
    };
    assert!(describe(&mut harness, 1, &first).unwrap());
    assert_eq!(harness.sink.settle(false).unwrap().next_unsafe, Sequence(2));
    // Not eventually: it is there at once.
    assert_eq!(stored(&client, "samples_described_meters"), [row(1, 0, None, "Cellar"), row(2, 0, None, "Roof")]);
    let expected = [row(1, 0, Some(RECEIVED_S), "Cellar"), row(1, RECEIVED_S, None, "Attic"), row(2, 0, None, "Roof")];
    assert!(describe(&mut harness, 2, &changed).unwrap());
    assert_eq!(stored(&client, "samples_described_meters"), expected);
    for _ in 0..2 {
        harness.rewind().unwrap();
        describe(&mut harness, 1, &first).unwrap();
        describe(&mut harness, 2, &changed).unwrap();
        assert_eq!(stored(&client, "samples_described_meters"), expected);
    }
    assert_eq!(client.count("samples_described"), 0, "no sample of it");
}

#[test]
fn a_points_series_goes_on_over_an_exchange_of_its_meter_and_changes_of_name() {
    let client = Client::shared();
    let mut harness = Harness::new(&client, migrated_config(&client, "exchange"));
    for (number, second, value) in [(1, 0, 10.0), (1, 1, 11.0), (2, 2, 0.5), (2, 3, 1.5), (3, 3, 7.0)] {
        harness.add(vec![device(number, RECEIVED_S + second, &[value])]);
    }
    assert!(harness.deliver().is_empty());
    let renamed = RECEIVED_S + 3;
    let elsewhere = Version { metering_point: "house-2".to_owned(), ..version(3, 0, None, "Other") };
    let versions = [
        version(1, 0, None, "Old"),
        version(2, 0, Some(renamed), "New"),
        version(2, renamed, None, "Renamed"),
        elsewhere,
    ];
    describe(&mut harness, 6, &versions).unwrap();
    // The query of docs/smart-me.md.
    let page = include_str!("../../../docs/smart-me.md");
    let sql = page.split("```sql").find(|text| text.contains("ASOF JOIN")).unwrap().split("```").next().unwrap();
    let sql = sql.replace("samples", "samples_exchange");
    let series: Vec<(Value, Value)> =
        client.query(&sql).into_iter().map(|row| (row[1].clone(), row[2].clone())).collect();
    let point = |name: &str, value: f64| (json!(name), json!(value));
    assert_eq!(series, [point("Old", 10.0), point("Old", 11.0), point("New", 0.5), point("Renamed", 1.5)]);
}

#[test]
fn a_missing_table_holds_up_descriptions_alone_and_says_what_to_do() {
    let client = Client::shared();
    let config = migrated_config(&client, "undescribed");
    client.execute("DROP TABLE samples_undescribed_meters");
    let mut harness = Harness::new(&client, config);
    harness.add(vec![device(1, RECEIVED_S, &[1.0])]);
    assert!(harness.deliver().is_empty());
    let refused = describe(&mut harness, 2, &[version(1, 0, None, "Cellar")]).map(drop);
    blocked(refused, "table samples_undescribed_meters is missing");
    let faults: Vec<String> = check(&harness.config)
        .into_iter()
        .filter(|finding| finding.level == Level::Fault)
        .map(|finding| finding.message)
        .collect();
    assert!(faults.len() == 1 && faults[0].contains("samples_undescribed_meters is missing"), "{faults:?}");
    let steps = migrate(&harness.config, None).unwrap();
    assert_eq!(
        steps.iter().map(Step::to_string).collect::<Vec<_>>(),
        ["samples_undescribed_meters: created, for meter descriptions"]
    );
    assert!(describe(&mut harness, 2, &[version(1, 0, None, "Cellar")]).unwrap());
    assert_eq!(client.count("samples_undescribed_meters"), 1);
}

#[test]
fn a_wrong_table_is_altered_or_refused_before_anything_is_changed() {
    let client = Client::shared();
    let mut config = fresh_config(&client, "meters_mend");
    config.meters_table = Some(TableName::parse("named_meters").unwrap());
    client.execute("DROP TABLE IF EXISTS named_meters");
    client.execute(
        "CREATE TABLE named_meters (valid_from TIMESTAMP_NS, meter UUID, name LONG) TIMESTAMP(valid_from) PARTITION BY YEAR WAL",
    );
    let error = migrate(&config, None).unwrap_err().to_string();
    assert!(error.contains("column name of table named_meters is LONG instead of VARCHAR"), "{error}");
    assert_eq!(client.query("SELECT 1 FROM tables() WHERE table_name = 'samples_meters_mend'").len(), 0);
    client.execute("ALTER TABLE named_meters DROP COLUMN name");
    wait_applied(&client, config.meters_table.as_ref().unwrap());
    let steps = migrate(&config, None).unwrap();
    let last = steps.last().unwrap().to_string();
    assert!(last.contains("named_meters: set to keep the last row of each (valid_from, meter)"), "{steps:?}");
    assert_eq!(migrate(&config, None).unwrap(), []);
    let mut harness = Harness::new(&client, config);
    harness.rewind().unwrap();
    for _ in 0..2 {
        describe(&mut harness, 1, &[version(1, 0, None, "Cellar")]).unwrap();
    }
    assert_eq!(stored(&client, "named_meters").len(), 1);
    client.execute("ALTER TABLE named_meters DEDUP DISABLE");
    wait_applied(&client, harness.config.meters_table.as_ref().unwrap());
    let refused = describe(&mut harness, 1, &[version(1, 0, None, "Cellar")]).map(drop);
    blocked(refused, "named_meters does not deduplicate by (valid_from, meter)");
    assert_eq!(stored(&client, "named_meters").len(), 1);
}

#[test]
fn a_suspended_table_or_a_server_that_is_away_confirms_no_description() {
    let mut server = Server::start_with(&["dev.mode.enabled=true"]);
    let client = server.client().clone();
    let mut harness = Harness::new(&client, migrated_config(&client, "stopped"));
    harness.rewind().unwrap();
    client.execute("ALTER TABLE samples_stopped_meters SUSPEND WAL");
    let refused = describe(&mut harness, 1, &[version(1, 0, None, "Cellar")]).map(drop);
    blocked(refused, "ALTER TABLE samples_stopped_meters RESUME WAL");
    client.execute("ALTER TABLE samples_stopped_meters RESUME WAL");
    server.kill();
    let error = describe(&mut harness, 1, &[version(1, 0, None, "Cellar")]).unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Waiting, "{error}");
    server.start_again();
    harness.rewind().unwrap();
    assert!(describe(&mut harness, 1, &[version(1, 0, None, "Cellar")]).unwrap());
    assert_eq!(client.count("samples_stopped_meters"), 1);
    // Dropped and recreated behind an open connection: what comes next is there.
    client.execute("DROP TABLE samples_stopped_meters");
    migrate(&harness.config, None).unwrap();
    assert!(describe(&mut harness, 2, &[version(2, 0, None, "Roof")]).unwrap());
    assert_eq!(client.count("samples_stopped_meters"), 1);
}
