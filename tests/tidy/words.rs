//! Banned words of code, each with its alternative.

use crate::assert_none;
use crate::source::{Source, everywhere, of_the_service, texts};

/// In the service's code, tests left out.
const NOT_IN_THE_SERVICE: [(&str, &str); 10] = [
    (".unwrap()", "handle it, or make it impossible by a type"),
    (".expect(", "handle it, or make it impossible by a type"),
    ("panic!(", "return an error; the service goes on"),
    ("anyhow", "a `thiserror` type whose sentence an operator can act on"),
    ("unbounded", "a bound with a name"),
    ("mpsc::channel()", "`sync_channel` with a named bound"),
    ("process::exit", "return to main, so that everything is stopped in order"),
    ("thread::sleep", "a wait that a stop can end"),
    ("println!", "`tracing`, or `print` of cli/table.rs: the macro panics when its output is gone"),
    ("print!(", "`tracing`, or `print` of cli/table.rs: the macro panics when its output is gone"),
];

/// Everywhere, tests included.
const NOWHERE: [(&str, &str); 5] = [
    ("todo!(", "do it, or leave it out"),
    ("unimplemented!(", "do it, or leave it out"),
    ("dbg!(", "`tracing`"),
    ("#[ignore", "a test runs or is deleted"),
    ("unsafe {", "safe code"),
];

/// Places where such a word is allowed: word, beginning of the path, reason.
const EXCEPTIONS: [(&str, &str, &str); 6] = [
    ("process::exit", "src/app", "the second signal ends at once"),
    ("tokio::spawn(", "src/app/service.rs", "the wait for the second signal ends with the process"),
    ("panic!(", "src/ingest/clock_watch.rs", "it stops the build, not the service"),
    ("thread::sleep", "src/cli/progress.rs", "a command that Ctrl-C ends"),
    ("thread::sleep", "src/sink/kafka/migrate.rs", "a command that Ctrl-C ends"),
    ("thread::sleep", "src/sink/questdb/migrate.rs", "a command that Ctrl-C ends"),
];

fn is_excepted(word: &str, source: &Source) -> bool {
    EXCEPTIONS.iter().any(|(excepted, place, _)| *excepted == word && source.path.to_string_lossy().starts_with(place))
}

#[test]
fn the_service_avoids_banned_words() {
    let mut faults = Vec::new();
    for source in of_the_service() {
        for (line, code) in source.numbered_code() {
            for (word, instead) in NOT_IN_THE_SERVICE.iter().filter(|(word, _)| code.contains(word)) {
                if !is_excepted(word, &source) {
                    faults.push(format!("{}: `{word}`: write {instead}", source.at(line)));
                }
            }
        }
    }
    assert_none("the service avoids these words", &faults);
}

#[test]
fn no_code_is_left_half_done() {
    let mut faults = Vec::new();
    for source in everywhere() {
        for (line, code) in (1..).zip(source.code.lines()) {
            for (word, instead) in NOWHERE.iter().filter(|(word, _)| code.contains(word)) {
                faults.push(format!("{}: `{word}`: write {instead}", source.at(line)));
            }
        }
        for (line, text) in (1..).zip(source.text.lines()) {
            if ["TODO", "FIXME", "XXX"].iter().any(|mark| is_comment_with(text, mark)) {
                faults.push(format!("{}: `{}`: do it, or write down the limit as it is", source.at(line), text.trim()));
            }
        }
    }
    assert_none("nothing is left half done", &faults);
}

#[test]
fn a_match_that_is_checked_is_asserted() {
    let mut faults = Vec::new();
    for source in everywhere() {
        for (line, code) in (1..).zip(source.code.lines()) {
            if code.trim_start().starts_with("matches!(") && code.trim_end().ends_with(");") {
                faults.push(format!("{}: a bare `matches!` checks nothing: put it into `assert!`", source.at(line)));
            }
        }
    }
    assert_none("`matches!` stands inside an assertion", &faults);
}

#[test]
fn no_task_is_started_and_forgotten() {
    let mut faults = Vec::new();
    for source in of_the_service() {
        let code = source.code_without_tests();
        for spawn in ["tokio::spawn(", "thread::spawn("].iter().filter(|spawn| !is_excepted(spawn, &source)) {
            for at in code.match_indices(spawn).map(|(at, _)| at).filter(|&at| is_dropped_statement(&code, at)) {
                faults.push(format!("{}: keep the handle and join it", source.at(code[..at].lines().count())));
            }
        }
    }
    assert_none("every task is owned and joined", &faults);
}

/// Whether the call that begins here is a statement of its own: it begins a line and
/// a semicolon follows.
fn is_dropped_statement(code: &str, at: usize) -> bool {
    let before = code[..at].trim_end_matches(|c: char| c.is_alphanumeric() || c == ':' || c == '_');
    if !before.trim_end_matches(' ').ends_with('\n') {
        return false;
    }
    let mut depth = 0;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return code[at + offset + 1..].trim_start().starts_with(';'),
            ')' => depth -= 1,
            _ => {}
        }
    }
    false
}

#[test]
fn dropped_tasks_are_distinguished_from_kept_ones() {
    for (code, dropped) in [
        ("\n  tokio::spawn(f(x));", true),
        ("\n  std::tokio::spawn(async {\n g();\n });", true),
        ("\n  let task = tokio::spawn(f());", false),
        ("\n  tokio::spawn(f())\n}", false),
        ("\n  tokio::spawn(f()).join();", false),
    ] {
        assert_eq!(is_dropped_statement(code, code.find("tokio").unwrap()), dropped, "{code}");
    }
}

#[test]
fn no_path_of_a_developers_machine_is_in_the_tree() {
    // In two parts, so that this file does not contain the forbidden paths.
    let forbidden = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];
    let mut faults = Vec::new();
    for (path, text) in texts() {
        for (line, content) in (1..).zip(text.lines()) {
            for word in forbidden.iter().filter(|word| content.contains(**word)) {
                faults.push(format!("{path}:{line}: `{word}`"));
            }
        }
    }
    assert_none("the tree knows no particular machine", &faults);
}

fn is_comment_with(line: &str, mark: &str) -> bool {
    line.split_once("//")
        .is_some_and(|(_, comment)| comment.split(|c: char| !c.is_alphanumeric()).any(|word| word == mark))
}

#[test]
fn every_exception_is_still_needed() {
    let sources = of_the_service();
    let stale: Vec<String> = EXCEPTIONS
        .iter()
        .filter(|(word, place, _)| {
            let there = sources.iter().filter(|source| source.path.to_string_lossy().starts_with(place));
            there.flat_map(|source| source.code.lines()).all(|code| !code.contains(word))
        })
        .map(|(word, place, _)| format!("tests/tidy/words.rs: `{word}` is not in {place} any more"))
        .collect();
    assert_none("exceptions are removed with what they excepted", &stale);
}
