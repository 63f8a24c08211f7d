//! A device of the local network gets new firmware, on the built program.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::rows_of_sqlite;
use crate::support::{kafka, questdb, wait};
use meterline::proto::v1;
use meterline_load::devices::{Clock, DsmrLogger};
use prost::Message as _;
use serde_json::json;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const METER: &str = "E0021000071";

/// Firmware, begin and end of every version in SQLite.
fn versions(service: &Service) -> Vec<Vec<String>> {
    let sql = format!("SELECT firmware, valid_from, valid_to FROM meters WHERE serial = '{METER}' ORDER BY valid_from");
    rows_of_sqlite(&service.sqlite_file(), &sql)
}

#[test]
fn new_firmware_of_a_local_device_is_a_second_version_of_its_description_in_every_store() {
    let name = "local_descriptions";
    let (store, brokers) = (questdb::Client::shared(), kafka::shared());
    let logger = DsmrLogger::start(Clock::new(|| now_ns() / 1_000_000_000)).unwrap();
    let mut service = Setup::with_all_sinks(name).start();
    assert!(service.stop().success());
    service.append_configuration(&format!(
        "[[dsmr_logger]]\nname = \"cellar\"\nurl = \"{}\"\nevery = \"1s\"\n",
        logger.url()
    ));
    service.start_again();
    wait::until("it is described", LIMIT, || versions(&service).len() == 1);
    assert_eq!(versions(&service)[0][0], "v3.0.5");

    // A start asks the device for its description at once.
    service.kill();
    logger.set_firmware("v3.1.0");
    service.start_again();
    wait::until("the new version is there", LIMIT, || versions(&service).len() == 2);
    service.wait_drained();
    let described = versions(&service);
    let firmware: Vec<_> = described.iter().map(|version| version[0].as_str()).collect();
    assert_eq!(firmware, ["v3.0.5", "v3.1.0"]);
    assert_eq!(described[0][2], described[1][1], "one ends where the next begins");

    let in_questdb = store.query(&format!(
        "SELECT firmware, valid_to = null, name, gateway, role FROM {name}_meters WHERE serial = '{METER}' ORDER BY valid_from"
    ));
    let row = |firmware, is_current| json!([firmware, is_current, "cellar", "DSMR-API", "grid"]);
    assert_eq!(json!(in_questdb), json!([row("v3.0.5", false), row("v3.1.0", true)]));
    let messages = kafka::consume(&brokers, &format!("{name}-meters"));
    let mut versions: Vec<_> =
        messages.iter().map(|it| v1::Meter::decode(it.value.as_slice()).unwrap().firmware).collect();
    versions.dedup();
    assert_eq!(versions, ["v3.0.5", "v3.1.0"]);
}
