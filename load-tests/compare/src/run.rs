//! The parts of a run that both programs have: its directory, and the lines about its progress.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Instant;

/// Removes the directory of an earlier run.
///
/// # Errors
/// The directory and the reason why it is still there.
pub fn empty(directory: &Path) -> Result<(), String> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// A line about the progress.
pub fn say(begun: Instant, line: &str) {
    let seconds = begun.elapsed().as_secs();
    eprintln!("[{:3}:{:02}] {line}", seconds / 60, seconds % 60);
}
