//! A device with a JSON document, on the built program.

use crate::support::load::now_ns;
use crate::support::service::Setup;
use crate::support::stores::of_sqlite;
use crate::support::wait;
use meterline_load::devices::{AllowList, HttpServer};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const KIND: &str = "json";
const PASSWORD: &str = "hunter2-device";

/// A small device: it writes a number as a text.
fn device(second: &Arc<AtomicI64>) -> HttpServer {
    let second = Arc::clone(second);
    HttpServer::start(AllowList::only("GET /status"), move |_| {
        let at = second.load(Ordering::SeqCst);
        (200, format!("{{\"at\":{at},\"total\":{{\"kwh\":\"12.5\"}},\"power\":null}}"))
    })
    .unwrap()
}

#[test]
fn a_device_with_json_is_stored_once_a_reading_also_over_a_restart_and_shows_its_state() {
    let now = now_ns() / 1_000_000_000;
    let second = Arc::new(AtomicI64::new(now));
    let device = device(&second);
    let url = format!("{}status", device.url());
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let password = service.secret_file("device", PASSWORD);
    service.append_configuration(&format!(
        "[[json]]\nname = \"cellar\"\nurl = \"{url}\"\nevery = \"1s\"\nkeep = \"1s\"\ntime = \"/at\"\nusername = \"u\"\n\
         password_file = {password:?}\n\
         [[json.value]]\npointer = \"/total/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n\
         [[json.value]]\npointer = \"/power\"\nobis = \"1-0:1.7.0*255\"\nunit = \"W\"\n"
    ));
    service.start_again();
    let taken = format!("meterline_source_readings_total{{source=\"cellar\",kind=\"{KIND}\"}}");
    wait::until("the first reading is there", LIMIT, || service.metric(&taken) == 1.0);
    second.store(now + 2, Ordering::SeqCst);
    wait::until("the next reading is there", LIMIT, || service.metric(&taken) == 2.0);
    assert_eq!(service.source("cellar", KIND)["state"], "running");
    assert_eq!(service.source("cellar", KIND)["facts"]["values_absent"], 1.0);
    let listed: serde_json::Value = serde_json::from_str(&service.text_of(&["sources", "--json"])).unwrap();
    assert!(listed.as_array().unwrap().iter().any(|it| it["name"] == "cellar" && it["state"] == "running"), "{listed}");
    assert!(service.text_of(&["sources"]).contains("cellar"));
    service.kill();
    service.start_again();
    wait::until("it is asked again", LIMIT, || service.metric(&taken) == 1.0);
    service.wait_drained();
    let stored = of_sqlite(&service.sqlite_file());
    let found: Vec<_> = stored.iter().map(|(key, value)| (key.obis, key.time_ns / 1_000_000_000, *value)).collect();
    let counter = [1, 0, 1, 8, 0, 255];
    assert_eq!(found, [(counter, now, 12_500.0), (counter, now + 2, 12_500.0)]);
    for page in ["/", "/flow", "/trouble", "/status.json", "/metrics"] {
        assert!(!service.page(page).unwrap().1.contains(PASSWORD), "{page}");
    }
    assert!(!service.log().contains(PASSWORD));
}
