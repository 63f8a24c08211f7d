//! The results as Markdown tables and as JSON.

use crate::measure::Cell;
use crate::options::Scenario;
use meterline_compare::check::Found;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const PAGE_BEGIN: &str = "<!-- tables -->";
const PAGE_END: &str = "<!-- end of tables -->";
/// The program that others are compared with.
const NULL: &str = "null";

/// The tables of all scenarios.
pub(crate) fn markdown(head: &[String], cells: &[Cell]) -> String {
    let mut text = head.join("  \n") + "\n";
    let mut scenarios: Vec<Scenario> = cells.iter().map(|cell| cell.scenario).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    for scenario in scenarios {
        let cells: Vec<&Cell> = cells.iter().filter(|cell| cell.scenario == scenario).collect();
        table(scenario, &cells, &mut text);
    }
    text
}

/// Replaces the tables of a page.
pub(crate) fn into_page(file: &Path, tables: &str) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let page = with_tables(&text, tables)
        .ok_or_else(|| format!("{} has no lines {PAGE_BEGIN:?} and {PAGE_END:?}", file.display()))?;
    fs::write(file, page).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn with_tables(page: &str, tables: &str) -> Option<String> {
    let (before, rest) = page.split_once(PAGE_BEGIN)?;
    let (_, after) = rest.split_once(PAGE_END)?;
    Some(format!("{before}{PAGE_BEGIN}\n\n{}\n\n{PAGE_END}{after}", tables.trim()))
}

fn table(scenario: Scenario, cells: &[&Cell], text: &mut String) {
    let first = &cells[0].load;
    let columns = [
        "Load",
        "Program",
        "CPU-s per million samples",
        "of null",
        "CPU of a body",
        "answers/s",
        "of null",
        "median",
        "99 %",
        "99.9 %",
        "longest",
        "peak memory",
        "stores",
    ];
    // A string takes every text.
    writeln!(text, "\n### {scenario:?}\n\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len())).ok();
    for group in groups(cells) {
        let is_of_null = |cell: &&&Cell| cell.load == group[0].load && cell.program == NULL;
        let null: Vec<&Cell> = cells.iter().filter(is_of_null).copied().collect();
        text.push_str(&row(&group, &null));
        text.push('\n');
    }
    if scenario == Scenario::Scale {
        let of_first = |cell: &&&Cell| &cell.load == first;
        for group in groups(cells) {
            let base: Vec<&Cell> =
                cells.iter().filter(of_first).filter(|cell| cell.program == group[0].program).copied().collect();
            let ratio = median(&group, Cell::cpu_per_million) / median(&base, Cell::cpu_per_million);
            writeln!(text, "\n{}, {}: {ratio:.2} of the CPU with {first}.", group[0].program, group[0].load).ok();
        }
    }
}

/// The rounds of each load and program, in the order of their first.
fn groups<'a>(cells: &[&'a Cell]) -> Vec<Vec<&'a Cell>> {
    let mut groups: Vec<Vec<&Cell>> = Vec::new();
    for &cell in cells {
        match groups.iter_mut().find(|group| group[0].load == cell.load && group[0].program == cell.program) {
            Some(group) => group.push(cell),
            None => groups.push(vec![cell]),
        }
    }
    let loads: Vec<String> = cells.iter().map(|cell| cell.load.clone()).collect();
    groups.sort_by_key(|group| loads.iter().position(|load| *load == group[0].load));
    groups
}

fn row(group: &[&Cell], null: &[&Cell]) -> String {
    let share = |of: fn(&Cell) -> f64, shown: fn(f64) -> String| {
        if null.is_empty() { String::new() } else { shown(median(group, of) / median(null, of)) }
    };
    let rate: fn(&Cell) -> f64 = |cell| cell.tally.per_second();
    let columns = [
        group[0].load.clone(),
        group[0].program.clone(),
        spread(group, Cell::cpu_per_million, 2),
        share(Cell::cpu_per_million, |ratio| format!("{ratio:.2} times")),
        spread(group, Cell::cpu_us_per_body, 1) + " µs",
        spread(group, rate, 0),
        share(rate, |ratio| format!("{:.0} %", ratio * 100.0)),
        spread(group, |cell| cell.tally.percentile_ms(50.0), 2) + " ms",
        spread(group, |cell| cell.tally.percentile_ms(99.0), 2) + " ms",
        spread(group, |cell| cell.tally.percentile_ms(99.9), 2) + " ms",
        spread(group, |cell| cell.tally.percentile_ms(100.0), 1) + " ms",
        spread(group, |cell| cell.peak_mib, 0) + " MiB",
        stores(group),
    ];
    format!("| {} |", columns.join(" | "))
}

/// Whether answers and stores agree, over all rounds.
fn stores(group: &[&Cell]) -> String {
    let refused: u64 = group.iter().map(|cell| cell.tally.not_accepted()).sum();
    let mut text = if refused == 0 { String::new() } else { format!("{refused} bodies not accepted; ") };
    let found: Vec<_> = group.iter().filter_map(|cell| cell.found).flatten().collect();
    if found.is_empty() {
        text.push_str("none");
    } else if found.iter().all(|store| store.is_exact()) {
        text.push_str("exact");
    } else {
        let sum = |of: fn(&Found) -> u64| found.iter().map(of).sum::<u64>();
        write!(text, "**{} samples lost, {} invented**", sum(|it| it.lost), sum(|it| it.invented)).ok();
    }
    let duplicated: u64 = found.iter().map(|store| store.duplicated).sum();
    if duplicated > 0 {
        write!(text, ", {duplicated} duplicated").ok();
    }
    text
}

