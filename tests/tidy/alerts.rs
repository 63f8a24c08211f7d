//! Every alert has unit tests, a section in the runbook, and a link to it.

use crate::assert_none;
use crate::source::root;
use std::collections::BTreeSet;

/// The parts of a section of the runbook, in their order.
const PARTS: [&str; 3] = ["**Output.**", "**Do.**", "**Lost meanwhile.**"];

/// Alerts that wake a person; more would be ignored.
const CRITICAL_MAX: usize = 8;

#[test]
fn every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let tests = read("deploy/prometheus/meterline.rules.test.yml");
    let mut faults = Vec::new();
    for alert in alerts() {
        let (fires, does_not) = outcomes(&tests, &alert.name);
        if !fires {
            faults.push(format!("{}: no unit test in which it fires", alert.name));
        }
        if !does_not {
            faults.push(format!("{}: no unit test in which it does not fire (`exp_alerts: []`)", alert.name));
        }
    }
    assert_none("every alert of deploy/prometheus/meterline.rules.yml has both tests", &faults);
}

#[test]
fn every_alert_has_a_section_in_the_runbook_and_a_link_to_it() {
    let titles: BTreeSet<String> = sections(&read("docs/runbook.md")).into_iter().map(|(title, _)| title).collect();
    let mut faults = Vec::new();
    for alert in alerts() {
        if !titles.contains(&alert.name) {
            faults.push(format!("docs/runbook.md: no section `## {}`", alert.name));
        }
        // The page of the service that the alert is about.
        let link = format!("/runbook/{}", alert.name);
        let url = alert.text.split("runbook_url: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
        if !url.trim_matches(['"', '\'']).starts_with("http://{{") || !url.contains(&link) {
            faults.push(format!("{}: no annotation runbook_url \"http://INSTANCE{link}\"", alert.name));
        }
    }
    assert_none("every alert has its section", &faults);
}

#[test]
fn every_section_of_the_runbook_begins_with_one_command_and_has_its_parts() {
    let mut faults = Vec::new();
    let page = read("docs/runbook.md");
    for (title, text) in sections(&page) {
        let command = text.trim_start().strip_prefix("```sh\n").and_then(|rest| rest.split_once("\n```"));
        if command.is_none_or(|(lines, _)| lines.lines().count() != 1) {
            faults.push(format!("docs/runbook.md: ## {title}: does not begin with one command in a `sh` block"));
        }
        let places: Vec<Option<usize>> = PARTS.iter().map(|part| text.find(part)).collect();
        if places.iter().any(Option::is_none) || !places.is_sorted() {
            faults.push(format!("docs/runbook.md: ## {title}: has not {PARTS:?} in this order"));
        }
    }
    let anchors: BTreeSet<String> = sections(&page).iter().map(|(title, _)| anchor(title)).collect();
    for link in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        if !anchors.contains(link) {
            faults.push(format!("docs/runbook.md: the link #{link} leads nowhere"));
        }
    }
    assert_none("the runbook can be followed", &faults);
}

#[test]
fn few_alerts_wake_a_person() {
    let critical = alerts().iter().filter(|alert| alert.text.contains("severity: critical")).count();
    assert!((1..=CRITICAL_MAX).contains(&critical), "{critical} critical alerts, at most {CRITICAL_MAX}");
}

struct Alert {
    name: String,
    text: String,
}

fn alerts() -> Vec<Alert> {
    let rules = read("deploy/prometheus/meterline.rules.yml");
    let alerts = rules.split("- alert: ").skip(1).map(|text| {
        let name = text.lines().next().unwrap().trim().to_owned();
        Alert { name, text: text.to_owned() }
    });
    let alerts: Vec<Alert> = alerts.collect();
    assert!(alerts.len() > 20, "{} alerts", alerts.len());
    alerts
}

/// Whether a unit test expects the alert, and whether one expects none.
fn outcomes(tests: &str, alert: &str) -> (bool, bool) {
    let expected = tests.split("alertname: ").skip(1).filter(|text| text.lines().next() == Some(alert));
    let (mut fires, mut does_not) = (false, false);
    for text in expected {
        match text.lines().nth(1).map(str::trim) {
            Some("exp_alerts: []") => does_not = true,
            Some("exp_alerts:") => fires |= text.lines().nth(2).is_some_and(|line| line.contains("exp_labels")),
            _ => {}
        }
    }
    (fires, does_not)
}

/// The sections of a page with their titles.
fn sections(page: &str) -> Vec<(String, String)> {
    let sections = page.split("\n## ").skip(1).filter_map(|text| text.split_once('\n'));
    sections.map(|(title, text)| (title.to_owned(), text.to_owned())).collect()
}

/// The anchor that a reader of Markdown gives a title.
fn anchor(title: &str) -> String {
    let kept = title.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
