//! The promises of the journal.
//!
//! Failures that lost data in the buffers of other pipelines, and the tests against them:
//!
//! | failure | prevented by |
//! |---|---|
//! | success answered before the data is on disk | `model`; `faults`, `recovery` |
//! | a finished file removed before an index is synced | no index; `removed_segments_never_leave_a_hole_after_a_power_cut` |
//! | occupancy wrong after a crash | file lengths are the occupancy; the cap in `model` |
//! | damaged tail: the whole queue deleted | `a_torn_tail_is_cut_and_reported` |
//! | damaged small file: the queue starts empty | `a_damaged_ledger…`, `a_damaged_cursor_file…`, `a_damaged_lock_file…` |
//! | damaged log: a panic at every start | `damage_is_refused_or_left_out_and_never_returned` |
//! | a reader stuck until the next write | `a_reader_that_waits_is_woken_by_the_next_commit_and_by_wake` |
//! | an oversized batch dropped and acknowledged | `a_record_larger_than_a_group…` |
//! | progress not saved: all sent again | `a_stored_cursor_is_loaded_and_resolved_after_an_open` |
//! | sent data cannot be deleted on a full disk | `segments_are_removed_on_a_full_volume` |
//! | queue full: dropped while answering success | `a_full_journal_refuses_names_the_slowest…` |
//! | first hours of an outage missing | the cursors' records in `model`, `a_full_journal_refuses…` |
//!
//! The head of [`super`] lists the failures that cannot happen, with the reason.

mod bit_flips;
mod checkpoints;
mod cursors;
mod damage;
mod everyday;
mod faults;
mod format;
mod gaps;
mod gated;
mod model;
mod moved;
mod recovery;
mod repair;
mod retention;
mod share;
mod support;
