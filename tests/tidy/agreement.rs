//! Things written in two places that must agree.

use crate::assert_none;
use crate::source::{collect, everywhere, of_the_service, root};
use meterline::metrics::{FAMILIES, Kind};
use std::collections::BTreeSet;
use std::fmt::Write as _;

const TABLE_BEGIN: &str = "<!-- metrics:begin -->";
const TABLE_END: &str = "<!-- metrics:end -->";

#[test]
fn the_page_of_metrics_lists_every_metric() {
    let page = std::fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md");
    let (_, rest) = page.split_once(TABLE_BEGIN).expect("docs/metrics.md has the mark that begins the table");
    let (table, _) = rest.split_once(TABLE_END).expect("docs/metrics.md has the mark that ends the table");
    let wanted = metrics_table();
    assert!(
        table.trim() == wanted.trim(),
        "docs/metrics.md: put this between {TABLE_BEGIN} and {TABLE_END}:\n\n{wanted}"
    );
}

#[test]
fn every_listed_metric_is_used() {
    let sources = of_the_service();
    let unused: Vec<String> = FAMILIES
        .iter()
        .map(|family| format!("\"{}\"", family.name))
        .filter(|name| {
            let users = sources.iter().filter(|source| !source.path.starts_with("src/metrics/families.rs"));
            users.filter(|source| source.text.contains(name)).count() == 0
        })
        .map(|name| format!("src/metrics/families.rs: nothing counts {name}"))
        .collect();
    assert_none("every metric of the list is used", &unused);
}

#[test]
fn deployed_queries_use_metrics_that_exist() {
    let known: BTreeSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
    let mut paths = Vec::new();
    collect(&root().join("deploy"), &mut paths);
    let mut faults = Vec::new();
    for path in paths {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for (line, name) in metric_names(&text) {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            if !known.contains(family) && !known.contains(name.as_str()) {
                faults.push(format!("{}:{line}: {name}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert_none("deploy/ names only metrics of src/metrics/families.rs", &faults);
}

#[test]
fn every_test_that_the_page_on_reliability_names_exists() {
    let page = std::fs::read_to_string(root().join("docs/reliability.md")).expect("docs/reliability.md");
    let sources = everywhere();
    let exists = |name: &str| sources.iter().any(|source| source.text.contains(&format!("fn {name}(")));
    // A test's name is a sentence: at least five words.
    let tests: Vec<(usize, &str)> = quoted(&page).filter(|(_, word)| word.matches('_').count() >= 4).collect();
    assert!(!tests.is_empty(), "docs/reliability.md names tests");
    let missing: Vec<String> = tests
        .into_iter()
        .filter(|(_, name)| !exists(name))
        .map(|(line, name)| format!("docs/reliability.md:{line}: there is no test {name}"))
        .collect();
    assert_none("every test that the page names exists", &missing);
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let sources = everywhere();
    let exists = |name: &str| sources.iter().any(|source| source.path.ends_with(name.trim_start_matches("src/")));
    let missing: Vec<String> = quoted(&page)
        .filter(|(_, word)| word.ends_with(".rs") && !word.contains(' ') && !exists(word))
        .map(|(line, word)| format!("ARCHITECTURE.md:{line}: there is no file {word}"))
        .collect();
    assert_none("every file that the map names exists", &missing);
}

/// Texts in backticks, with their lines.
fn quoted(page: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(page.lines()).flat_map(|(line, text)| text.split('`').skip(1).step_by(2).map(move |word| (line, word)))
}

/// Words that look like a metric's name, with their lines.
fn metric_names(text: &str) -> Vec<(usize, String)> {
    let words = (1..).zip(text.lines()).flat_map(|(line, content)| {
        content.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map(move |word| (line, word.to_owned()))
    });
    words.filter(|(_, word)| word.starts_with("meterline_")).collect()
}

fn metrics_table() -> String {
    let mut table = String::from("| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n");
    for family in FAMILIES {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(table, "| `{}` | {kind} | {} | {} |", family.name, labels.join(", "), family.help).unwrap();
    }
    table
}
