//! Work on a journal that no service has open: repair of a segment, and a new journal id
//! after a restore from a backup.

use super::data::check_data;
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::repair::{Repair, repair, restore};

/// Examines a damaged segment and, if `apply` is set, rebuilds it from its readable records.
/// Returns one message per line.
///
/// # Errors
/// A message with the reason and the remedy.
pub fn repair_segment(
    config: &Config,
    segment: u64,
    in_dead_letters: bool,
    apply: bool,
) -> Result<Vec<String>, String> {
    check_data(config)?;
    let directory = if in_dead_letters { config.dead_letters_directory() } else { config.journal_directory() };
    if !directory.is_dir() {
        return Err(format!("there are no dead letters: {} does not exist", directory.display()));
    }
    let found = repair(&directory, segment, Clock::system().now(), apply).map_err(|error| error.to_string())?;
    Ok(messages(&found))
}

/// Gives new records of the journal and of the dead letters a new journal id.
///
/// # Errors
/// A message with the reason and the remedy.
pub fn restore_journal(config: &Config) -> Result<String, String> {
    check_data(config)?;
    let journal = restore(&config.journal_directory()).map_err(|error| error.to_string())?;
    let letters = config.dead_letters_directory();
    if letters.is_dir() {
        restore(&letters).map_err(|error| error.to_string())?;
    }
    Ok(format!("new records belong to journal {journal}; existing records keep their journal id"))
}

fn messages(found: &Repair) -> Vec<String> {
    let lost: u64 = found.lost.iter().map(|range| range.end - range.start).sum();
    let mut lines =
        vec![format!("segment {}: {} records can be read, {lost} cannot be read", found.segment, found.kept)];
    lines.extend(found.lost.iter().map(|range| match range.end - range.start {
        1 => format!("lost: record {}", range.start),
        _ => format!("lost: records {} to {}", range.start, range.end - 1),
    }));
    lines.push(match &found.aside {
        Some(aside) => format!("the segment is rebuilt from its readable records; the damaged file is kept as {aside}"),
        None => "nothing is changed yet. If you have a backup of the segment file, restore it; otherwise run the command with --yes".to_owned(),
    });
    lines
}
