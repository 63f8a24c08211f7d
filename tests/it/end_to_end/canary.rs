//! The canary: its test readings go from the webhook to the stores, and nothing else shows them.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{ACCOUNT, Service, Setup};
use crate::support::stores::{assert_exactly, of_sqlite, rows_of_sqlite};
use crate::support::stream::Stream;
use crate::support::{kafka, questdb, wait};
use meterline::reading::MeterId;
use meterline_load::{Body, Connection, Expected, Reading, Script, Target};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// Every path of the canary's account begins so.
const PATH: &str = "/canary-";

fn rounds(service: &Service, store: &str, outcome: &str) -> f64 {
    service.metric(&format!("meterline_canary_rounds_total{{store=\"{store}\",outcome=\"{outcome}\"}}"))
}

/// Waits for two further rounds with this outcome.
fn wait_for(service: &Service, store: &str, outcome: &str) {
    let goal = rounds(service, store, outcome) + 2.0;
    wait::until(&format!("{outcome} in {store}"), LIMIT, || rounds(service, store, outcome) >= goal);
}

/// No page, no command and nothing of the embedded store but its own table shows its meter.
fn assert_nowhere(service: &Service) {
    let canary = MeterId::CANARY.to_string();
    let mut shown = Vec::new();
    for page in ["/", "/?view=table", "/flow", "/trouble", "/status.json", "/?search=5f1f9605", "/metrics"] {
        let (status, text) = service.page(page).unwrap();
        assert_eq!(status, 200, "{page}: {text}");
        shown.push((page.to_owned(), text));
    }
    for command in [&["meters", "--json"][..], &["export", "--from", "2020-01-01"], &["gaps"], &["sources"]] {
        shown.push((command[0].to_owned(), service.text_of(command)));
    }
    for (place, text) in &shown {
        assert!(!text.contains(&canary), "{place} shows the canary:\n{text}");
    }
    let asked = service.command(&["query", &canary, "--from", "2020-01-01"]);
    assert!(!asked.status.success() && String::from_utf8_lossy(&asked.stderr).contains("no meter has"), "{asked:?}");
    let file = service.sqlite_file();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let tables: Vec<String> = rows_of_sqlite(&file, tables).into_iter().flatten().collect();
    assert!(tables.contains(&"meter_ids".to_owned()), "{tables:?}");
    for name in tables.iter().map(String::as_str).chain(["readings", "samples", "newest", "samples_by_point"]) {
        let rows = rows_of_sqlite(&file, &format!("SELECT * FROM {name}"));
        assert!(!rows.iter().flatten().any(|cell| *cell == canary), "{name} of SQLite has the canary");
    }
    assert_eq!(rows_of_sqlite(&file, "SELECT count(*) FROM canary"), [["1"]]);
}

/// No view of QuestDB has its meter; in the table its rows are flagged. The service must be stopped.
fn assert_in_no_view(table: &str) {
    let (server, canary) = (questdb::Client::shared(), MeterId::CANARY);
    server.refresh_views(table);
    for view in ["15m", "hour", "day"].map(|name| format!("{table}_{name}")) {
        assert!(server.count(&view) > 0, "{view} has the others");
        assert_eq!(server.value(&format!("SELECT count() FROM {view} WHERE meter = '{canary}'")), 0, "{view}");
    }
    assert_eq!(server.value(&format!("SELECT count() FROM {table}_meters WHERE meter = '{canary}'")), 0);
    let rows = |condition: &str| {
        server.value(&format!("SELECT count() FROM {table} WHERE meter = '{canary}' AND flags {condition} 32")).as_u64()
    };
    assert!(rows("=") >= Some(5), "the readings of the rounds, and one of the account");
    assert_eq!(rows("<>"), Some(0));
}

