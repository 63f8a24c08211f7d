//! A meter is renamed and exchanged at its metering point, on the built program.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::rows_of_sqlite;
use crate::support::{kafka, questdb, wait};
use meterline::proto::v1;
use meterline_load::cloud::{Cloud, CloudAccount, CloudDevice, CloudLogin, Switches};
use prost::Message as _;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

const KEY: &str = "an-api-key-that-must-stay-secret";
const LIMIT: Duration = Duration::from_secs(60);
const SECOND: i64 = 1_000_000_000;
const BY_REST: &str = "by-rest";
const OLD: Uuid = Uuid::from_u128(0x8d2f_3c64_0c58_4a0e_9d1b_0b7a_3f5f_6f11);
const NEW: Uuid = Uuid::from_u128(0x1f0c_5f0e_5d0f_4f6e_8a55_3c9c_5d6b_7a22);
/// Queries of docs/smart-me.md, over SQLite and QuestDB.
const POINT: &str = "metering_point = 'house-1' AND";

fn device(id: Uuid, name: &str, serial: i64) -> CloudDevice {
    CloudDevice { name: name.to_owned(), serial, ..CloudDevice::new(id, 900.0) }
}

/// The statement of docs/smart-me.md that contains these words.
fn documented(words: &str) -> &'static str {
    let statements = include_str!("../../../docs/smart-me.md").split("```sql").skip(1);
    let mut found = statements.filter_map(|text| text.split("```").next()).filter(|sql| sql.contains(words));
    found.find(|sql| sql.contains(POINT) || sql.contains("m.metering_point = 'house-1'")).unwrap()
}

/// Name and value along the metering point in SQLite.
fn series(service: &Service) -> Vec<(String, f64)> {
    let rows = rows_of_sqlite(&service.sqlite_file(), documented("samples_by_point"));
    rows.into_iter().map(|row| (row[1].clone(), row[2].parse().unwrap())).collect()
}

fn versions(service: &Service) -> Vec<Vec<String>> {
    rows_of_sqlite(
        &service.sqlite_file(),
        "SELECT meter, name, serial, valid_from, valid_to FROM meters ORDER BY meter, valid_from",
    )
}

fn newest_in_kafka(brokers: &str, topic: &str) -> BTreeMap<Vec<u8>, String> {
    let messages = kafka::consume(brokers, topic).into_iter();
    messages.map(|it| (it.key.unwrap(), v1::Meter::decode(it.value.as_slice()).unwrap().name)).collect()
}

#[test]
fn a_metering_point_is_one_series_over_an_exchange_of_its_meter_in_every_store() {
    let begun = jiff::Timestamp::now().to_string();
    let (store, brokers) = (questdb::Client::shared(), kafka::shared());
    let mut account = CloudAccount::new(BY_REST, vec![CloudLogin::ApiKey(KEY.to_owned())]);
    account.devices = vec![device(OLD, "Cellar", 1)];
    let cloud = Cloud::start(vec![account], Switches::default()).unwrap();
    let now = now_ns() / (10 * SECOND) * (10 * SECOND) - 60 * SECOND;
    cloud.set_now(Some(now));
    let setup = Setup::with_all_sinks("e2e_exchange");
    let mut service = setup.start();
    assert!(service.stop().success());
    let key = service.secret_file("api-key", KEY);
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"{BY_REST}\"\napi_key_file = {key:?}\nurl = \"{}\"\npoll_every = \"1s\"\n\
         requests_per_minute = 6000\n[[metering_point]]\nname = \"house-1\"\nmeters = [\"{OLD}\", \"{NEW}\"]\n",
        cloud.url()
    ));
    service.start_again();

    wait::until("the old meter is there", LIMIT, || series(&service).len() == 1);
    cloud.change_account(BY_REST, |account| account.devices = vec![device(NEW, "Attic", 2)]);
    cloud.set_now(Some(now + 10 * SECOND));
    wait::until("the new meter is there", LIMIT, || series(&service).len() == 2);
    wait::until("its name is there", LIMIT, || versions(&service).iter().any(|row| row[1] == "Attic"));
    cloud.change_account(BY_REST, |account| account.devices = vec![device(NEW, "Roof", 2)]);
    wait::until("its new name is there", LIMIT, || versions(&service).len() == 3);
    service.wait_drained();

    let described = versions(&service);
    let named: Vec<&str> = described.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(named, ["Attic", "Roof", "Cellar"], "{described:?}");
    assert_eq!(described[0][4], described[1][3], "one ends where the next begins");
    let counted = |at: i64| device(OLD, "", 0).values(at)[0].1;
    let found = series(&service);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Cellar", "Attic"]);
    for ((_, value), at) in found.iter().zip([now, now + 10 * SECOND]) {
        assert!((value - counted(at)).abs() < 1e-3, "{value} at {at}");
    }
    let sql = documented("ASOF JOIN").replace("samples", "e2e_exchange");
    let in_questdb: Vec<(Value, Value)> =
        store.query(&sql).into_iter().map(|row| (row[1].clone(), row[2].clone())).collect();
    assert_eq!(in_questdb, found.iter().map(|(name, value)| (json!(name), json!(value))).collect::<Vec<_>>());
    let newest = newest_in_kafka(&brokers, "e2e_exchange-meters");
    let names = |meter: Uuid| newest.get(meter.to_string().as_bytes()).map(String::as_str);
    assert_eq!((newest.len(), names(OLD), names(NEW)), (2, Some("Cellar"), Some("Roof")));

    // A start records the versions once again, as they are; a replay describes nothing else.
    let recorded = service.next_sequence();
    service.kill();
    service.start_again();
    let lists = || cloud.requests().iter().filter(|request| request.what == "GET /Devices").count();
    let before = lists();
    wait::until("devices are asked for again", LIMIT, || lists() > before + 1);
    assert_eq!(service.next_sequence(), recorded + 1, "all versions in one record");
    for sink in ["sqlite", "questdb", "kafka"] {
        let taken = || service.metric(&format!("meterline_sink_readings_total{{sink=\"{sink}\"}}"));
        let before = taken();
        service.text_of(&["replay", "--sink", sink, "--from", &begun]);
        wait::until("the replay is there", LIMIT, || taken() >= before + 2.0);
    }
    service.wait_drained();
    assert_eq!((versions(&service), series(&service)), (described, found));
    assert_eq!(store.count("e2e_exchange_meters"), 3);
    assert_eq!(newest_in_kafka(&brokers, "e2e_exchange-meters"), newest);
}
