//! The command line as a whole: JSON of every failure, completions, pages, versions, colours, and the
//! live view in a pseudo terminal.

use crate::support::service::{Setup, program};
use clap::Command;
use serde_json::Value;
use std::io::Write as _;
use std::process::{Output, Stdio};

/// Every command without further commands, with its path.
fn commands(command: &Command, path: &[&str], found: &mut Vec<(Vec<String>, Command)>) {
    let inner: Vec<&Command> = command.get_subcommands().filter(|it| it.get_name() != "help").collect();
    if inner.is_empty() || command.get_arguments().any(|argument| argument.get_id() == "json") {
        found.push((path.iter().map(|word| (*word).to_owned()).collect(), command.clone()));
    }
    for inner in inner {
        commands(inner, &[path, &[inner.get_name()]].concat(), found);
    }
}

fn all() -> Vec<(Vec<String>, Command)> {
    let mut found = Vec::new();
    commands(&meterline::cli::command(), &[], &mut found);
    found
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A value that the argument accepts.
fn value(name: &str) -> &'static str {
    match name {
        "sink" => "all",
        "from" | "to" => "2026-11-22",
        "target" => "cellar",
        _ => "1",
    }
}

#[test]
fn every_command_with_json_prints_json_also_where_its_use_or_its_configuration_is_wrong() {
    let with_json: Vec<_> =
        all().into_iter().filter(|(_, command)| command.get_arguments().any(|it| it.get_id() == "json")).collect();
    assert!(with_json.len() > 12, "{} commands", with_json.len());
    for (path, command) in with_json {
        let output = program().args(&path).args(["--json", "--no-such-option"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{path:?}: {output:?}");
        let error = json(&output)["error"].as_str().unwrap().to_owned();
        assert!(error.contains("--no-such-option") && !error.contains("Usage"), "{path:?}: {error}");

        let mut failing = program();
        failing.args(&path).args(["--json", "--config", "/no/such/file"]).stdin(Stdio::null());
        for argument in command.get_arguments().filter(|it| it.is_required_set()) {
            if let Some(long) = argument.get_long() {
                failing.arg(format!("--{long}"));
            }
            failing.arg(value(argument.get_id().as_str()));
        }
        // It reads the journal with a configuration, and else files.
        if path == ["decode"] {
            failing.args(["--journal", "--source", "1"]);
        }
        // Its JSON is about a file.
        if path == ["export"] {
            failing.args(["--output", "/no/such/directory/export.csv"]);
        }
        let output = failing.output().unwrap();
        assert!(!output.status.success(), "{path:?}: {output:?}");
        assert!(json(&output).to_string().contains("/no/such/file"), "{path:?}: {output:?}");
    }
}

#[test]
fn completions_and_pages_have_every_command() {
    let shells = ["bash", "zsh", "fish", "elvish", "powershell"];
    for shell in shells {
        let output = program().args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("dead-letters") && text.contains("dry-run"), "{shell}");
    }
    let directory = tempfile::tempdir().unwrap();
    let output = program().arg("man").arg(directory.path()).env("METERLINE_CONFIG", "/secret/place").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let page = |path: &[String]| {
        let name = [&["meterline".to_owned()], path].concat().join("-");
        std::fs::read_to_string(directory.path().join(format!("{name}.1")))
    };
    for (path, command) in all().into_iter().filter(|(_, command)| !command.is_hide_set()) {
        let text = page(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(!text.contains("/secret/place"), "{path:?}: it would not be the same in each build");
        for option in command.get_arguments().filter_map(|it| it.get_long()) {
            assert!(text.contains(&option.replace('-', "\\-")), "{path:?}: --{option}");
        }
    }
    let output = program().arg("man").arg(directory.path().join("missing")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn the_version_says_which_build_it_is_and_the_bare_config_how_it_is_used() {
    let output = program().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for (name, value) in [("commit:", ""), ("built:", "Z"), ("features:", "sqlite, questdb, kafka")] {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        assert!(line.contains(value) && line.len() > name.len() + 5, "{line}");
    }
    let short = program().arg("-V").output().unwrap();
    assert_eq!(String::from_utf8(short.stdout).unwrap().trim(), format!("meterline {}", env!("CARGO_PKG_VERSION")));
    let output = program().arg("config").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--example") && text.contains("schema"), "{text}");
    let schema = json(&program().args(["config", "schema"]).output().unwrap());
    assert!(schema["properties"]["webhook"]["properties"]["account"].is_object(), "{schema}");
}

/// Runs a line of a shell in a pseudo terminal of 30 lines and 100 columns, types keys, and returns its
/// output and exit code.
fn in_terminal(line: &str, keys: &str, variables: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut command = std::process::Command::new("script");
    command.args(["-qec", &format!("stty rows 30 cols 100 && {line}"), "/dev/null"]);
    command.env("TERM", "xterm").env_remove("NO_COLOR").envs(variables.iter().copied());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(keys.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    // Until then a closed input would be the end of the terminal.
    drop(input);
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[test]
fn the_live_view_shows_sinks_and_sources_in_a_terminal_until_q_and_one_frame_without_one() {
    let service = Setup::default().start();
    let line = format!("'{}' top --data '{}'", env!("CARGO_BIN_EXE_meterline"), service.data_directory().display());
    let (shown, code) = in_terminal(&line, "q", &[]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(
        shown.contains("\x1b[?1049h") && shown.contains("\x1b[?1049l"),
        "it leaves the screen as it was: {shown:?}"
    );
    for word in ["SINK", "sqlite", "SOURCE", "acme", "METER", "journal:", "\x1b[1;3"] {
        assert!(shown.contains(word), "{word}: {shown:?}");
    }
    let (shown, _) = in_terminal(&line, "q", &[("NO_COLOR", "1")]);
    assert!(shown.contains("sqlite") && !shown.contains("\x1b[1;3"), "{shown:?}");

    let once = service.text_of(&["top", "--once"]);
    assert!(once.contains("sqlite") && once.contains("acme") && !once.contains('\x1b'), "{once:?}");
    let output = service.command(&["top"]);
    let why = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && why.contains("--once") && why.contains("sources --json"), "{why}");
}

#[test]
fn failures_have_colours_in_a_terminal_only_and_not_with_no_color() {
    let line = format!("'{}' check --config /no/such/file", env!("CARGO_BIN_EXE_meterline"));
    let (shown, code) = in_terminal(&line, "", &[]);
    assert!(code == Some(3) && shown.contains("\x1b[31mFAULT"), "{shown:?}");
    let (shown, _) = in_terminal(&line, "", &[("NO_COLOR", "1")]);
    assert!(shown.contains("FAULT") && !shown.contains('\x1b'), "{shown:?}");
    let output = program().args(["check", "--config", "/no/such/file"]).output().unwrap();
    assert!(!String::from_utf8(output.stdout).unwrap().contains('\x1b'));
}

#[test]
fn a_replay_from_a_day_begins_at_its_midnight_and_shows_its_progress_in_a_terminal_only() {
    let service = Setup::default().start();
    let from = |day: &str| {
        let text = service.text_of(&["replay", "--sink", "sqlite", "--from", day, "--dry-run", "--json"]);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(from("2020-01-01"), from("2020-01-01T00:00:00Z"));
    let output = service.command(&["replay", "--sink", "sqlite", "--from", "2020-01-01"]);
    assert!(output.status.success() && output.stderr.is_empty(), "no progress without a terminal: {output:?}");
}
