//! A meter is forgotten as docs/privacy.md says, on the built program.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::stores::{of_sqlite, rows_of_sqlite};
use crate::support::{questdb, wait};
use meterline_load::cloud::{Cloud, CloudAccount, CloudDevice, CloudLogin, Switches};
use meterline_load::{Body, Reading, SampleKey};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

const PAGE: &str = include_str!("../../../docs/privacy.md");
const LIMIT: Duration = Duration::from_secs(60);
const KEY: &str = "an-api-key-that-must-stay-secret";
const FORGOTTEN: Uuid = Uuid::from_u128(0x8d2f_3c64_0c58_4a0e_9d1b_0b7a_3f5f_6f11);
const KEPT: Uuid = Uuid::from_u128(0x1f0c_5f0e_5d0f_4f6e_8a55_3c9c_5d6b_7a22);
const NAME: &str = "A name to forget";
const SERIAL: i64 = 73_019_284;
const QUARTER_NS: i64 = 900 * 1_000_000_000;
const DAY_NS: i64 = 96 * QUARTER_NS;

/// Readings of a meter at these times.
fn body(meter: Uuid, times_ns: impl IntoIterator<Item = i64>) -> Body {
    let values = |time: i64| vec![([1, 0, 1, 8, 0, 255], (time / QUARTER_NS) as f64)];
    let readings =
        times_ns.into_iter().map(|time_ns| Reading { meter: *meter.as_bytes(), time_ns, values: values(time_ns) });
    Body::new(0, readings.collect())
}

/// The files below a directory that hold an id, the name or the serial number of the forgotten meter.
fn traces(directory: &Path) -> Vec<String> {
    let patterns = [
        FORGOTTEN.to_string().into_bytes(),
        FORGOTTEN.as_bytes().to_vec(),
        FORGOTTEN.to_bytes_le().to_vec(),
        NAME.as_bytes().to_vec(),
        SERIAL.to_string().into_bytes(),
    ];
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(traces(&entry.path()));
        } else if entry.file_type().unwrap().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap_or_default();
            if patterns.iter().any(|pattern| memchr::memmem::find(&bytes, pattern).is_some()) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// The commands of the page, which must be these.
fn documented(command: &str) {
    assert!(PAGE.contains(command), "{command} is not on the page");
}

/// The statement of the page that begins so, for this table.
fn statement(begin: &str, table: &str) -> String {
    let statements = PAGE.split("```sql\n").skip(1).filter_map(|text| text.split("```").next());
    let mut statements = statements.flat_map(|text| text.split_inclusive(";\n"));
    let found = statements.find(|sql| sql.starts_with(begin)).unwrap_or_else(|| panic!("{begin} is not on the page"));
    found.trim_end().trim_end_matches(';').replace("samples", table).replace("METER", &FORGOTTEN.to_string())
}

fn open_letters(service: &Service) -> Vec<u64> {
    let list: Value = serde_json::from_str(&service.text_of(&["dead-letters", "list", "--json"])).unwrap();
    list.as_array().unwrap().iter().map(|letter| letter["letter"].as_u64().unwrap()).collect()
}

fn described(service: &Service) -> usize {
    rows_of_sqlite(&service.sqlite_file(), "SELECT name FROM meters WHERE name <> ''").len()
}

/// The samples of the other meter.
fn kept(service: &Service) -> Vec<(SampleKey, f64)> {
    of_sqlite(&service.sqlite_file()).into_iter().filter(|(key, _)| key.meter == *KEPT.as_bytes()).collect()
}

/// A service whose two meters have quarter-hours, a gap, a correction, a description and a dead letter.
fn with_two_meters(cloud: &Cloud, last: i64) -> Service {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let key = service.secret_file("api-key", KEY);
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"names\"\napi_key_file = {key:?}\nurl = \"{}\"\npoll_every = \"1s\"\nrequests_per_minute = 6000\n",
        cloud.url()
    ));
    service.start_again();
    for meter in [FORGOTTEN, KEPT] {
        let times = (1..200).rev().filter(|slot| !(20..30).contains(slot)).map(|slot| last - slot * QUARTER_NS);
        service.post_all(&[body(meter, times), body(meter, [last - QUARTER_NS, last + 3 * DAY_NS])]);
    }
    wait::until("there are two dead letters", LIMIT, || open_letters(&service).len() == 2);
    wait::until("both are described", LIMIT, || described(&service) == 2);
    service.wait_drained();
    assert!(!traces(&service.data_directory()).is_empty());
    service
}

