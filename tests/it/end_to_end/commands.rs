//! The commands on a missing directory, an empty or wrong configuration, and their JSON.
//! None of these tests needs a server.

use crate::support::service::program;
use crate::support::{ports, wait};
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Ids and times that any command accepts.
const LETTER: &str = "1";
const TIME: &str = "2020-01-01T00:00:00Z";

/// Commands that read or change an existing data directory.
const ON_DATA: [&[&str]; 16] = [
    &["gaps"],
    &["gaps", "--json"],
    &["journal"],
    &["journal", "--records"],
    &["journal", "forget", "gone"],
    &["journal", "restore"],
    &["journal", "repair", "--segment", "1"],
    &["journal", "repair", "--segment", "1", "--dead-letters"],
    &["dead-letters", "list"],
    &["dead-letters", "list", "--json"],
    &["dead-letters", "show", LETTER],
    &["dead-letters", "export", LETTER],
    &["dead-letters", "drop", "1-3"],
    &["decode", "--journal", "--source", "acme"],
    &["replay", "--sink", "all", "--from", TIME],
    &["replay", "--sink", "all", "--from", TIME, "--dry-run"],
];

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A configuration file in a directory of its own.
fn configuration(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("meterline.toml");
    std::fs::write(&file, text).unwrap();
    (directory, file)
}

/// The configuration of a device on a data directory of its own, with more lines before it.
fn with_device(before: &str) -> (TempDir, PathBuf) {
    let (directory, file) = configuration("");
    let data = directory.path().join("data");
    let text = format!(
        "data_directory = {data:?}\n{before}\n[[json]]\nname = \"cellar\"\nurl = \"http://127.0.0.1:9/status\"\n\
         [[json.value]]\npointer = \"/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n"
    );
    std::fs::write(&file, text).unwrap();
    (directory, file)
}

fn on(file: &Path, arguments: &[&str]) -> Output {
    program().args(arguments).arg("--config").arg(file).output().unwrap()
}

#[test]
fn a_command_on_a_directory_that_does_not_exist_fails_names_it_and_creates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    for arguments in ON_DATA {
        let output = program().args(arguments).arg("--data").arg(&missing).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let why = text(&output.stderr);
        assert!(why.contains(missing.to_str().unwrap()) && why.contains("does not exist"), "{arguments:?}: {why}");
        assert!(why.contains("--data"), "{arguments:?}: {why}");
        assert!(!missing.exists(), "{arguments:?} created it");
    }
}

