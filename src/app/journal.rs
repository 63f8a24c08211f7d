//! Opens the configured journal and counts its commits.

use super::error::StartError;
use super::live;
use super::sinks::COVERAGE;
use crate::clock::Clock;
use crate::config::Config;
use crate::deliver::PINNED_BYTES_MAX;
use crate::journal::{CommitOutcome, Journal, OptionalCursor, Options, Retention};
use crate::metrics;
use ::metrics::{Counter, Histogram};
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;

/// Opens the journal; creates a missing data directory.
pub(super) fn open(config: &Config, clock: &Clock) -> Result<Journal, StartError> {
    let options = options(config, clock);
    // Only the owner may enter a directory created here, as with the control socket in it.
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data_directory);
    created.map_err(|error| {
        StartError(format!(
            "cannot create the data directory {}: {error}; check data_directory and the permissions",
            config.data_directory.display()
        ))
    })?;
    let (journal, opening) = Journal::open(options).map_err(StartError::because)?;
    tracing::info!(%opening, "journal open");
    Ok(journal)
}

/// Returns the options of the configured journal.
pub(super) fn options(config: &Config, clock: &Clock) -> Options {
    let mut options = Options::new(config.journal_directory());
    options.segment_bytes = config.journal.segment_bytes;
    options.cap_bytes = config.journal.cap_bytes;
    options.retain = Retention {
        bytes: config.journal.retain_bytes,
        age_ns: i64::try_from(config.journal.retain_age.as_nanos()).unwrap_or(i64::MAX),
    };
    options.optional.clone_from(&config.sinks.optional);
    // Gap detection must never cause a refusal of new data, nor keep much of the old.
    options.optional.push(OptionalCursor { cursor: COVERAGE.to_owned(), lag_bytes_max: PINNED_BYTES_MAX });
    options.is_shared = live::options(config).len() > 1;
    options.clock = clock.clone();
    let counts = CommitCounts::new();
    options.on_commit = Arc::new(move |outcome| counts.count(outcome));
    options
}

struct CommitCounts {
    seconds: Histogram,
    records: Histogram,
    failed: Counter,
}

impl CommitCounts {
    fn new() -> Self {
        Self {
            seconds: metrics::histogram("meterline_journal_commit_duration_seconds", &[]),
            records: metrics::histogram("meterline_journal_group_records", &[]),
            failed: metrics::counter("meterline_journal_commits_failed_total", &[]),
        }
    }

    fn count(&self, outcome: &CommitOutcome) {
        if !outcome.ok || outcome.failed_writes > 0 {
            self.failed.increment(1);
        }
        if outcome.ok {
            self.seconds.record(outcome.duration);
            self.records.record(f64::from(outcome.records));
        }
    }
}
