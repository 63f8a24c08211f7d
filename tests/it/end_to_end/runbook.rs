//! The commands of docs/runbook.md on a running service. No test needs a server.

use crate::support::service::{Service, Setup};
use crate::support::wait;
use meterline_load::Connection;
use std::collections::BTreeSet;
use std::time::Duration;

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
const LIMIT: Duration = Duration::from_secs(60);

/// Commands that only read, beside every one with `--dry-run`.
const READING: [&str; 7] =
    ["check", "journal", "sources", "gaps", "dead-letters list", "dead-letters show", "dead-letters export"];
/// Commands that change something, need a vendor's server or a terminal, or stop the service.
const OTHER: [&str; 12] = [
    "migrate",
    "reload",
    "replay",
    "probe",
    "top",
    "smart-me list",
    "smart-me register",
    "smart-me rotate",
    "dead-letters drop",
    "dead-letters resubmit",
    "journal repair",
    "journal restore",
];

/// The commands in `sh` blocks and in backticks, in their order, each once.
fn commands() -> Vec<&'static str> {
    let page = RUNBOOK.split("```sh\n").flat_map(|part| {
        // Text between blocks has quoted commands, and a block has one on each line.
        let (block, text) = part.split_once("```").unwrap_or(("", part));
        block.lines().chain(text.split('`').skip(1).step_by(2))
    });
    let mut seen = BTreeSet::new();
    page.filter(|line| seen.insert(*line)).collect()
}

fn is(command: &str, names: &[&str]) -> bool {
    names.iter().any(|name| command.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

/// A service with one dead letter, as root would find it.
fn service() -> Service {
    let service = Setup::default().start();
    assert_eq!(Connection::new(&service.target()).post(b"no protobuf at all").unwrap().status, 200);
    wait::until("there is a letter", LIMIT, || service.text_of(&["dead-letters", "list"]).contains("undecodable"));
    service
}

#[test]
fn every_command_of_the_runbook_that_only_reads_succeeds_beside_the_service() {
    let service = service();
    let mut run = 0;
    for command in commands().iter().filter_map(|line| line.strip_prefix("meterline ")) {
        let is_other = is(command, &OTHER) && !command.ends_with("--dry-run");
        let reads = !is_other && (is(command, &READING) || command.ends_with("--dry-run"));
        assert!(reads || is_other, "docs/runbook.md: say whether `meterline {command}` only reads");
        if reads {
            let line = command.replace("NAME", "sqlite").replace("TIME", "2026-11-22T00:00:00Z");
            let mut words: Vec<&str> = line.split(' ').collect();
            // The number of a letter that exists.
            words.iter_mut().filter(|word| word.parse::<u64>().is_ok()).for_each(|number| *number = "1");
            service.text_of(&words);
            run += 1;
        }
    }
    assert!(run >= 12, "{run}");
}

#[test]
fn every_address_of_the_runbook_answers() {
    let service = service();
    let lines = commands();
    let paths: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("curl -s http://127.0.0.1:8081")).collect();
    assert!(paths.len() >= 3, "{paths:?}");
    for path in paths {
        assert_eq!(service.page(path).unwrap().0, 200, "{path}");
    }
}
