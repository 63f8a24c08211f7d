//! `[journal]`: the journal's bounds.

use super::section::Section;
use super::value::{Bytes, KeepLimit};
use std::time::Duration;

/// The journal's bounds.
#[derive(Debug, Clone, Copy)]
pub struct Journal {
    /// All segments together, in bytes.
    pub cap_bytes: u64,
    /// One segment file, in bytes.
    pub segment_bytes: u64,
    /// Kept for replay beyond what the sinks need, in bytes; the most there is for ever.
    pub retain_bytes: u64,
    /// And not longer than that; the most there is for ever.
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
        section.fault("segment", "must be between 32MiB, for the largest record, and 256MiB");
    }
    if journal.cap_bytes < journal.segment_bytes.saturating_mul(4) {
        section.fault("cap", "must be at least four segments, so that there is room to write while sinks catch up");
    }
    section.finish();
    journal
}
