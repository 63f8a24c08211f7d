//! The page, the metrics and the commands name the same state and the same numbers, also
//! with a sink that was down from the start. None of these tests needs a server.

use crate::support::load::{fleet, now_ns};
use crate::support::ports;
use crate::support::service::{ACCOUNT, Service, Setup};
use crate::support::wait;
use meterline_load::Script;
use meterline_load::cloud::{Cloud, CloudAccount, CloudDevice, CloudLogin, Switches};
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(60);
const KEY: &str = "an-api-key-that-must-stay-secret";
const SECOND: i64 = 1_000_000_000;

/// An address without a server.
fn nowhere() -> String {
    format!("127.0.0.1:{}", ports::free())
}

/// A service whose QuestDB and Kafka are away from the start.
fn with_two_sinks_down() -> Service {
    let questdb = Some((format!("http://{}", nowhere()), "status".to_owned()));
    Setup { questdb, kafka: Some((nowhere(), "status".to_owned())), ..Setup::default() }.start_unmigrated()
}

#[test]
fn the_bytes_that_a_sink_lags_are_the_journals_also_if_it_was_down_from_the_start() {
    let mut service = with_two_sinks_down();
    let bodies = fleet(3).script(&Script::mixed(600, now_ns()));
    service.post_all(&bodies);
    service.wait_for_sink("sqlite");
    let payload: usize = bodies.iter().map(|body| body.bytes.len()).sum();
    let lag = |service: &Service, sink: &str| service.metric(&format!("meterline_sink_lag_bytes{{sink=\"{sink}\"}}"));
    for sink in ["questdb", "kafka"] {
        wait::until(sink, LIMIT, || lag(&service, sink) >= payload as f64);
    }
    wait::until("SQLite lags by nothing", LIMIT, || lag(&service, "sqlite") == 0.0);
    let full = lag(&service, "questdb");
    // Every body was committed alone, so it takes at least a block of its own.
    assert!(full >= 4096.0 * bodies.len() as f64 && full <= service.metric("meterline_journal_bytes"), "{full}");
    service.kill();
    service.start_again();
    wait::until("also after a start", LIMIT, || lag(&service, "questdb") >= full);
}

#[test]
fn the_page_and_the_journal_command_name_the_same_numbers_for_each_cursor() {
    let service = with_two_sinks_down();
    service.post_all(&fleet(4).script(&Script::mixed(300, now_ns())));
    service.wait_for_sink("sqlite");
    let kept = |list: &Value| -> Vec<(String, Value, Value)> {
        let list = list.as_array().unwrap().iter();
        let mut kept: Vec<_> = list
            .map(|it| (it["name"].as_str().unwrap().to_owned(), it["kept_records"].clone(), it["kept_bytes"].clone()))
            .collect();
        kept.sort_by(|one, other| one.0.cmp(&other.0));
        kept
    };
    // The stored cursors follow the live ones within seconds.
    wait::until("the numbers agree", LIMIT, || {
        let journal: Value = serde_json::from_str(&service.text_of(&["journal", "--json"])).unwrap();
        kept(&journal["cursors"]) == kept(&service.status()["sinks"])
    });
    let questdb = service.sink("questdb");
    assert_eq!(questdb["kept_records"].as_u64(), Some(service.next_sequence() - 1), "{questdb}");
    assert!(questdb["kept_bytes"].as_u64() > Some(4096), "{questdb}");
    assert!(service.text_of(&["journal"]).contains("RECORDS KEPT"));
    assert!(service.page("/flow").unwrap().1.contains("Records kept"));
}

#[test]
fn the_trouble_names_every_sink_that_is_down_and_the_head_is_green_without_trouble() {
    let service = with_two_sinks_down();
    service.post_all(&fleet(5).script(&Script::mixed(20, now_ns())));
    wait::until("both are known to be down", LIMIT, || {
        ["questdb", "kafka"].iter().all(|sink| service.sink(sink)["state"] != "running")
    });
    let headline = service.page("/trouble").unwrap().1;
    assert!(!headline.contains("class=\"state good\""), "{headline}");
    for part in ["questdb cannot be reached: ", "kafka cannot be reached: ", "Nothing is lost: "] {
        assert!(headline.contains(part), "{part} is missing in {headline}");
    }
    let status = service.status();
    assert_ne!(status["trouble"]["level"], "good", "{status}");
    let healthy = Setup::default().start();
    wait::until("a healthy service", LIMIT, || healthy.status()["trouble"]["count"] == 0);
    let page = healthy.page("/flow").unwrap().1;
    assert!(page.contains("id=\"state\" class=\"state good\""), "{page}");
}

#[test]
fn stale_meters_are_named_and_ages_are_written_for_people() {
    let now = now_ns() / (10 * SECOND) * (10 * SECOND);
    let mut cellar = CloudDevice::new(Uuid::from_u128(9), 0.0);
    cellar.name = "Cellar <north>".to_owned();
    cellar.silent_since = Some(now - (40 * 86_400 + 3) * SECOND);
    let mut account = CloudAccount::new(ACCOUNT, vec![CloudLogin::ApiKey(KEY.to_owned())]);
    account.devices = vec![CloudDevice::new(Uuid::from_u128(8), 100.0), cellar];
    let cloud = Cloud::start(vec![account], Switches::default()).unwrap();
    cloud.set_now(Some(now));
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let key = service.secret_file("api-key", KEY);
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"{ACCOUNT}\"\napi_key_file = {key:?}\nurl = \"{}\"\npoll_every = \"1s\"\n\
         requests_per_minute = 6000",
        cloud.url()
    ));
    service.start_again();
    let devices = |service: &Service| service.source(ACCOUNT, "smart-me devices");
    wait::until("one is stale", LIMIT, || devices(&service)["facts"]["meters_stale"] == 1.0);
    let page = service.page("/flow").unwrap().1;
    assert!(page.contains("Cellar &lt;north&gt;"), "{page}");
    assert!(page.contains("oldest value: 40d"), "{page}");
    assert!(!page.contains("3456003"), "{page}");
    let facts = devices(&service)["facts"].clone();
    assert!(facts["stale_meters"].as_str().unwrap().contains("no value for 40d"), "{facts}");
    assert!(facts.get("unit_factor").is_none(), "{facts}");
    let metrics = service.page("/metrics").unwrap().1;
    assert!(!metrics.contains("fact=\"unit_factor\""), "unknown is not 0");
}