#[test]
fn a_command_on_a_directory_that_is_no_data_directory_fails_and_creates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    for arguments in ON_DATA {
        let output = program().args(arguments).arg("--data").arg(directory.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let why = text(&output.stderr);
        assert!(why.contains("no journal") && why.contains("--data"), "{arguments:?}: {why}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "{arguments:?} created a file");
    }
}

#[test]
fn every_failure_of_a_command_with_json_is_json() {
    let (_directory, wrong) = configuration("[webhook]\nlisten = \"8080\"\n[journal]\ncap = \"lots\"\n");
    let missing = wrong.with_file_name("missing");
    for arguments in [
        &["gaps", "--json"][..],
        &["journal", "--json"],
        &["dead-letters", "list", "--json"],
        &["dead-letters", "show", LETTER, "--json"],
        &["decode", "--journal", "--source", "acme", "--json"],
        &["replay", "--sink", "all", "--from", TIME, "--json"],
        &["sources", "--json"],
        &["smart-me", "list", "--json"],
        &["smart-me", "register", "--json"],
        &["smart-me", "report", "--account", "acme", "--json"],
        &["migrate", "--json"],
    ] {
        let output = on(&wrong, arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {output:?}");
        let shown: Value = serde_json::from_str(&text(&output.stdout))
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"));
        let error = shown["error"].as_str().unwrap();
        assert!(error.contains("webhook.listen") && error.contains("journal.cap"), "{arguments:?}: {shown}");
    }
    let output = run(&["gaps", "--json", "--data", missing.to_str().unwrap()]);
    let shown: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert!(shown["error"].as_str().unwrap().contains("does not exist"), "{shown}");
}

#[test]
fn check_reports_the_errors_of_a_configuration_as_findings_in_json_too() {
    for (lines, keys) in [
        ("[webhook]\nlisten = \"8080\"\n[journal]\ncap = \"lots\"\n", &["webhook.listen", "journal.cap"][..]),
        ("[webhook\n", &["syntax"]),
    ] {
        let (_directory, file) = configuration(lines);
        let output = on(&file, &["check", "--json"]);
        assert_eq!(output.status.code(), Some(3));
        let findings: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        let findings = findings.as_array().unwrap();
        assert_eq!(findings.len(), keys.len(), "{findings:?}");
        for (finding, key) in findings.iter().zip(keys) {
            assert_eq!((&finding["part"], &finding["level"]), (&"configuration".into(), &"fault".into()));
            let message = finding["message"].as_str().unwrap();
            assert!(message.contains("meterline.toml:") && message.contains(key), "{message}");
        }
        let output = on(&file, &["check"]);
        assert!(keys.iter().all(|key| text(&output.stdout).contains(key)), "{output:?}");
    }
}

#[test]
fn the_example_passes_the_check_as_it_is_printed() {
    let (directory, file) = configuration(&text(&run(&["config", "--example"]).stdout));
    let output = program().current_dir(directory.path()).args(["check", "--config"]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(!text(&output.stdout).contains("FAULT"), "{output:?}");
}

#[test]
fn without_a_webhook_account_beside_other_sources_none_is_counted() {
    let (_directory, file) = with_device("");
    let shown = text(&on(&file, &["check"]).stdout);
    assert!(shown.contains("no webhook account"), "{shown}");
    let (_directory, file) = configuration("");
    let shown = text(&on(&file, &["check"]).stdout);
    assert!(shown.contains("1 webhook account at 127.0.0.1:8080"), "{shown}");
}

#[test]
fn check_finds_two_listeners_on_one_port() {
    let account = "[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n";
    for (webhook, admin, is_fault) in [
        ("127.0.0.1:8080", "127.0.0.1:8080", true),
        ("127.0.0.1:8080", "0.0.0.0:8080", true),
        ("127.0.0.1:8080", "[::]:8080", true),
        ("127.0.0.1:8080", "127.0.0.1:8081", false),
        ("127.0.0.1:8080", "127.0.0.2:8080", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
    ] {
        let lines = format!("[webhook]\nlisten = \"{webhook}\"\n{account}[admin]\nlisten = \"{admin}\"\n");
        let (directory, file) = configuration(&lines);
        let output = program().current_dir(directory.path()).args(["check", "--config"]).arg(&file).output().unwrap();
        let found = [output.stdout, output.stderr].concat();
        assert_eq!(text(&found).contains("is also the address of"), is_fault, "{webhook} {admin}: {}", text(&found));
    }
}

#[test]
fn check_warns_of_an_address_that_another_program_uses() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let (_directory, file) = configuration(&format!("[admin]\nlisten = \"{address}\"\n"));
    let output = on(&file, &["check"]);
    assert!(output.status.success(), "{output:?}");
    let warning = format!("admin: {address} is in use");
    assert!(text(&output.stdout).contains(&warning) && text(&output.stdout).contains("admin.listen"), "{output:?}");
    drop(other);
    assert!(!text(&on(&file, &["check"]).stdout).contains(&warning));
}

#[test]
fn check_finds_a_data_directory_that_cannot_be_created_and_leaves_nothing_behind() {
    let output = run(&["check", "--data", "/proc/meterline"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(text(&output.stdout).contains("/proc/meterline cannot be created"), "{output:?}");
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("a/b");
    let output = program().args(["check", "--data"]).arg(&data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let output = program().args(["check", "--data"]).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_range_that_holds_nothing_is_wrong_usage_and_nothing_to_migrate_is_said() {
    for arguments in [
        &["dead-letters", "drop", "5-3"][..],
        &["journal", "--records", "--from", "0"],
        &["decode", "--journal", "--source", "a", "--from", "0"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let (_directory, file) = configuration("");
    assert!(text(&on(&file, &["migrate"]).stdout).starts_with("nothing to migrate"));
}

#[test]
fn check_with_connect_finds_a_device_that_does_not_answer() {
    let (_directory, file) = with_device("");
    assert!(on(&file, &["check"]).status.success());
    let output = on(&file, &["check", "--connect"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(text(&output.stdout).contains("FAULT    json: device 'cellar': cannot connect to"), "{output:?}");
}

#[test]
fn check_warns_of_a_volume_that_is_smaller_than_the_journals_cap() {
    let (directory, file) = configuration("[journal]\ncap = \"4096TiB\"\n");
    let check = |file: &Path| {
        text(&program().current_dir(directory.path()).args(["check", "--config"]).arg(file).output().unwrap().stdout)
    };
    let shown = check(&file);
    assert!(shown.contains("warning  data:") && shown.contains("journal.cap is 4096.0 TiB"), "{shown}");
    std::fs::write(&file, "[journal]\ncap = \"128MiB\"\nsegment = \"32MiB\"\n").unwrap();
    assert!(!check(&file).contains("journal.cap is"), "{}", check(&file));
}

#[test]
fn a_service_without_a_webhook_account_opens_no_port_and_commands_say_what_it_does_not_have() {
    let port = ports::free();
    let lines = format!("[webhook]\nlisten = \"127.0.0.1:{port}\"\n[admin]\nlisten = \"127.0.0.1:0\"");
    let (_directory, file) = with_device(&lines);
    let mut service = Running(program().arg("run").arg("--config").arg(&file).stderr(Stdio::null()).spawn().unwrap());
    wait::until("it runs", Duration::from_secs(60), || !on(&file, &["sources"]).stdout.is_empty());
    let shown = text(&on(&file, &["journal"]).stdout);
    for arguments in [
        &["gaps", "--account", "attic"][..],
        &["smart-me", "report", "--account", "attic"],
        &["decode", "--journal", "--source", "attic"],
        &["replay", "--sink", "all", "--from", TIME, "--source", "attic"],
    ] {
        let output = on(&file, arguments);
        let why = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(why.contains("no source called 'attic'; it has cellar"), "{arguments:?}: {why}");
    }
    let replayed = text(&on(&file, &["replay", "--sink", "sqlite", "--from", "2099-01-01T00:00:00Z"]).stdout);
    assert_eq!(replayed, "sqlite: has not reached this time yet; nothing to replay\n");
    let is_open = TcpStream::connect(("127.0.0.1", port)).is_ok();
    let status = text(&on(&file, &["sources", "--json"]).stdout);
    service.0.kill().unwrap();
    assert!(shown.starts_with("empty, ") && !shown.contains("before"), "{shown}");
    assert!(!is_open, "the webhook's port is open without an account");
    assert!(status.contains("cellar") && !status.contains("webhook"), "{status}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
