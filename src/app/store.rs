//! Work on the embedded store while no service has it open.

use crate::base::human;
use crate::clock::Clock;
use crate::config::Config;
use crate::coverage;
use crate::journal::Journal;
use crate::meters;
use crate::reading::MeterId;
use crate::sink::sqlite::{forget, restore};
use std::path::Path;

/// Puts a copy in the place of the embedded store, under the lock of the data directory.
/// Returns one message per line.
///
/// # Errors
/// A message with the reason and the remedy.
pub fn restore_store(config: &Config, copy: &Path) -> Result<Vec<String>, String> {
    let Some(store) = &config.sinks.sqlite else {
        return Err("no embedded store is configured; add [sink.sqlite]".to_owned());
    };
    let (journal, _) =
        Journal::open(super::journal::options(config, &Clock::system())).map_err(|error| error.to_string())?;
    let restored = restore(copy, &store.file);
    let (oldest, end) = (journal.oldest().next, journal.next());
    journal.close();
    let restored = restored?;
    let mut lines = vec![format!("{} is a copy of {} now", store.file.display(), copy.display())];
    if let Some(replaced) = restored.replaced {
        lines.push(format!("the store before is kept as {}", replaced.display()));
    }
    lines.push(format!(
        "the copy lacks the records from {} on; at the next start the service sends those that the journal retains \
         ({}), and notes the others as a gap",
        restored.next,
        human::records(oldest.0, end.0)
    ));
    Ok(lines)
}

/// Deletes a meter from the embedded store, the descriptions and the gaps, under the lock of the data directory. The
/// journal and the other sinks are left as they are. Returns one message per line.
///
/// # Errors
/// A message with the reason and the remedy. Running it again continues.
pub fn forget_meter(config: &Config, meter: MeterId) -> Result<Vec<String>, String> {
    let (journal, _) =
        Journal::open(super::journal::options(config, &Clock::system())).map_err(|error| error.to_string())?;
    let (oldest, end) = (journal.oldest().next, journal.next());
    let forgotten = forget_in_files(config, meter);
    journal.close();
    let mut lines = forgotten?;
    if oldest < end {
        lines.push(format!(
            "the journal still has {}, which may contain readings of this meter; they go with journal.retain and retain_age",
            human::records(oldest.0, end.0)
        ));
    }
    Ok(lines)
}

fn forget_in_files(config: &Config, meter: MeterId) -> Result<Vec<String>, String> {
    let directory = &config.data_directory;
    let mut lines = Vec::new();
    if let Some(store) = &config.sinks.sqlite {
        let samples = forget(&store.file, meter)?;
        lines.push(format!("{samples} samples of {meter} were deleted from {}", store.file.display()));
    }
    let is_described = meters::forget(directory, meter)
        .map_err(|error| format!("the descriptions in {} cannot be changed: {error}", directory.display()))?;
    lines.push(if is_described { "its description was removed" } else { "it had no description" }.to_owned());
    coverage::forget(directory, meter).map_err(|error| error.to_string())?;
    lines.push("its gaps were removed".to_owned());
    Ok(lines)
}
