//! Who may use whom: the table in the head of `src/lib.rs`, held against every
//! `crate::` path.

use crate::assert_none;
use crate::source::{Source, of_the_service, root};
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn a_module_uses_only_modules_of_lower_rank() {
    let ranks = ranks();
    let mut faults = Vec::new();
    for source in of_the_service() {
        let Some(own) = top_module(&source) else { continue };
        let Some(own_rank) = ranks.get(&own) else {
            faults.push(format!(
                "{}: module `{own}` is missing in the table of ranks in src/lib.rs",
                source.path.display()
            ));
            continue;
        };
        for (line, used) in used_modules(&source) {
            match ranks.get(&used) {
                Some(rank) if used != own && rank >= own_rank => faults.push(format!(
                    "{}: `{own}` (rank {own_rank}) uses `{used}` (rank {rank}): turn the arrow round or move the part",
                    source.at(line)
                )),
                _ => {}
            }
        }
    }
    assert_none("a module may use only modules of strictly lower rank", &faults);
}

#[test]
fn no_file_climbs_out_of_its_module_by_super() {
    let mut faults = Vec::new();
    for source in of_the_service().iter().filter(|source| top_module(source).is_some()) {
        let depth = source.path.components().count() - 1;
        let climb = "super::".repeat(depth);
        for (line, code) in source.code_without_tests().filter(|(_, code)| code.contains(&climb)) {
            faults.push(format!(
                "{}: `{}`: write `crate::`, which the ranks are read from",
                source.at(line),
                code.trim()
            ));
        }
    }
    assert_none("`super` stays inside the top-level module", &faults);
}

#[test]
fn every_listed_module_exists() {
    let missing: Vec<String> = ranks()
        .keys()
        .filter(|module| !root().join("src").join(format!("{module}.rs")).exists())
        .map(|module| format!("src/lib.rs lists `{module}`, but there is no src/{module}.rs"))
        .collect();
    assert_none("the table of ranks is true", &missing);
}

/// The table's rows: ``//! | 2 | [`journal`] | ...``.
fn ranks() -> BTreeMap<String, u32> {
    let head = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let rows = head.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("//! |")?.split('|').map(str::trim);
        let rank = cells.next()?.parse().ok()?;
        let module = cells.next()?.trim_matches(['[', ']', '`']);
        Some((module.to_owned(), rank))
    });
    let ranks: BTreeMap<String, u32> = rows.collect();
    assert!(ranks.len() > 5, "src/lib.rs has no table of ranks");
    ranks
}

/// `None` for the crate's own root files.
fn top_module(source: &Source) -> Option<String> {
    let below_src = source.path.strip_prefix("src").unwrap();
    let first = Path::new(below_src.components().next()?.as_os_str()).file_stem()?.to_string_lossy().into_owned();
    (!["lib", "main", "bin"].contains(&first.as_str())).then_some(first)
}

/// Names after `crate::`, also in the outer braces of `crate::{a, b::{c, d}}`.
fn used_modules(source: &Source) -> Vec<(usize, String)> {
    let code: String = source.code_without_tests().map(|(_, line)| format!("{line}\n")).collect();
    let mut used = Vec::new();
    for (at, marker) in code.match_indices("crate::") {
        let line = code[..at].lines().count().max(1);
        let rest = &code[at + marker.len()..];
        match rest.strip_prefix('{') {
            Some(group) => used.extend(names_of_group(group).into_iter().map(|name| (line, name))),
            None => used.push((line, leading_name(rest))),
        }
    }
    used
}

fn names_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut item) = (1, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && c == ',') {
            names.push(leading_name(item.trim()));
            item.clear();
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn leading_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn names_are_read_from_nested_groups() {
    assert_eq!(names_of_group("a, b::{c, d}, e::f}; g"), ["a", "b", "e"]);
}
