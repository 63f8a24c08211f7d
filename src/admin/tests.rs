//! The views at the socket of the listener, and contents of a status for the tests.

mod frame;
mod hostile;
mod live;
mod meter;
mod now;
mod openapi;
mod stage;
#[cfg(all(feature = "questdb", feature = "sqlite"))]
mod store;

pub(super) use stage::views;

use super::{
    ClockStatus, DeadLetterStatus, JournalStatus, MetersStatus, MissingStatus, SilentStatus, SinkStatus, Status,
    Troubles, troubles,
};
use crate::reading::UnixNanos;
use std::collections::BTreeMap;

/// The contents of a service that works, with two sinks and a worker of its own.
pub(super) fn status() -> Status {
    let status = Status {
        version: "0",
        started: UnixNanos(0),
        now: UnixNanos(0),
        trouble: Troubles::UNKNOWN,
        not_ready: None,
        clock: ClockStatus { ok: true, jumps: 0 },
        reload: None,
        certificates: Vec::new(),
        volume: None,
        sources: Vec::new(),
        ingest: Vec::new(),
        journal: JournalStatus {
            bytes: 0,
            cap_bytes: 1,
            waiting_bytes: 0,
            full_in_seconds: None,
            segments: 0,
            oldest_sequence: 1,
            next_sequence: 1,
            gaps_total: 0,
            gaps_last_day: Vec::new(),
            gaps: Vec::new(),
        },
        sinks: vec![sink("sqlite"), sink("kafka"), SinkStatus { internal: true, ..sink("dead_letters") }],
        canary: Vec::new(),
        missing: MissingStatus {
            gaps_open: 0,
            quarter_hours: 0,
            meters: 0,
            meters_max: 1,
            readings_untracked: 0,
            newest: Vec::new(),
        },
        silent: SilentStatus::default(),
        dead_letters: DeadLetterStatus::default(),
        meters: MetersStatus { shown_max: 0, newest: Vec::new() },
    };
    Status { trouble: troubles(&status), ..status }
}

fn sink(name: &str) -> SinkStatus {
    SinkStatus {
        name: name.to_owned(),
        internal: false,
        state: "running",
        why: None,
        since: String::new(),
        next_sequence: 1,
        replaying_until: None,
        lag_records: 0,
        kept_records: 0,
        kept_bytes: 0,
        lag_seconds: 0.0,
        warnings: Vec::new(),
        last_error: None,
        last_error_at: None,
        facts: BTreeMap::new(),
    }
}