#[test]
fn the_canary_is_visible_in_every_store_and_nothing_of_it_anywhere_else() {
    const NAME: &str = "e2e_canary";
    let tables = "[canary]\ninterval = \"1s\"\ndeadline = \"20s\"\n[log]\nlevel = \"trace\"";
    let mut service = Setup { tables, ..Setup::with_all_sinks(NAME) }.start();
    let bodies = fleet(17).script(&Script::mixed(100, now_ns()));
    service.post_all(&bodies);
    // Also where an account sends its meter.
    let values = vec![([1, 0, 1, 8, 0, 255], 5.0)];
    let reading = Reading { meter: *MeterId::CANARY.as_bytes(), time_ns: now_ns() / 100 * 100, values };
    service.post_all(&[Body::new(0, vec![reading])]);
    for store in ["sqlite", "questdb"] {
        wait_for(&service, store, "visible");
        assert!(service.metric(&format!("meterline_canary_delay_seconds{{store=\"{store}\"}}")) > 0.0);
        let at = service.metric(&format!("meterline_canary_last_success_timestamp_seconds{{store=\"{store}\"}}"));
        assert!(at > 1.7e9, "{at}");
        for outcome in ["refused", "missing", "unreadable"] {
            assert_eq!(rounds(&service, store, outcome), 0.0, "{outcome}: {}", service.log());
        }
    }
    assert_nowhere(&service);
    let listed = service.text_of(&["decode", "--journal", "--source", "canary", "--json"]);
    assert!(listed.contains(&MeterId::CANARY.to_string()) && listed.contains("test"), "{listed}");

    // After a kill the page has the meters of the store. A replay sends the records of the canary again.
    service.kill();
    service.start_again();
    service.text_of(&["replay", "--sink", "all", "--from", "2020-01-01T00:00:00Z", "--redecode"]);
    service.wait_drained();
    // A reload replaces the accounts of the webhook, and not the canary's.
    service.append_configuration("[[webhook.account]]\nname = \"new\"\npath = \"/new\"");
    service.text_of(&["reload"]);
    let new = Target::open(format!("http://{}/new", service.webhook_address()));
    assert_eq!(Connection::new(&new).post(b"").unwrap().status, 200);
    for store in ["sqlite", "questdb"] {
        wait_for(&service, store, "visible");
        assert_eq!(rounds(&service, store, "refused"), 0.0, "{}", service.log());
    }
    let newest = service.metric("meterline_last_reading_timestamp_seconds{source=\"canary\"}");
    assert!(newest > 1.7e9, "a reload ended the counters of the canary: {newest}");
    assert_nowhere(&service);
    let expected = Expected::of(&bodies);
    assert_exactly("SQLite", &expected, &of_sqlite(&service.sqlite_file()));
    let stream = Stream::read(&kafka::shared(), NAME);
    assert_exactly("Kafka", &expected, &stream.samples());
    let flagged = format!("meterline_readings_flagged_total{{source=\"{ACCOUNT}\",flag=\"test\"}}");
    assert_eq!(service.metric(&flagged), 0.0, "since the kill only the canary sent its meter");

    assert!(service.stop().success());
    assert_in_no_view(NAME);
    assert!(!service.log().contains(PATH), "the log shows the path of the canary");
    assert_files_lack(&service.data_directory(), PATH.as_bytes());
}

/// No file below this directory has these bytes.
fn assert_files_lack(directory: &Path, bytes: &[u8]) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_files_lack(&path, bytes);
        } else if let Ok(content) = std::fs::read(&path) {
            assert!(!content.windows(bytes.len()).any(|part| part == bytes), "{} has them", path.display());
        }
    }
}

#[test]
fn a_store_that_cannot_be_written_fails_the_canary_until_it_can() {
    let tables = "[canary]\ninterval = \"1s\"\ndeadline = \"3s\"";
    let service = Setup { tables, ..Setup::default() }.start();
    wait_for(&service, "sqlite", "visible");
    let other = rusqlite::Connection::open(service.sqlite_file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    wait_for(&service, "sqlite", "missing");
    let status = service.status();
    assert_eq!((&status["canary"][0]["store"], &status["trouble"]["level"] == "good"), (&"sqlite".into(), false));
    assert_eq!(status["canary"][0]["why"], "the store has not got it in time", "{status}");
    other.execute_batch("ROLLBACK").unwrap();
    wait_for(&service, "sqlite", "visible");
    assert_eq!(service.status()["canary"][0]["why"], serde_json::Value::Null);
    for line in ["is not visible in the store", "is visible in the store again"] {
        assert!(service.log().contains(line), "{line}: {}", service.log());
    }
}

#[test]
fn without_its_table_there_is_no_canary() {
    let service = Setup::default().start();
    let (_, metrics) = service.page("/metrics").unwrap();
    assert!(!metrics.contains("meterline_canary"), "{metrics}");
    assert_eq!(service.status()["canary"], serde_json::json!([]));
    assert_eq!(service.next_sequence(), 1);
}
