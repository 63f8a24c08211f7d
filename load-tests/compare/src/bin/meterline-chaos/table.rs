//! The results as lines, as Markdown tables and as JSON.

use crate::book::Row;
use crate::world::{Outcome, Run};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const PAGE_BEGIN: &str = "<!-- chaos -->";
const PAGE_END: &str = "<!-- end of chaos -->";

/// One line about a seed.
pub(crate) fn line(outcome: &Outcome) -> String {
    let tried: Vec<String> = outcome.tried.iter().map(|(name, count)| format!("{count} {name}")).collect();
    format!(
        "{}: {} samples answered, {} bodies not; lost {}, invented {}, duplicated {}, reordered {}; twice in Kafka {}; {:.0} s ({})",
        if outcome.is_good() { "good" } else { "FAULT" },
        outcome.answered,
        outcome.not_accepted,
        outcome.lost(),
        outcome.invented(),
        outcome.duplicated(),
        outcome.reordered(),
        outcome.repeated(),
        outcome.took.as_secs_f64(),
        tried.join("; ")
    )
}

/// A seed as JSON.
pub(crate) fn json(run: &Run, outcome: &Outcome) -> String {
    let store = |at: usize| {
        let it = outcome.found[at];
        json!({ "samples": it.samples, "lost": it.lost, "invented": it.invented, "duplicated": it.duplicated, "reordered": it.reordered })
    };
    json!({
        "block": run.block.to_string(),
        "seed": run.seed,
        "is_good": outcome.is_good(),
        "samples_answered": outcome.answered,
        "bodies_not_accepted": outcome.not_accepted,
        "seconds": outcome.took.as_secs_f64(),
        "tried": outcome.tried,
        "questdb": store(0),
        "kafka": store(1),
        "sqlite": store(2),
    })
    .to_string()
}

/// A row for each block, and its faults with their numbers.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = "| Block | Seeds | Samples answered | Lost | Invented | Duplicated | Reordered | Twice in Kafka | \
        Date | Commit |\n|---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    let blocks: BTreeSet<_> = rows.iter().map(|row| row.block).collect();
    let mut faults = String::new();
    for block in blocks {
        let of_block: Vec<&Row> = rows.iter().filter(|row| row.block == block).collect();
        let sum = |at: usize| of_block.iter().map(|row| row.counts[at]).sum::<u64>();
        let counts: Vec<String> = (0..6).map(|at| sum(at).to_string()).collect();
        let (dates, commits) = (range(&of_block, |row| &row.date), range(&of_block, |row| &row.commit));
        let seeds = of_block.len();
        writeln!(text, "| `{block}` | {seeds} | {} | {dates} | {commits} |", counts.join(" | ")).ok();
        let mut tried: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, count) in of_block.iter().flat_map(|row| &row.tried) {
            *tried.entry(name).or_default() += count;
        }
        let all: u64 = tried.values().sum();
        let tried: Vec<String> = tried.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(faults, "\n`{block}`, {all} times: {}.", tried.join("; ")).ok();
    }
    text + &faults
}

/// The first and the last of a column.
fn range(rows: &[&Row], of: fn(&Row) -> &String) -> String {
    let (first, last) = (rows.first().map(|row| of(row).as_str()), rows.last().map(|row| of(row).as_str()));
    let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
    if first == last { first.to_owned() } else { format!("{first} to {last}") }
}

/// Puts the tables into a page, in the place of the ones before.
pub(crate) fn into_page(file: &Path, tables: &str) -> Result<(), String> {
    let page = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let page = with_tables(&page, tables)
        .ok_or_else(|| format!("{} has no lines {PAGE_BEGIN} and {PAGE_END}", file.display()))?;
    fs::write(file, page).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

fn with_tables(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(PAGE_BEGIN)?;
    let (_, after) = rest.split_once(PAGE_END)?;
    Some(format!("{before}{PAGE_BEGIN}\n\n{}\n\n{PAGE_END}{after}", tables.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Block;

    #[test]
    fn a_block_has_the_sums_of_its_seeds_and_its_tables_replace_earlier_ones() {
        let row = |seed, date: &str, lost| Row {
            block: Block::Kill,
            seed,
            date: date.to_owned(),
            commit: "a".to_owned(),
            counts: [100, lost, 0, 0, 0, 8],
            tried: [("at random".to_owned(), 5)].into(),
        };
        let text = markdown(&[row(1, "2026-11-29", 0), row(2, "2026-11-30", 3)]);
        assert!(text.contains("| `kill` | 2 | 200 | 3 | 0 | 0 | 0 | 16 | 2026-11-29 to 2026-11-30 | a |"), "{text}");
        assert!(text.contains("`kill`, 10 times: at random 10."), "{text}");
        let page = format!("# A\n\n{PAGE_BEGIN}\nold\n{PAGE_END}\nend\n");
        let with = with_tables(&page, &text).unwrap();
        assert!(with.contains("at random 10") && !with.contains("old"), "{with}");
        assert_eq!(with_tables(&with, &text), Some(with));
        assert_eq!(with_tables("# A\n", "new"), None);
    }
}
