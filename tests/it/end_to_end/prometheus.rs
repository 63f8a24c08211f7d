//! A real Prometheus with the deployed scrape job and rules, beside the built program.

use crate::support::process::Process;
use crate::support::service::{Service, Setup};
use crate::support::{from_environment, ports, wait};
use meterline_load::{Connection, http};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// A Prometheus that scrapes one service every second.
struct Prometheus {
    _process: Process,
    port: u16,
    _directory: TempDir,
}

impl Prometheus {
    /// The deployed files with the service's address and a shorter interval; the rules unchanged.
    fn start(service: &Service) -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), ports::free());
        let deployed = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
        let rules = "meterline.rules.yml";
        std::fs::copy(deployed.join(rules), directory.path().join(rules)).unwrap();
        let mut settings = std::fs::read_to_string(deployed.join("scrape.yml")).unwrap();
        for (before, after) in [("127.0.0.1:8081", service.admin_address().to_string()), ("15s", "1s".to_owned())] {
            assert!(settings.contains(before), "no {before} in {settings}");
            settings = settings.replace(before, &after);
        }
        let file = directory.path().join("prometheus.yml");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(from_environment("METERLINE_TEST_PROMETHEUS"));
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let mut process = Process::start(command, &directory.path().join("prometheus.log"));
        process.wait_ready("Prometheus is ready", LIMIT, || {
            http::get(&format!("http://127.0.0.1:{port}/-/ready")).is_ok_and(|(status, _)| status == 200)
        });
        Self { _process: process, port, _directory: directory }
    }

    fn api(&self, path: &str) -> Value {
        let (status, text) = http::get(&format!("http://127.0.0.1:{}/api/v1/{path}", self.port)).unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str::<Value>(&text).unwrap()["data"].take()
    }

    /// The alert of this name, if it is pending or fires.
    fn alert(&self, name: &str) -> Option<Value> {
        let alerts = self.api("alerts");
        alerts["alerts"].as_array().unwrap().iter().find(|alert| alert["labels"]["alertname"] == name).cloned()
    }

    fn wait_for(&self, name: &str, state: &str) -> Value {
        wait::until_some(&format!("{name} is {state}"), LIMIT, || {
            self.alert(name).filter(|alert| alert["state"] == state)
        })
    }
}

/// The link of an alert leads to its section, on the page of the service.
fn assert_shows_the_runbook(alert: &Value, section: &str) {
    let url = alert["annotations"]["runbook_url"].as_str().unwrap();
    let (status, text) = http::get(url).unwrap();
    assert_eq!(status, 200, "{url}");
    assert!(text.starts_with(&format!("## {section}\n")), "{url}: {text}");
}

#[test]
fn a_real_prometheus_scrapes_the_service_and_its_alerts_fire() {
    let service = Setup::default().start();
    let prometheus = Prometheus::start(&service);
    prometheus.wait_for("MeterlineWatchdog", "firing");
    assert_eq!(prometheus.alert("MeterlineUndecodable"), None);
    assert_eq!(prometheus.alert("MeterlineSinkBlocked"), None);

    assert_eq!(Connection::new(&service.target()).post(b"no protobuf at all").unwrap().status, 200);
    let alert = prometheus.wait_for("MeterlineUndecodable", "firing");
    assert_eq!(alert["labels"]["severity"], "warning");
    assert_eq!(alert["labels"]["source"], "acme");
    assert_eq!(alert["labels"]["instance"], service.admin_address().to_string());
    assert_shows_the_runbook(&alert, "MeterlineUndecodable");
    assert_shows_the_runbook(&prometheus.wait_for("MeterlineWatchdog", "firing"), "MeterlineWatchdog");

    // Every rule of the deployed file runs without an error on the series of a real service.
    let rules = prometheus.api("rules");
    let rules: Vec<&Value> =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 30, "{rules:?}");
    for rule in rules {
        assert_eq!((&rule["health"], &rule["lastError"]), (&"ok".into(), &Value::Null), "{rule}");
    }
    for series in [
        "meterline_build_info",
        "meterline_data_volume_free_bytes",
        "process_start_time_seconds",
        "meterline:source_silence:seconds",
    ] {
        let found = prometheus.api(&format!("query?query={series}"));
        assert_eq!(found["result"].as_array().map(Vec::len), Some(1), "{series}: {found}");
    }
}

#[test]
fn a_blocked_sink_becomes_an_alert_that_names_it() {
    let kafka = Some((crate::support::kafka::shared(), "e2e-prometheus-without-a-topic".to_owned()));
    let service = Setup { kafka, ..Setup::default() }.start_unmigrated();
    service.wait_for_state("kafka", "blocked");
    let prometheus = Prometheus::start(&service);
    // It fires a minute later, as the unit tests of the rules show.
    let alert = prometheus.wait_for("MeterlineSinkBlocked", "pending");
    assert_eq!(alert["labels"]["sink"], "kafka");
    assert_shows_the_runbook(&alert, "MeterlineSinkBlocked");
}

#[test]
fn a_blocked_sink_fails_the_canary_and_the_alert_names_the_store() {
    const VISIBLE: &str = "meterline_canary_rounds_total{store=\"sqlite\",outcome=\"visible\"}";
    const UNREADABLE: &str = "meterline_canary_rounds_total{store=\"questdb\",outcome=\"unreadable\"}";
    let questdb = Some((crate::support::questdb::Client::shared().url().to_owned(), "e2e_canary_blocked".to_owned()));
    let tables = "[canary]\ninterval = \"1s\"\ndeadline = \"3s\"";
    let service = Setup { questdb, tables, ..Setup::default() }.start_unmigrated();
    service.wait_for_state("questdb", "blocked");
    wait::until("the canary fails", LIMIT, || service.metric(UNREADABLE) >= 2.0 && service.metric(VISIBLE) >= 2.0);
    let prometheus = Prometheus::start(&service);
    // It fires after some minutes, as the unit tests of the rules show.
    let alert = prometheus.wait_for("MeterlineCanaryFailing", "pending");
    wait::until("sqlite is none of its stores", LIMIT, || {
        let alerts = prometheus.api("alerts");
        let mut failing = alerts["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["labels"]["alertname"] == "MeterlineCanaryFailing");
        failing.all(|alert| alert["labels"]["store"] == "questdb")
    });
    assert_shows_the_runbook(&alert, "MeterlineCanaryFailing");
    let status = service.status();
    let why = status["canary"].as_array().unwrap().iter().find(|it| it["store"] == "questdb").unwrap()["why"].clone();
    assert!(why.as_str().unwrap().contains("cannot be read"), "{status}");
    // The sink says more, so it is the entry.
    let entries = status["trouble"]["entries"].as_array().unwrap().iter().filter(|entry| entry["part"] == "questdb");
    assert_eq!(entries.map(|entry| &entry["kind"]).collect::<Vec<_>>(), ["sink-blocked"], "{status}");
}

#[test]
fn the_volume_of_the_data_directory_is_measured() {
    let service = Setup { volume_bytes: Some(256 << 20), ..Setup::default() }.start();
    wait::until("the volume is measured", LIMIT, || service.metric("meterline_data_volume_bytes") > 0.0);
    assert_eq!(service.metric("meterline_data_volume_bytes"), f64::from(256 << 20));
    let free = service.metric("meterline_data_volume_free_bytes");
    assert!(free > 0.0 && free < f64::from(256 << 20), "{free}");
}