/// The median, and the range if there are several rounds.
fn spread(group: &[&Cell], of: fn(&Cell) -> f64, digits: usize) -> String {
    let values = sorted(group, of);
    let middle = median(group, of);
    match values.as_slice() {
        [_] | [] => format!("{middle:.digits$}"),
        [low, .., high] => format!("{middle:.digits$} [{low:.digits$}–{high:.digits$}]"),
    }
}

fn sorted(group: &[&Cell], of: fn(&Cell) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = group.iter().map(|cell| of(cell)).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(group: &[&Cell], of: fn(&Cell) -> f64) -> f64 {
    let values = sorted(group, of);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    values.get(low).zip(values.get(high)).map_or(f64::NAN, |(low, high)| f64::midpoint(*low, *high))
}

/// Every measurement.
pub(crate) fn json(head: &[String], cells: &[Cell]) -> String {
    let cells: Vec<_> = cells.iter().map(of_cell).collect();
    json!({ "machine": head, "measurements": cells }).to_string()
}

fn of_cell(cell: &Cell) -> serde_json::Value {
    let tally = &cell.tally;
    let found = cell.found.map(|found| {
        found.map(|it| json!({ "samples": it.samples, "lost": it.lost, "invented": it.invented, "duplicated": it.duplicated }))
    });
    let percentiles = [50.0, 90.0, 99.0, 99.9, 100.0];
    let latencies = percentiles.map(|percent| json!({ "percent": percent, "ms": tally.percentile_ms(percent) }));
    json!({
        "scenario": format!("{:?}", cell.scenario).to_lowercase(),
        "load": cell.load,
        "program": cell.program,
        "round": cell.round,
        "accepted": tally.accepted(),
        "not_accepted": tally.not_accepted(),
        "samples": tally.samples,
        "seconds": tally.elapsed.as_secs_f64(),
        "answers_per_second": tally.per_second(),
        "seconds_until_stored": cell.until_stored.as_secs_f64(),
        "cpu_seconds": cell.cpu.as_secs_f64(),
        "cpu_seconds_per_million_samples": cell.cpu_per_million(),
        "instructions_per_sample": cell.instructions_per_sample(),
        "peak_mib": cell.peak_mib,
        "latency_ms": latencies,
        "questdb": found.as_ref().map(|found| found[0].clone()),
        "kafka": found.as_ref().map(|found| found[1].clone()),
    })
}

/// One line about a measurement, while others follow.
pub(crate) fn progress(cell: &Cell) -> String {
    format!(
        "{:.0} answers/s, {:.2} CPU-s per million samples, median {:.2} ms, 99 % {:.2} ms, {:.0} MiB, stores: {}{}",
        cell.tally.per_second(),
        cell.cpu_per_million(),
        cell.tally.percentile_ms(50.0),
        cell.tally.percentile_ms(99.0),
        cell.peak_mib,
        stores(&[cell]),
        cell.tally.error.as_ref().map(|error| format!("; not answered: {error}")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use meterline_compare::tally::Tally;
    use std::time::Duration;

    fn cell(program: &str, cpu_ms: u64) -> Cell {
        let mut tally = Tally::default();
        (tally.samples, tally.elapsed) = (1_000_000, Duration::from_secs(1));
        Cell {
            scenario: Scenario::Pipeline,
            load: "W1".to_owned(),
            program: program.to_owned(),
            round: 0,
            tally,
            cpu: Duration::from_millis(cpu_ms),
            until_stored: Duration::from_secs(1),
            peak_mib: 10.0,
            instructions: None,
            found: None,
        }
    }

    #[test]
    fn a_row_has_the_median_the_range_and_the_ratio() {
        let mut cells =
            vec![cell("null", 1_000), cell("meterline", 2_500), cell("meterline", 3_000), cell("meterline", 9_000)];
        let text = markdown(&[], &cells);
        assert!(text.contains("| W1 | meterline | 3.00 [2.50–9.00] | 3.00 times |"), "{text}");
        assert!(text.contains("| W1 | null | 1.00 | 1.00 times |"), "{text}");
        let lost = Found { samples: 8, lost: 16, duplicated: 8, ..Found::default() };
        cells[1].found = Some([lost, Found::default()]);
        let text = markdown(&[], &cells);
        assert!(text.contains("**16 samples lost, 0 invented**, 8 duplicated |"), "{text}");
    }

    #[test]
    fn tables_replace_earlier_ones_in_a_page() {
        let page = "# A\n\n<!-- tables -->\nold\n<!-- end of tables -->\nend\n";
        let with = with_tables(page, "new\n").unwrap();
        assert_eq!(with, "# A\n\n<!-- tables -->\n\nnew\n\n<!-- end of tables -->\nend\n");
        assert_eq!(with_tables(&with, "new"), Some(with));
        assert_eq!(with_tables("# A\n", "new"), None);
    }
}
