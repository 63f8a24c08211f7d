//! How far the past of each series of rows was fetched, in a small file of the account.
//!
//! Lost or damaged, the past is fetched again, which changes nothing in the stores: rows have the same keys.

use crate::base::checked::{from_json, to_json};
use crate::base::file::{Rights, read_at_most, replace};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// A longer file is not valid, and not written. An entry has about 50 bytes: this is room for 150,000 series.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// The progress of an account.
#[derive(Debug)]
pub(super) struct Progress {
    file: PathBuf,
    /// By series: rows that start before this time in milliseconds were fetched.
    until: BTreeMap<String, i64>,
    is_stored: bool,
}

impl Progress {
    /// The stored progress of an account.
    pub(super) fn of(data_directory: &Path, account: &str) -> Self {
        let file = data_directory.join(format!("smappee-progress-{account}.json"));
        let read = read_at_most(&file, FILE_BYTES_MAX);
        let until = read.and_then(|text| text.map_or(Ok(BTreeMap::new()), |text| from_json(&text)));
        let until = until.unwrap_or_else(|error: io::Error| {
            tracing::warn!(file = %file.display(), %error, "the progress of the past cannot be read: it is fetched again");
            BTreeMap::new()
        });
        Self { file, until, is_stored: true }
    }

    /// The time before which rows of a series were fetched.
    pub(super) fn until(&self, series: &str) -> Option<i64> {
        self.until.get(series).copied()
    }

    /// Changes the time; [`Self::store`] stores it.
    pub(super) fn set(&mut self, series: &str, until: i64) {
        if self.until.insert(series.to_owned(), until) != Some(until) {
            self.is_stored = false;
        }
    }

    /// Stores the progress, synced, if it has changed. It must be stored after the rows are journaled.
    pub(super) async fn store(&mut self) -> io::Result<()> {
        if self.is_stored {
            return Ok(());
        }
        let (file, text) = (self.file.clone(), to_json(&self.until)?);
        // A sync may take long, so it runs on a blocking thread.
        tokio::task::spawn_blocking(move || replace(&file, &text, FILE_BYTES_MAX, Rights::PRIVATE)).await??;
        self.is_stored = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::checked::every_flip;

    #[tokio::test]
    async fn progress_is_kept_and_a_damaged_file_begins_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut progress = Progress::of(directory.path(), "a");
        assert_eq!(progress.until("1"), None);
        progress.set("1", 5);
        progress.store().await.unwrap();
        assert_eq!(Progress::of(directory.path(), "a").until("1"), Some(5));
        assert_eq!(Progress::of(directory.path(), "b").until("1"), None);
        let stored = std::fs::read(&progress.file).unwrap();
        for damaged in every_flip(&stored).chain([b"{\"1\":".to_vec()]) {
            std::fs::write(&progress.file, &damaged).unwrap();
            assert_eq!(Progress::of(directory.path(), "a").until("1"), None, "{}", String::from_utf8_lossy(&damaged));
        }
    }

    #[tokio::test]
    async fn progress_of_too_many_series_is_an_error_and_the_file_stays() {
        let directory = tempfile::tempdir().unwrap();
        let mut progress = Progress::of(directory.path(), "a");
        progress.set("1", 5);
        progress.store().await.unwrap();
        progress.set(&"9".repeat(usize::try_from(FILE_BYTES_MAX).unwrap()), 5);
        assert_eq!(progress.store().await.unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(Progress::of(directory.path(), "a").until("1"), Some(5));
    }
}
