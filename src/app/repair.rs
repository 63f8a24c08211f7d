//! What is done to a journal that no service has open: repair of a segment, a new
//! id after its directory was put back from a copy.

use crate::clock::Clock;
use crate::config::Config;
use crate::journal::repair::{Repair, repair, restore};

/// Looks at a damaged segment, and with `is_meant` replaces it by what can be read
/// of it. One sentence a line.
///
/// # Errors
/// A sentence: what stands in the way.
pub fn repair_segment(config: &Config, segment: u64, of_letters: bool, is_meant: bool) -> Result<Vec<String>, String> {
    let directory = if of_letters { config.dead_letters_directory() } else { config.journal_directory() };
    if !directory.is_dir() {
        return Err(format!("{} holds no journal; name the data directory with --data", directory.display()));
    }
    let found = repair(&directory, segment, Clock::system().now(), is_meant).map_err(|error| error.to_string())?;
    Ok(sentences(&found))
}

/// Gives the journal, and that of the dead letters, a new id for what is written from now on.
///
/// # Errors
/// A sentence: what stands in the way.
pub fn restore_journal(config: &Config) -> Result<String, String> {
    let directory = config.journal_directory();
    if !directory.is_dir() {
        return Err(format!("{} holds no journal; name the data directory with --data", directory.display()));
    }
    let journal = restore(&directory).map_err(|error| error.to_string())?;
    let letters = config.dead_letters_directory();
    if letters.is_dir() {
        restore(&letters).map_err(|error| error.to_string())?;
    }
    Ok(format!("records from now on belong to journal {journal}; those that are there keep theirs, and sinks go on"))
}

fn sentences(found: &Repair) -> Vec<String> {
    let lost: u64 = found.lost.iter().map(|range| range.end - range.start).sum();
    let mut lines = vec![format!("segment {}: {} records can be read, {lost} cannot", found.segment, found.kept)];
    lines.extend(found.lost.iter().map(|range| match range.end - range.start {
        1 => format!("lost: record {}", range.start),
        _ => format!("lost: records {} to {}", range.start, range.end - 1),
    }));
    lines.push(match &found.aside {
        Some(aside) => format!("it is replaced by what can be read; the damaged file is kept as {aside}"),
        None => "nothing is changed yet: a copy of the file from before is better; without one, say --yes".to_owned(),
    });
    lines
}
