//! Work on the embedded store while no service has it open.

use crate::base::human;
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::Journal;
use crate::sink::sqlite::restore;
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