#[test]
fn a_forgotten_meter_leaves_no_trace_in_the_data_directory() {
    let device = |id, name: &str, serial| CloudDevice { name: name.to_owned(), serial, ..CloudDevice::new(id, 500.0) };
    let mut account = CloudAccount::new("names", vec![CloudLogin::ApiKey(KEY.to_owned())]);
    account.devices = vec![device(FORGOTTEN, NAME, SERIAL), device(KEPT, "Kept", 1)];
    let cloud = Cloud::start(vec![account], Switches::default()).unwrap();
    let last = now_ns() / QUARTER_NS * QUARTER_NS;
    let mut service = with_two_meters(&cloud, last);

    // It is sent no longer, and the dead letters are settled.
    cloud.change_account("names", |account| account.devices.retain(|device| device.id == KEPT));
    documented("meterline dead-letters drop");
    for letter in open_letters(&service) {
        assert!(service.command(&["dead-letters", "drop", &letter.to_string()]).status.success());
    }
    service.wait_drained();
    let before = kept(&service);
    assert!(!before.is_empty());
    // Its files are cleared, which needs a stopped service.
    let forget = ["store", "forget", &FORGOTTEN.to_string()];
    assert_eq!(service.command(&forget).status.code(), Some(1));
    assert!(service.stop().success());
    documented("rm -r dead-letters");
    std::fs::remove_dir_all(service.data_directory().join("dead-letters")).unwrap();
    documented("meterline store forget METER");
    let said = service.text_of(&forget);
    assert!(said.contains(&format!("samples of {FORGOTTEN} were deleted")), "{said}");
    assert!(said.contains("its description was removed") && said.contains("the journal still has"), "{said}");
    let again = service.text_of(&forget);
    assert!(again.contains("0 samples") && again.contains("it had no description"), "{again}");
    assert_eq!(kept(&service), before);
    let left = traces(&service.data_directory());
    assert!(left.iter().all(|file| file.contains("/journal/")), "{left:?}");
    // The journal is emptied.
    documented("retain = 0");
    service.append_configuration("[journal]\nretain = 0\n");
    service.start_again();
    service.post_all(&[body(KEPT, [last])]);
    wait::until("nothing of it is left", LIMIT, || traces(&service.data_directory()).is_empty());

    // The service continues with the other one.
    service.start_again();
    service.post_all(&[body(KEPT, [last + QUARTER_NS / 2])]);
    service.wait_drained();
    assert_eq!(service.sink("sqlite")["state"], "running");
    assert!(service.stop().success());
    assert_eq!(traces(&service.data_directory()), [""; 0]);
    let gaps: Value = serde_json::from_str(&service.text_of(&["gaps", "--all", "--json"])).unwrap();
    let meters: Vec<_> = gaps.as_array().unwrap().iter().map(|gap| gap["meter"].clone()).collect();
    assert_eq!(meters, [Value::from(KEPT.to_string())]);
}

#[test]
fn questdb_forgets_the_values_of_a_meter_and_goes_on() {
    let name = "privacy";
    let store = questdb::Client::shared();
    let service = Setup { questdb: Some((store.url().to_owned(), name.to_owned())), ..Setup::default() }.start();
    let last = now_ns() / QUARTER_NS * QUARTER_NS;
    for meter in [FORGOTTEN, KEPT] {
        service.post_all(&[body(meter, (1..20).rev().map(|slot| last - slot * QUARTER_NS))]);
    }
    let count = |meter: Uuid| {
        let sql = format!("SELECT count(value) FROM \"{name}\" WHERE meter = '{meter}'");
        store.value(&sql).as_u64().unwrap()
    };
    wait::until("both are stored", LIMIT, || count(FORGOTTEN) == 19 && count(KEPT) == 19);
    store.execute(&statement("UPDATE samples SET value", name));
    wait::until("it is forgotten", LIMIT, || count(FORGOTTEN) == 0);
    assert_eq!(count(KEPT), 19);
    for view in ["samples_15m", "samples_hour", "samples_day"] {
        store.execute(&statement(&format!("REFRESH MATERIALIZED VIEW {view} "), name));
    }
    let in_view = |meter: Uuid| {
        let sql = format!("SELECT count(value_last) FROM \"{name}_15m\" WHERE meter = '{meter}'");
        store.try_query(&sql).ok().and_then(|rows| rows[0][0].as_u64())
    };
    wait::until("the view has forgotten it", LIMIT, || in_view(FORGOTTEN) == Some(0) && in_view(KEPT) == Some(19));
    service.post_all(&[body(KEPT, [last])]);
    wait::until("the sink goes on", LIMIT, || count(KEPT) == 20);
}
