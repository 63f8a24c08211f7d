//! Limits of lengths, and rules on the heads and names of files.

use crate::assert_none;
use crate::source::{Source, everywhere, of_the_service, root};

/// Lines of a file of the service, its tests left out.
const FILE_LINES_MAX: usize = 400;
/// Lines of a function from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn no_file_is_longer_than_one_idea() {
    let faults: Vec<String> = of_the_service()
        .iter()
        .filter(|source| source.lines_without_tests() > FILE_LINES_MAX)
        .map(|source| {
            let lines = source.lines_without_tests();
            format!("{}: {lines} lines without tests, at most {FILE_LINES_MAX}: split it", source.path.display())
        })
        .collect();
    assert_none("a file is one idea", &faults);
}

#[test]
fn no_function_is_longer_than_one_step() {
    let mut faults = Vec::new();
    for source in everywhere() {
        for (line, lines) in function_lengths(&source.code).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX)
        {
            faults.push(format!("{}: {lines} lines, at most {FUNCTION_LINES_MAX}: split it", source.at(line)));
        }
    }
    assert_none("a function is one step", &faults);
}

#[test]
fn every_file_has_a_head() {
    // The head of a module describes its own tests too.
    let faults: Vec<String> = everywhere()
        .iter()
        .filter(|source| !(source.path.starts_with("src") && source.is_test()))
        .filter(|source| !source.text.starts_with("//! ") || source.text.starts_with("//! x\n"))
        .map(|source| format!("{}:1: begin with `//!`: what lives here, what it must not know", source.path.display()))
        .collect();
    assert_none("every file opens with its head", &faults);
}

#[test]
fn every_file_belongs_to_a_module() {
    let mut faults = Vec::new();
    for source in of_the_service() {
        let stem = source.path.file_stem().unwrap().to_string_lossy().into_owned();
        if stem == "mod" {
            faults.push(format!("{}: write foo.rs beside foo/", source.path.display()));
        } else if !["lib", "main"].contains(&stem.as_str()) && !is_declared(&source, &stem) {
            faults.push(format!("{}: no `mod {stem};` declares it", source.path.display()));
        }
    }
    assert_none("no file is left over", &faults);
}

fn is_declared(source: &Source, stem: &str) -> bool {
    let folder = root().join(source.path.parent().unwrap());
    let parents = if folder.ends_with("src") {
        vec![folder.join("lib.rs"), folder.join("main.rs")]
    } else {
        vec![folder.with_extension("rs")]
    };
    let declaration = format!("mod {stem};");
    folder.ends_with("bin")
        || parents.iter().any(|parent| {
            std::fs::read_to_string(parent).is_ok_and(|text| {
                text.lines().any(|line| line.trim_end().ends_with(&declaration) && !line.trim_start().starts_with("//"))
            })
        })
}

/// First line and number of lines of every function with a body.
fn function_lengths(code: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = code.lines().collect();
    (0..lines.len())
        .filter(|&at| lines[at].split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == "fn"))
        .filter_map(|at| body_end(&lines[at..]).map(|length| (at + 1, length)))
        .collect()
}

/// Lines up to the brace that closes the first one opened; `None` where a semicolon
/// ends the item first (a declaration, a pointer type).
fn body_end(lines: &[&str]) -> Option<usize> {
    let (mut braces, mut brackets, mut opened) = (0_i32, 0_i32, false);
    for (at, line) in lines.iter().enumerate() {
        let from = if at == 0 { line.find("fn ").unwrap_or(0) } else { 0 };
        for c in line[from..].chars() {
            match c {
                '{' => (braces, opened) = (braces + 1, true),
                '}' => braces -= 1,
                '(' | '[' => brackets += 1,
                ')' | ']' => brackets -= 1,
                ';' if !opened && brackets <= 0 => return None,
                _ => {}
            }
            if opened && braces == 0 {
                return Some(at + 1);
            }
        }
    }
    None
}

#[test]
fn only_lengths_of_bodies_count() {
    let code = "fn a(x: [u8; 2]) {\n  b();\n}\ntrait T {\n  fn c();\n  fn d() { e() }\n}\n";
    assert_eq!(function_lengths(code), [(1, 3), (6, 1)]);
}
