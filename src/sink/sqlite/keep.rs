//! Retention of the store: periods whose samples are all older than `keep` are deleted as a whole.
//!
//! Invariant: the age counts from the newest sample stored since the start, or from the clock if
//! that is earlier. So a clock that is ahead deletes no sample that is young by the meters'
//! time, and nothing is deleted before a sample was stored.

use crate::reading::UnixNanos;
use std::time::Duration;

/// Periods are at most this part of the age long, so a sample is deleted at most so much later.
const PERIODS: i64 = 8;

/// The age beyond which samples are deleted.
#[derive(Debug)]
pub(super) struct Keep {
    age_ns: i64,
    /// The time of the newest sample stored since the start.
    newest: Option<UnixNanos>,
}

impl Keep {
    pub(super) fn new(age: Duration) -> Self {
        Self { age_ns: i64::try_from(age.as_nanos()).unwrap_or(i64::MAX), newest: None }
    }

    /// Notes the time of the newest of the samples that were stored.
    pub(super) fn stored(&mut self, newest: Option<UnixNanos>) {
        self.newest = self.newest.max(newest);
    }

    /// The oldest time to keep; `None` before a sample was stored.
    pub(super) fn oldest(&self, wall: UnixNanos) -> Option<UnixNanos> {
        self.newest.map(|newest| UnixNanos(newest.min(wall).0.saturating_sub(self.age_ns)))
    }

    /// The longest period.
    pub(super) fn span_ns(&self) -> i64 {
        self.age_ns / PERIODS
    }
}
