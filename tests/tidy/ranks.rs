//! Ranks of modules: the table in the head of `src/lib.rs`, compared with every
//! `crate::` path.

use crate::assert_none;
use crate::paths::{Mention, scan};
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
        for Mention { line, path } in scan(&source.code_without_tests()).mentions() {
            let [root, used, ..] = path.as_slice() else { continue };
            match ranks.get(used) {
                Some(rank) if root == "crate" && *used != own && rank >= own_rank => faults.push(format!(
                    "{}: `{own}` (rank {own_rank}) uses `{used}` (rank {rank}): turn the arrow round or move the part",
                    source.at(*line)
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
        for (line, code) in source.numbered_code().filter(|(_, code)| code.contains(&climb)) {
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
