//! Checks that a directory is a data directory before a command reads or changes it.

use crate::config::Config;
use std::io::ErrorKind;

/// Checks that the configured data directory exists and holds a journal. Otherwise a
/// mistyped directory would look like one without data, or be created.
///
/// # Errors
/// A message with the directory, the reason and the remedy.
pub fn check_data(config: &Config) -> Result<(), String> {
    let shown = config.data_directory.display();
    let remedy = "give the data directory with --data, or the configuration with --config";
    let journal = config.journal_directory();
    match std::fs::metadata(&config.data_directory).and_then(|_| std::fs::metadata(&journal)) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{} is not a directory; {remedy}", journal.display())),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("cannot read {shown}: {error}; run the command as the service's user, or {remedy}"))
        }
        Err(_) if config.data_directory.exists() => Err(format!("{shown} contains no journal; {remedy}")),
        Err(_) => Err(format!("the data directory {shown} does not exist; {remedy}")),
    }
}
