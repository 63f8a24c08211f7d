//! The table of buffers in docs/sizing.md: every bound is the one of the code or of the
//! configuration reference, and the defaults together stay within their limit.

use crate::assert_none;
use crate::source::root;
use std::fs;

/// The sum of all defaults, in MiB.
const SUM_MIB_MAX: f64 = 64.0;
const TABLE: &str = "| Buffer | Bound | Default, MiB |";

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The rows of the table: the bound and the default.
fn rows() -> Vec<(String, f64)> {
    let text = read("docs/sizing.md");
    let rows = text.lines().skip_while(|line| *line != TABLE).skip(2).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(cells).map(|cells| (cells[1].clone(), cells[2].trim_matches('*').parse().unwrap())).collect()
}

/// Texts in backquotes with what follows each, up to the next.
fn quoted(bound: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = bound.split('`').collect();
    parts[1..].chunks(2).map(|pair| (pair[0], pair.get(1).copied().unwrap_or_default())).collect()
}

/// The first number in a text as its digits, and whether it is of KiB or MiB.
fn number(text: &str) -> (String, &str) {
    let text = text.trim_start_matches(|other: char| !other.is_ascii_digit());
    let end = text.find(|other: char| !other.is_ascii_digit() && other != ',').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = ["KiB", "MiB"].into_iter().find(|it| unit.trim_start().starts_with(it)).unwrap_or_default();
    (digits.replace(',', ""), unit)
}

/// Ways in which a constant's line or a row of the reference has this number.
fn spellings((digits, unit): &(String, &str)) -> Vec<String> {
    let grouped = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    let plain = grouped.collect::<Vec<_>>().join("_");
    match *unit {
        "KiB" => vec![format!("= {digits} << 10;"), format!("{digits} * 1024"), format!("`\"{digits}KiB\"`")],
        "MiB" => vec![format!("= {digits} << 20;"), format!("`\"{digits}MiB\"`")],
        _ => vec![format!("= {plain};"), format!("{{ {plain} }};"), format!("`{digits}`")],
    }
}

#[test]
fn each_bound_in_the_table_of_buffers_is_the_one_of_the_code() {
    let (mut faults, mut checked) = (Vec::new(), 0);
    let reference = read("docs/configuration.md");
    for (bound, _) in rows() {
        let quoted = quoted(&bound);
        for pair in quoted.windows(2).filter(|pair| pair[1].0.ends_with(".rs")) {
            let ((name, _), (path, rest)) = (pair[0], pair[1]);
            let (text, wanted) = (read(&format!("src/{path}")), spellings(&number(rest)));
            let line = text.lines().find(|line| {
                line.contains(&format!("const {name}:")) || line.trim_start().starts_with(&format!("{name}: "))
            });
            checked += 1;
            if !line.is_some_and(|line| wanted.iter().any(|wanted| line.contains(wanted.as_str()))) {
                faults.push(format!("{name} of {path}: the table says {}, the code {line:?}", number(rest).0));
            }
        }
        for (key, rest) in quoted.iter().filter(|(key, _)| !key.ends_with(".rs") && key.contains('.')) {
            let key = key.rsplit('.').next().unwrap();
            let wanted = spellings(&number(rest));
            let line = reference.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            checked += 1;
            if !line.is_some_and(|line| wanted.iter().any(|wanted| line.contains(wanted.as_str()))) {
                faults.push(format!("{key}: the table says {}, the reference {line:?}", number(rest).0));
            }
        }
    }
    assert!(checked > 10, "the table was not read: {checked}");
    assert_none("the table of buffers in docs/sizing.md", &faults);
}

#[test]
fn the_default_bounds_of_all_buffers_together_stay_within_their_limit() {
    let sum: f64 = rows().iter().map(|(_, mib)| mib).sum();
    assert!((40.0..=SUM_MIB_MAX).contains(&sum), "{sum} MiB");
}
