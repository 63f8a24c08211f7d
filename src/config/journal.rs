//! `[journal]`: the limits of the journal.

use super::section::Section;
use super::value::{Bytes, KeepLimit};
use std::time::Duration;

/// The limits of the journal.
#[derive(Debug, Clone, Copy)]
pub struct Journal {
    /// The maximum size of all segments in bytes.
    pub cap_bytes: u64,
    /// The size of one segment file in bytes.
    pub segment_bytes: u64,
    /// The maximum size of delivered records kept for replay, in bytes; `u64::MAX` for "forever".
    pub retain_bytes: u64,
    /// The maximum age of delivered records kept for replay; `Duration::MAX` for "forever".
    pub retain_age: Duration,
}

pub(super) fn journal(mut section: Section<'_>) -> Journal {
    const MIB: u64 = 1 << 20;
    let journal = Journal {
        cap_bytes: section.get_or("cap", Bytes(8192 * MIB)).0,
        segment_bytes: section.get_or("segment", Bytes(64 * MIB)).0,
        retain_bytes: match section.get_or("retain", KeepLimit::UpTo(Bytes(2048 * MIB))) {
            KeepLimit::UpTo(Bytes(bytes)) => bytes,
            KeepLimit::Forever => u64::MAX,
        },
        retain_age: match section.get_or("retain_age", KeepLimit::UpTo(Duration::from_hours(7 * 24))) {
            KeepLimit::UpTo(age) => age,
            KeepLimit::Forever => Duration::MAX,
        },
    };
    if !(32 * MIB..=256 * MIB).contains(&journal.segment_bytes) {
        section.fault("segment", "must be between 32MiB (so that the largest record fits) and 256MiB");
    } else if journal.cap_bytes < journal.segment_bytes.saturating_mul(4) {
        section.fault(
            "cap",
            "must be at least four times journal.segment, so that there is room for new data while sinks catch up",
        );
    }
    section.finish();
    journal
}
