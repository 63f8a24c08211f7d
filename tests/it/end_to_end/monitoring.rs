//! Metrics, built-in page, alerts and dashboard of the service; none shows a secret.

use crate::support::load::{fleet, now_ns};
use crate::support::service::{ACCOUNT, PASSWORD, PATH, Service, Setup};
use crate::support::{from_environment, kafka};
use meterline_load::{Connection, Script, Target};
use serde_json::Value;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[test]
fn metrics_are_clean_and_cover_every_part_at_work() {
    let service = at_work("e2e_metrics");
    let (status, text) = service.page("/metrics").unwrap();
    assert_eq!(status, 200);
    assert_promtool_is_content(&["check", "metrics"], &text);
    for family in [
        "webhook_requests",
        "readings",
        "samples",
        "decode_duration",
        "journal_group_records",
        "sink_rows",
        "sink_delay",
    ] {
        assert!(text.contains(&format!("meterline_{family}")), "{family} is missing:\n{text}");
    }
    assert!(service.metric("meterline_readings_total{source=\"acme\"}") >= 100.0);
}

#[test]
fn the_flow_needs_no_script_and_names_accounts_and_sinks() {
    let service = at_work("e2e_page");
    let (status, page) = service.page("/flow").unwrap();
    assert_eq!(status, 200);
    for word in [ACCOUNT, "sqlite", "questdb", "kafka", "running"] {
        assert!(page.contains(word), "{word} is missing:\n{page}");
    }
    assert_eq!(service.page("/livez").unwrap().0, 200);
    assert_eq!(service.page("/readyz").unwrap().0, 200);
}

#[test]
fn no_secret_is_shown_anywhere() {
    let service = at_work("e2e_secrets");
    let wrong = Target::with_credentials(service.webhook_url(), "smart-me-cloud", "not-the-right-one");
    assert_eq!(Connection::new(&wrong).post(b"x").unwrap().status, 401);
    let mut shown = vec![("the log", service.log())];
    for page in ["/", "/flow", "/trouble", "/status.json", "/metrics", "/readyz"] {
        shown.push((page, service.page(page).unwrap().1));
    }
    for command in [&["check", "--connect"][..], &["journal"], &["dead-letters", "list"]] {
        let output = service.command(command);
        assert!(output.status.success(), "meterline {command:?}: {output:?}");
        let text = [output.stdout, output.stderr].concat();
        shown.push((command[0], String::from_utf8(text).unwrap()));
    }
    for (place, text) in shown {
        for secret in [PASSWORD, "not-the-right-one", PATH] {
            assert!(!text.contains(secret), "{place} shows {secret}:\n{text}");
        }
    }
}

#[test]
fn check_warns_of_a_topic_with_one_copy_in_one_sentence_each_and_exits_with_0() {
    let service = Setup { kafka: Some((kafka::shared(), "e2e-check".to_owned())), ..Setup::default() }.start();
    let text = service.text_of(&["check", "--connect", "--json"]);
    let findings: Value = serde_json::from_str(&text).unwrap();
    let warnings: Vec<&str> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["part"] == "kafka" && finding["level"] == "warning")
        .map(|finding| finding["message"].as_str().unwrap())
        .collect();
    for of in ["one copy", "min.insync.replicas is 1"] {
        assert_eq!(warnings.iter().filter(|warning| warning.contains(of)).count(), 1, "{of}: {warnings:#?}");
    }
    assert!(warnings.iter().all(|warning| !warning.contains(". ") && !warning.contains('\n')), "{warnings:#?}");
    assert!(service.text_of(&["check", "--connect"]).contains("one copy"));
}

#[test]
fn alert_rules_are_valid_and_fire_when_they_should() {
    assert_promtool_is_content(
        &["check", "rules", concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/meterline.rules.yml")],
        "",
    );
    assert_promtool_is_content(
        &["test", "rules", concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/meterline.rules.test.yml")],
        "",
    );
}

/// A service with all sinks, a hundred readings in each.
fn at_work(name: &str) -> Service {
    let service = Setup { tables: "[log]\nlevel = \"trace\"", ..Setup::with_all_sinks(name) }.start();
    service.post_all(&fleet(9).script(&Script::mixed(100, now_ns())));
    service.wait_drained();
    service
}

fn assert_promtool_is_content(arguments: &[&str], input: &str) {
    let mut promtool = Command::new(from_environment("METERLINE_TEST_PROMTOOL"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "promtool {arguments:?}: {output:?}\n{input}");
}
