//! The service's locks and waits under orders of its threads that a scheduler chooses.
//!
//! It compiles the service's own files, unchanged, with locks that hand each step to the
//! scheduler (shuttle): the queue before the writer (`journal/pending.rs`), the answers
//! (`journal/append.rs`), the synced mark (`journal/catalog.rs`), the outlines
//! (`recent_records.rs`) and the running sources (`source/groups.rs`). Everything that those
//! files import is beside them: their own neighbours where these are small, or a stand-in.
//!
//! Not covered: atomics are real ones, so orders between two of their operations without a lock
//! between them are not tried, and weaker orders of memory are not either; `arc-swap` replaces a
//! pointer in one step and is trusted; the writer, the pumps and the reload around these files
//! are short stand-ins in the tests.
#![allow(
    dead_code,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "the service's files have more than is used here"
)]

// The files say `use parking_lot::...`, and get the stand-ins.
extern crate self as parking_lot;

mod stand_in;
pub use stand_in::{Condvar, Mutex, MutexGuard, time_outs};

pub mod clock;
pub mod journal;
pub mod reading;
#[path = "../../../src/recent_records.rs"]
pub mod recent_records;
pub mod source;
pub mod wire;
